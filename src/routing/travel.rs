//! Travel by great circle. Other sources (road network, server) will hand a matrix to the same callers.
//!
//! Must hold: whole seconds, rounded up, so that a plan never promises more than the model gives.

use super::Leg;
use crate::domain::{place::Place, settings::TravelSettings};

/// Great circle x detour at the set speed; whole seconds, rounded up.
#[must_use]
pub fn travel(from: Place, to: Place, settings: &TravelSettings) -> Leg {
    const SECONDS_PER_HOUR: f64 = 3_600.0;
    const SLOWEST_M_PER_S: f64 = 0.1;
    if from == to {
        return Leg { duration_s: 0, distance_m: 0 };
    }
    let road_m = from.distance_m(to) * settings.detour;
    let speed = (settings.speed_kmh * 1_000.0 / SECONDS_PER_HOUR).max(SLOWEST_M_PER_S);
    Leg { duration_s: (road_m / speed).ceil() as i64, distance_m: road_m.round() as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_takes_what_the_sphere_says() {
        let settings = TravelSettings { detour: 1.0, speed_kmh: 36.0 };
        let (a, b) = (Place { lat_e6: 0, lon_e6: 0 }, Place { lat_e6: 1_000_000, lon_e6: 0 });
        // 2 pi R / 360 at 10 m/s.
        assert_eq!(travel(a, b, &settings), Leg { duration_s: 11_120, distance_m: 111_195 });
        assert_eq!(travel(a, a, &settings), Leg { duration_s: 0, distance_m: 0 });
    }

    #[test]
    fn the_smallest_step_is_a_whole_second() {
        let (a, b) = (Place { lat_e6: 0, lon_e6: 0 }, Place { lat_e6: 1, lon_e6: 0 });
        assert_eq!(travel(a, b, &TravelSettings::default()).duration_s, 1);
    }
}
