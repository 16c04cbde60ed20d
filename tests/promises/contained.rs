//! P9 and P10: an actor that freezes, blocks or keeps crashing is found, replaced, and at last contained,
//! and nobody else notices.

use crate::common::tree::{ALWAYS, Time, Tree, at, play, quiet_storms, region, tv};
use callout::{
    actors::{Caller, Failure, Freeze, Kind, Service},
    api::region::RegionView,
    domain::{
        ids::{Thing, TicketNumber},
        ticket::{Action, Command},
    },
    telemetry::{Incident, Incidents, incidents},
};
use std::sync::{Arc, Mutex};

/// Found within, replaced within, and what the others may notice, milliseconds.
const FOUND_MS: i64 = 2_000;
const REPLACED_MS: i64 = 3_000;
const UNNOTICED_MS: i64 = 1_000;

fn note(text: &str) -> Command {
    Command::Note { text: text.into() }
}

/// A counter of the metrics page.
fn counter(service: &Service, name: &str) -> u64 {
    let metrics = service.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no counter {name}"))
}

/// The record of incidents of a tree.
struct Told {
    incidents: Incidents,
    _dir: tempfile::TempDir,
}

impl Told {
    fn over(tree: &Tree) -> Self {
        let (dir, telemetry) = (tempfile::tempdir().unwrap(), tree.service.store().telemetry());
        telemetry.incidents.open(dir.path(), telemetry.metrics.clone()).unwrap();
        Self { incidents: telemetry.incidents.clone(), _dir: dir }
    }

    fn told(&self) -> Vec<Incident> {
        self.incidents.flush();
        self.incidents.between(0, i64::MAX / 2)
    }
}

