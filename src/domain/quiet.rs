//! Hours in which customers are left in peace: a stretch of each local day, perhaps over midnight.
//! Knows the time zone only as an argument; daylight saving is the library's affair.

use super::time::Timestamp;
use jiff::{civil, tz::TimeZone};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// Minutes after local midnight, `from` inclusive, `to` exclusive; `from > to` goes over midnight, and
/// equal ones mean never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct QuietHours {
    #[n(0)]
    pub from: u16,
    #[n(1)]
    pub to: u16,
}

impl QuietHours {
    /// Nine in the evening to eight in the morning: what telephone rules commonly ask for.
    pub const USUAL: Self = Self { from: 21 * 60, to: 8 * 60 };

    /// `21:00-08:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.trim().split_once('-')?;
        Some(Self { from: minute(from)?, to: minute(to)? })
    }

    /// The instant at which they end; None when `now` is not within them.
    #[must_use]
    pub fn until(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = now.civil_in(zone);
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        let over_midnight = self.from > self.to;
        let late = minute >= self.from && (over_midnight || minute < self.to);
        let early = over_midnight && minute < self.to;
        if !late && !early {
            return None;
        }
        let day = if late && over_midnight { local.date().tomorrow().ok()? } else { local.date() };
        let end = day.to_datetime(civil::Time::new((self.to / 60) as i8, (self.to % 60) as i8, 0, 0).ok()?);
        let ends = zone.to_ambiguous_zoned(end);
        // An end that comes twice (clocks go back) may have come once already; one that never comes
        // (clocks go forward over it) is the moment after the gap.
        let instant = |zoned: Result<jiff::Zoned, jiff::Error>| {
            zoned.ok().map(|zoned| Timestamp(zoned.timestamp().as_millisecond())).filter(|end| *end > now)
        };
        instant(ends.clone().compatible()).or_else(|| instant(ends.later()))
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two = |part: &str| if part.len() == 2 { part.parse::<u16>().ok() } else { None };
    let (hour, minute) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl Serialize for QuietHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QuietHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("quiet hours look like 21:00-08:00"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::zone;

    fn new_york() -> TimeZone {
        zone("America/New_York").unwrap()
    }

    fn utc(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn until(hours: &str, now: &str) -> Option<String> {
        QuietHours::parse(hours).unwrap().until(utc(now), &new_york()).map(|end| end.to_string())
    }

    #[test]
    fn a_night_ends_in_the_morning_of_the_right_day() {
        assert_eq!(until("21:00-08:00", "2026-06-02T01:00:00Z").as_deref(), Some("2026-06-02T12:00:00Z"), "21:00");
        assert_eq!(until("21:00-08:00", "2026-06-02T11:59:59Z").as_deref(), Some("2026-06-02T12:00:00Z"), "07:59");
        assert_eq!(until("21:00-08:00", "2026-06-02T12:00:00Z"), None, "08:00");
        assert_eq!(until("21:00-08:00", "2026-06-02T00:59:59Z"), None, "20:59");
        assert_eq!(until("12:00-14:00", "2026-06-02T17:00:00Z").as_deref(), Some("2026-06-02T18:00:00Z"), "at noon");
        assert_eq!(until("12:00-14:00", "2026-06-02T05:00:00Z"), None);
        assert_eq!(until("08:00-08:00", "2026-06-02T12:00:00Z"), None, "never");
    }

    #[test]
    fn over_a_change_of_the_clocks_they_end_at_the_same_local_time() {
        // Clocks go forward on 8 March 2026 and back on 1 November 2026, both at two in the morning.
        assert_eq!(
            until("21:00-08:00", "2026-03-08T03:00:00Z").as_deref(),
            Some("2026-03-08T12:00:00Z"),
            "an hour less"
        );
        assert_eq!(
            until("21:00-08:00", "2026-11-01T02:00:00Z").as_deref(),
            Some("2026-11-01T13:00:00Z"),
            "an hour more"
        );
        // An end that does not exist: the moment after the gap.
        assert_eq!(until("21:00-02:30", "2026-03-08T06:00:00Z").as_deref(), Some("2026-03-08T07:30:00Z"));
        // An end that comes twice: whichever is still ahead.
        assert_eq!(until("21:00-01:30", "2026-11-01T05:10:00Z").as_deref(), Some("2026-11-01T05:30:00Z"));
        assert_eq!(until("21:00-01:30", "2026-11-01T06:10:00Z").as_deref(), Some("2026-11-01T06:30:00Z"));
    }

    #[test]
    fn they_are_written_as_they_are_read() {
        for text in ["21:00-08:00", "00:00-23:59"] {
            assert_eq!(QuietHours::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "21-8", "21:00", "24:00-08:00", "21:60-08:00", "9:00-10:00"] {
            assert_eq!(QuietHours::parse(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_end_lies_ahead_and_is_not_quiet_itself(from in 0..1_440_u16, to in 0..1_440_u16, at in 0..63_000_000_i64) {
            let now = utc("2026-01-01T00:00:00Z").plus_s(at);
            let quiet = QuietHours { from, to };
            if let Some(end) = quiet.until(now, &new_york()) {
                proptest::prop_assert!(end > now && end <= now.plus_s(26 * 3_600), "{} {} {}", quiet, now, end);
            }
        }
    }
}
