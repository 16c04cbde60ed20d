//! What the plan of a live day does, and what it leaves alone.

use super::*;
use crate::{
    domain::{settings::Weights, ticket::RouteEffect},
    routing::live::{self, Memory, Outlook, Plan, Snapshot, outlook},
};
use std::sync::Arc;

fn snapshot(experts: &[(&Expert, Route)], open: &[VisitSpec]) -> Snapshot {
    let pair = |(expert, route): &(&Expert, Route)| (Arc::new((*expert).clone()), Arc::new(route.clone()));
    Snapshot { experts: experts.iter().map(pair).collect(), open: open.to_vec(), ..Snapshot::default() }
}

fn planned(snapshot: &Snapshot, clock: &str) -> Outlook {
    let settings = settings();
    outlook(snapshot, &Plan::new(), &mut Memory::default(), &terms(clock, &settings), 1, 64).unwrap()
}

fn due(outlook: &Outlook) -> Vec<(&str, u32)> {
    outlook.due.iter().map(|due| (due.expert.as_str(), due.ticket.serial)).collect()
}

#[test]
fn who_is_free_leaves_for_one_visit_and_the_rest_is_no_promise() {
    let who = expert("ann", "tv", place(0, 0));
    let route = Route { version: 5, ..nothing_planned(&who) };
    let open = [visit(1, place(6_000, 0)), visit(2, place(12_000, 0))];
    let outlook = planned(&snapshot(&[(&who, route)], &open), "09:00");
    assert_eq!(due(&outlook), [("ann", 1)]);
    assert_eq!(outlook.due[0].route_version, 5);
    assert_eq!(outlook.plan[&who.id], [open[0].ticket, open[1].ticket]);
    assert_eq!(
        outlook.later,
        [(open[1].ticket, at("09:50"))].into(),
        "after half an hour of work and ten minutes' drive"
    );
}

#[test]
fn the_plan_begins_where_and_when_the_promised_stops_end() {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let promised = visit(1, place(6_000, 0));
    let route = holding(&who, std::slice::from_ref(&promised), &terms("09:00", &settings));
    let depart = RouteEffect::Depart(at("09:00"));
    let route = replan(&route, promised.ticket, 1, &depart, &who, &terms("09:00", &settings)).unwrap();
    let next = visit(2, place(12_000, 0));
    let outlook = planned(&snapshot(&[(&who, route)], std::slice::from_ref(&next)), "09:05");
    assert_eq!(due(&outlook), [], "not before they are free");
    assert_eq!(outlook.later, [(next.ticket, at("09:50"))].into());
}

#[test]
fn a_window_ahead_is_left_for_just_in_time() {
    let who = expert("ann", "tv", place(0, 0));
    let wanted = VisitSpec { window: Some(promise("11:00", "12:00")), ..visit(1, place(6_000, 0)) };
    let snapshot = snapshot(&[(&who, nothing_planned(&who))], &[wanted]);
    let early = planned(&snapshot, "09:00");
    assert_eq!((due(&early), early.next), (vec![], Some(at("10:50"))));
    assert_eq!(due(&planned(&snapshot, "10:50")), [("ann", 1)]);
    assert_eq!(planned(&snapshot, "12:01"), Outlook::default(), "a lapsed promise is in no plan");
}

#[test]
fn nobody_is_planned_for_what_a_hard_rule_forbids() {
    let far = expert("far", "tv", place(70_000, 0));
    let (other, refused) = (expert("other", "hifi", place(0, 0)), expert("refused", "tv", place(0, 0)));
    let night =
        Expert { shifts: Shift::parse_all("mon-fri 22:00-23:00").unwrap(), ..expert("night", "tv", place(0, 0)) };
    let retired = Expert { retired: true, ..expert("retired", "tv", place(0, 0)) };
    let asked = VisitSpec { refused_by: vec![refused.id.clone()], ..visit(1, place(0, 0)) };
    let everybody = [&far, &other, &refused, &night, &retired].map(|who| (who, nothing_planned(who)));
    let outlook = planned(&snapshot(&everybody, &[asked]), "09:00");
    assert_eq!(outlook.planned().len(), 0, "{outlook:?}");
}

#[test]
fn whoever_lives_half_the_world_away_keeps_nobody_from_being_planned_with() {
    let (near, far) = (expert("ann", "tv", place(0, 0)), expert("far", "tv", place(12_000_000, 0)));
    let everybody = [&near, &far].map(|who| (who, nothing_planned(who)));
    let outlook = planned(&snapshot(&everybody, &[visit(1, place(6_000, 0))]), "09:00");
    assert_eq!(due(&outlook), [("ann", 1)]);
}

