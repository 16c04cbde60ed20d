//! How a ticket finds its expert, and what happens when it does not.

use crate::common::tree::{ALWAYS, OFFICE, Time, Tree, at, by, desk, expert, play, region, tv};
use callout::{
    actors::{Caller, Failure},
    domain::{
        decision::EscalationReason,
        drafts::{ExpertDraft, RegionDraft},
        expert::AbsenceKind,
        ids::{Thing, TicketNumber},
        intake::NewTicket,
        skill::SkillLevel,
        ticket::{Action, Command, ExpertCommand, Phase, Refusal, Role, WaitReason},
        time::{HOUR_S, Timestamp},
    },
};

/// The same scene on virtual time with a disposable store, and on the machine's clock with fsync.
macro_rules! on_both_clocks {
    ($($scene:ident),+ $(,)?) => {
        mod on_virtual_time {
            $(#[test] fn $scene() { super::play(super::Time::Virtual, super::$scene); })+
        }
        mod on_the_machines_clock {
            $(#[test] fn $scene() { super::play(super::Time::Machine, super::$scene); })+
        }
    };
}

on_both_clocks!(
    the_nearest_qualified_expert_is_asked,
    who_declined_is_not_asked_again_while_others_are_left,
    an_offer_that_expires_goes_to_the_next,
    after_so_many_rounds_a_person_is_told,
    nobody_qualified_is_escalated_with_the_reason,
    a_full_roster_waits_and_is_woken_by_whoever_finishes,
    without_a_place_a_person_is_told,
    a_neighbour_helps_and_the_number_still_finds_it,
    a_sick_call_takes_the_visits_back,
    on_hold_nobody_is_sent_until_the_release,
    an_acceptance_made_in_time_is_honoured_late,
    a_new_expert_comes_before_the_old_one_is_let_go,
    three_visits_ahead_at_most,
    two_dispatchers_one_wins,
    one_external_id_one_ticket,
    a_place_found_later_brings_the_ticket_to_its_region,
    who_retired_comes_back_by_being_asked_back_only,
    a_regions_new_time_is_its_experts_too,
);

async fn a_place_found_later_brings_the_ticket_to_its_region(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.square("east", 10.0, |_| {}).await;
    tree.expert("w", at(5.0, 5.0), "tv", ALWAYS).await;
    tree.expert("e", at(15.0, 5.0), "tv", ALWAYS).await;
    let number = tree.open(NewTicket { place: None, ..tv(0.0, 0.0) }).await;
    tree.until("it is escalated", || tree.ticket(number).escalation.is_some()).await;
    let nowhere = tree.service.place_ticket(number, None, None, &desk()).await;
    assert!(matches!(nowhere, Err(Failure::Invalid { .. })), "{nowhere:?}");
    let far = tree.service.place_ticket(number, Some(at(5_000.0, 5.0)), None, &desk()).await;
    assert!(matches!(far, Err(Failure::Invalid { .. })), "{far:?}");
    tree.service.place_ticket(number, Some(at(5.0, 5.0)), None, &desk()).await.unwrap();
    assert_eq!(tree.offered(number).await, "w");
    assert_eq!(tree.ticket(number).region, region("west"));
    tree.act(number, "w", Action::Accept).await.unwrap();
    // They had the wrong street: it is another region's, and nobody's until that one has found somebody.
    tree.service.place_ticket(number, Some(at(15.0, 5.0)), None, &desk()).await.unwrap();
    assert_eq!(tree.offered(number).await, "e");
    assert!(tree.service.store().route(&expert("w")).unwrap().stops.is_empty());
}

async fn who_retired_comes_back_by_being_asked_back_only(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("old", at(5.0, 5.0), "tv", ALWAYS).await;
    tree.service.retire_expert(&expert("old"), &desk()).await.unwrap();
    let known = || tree.service.store().expert(&expert("old")).unwrap();
    tree.expert("old", at(6.0, 5.0), "tv network", ALWAYS).await;
    assert!(known().retired && known().skills.len() == 2, "edited, and still gone");
    let version = known().version;
    tree.expert("old", at(6.0, 5.0), "tv network", ALWAYS).await;
    assert_eq!(known().version, version, "the same again writes nothing");
    let number = tree.open(tv(5.0, 5.0)).await;
    tree.until("nobody is there", || tree.ticket(number).waiting.is_some()).await;
    let back = ExpertDraft {
        id: expert("old"),
        personal: known().personal.known().unwrap().clone(),
        region: None,
        skills: known().skills.clone(),
        shifts: known().shifts.clone(),
        max_visits_ahead: None,
        retired: Some(false),
    };
    tree.service.write_expert(back, &desk()).await.unwrap();
    assert_eq!(tree.offered(number).await, "old");
}

async fn a_regions_new_time_is_its_experts_too(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.square("east", 10.0, |_| {}).await;
    tree.expert("w", at(5.0, 5.0), "tv", ALWAYS).await;
    tree.expert("e", at(15.0, 5.0), "tv", ALWAYS).await;
    let west = tree.service.store().region(&region("west")).unwrap();
    let moved = RegionDraft {
        id: west.id.clone(),
        name: west.name.clone(),
        time_zone: "America/Chicago".into(),
        geometry: west.geometry.clone(),
        zips: vec![],
        settings: None,
    };
    let before = tree.service.store().head().0;
    tree.service.write_region(moved, &desk()).await.unwrap();
    let zone = |id| tree.service.store().expert(&expert(id)).unwrap().zone.clone();
    assert_eq!((zone("w").as_str(), zone("e").as_str()), ("America/Chicago", "America/New_York"));
    assert_eq!(tree.service.store().head().0, before + 2, "one event each, and nothing for the others");
    let number = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "w", "the dispatcher knows the new profile");
}

async fn the_nearest_qualified_expert_is_asked(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("unskilled", at(5.0, 5.0), "network:3", ALWAYS).await;
    tree.expert("far", at(9.5, 9.5), "tv", ALWAYS).await;
    tree.expert("near", at(5.5, 5.0), "tv", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "near");
    tree.act(number, "near", Action::Accept).await.unwrap();
    assert_eq!(tree.ticket(number).phase, Phase::Assigned);
    for action in [Action::Depart, Action::Arrive] {
        tree.act(number, "near", action).await.unwrap();
    }
    let done = Action::Complete { resolution: "fixed".into(), notes: String::new(), parts: vec![] };
    tree.act(number, "near", done).await.unwrap();
    assert_eq!(tree.ticket(number).phase, Phase::Completed);
}

async fn who_declined_is_not_asked_again_while_others_are_left(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    for (id, east_km) in [("first", 5.5), ("second", 6.5), ("third", 8.0)] {
        tree.expert(id, at(east_km, 5.0), "tv", ALWAYS).await;
    }
    let number = tree.open(tv(5.0, 5.0)).await;
    for id in ["first", "second", "third"] {
        assert_eq!(tree.offered(number).await, id);
        tree.decline(number, id).await;
    }
    assert_eq!(tree.offered(number).await, "first", "nobody else is left: once more");
}

async fn an_offer_that_expires_goes_to_the_next(tree: &Tree) {
    tree.square("west", 0.0, |settings| settings.offer_ttl_s = 1).await;
    tree.expert("first", at(5.5, 5.0), "tv", ALWAYS).await;
    tree.expert("second", at(8.0, 5.0), "tv", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "first");
    tree.until("it is passed on", || tree.ticket(number).visit.expert == Some(expert("second"))).await;
    let late = tree.act(number, "first", Action::Accept).await;
    assert!(matches!(late, Err(Failure::Refused { refusal: Refusal::OfferExpired(_), .. })), "{late:?}");
}

async fn after_so_many_rounds_a_person_is_told(tree: &Tree) {
    tree.square("west", 0.0, |settings| settings.max_rounds = 3).await;
    for (id, east_km) in [("first", 5.5), ("second", 8.0)] {
        tree.expert(id, at(east_km, 5.0), "tv", ALWAYS).await;
    }
    let number = tree.open(tv(5.0, 5.0)).await;
    for _ in 0..3 {
        assert!(tree.ticket(number).escalation.is_none());
        let asked = tree.offered(number).await;
        tree.decline(number, &asked).await;
    }
    tree.until("it is escalated", || tree.ticket(number).escalation.is_some()).await;
    assert_eq!(tree.ticket(number).escalation.as_ref().unwrap().reason, EscalationReason::RoundsExhausted);
}

async fn nobody_qualified_is_escalated_with_the_reason(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("unskilled", at(5.0, 5.0), "network", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    tree.until("it waits", || tree.ticket(number).waiting.is_some()).await;
    let ticket = tree.ticket(number);
    assert_eq!(ticket.escalation.as_ref().unwrap().reason, EscalationReason::NobodyQualified);
    assert_eq!(ticket.waiting.as_ref().unwrap().reason, WaitReason::NobodyQualified);
    // Whoever joins is asked at once.
    tree.expert("new", at(5.0, 5.0), "tv", ALWAYS).await;
    assert_eq!(tree.offered(number).await, "new");
}

#[test]
fn at_night_it_waits_for_the_morning() {
    play(Time::Virtual, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.expert("day", at(5.0, 5.0), "tv", OFFICE).await;
        tree.pass_until(Timestamp::parse("2024-05-07T02:00:00Z").unwrap()).await;
        let number = tree.open(tv(5.0, 5.0)).await;
        tree.settle().await;
        let ticket = tree.ticket(number);
        let waiting = ticket.waiting.as_ref().expect("it waits with a reason");
        assert_eq!(waiting.reason, WaitReason::OffShift);
        assert_eq!(waiting.next_try_at, Timestamp::parse("2024-05-07T11:30:00Z").unwrap(), "half an hour ahead");
        assert!(ticket.escalation.is_none(), "a night is no reason to wake a dispatcher");
        tree.pass_until(waiting.next_try_at).await;
        assert_eq!(tree.ticket(number).visit.expert, Some(expert("day")));
    });
}

/// The kinds of a ticket's events, oldest first.
fn history(tree: &Tree, number: TicketNumber) -> Vec<&'static str> {
    let history = tree.service.store().history(&Thing::Ticket(number)).unwrap();
    history.iter().map(|recorded| recorded.fact.kind()).collect()
}

