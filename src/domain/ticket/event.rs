//! What can have happened to a ticket. Stored for ever: variants and fields are only ever added,
//! with new numbers (P11).

use super::{Channel, Delivery, DropReason, Flags, Offer, Priority, Sla, Source, VisitOutcome, Waiting, Window};
use crate::domain::{
    decision::{Decision, Escalation},
    ids::{CustomerId, DeliveryNo, ExpertId, OfferNo, RegionId, TicketNumber},
    person::{Private, Sealing, TicketPersonal},
    place::{CoarseCell, Located},
    skill::SkillLevel,
    time::Timestamp,
};
use minicbor::{Decode, Encode};

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub enum TicketEvent {
    #[n(0)]
    Opened(#[n(0)] Box<Opened>),
    /// The record of an award or of a failure to award; always stands before what it led to.
    #[n(1)]
    Decided(#[n(0)] Box<Decision>),
    #[n(2)]
    Offered {
        #[n(0)]
        expert: ExpertId,
        #[n(1)]
        offer: Offer,
        #[n(2)]
        planned_start: Timestamp,
        #[n(3)]
        planned_end: Timestamp,
        /// Set when a person chose the expert: why.
        #[n(4)]
        reason: Option<Private<String>>,
    },
    #[n(3)]
    Accepted {
        #[n(0)]
        offer: OfferNo,
        /// When the expert pressed the button.
        #[n(1)]
        at: Timestamp,
        /// The offer had expired, but the acceptance was made in time.
        #[n(2)]
        late: bool,
    },
    /// An offer that did not become an assignment.
    #[n(4)]
    OfferEnded {
        #[n(0)]
        offer: OfferNo,
        #[n(1)]
        expert: ExpertId,
        #[n(2)]
        how: OfferEnd,
        #[n(3)]
        reason: Private<String>,
        #[n(4)]
        at: Timestamp,
    },
    /// By a dispatcher, without asking the expert.
    #[n(5)]
    Assigned {
        #[n(0)]
        expert: ExpertId,
        #[n(1)]
        reason: Private<String>,
        #[n(2)]
        pinned: bool,
        /// Against a hard rule; counted apart (P4).
        #[n(3)]
        forced: bool,
        #[n(4)]
        planned_start: Timestamp,
        #[n(5)]
        planned_end: Timestamp,
        #[n(6)]
        at: Timestamp,
    },
    /// Taken from an expert who had it. After a re-assignment it stands behind the new assignment:
    /// the visit is already another's, the old expert is only told.
    #[n(6)]
    Unassigned {
        #[n(0)]
        expert: ExpertId,
        #[n(1)]
        reason: Private<String>,
        #[n(2)]
        at: Timestamp,
        /// The router asks others first for this visit.
        #[n(3)]
        avoid: bool,
    },
    #[n(7)]
    Departed {
        #[n(0)]
        at: Timestamp,
    },
    #[n(8)]
    Arrived {
        #[n(0)]
        at: Timestamp,
    },
    #[n(9)]
    Completed {
        #[n(0)]
        at: Timestamp,
        #[n(1)]
        notes: Private<String>,
        #[n(2)]
        resolution: String,
        #[n(4)]
        closes_at: Timestamp,
        #[n(3)]
        parts: Vec<String>,
    },
    /// Cannot fix or no access: the work goes on as the next visit.
    #[n(10)]
    VisitFailed {
        #[n(0)]
        at: Timestamp,
        #[n(1)]
        outcome: VisitOutcome,
        #[n(2)]
        reason: Private<String>,
        #[n(3)]
        need_skills: Vec<SkillLevel>,
        #[n(4)]
        parts: Vec<String>,
    },
    #[n(11)]
    Held {
        #[n(0)]
        reason: Private<String>,
        #[n(1)]
        until: Option<Timestamp>,
        #[n(2)]
        at: Timestamp,
    },
    /// Also moves the paused SLA clocks: their new due times stand in it.
    #[n(12)]
    Released {
        #[n(0)]
        by_timer: bool,
        #[n(1)]
        sla: Sla,
    },
    #[n(13)]
    Rescheduled {
        #[n(0)]
        window: Option<Window>,
        /// The old plan broke the new window: it was withdrawn by the event before.
        #[n(1)]
        replan: bool,
    },
    #[n(14)]
    Cancelled {
        #[n(0)]
        reason: Private<String>,
        #[n(1)]
        at: Timestamp,
        /// Not the customer's own doing, so they must hear of it.
        #[n(2)]
        tell_customer: bool,
    },
    #[n(15)]
    Reopened {
        #[n(0)]
        reason: Private<String>,
        #[n(1)]
        sla: Sla,
        #[n(2)]
        at: Timestamp,
    },
    /// By the survey or by its timer.
    #[n(16)]
    Closed {
        #[n(0)]
        by_timer: bool,
        #[n(1)]
        at: Timestamp,
    },
    #[n(17)]
    Surveyed {
        #[n(0)]
        rating: u8,
        #[n(1)]
        comment: Private<String>,
    },
    #[n(18)]
    Escalated(#[n(0)] Escalation),
    #[n(19)]
    Waited(#[n(0)] Waiting),
    /// The whole set as it is from now on.
    #[n(20)]
    Flagged(#[n(0)] Flags),
    #[n(21)]
    NoteAdded {
        #[n(0)]
        text: Private<String>,
    },
    /// An offline command that no longer applied: refused with why, its notes kept.
    #[n(22)]
    CommandRefused {
        #[n(0)]
        command: String,
        #[n(1)]
        code: String,
        #[n(2)]
        at: Timestamp,
        #[n(3)]
        notes: Private<String>,
        #[n(4)]
        expert: Option<ExpertId>,
        /// The client's id for it: a repeat is not recorded again.
        #[n(5)]
        id: Option<String>,
    },
    #[n(23)]
    Quarantined {
        #[n(0)]
        cause: String,
    },
    #[n(24)]
    Resumed,
    /// Owned by another region of the same cell from now on.
    #[n(25)]
    HandedOver {
        #[n(0)]
        from: RegionId,
        #[n(1)]
        to: RegionId,
        #[n(2)]
        why: String,
    },
    #[n(26)]
    SlaBreached {
        /// True: respond; false: resolve.
        #[n(0)]
        respond: bool,
    },
    /// The plan moved without changing hands.
    #[n(27)]
    Replanned {
        #[n(0)]
        planned_start: Timestamp,
        #[n(1)]
        planned_end: Timestamp,
        #[n(2)]
        at_risk: bool,
        /// It slipped so far from what the customer was told that they must hear of it.
        #[n(3)]
        tell: bool,
        #[n(4)]
        at: Timestamp,
    },
    #[n(28)]
    DeliverySent {
        #[n(0)]
        delivery: DeliveryNo,
        #[n(1)]
        channel: Channel,
        /// Pushed: when the receipt is missed.
        #[n(2)]
        next_at: Option<Timestamp>,
        /// Sent by another way, and kept until the app has it too.
        #[cbor(n(3), default)]
        kept: bool,
        /// The gateway's own name for it.
        #[n(4)]
        reference: Option<String>,
    },
    #[n(29)]
    DeliveryReceived {
        #[n(0)]
        delivery: DeliveryNo,
    },
    #[n(30)]
    DeliveryFailed {
        #[n(0)]
        delivery: DeliveryNo,
        #[n(1)]
        channel: Channel,
        #[n(2)]
        error: String,
        /// None: given up (a dead letter).
        #[n(3)]
        next_at: Option<Timestamp>,
        /// It will never work on this channel.
        #[cbor(n(4), default)]
        permanent: bool,
    },
    /// A place was found for an unlocated ticket, or corrected.
    #[n(31)]
    Located {
        #[n(0)]
        personal: Private<TicketPersonal>,
        #[n(1)]
        coarse: Option<CoarseCell>,
        #[n(2)]
        located: Located,
    },
    /// A client command id took effect (so that its repeat does not).
    #[n(32)]
    CommandSeen {
        #[n(0)]
        id: String,
    },
    /// A clock of a client was off: the time it gave was replaced.
    #[n(33)]
    TimeClamped {
        #[n(0)]
        given: Timestamp,
        #[n(1)]
        used: Timestamp,
    },
    /// It fell into quiet hours: it waits for their end.
    #[n(40)]
    DeliveryDeferred {
        #[n(0)]
        delivery: DeliveryNo,
        #[n(1)]
        until: Timestamp,
    },
    /// Ended without being sent.
    #[n(41)]
    DeliveryDropped {
        #[n(0)]
        delivery: DeliveryNo,
        #[n(1)]
        why: DropReason,
    },
    /// The provider says that what was sent did not arrive. Carries the delivery, which may have left
    /// the state as done.
    #[n(42)]
    DeliveryBounced {
        #[n(0)]
        delivery: Box<Delivery>,
        #[n(1)]
        channel: Channel,
        #[n(2)]
        error: String,
        /// None: no other way is left (a dead letter).
        #[n(3)]
        next_at: Option<Timestamp>,
    },
    /// A person wants it tried anew.
    #[n(43)]
    DeliveryResent {
        #[n(0)]
        delivery: DeliveryNo,
        #[n(1)]
        at: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub struct Opened {
    #[n(0)]
    pub number: TicketNumber,
    #[n(1)]
    pub region: RegionId,
    #[n(2)]
    pub personal: Private<TicketPersonal>,
    #[n(3)]
    pub customer: Option<CustomerId>,
    #[n(4)]
    pub coarse: Option<CoarseCell>,
    #[n(5)]
    pub located: Located,
    #[n(6)]
    pub source: Source,
    #[n(7)]
    pub external_id: Option<String>,
    #[n(8)]
    pub product: Option<String>,
    #[n(9)]
    pub skills: Vec<SkillLevel>,
    #[n(10)]
    pub priority: Priority,
    #[n(11)]
    pub opened_at: Timestamp,
    #[n(12)]
    pub service_s: u32,
    #[n(13)]
    pub window: Option<Window>,
    #[n(14)]
    pub due_at: Option<Timestamp>,
    #[n(15)]
    pub sla: Sla,
    #[n(16)]
    pub flags: Flags,
    /// Whether the customer left a phone or an address to be told by. Clear, so that the past folds the
    /// same after they were erased; None in events from before that was noted.
    #[n(20)]
    pub reachable: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum OfferEnd {
    #[n(0)]
    Declined,
    #[n(1)]
    Expired,
    /// Taken back: hold, cancel, reschedule, re-assignment.
    #[n(2)]
    Withdrawn,
    /// Taken from this expert by a dispatcher; the router asks others first.
    #[n(3)]
    Unassigned,
}

impl TicketEvent {
    /// The contract's feed kind, as in `ticket.assigned`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened(_) => "ticket.opened",
            Self::Decided(_) => "ticket.decided",
            Self::Offered { .. } => "ticket.offered",
            Self::Accepted { .. } => "ticket.accepted",
            Self::OfferEnded { how: OfferEnd::Declined, .. } => "ticket.declined",
            Self::OfferEnded { how: OfferEnd::Expired, .. } => "ticket.offer_expired",
            Self::OfferEnded { how: OfferEnd::Withdrawn | OfferEnd::Unassigned, .. } => "ticket.offer_withdrawn",
            Self::Assigned { .. } => "ticket.assigned",
            Self::Unassigned { .. } => "ticket.unassigned",
            Self::Departed { .. } => "ticket.departed",
            Self::Arrived { .. } => "ticket.arrived",
            Self::Completed { .. } => "ticket.completed",
            Self::VisitFailed { .. } => "ticket.visit_failed",
            Self::Held { .. } => "ticket.held",
            Self::Released { .. } => "ticket.released",
            Self::Rescheduled { .. } => "ticket.rescheduled",
            Self::Cancelled { .. } => "ticket.cancelled",
            Self::Reopened { .. } => "ticket.reopened",
            Self::Closed { .. } => "ticket.closed",
            Self::Surveyed { .. } => "ticket.surveyed",
            Self::Escalated(_) => "ticket.escalated",
            Self::Waited(_) => "ticket.waiting",
            Self::Flagged(_) => "ticket.flagged",
            Self::NoteAdded { .. } => "ticket.note_added",
            Self::CommandRefused { .. } => "ticket.command_refused",
            Self::Quarantined { .. } => "ticket.quarantined",
            Self::Resumed => "ticket.resumed",
            Self::HandedOver { .. } => "ticket.handed_over",
            Self::SlaBreached { .. } => "ticket.sla_breached",
            Self::Replanned { .. } => "ticket.replanned",
            Self::DeliverySent { .. } => "delivery.sent",
            Self::DeliveryReceived { .. } => "delivery.received",
            Self::DeliveryFailed { .. } => "delivery.failed",
            Self::Located { .. } => "ticket.located",
            Self::CommandSeen { .. } => "ticket.command_seen",
            Self::TimeClamped { .. } => "ticket.time_clamped",
            Self::DeliveryDeferred { .. } => "delivery.deferred",
            Self::DeliveryDropped { .. } => "delivery.dropped",
            Self::DeliveryBounced { .. } => "delivery.bounced",
            Self::DeliveryResent { .. } => "delivery.resent",
        }
    }
}
