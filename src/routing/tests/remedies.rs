//! What is offered as a remedy works, and what is said of one expert is what would be decided.

use super::*;
use crate::{
    domain::{decision::Rule, route::StopState, ticket::RouteEffect},
    routing::{
        eject::{self, ejection},
        remedy::{Change, Scene, relaxed, remedies},
    },
};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

fn places() -> impl Strategy<Value = Place> {
    (-9_000..9_000_i32, -9_000..9_000_i32).prop_map(|(east, north)| place(east, north))
}

fn visits() -> impl Strategy<Value = VisitSpec> {
    let window = proptest::option::weighted(0.5, (-1_800..10_800_i64, 300..7_200_i64, any::<bool>()));
    (places(), 300..7_200_u32, window, 0..4_u8, any::<bool>(), 0..20_000_i64).prop_map(
        |(place, service_s, window, urgency, rare, due_s)| {
            let skill = if rare { "tv:2" } else { "tv" };
            VisitSpec {
                service_s,
                urgency,
                due: at("13:00").plus_s(due_s),
                window: window.map(|(from, length, wish)| {
                    let from = at("13:00").plus_s(from);
                    let kind = if wish { WindowKind::Wish } else { WindowKind::Promise };
                    Window { from, to: from.plus_s(length), kind }
                }),
                skills: [SkillLevel::parse(skill).unwrap()].into(),
                ..visit(1, place)
            }
        },
    )
}

/// Experts with what they hold at 13:00; some of it under way, some pinned.
fn crews() -> impl Strategy<Value = (Vec<(Expert, Route)>, BTreeMap<TicketNumber, VisitSpec>)> {
    let skills = prop_oneof![Just("tv"), Just("tv:2"), Just("tv:3;phone"), Just("phone")];
    let shifts = prop_oneof![Just("mon 08:00-16:00"), Just("mon 06:00-14:00"), Just("mon 15:00-20:00")];
    let held = proptest::collection::vec(visits(), 0..4);
    let who = (places(), skills, shifts, any::<bool>(), held, any::<(bool, bool)>());
    proptest::collection::vec(who, 1..6).prop_map(|crew| {
        let settings = settings();
        let terms = terms("13:00", &settings);
        let (mut all, mut open) = (Vec::new(), BTreeMap::new());
        for (i, (home, skills, shifts, absent, wanted, (started, pinned))) in crew.into_iter().enumerate() {
            let who = Expert {
                shifts: Shift::parse_all(shifts).unwrap(),
                absences: if absent { vec![sick("12:30", "13:45")] } else { Vec::new() },
                ..expert(&format!("e{i}"), skills, home)
            };
            let mut route = nothing_planned(&who);
            for (k, wanted) in wanted.into_iter().enumerate() {
                let wanted = VisitSpec { ticket: TicketNumber::new(RegionCode(1), (10 * i + k + 2) as u32), ..wanted };
                let Ok(bid) = bid(&wanted, &who, &route, None, &terms) else { continue };
                route = insert(&route, &wanted, &bid, 0, pinned && k == 1, &who, &terms);
                open.insert(wanted.ticket, wanted);
            }
            if let Some(first) = route.stops.first().filter(|_| started).map(|stop| (stop.ticket, stop.visit)) {
                route = replan(&route, first.0, first.1, &RouteEffect::Depart(at("13:00")), &who, &terms).unwrap();
            }
            all.push((who, route));
        }
        (all, open)
    })
}

