//! A region's deadlines: durable because they follow from the tickets' states, held here only to be
//! woken in time. A deadline that fired stays until the ticket's state no longer implies it, and is
//! fired again if need be: late or twice changes nothing (P6).

use super::{
    outbox,
    region::{self, Handle},
    reply::{Answer, Reply},
    shell::{Address, Crash, Handler},
    tree::Tree,
};
use crate::domain::{
    ids::{RegionId, TicketNumber},
    ticket::{Command, Ticket, Timer, TimerKind},
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
};

pub(super) enum Msg {
    Loaded(Vec<(TicketNumber, Timer)>),
    /// A ticket's newest state: its timers replace the ones known.
    Ticket(Arc<Ticket>),
    Gone(TicketNumber),
    Alarm,
    /// A timer's command was lost: fire it again.
    Again(TicketNumber, TimerKind),
}

/// Deadlines fired per turn, so that a flood of them does not hold up the mailbox.
const PER_TURN: usize = 256;
/// A deadline whose command did not take effect is fired again after this.
const AGAIN_S: i64 = 5;
/// The outbox may lose a delivery with its actor: it is told again after this.
const OUTBOX_AGAIN_S: i64 = 60;
/// Messages to customers that wait for their turn look again after this.
const NO_TURN_MS: i64 = 200;
/// When a timer is due that was fired and is not to be fired again by itself.
const FIRED: Timestamp = Timestamp(i64::MAX);

pub(super) struct Timers {
    id: RegionId,
    tree: Arc<Tree>,
    handle: Arc<Handle>,
    of: BTreeMap<TicketNumber, Held>,
    /// Each ticket's earliest.
    due: BTreeSet<(Timestamp, TicketNumber)>,
    /// Messages to customers that are due and have had no turn yet, in order.
    notices: VecDeque<(TicketNumber, TimerKind)>,
    alarm: Option<(Timestamp, tokio::task::AbortHandle)>,
}

/// A ticket's timers as its state of this version implies them, with when each is fired next.
struct Held {
    version: u64,
    timers: Vec<Timer>,
}

impl Held {
    fn earliest(&self) -> Option<Timer> {
        self.timers.iter().copied().min_by_key(|timer| (timer.due, timer.kind)).filter(|timer| timer.due < FIRED)
    }

    fn of_kind(&mut self, kind: TimerKind) -> Option<&mut Timer> {
        self.timers.iter_mut().find(|timer| timer.kind == kind)
    }
}

impl Handler for Timers {
    type Msg = Msg;

    async fn handle(&mut self, me: &Address<Msg>, msg: Msg) -> Result<(), Crash> {
        match msg {
            Msg::Loaded(timers) => self.loaded(timers),
            Msg::Ticket(ticket) if ticket.region == self.id => {
                self.replace(ticket.number, ticket.version, ticket.timers());
            }
            Msg::Ticket(ticket) => self.remove(ticket.number),
            Msg::Gone(number) => self.remove(number),
            Msg::Alarm => self.alarm = None,
            Msg::Again(number, kind) => self.again(number, kind),
        }
        self.fire(me);
        self.notify();
        self.set_alarm(me);
        Ok(())
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        if let Some((_, alarm)) = self.alarm.take() {
            alarm.abort();
        }
    }
}

impl Timers {
    pub(super) fn new(tree: Arc<Tree>, handle: Arc<Handle>) -> Self {
        let (of, due, notices) = (BTreeMap::new(), BTreeSet::new(), VecDeque::new());
        Self { id: handle.id.clone(), tree, handle, of, due, notices, alarm: None }
    }

    fn loaded(&mut self, timers: Vec<(TicketNumber, Timer)>) {
        let mut by_ticket: BTreeMap<TicketNumber, Vec<Timer>> = BTreeMap::new();
        for (number, timer) in timers {
            by_ticket.entry(number).or_default().push(timer);
        }
        for (number, timers) in by_ticket {
            // Whatever came by message meanwhile is newer.
            if !self.of.contains_key(&number) {
                self.replace(number, 0, timers);
            }
        }
        self.handle.timing.store(true, Ordering::Release);
    }

    fn replace(&mut self, number: TicketNumber, version: u64, timers: Vec<Timer>) {
        if self.of.get(&number).is_some_and(|held| held.version > version) {
            return;
        }
        self.remove(number);
        let held = Held { version, timers };
        if let Some(timer) = held.earliest() {
            self.due.insert((timer.due, number));
            self.of.insert(number, held);
        }
    }

    fn remove(&mut self, number: TicketNumber) {
        if let Some(timer) = self.of.remove(&number).and_then(|held| held.earliest()) {
            self.due.remove(&(timer.due, number));
        }
    }

