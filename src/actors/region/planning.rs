//! The plan of the policy `router`: a planner gets a snapshot aside, what it finds due is put out to
//! tender in front, and everything else waits. The plan promises nothing and is made anew after a crash.
//!
//! Must hold: one planner at a time; no round is held on a plan that is known to be stale, unless a planner
//! is needed for nothing (nobody is free and every ticket was told why it waits). A planner that fails or is late
//! takes nothing with it: the plan before stays for the next one, and until there is one rounds are open to all
//! who bid, as under the policy `insertion`.

use super::{Address, Dispatcher, Msg, Tree, World, load::count_again, tally::Tally};
use crate::{
    domain::{
        decision::{Kept, Policy},
        ids::{ExpertId, TicketNumber},
        route::{Route, Stop},
        ticket::Ticket,
        time::Timestamp,
    },
    routing::{
        self, Terms,
        live::{Demand, Due, MOST_VISITS, Memory, Next, Outlook, Plan, Snapshot, Usual, in_time, outlook},
    },
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
};

/// Ruins and recreations per plan: the plan before is improved all day long, a few rounds at a time.
const ROUNDS: u64 = 64;
/// A planner that takes longer is waited for no more; most take a hundredth of this.
const PATIENCE_MS: i64 = 2_000;
/// After a plan a region makes none for so many times as long as that one took, waiting for its turn included, and at
/// most so long: in a flood of tickets planners must not crowd out intake.
const RESTS: i64 = 3;
const REST_MS: i64 = 1_000;
/// An end of work that moves less than this is no reason for another plan.
const MOVED_S: i64 = 60;

#[derive(Default)]
pub(super) struct Planning {
    /// Something changed since the last snapshot.
    pub(super) stale: bool,
    /// A visit went to another region, and what else is on offer is worth something else.
    pub(super) traded: bool,
    /// A planner is waited for.
    busy: bool,
    /// The last planner made no plan.
    failed: bool,
    /// Held by planners at work, also by one that is waited for no more.
    desk: Arc<()>,
    /// When the planner that is waited for is given up.
    patience: Option<tokio::task::AbortHandle>,
    /// Of the queue, in the last snapshot.
    changes: u64,
    plans: u64,
    plan: Plan,
    memory: Memory,
    due: Vec<Due>,
    later: BTreeMap<TicketNumber, Timestamp>,
    first: BTreeMap<ExpertId, Next>,
    /// When the last planner began, and when the next one may.
    began_at: Timestamp,
    rested_at: Timestamp,
    /// Another plan is wanted by then.
    rest: Option<tokio::task::AbortHandle>,
    /// When somebody who is free is to leave.
    pub(super) alarm: Option<tokio::task::AbortHandle>,
}

/// What a planner comes back with.
pub(crate) struct Planned {
    outlook: Outlook,
    memory: Memory,
}

impl Planning {
    /// There is a plan to keep to: without one whoever bids least wins.
    pub(super) fn holds(&self) -> bool {
        !self.failed
    }

    /// No planner is at work or needed.
    pub(super) fn settled(&self) -> bool {
        !self.busy && self.rest.is_none()
    }

    /// The next plan may be made.
    pub(super) fn rested(&mut self) {
        self.stale = true;
        if let Some(rest) = self.rest.take() {
            rest.abort();
        }
    }

    /// Why an expert does not get a visit that they could take: what the plan has them do, and what it would cost to
    /// send them. Of a route that is another by now the plan knows nothing.
    pub(super) fn kept(&self, expert: &ExpertId, route: Option<&Route>, due: Option<&Due>) -> Kept {
        let same = |next: &&Next| route.is_some_and(|route| route.version == next.route_version);
        let Some(next) = self.first.get(expert).filter(same) else { return Kept::default() };
        Kept {
            ticket: next.visit.map(|(ticket, _)| ticket),
            begins: next.visit.map(|(_, begins)| begins),
            dearer_s: due.and_then(|due| due.dearer_s.get(expert).copied()),
            scarce: due.and_then(|due| due.scarce.get(expert).cloned()),
        }
    }

    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    pub(super) fn is_due(&self, number: TicketNumber) -> bool {
        self.due.iter().any(|due| due.ticket == number)
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
        let alone = Arc::strong_count(&self.planning.desk) == 1;
        let work = || world.queue.len() > 0 || world.sees_offers(&self.tree);
        let wanted = self.planning.traded || world.queue.has_ready() || world.somebody_free(now) && work();
        if !changed || !alone || !wanted {
            return;
        }
        if now < self.planning.rested_at {
            if self.planning.rest.is_none() {
                self.planning.rest = Some(me.send_at(self.planning.rested_at, Msg::Due));
            }
            return;
        }
        if !self.handle.usual().holds(now) {
            self.look_back(now);
        }
        let Some(world) = &self.world else { return };
        self.planning.began_at = now;
        (self.planning.stale, self.planning.traded) = (false, false);
        self.planning.changes = world.queue.changes();
        self.planning.busy = true;
        self.planning.plans += 1;
        let nth = self.planning.plans;
        let (snapshot, before) = (world.snapshot(&self.tree, self.handle.usual(), now), self.planning.plan.clone());
        let (mut memory, desk) = (std::mem::take(&mut self.planning.memory), self.planning.desk.clone());
        let (region, policy, tree) = (world.region.clone(), self.tree.options.policy, self.tree.clone());
        let square = tree.square(&region);
        let seed = self.tree.options.seed ^ nth;
        let to = me.clone();
        let plan = move || {
            let made = catch_unwind(AssertUnwindSafe(|| {
                tree.faults.strike_planner(&region.id);
                let drives = tree.drives(&region, square.as_deref());
                let terms = Terms { now, settings: &region.settings, policy, second_round: false, drives };
                let outlook = outlook(&snapshot, &before, &mut memory, &terms, seed, ROUNDS);
                outlook.map(|outlook| Box::new(Planned { outlook, memory }))
            }));
            let planned = made.ok().and_then(|made| {
                made.inspect_err(
                    |flaw| tracing::error!(region = %region.id, %flaw, "a problem was drafted that is none"),
                )
                .ok()
            });
            // Before the answer: who hears it may want to start the next one.
            drop(desk);
            to.send(Msg::Planned { nth, planned });
        };
        if self.tree.clock.is_virtual() {
            plan();
            return;
        }
        let given_up = me.send_at(now.plus_ms(PATIENCE_MS), Msg::Planned { nth, planned: None });
        self.planning.patience = Some(given_up);
        let (core, desks) = (self.tree.core.clone(), self.tree.planners.clone());
        self.tree.core.spawn(async move {
            let Ok(turn) = desks.acquire_owned().await else { return };
            core.spawn_blocking(move || {
                plan();
                drop(turn);
            });
        });
    }

