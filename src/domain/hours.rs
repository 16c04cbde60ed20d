//! Speed by the hour: the rush makes everything slower, whatever source the figures come from.

use super::time::{DAY_S, HOUR_S, Timestamp};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Per cent of the usual speed in each local hour of departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(transparent)]
#[serde(try_from = "[u16; 24]", into = "[u16; 24]")]
pub struct Hours(#[n(0)] [u16; 24]);

/// Outside of these a figure is a slip.
const SANE: std::ops::RangeInclusive<u16> = 5..=300;
const ALL: u64 = 100;

/// A figure that is no speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the speed of each hour is between 5 and 300 per cent of the usual")]
pub struct Insane;

impl Default for Hours {
    fn default() -> Self {
        Self([ALL as u16; 24])
    }
}

impl TryFrom<[u16; 24]> for Hours {
    type Error = Insane;

    fn try_from(per_cent: [u16; 24]) -> Result<Self, Insane> {
        Self::new(per_cent).ok_or(Insane)
    }
}

impl From<Hours> for [u16; 24] {
    fn from(hours: Hours) -> Self {
        hours.0
    }
}

impl Hours {
    /// None: a figure is not between 5 and 300 per cent.
    #[must_use]
    pub fn new(per_cent: [u16; 24]) -> Option<Self> {
        per_cent.iter().all(|speed| SANE.contains(speed)).then_some(Self(per_cent))
    }

    /// Per cent of the usual speed; hours past the day's last one are the next day's.
    #[must_use]
    pub fn per_cent(&self, hour: u8) -> u16 {
        self.0[usize::from(hour % 24)]
    }

    /// Whole seconds, rounded up, of what takes `usual_ms` at usual speed.
    #[must_use]
    pub fn seconds(&self, usual_ms: u64, hour: u8) -> i64 {
        (usual_ms * ALL).div_ceil(u64::from(self.per_cent(hour)) * 1_000) as i64
    }
}

/// The hour that clocks show in a time zone (IANA name; UTC's when there is none), 0 to 23.
#[must_use]
pub fn local_hour(at: Timestamp, zone_name: &str) -> u8 {
    let (offset_s, _) = at.offset_in_named(zone_name).unwrap_or((0, at));
    (at.plus_s(offset_s).since_s(Timestamp::ZERO).rem_euclid(DAY_S) / HOUR_S) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_speed_takes_twice_as_long_in_that_hour_alone() {
        let mut speeds = [100; 24];
        speeds[8] = 50;
        let hours = Hours::new(speeds).unwrap();
        assert_eq!((hours.seconds(60_000, 7), hours.seconds(60_000, 8)), (60, 120));
        assert_eq!(Hours::default().seconds(1, 0), 1, "rounded up");
        speeds[8] = 0;
        assert!(Hours::new(speeds).is_none());
    }

    #[test]
    fn the_hour_is_the_zones_own_in_summer_and_winter() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(local_hour(at("2024-07-01T12:59:00Z"), "America/New_York"), 8);
        assert_eq!(local_hour(at("2024-12-01T12:59:00Z"), "America/New_York"), 7);
        assert_eq!(local_hour(at("2024-12-01T12:59:00Z"), "Nowhere/None"), 12);
        for beyond in [Timestamp(i64::MIN), Timestamp::MAX] {
            assert!(local_hour(beyond, "America/New_York") < 24);
            assert_eq!(
                local_hour(at("2024-07-01T12:59:00Z"), "America/New_York"),
                8,
                "not remembered beyond calendars"
            );
        }
    }

    #[test]
    fn what_is_known_of_a_zone_holds_until_its_clocks_change() {
        for (name, first) in
            [("America/New_York", "2024-03-10T06:00:00Z"), ("Australia/Lord_Howe", "2024-10-05T14:00:00Z")]
        {
            let zone = crate::domain::time::zone(name).unwrap();
            for minutes in (0..180).chain((0..180).rev()) {
                let at = Timestamp::parse(first).unwrap().plus_s(minutes * 60);
                assert_eq!(local_hour(at, name), at.civil_in(&zone).hour() as u8, "{name} {at}");
            }
        }
    }
}
