//! Offers, waiting, escalation, and a dispatcher's choice.

use super::{
    super::{
        Action, Command, Decided, DeliveryKind, Flag, Offer, OfferEnd, Phase, Role, RouteEffect, TicketEvent,
        TimerKind, WaitReason,
    },
    scene::{
        Assign, CHOICE, PLAN, Scene, T0, assign, at, by, decision, decline, ended_event, escalate, expert, offer,
        offer_at, offered_event, promise, reassign, request, route, text, timer, unassign, wait,
    },
};
use crate::domain::{decision::EscalationReason, person::TicketPersonal, route::StopState};

#[test]
fn an_award_is_recorded_before_the_offer_it_led_to() {
    let scene = Scene::new().minute(3);
    let Decided { events, routes, refused } = scene.when(offer("ann")).unwrap();
    let decided = TicketEvent::Decided(decision(&scene.ticket));
    assert_eq!(events, [decided, offered_event("ann", 1, 3)]);
    assert_eq!(refused, None);
    let [(name, RouteEffect::Put(put))] = routes.as_slice() else { panic!("{routes:?}") };
    assert_eq!((name, put.stops[0].offer, put.stops[0].state), (&expert("ann"), 1, StopState::Offered));
}

#[test]
fn a_repair_offers_to_the_new_one_before_the_old_one_is_let_go_and_never_takes_what_is_pinned() {
    let scene = Scene::new().did(offer("ann")).did(by("ann", Action::Accept)).minute(3);
    let Decided { events, routes, .. } = scene.when(reassign("ann", "bob")).unwrap();
    let gone = TicketEvent::Unassigned { expert: expert("ann"), reason: text("late"), at: at(3), avoid: false };
    assert_eq!(events, [TicketEvent::Decided(decision(&scene.ticket)), offered_event("bob", 2, 3), gone]);
    assert_eq!(routes.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&expert("bob"), &expert("ann")]);
    assert_eq!(scene.code(reassign("cat", "bob")), "stale_award", "it is not theirs");
    assert_eq!(scene.code(reassign("ann", "ann")), "stale_award");
    let refused = Scene::new().did(offer("bob")).did(by("bob", decline())).did(offer("ann"));
    assert_eq!(refused.code(reassign("ann", "bob")), "stale_award", "who refused is not asked");
    let promised = scene.clone().did(|_| Command::Reschedule { window: Some(promise(25, 50)) });
    assert!(promised.when(reassign("ann", "bob")).is_ok());
    let pinned = Scene::new().did(assign("ann", Assign { pin: true, ..CHOICE }));
    assert_eq!(pinned.code(reassign("ann", "bob")), "stale_award");
}

#[test]
fn an_offer_expires_when_it_is_due_and_not_before() {
    let scene = Scene::new().did(offer("ann")).minute(4);
    assert_eq!(scene.when(timer(TimerKind::OfferExpiry)), Ok(Decided::default()));
    let scene = scene.minute(5);
    let decided = scene.when(timer(TimerKind::OfferExpiry)).unwrap();
    assert_eq!(decided.events, [ended_event("ann", 1, OfferEnd::Expired, "", 5)]);
    assert_eq!(decided.routes, [(expert("ann"), RouteEffect::Remove)]);
    let scene = scene.did(timer(TimerKind::OfferExpiry));
    assert_eq!(scene.ticket.phase, Phase::New);
    assert_eq!(scene.ticket.visit.refused_by, [expert("ann")]);
    assert_eq!(scene.waiting_deliveries(), [DeliveryKind::Opened, DeliveryKind::Withdrawn]);
    assert_eq!(scene.when(timer(TimerKind::OfferExpiry)), Ok(Decided::default()), "fired twice");
}

#[test]
fn who_declined_is_remembered_for_this_visit_and_offer_numbers_are_never_used_again() {
    let scene = Scene::new().did(offer("ann")).did(by("ann", decline())).did(offer("bob"));
    assert_eq!(scene.ticket.visit.refused_by, [expert("ann")]);
    assert_eq!(scene.ticket.visit.offer.as_ref().map(|offer| offer.no), Some(2));
    let scene = scene.did(by("bob", decline()));
    assert_eq!(scene.ticket.visit.refused_by, [expert("ann"), expert("bob")]);
    assert_eq!(scene.waiting_deliveries(), [DeliveryKind::Opened], "who declines need not be told");
}

#[test]
fn an_award_for_another_visit_or_against_a_new_promise_is_stale() {
    let scene = Scene::new();
    let stale = |ticket: &super::super::Ticket| {
        let mut decision = decision(ticket);
        decision.visit = 2;
        Command::Offer { decision, expert: expert("ann"), route: route(ticket, "ann", PLAN) }
    };
    assert_eq!(scene.code(stale), "stale_award");
    let scene = scene.did(|_| Command::Reschedule { window: Some(promise(120, 240)) });
    assert_eq!(scene.code(offer("ann")), "stale_award");
    assert!(scene.when(offer_at("ann", (120, 150))).is_ok());
}

