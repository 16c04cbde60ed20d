//! The second opinion: whether routes and awards keep P4 and P5, from the stored facts alone.
//!
//! Must hold: shares no code with the rest of `routing/`, not even the travel formula; over roads it searches
//! plainly where the planner climbs. What the planner gets wrong in one way must not be got wrong here in the same way. Used by tests, simulation and audit.

mod award;
mod plan;
mod plan_cost;
mod route;

pub use award::{Award, check_award, check_choice};
pub use plan::{Breach, check_plan};
pub use route::{check_route, first_overlap};

use super::roads::Legs;
use crate::domain::{
    network::NetworkId,
    place::{EARTH_RADIUS_M, Place},
    settings::{Source, TravelSettings},
    time::{self, HOUR_S, Timestamp},
};

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `"P4"`, `"P5"` or `"P8"`.
    pub promise: &'static str,
    /// The expert or ticket it is about.
    pub thing: String,
    pub detail: String,
}

/// Two floating-point formulas may round a drive to whole seconds differently.
const ROUNDING_S: f64 = 1.0;

/// What drives of a region need, as the checker sees it.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub travel: &'a TravelSettings,
    /// Of the region (IANA).
    pub zone: &'a str,
    /// A network; of another name than the settings', it says nothing.
    pub roads: Option<&'a Legs>,
}

impl Ground<'_> {
    /// The settings name a network that is not at hand: what its drives need cannot be told.
    #[must_use]
    pub fn unknown(&self) -> Option<NetworkId> {
        self.travel.network.filter(|id| self.roads.is_none_or(|roads| roads.id() != *id))
    }

    /// Seconds that a drive needs at least, when its driver is ready for it at `free` and leaves at `depart`:
    /// in the quickest of the hours between. Nothing where the network is not at hand, or a server said.
    fn drive_s(&self, from: Option<Place>, to: Option<Place>, free: Timestamp, depart: Timestamp) -> f64 {
        let (Some(from), Some(to)) = (from, to) else { return 0.0 };
        if self.unknown().is_some() || self.travel.source == Source::Server {
            return 0.0;
        }
        let over_roads = self.travel.network.and(self.roads).and_then(|roads| roads.plain_ms(from, to));
        let usual_s = over_roads.map_or_else(
            || arc_m(from, to) * self.travel.detour / self.travel.speed_kmh * 3.6,
            |ms| f64::from(ms) / 1_000.0,
        );
        (usual_s * 100.0 / self.quickest(free, depart) - ROUNDING_S).max(0.0)
    }

    /// Per cent of the usual speed in the quickest of the local hours from `free` to `depart`.
    fn quickest(&self, free: Timestamp, depart: Timestamp) -> f64 {
        let Some(speeds) = self.travel.speed_by_hour.map(<[u16; 24]>::from) else { return 100.0 };
        let zone = time::zone(self.zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let steps = (depart.since_s(free) / HOUR_S + 1).clamp(0, 24);
        let moments = (0..=steps).map(|hours| free.plus_s(hours * HOUR_S).min(depart)).chain([depart]);
        let speed = |at: Timestamp| speeds[at.civil_in(&zone).hour() as usize];
        moments.map(speed).max().map_or(100.0, f64::from)
    }
}

/// Great-circle metres: haversine in its arctangent form.
fn arc_m(from: Place, to: Place) -> f64 {
    let (lat1, lat2) = (from.lat().to_radians(), to.lat().to_radians());
    let (dlat, dlon) = (lat2 - lat1, (to.lon() - from.lon()).to_radians());
    let h = (dlat / 2.0).sin().powi(2) + lat1.cos() * lat2.cos() * (dlon / 2.0).sin().powi(2);
    2.0 * EARTH_RADIUS_M * h.sqrt().atan2((1.0 - h).max(0.0).sqrt())
}
