//! The promises that can be checked, as functions over folded state: audit, simulation and crash
//! tests all call these. They look at what is stored and nothing else; they share no code with
//! what decides.
//!
//! P2 conserved, P3 single, P4 qualified, P5 unhurried, P6 on time (docs/ARCHITECTURE.md).

use super::{
    decision::{Decision, Verdict},
    ids::{ExpertId, RegionId, TicketNumber},
    route::{Route, Stop, StopState},
    ticket::{Phase, Step, Ticket, TicketEvent, Timer, TimerKind},
    time::Timestamp,
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, sync::Arc};

#[cfg(test)]
mod tests;

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// `"P2"` and so on.
    pub promise: &'static str,
    pub thing: String,
    pub detail: String,
}

impl Violation {
    #[must_use]
    pub fn new(promise: &'static str, thing: &(impl fmt::Display + ?Sized), detail: impl Into<String>) -> Self {
        Self { promise, thing: thing.to_string(), detail: detail.into() }
    }
}

pub type Tickets = BTreeMap<TicketNumber, Arc<Ticket>>;
pub type Routes = BTreeMap<ExpertId, Arc<Route>>;

/// P2 for one ticket: its region exists, and phase, step, visit and hold fit together.
#[must_use]
pub fn conserved(ticket: &Ticket, region_exists: impl Fn(&RegionId) -> bool) -> Vec<Violation> {
    let visit = &ticket.visit;
    let (offered, held) = (visit.offer.is_some(), visit.expert.is_some());
    let visit_fits = match ticket.phase {
        Phase::Assigning => offered && held,
        Phase::Assigned | Phase::InProgress => held && !offered,
        Phase::New | Phase::Reopened | Phase::OnHold | Phase::Completed | Phase::Closed | Phase::Cancelled => {
            !held && !offered
        }
    };
    let step_fits = match ticket.phase {
        Phase::InProgress => ticket.step.is_some(),
        Phase::New
        | Phase::Assigning
        | Phase::Assigned
        | Phase::Completed
        | Phase::Closed
        | Phase::Reopened
        | Phase::Cancelled
        | Phase::OnHold => ticket.step.is_none(),
    };
    let hold_fits = (ticket.phase == Phase::OnHold) == ticket.hold.is_some();
    let checks = [
        (region_exists(&ticket.region), "its region does not exist"),
        (visit_fits, "its phase does not fit who holds the visit"),
        (step_fits, "its phase does not fit its step"),
        (hold_fits, "its phase does not fit its hold"),
    ];
    let broken = checks.into_iter().filter(|(fits, _)| !fits);
    broken
        .map(|(_, what)| {
            Violation::new("P2", &ticket.number, format!("{what} ({}, {})", ticket.phase.name(), ticket.region))
        })
        .collect()
}

/// P3, both ways: every held visit is one stop of its expert's route, and every stop is a held visit.
#[must_use]
pub fn single(tickets: &Tickets, routes: &Routes) -> Vec<Violation> {
    let mut found = Vec::new();
    for ticket in tickets.values() {
        found.extend(held_once(ticket, |expert| routes.get(expert).map(|route| &**route)));
    }
    for route in routes.values() {
        found.extend(stops_held(route, |number| tickets.get(&number).map(|ticket| &**ticket)));
    }
    found
}

/// P3 from the ticket's side.
pub fn held_once<'a>(ticket: &Ticket, route: impl FnOnce(&ExpertId) -> Option<&'a Route>) -> Option<Violation> {
    let visit = &ticket.visit;
    let expert = visit.expert.as_ref()?;
    let here = |stop: &&Stop| stop.ticket == ticket.number;
    let stops: Vec<&Stop> = route(expert).map(|route| route.stops.iter().filter(here).collect()).unwrap_or_default();
    let wrong =
        |what: &str| Some(Violation::new("P3", &ticket.number, format!("visit {} of {expert}: {what}", visit.no)));
    match stops.as_slice() {
        [] => wrong("no stop in the route"),
        [stop] if stop.visit != visit.no => wrong("the route's stop is of another visit"),
        [stop] if !fits(ticket, stop) => wrong("the route's stop is in another state"),
        [_] => None,
        [_, _, ..] => wrong("more than one stop in the route"),
    }
}

