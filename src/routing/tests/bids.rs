//! What one expert answers.

use super::*;
use crate::domain::{decision::Rule, route::Anchor};

#[test]
fn rules_are_named_in_their_order() {
    let settings = settings();
    let terms = terms("12:00", &settings);
    let mut wanted = visit(1, place(70_000, 0));
    let mut who = expert("ann", "phone", place(0, 0));
    wanted.skills = vec![SkillLevel::parse("tv:2").unwrap()].into();
    wanted.refused_by = vec![who.id.clone()];
    wanted.window = Some(promise("12:05", "12:10"));
    wanted.service_s = 5 * 3_600;
    who.retired = true;
    who.absences = vec![sick("08:00", "13:00")];
    who.max_visits_ahead = Some(0);
    let ask = |who: &Expert, wanted: &VisitSpec| bid(wanted, who, &nothing_planned(who), None, &terms).err();

    assert_eq!(ask(&who, &wanted), Some(Rule::Retired));
    who.retired = false;
    assert_eq!(ask(&who, &wanted), Some(Rule::Skill));
    who.skills.insert(Skill::parse("tv").unwrap(), Level::ONE);
    assert_eq!(ask(&who, &wanted), Some(Rule::Skill), "level 1 is not enough for tv:2");
    who.skills.insert(Skill::parse("tv").unwrap(), Level::new(3).unwrap());
    assert_eq!(ask(&who, &wanted), Some(Rule::Refused));
    wanted.refused_by.clear();
    assert_eq!(ask(&who, &wanted), Some(Rule::Reach));
    wanted.place = place(20_000, 0);
    assert_eq!(ask(&who, &wanted), Some(Rule::Absent));
    who.absences.clear();
    let shifts = std::mem::replace(&mut who.shifts, Shift::parse_all("mon-fri 12:31-16:00").unwrap());
    assert_eq!(ask(&who, &wanted), Some(Rule::OffShift));
    who.shifts = shifts;
    assert_eq!(ask(&who, &wanted), Some(Rule::Capacity));
    who.max_visits_ahead = None;
    assert_eq!(ask(&who, &wanted), Some(Rule::ShiftEnd));
    wanted.service_s = 600;
    assert_eq!(ask(&who, &wanted), Some(Rule::Window));
    wanted.window = None;
    assert_eq!(ask(&who, &wanted), None);
    who.personal = erased(&who.personal);
    assert_eq!(ask(&who, &wanted), Some(Rule::NoPlace));
}

#[test]
fn a_second_round_asks_those_who_refused() {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let wanted = VisitSpec { refused_by: vec![who.id.clone()], ..visit(1, place(1_000, 0)) };
    let again = Terms { second_round: true, ..terms("09:00", &settings) };
    assert!(bid(&wanted, &who, &nothing_planned(&who), None, &again).is_ok());
}

#[test]
fn before_the_shift_an_expert_sets_out_from_home_when_it_begins() {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let (wanted, route) = (visit(1, place(6_000, 0)), nothing_planned(&who));
    let early = bid(&wanted, &who, &route, Some(place(5_000, 0)), &terms("07:30", &settings)).unwrap();
    assert_eq!((early.depart, early.start), (at("08:00"), at("08:10")), "the position is not believed off shift");
    let too_early = Terms { now: at("07:30").plus_s(-1), ..terms("07:30", &settings) };
    assert_eq!(bid(&wanted, &who, &route, None, &too_early).err(), Some(Rule::OffShift));
}

#[test]
fn an_idle_expert_sets_out_from_where_they_are() {
    let settings = settings();
    let terms = terms("10:00", &settings);
    let who = expert("ann", "tv", place(0, 0));
    let wanted = visit(1, place(6_000, 0));
    let mut route = nothing_planned(&who);
    let starts = |route: &Route, position| bid(&wanted, &who, route, position, &terms).unwrap().start;
    assert_eq!(starts(&route, None), at("10:10"), "home");
    let anchor = |clock| Some(Anchor { place: Private::new(PersonId(3), place(3_000, 0)), at: at(clock) });
    route.anchor = anchor("09:30");
    assert_eq!(starts(&route, None), at("10:05"), "the last stop of this shift");
    assert_eq!(starts(&route, Some(place(5_400, 0))), at("10:01"), "the reported position");
    route.anchor = anchor("07:59");
    assert_eq!(starts(&route, None), at("10:10"), "the anchor of an earlier shift is stale");
}

#[test]
fn nobody_under_way_is_turned_round() {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let first = visit(1, place(6_000, 0));
    let route = holding(&who, std::slice::from_ref(&first), &terms("09:00", &settings));
    let depart = crate::domain::ticket::RouteEffect::Depart(at("09:00"));
    let route = replan(&route, first.ticket, 1, &depart, &who, &terms("09:00", &settings)).unwrap();
    // On the doorstep of home, far from where the expert is going, and urgent.
    let near = VisitSpec { urgency: 3, due: at("09:00"), ..visit(2, place(100, 0)) };
    let bid = bid(&near, &who, &route, Some(place(0, 0)), &terms("09:01", &settings)).unwrap();
    assert_eq!((bid.position, bid.depart), (1, at("09:40")));
}

