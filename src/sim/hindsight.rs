//! The same days with everything known from the beginning: what the best plan would have achieved, to hold what a
//! policy achieved against.
//!
//! Must hold: nobody sets out for a visit before it was asked for, and no hard rule is relaxed; only knowing is
//! ahead. A bound in practice, not in theory: the plan is the solver's, not the optimum.

use super::{Kpis, Replay};
use crate::{
    domain::{
        intake::{Prepared, World, prepare},
        place::RegionIndex,
        settings::{RegionSettings, TravelSettings},
        shift::intervals,
        ticket::WindowKind,
        time::{DAY_S, Timestamp, zone},
    },
    routing::{
        self, Drives,
        live::{Numbers, priority, unserved_s},
        problem::{Draft, Firmness, LATEST, Matrix, Problem, Skill, Technician, Visit, Weights, Window},
    },
};
use serde::Serialize;

/// Visits that are planned at once; the table of drives grows with their square.
const MOST_VISITS: usize = 3_000;
/// As the live plan weighs a second of waiting, in thousandths of a second of driving.
const WAIT: i64 = 600;

/// How much dearer it is to leave a visit out than in a live plan, which cannot know what is to come: who knows all
/// serves as many as can be served.
const SERVED_FIRST: i64 = 10;

/// What the plan achieves, as [`Kpis`] count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Hindsight {
    pub served: u64,
    /// Mean, from being asked for to its beginning.
    pub response_s: f64,
    /// Drives home included.
    pub travel_s_per_visit: f64,
    pub late_share: f64,
}

