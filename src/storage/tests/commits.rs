//! Committing and reading what was committed.

use super::bed::{Bed, T0, batch, claim, expert, options, region};
use crate::{
    domain::{
        ids::{PersonId, Thing, TicketNumber},
        ticket::Phase,
    },
    storage::{
        ClaimKey, CommitError, Durability, Store,
        snapshot::rounds::{Group, Rounds},
    },
};
use std::sync::Arc;

#[test]
fn who_got_an_answer_reads_their_own_write_before_and_after_the_snapshot() {
    let bed = Bed::peopled();
    let number = bed.open("north", 0);
    let before = bed.ticket(number);
    assert_eq!(before.personal.known().unwrap().title, "TV stays dark");
    bed.store().flush().unwrap();
    assert_eq!(bed.store().core().overlay.len(), 0, "durable in the snapshot: gone from the overlay");
    assert_eq!(bed.ticket(number), before);
}

#[test]
fn sequences_leave_no_hole_and_history_walks_back_through_other_things_events() {
    let bed = Bed::peopled();
    let number = bed.open("north", 0);
    let other = bed.open("north", 1);
    bed.cancel(number);
    bed.cancel(other);
    let history = bed.store().history(&Thing::Ticket(number)).unwrap();
    let versions: Vec<u64> = history.iter().map(|event| event.version).collect();
    assert_eq!(versions, (1..=bed.ticket(number).version).collect::<Vec<u64>>());
    assert!(history.iter().all(|event| event.thing == Thing::Ticket(number)));
    assert!(history.windows(2).all(|pair| pair[1].prev == pair[0].seq), "each names the one before");
    let all = bed.store().read(1, usize::MAX).unwrap();
    let seqs: Vec<u64> = all.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=bed.store().head().0).collect::<Vec<u64>>());
    assert_eq!(all.iter().filter(|event| event.thing == Thing::Ticket(number)).cloned().collect::<Vec<_>>(), history);
}

#[test]
fn reading_from_within_a_batch_leaves_out_what_came_before() {
    let bed = Bed::peopled();
    let (one, two) = (bed.opening("north", 0), bed.opening("north", 1));
    let mut both = one.1;
    both.changes.extend(two.1.changes);
    let committed = bed.commit(both).unwrap();
    assert!(committed.last_seq > committed.first_seq);
    let read = bed.store().read(committed.last_seq, 10).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].seq, read[0].batch), (committed.last_seq, committed.first_seq));
}

#[test]
fn a_broken_guard_is_a_conflict_and_changes_nothing() {
    let bed = Bed::peopled();
    let number = bed.open("north", 0);
    let late = bed.deciding(number, crate::domain::ticket::Command::Cancel { reason: "too late".into() });
    bed.cancel(number);
    let before = bed.sight();
    assert_eq!(bed.commit(batch(vec![late])).unwrap_err(), CommitError::Conflict(Thing::Ticket(number)));
    assert_eq!(bed.sight(), before);
}

#[test]
fn a_guard_on_a_thing_the_batch_does_not_write_holds_too() {
    let bed = Bed::peopled();
    let (number, mut opening) = bed.opening("north", 0);
    opening.guards.push((Thing::Expert(expert("ann")), 2));
    assert_eq!(bed.commit(opening.clone()).unwrap_err(), CommitError::Conflict(Thing::Expert(expert("ann"))));
    assert_eq!(bed.store().ticket(number).unwrap(), None);
    opening.guards[0].1 = 1;
    bed.commit(opening).unwrap();
}

#[test]
fn guards_hold_against_tickets_that_only_the_snapshot_knows() {
    let bed = Bed::peopled();
    let number = bed.open("north", 0);
    let (stale, fresh) = (bed.opening("north", 1).1, bed.deciding(number, cancel()));
    bed.store().flush().unwrap();
    let mut again = stale;
    again.changes[0] = crate::storage::Change { thing: Thing::Ticket(number), ..again.changes[0].clone() };
    assert_eq!(bed.commit(again).unwrap_err(), CommitError::Conflict(Thing::Ticket(number)), "it exists already");
    bed.commit(batch(vec![fresh])).unwrap();
    assert_eq!(bed.ticket(number).phase, Phase::Cancelled);
}

