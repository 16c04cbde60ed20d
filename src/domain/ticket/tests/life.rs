//! Holding, rescheduling, cancelling, closing, reopening, handing over; clocks and plans.

use super::{
    super::{Command, Decided, DeliveryKind, Flag, Phase, Role, RouteEffect, Step, TicketEvent, TimerKind, WindowKind},
    scene::{
        Scene, T0, at, by, complete, decline, escalate, expert, locate, offer, offline, promise, region, request, text,
        timer,
    },
};
use crate::domain::{
    decision::EscalationReason,
    ids::RegionId,
    person::Address,
    place::Located,
    ticket::{Action, Window},
    time::{DAY_S, Timestamp},
};

fn hold(until: Option<i64>) -> impl FnOnce(&super::super::Ticket) -> Command {
    move |_| Command::Hold { reason: "on holiday".into(), until: until.map(at) }
}

#[test]
fn holding_takes_the_visit_back_and_pauses_the_clocks() {
    let scene = Scene::in_phase(Phase::Assigned).minute(10);
    let decided = scene.when(hold(None)).unwrap();
    let taken = TicketEvent::Unassigned { expert: expert("ann"), reason: text("on holiday"), at: at(10), avoid: false };
    let held = TicketEvent::Held { reason: text("on holiday"), until: None, at: at(10) };
    assert_eq!(decided.events, [taken, held]);
    assert_eq!(decided.routes, [(expert("ann"), RouteEffect::Remove)]);
    let due = scene.ticket.sla.resolve.due;
    let held = scene.did(hold(None)).minute(20_000);
    assert_eq!(held.when(timer(TimerKind::ResolveBreach)), Ok(Decided::default()), "no clock runs");
    let released = held.did(|_| Command::Release);
    assert_eq!((released.ticket.phase, &released.ticket.hold), (Phase::New, &None));
    assert_eq!(released.ticket.sla.resolve.due, due.plus_s((20_000 - 10) * 60));
    assert!(released.waiting_deliveries().contains(&DeliveryKind::Withdrawn));
}

#[test]
fn a_hold_ends_when_it_said_and_not_before() {
    assert_eq!(Scene::new().minute(5).code(hold(Some(5))), "bad_time");
    let scene = Scene::new().did(hold(Some(60))).minute(59);
    assert_eq!(scene.when(timer(TimerKind::HoldUntil)), Ok(Decided::default()));
    let scene = scene.minute(60);
    assert_eq!(scene.kinds(timer(TimerKind::HoldUntil)), ["ticket.released"]);
    let released = scene.did(timer(TimerKind::HoldUntil));
    assert_eq!(released.when(timer(TimerKind::HoldUntil)), Ok(Decided::default()));
    let endless = Scene::new().did(hold(None)).minute(99_999);
    assert_eq!(endless.when(timer(TimerKind::HoldUntil)), Ok(Decided::default()));
}

#[test]
fn a_new_promise_takes_back_only_the_plan_it_breaks() {
    let scene = Scene::in_phase(Phase::Assigned).minute(2);
    let to = |window| move |_: &super::super::Ticket| Command::Reschedule { window };
    let wish = Window { kind: WindowKind::Wish, ..promise(300, 400) };
    for (window, kept) in [
        (Some(promise(20, 40)), true),
        (Some(promise(30, 31)), true),
        (Some(promise(31, 40)), false),
        (Some(promise(3, 29)), false),
        (Some(wish), true),
    ] {
        let decided = scene.when(to(window)).unwrap();
        let rescheduled = TicketEvent::Rescheduled { window, replan: !kept };
        assert_eq!(decided.events.last(), Some(&rescheduled));
        let effect = if kept { RouteEffect::Rewindow(window) } else { RouteEffect::Remove };
        assert_eq!(decided.routes, [(expert("ann"), effect)], "{window:?}");
    }
    assert_eq!(scene.when(to(None)), Ok(Decided::default()), "it had none");
    let free = scene.did(to(Some(promise(20, 40)))).did(to(None));
    assert_eq!((free.ticket.phase, free.ticket.window), (Phase::Assigned, None));
}

