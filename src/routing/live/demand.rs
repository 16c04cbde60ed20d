//! What a region is asked for in usual hours, and what that makes an hour of a skill worth: whoever can do what is
//! rare is not sent to what others can do as well, if more of the rare is to be expected than they have time for.
//!
//! Must hold: a table that anybody can check (seconds of work by skill and local hour, the mean of the last [`DAYS`]
//! days); the same visits give the same prices. It steers plans and forbids nothing. The price of a resource by the
//! demand that is still to come: Powell 2011, "Approximate Dynamic Programming", ch. 13, with a ratio for the value function.

use crate::domain::{
    expert::Expert,
    skill::{Skill, SkillLevel},
    ticket::Window,
    time::{self, HOUR_S, Timestamp},
};
use jiff::{
    civil::{Date, Weekday},
    tz::TimeZone,
};
use std::collections::BTreeMap;

/// Whole days that are remembered.
pub const DAYS: i64 = 28;
/// Demand is expected, and working time is counted, so far ahead.
const AHEAD_S: i64 = 4 * HOUR_S;
/// Per cent of a shift that are work; the rest is driving.
const WORKED: i64 = 70;

/// Seconds of work by local hour.
type Hours = [u32; 24];

/// Work asked for, by day.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    zone: TimeZone,
    days: BTreeMap<Date, BTreeMap<Skill, Hours>>,
}

/// Work asked for on a usual day: workdays, and days of a weekend.
#[derive(Clone, Debug, PartialEq)]
pub struct Usual {
    zone: TimeZone,
    of: Date,
    workday: BTreeMap<Skill, Hours>,
    weekend: BTreeMap<Skill, Hours>,
}

/// Somebody who works in the hours ahead; seconds from now.
pub(super) struct Supply<'a> {
    pub(super) expert: &'a Expert,
    pub(super) from_s: i64,
    pub(super) until_s: i64,
}

impl Demand {
    /// `zone`: IANA name of the time zone whose days and hours are counted.
    #[must_use]
    pub fn new(zone: &str) -> Self {
        Self { zone: time::zone(zone).unwrap_or(TimeZone::UTC), days: BTreeMap::new() }
    }

    /// Counts a visit that takes `service_s` in the hour in which it could begin at the earliest.
    pub fn note(&mut self, skills: &[SkillLevel], service_s: u32, opened_at: Timestamp, window: Option<Window>) {
        let wanted = window.map_or(opened_at, |window| window.from.max(opened_at));
        let local = wanted.civil_in(&self.zone);
        let day = self.days.entry(local.date()).or_default();
        for need in skills {
            let hour = &mut day.entry(need.skill.clone()).or_default()[local.hour() as usize];
            *hour = hour.saturating_add(service_s);
        }
        // What is booked for far-off days is of no use yet.
        if self.days.len() as i64 > 2 * DAYS {
            self.days.pop_last();
        }
    }

    /// Adds what was noted elsewhere.
    pub fn add(&mut self, other: Self) {
        for (date, skills) in other.days {
            let day = self.days.entry(date).or_default();
            for (skill, more) in skills {
                add(day.entry(skill).or_default(), &more);
            }
        }
    }

    /// What is usual as of `now`: the means of the days before today, at most [`DAYS`]; forgets what is older. A day on
    /// which nobody asked for anything counts too.
    pub fn usual(&mut self, now: Timestamp) -> Usual {
        let today = now.civil_in(&self.zone).date();
        let oldest = today.saturating_sub(jiff::Span::new().days(DAYS));
        self.days = self.days.split_off(&oldest);
        let first = self.days.keys().next().copied().unwrap_or(today);
        let mut usual =
            Usual { zone: self.zone.clone(), of: today, workday: BTreeMap::new(), weekend: BTreeMap::new() };
        let (mut workdays, mut weekends) = (0, 0);
        let past = std::iter::successors(Some(first), |day| day.tomorrow().ok()).take_while(|day| *day < today);
        for date in past {
            let (sums, count) = if is_weekend(date) {
                (&mut usual.weekend, &mut weekends)
            } else {
                (&mut usual.workday, &mut workdays)
            };
            *count += 1;
            for (skill, more) in self.days.get(&date).into_iter().flatten() {
                add(sums.entry(skill.clone()).or_default(), more);
            }
        }
        let mean = |sums: &mut BTreeMap<Skill, Hours>, days: u32| {
            sums.values_mut().flatten().for_each(|sum| *sum /= days.max(1));
        };
        mean(&mut usual.workday, workdays);
        mean(&mut usual.weekend, weekends);
        usual
    }
}

impl Usual {
    /// Whether it is still what is usual; a new day makes it old.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now.civil_in(&self.zone).date() == self.of
    }

    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.workday.is_empty() && self.weekend.is_empty()
    }

    /// Seconds of work with each skill that the hours after `now` usually bring.
    #[must_use]
    pub fn expected_s(&self, now: Timestamp) -> BTreeMap<&Skill, i64> {
        let mut expected = BTreeMap::new();
        let (mut at, end) = (now, now.plus_s(AHEAD_S));
        while at < end {
            let local = at.civil_in(&self.zone);
            let into_s = i64::from(local.minute()) * 60 + i64::from(local.second());
            let part_s = (HOUR_S - into_s).min(end.since_s(at)).max(1);
            let day = if is_weekend(local.date()) { &self.weekend } else { &self.workday };
            for (skill, hours) in day {
                *expected.entry(skill).or_default() += i64::from(hours[local.hour() as usize]) * part_s / HOUR_S;
            }
            at = at.plus_s(part_s);
        }
        expected
    }

    /// By skill, thousandths of a second of driving per second of work that keeps somebody busy who has it. `weight`: of a
    /// skill with which the crew has no more time than is asked for; half as much demand costs nothing.
    pub(super) fn prices(&self, now: Timestamp, weight: f64, crew: &[Supply<'_>]) -> BTreeMap<&Skill, i64> {
        let mut there_s: BTreeMap<&Skill, i64> = BTreeMap::new();
        for hand in crew {
            let works_s = (hand.until_s.min(AHEAD_S) - hand.from_s).max(0) * WORKED / 100;
            hand.expert.skills.keys().for_each(|skill| *there_s.entry(skill).or_default() += works_s);
        }
        let price = |(skill, asked_s): (_, i64)| {
            let share = asked_s as f64 / there_s.get(skill).copied().unwrap_or(0).max(1) as f64;
            (skill, ((2.0 * share - 1.0).clamp(0.0, 1.0) * weight * 1_000.0).round() as i64)
        };
        self.expected_s(now).into_iter().map(price).collect()
    }
}

impl Default for Usual {
    fn default() -> Self {
        Demand::new("UTC").usual(Timestamp::ZERO)
    }
}

fn add(sums: &mut Hours, more: &Hours) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}
