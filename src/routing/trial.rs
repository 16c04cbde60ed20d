//! "Why not this expert?": the rules and the insertion of [`super::bid`] once more for one of them, with the
//! figures that a person asks for.
//!
//! Must hold: a trial says yes exactly when `bid` does, with the same bid, and names the same rule.

use super::{
    Terms, VisitSpec,
    bid::{able, allowed, base, cheapest, stop},
    timing::{Overdue, Timetable},
    working,
};
use crate::domain::{
    decision::{Bid, Rule},
    expert::Expert,
    ids::{TicketNumber, VisitNo},
    place::Place,
    route::{Route, Stop},
    skill::{Level, SkillLevel, first_unmet},
    time::Timestamp,
};

/// A visit tried in somebody's route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The best place in the route; when an obstacle is named, the one that breaks least.
    pub bid: Bid,
    /// End of the last drive, home.
    pub home_at: Timestamp,
    /// Other stops that would begin at another time.
    pub moved: Vec<Moved>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    pub ticket: TicketNumber,
    pub visit: VisitNo,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// A promise that would be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    pub ticket: TicketNumber,
    pub visit: VisitNo,
    pub start: Timestamp,
    pub until: Timestamp,
}

/// The first hard rule broken, with its figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    Retired,
    Skill {
        need: SkillLevel,
        has: Option<Level>,
    },
    Refused,
    NoPlace,
    Reach {
        distance_m: u32,
        reach_m: u32,
    },
    Absent {
        until: Option<Timestamp>,
    },
    /// `next`: when a shift begins, within the region's horizon.
    OffShift {
        next: Option<Timestamp>,
    },
    Capacity {
        holds: u32,
        allowed: u8,
    },
    ShiftEnd {
        shift_until: Timestamp,
        overtime_s: u32,
        trial: Trial,
    },
    Window {
        late: Late,
        trial: Trial,
    },
}

impl Obstacle {
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            Self::Retired => Rule::Retired,
            Self::Skill { .. } => Rule::Skill,
            Self::Refused => Rule::Refused,
            Self::NoPlace => Rule::NoPlace,
            Self::Reach { .. } => Rule::Reach,
            Self::Absent { .. } => Rule::Absent,
            Self::OffShift { .. } => Rule::OffShift,
            Self::Capacity { .. } => Rule::Capacity,
            Self::ShiftEnd { .. } => Rule::ShiftEnd,
            Self::Window { .. } => Rule::Window,
        }
    }
}

/// As [`super::bid`], with figures.
///
/// # Errors
/// The first hard rule broken.
pub fn trial(
    visit: &VisitSpec,
    expert: &Expert,
    route: &Route,
    position: Option<Place>,
    terms: &Terms<'_>,
) -> Result<Trial, Box<Obstacle>> {
    let duty = able(visit, expert, route, terms).map_err(|rule| figures(rule, visit, expert, route, terms))?;
    let (base, stop) = (base(expert, route, position, duty, terms), stop(visit, 0, false));
    let Some((bid, broken)) = cheapest(visit, expert, &base, &stop, duty, terms) else {
        return Err(figures(Rule::Capacity, visit, expert, route, terms));
    };
    let at = usize::from(bid.position);
    let with = base.sequence.clone().with(at, &stop).timed(terms.now, Overdue::STRICT, None);
    let trial = Trial { bid, home_at: with.home_at, moved: moved(&base, &with, at) };
    match (broken, with.missed(at)) {
        (None, _) => Ok(trial),
        (Some(Rule::Window), Some(index)) => Err(Box::new(Obstacle::Window { late: late(&with, index), trial })),
        (Some(_), _) => {
            let overtime_s = terms.settings.max_overtime_s;
            Err(Box::new(Obstacle::ShiftEnd { shift_until: duty.to, overtime_s, trial }))
        }
    }
}

fn late(with: &Timetable<'_>, index: usize) -> Late {
    let (stop, start): (&Stop, _) = (with.sequence.steps[index].stop, with.times[index].start);
    let until = stop.window.map_or(start, |window| window.to);
    Late { ticket: stop.ticket, visit: stop.visit, start, until }
}

fn moved(base: &Timetable<'_>, with: &Timetable<'_>, at: usize) -> Vec<Moved> {
    let behind = base.sequence.steps.iter().map(|step| step.stop).enumerate().skip(at);
    behind
        .map(|(i, stop)| Moved {
            ticket: stop.ticket,
            visit: stop.visit,
            from: base.times[i].start,
            to: with.times[i + 1].start,
        })
        .filter(|moved| moved.from != moved.to)
        .collect()
}

/// Figures of the rules that look at no times of the route.
fn figures(rule: Rule, visit: &VisitSpec, expert: &Expert, route: &Route, terms: &Terms<'_>) -> Box<Obstacle> {
    let obstacle = match rule {
        Rule::Retired => Obstacle::Retired,
        Rule::Skill => match first_unmet(&expert.skills, &visit.skills) {
            Some(need) => Obstacle::Skill { need: need.clone(), has: expert.skills.get(&need.skill).copied() },
            None => Obstacle::NoPlace,
        },
        Rule::Refused => Obstacle::Refused,
        Rule::Reach => match expert.home() {
            Some(home) => Obstacle::Reach {
                distance_m: home.distance_m(visit.place).ceil() as u32,
                reach_m: terms.settings.reach_m,
            },
            None => Obstacle::NoPlace,
        },
        Rule::Absent => Obstacle::Absent { until: back(expert, terms) },
        Rule::OffShift => Obstacle::OffShift { next: working::next(expert, terms).map(|stretch| stretch.from) },
        Rule::Capacity => Obstacle::Capacity {
            holds: u32::try_from(route.stops.len()).unwrap_or(u32::MAX),
            allowed: allowed(expert, terms),
        },
        // Only of an expert whose home is unknown; the others are never asked for here.
        Rule::NoPlace | Rule::ShiftEnd | Rule::Window | Rule::NoAnswer | Rule::Planned => Obstacle::NoPlace,
    };
    Box::new(obstacle)
}

/// When the absence ends that is in the way now.
fn back(expert: &Expert, terms: &Terms<'_>) -> Option<Timestamp> {
    let soon = terms.now.plus_s(i64::from(terms.settings.before_shift_s));
    let in_the_way = expert.absences.iter().filter(|absence| absence.from <= soon && absence.to > terms.now);
    in_the_way.map(|absence| absence.to).max()
}
