//! SLA clocks: respond (until an expert has accepted) and resolve (until completed), on business
//! hours, paused while the ticket is on hold.

use crate::domain::{calendar::Calendar, settings::SlaTarget, time::Timestamp};
use minicbor::{Decode, Encode};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Sla {
    #[n(0)]
    pub respond: SlaClock,
    #[n(1)]
    pub resolve: SlaClock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SlaClock {
    #[n(0)]
    pub due: Timestamp,
    #[n(1)]
    pub met_at: Option<Timestamp>,
    #[n(2)]
    pub breached: bool,
}

impl SlaClock {
    /// Still to be met and not yet found broken.
    #[must_use]
    pub fn running(&self) -> bool {
        self.met_at.is_none() && !self.breached
    }

    /// Met then, once and for all. One met in time but heard of late (offline) was not broken.
    pub(super) fn meet(&mut self, at: Timestamp) {
        if self.met_at.is_none() {
            self.met_at = Some(at);
            self.breached &= at > self.due;
        }
    }
}

impl Sla {
    /// Both clocks started at `from`.
    #[must_use]
    pub fn start(target: SlaTarget, from: Timestamp, calendar: Option<&Calendar>) -> Self {
        let clock = |seconds: u32| SlaClock {
            due: Calendar::add(calendar, from, i64::from(seconds)),
            met_at: None,
            breached: false,
        };
        Self { respond: clock(target.respond_s), resolve: clock(target.resolve_s) }
    }

    /// The clocks after a pause: what was left of business time at `paused` is due again from `resumed`.
    #[must_use]
    pub fn after_pause(mut self, paused: Timestamp, resumed: Timestamp, calendar: Option<&Calendar>) -> Self {
        for clock in [&mut self.respond, &mut self.resolve] {
            if clock.running() && calendar.is_none() {
                clock.due = clock.due.plus_ms(resumed.since_ms(paused).max(0));
            } else if clock.running() {
                // Rounded up: a pause never shortens a clock.
                let left_s = Calendar::between(calendar, paused, clock.due.plus_ms(999));
                clock.due = Calendar::add(calendar, resumed, left_s);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        shift::Shift,
        time::{DAY_S, HOUR_S},
    };

    const TARGET: SlaTarget = SlaTarget { respond_s: 3_600, resolve_s: 8 * 3_600 };
    /// A Monday, 2026-06-01T09:00:00Z.
    const MONDAY_9: Timestamp = Timestamp(1_780_304_400_000);

    fn hour(hours: i64) -> Timestamp {
        MONDAY_9.plus_s(hours * HOUR_S)
    }

    fn office() -> Calendar {
        let hours = Shift::parse_all("mon-fri 09:00-17:00").unwrap();
        Calendar { name: "office".into(), hours, holidays: vec![], zone: "UTC".into() }
    }

    #[test]
    fn both_clocks_start_at_once() {
        let sla = Sla::start(TARGET, hour(7), None);
        assert_eq!((sla.respond.due, sla.resolve.due), (hour(8), hour(15)));
        let sla = Sla::start(TARGET, hour(7), Some(&office()));
        assert_eq!((sla.respond.due, sla.resolve.due), (hour(8), hour(24 + 7)), "the rest is due on Tuesday");
    }

    #[test]
    fn a_pause_gives_back_what_was_left() {
        let sla = Sla::start(TARGET, hour(0), None).after_pause(hour(0), hour(5), None);
        assert_eq!((sla.respond.due, sla.resolve.due), (hour(6), hour(13)));
        let office = office();
        let paused = Sla::start(TARGET, hour(4), Some(&office)).after_pause(hour(6), hour(24), Some(&office));
        assert_eq!(paused.resolve.due, hour(24 + 6), "2 of 8 business hours were used");
        assert_eq!(paused.respond.due, hour(24), "overdue when paused, due at once when resumed");
    }

    #[test]
    fn clocks_that_have_stopped_do_not_move() {
        let mut sla = Sla::start(TARGET, hour(0), None);
        sla.respond.meet(hour(1));
        sla.resolve.breached = true;
        assert_eq!(sla.after_pause(hour(9), hour(9).plus_s(DAY_S), None), sla);
        assert!(!sla.respond.running() && !sla.resolve.running());
    }

    #[test]
    fn a_clock_is_met_once() {
        let mut clock = Sla::start(TARGET, hour(0), None).respond;
        clock.meet(hour(1));
        clock.meet(hour(2));
        assert_eq!(clock.met_at, Some(hour(1)));
    }
}
