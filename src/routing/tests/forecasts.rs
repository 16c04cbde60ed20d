//! What a region is told of its day, and whether more experts do what is said of them.

use super::*;
use crate::routing::live::{
    Snapshot,
    forecast::{Forecast, Limit, forecast},
};
use std::sync::Arc;

fn snapshot(crew: &[(Expert, Route)], open: Vec<VisitSpec>) -> Snapshot {
    let pair = |(expert, route): &(Expert, Route)| (Arc::new(expert.clone()), Arc::new(route.clone()));
    Snapshot { experts: crew.iter().map(pair).collect(), open, ..Snapshot::default() }
}

fn alone(who: &Expert) -> [(Expert, Route); 1] {
    [(who.clone(), nothing_planned(who))]
}

fn told(snapshot: &Snapshot, clock: &str) -> Forecast {
    let settings = settings();
    forecast(snapshot, &terms(clock, &settings), 1).unwrap()
}

#[test]
fn a_day_that_holds_everything_has_nothing_to_say() {
    let who = expert("ann", "tv", place(0, 0));
    let open = (0..3).map(|serial| visit(serial, place(1_000, 0))).collect();
    let said = told(&snapshot(&alone(&who), open), "09:00");
    assert_eq!(said, Forecast { open: 3, planned: 3, ..Forecast::default() });
    assert_eq!(told(&Snapshot::default(), "09:00"), Forecast::default());
}

#[test]
fn what_waits_for_tomorrow_is_missed_only_where_it_was_promised_or_is_due_today() {
    let who = expert("ann", "tv", place(0, 0));
    let long = |serial, due| VisitSpec { service_s: 6 * 3_600, due, ..visit(serial, place(0, 0)) };
    let open = vec![long(1, at("17:00")), long(2, at("17:00")), long(3, at("10:00").plus_s(86_400))];
    let said = told(&snapshot(&alone(&who), open), "09:00");
    assert_eq!((said.planned, said.misses.len()), (1, 1), "{said:?}");
    let miss = &said.misses[0];
    assert_eq!((miss.kind, miss.until, miss.begins), (Limit::Due, at("17:00"), None));
    let help = said.help.unwrap();
    assert_eq!((help.saved, help.of), (1, 1));
}

#[test]
fn so_many_more_are_asked_for_as_serve_what_is_promised() {
    let who = expert("ann", "tv", place(0, 0));
    let hifi: Arc<[SkillLevel]> = [SkillLevel::parse("hifi:2").unwrap()].into();
    // Ann has time for one of three that begin together; nobody knows hifi.
    let window = Some(promise("13:00", "13:20"));
    let tv = |serial| VisitSpec { window, service_s: 3_600, ..visit(serial, place(serial as i32 * 10, 0)) };
    let mut open: Vec<VisitSpec> = (1..4).map(tv).collect();
    open.push(VisitSpec { skills: hifi.clone(), ..tv(4) });
    let before = snapshot(&alone(&who), open);
    let said = told(&before, "09:00");
    assert_eq!(
        said.misses.iter().map(|miss| (miss.kind, miss.until)).collect::<Vec<_>>(),
        [(Limit::Promise, at("13:20")); 3]
    );
    let help = said.help.clone().unwrap();
    assert_eq!((help.saved, help.of), (3, 3));
    let more: Vec<_> = help.more.iter().map(|more| (more.experts, more.skills.clone())).collect();
    assert_eq!(more, [(2, visit(1, place(0, 0)).skills), (1, hifi)]);
    for more in &help.more {
        assert!(more.from <= at("13:00") && more.until >= at("14:00") && more.until <= at("15:30"), "{more:?}");
    }
    assert_eq!(told(&before, "09:00"), said, "the same once more");
    // And so it is, with them on the roster.
    let mut with = before;
    for (id, skills) in [("bob", "tv"), ("cat", "tv"), ("dan", "hifi:2")] {
        let who = expert(id, skills, place(0, 0));
        with.experts.push((Arc::new(who.clone()), Arc::new(nothing_planned(&who))));
    }
    assert_eq!(told(&with, "09:00").misses, []);
}

#[test]
fn what_nobody_could_reach_in_time_asks_for_nobody() {
    let who = expert("ann", "tv", place(0, 0));
    let lapsed = VisitSpec { window: Some(promise("07:00", "08:00")), ..visit(1, place(0, 0)) };
    let said = told(&snapshot(&alone(&who), vec![lapsed]), "09:00");
    assert_eq!((said.misses.len(), said.help), (1, None));
}

#[test]
fn a_promise_that_somebody_will_be_late_for_is_told_with_them() {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let wanted = VisitSpec { window: Some(promise("09:00", "10:00")), ..visit(1, place(6_000, 0)) };
    let mut route = holding(&who, &[wanted], &terms("09:00", &settings));
    route.stops[0].planned_start = at("10:01");
    let said = told(&snapshot(&[(who.clone(), route)], Vec::new()), "09:30");
    let [miss] = &said.misses[..] else { panic!("{said:?}") };
    assert_eq!((miss.begins, miss.expert.clone(), said.help), (Some(at("10:01")), Some(who.id), None));
}

#[test]
fn a_surge_is_told_in_a_bounded_number_of_plans() {
    let crew: Vec<(Expert, Route)> = (0..5)
        .map(|i| expert(&format!("e{i}"), "tv", place(i * 2_000, 0)))
        .map(|who| (who.clone(), nothing_planned(&who)))
        .collect();
    let due = at("16:00");
    let open: Vec<VisitSpec> = (0..120)
        .map(|i| VisitSpec { due, ..visit(i, place((i as i32 * 37) % 9_000, (i as i32 * 91) % 9_000)) })
        .collect();
    let said = told(&snapshot(&crew, open), "12:00");
    let help = said.help.unwrap();
    assert!(said.misses.len() > 50 && help.saved > 10, "{} {}", said.misses.len(), help.saved);
    let hired: u32 = help.more.iter().map(|more| more.experts).sum();
    assert!(hired as usize <= crate::routing::live::forecast::PLANS);
}
