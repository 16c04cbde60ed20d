//! What routes become.

use super::*;
use crate::domain::{
    fix::Fix,
    route::{Stop, StopState},
    ticket::RouteEffect,
};

struct Day {
    settings: RegionSettings,
    who: Expert,
    route: Route,
}

/// Two visits, 10 minutes out and 10 minutes further, planned at 09:00.
fn two_ahead() -> (Day, VisitSpec, VisitSpec) {
    let settings = settings();
    let who = expert("ann", "tv", place(0, 0));
    let (a, b) = (visit(1, place(6_000, 0)), visit(2, place(12_000, 0)));
    let route = holding(&who, &[a.clone(), b.clone()], &terms("09:00", &settings));
    assert_eq!(times(&route), [["09:00", "09:10", "09:40"], ["09:40", "09:50", "10:20"]]);
    (Day { settings, who, route }, a, b)
}

fn times(route: &Route) -> Vec<[String; 3]> {
    let clock = |at: Timestamp| at.to_string()[11..16].to_owned();
    route.stops.iter().map(|s| [clock(s.planned_depart), clock(s.planned_start), clock(s.planned_end)]).collect()
}

impl Day {
    fn after(&self, clock: &str, visit: &VisitSpec, effect: &RouteEffect) -> Option<Route> {
        let terms = terms(clock, &self.settings);
        let route = replan(&self.route, visit.ticket, visit.visit, effect, &self.who, &terms)?;
        assert_eq!(checker::check_route(&route, &ground(&self.settings)), [], "{effect:?}");
        assert_eq!(route.version, self.route.version);
        Some(route)
    }

    fn then(&mut self, clock: &str, visit: &VisitSpec, effect: &RouteEffect) -> &Route {
        self.route = self.after(clock, visit, effect).unwrap();
        &self.route
    }
}

#[test]
fn accepting_assigns_once() {
    let (mut day, a, _) = two_ahead();
    assert_eq!(day.then("09:02", &a, &RouteEffect::Accept).stops[0].state, StopState::Assigned);
    assert_eq!(times(&day.route), [["09:02", "09:12", "09:42"], ["09:42", "09:52", "10:22"]], "the clock ran on");
    assert_eq!(day.after("09:03", &a, &RouteEffect::Accept), None);
    assert_eq!(day.after("09:03", &visit(9, place(0, 0)), &RouteEffect::Remove), None, "no such stop");
}

#[test]
fn a_stop_taken_away_lets_the_next_begin_sooner() {
    let (day, a, _) = two_ahead();
    let route = day.after("09:00", &a, &RouteEffect::Remove).unwrap();
    assert_eq!(times(&route), [["09:00", "09:20", "09:50"]]);
    assert_eq!(route.anchor, None, "the expert went nowhere");
}

#[test]
fn a_visit_goes_through_its_steps() {
    let (mut day, a, _) = two_ahead();
    day.then("09:05", &a, &RouteEffect::Depart(at("09:04")));
    assert_eq!(times(&day.route)[0], ["09:04", "09:14", "09:44"]);
    day.then("09:20", &a, &RouteEffect::Arrive(at("09:18")));
    assert_eq!(times(&day.route), [["09:04", "09:18", "09:48"], ["09:48", "09:58", "10:28"]]);
    day.then("09:30", &a, &RouteEffect::Finish { at: at("09:28"), served: true });
    assert_eq!(times(&day.route), [["09:30", "09:40", "10:10"]], "free early, but not before now");
    let anchor = day.route.anchor.as_ref().unwrap();
    assert_eq!((anchor.place.known(), anchor.at), (Some(&a.place), at("09:28")));
    assert_eq!(day.route.served, 1);
}

#[test]
fn an_arrival_without_a_departure_implies_it() {
    let (day, a, _) = two_ahead();
    let route = day.after("09:31", &a, &RouteEffect::Arrive(at("09:30"))).unwrap();
    assert_eq!(times(&route)[0], ["09:20", "09:30", "10:00"]);
    assert_eq!(route.stops[0].state, StopState::OnSite);
}

#[test]
fn who_sets_out_early_waits_for_the_promised_window() {
    let (mut day, a, _) = two_ahead();
    day.then("09:00", &a, &RouteEffect::Rewindow(Some(promise("11:00", "12:00"))));
    assert_eq!(times(&day.route), [["10:50", "11:00", "11:30"], ["11:30", "11:40", "12:10"]]);
    day.then("09:05", &a, &RouteEffect::Depart(at("09:05")));
    assert_eq!(times(&day.route)[0], ["09:05", "11:00", "11:30"]);
}

