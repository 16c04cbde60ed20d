//! The second opinion: whether routes and awards keep P4 and P5, from the stored facts alone.
//!
//! Must hold: shares no code with the rest of `routing/`, not even the travel formula; what the planner
//! gets wrong in one way must not be got wrong here in the same way. Used by tests, simulation and audit.

mod award;
mod plan;
mod plan_cost;
mod route;

pub use award::{Award, check_award, check_choice};
pub use plan::{Breach, check_plan};
pub use route::{check_route, first_overlap};

use crate::domain::{
    place::{EARTH_RADIUS_M, Place},
    settings::TravelSettings,
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

/// Seconds that a drive needs at least. Haversine in its arctangent form.
fn drive_s(from: Option<Place>, to: Option<Place>, settings: &TravelSettings) -> f64 {
    let (Some(from), Some(to)) = (from, to) else { return 0.0 };
    let (lat1, lat2) = (from.lat().to_radians(), to.lat().to_radians());
    let (dlat, dlon) = (lat2 - lat1, (to.lon() - from.lon()).to_radians());
    let h = (dlat / 2.0).sin().powi(2) + lat1.cos() * lat2.cos() * (dlon / 2.0).sin().powi(2);
    let arc_m = 2.0 * EARTH_RADIUS_M * h.sqrt().atan2((1.0 - h).max(0.0).sqrt());
    (arc_m * settings.detour / settings.speed_kmh * 3.6 - ROUNDING_S).max(0.0)
}

/// Great-circle metres, as [`drive_s`] sees them.
fn arc_m(from: Place, to: Place) -> f64 {
    let metres_per_second = TravelSettings { detour: 1.0, speed_kmh: 3.6 };
    drive_s(Some(from), Some(to), &metres_per_second)
}
