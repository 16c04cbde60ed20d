//! A region as of one moment, put as a problem for the solver: the rest of the day, in seconds from now.

use super::{
    Memory, Numbers, Plan, Snapshot,
    crew::{AHEAD_S, Hand, barred, crew},
    demand::Supply,
    price,
};
use crate::{
    domain::{
        expert::Expert,
        settings::{RegionSettings, Weights as Of},
        skill::Skill,
        ticket::WindowKind,
        time::Timestamp,
    },
    routing::{
        Terms, VisitSpec,
        problem::{Draft, Firmness, Flaw, LATEST, Matrix, Problem, Technician, Visit, Weights, Window},
    },
};

/// Visits in one plan: the most urgent ones, so that a backlog of weeks does not hold up the day.
pub const MOST_VISITS: usize = 400;

/// How much more a wait counts here than in one insertion, whose cost has the waits behind it in it already.
const WAIT: f64 = 3.0;

/// A visit changes regions only if that saves so much, in thousandths of a second of driving: both plans are worth
/// more than they know, because neither knows what comes next.
const CHANGE: i64 = 600_000;
/// Sending somebody with a scarce skill costs no more than this, in thousandths of a second of driving.
const DEAREST_MATCH: i64 = 1 << 28;
/// More than any wait of a day comes to.
const DEAREST: i64 = 1 << 39;
/// No drive is longer in a plan, in seconds: somebody whose home is half the world away stays the farthest of all, and the
/// others are planned with as ever.
const FARTHEST_S: i64 = 24 * 3_600;
/// No weight per second is larger in a plan; where one is, all are smaller in proportion. Leaving somebody out is
/// priced in seconds of driving: under larger ones nobody would be served at all.
const HEAVIEST: f64 = 3.0;

/// The problem, and what its indices stand for in the snapshot.
pub(super) struct Drafted {
    pub(super) problem: Problem,
    /// Index in `snapshot.experts` of each technician.
    pub(super) experts: Vec<usize>,
    /// Index of each visit in the snapshot: those of the region, then those from abroad.
    pub(super) visits: Vec<usize>,
    pub(super) skills: Vec<Skill>,
}

/// None: nobody works, or there is nothing that could still be served.
///
/// # Errors
/// The first flaw of the problem. There is none in what regions, experts and tickets may hold: it is a fault of this code.
pub(super) fn draft(
    snapshot: &Snapshot,
    before: &Plan,
    memory: &mut Memory,
    terms: &Terms<'_>,
) -> Result<Option<Drafted>, Flaw> {
    memory.begin(&terms.settings.travel, terms.drives.edition());
    let mut order: Vec<usize> =
        (0..snapshot.open.len()).filter(|index| in_time(&snapshot.open[*index], terms.now)).collect();
    order.sort_by_key(|index| {
        let visit = &snapshot.open[*index];
        (std::cmp::Reverse(visit.urgency), visit.due, visit.ticket)
    });
    order.truncate(MOST_VISITS);
    let own = order.len();
    order.extend(snapshot.open.len()..snapshot.open.len() + snapshot.abroad.len());
    let open: Vec<&VisitSpec> = order.iter().map(|index| snapshot.visit(*index)).collect();
    let crew = if open.is_empty() { Vec::new() } else { crew(snapshot, &open, before, memory, terms) };
    if crew.is_empty() {
        return Ok(None);
    }
    let mut numbers = Numbers::default();
    let asked: Vec<&Expert> = crew.iter().map(|hand| &*snapshot.experts[hand.index].0).collect();
    let technicians: Vec<Technician> =
        crew.iter().zip(&asked).map(|(hand, expert)| technician(hand, expert, terms, &mut numbers)).collect();
    let scarcity = scarcity(snapshot, &open, &mut numbers, memory, terms);
    // Whoever is kept for what is rare still goes where the visit would be left out otherwise.
    let dearest = scarcity.iter().max().copied().unwrap_or(0);
    let at_home = open[..own].iter().map(|visit| unserved(visit, terms.now) + dearest * i64::from(visit.service_s));
    let penalties = at_home.chain(snapshot.abroad.iter().map(|offered| (offered.worth - CHANGE).clamp(0, DEAREST)));
    let visits: Vec<Visit> =
        open.iter().zip(penalties).map(|(spec, penalty)| visit(spec, penalty, &asked, terms, &mut numbers)).collect();
    let profiles = vec![matrix(&numbers, &technicians, &visits, memory, terms)];
    let draft = Draft { technicians, visits, profiles, weights: weights(terms.settings), scarcity };
    let experts = crew.iter().map(|hand| hand.index).collect();
    let problem = Problem::new(draft).map_err(|flaws| flaws.into_iter().next().unwrap_or_default())?;
    Ok(Some(Drafted { problem, experts, visits: order, skills: numbers.into_skills() }))
}

