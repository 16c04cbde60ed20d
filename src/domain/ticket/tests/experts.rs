//! What experts do: online, offline and late, through a clerk, twice.

use super::{
    super::{
        Action, Command, Decided, DeliveryKind, ExpertCommand, OfferEnd, Phase, Refusal, Role, RouteEffect, Step,
        Ticket, TicketEvent, TimerKind, VisitOutcome,
    },
    scene::{
        Assign, CHOICE, Scene, assign, at, by, cannot_fix, command, complete, decline, expert, no_access, offer,
        offline, promise, request, text, timer,
    },
};
use crate::domain::skill::SkillLevel;

fn expired() -> Scene {
    Scene::new().did(offer("ann")).minute(5).did(timer(TimerKind::OfferExpiry)).minute(20)
}

#[test]
fn an_acceptance_made_in_time_and_sent_late_is_honoured_unless_passed_on() {
    // Before the expiry was noticed: the stop is still in the route.
    let pending = Scene::new().did(offer("ann")).minute(20);
    let decided = pending.when(offline("ann", 4, Action::Accept)).unwrap();
    assert_eq!(decided.events, [TicketEvent::Accepted { offer: 1, at: at(4), late: true }]);
    assert_eq!(decided.routes, [(expert("ann"), RouteEffect::Accept)]);
    // After: it has to be put back.
    let decided = expired().when(offline("ann", 5, Action::Accept)).unwrap();
    assert_eq!(decided.events, [TicketEvent::Accepted { offer: 1, at: at(5), late: true }]);
    assert_eq!(decided.routes, [(expert("ann"), RouteEffect::Restore)]);
    let after = expired().did(offline("ann", 5, Action::Accept));
    assert_eq!((after.ticket.phase, &after.ticket.visit.expert), (Phase::Assigned, &Some(expert("ann"))));
    assert_eq!(after.ticket.sla.respond.met_at, Some(at(5)));
    let replanned =
        after.did(|_| Command::Replan { expert: expert("ann"), planned_start: at(40), planned_end: at(70) });
    assert_eq!(replanned.ticket.visit.planned_start, Some(at(40)));
    // Not after somebody else was asked, nor after the plan changed.
    for passed_on in [
        expired().did(offer("bob")),
        expired().did(assign("bob", Assign { pin: true, ..CHOICE })),
        expired().did(|_| Command::Reschedule { window: Some(promise(300, 400)) }),
        expired().did(|_| Command::Hold { reason: "away".into(), until: None }).did(|_| Command::Release),
    ] {
        let decided = passed_on.when(offline("ann", 4, Action::Accept)).unwrap();
        assert_eq!(decided.refused, Some(Refusal::OfferExpired(at(5))));
    }
}

#[test]
fn an_acceptance_made_too_late_is_refused() {
    assert_eq!(expired().code(by("ann", Action::Accept)), "offer_expired");
    let pending = Scene::new().did(offer("ann")).minute(6);
    assert_eq!(pending.code(by("ann", Action::Accept)), "offer_expired");
    let on_time = Scene::new().did(offer("ann")).minute(5);
    assert_eq!(on_time.kinds(by("ann", Action::Accept)), ["ticket.accepted"]);
    let declined = Scene::new().did(offer("ann")).did(by("ann", decline()));
    assert_eq!(declined.code(by("ann", Action::Accept)), "wrong_phase");
}

#[test]
fn a_command_about_another_visit_or_offer_never_hits_this_one() {
    let scene = Scene::in_phase(Phase::Assigning);
    let about = |visit, offer| {
        move |_: &Ticket| Command::Expert(ExpertCommand { visit, offer, ..command("ann", Action::Accept) })
    };
    assert_eq!(scene.when(about(Some(2), None)), Err(Refusal::OtherVisit(2, 1)));
    assert_eq!(scene.when(about(Some(1), Some(9))), Err(Refusal::OtherOffer(9)));
    assert_eq!(scene.kinds(about(Some(1), Some(1))), ["ticket.accepted"]);
    let assigned = scene.did(about(None, None));
    let depart = |_: &Ticket| Command::Expert(ExpertCommand { offer: Some(2), ..command("ann", Action::Depart) });
    assert_eq!(assigned.code(depart), "other_offer");
}

#[test]
fn who_arrives_has_departed() {
    let scene = Scene::in_phase(Phase::Assigned).minute(25);
    let decided = scene.when(by("ann", Action::Arrive)).unwrap();
    assert_eq!(decided.events, [TicketEvent::Departed { at: at(25) }, TicketEvent::Arrived { at: at(25) }]);
    assert_eq!(decided.routes, [(expert("ann"), RouteEffect::Arrive(at(25)))]);
    let scene = scene.did(by("ann", Action::Arrive));
    assert_eq!(scene.ticket.step, Some(Step::OnSite));
    assert_eq!(scene.when(by("ann", Action::Arrive)), Ok(Decided::default()));
    assert_eq!(scene.when(by("ann", Action::Depart)), Ok(Decided::default()));
}