#[test]
fn the_expert_may_choose_another_order() {
    let (mut day, a, b) = two_ahead();
    let order = |route: &Route| route.stops.iter().map(|s| s.ticket.serial).collect::<Vec<_>>();
    day.then("09:00", &a, &RouteEffect::Depart(at("09:00")));
    let route = day.then("09:05", &b, &RouteEffect::Depart(at("09:05"))).clone();
    assert_eq!(order(&route), [2, 1]);
    assert_eq!(route.stops[1].state, StopState::Assigned, "nobody drives to two places");
    assert_eq!(times(&route), [["09:05", "09:25", "09:55"], ["09:55", "10:05", "10:35"]]);
}

#[test]
fn a_stop_left_without_a_word_ends_when_the_next_begins() {
    let (mut day, a, b) = two_ahead();
    day.then("09:10", &a, &RouteEffect::Arrive(at("09:10")));
    day.then("09:20", &b, &RouteEffect::Depart(at("09:20")));
    assert_eq!(times(&day.route), [["09:00", "09:10", "09:20"], ["09:20", "09:30", "10:00"]]);
    // The phone of the first visit speaks up late: its end is in the past, the second goes on.
    let route = day.then("09:45", &a, &RouteEffect::Finish { at: at("09:19"), served: true });
    assert_eq!(times(route), [["09:20", "09:45", "10:15"]]);
}

#[test]
fn a_drive_whose_beginning_was_withdrawn_still_takes_its_time() {
    let (mut day, a, b) = two_ahead();
    let c = visit(3, place(12_000, 0));
    let terms = terms("09:00", &day.settings);
    let bid = bid(&c, &day.who, &day.route, None, &terms).unwrap();
    day.route = insert(&day.route, &c, &bid, 1, false, &day.who, &terms);
    day.then("09:10", &a, &RouteEffect::Arrive(at("09:10")));
    day.then("09:20", &b, &RouteEffect::Arrive(at("09:20")));
    day.then("09:21", &c, &RouteEffect::Depart(at("09:21")));
    assert_eq!(times(&day.route)[2], ["09:21", "09:21", "09:51"], "next door to the second");
    day.then("09:21", &b, &RouteEffect::Remove);
    assert_eq!(times(&day.route)[1], ["09:21", "09:31", "10:01"], "ten minutes from the first");
}

#[test]
fn out_of_order_clocks_never_overlap() {
    let (mut day, a, b) = two_ahead();
    day.then("09:30", &a, &RouteEffect::Arrive(at("09:30")));
    day.then("09:32", &b, &RouteEffect::Arrive(at("09:10")));
    assert_eq!(times(&day.route), [["09:20", "09:30", "09:30"], ["09:30", "09:30", "10:00"]]);
}

#[test]
fn a_plan_slides_with_the_clock_but_not_for_a_minute() {
    let (day, ..) = two_ahead();
    let slid = |clock: Timestamp| slide(&day.route, &day.who, &Terms { now: clock, ..terms("09:00", &day.settings) });
    assert_eq!(slid(at("09:00")), None);
    assert_eq!(slid(at("09:01")), None);
    let late = slid(at("09:05")).unwrap();
    assert_eq!(times(&late), [["09:05", "09:15", "09:45"], ["09:45", "09:55", "10:25"]]);
}

#[test]
fn an_overrun_visit_is_expected_to_end_a_little_after_now() {
    let (mut day, a, _) = two_ahead();
    day.then("09:10", &a, &RouteEffect::Arrive(at("09:10")));
    let terms = |clock| terms(clock, &day.settings);
    assert_eq!(slide(&day.route, &day.who, &terms("09:41")), None);
    let late = slide(&day.route, &day.who, &terms("09:42")).unwrap();
    assert_eq!(times(&late), [["09:00", "09:10", "09:47"], ["09:47", "09:57", "10:27"]]);
    assert_eq!(slide(&late, &day.who, &terms("09:46")), None, "and then left alone");
}

#[test]
fn what_is_left_after_the_shift_waits_for_the_next_one() {
    let (day, ..) = two_ahead();
    let evening = slide(&day.route, &day.who, &terms("17:00", &day.settings)).unwrap();
    assert_eq!(evening.stops[0].planned_depart, at("08:00").plus_s(86_400));
    assert_eq!(slide(&evening, &day.who, &terms("23:00", &day.settings)), None, "no churn overnight");
}

fn fix(clock: &str, place: Place) -> Fix {
    Fix { place, at: at(clock), accuracy_m: None }
}

