//! Who takes part in a plan, from where and when.
//!
//! Must hold: in a region that a plan can overlook everybody who works takes part. In a larger one, for a few
//! visits, those do to whom one of them alone would cost least: a plan for one visit must not ask five hundred routes.

use super::{
    Memory, Plan, Snapshot,
    draft::{ceil_s, weights},
    price::priority,
};
use crate::{
    domain::{expert::Expert, place::Place, route::Route, skill::first_unmet},
    routing::{
        Terms, VisitSpec,
        timing::{Origin, Overdue, Sequence},
    },
};
use std::collections::BTreeSet;

/// Experts whose shift begins later than this are planned with another time.
pub(super) const AHEAD_S: u32 = 12 * 3_600;
/// So many technicians are planned with anyway.
const MANY: usize = 64;
/// Of more than that, so many for each visit.
const NEAREST: usize = 16;

/// Somebody who could still work today: from where and when what was promised ends.
pub(super) struct Hand {
    /// In the snapshot's experts.
    pub(super) index: usize,
    pub(super) from: Place,
    pub(super) home: Place,
    pub(super) ready_s: i64,
    pub(super) until_s: i64,
}

/// In the order of the roster.
pub(super) fn crew(
    snapshot: &Snapshot,
    open: &[&VisitSpec],
    before: &Plan,
    memory: &mut Memory,
    terms: &Terms<'_>,
) -> Vec<Hand> {
    memory.keep(snapshot.experts.len());
    let picks = snapshot.experts.len() > MANY.max(open.len() * NEAREST);
    let wanted =
        |expert: &Expert| !picks || open.iter().any(|visit| able(expert, visit) && !barred(expert, visit, terms));
    let everybody = snapshot.experts.iter().enumerate().filter(|(_, (expert, _))| wanted(expert));
    let hands: Vec<Hand> =
        everybody.filter_map(|(index, (expert, route))| hand(index, expert, route, memory, terms)).collect();
    if picks && hands.len() > MANY { nearest(hands, snapshot, open, before, memory, terms) } else { hands }
}

/// None: off shift for long, no known home, or retired.
fn hand(index: usize, expert: &Expert, route: &Route, memory: &mut Memory, terms: &Terms<'_>) -> Option<Hand> {
    let home = expert.home().filter(|_| !expert.retired)?;
    let duty = memory.stretch(expert, terms.now, AHEAD_S)?;
    let origin = Origin::of(expert, route, Some(duty), None, terms.now);
    let table = Sequence::of(&route.stops, origin, Some(home), terms.drives).timed(terms.now, Overdue::STRICT, None);
    let free = table.times.last().map_or(origin.ready, |times| times.end);
    let from = table.sequence.last_place().or(origin.place.map(|known| known.place)).unwrap_or(home);
    let until_s = duty.to.since_s(terms.now);
    let ready_s = ceil_s(free.since_ms(terms.now)).max(0);
    (ready_s < until_s).then_some(Hand { index, from, home, ready_s, until_s })
}

/// To whom one of the visits, and nothing else, would cost least; and whoever has work by the plan before.
fn nearest(
    hands: Vec<Hand>,
    snapshot: &Snapshot,
    open: &[&VisitSpec],
    before: &Plan,
    memory: &mut Memory,
    terms: &Terms<'_>,
) -> Vec<Hand> {
    let weights = weights(terms.settings);
    let places: Vec<(u32, u32)> =
        hands.iter().map(|hand| (memory.number(hand.from), memory.number(hand.home))).collect();
    let mut kept = BTreeSet::new();
    for visit in open {
        let there = memory.number(visit.place);
        let wait = weights.sla_lateness << priority(visit.urgency);
        let mut cheapest: Vec<(i64, usize)> = Vec::new();
        for (hand, (from, home)) in hands.iter().zip(&places) {
            let expert = &snapshot.experts[hand.index].0;
            if able(expert, visit) && !barred(expert, visit, terms) {
                let (inward_s, homeward_s) =
                    (memory.drive_s(terms.drives, *from, there), memory.drive_s(terms.drives, there, *home));
                let waits_s = hand.ready_s + inward_s;
                cheapest.push((weights.travel_time * (inward_s + homeward_s) + wait * waits_s, hand.index));
            }
        }
        cheapest.sort_unstable();
        kept.extend(cheapest.into_iter().take(NEAREST).map(|(_, index)| index));
    }
    let planned = |hand: &Hand| before.get(&snapshot.experts[hand.index].0.id).is_some_and(|visits| !visits.is_empty());
    hands.into_iter().filter(|hand| kept.contains(&hand.index) || planned(hand)).collect()
}

fn able(expert: &Expert, visit: &VisitSpec) -> bool {
    first_unmet(&expert.skills, &visit.skills).is_none()
}

/// Has refused the visit, or lives out of its reach.
pub(super) fn barred(expert: &Expert, visit: &VisitSpec, terms: &Terms<'_>) -> bool {
    let refused = !terms.second_round && visit.refused_by.contains(&expert.id);
    refused || expert.home().is_none_or(|home| home.is_farther(visit.place, f64::from(terms.settings.reach_m)))
}
