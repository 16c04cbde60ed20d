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

    fn open(&self, from: Timestamp, to: Timestamp) -> Vec<Interval> {
        let zone = zone(&self.zone).unwrap_or(TimeZone::UTC);
        let mut open = intervals(&self.hours, &zone, from, to);
        if !self.holidays.is_empty() {
            open.retain(|i| !self.holidays.contains(&number(i.from.civil_in(&zone).date())));
        }
        open
    }
}

fn number(date: civil::Date) -> u32 {
    date.year() as u32 * 10_000 + date.month() as u32 * 100 + date.day() as u32
}
