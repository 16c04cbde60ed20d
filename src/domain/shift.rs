//! Weekly shifts in local time, as real intervals.

use super::time::{DAY_S, MINUTE_S, Timestamp};
use jiff::{civil, tz::TimeZone};
use minicbor::{Decode, Encode};

/// Works on these days from `from_min` to `to_min`; an end at or before the start is on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Shift {
    /// Bit 0 Monday .. bit 6 Sunday.
    #[n(0)]
    pub days: u8,
    /// Minutes after local midnight, 0 to 1,439.
    #[n(1)]
    pub from_min: u16,
    #[n(2)]
    pub to_min: u16,
}

/// One worked stretch, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Interval {
    #[n(0)]
    pub from: Timestamp,
    #[n(1)]
    pub to: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shift looks like 'mon-fri 08:00-16:00;sat 09:00-13:00'; '{0}' does not")]
pub struct ShiftError(pub String);

/// Shifts that touch a span begin and end within this of it.
const AROUND_S: i64 = 3 * DAY_S;
/// 1970-01-01 was a Thursday; 0 is Monday.
const EPOCH_WEEKDAY: i64 = 3;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Shift {
    /// Parses `mon-fri 08:00-16:00;sat,sun 09:00-13:00`. Empty text: no shifts.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, ShiftError> {
        text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(Self::parse).collect()
    }

    fn parse(part: &str) -> Result<Self, ShiftError> {
        let wrong = || ShiftError(part.chars().take(40).collect());
        let (days, hours) = part.split_once(char::is_whitespace).ok_or_else(wrong)?;
        let (from, to) = hours.trim().split_once('-').ok_or_else(wrong)?;
        let minutes = |text: &str| -> Option<u16> {
            let (h, m) = text.trim().split_once(':')?;
            let (h, m): (u16, u16) = (h.parse().ok()?, m.parse().ok()?);
            (h <= 24 && m < 60 && h * 60 + m <= 1_440).then_some(h * 60 + m)
        };
        let from_min = minutes(from).filter(|m| *m < 1_440).ok_or_else(wrong)?;
        let to_min = minutes(to).ok_or_else(wrong)? % 1_440;
        Ok(Self { days: parse_days(days).ok_or_else(wrong)?, from_min, to_min })
    }

    /// `weekday`: 0 is Monday.
    fn works_on(self, weekday: i8) -> bool {
        self.days & (1 << weekday) != 0
    }

    /// This shift as it falls on a local date.
    fn on(self, day: civil::Date, zone: &TimeZone) -> Option<Interval> {
        let at = |day: civil::Date, minute: u16| -> Option<Timestamp> {
            let time = civil::time((minute / 60) as i8, (minute % 60) as i8, 0, 0);
            let zoned = zone.to_ambiguous_zoned(day.to_datetime(time)).compatible().ok()?;
            Some(Timestamp(zoned.timestamp().as_millisecond()))
        };
        let last = if self.to_min <= self.from_min { day.tomorrow().ok()? } else { day };
        let interval = Interval { from: at(day, self.from_min)?, to: at(last, self.to_min)? };
        (interval.from < interval.to).then_some(interval)
    }
}

fn parse_days(text: &str) -> Option<u8> {
    let index = |day: &str| DAYS.iter().position(|d| d.eq_ignore_ascii_case(day.trim()));
    let mut days = 0;
    for part in text.split(',') {
        match part.split_once('-') {
            None => days |= 1 << index(part)?,
            Some((first, last)) => {
                let (mut day, last) = (index(first)?, index(last)?);
                loop {
                    days |= 1 << day;
                    if day == last {
                        break;
                    }
                    day = (day + 1) % 7;
                }
            }
        }
    }
    Some(days)
}

impl std::fmt::Display for Shift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let days: Vec<&str> = (0..7).filter(|d| self.days & (1 << d) != 0).map(|d| DAYS[d]).collect();
        let (a, b) = (self.from_min, self.to_min);
        write!(f, "{} {:02}:{:02}-{:02}:{:02}", days.join(","), a / 60, a % 60, b / 60, b % 60)
    }
}

