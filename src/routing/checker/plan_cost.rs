//! The cost of a plan by term, computed anew, and compared with what the plan says.

use super::plan::{Breach, breach};
use crate::routing::problem::{Costs, Firmness, Plan, PlannedRoute, Problem};

/// One breach per term that is not what the plan says.
pub(super) fn check(problem: &Problem, plan: &Plan, breaches: &mut Vec<Breach>) {
    let costs = costs(problem, plan);
    for ((term, computed), (_, said)) in costs.named().into_iter().zip(plan.costs.named()) {
        if computed != said {
            breaches.push(breach("cost", term, format!("is {computed}, not {said}")));
        }
    }
}

fn costs(problem: &Problem, plan: &Plan) -> Costs {
    let (weights, visits) = (problem.weights(), problem.visits());
    let mut costs = Costs { routes: plan.routes.len() as i64 * weights.route, ..Costs::default() };
    for unserved in &plan.unserved {
        costs.unserved += visits[unserved.visit as usize].unserved.unwrap_or_default();
    }
    for route in &plan.routes {
        costs.travel += travel(problem, route);
        costs.load += (0..route.stops.len() as i64).sum::<i64>() * weights.load;
        let late = route.home - problem.technicians()[route.technician as usize].shift_until;
        if late > 0 {
            costs.overtime += late * weights.overtime;
        }
        for stop in &route.stops {
            add_lateness(problem, stop.visit, stop.begin, &mut costs);
            add_match(problem, stop.visit, route.technician, &mut costs);
        }
    }
    costs
}

fn travel(problem: &Problem, route: &PlannedRoute) -> i64 {
    let technician = &problem.technicians()[route.technician as usize];
    let matrix = &problem.profiles()[technician.profile as usize];
    let mut sum = 0;
    let mut from = technician.start;
    let stops = route.stops.iter().map(|stop| Some(problem.visits()[stop.visit as usize].place));
    for to in stops.chain([technician.end]) {
        if let (Some(from), Some(to)) = (from, to) {
            let cell = from as usize * matrix.size as usize + to as usize;
            sum += matrix.durations[cell] * problem.weights().travel_time;
            sum += matrix.distances[cell] * problem.weights().travel_distance;
        }
        from = to;
    }
    sum
}

fn add_lateness(problem: &Problem, visit: u32, begin: i64, costs: &mut Costs) {
    let (visit, weights) = (&problem.visits()[visit as usize], problem.weights());
    match visit.windows.last() {
        Some(last) if last.firmness == Firmness::Wish && begin > last.until => {
            costs.window_lateness += (begin - last.until) * weights.window_lateness;
        }
        _ => {}
    }
    match visit.due {
        Some(due) if begin > due => {
            costs.sla_lateness += (begin - due) * weights.sla_lateness * [1, 2, 4, 8][visit.priority as usize];
        }
        _ => {}
    }
}

fn add_match(problem: &Problem, visit: u32, who: u32, costs: &mut Costs) {
    let (visit, weights) = (&problem.visits()[visit as usize], problem.weights());
    for held in &problem.technicians()[who as usize].skills {
        let need = visit.skills.iter().find(|need| need.skill == held.skill);
        let spare = need.map_or(1, |need| i64::from(held.level) - i64::from(need.level));
        costs.over_qualification += spare * weights.over_qualification;
    }
    let technician = &problem.technicians()[who as usize];
    let taken = technician.skills.iter().fold(0, |most, held| most.max(problem.price(held.skill)));
    let needed = visit.skills.iter().fold(0, |most, need| most.max(problem.price(need.skill)));
    let takes = visit.durations.iter().find(|(whom, _)| *whom == who).map_or(visit.duration, |(_, own)| *own);
    if taken > needed {
        costs.scarcity += (taken - needed) * takes;
    }
    let disappointed = !visit.preferred.is_empty() && visit.preferred.iter().all(|wish| *wish != who);
    costs.preference += i64::from(disappointed) * weights.preference;
    let moved = visit.told.is_some() && visit.told != Some(who);
    costs.instability += i64::from(moved) * weights.instability;
}