#[test]
fn who_is_on_the_way_arrives_by_where_they_are_now_and_never_before_a_promise() {
    let travel = settings().travel;
    let there = place(12_000, 0);
    let seen = |clock: &str, east_m, window, now: &str| {
        arrival(&fix(clock, place(east_m, 0)), there, window, Drives::new(&travel, "UTC", None), at(now))
    };
    assert_eq!(seen("09:00", 6_000, None, "09:00"), Some(at("09:10")));
    assert_eq!(seen("09:00", 6_000, None, "09:05"), Some(at("09:15")), "from now on");
    assert_eq!(seen("09:00", 6_000, None, "09:06"), None, "too old to say anything");
    assert_eq!(seen("09:00", 12_000, None, "09:04"), Some(at("09:04")), "never before now");
    assert_eq!(seen("09:00", 6_000, Some(promise("10:00", "11:00")), "09:00"), Some(at("10:00")));
    assert_eq!(
        seen("09:00", 6_000, Some(Window { kind: WindowKind::Wish, ..promise("10:00", "11:00") }), "09:00"),
        Some(at("09:10"))
    );
}

#[test]
fn what_who_waits_is_told_does_not_creep_between_two_positions() {
    let travel = settings().travel;
    let there = place(12_000, 0);
    let drives = Drives::new(&travel, "UTC", None);
    let told =
        |clock: &str, east_m, window, now: &str| eta(&fix(clock, place(east_m, 0)), there, window, drives, at(now));
    for asked in ["09:00", "09:01", "09:05"] {
        assert_eq!(told("09:00", 6_000, None, asked), Some(at("09:10")), "{asked}");
    }
    assert_eq!(told("09:00", 6_000, None, "09:06"), None, "too old to say anything");
    assert_eq!(told("09:00", 11_400, None, "09:04"), Some(at("09:04")), "overdue: any moment now");
    assert_eq!(told("09:05", 6_000, None, "09:00"), Some(at("09:10")), "a phone's clock may be ahead");
    assert_eq!(told("09:00", 6_000, Some(promise("10:00", "11:00")), "09:05"), Some(at("10:00")));
}

#[test]
fn a_drive_that_takes_long_slides_what_comes_after_it_and_a_little_does_not() {
    let (mut day, a, _) = two_ahead();
    day.then("09:00", &a, &RouteEffect::Depart(at("09:00")));
    assert_eq!(times(&day.route), [["09:00", "09:10", "09:40"], ["09:40", "09:50", "10:20"]]);
    let by = |arrival: Timestamp| delayed(&day.route, arrival, &day.who, &terms("09:03", &day.settings));
    assert_eq!(by(at("09:15")), None);
    assert_eq!(by(at("09:05")), None, "who comes sooner than planned leaves the plan as it is");
    let late = by(at("09:15").plus_s(1)).unwrap();
    assert_eq!(times(&late), [["09:00", "09:15", "09:45"], ["09:45", "09:55", "10:25"]]);
    assert_eq!(checker::check_route(&late, &ground(&day.settings)), []);
    let waiting = two_ahead().0;
    let nobody = delayed(&waiting.route, at("12:00"), &waiting.who, &terms("09:00", &waiting.settings));
    assert_eq!(nobody, None, "nobody is on the way");
}

#[test]
fn an_award_from_a_reported_position_keeps_its_times() {
    let (settings, who) = (settings(), expert("ann", "tv", place(0, 0)));
    let terms = terms("10:00", &settings);
    let (wanted, here) = (visit(1, place(6_000, 0)), Some(place(5_400, 0)));
    let offer = bid(&wanted, &who, &nothing_planned(&who), here, &terms).unwrap();
    let planned = |route: &Route| {
        let Stop { planned_depart, planned_start, planned_end, .. } = route.stops[0];
        (planned_depart, planned_start, planned_end)
    };
    let known = anchored(&nothing_planned(&who), &who, here, &terms);
    let route = insert(&known, &wanted, &offer, 1, false, &who, &terms);
    assert_eq!(planned(&route), (offer.depart, offer.start, offer.end));
    let route = replan(&route, wanted.ticket, 1, &RouteEffect::Accept, &who, &terms).unwrap();
    assert_eq!(planned(&route), (offer.depart, offer.start, offer.end), "also when re-timed later");
}

#[test]
fn an_erased_place_stops_nothing() {
    let (mut day, a, _) = two_ahead();
    day.route.stops[1].place = erased(&day.route.stops[1].place);
    day.who.personal = erased(&day.who.personal);
    let route = day.then("09:10", &a, &RouteEffect::Arrive(at("09:10")));
    assert_eq!(times(route)[1], ["09:40", "09:40", "10:10"]);
}
