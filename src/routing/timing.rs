//! The timetable of a route: from the drives between its stops to when each begins and ends.
//!
//! Must hold: stops never overlap, drives included (P5); nobody sets out before now, before the shift
//! or before they are free; what was started is not turned round. Never judges: rules are in `bid`.

use super::{Drives, Terms, waypoint::Waypoint, working};
use crate::domain::{
    expert::Expert,
    place::Place,
    route::{Route, Stop, StopState},
    shift::Interval,
    ticket::WindowKind,
    time::Timestamp,
};

/// Where the first stop that has not been started is driven from, and how early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// None: home unknown (erased), its drives count nothing.
    pub place: Option<Waypoint>,
    pub ready: Timestamp,
    /// Nothing else is set out for before this either: now, or the beginning of the stretch.
    pub earliest: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub depart: Timestamp,
    pub start: Timestamp,
    pub end: Timestamp,
    /// Of the drive to it, at the speed of its hour.
    pub drive_s: i64,
}

/// How an overtaken plan of a started stop is put right.
#[derive(Clone, Copy)]
pub(super) struct Overdue {
    /// Not touched while overdue by no more than this.
    pub tolerance_s: i64,
    /// Then expected this much after now.
    pub grace_s: i64,
}

impl Overdue {
    pub(super) const STRICT: Self = Self { tolerance_s: 0, grace_s: 0 };

    fn fix(self, planned: Timestamp, now: Timestamp) -> Timestamp {
        if planned.plus_s(self.tolerance_s) >= now { planned } else { now.plus_s(self.grace_s) }
    }
}

/// Stops in driving order with the drives between them. An unknown (erased) place counts as the one before.
#[derive(Clone)]
pub(super) struct Sequence<'a> {
    pub steps: Vec<Step<'a>>,
    /// From the last step home, at usual speed.
    pub home_s: i64,
    pub origin: Origin,
    pub home: Option<Waypoint>,
    pub drives: Drives<'a>,
}

/// A stop and the drive to it.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub stop: &'a Stop,
    pub place: Option<Waypoint>,
    /// At usual speed.
    pub leg_s: i64,
}

/// A sequence with its times.
pub(super) struct Timetable<'a> {
    pub sequence: Sequence<'a>,
    pub times: Vec<Times>,
    /// Of the drive home, at the speed of its hour.
    pub home_drive_s: i64,
    /// End of the drive home; the origin's `ready` for a route without stops.
    pub home_at: Timestamp,
}

impl Origin {
    /// `position`: a report of where the expert is, believed when [`position_counts`].
    pub(super) fn of(
        expert: &Expert,
        route: &Route,
        duty: Option<Interval>,
        position: Option<Place>,
        now: Timestamp,
    ) -> Self {
        let since = duty.map_or(Timestamp(i64::MIN), |duty| duty.from);
        let anchor = route.anchor.as_ref().filter(|anchor| anchor.at >= since);
        let earliest = now.max(since);
        let ready = earliest.max(anchor.map_or(since, |anchor| anchor.at));
        let reported = position.filter(|_| position_counts(route, duty, now));
        let anchored = || anchor.and_then(|anchor| anchor.place.known().copied());
        let place = reported.or_else(anchored).or_else(|| expert.home());
        Self { place: place.map(Waypoint::from), ready, earliest }
    }
}

/// A reported position says where the expert would set out: on shift, and nothing under way.
pub(super) fn position_counts(route: &Route, duty: Option<Interval>, now: Timestamp) -> bool {
    duty.is_some_and(|duty| duty.from <= now && now < duty.to) && frozen(route.stops.iter()) == 0
}

/// How many stops at the front nothing may be put before.
pub(super) fn frozen<'s>(mut stops: impl DoubleEndedIterator<Item = &'s Stop> + ExactSizeIterator) -> usize {
    stops.rposition(Stop::started).map_or(0, |last| last + 1)
}

pub(super) fn leg_s(from: Option<&Waypoint>, to: Option<&Waypoint>, drives: Drives<'_>) -> i64 {
    from.zip(to).map_or(0, |(from, to)| drives.usual_s(from, to))
}

/// Where a stop is.
pub(super) fn known(stop: &Stop) -> Option<Waypoint> {
    stop.place.known().copied().map(Waypoint::from)
}

impl<'a> Sequence<'a> {
    pub(super) fn of(stops: &'a [Stop], origin: Origin, home: Option<Place>, drives: Drives<'a>) -> Self {
        let mut steps = Vec::with_capacity(stops.len() + 1);
        let home = home.map(Waypoint::from);
        let mut here = origin.place;
        for stop in stops {
            let place = known(stop).or(here);
            steps.push(Step { stop, place, leg_s: leg_s(here.as_ref(), place.as_ref(), drives) });
            here = place;
        }
        Self { steps, home_s: leg_s(here.as_ref(), home.as_ref(), drives), origin, home, drives }
    }

