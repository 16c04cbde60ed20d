//! The product's own JSON for a planning problem, as `docs/ROUTING.md` describes it.
//!
//! Must hold: unknown members are refused by name. Times are whole seconds since any midnight,
//! penalties seconds of driving; names of skills and technicians become indices here.

use super::{Sketch, refused, tables};
use crate::routing::problem::{Break, Draft, Firmness, Matrix, Skill, Technician, Visit, Weights, Window};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Thousandths in a second of cost.
const THOUSAND: i64 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    technicians: Vec<TechnicianIn>,
    visits: Vec<VisitIn>,
    /// One per profile, all over the same places; none: travel comes from elsewhere.
    #[serde(default)]
    matrices: Vec<MatrixIn>,
    /// Longitude and latitude of each place, for the map.
    #[serde(default)]
    places: Vec<[f64; 2]>,
    /// Thousandths per unit, by the names of the objective's terms.
    #[serde(default)]
    weights: BTreeMap<String, i64>,
    /// Thousandths of a second of driving per second of work that keeps somebody busy who has this skill.
    #[serde(default)]
    scarcity: BTreeMap<String, i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MatrixIn {
    /// Rows; null where there is no way.
    durations: Vec<Vec<Option<i64>>>,
    distances: Option<Vec<Vec<Option<i64>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TechnicianIn {
    id: String,
    start: Option<u32>,
    end: Option<u32>,
    shift: [i64; 2],
    #[serde(default)]
    max_overtime: i64,
    #[serde(default)]
    breaks: Vec<BreakIn>,
    #[serde(default)]
    skills: BTreeMap<String, u8>,
    max_visits: Option<u32>,
    max_distance: Option<i64>,
    #[serde(default)]
    capacity: Vec<i64>,
    #[serde(default)]
    profile: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakIn {
    window: [i64; 2],
    duration: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VisitIn {
    id: String,
    place: u32,
    duration: i64,
    /// Technicians who take another time.
    #[serde(default)]
    durations: BTreeMap<String, i64>,
    #[serde(default)]
    windows: Vec<[i64; 2]>,
    /// The last window is wished for, not promised.
    #[serde(default)]
    wish: bool,
    due: Option<i64>,
    #[serde(default)]
    priority: u8,
    #[serde(default)]
    skills: BTreeMap<String, u8>,
    #[serde(default)]
    preferred: Vec<String>,
    #[serde(default)]
    excluded: Vec<String>,
    told: Option<String>,
    #[serde(default)]
    load: Vec<i64>,
    /// Seconds of driving that leaving it out is worth; none: it must be served.
    unserved: Option<i64>,
}

pub(super) fn read(text: &str) -> Result<Sketch, Vec<String>> {
    let input: Input = serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
    let known = input.technicians.iter().map(|technician| technician.id.clone()).collect();
    let mut names = Names { skills: BTreeMap::new(), technicians: known };
    let technicians = input.technicians.iter().map(|technician| names.technician(technician)).collect();
    let visits = input.visits.iter().map(|visit| names.visit(visit)).collect::<Result<_, _>>()?;
    let mut scarcity = vec![0; names.skills.len()];
    for (skill, price) in &input.scarcity {
        let number = names.skills.get(skill);
        let number = number.ok_or_else(|| refused(format!("scarcity: nobody has or needs the skill {skill}")))?;
        scarcity[*number as usize] = *price;
    }
    let draft = Draft {
        technicians,
        visits,
        profiles: (0..).zip(&input.matrices).map(matrix).collect::<Result<_, _>>()?,
        weights: weights(&input.weights)?,
        scarcity,
    };
    let places = input.places.iter().map(|[lon, lat]| (*lon, *lat)).collect();
    Ok(Sketch { draft, places, distance_unit: 1.0 })
}

/// Names that became indices.
struct Names {
    skills: BTreeMap<String, u32>,
    technicians: Vec<String>,
}

impl Names {
    fn skills(&mut self, skills: &BTreeMap<String, u8>) -> Vec<Skill> {
        let mut number = |name: &String| {
            let next = self.skills.len() as u32;
            *self.skills.entry(name.clone()).or_insert(next)
        };
        skills.iter().map(|(name, level)| Skill { skill: number(name), level: *level }).collect()
    }

    fn who(&self, name: &str, visit: &VisitIn) -> Result<u32, Vec<String>> {
        let found = self.technicians.iter().position(|known| known == name);
        found.map(|no| no as u32).ok_or_else(|| refused(format!("visit {}: there is no technician {name}", visit.id)))
    }

    fn technician(&mut self, technician: &TechnicianIn) -> Technician {
        let pause = |pause: &BreakIn| Break { from: pause.window[0], until: pause.window[1], duration: pause.duration };
        Technician {
            id: technician.id.clone(),
            start: technician.start,
            end: technician.end,
            shift_from: technician.shift[0],
            shift_until: technician.shift[1],
            max_overtime: technician.max_overtime,
            breaks: technician.breaks.iter().map(pause).collect(),
            skills: self.skills(&technician.skills),
            max_visits: technician.max_visits,
            max_distance: technician.max_distance,
            capacity: technician.capacity.clone(),
            profile: technician.profile,
        }
    }

    fn visit(&mut self, visit: &VisitIn) -> Result<Visit, Vec<String>> {
        let who = |name: &String| self.who(name, visit);
        let durations = visit.durations.iter().map(|(name, own)| Ok((who(name)?, *own)));
        let durations = durations.collect::<Result<_, Vec<String>>>()?;
        let preferred = visit.preferred.iter().map(who).collect::<Result<_, _>>()?;
        let excluded = visit.excluded.iter().map(who).collect::<Result<_, _>>()?;
        let told = visit.told.as_ref().map(who).transpose()?;
        let last = visit.windows.len().saturating_sub(1);
        let window = |(no, [from, until]): (usize, &[i64; 2])| {
            let firmness = if visit.wish && no == last { Firmness::Wish } else { Firmness::Promise };
            Window { from: *from, until: *until, firmness }
        };
        Ok(Visit {
            id: visit.id.clone(),
            place: visit.place,
            duration: visit.duration,
            durations,
            windows: visit.windows.iter().enumerate().map(window).collect(),
            due: visit.due,
            priority: visit.priority,
            skills: self.skills(&visit.skills),
            preferred,
            excluded,
            told,
            load: visit.load.clone(),
            unserved: visit.unserved.map(|seconds| seconds.saturating_mul(THOUSAND)),
        })
    }
}

fn matrix((no, given): (usize, &MatrixIn)) -> Result<Matrix, Vec<String>> {
    tables(&given.durations, given.distances.as_deref(), &format!("matrices[{no}]"))
}

fn weights(given: &BTreeMap<String, i64>) -> Result<Weights, Vec<String>> {
    let mut weights = Weights::default();
    for (name, value) in given {
        let weight = match name.as_str() {
            "travel_time" => &mut weights.travel_time,
            "travel_distance" => &mut weights.travel_distance,
            "route" => &mut weights.route,
            "window_lateness" => &mut weights.window_lateness,
            "sla_lateness" => &mut weights.sla_lateness,
            "overtime" => &mut weights.overtime,
            "over_qualification" => &mut weights.over_qualification,
            "load" => &mut weights.load,
            "preference" => &mut weights.preference,
            "instability" => &mut weights.instability,
            _ => {
                let terms = Weights::default().named().map(|(term, _)| term).join(", ");
                return Err(refused(format!("weights: there is no term {name}, but {terms}")));
            }
        };
        *weight = *value;
    }
    Ok(weights)
}
