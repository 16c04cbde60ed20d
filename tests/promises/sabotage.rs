//! One test for each deliberate fault (`make sabotage`): green as things are, red when
//! `CALLOUT_SABOTAGE` breaks what it is named after.

use crate::common::tree::{
    ALWAYS, MONDAY, Time, Tree, at, by, desk, expert, region, reopen, runtime, store_options, tv, violations,
};
use callout::{
    actors::{Caller, Clock, Failure},
    domain::{
        drafts::RegionDraft,
        fact::{Fact, State},
        ids::{Thing, TicketNumber},
        intake::NewTicket,
        place::Geometry,
        region::RegionEvent,
        ticket::{Command, Role, Who},
        time::Timestamp,
    },
    storage::{
        Batch, Change, ClaimKey, CommitError, Durability, Envelope, Store,
        journal::{
            faults::{DiskFault, FaultPlan},
            memory::{MemoryDisk, MemoryJournal},
        },
    },
};
use std::sync::Arc;
use tempfile::TempDir;

fn batch(changes: Vec<Change>) -> Batch {
    let envelope = Envelope {
        at: Timestamp::parse(MONDAY).unwrap(),
        who: Who::system(),
        request_id: None,
        cause: None,
        trace_id: None,
    };
    Batch { envelope, changes, guards: vec![], claims: vec![] }
}

/// The region as it would be under another name.
fn renamed(store: &Store, name: &str) -> Change {
    let before = store.region(&region("west")).unwrap();
    let mut after = (*before).clone();
    after.name = name.into();
    let fact = Fact::Region(RegionEvent::Written(Box::new(after)));
    let thing = Thing::Region(before.id.clone());
    Change::new(before.id.clone(), thing, Some(State::Region(before)), vec![fact]).unwrap()
}

async fn west(tree: &Tree) {
    let draft = RegionDraft {
        id: region("west"),
        name: "west".into(),
        time_zone: "America/New_York".into(),
        geometry: Geometry { polygons: vec![] },
        zips: vec![],
        settings: None,
    };
    tree.service.write_region(draft, &Caller::system()).await.unwrap();
}

/// P1: power is lost while the commit is written. Whoever was told "stored" finds it after the restart.
#[test]
fn answer_before_fsync() {
    let data = TempDir::new().unwrap();
    let (disk, plan) = (MemoryDisk::default(), FaultPlan::default());
    let open = || {
        let journal = MemoryJournal::open(disk.clone(), plan.clone()).unwrap();
        let options = store_options(data.path(), Durability::Fsync);
        Store::open_over(Box::new(journal), &options, |_| {})
    };
    let told = runtime(Time::Machine).block_on(async {
        let tree = Tree::over(open().unwrap(), Clock::machine(Timestamp::ZERO), None).await;
        west(&tree).await;
        let store = tree.service.store().clone();
        plan.inject(1, DiskFault::TornTail(7));
        store.commit(batch(vec![renamed(&store, "after")])).await
    });
    let store = loop {
        // The tree of before lets go of the data directory with its threads.
        if let Ok(store) = open() {
            break store;
        }
        std::thread::yield_now();
    };
    let stored = store.region(&region("west")).unwrap().name == "after";
    assert!(told.is_err() || stored, "told {told:?}, and it is lost");
    assert!(!stored && matches!(told, Err(CommitError::OutcomeUnknown)), "{told:?}");
}

/// P3: two decisions on the same version; the second must not overwrite the first.
#[test]
fn drop_guard() {
    let data = TempDir::new().unwrap();
    runtime(Time::Virtual).block_on(async {
        let tree = Tree::start(data.path(), Time::Virtual, MONDAY, None).await;
        west(&tree).await;
        let store = tree.service.store();
        let (first, second) = (renamed(store, "first"), renamed(store, "second"));
        store.commit(batch(vec![first])).await.unwrap();
        let told = store.commit(batch(vec![second])).await;
        assert!(matches!(told, Err(CommitError::Conflict(Thing::Region(_)))), "{told:?}");
        assert_eq!(store.region(&region("west")).unwrap().name, "first");
    });
}

