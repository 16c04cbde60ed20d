//! A whole choice: every candidate's verdict and the winner, and the same once more from the journal.
//!
//! Must hold: the same inputs give the same verdicts and the same winner (P8). A recheck recomputes all
//! terms; what was stored is only compared.

use super::{Drives, Terms, VisitSpec, bid, choose, timing::position_counts, working};
use crate::domain::{
    decision::{Candidate, Decision, Kept, Policy, Rule, Verdict},
    expert::Expert,
    ids::ExpertId,
    person::Private,
    place::Place,
    route::Route,
    settings::RegionSettings,
};
use std::sync::Arc;

/// Candidates sorted by expert id, as a [`Decision`] stores them.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub candidates: Vec<Candidate>,
    pub winner: Option<ExpertId>,
}

/// What recomputing a decision showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recheck {
    Same,
    Differs {
        /// The winner as recomputed; may be the one on record.
        winner: Option<ExpertId>,
        /// Whose verdict came out otherwise.
        verdicts: Vec<ExpertId>,
    },
    /// A place it was judged on was erased since.
    InputsErased,
    /// An expert or route at the version on record cannot be had.
    InputsUnavailable,
}

/// Asks every candidate: a pure auction. Positions count as in [`bid`], and are recorded when they did.
#[must_use]
pub fn evaluate<'a>(
    visit: &VisitSpec,
    candidates: impl Iterator<Item = (&'a Expert, &'a Route, Option<Place>)>,
    terms: &Terms<'_>,
) -> Evaluation {
    let mut candidates: Vec<Candidate> =
        candidates.map(|(expert, route, position)| candidate(visit, expert, route, position, terms)).collect();
    candidates.sort_by(|a, b| a.expert.cmp(&b.expert));
    let winner = winner(&candidates);
    Evaluation { candidates, winner }
}

/// One candidate's line in a decision.
#[must_use]
pub fn candidate(
    visit: &VisitSpec,
    expert: &Expert,
    route: &Route,
    position: Option<Place>,
    terms: &Terms<'_>,
) -> Candidate {
    let verdict = match bid(visit, expert, route, position, terms) {
        Ok(bid) => Verdict::Bid(bid),
        Err(rule) => Verdict::Ruled(rule),
    };
    let believed = |_: &Place| {
        let duty = working::stretch(expert, terms.now, terms.settings.before_shift_s).ok();
        timed(&verdict) && position_counts(route, duty, terms.now)
    };
    let position = position.filter(believed).map(|place| Private::new(expert.person(), place));
    Candidate {
        expert: expert.id.clone(),
        profile_version: expert.version,
        route_version: route.version,
        position,
        verdict,
    }
}

/// The verdict looked at times, so at where the expert was.
fn timed(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Bid(_) | Verdict::Kept(..) | Verdict::Ruled(Rule::ShiftEnd | Rule::Window) => true,
        Verdict::Ruled(
            Rule::Retired
            | Rule::Skill
            | Rule::Refused
            | Rule::Reach
            | Rule::Absent
            | Rule::OffShift
            | Rule::Capacity
            | Rule::NoAnswer
            | Rule::NoPlace
            | Rule::Planned,
        ) => false,
    }
}

/// The cheapest bid among candidates, ties by expert id.
#[must_use]
pub fn winner(candidates: &[Candidate]) -> Option<ExpertId> {
    let bids = candidates.iter().filter_map(|candidate| match &candidate.verdict {
        Verdict::Bid(bid) => Some((&candidate.expert, bid)),
        Verdict::Ruled(_) | Verdict::Kept(..) => None,
    });
    choose(bids).map(|(expert, _)| expert.clone())
}

/// Recomputes a decision. `visit` is the ticket's at `decision.ticket_version`, `settings` the region's
/// at `decision.region_version`, `drives` are by them too; `lookup` folds a candidate's profile and route to their versions.
///
/// What the plan was is taken from the record, and so is who did not answer in time: no journal can tell. The bids of
/// those whom it kept for something else are recomputed like all others, and the winner has to be whom it chose, with
/// the route that it was made with.
pub fn recheck(
    decision: &Decision,
    visit: &VisitSpec,
    lookup: impl Fn(&Candidate) -> Option<(Arc<Expert>, Arc<Route>)>,
    settings: &RegionSettings,
    drives: Drives<'_>,
) -> Recheck {
    let Decision { at: now, policy, second_round, .. } = *decision;
    let terms = Terms { now, settings, policy, second_round, drives };
    let (mut again, mut verdicts, mut erased) = (Vec::new(), Vec::new(), false);
    for stored in &decision.candidates {
        let Some((expert, route)) = lookup(stored) else { return Recheck::InputsUnavailable };
        let mut now = stored.clone();
        if !matches!(stored.verdict, Verdict::Ruled(Rule::NoAnswer | Rule::Planned)) {
            let position = stored.position.as_ref().and_then(|place| place.known().copied());
            now.verdict = match (bid(visit, &expert, &route, position, &terms), &stored.verdict) {
                (Ok(bid), Verdict::Kept(_, kept)) if keeps(decision, visit, stored, kept) => {
                    Verdict::Kept(bid, kept.clone())
                }
                (Ok(bid), _) => Verdict::Bid(bid),
                (Err(rule), _) => Verdict::Ruled(rule),
            };
        }
        if now.verdict != stored.verdict && holed(stored, &expert, &route) {
            erased = true;
        } else if now.verdict != stored.verdict {
            verdicts.push(stored.expert.clone());
        }
        again.push(now);
    }
    let winner = winner(&again).filter(|winner| chosen(decision, winner));
    match (verdicts.is_empty(), erased) {
        (true, true) => Recheck::InputsErased,
        (true, false) if winner == decision.winner => Recheck::Same,
        (true | false, _) => Recheck::Differs { winner, verdicts },
    }
}

/// A plan keeps nobody from the visit that it has for them, and nobody under another policy.
fn keeps(decision: &Decision, visit: &VisitSpec, candidate: &Candidate, kept: &Kept) -> bool {
    let for_it = decision.plan.as_ref().is_some_and(|plan| plan.expert == candidate.expert);
    decision.policy == Policy::Full && !for_it && kept.ticket != Some(visit.ticket)
}

/// Where there was a plan for the visit nobody else may win, nor with another route.
fn chosen(decision: &Decision, winner: &ExpertId) -> bool {
    let version = decision.candidates.iter().find(|candidate| candidate.expert == *winner).map(|won| won.route_version);
    decision.plan.as_ref().is_none_or(|plan| plan.expert == *winner && version == Some(plan.route_version))
}

/// Something the verdict may have rested on was erased.
fn holed(candidate: &Candidate, expert: &Expert, route: &Route) -> bool {
    expert.home().is_none()
        || candidate.position.as_ref().is_some_and(|place| place.known().is_none())
        || route.anchor.as_ref().is_some_and(|anchor| anchor.place.known().is_none())
        || route.stops.iter().any(|stop| stop.place.known().is_none())
}