fn cancel() -> crate::domain::ticket::Command {
    crate::domain::ticket::Command::Cancel { reason: "found the remote".into() }
}

#[test]
fn batches_of_one_group_see_each_other() {
    let bed = Bed::peopled();
    let one = bed.route_change("ann", 1);
    let mut two = one.clone();
    two.base = 1;
    let answers = bed.commit_together(vec![batch(vec![one.clone()]), batch(vec![two]), batch(vec![one])]);
    assert!(answers[0].is_ok() && answers[1].is_ok());
    assert_eq!(answers[2].as_ref().unwrap_err(), &CommitError::Conflict(Thing::Route(expert("ann"))));
}

#[test]
fn of_two_batches_that_claim_one_key_one_gets_it_and_the_other_learns_who() {
    let bed = Bed::peopled();
    let ((first, mut one), (second, mut two)) = (bed.opening("north", 0), bed.opening("south", 0));
    one.claims.push(claim("form-17", first));
    two.claims.push(claim("form-17", second));
    let answers = bed.commit_together(vec![one, two]);
    assert!(answers[0].is_ok());
    assert_eq!(answers[1].as_ref().unwrap_err(), &CommitError::Claimed(Box::new(claim("form-17", first))));
    assert_eq!(bed.store().ticket(second).unwrap(), None, "nothing of it was written");
    assert_eq!(bed.store().ticket_by_external_id("form-17").unwrap(), Some(first));
    bed.store().flush().unwrap();
    assert_eq!(bed.store().ticket_by_external_id("form-17").unwrap(), Some(first));
    assert_eq!(bed.store().ticket_by_external_id("form-18").unwrap(), None);
}

#[test]
fn an_expired_claim_is_free_and_is_forgotten_in_time() {
    let bed = Bed::peopled();
    let key = |id: &str| ClaimKey::idempotency("portal", "POST", "/v1/tickets", id);
    let held = |at_s: i64| bed.store().claim(&key("k"), T0.plus_s(at_s)).unwrap();
    let take = |id: &str, at_s: i64, for_s: i64| {
        let (number, mut opening) = bed.opening("north", 0);
        opening.envelope.at = T0.plus_s(at_s);
        let expires_at = Some(T0.plus_s(at_s + for_s));
        opening.claims.push(crate::storage::Claim { key: key(id), expires_at, ..claim(id, number) });
        (number, bed.commit(opening))
    };
    let (first, answer) = take("k", 0, 60);
    answer.unwrap();
    assert!(
        matches!(take("k", 59, 60).1, Err(CommitError::Claimed(held)) if held.outcome == claim("k", first).outcome)
    );
    let (second, answer) = take("k", 60, 600);
    answer.unwrap();
    bed.store().flush().unwrap();
    take("other", 90, 600).1.unwrap();
    bed.store().flush().unwrap();
    let of_second = held(90).unwrap().outcome;
    assert_eq!(of_second, claim("k", second).outcome, "the first one's expiry did not take the second with it");
    assert_eq!(held(660), None, "whether or not it is still stored");
    take("last", 5_000, 600).1.unwrap();
    bed.store().flush().unwrap();
    assert_eq!(held(0), None, "forgotten");
}

#[test]
fn claims_alone_are_a_record_and_nothing_at_all_is_none() {
    let bed = Bed::peopled();
    let head = bed.store().head().0;
    let mut alone = batch(Vec::new());
    assert_eq!(bed.commit(alone.clone()).unwrap().last_seq, head);
    alone.claims.push(claim("form-1", bed.open("north", 0)));
    let head = bed.store().head().0;
    assert_eq!(bed.commit(alone.clone()).unwrap().last_seq, head + 1);
    assert!(matches!(bed.commit(alone), Err(CommitError::Claimed(_))));
}

#[test]
fn a_region_code_belongs_to_one_region_for_ever() {
    let bed = Bed::peopled();
    let north = bed.store().region(&region("north")).unwrap();
    let mut thief = (*bed.store().region(&region("south")).unwrap()).clone();
    thief.code = north.code;
    let event = crate::domain::region::RegionEvent::Written(Box::new(thief));
    let change = bed.change("south", Thing::Region(region("south")), crate::domain::fact::Fact::Region(event));
    assert_eq!(bed.commit(batch(vec![change])).unwrap_err(), CommitError::Conflict(Thing::Region(region("south"))));
    assert!(bed.store().next_region_code() > north.code);
}

