//! What it would cost to send somebody else: the visit out of the route that the plan has it in, and in as the
//! first of another's.
//!
//! Must hold: seconds of driving alone, drives home included, over the drafted plan. What the plan weighs
//! besides (waits, lateness, who is left out) is not in it, so it may be less than nothing.

use crate::routing::problem::{Plan, PlannedRoute, Problem, Technician};

/// A plan with the first visit of each technician.
pub(super) struct Instead<'p> {
    problem: &'p Problem,
    first: Vec<Option<u32>>,
}

impl<'p> Instead<'p> {
    pub(super) fn of(problem: &'p Problem, plan: &Plan) -> Self {
        let mut first = vec![None; problem.technicians().len()];
        for route in &plan.routes {
            first[route.technician as usize] =
                route.stops.first().map(|stop| problem.visits()[stop.visit as usize].place);
        }
        Self { problem, first }
    }

    /// Per technician the seconds of driving more, if they took the first visit of `route` as their first; the one
    /// whose route it is takes part with nothing.
    pub(super) fn dearer_s(&self, route: &PlannedRoute) -> Vec<i64> {
        let place = |at: usize| route.stops.get(at).map(|stop| self.problem.visits()[stop.visit as usize].place);
        let Some(visit) = place(0) else { return Vec::new() };
        let saved_s = self.detour_s(route.technician, visit, place(1));
        let more = |(who, first): (u32, &Option<u32>)| {
            if who == route.technician { 0 } else { self.detour_s(who, visit, *first) - saved_s }
        };
        (0..).zip(&self.first).map(more).collect()
    }

    /// Of going to `visit` before the place that comes `next`; none: before going home from a day without visits.
    fn detour_s(&self, who: u32, visit: u32, next: Option<u32>) -> i64 {
        let technician: &Technician = &self.problem.technicians()[who as usize];
        let matrix = self.problem.matrix(technician);
        let drive_s =
            |from: Option<u32>, to: Option<u32>| from.zip(to).map_or(0, |(from, to)| matrix.duration(from, to));
        let (start, visit) = (technician.start, Some(visit));
        match next {
            Some(_) => drive_s(start, visit) + drive_s(visit, next) - drive_s(start, next),
            None => drive_s(start, visit) + drive_s(visit, technician.end),
        }
    }
}
