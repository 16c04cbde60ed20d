//! The planner of a region (policy `router`) when it goes wrong: it panics, hangs, or answers to what is no more.
//! Tickets get their offers all the same, nothing that was promised is broken, and every choice is explained.

use crate::common::tree::{ALWAYS, Time, Tree, at, desk, expert, play_by, quiet_storms, region, tv};
use callout::{
    actors::{Caller, Freeze, Kind},
    api::decision::decision_view,
    domain::{
        decision::{Decision, Policy, Verdict},
        drafts::RegionDraft,
        fact::Fact,
        ids::{Thing, TicketNumber},
        intake::NewTicket,
        skill::SkillLevel,
        ticket::{Action, Command, TicketEvent, Window, WindowKind},
    },
};
use std::sync::{Arc, Mutex};

/// A planner that hangs is given up after two seconds.
const OFFERED_MS: i64 = 4_000;

async fn town(tree: &Tree) {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("w", at(5.0, 5.0), "tv", ALWAYS).await;
    tree.expert("far", at(9.0, 9.0), "tv", ALWAYS).await;
}

fn decisions(tree: &Tree, number: TicketNumber) -> Vec<Decision> {
    let past = tree.service.store().history(&Thing::Ticket(number)).unwrap();
    let decided = past.into_iter().filter_map(|event| match event.fact {
        Fact::Ticket(TicketEvent::Decided(decision)) => Some(*decision),
        _ => None,
    });
    decided.collect()
}

/// They have it: drives there and mends it.
async fn serve(tree: &Tree, number: TicketNumber, id: &str) {
    let done = Action::Complete { resolution: "fixed".into(), notes: String::new(), parts: Vec::new() };
    for action in [Action::Depart, Action::Arrive, done] {
        tree.act(number, id, action).await.unwrap();
    }
}

#[test]
fn who_could_come_and_is_kept_is_on_record_with_figures() {
    play_by(Policy::Full, Time::Virtual, async |tree: &Tree| {
        town(tree).await;
        let number = tree.open(tv(5.0, 6.0)).await;
        assert_eq!(tree.offered(number).await, "w");
        let decision = decisions(tree, number).pop().unwrap();
        let plan = decision.plan.clone().expect("a plan chose");
        assert_eq!((plan.expert.as_str(), plan.route_version), ("w", 0));
        let far = decision.candidates.iter().find(|candidate| candidate.expert.as_str() == "far").unwrap();
        let Verdict::Kept(bid, kept) = &far.verdict else { panic!("far could come: {far:?}") };
        assert!(bid.cost.total() > 0 && kept.ticket.is_none(), "{kept:?}");
        assert!(kept.dearer_s.is_some_and(|more| more > 600), "to and fro from the other corner: {kept:?}");
        let town = tree.service.store().region(&region("west"));
        let view = decision_view(1, &decision, town.as_deref());
        let why = view["candidates"][0]["why"].as_str().unwrap();
        assert!(why.starts_with("could be there at 10:") && why.contains("of driving more"), "{why}");
        assert_eq!(view["candidates"][0]["ruled_out"], "planned");
    });
}

#[test]
fn whoever_refused_is_asked_once_more_when_nobody_else_is_left() {
    play_by(Policy::Full, Time::Virtual, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.expert("w", at(5.0, 5.0), "tv", ALWAYS).await;
        let number = tree.open(tv(5.0, 6.0)).await;
        assert_eq!(tree.offered(number).await, "w");
        tree.act(number, "w", Action::Decline { reason: "no parts in the van".into() }).await.unwrap();
        assert_eq!(tree.offered(number).await, "w");
        assert_eq!(tree.ticket(number).next_offer, 3, "a second offer, and nothing left out for good");
    });
}

