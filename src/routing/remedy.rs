//! "What would have this visit begin by three o'clock?": single changes, each tried by the code that decides.
//!
//! Must hold: a remedy that is offered has been bid for with its change made, and that bid begins in time. Nothing is
//! committed and nothing is promised: whoever acts on it is judged again.

use super::{Obstacle, Terms, VisitSpec, bid, eject, trial};
use crate::domain::{
    decision::{Bid, Policy, Rule},
    expert::{Absence, AbsenceKind, Expert},
    ids::{ExpertId, RegionId, TicketNumber},
    place::Place,
    route::Route,
    settings::RegionSettings,
    shift::Shift,
    skill::SkillLevel,
    ticket::{Window, WindowKind},
    time::{DAY_S, HOUR_S, Timestamp},
};
use std::{collections::BTreeMap, sync::Arc};

/// Nobody is asked to work longer than this past what is allowed.
const MOST_OVERTIME_S: u32 = 4 * 3_600;
/// A new window is at least this wide.
const LEAST_WINDOW_S: i64 = 900;
/// Remedies of one kind that are listed, the cheapest ones.
const OF_A_KIND: usize = 3;

type Pair = (Arc<Expert>, Arc<Route>);

/// What a question is answered from. Routes are without the visit that is asked about.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub home: Vec<Pair>,
    /// Of the nearest regions; they are asked under the terms of the visit's own.
    pub neighbours: Vec<Pair>,
    /// The visits in the routes at home that could be moved.
    pub held: BTreeMap<TicketNumber, VisitSpec>,
    /// Where somebody more would set out from.
    pub middle: Option<Place>,
    /// Whom it is assigned or offered to, or the plan has for it, and when it is to begin.
    pub begins: Option<(ExpertId, Timestamp)>,
}

/// One change, and what it leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Remedy {
    pub change: Change,
    /// Who would come; of [`Change::Hire`], nobody who is there.
    pub expert: ExpertId,
    pub bid: Bid,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Assigned by hand, now.
    Assign,
    /// The same, of somebody who refused the visit.
    AskAgain,
    /// The region's `max_overtime_s` raised by so much.
    Overtime { more_s: u32 },
    /// The promised window replaced.
    Window(Window),
    /// A visit of theirs that has not been started, nor pinned, is given to somebody else first.
    Relieve(TicketNumber),
    /// An expert of a neighbouring region.
    Neighbour(RegionId),
    /// One more expert with these skills, on shift now.
    Hire { skills: Arc<[SkillLevel]>, from: Place },
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// It begins in time as things stand.
    pub already: Option<(ExpertId, Timestamp)>,
    /// The cheapest first; at most three of a kind.
    pub remedies: Vec<Remedy>,
    /// Further ones that are not listed.
    pub more: u32,
    /// How many at home each rule excludes as things stand.
    pub ruled: Vec<(Rule, u32)>,
    /// At home could come, but later.
    pub later: u32,
    /// The earliest of them.
    pub earliest: Option<(ExpertId, Timestamp)>,
}