/// The worked stretches that touch `[from, to)`, in order, touching ones merged. Daylight saving is
/// jiff's: a start in a gap moves forward, an ambiguous one is the first.
#[must_use]
pub fn intervals(shifts: &[Shift], zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Interval> {
    match from.plus_s(-AROUND_S).offset_in(zone) {
        Some((offset_s, change)) if to.plus_s(AROUND_S) < change => merged(steady(shifts, offset_s, from, to)),
        Some(_) | None => merged(changing(shifts, zone, from, to)),
    }
}

fn merged(mut found: Vec<Interval>) -> Vec<Interval> {
    found.sort_unstable();
    found.dedup_by(|next, before| {
        let touch = next.from <= before.to;
        if touch {
            before.to = before.to.max(next.to);
        }
        touch
    });
    found
}

/// Shifts that touch `[from, to)` while clocks are changed, or may be.
fn changing(shifts: &[Shift], zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Interval> {
    let mut found = Vec::new();
    let first = from.civil_in(zone).date().yesterday();
    let last = to.civil_in(zone).date();
    let mut day = first.unwrap_or(last);
    while day <= last {
        let weekday = day.weekday().to_monday_zero_offset();
        for shift in shifts.iter().filter(|shift| shift.works_on(weekday)) {
            found.extend(shift.on(day, zone).filter(|i| i.to > from && i.from < to));
        }
        match day.tomorrow() {
            Ok(next) => day = next,
            Err(_) => break,
        }
    }
    found
}

/// The same while clocks are so far ahead of UTC all the time: nearly always, and many times cheaper.
fn steady(shifts: &[Shift], offset_s: i64, from: Timestamp, to: Timestamp) -> Vec<Interval> {
    let day_of = |at: Timestamp| at.plus_s(offset_s).since_s(Timestamp::ZERO).div_euclid(DAY_S);
    let mut found = Vec::new();
    for day in day_of(from) - 1..=day_of(to) {
        let weekday = (day + EPOCH_WEEKDAY).rem_euclid(7) as i8;
        let midnight = Timestamp::ZERO.plus_s(day * DAY_S - offset_s);
        for shift in shifts.iter().filter(|shift| shift.works_on(weekday)) {
            let (from_min, to_min) = (i64::from(shift.from_min), i64::from(shift.to_min));
            let days_on = i64::from(to_min <= from_min);
            let end = midnight.plus_s(days_on * DAY_S + to_min * MINUTE_S);
            let interval = Interval { from: midnight.plus_s(from_min * MINUTE_S), to: end };
            found.extend(Some(interval).filter(|i| i.to > from && i.from < to));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{HOUR_S, zone};

    fn worked(shifts: &str, from: &str, to: &str) -> Vec<(String, i64)> {
        let zone = zone("America/New_York").unwrap();
        let local = |text| Timestamp::parse_in(text, &zone).unwrap().0;
        let found = intervals(&Shift::parse_all(shifts).unwrap(), &zone, local(from), local(to));
        found.iter().map(|i| (i.from.civil_in(&zone).to_string(), i.to.since_s(i.from))).collect()
    }

    fn stretch(from: &str, hours: i64) -> (String, i64) {
        (from.to_owned(), hours * HOUR_S)
    }

    #[test]
    fn shifts_are_written_as_people_write_them() {
        let shifts = Shift::parse_all("mon-fri 08:00-16:00; sat,SUN 9:00-13:30 ;").unwrap();
        let said: Vec<String> = shifts.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["mon,tue,wed,thu,fri 08:00-16:00", "sat,sun 09:00-13:30"]);
        assert_eq!(Shift::parse_all("fri-mon 22:00-06:00").unwrap()[0].days, 0b111_0001);
        assert_eq!(Shift::parse_all(" ").unwrap(), []);
        for wrong in ["mon", "mon 8-16", "day 08:00-16:00", "mon 24:00-08:00", "mon 08:60-16:00", "mon 08:00-24:01"] {
            assert_eq!(Shift::parse_all(wrong), Err(ShiftError(wrong.into())));
        }
    }

    #[test]
    fn a_week_has_the_days_it_says() {
        let week = worked("mon-tue 08:00-16:00", "2026-06-01T00:00:00", "2026-06-08T00:00:00");
        assert_eq!(week, [stretch("2026-06-01T08:00:00", 8), stretch("2026-06-02T08:00:00", 8)]);
    }

    #[test]
    fn a_night_shift_that_began_yesterday_still_runs() {
        let night = worked("sun 22:00-06:00", "2026-06-01T05:00:00", "2026-06-01T12:00:00");
        assert_eq!(night, [stretch("2026-05-31T22:00:00", 8)]);
        let over = worked("sun 22:00-06:00", "2026-06-01T06:00:00", "2026-06-01T12:00:00");
        assert_eq!(over, [], "the end is exclusive");
    }

    #[test]
    fn daylight_saving_makes_nights_shorter_and_longer() {
        let night = |from, to| worked("sat 22:00-06:00", from, to);
        let spring = night("2026-03-07T12:00:00", "2026-03-08T12:00:00");
        assert_eq!(spring, [stretch("2026-03-07T22:00:00", 7)]);
        let autumn = night("2026-10-31T12:00:00", "2026-11-01T12:00:00");
        assert_eq!(autumn, [stretch("2026-10-31T22:00:00", 9)]);
        let gap = worked("sun 02:30-06:00", "2026-03-08T00:00:00", "2026-03-08T12:00:00");
        assert_eq!(gap, [("2026-03-08T03:30:00".to_owned(), 9_000)], "a start that does not exist moves on");
    }

    #[test]
    fn the_cheap_way_gives_what_the_calendar_does() {
        let shifts = Shift::parse_all("mon-fri 08:00-16:30;sat 22:00-06:00;sun 00:00-24:00;wed 16:30-17:00").unwrap();
        let zones = ["America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca", "Australia/Lord_Howe"];
        for name in zones {
            let zone = zone(name).unwrap();
            let compare = |from: Timestamp, to: Timestamp| {
                let expected = merged(changing(&shifts, &zone, from, to));
                assert_eq!(intervals(&shifts, &zone, from, to), expected, "{name} {from} {to}");
            };
            // Over sixteen years, Samoa's skipped day (2011-12-30) among them; spans of up to three days.
            let mut at = Timestamp(1_262_304_000_000);
            for step in 0..1_500 {
                at = at.plus_s(337_000);
                compare(at, at.plus_s(step * 977 % (3 * DAY_S)));
            }
            let clock_changes = (0..8).scan(Timestamp(1_262_304_000_000), |at, _| {
                *at = at.offset_in(&zone)?.1;
                Some(*at)
            });
            for change in clock_changes {
                for hours in -100..100 {
                    let from = change.plus_s(hours * HOUR_S - 1);
                    compare(from, from.plus_s(30 * HOUR_S));
                }
            }
        }
    }

    #[test]
    fn there_are_no_shifts_beyond_the_calendar() {
        let shifts = Shift::parse_all("mon-sun 08:00-16:00").unwrap();
        let zone = zone("UTC").unwrap();
        // The last is from 2024 into the year 12000: UTC's clocks never change, so only the calendar's end is in the way.
        let spans = [(i64::MAX - 1, i64::MAX), (i64::MIN, i64::MIN + 1), (1_704_067_200_000, 316_516_464_000_000)];
        for (from, to) in spans {
            assert_eq!(intervals(&shifts, &zone, Timestamp(from), Timestamp(to)), []);
        }
    }

    #[test]
    fn touching_and_overlapping_shifts_are_one_stretch() {
        let day =
            worked("mon 08:00-12:00;mon 12:00-16:00;mon 15:00-18:00", "2026-06-01T00:00:00", "2026-06-02T00:00:00");
        assert_eq!(day, [stretch("2026-06-01T08:00:00", 10)]);
        let always = worked("mon-sun 00:00-24:00", "2026-06-02T00:00:00", "2026-06-04T00:00:00");
        assert_eq!(always, [stretch("2026-06-02T00:00:00", 48)]);
    }
}
