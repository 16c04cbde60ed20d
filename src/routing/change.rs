//! Routes after something happened to them: a visit put in, a stop done or gone, the clock running on.
//!
//! Must hold: the other stops keep their order, all stops not yet started are re-timed and never
//! overlap (P5), the version stays that of the route it was made from. Never checks the hard rules.

use super::{
    Terms, VisitSpec,
    bid::stop,
    timing::{Origin, Overdue, Sequence, frozen, position_counts, timetable},
    working,
};
use crate::domain::{
    decision::Bid,
    expert::Expert,
    ids::{OfferNo, TicketNumber, VisitNo},
    person::Private,
    place::Place,
    route::{Anchor, Route, Stop, StopState},
    ticket::{RouteEffect, WindowKind},
    time::Timestamp,
};

/// What slides a plan back, and by how much: small enough to be honest, large enough not to churn.
const LATE: Overdue = Overdue { tolerance_s: 60, grace_s: 300 };

/// The route with the position that a bid was made from as its anchor, so that all its times start
/// there. Unchanged when the position does not count (off shift, or something is under way).
#[must_use]
pub fn anchored(route: &Route, expert: &Expert, position: Option<Place>, terms: &Terms<'_>) -> Route {
    let mut route = route.clone();
    let duty = working::duty(expert, terms);
    if let Some(position) = position.filter(|_| position_counts(&route, duty, terms.now)) {
        let at = Origin::of(expert, &route, duty, None, terms.now).ready;
        route.anchor = Some(Anchor { place: Private::new(expert.person(), position), at });
    }
    route
}

/// The route with the visit put in as a stop where the bid says, all later stops re-timed.
///
/// `offer` 0: assigned at once. `terms.now` must be the bid's; a bid made from a reported position
/// needs the route [`anchored`] there (the new stop never starts before the bid says, either way).
#[must_use]
pub fn insert(
    route: &Route,
    visit: &VisitSpec,
    bid: &Bid,
    offer: OfferNo,
    pinned: bool,
    expert: &Expert,
    terms: &Terms<'_>,
) -> Route {
    let stop = stop(visit, offer, pinned);
    let position = usize::from(bid.position).clamp(frozen(route.stops.iter()), route.stops.len());
    let duty = working::duty(expert, terms);
    let origin = Origin::of(expert, route, duty, None, terms.now);
    let stops = Sequence::of(&route.stops, origin, expert.home(), terms.drives)
        .with(position, &stop)
        .timed(terms.now, Overdue::STRICT, Some((position, bid.start)))
        .stops();
    Route { stops, ..route.clone() }
}

/// The route after something happened to one of its stops; later stops re-timed, never overlapping.
/// None: nothing changes (no such stop, or accepted already).
///
/// Starting a stop that is not first moves it to the front: the expert chose another order. A stop they
/// were driving to is then merely assigned again; one they were at was left there and then.
#[must_use]
pub fn replan(
    route: &Route,
    ticket: TicketNumber,
    visit: VisitNo,
    effect: &RouteEffect,
    expert: &Expert,
    terms: &Terms<'_>,
) -> Option<Route> {
    if let RouteEffect::Put(route) = effect {
        return Some((**route).clone());
    }
    let index = route.stops.iter().position(|stop| stop.ticket == ticket && stop.visit == visit)?;
    let mut next = route.clone();
    let mut stop = next.stops.remove(index);
    match effect {
        // The caller inserts anew; a stop that is still here is kept.
        RouteEffect::Put(_) | RouteEffect::Restore => return None,
        RouteEffect::Rewindow(window) => {
            stop.window = *window;
            next.stops.insert(index, stop);
        }
        RouteEffect::Accept => {
            if stop.state != StopState::Offered {
                return None;
            }
            stop.state = StopState::Assigned;
            next.stops.insert(index, stop);
        }
        RouteEffect::Remove => {
            if stop.state == StopState::OnSite {
                next.free_at(&stop, terms.now);
            }
        }
        RouteEffect::Depart(at) => next.start(stop, StopState::EnRoute, *at, expert, terms),
        RouteEffect::Arrive(at) => next.start(stop, StopState::OnSite, *at, expert, terms),
        RouteEffect::Finish { at, served } => {
            next.free_at(&stop, *at);
            next.served += u32::from(*served);
        }
    }
    next.stops = timetable(&next, expert, terms, Overdue::STRICT).stops();
    Some(next)
}