#[test]
fn a_promised_window_is_waited_for_and_left_for_just_in_time() {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let wanted = VisitSpec { window: Some(promise("13:00", "14:00")), ..visit(1, place(6_000, 0)) };
    let bid = bid(&wanted, &who, &nothing_planned(&who), None, &terms("09:00", &settings)).unwrap();
    assert_eq!((bid.depart, bid.start, bid.end), (at("12:50"), at("13:00"), at("13:30")));
}

#[test]
fn a_promise_to_another_customer_is_kept() {
    let settings = settings();
    let terms = terms("09:00", &settings);
    let who = expert("ann", "tv", place(0, 0));
    let promised = VisitSpec { window: Some(promise("09:00", "09:15")), ..visit(1, place(6_000, 0)) };
    let route = holding(&who, std::slice::from_ref(&promised), &terms);
    // It lies on the way, so going there first would be cheaper.
    let wanted = visit(2, place(3_000, 0));
    assert_eq!(bid(&wanted, &who, &route, None, &terms).unwrap().position, 1);
    let wish = |window: Option<Window>| window.map(|w| Window { kind: WindowKind::Wish, ..w });
    let mut free = route.clone();
    free.stops[0].window = wish(free.stops[0].window);
    let urgent = VisitSpec { urgency: 3, due: at("09:00"), ..wanted.clone() };
    assert_eq!(bid(&urgent, &who, &free, None, &terms).unwrap().position, 0, "a wish only costs");
}

#[test]
fn overtime_includes_the_drive_home() {
    let mut settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    // 10 min there, 30 min service, 10 min back: home at 16:00 sharp.
    let (wanted, route) = (visit(1, place(6_000, 0)), nothing_planned(&who));
    let ask = |clock, settings: &RegionSettings| bid(&wanted, &who, &route, None, &terms(clock, settings));
    assert_eq!(ask("15:10", &settings).unwrap().cost.overtime, 0);
    assert_eq!(ask("15:11", &settings).err(), Some(Rule::ShiftEnd));
    settings.max_overtime_s = 60;
    assert_eq!(ask("15:11", &settings).unwrap().cost.overtime, 2 * 60 * 1_000);
}

#[test]
fn each_cost_term_is_its_weight_times_its_seconds() {
    let settings = settings();
    let terms = terms("09:00", &settings);
    let who = expert("ann", "tv:3;phone", place(0, 0));
    let told = VisitSpec { due: at("09:30"), urgency: 2, ..visit(1, place(12_000, 0)) };
    let route = holding(&who, std::slice::from_ref(&told), &terms);
    assert_eq!(route.stops[0].planned_start, at("09:20"));
    // Right on the way: 10 min drive, 30 min service; the other one slides from 09:20 to 09:50.
    let wished = Some(Window { from: at("08:00"), to: at("09:05"), kind: WindowKind::Wish });
    let wanted = VisitSpec { due: at("09:01"), urgency: 3, window: wished, ..visit(2, place(6_000, 0)) };
    let bid = bid(&wanted, &who, &route, None, &terms).unwrap();
    assert_eq!((bid.position, bid.start), (0, at("09:10")));
    assert!(bid.cost.travel.abs() <= 1_000, "rounding only: {}", bid.cost.travel);
    assert_eq!(bid.cost.response, (10 * 60 + 30 * 60) * 200, "its own wait, and what it adds to the other's");
    assert_eq!(bid.cost.sla_lateness, (9 * 60 * 8 + 20 * 60 * 4) * 500);
    assert_eq!(bid.cost.window_lateness, 5 * 60 * 500);
    assert_eq!(bid.cost.over_qualification, 3 * 60_000, "two levels and one skill too many");
    assert_eq!(bid.cost.load, 120_000);
    assert_eq!(bid.cost.instability, 30 * 60 * 100);
}

#[test]
fn the_nearest_policy_asks_only_the_free_and_counts_only_the_drive() {
    let settings = settings();
    let nearest = Terms { policy: Policy::Nearest, ..terms("09:00", &settings) };
    let who = expert("ann", "tv:3;phone", place(0, 0));
    let cost = bid(&visit(1, place(6_000, 0)), &who, &nothing_planned(&who), None, &nearest).unwrap().cost;
    assert_eq!((cost.travel, cost.total()), (600_000, 600_000));
    let busy = holding(&who, &[visit(1, place(6_000, 0))], &nearest);
    assert_eq!(bid(&visit(2, place(6_000, 0)), &who, &busy, None, &nearest).err(), Some(Rule::Capacity));
}