/// Runs a tree on virtual time over a durable store, drops it as a crash would, runs it again over
/// what it left.
fn crash_between<T>(
    mailboxes: (Option<&std::path::Path>, Option<&std::path::Path>),
    before: impl AsyncFnOnce(&Tree) -> T,
    after: impl AsyncFnOnce(&Tree, T),
) {
    let data = TempDir::new().unwrap();
    let (handed_on, crashed_at) = runtime(Time::Virtual).block_on(async {
        let clock = Clock::virtual_from(Timestamp::parse(MONDAY).unwrap());
        let store = reopen(data.path(), Durability::Fsync);
        let tree = Tree::over(store, clock, mailboxes.0.map(Into::into)).await;
        let handed_on = before(&tree).await;
        tree.service.store().flush().unwrap();
        (handed_on, tree.clock.now())
    });
    let store = reopen(data.path(), Durability::Fsync);
    runtime(Time::Virtual).block_on(async {
        let tree = Tree::over(store, Clock::virtual_from(crashed_at), mailboxes.1.map(Into::into)).await;
        after(&tree, handed_on).await;
        let wrong = violations(tree.service.store(), &[]);
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

/// P6: an offer was out when the process died; it expires all the same and the next one is asked.
#[test]
fn skip_timer() {
    let offer_out = async |tree: &Tree| -> TicketNumber {
        tree.square("west", 0.0, |_| {}).await;
        tree.expert("first", at(5.5, 5.0), "tv", ALWAYS).await;
        tree.expert("second", at(9.0, 5.0), "tv", ALWAYS).await;
        let number = tree.open(tv(5.0, 5.0)).await;
        assert_eq!(tree.offered(number).await, "first");
        let sent = || tree.ticket(number).deliveries.iter().all(|delivery| !delivery.status.due());
        tree.until("nothing else is due", sent).await;
        number
    };
    crash_between((None, None), offer_out, async |tree: &Tree, number| {
        assert_eq!(tree.ticket(number).visit.expert, Some(expert("first")));
        tree.pass(301).await;
        assert_eq!(tree.ticket(number).visit.expert, Some(expert("second")), "expired and passed on");
    });
}

/// P6: a message that could not be sent before the crash is sent after it.
#[test]
fn forget_outbox() {
    let folder = TempDir::new().unwrap();
    let (broken, works) = (folder.path().join("file"), folder.path().join("mailbox"));
    std::fs::write(&broken, "no folder").unwrap();
    let unsent = async |tree: &Tree| -> TicketNumber {
        tree.square("west", 0.0, |_| {}).await;
        let number = tree.open(tv(5.0, 5.0)).await;
        tree.until("it waits for the roster", || tree.ticket(number).waiting.is_some()).await;
        assert_eq!(tree.ticket(number).deliveries.len(), 1, "the customer was not told yet");
        number
    };
    crash_between((Some(&broken), Some(&works)), unsent, async |tree: &Tree, number| {
        tree.pass(120).await;
        assert!(tree.ticket(number).deliveries.is_empty(), "told after the restart");
        let letters = std::fs::read_dir(&works).unwrap().count();
        assert_eq!(letters, 1);
    });
}

/// Snapshots follow the journal in its order: after a restart a ticket is as it was last.
#[test]
fn snapshot_order() {
    let many_changes = async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        let number = tree.open(tv(5.0, 5.0)).await;
        tree.settle().await;
        for n in 0..8 {
            let caller = Caller { patience: std::time::Duration::from_secs(5), ..desk() };
            let note = Command::Note { text: format!("note {n}") };
            tree.service.command(number, note, &caller).await.unwrap();
        }
        tree.command(number, Command::Hold { reason: "wait".into(), until: None }).await.unwrap();
        tree.settle().await;
        (number, tree.ticket(number))
    };
    crash_between((None, None), many_changes, async |tree: &Tree, (number, before)| {
        assert_eq!(*tree.ticket(number), *before);
    });
}

/// The same key is the same key wherever the place lies: one ticket.
#[test]
fn idempotency_one_region() {
    let data = TempDir::new().unwrap();
    runtime(Time::Machine).block_on(async {
        let tree = Tree::start(data.path(), Time::Machine, MONDAY, None).await;
        tree.square("west", 0.0, |_| {}).await;
        tree.square("east", 10.0, |_| {}).await;
        for n in 0..10 {
            let key = ClaimKey::idempotency("portal", "POST", "/v1/tickets", &n.to_string());
            let caller = |body| Caller { idempotency: Some((key, body)), ..by(Role::Portal, "portal") };
            let (here, there) = (caller(1), caller(2));
            let (first, second) =
                tokio::join!(tree.service.open(tv(5.0, 5.0), &here), tree.service.open(tv(15.0, 5.0), &there));
            assert!(first.is_ok() != second.is_ok(), "one ticket: {first:?} {second:?}");
            let other = first.err().or(second.err());
            assert!(matches!(other, Some(Failure::KeyReused)), "{other:?}");
            // With the same body a repeat is answered as before, and an external id counts alike.
            let named = NewTicket { external_id: Some(format!("order {n}")), ..tv(5.0, 5.0) };
            let moved = NewTicket { place: Some(at(15.0, 5.0)), ..named.clone() };
            let portal = by(Role::Portal, "portal");
            let (first, second) = tokio::join!(tree.service.open(named, &portal), tree.service.open(moved, &portal));
            assert_eq!(first.unwrap().ticket.number, second.unwrap().ticket.number);
        }
        let mut open = 0;
        for region in tree.service.store().regions() {
            tree.service.store().for_each_open(&region.id, &mut |_: Arc<_>| open += 1).unwrap();
        }
        assert_eq!(open, 20);
        tree.service.stop().await;
    });
}
