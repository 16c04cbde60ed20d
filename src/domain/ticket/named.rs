//! What an event is called, and whom it concerns. Which message it is about stands with the messages (`outbox.rs`).

use super::{OfferEnd, TicketEvent};
use crate::domain::ids::ExpertId;

impl TicketEvent {
    /// Who was offered the visit, given it, or had it taken from them.
    #[must_use]
    pub fn party(&self) -> Option<&ExpertId> {
        match self {
            Self::Offered { expert, .. }
            | Self::OfferEnded { expert, .. }
            | Self::Assigned { expert, .. }
            | Self::Unassigned { expert, .. } => Some(expert),
            // Anybody may have tried.
            Self::CommandRefused { .. }
            | Self::Opened(_)
            | Self::Decided(_)
            | Self::Accepted { .. }
            | Self::Departed { .. }
            | Self::Arrived { .. }
            | Self::Completed { .. }
            | Self::VisitFailed { .. }
            | Self::Held { .. }
            | Self::Released { .. }
            | Self::Rescheduled { .. }
            | Self::Cancelled { .. }
            | Self::Reopened { .. }
            | Self::Closed { .. }
            | Self::Surveyed { .. }
            | Self::Escalated(_)
            | Self::Waited(_)
            | Self::Flagged(_)
            | Self::NoteAdded { .. }
            | Self::Quarantined { .. }
            | Self::Resumed
            | Self::HandedOver { .. }
            | Self::SlaBreached { .. }
            | Self::Replanned { .. }
            | Self::DeliverySent { .. }
            | Self::DeliveryReceived { .. }
            | Self::DeliveryFailed { .. }
            | Self::DeliveryDeferred { .. }
            | Self::DeliveryDropped { .. }
            | Self::DeliveryBounced { .. }
            | Self::DeliveryResent { .. }
            | Self::Located { .. }
            | Self::CommandSeen { .. }
            | Self::TimeClamped { .. } => None,
        }
    }

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
