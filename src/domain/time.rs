//! Instants and spans. All times inside Callout are whole milliseconds since the Unix epoch, UTC;
//! text and time zones exist only at the doors and in shifts. Nothing here reads a clock.

use jiff::{civil, tz::TimeZone};
use minicbor::{Decode, Encode};
use std::{cell::RefCell, fmt};

/// Milliseconds since 1970-01-01T00:00:00Z. Years outside 1900 to 2200 are refused when parsed.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub i64);

pub const SECOND_MS: i64 = 1_000;
pub const MINUTE_S: i64 = 60;
pub const HOUR_S: i64 = 3_600;
pub const DAY_S: i64 = 86_400;

/// Why a text is no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("a time needs its zone or offset, like 2026-01-31T09:00:00Z")]
    NoZone,
    #[error("not an RFC 3339 time, like 2026-01-31T09:00:00Z")]
    Malformed,
    #[error("this local time does not exist (the clocks go forward over it)")]
    Gap,
    #[error("the time lies outside the years 1900 to 2200")]
    OutOfRange,
}

impl Timestamp {
    pub const ZERO: Self = Self(0);
    pub const MAX: Self = Self(i64::MAX);

    /// Parses RFC 3339 with an offset. A time without an offset is `NoZone`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        let instant: jiff::Timestamp = match text.parse() {
            Ok(instant) => instant,
            Err(_) if text.parse::<civil::DateTime>().is_ok() => return Err(TimeError::NoZone),
            Err(_) => return Err(TimeError::Malformed),
        };
        Self(instant.as_millisecond()).bounded()
    }

    /// Parses like [`Timestamp::parse`], or a time of day like `15:00` on the day that `now` falls on in `zone`.
    pub fn parse_today(text: &str, zone: &TimeZone, now: Self) -> Result<Self, TimeError> {
        let text = text.trim();
        let clock = text.len() <= 8 && text.contains(':') && !text.contains('-');
        if !clock {
            return Self::parse(text);
        }
        let today = now.civil_in(zone).date();
        Self::parse_in(&format!("{today}T{text}"), zone).map(|(at, _)| at)
    }

    /// Parses like [`Timestamp::parse`], reading a time without an offset in `zone`. The second
    /// value tells whether the zone had to be supplied. A time in a daylight-saving gap is `Gap`;
    /// an ambiguous one (clocks going back) is its first occurrence.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Result<(Self, bool), TimeError> {
        match Self::parse(text) {
            Err(TimeError::NoZone) => {}
            other => return other.map(|at| (at, false)),
        }
        let civil: civil::DateTime = text.trim().parse().map_err(|_| TimeError::Malformed)?;
        let ambiguous = zone.to_ambiguous_zoned(civil);
        if matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
            return Err(TimeError::Gap);
        }
        let zoned = ambiguous.earlier().map_err(|_| TimeError::OutOfRange)?;
        Ok((Self(zoned.timestamp().as_millisecond()).bounded()?, true))
    }

    fn bounded(self) -> Result<Self, TimeError> {
        const FIRST: i64 = -2_208_988_800_000;
        const LAST: i64 = 7_258_118_400_000;
        if (FIRST..=LAST).contains(&self.0) { Ok(self) } else { Err(TimeError::OutOfRange) }
    }

    #[must_use]
    pub fn plus_s(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(SECOND_MS)))
    }

    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Whole seconds from `earlier` to `self`, rounded down; negative when `self` is earlier.
    #[must_use]
    pub fn since_s(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(SECOND_MS)
    }

    #[must_use]
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// By how many seconds clocks in `zone` are ahead of UTC then, and until when they stay so: the end of the
    /// calendar (year 9999) at the latest. None: not in the calendar.
    #[must_use]
    pub fn offset_in(self, zone: &TimeZone) -> Option<(i64, Self)> {
        match zone.iana_name() {
            Some(name) => self.offset_remembered(name, || Some(zone.clone())),
            None => self.offset_looked_up(zone),
        }
    }

    /// As [`Self::offset_in`], of the zone of this name (IANA); UTC's when there is none.
    #[must_use]
    pub fn offset_in_named(self, name: &str) -> Option<(i64, Self)> {
        self.offset_remembered(name, || zone(name))
    }

    fn offset_remembered(self, name: &str, zone: impl FnOnce() -> Option<TimeZone>) -> Option<(i64, Self)> {
        let holds = |ahead: &&Ahead| ahead.name == name && (ahead.from..ahead.until).contains(&self);
        let known = LAST.with_borrow(|last| last.as_ref().filter(holds).map(|ahead| (ahead.offset_s, ahead.until)));
        if known.is_some() {
            return known;
        }
        let zone = zone().unwrap_or(TimeZone::UTC);
        let (offset_s, until) = self.offset_looked_up(&zone)?;
        LAST.replace(Some(Ahead { name: name.to_owned(), zone, offset_s, from: self, until }));
        Some((offset_s, until))
    }

    fn offset_looked_up(self, zone: &TimeZone) -> Option<(i64, Self)> {
        let instant = jiff::Timestamp::from_millisecond(self.0).ok()?;
        let change = zone.following(instant).next().map_or(jiff::Timestamp::MAX, |change| change.timestamp());
        Some((i64::from(zone.to_offset(instant).seconds()), Self(change.as_millisecond())))
    }

    /// The civil date and time of this instant in `zone`.
    #[must_use]
    pub fn civil_in(self, zone: &TimeZone) -> civil::DateTime {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        zone.to_datetime(instant)
    }
}

