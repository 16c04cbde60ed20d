//! What putting a visit into a route does to all that comes behind it, position by position.
//!
//! Must hold: to the second what timing the whole route anew gives (`timing::Sequence::with`), which a test holds it
//! to. Nothing is copied and nothing before the position is looked at; behind it, no more than up to the stop whose
//! slack takes the delay in. A drive between the visit and a stop is reckoned once for both positions next to it.

use super::timing::{Step, Times, Timetable, known, leg_s};
use crate::domain::{route::Stop, ticket::WindowKind, time::Timestamp};

/// A visit at one position of a route, against the route without it; sums in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detour {
    pub position: usize,
    /// The visit's own.
    pub times: Times,
    /// More driving in all, home included.
    pub driving_s: i64,
    /// Until the other customers are served: or each newcomer would be put first.
    pub wait_s: i64,
    /// By how much stops that people were told about move.
    pub moved_s: i64,
    /// Past the due time, times 1, 2, 4, 8 by urgency.
    pub overdue_s: i64,
    /// Past a wished window.
    pub unwished_s: i64,
    /// End of the drive home.
    pub home_at: Timestamp,
    /// The visit, or a stop behind it, would begin after its promised window.
    pub missed: bool,
}

impl Timetable<'_> {
    /// A visit behind all others.
    pub(super) fn last_detour(&self, visit: &Stop) -> Detour {
        let (route, there) = (&self.sequence, known(visit));
        let last = route.steps.len();
        let inward_s = leg_s(route.before(last).as_ref(), there.as_ref(), route.drives);
        self.detour(last, visit, (inward_s, leg_s(there.as_ref(), route.home.as_ref(), route.drives)))
    }

    /// A visit at each position behind what was started. No drive is reckoned to or from an unknown (erased) place.
    pub(super) fn detours(&self, visit: &Stop) -> impl Iterator<Item = Detour> {
        let (route, there) = (&self.sequence, known(visit));
        let first = route.frozen();
        let mut inward_s = leg_s(route.before(first).as_ref(), there.as_ref(), route.drives);
        (first..=route.steps.len()).map(move |position| {
            let (onward_s, next_s) = match route.steps.get(position) {
                Some(next) => {
                    let both = there.as_ref().zip(next.place.as_ref());
                    both.map_or((0, 0), |(there, next)| route.drives.both_ways_s(there, next))
                }
                None => (leg_s(there.as_ref(), route.home.as_ref(), route.drives), 0),
            };
            let legs_s = (std::mem::replace(&mut inward_s, next_s), onward_s);
            self.detour(position, visit, legs_s)
        })
    }

    /// `legs_s`: to the visit and on from it, at usual speed.
    fn detour(&self, position: usize, visit: &Stop, (inward_s, onward_s): (i64, i64)) -> Detour {
        let Self { sequence: route, times, .. } = self;
        let free = position.checked_sub(1).map_or(route.origin.ready, |last| times[last].end);
        let drive = |stop: &Stop, usual_s: i64, free: Timestamp| {
            let ready = free.max(route.origin.earliest);
            Times::ahead(stop, route.drives.lasts_s(usual_s, ready), ready, None)
        };
        let own = drive(visit, inward_s, free);
        let mut detour = Detour {
            position,
            times: own,
            driving_s: own.drive_s,
            wait_s: 0,
            moved_s: 0,
            overdue_s: overdue_s(visit, own),
            unwished_s: unwished_s(visit, own),
            home_at: self.home_at,
            missed: own.misses(visit),
        };
        let (mut leg_s, mut free) = (onward_s, own.end);
        for (i, Step { stop, .. }) in route.steps.iter().enumerate().skip(position) {
            let (before, after) = (times[i], drive(stop, leg_s, free));
            detour.put_off(stop, before, after);
            if after.end == before.end {
                // Its slack takes the rest of the delay in: what is behind it stays as it was.
                detour.missed |= self.missed(i + 1).is_some();
                return detour;
            }
            free = after.end;
            leg_s = route.steps.get(i + 1).map_or(route.home_s, |next| next.leg_s);
        }
        let home_s = route.drives.lasts_s(leg_s, free);
        detour.driving_s += home_s - self.home_drive_s;
        detour.home_at = free.plus_s(home_s);
        detour
    }
}

impl Detour {
    fn put_off(&mut self, stop: &Stop, before: Times, after: Times) {
        let later_s = after.start.since_s(before.start);
        self.driving_s += after.drive_s - before.drive_s;
        self.wait_s += later_s;
        self.moved_s += later_s.abs();
        self.overdue_s += overdue_s(stop, after) - overdue_s(stop, before);
        self.unwished_s += unwished_s(stop, after) - unwished_s(stop, before);
        self.missed |= after.misses(stop);
    }
}

fn overdue_s(stop: &Stop, times: Times) -> i64 {
    let past_s = stop.due.map_or(0, |due| times.start.since_s(due).max(0));
    past_s << stop.urgency.min(3)
}

fn unwished_s(stop: &Stop, times: Times) -> i64 {
    let wished = stop.window.filter(|window| window.kind == WindowKind::Wish);
    wished.map_or(0, |window| times.start.since_s(window.to).max(0))
}
