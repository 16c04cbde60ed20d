//! The door for planners: a snapshot in, a proposal out that names what it was based on.
//!
//! Must hold: a proposal commits nothing and promises nothing; each move carries the versions that its
//! guards will ask for, so what went stale meanwhile is dropped, not forced. The planner behind the door
//! today is plain greedy insertion in order of urgency; a better one keeps these types.

use super::{Terms, VisitSpec, evaluate, insert};
use crate::domain::{
    decision::{Bid, Candidate, Rule, Verdict},
    expert::Expert,
    ids::{ExpertId, TicketNumber, Version, VisitNo},
    route::Route,
};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

/// A region as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub experts: Vec<(Arc<Expert>, Arc<Route>)>,
    /// Visits without an expert, each with its ticket's version.
    pub open: Vec<(VisitSpec, Version)>,
}

/// What a planner would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposal {
    /// In the order to commit them: a later move of the same expert builds on the earlier one.
    pub moves: Vec<Move>,
    pub unplaced: Vec<Unplaced>,
}

/// Give this visit to this expert, if nothing it was judged on has changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    pub ticket: TicketNumber,
    pub visit: VisitNo,
    pub expert: ExpertId,
    pub ticket_version: Version,
    pub profile_version: Version,
    /// Counts the proposal's own earlier moves of this expert.
    pub route_version: Version,
    pub bid: Bid,
}

/// A visit that nobody can take now, and how many experts each rule excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    pub ticket: TicketNumber,
    pub visit: VisitNo,
    pub ruled: Vec<(Rule, u32)>,
}

/// Places the open visits one by one, urgent and early due first, each at its cheapest insertion.
#[must_use]
pub fn propose(snapshot: &Snapshot, terms: &Terms<'_>) -> Proposal {
    let mut experts: BTreeMap<ExpertId, (Arc<Expert>, Arc<Route>)> =
        snapshot.experts.iter().map(|pair| (pair.0.id.clone(), pair.clone())).collect();
    let mut open: Vec<&(VisitSpec, Version)> = snapshot.open.iter().collect();
    open.sort_by_key(|(visit, _)| (Reverse(visit.urgency), visit.due, visit.opened_at, visit.ticket));
    let mut proposal = Proposal::default();
    for (visit, ticket_version) in open {
        let asked = experts.values().map(|(expert, route)| (&**expert, &**route, None));
        let evaluation = evaluate(visit, asked, terms);
        let won = evaluation.winner.as_ref().and_then(|winner| {
            let candidate = evaluation.candidates.iter().find(|candidate| candidate.expert == *winner)?;
            let Verdict::Bid(bid) = &candidate.verdict else { return None };
            Some((candidate, bid, experts.get_mut(winner)?))
        });
        let Some((candidate, bid, (expert, route))) = won else {
            proposal.unplaced.push(unplaced(visit, &evaluation.candidates));
            continue;
        };
        let mut next = insert(route, visit, bid, 0, false, expert, terms);
        next.version += 1;
        *route = Arc::new(next);
        proposal.moves.push(Move {
            ticket: visit.ticket,
            visit: visit.visit,
            expert: candidate.expert.clone(),
            ticket_version: *ticket_version,
            profile_version: candidate.profile_version,
            route_version: candidate.route_version,
            bid: bid.clone(),
        });
    }
    proposal
}

fn unplaced(visit: &VisitSpec, candidates: &[Candidate]) -> Unplaced {
    Unplaced { ticket: visit.ticket, visit: visit.visit, ruled: ruled(candidates) }
}

/// How many candidates each rule excluded, in the order of [`Rule`].
#[must_use]
pub fn ruled(candidates: &[Candidate]) -> Vec<(Rule, u32)> {
    let mut counts = BTreeMap::new();
    for candidate in candidates {
        match candidate.verdict {
            Verdict::Ruled(rule) => *counts.entry(rule).or_insert(0) += 1,
            Verdict::Kept(..) => *counts.entry(Rule::Planned).or_insert(0) += 1,
            Verdict::Bid(_) => {}
        }
    }
    counts.into_iter().collect()
}
