//! What happens on a day, and how soon it is made good: each event under both policies, on virtual time.

use crate::common::tree::{ALWAYS, Time, Tree, at, desk, expert, play_by, tv};
use callout::{
    domain::{
        decision::Policy,
        expert::AbsenceKind,
        fix::Fix,
        ids::TicketNumber,
        intake::NewTicket,
        skill::SkillLevel,
        ticket::{Action, Command, Phase, Priority, Window, WindowKind},
        time::{HOUR_S, MINUTE_S},
    },
    routing::remedy::Change,
};

/// Offered to somebody else within this, by the tree's clock.
const AT_ONCE_S: i64 = 2;

macro_rules! under_both_policies {
    ($($scene:ident),+ $(,)?) => {
        mod by_insertion {
            $(#[test] fn $scene() { super::play_by(super::Policy::Insertion, super::Time::Virtual, super::$scene); })+
        }
        mod by_the_router {
            $(#[test] fn $scene() { super::play_by(super::Policy::Full, super::Time::Virtual, super::$scene); })+
        }
    };
}

under_both_policies!(
    who_declines_is_followed_by_the_next,
    an_offer_that_nobody_answers_goes_on,
    who_refused_is_left_in_peace_while_others_are_only_full,
    whoever_calls_in_sick_is_replaced,
    a_cancellation_gives_its_room_to_whoever_waits,
    an_urgent_ticket_goes_before_those_that_wait,
    whoever_runs_late_hands_on_what_they_would_miss,
    whoever_is_far_from_where_they_should_be_hands_on_what_they_would_miss,
    whoever_has_gone_silent_is_not_waited_for,
    questions_are_answered_as_it_is_decided,
);

// A plan trades with neighbours and promises nothing ahead: these are of `insertion` alone.

#[test]
fn who_refused_is_asked_again_after_the_neighbours() {
    play_by(Policy::Insertion, Time::Virtual, neighbours_come_before_who_refused);
}

#[test]
fn nobody_is_handed_what_their_own_region_would_not_give_them() {
    play_by(Policy::Insertion, Time::Virtual, neighbours_are_asked_by_their_own_terms);
}

#[test]
fn more_room_by_a_setting_reaches_those_who_wait() {
    play_by(Policy::Insertion, Time::Virtual, more_room_by_a_setting);
}

fn holder(tree: &Tree, number: TicketNumber) -> Option<String> {
    tree.ticket(number).visit.expert.as_ref().map(ToString::to_string)
}

/// Offered to `whom` within so long.
async fn goes_to(tree: &Tree, number: TicketNumber, whom: &str, within_s: i64) {
    let before = tree.clock.now();
    tree.until(&format!("it goes to {whom}"), || holder(tree, number).as_deref() == Some(whom)).await;
    let took_s = tree.clock.now().since_s(before);
    assert!(took_s <= within_s, "{took_s} s");
}

async fn take(tree: &Tree, number: TicketNumber, id: &str) {
    assert_eq!(tree.offered(number).await, id);
    tree.act(number, id, Action::Accept).await.unwrap();
}

/// A region whose only expert may hold one visit, and has it.
async fn full(tree: &Tree, id: &str) -> TicketNumber {
    tree.square("west", 0.0, |settings| settings.max_visits_ahead = 1).await;
    tree.expert(id, at(5.0, 5.0), "tv", ALWAYS).await;
    let first = tree.open(tv(5.0, 5.0)).await;
    take(tree, first, id).await;
    first
}

/// Promised from now on for so many minutes.
fn promised(tree: &Tree, minutes: i64, new: NewTicket) -> NewTicket {
    let (from, to) = (tree.clock.now(), tree.clock.now().plus_s(minutes * MINUTE_S));
    NewTicket { window: Some(Window { from, to, kind: WindowKind::Promise }), ..new }
}

async fn who_declines_is_followed_by_the_next(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("near", at(5.0, 5.0), "tv", ALWAYS).await;
    tree.expert("far", at(9.0, 5.0), "tv", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "near");
    tree.decline(number, "near").await;
    goes_to(tree, number, "far", AT_ONCE_S).await;
}

async fn an_offer_that_nobody_answers_goes_on(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("near", at(5.0, 5.0), "tv", ALWAYS).await;
    tree.expert("far", at(9.0, 5.0), "tv", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "near");
    goes_to(tree, number, "far", 300 + AT_ONCE_S).await;
}

async fn who_refused_is_left_in_peace_while_others_are_only_full(tree: &Tree) {
    let first = full(tree, "busy").await;
    tree.expert("unwilling", at(9.0, 5.0), "tv", ALWAYS).await;
    let second = tree.open(tv(6.0, 5.0)).await;
    assert_eq!(tree.offered(second).await, "unwilling");
    tree.decline(second, "unwilling").await;
    tree.until("it waits", || tree.ticket(second).waiting.is_some()).await;
    assert_eq!((holder(tree, second), tree.ticket(second).next_offer), (None, 2));
    tree.command(first, Command::Cancel { reason: "works again".into() }).await.unwrap();
    goes_to(tree, second, "busy", AT_ONCE_S).await;
    tree.decline(second, "busy").await;
    // Nobody else is left: they are asked again after all.
    tree.until("both are asked again", || tree.ticket(second).next_offer >= 4).await;
    let again = holder(tree, second).unwrap();
    assert!(tree.service.why_not(second, &expert(&again)).unwrap().verdict.is_ok(), "{again} has it now");
}

async fn neighbours_come_before_who_refused(tree: &Tree) {
    for (region, east_km) in [("west", 0.0), ("east", 10.0)] {
        tree.square(region, east_km, |settings| settings.max_visits_ahead = 1).await;
    }
    tree.expert("home", at(5.0, 5.0), "tv", ALWAYS).await;
    let first = tree.open(tv(5.0, 5.0)).await;
    take(tree, first, "home").await;
    tree.expert("next", at(11.0, 5.0), "tv", ALWAYS).await;
    let second = tree.open(tv(12.0, 5.0)).await;
    assert_eq!(tree.offered(second).await, "next");
    tree.command(first, Command::Cancel { reason: "works again".into() }).await.unwrap();
    tree.decline(second, "next").await;
    goes_to(tree, second, "home", AT_ONCE_S).await;
}

async fn neighbours_are_asked_by_their_own_terms(tree: &Tree) {
    tree.square("west", 0.0, |settings| settings.max_visits_ahead = 1).await;
    tree.square("east", 10.0, |settings| settings.max_visits_ahead = 1).await;
    tree.expert("next", at(11.0, 5.0), "tv", ALWAYS).await;
    let first = tree.open(tv(12.0, 5.0)).await;
    take(tree, first, "next").await;
    tree.square("west", 0.0, |settings| settings.max_visits_ahead = 6).await;
    let second = tree.open(tv(9.0, 5.0)).await;
    tree.until("it waits", || tree.ticket(second).waiting.is_some()).await;
    assert_eq!((tree.ticket(second).region.as_str(), tree.ticket(second).handovers), ("west", 0));
    tree.square("east", 10.0, |settings| settings.max_visits_ahead = 2).await;
    let third = tree.open(tv(9.0, 5.0)).await;
    goes_to(tree, third, "next", AT_ONCE_S).await;
}

async fn more_room_by_a_setting(tree: &Tree) {
    full(tree, "only").await;
    let second = tree.open(tv(6.0, 5.0)).await;
    tree.until("it waits", || tree.ticket(second).waiting.is_some()).await;
    tree.square("west", 0.0, |settings| settings.max_visits_ahead = 2).await;
    goes_to(tree, second, "only", AT_ONCE_S).await;
}

async fn whoever_calls_in_sick_is_replaced(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("sick", at(5.0, 5.0), "tv", ALWAYS).await;
    let first = tree.open(tv(5.0, 5.0)).await;
    take(tree, first, "sick").await;
    let second = tree.open(tv(6.0, 5.0)).await;
    tree.settle().await;
    tree.expert("one", at(9.0, 9.0), "tv", ALWAYS).await;
    tree.expert("two", at(1.0, 1.0), "tv", ALWAYS).await;
    tree.settle().await;
    let (now, before) = (tree.clock.now(), holder(tree, second));
    tree.service.add_absence(&expert("sick"), AbsenceKind::Sick, now, now.plus_s(24 * HOUR_S), &desk()).await.unwrap();
    for number in [first, second] {
        tree.until("it is somebody else's", || holder(tree, number).is_some_and(|who| who != "sick")).await;
    }
    assert!(tree.clock.now().since_s(now) <= AT_ONCE_S, "{before:?}");
}

async fn a_cancellation_gives_its_room_to_whoever_waits(tree: &Tree) {
    let first = full(tree, "only").await;
    let second = tree.open(tv(6.0, 5.0)).await;
    tree.until("it waits", || tree.ticket(second).waiting.is_some()).await;
    tree.command(first, Command::Cancel { reason: "works again".into() }).await.unwrap();
    goes_to(tree, second, "only", AT_ONCE_S).await;
}

async fn an_urgent_ticket_goes_before_those_that_wait(tree: &Tree) {
    let first = full(tree, "only").await;
    let usual = tree.open(tv(5.0, 5.0)).await;
    tree.until("it waits", || tree.ticket(usual).waiting.is_some()).await;
    let urgent = tree.open(NewTicket { priority: Priority::Urgent, ..tv(9.0, 5.0) }).await;
    tree.until("it waits", || tree.ticket(urgent).waiting.is_some()).await;
    tree.command(first, Command::Cancel { reason: "works again".into() }).await.unwrap();
    goes_to(tree, urgent, "only", AT_ONCE_S).await;
    assert_eq!(holder(tree, usual), None);
}

#[test]
fn an_urgent_ticket_that_fits_nowhere_takes_the_place_of_one_that_somebody_else_can_serve() {
    play_by(Policy::Insertion, Time::Virtual, async |tree| {
        tree.square("west", 0.0, |settings| settings.max_visits_ahead = 1).await;
        tree.expert("both", at(5.0, 5.0), "tv hifi", ALWAYS).await;
        tree.expert("other", at(9.0, 5.0), "tv", ALWAYS).await;
        let usual = tree.open(promised(tree, 60, tv(5.5, 5.0))).await;
        take(tree, usual, "both").await;
        let hifi = vec![SkillLevel::parse("hifi").unwrap()];
        let before = tree.clock.now();
        // What is not urgent waits.
        let high = tree.open(NewTicket { skills: hifi.clone(), priority: Priority::High, ..tv(5.0, 5.0) }).await;
        tree.until("it waits", || tree.ticket(high).waiting.is_some()).await;
        assert_eq!(holder(tree, usual).as_deref(), Some("both"));
        let urgent = tree.open(NewTicket { skills: hifi, priority: Priority::Urgent, ..tv(5.0, 5.0) }).await;
        goes_to(tree, urgent, "both", AT_ONCE_S).await;
        let moved = tree.ticket(usual);
        assert_eq!((holder(tree, usual).as_deref(), moved.phase), (Some("other"), Phase::Assigning));
        assert!(moved.visit.planned_start.unwrap() <= before.plus_s(HOUR_S), "its promise is kept");
    });
}

#[test]
fn an_urgent_ticket_takes_no_place_that_is_pinned_started_urgent_too_or_whose_promise_would_break() {
    play_by(Policy::Insertion, Time::Virtual, async |tree| {
        tree.square("west", 0.0, |settings| settings.max_visits_ahead = 1).await;
        let hifi = || vec![SkillLevel::parse("hifi").unwrap()];
        tree.expert("both", at(5.0, 5.0), "tv hifi", ALWAYS).await;
        tree.expert("other", at(9.5, 9.5), "tv", ALWAYS).await;
        let refused = async |usual: TicketNumber, why: &str| {
            let urgent = tree.open(NewTicket { skills: hifi(), priority: Priority::Urgent, ..tv(5.0, 5.0) }).await;
            tree.until("it waits", || tree.ticket(urgent).waiting.is_some()).await;
            assert_eq!(holder(tree, usual).as_deref(), Some("both"), "{why}");
            for number in [urgent, usual] {
                tree.command(number, Command::Cancel { reason: "next".into() }).await.unwrap();
            }
        };
        // The other is some 17 minutes away.
        let tight = tree.open(promised(tree, 10, tv(5.0, 5.0))).await;
        take(tree, tight, "both").await;
        refused(tight, "nobody else keeps the promise").await;
        let pinned = tree.open(tv(5.0, 5.0)).await;
        take(tree, pinned, "both").await;
        tree.service.assign(pinned, &expert("both"), "knows the house".into(), true, false, &desk()).await.unwrap();
        refused(pinned, "a person pinned it").await;
        let equal = tree.open(NewTicket { priority: Priority::Urgent, ..tv(5.0, 5.0) }).await;
        take(tree, equal, "both").await;
        refused(equal, "it is as urgent").await;
        let started = tree.open(tv(5.0, 5.0)).await;
        take(tree, started, "both").await;
        tree.act(started, "both", Action::Depart).await.unwrap();
        refused(started, "it is under way").await;
    });
}

async fn whoever_runs_late_hands_on_what_they_would_miss(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("late", at(3.0, 5.0), "tv", ALWAYS).await;
    let first = tree.open(tv(3.0, 5.0)).await;
    take(tree, first, "late").await;
    tree.act(first, "late", Action::Arrive).await.unwrap();
    let next = tree.open(promised(tree, 60, tv(6.0, 5.0))).await;
    if holder(tree, next).is_none() {
        tree.settle().await;
    }
    // Offered ahead under `insertion`; under `router` it is only planned.
    if tree.ticket(next).visit.offer.is_some() {
        take(tree, next, "late").await;
    }
    let until = tree.ticket(next).window.unwrap().to;
    tree.expert("other", at(9.0, 5.0), "tv", ALWAYS).await;
    // Half an hour of work that does not end.
    tree.until("somebody else comes", || holder(tree, next).as_deref() == Some("other")).await;
    let moved = tree.ticket(next);
    assert!(moved.visit.planned_start.unwrap() <= until, "in time");
    assert_eq!(holder(tree, first).as_deref(), Some("late"));
}

async fn whoever_is_far_from_where_they_should_be_hands_on_what_they_would_miss(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("lost", at(2.0, 5.0), "tv", ALWAYS).await;
    let wanted = NewTicket { service_s: Some(600), ..tv(2.5, 5.0) };
    let first = tree.open(wanted).await;
    take(tree, first, "lost").await;
    tree.act(first, "lost", Action::Depart).await.unwrap();
    let next = tree.open(promised(tree, 30, tv(3.0, 5.0))).await;
    tree.settle().await;
    if tree.ticket(next).visit.offer.is_some() {
        take(tree, next, "lost").await;
    }
    tree.expert("other", at(4.0, 5.0), "tv", ALWAYS).await;
    // Ten kilometres the wrong way: half an hour back.
    let fix = Fix { place: at(9.9, 9.9), at: tree.clock.now(), accuracy_m: None };
    tree.service.report(&expert("lost"), fix).unwrap();
    goes_to(tree, next, "other", AT_ONCE_S).await;
    assert!(tree.ticket(next).visit.planned_start.unwrap() <= tree.ticket(next).window.unwrap().to);
}

async fn whoever_has_gone_silent_is_not_waited_for(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("silent", at(5.0, 5.0), "tv", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    take(tree, number, "silent").await;
    tree.expert("other", at(9.0, 5.0), "tv", ALWAYS).await;
    tree.pass(40 * MINUTE_S).await;
    assert_eq!(holder(tree, number).as_deref(), Some("silent"), "who never used the app is silent all day");
    let fix = |tree: &Tree| Fix { place: at(5.0, 5.0), at: tree.clock.now(), accuracy_m: None };
    tree.service.report(&expert("silent"), fix(tree)).unwrap();
    tree.pass(10 * MINUTE_S).await;
    assert_eq!(holder(tree, number).as_deref(), Some("silent"), "heard of ten minutes ago");
    goes_to(tree, number, "other", 15 * MINUTE_S).await;
    assert!(tree.service.store().route(&expert("silent")).unwrap().stops.is_empty());
}

async fn questions_are_answered_as_it_is_decided(tree: &Tree) {
    tree.square("west", 0.0, |settings| settings.max_visits_ahead = 1).await;
    tree.expert("near", at(5.0, 5.0), "tv", ALWAYS).await;
    tree.expert("far", at(9.0, 5.0), "tv", ALWAYS).await;
    tree.expert("other", at(5.0, 5.0), "hifi", ALWAYS).await;
    let number = tree.open(tv(5.5, 5.0)).await;
    take(tree, number, "near").await;
    let why = |id| tree.service.why_not(number, &expert(id)).unwrap();
    assert_eq!(why("other").verdict.unwrap_err().rule().name(), "skill");
    let far = why("far");
    let chosen = far.chosen.unwrap();
    assert!(chosen.holds && chosen.expert == expert("near"));
    let (far, near) = (far.verdict.unwrap(), chosen.verdict.unwrap());
    assert!(near.bid.cost.total() < far.bid.cost.total());
    let now = tree.clock.now();
    let by = |minutes| tree.service.what_by(number, now.plus_s(minutes * MINUTE_S), |_| true).unwrap().1;
    assert_eq!(by(60).already.unwrap().0, expert("near"));
    let tight = by(0);
    assert_eq!((tight.already, tight.remedies.len(), tight.later), (None, 0, 2));
    // What is offered does what it says.
    let found = by(12).remedies.into_iter().find(|remedy| remedy.expert == expert("far")).unwrap();
    assert_eq!(found.change, Change::Assign);
    tree.service.assign(number, &found.expert, "as told".into(), false, false, &desk()).await.unwrap();
    assert_eq!(tree.ticket(number).visit.planned_start, Some(found.bid.start));
    tree.act(number, "far", Action::Accept).await.unwrap();
    tree.act(number, "far", Action::Arrive).await.unwrap();
    assert!(tree.service.why_not(number, &expert("near")).is_err(), "it is under way");
    let (_, _, forecast) = tree.service.forecast(&crate::common::tree::region("west")).unwrap();
    assert_eq!((forecast.open, forecast.misses.len()), (0, 0));
}
