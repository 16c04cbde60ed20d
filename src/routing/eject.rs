//! Ejection: a visit that fits into no route takes the place of one that can wait or go elsewhere.
//!
//! Must hold: what is ejected was neither started nor pinned nor put there by force, and is less urgent; it goes to
//! somebody who begins it inside its promised window, and by its due time or no later than was planned. A chain of
//! one: whoever takes it ejects nobody.

use super::{Terms, VisitSpec, bid, timing::frozen};
use crate::domain::{
    decision::Bid,
    expert::Expert,
    ids::{ExpertId, TicketNumber},
    route::{Route, Stop},
};
use std::collections::BTreeMap;

/// A stop that would have to go, and the bid that becomes possible without it.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    pub stop: Stop,
    /// Of the visit, in the route without the stop.
    pub bid: Bid,
}

/// Who makes room for a visit, with what, and who takes that over.
#[derive(Clone, Debug, PartialEq)]
pub struct Ejection {
    pub expert: ExpertId,
    pub opening: Opening,
    pub taker: ExpertId,
    /// Of the ejected visit, in the taker's route.
    pub taken: Bid,
}

/// May go to somebody else without breaking what anybody decided by hand.
#[must_use]
pub fn movable(stop: &Stop) -> bool {
    !stop.started() && !stop.pinned && !stop.forced && stop.place.known().is_some()
}

/// All stops of one route without which `visit` would fit, the cheapest bid first.
#[must_use]
pub fn openings(visit: &VisitSpec, expert: &Expert, route: &Route, terms: &Terms<'_>) -> Vec<Opening> {
    let less = |stop: &Stop| movable(stop) && stop.urgency < visit.urgency;
    let mut found: Vec<Opening> = (frozen(&route.stops)..route.stops.len())
        .filter(|index| less(&route.stops[*index]))
        .filter_map(|index| {
            let mut without = route.clone();
            let stop = without.stops.remove(index);
            Some(Opening { stop, bid: bid(visit, expert, &without, None, terms).ok()? })
        })
        .collect();
    found.sort_by_key(|found| (found.bid.cost.total(), found.stop.ticket));
    found
}

/// The cheapest of `crew` who begins `held`, now planned as `stop` elsewhere, as was promised.
#[must_use]
pub fn taker<'a>(
    held: &VisitSpec,
    stop: &Stop,
    crew: impl Iterator<Item = (&'a Expert, &'a Route)>,
    terms: &Terms<'_>,
) -> Option<(ExpertId, Bid)> {
    let terms = &Terms { second_round: false, ..*terms };
    let latest = stop.planned_start.max(held.due);
    let bids =
        crew.filter_map(|(expert, route)| Some((expert.id.clone(), bid(held, expert, route, None, terms).ok()?)));
    bids.filter(|(_, bid)| bid.start <= latest).min_by_key(|(expert, bid)| (bid.cost.total(), expert.clone()))
}

/// The cheapest way to have `visit` served by moving one other visit; `held` are those that may be moved.
#[must_use]
pub fn ejection<'a>(
    visit: &VisitSpec,
    crew: impl Iterator<Item = (&'a Expert, &'a Route)> + Clone,
    held: &BTreeMap<TicketNumber, VisitSpec>,
    terms: &Terms<'_>,
) -> Option<Ejection> {
    let tried = crew.clone().flat_map(|(expert, route)| {
        let found = openings(visit, expert, route, terms).into_iter();
        found.map(move |opening| (expert, opening))
    });
    let whole = tried.filter_map(|(expert, opening)| {
        let others = crew.clone().filter(|(other, _)| other.id != expert.id);
        let (taker, taken) = taker(held.get(&opening.stop.ticket)?, &opening.stop, others, terms)?;
        Some(Ejection { expert: expert.id.clone(), opening, taker, taken })
    });
    whole.min_by_key(|e| (e.opening.bid.cost.total() + e.taken.cost.total(), e.expert.clone(), e.opening.stop.ticket))
}