/// Two regions with an expert each, and a ticket in the first that rests with its expert.
async fn town(tree: &Tree) -> TicketNumber {
    tree.square("west", 0.0, |_| {}).await;
    tree.square("east", 10.0, |_| {}).await;
    tree.expert("w", at(5.0, 5.0), "tv", ALWAYS).await;
    tree.expert("e", at(15.0, 5.0), "tv", ALWAYS).await;
    let number = tree.open(tv(5.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "w");
    tree.act(number, "w", Action::Accept).await.unwrap();
    tree.until("everybody was told", || tree.ticket(number).deliveries.is_empty()).await;
    number
}

/// Milliseconds until a ticket in the east is offered: what others notice.
async fn east_goes_on(tree: &Tree) {
    let began = tree.clock.now();
    let number = tree.open(tv(15.0, 5.0)).await;
    assert_eq!(tree.offered(number).await, "e");
    let took_ms = tree.clock.now().since_ms(began);
    assert!(took_ms < UNNOTICED_MS, "the other region took {took_ms} ms");
}

#[test]
fn a_ticket_actor_that_awaits_for_ever_is_replaced() {
    play(Time::Machine, async |tree: &Tree| {
        let incidents = Told::over(tree);
        let number = town(tree).await;
        tree.service.faults().freeze(&format!("ticket {number}"), Freeze::Await);
        let began = tree.clock.now();
        let asked = tree.command(number, note("are you there?"));
        let found = async {
            east_goes_on(tree).await;
            tree.until("it is found", || counter(&tree.service, "callout_actors_frozen_total") == 1).await;
            tree.clock.now().since_ms(began)
        };
        let (answer, found_ms) = tokio::join!(asked, found);
        let answered_ms = tree.clock.now().since_ms(began);
        answer.unwrap();
        assert!(found_ms <= FOUND_MS && answered_ms <= REPLACED_MS, "{found_ms} ms, {answered_ms} ms");
        let told = incidents.told();
        let freeze = told.iter().find(|incident| incident.kind == incidents::Kind::Freeze).expect("it is on record");
        assert_eq!(freeze.ticket, Some(number.to_string()));
    });
}

#[test]
fn a_dispatcher_that_awaits_for_ever_is_replaced() {
    play(Time::Machine, async |tree: &Tree| {
        town(tree).await;
        tree.service.faults().freeze("dispatcher of west", Freeze::Await);
        let began = tree.clock.now();
        let number = tree.open(tv(6.0, 5.0)).await;
        let offered = async {
            tree.offered(number).await;
            tree.clock.now().since_ms(began)
        };
        let (offered_ms, ()) = tokio::join!(offered, east_goes_on(tree));
        assert!((1_000..=REPLACED_MS).contains(&offered_ms), "{offered_ms} ms");
    });
}

#[test]
fn an_expert_actor_that_awaits_for_ever_holds_nobody_up() {
    play(Time::Machine, async |tree: &Tree| {
        town(tree).await;
        tree.expert("beside", at(8.0, 8.0), "tv", ALWAYS).await;
        tree.service.faults().freeze("expert w", Freeze::Await);
        let began = tree.clock.now();
        let number = tree.open(tv(5.0, 5.0)).await;
        assert_eq!(tree.offered(number).await, "beside", "the nearest did not answer");
        assert!(tree.clock.now().since_ms(began) < UNNOTICED_MS);
        tree.until("it is found", || counter(&tree.service, "callout_actors_frozen_total") == 1).await;
        assert!(tree.clock.now().since_ms(began) <= FOUND_MS);
        let next = tree.open(tv(5.0, 5.0)).await;
        assert_eq!(tree.offered(next).await, "w", "it answers again");
    });
}

/// Freezes an actor on its thread until the sender is dropped.
async fn block(service: &Service, actor: &str) -> Held {
    let lock = Arc::new(Mutex::new(()));
    let held = tokio::task::spawn_blocking(hold(lock.clone())).await.unwrap();
    service.faults().freeze(actor, Freeze::Block(lock));
    held
}

#[test]
fn a_ticket_actor_that_blocks_its_thread_is_replaced_and_fenced() {
    play(Time::Machine, async |tree: &Tree| {
        let number = town(tree).await;
        let (let_go, held) = block(&tree.service, &format!("ticket {number}")).await;
        let began = tree.clock.now();
        let service = tree.service.clone();
        let stuck = tokio::spawn(async move { service.command(number, note("stuck"), &Caller::system()).await });
        east_goes_on(tree).await;
        tree.until("it is replaced", || counter(&tree.service, "callout_actors_blocked_total") == 1).await;
        tree.command(number, note("after")).await.unwrap();
        let replaced_ms = tree.clock.now().since_ms(began);
        assert!(replaced_ms <= REPLACED_MS, "{replaced_ms} ms");
        drop(let_go);
        held.await.unwrap();
        // What it had in hand is stored once or not at all, and the caller is told which, or that nobody knows.
        let told = stuck.await.unwrap();
        assert!(matches!(told, Ok(_) | Err(Failure::OutcomeUnknown)), "{told:?}");
        let history = tree.service.store().history(&Thing::Ticket(number)).unwrap();
        let notes = history.iter().filter(|recorded| recorded.fact.kind() == "ticket.note_added").count();
        assert!((1..=2).contains(&notes) && (told.is_err() || notes == 2), "{notes} notes");
    });
}

#[test]
fn who_comes_while_a_ticket_is_told_to_wait_is_asked() {
    play(Time::Machine, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        // The first of January 1970 was a Thursday.
        let in_three_days = (tree.clock.now().0 / 86_400_000 + 6) % 7;
        let day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][in_three_days as usize];
        tree.expert("later", at(6.0, 5.0), "tv", &format!("{day} 09:00-17:00")).await;
        let number = tree.open(tv(5.0, 5.0)).await;
        tree.until("nobody works", || tree.ticket(number).waiting.is_some()).await;
        tree.until("the customer was told", || tree.ticket(number).deliveries.is_empty()).await;
        let (let_go, held) = block(&tree.service, &format!("ticket {number}")).await;
        tree.service.optimise(&region("west")).unwrap();
        tree.until("it is told again", || tree.service.faults().unmet() == 0).await;
        tree.expert("w", at(5.0, 5.0), "tv", ALWAYS).await;
        drop(let_go);
        held.await.unwrap();
        assert_eq!(tree.offered(number).await, "w", "what woke it meanwhile is not lost");
    });
}

#[test]
fn a_dispatcher_that_blocks_its_thread_is_replaced() {
    play(Time::Machine, async |tree: &Tree| {
        town(tree).await;
        let (let_go, held) = block(&tree.service, "dispatcher of west").await;
        let began = tree.clock.now();
        let number = tree.open(tv(6.0, 5.0)).await;
        let offered = async {
            tree.offered(number).await;
            tree.clock.now().since_ms(began)
        };
        let (offered_ms, ()) = tokio::join!(offered, east_goes_on(tree));
        assert!((1_000..=REPLACED_MS).contains(&offered_ms), "{offered_ms} ms");
        drop(let_go);
        held.await.unwrap();
        assert!(tree.service.readiness().unready.is_empty(), "the old one's end does not count as the new one's");
    });
}

