//! Backup of a live store, restore, verify.

use super::bed::{Bed, options, region};
use crate::{
    domain::{
        ids::{Thing, TicketNumber},
        ticket::Ticket,
    },
    storage::{
        Durability, Store,
        backup::{restore, verify},
    },
};
use std::{fs, path::Path, sync::Arc};

fn quiet() -> impl FnMut(u64, u64) {
    |_, _| {}
}

/// Enough for several segments.
fn filled() -> (Bed, Vec<TicketNumber>) {
    let bed = Bed::peopled();
    let numbers = (0..150).map(|minute| bed.open("north", minute)).collect();
    assert!(fs::read_dir(bed.cell().join("journal")).unwrap().count() > 2, "several segments");
    (bed, numbers)
}

fn backed_up(bed: &Bed) -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    bed.store().backup(target.path(), &mut quiet()).unwrap();
    target
}

fn reopen(data: &Path) -> Store {
    Store::open(options(data, Durability::Fsync)).unwrap()
}

#[test]
fn a_backup_made_between_commits_restores_to_what_was_committed_then() {
    let (bed, numbers) = filled();
    let before: Vec<Arc<Ticket>> = numbers.iter().map(|number| bed.ticket(*number)).collect();
    let head = bed.store().head();
    let backup = backed_up(&bed);
    bed.cancel(numbers[0]);
    let data = tempfile::tempdir().unwrap();
    let manifest = restore(backup.path(), data.path(), &mut quiet()).unwrap();
    assert_eq!((manifest.last_seq, manifest.incarnation), (head.0, 1));
    let store = reopen(data.path());
    assert_eq!(store.head(), head);
    let after: Vec<Arc<Ticket>> = numbers.iter().map(|number| store.ticket(*number).unwrap().unwrap()).collect();
    assert_eq!(after, before, "personal fields open with the keys");
}

#[test]
fn a_restore_is_a_new_incarnation_whose_numbers_skip_ahead() {
    let (bed, numbers) = filled();
    let backup = backed_up(&bed);
    let data = tempfile::tempdir().unwrap();
    restore(backup.path(), data.path(), &mut quiet()).unwrap();
    let next = |store: &Store| store.next_number(&region("north")).unwrap().serial;
    let first = {
        let store = reopen(data.path());
        assert_eq!(store.incarnation(), bed.store().incarnation() + 1);
        let first = next(&store);
        assert!(first > numbers[149].serial + 1_000);
        store.close().unwrap();
        first
    };
    assert_eq!(next(&reopen(data.path())), first, "it skips once, not at every start");
}

#[test]
fn who_was_erased_since_the_backup_is_erased_again() {
    let (bed, numbers) = filled();
    let early = bed.ticket(numbers[0]).person();
    bed.store().erase(early).unwrap();
    let backup = backed_up(&bed);
    bed.store().erase(bed.ticket(numbers[1]).person()).unwrap();
    let data = tempfile::tempdir().unwrap();
    fs::copy(bed.dir.path().join("erased"), data.path().join("erased")).unwrap();
    restore(backup.path(), data.path(), &mut quiet()).unwrap();
    let store = reopen(data.path());
    let known = |number| store.ticket(number).unwrap().unwrap().personal.known().is_some();
    assert_eq!((known(numbers[0]), known(numbers[1]), known(numbers[2])), (false, false, true));
}

#[test]
fn a_second_backup_into_the_same_folder_brings_it_up_to_date() {
    let (bed, numbers) = filled();
    let backup = backed_up(&bed);
    bed.cancel(numbers[3]);
    bed.store().backup(backup.path(), &mut quiet()).unwrap();
    let data = tempfile::tempdir().unwrap();
    restore(backup.path(), data.path(), &mut quiet()).unwrap();
    assert_eq!(reopen(data.path()).ticket(numbers[3]).unwrap().unwrap(), bed.ticket(numbers[3]));
}