#[test]
fn a_window_ends_after_it_starts_and_in_the_future() {
    let scene = Scene::new().minute(60);
    for (from, to, code) in [(90, 90, "bad_window"), (120, 90, "bad_window"), (10, 60, "bad_window")] {
        let window = Some(promise(from, to));
        assert_eq!(scene.code(|_| Command::Reschedule { window }), code);
    }
    assert!(scene.when(|_| Command::Reschedule { window: Some(promise(10, 61)) }).is_ok());
}

#[test]
fn cancelling_takes_the_visit_back_and_tells_whom_it_surprises() {
    let cancel = |_: &super::super::Ticket| Command::Cancel { reason: "flooded".into() };
    let scene = Scene::in_phase(Phase::Assigned);
    let by_staff = scene.clone().by(Role::Clerk, "cleo").did(cancel);
    assert_eq!(by_staff.waiting_deliveries(), [DeliveryKind::Opened, DeliveryKind::Withdrawn, DeliveryKind::Cancelled]);
    let by_customer = scene.by(Role::Customer, "carl").did(cancel);
    assert_eq!(by_customer.waiting_deliveries(), [DeliveryKind::Opened, DeliveryKind::Withdrawn]);
    assert_eq!(by_customer.ticket.visit.expert, None);
    let on_site = Scene::in_phase(Phase::InProgress).did(by("ann", Action::Arrive)).minute(40);
    assert_eq!(on_site.ticket.step, Some(Step::OnSite));
    let routes = on_site.when(cancel).unwrap().routes;
    assert_eq!(routes, [(expert("ann"), RouteEffect::Finish { at: at(40), served: false })]);
}

#[test]
fn the_survey_closes_or_its_timer_does() {
    let survey = |rating| move |_: &super::super::Ticket| Command::Survey { rating, comment: Some("quick".into()) };
    let scene = Scene::in_phase(Phase::Completed).minute(90);
    assert_eq!(scene.waiting_deliveries(), [DeliveryKind::Opened, DeliveryKind::Survey]);
    assert_eq!((scene.code(survey(0)), scene.code(survey(6))), ("bad_rating", "bad_rating"));
    let surveyed = scene.clone().did(survey(5));
    assert_eq!((surveyed.ticket.phase, surveyed.ticket.rating), (Phase::Closed, Some(5)));
    assert_eq!(surveyed.waiting_deliveries(), [DeliveryKind::Opened]);
    let closes_at = scene.ticket.closes_at.unwrap();
    let fire = |now: Timestamp| Scene { now, ..scene.clone() }.kinds(timer(TimerKind::AutoClose));
    assert_eq!(fire(closes_at.plus_ms(-1)), [""; 0]);
    assert_eq!(fire(closes_at), ["ticket.closed"]);
}

#[test]
fn a_closed_ticket_is_reopened_within_its_time_as_new_work_with_new_clocks() {
    let reopen = |_: &super::super::Ticket| Command::Reopen { reason: "dark again".into() };
    let mut scene = Scene::in_phase(Phase::Closed);
    let last = scene.ticket.ended_at.unwrap().plus_s(i64::from(scene.settings.reopen_s));
    scene.now = last.plus_ms(1);
    assert_eq!(scene.code(reopen), "too_late_to_reopen");
    scene.now = last;
    let scene = scene.did(reopen);
    let ticket = &scene.ticket;
    assert_eq!((ticket.phase, ticket.visit.no, ticket.visits.len()), (Phase::Reopened, 2, 1));
    assert_eq!(ticket.sla.resolve.due, last.plus_s(5 * DAY_S));
    assert!(ticket.sla.respond.running() && ticket.dispatchable());
    let offered = scene.did(offer("ann"));
    assert_eq!((offered.ticket.phase, offered.ticket.visit.no), (Phase::Assigning, 2));
}

#[test]
fn a_cancelled_ticket_can_always_be_reopened() {
    let scene = Scene::in_phase(Phase::Cancelled).minute(1_000_000);
    assert_eq!(scene.kinds(|_| Command::Reopen { reason: "still dark".into() }), ["ticket.reopened"]);
}