/// By the number of each skill; nothing where nothing is known of other days. All who work count, not only those who
/// are planned with.
fn scarcity(
    snapshot: &Snapshot,
    open: &[&VisitSpec],
    numbers: &mut Numbers,
    memory: &mut Memory,
    terms: &Terms<'_>,
) -> Vec<i64> {
    let weight = terms.settings.weights.scarcity * scale(&terms.settings.weights);
    if weight <= 0.0 || snapshot.usual.is_empty() {
        return Vec::new();
    }
    let working = snapshot.experts.iter().filter(|(expert, _)| !expert.retired);
    let supply = working.filter_map(|(expert, route)| {
        let duty = memory.stretch(expert, terms.now, AHEAD_S)?;
        let free = route.stops.last().map_or(terms.now, |stop| stop.planned_end).max(duty.from).max(terms.now);
        Some(Supply { expert, from_s: free.since_s(terms.now), until_s: duty.to.since_s(terms.now) })
    });
    let crew: Vec<Supply<'_>> = supply.collect();
    let prices = snapshot.usual.prices(terms.now, weight, &crew);
    for need in open.iter().flat_map(|visit| visit.skills.iter()) {
        numbers.need(&need.skill, 0);
    }
    // A problem's limit of what one visit may cost.
    let longest_s = open.iter().map(|visit| i64::from(visit.service_s)).max().unwrap_or(0).max(1);
    let price = |skill| prices.get(skill).copied().unwrap_or(0).min(DEAREST_MATCH / longest_s);
    numbers.skills().iter().map(price).collect()
}

/// Drives from and to visits, and from where a technician is to their home. All others are never driven and zero
/// here: in a large region they would be nearly all of the square.
fn matrix(
    numbers: &Numbers,
    technicians: &[Technician],
    visits: &[Visit],
    memory: &mut Memory,
    terms: &Terms<'_>,
) -> Matrix {
    let places: Vec<u32> = numbers.places().iter().map(|place| memory.number(*place)).collect();
    let size = places.len();
    let mut worked = vec![false; size];
    for visit in visits {
        worked[visit.place as usize] = true;
    }
    let worked_at: Vec<usize> = (0..size).filter(|place| worked[*place]).collect();
    let mut durations = vec![0; size * size];
    for (from, row) in durations.chunks_exact_mut(size.max(1)).enumerate() {
        if worked[from] {
            for (to, cell) in row.iter_mut().enumerate() {
                *cell = memory.drive_s(terms.drives, places[from], places[to]);
            }
        } else {
            for to in &worked_at {
                row[*to] = memory.drive_s(terms.drives, places[from], places[*to]);
            }
        }
    }
    for (from, to) in technicians.iter().filter_map(|technician| technician.start.zip(technician.end)) {
        let (from, to) = (from as usize, to as usize);
        durations[from * size + to] = memory.drive_s(terms.drives, places[from], places[to]);
        durations[to * size + from] = memory.drive_s(terms.drives, places[to], places[from]);
    }
    // All at the speed of this hour: a plan is made anew long before the next one matters.
    let lasts_s = terms.drives.departing(terms.now);
    for cell in &mut durations {
        *cell = lasts_s(*cell).min(FARTHEST_S);
    }
    Matrix { size: size as u32, distances: vec![0; size * size], durations }
}

/// A promise that has lapsed is for an auction to explain.
#[must_use]
pub fn in_time(visit: &VisitSpec, now: Timestamp) -> bool {
    visit.window.is_none_or(|window| window.kind == WindowKind::Wish || window.to > now)
}

fn technician(hand: &Hand, expert: &Expert, terms: &Terms<'_>, numbers: &mut Numbers) -> Technician {
    Technician {
        id: String::new(),
        start: Some(numbers.place(hand.from)),
        end: Some(numbers.place(hand.home)),
        shift_from: hand.ready_s,
        shift_until: hand.until_s,
        max_overtime: i64::from(terms.settings.max_overtime_s),
        breaks: Vec::new(),
        skills: expert.skills.iter().map(|(skill, level)| numbers.need(skill, level.number())).collect(),
        max_visits: None,
        max_distance: None,
        capacity: Vec::new(),
        profile: 0,
    }
}

/// What leaving out a visit of the region costs, in thousandths of a second of driving.
pub(super) fn unserved(spec: &VisitSpec, now: Timestamp) -> i64 {
    price::unserved_s(spec.urgency, i64::from(spec.service_s), now.since_s(spec.opened_at)) * 1_000
}

fn visit(spec: &VisitSpec, unserved: i64, experts: &[&Expert], terms: &Terms<'_>, numbers: &mut Numbers) -> Visit {
    let barred = experts.iter().enumerate().filter(|(_, expert)| barred(expert, spec, terms));
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
        unserved: Some(unserved),
    }
}

/// At most 1.
fn scale(weights: &Of) -> f64 {
    let of_seconds = [weights.travel, weights.response * WAIT, weights.window_lateness, weights.overtime];
    HEAVIEST / of_seconds.into_iter().fold(HEAVIEST, f64::max)
}

pub(super) fn weights(settings: &RegionSettings) -> Weights {
    let Of { travel, response, window_lateness, overtime, .. } = settings.weights;
    let milli = |weight: f64| (weight.max(0.0) * scale(&settings.weights) * 1_000.0).round() as i64;
    Weights {
        travel_time: milli(travel),
        travel_distance: 0,
        route: 0,
        window_lateness: milli(window_lateness),
        sla_lateness: milli(response * WAIT),
        overtime: milli(overtime),
        over_qualification: 0,
        load: 0,
        preference: 0,
        instability: 0,
    }
}

pub(super) fn ceil_s(ms: i64) -> i64 {
    ms.div_euclid(1_000) + i64::from(ms.rem_euclid(1_000) > 0)
}
