//! The kinds of events, counted.

use crate::domain::{
    catalogue::CatalogueEvent, expert::ExpertEvent, fact::Fact, region::RegionEvent, route::RouteEvent,
    ticket::TicketEvent,
};

/// A number for every kind of event: a new kind breaks the build here, and then the count in the test.
pub(in crate::storage::tests) fn kind(fact: &Fact) -> usize {
    let event = match fact {
        Fact::Ticket(event) => event,
        Fact::Route(RouteEvent::Changed { .. }) => return 34,
        Fact::Expert(ExpertEvent::Written(_)) => return 35,
        Fact::Expert(ExpertEvent::Retired) => return 36,
        Fact::Expert(ExpertEvent::AbsenceAdded(_)) => return 37,
        Fact::Expert(ExpertEvent::AbsenceRemoved(_)) => return 38,
        Fact::Region(RegionEvent::Written(_)) => return 39,
        Fact::Region(RegionEvent::Parked(_)) => return 40,
        Fact::Region(RegionEvent::Unparked) => return 41,
        Fact::Region(RegionEvent::ShortageForeseen(_)) => return 47,
        Fact::Region(RegionEvent::ShortageOver) => return 48,
        Fact::Catalogue(CatalogueEvent::Written(_)) => return 42,
    };
    match event {
        TicketEvent::Opened(_) => 0,
        TicketEvent::Decided(_) => 1,
        TicketEvent::Offered { .. } => 2,
        TicketEvent::Accepted { .. } => 3,
        TicketEvent::OfferEnded { .. } => 4,
        TicketEvent::Assigned { .. } => 5,
        TicketEvent::Unassigned { .. } => 6,
        TicketEvent::Departed { .. } => 7,
        TicketEvent::Arrived { .. } => 8,
        TicketEvent::Completed { .. } => 9,
        TicketEvent::VisitFailed { .. } => 10,
        TicketEvent::Held { .. } => 11,
        TicketEvent::Released { .. } => 12,
        TicketEvent::Rescheduled { .. } => 13,
        TicketEvent::Cancelled { .. } => 14,
        TicketEvent::Reopened { .. } => 15,
        TicketEvent::Closed { .. } => 16,
        TicketEvent::Surveyed { .. } => 17,
        TicketEvent::Escalated(_) => 18,
        TicketEvent::Waited(_) => 19,
        TicketEvent::Flagged(_) => 20,
        TicketEvent::NoteAdded { .. } => 21,
        TicketEvent::CommandRefused { .. } => 22,
        TicketEvent::Quarantined { .. } => 23,
        TicketEvent::Resumed => 24,
        TicketEvent::HandedOver { .. } => 25,
        TicketEvent::SlaBreached { .. } => 26,
        TicketEvent::Replanned { .. } => 27,
        TicketEvent::DeliverySent { .. } => 28,
        TicketEvent::DeliveryReceived { .. } => 29,
        TicketEvent::DeliveryFailed { .. } => 30,
        TicketEvent::Located { .. } => 31,
        TicketEvent::CommandSeen { .. } => 32,
        TicketEvent::TimeClamped { .. } => 33,
        TicketEvent::DeliveryDeferred { .. } => 43,
        TicketEvent::DeliveryDropped { .. } => 44,
        TicketEvent::DeliveryBounced { .. } => 45,
        TicketEvent::DeliveryResent { .. } => 46,
    }
}
