//! One auction round: some visits, the experts asked, what they bid, whom it goes to. Pure.

use super::super::expert::{Asked, Bids};
use super::{planning::Planning, queue::Scope};
use crate::{
    domain::{
        decision::{Bid, Candidate, Decision, Kept, Planned, Policy, Rule, Verdict},
        expert::Expert,
        ids::{ExpertId, TicketNumber, Version},
        person::Private,
        place::Place,
        region::Region,
        route::Route,
        time::Timestamp,
    },
    routing::{self, Drives, Square, live::Due},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(super) struct Round {
    pub(super) id: u64,
    /// What `now` was in its requests: bids, plans and records are all as of this moment (P8).
    pub(super) at: Timestamp,
    pub(super) scope: Scope,
    /// What a server had said of the region's drives by then: all of the round is judged by it.
    pub(super) square: Option<Arc<Square>>,
    pub(super) contests: Vec<Contest>,
    /// Asked and not yet answered.
    pub(super) awaited: BTreeSet<ExpertId>,
    /// Commands sent and not yet answered.
    pub(super) pending: BTreeSet<TicketNumber>,
    pub(super) deadline: Option<tokio::task::AbortHandle>,
    /// A profile changed meanwhile, or somebody wants all tried again.
    pub(super) overtaken: bool,
}

/// Who may win a contest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tender {
    /// Whoever bids least.
    Open,
    /// Whom the plan has for it, as long as their route is still the one that was planned with.
    Planned(Due),
    /// Nobody: the plan serves others. Held to say why.
    LeftOut,
}

pub(super) struct Contest {
    pub(super) tender: Tender,
    pub(super) asked: Arc<Asked>,
    pub(super) ticket_version: Version,
    /// By expert; who does not answer in time keeps `NoAnswer`.
    pub(super) verdicts: BTreeMap<ExpertId, Heard>,
    /// Experts the index ruled out without asking, by rule.
    pub(super) ruled_out: BTreeMap<Rule, u32>,
}

pub(super) struct Heard {
    pub(super) profile: Option<Arc<Expert>>,
    pub(super) route: Option<Arc<Route>>,
    pub(super) position: Option<Place>,
    pub(super) verdict: Result<Bid, Rule>,
    /// The bid does not count: the plan has them for something else.
    pub(super) kept: Option<Kept>,
}

/// What becomes of one contest.
pub(super) enum Outcome<'a> {
    Award {
        expert: &'a ExpertId,
        bid: &'a Bid,
    },
    /// The best one won another visit in this round: ask again in the next.
    Later,
    /// The plan it rests on has moved.
    Stale,
    Nobody,
}

impl Round {
    /// True when that was the last answer awaited.
    pub(super) fn hear(&mut self, bids: Bids) -> bool {
        let expert = bids.profile.id.clone();
        if !self.awaited.remove(&expert) {
            return false;
        }
        for (contest, verdict) in self.contests.iter_mut().zip(bids.verdicts) {
            let heard = Heard {
                profile: Some(bids.profile.clone()),
                route: Some(bids.route.clone()),
                position: bids.position,
                verdict,
                kept: None,
            };
            contest.verdicts.insert(expert.clone(), heard);
        }
        self.awaited.is_empty()
    }
}

impl Contest {
    /// All bids are in: those whom the plan has other work for are out, and it is on record why.
    pub(super) fn keep_to_plan(&mut self, planning: &Planning) {
        let due = match &self.tender {
            Tender::Open => return,
            Tender::Planned(due) => Some(due),
            Tender::LeftOut => None,
        };
        for (expert, heard) in &mut self.verdicts {
            if heard.verdict.is_ok() && due.is_none_or(|due| due.expert != *expert) {
                heard.kept = Some(planning.kept(expert, heard.route.as_deref(), due));
            }
        }
    }

