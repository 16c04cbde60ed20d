//! What an insertion costs: each soft term of DESIGN §7, weighted, in thousandths of a second.
//!
//! Must hold: whole numbers, so that sums and ties are exact and a recheck gives the same (P8).

use super::{Terms, VisitSpec, detour::Detour, timing::Timetable};
use crate::domain::{
    decision::{Cost, Policy},
    expert::Expert,
    shift::Interval,
    skill::{Level, Skill},
    time::Timestamp,
};

/// Thousandths of a second of cost for an amount of something at its weight.
fn milli(weight: f64, amount: i64) -> i64 {
    if amount == 0 { 0 } else { (weight * amount as f64 * 1_000.0).round() as i64 }
}

/// Cost of a detour from `base`. `surplus`: of [`surplus`].
pub(super) fn cost(
    detour: &Detour,
    surplus: i64,
    base: &Timetable<'_>,
    duty: Option<Interval>,
    terms: &Terms<'_>,
) -> Cost {
    if terms.policy == Policy::Nearest {
        return Cost { travel: milli(1.0, detour.times.drive_s), ..Cost::default() };
    }
    let weights = &terms.settings.weights;
    let over = |home_at: Timestamp| duty.map_or(0, |duty| home_at.since_s(duty.to).max(0));
    Cost {
        travel: milli(weights.travel, detour.driving_s),
        response: milli(weights.response, detour.times.start.since_s(terms.now).max(0) + detour.wait_s),
        sla_lateness: milli(weights.sla_lateness, detour.overdue_s),
        window_lateness: milli(weights.window_lateness, detour.unwished_s),
        overtime: milli(weights.overtime, over(detour.home_at) - over(base.home_at)),
        over_qualification: milli(weights.over_qualification, surplus),
        load: milli(weights.load, base.times.len() as i64),
        instability: milli(weights.instability, detour.moved_s),
    }
}

/// Levels above the needed ones, and skills the visit does not use.
pub(super) fn surplus(visit: &VisitSpec, expert: &Expert) -> i64 {
    let used = |(skill, level): (&Skill, &Level)| {
        let need = visit.skills.iter().filter(|need| need.skill == *skill).map(|need| need.level.number()).max();
        need.map_or(1, |need| i64::from(level.number().saturating_sub(need)))
    };
    expert.skills.iter().map(used).sum()
}
