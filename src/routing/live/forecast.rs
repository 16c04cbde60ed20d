//! Whether a region gets through its day: which visits will miss what was promised, and how many more experts,
//! with which skills and when, would change that.
//!
//! Must hold: nothing is committed; a forecast is of the whole-day solver's plan, so of what could be reached, not of
//! what was decided. At most [`PLANS`] plans are made. The same snapshot and seed give the same forecast.

use super::{Memory, Plan, Snapshot, solved};
use crate::{
    domain::{
        ids::{ExpertId, TicketNumber, VisitNo},
        place::Place,
        skill::SkillLevel,
        ticket::WindowKind,
        time::{HOUR_S, Timestamp},
    },
    routing::{
        Terms, VisitSpec, next_on_shift,
        problem::Flaw,
        remedy::{somebody, unused},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Plans with more experts that are made for one forecast.
pub const PLANS: usize = 16;
/// Ruins and recreations of the first plan; each that builds on it has [`MORE_ROUNDS`].
const ROUNDS: u64 = 512;
const MORE_ROUNDS: u64 = 64;
/// Hours of more experts are told in steps of this.
const STEP_MS: i64 = 900_000;
/// A plan looks ahead this far.
const AHEAD_S: i64 = 12 * HOUR_S;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// Visits that nobody was told of yet.
    pub open: u32,
    /// Of these, in the plan for today.
    pub planned: u32,
    /// Too many to look at: not judged.
    pub beyond: u32,
    /// By when it is missed.
    pub misses: Vec<Miss>,
    pub help: Option<Help>,
}

/// A visit that will begin too late, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    pub ticket: TicketNumber,
    pub visit: VisitNo,
    pub kind: Limit,
    pub until: Timestamp,
    /// None: nobody has time for it today.
    pub begins: Option<Timestamp>,
    /// Whoever was told to come; the others are nobody's yet.
    pub expert: Option<ExpertId>,
    /// Empty where somebody was told.
    pub skills: Arc<[SkillLevel]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The end of a promised window.
    Promise,
    Due,
}

/// What more experts would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Help {
    pub more: Vec<More>,
    /// How many of the misses that are nobody's yet would be served in time.
    pub saved: u32,
    pub of: u32,
}

/// So many more experts with these skills, at work between these times.
#[derive(Clone, Debug, PartialEq)]
pub struct More {
    pub experts: u32,
    pub skills: Arc<[SkillLevel]>,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Where the first of them would set out.
    pub near: Place,
}

