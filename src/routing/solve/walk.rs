//! A route walked stop by stop: exact times with breaks, and limits that no slack can tell.
//!
//! Must hold: of all ways to place the breaks the one that is free earliest is kept per number of breaks
//! taken, so whether a route is possible is exact. Breaks lie before a drive or behind it, never in it.

use super::ground::{Ground, NEVER};
use crate::routing::problem::{Break, Technician};

/// The day so far, with as many breaks as `pauses` taken.
#[derive(Clone, Debug)]
pub(super) struct Day {
    pub(super) free: i32,
    pub(super) soft: i64,
    /// When each break begins.
    pub(super) pauses: Vec<i32>,
    /// Arrival and beginning per visit, if they are wanted.
    pub(super) stops: Vec<(i32, i32)>,
    /// At the stop that was driven to last; in the end, home.
    pub(super) arrival: i32,
}

/// Lateness and overtime of the route; none: it is not possible.
pub(super) fn soft_cost(ground: &Ground<'_>, route: u32, visits: &[u32]) -> Option<i64> {
    day(ground, route, visits, false).map(|day| day.soft)
}

/// The best day for these visits in this order; none: it is not possible.
pub(super) fn day(ground: &Ground<'_>, route: u32, visits: &[u32], with_times: bool) -> Option<Day> {
    let technician = &ground.problem.technicians()[route as usize];
    if !within_distance(ground, technician, route, visits) {
        return None;
    }
    let member = &ground.crew.members[route as usize];
    let morning = Day { free: member.shift_from, soft: 0, pauses: Vec::new(), stops: Vec::new(), arrival: 0 };
    let mut days = vec![morning];
    let mut from = ground.start(route);
    for &visit in visits {
        days = drive(ground, technician, days, from, visit, member.profile);
        days.retain_mut(|day| serve(ground, member.kind, day, visit, with_times));
        from = visit;
    }
    days = drive(ground, technician, days, from, ground.end(route), member.profile);
    days.into_iter().filter_map(|day| evening(ground, technician, route, day)).min_by_key(|day| (day.soft, day.arrival))
}

pub(super) fn within_distance(ground: &Ground<'_>, technician: &Technician, route: u32, visits: &[u32]) -> bool {
    let Some(most) = technician.max_distance else { return true };
    let matrix = ground.problem.matrix(technician);
    let nodes = [ground.start(route)].into_iter().chain(visits.iter().copied()).chain([ground.end(route)]);
    let places: Vec<u32> = nodes.map(|node| ground.place[node as usize]).filter(|place| *place < matrix.size).collect();
    let ways = places.windows(2).map(|pair| matrix.distance(pair[0], pair[1]));
    ways.fold(0i64, i64::saturating_add) <= most
}

/// All undominated days after the drive, with breaks before or behind it.
fn drive(ground: &Ground<'_>, technician: &Technician, days: Vec<Day>, from: u32, to: u32, profile: u32) -> Vec<Day> {
    let mut days = pause(&technician.breaks, days);
    let leg = ground.from(profile, ground.place[from as usize]).leg(ground.place[to as usize]);
    for day in &mut days {
        day.free += leg.time;
        day.arrival = day.free;
    }
    if to < ground.visits { pause(&technician.breaks, days) } else { days }
}

/// Adds the days that take their next breaks here.
fn pause(breaks: &[Break], days: Vec<Day>) -> Vec<Day> {
    let mut best: Vec<Option<Day>> = vec![None; breaks.len() + 1];
    for day in days {
        let mut day = day;
        loop {
            let taken = day.pauses.len();
            let rested = breaks.get(taken).and_then(|pause| rest(pause, &day));
            let kept = &mut best[taken];
            if kept.as_ref().is_none_or(|kept| (day.free, day.soft) < (kept.free, kept.soft)) {
                *kept = Some(day);
            }
            let Some(next) = rested else { break };
            day = next;
        }
    }
    best.into_iter().flatten().collect()
}

fn rest(pause: &Break, day: &Day) -> Option<Day> {
    let begin = day.free.max(pause.from as i32);
    (i64::from(begin) <= pause.until).then(|| {
        let mut rested = day.clone();
        rested.pauses.push(begin);
        rested.free = begin + pause.duration as i32;
        rested
    })
}

/// Serves the visit on that day, if it is not too late.
fn serve(ground: &Ground<'_>, kind: u32, day: &mut Day, visit: u32, with_times: bool) -> bool {
    let fit = ground.fit(visit, kind);
    let Some(begin) = ground.begin(visit, day.free) else { return false };
    if fit.cost == NEVER {
        return false;
    }
    day.soft += ground.soft[visit as usize].cost(begin);
    if with_times {
        day.stops.push((day.arrival, begin));
    }
    day.free = begin + fit.duration;
    true
}

/// The day's end: on time, and no break owed.
fn evening(ground: &Ground<'_>, technician: &Technician, route: u32, mut day: Day) -> Option<Day> {
    let member = &ground.crew.members[route as usize];
    let owed = technician.breaks[day.pauses.len()..].iter().any(|pause| pause.until < i64::from(day.arrival));
    if owed || day.arrival > member.home_by {
        return None;
    }
    day.soft += i64::from((day.arrival - member.shift_until).max(0)) * member.overtime;
    Some(day)
}
