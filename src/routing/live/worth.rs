//! What each visit costs the plan that has it: what would be saved if another region took it.
//!
//! Must hold: thousandths of a second of driving, in the terms of the plan's objective (driving, waits, lateness,
//! overtime), so that it can be compared with what the visit would cost in another region's plan. Marginal cost as the
//! price of a task: Sandholm 1993, "An implementation of the contract net protocol based on marginal cost calculations".

use crate::routing::problem::{Firmness, Plan, PlannedRoute, Problem, Visit};

/// A visit by index, what the plan would cost less without it, and the technician who has it. Of those that are left
/// out it is their penalty.
pub(super) struct Worth {
    pub(super) visit: u32,
    pub(super) saved: i64,
    pub(super) technician: Option<u32>,
}

pub(super) fn of<'p>(problem: &'p Problem, plan: &'p Plan) -> impl Iterator<Item = Worth> + 'p {
    let absent = plan.unserved.iter().map(|unserved| {
        let saved = problem.visits()[unserved.visit as usize].unserved.unwrap_or(0);
        Worth { visit: unserved.visit, saved, technician: None }
    });
    plan.routes.iter().flat_map(|route| saved(problem, route)).chain(absent)
}

fn saved<'p>(problem: &'p Problem, route: &'p PlannedRoute) -> impl Iterator<Item = Worth> + 'p {
    let whole = cost(problem, route, None);
    route.stops.iter().map(move |stop| Worth {
        visit: stop.visit,
        saved: whole - cost(problem, route, Some(stop.visit)),
        technician: Some(route.technician),
    })
}

/// Of the route's visits but one, in the same order.
fn cost(problem: &Problem, route: &PlannedRoute, without: Option<u32>) -> i64 {
    let technician = &problem.technicians()[route.technician as usize];
    let (matrix, weights) = (problem.matrix(technician), problem.weights());
    let drive_s = |from: Option<u32>, to: Option<u32>| from.zip(to).map_or(0, |(from, to)| matrix.duration(from, to));
    let (mut at, mut free, mut cost) = (technician.start, technician.shift_from, 0);
    let mut driven_s = 0;
    let visits = route.stops.iter().filter(|stop| Some(stop.visit) != without);
    for visit in visits.map(|stop| &problem.visits()[stop.visit as usize]) {
        let drive_s = drive_s(at, Some(visit.place));
        let begin = (free + drive_s).max(opens(visit));
        driven_s += drive_s;
        cost += (begin - visit.due.unwrap_or(begin)).max(0) * (weights.sla_lateness << visit.priority);
        let wish = visit.windows.last().filter(|window| window.firmness == Firmness::Wish);
        cost += wish.map_or(0, |wish| (begin - wish.until).max(0) * weights.window_lateness);
        (at, free) = (Some(visit.place), begin + visit.duration);
    }
    if free == technician.shift_from && at == technician.start {
        return 0;
    }
    let homeward_s = drive_s(at, technician.end);
    let overtime_s = (free + homeward_s - technician.shift_until).max(0);
    cost + (driven_s + homeward_s) * weights.travel_time + overtime_s * weights.overtime
}

fn opens(visit: &Visit) -> i64 {
    visit.windows.first().map_or(0, |window| window.from)
}