#[test]
fn an_award_to_somebody_who_refused_since_is_stale_unless_they_are_asked_once_more() {
    let scene = Scene::new().did(offer("ann")).did(by("ann", decline()));
    assert_eq!(scene.code(offer("ann")), "stale_award");
    let again = scene.when(|ticket| {
        let decision = crate::domain::decision::Decision { second_round: true, ..*decision(ticket) };
        Command::Offer { decision: decision.into(), expert: expert("ann"), route: route(ticket, "ann", PLAN) }
    });
    assert!(again.is_ok());
}

#[test]
fn an_award_without_its_stop_in_the_experts_route_is_stale() {
    let scene = Scene::new();
    let with = |edit: fn(&mut crate::domain::route::Route)| {
        move |ticket: &super::super::Ticket| {
            let mut route = route(ticket, "ann", PLAN);
            edit(&mut route);
            Command::Offer { decision: decision(ticket), expert: expert("ann"), route }
        }
    };
    assert_eq!(scene.code(with(|route| route.stops.clear())), "stale_award");
    assert_eq!(scene.code(with(|route| route.stops.push(route.stops[0].clone()))), "stale_award");
    assert_eq!(scene.code(with(|route| route.stops[0].visit = 9)), "stale_award");
    assert_eq!(scene.code(with(|route| route.expert = expert("bob"))), "stale_award");
}

#[test]
fn nobody_is_sent_where_there_is_no_place() {
    let mut request = request();
    request.personal = TicketPersonal { place: None, ..request.personal };
    let scene = Scene::of(request);
    assert_eq!(scene.code(offer("ann")), "no_place");
    assert_eq!(scene.code(assign("ann", Assign { force: true, ..CHOICE })), "no_place");
}

#[test]
fn the_same_wait_is_said_once() {
    let scene = Scene::new();
    assert_eq!(scene.kinds(wait(WaitReason::AllFull, 30)), ["ticket.decided", "ticket.waiting"]);
    let scene = scene.did(wait(WaitReason::AllFull, 30)).minute(1);
    assert_eq!(scene.kinds(wait(WaitReason::AllFull, 30)), [""; 0]);
    assert_eq!(scene.kinds(wait(WaitReason::AllFull, 45)), [""; 0], "it is tried at 30 all the same");
    assert_eq!(scene.kinds(wait(WaitReason::AllFull, 20)), ["ticket.decided", "ticket.waiting"], "sooner");
    assert_eq!(scene.kinds(wait(WaitReason::OffShift, 30)), ["ticket.decided", "ticket.waiting"], "why");
    let scene = scene.minute(30);
    assert_eq!(scene.kinds(wait(WaitReason::AllFull, 60)), ["ticket.decided", "ticket.waiting"], "tried in vain");
}

#[test]
fn a_wait_until_the_past_is_not_tried_again_at_once() {
    let scene = Scene::new().minute(10).did(wait(WaitReason::AllFull, 5));
    assert_eq!(scene.ticket.waiting.unwrap().next_try_at, at(10).plus_s(1));
}

#[test]
fn an_escalated_ticket_stays_dispatchable_until_an_expert_is_found() {
    let scene = Scene::new().did(escalate(EscalationReason::RoundsExhausted));
    assert!(scene.ticket.flags.has(Flag::Escalated) && scene.ticket.dispatchable());
    assert_eq!(scene.kinds(escalate(EscalationReason::RoundsExhausted)), [""; 0]);
    assert_eq!(scene.kinds(escalate(EscalationReason::SlaUnreachable)), ["ticket.decided", "ticket.escalated"]);
    let offered = scene.clone().did(offer("ann"));
    assert!(offered.ticket.flags.has(Flag::Escalated));
    for taken in [offered.did(by("ann", Action::Accept)), scene.did(assign("bob", Assign { pin: true, ..CHOICE }))] {
        assert_eq!((taken.ticket.flags.has(Flag::Escalated), taken.ticket.escalation), (false, None));
    }
}

#[test]
fn a_rule_is_broken_only_with_force_and_a_reason_and_it_shows() {
    let scene = Scene::new().by(Role::Dispatcher, "dora");
    let broken = Assign { broken: Some("skill"), ..CHOICE };
    assert_eq!(scene.code(assign("ann", broken)), "breaks_rule");
    assert_eq!(scene.code(assign("ann", Assign { pin: true, broken: Some("skill"), ..CHOICE })), "breaks_rule");
    let unexplained = Assign { force: true, reason: "  ", broken: Some("skill"), ..CHOICE };
    assert_eq!(scene.code(assign("ann", unexplained)), "reason_missing");
    let forced = Assign { force: true, broken: Some("skill"), ..CHOICE };
    let decided = scene.when(assign("ann", forced)).unwrap();
    let expected = TicketEvent::Assigned {
        expert: expert("ann"),
        reason: text("knows the house"),
        pinned: false,
        forced: true,
        planned_start: at(PLAN.0),
        planned_end: at(PLAN.1),
        at: T0,
    };
    assert_eq!(decided.events, [expected]);
    let [(_, RouteEffect::Put(put))] = decided.routes.as_slice() else { panic!("{decided:?}") };
    assert_eq!((put.stops[0].forced, put.stops[0].state), (true, StopState::Assigned));
    let mut scene = scene;
    scene.apply(&decided);
    assert!(scene.ticket.flags.has(Flag::Override));
    let allowed = Scene::new().did(assign("ann", Assign { force: true, ..CHOICE }));
    assert!(!allowed.ticket.flags.has(Flag::Override), "nothing was broken");
}