#[test]
fn a_breach_is_found_once_and_only_when_due() {
    let scene = Scene::new().minute(24 * 60 - 1);
    assert_eq!(scene.kinds(timer(TimerKind::RespondBreach)), [""; 0]);
    let scene = scene.minute(24 * 60);
    assert_eq!(scene.kinds(timer(TimerKind::RespondBreach)), ["ticket.sla_breached"]);
    let scene = scene.did(timer(TimerKind::RespondBreach));
    assert_eq!(scene.kinds(timer(TimerKind::RespondBreach)), [""; 0]);
    let met = Scene::in_phase(Phase::Assigned).minute(24 * 60);
    assert_eq!(met.kinds(timer(TimerKind::RespondBreach)), [""; 0]);
}

#[test]
fn a_ticket_moves_to_a_neighbour_only_while_nobody_holds_it() {
    let to = |name: &'static str| {
        move |_: &super::super::Ticket| Command::HandOver { to: region(name), why: "asked".into() }
    };
    let scene = Scene::new();
    assert_eq!(scene.kinds(to("north")), [""; 0]);
    let moved = scene.did(to("south"));
    assert_eq!((moved.ticket.region.as_str(), moved.ticket.handovers), ("south", 1));
    let unlocated = moved.did(|_| Command::HandOver { to: RegionId::unlocated(), why: "lost".into() });
    assert!(unlocated.ticket.flags.has(Flag::Unlocated));
    assert!(!unlocated.did(to("south")).ticket.flags.has(Flag::Unlocated));
}

/// A ticket of an address that nobody could place.
fn unlocated() -> Scene {
    let mut request = request();
    (request.region, request.located, request.coarse) = (RegionId::unlocated(), Located::Nowhere, None);
    request.personal.place = None;
    request.flags.set(Flag::Unlocated, true);
    request.flags.set(Flag::VagueAddress, true);
    Scene::of(request)
}

#[test]
fn a_place_takes_an_unlocated_ticket_to_its_region_and_a_person_need_not_look_any_more() {
    let scene = unlocated().did(escalate(EscalationReason::Unlocated)).by(Role::Clerk, "cleo");
    assert_eq!(scene.kinds(locate("south", 0)), ["ticket.flagged", "ticket.located", "ticket.handed_over"]);
    let found = scene.did(locate("south", 0));
    let ticket = &found.ticket;
    assert_eq!((ticket.phase, ticket.region.as_str(), ticket.located), (Phase::New, "south", Located::Inside));
    assert!(ticket.coarse.is_some() && ticket.dispatchable());
    assert_eq!(ticket.flags.names().collect::<Vec<_>>(), [""; 0]);
    assert_eq!(ticket.escalation, None);
    assert_eq!(found.when(locate("south", 0)), Ok(Decided::default()), "said again");
}

#[test]
fn an_escalation_for_another_reason_outlives_the_place() {
    let scene = Scene::new().did(escalate(EscalationReason::NobodyQualified)).did(locate("south", 1));
    assert!(scene.ticket.escalation.is_some() && scene.ticket.flags.has(Flag::Escalated));
}

#[test]
fn another_place_takes_the_visit_back_and_another_address_at_the_same_place_does_not() {
    let scene = Scene::in_phase(Phase::Assigned).minute(10);
    let decided = scene.when(locate("north", 1)).unwrap();
    let kinds: Vec<_> = decided.events.iter().map(TicketEvent::kind).collect();
    assert_eq!(kinds, ["ticket.unassigned", "ticket.located"]);
    assert_eq!(decided.routes, [(expert("ann"), RouteEffect::Remove)]);
    let moved = scene.clone().did(locate("north", 1));
    assert!(moved.waiting_deliveries().contains(&DeliveryKind::Withdrawn));
    assert!(moved.ticket.visit.refused_by.is_empty(), "nobody's fault");
    let address = Some(Address { line1: Some("12 Maple Street".into()), ..Address::default() });
    let place = scene.ticket.personal.known().unwrap().place.unwrap();
    let told = move |_: &super::super::Ticket| Command::Locate {
        place,
        address,
        region: region("north"),
        located: Located::Inside,
        vague: false,
    };
    let told = scene.did(told);
    assert_eq!((told.ticket.phase, &told.ticket.visit.expert), (Phase::Assigned, &Some(expert("ann"))));
    assert!(told.ticket.personal.known().unwrap().address.is_some());
}

