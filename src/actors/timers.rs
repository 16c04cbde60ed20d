//! A region's deadlines: durable because they follow from the tickets' states, held here only to be
//! woken in time. A deadline that fired stays until the ticket's state no longer implies it, and is
//! fired again if need be: late or twice changes nothing (P6).

use super::{
    deadlines::Deadlines,
    outbox,
    region::{self, Handle},
    reply::{Answer, Reply},
    shell::{Address, Crash, Handler},
    tree::Tree,
};
use crate::domain::{
    ids::{DeliveryNo, RegionId, TicketNumber},
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

pub(super) struct Timers {
    id: RegionId,
    tree: Arc<Tree>,
    handle: Arc<Handle>,
    deadlines: Deadlines,
    /// Messages to customers that are due and have had no turn yet, in order.
    notices: VecDeque<(TicketNumber, DeliveryNo)>,
    alarm: Option<(Timestamp, tokio::task::AbortHandle)>,
}

impl Handler for Timers {
    type Msg = Msg;

    async fn handle(&mut self, me: &Address<Msg>, msg: Msg) -> Result<(), Crash> {
        match msg {
            Msg::Loaded(timers) => self.loaded(timers),
            Msg::Ticket(ticket) if ticket.region == self.id => {
                self.deadlines.replace(ticket.number, ticket.version, ticket.timers());
            }
            Msg::Ticket(ticket) => self.deadlines.remove(ticket.number),
            Msg::Gone(number) => self.deadlines.remove(number),
            Msg::Alarm => self.alarm = None,
            Msg::Again(number, kind) => self.later(number, kind, AGAIN_S),
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
        let (deadlines, notices) = (Deadlines::default(), VecDeque::new());
        Self { id: handle.id.clone(), tree, handle, deadlines, notices, alarm: None }
    }

    fn loaded(&mut self, timers: Vec<(TicketNumber, Timer)>) {
        let mut by_ticket: BTreeMap<TicketNumber, Vec<Timer>> = BTreeMap::new();
        for (number, timer) in timers {
            by_ticket.entry(number).or_default().push(timer);
        }
        for (number, timers) in by_ticket {
            // Whatever came by message meanwhile is newer.
            if !self.deadlines.knows(number) {
                self.deadlines.replace(number, 0, timers);
            }
        }
        self.handle.timing.store(true, Ordering::Release);
    }

    fn later(&mut self, number: TicketNumber, kind: TimerKind, after_s: i64) {
        self.deadlines.fire_again(number, kind, self.tree.clock.now().plus_s(after_s));
    }

    fn fire(&mut self, me: &Address<Msg>) {
        let now = self.tree.clock.now();
        for _ in 0..PER_TURN {
            let Some((number, kind)) = self.deadlines.fire(now) else { return };
            self.tree.meters.timers_fired.add(1);
            match kind {
                TimerKind::NextTry => {
                    self.handle.dispatcher.send(region::Msg::Try(number));
                }
                TimerKind::Notice(delivery) => self.notices.push_back((number, delivery)),
                TimerKind::Delivery(delivery) => {
                    self.tree.outbox.send(outbox::Msg::Due { number, delivery });
                    self.later(number, kind, OUTBOX_AGAIN_S);
                }
                TimerKind::OfferExpiry
                | TimerKind::RespondBreach
                | TimerKind::ResolveBreach
                | TimerKind::HoldUntil
                | TimerKind::AutoClose => self.command(me, number, kind),
            }
        }
    }

    /// Passes on as many messages to customers as there are turns: they have a pace of their own, all
    /// regions together, and however many wait, each is looked at once.
    fn notify(&mut self) {
        while let Some((number, delivery)) = self.notices.front().copied() {
            let kind = TimerKind::Notice(delivery);
            // The ticket may have gone on: then the message went, was dropped, or is due anew.
            if self.deadlines.has_fired(number, kind) {
                if !self.tree.notice() {
                    return;
                }
                self.tree.outbox.send(outbox::Msg::Due { number, delivery });
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
        let Some(next) = self.deadlines.next().into_iter().chain(turn).min() else { return };
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
        let (mut timers, mut owing) = (Vec::new(), BTreeSet::new());
        let read = reader.store.for_each_timer(&id, &mut |number, timer| {
            if matches!(timer.kind, TimerKind::Delivery(_)) {
                owing.insert(number);
            }
            timers.push((number, timer));
        });
        match read {
            Ok(()) => {
                // Ended tickets too, which nobody else reads when a region starts.
                let owing = owing.into_iter().filter_map(|number| reader.store.ticket(number).ok().flatten());
                owing.for_each(|ticket| reader.owed.note(&ticket));
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
