//! What people, timers and the dispatcher may ask of a ticket.

use super::{Channel, Delivery, DropReason, Failing, Priority, Source, Waiting, Window};
use crate::domain::{
    calendar::Calendar,
    decision::{Decision, Escalation},
    ids::{CustomerId, DeliveryNo, ExpertId, OfferNo, PersonId, RegionId, TicketNumber, VisitNo},
    person::{Address, TicketPersonal},
    place::{CoarseCell, Located, Place},
    route::Route,
    settings::RegionSettings,
    skill::SkillLevel,
    time::Timestamp,
};
use minicbor::{Decode, Encode};

/// Everything `decide` may look at besides the ticket and the command.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    pub now: Timestamp,
    pub who: &'a Who,
    pub settings: &'a RegionSettings,
    /// The SLA clocks' business hours; None: round the clock.
    pub calendar: Option<&'a Calendar>,
    /// The region's time zone, an IANA name; an unknown one counts as UTC (checked when written).
    pub zone: &'a str,
}

/// Who is behind a command; recorded with every event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Who {
    #[n(0)]
    pub role: Role,
    /// The token's subject; empty for the system itself.
    #[n(1)]
    pub id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    #[n(0)]
    System,
    #[n(1)]
    Customer,
    #[n(2)]
    Clerk,
    #[n(3)]
    Expert,
    #[n(4)]
    Dispatcher,
    #[n(5)]
    Manager,
    #[n(6)]
    Admin,
    #[n(7)]
    Portal,
}

impl Role {
    pub const ALL: [Self; 8] = [
        Self::System,
        Self::Customer,
        Self::Clerk,
        Self::Expert,
        Self::Dispatcher,
        Self::Manager,
        Self::Admin,
        Self::Portal,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Customer => "customer",
            Self::Clerk => "clerk",
            Self::Expert => "expert",
            Self::Dispatcher => "dispatcher",
            Self::Manager => "manager",
            Self::Admin => "admin",
            Self::Portal => "portal",
        }
    }

    /// Roles a token may carry (not `system`).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().skip(1).find(|role| role.name() == name)
    }

    #[must_use]
    pub fn staff(self) -> bool {
        match self {
            Self::System | Self::Clerk | Self::Dispatcher | Self::Manager | Self::Admin => true,
            Self::Customer | Self::Expert | Self::Portal => false,
        }
    }
}

impl Who {
    #[must_use]
    pub fn system() -> Self {
        Self { role: Role::System, id: String::new() }
    }
}

/// A checked request for a new ticket; intake adds the number, the region and the person.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub number: TicketNumber,
    pub region: RegionId,
    pub person: PersonId,
    pub personal: TicketPersonal,
    pub customer: Option<CustomerId>,
    pub coarse: Option<CoarseCell>,
    pub located: Located,
    pub source: Source,
    pub external_id: Option<String>,
    pub product: Option<String>,
    /// Never empty: the catalogue's answer, or `general`.
    pub skills: Vec<SkillLevel>,
    pub priority: Priority,
    pub opened_at: Timestamp,
    pub service_s: u32,
    pub window: Option<Window>,
    pub due_at: Option<Timestamp>,
    pub flags: super::Flags,
}

