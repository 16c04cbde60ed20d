//! When each ticket's timers are fired. Pure.
//!
//! Must hold: a timer that a ticket's newest known state implies is fired once it is due, and again
//! when it is asked for; what is asked for an earlier timer never moves a newer one of its kind. Of a
//! ticket without timers nothing is remembered: an older state that comes late may fire in vain.

use crate::domain::{
    ids::{TicketNumber, Version},
    ticket::{Timer, TimerKind},
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// When a timer is due that was fired and is not to be fired again by itself.
const FIRED: Timestamp = Timestamp(i64::MAX);

#[derive(Default)]
pub(super) struct Deadlines {
    of: BTreeMap<TicketNumber, Held>,
    /// Each ticket's earliest.
    due: BTreeSet<(Timestamp, TicketNumber)>,
}

/// A ticket's timers as its state of this version implies them, with when each is fired next.
struct Held {
    version: Version,
    timers: Vec<Timer>,
}

impl Held {
    fn earliest(&self) -> Option<Timer> {
        self.timers.iter().copied().min_by_key(|timer| (timer.due, timer.kind)).filter(|timer| timer.due < FIRED)
    }
}

impl Deadlines {
    /// Takes a state's timers over; those of an older one than known change nothing.
    pub(super) fn replace(&mut self, number: TicketNumber, version: Version, timers: Vec<Timer>) {
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

    pub(super) fn remove(&mut self, number: TicketNumber) {
        if let Some(timer) = self.of.remove(&number).and_then(|held| held.earliest()) {
            self.due.remove(&(timer.due, number));
        }
    }

    pub(super) fn knows(&self, number: TicketNumber) -> bool {
        self.of.contains_key(&number)
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The earliest timer that is due, which is thereby fired.
    pub(super) fn fire(&mut self, now: Timestamp) -> Option<(TicketNumber, TimerKind)> {
        let (_, number) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        let kind = self.of.get(&number).and_then(Held::earliest)?.kind;
        self.set(number, kind, FIRED);
        Some((number, kind))
    }

    /// It was fired, and nothing has come of it yet.
    pub(super) fn has_fired(&self, number: TicketNumber, kind: TimerKind) -> bool {
        let timers = self.of.get(&number).map(|held| &held.timers);
        timers.is_some_and(|timers| timers.contains(&Timer { due: FIRED, kind }))
    }

    /// Fires a timer once more, at `due`, unless the ticket has gone on: then it has another of that
    /// kind, which is left alone, or none.
    pub(super) fn fire_again(&mut self, number: TicketNumber, kind: TimerKind, due: Timestamp) {
        if self.has_fired(number, kind) {
            self.set(number, kind, due);
        }
    }

    fn set(&mut self, number: TicketNumber, kind: TimerKind, due: Timestamp) {
        let Some(held) = self.of.get_mut(&number) else { return };
        let before = held.earliest();
        let Some(timer) = held.timers.iter_mut().find(|timer| timer.kind == kind) else { return };
        timer.due = due;
        if let Some(before) = before {
            self.due.remove(&(before.due, number));
        }
        if let Some(after) = held.earliest() {
            self.due.insert((after.due, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::number::RegionCode;
    use TimerKind::{HoldUntil, OfferExpiry, RespondBreach};

    fn number(serial: u32) -> TicketNumber {
        TicketNumber { code: RegionCode(1), serial }
    }

    fn at(due: i64, kind: TimerKind) -> Timer {
        Timer { due: Timestamp(due), kind }
    }

    /// All that are fired by `now`, in order.
    fn fired(deadlines: &mut Deadlines, now: i64) -> Vec<(u32, TimerKind)> {
        std::iter::from_fn(|| deadlines.fire(Timestamp(now))).map(|(number, kind)| (number.serial, kind)).collect()
    }

    #[test]
    fn each_is_fired_once_in_the_order_of_their_times() {
        let mut deadlines = Deadlines::default();
        deadlines.replace(number(2), 1, vec![at(30, RespondBreach), at(10, OfferExpiry)]);
        deadlines.replace(number(1), 1, vec![at(20, HoldUntil), at(30, RespondBreach)]);
        assert_eq!(deadlines.next(), Some(Timestamp(10)));
        assert_eq!(fired(&mut deadlines, 9), []);
        assert_eq!(fired(&mut deadlines, 29), [(2, OfferExpiry), (1, HoldUntil)]);
        assert_eq!(fired(&mut deadlines, 99), [(1, RespondBreach), (2, RespondBreach)]);
        assert_eq!((fired(&mut deadlines, 99), deadlines.next()), (vec![], None));
    }

    #[test]
    fn what_was_lost_is_fired_again_and_a_newer_one_is_left_alone() {
        let mut deadlines = Deadlines::default();
        deadlines.replace(number(1), 1, vec![at(10, OfferExpiry)]);
        assert_eq!(fired(&mut deadlines, 10), [(1, OfferExpiry)]);
        deadlines.fire_again(number(1), OfferExpiry, Timestamp(15));
        assert_eq!(fired(&mut deadlines, 15), [(1, OfferExpiry)]);
        // A new offer was made before its predecessor's command came back as lost.
        deadlines.replace(number(1), 2, vec![at(600, OfferExpiry)]);
        deadlines.fire_again(number(1), OfferExpiry, Timestamp(20));
        assert_eq!(fired(&mut deadlines, 599), []);
        assert_eq!(fired(&mut deadlines, 600), [(1, OfferExpiry)]);
    }

    #[test]
    fn an_older_state_changes_nothing_and_a_ticket_that_left_fires_nothing() {
        let mut deadlines = Deadlines::default();
        deadlines.replace(number(1), 5, vec![at(10, HoldUntil)]);
        deadlines.replace(number(1), 4, vec![at(1, OfferExpiry)]);
        deadlines.replace(number(2), 1, vec![at(10, HoldUntil)]);
        deadlines.remove(number(2));
        assert!(!deadlines.knows(number(2)));
        assert_eq!(fired(&mut deadlines, 99), [(1, HoldUntil)]);
        deadlines.replace(number(1), 6, Vec::new());
        assert_eq!((deadlines.knows(number(1)), deadlines.next()), (false, None));
    }
}