/// Looks for single changes that have `visit` begin at `by` or before.
#[must_use]
pub fn remedies(visit: &VisitSpec, by: Timestamp, scene: &Scene, terms: &Terms<'_>) -> Answer {
    // As the door judges an assignment by hand.
    let terms = &Terms { policy: Policy::Insertion, second_round: true, ..*terms };
    let already = scene.begins.clone().filter(|(_, begins)| *begins <= by);
    let mut answer = Answer { already, ..Answer::default() };
    let (mut found, mut rules) = (Vec::new(), Vec::new());
    for (expert, route) in &scene.home {
        match trial(visit, expert, route, None, terms) {
            Ok(trial) if trial.bid.start <= by => {
                let refused = visit.refused_by.contains(&expert.id);
                let change = if refused { Change::AskAgain } else { Change::Assign };
                found.push(Remedy { change, expert: expert.id.clone(), bid: trial.bid });
                continue;
            }
            Ok(trial) => {
                answer.later += 1;
                let earlier = answer.earliest.as_ref().is_none_or(|(_, start)| trial.bid.start < *start);
                if earlier {
                    answer.earliest = Some((expert.id.clone(), trial.bid.start));
                }
            }
            Err(obstacle) => {
                rules.push(obstacle.rule());
                found.extend(overtime(visit, by, expert, route, &obstacle, terms));
            }
        }
        found.extend(window(visit, by, expert, route, terms));
        found.extend(relieve(visit, by, expert, route, scene, terms));
    }
    for (expert, route) in &scene.neighbours {
        if let Ok(bid) = bid(visit, expert, route, None, terms) {
            found.push(Remedy { change: Change::Neighbour(expert.region.clone()), expert: expert.id.clone(), bid });
        }
    }
    found.extend(hire(visit, scene, terms));
    found.retain(|remedy| remedy.bid.start <= by);
    let mut counts = BTreeMap::new();
    for rule in rules {
        *counts.entry(rule).or_insert(0) += 1;
    }
    answer.ruled = counts.into_iter().collect();
    (answer.remedies, answer.more) = listed(found);
    answer
}

/// The cheapest first, few of a kind; how many are left out.
fn listed(mut found: Vec<Remedy>) -> (Vec<Remedy>, u32) {
    found.sort_by(|a, b| {
        (a.bid.cost.total(), kind(&a.change), &a.expert).cmp(&(b.bid.cost.total(), kind(&b.change), &b.expert))
    });
    let (all, mut of_kind) = (found.len(), BTreeMap::<u8, usize>::new());
    found.retain(|remedy| {
        let listed = of_kind.entry(kind(&remedy.change)).or_default();
        *listed += 1;
        *listed <= OF_A_KIND
    });
    let left_out = u32::try_from(all - found.len()).unwrap_or(u32::MAX);
    (found, left_out)
}

/// Among equals, what asks least of people comes first.
fn kind(change: &Change) -> u8 {
    match change {
        Change::Assign => 0,
        Change::AskAgain => 1,
        Change::Relieve(_) => 2,
        Change::Overtime { .. } => 3,
        Change::Neighbour(_) => 4,
        Change::Window(_) => 5,
        Change::Hire { .. } => 6,
    }
}

/// The least that the region would have to allow more, so that this expert could come in time.
fn overtime(
    visit: &VisitSpec,
    by: Timestamp,
    expert: &Expert,
    route: &Route,
    obstacle: &Obstacle,
    terms: &Terms<'_>,
) -> Option<Remedy> {
    let mut settings = terms.settings.clone();
    let mut obstacle = obstacle.clone();
    // Each round allows what the position tried last would need; another one may be cheaper then.
    for _ in 0..=route.stops.len() {
        let Obstacle::ShiftEnd { shift_until, trial: tried, .. } = &obstacle else { return None };
        let needed_s = u32::try_from((tried.home_at.since_ms(*shift_until) + 999) / 1_000).ok()?;
        let more_s = needed_s.saturating_sub(terms.settings.max_overtime_s);
        if more_s > MOST_OVERTIME_S {
            return None;
        }
        settings.max_overtime_s = needed_s;
        match trial(visit, expert, route, None, &Terms { settings: &settings, ..*terms }) {
            Ok(trial) if trial.bid.start <= by => {
                let change = Change::Overtime { more_s };
                return Some(Remedy { change, expert: expert.id.clone(), bid: trial.bid });
            }
            Ok(_) => return None,
            Err(next) => obstacle = *next,
        }
    }
    None
}

/// Another promised window, where the present one is in the way.
fn window(visit: &VisitSpec, by: Timestamp, expert: &Expert, route: &Route, terms: &Terms<'_>) -> Option<Remedy> {
    visit.window.filter(|window| window.kind == WindowKind::Promise)?;
    let free = bid(&VisitSpec { window: None, ..visit.clone() }, expert, route, None, terms).ok()?;
    if free.start > by {
        return None;
    }
    let from = free.start.min(by.plus_s(-LEAST_WINDOW_S)).max(terms.now);
    let window = Window { from, to: by.max(from.plus_s(LEAST_WINDOW_S)), kind: WindowKind::Promise };
    let moved = VisitSpec { window: Some(window), ..visit.clone() };
    let bid = bid(&moved, expert, route, None, terms).ok()?;
    Some(Remedy { change: Change::Window(window), expert: expert.id.clone(), bid })
}