#[test]
fn nothing_is_sealed_under_a_key_that_could_not_be_made() {
    let bed = Bed::peopled();
    let number = bed.store().next_number(&region("north")).unwrap();
    let open = super::bed::a_request(number, "north", 0, PersonId(u32::MAX));
    let keyless = batch(vec![super::bed::opening_change(open)]);
    for again in [keyless.clone(), keyless] {
        assert_eq!(bed.commit(again).unwrap_err(), CommitError::DiskFull);
    }
    assert_eq!(bed.store().ticket(number).unwrap(), None);
}

#[test]
fn an_erased_person_is_gone_from_memory_snapshots_journal_and_look_up() {
    let mut bed = Bed::peopled();
    let (early, late) = (bed.open("north", 0), bed.open("north", 1));
    bed.store().flush().unwrap();
    bed.cancel(late);
    let phone = |serial: u32| bed.store().tickets_of_contact(Some(&format!("1 617 555 {serial:04}")), None).unwrap();
    assert_eq!((phone(early.serial), phone(late.serial)), (vec![early], vec![late]));
    assert_eq!(bed.store().tickets_of_contact(None, Some("eve@example.org")).unwrap(), [early, late]);
    for number in [early, late] {
        bed.store().erase(bed.ticket(number).person()).unwrap();
    }
    bed.store().erase(bed.store().expert(&expert("ann")).unwrap().person()).unwrap();
    let gone = |bed: &Bed| {
        assert_eq!(bed.ticket(early).personal.known(), None);
        assert_eq!(bed.ticket(late).personal.known(), None);
        assert_eq!(bed.store().expert(&expert("ann")).unwrap().home(), None);
        assert_eq!(bed.store().tickets_of_contact(None, Some("eve@example.org")).unwrap(), []);
        assert_eq!(bed.store().history(&Thing::Ticket(late)).unwrap().len() as u64, bed.ticket(late).version);
    };
    gone(&bed);
    bed.restart();
    gone(&bed);
}

#[test]
fn a_second_process_is_refused() {
    let bed = Bed::new();
    let refused = Store::open(options(bed.dir.path(), Durability::Fsync)).err().unwrap().to_string();
    assert!(refused.contains("uses this data directory"), "{refused}");
}

#[test]
fn a_closed_store_says_so_and_has_flushed() {
    let mut bed = Bed::peopled();
    let number = bed.open("north", 0);
    let late = bed.opening("north", 0).1;
    bed.store().close().unwrap();
    assert_eq!(bed.commit(late).unwrap_err(), CommitError::Stopped);
    bed.restart();
    assert_eq!(bed.store().core().overlay.len(), 0, "nothing was left to replay");
    assert_eq!(bed.ticket(number).phase, Phase::New);
}

#[test]
fn the_watch_tells_of_each_commit() {
    let bed = Bed::peopled();
    let watch = bed.store().watch();
    let number = bed.open("north", 0);
    assert_eq!(*watch.borrow(), bed.store().head().0);
    bed.cancel(number);
    assert_eq!(*watch.borrow(), bed.store().head().0);
}

#[test]
fn two_disposable_stores_of_one_seed_have_the_same_journal() {
    let run = || {
        let bed = Bed::with(Durability::Disposable);
        bed.people();
        for minute in 0..20 {
            let number = bed.open(if minute % 3 == 0 { "south" } else { "north" }, minute);
            if minute % 4 == 0 {
                bed.cancel(number);
            }
        }
        bed.store().head()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_round_keeps_only_what_has_to_be_written_and_only_until_then() {
    let bed = Bed::peopled();
    let mut rounds = Rounds::new(Arc::clone(bed.store().core()));
    // Recovery reads the records of all regions, however few of them a file lacks.
    for last_seq in 1..=1_000 {
        rounds.take(Group { last_seq, ..Group::default() });
    }
    assert_eq!(rounds.kept(), 0);
    let claims = vec![Arc::new(claim("k", TicketNumber::from_bits(7)))];
    rounds.take(Group { last_seq: 1_001, claims, ..Group::default() });
    assert_eq!(rounds.kept(), 1);
    rounds.round().unwrap();
    assert_eq!(rounds.kept(), 0);
}
