//! The problem as flat tables of 32-bit numbers, as the search wants to read them.
//!
//! Must hold: nodes 0..n are visits, then two per technician, where the day begins and where it ends.
//! All that a technician may not do is [`NEVER`] here, so that the search asks one table. It must never
//! change once built.

use super::{
    crew::Crew,
    legs::{Legs, Row},
};
use crate::routing::problem::{Firmness, LATEST, Problem, Skill, Technician, Visit, Weights};

/// Cost of a visit with a technician who may not do it.
pub(super) const NEVER: i32 = i32::MAX;
/// A visit in the hands of technicians of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    pub(super) duration: i32,
    pub(super) cost: i32,
}

/// When a visit may begin, first to last. One window is the usual case and read from here alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hours {
    pub(super) open: i32,
    pub(super) close: i32,
    /// Range in `Ground::windows`; empty if there is but one.
    from: u32,
    to: u32,
}

/// What beginning late costs. The weights are zero where it costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Soft {
    wish_until: i32,
    wish_weight: i64,
    due: i32,
    due_weight: i64,
}

impl Soft {
    pub(super) fn cost(&self, begin: i32) -> i64 {
        i64::from((begin - self.wish_until).max(0)) * self.wish_weight
            + i64::from((begin - self.due).max(0)) * self.due_weight
    }

    /// Latest beginning that costs nothing.
    pub(super) fn free_until(&self) -> i32 {
        self.wish_until.min(self.due)
    }
}

pub(super) struct Ground<'a> {
    pub(super) problem: &'a Problem,
    pub(super) crew: Crew,
    pub(super) visits: u32,
    legs: Legs,
    pub(super) place: Vec<u32>,
    fit: Vec<Fit>,
    pub(super) hours: Vec<Hours>,
    windows: Vec<(i32, i32)>,
    pub(super) soft: Vec<Soft>,
    /// Whether lateness or overtime can cost anything at all.
    pub(super) is_soft: bool,
    pub(super) dimensions: usize,
    loads: Vec<i64>,
    pub(super) unserved: Vec<i64>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(problem: &'a Problem) -> Self {
        let crew = Crew::new(problem);
        let nowhere = problem.profiles()[0].size;
        let visits = problem.visits();
        let (hours, windows) = hours(visits);
        let soft: Vec<Soft> = visits.iter().map(|visit| soft(problem, visit)).collect();
        let late_costs = soft.iter().any(|soft| soft.wish_weight > 0 || soft.due_weight > 0);
        let is_soft = late_costs || problem.technicians().iter().any(|technician| technician.max_overtime > 0);
        Self {
            problem,
            visits: visits.len() as u32,
            legs: Legs::new(problem),
            place: nodes(problem, nowhere),
            fit: fits(problem, &crew),
            hours,
            windows,
            soft,
            is_soft,
            dimensions: visits[0].load.len(),
            loads: visits.iter().flat_map(|visit| visit.load.iter().copied()).collect(),
            unserved: unserved(problem),
            crew,
        }
    }

    pub(super) fn technicians(&self) -> u32 {
        self.crew.members.len() as u32
    }

    /// Where a technician's day begins.
    pub(super) fn start(&self, technician: u32) -> u32 {
        self.visits + 2 * technician
    }

    /// Where it ends.
    pub(super) fn end(&self, technician: u32) -> u32 {
        self.visits + 2 * technician + 1
    }

    pub(super) fn profiles(&self) -> usize {
        self.problem.profiles().len()
    }

    /// All drives from `place`, by destination.
    #[inline]
    pub(super) fn from(&self, profile: u32, place: u32) -> Row<'_> {
        self.legs.from(profile, place)
    }

    /// All drives to `place`, by origin.
    #[inline]
    pub(super) fn to(&self, profile: u32, place: u32) -> Row<'_> {
        self.legs.to(profile, place)
    }

    #[inline]
    pub(super) fn fit(&self, visit: u32, kind: u32) -> Fit {
        self.fit[(visit * self.crew.kinds + kind) as usize]
    }

    pub(super) fn load(&self, visit: u32) -> &[i64] {
        let from = visit as usize * self.dimensions;
        &self.loads[from..from + self.dimensions]
    }

    /// When the visit begins for who arrives then; none: too late.
    #[inline]
    pub(super) fn begin(&self, visit: u32, arrival: i32) -> Option<i32> {
        let hours = &self.hours[visit as usize];
        if arrival > hours.close {
            None
        } else if hours.from == hours.to {
            Some(arrival.max(hours.open))
        } else {
            let windows = &self.windows[hours.from as usize..hours.to as usize];
            windows.iter().find(|(_, until)| arrival <= *until).map(|(from, _)| arrival.max(*from))
        }
    }

    /// Latest arrival after which the visit begins by `limit`; none: not even the first window is early enough.
    #[inline]
    pub(super) fn latest(&self, visit: u32, limit: i32) -> Option<i32> {
        let hours = &self.hours[visit as usize];
        if limit < hours.open {
            None
        } else if hours.from == hours.to {
            Some(limit.min(hours.close))
        } else {
            let windows = &self.windows[hours.from as usize..hours.to as usize];
            windows.iter().rev().find(|(from, _)| *from <= limit).map(|(_, until)| limit.min(*until))
        }
    }
}