#[test]
fn the_heaviest_weights_that_a_region_may_have_leave_nobody_unserved() {
    let who = expert("ann", "tv", place(0, 0));
    let snapshot = snapshot(&[(&who, nothing_planned(&who))], &[visit(1, place(6_000, 0))]);
    let weigh: [fn(&mut Weights); 4] = [
        |weights| weights.travel = 1_000.0,
        |weights| weights.response = 1_000.0,
        |weights| weights.overtime = 1_000.0,
        |weights| (weights.travel, weights.response, weights.scarcity) = (1_000.0, 1_000.0, 1_000.0),
    ];
    for (no, weigh) in weigh.into_iter().enumerate() {
        let mut settings = settings();
        weigh(&mut settings.weights);
        let terms = terms("09:00", &settings);
        let outlook = outlook(&snapshot, &Plan::new(), &mut Memory::default(), &terms, 1, 64).unwrap();
        assert_eq!(due(&outlook), [("ann", 1)], "weights {no}");
    }
}

#[test]
fn an_urgent_visit_takes_the_place_of_a_planned_one() {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let window = Some(promise("09:00", "09:20"));
    let usual = VisitSpec { window, ..visit(1, place(3_000, 0)) };
    let urgent = VisitSpec { window, urgency: 3, ..visit(2, place(9_000, 0)) };
    let before = Plan::from([(who.id.clone(), vec![usual.ticket])]);
    let snapshot = snapshot(&[(&who, nothing_planned(&who))], &[usual, urgent.clone()]);
    let outlook = outlook(&snapshot, &before, &mut Memory::default(), &terms("09:00", &settings), 1, 64).unwrap();
    assert_eq!((due(&outlook), outlook.planned().len()), (vec![("ann", 2)], 1), "there is time for one of them");
}

#[test]
fn a_full_day_leaves_out_what_takes_long_and_an_idle_one_does_not() {
    let who = expert("ann", "tv", place(0, 0));
    let window = Some(promise("15:00", "15:05"));
    let long = VisitSpec { window, service_s: 2_400, ..visit(1, place(0, 0)) };
    let short = VisitSpec { window, service_s: 1_200, ..visit(2, place(0, 0)) };
    let plan = |open: &[VisitSpec]| planned(&snapshot(&[(&who, nothing_planned(&who))], open), "15:00");
    assert_eq!(due(&plan(&[long.clone(), short])), [("ann", 2)]);
    assert_eq!(due(&plan(&[VisitSpec { window: None, service_s: 3_400, ..long }])), [("ann", 1)]);
}

#[test]
fn nothing_new_leaves_the_plan_as_it_was_and_the_same_is_the_same() {
    let settings = settings();
    let terms = terms("09:00", &settings);
    let crew = [expert("ann", "tv", place(0, 0)), expert("bob", "tv", place(9_000, 0))];
    let open: Vec<VisitSpec> = (0..12).map(|serial| visit(serial, place(serial as i32 * 1_000, 500))).collect();
    let snapshot = snapshot(&[(&crew[0], nothing_planned(&crew[0])), (&crew[1], nothing_planned(&crew[1]))], &open);
    let first = outlook(&snapshot, &Plan::new(), &mut Memory::default(), &terms, 3, 64).unwrap();
    assert_eq!(outlook(&snapshot, &Plan::new(), &mut Memory::default(), &terms, 3, 64).unwrap(), first);
    assert_eq!(
        outlook(&snapshot, &first.plan, &mut Memory::default(), &terms, 4, 0).unwrap(),
        first,
        "no rounds: only what is new is put in"
    );
}

#[test]
fn a_plan_says_what_everybody_else_does_and_what_sending_them_would_cost() {
    let (ann, bob) = (expert("ann", "tv", place(0, 0)), expert("bob", "tv", place(9_000, 0)));
    let open = [visit(1, place(1_000, 0)), visit(2, place(8_000, 0))];
    let both = [(&ann, nothing_planned(&ann)), (&bob, Route { version: 4, ..nothing_planned(&bob) })];
    let busy = planned(&snapshot(&both, &open), "09:00");
    assert_eq!(due(&busy), [("ann", 1), ("bob", 2)]);
    // Bob by way of 1 to 2: 800 and 700 s for 100; ann stays at home: 200 s less.
    assert_eq!(busy.due[0].dearer_s, [(ann.id.clone(), 0), (bob.id.clone(), 800 + 700 - 100 - 200)].into());
    let next = live::Next { route_version: 4, visit: Some((open[1].ticket, at("09:01").plus_s(40))) };
    assert_eq!(busy.first[&bob.id], next);
    let idle = planned(&snapshot(&both, &open[..1]), "09:00");
    assert_eq!(idle.due[0].dearer_s[&bob.id], 1_600 - 200, "there and home again");
    assert_eq!(idle.first[&bob.id], live::Next { visit: None, ..next });
}

