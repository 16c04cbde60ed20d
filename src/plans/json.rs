//! A plan as the JSON that `callout route solve` answers with.

use super::Job;
use crate::routing::{
    Solution,
    problem::{Plan, PlannedRoute, Unserved},
};
use serde_json::{Value, json};

/// The contract's members first, then the schedule and the terms. Costs are in whole units.
#[must_use]
pub fn answer(job: &Job, solution: &Solution, wall_s: f64) -> Value {
    let plan = &solution.plan;
    let ids = |route: &PlannedRoute| route.stops.iter().map(|stop| id(job, stop.visit)).collect::<Vec<_>>();
    let terms: serde_json::Map<String, Value> =
        plan.costs.named().iter().map(|(name, cost)| ((*name).to_owned(), thousandths(*cost))).collect();
    json!({
        "cost": thousandths(plan.costs.total()),
        "distance": distance(job, plan),
        "vehicles": plan.routes.len(),
        "unserved": plan.unserved.iter().map(|unserved| left_out(job, unserved)).collect::<Vec<_>>(),
        "routes": plan.routes.iter().map(ids).collect::<Vec<_>>(),
        "iterations": solution.rounds,
        "wall_s": wall_s,
        "terms": terms,
        "schedule": plan.routes.iter().map(|route| schedule(job, route)).collect::<Vec<_>>(),
    })
}

fn thousandths(cost: i64) -> Value {
    json!(cost as f64 / 1_000.0)
}

/// An id as it was written: a number stays one.
fn id(job: &Job, visit: u32) -> Value {
    let id = &job.problem.visits()[visit as usize].id;
    id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number))
}

/// Of all drives, in the units of the input.
fn distance(job: &Job, plan: &Plan) -> f64 {
    let of_route = |route: &PlannedRoute| {
        let technician = &job.problem.technicians()[route.technician as usize];
        let stops = route.stops.iter().map(|stop| job.problem.visits()[stop.visit as usize].place);
        let places: Vec<u32> = technician.start.into_iter().chain(stops).chain(technician.end).collect();
        let matrix = job.problem.matrix(technician);
        places.windows(2).map(|leg| matrix.distance(leg[0], leg[1])).sum::<i64>()
    };
    plan.routes.iter().map(of_route).sum::<i64>() as f64 / job.distance_unit
}

fn left_out(job: &Job, unserved: &Unserved) -> Value {
    let reason = |(rule, technicians): &(crate::routing::problem::Rule, Vec<u32>)| {
        let who: Vec<&str> =
            technicians.iter().map(|who| job.problem.technicians()[*who as usize].id.as_str()).collect();
        json!({ "rule": rule.name(), "technicians": who })
    };
    json!({
        "visit": id(job, unserved.visit),
        "reasons": unserved.reasons.iter().map(reason).collect::<Vec<_>>(),
    })
}

fn schedule(job: &Job, route: &PlannedRoute) -> Value {
    let stop = |stop: &crate::routing::problem::PlannedStop| json!({ "visit": id(job, stop.visit), "arrive": stop.arrive, "begin": stop.begin, "leave": stop.leave });
    json!({
        "technician": job.problem.technicians()[route.technician as usize].id,
        "stops": route.stops.iter().map(stop).collect::<Vec<_>>(),
        "breaks": route.breaks,
        "home": route.home,
    })
}
