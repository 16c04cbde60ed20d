//! The plan of the policy `router`: a planner gets a snapshot aside, what it finds due is put out to
//! tender in front, and everything else waits. The plan promises nothing and is made anew after a crash.
//!
//! Must hold: one planner at a time; no round is held on a plan that is known to be stale, unless a planner
//! is needed for nothing (nobody is free and every ticket was told why it waits).

use super::{Address, Dispatcher, Msg, World};
use crate::{
    domain::{
        decision::Policy,
        ids::TicketNumber,
        route::{Route, Stop},
        time::Timestamp,
    },
    routing::{
        self, Terms,
        live::{Due, Outlook, Plan, Snapshot, outlook},
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// Ruins and recreations per plan: the plan before is improved all day long, a few rounds at a time.
const ROUNDS: u64 = 64;
/// An end of work that moves less than this is no reason for another plan.
const MOVED_S: i64 = 60;

#[derive(Default)]
pub(super) struct Planning {
    /// Something changed since the last snapshot.
    pub(super) stale: bool,
    /// A planner is at work.
    busy: bool,
    /// Of the queue, in the last snapshot.
    changes: u64,
    plans: u64,
    plan: Plan,
    due: Vec<Due>,
    later: BTreeMap<TicketNumber, Timestamp>,
    /// When somebody who is free is to leave.
    pub(super) alarm: Option<tokio::task::AbortHandle>,
}

impl Planning {
    /// No planner is at work or needed.
    pub(super) fn settled(&self) -> bool {
        !self.busy
    }

    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    pub(super) fn take_due(&mut self, limit: usize) -> BTreeMap<TicketNumber, Due> {
        let first = self.due.len().saturating_sub(limit);
        self.due.drain(first..).map(|due| (due.ticket, due)).collect()
    }

    /// When the plan has this visit begin; None: it is left out.
    pub(super) fn later(&self, number: TicketNumber) -> Option<Timestamp> {
        self.later.get(&number).copied()
    }
}

impl Dispatcher {
    /// The policy is one that plans.
    pub(super) fn plans(&self) -> bool {
        self.tree.options.policy == Policy::Full
    }

    /// Starts a planner when something changed and a plan could lead to anything.
    pub(super) fn plan_ahead(&mut self, me: &Address<Msg>) {
        if !self.plans() || self.planning.busy || self.round.is_some() || self.planning.has_due() {
            return;
        }
        let Some(world) = &self.world else { return };
        let changed = self.planning.stale || self.planning.changes != world.queue.changes();
        let now = self.tree.clock.now();
        if !changed || !(world.queue.has_ready() || world.somebody_free(now)) {
            return;
        }
        self.planning.stale = false;
        self.planning.changes = world.queue.changes();
        self.planning.busy = true;
        self.planning.plans += 1;
        let (snapshot, before) = (world.snapshot(), std::mem::take(&mut self.planning.plan));
        let (region, policy, tree) = (world.region.clone(), self.tree.options.policy, self.tree.clone());
        let seed = self.tree.options.seed ^ self.planning.plans;
        let to = me.clone();
        let plan = move || {
            let drives = tree.drives(&region);
            let terms = Terms { now, settings: &region.settings, policy, second_round: false, drives };
            to.send(Msg::Planned(Some(Box::new(outlook(&snapshot, &before, &terms, seed, ROUNDS)))));
        };
        if self.tree.clock.is_virtual() {
            plan();
            return;
        }
        let (core, to) = (self.tree.core.clone(), me.clone());
        let planner = core.spawn_blocking(plan);
        core.spawn(async move {
            if planner.await.is_err() {
                to.send(Msg::Planned(None));
            }
        });
    }

    pub(super) fn planned(&mut self, me: &Address<Msg>, outlook: Option<Box<Outlook>>) {
        self.planning.busy = false;
        // The plan before is gone with whoever failed over it: the next one starts from nothing.
        let Some(outlook) = outlook else {
            tracing::error!(region = %self.id, "a planner failed");
            return;
        };
        let Outlook { plan, due, later, next } = *outlook;
        self.planning.plan = plan;
        self.planning.due = due;
        self.planning.later = later;
        let alarm = next.map(|next| me.send_at(next, Msg::Due));
        if let Some(before) = std::mem::replace(&mut self.planning.alarm, alarm) {
            before.abort();
        }
    }
}

impl World {
    /// Who holds nothing and is at work.
    fn somebody_free(&self, now: Timestamp) -> bool {
        let at_work = |expert| routing::stretch(expert, now, 0).is_ok();
        self.queue.len() > 0 && self.experts.values().any(|(expert, route)| route.stops.is_empty() && at_work(expert))
    }

    fn snapshot(&self) -> Snapshot {
        let asked = self.queue.entries().map(|entry| {
            let mut spec = entry.spec.clone();
            if entry.second_round {
                spec.refused_by.clear();
            }
            spec
        });
        Snapshot { experts: self.experts.values().cloned().collect(), open: asked.collect() }
    }
}

/// The route changed in what a plan looks at: which stops it has, and when the last one ends.
pub(super) fn moved(before: &Arc<Route>, after: &Arc<Route>) -> bool {
    let visits = |route: &Arc<Route>| route.stops.iter().map(|stop| (stop.ticket, stop.visit)).collect::<Vec<_>>();
    let end = |route: &Arc<Route>| route.stops.last().map_or(Timestamp::ZERO, |stop: &Stop| stop.planned_end);
    visits(before) != visits(after) || end(before).since_s(end(after)).abs() > MOVED_S
}
