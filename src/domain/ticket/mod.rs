//! A ticket: what a customer asked for, and how far we are.
//!
//! One state, folded from [`TicketEvent`]s by `apply` (never fails), changed only by what `decide`
//! allows. A ticket has visits; the current one carries the offer or assignment. Deliveries (what
//! people must be told) are part of the state: queued by the event that causes them, so they are
//! exactly as durable as it is. So are deadlines: `timers` derives them from the state.

mod apply;
mod command;
mod decide;
mod event;
mod flags;
mod named;
mod outbox;
mod refusal;
mod sla;
mod timers;
mod visit;

pub use command::{Action, Command, Ctx, ExpertCommand, Open, Role, Who};
pub use decide::{Decided, RouteEffect, decide, open};
pub use event::{OfferEnd, Opened, TicketEvent};
pub use flags::{Flag, Flags};
pub use outbox::{Audience, Channel, Channels, Delivery, DeliveryKind, DeliveryStatus, DropReason, Failing};
pub use refusal::Refusal;
pub use sla::{Sla, SlaClock};
pub use timers::{Timer, TimerKind};
pub use visit::{Lapsed, Offer, PastVisit, Step, Visit, VisitOutcome};

use super::{
    decision::Escalation,
    ids::{CustomerId, DeliveryNo, OfferNo, PersonId, RegionId, TicketNumber, Version},
    person::{Private, Sealing, TicketPersonal},
    place::{CoarseCell, Located},
    skill::SkillLevel,
    time::Timestamp,
};
use minicbor::{Decode, Encode};

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub struct Ticket {
    #[n(0)]
    pub number: TicketNumber,
    #[n(1)]
    pub version: Version,
    #[n(2)]
    pub region: RegionId,
    #[n(3)]
    pub phase: Phase,
    /// Only while `in_progress`.
    #[n(4)]
    pub step: Option<Step>,
    #[n(5)]
    pub personal: Private<TicketPersonal>,
    #[n(6)]
    pub customer: Option<CustomerId>,
    #[n(7)]
    pub coarse: Option<CoarseCell>,
    #[n(8)]
    pub located: Located,
    #[n(9)]
    pub source: Source,
    #[n(10)]
    pub external_id: Option<String>,
    #[n(11)]
    pub product: Option<String>,
    #[n(12)]
    pub skills: Vec<SkillLevel>,
    #[n(13)]
    pub priority: Priority,
    #[n(14)]
    pub opened_at: Timestamp,
    #[n(15)]
    pub service_s: u32,
    #[n(16)]
    pub window: Option<Window>,
    /// The caller's own due time; the earlier of it and `sla.resolve` counts.
    #[n(17)]
    pub due_at: Option<Timestamp>,
    #[n(18)]
    pub sla: Sla,
    #[n(19)]
    pub flags: Flags,
    #[n(20)]
    pub visit: Visit,
    #[n(21)]
    pub visits: Vec<PastVisit>,
    /// Why it waits in `new`, and when it is tried again.
    #[n(22)]
    pub waiting: Option<Waiting>,
    #[n(23)]
    pub escalation: Option<Escalation>,
    /// What crashed its actor; out of the automatic path until resumed.
    #[n(24)]
    pub quarantined: Option<String>,
    #[n(25)]
    pub hold: Option<Hold>,
    #[n(26)]
    pub completed_at: Option<Timestamp>,
    /// When it closes by itself, once completed.
    #[n(34)]
    pub closes_at: Option<Timestamp>,
    /// When it was closed or cancelled.
    #[n(27)]
    pub ended_at: Option<Timestamp>,
    /// Deliveries not yet done; done ones live on in the journal.
    #[n(28)]
    pub deliveries: Vec<Delivery>,
    #[n(29)]
    pub next_delivery: DeliveryNo,
    #[n(30)]
    pub next_offer: OfferNo,
    /// Client command ids of experts that took effect, newest last, bounded: each takes effect once.
    #[n(31)]
    pub seen_commands: Vec<String>,
    #[n(32)]
    pub rating: Option<u8>,
    /// How often it went to another region.
    #[n(33)]
    pub handovers: u16,
    /// Client command ids that were refused and recorded, newest last, bounded.
    #[n(35)]
    pub refused_commands: Vec<String>,
    /// The customer left a phone or an address to be told by.
    #[cbor(n(40), default)]
    pub reachable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Phase {
    #[n(0)]
    New,
    #[n(1)]
    Assigning,
    #[n(2)]
    Assigned,
    #[n(3)]
    InProgress,
    #[n(4)]
    Completed,
    #[n(5)]
    Closed,
    #[n(6)]
    Reopened,
    #[n(7)]
    Cancelled,
    #[n(8)]
    OnHold,
}

impl Phase {
    pub const ALL: [Self; 9] = [
        Self::New,
        Self::Assigning,
        Self::Assigned,
        Self::InProgress,
        Self::Completed,
        Self::Closed,
        Self::Reopened,
        Self::Cancelled,
        Self::OnHold,
    ];

    /// The contract's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Assigning => "assigning",
            Self::Assigned => "assigned",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Cancelled => "cancelled",
            Self::OnHold => "on_hold",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }

    /// Work is still to be done or under way.
    #[must_use]
    pub fn open(self) -> bool {
        match self {
            Self::New | Self::Assigning | Self::Assigned | Self::InProgress | Self::Reopened | Self::OnHold => true,
            Self::Completed | Self::Closed | Self::Cancelled => false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Priority {
    #[n(0)]
    Low,
    #[default]
    #[n(1)]
    Normal,
    #[n(2)]
    High,
    #[n(3)]
    Urgent,
}

impl Priority {
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    #[must_use]
    pub fn name(self) -> &'static str {
        ["low", "normal", "high", "urgent"][self as usize]
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.name() == name)
    }
}

/// The channel a ticket came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Source {
    #[n(0)]
    Web,
    #[n(1)]
    Phone,
    #[n(2)]
    App,
    #[n(3)]
    Api,
}

