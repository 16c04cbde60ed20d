//! A place with what all great circles from and to it have in common, reckoned once: a route of five stops has a dozen.
//!
//! Must hold: to the bit the distance that [`Place::distance_m`] gives, or a recheck would find other drives (P8).

use crate::domain::place::{EARTH_RADIUS_M, Place};

#[derive(Clone, Copy, Debug)]
pub(super) struct Waypoint {
    pub place: Place,
    /// Degrees.
    lat: f64,
    lon: f64,
    cos_lat: f64,
}

impl From<Place> for Waypoint {
    fn from(place: Place) -> Self {
        let (lat, lon) = (place.lat(), place.lon());
        Self { place, lat, lon, cos_lat: lat.to_radians().cos() }
    }
}

impl Waypoint {
    /// Great circle in metres, by the haversine formula.
    pub(super) fn distance_m(&self, other: &Self) -> f64 {
        let (north, east) = ((other.lat - self.lat).to_radians(), (other.lon - self.lon).to_radians());
        let (sin_north, sin_east) = ((north / 2.0).sin(), (east / 2.0).sin());
        let square = sin_north * sin_north + self.cos_lat * other.cos_lat * (sin_east * sin_east);
        EARTH_RADIUS_M * (2.0 * square.sqrt().asin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places() -> impl Strategy<Value = Place> {
        let anywhere = (-90_000_000..=90_000_000_i32, -180_000_000..=180_000_000_i32);
        let in_town = (42_200_000..42_400_000_i32, -71_200_000..-70_900_000_i32);
        prop_oneof![anywhere, in_town].prop_map(|(lat_e6, lon_e6)| Place { lat_e6, lon_e6 })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_distance_is_to_the_bit_what_two_places_say(a in places(), b in places()) {
            let (from, to) = (Waypoint::from(a), Waypoint::from(b));
            prop_assert_eq!(from.distance_m(&to).to_bits(), a.distance_m(b).to_bits());
            prop_assert_eq!(from.distance_m(&to).to_bits(), to.distance_m(&from).to_bits());
        }
    }
}