/// Plans the rest of the day of `snapshot`, and again with more experts as long as that helps.
///
/// # Errors
/// As [`super::outlook`].
pub fn forecast(snapshot: &Snapshot, terms: &Terms<'_>, seed: u64) -> Result<Forecast, Flaw> {
    let next: BTreeMap<TicketNumber, Timestamp> =
        snapshot.open.iter().filter_map(|visit| Some((visit.ticket, next_chance(visit, snapshot, terms)?))).collect();
    let now = Day::of(snapshot, &Plan::new(), terms, seed, ROUNDS)?;
    let mut misses = told(snapshot);
    let open = now.misses(snapshot, &next, terms);
    misses.extend(open.iter().cloned());
    misses.sort_by_key(|miss| (miss.until, miss.ticket));
    let help = if open.is_empty() { None } else { help(snapshot, &now, &open, &next, terms, seed)? };
    Ok(Forecast {
        open: count(snapshot.open.len()),
        planned: count(now.begins.len()),
        beyond: count(now.beyond.len()),
        misses,
        help,
    })
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

/// When somebody able begins another shift, for what is left out today.
fn next_chance(visit: &VisitSpec, snapshot: &Snapshot, terms: &Terms<'_>) -> Option<Timestamp> {
    next_on_shift(visit, snapshot.experts.iter().map(|(expert, _)| &**expert), terms)
}

/// Visits that somebody was told of and will be late for, as their routes say.
fn told(snapshot: &Snapshot) -> Vec<Miss> {
    let stops = snapshot.experts.iter().flat_map(|(expert, route)| route.stops.iter().map(move |stop| (expert, stop)));
    stops
        .filter(|(_, stop)| !stop.started())
        .filter_map(|(expert, stop)| {
            let promised = stop.window.filter(|window| window.kind == WindowKind::Promise).map(|window| window.to);
            let (kind, until) = match (promised, stop.due) {
                (Some(until), _) => (Limit::Promise, until),
                (None, due) => (Limit::Due, due?),
            };
            let begins = Some(stop.planned_start);
            let (ticket, visit, expert) = (stop.ticket, stop.visit, Some(expert.id.clone()));
            (stop.planned_start > until).then(|| Miss { ticket, visit, kind, until, begins, expert, skills: [].into() })
        })
        .collect()
}

fn limit(visit: &VisitSpec) -> (Limit, Timestamp) {
    let promised = visit.window.filter(|window| window.kind == WindowKind::Promise);
    promised.map_or((Limit::Due, visit.due), |window| (Limit::Promise, window.to))
}

/// A plan, as far as a forecast looks at it.
struct Day {
    plan: Plan,
    begins: BTreeMap<TicketNumber, Timestamp>,
    /// From leaving for the first visit to being home.
    hours: BTreeMap<ExpertId, (Timestamp, Timestamp)>,
    beyond: BTreeSet<TicketNumber>,
}

impl Day {
    fn of(snapshot: &Snapshot, before: &Plan, terms: &Terms<'_>, seed: u64, rounds: u64) -> Result<Self, Flaw> {
        let mut day =
            Self { plan: Plan::new(), begins: BTreeMap::new(), hours: BTreeMap::new(), beyond: BTreeSet::new() };
        let Some((drafted, solution)) = solved(snapshot, before, &mut Memory::default(), terms, seed, rounds)? else {
            return Ok(day);
        };
        let seen: BTreeSet<usize> = drafted.visits.iter().copied().collect();
        let lapsed = |visit: &VisitSpec| limit(visit).1 <= terms.now;
        let unseen = snapshot.open.iter().enumerate().filter(|(index, visit)| !seen.contains(index) && !lapsed(visit));
        day.beyond = unseen.map(|(_, visit)| visit.ticket).collect();
        for route in &solution.plan.routes {
            let technician = &drafted.problem.technicians()[route.technician as usize];
            let expert = &snapshot.experts[drafted.experts[route.technician as usize]].0.id;
            let ticket = |visit: u32| snapshot.open[drafted.visits[visit as usize]].ticket;
            day.plan.insert(expert.clone(), route.stops.iter().map(|stop| ticket(stop.visit)).collect());
            let begins = |stop: &crate::routing::problem::PlannedStop| terms.now.plus_s(stop.begin);
            day.begins.extend(route.stops.iter().map(|stop| (ticket(stop.visit), begins(stop))));
            if let (Some(first), Some(start)) = (route.stops.first(), technician.start) {
                let place = drafted.problem.visits()[first.visit as usize].place;
                let leaves = first.begin - drafted.problem.matrix(technician).duration(start, place);
                day.hours.insert(expert.clone(), (terms.now.plus_s(leaves), terms.now.plus_s(route.home)));
            }
        }
        Ok(day)
    }

    /// What is nobody's yet and will be too late.
    fn misses(&self, snapshot: &Snapshot, next: &BTreeMap<TicketNumber, Timestamp>, terms: &Terms<'_>) -> Vec<Miss> {
        let missed = |visit: &VisitSpec| {
            let ((kind, until), begins) = (limit(visit), self.begins.get(&visit.ticket).copied());
            let late = match begins {
                Some(begins) => begins > until,
                // Left out of today: there may be another day for it.
                None => until <= terms.now || next.get(&visit.ticket).is_none_or(|next| *next > until),
            };
            late.then(|| Miss {
                ticket: visit.ticket,
                visit: visit.visit,
                kind,
                until,
                begins,
                expert: None,
                skills: visit.skills.clone(),
            })
        };
        snapshot.open.iter().filter(|visit| !self.beyond.contains(&visit.ticket)).filter_map(missed).collect()
    }
}

/// One more expert at a time, for whatever most of the misses need.
fn help(
    snapshot: &Snapshot,
    now: &Day,
    open: &[Miss],
    next: &BTreeMap<TicketNumber, Timestamp>,
    terms: &Terms<'_>,
    seed: u64,
) -> Result<Option<Help>, Flaw> {
    let (mut with, mut plan, mut misses) = (snapshot.clone(), now.plan.clone(), open.to_vec());
    let (mut hired, mut hours, mut vain) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    for _ in 0..PLANS {
        let Some(skills) = wanted(&misses, &vain) else { break };
        let region = snapshot.experts.first().map(|(expert, _)| expert.region.clone());
        let region = region.or_else(|| crate::domain::ids::RegionId::parse("more").ok());
        let id = unused(with.experts.iter().map(|(expert, _)| &expert.id), "more");
        let (Some(region), Some(id), Some(near)) = (region, id, middle(snapshot, &misses, &skills)) else {
            return Ok(None);
        };
        let expert = somebody(id.clone(), region.clone(), &skills, near, terms.now, until(snapshot, &misses, terms));
        let route = crate::domain::route::Route::empty(id.clone(), region);
        with.experts.push((Arc::new(expert), Arc::new(route)));
        let day = Day::of(&with, &plan, terms, seed, MORE_ROUNDS)?;
        let left = day.misses(snapshot, next, terms);
        if left.len() < misses.len() {
            hired.push((id, skills, near));
            (plan, misses, hours) = (day.plan, left, day.hours);
        } else {
            with.experts.pop();
            vain.insert(skills);
        }
    }
    let more = gathered(&hired, &hours);
    let saved = count(open.len() - misses.len());
    Ok((saved > 0).then(|| Help { more, saved, of: count(open.len()) }))
}

/// The skills that most misses need, of those that are worth a try.
fn wanted(misses: &[Miss], vain: &BTreeSet<Arc<[SkillLevel]>>) -> Option<Arc<[SkillLevel]>> {
    let mut needs = BTreeMap::<_, u32>::new();
    for miss in misses.iter().filter(|miss| !vain.contains(&miss.skills)) {
        *needs.entry(miss.skills.clone()).or_default() += 1;
    }
    needs.into_iter().max_by(|(a, m), (b, n)| m.cmp(n).then(b.cmp(a))).map(|(skills, _)| skills)
}

/// Of the places that are missed for want of these skills, the one nearest to all others.
fn middle(snapshot: &Snapshot, misses: &[Miss], skills: &Arc<[SkillLevel]>) -> Option<Place> {
    let missed: BTreeSet<TicketNumber> =
        misses.iter().filter(|miss| miss.skills == *skills).map(|miss| miss.ticket).collect();
    let of = snapshot.open.iter().filter(|visit| missed.contains(&visit.ticket));
    let places: Vec<Place> = of.map(|visit| visit.place).collect();
    let apart = |place: &Place| places.iter().map(|other| place.distance_m(*other) as i64).sum::<i64>();
    places.iter().min_by_key(|place| apart(place)).copied()
}

/// They are needed until the last miss could be over, with an hour for the way home; at most as far as a plan looks.
fn until(snapshot: &Snapshot, misses: &[Miss], terms: &Terms<'_>) -> Timestamp {
    let latest = misses.iter().map(|miss| miss.until).max().unwrap_or(terms.now);
    let longest = snapshot.open.iter().map(|visit| i64::from(visit.service_s)).max().unwrap_or(0);
    latest.plus_s(longest + HOUR_S).clamp(terms.now.plus_s(HOUR_S), terms.now.plus_s(AHEAD_S))
}

type Hired = (ExpertId, Arc<[SkillLevel]>, Place);

/// By skills; hours in whole quarters.
fn gathered(hired: &[Hired], hours: &BTreeMap<ExpertId, (Timestamp, Timestamp)>) -> Vec<More> {
    let mut more: Vec<More> = Vec::new();
    for (id, skills, near) in hired {
        // One whom the last plan has no work for is not needed.
        let Some((from, until)) = hours.get(id) else { continue };
        let from = Timestamp(from.0.div_euclid(STEP_MS) * STEP_MS);
        let until = Timestamp((until.0 + STEP_MS - 1).div_euclid(STEP_MS) * STEP_MS);
        match more.iter_mut().find(|other| other.skills == *skills) {
            Some(known) => {
                known.experts += 1;
                (known.from, known.until) = (known.from.min(from), known.until.max(until));
            }
            None => more.push(More { experts: 1, skills: skills.clone(), from, until, near: *near }),
        }
    }
    more
}
