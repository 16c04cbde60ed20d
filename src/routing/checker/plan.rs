//! The second opinion on a plan: hard rules and times, from problem and plan alone.
//!
//! Must hold: shares no code with `solve/`, and reads the problem's fields itself where the solver asks
//! its methods; whatever the solver gets wrong in one way must not be got wrong here in the same way.

use super::plan_cost;
use crate::routing::problem::{
    Firmness, Plan, PlannedRoute, PlannedStop, Problem, Technician, UNREACHABLE, Visit, Window,
};

/// One rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Short and stable: `skill`, `window`, `overlap`, `cost`, ...
    pub rule: &'static str,
    /// Ids of the technician and the visit it is about, as far as there are.
    pub about: String,
    pub detail: String,
}

/// Everything that is wrong with `plan`; nothing, if it keeps its word.
#[must_use]
pub fn check_plan(problem: &Problem, plan: &Plan) -> Vec<Breach> {
    let mut breaches = Vec::new();
    who_and_what(problem, plan, &mut breaches);
    if breaches.is_empty() {
        for route in &plan.routes {
            Day::new(problem, route, &mut breaches).check();
        }
    }
    if breaches.is_empty() {
        plan_cost::check(problem, plan, &mut breaches);
    }
    breaches
}

pub(super) fn breach(rule: &'static str, about: impl Into<String>, detail: impl Into<String>) -> Breach {
    Breach { rule, about: about.into(), detail: detail.into() }
}

/// Each visit is in one route or left out, each technician has one route at most.
fn who_and_what(problem: &Problem, plan: &Plan, breaches: &mut Vec<Breach>) {
    let mut seen = vec![0u32; problem.visits().len()];
    let mut busy = vec![false; problem.technicians().len()];
    let served = plan.routes.iter().flat_map(|route| route.stops.iter().map(|stop| stop.visit));
    for visit in served.chain(plan.unserved.iter().map(|unserved| unserved.visit)) {
        match seen.get_mut(visit as usize) {
            Some(count) => *count += 1,
            None => breaches.push(breach("unknown", format!("visit {visit}"), "there is no such visit")),
        }
    }
    for (visit, count) in seen.iter().enumerate().filter(|(_, count)| **count != 1) {
        breaches.push(breach("once", problem.visits()[visit].id.clone(), format!("is in the plan {count} times")));
    }
    for route in &plan.routes {
        let about = format!("technician {}", route.technician);
        match busy.get_mut(route.technician as usize) {
            None => breaches.push(breach("unknown", about, "there is no such technician")),
            Some(true) => breaches.push(breach("once", about, "has two routes")),
            Some(free) => *free = true,
        }
        if route.stops.is_empty() {
            breaches.push(breach("empty", format!("technician {}", route.technician), "has a route without stops"));
        }
    }
}

/// A technician's day under examination.
struct Day<'d> {
    problem: &'d Problem,
    technician: &'d Technician,
    route: &'d PlannedRoute,
    breaches: &'d mut Vec<Breach>,
}

impl<'d> Day<'d> {
    fn new(problem: &'d Problem, route: &'d PlannedRoute, breaches: &'d mut Vec<Breach>) -> Self {
        Self { problem, technician: &problem.technicians()[route.technician as usize], route, breaches }
    }

    fn check(&mut self) {
        let problem = self.problem;
        for stop in &self.route.stops {
            let visit = &problem.visits()[stop.visit as usize];
            self.may_do(visit);
            self.begins_in_a_window(visit, stop);
        }
        self.limits();
        self.times();
    }

    fn expect(&mut self, holds: bool, rule: &'static str, about: &str, detail: impl FnOnce() -> String) {
        if !holds {
            let about = format!("{} {about}", self.technician.id);
            self.breaches.push(breach(rule, about.trim_end(), detail()));
        }
    }

    fn may_do(&mut self, visit: &Visit) {
        for need in &visit.skills {
            let able = (self.technician.skills.iter()).any(|held| held.skill == need.skill && held.level >= need.level);
            self.expect(able, "skill", &visit.id, || format!("lacks skill {} at level {}", need.skill, need.level));
        }
        let excluded = visit.excluded.contains(&self.route.technician);
        self.expect(!excluded, "excluded", &visit.id, || "must not come".to_owned());
    }

    fn begins_in_a_window(&mut self, visit: &Visit, stop: &PlannedStop) {
        let holds = |window: &Window| {
            let late_is_allowed = window.firmness == Firmness::Wish;
            window.from <= stop.begin && (stop.begin <= window.until || late_is_allowed)
        };
        let inside = visit.windows.is_empty() || visit.windows.iter().any(holds);
        self.expect(inside, "window", &visit.id, || format!("begins at {}", stop.begin));
    }