#[test]
fn a_day_without_coverage_merges_command_by_command() {
    let scene = Scene::new()
        .did(offer("ann"))
        .minute(300)
        .did(offline("ann", 3, Action::Accept))
        .did(offline("ann", 10, Action::Depart))
        .did(offline("ann", 31, Action::Arrive))
        .did(offline("ann", 62, complete()));
    let ticket = &scene.ticket;
    assert_eq!((ticket.phase, ticket.completed_at), (Phase::Completed, Some(at(62))));
    let past = &ticket.visits[0];
    assert_eq!((past.outcome, past.started_at, past.ended_at), (VisitOutcome::Completed, Some(at(31)), at(62)));
    assert_eq!(past.expert, Some(expert("ann")));
    assert_eq!(ticket.closes_at, Some(at(62).plus_s(i64::from(scene.settings.auto_close_s))));
}

#[test]
fn a_phones_clock_is_believed_between_the_last_step_and_two_minutes_ahead() {
    let scene = Scene::new().minute(10).did(offer("ann")).minute(11).did(by("ann", Action::Accept)).minute(20);
    let departed = |minute| scene.when(offline("ann", minute, Action::Depart)).unwrap().events;
    assert_eq!(departed(15), [TicketEvent::Departed { at: at(15) }]);
    assert_eq!(departed(22), [TicketEvent::Departed { at: at(22) }]);
    let clamped = |given, used| {
        [TicketEvent::TimeClamped { given: at(given), used: at(used) }, TicketEvent::Departed { at: at(used) }]
    };
    assert_eq!(departed(23), clamped(23, 22));
    assert_eq!(departed(500_000), clamped(500_000, 22));
    assert_eq!(departed(10), clamped(10, 11));
    assert_eq!(departed(-500_000), clamped(-500_000, 11));
}

#[test]
fn a_clock_ahead_does_not_cost_an_expert_the_offer() {
    let scene = Scene::new().did(offer("ann")).minute(4);
    let decided = scene.when(offline("ann", 6, Action::Accept)).unwrap();
    assert_eq!(decided.refused, None);
}

#[test]
fn a_client_id_takes_effect_once() {
    let identified = |name: &'static str, action: Action| {
        move |_: &Ticket| Command::Expert(ExpertCommand { id: Some("c-1".into()), ..command(name, action) })
    };
    let scene = Scene::in_phase(Phase::Assigning);
    assert_eq!(scene.kinds(identified("ann", decline())), ["ticket.declined", "ticket.command_seen"]);
    let scene = scene.did(identified("ann", decline())).did(assign("ann", CHOICE));
    assert_eq!(scene.when(identified("ann", decline())), Ok(Decided::default()));
    assert_eq!(scene.ticket.phase, Phase::Assigning);
}

#[test]
fn remembered_client_ids_are_bounded() {
    let mut scene = Scene::in_phase(Phase::Cancelled);
    for n in 0..100 {
        let late = ExpertCommand { id: Some(format!("c-{n}")), offline: true, ..command("ann", complete()) };
        let decided = scene.decide(Command::Expert(late)).unwrap();
        scene.apply(&decided);
    }
    assert_eq!(scene.ticket.refused_commands.len(), 32);
    assert_eq!(scene.ticket.refused_commands.last().unwrap(), "c-99");
}

#[test]
fn a_refused_offline_command_keeps_its_notes_once() {
    let scene = Scene::in_phase(Phase::Cancelled).minute(90);
    let late = |_: &Ticket| {
        let at = Some(at(62));
        Command::Expert(ExpertCommand { at, id: Some("c-7".into()), offline: true, ..command("ann", complete()) })
    };
    let refusal = Refusal::WrongPhase { command: "complete", phase: Phase::Cancelled };
    let decided = scene.when(late).unwrap();
    let kept = TicketEvent::CommandRefused {
        command: "complete".into(),
        code: "wrong_phase".into(),
        at: at(62),
        notes: text("fuse\nreplaced the fuse\nfuse 2A"),
        expert: Some(expert("ann")),
        id: Some("c-7".into()),
    };
    assert_eq!(decided, Decided { events: vec![kept], routes: vec![], refused: Some(refusal.clone()) });
    let mut scene = scene;
    scene.apply(&decided);
    assert_eq!(scene.ticket.phase, Phase::Cancelled);
    assert_eq!(scene.when(late), Ok(Decided { refused: Some(refusal.clone()), ..Decided::default() }));
    assert_eq!(scene.when(by("ann", complete())), Err(refusal), "online: plainly refused");
}

#[test]
fn what_the_next_visit_would_need_is_among_the_kept_notes() {
    let refused = Scene::in_phase(Phase::Cancelled).when(offline("ann", 1, cannot_fix("tv:3"))).unwrap();
    let [TicketEvent::CommandRefused { notes, .. }] = refused.events.as_slice() else { panic!() };
    assert_eq!(notes.known().unwrap(), "needs a master\ntv:3");
}