/// One stop less in the route, where somebody else at home could take that one and keep what was promised of it.
fn relieve(
    visit: &VisitSpec,
    by: Timestamp,
    expert: &Expert,
    route: &Route,
    scene: &Scene,
    terms: &Terms<'_>,
) -> Option<Remedy> {
    let crew = || scene.home.iter().map(|(expert, route)| (&**expert, &**route, None));
    let tried = eject::openings(visit, expert, route, None, terms).into_iter().filter(|found| found.bid.start <= by);
    tried.into_iter().find_map(|found| {
        let held = scene.held.get(&found.stop.ticket)?;
        eject::taker(held, &found.stop, crew().filter(|(other, ..)| other.id != expert.id), terms)?;
        Some(Remedy { change: Change::Relieve(found.stop.ticket), expert: expert.id.clone(), bid: found.bid })
    })
}

/// Somebody more, from the middle of the region.
fn hire(visit: &VisitSpec, scene: &Scene, terms: &Terms<'_>) -> Option<Remedy> {
    let from = scene.middle?;
    let id = unused(scene.home.iter().map(|(expert, _)| &expert.id), "more")?;
    let region = scene.home.first().map(|(expert, _)| expert.region.clone());
    let region = region.or_else(|| RegionId::parse("more").ok())?;
    let expert = somebody(id, region, &visit.skills, from, terms.now, terms.now.plus_s(HOUR_S * 12));
    let route = Route::empty(expert.id.clone(), expert.region.clone());
    let bid = bid(visit, &expert, &route, None, terms).ok()?;
    Some(Remedy { change: Change::Hire { skills: visit.skills.clone(), from }, expert: expert.id, bid })
}

/// An id like `prefix` that none of these has.
pub(super) fn unused<'a>(ids: impl Iterator<Item = &'a ExpertId>, prefix: &str) -> Option<ExpertId> {
    let taken: std::collections::BTreeSet<&ExpertId> = ids.collect();
    let names = (0..=taken.len()).map(|no| if no == 0 { prefix.to_owned() } else { format!("{prefix}-{no}") });
    names.filter_map(|name| ExpertId::parse(&name).ok()).find(|id| !taken.contains(id))
}

/// An expert who is not there: with these skills, at work from `from` to `until`.
pub(super) fn somebody(
    id: ExpertId,
    region: RegionId,
    skills: &[SkillLevel],
    home: Place,
    from: Timestamp,
    until: Timestamp,
) -> Expert {
    const EVERY_DAY: u8 = 0b111_1111;
    let away = |id, from, to| Absence { id, kind: AbsenceKind::Leave, from, to };
    let mut best = crate::domain::skill::Skills::new();
    for need in skills {
        let level = best.entry(need.skill.clone()).or_insert(need.level);
        *level = need.level.max(*level);
    }
    Expert {
        id,
        version: 0,
        region,
        skills: best,
        personal: crate::domain::person::Private::new(
            crate::domain::ids::PersonId(0),
            crate::domain::expert::ExpertPersonal { name: String::new(), phone: None, email: None, home },
        ),
        // Round the clock, and away before and after.
        shifts: vec![Shift { days: EVERY_DAY, from_min: 0, to_min: 0 }],
        zone: "UTC".into(),
        max_visits_ahead: None,
        retired: false,
        absences: vec![away(1, from.plus_s(-3 * DAY_S), from), away(2, until, until.plus_s(30 * DAY_S))],
        next_absence: 3,
    }
}

/// Settings with so much more overtime allowed: what [`Change::Overtime`] means.
#[must_use]
pub fn relaxed(settings: &RegionSettings, more_s: u32) -> RegionSettings {
    RegionSettings { max_overtime_s: settings.max_overtime_s.saturating_add(more_s), ..settings.clone() }
}