    fn limits(&mut self) {
        let visits = || self.route.stops.iter().map(|stop| &self.problem.visits()[stop.visit as usize]);
        let count = self.route.stops.len();
        let few = self.technician.max_visits.is_none_or(|most| count <= most as usize);
        let dimensions = self.technician.capacity.len();
        let sums: Vec<i64> =
            (0..dimensions).map(|no| visits().map(|visit| visit.load.get(no).copied().unwrap_or(0)).sum()).collect();
        let fits = sums.iter().zip(&self.technician.capacity).all(|(sum, capacity)| sum <= capacity);
        self.expect(few, "max_visits", "", || format!("has {count} visits"));
        self.expect(fits, "capacity", "", || format!("carries {sums:?}"));
        let matrix = &self.problem.profiles()[self.technician.profile as usize];
        let ways = self.legs().into_iter().map(|(from, to)| matrix.distances[(from * matrix.size + to) as usize]);
        let way = ways.fold(0i64, i64::saturating_add);
        let near = self.technician.max_distance.is_none_or(|most| way <= most);
        self.expect(near, "max_distance", "", || format!("drives {way}"));
    }

    /// All drives between known places, in order.
    fn legs(&self) -> Vec<(u32, u32)> {
        let mut places: Vec<u32> = self.technician.start.into_iter().collect();
        places.extend(self.route.stops.iter().map(|stop| self.problem.visits()[stop.visit as usize].place));
        places.extend(self.technician.end);
        (1..places.len()).map(|at| (places[at - 1], places[at])).collect()
    }

    /// Drives, waits, breaks and visits one after the other, none over another.
    fn times(&mut self) {
        let mut free = self.technician.shift_from;
        let mut place = self.technician.start;
        let mut breaks = self.route.breaks.iter().copied().zip(self.technician.breaks.clone()).peekable();
        for (no, stop) in self.route.stops.iter().enumerate() {
            let visit = &self.problem.visits()[stop.visit as usize];
            let departs = self.departs(place, Some(visit.place), stop.arrive, &visit.id);
            self.expect(departs >= free, "overlap", &visit.id, || format!("stop {no}: the drive begins too early"));
            // Breaks before the drive, then those between arrival and beginning.
            let mut rested = free;
            while let Some((begin, pause)) = breaks.next_if(|(begin, _)| *begin < stop.begin) {
                let ends = begin + pause.duration;
                let before_the_drive = begin >= rested && ends <= departs;
                let behind_it = begin >= rested.max(stop.arrive) && ends <= stop.begin;
                self.expect(before_the_drive || behind_it, "break", &visit.id, || format!("a break at {begin}"));
                rested = ends;
            }
            self.expect(stop.begin >= stop.arrive, "overlap", &visit.id, || "begins before the arrival".to_owned());
            let needed = self.needed(visit);
            self.expect(stop.leave == stop.begin + needed, "duration", &visit.id, || format!("needs {needed}"));
            (free, place) = (stop.leave, Some(visit.place));
        }
        let departs = self.departs(place, self.technician.end, self.route.home, "home");
        self.expect(departs >= free, "overlap", "home", || "the drive home begins too early".to_owned());
        for (begin, pause) in breaks {
            let inside = begin >= free && begin + pause.duration <= departs;
            self.expect(inside, "break", "home", || format!("a break at {begin}"));
            free = begin + pause.duration;
        }
        self.breaks_are_kept();
        let latest = self.technician.shift_until + self.technician.max_overtime;
        self.expect(self.route.home <= latest, "shift_end", "", || format!("home at {}", self.route.home));
    }

    /// When the drive that ends at `arrive` begins.
    fn departs(&mut self, from: Option<u32>, to: Option<u32>, arrive: i64, about: &str) -> i64 {
        let (Some(from), Some(to)) = (from, to) else { return arrive };
        let matrix = &self.problem.profiles()[self.technician.profile as usize];
        let drive = matrix.durations[(from * matrix.size + to) as usize];
        self.expect(drive != UNREACHABLE, "unreachable", about, || "there is no way".to_owned());
        arrive.saturating_sub(drive)
    }

    fn needed(&self, visit: &Visit) -> i64 {
        let own = visit.durations.iter().filter(|(who, _)| *who == self.route.technician).map(|(_, own)| *own);
        own.take(1).fold(visit.duration, |_, own| own)
    }

    /// Breaks begin in their windows, and none is left out but those that begin after the day.
    fn breaks_are_kept(&mut self) {
        let (taken, owed) = (&self.route.breaks, &self.technician.breaks);
        self.expect(taken.len() <= owed.len(), "break", "", || "more breaks than there are".to_owned());
        for (begin, pause) in taken.iter().zip(owed) {
            let inside = (pause.from..=pause.until).contains(begin);
            self.expect(inside, "break", "", || format!("a break begins at {begin}"));
        }
        let missed = owed.iter().skip(taken.len()).any(|pause| pause.until < self.route.home);
        self.expect(!missed, "break", "", || "a break is owed".to_owned());
    }
}
