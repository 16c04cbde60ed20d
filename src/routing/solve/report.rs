//! From the search's tables back to a plan in the problem's own words.

use super::{ground::Ground, reasons, tours::Tours, walk};
use crate::routing::problem::{Costs, Firmness, Plan, PlannedRoute, PlannedStop, Problem, Technician, Unserved, Visit};

/// `explained`: who is left out is told why, which takes a look at every place of every route.
pub(super) fn plan(ground: &Ground<'_>, tours: &Tours, explained: bool) -> Plan {
    let driven = (0..ground.technicians()).filter(|route| tours.sums[*route as usize].visits > 0);
    let routes: Vec<PlannedRoute> = driven.filter_map(|route| planned(ground, tours, route)).collect();
    let mut costs = Costs::default();
    for route in &routes {
        add_route(ground.problem, route, &mut costs);
    }
    let mut absent: Vec<u32> = (0..ground.visits).filter(|visit| tours.is_absent(*visit)).collect();
    absent.sort_unstable();
    let penalty = |visit: &u32| ground.problem.visits()[*visit as usize].unserved.unwrap_or(0);
    costs.unserved = absent.iter().map(penalty).sum();
    let why = |visit: &u32| {
        if explained { reasons::of(ground, tours, *visit) } else { Unserved { visit: *visit, reasons: Vec::new() } }
    };
    Plan { routes, unserved: absent.iter().map(why).collect(), costs }
}

fn planned(ground: &Ground<'_>, tours: &Tours, route: u32) -> Option<PlannedRoute> {
    let visits: Vec<u32> = tours.visits(ground, route).collect();
    let day = walk::day(ground, route, &visits, true);
    debug_assert!(day.is_some(), "the search keeps routes possible");
    let day = day?;
    let kind = ground.crew.members[route as usize].kind;
    let stop = |(&visit, &(arrive, begin)): (&u32, &(i32, i32))| PlannedStop {
        visit,
        arrive: arrive.into(),
        begin: begin.into(),
        leave: (begin + ground.fit(visit, kind).duration).into(),
    };
    Some(PlannedRoute {
        technician: route,
        stops: visits.iter().zip(&day.stops).map(stop).collect(),
        breaks: day.pauses.iter().map(|pause| i64::from(*pause)).collect(),
        home: day.arrival.into(),
    })
}

fn add_route(problem: &Problem, route: &PlannedRoute, costs: &mut Costs) {
    let technician = &problem.technicians()[route.technician as usize];
    let weights = problem.weights();
    costs.routes += weights.route;
    costs.load += super::ground::load_cost(problem, route.stops.len() as u32);
    costs.travel += travel(problem, technician, route);
    costs.overtime += (route.home - technician.shift_until).max(0) * weights.overtime;
    for stop in &route.stops {
        let visit = &problem.visits()[stop.visit as usize];
        add_lateness(problem, visit, stop.begin, costs);
        add_match(problem, visit, technician, route.technician, costs);
    }
}

fn travel(problem: &Problem, technician: &Technician, route: &PlannedRoute) -> i64 {
    let (matrix, weights) = (problem.matrix(technician), problem.weights());
    let stops = route.stops.iter().map(|stop| problem.visits()[stop.visit as usize].place);
    let places: Vec<u32> = technician.start.into_iter().chain(stops).chain(technician.end).collect();
    let cost = |leg: &[u32]| {
        matrix.duration(leg[0], leg[1]) * weights.travel_time
            + matrix.distance(leg[0], leg[1]) * weights.travel_distance
    };
    places.windows(2).map(cost).sum()
}

fn add_lateness(problem: &Problem, visit: &Visit, begin: i64, costs: &mut Costs) {
    let weights = problem.weights();
    if let Some(wish) = visit.windows.last().filter(|window| window.firmness == Firmness::Wish) {
        costs.window_lateness += (begin - wish.until).max(0) * weights.window_lateness;
    }
    if let Some(due) = visit.due {
        costs.sla_lateness += (begin - due).max(0) * (weights.sla_lateness << visit.priority);
    }
}

fn add_match(problem: &Problem, visit: &Visit, technician: &Technician, who: u32, costs: &mut Costs) {
    let weights = problem.weights();
    let spare = |held: &crate::routing::problem::Skill| {
        let need = visit.skills.iter().find(|need| need.skill == held.skill);
        need.map_or(1, |need| i64::from(held.level.saturating_sub(need.level)))
    };
    costs.over_qualification += technician.skills.iter().map(spare).sum::<i64>() * weights.over_qualification;
    costs.scarcity += super::ground::scarcity(problem, visit, technician, who);
    if !visit.preferred.is_empty() && !visit.preferred.contains(&who) {
        costs.preference += weights.preference;
    }
    if visit.told.is_some_and(|told| told != who) {
        costs.instability += weights.instability;
    }
}
