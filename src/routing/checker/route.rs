//! P5 over one route: an expert is at one place at a time, and gets there by driving.

use super::{Finding, Ground};
use crate::domain::route::{Route, Stop, StopState};

/// First overlap of two stops in planned times, travel included (P5).
#[must_use]
pub fn first_overlap(route: &Route, ground: &Ground<'_>) -> Option<(Stop, Stop)> {
    let pair = route.stops.windows(2).find(|pair| overlap(&pair[0], &pair[1], ground).is_some())?;
    Some((pair[0].clone(), pair[1].clone()))
}

/// Everything wrong with a route's times.
#[must_use]
pub fn check_route(route: &Route, ground: &Ground<'_>) -> Vec<Finding> {
    let alone = route.stops.iter().filter_map(disorder);
    let together = route.stops.windows(2).filter_map(|pair| overlap(&pair[0], &pair[1], ground));
    let finding =
        |detail| Finding { promise: "P5", thing: format!("route of {} v{}", route.expert, route.version), detail };
    alone.chain(together).map(finding).collect()
}

/// How two neighbours cannot both be true. That an expert has arrived is a fact, however fast.
fn overlap(before: &Stop, after: &Stop, ground: &Ground<'_>) -> Option<String> {
    let (a, b) = (before.ticket, after.ticket);
    if after.planned_depart < before.planned_end {
        return Some(format!("leaves for {b} at {} before {a} ends at {}", after.planned_depart, before.planned_end));
    }
    let needed_s = ground.drive_s(
        before.place.known().copied(),
        after.place.known().copied(),
        before.planned_end,
        after.planned_depart,
    );
    let given_s = after.planned_start.since_ms(after.planned_depart) as f64 / 1_000.0;
    let arrived = after.state == StopState::OnSite;
    (!arrived && given_s < needed_s).then(|| format!("{given_s:.0} s from {a} to {b}, which takes {needed_s:.0} s"))
}

fn disorder(stop: &Stop) -> Option<String> {
    let (depart, start, end) = (stop.planned_depart, stop.planned_start, stop.planned_end);
    if depart > start || start > end {
        return Some(format!("{} departs {depart}, starts {start}, ends {end}", stop.ticket));
    }
    let served_ms = end.since_ms(start);
    let hurried = stop.state != StopState::OnSite && served_ms < i64::from(stop.service_s) * 1_000;
    hurried.then(|| format!("{} is given {served_ms} ms for {} s of service", stop.ticket, stop.service_s))
}
