//! When an expert works: shifts minus absences, as real intervals.
//!
//! All stops of a route lie in one working stretch: the one that contains now, or the next that begins
//! soon enough to be offered something.

use super::{Terms, VisitSpec};
use crate::domain::{
    decision::Rule,
    expert::{Absence, Expert},
    shift::{Interval, intervals},
    time::{self, DAY_S, HOUR_S, Timestamp},
};

/// How far around now shifts are read, so that touching ones count as one stretch.
const MERGE_S: i64 = 12 * HOUR_S;

/// The stretch that contains `now`, or the next one that begins within `before_s`.
///
/// # Errors
/// `Absent` when only an absence is in the way, else `OffShift`.
pub fn stretch(expert: &Expert, now: Timestamp, before_s: u32) -> Result<Interval, Rule> {
    let zone = time::zone(&expert.zone).ok_or(Rule::OffShift)?;
    let soon = now.plus_s(i64::from(before_s));
    let near = |stretch: &Interval| stretch.to > now && stretch.from <= soon;
    let shifts = intervals(&expert.shifts, &zone, now.plus_s(-MERGE_S), soon.plus_s(MERGE_S));
    if !shifts.iter().any(near) {
        return Err(Rule::OffShift);
    }
    without(shifts, &expert.absences).into_iter().find(near).ok_or(Rule::Absent)
}

/// The stretch that a route is planned in: as [`stretch`], else the next one within the horizon.
pub(super) fn duty(expert: &Expert, terms: &Terms<'_>) -> Option<Interval> {
    stretch(expert, terms.now, terms.settings.before_shift_s).ok().or_else(|| next(expert, terms))
}

/// The first stretch that begins after now, within the horizon.
pub(super) fn next(expert: &Expert, terms: &Terms<'_>) -> Option<Interval> {
    let zone = time::zone(&expert.zone)?;
    let first = |days_s: i64| {
        let shifts = intervals(&expert.shifts, &zone, terms.now, terms.now.plus_s(days_s));
        without(shifts, &expert.absences).into_iter().find(|stretch| stretch.from > terms.now)
    };
    let horizon_s = i64::from(terms.settings.horizon_s);
    // Nearly everybody works within two days: the whole horizon is read for the few others.
    let within = |stretch: &Interval| stretch.from <= terms.now.plus_s(horizon_s);
    first(2 * DAY_S).or_else(|| first(horizon_s)).filter(within)
}

/// The parts of `stretches` that no absence covers, in order.
fn without(mut stretches: Vec<Interval>, absences: &[Absence]) -> Vec<Interval> {
    for absence in absences.iter().filter(|absence| absence.from < absence.to) {
        stretches = stretches
            .into_iter()
            .flat_map(|s| {
                [Interval { to: s.to.min(absence.from), ..s }, Interval { from: s.from.max(absence.to), ..s }]
            })
            .filter(|part| part.from < part.to)
            .collect();
    }
    stretches
}

/// When (after `now`) a stretch of somebody on this roster begins who has the skills, within the horizon.
/// Whoever is on shift now counts with their next one.
#[must_use]
pub fn next_on_shift<'a>(
    visit: &VisitSpec,
    experts: impl Iterator<Item = &'a Expert>,
    terms: &Terms<'_>,
) -> Option<Timestamp> {
    let able = experts.filter(|expert| super::bid::eligible(visit, expert, terms).is_ok());
    able.filter_map(|expert| next(expert, terms)).map(|stretch| stretch.from).min()
}