#[test]
fn what_waits_for_a_shift_is_planned_when_it_begins_though_nothing_else_happens() {
    play_by(Policy::Full, Time::Virtual, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.expert("w", at(5.0, 5.0), "tv", "tue-sun 09:00-17:00").await;
        let number = tree.open(tv(5.0, 6.0)).await;
        tree.pass(22 * 3_600).await;
        assert_eq!(tree.offered(number).await, "w");
    });
}

/// One visit is with the expert at home, three more wait behind it.
async fn three_wait_at_home(tree: &Tree) -> Vec<TicketNumber> {
    let first = tree.open(tv(8.5, 5.0)).await;
    assert_eq!(tree.offered(first).await, "w", "home first");
    let mut held = Vec::new();
    for north in [5.1, 5.2, 5.3] {
        held.push(tree.open(tv(8.5, north)).await);
    }
    held
}

#[test]
fn a_neighbour_takes_what_would_wait_at_home_and_no_more() {
    play_by(Policy::Full, Time::Virtual, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.square("east", 10.0, |_| {}).await;
        tree.expert("w", at(9.0, 5.0), "tv", ALWAYS).await;
        tree.expert("e", at(11.0, 5.0), "tv", ALWAYS).await;
        let held = three_wait_at_home(tree).await;
        let away = || held.iter().filter(|number| tree.ticket(**number).region == region("east")).count();
        tree.until("a neighbour helps", || held.iter().any(|number| tree.ticket(*number).visit.offer.is_some())).await;
        let helped = held.iter().find(|number| tree.ticket(**number).visit.offer.is_some()).copied().unwrap();
        assert_eq!((tree.offered(helped).await.as_str(), tree.ticket(helped).region.clone()), ("e", region("east")));
        tree.pass(60).await;
        assert!((1..3).contains(&away()), "whoever is at home goes on with the rest: {}", away());
        assert!(held.iter().all(|number| tree.ticket(*number).handovers < 2), "and none goes to and fro");
    });
}

#[test]
fn nobody_takes_over_what_is_as_well_served_at_home() {
    play_by(Policy::Full, Time::Virtual, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.square("east", 10.0, |_| {}).await;
        tree.expert("w", at(9.0, 5.0), "tv", ALWAYS).await;
        // An hour and a half away.
        tree.expert("e", at(19.0, 5.0), "tv", ALWAYS).await;
        let first = tree.open(tv(8.5, 5.0)).await;
        assert_eq!(tree.offered(first).await, "w");
        let next = tree.open(tv(8.5, 5.1)).await;
        tree.pass(60).await;
        let ticket = tree.ticket(next);
        assert_eq!((ticket.region.as_str(), ticket.handovers, ticket.visit.offer.is_none()), ("west", 0, true));
    });
}

fn panicking(time: Time) {
    quiet_storms();
    play_by(Policy::Full, time, async |tree: &Tree| {
        town(tree).await;
        tree.service.faults().panic_next(Kind::Planner, 2);
        let first = tree.open(tv(5.0, 6.0)).await;
        assert_eq!(tree.offered(first).await, "w", "without a plan whoever bids least comes");
        assert_eq!(decisions(tree, first).pop().unwrap().plan, None);
        tree.until("the other planner failed too, if anything changed", || {
            tree.service.faults().owed(Kind::Planner) < 2
        })
        .await;
        tree.service.faults().calm();
        tree.act(first, "w", Action::Accept).await.unwrap();
        serve(tree, first, "w").await;
        let second = tree.open(tv(5.0, 6.0)).await;
        tree.offered(second).await;
        assert!(decisions(tree, second).pop().unwrap().plan.is_some(), "planned again");
    });
}

#[test]
fn a_planner_that_panics_costs_a_plan_and_no_offer() {
    panicking(Time::Virtual);
}

#[test]
fn a_planner_that_panics_costs_a_plan_and_no_offer_on_the_machines_clock() {
    panicking(Time::Machine);
}

