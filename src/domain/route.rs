//! An expert's route: exactly the visits offered or assigned to them (P3), in driving order, with
//! planned times that never overlap (P5). Each change stores the whole route, so any version can be
//! read from its own event.

use super::{
    ids::{ExpertId, OfferNo, RegionId, TicketNumber, Version, VisitNo},
    person::{Private, Sealing},
    place::Place,
    ticket::Window,
    time::Timestamp,
};
use minicbor::{Decode, Encode};

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub struct Route {
    #[n(0)]
    pub expert: ExpertId,
    #[n(1)]
    pub version: Version,
    #[n(2)]
    pub region: RegionId,
    #[n(3)]
    pub stops: Vec<Stop>,
    /// Where the expert was last known to be by what they did, and when they were free there.
    /// None: at home since the shift began. Only believed on the same shift.
    #[n(4)]
    pub anchor: Option<Anchor>,
    /// Visits completed since the last shift began are not kept here; this counts all ever.
    #[n(5)]
    pub served: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub struct Anchor {
    #[n(0)]
    pub place: Private<Place>,
    #[n(1)]
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub struct Stop {
    #[n(0)]
    pub ticket: TicketNumber,
    #[n(1)]
    pub visit: VisitNo,
    /// The offer that brought it here; 0 for a direct assignment.
    #[n(2)]
    pub offer: OfferNo,
    #[n(3)]
    pub state: StopState,
    #[n(4)]
    pub place: Private<Place>,
    #[n(5)]
    pub service_s: u32,
    #[n(6)]
    pub window: Option<Window>,
    /// When the drive to it is planned to begin (or began).
    #[n(7)]
    pub planned_depart: Timestamp,
    /// Start of service: after arrival and waiting for the window (or when it began).
    #[n(8)]
    pub planned_start: Timestamp,
    #[n(9)]
    pub planned_end: Timestamp,
    #[n(10)]
    pub pinned: bool,
    /// Put here by a person against a hard rule; P4 and lateness checks leave it out.
    #[n(11)]
    pub forced: bool,
    /// SLA due time of the ticket, for costs.
    #[n(12)]
    pub due: Option<Timestamp>,
    /// 0 low .. 3 urgent.
    #[n(13)]
    pub urgency: u8,
}

/// In the order a stop goes through them. Started stops are frozen: nothing is put before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum StopState {
    #[n(0)]
    Offered,
    #[n(1)]
    Assigned,
    #[n(2)]
    EnRoute,
    #[n(3)]
    OnSite,
}

/// Why a route changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RouteCause {
    #[n(0)]
    Award,
    #[n(1)]
    Accepted,
    #[n(2)]
    Withdrawn,
    #[n(3)]
    Progress,
    #[n(4)]
    Finished,
    /// The clock overtook the plan: stops slid back.
    #[n(5)]
    Late,
    #[n(6)]
    Optimised,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub enum RouteEvent {
    #[n(0)]
    Changed {
        #[n(0)]
        cause: RouteCause,
        #[n(1)]
        stops: Vec<Stop>,
        #[n(2)]
        anchor: Option<Anchor>,
        #[n(3)]
        served: u32,
        #[n(4)]
        region: RegionId,
    },
}

impl Route {
    /// The route of an expert who never had one.
    #[must_use]
    pub fn empty(expert: ExpertId, region: RegionId) -> Self {
        Self { expert, version: 0, region, stops: Vec::new(), anchor: None, served: 0 }
    }

    #[must_use]
    pub fn stop(&self, ticket: TicketNumber, visit: VisitNo) -> Option<&Stop> {
        self.stops.iter().find(|stop| stop.ticket == ticket && stop.visit == visit)
    }

    pub fn apply(&mut self, event: &RouteEvent) {
        self.version += 1;
        let RouteEvent::Changed { cause: _, stops, anchor, served, region } = event;
        self.stops.clone_from(stops);
        self.anchor.clone_from(anchor);
        self.served = *served;
        self.region = region.clone();
    }
}

impl Stop {
    #[must_use]
    pub fn started(&self) -> bool {
        self.state >= StopState::EnRoute
    }
}