#[test]
fn card_numbers_do_not_get_into_notes() {
    let notes = "paid with 4111 1111 1111 1111".to_owned();
    let resolution = "5500-0000-0000-0004".to_owned();
    let action = Action::Complete { resolution, notes, parts: vec!["4111111111111111".into()] };
    let scene = Scene::in_phase(Phase::InProgress);
    let decided = scene.when(by("ann", action.clone())).unwrap();
    let [TicketEvent::Completed { notes, resolution, parts, typed, .. }] = decided.events.as_slice() else { panic!() };
    assert!(resolution.is_empty() && parts.is_empty(), "nothing that was typed lies in the clear");
    let typed = typed.as_ref().unwrap().known().unwrap();
    assert_eq!(notes.known().unwrap(), "paid with **** **** **** 1111");
    assert_eq!(typed.resolution.as_deref(), Some("****-****-****-0004"));
    assert_eq!(typed.parts, ["************1111"]);
    let refused = Scene::in_phase(Phase::Cancelled).when(offline("ann", 1, action)).unwrap();
    let [TicketEvent::CommandRefused { notes, .. }] = refused.events.as_slice() else { panic!() };
    assert!(!notes.known().unwrap().contains("4111 1111"));
}

#[test]
fn a_clerk_acts_for_an_expert_and_an_expert_for_nobody_else() {
    let scene = Scene::in_phase(Phase::Assigning);
    assert_eq!(scene.clone().by(Role::Clerk, "cleo").kinds(by("ann", Action::Accept)), ["ticket.accepted"]);
    assert_eq!(scene.clone().by(Role::Expert, "ann").kinds(by("ann", Action::Accept)), ["ticket.accepted"]);
    assert_eq!(scene.by(Role::Expert, "bob").code(by("ann", Action::Accept)), "not_yours");
}

#[test]
fn a_visit_in_vain_goes_on_as_the_next_visit_with_what_it_needs() {
    let on_site = Scene::in_phase(Phase::Assigned).minute(30).did(by("ann", Action::Arrive)).minute(50);
    let decided = on_site.when(by("ann", cannot_fix("tv:3"))).unwrap();
    assert_eq!(decided.routes, [(expert("ann"), RouteEffect::Finish { at: at(50), served: false })]);
    let scene = on_site.did(by("ann", cannot_fix("tv:3"))).minute(51).did(offer("ann"));
    assert_eq!((scene.ticket.visit.no, scene.ticket.visits[0].no), (2, 1));
    assert_eq!(scene.ticket.skills, [SkillLevel::parse("tv:3").unwrap()]);
    let on_the_way = Scene::in_phase(Phase::Assigned).did(by("ann", Action::Depart));
    assert_eq!(on_the_way.when(by("ann", no_access())).unwrap().routes, [(expert("ann"), RouteEffect::Remove)]);
    let lower = Scene::in_phase(Phase::Assigned).did(by("ann", cannot_fix("network")));
    let needs: Vec<String> = lower.ticket.skills.iter().map(ToString::to_string).collect();
    assert_eq!(needs, ["tv", "network"]);
}

#[test]
fn a_window_that_has_begun_does_not_bind_the_next_visit() {
    let mut request = request();
    request.window = Some(promise(20, 60));
    let early = Scene::of(request).did(offer("ann")).did(by("ann", Action::Accept));
    assert_eq!(early.clone().minute(10).did(by("ann", no_access())).ticket.window, Some(promise(20, 60)));
    assert_eq!(early.minute(25).did(by("ann", no_access())).ticket.window, None);
}

#[test]
fn a_late_report_of_a_visit_that_failed_does_not_hit_the_next_one() {
    let scene = Scene::in_phase(Phase::InProgress).did(by("ann", no_access())).did(offer("bob"));
    let late =
        |_: &Ticket| Command::Expert(ExpertCommand { visit: Some(1), offline: true, ..command("ann", complete()) });
    assert_eq!(scene.when(late).unwrap().refused, Some(Refusal::OtherVisit(1, 2)));
}

#[test]
fn a_resolution_in_time_that_comes_in_late_is_no_breach() {
    let mut request = request();
    request.priority = super::super::Priority::Urgent;
    let assigned = Scene::of(request).did(offer("ann")).did(by("ann", Action::Accept)).did(by("ann", Action::Arrive));
    let breached = assigned.minute(8 * 60 + 5).did(timer(TimerKind::ResolveBreach));
    assert!(breached.ticket.sla.resolve.breached);
    let resolve = |minute| breached.clone().did(offline("ann", minute, complete())).ticket.sla.resolve;
    assert!(!resolve(8 * 60).breached);
    assert!(resolve(8 * 60 + 1).breached);
}

#[test]
fn declining_ends_the_offer_and_frees_the_route() {
    let decided = Scene::in_phase(Phase::Assigning).minute(2).when(by("ann", decline())).unwrap();
    assert_eq!(decided.events, [super::scene::ended_event("ann", 1, OfferEnd::Declined, "too far", 2)]);
    assert_eq!(decided.routes, [(expert("ann"), RouteEffect::Remove)]);
    let told = Scene::in_phase(Phase::Assigned).waiting_deliveries();
    assert_eq!(told, [DeliveryKind::Opened, DeliveryKind::ExpertFound]);
}