    /// The same with `stop` put in at `position`: only the two drives to and from it are new.
    pub(super) fn with(mut self, position: usize, stop: &'a Stop) -> Self {
        let here = self.before(position);
        let place = known(stop).or(here);
        match self.steps.get_mut(position) {
            Some(next) => next.leg_s = leg_s(place.as_ref(), next.place.as_ref(), self.drives),
            None => self.home_s = leg_s(place.as_ref(), self.home.as_ref(), self.drives),
        }
        self.steps.insert(position, Step { stop, place, leg_s: leg_s(here.as_ref(), place.as_ref(), self.drives) });
        self
    }

    /// Where the stop at this index is driven to from.
    pub(super) fn before(&self, index: usize) -> Option<Waypoint> {
        index.checked_sub(1).map_or(self.origin.place, |last| self.steps[last].place)
    }

    /// As [`frozen`].
    pub(super) fn frozen(&self) -> usize {
        frozen(self.steps.iter().map(|step| step.stop))
    }

    /// Where the last stop is, as far as it is known.
    pub(super) fn last_place(&self) -> Option<Place> {
        self.steps.last()?.place.map(|known| known.place)
    }

    /// `floor`: the stop at this index does not start before this time.
    pub(super) fn timed(self, now: Timestamp, overdue: Overdue, floor: Option<(usize, Timestamp)>) -> Timetable<'a> {
        let current = self.frozen().checked_sub(1);
        let mut times: Vec<Times> = Vec::with_capacity(self.steps.len());
        let mut free = self.origin.ready;
        for (i, Step { stop, leg_s, .. }) in self.steps.iter().enumerate() {
            let floor = floor.filter(|(index, _)| *index == i).map(|(_, start)| start);
            // A drive is as fast as in the hour in which its driver is ready for it.
            let ready = if stop.started() { stop.planned_depart } else { free.max(self.origin.earliest) };
            let drive_s = self.drives.lasts_s(*leg_s, ready);
            let planned = match stop.state {
                StopState::OnSite if current == Some(i) => {
                    Times { end: overdue.fix(stop.planned_end, now), ..Times::planned(stop, drive_s) }
                }
                // Left, though nobody said that it is done: history.
                StopState::OnSite => Times::planned(stop, drive_s),
                StopState::EnRoute => {
                    // The stop it was driven to from may be gone: then the drive is from the one before that.
                    let driven = if i == 0 { stop.planned_start } else { stop.planned_depart.plus_s(drive_s) };
                    let start = overdue.fix(stop.planned_start.max(driven), now);
                    Times { start, end: start.plus_s(i64::from(stop.service_s)), ..Times::planned(stop, drive_s) }
                }
                StopState::Offered | StopState::Assigned => Times::ahead(stop, drive_s, ready, floor),
            };
            free = planned.end;
            times.push(planned);
        }
        let home_drive_s = self.drives.lasts_s(self.home_s, free);
        Timetable { home_at: free.plus_s(home_drive_s), times, home_drive_s, sequence: self }
    }
}

impl Times {
    fn planned(stop: &Stop, drive_s: i64) -> Self {
        Self { depart: stop.planned_depart, start: stop.planned_start, end: stop.planned_end, drive_s }
    }

    /// As soon as can be, but not before a promised window: then the expert sets out just in time.
    pub(super) fn ahead(stop: &Stop, drive_s: i64, ready: Timestamp, floor: Option<Timestamp>) -> Self {
        let promised = stop.window.filter(|window| window.kind == WindowKind::Promise).map(|window| window.from);
        let start = [promised, floor].into_iter().flatten().fold(ready.plus_s(drive_s), Timestamp::max);
        Self { depart: start.plus_s(-drive_s), start, end: start.plus_s(i64::from(stop.service_s)), drive_s }
    }

    /// It would begin after the window that was promised for it.
    pub(super) fn misses(&self, stop: &Stop) -> bool {
        let promised = stop.window.filter(|window| window.kind == WindowKind::Promise);
        !stop.forced && promised.is_some_and(|window| self.start > window.to)
    }
}

impl Timetable<'_> {
    /// The first stop from `position` on that would begin after its promised window.
    pub(super) fn missed(&self, position: usize) -> Option<usize> {
        let mut later = self.sequence.steps.iter().zip(&self.times).skip(position);
        later.position(|(step, times)| times.misses(step.stop)).map(|behind| position + behind)
    }

    /// The stops with these times written into them.
    pub(super) fn stops(&self) -> Vec<Stop> {
        let written = |(step, times): (&Step<'_>, &Times)| Stop {
            planned_depart: times.depart,
            planned_start: times.start,
            planned_end: times.end,
            ..step.stop.clone()
        };
        self.sequence.steps.iter().zip(&self.times).map(written).collect()
    }
}

/// The route as it stands now, on the stretch it is planned in.
pub(super) fn timetable<'a>(route: &'a Route, expert: &Expert, terms: &Terms<'a>, overdue: Overdue) -> Timetable<'a> {
    let duty = working::duty(expert, terms);
    let origin = Origin::of(expert, route, duty, None, terms.now);
    Sequence::of(&route.stops, origin, expert.home(), terms.drives).timed(terms.now, overdue, None)
}