#[test]
fn of_a_crowd_the_cheapest_are_planned_with() {
    let crowd: Vec<Expert> = (0..150).map(|nth| expert(&format!("e{nth:03}"), "tv", place(nth * 300, 0))).collect();
    let everybody: Vec<(&Expert, Route)> = crowd.iter().map(|who| (who, nothing_planned(who))).collect();
    let open = [visit(1, place(30_100, 0)), visit(2, place(3_100, 0))];
    let outlook = planned(&snapshot(&everybody, &open), "09:00");
    assert_eq!(due(&outlook), [("e010", 2), ("e100", 1)]);
    assert!(outlook.first.len() <= 32, "{} routes for two visits", outlook.first.len());
}

#[test]
fn what_is_remembered_changes_no_plan() {
    let mut settings = settings();
    let crew = [expert("ann", "tv", place(0, 0)), expert("bob", "tv", place(9_000, 0))];
    let roster = [(&crew[0], nothing_planned(&crew[0])), (&crew[1], nothing_planned(&crew[1]))];
    let mut memory = Memory::default();
    // The next day's shifts come into sight at eight in the evening.
    for step in 0..32 {
        settings.travel.speed_kmh = if step < 12 { 36.0 } else { 18.0 };
        let now = at(if step < 8 { "15:30" } else { "19:50" }).plus_s(step * 60);
        let open: Vec<VisitSpec> =
            (step..step + 6).map(|nth| visit(nth as u32, place(nth as i32 * 900, 300))).collect();
        let terms = Terms { now, ..terms("00:00", &settings) };
        let snapshot = snapshot(&roster, &open);
        let fresh = outlook(&snapshot, &Plan::new(), &mut Memory::default(), &terms, 5, 64).unwrap();
        assert_eq!(outlook(&snapshot, &Plan::new(), &mut memory, &terms, 5, 64).unwrap(), fresh, "step {step}");
    }
}

#[test]
fn a_visit_is_worth_what_the_plan_would_save_without_it() {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let (near, next) = (visit(1, place(6_000, 0)), visit(2, place(12_000, 0)));
    let nobody = VisitSpec { skills: hifi(), ..visit(3, place(0, 0)) };
    let open = [near, next.clone(), nobody.clone()];
    let outlook = planned(&snapshot(&[(&who, nothing_planned(&who))], &open), "09:00");
    // Twenty minutes of driving, and a wait of fifty.
    let saved = 1_200.0 * settings.weights.travel + 3_000.0 * 3.0 * settings.weights.response;
    let left_out = live::unserved_s(nobody.urgency, 1_800, at("09:00").since_s(nobody.opened_at)) * 1_000;
    let spare = [
        live::Offered { spec: next, worth: (saved * 1_000.0).round() as i64, holder: Some(who.id.clone()) },
        live::Offered { spec: nobody.clone(), worth: left_out, holder: None },
    ];
    assert_eq!(outlook.spare, spare, "what is due is not to be had");
    assert_eq!(planned(&snapshot(&[], &[nobody]), "09:00").spare, spare[1..]);
}

#[test]
fn a_visit_of_another_region_is_wanted_where_it_costs_less_and_due_to_nobody() {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let spec = visit(1, place(6_000, 0));
    // There and home again, a wait of ten minutes, and ten minutes for the change.
    let costs = 1_200.0 * settings.weights.travel + 600.0 * 3.0 * settings.weights.response + 600.0;
    let offered = |more: i64| {
        let abroad = vec![live::Offered { spec: spec.clone(), worth: (costs * 1_000.0) as i64 + more, holder: None }];
        planned(&Snapshot { abroad, ..snapshot(&[(&who, nothing_planned(&who))], &[]) }, "09:00")
    };
    assert_eq!((offered(-60_000).wanted, offered(-60_000).plan), (vec![], Plan::new()));
    let outlook = offered(60_000);
    assert_eq!(outlook.wanted, [spec.ticket]);
    assert_eq!(outlook.plan[&who.id], [spec.ticket], "so that the next plan begins with it");
    assert_eq!((outlook.due, outlook.later, outlook.spare), Default::default(), "it is not this region's yet");
}

fn hifi() -> Arc<[SkillLevel]> {
    vec![SkillLevel::parse("hifi").unwrap()].into()
}