/// The next planner of the region waits until the sender is dropped.
async fn block(tree: &Tree) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    let lock = Arc::new(Mutex::new(()));
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let mutex = lock.clone();
    let held = tokio::task::spawn_blocking(move || {
        let _guard = mutex.lock().unwrap();
        locked.send(()).unwrap();
        let _ = wait.recv();
    });
    is_locked.await.unwrap();
    tree.service.faults().freeze("planner of west", Freeze::Block(lock));
    (let_go, held)
}

#[test]
fn a_planner_that_hangs_is_given_up_and_its_late_answer_ignored() {
    play_by(Policy::Full, Time::Machine, async |tree: &Tree| {
        town(tree).await;
        let (let_go, held) = block(tree).await;
        let began = tree.clock.now();
        let first = tree.open(tv(5.0, 6.0)).await;
        assert_eq!(tree.offered(first).await, "w");
        let took_ms = tree.clock.now().since_ms(began);
        assert!((1_500..OFFERED_MS).contains(&took_ms), "{took_ms} ms");
        // While that one still hangs there is no other planner, and tickets go on.
        let second = tree.open(tv(9.0, 8.0)).await;
        assert_eq!(tree.offered(second).await, "far");
        assert!(decisions(tree, second).iter().all(|decision| decision.plan.is_none()));
        drop(let_go);
        held.await.unwrap();
        tree.act(first, "w", Action::Accept).await.unwrap();
        serve(tree, first, "w").await;
        let third = tree.open(tv(5.0, 6.0)).await;
        assert_eq!(tree.offered(third).await, "w");
        assert!(decisions(tree, third).pop().unwrap().plan.is_some(), "planned again");
    });
}

#[test]
fn a_plan_of_routes_that_moved_meanwhile_is_made_again() {
    play_by(Policy::Full, Time::Machine, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.expert("w", at(5.0, 5.0), "tv", ALWAYS).await;
        let roof = NewTicket { skills: vec![SkillLevel::parse("roof").unwrap()], ..tv(8.0, 8.0) };
        let by_hand = tree.open(roof).await;
        tree.until("nobody can", || tree.ticket(by_hand).escalation.is_some()).await;
        let (let_go, held) = block(tree).await;
        let planned = tree.open(tv(5.0, 6.0)).await;
        tree.until("the planner has its snapshot", || tree.service.faults().unmet() == 0).await;
        tree.service.assign(by_hand, &expert("w"), "the only one".into(), true, true, &desk()).await.unwrap();
        drop(let_go);
        held.await.unwrap();
        tree.until("it is told that it waits", || tree.ticket(planned).waiting.is_some()).await;
        assert!(tree.ticket(planned).visit.offer.is_none(), "not on a route that is another by now");
        assert_eq!(tree.service.store().route(&expert("w")).unwrap().stops.len(), 1);
        serve(tree, by_hand, "w").await;
        assert_eq!(tree.offered(planned).await, "w", "when they are free");
    });
}

/// Each morning somebody wants six hours of what only `rare` can do, and thinks better of it; before that it went to
/// `another` region, if there is one.
async fn weeks_of_hifi(tree: &Tree, days: usize, another: Option<&str>) {
    for _ in 0..days {
        let hifi = vec![SkillLevel::parse("hifi").unwrap()];
        // So far ahead that nobody is told yet.
        let from = tree.clock.now().plus_s(3 * 3_600);
        let window = Some(Window { from, to: from.plus_s(8 * 3_600), kind: WindowKind::Wish });
        let number = tree.open(NewTicket { skills: hifi, service_s: Some(6 * 3_600), window, ..tv(5.0, 5.0) }).await;
        tree.settle().await;
        if let Some(to) = another.map(region) {
            tree.command(number, Command::HandOver { to, why: "they have time".into() }).await.unwrap();
            tree.settle().await;
        }
        let cancel = Command::Cancel { reason: "it works again".into() };
        tree.command(number, cancel).await.unwrap();
        tree.pass(24 * 3_600).await;
    }
}