/// RFC 3339 in UTC; milliseconds only when there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How far clocks in a time zone are ahead of UTC for a while.
struct Ahead {
    name: String,
    /// UTC for a name that is no zone's.
    zone: TimeZone,
    offset_s: i64,
    from: Timestamp,
    until: Timestamp,
}

thread_local! {
    /// The last one asked for: a region's shifts and drives lie in one zone and within days.
    static LAST: RefCell<Option<Ahead>> = const { RefCell::new(None) };
}

/// Looks an IANA zone up in the bundled database.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    let is_it = |ahead: &&Ahead| ahead.name == name && ahead.zone.iana_name() == Some(name);
    let known = LAST.with_borrow(|last| last.as_ref().filter(is_it).map(|ahead| ahead.zone.clone()));
    known.or_else(|| TimeZone::get(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_york() -> TimeZone {
        zone("America/New_York").unwrap()
    }

    #[test]
    fn an_instant_needs_its_offset() {
        assert_eq!(Timestamp::parse("2026-01-31T09:00:00Z"), Ok(Timestamp(1_769_850_000_000)));
        assert_eq!(Timestamp::parse(" 2026-01-31T10:00:00.5+01:00 "), Ok(Timestamp(1_769_850_000_500)));
        assert_eq!(Timestamp::parse("2026-01-31T09:00:00"), Err(TimeError::NoZone));
        for text in ["", "tomorrow", "2026-02-30T09:00:00Z", "2026-01-31T25:00:00Z", "09:00", "1769850000"] {
            assert_eq!(Timestamp::parse(text), Err(TimeError::Malformed), "{text}");
        }
        assert_eq!(Timestamp::parse("1899-12-31T23:59:59Z"), Err(TimeError::OutOfRange));
        assert_eq!(Timestamp::parse("2201-01-01T00:00:00Z"), Err(TimeError::OutOfRange));
    }

    #[test]
    fn a_local_time_takes_the_zone_it_is_given_and_tells() {
        let parse = |text| Timestamp::parse_in(text, &new_york());
        let utc = |text| Timestamp::parse(text).unwrap();
        assert_eq!(parse("2026-01-31T09:00:00"), Ok((utc("2026-01-31T14:00:00Z"), true)));
        assert_eq!(parse("2026-07-31 09:00:00"), Ok((utc("2026-07-31T13:00:00Z"), true)));
        assert_eq!(parse("2026-01-31T09:00:00Z"), Ok((utc("2026-01-31T09:00:00Z"), false)));
        assert_eq!(parse("soon"), Err(TimeError::Malformed));
    }

    #[test]
    fn an_hour_that_does_not_exist_is_refused_and_one_that_comes_twice_is_the_first() {
        assert_eq!(Timestamp::parse_in("2026-03-08T02:30:00", &new_york()), Err(TimeError::Gap));
        let twice = Timestamp::parse_in("2026-11-01T01:30:00", &new_york());
        assert_eq!(twice, Ok((Timestamp::parse("2026-11-01T05:30:00Z").unwrap(), true)));
    }

    #[test]
    fn spans_are_rounded_down_and_never_overflow() {
        let at = Timestamp(10_000);
        assert_eq!((Timestamp(11_999).since_s(at), Timestamp(9_999).since_s(at)), (1, -1));
        assert_eq!(Timestamp::MAX.plus_s(1), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.since_ms(Timestamp(-1)), i64::MAX);
    }

    #[test]
    fn text_and_instant_are_the_same() {
        for text in ["2026-03-02T08:00:00Z", "1969-07-20T20:17:40.123Z"] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        assert!(!Timestamp::MAX.to_string().is_empty());
    }
}