async fn finish(tree: &Tree, number: TicketNumber, id: &str) {
    for action in [Action::Depart, Action::Arrive] {
        tree.act(number, id, action).await.unwrap();
    }
    let done = Action::Complete { resolution: "fixed".into(), notes: String::new(), parts: vec![] };
    tree.act(number, id, done).await.unwrap();
}

async fn a_full_roster_waits_and_is_woken_by_whoever_finishes(tree: &Tree) {
    tree.square("west", 0.0, |settings| settings.max_visits_ahead = 1).await;
    tree.expert("only", at(5.0, 5.0), "tv", ALWAYS).await;
    let first = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(first).await, "only");
    tree.act(first, "only", Action::Accept).await.unwrap();
    let second = tree.open(tv(6.0, 5.0)).await;
    tree.until("it waits", || tree.ticket(second).waiting.is_some()).await;
    assert_eq!(tree.ticket(second).waiting.as_ref().unwrap().reason, WaitReason::AllFull);
    let before = tree.clock.now();
    finish(tree, first, "only").await;
    assert_eq!(tree.offered(second).await, "only");
    assert!(tree.clock.now().since_s(before) < 20, "at once, not at the next try");
}

async fn without_a_place_a_person_is_told(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    let number = tree.open(NewTicket { place: None, ..tv(0.0, 0.0) }).await;
    tree.until("it is escalated", || tree.ticket(number).escalation.is_some()).await;
    let ticket = tree.ticket(number);
    assert_eq!(ticket.escalation.as_ref().unwrap().reason, EscalationReason::Unlocated);
    assert_eq!(ticket.region.as_str(), "unlocated");
}

