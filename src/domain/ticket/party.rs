//! Who has or had a part in a visit, by its events alone: the state forgets those it was taken back from.

use super::TicketEvent;
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
}
