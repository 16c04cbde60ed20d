//! Routes as the contract shows them.

use super::{
    schema,
    show::{PlaceView, Shown},
};
use crate::domain::{
    ids::{ExpertId, RegionId, TicketNumber},
    place::Place,
    route::{Route, StopState},
    time::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

/// What an expert was offered or assigned, with planned times, travel included.
#[derive(Serialize, ToSchema)]
#[schema(as = Route)]
pub struct RouteView<'a> {
    #[schema(value_type = schema::ExpertId)]
    expert: Shown<&'a ExpertId>,
    #[schema(value_type = schema::RegionId)]
    region: Shown<&'a RegionId>,
    /// In the order of the day: what was offered or assigned, nothing else.
    stops: Vec<StopView>,
    /// Visits served so far.
    served: u32,
    /// The `ETag`.
    #[schema(value_type = schema::Version)]
    version: u64,
    /// While they are on their way and their phone says where: the drive before them, over the roads where the region
    /// drives over roads, else straight. At most 200 points. Only where this route is asked for by itself; it changes
    /// without a new version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<PassingView>)]
    course: Option<Vec<PassingView>>,
}

/// A point of a drive, and when it is passed if they drove on since their last position; evenly between two points.
#[derive(Serialize, ToSchema)]
#[schema(as = Passing)]
pub struct PassingView {
    #[schema(value_type = schema::Latitude)]
    lat: f64,
    #[schema(value_type = schema::Longitude)]
    lon: f64,
    #[schema(value_type = schema::Time)]
    at: Shown<Timestamp>,
}

/// A drive's points in order.
#[must_use]
pub fn passing(course: Vec<(Place, Timestamp)>) -> Vec<PassingView> {
    let point = |(place, at): (Place, Timestamp)| PassingView { lat: place.lat(), lon: place.lon(), at: Shown(at) };
    course.into_iter().map(point).collect()
}

/// One visit of a route.
#[derive(Serialize, ToSchema)]
#[schema(as = Stop)]
struct StopView {
    #[schema(value_type = schema::TicketNumber)]
    ticket: Shown<TicketNumber>,
    visit: u16,
    /// `offered`, `assigned`, `en_route` or `on_site`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PlaceView)]
    place: Option<PlaceView>,
    #[schema(value_type = schema::Time)]
    planned_depart: Shown<Timestamp>,
    #[schema(value_type = schema::Time)]
    planned_start: Shown<Timestamp>,
    #[schema(value_type = schema::Time)]
    planned_end: Shown<Timestamp>,
    pinned: bool,
    /// A person assigned it against a rule.
    forced: bool,
}

impl<'a> RouteView<'a> {
    #[must_use]
    pub fn new(route: &'a Route) -> Self {
        let stop = |stop: &crate::domain::route::Stop| StopView {
            ticket: Shown(stop.ticket),
            visit: stop.visit,
            state: match stop.state {
                StopState::Offered => "offered",
                StopState::Assigned => "assigned",
                StopState::EnRoute => "en_route",
                StopState::OnSite => "on_site",
            },
            place: stop.place.known().map(|place| PlaceView::from(*place)),
            planned_depart: Shown(stop.planned_depart),
            planned_start: Shown(stop.planned_start),
            planned_end: Shown(stop.planned_end),
            pinned: stop.pinned,
            forced: stop.forced,
        };
        Self {
            expert: Shown(&route.expert),
            region: Shown(&route.region),
            stops: route.stops.iter().map(stop).collect(),
            served: route.served,
            version: route.version,
            course: None,
        }
    }

    /// With the drive that is under way.
    #[must_use]
    pub fn on_course(mut self, course: Option<Vec<(Place, Timestamp)>>) -> Self {
        self.course = course.map(passing);
        self
    }
}