    pub(super) fn outcome(&self, taken: &BTreeSet<ExpertId>) -> Outcome<'_> {
        if let Tender::Planned(due) = &self.tender {
            let route = self.verdicts.get(&due.expert).and_then(|heard| heard.route.as_ref());
            if route.is_none_or(|route| route.version != due.route_version) {
                return Outcome::Stale;
            }
        }
        let bidding = self.verdicts.iter().filter(|(_, heard)| heard.kept.is_none());
        let bids = bidding.filter_map(|(expert, heard)| Some((expert, heard.verdict.as_ref().ok()?)));
        match routing::choose(bids) {
            None => Outcome::Nobody,
            Some((expert, _)) if taken.contains(expert) => Outcome::Later,
            Some((expert, bid)) => Outcome::Award { expert, bid },
        }
    }

    /// How many experts each rule excluded.
    pub(super) fn rules(&self) -> BTreeMap<Rule, u32> {
        let mut rules = self.ruled_out.clone();
        for heard in self.verdicts.values() {
            let kept = heard.kept.as_ref().map(|_| Rule::Planned);
            if let Some(rule) = heard.verdict.as_ref().err().copied().or(kept) {
                *rules.entry(rule).or_default() += 1;
            }
        }
        rules
    }

    fn plan(&self) -> Option<Planned> {
        match &self.tender {
            Tender::Planned(due) => Some(Planned { expert: due.expert.clone(), route_version: due.route_version }),
            Tender::Open | Tender::LeftOut => None,
        }
    }

    /// All between which somebody would drive who was judged by times.
    fn places(&self) -> impl Iterator<Item = Place> {
        let timed = self
            .verdicts
            .values()
            .filter(|heard| matches!(heard.verdict, Ok(_) | Err(Rule::ShiftEnd | Rule::Window | Rule::Planned)));
        let of = |heard: &Heard| driven(heard.profile.as_deref(), heard.route.as_deref(), heard.position);
        timed.flat_map(of)
    }

    /// The record of this choice.
    pub(super) fn decision(
        &self,
        winner: Option<&ExpertId>,
        region: &Region,
        policy: Policy,
        drives: Drives<'_>,
        at: Timestamp,
    ) -> Decision {
        let spec = &self.asked.spec;
        let position = |heard: &Heard| {
            let (profile, place) = (heard.profile.as_ref()?, heard.position?);
            Some(Private::new(profile.person(), place))
        };
        let candidate = |(expert, heard): (&ExpertId, &Heard)| Candidate {
            expert: expert.clone(),
            profile_version: heard.profile.as_ref().map_or(0, |p| p.version),
            route_version: heard.route.as_ref().map_or(0, |r| r.version),
            position: position(heard),
            verdict: match (&heard.verdict, &heard.kept) {
                (Ok(bid), None) => Verdict::Bid(bid.clone()),
                (Ok(bid), Some(kept)) => Verdict::Kept(bid.clone(), kept.clone()),
                (Err(rule), _) => Verdict::Ruled(*rule),
            },
        };
        Decision {
            at,
            ticket_version: self.ticket_version,
            visit: spec.visit,
            region: region.id.clone(),
            region_version: region.version,
            policy,
            travel: drives.source(spec.place, self.places()),
            candidates: self.verdicts.iter().map(candidate).collect(),
            winner: winner.cloned(),
            second_round: self.asked.second_round,
            plan: self.plan(),
        }
    }
}

/// Where somebody with this route would drive from or to.
pub(super) fn driven(expert: Option<&Expert>, route: Option<&Route>, position: Option<Place>) -> Vec<Place> {
    let stops = route.into_iter().flat_map(|route| &route.stops);
    let anchor = route.and_then(|route| route.anchor.as_ref());
    let held = stops.map(|stop| &stop.place).chain(anchor.map(|anchor| &anchor.place));
    let held = held.filter_map(|place| place.known().copied());
    held.chain(expert.and_then(Expert::home)).chain(position).collect()
}
