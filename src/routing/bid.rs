//! One expert's answer to "would you take this visit?": the cheapest insertion, or the first hard rule
//! that forbids it (P4). Rules are checked in the order of [`Rule`].

use super::{
    Terms, VisitSpec,
    cost::{cost, surplus},
    detour::Detour,
    timing::{Origin, Overdue, Sequence, Timetable},
    working,
};
use crate::domain::{
    decision::{Bid, Policy, Rule},
    expert::Expert,
    ids::{ExpertId, OfferNo},
    person::Private,
    place::Place,
    route::{Route, Stop, StopState},
    shift::Interval,
    skill::first_unmet,
    time::Timestamp,
};

/// The best insertion of a visit into an expert's route: every position after what is under way is tried.
///
/// `position`: the last report of where they are; believed only on shift with nothing under way.
///
/// # Errors
/// The first hard rule broken. When no position in the route keeps the time rules, the one that the
/// cheapest position breaks.
pub fn bid(
    visit: &VisitSpec,
    expert: &Expert,
    route: &Route,
    position: Option<Place>,
    terms: &Terms<'_>,
) -> Result<Bid, Rule> {
    let duty = able(visit, expert, route, terms)?;
    let (base, stop) = (base(expert, route, position, duty, terms), stop(visit, 0, false));
    let (bid, broken) = cheapest(visit, expert, &base, &stop, duty, terms).ok_or(Rule::Capacity)?;
    broken.map_or(Ok(bid), Err)
}

/// The rules that look at no times of the route. Returns the stretch that it would be worked in.
pub(super) fn able(visit: &VisitSpec, expert: &Expert, route: &Route, terms: &Terms<'_>) -> Result<Interval, Rule> {
    eligible(visit, expert, terms)?;
    let duty = working::stretch(expert, terms.now, terms.settings.before_shift_s)?;
    if full(expert, route, terms) { Err(Rule::Capacity) } else { Ok(duty) }
}

/// The route as it is, timed from where the expert is or will be.
pub(super) fn base<'a>(
    expert: &Expert,
    route: &'a Route,
    position: Option<Place>,
    duty: Interval,
    terms: &Terms<'a>,
) -> Timetable<'a> {
    let origin = Origin::of(expert, route, Some(duty), position, terms.now);
    let sequence = Sequence::of(&route.stops, origin, expert.home(), terms.drives);
    sequence.timed(terms.now, Overdue::STRICT, None)
}

/// The cheapest position that keeps the time rules; if none does, the cheapest, and the rule that it breaks.
pub(super) fn cheapest(
    visit: &VisitSpec,
    expert: &Expert,
    base: &Timetable<'_>,
    stop: &Stop,
    duty: Interval,
    terms: &Terms<'_>,
) -> Option<(Bid, Option<Rule>)> {
    let surplus = surplus(visit, expert);
    base.detours(stop)
        .map(|detour| judged(&detour, surplus, base, Some(duty), terms))
        .min_by_key(|(bid, broken)| (broken.is_some(), bid.cost.total(), bid.position))
}

/// A forced insertion at the end of the route, whatever the rules say; names the first rule broken.
/// The caller marks the stop `forced` when one is.
#[must_use]
pub fn append(route: &Route, visit: &VisitSpec, expert: &Expert, terms: &Terms<'_>) -> (Bid, Option<Rule>) {
    let eligible = eligible(visit, expert, terms);
    let shift = working::stretch(expert, terms.now, terms.settings.before_shift_s);
    let duty = shift.ok().or_else(|| working::duty(expert, terms));
    let stop = stop(visit, 0, false);
    let origin = Origin::of(expert, route, duty, None, terms.now);
    let base = Sequence::of(&route.stops, origin, expert.home(), terms.drives).timed(terms.now, Overdue::STRICT, None);
    let last = base.last_detour(&stop);
    let (bid, late) = judged(&last, surplus(visit, expert), &base, duty, terms);
    let capacity = full(expert, route, terms).then_some(Rule::Capacity);
    (bid, eligible.err().or(shift.err()).or(capacity).or(late))
}

/// The cheapest of the bids, ties by expert id.
#[must_use]
pub fn choose<'a>(bids: impl Iterator<Item = (&'a ExpertId, &'a Bid)>) -> Option<(&'a ExpertId, &'a Bid)> {
    bids.min_by_key(|(expert, bid)| (bid.cost.total(), *expert))
}

/// The rules that look at the profile alone, whatever the time.
pub(super) fn eligible(visit: &VisitSpec, expert: &Expert, terms: &Terms<'_>) -> Result<(), Rule> {
    if expert.retired {
        return Err(Rule::Retired);
    }
    if first_unmet(&expert.skills, &visit.skills).is_some() {
        return Err(Rule::Skill);
    }
    if !terms.second_round && visit.refused_by.contains(&expert.id) {
        return Err(Rule::Refused);
    }
    let home = expert.home().ok_or(Rule::NoPlace)?;
    if home.is_farther(visit.place, f64::from(terms.settings.reach_m)) {
        return Err(Rule::Reach);
    }
    Ok(())
}

/// Holds as many visits as allowed.
fn full(expert: &Expert, route: &Route, terms: &Terms<'_>) -> bool {
    route.stops.len() >= usize::from(allowed(expert, terms))
}

/// How many visits they may hold; under the policy `nearest` only the free are asked.
pub(super) fn allowed(expert: &Expert, terms: &Terms<'_>) -> u8 {
    match terms.policy {
        Policy::Nearest => 1,
        Policy::Insertion | Policy::Full => expert.max_visits_ahead.unwrap_or(terms.settings.max_visits_ahead),
    }
}

/// The visit at one position: what it would cost, and the time rule it breaks.
fn judged(
    detour: &Detour,
    surplus: i64,
    base: &Timetable<'_>,
    duty: Option<Interval>,
    terms: &Terms<'_>,
) -> (Bid, Option<Rule>) {
    let bid = Bid {
        position: u16::try_from(detour.position).unwrap_or(u16::MAX),
        depart: detour.times.depart,
        start: detour.times.start,
        end: detour.times.end,
        cost: cost(detour, surplus, base, duty, terms),
    };
    let latest = duty.map(|duty| duty.to.plus_s(i64::from(terms.settings.max_overtime_s)));
    let broken = if latest.is_some_and(|latest| detour.home_at > latest) {
        Some(Rule::ShiftEnd)
    } else {
        detour.missed.then_some(Rule::Window)
    };
    (bid, broken)
}

/// The visit as a stop, not yet timed. `offer` 0: assigned at once.
pub(super) fn stop(visit: &VisitSpec, offer: OfferNo, pinned: bool) -> Stop {
    Stop {
        ticket: visit.ticket,
        visit: visit.visit,
        offer,
        state: if offer == 0 { StopState::Assigned } else { StopState::Offered },
        place: Private::new(visit.person, visit.place),
        service_s: visit.service_s,
        window: visit.window,
        planned_depart: Timestamp::ZERO,
        planned_start: Timestamp::ZERO,
        planned_end: Timestamp::ZERO,
        pinned,
        forced: false,
        due: Some(visit.due),
        urgency: visit.urgency,
    }
}