async fn a_neighbour_helps_and_the_number_still_finds_it(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.square("east", 10.0, |_| {}).await;
    tree.expert("home", at(5.0, 5.0), "network", ALWAYS).await;
    tree.expert("over", at(15.0, 5.0), "tv", ALWAYS).await;
    let number = tree.open(tv(9.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "over");
    let ticket = tree.ticket(number);
    assert_eq!((ticket.region.clone(), ticket.handovers), (region("east"), 1));
    assert!(ticket.escalation.is_none());
    finish_from_offer(tree, number, "over").await;
}

async fn finish_from_offer(tree: &Tree, number: TicketNumber, id: &str) {
    tree.act(number, id, Action::Accept).await.unwrap();
    finish(tree, number, id).await;
    assert_eq!(tree.ticket(number).phase, Phase::Completed);
}

async fn a_sick_call_takes_the_visits_back(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("sick", at(5.0, 5.0), "tv", ALWAYS).await;
    let numbers = [tree.open(tv(5.0, 5.0)).await, tree.open(tv(6.0, 5.0)).await];
    for number in numbers {
        assert_eq!(tree.offered(number).await, "sick");
    }
    tree.act(numbers[0], "sick", Action::Accept).await.unwrap();
    tree.expert("well", at(9.0, 9.0), "tv", ALWAYS).await;
    let now = tree.clock.now();
    let day = now.plus_s(24 * HOUR_S);
    tree.service.add_absence(&expert("sick"), AbsenceKind::Sick, now, day, &desk()).await.unwrap();
    for number in numbers {
        tree.until("it goes to who is well", || tree.ticket(number).visit.expert == Some(expert("well"))).await;
    }
    assert!(tree.service.store().route(&expert("sick")).unwrap().stops.is_empty());
}

async fn on_hold_nobody_is_sent_until_the_release(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("only", at(5.0, 5.0), "tv", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "only");
    tree.command(number, Command::Hold { reason: "customer away".into(), until: None }).await.unwrap();
    assert_eq!(tree.ticket(number).visit.expert, None);
    if tree.clock.is_virtual() {
        tree.pass(2 * HOUR_S).await;
    }
    assert_eq!((tree.ticket(number).phase, tree.ticket(number).visit.expert.clone()), (Phase::OnHold, None));
    tree.command(number, Command::Release).await.unwrap();
    assert_eq!(tree.offered(number).await, "only");
    let until = tree.clock.now().plus_s(1);
    tree.command(number, Command::Hold { reason: "again".into(), until: Some(until) }).await.unwrap();
    assert_eq!(tree.ticket(number).phase, Phase::OnHold);
    assert_eq!(tree.offered(number).await, "only", "released by its timer");
    assert!(tree.clock.now() >= until);
}

async fn an_acceptance_made_in_time_is_honoured_late(tree: &Tree) {
    tree.square("west", 0.0, |settings| (settings.offer_ttl_s, settings.max_rounds) = (1, 1)).await;
    tree.expert("offline", at(5.0, 5.0), "tv", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "offline");
    let pressed = tree.clock.now();
    let offer = tree.ticket(number).visit.offer.as_ref().unwrap().no;
    tree.until("it expires, and nobody else is left", || tree.ticket(number).waiting.is_some()).await;
    let accept = ExpertCommand {
        expert: expert("offline"),
        action: Action::Accept,
        at: Some(pressed),
        visit: Some(1),
        offer: Some(offer),
        id: Some("offline-1".into()),
        offline: true,
    };
    let caller = by(Role::Expert, "offline");
    tree.service.command(number, Command::Expert(accept.clone()), &caller).await.unwrap();
    let ticket = tree.ticket(number);
    assert_eq!((ticket.phase, ticket.visit.expert.clone()), (Phase::Assigned, Some(expert("offline"))));
    tree.service.command(number, Command::Expert(accept), &caller).await.unwrap();
    let accepted = history(tree, number).iter().filter(|kind| **kind == "ticket.accepted").count();
    assert_eq!(accepted, 1, "the repeat takes no effect");
}

async fn a_new_expert_comes_before_the_old_one_is_let_go(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("old", at(5.0, 5.0), "tv", ALWAYS).await;
    tree.expert("new", at(9.0, 9.0), "tv", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "old");
    tree.act(number, "old", Action::Accept).await.unwrap();
    tree.service.assign(number, &expert("new"), "knows the customer".into(), true, false, &desk()).await.unwrap();
    let ticket = tree.ticket(number);
    assert_eq!((ticket.phase, ticket.visit.expert.clone()), (Phase::Assigned, Some(expert("new"))));
    let kinds = history(tree, number);
    let position = |kind: &str| kinds.iter().rposition(|known| *known == kind);
    assert!(position("ticket.assigned").is_some(), "{kinds:?}");
    assert!(position("ticket.assigned") < position("ticket.unassigned"), "{kinds:?}");
    assert!(tree.service.store().route(&expert("old")).unwrap().stops.is_empty());
}

async fn three_visits_ahead_at_most(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("only", at(5.0, 5.0), "tv", ALWAYS).await;
    let mut numbers = Vec::new();
    for n in 0..5 {
        numbers.push(tree.open(tv(4.0 + f64::from(n) / 2.0, 5.0)).await);
    }
    let held = || numbers.iter().filter(|number| tree.ticket(**number).visit.expert.is_some()).count();
    let wait = || numbers.iter().filter(|number| tree.ticket(**number).waiting.is_some()).count();
    tree.until("the others wait", || held() + wait() == 5).await;
    assert_eq!((held(), wait()), (3, 2));
    assert_eq!(tree.service.store().route(&expert("only")).unwrap().stops.len(), 3);
}

async fn two_dispatchers_one_wins(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    let rests = || tree.ticket(number).waiting.is_some() && tree.ticket(number).deliveries.is_empty();
    tree.until("nobody is there, and the customer was told", rests).await;
    let seen = tree.ticket(number).version;
    for id in ["a", "b"] {
        tree.expert(id, at(5.0, 5.0), "network", ALWAYS).await;
    }
    let caller = Caller { if_match: Some(seen), ..desk() };
    let (a, b) = (expert("a"), expert("b"));
    let (first, second) = tokio::join!(
        tree.service.assign(number, &a, "ours".into(), true, true, &caller),
        tree.service.assign(number, &b, "no, ours".into(), true, true, &caller),
    );
    let told = |outcome: &Result<_, Failure>| matches!(outcome, Err(Failure::Stale(version)) if *version > seen);
    assert!(first.is_ok() != second.is_ok(), "one wins: {first:?} {second:?}");
    assert!(told(&first) || told(&second), "the other is told");
    let stops = |id| tree.service.store().route(id).unwrap().stops.len();
    assert_eq!(stops(&a) + stops(&b), 1);
    let wrong_skill = SkillLevel::parse("tv").unwrap();
    assert!(tree.ticket(number).skills.contains(&wrong_skill), "forced against the rules, on record");
    assert!(tree.ticket(number).flags.names().any(|flag| flag == "override"));
}

async fn one_external_id_one_ticket(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.square("east", 10.0, |_| {}).await;
    for n in 0..8 {
        let named = |east_km| NewTicket { external_id: Some(format!("order-{n}")), ..tv(east_km, 5.0) };
        let caller = by(Role::Portal, "portal");
        let (first, second) =
            tokio::join!(tree.service.open(named(5.0), &caller), tree.service.open(named(15.0), &caller));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.ticket.number, second.ticket.number);
        assert!(first.replayed != second.replayed);
    }
}
