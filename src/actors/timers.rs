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
    collections::{BTreeMap, BTreeSet},
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
/// A message to a customer for which there is no turn now comes after this.
const NO_TURN_S: i64 = 30;

pub(super) struct Timers {
    id: RegionId,
    tree: Arc<Tree>,
    handle: Arc<Handle>,
    due: BTreeSet<(Timestamp, TicketNumber, TimerKind)>,
    of: BTreeMap<TicketNumber, (u64, Vec<Timer>)>,
    alarm: Option<(Timestamp, tokio::task::AbortHandle)>,
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
        Self { id: handle.id.clone(), tree, handle, due: BTreeSet::new(), of: BTreeMap::new(), alarm: None }
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
        if self.of.get(&number).is_some_and(|(known, _)| *known > version) {
            return;
        }
        self.remove(number);
        for timer in &timers {
            self.due.insert((timer.due, number, timer.kind));
        }
        if !timers.is_empty() {
            self.of.insert(number, (version, timers));
        }
    }

    fn remove(&mut self, number: TicketNumber) {
        for timer in self.of.remove(&number).map(|(_, timers)| timers).unwrap_or_default() {
            self.due.remove(&(timer.due, number, timer.kind));
        }
    }

    /// Puts a fired deadline back, a little later, if it still stands.
    fn again(&mut self, number: TicketNumber, kind: TimerKind) {
        let retry_at = self.tree.clock.now().plus_s(AGAIN_S);
        let Some((_, timers)) = self.of.get_mut(&number) else { return };
        if let Some(timer) = timers.iter_mut().find(|timer| timer.kind == kind) {
            self.due.remove(&(timer.due, number, kind));
            timer.due = retry_at;
            self.due.insert((retry_at, number, kind));
        }
    }

    fn fire(&mut self, me: &Address<Msg>) {
        let now = self.tree.clock.now();
        for _ in 0..PER_TURN {
            let Some((due, number, kind)) = self.due.first().copied() else { return };
            if due > now {
                return;
            }
            self.due.pop_first();
            self.tree.meters.timers_fired.add(1);
            match kind {
                TimerKind::NextTry => {
                    self.handle.dispatcher.send(region::Msg::Try(number));
                }
                TimerKind::Notice(_) if !self.tree.notice() => self.again_later(number, kind, NO_TURN_S),
                TimerKind::Delivery(delivery) | TimerKind::Notice(delivery) => {
                    self.tree.outbox.send(outbox::Msg::Due { number, delivery });
                    self.again_later(number, kind, OUTBOX_AGAIN_S);
                }
                TimerKind::OfferExpiry
                | TimerKind::RespondBreach
                | TimerKind::ResolveBreach
                | TimerKind::HoldUntil
                | TimerKind::AutoClose => self.command(me, number, kind),
            }
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

    /// Looks again, if it is still due, in a while.
    fn again_later(&mut self, number: TicketNumber, kind: TimerKind, after_s: i64) {
        let at = self.tree.clock.now().plus_s(after_s);
        if let Some((_, timers)) = self.of.get_mut(&number)
            && let Some(timer) = timers.iter_mut().find(|timer| timer.kind == kind)
        {
            timer.due = at;
            self.due.insert((at, number, kind));
        }
    }

    fn set_alarm(&mut self, me: &Address<Msg>) {
        let Some((next, _, _)) = self.due.first().copied() else { return };
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
