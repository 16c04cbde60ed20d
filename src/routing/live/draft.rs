//! A region as of one moment, put as a problem for the solver: the rest of the day, in seconds from now.

use super::{Numbers, Snapshot, price};
use crate::{
    domain::{expert::Expert, route::Route, settings::RegionSettings, ticket::WindowKind},
    routing::{
        Terms, VisitSpec,
        problem::{Draft, Firmness, LATEST, Matrix, Problem, Technician, Visit, Weights, Window},
        timing::{Origin, Overdue, Sequence},
        working,
    },
};
/// Experts whose shift begins later than this are planned with another time.
const AHEAD_S: u32 = 12 * 3_600;
/// Visits in one plan: the most urgent ones, so that a backlog of weeks does not hold up the day.
const MOST_VISITS: usize = 400;

/// How much more a wait counts here than in one insertion, whose cost has the waits behind it in it already.
const WAIT: f64 = 3.0;

/// The problem, and what its indices stand for in the snapshot.
pub(super) struct Drafted {
    pub(super) problem: Problem,
    /// Index in `snapshot.experts` of each technician.
    pub(super) experts: Vec<usize>,
    /// Index in `snapshot.open` of each visit.
    pub(super) visits: Vec<usize>,
}

/// None: nobody works, or there is nothing that could still be served.
pub(super) fn draft(snapshot: &Snapshot, terms: &Terms<'_>) -> Option<Drafted> {
    let mut numbers = Numbers::default();
    let (mut technicians, mut experts) = (Vec::new(), Vec::new());
    for (index, (expert, route)) in snapshot.experts.iter().enumerate() {
        if let Some(technician) = technician(expert, route, terms, &mut numbers) {
            technicians.push(technician);
            experts.push(index);
        }
    }
    let mut order: Vec<usize> =
        (0..snapshot.open.len()).filter(|index| in_time(&snapshot.open[*index], terms)).collect();
    order.sort_by_key(|index| {
        let visit = &snapshot.open[*index];
        (std::cmp::Reverse(visit.urgency), visit.due, visit.ticket)
    });
    order.truncate(MOST_VISITS);
    if technicians.is_empty() || order.is_empty() {
        return None;
    }
    let asked: Vec<&Expert> = experts.iter().map(|index| &*snapshot.experts[*index].0).collect();
    let visits = order.iter().map(|index| visit(&snapshot.open[*index], &asked, terms, &mut numbers));
    let visits = visits.collect();
    let places = numbers.places();
    // One table at the speed of this hour: a plan is made anew long before the next one matters.
    let legs = terms.drives.square(places, terms.now);
    let leg = |from: u32, to: u32| {
        let leg = legs[from as usize * places.len() + to as usize];
        (leg.duration_s, leg.distance_m)
    };
    let profiles = vec![Matrix::of(places.len() as u32, leg)];
    let draft = Draft { technicians, visits, profiles, weights: weights(terms.settings) };
    Some(Drafted { problem: Problem::new(draft).ok()?, experts, visits: order })
}

/// A promise that has lapsed is for an auction to explain.
fn in_time(visit: &VisitSpec, terms: &Terms<'_>) -> bool {
    visit.window.is_none_or(|window| window.kind == WindowKind::Wish || window.to > terms.now)
}

/// From where and when what was promised ends; None: off shift for long, no known home, or retired.
fn technician(expert: &Expert, route: &Route, terms: &Terms<'_>, numbers: &mut Numbers) -> Option<Technician> {
    let home = expert.home().filter(|_| !expert.retired)?;
    let duty = working::stretch(expert, terms.now, AHEAD_S).ok()?;
    let origin = Origin::of(expert, route, Some(duty), None, terms.now);
    let table = Sequence::of(&route.stops, origin, Some(home), terms.drives).timed(terms.now, Overdue::STRICT, None);
    let free = table.times.last().map_or(origin.ready, |times| times.end);
    let from = table.sequence.last_place().or(origin.place).unwrap_or(home);
    let until = duty.to.since_s(terms.now);
    let shift_from = ceil_s(free.since_ms(terms.now)).max(0);
    if shift_from >= until {
        return None;
    }
    Some(Technician {
        id: String::new(),
        start: Some(numbers.place(from)),
        end: Some(numbers.place(home)),
        shift_from,
        shift_until: until,
        max_overtime: i64::from(terms.settings.max_overtime_s),
        breaks: Vec::new(),
        skills: expert.skills.iter().map(|(skill, level)| numbers.need(skill, level.number())).collect(),
        max_visits: None,
        max_distance: None,
        capacity: Vec::new(),
        profile: 0,
    })
}

fn visit(spec: &VisitSpec, experts: &[&Expert], terms: &Terms<'_>, numbers: &mut Numbers) -> Visit {
    let reach_m = f64::from(terms.settings.reach_m);
    let refused = |expert: &Expert| !terms.second_round && spec.refused_by.contains(&expert.id);
    let far = |expert: &Expert| expert.home().is_none_or(|home| home.distance_m(spec.place) > reach_m);
    let barred = experts.iter().enumerate().filter(|(_, expert)| refused(expert) || far(expert));
    let window = spec.window.map(|window| Window {
        from: ceil_s(window.from.since_ms(terms.now)).clamp(0, window.to.since_s(terms.now).clamp(0, LATEST)),
        until: window.to.since_s(terms.now).clamp(0, LATEST),
        firmness: match window.kind {
            WindowKind::Promise => Firmness::Promise,
            WindowKind::Wish => Firmness::Wish,
        },
    });
    // Nobody may come before the window, so the wait counts from there.
    let due = window.map_or(0, |window| window.from);
    Visit {
        id: String::new(),
        place: numbers.place(spec.place),
        duration: i64::from(spec.service_s),
        durations: Vec::new(),
        windows: window.into_iter().collect(),
        due: Some(due),
        priority: price::priority(spec.urgency),
        skills: spec.skills.iter().map(|need| numbers.need(&need.skill, need.level.number())).collect(),
        preferred: Vec::new(),
        excluded: barred.map(|(who, _)| who as u32).collect(),
        told: None,
        load: Vec::new(),
        unserved: Some(
            price::unserved_s(spec.urgency, i64::from(spec.service_s), terms.now.since_s(spec.opened_at)) * 1_000,
        ),
    }
}

fn weights(settings: &RegionSettings) -> Weights {
    let milli = |weight: f64| (weight.clamp(0.0, 1_000.0) * 1_000.0).round() as i64;
    Weights {
        travel_time: milli(settings.weights.travel),
        travel_distance: 0,
        route: 0,
        window_lateness: milli(settings.weights.window_lateness),
        sla_lateness: milli(settings.weights.response * WAIT),
        overtime: milli(settings.weights.overtime),
        over_qualification: 0,
        preference: 0,
        instability: 0,
    }
}

fn ceil_s(ms: i64) -> i64 {
    ms.div_euclid(1_000) + i64::from(ms.rem_euclid(1_000) > 0)
}
