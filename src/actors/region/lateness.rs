//! Plans that the clock has overtaken, or that whoever is on the way cannot keep by where they are: re-timed,
//! so that a late stop slides those after it and the promises behind them show as at risk (P5).

use super::{Dispatcher, Msg, World};
use crate::{
    actors::{caller::Caller, shell::Address, ticket},
    domain::{
        fact::{Fact, State},
        ids::{ExpertId, Thing},
        route::{Route, RouteCause, RouteEvent, StopState},
        time::Timestamp,
    },
    routing::{self, Terms},
    storage::{Batch, Change, CommitError},
};
use std::sync::Arc;

/// A plan may be overtaken by this much before it is re-timed, and then again after this much more.
pub(super) const LATE_GRACE_S: i64 = 300;
/// A plan that was overtaken is expected to end [`LATE_GRACE_S`] from now, and looked at again that long after it.
const NEXT_LOOK_S: i64 = 2 * LATE_GRACE_S;
/// Routes re-timed in one turn: each is a commit, and others wait for the mailbox.
const PER_TURN: usize = 8;

impl Dispatcher {
    pub(super) fn set_alarm(&mut self, me: &Address<Msg>) {
        let Some((next, _)) = self.world.as_ref().and_then(|world| world.moments.first()) else { return };
        let next = *next;
        if self.alarm.as_ref().is_some_and(|(at, _)| *at <= next) {
            return;
        }
        if let Some((_, before)) = self.alarm.replace((next, me.send_at(next, Msg::Late))) {
            before.abort();
        }
    }

    /// Re-times the routes that the clock has overtaken.
    pub(super) async fn late(&mut self, me: &Address<Msg>) {
        self.alarm = None;
        let now = self.tree.clock.now();
        for _ in 0..PER_TURN {
            let Some(world) = &mut self.world else { return };
            let Some((at, expert)) = world.moments.first().cloned() else { break };
            if at > now {
                break;
            }
            world.moments.pop_first();
            world.moment_of.remove(&expert);
            self.slide(me, &expert, now).await;
        }
        self.set_alarm(me);
    }

    async fn slide(&mut self, me: &Address<Msg>, expert: &ExpertId, now: Timestamp) {
        let Some(world) = &mut self.world else { return };
        let Some((profile, _)) = world.experts.get(expert).cloned() else { return };
        let Some(route) = self.tree.store.route(expert) else { return };
        self.missing(me, &route, now);
        let Some(world) = &mut self.world else { return };
        let square = self.tree.square(&world.region);
        let terms = Terms {
            now,
            settings: &world.region.settings,
            policy: self.tree.options.policy,
            second_round: false,
            drives: self.tree.drives(&world.region, square.as_deref()),
        };
        let Some(next) = routing::slide(&route, &profile, &terms) else {
            // Late by less than is worth an event: look again later.
            world
                .watch(&route, now.since_s(route.stops.first().map_or(now, |s| s.planned_start)).max(0) + LATE_GRACE_S);
            return;
        };
        // The clock has overtaken it once; what would be too late at the next look is handed on while others can.
        self.rescue(me, &next, NEXT_LOOK_S);
        self.put(expert, route, next, now).await;
    }

    /// An earlier arrival than planned is shown, and changes no plan.
    pub(super) async fn drive(&mut self, expert: &ExpertId, now: Timestamp) {
        let Some(world) = &self.world else { return };
        let (Some((profile, _)), Some(route)) = (world.experts.get(expert), self.tree.store.route(expert)) else {
            return;
        };
        let stop = route.stops.iter().find(|stop| stop.state == StopState::EnRoute);
        let (Some(stop), Some(fix)) = (stop, self.tree.positions.of(expert)) else { return };
        let Some(place) = stop.place.known() else { return };
        let square = self.tree.square(&world.region);
        let terms = self.terms(&world.region, square.as_deref(), now, false);
        let arrival = routing::arrival(&fix, *place, stop.window, terms.drives, now);
        if let Some(next) = arrival.and_then(|arrival| routing::delayed(&route, arrival, profile, &terms)) {
            self.put(expert, route, next, now).await;
        }
    }

    async fn put(&self, expert: &ExpertId, route: Arc<Route>, next: Route, now: Timestamp) {
        let event = RouteEvent::Changed {
            cause: RouteCause::Late,
            stops: next.stops,
            anchor: next.anchor,
            served: next.served,
            region: self.id.clone(),
        };
        let thing = Thing::Route(expert.clone());
        let change = Change::new(self.id.clone(), thing, Some(State::Route(route)), vec![Fact::Route(event)]);
        let Ok(change) = change else { return };
        let caller = Caller::system();
        let mut envelope = ticket::envelope(&caller, now);
        // It follows from the route as it was, whoever changed it last.
        if let Ok(Some((seq, trace))) = self.tree.store.origin(&change.thing) {
            (envelope.cause, envelope.trace_id) = (Some(seq), trace);
        }
        let batch = Batch { envelope, changes: vec![change], guards: Vec::new(), claims: Vec::new() };
        // Whoever changed it first told us, or will.
        match ticket::commit(&self.tree, batch, &caller).await {
            Ok(_) | Err(CommitError::Conflict(_)) => {}
            Err(error) => tracing::warn!(%error, %expert, "a late route could not be re-timed"),
        }
    }
}

impl World {
    /// Notes when the clock overtakes this route.
    pub(super) fn watch(&mut self, route: &Route, grace_s: i64) {
        if let Some(before) = self.moment_of.remove(&route.expert) {
            self.moments.remove(&(before, route.expert.clone()));
        }
        let Some(stop) = route.stops.first() else { return };
        let planned = match stop.state {
            StopState::Offered => return,
            StopState::Assigned => stop.planned_depart,
            StopState::EnRoute => stop.planned_start,
            StopState::OnSite => stop.planned_end,
        };
        let moment = planned.plus_s(grace_s);
        self.moments.insert((moment, route.expert.clone()));
        self.moment_of.insert(route.expert.clone(), moment);
    }
}