/// Two who can do TVs live so far east; the nearer one can do what is rare besides.
async fn rare_and_usual(tree: &Tree, of: &str, east_km: f64) {
    tree.square(of, east_km, |settings| settings.weights.scarcity = 0.5).await;
    tree.expert(&format!("rare{of}"), at(east_km + 5.0, 5.0), "tv hifi", ALWAYS).await;
    tree.expert(&format!("usual{of}"), at(east_km + 8.0, 5.0), "tv", ALWAYS).await;
}

/// Who gets a TV between them; nobody has anything to do afterwards.
async fn who_goes(tree: &Tree, east_km: f64) -> String {
    let number = tree.open(tv(east_km + 6.0, 5.0)).await;
    let who = tree.offered(number).await;
    tree.command(number, Command::Cancel { reason: "it works again".into() }).await.unwrap();
    tree.settle().await;
    who
}

#[test]
fn whoever_can_do_what_is_rare_is_kept_for_it_also_after_a_crash() {
    quiet_storms();
    play_by(Policy::Full, Time::Virtual, async |tree: &Tree| {
        rare_and_usual(tree, "west", 0.0).await;
        assert_eq!(who_goes(tree, 0.0).await, "rarewest", "the nearer one, while nothing is known of other days");
        weeks_of_hifi(tree, 7, None).await;
        assert_eq!(who_goes(tree, 0.0).await, "usualwest");
        tree.service.faults().panic_next(Kind::Dispatcher, 1);
        // What is usual outlives the dispatcher until the store was read: this one may still be judged by it.
        who_goes(tree, 0.0).await;
        assert_eq!(tree.service.faults().struck(), 1, "it begins anew");
        assert_eq!(who_goes(tree, 0.0).await, "usualwest", "what was asked for is in the store");
    });
}

#[test]
fn what_was_handed_over_was_asked_for_at_home_before_and_after_a_crash() {
    quiet_storms();
    play_by(Policy::Full, Time::Virtual, async |tree: &Tree| {
        rare_and_usual(tree, "west", 0.0).await;
        // Too far for either to take over from the other by itself.
        rare_and_usual(tree, "east", 400.0).await;
        weeks_of_hifi(tree, 7, Some("east")).await;
        let both = async || (who_goes(tree, 0.0).await, who_goes(tree, 400.0).await);
        let home_alone = ("usualwest".to_owned(), "rareeast".to_owned());
        assert_eq!(both().await, home_alone);
        for east_km in [0.0, 400.0] {
            tree.service.faults().panic_next(Kind::Dispatcher, 1);
            who_goes(tree, east_km).await;
        }
        assert_eq!(tree.service.faults().struck(), 2, "both begin anew");
        assert_eq!(both().await, home_alone);
    });
}

#[test]
fn days_are_the_regions_own_as_soon_as_it_has_another_time_zone() {
    play_by(Policy::Full, Time::Virtual, async |tree: &Tree| {
        rare_and_usual(tree, "west", 0.0).await;
        tree.pass(4 * 24 * 3_600).await;
        // On Friday morning, to begin in the afternoon.
        weeks_of_hifi(tree, 1, None).await;
        assert_eq!(who_goes(tree, 0.0).await, "rarewest", "nothing is known of a Saturday");
        let before = tree.service.store().region(&region("west")).unwrap();
        let draft = RegionDraft {
            id: before.id.clone(),
            name: before.name.clone(),
            // There it was Saturday, and is Sunday.
            time_zone: "Pacific/Auckland".into(),
            geometry: before.geometry.clone(),
            zips: before.zips.clone(),
            settings: None,
        };
        tree.service.write_region(draft, &Caller::system()).await.unwrap();
        tree.settle().await;
        assert_eq!(who_goes(tree, 0.0).await, "usualwest", "on a weekend it is usual");
    });
}