#[test]
fn re_assignment_commits_the_new_expert_first_and_then_tells_the_old() {
    let pin = || Assign { pin: true, ..CHOICE };
    let offered = Scene::in_phase(Phase::Assigning).minute(2);
    assert_eq!(offered.kinds(assign("bob", CHOICE)), ["ticket.offered", "ticket.offer_withdrawn"]);
    assert_eq!(offered.kinds(assign("bob", pin())), ["ticket.assigned", "ticket.offer_withdrawn"]);
    let assigned = Scene::in_phase(Phase::Assigned).minute(2);
    assert_eq!(assigned.kinds(assign("bob", CHOICE)), ["ticket.offered", "ticket.unassigned"]);
    assert_eq!(assigned.kinds(assign("bob", pin())), ["ticket.assigned", "ticket.unassigned"]);
    for scene in [offered, assigned] {
        let decided = scene.when(assign("bob", pin())).unwrap();
        let [(new, RouteEffect::Put(_)), (old, RouteEffect::Remove)] = decided.routes.as_slice() else {
            panic!("{decided:?}")
        };
        assert_eq!((new, old), (&expert("bob"), &expert("ann")));
        let after = scene.did(assign("bob", pin()));
        assert_eq!((after.ticket.phase, &after.ticket.visit.expert), (Phase::Assigned, &Some(expert("bob"))));
        let told = after.ticket.deliveries.iter().find(|delivery| delivery.kind == DeliveryKind::Withdrawn).unwrap();
        assert_eq!(told.to, super::super::Audience::Expert(expert("ann")));
        assert_eq!(after.ticket.visit.refused_by, [], "the old expert did not refuse");
    }
}

#[test]
fn giving_it_to_who_has_it_changes_nothing_but_the_pin() {
    let assigned = Scene::in_phase(Phase::Assigned);
    assert_eq!(assigned.kinds(assign("ann", CHOICE)), [""; 0]);
    let pinned = assigned.did(assign("ann", Assign { pin: true, ..CHOICE }));
    assert!(pinned.ticket.visit.pinned);
    assert_eq!(pinned.kinds(assign("ann", Assign { pin: true, ..CHOICE })), [""; 0]);
    let offered = Scene::in_phase(Phase::Assigning);
    assert_eq!(offered.kinds(assign("ann", CHOICE)), [""; 0]);
    assert_eq!(offered.kinds(assign("ann", Assign { pin: true, ..CHOICE })), ["ticket.assigned"]);
}

#[test]
fn who_was_unassigned_is_not_the_first_to_be_asked_again() {
    for phase in [Phase::Assigning, Phase::Assigned] {
        let scene = Scene::in_phase(phase).did(unassign);
        assert_eq!(scene.ticket.visit.refused_by, [expert("ann")]);
        assert!(scene.waiting_deliveries().contains(&DeliveryKind::Withdrawn));
    }
}

#[test]
fn a_quarantined_ticket_is_out_of_the_automatic_path_but_not_out_of_a_dispatchers_hands() {
    let scene = Scene::new().did(|_| Command::Quarantine { cause: "panicked 5 times".into() });
    assert!(scene.ticket.flags.has(Flag::Quarantined) && !scene.ticket.dispatchable());
    assert_eq!(scene.code(offer("ann")), "quarantined");
    assert_eq!(scene.code(wait(WaitReason::AllFull, 30)), "quarantined");
    assert_eq!(scene.kinds(assign("ann", CHOICE)), ["ticket.offered"]);
    assert_eq!(scene.kinds(|_| Command::Quarantine { cause: "again".into() }), [""; 0]);
    let resumed = scene.did(|_| Command::Resume);
    assert!(!resumed.ticket.flags.has(Flag::Quarantined) && resumed.ticket.dispatchable());
}

#[test]
fn an_offer_of_a_dispatcher_says_why() {
    let decided = Scene::new().when(assign("ann", CHOICE)).unwrap();
    let offer = Offer { no: 1, made_at: T0, expires_at: at(5) };
    let expected = TicketEvent::Offered {
        expert: expert("ann"),
        offer,
        planned_start: at(PLAN.0),
        planned_end: at(PLAN.1),
        reason: Some(text("knows the house")),
    };
    assert_eq!(decided.events, [expected]);
}