/// The route re-timed because the clock overtook the plan: not departed yet departs now, what should be
/// over ends a little after now. None: still as planned, give or take a minute.
#[must_use]
pub fn slide(route: &Route, expert: &Expert, terms: &Terms<'_>) -> Option<Route> {
    let stops = timetable(route, expert, terms, LATE).stops();
    let apart = |a: Timestamp, b: Timestamp| a.since_ms(b).abs() > LATE.tolerance_s * 1_000;
    let moved = |(old, new): (&Stop, &Stop)| {
        apart(old.planned_start, new.planned_start) || apart(old.planned_end, new.planned_end)
    };
    let slid = route.stops.iter().zip(&stops).any(moved);
    slid.then(|| Route { stops, ..route.clone() })
}

/// The route re-timed because whoever is on the way gets there only at `arrival`, so much after the plan
/// that it would be re-timed if the clock had overtaken it. None: not so late, or nobody is on the way.
#[must_use]
pub fn delayed(route: &Route, arrival: Timestamp, expert: &Expert, terms: &Terms<'_>) -> Option<Route> {
    let mut next = route.clone();
    let stop = next.stops.iter_mut().find(|stop| stop.state == StopState::EnRoute)?;
    if arrival.since_s(stop.planned_start) <= LATE.grace_s {
        return None;
    }
    (stop.planned_start, stop.planned_end) = (arrival, arrival.plus_s(i64::from(stop.service_s)));
    next.stops = timetable(&next, expert, terms, LATE).stops();
    Some(next)
}

impl Route {
    /// The expert is known to be where this stop was, free since `at`. What is known later counts more.
    fn free_at(&mut self, stop: &Stop, at: Timestamp) {
        if self.anchor.as_ref().is_none_or(|anchor| anchor.at <= at) {
            self.anchor = Some(Anchor { place: stop.place.clone(), at });
        }
    }

    /// Puts a stop first among those not done and starts it (or takes it a step further).
    fn start(&mut self, mut stop: Stop, state: StopState, at: Timestamp, expert: &Expert, terms: &Terms<'_>) {
        let (from, free) = self.leave(at, expert, terms);
        let drive_s = match (from, stop.place.known()) {
            (Some(from), Some(to)) => terms.drives.drive_s(from, *to, at),
            (None, _) | (_, None) => 0,
        };
        let at = free.map_or(at, |free| free.max(at));
        if state == StopState::OnSite {
            let left = if stop.started() { stop.planned_depart } else { at.plus_s(-drive_s) };
            stop.planned_depart = free.map_or(left, |free| free.max(left)).min(at);
            stop.planned_start = at;
        } else {
            let promised = stop.window.filter(|window| window.kind == WindowKind::Promise);
            let arrival = at.plus_s(drive_s);
            stop.planned_depart = at;
            stop.planned_start = promised.map_or(arrival, |window| window.from.max(arrival));
        }
        stop.planned_end = stop.planned_start.plus_s(i64::from(stop.service_s));
        stop.state = state;
        self.stops.insert(frozen(self.stops.iter()), stop);
    }

    /// Ends what was under way at `at`. Returns where the expert set out from, and when they were free there.
    fn leave(&mut self, at: Timestamp, expert: &Expert, terms: &Terms<'_>) -> (Option<Place>, Option<Timestamp>) {
        for stop in &mut self.stops {
            match stop.state {
                StopState::EnRoute => stop.state = StopState::Assigned,
                StopState::OnSite => stop.planned_end = stop.planned_end.min(at).max(stop.planned_start),
                StopState::Offered | StopState::Assigned => {}
            }
        }
        self.stops.sort_by_key(|stop| !stop.started());
        let duty = working::duty(expert, terms);
        let since = duty.map_or(Timestamp(i64::MIN), |duty| duty.from);
        let anchor = self.anchor.as_ref().filter(|anchor| anchor.at >= since);
        let last = self.stops.iter().rfind(|stop| stop.started()).map(|stop| (&stop.place, stop.planned_end));
        let known = last.or(anchor.map(|anchor| (&anchor.place, anchor.at)));
        let place = known.and_then(|(place, _)| place.known().copied()).or_else(|| expert.home());
        (place, known.map(|(_, free)| free))
    }
}