/// A command about an existing ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The router's award. `route` is the expert's route with the new stop in place (planned by the
    /// expert's actor, checked by guards); `decision` explains it.
    Offer {
        decision: Box<Decision>,
        expert: ExpertId,
        route: Box<Route>,
    },
    /// The router found nobody now: wait with a reason.
    Wait {
        decision: Option<Box<Decision>>,
        waiting: Waiting,
    },
    /// The router found nobody at all.
    Escalate {
        decision: Option<Box<Decision>>,
        escalation: Escalation,
    },
    /// A dispatcher's choice. `route` as in `Offer`; `broken` names the hard rule it breaks, if any.
    Assign {
        expert: ExpertId,
        reason: String,
        pin: bool,
        force: bool,
        broken: Option<String>,
        route: Box<Route>,
    },
    /// A repair by the router: offered to `expert` instead of `from`, who cannot keep it. `decision` and `route` as in
    /// `Offer`; what a person pinned stays.
    Reassign {
        decision: Box<Decision>,
        from: ExpertId,
        expert: ExpertId,
        reason: String,
        route: Box<Route>,
    },
    Unassign {
        reason: String,
    },
    Expert(ExpertCommand),
    Hold {
        reason: String,
        until: Option<Timestamp>,
    },
    Release,
    Reschedule {
        window: Option<Window>,
    },
    /// Where it is, as a person says; `region` is the one that the place belongs to.
    Locate {
        place: Place,
        /// None: the one it has stays.
        address: Option<Address>,
        region: RegionId,
        located: Located,
        /// The place is the ZIP's.
        vague: bool,
    },
    Cancel {
        reason: String,
    },
    Reopen {
        reason: String,
    },
    Survey {
        rating: u8,
        comment: Option<String>,
    },
    Note {
        text: String,
    },
    Quarantine {
        cause: String,
    },
    Resume,
    /// To a neighbour region of the same cell.
    HandOver {
        to: RegionId,
        why: String,
    },
    /// A deadline came. Re-checked against the state; nothing happens when it no longer holds.
    Timer(super::TimerKind),
    /// The stop's planned times changed in the expert's route.
    Replan {
        expert: ExpertId,
        planned_start: Timestamp,
        planned_end: Timestamp,
    },
    DeliverySent {
        delivery: DeliveryNo,
        channel: Channel,
        /// The gateway's own name for it.
        reference: Option<String>,
    },
    DeliveryReceived {
        delivery: DeliveryNo,
    },
    DeliveryFailed {
        delivery: DeliveryNo,
        channel: Channel,
        error: String,
        failing: Failing,
    },
    /// It is due in quiet hours.
    DeliveryDeferred {
        delivery: DeliveryNo,
    },
    /// It cannot be sent, and need not be.
    DeliveryDropped {
        delivery: DeliveryNo,
        why: DropReason,
    },
    /// What counted as sent did not arrive. The delivery as it was when it was sent, since it may have
    /// left the state. `elsewhere`: there is another way to reach them.
    DeliveryBounced {
        delivery: Box<Delivery>,
        channel: Channel,
        error: String,
        elsewhere: bool,
    },
    /// A person wants it tried anew.
    DeliveryResend {
        delivery: DeliveryNo,
    },
}

/// What an expert did, perhaps offline and some time ago.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpertCommand {
    pub expert: ExpertId,
    pub action: Action,
    /// When it happened, by the phone's clock; None: now.
    pub at: Option<Timestamp>,
    /// Which visit and offer it was about, so that a late one never hits another.
    pub visit: Option<VisitNo>,
    pub offer: Option<OfferNo>,
    /// The client's id for it: a repeat takes effect once.
    pub id: Option<String>,
    /// Sent from the queue of a phone that was offline: when it is refused, its notes are kept.
    pub offline: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Accept,
    Decline { reason: String },
    Depart,
    Arrive,
    Complete { resolution: String, notes: String, parts: Vec<String> },
    CannotFix { reason: String, need_skills: Vec<SkillLevel>, parts: Vec<String> },
    NoAccess { reason: String },
}

impl Action {
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Decline { .. } => "decline",
            Self::Depart => "depart",
            Self::Arrive => "arrive",
            Self::Complete { .. } => "complete",
            Self::CannotFix { .. } => "cannot_fix",
            Self::NoAccess { .. } => "no_access",
        }
    }
}

impl Command {
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Offer { .. } => "offer",
            Self::Wait { .. } => "wait",
            Self::Escalate { .. } => "escalate",
            Self::Assign { .. } => "assign",
            Self::Reassign { .. } => "reassign",
            Self::Unassign { .. } => "unassign",
            Self::Expert(command) => command.action.name(),
            Self::Hold { .. } => "hold",
            Self::Release => "release",
            Self::Reschedule { .. } => "reschedule",
            Self::Locate { .. } => "locate",
            Self::Cancel { .. } => "cancel",
            Self::Reopen { .. } => "reopen",
            Self::Survey { .. } => "survey",
            Self::Note { .. } => "note",
            Self::Quarantine { .. } => "quarantine",
            Self::Resume => "resume",
            Self::HandOver { .. } => "hand_over",
            Self::Timer(_) => "timer",
            Self::Replan { .. } => "replan",
            Self::DeliverySent { .. } => "delivery_sent",
            Self::DeliveryReceived { .. } => "delivery_received",
            Self::DeliveryFailed { .. } => "delivery_failed",
            Self::DeliveryDeferred { .. } => "delivery_deferred",
            Self::DeliveryDropped { .. } => "delivery_dropped",
            Self::DeliveryBounced { .. } => "delivery_bounced",
            Self::DeliveryResend { .. } => "resend",
        }
    }
}
