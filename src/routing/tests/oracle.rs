//! The best insertion by brute force: drive every order from scratch, add the terms up by hand.

use super::*;
use crate::domain::{
    route::{Stop, StopState},
    shift::Interval,
};

/// (cost, position) of the cheapest insertion that keeps the time rules.
pub(super) fn cheapest(
    visit: &VisitSpec,
    who: &Expert,
    route: &Route,
    duty: Interval,
    terms: &Terms<'_>,
) -> Option<(i64, usize)> {
    let held = route.stops.len();
    let new = super::super::bid::stop(visit, 1, false);
    let without: Vec<&Stop> = route.stops.iter().collect();
    let before = drive(&without, who, route, duty, terms);
    let first = route.stops.iter().rposition(Stop::started).map_or(0, |i| i + 1);
    let tried = (first..=held).filter_map(|position| {
        let mut order = without.clone();
        order.insert(position, &new);
        let after = drive(&order, who, route, duty, terms);
        let on_time = |i: usize| {
            let stop = order[i];
            let missed = |start: Timestamp| stop.window.is_some_and(|w| w.kind == WindowKind::Promise && start > w.to);
            !missed(after.starts[i])
        };
        let home_in_time = after.home <= duty.to.plus_s(i64::from(terms.settings.max_overtime_s));
        let kept = home_in_time && (position..=held).all(on_time);
        kept.then(|| (price(visit, who, &before, &after, &order, position, duty, terms), position))
    });
    tried.min()
}

struct Driven {
    starts: Vec<Timestamp>,
    home: Timestamp,
    driving_s: i64,
}

fn drive(stops: &[&Stop], who: &Expert, route: &Route, duty: Interval, terms: &Terms<'_>) -> Driven {
    let between = |a: Place, b: Place, at: Timestamp| terms.drives.drive_s(a, b, at);
    let anchor = route.anchor.as_ref().filter(|anchor| anchor.at >= duty.from);
    let mut here = anchor.map_or(who.home().unwrap(), |anchor| *anchor.place.known().unwrap());
    let mut clock = terms.now.max(duty.from).max(anchor.map_or(duty.from, |anchor| anchor.at));
    let (mut starts, mut driving_s) = (Vec::new(), 0);
    for stop in stops {
        let there = *stop.place.known().unwrap();
        let service_s = i64::from(stop.service_s);
        let ready = if stop.started() { stop.planned_depart } else { clock.max(terms.now).max(duty.from) };
        let leg_s = between(here, there, ready);
        driving_s += leg_s;
        let (start, end) = match stop.state {
            StopState::OnSite => (stop.planned_start, stop.planned_end.max(terms.now)),
            StopState::EnRoute => {
                let start = stop.planned_start.max(terms.now);
                (start, start.plus_s(service_s))
            }
            StopState::Offered | StopState::Assigned => {
                let mut start = ready.plus_s(leg_s);
                if let Some(window) = stop.window.filter(|w| w.kind == WindowKind::Promise) {
                    start = start.max(window.from);
                }
                (start, start.plus_s(service_s))
            }
        };
        starts.push(start);
        (clock, here) = (end, there);
    }
    let back = between(here, who.home().unwrap(), clock);
    Driven { starts, home: clock.plus_s(back), driving_s: driving_s + back }
}

#[expect(clippy::too_many_arguments, reason = "an oracle takes everything by hand")]
fn price(
    visit: &VisitSpec,
    who: &Expert,
    before: &Driven,
    after: &Driven,
    order: &[&Stop],
    position: usize,
    duty: Interval,
    terms: &Terms<'_>,
) -> i64 {
    let weights = terms.settings.weights;
    let milli = |weight: f64, amount: i64| (weight * amount as f64 * 1_000.0).round() as i64;
    let (mut overdue, mut unwished, mut moved) = (0, 0, 0);
    let mut waited = after.starts[position].since_s(terms.now).max(0);
    for (i, stop) in order.iter().enumerate().skip(position) {
        let was = if i == position { None } else { Some(before.starts[i - 1]) };
        let more = |due: Timestamp| {
            let past = |start: Timestamp| start.since_s(due).max(0);
            past(after.starts[i]) - was.map_or(0, past)
        };
        overdue += more(stop.due.unwrap()) * [1, 2, 4, 8][usize::from(stop.urgency)];
        unwished += stop.window.filter(|w| w.kind == WindowKind::Wish).map_or(0, |w| more(w.to));
        let later = was.map_or(0, |was| after.starts[i].since_s(was));
        waited += later;
        moved += later.abs();
    }
    let over = |home: Timestamp| home.since_s(duty.to).max(0);
    let mut surplus = 0;
    for (skill, level) in &who.skills {
        let need = visit.skills.iter().find(|need| need.skill == *skill);
        surplus += need.map_or(1, |need| i64::from(level.number() - need.level.number()));
    }
    milli(weights.travel, after.driving_s - before.driving_s)
        + milli(weights.response, waited)
        + milli(weights.sla_lateness, overdue)
        + milli(weights.window_lateness, unwished)
        + milli(weights.overtime, over(after.home) - over(before.home))
        + milli(weights.over_qualification, surplus)
        + milli(weights.load, before.starts.len() as i64)
        + milli(weights.instability, moved)
}
