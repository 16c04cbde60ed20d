//! Moments as people say them, in their language and their time zone.

use crate::domain::{language::Language, time::Timestamp};
use jiff::{civil::Date, tz::TimeZone};

/// A day and a time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub day: String,
    pub time: String,
}

/// Nobody plans to the minute.
const ROUNDED_MS: i64 = 5 * 60 * 1_000;

const EN_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const EN_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const ES_DAYS: [&str; 7] = ["lunes", "martes", "mi\u{e9}rcoles", "jueves", "viernes", "s\u{e1}bado", "domingo"];
const ES_MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];

/// As somebody says it who speaks at `now`.
#[must_use]
pub fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone, language: Language) -> Moment {
    let rounded = Timestamp((at.0 + ROUNDED_MS / 2).div_euclid(ROUNDED_MS) * ROUNDED_MS);
    let (local, today) = (rounded.civil_in(zone), now.civil_in(zone).date());
    let time = time_of_day(local.hour(), local.minute(), language);
    Moment { day: day(local.date(), today, language), time }
}

/// `6:30 PM`, `18:30`.
pub(super) fn time_of_day(hour: i8, minute: i8, language: Language) -> String {
    match language {
        Language::En => {
            let half = if hour < 12 { "AM" } else { "PM" };
            format!("{}:{minute:02} {half}", if hour % 12 == 0 { 12 } else { hour % 12 })
        }
        Language::Es => format!("{hour}:{minute:02}"),
    }
}

fn day(date: Date, today: Date, language: Language) -> String {
    let tomorrow = today.tomorrow().is_ok_and(|tomorrow| tomorrow == date);
    let week = date.weekday().to_monday_zero_offset() as usize % 7;
    let month = (date.month() - 1) as usize % 12;
    let number = date.day();
    match language {
        Language::En if date == today => "today".into(),
        Language::En if tomorrow => "tomorrow".into(),
        Language::En => format!("on {}, {} {number},", EN_DAYS[week], EN_MONTHS[month]),
        Language::Es if date == today => "hoy".into(),
        Language::Es if tomorrow => "ma\u{f1}ana".into(),
        Language::Es => format!("el {} {number} de {}", ES_DAYS[week], ES_MONTHS[month]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::zone;

    fn said(at: &str, language: Language) -> String {
        let now = Timestamp::parse("2026-11-24T22:00:00Z").unwrap();
        let zone = zone("America/New_York").unwrap();
        let Moment { day, time } = moment(Timestamp::parse(at).unwrap(), now, &zone, language);
        format!("{day} {time}")
    }

    #[test]
    fn moments_are_said_in_the_regions_zone_and_the_readers_words() {
        use Language::{En, Es};
        assert_eq!(said("2026-11-24T23:32:10Z", En), "today 6:30 PM");
        assert_eq!(said("2026-11-25T05:02:29Z", En), "tomorrow 12:00 AM", "the day is the region's");
        assert_eq!(said("2026-11-26T17:00:00Z", En), "on Thursday, November 26, 12:00 PM");
        assert_eq!(said("2026-11-24T23:34:10Z", Es), "hoy 18:35");
        assert_eq!(said("2026-11-25T14:00:00Z", Es), "ma\u{f1}ana 9:00");
        assert_eq!(said("2026-11-28T14:00:00Z", Es), "el s\u{e1}bado 28 de noviembre 9:00");
    }
}