type Held = (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<()>);

/// Locks on a thread of its own; unlocked when the sender is dropped.
fn hold(lock: Arc<Mutex<()>>) -> impl FnOnce() -> Held {
    move || {
        let (let_go, wait) = std::sync::mpsc::channel::<()>();
        let (locked, is_locked) = std::sync::mpsc::channel();
        let held = tokio::task::spawn_blocking(move || {
            let _guard = lock.lock().unwrap();
            locked.send(()).unwrap();
            let _ = wait.recv();
        });
        is_locked.recv().unwrap();
        (let_go, held)
    }
}

/// Crashes of a dispatcher that are forgiven within ten seconds, and of a ticket within a minute.
const REGION_BUDGET: u64 = 20;
const TICKET_BUDGET: u64 = 5;
const PARK_PAUSE_S: i64 = 10;

#[test]
fn a_region_that_keeps_crashing_is_parked_and_tried_again() {
    quiet_storms();
    play(Time::Virtual, async |tree: &Tree| {
        town(tree).await;
        tree.service.faults().panic_next(Kind::Dispatcher, REGION_BUDGET + 1);
        let number = tree.open(tv(6.0, 5.0)).await;
        tree.settle().await;
        let readiness = tree.service.readiness();
        assert_eq!(readiness.unready.len(), 1);
        assert_eq!(readiness.unready[0].region, region("west"));
        assert!(readiness.unready[0].why.starts_with("parked"), "{}", readiness.unready[0].why);
        assert!(readiness.ready, "the others work");
        let shown = |id: &str| {
            let known = tree.service.store().region(&region(id)).unwrap();
            let view = RegionView::new(&known, false).parked(tree.service.parked(&known.id));
            serde_json::to_value(view).unwrap()["parked"].clone()
        };
        assert!(shown("west").as_str().is_some_and(|why| why.contains("keeps crashing")), "{}", shown("west"));
        assert!(shown("east").is_null());
        // Intake goes on, and so does the other region.
        let second = tree.open(tv(7.0, 5.0)).await;
        east_goes_on(tree).await;
        assert!(tree.ticket(number).visit.offer.is_none());
        tree.pass(PARK_PAUSE_S).await;
        assert!(tree.service.readiness().unready.is_empty() && shown("west").is_null());
        assert_eq!((tree.offered(number).await, tree.offered(second).await), ("w".into(), "w".into()));
    });
}

#[test]
fn a_parked_region_is_unparked_by_a_person() {
    quiet_storms();
    play(Time::Virtual, async |tree: &Tree| {
        town(tree).await;
        tree.service.faults().panic_next(Kind::Dispatcher, REGION_BUDGET + 1);
        let number = tree.open(tv(6.0, 5.0)).await;
        tree.settle().await;
        assert_eq!(tree.service.readiness().unready.len(), 1);
        tree.service.unpark(&region("west")).unwrap();
        let before = tree.clock.now();
        assert_eq!(tree.offered(number).await, "w");
        assert!(tree.clock.now().since_s(before) < PARK_PAUSE_S);
    });
}

#[test]
fn within_its_budget_a_dispatcher_starts_again_where_it_was() {
    quiet_storms();
    play(Time::Virtual, async |tree: &Tree| {
        town(tree).await;
        tree.service.faults().panic_next(Kind::Dispatcher, REGION_BUDGET);
        let number = tree.open(tv(6.0, 5.0)).await;
        assert_eq!(tree.offered(number).await, "w");
        assert_eq!(tree.service.faults().struck(), REGION_BUDGET);
    });
}

#[test]
fn a_ticket_that_keeps_crashing_is_quarantined_until_somebody_resumes_it() {
    quiet_storms();
    play(Time::Virtual, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        let number = tree.open(tv(6.0, 5.0)).await;
        tree.until("nobody is there", || tree.ticket(number).waiting.is_some()).await;
        tree.service.faults().panic_next(Kind::Ticket, TICKET_BUDGET + 1);
        tree.command(number, note("poison")).await.unwrap();
        tree.settle().await;
        let cause = tree.ticket(number).quarantined.clone().expect("it is out of the automatic path");
        assert!(cause.contains("the storm struck"), "{cause}");
        tree.expert("w", at(5.0, 5.0), "tv", ALWAYS).await;
        tree.pass(3_600).await;
        assert!(tree.ticket(number).visit.offer.is_none());
        tree.command(number, Command::Resume).await.unwrap();
        assert_eq!(tree.offered(number).await, "w");
    });
}
