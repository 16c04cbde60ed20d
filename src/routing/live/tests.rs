//! A planner that is given ten milliseconds on a surge day: its plan passes the checker and is no worse than the one
//! it began with, whatever changed since that was made.

use super::{
    Memory, Plan, Snapshot,
    draft::{Drafted, draft},
};
use crate::{
    domain::{expert::Expert, skill::SkillLevel, ticket::Window, time::MINUTE_S},
    routing::{
        Terms, VisitSpec,
        checker::check_plan,
        solve::{Solution, improve},
        tests::{at, expert, nothing_planned, place, promise, settings, terms, visit},
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const VISITS: u32 = 400;
const EXPERTS: usize = 60;
const BUDGET: Duration = Duration::from_millis(10);
/// Ruins and recreations that make a plan good.
const GOOD_ROUNDS: f64 = 1_000.0;
const SKILLS: [&str; 3] = ["tv", "network", "hifi:2"];
/// Metres, each way from the middle.
const TOWN_M: i32 = 12_000;

fn anywhere(dice: &mut StdRng) -> crate::domain::place::Place {
    place(dice.random_range(-TOWN_M..TOWN_M), dice.random_range(-TOWN_M..TOWN_M))
}

fn crew(dice: &mut StdRng) -> Vec<Expert> {
    let one = |nth: usize| {
        let skills = ["tv;network", "tv;hifi:2", "network;hifi:3", "tv"][nth % 4];
        expert(&format!("e{nth:02}"), skills, anywhere(dice))
    };
    (0..EXPERTS).map(one).collect()
}

/// A third are promised within some hours, one in eight is urgent.
fn wanted(dice: &mut StdRng, serial: u32) -> VisitSpec {
    let skill = SkillLevel::parse(SKILLS[dice.random_range(0..SKILLS.len())]).unwrap();
    let from = at("09:00").plus_s(dice.random_range(0..300) * MINUTE_S);
    let to = from.plus_s(dice.random_range(60..180) * MINUTE_S);
    VisitSpec {
        service_s: dice.random_range(20..90) * 60,
        skills: [skill].into(),
        urgency: if dice.random_range(0..8) == 0 { 3 } else { dice.random_range(0..3) },
        window: (dice.random_range(0..3) == 0).then(|| Window { from, to, ..promise("09:00", "10:00") }),
        ..visit(serial, anywhere(dice))
    }
}

/// By index, as the solver takes a plan that is known; what is gone drops out.
fn known(plan: &Plan, snapshot: &Snapshot, drafted: &Drafted) -> Vec<(u32, Vec<u32>)> {
    let index = |ticket| drafted.visits.iter().position(|open| snapshot.open[*open].ticket == ticket);
    let of = |(technician, expert): (usize, &usize)| {
        let tickets = plan.get(&snapshot.experts[*expert].0.id)?;
        let visits = tickets.iter().filter_map(|ticket| index(*ticket)).map(|visit| visit as u32);
        Some((technician as u32, visits.collect()))
    };
    drafted.experts.iter().enumerate().filter_map(of).collect()
}

fn by_index(solution: &Solution) -> Vec<(u32, Vec<u32>)> {
    let routes = solution.plan.routes.iter();
    routes.map(|route| (route.technician, route.stops.iter().map(|stop| stop.visit).collect())).collect()
}

fn plan_of(solution: &Solution, snapshot: &Snapshot, drafted: &Drafted) -> Plan {
    let routes = solution.plan.routes.iter().map(|route| {
        let tickets = route.stops.iter().map(|stop| snapshot.open[drafted.visits[stop.visit as usize]].ticket);
        (snapshot.experts[drafted.experts[route.technician as usize]].0.id.clone(), tickets.collect())
    });
    routes.collect()
}

#[allow(clippy::disallowed_methods, reason = "the budget is the machine's time")]
fn in_ten_ms(drafted: &Drafted, known: &[(u32, Vec<u32>)], seed: u64) -> Solution {
    let mut began = None;
    let mut spent = |_| began.get_or_insert_with(Instant::now).elapsed().div_duration_f64(BUDGET);
    improve(&drafted.problem, known, seed, &mut spent)
}

#[test]
fn in_ten_milliseconds_the_plan_of_a_surge_day_is_neither_broken_nor_worse() {
    let settings = settings();
    let (mut better, mut plans) = (0, 0);
    for seed in 0..3 {
        let mut dice = StdRng::seed_from_u64(seed);
        let crew = crew(&mut dice);
        let pair = |who: &Expert| (Arc::new(who.clone()), Arc::new(nothing_planned(who)));
        let mut snapshot = Snapshot { experts: crew.iter().map(pair).collect(), ..Snapshot::default() };
        snapshot.open = (0..VISITS).map(|serial| wanted(&mut dice, serial)).collect();
        let (mut plan, mut memory, mut serial) = (Plan::new(), Memory::default(), VISITS);
        for look in 0..4 {
            let now = at("09:00").plus_s(look * 20 * MINUTE_S);
            let terms = Terms { now, ..terms("09:00", &settings) };
            let drafted = draft(&snapshot, &plan, &mut memory, &terms).unwrap().unwrap();
            assert!(drafted.problem.visits().len() > 300 && drafted.problem.technicians().len() > 50);
            // The plan before as it fits now, and one that is good already: it is easily made worse.
            let stale = improve(&drafted.problem, &known(&plan, &snapshot, &drafted), seed, &mut |_| 1.0);
            let good = improve(&drafted.problem, &by_index(&stale), seed, &mut |done| done as f64 / GOOD_ROUNDS);
            let mut after = good.clone();
            for before in [stale, good] {
                after = in_ten_ms(&drafted, &by_index(&before), seed);
                assert_eq!(check_plan(&drafted.problem, &after.plan), [], "seed {seed}, look {look}");
                let (was, is) = (before.plan.costs.total(), after.plan.costs.total());
                assert!(is <= was, "seed {seed}, look {look}: {is} instead of {was}");
                (better, plans) = (better + i32::from(is < was), plans + 1);
            }
            plan = plan_of(&after, &snapshot, &drafted);
            // Meanwhile forty are gone, as many are new, and somebody calls in sick.
            snapshot.open.retain(|_| dice.random_range(0..10) > 0);
            snapshot.experts.remove(dice.random_range(0..snapshot.experts.len()));
            let missing = VISITS - snapshot.open.len() as u32;
            snapshot.open.extend((serial..serial + missing).map(|serial| wanted(&mut dice, serial)));
            serial += missing;
        }
    }
    assert!(better > 0, "ten milliseconds are some rounds: none of {plans} plans got better");
}
