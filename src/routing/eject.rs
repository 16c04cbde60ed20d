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
    place::Place,
    route::{Route, Stop},
};

/// Places that could be made for one visit and are looked at: an answer is wanted at once.
pub const TRIED: usize = 8;

/// Somebody with their route, and where they were seen last.
pub type Member<'a> = (&'a Expert, &'a Route, Option<Place>);

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
pub fn openings(
    visit: &VisitSpec,
    expert: &Expert,
    route: &Route,
    position: Option<Place>,
    terms: &Terms<'_>,
) -> Vec<Opening> {
    let less = |stop: &Stop| movable(stop) && stop.urgency < visit.urgency;
    let mut found: Vec<Opening> = (frozen(route.stops.iter())..route.stops.len())
        .filter(|index| less(&route.stops[*index]))
        .filter_map(|index| {
            let mut without = route.clone();
            let stop = without.stops.remove(index);
            Some(Opening { stop, bid: bid(visit, expert, &without, position, terms).ok()? })
        })
        .collect();
    found.sort_by_key(|found| (found.bid.cost.total(), found.stop.ticket));
    found
}

/// Whoever of `crew` takes `held`, now planned as `stop` elsewhere, at the least cost, if they begin it as was promised.
#[must_use]
pub fn taker<'a>(
    held: &VisitSpec,
    stop: &Stop,
    crew: impl Iterator<Item = Member<'a>>,
    terms: &Terms<'_>,
) -> Option<(ExpertId, Bid)> {
    let terms = &Terms { second_round: false, ..*terms };
    let bids = crew.filter_map(|(expert, route, position)| {
        Some((expert.id.clone(), bid(held, expert, route, position, terms).ok()?))
    });
    let cheapest = bids.min_by_key(|(expert, bid)| (bid.cost.total(), expert.clone()))?;
    (cheapest.1.start <= stop.planned_start.max(held.due)).then_some(cheapest)
}

/// The cheapest way to have `visit` served by moving one other visit: of the [`TRIED`] cheapest places that one could
/// make, those whose visit, as `held` has it, somebody else takes.
#[must_use]
pub fn ejection<'a>(
    visit: &VisitSpec,
    crew: &(impl Iterator<Item = Member<'a>> + Clone),
    held: impl Fn(TicketNumber) -> Option<VisitSpec>,
    terms: &Terms<'_>,
) -> Option<Ejection> {
    let mut tried: Vec<(ExpertId, Opening)> = Vec::new();
    for (expert, route, position) in crew.clone() {
        let found = openings(visit, expert, route, position, terms);
        tried.extend(found.into_iter().map(|opening| (expert.id.clone(), opening)));
    }
    tried.sort_by_key(|(expert, opening)| (opening.bid.cost.total(), expert.clone(), opening.stop.ticket));
    tried.truncate(TRIED);
    let whole = tried.into_iter().filter_map(|(expert, opening)| {
        let others = crew.clone().filter(|(other, ..)| other.id != expert);
        let (taker, taken) = taker(&held(opening.stop.ticket)?, &opening.stop, others, terms)?;
        Some(Ejection { expert, opening, taker, taken })
    });
    whole.min_by_key(|e| (e.opening.bid.cost.total() + e.taken.cost.total(), e.expert.clone(), e.opening.stop.ticket))
}