fn pairs(crew: &[(Expert, Route)]) -> Vec<(Arc<Expert>, Arc<Route>)> {
    crew.iter().map(|(expert, route)| (Arc::new(expert.clone()), Arc::new(route.clone()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("CALLOUT_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(256), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_trial_says_what_a_bid_says((crew, _) in crews(), wanted in visits()) {
        let settings = settings();
        let terms = terms("13:00", &settings);
        for (who, route) in &crew {
            let decided = bid(&wanted, who, route, None, &terms);
            match trial(&wanted, who, route, None, &terms) {
                Ok(trial) => {
                    let with = insert(route, &wanted, &trial.bid, 0, false, who, &terms);
                    for moved in &trial.moved {
                        prop_assert_eq!(with.stop(moved.ticket, moved.visit).unwrap().planned_start, moved.to);
                    }
                    prop_assert!(trial.home_at <= stretch(who, terms.now, settings.before_shift_s).unwrap().to);
                    prop_assert_eq!(decided, Ok(trial.bid));
                }
                Err(obstacle) => {
                    match &*obstacle {
                        Obstacle::ShiftEnd { shift_until, trial, .. } => prop_assert!(trial.home_at > *shift_until),
                        Obstacle::Window { late, .. } => prop_assert!(late.start > late.until),
                        Obstacle::Capacity { holds, allowed } => prop_assert!(*holds >= u32::from(*allowed)),
                        Obstacle::OffShift { next } => prop_assert!(next.is_none_or(|next| next > terms.now)),
                        Obstacle::Absent { until } => prop_assert!(until.is_some_and(|until| until > terms.now)),
                        _ => {}
                    }
                    prop_assert_eq!(decided, Err(obstacle.rule()));
                }
            }
        }
    }

    #[test]
    fn each_remedy_when_it_is_applied_has_the_visit_begin_in_time(
        ((crew, held), (others, _)) in (crews(), crews()), wanted in visits(), refuses in any::<bool>(), minutes in 5..240_i64,
    ) {
        let settings = settings();
        let terms = Terms { second_round: true, ..terms("13:00", &settings) };
        let by = terms.now.plus_s(minutes * 60);
        let mut wanted = wanted;
        if refuses {
            wanted.refused_by = vec![crew[0].0.id.clone()];
        }
        let others: Vec<_> = others.into_iter().map(|(who, route)| {
            (Expert { id: ExpertId::parse(&format!("n-{}", who.id)).unwrap(), region: RegionId::parse("next").unwrap(), ..who }, route)
        }).collect();
        let scene = Scene { home: pairs(&crew), neighbours: pairs(&others), held: held.clone(), middle: Some(place(0, 0)), begins: None };
        let answer = remedies(&wanted, by, &scene, &terms);
        prop_assert_eq!(&answer, &remedies(&wanted, by, &scene, &terms));
        let costs: Vec<i64> = answer.remedies.iter().map(|remedy| remedy.bid.cost.total()).collect();
        prop_assert!(costs.is_sorted(), "the cheapest first: {:?}", costs);
        for remedy in &answer.remedies {
            let mut visit = wanted.clone();
            let mut settings = settings.clone();
            let somebody = crew.iter().chain(&others).find(|(who, _)| who.id == remedy.expert);
            let (who, mut route) = match &remedy.change {
                Change::Hire { skills, from } => {
                    prop_assert!(somebody.is_none());
                    let names: Vec<String> = skills.iter().map(ToString::to_string).collect();
                    let who = Expert { shifts: Shift::parse_all("mon-sun 00:00-24:00").unwrap(), ..expert("more", &names.join(";"), *from) };
                    (who.clone(), nothing_planned(&who))
                }
                _ => somebody.unwrap().clone(),
            };
            match &remedy.change {
                Change::AskAgain => prop_assert!(visit.refused_by.contains(&remedy.expert)),
                Change::Overtime { more_s } => settings = relaxed(&settings, *more_s),
                Change::Window(window) => visit.window = Some(*window),
                Change::Relieve(ticket) => {
                    let stop = route.stops.iter().position(|stop| stop.ticket == *ticket).unwrap();
                    prop_assert!(eject::movable(&route.stops[stop]));
                    route.stops.remove(stop);
                }
                Change::Assign | Change::Neighbour(_) | Change::Hire { .. } => {}
            }
            let terms = Terms { settings: &settings, ..terms };
            let again = bid(&visit, &who, &route, None, &terms);
            prop_assert!(again.is_ok(), "{:?}: {:?}", remedy, again);
            let bid = again.unwrap();
            let with = insert(&route, &visit, &bid, 0, false, &who, &terms);
            prop_assert!(with.stop(visit.ticket, visit.visit).unwrap().planned_start <= by, "{:?}", remedy);
        }
        // Nothing simple is overlooked.
        let able = |(who, route): &(Expert, Route)| bid(&wanted, who, route, None, &terms).is_ok_and(|bid| bid.start <= by);
        let kinds = |kind: fn(&Change) -> bool| answer.remedies.iter().filter(|remedy| kind(&remedy.change)).count();
        let by_hand = kinds(|change| matches!(change, Change::Assign | Change::AskAgain));
        prop_assert_eq!(by_hand > 0, crew.iter().any(able));
        prop_assert_eq!(kinds(|change| matches!(change, Change::Neighbour(_))) > 0, others.iter().any(able));
        let excluded: u32 = answer.ruled.iter().map(|(_, count)| count).sum();
        let in_time = crew.iter().filter(|pair| able(pair)).count();
        prop_assert_eq!(excluded as usize + answer.later as usize + in_time, crew.len(), "everybody is accounted for");
    }

    #[test]
    fn an_ejection_serves_both(( crew, held) in crews(), wanted in visits()) {
        let settings = settings();
        let terms = terms("13:00", &settings);
        let urgent = VisitSpec { urgency: 3, ..wanted };
        let found = ejection(&urgent, &crew.iter().map(|(e, r)| (e, r, None)), |ticket| held.get(&ticket).cloned(), &terms);
        let Some(found) = found else { return Ok(()) };
        let (who, route) = crew.iter().find(|(who, _)| who.id == found.expert).unwrap();
        let (other, theirs) = crew.iter().find(|(who, _)| who.id == found.taker).unwrap();
        prop_assert_ne!(&found.expert, &found.taker);
        let stop = &found.opening.stop;
        prop_assert!(eject::movable(stop) && stop.urgency < 3 && matches!(stop.state, StopState::Assigned));
        let mut without = route.clone();
        without.stops.retain(|held| held.ticket != stop.ticket);
        let with = insert(&without, &urgent, &found.opening.bid, 0, false, who, &terms);
        prop_assert_eq!(first_overlap(&with, &ground(&settings)), None);
        let moved = &held[&stop.ticket];
        let taken = insert(theirs, moved, &found.taken, 0, false, other, &terms);
        prop_assert_eq!(first_overlap(&taken, &ground(&settings)), None);
        let begins = taken.stop(stop.ticket, 1).unwrap().planned_start;
        prop_assert!(moved.window.is_none_or(|w| w.kind == WindowKind::Wish || begins <= w.to));
        prop_assert!(begins <= moved.due.max(stop.planned_start));
    }
}

#[test]
fn who_would_be_home_too_late_is_told_by_how_much() {
    let settings = settings();
    let terms = terms("15:00", &settings);
    let who = expert("ann", "tv", place(0, 0));
    let wanted = VisitSpec { service_s: 3_000, ..visit(1, place(6_000, 0)) };
    let obstacle = trial(&wanted, &who, &nothing_planned(&who), None, &terms).unwrap_err();
    let Obstacle::ShiftEnd { shift_until, trial, overtime_s: 0 } = *obstacle else { panic!("{obstacle:?}") };
    assert_eq!((shift_until, trial.home_at), (at("16:00"), at("16:10")));
    let scene = Scene { home: pairs(&[(who.clone(), nothing_planned(&who))]), ..Scene::default() };
    let answer = remedies(&wanted, at("15:10"), &scene, &terms);
    let [remedy] = &answer.remedies[..] else { panic!("{answer:?}") };
    assert_eq!((remedy.change.clone(), remedy.bid.start), (Change::Overtime { more_s: 600 }, at("15:10")));
    assert_eq!(
        remedies(&wanted, at("15:09"), &scene, &terms).ruled,
        [(Rule::ShiftEnd, 1)],
        "nor is it offered too late"
    );
}

#[test]
fn a_window_in_the_way_is_moved_and_a_refusal_asked_again() {
    let settings = settings();
    let terms = terms("09:00", &settings);
    let who = expert("ann", "tv", place(0, 0));
    let scene = Scene { home: pairs(&[(who.clone(), nothing_planned(&who))]), ..Scene::default() };
    let window = Some(promise("14:00", "15:00"));
    let answer = remedies(&VisitSpec { window, ..visit(1, place(6_000, 0)) }, at("10:00"), &scene, &terms);
    let found: Vec<_> = answer.remedies.iter().map(|remedy| remedy.change.clone()).collect();
    assert_eq!(found, [Change::Window(promise("09:10", "10:00"))]);
    assert_eq!((answer.later, answer.earliest), (1, Some((who.id.clone(), at("14:00")))));
    let refused = VisitSpec { refused_by: vec![who.id.clone()], ..visit(1, place(6_000, 0)) };
    let found = remedies(&refused, at("10:00"), &scene, &terms).remedies;
    assert_eq!(found.iter().map(|remedy| remedy.change.clone()).collect::<Vec<_>>(), [Change::AskAgain]);
}

#[test]
fn nobody_at_all_needs_somebody_more() {
    let settings = settings();
    let terms = terms("09:00", &settings);
    let scene = Scene { middle: Some(place(3_000, 0)), ..Scene::default() };
    let wanted = visit(1, place(6_000, 0));
    let answer = remedies(&wanted, at("09:05"), &scene, &terms);
    let [remedy] = &answer.remedies[..] else { panic!("{answer:?}") };
    assert_eq!(remedy.change, Change::Hire { skills: wanted.skills.clone(), from: place(3_000, 0) });
    assert_eq!(remedies(&wanted, at("09:04"), &scene, &terms).remedies, [], "it takes five minutes to get there");
}

#[test]
fn what_nobody_else_begins_in_time_makes_no_room() {
    let settings = RegionSettings { max_visits_ahead: 1, ..settings() };
    let terms = terms("13:00", &settings);
    let (ann, bob) = (expert("ann", "tv", place(0, 0)), expert("bob", "tv", place(36_000, 0)));
    let found = |due| {
        let usual = VisitSpec { due, ..visit(1, place(0, 0)) };
        let crew =
            [(ann.clone(), holding(&ann, std::slice::from_ref(&usual), &terms)), (bob.clone(), nothing_planned(&bob))];
        let urgent = VisitSpec { urgency: 3, window: Some(promise("13:00", "13:20")), ..visit(2, place(0, 0)) };
        let members = crew.iter().map(|(e, r)| (e, r, None));
        ejection(&urgent, &members, |_| Some(usual.clone()), &terms).map(|found| found.taker)
    };
    assert_eq!(found(at("14:00")), Some(bob.id.clone()), "an hour's drive");
    assert_eq!(found(at("13:59")), None);
}