    /// What the days before `now` were like, for the plans to come.
    fn look_back(&mut self, now: Timestamp) {
        let Some(world) = &mut self.world else { return };
        let usual = Arc::new(world.tally.usual(now));
        *self.handle.usual.lock().unwrap_or_else(PoisonError::into_inner) = usual;
    }

    /// In another time zone the days and hours are others: what is usual stays as it was until it is counted anew.
    pub(super) fn count_in_its_time(&mut self, me: &Address<Msg>) {
        let Some(world) = self.world.as_mut().filter(|world| !world.tally.is_in_time_of(&world.region)) else { return };
        let (upto, reading) = (self.tree.store.last_serial(world.region.code), world.tally.reading + 1);
        world.tally = Tally::new(&world.region, upto, reading);
        if self.tree.options.policy == Policy::Full {
            count_again(&self.tree, &world.region, upto, reading, me);
        }
    }

    /// What was asked for before this actor started, or began to count anew.
    pub(super) fn learnt(&mut self, reading: u64, demand: Demand) {
        if self.world.as_mut().is_some_and(|world| world.tally.add(reading, demand)) {
            self.look_back(self.tree.clock.now());
            self.planning.stale = true;
        }
    }

    /// An answer that is waited for no more, because another planner began or this one was given up, is none.
    pub(super) fn planned(&mut self, me: &Address<Msg>, nth: u64, planned: Option<Box<Planned>>) {
        if !self.planning.busy || self.planning.plans != nth {
            return;
        }
        self.planning.busy = false;
        let now = self.tree.clock.now();
        let rest_ms = (RESTS * now.since_ms(self.planning.began_at)).clamp(0, REST_MS);
        self.planning.rested_at = now.plus_ms(rest_ms);
        if let Some(patience) = self.planning.patience.take() {
            patience.abort();
        }
        self.planning.failed = planned.is_none();
        let Some(planned) = planned else {
            tracing::error!(region = %self.id, "a planner failed or was late: visits go to whoever bids least");
            self.planning.due.clear();
            self.wake_for_the_free();
            return;
        };
        let Planned { outlook: Outlook { plan, due, later, first, next, wanted, spare }, memory } = *planned;
        self.planning.memory = memory;
        self.put_on_offer(spare);
        self.ask_for(&wanted);
        self.planning.plan = plan;
        self.planning.due = due;
        self.planning.later = later;
        self.planning.first = first;
        let alarm = next.map(|next| me.send_at(next, Msg::Due));
        if let Some(before) = std::mem::replace(&mut self.planning.alarm, alarm) {
            before.abort();
        }
    }
}

impl Planning {
    pub(super) fn abort(&mut self) {
        self.alarm
            .take()
            .into_iter()
            .chain(self.patience.take())
            .chain(self.rest.take())
            .for_each(|waiting| waiting.abort());
    }
}

impl World {
    /// Takes a ticket's newest state in; whoever asks for the first time is counted.
    pub(super) fn take(&mut self, ticket: &Ticket, now: Timestamp) {
        self.queue.take(ticket, now);
        self.tally.note(ticket);
    }

    /// Who holds nothing and is at work.
    fn somebody_free(&self, now: Timestamp) -> bool {
        let at_work = |expert| routing::stretch(expert, now, 0).is_ok();
        self.experts.values().any(|(expert, route)| route.stops.is_empty() && at_work(expert))
    }

    /// What a plan looks at: more than it takes in would only be copied.
    fn snapshot(&self, tree: &Tree, usual: Arc<Usual>, now: Timestamp) -> Snapshot {
        let open = self.queue.foremost(MOST_VISITS, |entry| in_time(&entry.spec, now));
        let asked = open.into_iter().map(|entry| {
            let mut spec = entry.spec.clone();
            if entry.second_round {
                spec.refused_by.clear();
            }
            spec
        });
        Snapshot {
            experts: self.experts.values().cloned().collect(),
            open: asked.collect(),
            abroad: self.offers(tree, now),
            usual,
        }
    }
}

/// The route changed in what a plan looks at: which stops it has, and when the last one ends.
pub(super) fn moved(before: &Arc<Route>, after: &Arc<Route>) -> bool {
    let visits = |route: &Arc<Route>| route.stops.iter().map(|stop| (stop.ticket, stop.visit)).collect::<Vec<_>>();
    let end = |route: &Arc<Route>| route.stops.last().map_or(Timestamp::ZERO, |stop: &Stop| stop.planned_end);
    visits(before) != visits(after) || end(before).since_s(end(after)).abs() > MOVED_S
}