impl Source {
    pub const ALL: [Self; 4] = [Self::Web, Self::Phone, Self::App, Self::Api];

    #[must_use]
    pub fn name(self) -> &'static str {
        ["web", "phone", "app", "api"][self as usize]
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

/// Service begins inside it. `from < to`, checked where it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Window {
    #[n(0)]
    pub from: Timestamp,
    #[n(1)]
    pub to: Timestamp,
    #[n(2)]
    pub kind: WindowKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum WindowKind {
    /// A hard rule.
    #[n(0)]
    Promise,
    /// A cost.
    #[n(1)]
    Wish,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Waiting {
    #[n(0)]
    pub reason: WaitReason,
    #[n(1)]
    pub next_try_at: Timestamp,
}

/// Stable codes; the doors put them into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum WaitReason {
    /// Everybody who could is full.
    #[n(0)]
    AllFull,
    /// Nobody qualified is on shift now.
    #[n(1)]
    OffShift,
    /// The promised window lies ahead; it is too early to send somebody.
    #[n(2)]
    WindowAhead,
    /// A neighbour region was asked.
    #[n(3)]
    Handover,
    /// Nobody on the roster can do it; a person was told.
    #[n(4)]
    NobodyQualified,
    /// The region's plan has somebody for it, who is not free yet.
    #[n(5)]
    Planned,
}

impl WaitReason {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllFull => "all_full",
            Self::OffShift => "off_shift",
            Self::WindowAhead => "window_ahead",
            Self::Handover => "handover",
            Self::NobodyQualified => "nobody_qualified",
            Self::Planned => "planned",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hold {
    #[n(0)]
    pub since: Timestamp,
    #[n(1)]
    pub until: Option<Timestamp>,
}

impl Ticket {
    #[must_use]
    pub fn person(&self) -> PersonId {
        self.personal.person
    }

    /// When the customer must be served by: the caller's due time or the SLA's, whichever is first.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        self.due_at.map_or(self.sla.resolve.due, |due| due.min(self.sla.resolve.due))
    }

    /// This plan would break the promised window or a due time.
    #[must_use]
    pub fn at_risk(&self, start: Timestamp, end: Timestamp) -> bool {
        let promise = self.window.filter(|window| window.kind == WindowKind::Promise);
        promise.is_some_and(|window| start > window.to)
            || self.due_at.is_some_and(|due| start > due)
            || end > self.sla.resolve.due
    }

    /// The dispatcher may place it by itself now.
    #[must_use]
    pub fn dispatchable(&self) -> bool {
        matches!(self.phase, Phase::New | Phase::Reopened)
            && self.quarantined.is_none()
            && self.personal.known().is_some_and(|p| p.place.is_some())
    }
}

#[cfg(test)]
mod tests;
