//! The expert actor: answers bid requests with the best insertion into its own route. Owns no truth:
//! profile and route are the store's, where its expert is stands in [`super::positions`].

use super::{
    region,
    shell::{Address, Crash, Handler},
    tree::Tree,
};
use crate::{
    domain::{
        decision::{Bid, Policy, Rule},
        expert::Expert,
        ids::{ExpertId, RegionId},
        place::Place,
        region::Region,
        route::Route,
        time::Timestamp,
    },
    routing::{self, Square, Terms, VisitSpec},
};
use std::sync::Arc;

pub(super) enum Msg {
    /// What would these visits cost you? Answered with [`region::Msg::Bids`].
    Bid(Arc<BidRequest>),
}

pub(super) struct BidRequest {
    pub(super) round: u64,
    /// The moment to judge as of.
    pub(super) at: Timestamp,
    /// Whose dispatcher asks.
    pub(super) asker: RegionId,
    /// Whose settings count for experts of that region; for others their own region's.
    pub(super) terms_of: Arc<Region>,
    /// And what a server had said of its drives when the round began.
    pub(super) square: Option<Arc<Square>>,
    pub(super) policy: Policy,
    pub(super) visits: Vec<Arc<Asked>>,
}

pub(super) struct Asked {
    pub(super) spec: VisitSpec,
    pub(super) second_round: bool,
}

/// One expert's answer to a [`BidRequest`], in the order of its visits.
pub(super) struct Bids {
    pub(super) round: u64,
    pub(super) profile: Arc<Expert>,
    pub(super) route: Arc<Route>,
    pub(super) position: Option<Place>,
    pub(super) verdicts: Vec<Result<Bid, Rule>>,
}

pub(super) struct ExpertActor {
    id: ExpertId,
    tree: Arc<Tree>,
}

impl Handler for ExpertActor {
    type Msg = Msg;

    async fn handle(&mut self, _: &Address<Msg>, msg: Msg) -> Result<(), Crash> {
        let Msg::Bid(request) = msg;
        self.bid(&request);
        Ok(())
    }
}

impl ExpertActor {
    pub(super) fn new(id: ExpertId, tree: Arc<Tree>) -> Self {
        Self { id, tree }
    }

    fn bid(&self, request: &BidRequest) {
        // From the store each time: a bid on what was true a moment ago is an award that fails.
        let (Some(profile), Some(route)) = (self.tree.store.expert(&self.id), self.tree.store.route(&self.id)) else {
            return;
        };
        let now = request.at;
        let known = self.tree.positions.of(&self.id);
        let position = known.filter(|fix| now.since_s(fix.at) <= routing::FRESH_S).map(|fix| fix.place);
        // A neighbour's visit is judged by the terms that it would be awarded by: those of whom it would be handed to.
        let own = (profile.region != request.terms_of.id).then(|| self.tree.store.region(&profile.region)).flatten();
        let square = own.as_ref().map_or_else(|| request.square.clone(), |region| self.tree.square(region));
        let terms_of = own.as_ref().unwrap_or(&request.terms_of);
        let verdict = |asked: &Arc<Asked>| {
            let terms = Terms {
                now,
                settings: &terms_of.settings,
                policy: request.policy,
                second_round: asked.second_round,
                drives: self.tree.drives(terms_of, square.as_deref()),
            };
            routing::bid(&asked.spec, &profile, &route, position, &terms)
        };
        let verdicts = request.visits.iter().map(verdict).collect();
        let bids = Bids { round: request.round, profile, route, position, verdicts };
        if let Some(asker) = self.tree.region(&request.asker) {
            asker.dispatcher.send(region::Msg::Bids(bids));
        }
    }
}

/// Sends to the expert's actor, starting it when needed.
pub(super) fn send(tree: &Arc<Tree>, id: &ExpertId, msg: Msg) -> Result<(), Crash> {
    let start = |supervisor: &ractor::ActorCell| {
        let actor = ExpertActor::new(id.clone(), tree.clone());
        super::shell::spawn(actor, super::pulse::Role::Expert(id.clone()), supervisor, tree)
    };
    tree.experts.send(id, msg, start).map(drop)
}