#[test]
fn a_backup_that_is_brought_up_to_date_is_one_at_every_moment() {
    let (bed, numbers) = filled();
    let backup = backed_up(&bed);
    let manifest = backup.path().join("backup.json");
    let earlier = fs::read(&manifest).unwrap();
    for minute in 0..150 {
        bed.open("north", 1_000 + minute);
    }
    // Cut short at the first file.
    let in_the_way = backup.path().join("keys/keys.new");
    fs::create_dir_all(&in_the_way).unwrap();
    bed.store().backup(backup.path(), &mut quiet()).unwrap_err();
    assert_eq!(fs::read(&manifest).unwrap(), earlier, "the earlier backup is still named");
    verify(backup.path(), "main", &mut quiet()).unwrap();
    fs::remove_dir(&in_the_way).unwrap();
    // Cut short before the new manifest, then before the newest segment.
    let whole = bed.store().backup(backup.path(), &mut quiet()).unwrap().last_seq;
    fs::write(&manifest, &earlier).unwrap();
    let journal = backup.path().join("cells/main/journal");
    let newest = fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let restored = || {
        verify(backup.path(), "main", &mut quiet()).unwrap();
        let data = tempfile::tempdir().unwrap();
        let restored = restore(backup.path(), data.path(), &mut quiet()).unwrap();
        let store = reopen(data.path());
        assert_eq!(store.head().0, restored.last_seq);
        for number in &numbers {
            assert_eq!(store.ticket(*number).unwrap().unwrap(), bed.ticket(*number));
        }
        restored.last_seq
    };
    assert_eq!(restored(), whole);
    fs::remove_file(&newest).unwrap();
    assert!(restored() < whole);
}

#[test]
fn a_restore_never_overwrites_and_one_cut_short_is_run_again() {
    let (bed, numbers) = filled();
    let backup = backed_up(&bed);
    let data = tempfile::tempdir().unwrap();
    restore(backup.path(), data.path(), &mut quiet()).unwrap();
    let refused = restore(backup.path(), data.path(), &mut quiet()).unwrap_err().to_string();
    assert!(refused.contains("there is data already"), "{refused}");
    fs::write(data.path().join("restoring"), "").unwrap();
    let refused = Store::open(options(data.path(), Durability::Fsync)).err().unwrap().to_string();
    assert!(refused.contains("cut short"), "{refused}");
    restore(backup.path(), data.path(), &mut quiet()).unwrap();
    assert!(reopen(data.path()).ticket(numbers[0]).unwrap().is_some());
}

#[test]
fn a_backup_without_its_keys_or_its_end_is_refused() {
    let (bed, _) = filled();
    let data = tempfile::tempdir().unwrap();
    let backup = backed_up(&bed);
    fs::remove_file(backup.path().join("keys/keys")).unwrap();
    let refused = restore(backup.path(), data.path(), &mut quiet()).unwrap_err().to_string();
    assert!(refused.contains("keys are missing"), "{refused}");
    let backup = backed_up(&bed);
    let manifest = backup.path().join("backup.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let (_, rest) = text.split_once("\"hash\": \"").unwrap();
    fs::write(&manifest, text.replace(&rest[..8], "00000000")).unwrap();
    assert!(verify(backup.path(), "main", &mut quiet()).is_err());
    fs::remove_file(&manifest).unwrap();
    assert!(restore(backup.path(), data.path(), &mut quiet()).is_err(), "no manifest, no backup");
}

#[test]
fn verify_walks_a_live_store_a_backup_and_a_stopped_one() {
    let (mut bed, numbers) = filled();
    let live = bed.store().verify(&mut quiet()).unwrap();
    assert_eq!((live.events, live.head.hash), bed.store().head());
    let backup = backed_up(&bed);
    assert_eq!(verify(backup.path(), "main", &mut quiet()).unwrap(), live);
    assert!(verify(bed.dir.path(), "main", &mut quiet()).unwrap_err().to_string().contains("uses this data"));
    bed.crash();
    assert_eq!(verify(bed.dir.path(), "main", &mut quiet()).unwrap(), live);
    assert!(verify(bed.dir.path(), "other", &mut quiet()).is_err(), "no such cell");
    bed.restart();
    assert_eq!(bed.store().history(&Thing::Ticket(numbers[0])).unwrap().len(), 1);
}