#[test]
fn an_absence_cuts_the_shift_in_two() {
    let settings = settings();
    let mut who = expert("ann", "tv", place(0, 0));
    who.absences = vec![sick("12:00", "13:00")];
    let (wanted, route) = (visit(1, place(6_000, 0)), nothing_planned(&who));
    let ask = |clock| bid(&wanted, &who, &route, None, &terms(clock, &settings));
    assert_eq!(ask("11:30").err(), Some(Rule::ShiftEnd), "home by the absence");
    assert_eq!(ask("12:20").err(), Some(Rule::Absent));
    assert_eq!(ask("12:40").unwrap().depart, at("13:00"));

    // A stop that ran into the absence does not pull the next one into it.
    let first = holding(&who, std::slice::from_ref(&wanted), &terms("10:00", &settings));
    let arrive = crate::domain::ticket::RouteEffect::Arrive(at("11:00"));
    let busy = replan(&first, wanted.ticket, 1, &arrive, &who, &terms("12:40", &settings)).unwrap();
    let next = bid(&visit(2, place(6_000, 0)), &who, &busy, None, &terms("12:40", &settings)).unwrap();
    assert_eq!(next.depart, at("13:00"));
}

#[test]
fn touching_shifts_are_one_stretch() {
    let settings = settings();
    let mut who = expert("ann", "tv", place(0, 0));
    who.shifts = Shift::parse_all("mon 08:00-12:00;mon 12:00-16:00").unwrap();
    for clock in ["09:00", "11:50", "13:00"] {
        let duty = stretch(&who, at(clock), settings.before_shift_s).unwrap();
        assert_eq!((duty.from, duty.to), (at("08:00"), at("16:00")), "{clock}");
    }
}

#[test]
fn a_forced_append_names_the_rule_it_breaks() {
    let settings = settings();
    let terms = terms("09:00", &settings);
    let who = expert("ann", "phone", place(0, 0));
    let route = nothing_planned(&who);
    let (bid, broken) = append(&route, &visit(1, place(6_000, 0)), &who, &terms);
    assert_eq!((broken, bid.start), (Some(Rule::Skill), at("09:10")));
    let night = Terms { now: at("20:00"), ..terms };
    let able = expert("bob", "tv", place(0, 0));
    let (bid, broken) = append(&route, &visit(1, place(6_000, 0)), &able, &night);
    assert_eq!((broken, bid.depart), (Some(Rule::OffShift), at("08:00").plus_s(86_400)), "first thing tomorrow");
    assert_eq!(append(&route, &visit(1, place(6_000, 0)), &able, &terms).1, None);
}

#[test]
fn ties_go_to_the_smaller_id() {
    let settings = settings();
    let terms = terms("09:00", &settings);
    let (ann, bob) = (expert("ann", "tv", place(0, 0)), expert("bob", "tv", place(0, 0)));
    let wanted = visit(1, place(6_000, 0));
    let asked = [&bob, &ann].map(|who| bid(&wanted, who, &nothing_planned(who), None, &terms).unwrap());
    let won = choose([(&bob.id, &asked[0]), (&ann.id, &asked[1])].into_iter()).unwrap();
    assert_eq!(won.0, &ann.id);
}

#[test]
fn a_promise_that_is_broken_behind_a_stop_that_waits_is_seen() {
    let who = expert("e1", "tv", place(0, 0));
    let settings = settings();
    let terms = terms("08:00", &settings);
    let first = VisitSpec { window: Some(promise("12:00", "13:00")), ..visit(1, place(1_000, 0)) };
    let mut route = holding(&who, &[first, visit(2, place(2_000, 0))], &terms);
    route.stops.sort_by_key(|stop| stop.window.is_none());
    let wanted = visit(3, place(500, 0));
    assert_eq!(bid(&wanted, &who, &route, None, &terms).map(|bid| bid.position), Ok(0), "there is time before noon");
    route.stops[1].window = Some(promise("09:00", "09:30"));
    let behind = bid(&wanted, &who, &route, None, &terms).map(|bid| bid.position);
    assert_eq!(behind, Ok(2), "nothing may be put before what is late");
}

#[test]
fn a_stop_that_a_person_forced_in_may_be_late() {
    let who = expert("e1", "tv", place(0, 0));
    let settings = settings();
    let terms = terms("10:00", &settings);
    let mut route = holding(&who, &[visit(1, place(1_000, 0))], &terms);
    route.stops[0].window = Some(promise("08:00", "09:00"));
    let wanted = VisitSpec { window: Some(promise("10:00", "10:05")), ..visit(2, place(500, 0)) };
    assert_eq!(bid(&wanted, &who, &route, None, &terms), Err(Rule::Window));
    route.stops[0].forced = true;
    assert_eq!(bid(&wanted, &who, &route, None, &terms).map(|bid| bid.position), Ok(0));
}

#[test]
fn what_is_appended_comes_last_however_far_that_is() {
    let who = expert("e1", "tv", place(0, 0));
    let settings = settings();
    let terms = terms("08:00", &settings);
    let route = holding(&who, &[visit(1, place(5_000, 0)), visit(2, place(9_000, 0))], &terms);
    let (bid, broken) = append(&route, &visit(3, place(100, 0)), &who, &terms);
    assert_eq!((bid.position, broken), (2, None));
    assert!(bid.start > route.stops[1].planned_end, "{bid:?}");
}