impl Hindsight {
    /// (name, online, hindsight) of each figure.
    #[must_use]
    pub fn beside(&self, online: &Kpis) -> [(&'static str, f64, f64); 4] {
        [
            ("served", online.at_end.served as f64, self.served as f64),
            ("response_s", online.response_s.mean, self.response_s),
            ("travel_s_per_visit", online.travel_s_per_visit, self.travel_s_per_visit),
            ("late_share", online.late_share, self.late_share),
        ]
    }
}

/// What is known of each visit besides the problem's.
struct Asked {
    at: i64,
    due: Option<i64>,
}

/// Plans all of `plan` with `rounds` of the solver. No technician or no visit: nothing is served.
///
/// # Errors
/// More visits than are planned at once, or a problem with a flaw, named.
pub fn hindsight(plan: &Replay, rounds: u64) -> Result<Hindsight, String> {
    if plan.arrivals.len() > MOST_VISITS {
        return Err(format!("{} tickets: hindsight is for days of {MOST_VISITS} at most", plan.arrivals.len()));
    }
    let (draft, asked) = draft(plan);
    if draft.technicians.is_empty() || draft.visits.is_empty() {
        return Ok(Hindsight::default());
    }
    let problem = Problem::new(draft).map_err(|flaws| format!("{flaws:?}"))?;
    let budget = rounds.max(1) as f64;
    let solution = routing::solve(&problem, plan.seed, &mut |done| done as f64 / budget);
    let (mut served, mut waited, mut late) = (0_u64, 0, 0_u64);
    for stop in solution.plan.routes.iter().flat_map(|route| &route.stops) {
        let asked = &asked[stop.visit as usize];
        served += 1;
        waited += stop.begin - asked.at;
        late += u64::from(asked.due.is_some_and(|due| stop.begin > due));
    }
    let per_visit = |sum: i64| if served == 0 { 0.0 } else { sum as f64 / served as f64 };
    Ok(Hindsight {
        served,
        response_s: per_visit(waited),
        travel_s_per_visit: per_visit(solution.plan.costs.travel / problem.weights().travel_time.max(1)),
        late_share: per_visit(late as i64),
    })
}

fn draft(plan: &Replay) -> (Draft, Vec<Asked>) {
    let start = plan.arrivals.iter().map(|arrival| arrival.at).min().unwrap_or(Timestamp::ZERO);
    let end = plan.arrivals.iter().map(|arrival| arrival.at).max().unwrap_or(start).plus_s(DAY_S);
    let settings = plan.regions.iter().find_map(|region| region.settings.clone()).unwrap_or_default();
    let mut draft = Draft { weights: weights(), ..Draft::default() };
    let mut numbers = Numbers::default();
    technicians(plan, (start, end), &settings, &mut draft, &mut numbers);
    let asked = visits(plan, start, &settings, &mut draft, &mut numbers);
    let places = numbers.places();
    // At usual speed: over a whole day there is no hour to take a table of.
    let travel = TravelSettings { speed_by_hour: None, ..settings.travel };
    let legs = Drives::new(&travel, "UTC", plan.roads.as_deref()).square(places, start);
    draft.profiles.push(Matrix::of(places.len() as u32, |from, to| {
        let leg = legs[from as usize * places.len() + to as usize];
        (leg.duration_s, leg.distance_m)
    }));
    (draft, asked)
}

fn weights() -> Weights {
    Weights { sla_lateness: WAIT, preference: 0, instability: 0, ..Weights::default() }
}

/// One for each shift of each expert.
fn technicians(
    plan: &Replay,
    (start, end): (Timestamp, Timestamp),
    settings: &RegionSettings,
    draft: &mut Draft,
    numbers: &mut Numbers,
) {
    for expert in plan.experts.iter().filter(|expert| expert.retired != Some(true)) {
        let Some(region) = &expert.region else { continue };
        let zone = plan.regions.iter().find(|known| known.id == *region).and_then(|known| zone(&known.time_zone));
        let home = numbers.place(expert.personal.home);
        for shift in zone.map(|zone| intervals(&expert.shifts, &zone, start, end)).into_iter().flatten() {
            let levels = expert.skills.iter().map(|(skill, level)| numbers.need(skill, level.number()));
            let held: Vec<Skill> = levels.collect();
            draft.technicians.push(Technician {
                id: expert.id.to_string(),
                start: Some(home),
                end: Some(home),
                shift_from: shift.from.since_s(start).max(0),
                shift_until: shift.to.since_s(start),
                max_overtime: i64::from(settings.max_overtime_s),
                breaks: Vec::new(),
                skills: held,
                max_visits: None,
                max_distance: None,
                capacity: Vec::new(),
                profile: 0,
            });
        }
    }
}

fn visits(
    plan: &Replay,
    start: Timestamp,
    settings: &RegionSettings,
    draft: &mut Draft,
    numbers: &mut Numbers,
) -> Vec<Asked> {
    let regions = RegionIndex::new(plan.regions.iter().map(|region| (&region.id, &region.geometry)));
    let catalogue = plan.catalogue.clone().unwrap_or_default();
    let world = World {
        regions: &regions,
        catalogue: &catalogue,
        zip: &|_| None,
        zip_region: &|_| None,
        reach_m: f64::from(settings.reach_m),
        service_s: settings.service_s,
    };
    let mut asked = Vec::new();
    for arrival in &plan.arrivals {
        let Prepared { place: Some(there), skills: needs, service_s, .. } = prepare(&arrival.new, &world) else {
            continue;
        };
        let at = arrival.at.since_s(start);
        let window = arrival.new.window.map(|window| Window {
            from: window.from.since_s(start).max(at),
            until: window.to.since_s(start).max(at),
            firmness: if window.kind == WindowKind::Promise { Firmness::Promise } else { Firmness::Wish },
        });
        let window = window.unwrap_or(Window { from: at, until: LATEST, firmness: Firmness::Wish });
        let urgency = arrival.new.priority as u8;
        let needs: Vec<Skill> = needs.iter().map(|need| numbers.need(&need.skill, need.level.number())).collect();
        // Neighbours help, as far as anybody drives.
        let far = |technician: &Technician| {
            technician.start.is_none_or(|home| numbers.places()[home as usize].distance_m(there) > world.reach_m)
        };
        let excluded = (0_u32..).zip(&draft.technicians).filter(|(_, technician)| far(technician));
        let excluded = excluded.map(|(who, _)| who).collect();
        draft.visits.push(Visit {
            id: arrival.new.external_id.clone().unwrap_or_default(),
            place: numbers.place(there),
            duration: i64::from(service_s),
            durations: Vec::new(),
            windows: vec![window],
            due: Some(window.from),
            priority: priority(urgency),
            skills: needs,
            preferred: Vec::new(),
            excluded,
            told: None,
            load: Vec::new(),
            unserved: Some(SERVED_FIRST * unserved_s(urgency, i64::from(service_s), 0) * 1_000),
        });
        asked.push(Asked { at, due: arrival.new.due_at.map(|due| due.since_s(start)) });
    }
    asked
}
