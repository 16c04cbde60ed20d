//! Deadlines, derived from the state: what the state implies cannot be forgotten (P6).

use super::{Phase, Ticket};
use crate::domain::{ids::DeliveryNo, time::Timestamp};

/// A deadline of one ticket. When it is due, the timers actor sends the ticket a command that
/// re-checks the state, so firing twice or late changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer {
    pub due: Timestamp,
    pub kind: TimerKind,
}

/// The numbers are stored as index keys: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKind {
    OfferExpiry,
    RespondBreach,
    ResolveBreach,
    NextTry,
    HoldUntil,
    AutoClose,
    /// To an expert.
    Delivery(DeliveryNo),
    /// To the customer.
    Notice(DeliveryNo),
}

impl TimerKind {
    /// (kind, argument) as stored.
    #[must_use]
    pub fn code(self) -> (u8, u16) {
        match self {
            Self::OfferExpiry => (1, 0),
            Self::RespondBreach => (2, 0),
            Self::ResolveBreach => (3, 0),
            Self::NextTry => (4, 0),
            Self::HoldUntil => (5, 0),
            Self::AutoClose => (6, 0),
            Self::Delivery(no) => (7, no),
            Self::Notice(no) => (8, no),
        }
    }

    #[must_use]
    pub fn from_code(kind: u8, argument: u16) -> Option<Self> {
        Some(match kind {
            1 => Self::OfferExpiry,
            2 => Self::RespondBreach,
            3 => Self::ResolveBreach,
            4 => Self::NextTry,
            5 => Self::HoldUntil,
            6 => Self::AutoClose,
            7 => Self::Delivery(argument),
            8 => Self::Notice(argument),
            _ => return None,
        })
    }
}

impl Ticket {
    /// All deadlines that this state implies; at most a handful.
    #[must_use]
    pub fn timers(&self) -> Vec<Timer> {
        let mut timers = Vec::new();
        let mut add = |due: Timestamp, kind| timers.push(Timer { due, kind });
        if let Some(offer) = &self.visit.offer {
            add(offer.expires_at, TimerKind::OfferExpiry);
        }
        if self.phase.open() && self.phase != Phase::OnHold {
            if self.sla.respond.running() {
                add(self.sla.respond.due, TimerKind::RespondBreach);
            }
            if self.sla.resolve.running() {
                add(self.sla.resolve.due, TimerKind::ResolveBreach);
            }
        }
        if let (Phase::New | Phase::Reopened, Some(waiting)) = (self.phase, &self.waiting) {
            add(waiting.next_try_at, TimerKind::NextTry);
        }
        if let Some(until) = self.hold.as_ref().and_then(|hold| hold.until) {
            add(until, TimerKind::HoldUntil);
        }
        if let (Phase::Completed, Some(at)) = (self.phase, self.closes_at) {
            add(at, TimerKind::AutoClose);
        }
        for delivery in self.deliveries.iter().filter(|delivery| delivery.status.due()) {
            let kind = match delivery.to {
                super::Audience::Expert(_) => TimerKind::Delivery(delivery.no),
                super::Audience::Customer => TimerKind::Notice(delivery.no),
            };
            add(delivery.next_at, kind);
        }
        timers
    }
}