#[test]
fn who_comes_back_to_an_offer_for_the_old_place_is_too_late() {
    let scene = Scene::new().did(offer("ann")).minute(5).did(timer(TimerKind::OfferExpiry)).did(locate("north", 1));
    let late = scene.minute(20).when(offline("ann", 4, Action::Accept)).unwrap();
    assert_eq!(late.refused, Some(super::super::Refusal::OfferExpired(at(5))));
}

fn replan(name: &str, start: i64, end: i64) -> impl FnOnce(&super::super::Ticket) -> Command {
    let expert = expert(name);
    move |_| Command::Replan { expert, planned_start: at(start), planned_end: at(end) }
}

#[test]
fn a_plan_that_moves_is_written_once_and_flags_what_it_endangers() {
    let mut request = request();
    request.window = Some(promise(20, 60));
    let scene = Scene::of(request).did(offer("ann")).did(by("ann", Action::Accept));
    assert_eq!(scene.kinds(replan("ann", 30, 60)), [""; 0], "as it was");
    assert_eq!(scene.kinds(replan("bob", 40, 70)), [""; 0], "not theirs");
    let on_time = scene.clone().did(replan("ann", 60, 90));
    assert!(!on_time.ticket.flags.has(Flag::AtRisk));
    let late = scene.did(replan("ann", 61, 91));
    assert!(late.ticket.flags.has(Flag::AtRisk));
    let freed = late.clone().did(super::scene::unassign);
    assert!(!freed.ticket.flags.has(Flag::AtRisk), "no plan, no risk");
    assert!(!late.did(replan("ann", 55, 85)).ticket.flags.has(Flag::AtRisk));
}

#[test]
fn due_times_are_endangered_too() {
    let mut request = request();
    request.due_at = Some(at(45));
    let scene = Scene::of(request);
    assert!(!scene.ticket.at_risk(at(45), at(75)) && scene.ticket.at_risk(at(46), at(76)));
    let resolve = Scene::new().ticket;
    assert!(!resolve.at_risk(at(60), resolve.sla.resolve.due));
    assert!(resolve.at_risk(at(60), resolve.sla.resolve.due.plus_ms(1)));
}

#[test]
fn the_customer_hears_of_a_delay_beyond_a_quarter_of_an_hour_after_what_they_were_told() {
    let scene = Scene::in_phase(Phase::Assigned);
    let delayed = |scene: &Scene| scene.waiting_deliveries().contains(&DeliveryKind::Delayed);
    let little = scene.did(replan("ann", 45, 75));
    assert!(!delayed(&little));
    let creeping = little.did(replan("ann", 46, 76));
    assert!(delayed(&creeping), "counted from what was told, not from the last plan");
    assert_eq!(creeping.ticket.visit.told_start, Some(at(46)));
    let offered = Scene::in_phase(Phase::Assigning).did(replan("ann", 200, 230));
    assert!(!delayed(&offered), "nobody was told yet");
    let on_site = Scene::in_phase(Phase::Assigned).did(by("ann", Action::Arrive)).did(replan("ann", 200, 230));
    assert!(!delayed(&on_site), "they are there");
}

#[test]
fn a_note_is_kept_without_card_numbers() {
    let decided = Scene::new().when(|_| Command::Note { text: "card 4111111111111111".into() }).unwrap();
    assert_eq!(decided.events, [TicketEvent::NoteAdded { text: text("card ************1111") }]);
    let mut request = request();
    request.personal.description = Some("bill 4111-1111-1111-1111".into());
    let scene = Scene::of(request);
    let personal = scene.ticket.personal.known().unwrap();
    assert_eq!(personal.description.as_deref(), Some("bill ****-****-****-1111"));
}

#[test]
fn a_ticket_served_twice_keeps_both_visits() {
    let scene = Scene::in_phase(Phase::Reopened)
        .did(offer("bob"))
        .did(by("bob", decline()))
        .did(offer("ann"))
        .did(by("ann", Action::Accept))
        .did(by("ann", Action::Arrive))
        .did(by("ann", complete()));
    let visits: Vec<_> = scene.ticket.visits.iter().map(|visit| visit.no).collect();
    assert_eq!((visits, scene.ticket.opened_at), (vec![1, 2], T0));
}
