//! Business calendars: weekly hours less holidays, in a time zone.

use super::{
    shift::{Interval, Shift, intervals},
    time::{DAY_S, Timestamp, zone},
};
use jiff::{civil, tz::TimeZone};
use minicbor::{Decode, Encode};

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Calendar {
    #[n(0)]
    pub name: String,
    #[n(1)]
    pub hours: Vec<Shift>,
    /// Local dates, `yyyymmdd`.
    #[n(2)]
    pub holidays: Vec<u32>,
    /// IANA name; an unknown one counts as UTC (checked when written).
    #[n(3)]
    pub zone: String,
}

/// A calendar without any hours would never end a clock; after this it counts every second.
const SEARCH_S: i64 = 400 * DAY_S;

impl Calendar {
    /// The instant `seconds` of business time after `from`. None: every second counts.
    #[must_use]
    pub fn add(calendar: Option<&Self>, from: Timestamp, seconds: i64) -> Timestamp {
        let Some(calendar) = calendar else { return from.plus_s(seconds) };
        let mut left_ms = seconds.max(0) * 1_000;
        let mut from_here = from;
        let end = from.plus_s(SEARCH_S);
        while from_here < end {
            let to = from_here.plus_s(14 * DAY_S);
            for open in calendar.open(from_here, to) {
                let begin = open.from.max(from_here);
                let long = open.to.min(to).since_ms(begin);
                if left_ms <= long {
                    return begin.plus_ms(left_ms);
                }
                left_ms -= long;
            }
            from_here = to;
        }
        from.plus_s(seconds)
    }

    /// Whole seconds of business time in `[from, to)`; 0 when `to` is not after `from`.
    #[must_use]
    pub fn between(calendar: Option<&Self>, from: Timestamp, to: Timestamp) -> i64 {
        let Some(calendar) = calendar else { return to.since_s(from).max(0) };
        if to <= from {
            return 0;
        }
        let to = to.min(from.plus_s(SEARCH_S));
        let open = calendar.open(from, to);
        open.iter().map(|i| i.to.min(to).since_ms(i.from.max(from)).max(0)).sum::<i64>() / 1_000
    }

    /// Open stretches that touch `[from, to)`, in order. A holiday is the whole local day, also for
    /// hours that began the day before.
    fn open(&self, from: Timestamp, to: Timestamp) -> Vec<Interval> {
        let zone = zone(&self.zone).unwrap_or(TimeZone::UTC);
        let mut open = intervals(&self.hours, &zone, from, to);
        for off in self.holidays.iter().filter_map(|day| local_day(*day, &zone)) {
            if off.to > from.plus_s(-2 * DAY_S) && off.from < to.plus_s(2 * DAY_S) {
                open = open.into_iter().flat_map(|i| without(i, off)).collect();
            }
        }
        open
    }
}

/// What is left of an interval before and after a hole.
fn without(interval: Interval, hole: Interval) -> impl Iterator<Item = Interval> {
    let before = Interval { to: interval.to.min(hole.from), ..interval };
    let after = Interval { from: interval.from.max(hole.to), ..interval };
    [before, after].into_iter().filter(|rest| rest.from < rest.to)
}

/// A date written `yyyymmdd`; None when there is no such day.
fn local_day(number: u32, zone: &TimeZone) -> Option<Interval> {
    let part = |of: u32| i8::try_from(of % 100).ok();
    let day = civil::Date::new(i16::try_from(number / 10_000).ok()?, part(number / 100)?, part(number)?).ok()?;
    let midnight = |day: civil::Date| -> Option<Timestamp> {
        let zoned = zone.to_ambiguous_zoned(day.to_datetime(civil::Time::midnight())).compatible().ok()?;
        Some(Timestamp(zoned.timestamp().as_millisecond()))
    };
    Some(Interval { from: midnight(day)?, to: midnight(day.tomorrow().ok()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::HOUR_S;
    use proptest::prelude::*;

    fn calendar(hours: &str, holidays: &[u32]) -> Calendar {
        let hours = Shift::parse_all(hours).unwrap();
        Calendar { name: "office".into(), hours, holidays: holidays.to_vec(), zone: "America/New_York".into() }
    }

    fn local(text: &str) -> Timestamp {
        Timestamp::parse_in(text, &zone("America/New_York").unwrap()).unwrap().0
    }

    #[test]
    fn only_open_hours_count() {
        let office = calendar("mon-fri 09:00-17:00", &[]);
        let add = |from, hours: i64| Calendar::add(Some(&office), local(from), hours * HOUR_S);
        assert_eq!(add("2026-06-01T10:00:00", 4), local("2026-06-01T14:00:00"));
        assert_eq!(add("2026-06-01T10:00:00", 7), local("2026-06-01T17:00:00"), "the last minute still counts");
        assert_eq!(add("2026-06-05T16:00:00", 2), local("2026-06-08T10:00:00"), "over a weekend");
        assert_eq!(add("2026-06-06T12:00:00", 1), local("2026-06-08T10:00:00"));
        assert_eq!(add("2026-06-01T10:00:00", 24 * 8), local("2026-07-03T10:00:00"), "five weeks less a day");
    }

    #[test]
    fn holidays_are_whole_local_days() {
        let office = calendar("mon-fri 09:00-17:00", &[20_260_703]);
        let due = Calendar::add(Some(&office), local("2026-07-02T16:00:00"), 2 * HOUR_S);
        assert_eq!(due, local("2026-07-06T10:00:00"));
        let always = calendar("mon-sun 00:00-24:00", &[20_260_703, 99_999_999]);
        let open = |from, to| Calendar::between(Some(&always), local(from), local(to)) / HOUR_S;
        assert_eq!(open("2026-07-01T00:00:00", "2026-07-08T00:00:00"), 6 * 24);
        assert_eq!(open("2026-07-03T05:00:00", "2026-07-03T23:00:00"), 0);
        let nights = calendar("mon-sun 22:00-06:00", &[20_260_703]);
        let night = Calendar::between(Some(&nights), local("2026-07-02T12:00:00"), local("2026-07-04T12:00:00"));
        assert_eq!(night / HOUR_S, 2 + 6, "until midnight, and from the next midnight");
    }

    #[test]
    fn without_a_calendar_or_hours_every_second_counts() {
        let from = local("2026-06-01T10:00:00");
        assert_eq!(Calendar::add(None, from, 90), from.plus_s(90));
        assert_eq!(Calendar::between(None, from, from.plus_s(90)), 90);
        assert_eq!(Calendar::between(None, from, from.plus_s(-90)), 0);
        assert_eq!(Calendar::add(Some(&calendar("", &[])), from, 90), from.plus_s(90));
    }

    proptest! {
        #[test]
        fn what_is_added_lies_between(start in 0..40_000_000_i64, seconds in 0..2_000_000_i64) {
            let office = calendar("mon-fri 09:00-17:00;sat 22:00-03:00", &[20_260_703, 20_261_225]);
            let from = local("2026-01-01T00:00:00").plus_s(start);
            let due = Calendar::add(Some(&office), from, seconds);
            prop_assert_eq!(Calendar::between(Some(&office), from, due), seconds);
        }
    }
}
