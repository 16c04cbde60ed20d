//! The routes of a plan as a picture: an SVG that shows the places where they are.

use super::{Job, escaped};
use crate::routing::problem::{Plan, PlannedRoute};
use std::{collections::HashSet, fmt::Write};

/// Of the picture, in pixels.
const SIZE: f64 = 1_000.0;
const MARGIN: f64 = 20.0;

/// The map of `plan`: a line per technician, a square where their day begins, a dot per visit, empty when it is left out.
/// What the pointer is on is named. None, if nobody knows where the places are.
#[must_use]
pub fn svg(job: &Job, plan: &Plan) -> Option<String> {
    let frame = Frame::around(&job.places)?;
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIZE} {SIZE}\" font-family=\"sans-serif\" \
         font-size=\"10\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut named = HashSet::new();
    for (no, route) in plan.routes.iter().enumerate() {
        draw(job, &frame, route, &colour(no), &mut named, &mut picture);
    }
    for unserved in &plan.unserved {
        dot(job, &frame, unserved.visit, "fill=\"white\" stroke=\"black\"", "left out", &mut picture);
    }
    picture.push_str("</svg>\n");
    Some(picture)
}

fn draw(job: &Job, frame: &Frame, route: &PlannedRoute, colour: &str, named: &mut HashSet<u32>, picture: &mut String) {
    let technician = &job.problem.technicians()[route.technician as usize];
    let stops = route.stops.iter().map(|stop| job.problem.visits()[stop.visit as usize].place);
    let name = escaped(&technician.id);
    let mut line = String::new();
    for place in technician.start.into_iter().chain(stops).chain(technician.end) {
        let (x, y) = frame.point(job, place);
        let _ = write!(line, "{x:.1},{y:.1} ");
    }
    let _ = writeln!(
        picture,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"><title>{name}</title></polyline>",
        line.trim_end()
    );
    for stop in &route.stops {
        dot(
            job,
            frame,
            stop.visit,
            &format!("fill=\"{colour}\""),
            &format!("{}, {name}", job.time(stop.begin)),
            picture,
        );
    }
    if let Some(start) = technician.start {
        let (x, y) = frame.point(job, start);
        let _ = writeln!(
            picture,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\" fill=\"{colour}\"/>",
            x - 4.0,
            y - 4.0
        );
        // Of many who begin at one place, one is written; the pointer names the others.
        if named.insert(start) {
            let (x, anchor) = if x > SIZE / 2.0 { (x - 6.0, "end") } else { (x + 6.0, "start") };
            let y = y - 6.0;
            let _ = writeln!(
                picture,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{name}</text>"
            );
        }
    }
}

/// A visit, with its name and what is told of it.
fn dot(job: &Job, frame: &Frame, visit: u32, paint: &str, told: &str, picture: &mut String) {
    let visit = &job.problem.visits()[visit as usize];
    let ((x, y), id) = (frame.point(job, visit.place), escaped(&visit.id));
    let _ =
        writeln!(picture, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" {paint}><title>{id}: {told}</title></circle>");
}

/// Neighbouring numbers far apart on the colour circle (the golden angle).
pub(super) fn colour(no: usize) -> String {
    format!("hsl({:.0} 70% 40%)", (no as f64 * 137.508) % 360.0)
}

/// What part of the world fills the picture.
struct Frame {
    west: f64,
    north: f64,
    /// Pixels per unit east, and per unit north: a degree of longitude is the shorter one.
    east_scale: f64,
    north_scale: f64,
}

impl Frame {
    fn around(places: &[(f64, f64)]) -> Option<Self> {
        let range = |of: fn(&(f64, f64)) -> f64| {
            places.iter().map(of).fold((f64::MAX, f64::MIN), |(least, most), x| (least.min(x), most.max(x)))
        };
        let ((west, east), (south, north)) = (range(|place| place.0), range(|place| place.1));
        let on_earth = south >= -90.0 && north <= 90.0 && west >= -180.0 && east <= 180.0;
        // On plans without a globe, east and north are alike.
        let shrink =
            if on_earth && north - south < 10.0 { (f64::midpoint(south, north)).to_radians().cos() } else { 1.0 };
        let extent = ((east - west) * shrink).max(north - south).max(1e-9);
        let scale = (SIZE - 2.0 * MARGIN) / extent;
        (!places.is_empty()).then_some(Self { west, north, east_scale: scale * shrink, north_scale: scale })
    }

    fn point(&self, job: &Job, place: u32) -> (f64, f64) {
        let (east, north) = job.places.get(place as usize).copied().unwrap_or((self.west, self.north));
        (MARGIN + (east - self.west) * self.east_scale, MARGIN + (self.north - north) * self.north_scale)
    }
}