    /// Sets when a timer is fired next, if it still stands.
    fn set(&mut self, number: TicketNumber, kind: TimerKind, due: Timestamp) {
        let Some(held) = self.of.get_mut(&number) else { return };
        let before = held.earliest();
        let Some(timer) = held.of_kind(kind) else { return };
        timer.due = due;
        if let Some(before) = before {
            self.due.remove(&(before.due, number));
        }
        if let Some(after) = held.earliest() {
            self.due.insert((after.due, number));
        }
    }

    /// A command was lost: its timer is fired again, unless the ticket has gone on to a new one.
    fn again(&mut self, number: TicketNumber, kind: TimerKind) {
        let timer = self.of.get_mut(&number).and_then(|held| held.of_kind(kind));
        if timer.is_some_and(|timer| timer.due == FIRED) {
            self.later(number, kind, AGAIN_S);
        }
    }

    fn later(&mut self, number: TicketNumber, kind: TimerKind, after_s: i64) {
        self.set(number, kind, self.tree.clock.now().plus_s(after_s));
    }

    fn fire(&mut self, me: &Address<Msg>) {
        let now = self.tree.clock.now();
        for _ in 0..PER_TURN {
            let Some((due, number)) = self.due.first().copied() else { return };
            if due > now {
                return;
            }
            let Some(timer) = self.of.get(&number).and_then(Held::earliest) else {
                self.due.pop_first();
                continue;
            };
            self.tree.meters.timers_fired.add(1);
            self.set(number, timer.kind, FIRED);
            match timer.kind {
                TimerKind::NextTry => {
                    self.handle.dispatcher.send(region::Msg::Try(number));
                }
                TimerKind::Notice(_) => self.notices.push_back((number, timer.kind)),
                TimerKind::Delivery(delivery) => {
                    self.tree.outbox.send(outbox::Msg::Due { number, delivery });
                    self.later(number, timer.kind, OUTBOX_AGAIN_S);
                }
                TimerKind::OfferExpiry
                | TimerKind::RespondBreach
                | TimerKind::ResolveBreach
                | TimerKind::HoldUntil
                | TimerKind::AutoClose => self.command(me, number, timer.kind),
            }
        }
    }

    /// Passes on as many messages to customers as there are turns: they have a pace of their own, all
    /// regions together, and however many wait, each is looked at once.
    fn notify(&mut self) {
        while let Some((number, kind)) = self.notices.front().copied() {
            // The ticket may have gone on: then the message went, was dropped, or is due anew.
            let waits = self.of.get_mut(&number).and_then(|held| held.of_kind(kind));
            if waits.is_some_and(|timer| timer.due == FIRED) {
                if !self.tree.notice() {
                    return;
                }
                if let TimerKind::Notice(delivery) = kind {
                    self.tree.outbox.send(outbox::Msg::Due { number, delivery });
                }
                self.later(number, kind, OUTBOX_AGAIN_S);
            }
            self.notices.pop_front();
        }
    }

    fn command(&self, me: &Address<Msg>, number: TicketNumber, kind: TimerKind) {
        let to = me.clone();
        let reply = Reply::then(move |answer| match answer {
            Answer::Done(Ok(_)) => {}
            Answer::Done(Err(_)) | Answer::Lost { .. } => {
                to.send(Msg::Again(number, kind));
            }
        });
        region::send(&self.tree, number, Command::Timer(kind), reply);
    }

    fn set_alarm(&mut self, me: &Address<Msg>) {
        let turn = (!self.notices.is_empty()).then(|| self.tree.clock.now().plus_ms(NO_TURN_MS));
        let Some(next) = self.due.first().map(|(due, _)| *due).into_iter().chain(turn).min() else { return };
        if self.alarm.as_ref().is_some_and(|(at, _)| *at <= next) {
            return;
        }
        if let Some((_, before)) = self.alarm.replace((next, me.send_at(next, Msg::Alarm))) {
            before.abort();
        }
    }
}

/// Reads a region's timers aside and sends them.
pub(super) fn start(tree: &Arc<Tree>, id: &RegionId, to: Address<Msg>) {
    let (reader, id) = (tree.clone(), id.clone());
    let read = move || {
        let mut timers = Vec::new();
        match reader.store.for_each_timer(&id, &mut |number, timer| timers.push((number, timer))) {
            Ok(()) => {
                to.send(Msg::Loaded(timers));
            }
            Err(fault) => {
                tracing::error!(region = %id, %fault, "a region's timers could not be read");
                to.cell().kill();
            }
        }
    };
    if tree.clock.is_virtual() {
        read();
    } else {
        tree.core.spawn_blocking(read);
    }
}