fn fits(ticket: &Ticket, stop: &Stop) -> bool {
    match (ticket.phase, ticket.step, stop.state) {
        (Phase::Assigning, _, StopState::Offered)
        | (Phase::Assigned, _, StopState::Assigned)
        | (Phase::InProgress, Some(Step::EnRoute), StopState::EnRoute)
        | (Phase::InProgress, Some(Step::OnSite), StopState::OnSite) => true,
        (_, _, StopState::Offered | StopState::Assigned | StopState::EnRoute | StopState::OnSite) => false,
    }
}

/// P3 from the route's side.
pub fn stops_held<'a>(route: &Route, ticket: impl Fn(TicketNumber) -> Option<&'a Ticket>) -> Vec<Violation> {
    let held = |stop: &&Stop| {
        let visit = ticket(stop.ticket).map(|ticket| &ticket.visit);
        visit.is_some_and(|visit| visit.no == stop.visit && visit.expert.as_ref() == Some(&route.expert))
    };
    let loose = route.stops.iter().filter(|stop| !held(stop));
    let name = format!("route of {}", route.expert);
    loose
        .map(|stop| {
            Violation::new("P3", &name, format!("holds visit {} of {}, which is not theirs", stop.visit, stop.ticket))
        })
        .collect()
}

/// P4 over one batch of a ticket's events: what the router offered is what its decision chose, by a
/// bid that broke no rule. Offers that a person made, with a reason, are theirs to answer for.
#[must_use]
pub fn qualified(number: TicketNumber, events: &[&TicketEvent]) -> Vec<Violation> {
    let mut decision = None;
    let mut found = Vec::new();
    for event in events {
        if let TicketEvent::Decided(decided) = event {
            decision = Some(&**decided);
        } else if let TicketEvent::Offered { expert, reason: None, .. } = event
            && let Some(what) = unfounded(expert, decision)
        {
            found.push(Violation::new("P4", &number, format!("offered to {expert} {what}")));
        }
    }
    found
}

fn unfounded(expert: &ExpertId, decision: Option<&Decision>) -> Option<String> {
    let Some(decision) = decision else { return Some("without a decision on record".into()) };
    if decision.winner.as_ref() != Some(expert) {
        return Some("but the decision chose another".into());
    }
    match decision.candidates.iter().find(|candidate| candidate.expert == *expert).map(|found| &found.verdict) {
        Some(Verdict::Bid(_)) => None,
        Some(Verdict::Kept(..)) => Some("although the plan keeps them for something else".into()),
        Some(Verdict::Ruled(rule)) => Some(format!("although ruled out: {}", rule.name())),
        None => Some("who was no candidate".into()),
    }
}

/// P5 for one version of a route: stops in order, none before the one before has ended. `overlap`
/// checks with travel: the first pair that cannot both be true.
#[must_use]
pub fn unhurried(route: &Route, overlap: impl FnOnce(&Route) -> Option<(Stop, Stop)>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut wrong = |detail: String| {
        found.push(Violation::new("P5", &format!("route of {} v{}", route.expert, route.version), detail));
    };
    for stop in &route.stops {
        if stop.planned_depart > stop.planned_start || stop.planned_start > stop.planned_end {
            wrong(format!("{} leaves, begins and ends out of order", stop.ticket));
        }
    }
    for pair in route.stops.windows(2) {
        if pair[1].planned_start < pair[0].planned_end {
            wrong(format!("{} begins before {} ends", pair[1].ticket, pair[0].ticket));
        }
    }
    if let Some((before, after)) = overlap(route) {
        wrong(format!("{} cannot be reached in time after {}", after.ticket, before.ticket));
    }
    found
}

/// P6: no deadline of this state has been due for longer than `bound_s` at `now`.
#[must_use]
pub fn on_time(ticket: &Ticket, now: Timestamp, bound_s: i64) -> Vec<Violation> {
    // Messages to customers keep the pace of their gateway; they are owed, but promised for no moment.
    let promised = |timer: &Timer| !matches!(timer.kind, TimerKind::Notice(_));
    let overdue = ticket.timers().into_iter().filter(promised).filter(|timer| now.since_s(timer.due) > bound_s);
    overdue
        .map(|timer| Violation::new("P6", &ticket.number, format!("{:?} was due {}", timer.kind, timer.due)))
        .collect()
}