fn nodes(problem: &Problem, nowhere: u32) -> Vec<u32> {
    let visits = problem.visits().iter().map(|visit| visit.place);
    let ends = problem.technicians().iter().flat_map(|technician| [technician.start, technician.end]);
    visits.chain(ends.map(|place| place.unwrap_or(nowhere))).collect()
}

fn hours(visits: &[Visit]) -> (Vec<Hours>, Vec<(i32, i32)>) {
    let mut windows = Vec::new();
    let mut hours = Vec::new();
    for visit in visits {
        let from = windows.len() as u32;
        for window in &visit.windows {
            let until = if window.firmness == Firmness::Promise { window.until } else { LATEST };
            windows.push((window.from as i32, until as i32));
        }
        let open = visit.windows.first().map_or(0, |window| window.from as i32);
        let close = if visit.windows.is_empty() { LATEST as i32 } else { windows[windows.len() - 1].1 };
        let to = if visit.windows.len() > 1 { windows.len() as u32 } else { from };
        hours.push(Hours { open, close, from, to });
    }
    (hours, windows)
}

fn soft(problem: &Problem, visit: &Visit) -> Soft {
    let weights = problem.weights();
    let wish = visit.windows.last().filter(|window| window.firmness == Firmness::Wish);
    Soft {
        wish_until: wish.map_or(LATEST, |window| window.until) as i32,
        wish_weight: if wish.is_some() { weights.window_lateness } else { 0 },
        due: visit.due.unwrap_or(LATEST).clamp(0, LATEST) as i32,
        due_weight: if visit.due.is_some() { weights.sla_lateness << visit.priority } else { 0 },
    }
}

fn fits(problem: &Problem, crew: &Crew) -> Vec<Fit> {
    let mut fits = Vec::new();
    for visit in problem.visits() {
        for &who in &crew.models {
            let technician = &problem.technicians()[who as usize];
            let cost = match_cost(problem, visit, technician, who).unwrap_or(NEVER);
            fits.push(Fit { duration: visit.duration_of(who) as i32, cost });
        }
    }
    fits
}

/// What it costs that just this technician comes; none: they may not.
fn match_cost(problem: &Problem, visit: &Visit, technician: &Technician, who: u32) -> Option<i32> {
    let able = visit.skills.iter().all(|need| technician.level(need.skill) >= need.level.max(1));
    let fits_in = visit.load.iter().zip(&technician.capacity).all(|(load, capacity)| load <= capacity);
    if !able || !fits_in || visit.excluded.contains(&who) {
        return None;
    }
    let weights = problem.weights();
    let mut cost = 0;
    if weights.over_qualification > 0 {
        let spare = |need: &Skill| i64::from(technician.level(need.skill) - need.level);
        let unused = technician.skills.iter().filter(|held| visit.skills.iter().all(|need| need.skill != held.skill));
        cost = weights.over_qualification * (visit.skills.iter().map(spare).sum::<i64>() + unused.count() as i64);
    }
    cost += scarcity(problem, visit, technician, who);
    if !visit.preferred.is_empty() && !visit.preferred.contains(&who) {
        cost += weights.preference;
    }
    if visit.told.is_some_and(|told| told != who) {
        cost += weights.instability;
    }
    Some(cost.min(i64::from(NEVER - 1)) as i32)
}

/// By how much the scarcest skill that lies idle meanwhile is dearer than the scarcest in use, for as long as the work takes.
pub(super) fn scarcity(problem: &Problem, visit: &Visit, technician: &Technician, who: u32) -> i64 {
    let dearest = |skills: &[Skill]| skills.iter().map(|skill| problem.price(skill.skill)).max().unwrap_or(0);
    let (held, used) = (dearest(&technician.skills), dearest(&visit.skills));
    (held - used).max(0) * visit.duration_of(who)
}

/// What it costs in all that one technician has so many visits: each of them as many times the weight as there are before it.
pub(super) fn load_cost(problem: &Problem, visits: u32) -> i64 {
    let visits = i64::from(visits);
    visits * (visits - 1) / 2 * problem.weights().load
}

/// More than any lateness in a plan: what must be served is left out for no other reason than a rule.
const MUST: i64 = 1_000_000_000_000;

/// Penalties; what has to be served weighs more than all the rest.
fn unserved(problem: &Problem) -> Vec<i64> {
    let visits = problem.visits();
    let optional = visits.iter().filter_map(|visit| visit.unserved).max().unwrap_or(0);
    let Weights { route, load, .. } = problem.weights();
    let must = MUST + 2 * optional + 2 * route + 2 * load * visits.len() as i64;
    visits.iter().map(|visit| visit.unserved.unwrap_or(must)).collect()
}
