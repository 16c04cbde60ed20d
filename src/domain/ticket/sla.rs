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
            if clock.running() {
                let left_s = Calendar::between(calendar, paused, clock.due);
                clock.due = Calendar::add(calendar, resumed, left_s);
            }
        }
        self
    }
}
