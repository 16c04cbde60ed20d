//! What an insertion costs: each soft term of DESIGN §7, weighted, in thousandths of a second.
//!
//! Must hold: whole numbers, so that sums and ties are exact and a recheck gives the same (P8).

use super::{
    Terms, VisitSpec,
    timing::{Times, Timetable},
};
use crate::domain::{
    decision::{Cost, Policy},
    expert::Expert,
    route::Stop,
    shift::Interval,
    ticket::WindowKind,
    time::Timestamp,
};

/// Thousandths of a second of cost for an amount of something at its weight.
fn milli(weight: f64, amount: i64) -> i64 {
    (weight * amount as f64 * 1_000.0).round() as i64
}

/// Cost of turning `base` into `with`, whose stop at `position` is the visit.
pub(super) fn cost(
    visit: &VisitSpec,
    expert: &Expert,
    base: &Timetable<'_>,
    with: &Timetable<'_>,
    position: usize,
    duty: Option<Interval>,
    terms: &Terms<'_>,
) -> Cost {
    if terms.policy == Policy::Nearest {
        return Cost { travel: milli(1.0, with.drives_s[position]), ..Cost::default() };
    }
    let weights = &terms.settings.weights;
    let over = |home_at: Timestamp| duty.map_or(0, |duty| home_at.since_s(duty.to).max(0));
    let added = Added::of(base, with, position);
    Cost {
        travel: milli(weights.travel, with.driving_s() - base.driving_s()),
        response: milli(weights.response, with.times[position].start.since_s(terms.now).max(0) + added.wait),
        sla_lateness: milli(weights.sla_lateness, added.overdue),
        window_lateness: milli(weights.window_lateness, added.unwished),
        overtime: milli(weights.overtime, over(with.home_at) - over(base.home_at)),
        over_qualification: milli(weights.over_qualification, surplus(visit, expert)),
        load: milli(weights.load, base.times.len() as i64),
        instability: milli(weights.instability, added.moved),
    }
}

/// Lateness and moves that an insertion brings; all in seconds.
#[derive(Default)]
struct Added {
    /// Past the due time, times 1, 2, 4, 8 by urgency.
    overdue: i64,
    /// Past a wished window.
    unwished: i64,
    /// Until the other customers are served: or each newcomer would be put first.
    wait: i64,
    /// By how much stops that people were told about move.
    moved: i64,
}

impl Added {
    fn of(base: &Timetable<'_>, with: &Timetable<'_>, position: usize) -> Self {
        let mut added = Self::default();
        let visit = with.sequence.stops[position];
        added.lateness(visit, with.times[position], 1);
        for (i, stop) in base.sequence.stops.iter().enumerate().skip(position) {
            let (before, after) = (base.times[i], with.times[i + 1]);
            added.lateness(stop, after, 1);
            added.lateness(stop, before, -1);
            let later = after.start.since_s(before.start);
            added.wait += later;
            added.moved += later.abs();
        }
        added
    }

    fn lateness(&mut self, stop: &Stop, times: Times, sign: i64) {
        let past = |due: Timestamp| times.start.since_s(due).max(0);
        let wished = stop.window.filter(|window| window.kind == WindowKind::Wish);
        self.overdue += sign * (past(stop.due.unwrap_or(Timestamp::MAX)) << stop.urgency.min(3));
        self.unwished += sign * wished.map_or(0, |window| past(window.to));
    }
}

/// Levels above the needed ones, and skills the visit does not use.
fn surplus(visit: &VisitSpec, expert: &Expert) -> i64 {
    let used = |(skill, level): (&_, &crate::domain::skill::Level)| {
        let need = visit.skills.iter().filter(|need| need.skill == *skill).map(|need| need.level.number()).max();
        need.map_or(1, |need| i64::from(level.number().saturating_sub(need)))
    };
    expert.skills.iter().map(used).sum()
}
