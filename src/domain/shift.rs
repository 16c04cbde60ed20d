//! Weekly shifts in local time, as real intervals.

use super::time::Timestamp;
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

    fn works_on(self, day: civil::Date) -> bool {
        self.days & (1 << day.weekday().to_monday_zero_offset()) != 0
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
    let mut found = Vec::new();
    let first = from.civil_in(zone).date().yesterday();
    let last = to.civil_in(zone).date();
    let mut day = first.unwrap_or(last);
    while day <= last {
        for shift in shifts.iter().filter(|shift| shift.works_on(day)) {
            found.extend(shift.on(day, zone).filter(|i| i.to > from && i.from < to));
        }
        match day.tomorrow() {
            Ok(next) => day = next,
            Err(_) => break,
        }
    }
    found.sort_unstable();
    let mut merged: Vec<Interval> = Vec::new();
    for interval in found {
        match merged.last_mut() {
            Some(before) if interval.from <= before.to => before.to = before.to.max(interval.to),
            _ => merged.push(interval),
        }
    }
    merged
}
