//! Plans as files: problems read from the formats that routing people use, plans written for people.
//!
//! Owns the texts, not the planning: a text becomes a [`Job`], which `routing::solve` solves; its plan
//! becomes JSON, a map or a chart. It must never open a file or know who asks: the doors do.

mod chart;
mod convergence;
mod json;
mod map;
mod own;
mod solomon;
mod vroom;

pub use chart::gantt;
pub use convergence::convergence;
pub use json::answer;
pub use map::svg;

use crate::{
    domain::place::Place,
    routing::problem::{Draft, Matrix, Problem, UNREACHABLE},
};
use std::collections::HashSet;

/// Which words the text uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// This product's own JSON, documented in `docs/ROUTING.md`.
    Callout,
    /// VROOM's input, `jobs` and `vehicles` (its API.md).
    Vroom,
    /// The text of Solomon (1987) and Gehring and Homberger (1999), measured as DIMACS 2021 did.
    Solomon,
}

/// What counts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The weights of the problem.
    Distance,
    /// Few technicians, then the weights.
    VehiclesThenDistance,
}

/// A problem with what is needed to tell people about its plan.
#[derive(Clone, Debug)]
pub struct Job {
    pub problem: Problem,
    /// Of each place of the matrix, for the map: east and north, in any unit. Empty: not known.
    pub places: Vec<(f64, f64)>,
    /// Divides the matrix' distances into what people read.
    pub distance_unit: f64,
    /// Says what a unit of time is: seconds since any midnight, or tenths of a classic text's.
    format: Format,
}

impl Job {
    /// A moment as people read it: hours and minutes, or the units of a classic text.
    fn time(&self, time: i64) -> String {
        match self.format {
            Format::Callout | Format::Vroom => format!("{}:{:02}", time.div_euclid(3_600), time.rem_euclid(3_600) / 60),
            Format::Solomon => format!("{}", time as f64 / 10.0),
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Weight of a route that is dearer than any drive: a thousand days, in thousandths of a second.
const ROUTE_FIRST: i64 = 86_400_000_000;

/// Travel between places, row by row; an error is told as it is.
pub type Measure<'a> = &'a dyn Fn(&[Place]) -> Result<Matrix, String>;

/// Reads `text`; each thing that is wrong is a line of its own.
pub fn read(text: &str, format: Format, aim: Aim) -> Result<Job, Vec<String>> {
    job(sketch(text, format)?, format, aim)
}

/// The same with travel from elsewhere, for all profiles, in place of the text's.
pub fn read_measured(text: &str, format: Format, aim: Aim, measure: Measure<'_>) -> Result<Job, Vec<String>> {
    let mut sketch = sketch(text, format)?;
    if format == Format::Solomon {
        return Err(refused("a classic text has its own plane: no roads lead over it"));
    }
    let profiles = sketch.draft.profiles.len().max(1);
    let rows = sketch.draft.profiles.first().map_or(sketch.places.len(), |matrix| matrix.size as usize);
    if rows != sketch.places.len() {
        return Err(refused(format!("{} places have coordinates, {rows} are needed", sketch.places.len())));
    }
    let place =
        |(lon, lat): &(f64, f64)| Place::new(*lat, *lon).map_err(|error| refused(format!("{lon},{lat}: {error}")));
    let places = sketch.places.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    sketch.draft.profiles = vec![measure(&places).map_err(refused)?; profiles];
    job(sketch, format, aim)
}

fn sketch(text: &str, format: Format) -> Result<Sketch, Vec<String>> {
    match format {
        Format::Callout => own::read(text),
        Format::Vroom => vroom::read(text),
        Format::Solomon => solomon::read(text),
    }
}

fn job(sketch: Sketch, format: Format, aim: Aim) -> Result<Job, Vec<String>> {
    let mut draft = sketch.draft;
    if aim == Aim::VehiclesThenDistance {
        draft.weights.route = ROUTE_FIRST;
    }
    let twice = twice("technician", draft.technicians.iter().map(|technician| &technician.id))
        .or_else(|| twice("visit", draft.visits.iter().map(|visit| &visit.id)));
    if let Some(twice) = twice {
        return Err(refused(twice));
    }
    let problem = Problem::new(draft).map_err(|flaws| flaws.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(Job { problem, places: sketch.places, distance_unit: sketch.distance_unit, format })
}

/// Two of the same name: nobody could tell which of them a rule or an answer means.
fn twice<'i>(what: &str, mut ids: impl Iterator<Item = &'i String>) -> Option<String> {
    let mut seen = HashSet::new();
    ids.find(|id| !seen.insert(*id)).map(|id| format!("{what} {id}: there are two of that id"))
}

/// The rows of a square matrix in one; a cell without a figure cannot be reached.
fn square(rows: &[Vec<Option<i64>>], places: usize, name: &str) -> Result<Vec<i64>, Vec<String>> {
    if rows.len() != places {
        return Err(refused(format!("{name}: not square: {} rows, {places} are needed", rows.len())));
    }
    if let Some((no, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != places) {
        let why = format!("{name}[{no}]: not square: a row of {} cells, {places} are needed", row.len());
        return Err(refused(why));
    }
    Ok(rows.iter().flatten().map(|cell| cell.unwrap_or(UNREACHABLE)).collect())
}

/// Both tables of a profile; distances that are not given are as the durations.
fn tables(
    durations: &[Vec<Option<i64>>],
    distances: Option<&[Vec<Option<i64>>]>,
    name: &str,
) -> Result<Matrix, Vec<String>> {
    let size = durations.len();
    let durations = square(durations, size, &format!("{name}.durations"))?;
    let distances = distances.map(|rows| square(rows, size, &format!("{name}.distances"))).transpose()?;
    Ok(Matrix { size: size as u32, distances: distances.unwrap_or_else(|| durations.clone()), durations })
}

/// What a reader makes of a text.
struct Sketch {
    draft: Draft,
    places: Vec<(f64, f64)>,
    distance_unit: f64,
}

/// One flaw of the whole text.
fn refused(why: impl Into<String>) -> Vec<String> {
    vec![why.into()]
}

#[cfg(test)]
mod tests;
