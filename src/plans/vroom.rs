//! VROOM's input format: `jobs`, `vehicles` and, optionally, `matrices` (its `docs/API.md`).
//!
//! Must hold: what is not understood is refused by name, never ignored: a plan for half a problem is
//! worse than none. Without a matrix, drives are great circles x 1.35 at 30 km/h, whole seconds up.

use super::{Sketch, refused, tables};
use crate::{
    domain::place::Place,
    routing::problem::{Break, Draft, Firmness, Matrix, Skill, Technician, UNREACHABLE, Visit, Weights, Window},
};
use serde::Deserialize;
use std::collections::HashMap;

/// Detour and metres a second of a drive nobody measured.
const DETOUR: f64 = 1.35;
const METRES_PER_S: f64 = 30.0 / 3.6;
/// Nobody drives longer than this to a job; what is farther off, or a wrong sign, is left out and costs the others nothing.
const FARTHEST_S: i64 = 4 * 86_400;
/// Penalty of leaving out a job of priority 0, thousandths: two hours of driving, more than one visit
/// costs in a city. Priority 100 is eleven times as much.
const UNSERVED: i64 = 7_200_000;
const PER_PRIORITY: i64 = UNSERVED / 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default)]
    jobs: Vec<JobIn>,
    vehicles: Vec<VehicleIn>,
    #[serde(default)]
    matrices: HashMap<String, MatrixIn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobIn {
    id: u64,
    #[serde(default, rename = "description")]
    _description: serde::de::IgnoredAny,
    location: Option<[f64; 2]>,
    location_index: Option<u32>,
    #[serde(default)]
    setup: i64,
    #[serde(default)]
    service: i64,
    #[serde(default, alias = "amount")]
    delivery: Vec<i64>,
    #[serde(default)]
    skills: Vec<u32>,
    #[serde(default)]
    priority: i64,
    #[serde(default)]
    time_windows: Vec<[i64; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VehicleIn {
    id: u64,
    #[serde(default, rename = "description")]
    _description: serde::de::IgnoredAny,
    #[serde(default = "car")]
    profile: String,
    start: Option<[f64; 2]>,
    start_index: Option<u32>,
    end: Option<[f64; 2]>,
    end_index: Option<u32>,
    #[serde(default)]
    capacity: Vec<i64>,
    #[serde(default)]
    skills: Vec<u32>,
    time_window: Option<[i64; 2]>,
    #[serde(default)]
    breaks: Vec<BreakIn>,
    max_tasks: Option<u32>,
    max_distance: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakIn {
    #[serde(rename = "id")]
    _id: u64,
    time_windows: Vec<[i64; 2]>,
    #[serde(default)]
    service: i64,
    #[serde(default, rename = "description")]
    _description: serde::de::IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MatrixIn {
    durations: Vec<Vec<Option<i64>>>,
    distances: Option<Vec<Vec<Option<i64>>>>,
}

fn car() -> String {
    "car".to_owned()
}

pub(super) fn read(text: &str) -> Result<Sketch, Vec<String>> {
    let input: Input = serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
    let mut profiles: Vec<String> = input.vehicles.iter().map(|vehicle| vehicle.profile.clone()).collect();
    profiles.sort();
    profiles.dedup();
    let mut places = Places { given: !input.matrices.is_empty(), points: Vec::new(), rows: HashMap::new() };
    let mut draft = Draft { weights: Weights::default(), ..Draft::default() };
    for job in &input.jobs {
        draft.visits.push(visit(job, &mut places)?);
    }
    for vehicle in &input.vehicles {
        let profile = profiles.iter().position(|name| *name == vehicle.profile).unwrap_or_default();
        draft.technicians.push(technician(vehicle, profile as u32, &mut places)?);
    }
    draft.profiles = if input.matrices.is_empty() {
        vec![great_circles(&places.points)?; profiles.len()]
    } else {
        profiles.iter().map(|name| given(&input.matrices, name)).collect::<Result<_, _>>()?
    };
    Ok(Sketch { draft, places: places.points, distance_unit: 1.0 })
}

/// Rows of the matrix: as the input numbers them, or in the order they are met.
struct Places {
    given: bool,
    points: Vec<(f64, f64)>,
    /// Of each point, by its bits: many jobs at one door are one place.
    rows: HashMap<[u64; 2], u32>,
}

impl Places {
    fn row(&mut self, index: Option<u32>, point: Option<[f64; 2]>, whose: &str) -> Result<Option<u32>, Vec<String>> {
        match (self.given, index, point) {
            (_, None, None) => Ok(None),
            (true, None, Some(_)) => Err(refused(format!("{whose}: with `matrices`, an index is needed"))),
            (false, _, None) => Err(refused(format!("{whose}: an index without `matrices`"))),
            (true, Some(index), _) => Ok(Some(index)),
            (false, _, Some([lon, lat])) => {
                let row = *self.rows.entry([lon, lat].map(f64::to_bits)).or_insert_with(|| {
                    self.points.push((lon, lat));
                    self.points.len() as u32 - 1
                });
                Ok(Some(row))
            }
        }
    }
}

fn visit(job: &JobIn, places: &mut Places) -> Result<Visit, Vec<String>> {
    let whose = format!("job {}", job.id);
    let place = places.row(job.location_index, job.location, &whose)?;
    if job.setup < 0 || job.service < 0 {
        return Err(refused(format!("{whose}: setup or service is negative")));
    }
    let window = |[from, until]: &[i64; 2]| Window { from: *from, until: *until, firmness: Firmness::Promise };
    Ok(Visit {
        id: job.id.to_string(),
        place: place.ok_or_else(|| refused(format!("{whose}: no location")))?,
        duration: job.setup.saturating_add(job.service),
        durations: Vec::new(),
        windows: job.time_windows.iter().map(window).collect(),
        due: None,
        priority: 0,
        skills: job.skills.iter().copied().map(skill).collect(),
        preferred: Vec::new(),
        excluded: Vec::new(),
        told: None,
        load: job.delivery.clone(),
        unserved: Some(UNSERVED + PER_PRIORITY * job.priority.clamp(0, 100)),
    })
}

fn technician(vehicle: &VehicleIn, profile: u32, places: &mut Places) -> Result<Technician, Vec<String>> {
    let whose = format!("vehicle {}", vehicle.id);
    let [from, until] = vehicle.time_window.unwrap_or([0, crate::routing::problem::LATEST]);
    let pause = |pause: &BreakIn| match pause.time_windows[..] {
        [[from, until]] => Ok(Break { from, until, duration: pause.service }),
        _ => Err(refused(format!("{whose}: a break has one window"))),
    };
    Ok(Technician {
        id: vehicle.id.to_string(),
        start: places.row(vehicle.start_index, vehicle.start, &whose)?,
        end: places.row(vehicle.end_index, vehicle.end, &whose)?,
        shift_from: from,
        shift_until: until,
        max_overtime: 0,
        breaks: vehicle.breaks.iter().map(pause).collect::<Result<_, _>>()?,
        skills: vehicle.skills.iter().copied().map(skill).collect(),
        max_visits: vehicle.max_tasks,
        max_distance: vehicle.max_distance,
        capacity: vehicle.capacity.clone(),
        profile,
    })
}

fn skill(skill: u32) -> Skill {
    Skill { skill, level: 1 }
}

fn great_circles(points: &[(f64, f64)]) -> Result<Matrix, Vec<String>> {
    let known =
        |point: &(f64, f64)| Place::new(point.1, point.0).map_err(|error| refused(format!("{point:?}: {error}")));
    let places = points.iter().map(known).collect::<Result<Vec<Place>, _>>()?;
    let leg = |from: u32, to: u32| {
        let metres = places[from as usize].distance_m(places[to as usize]) * DETOUR;
        let seconds = (metres / METRES_PER_S).ceil() as i64;
        if seconds > FARTHEST_S { (UNREACHABLE, UNREACHABLE) } else { (seconds, metres.round() as i64) }
    };
    Ok(Matrix::of(points.len() as u32, leg))
}

/// A matrix of the input.
fn given(matrices: &HashMap<String, MatrixIn>, name: &str) -> Result<Matrix, Vec<String>> {
    let matrix = matrices.get(name).ok_or_else(|| refused(format!("no matrix for profile {name}")))?;
    tables(&matrix.durations, matrix.distances.as_deref(), &format!("matrices.{name}"))
}
