//! What only the journal on disk can do wrong: its files, rotation, relaxed mode; and damage.

use super::{
    Journal, JournalError, JournalOptions, JournalReader, Record, RedbJournal,
    faults::{DiskFault, FaultPlan},
    memory::{MemoryDisk, MemoryJournal},
    verify,
};
use crate::domain::ids::Seq;
use ::redb as redb_crate;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const SMALL: JournalOptions = JournalOptions { segment_bytes: 1, relaxed: false, cache_bytes: 1 << 20 };
const LARGE: JournalOptions = JournalOptions { segment_bytes: 1 << 30, ..SMALL };
const RELAXED: JournalOptions = JournalOptions { segment_bytes: 1 << 30, relaxed: true, cache_bytes: 1 << 20 };

fn open(dir: &Path, options: JournalOptions) -> RedbJournal {
    RedbJournal::open(dir, options).unwrap()
}

fn refusal(dir: &Path) -> JournalError {
    match RedbJournal::open(dir, SMALL) {
        Err(error) => error,
        Ok(_) => panic!("opened"),
    }
}

fn append(journal: &mut dyn Journal, how_many: usize) {
    for _ in 0..how_many {
        let first_seq = journal.head().next_seq;
        let bytes = format!("the record with number {first_seq}").into_bytes();
        journal.append(first_seq, &[Record { first_seq, count: 1, bytes }]).unwrap();
    }
}

/// Segments by name, without those being made.
fn segments(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn nth(dir: &Path, n: usize) -> PathBuf {
    segments(dir).into_keys().nth(n).unwrap()
}

fn read(journal: &dyn Journal) -> Result<Vec<Record>, JournalError> {
    journal.reader().read(1, usize::MAX, usize::MAX)
}

/// Changes the bytes that hold `text`, wherever they are.
fn spoil(path: &Path, text: &str) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn segments_are_named_by_their_first_sequence_and_closed_ones_never_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), SMALL);
    append(&mut journal, 5);
    let names: Vec<_> = segments(dir.path()).into_keys().collect();
    let expected: Vec<_> = (1..=5).map(|seq| dir.path().join(format!("{seq:020}.redb"))).collect();
    assert_eq!(names, expected);
    let before = segments(dir.path());
    assert_eq!(read(&journal).unwrap().len(), 5);
    append(&mut journal, 3);
    drop(journal);
    let journal = open(dir.path(), SMALL);
    assert_eq!(read(&journal).unwrap().len(), 8);
    let after = segments(dir.path());
    assert!(before.iter().take(4).all(|(path, bytes)| after[path] == *bytes));
}

#[test]
fn a_segment_is_closed_by_size() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), JournalOptions { segment_bytes: 100_000, ..SMALL });
    for _ in 0..50 {
        let first_seq = journal.head().next_seq;
        journal.append(first_seq, &[Record { first_seq, count: 1, bytes: vec![7; 10_000] }]).unwrap();
    }
    assert!((4..=6).contains(&segments(dir.path()).len()), "{}", segments(dir.path()).len());
    verify(&*journal.reader(), &mut |_, _| {}).unwrap();
}

#[test]
fn a_missing_segment_is_named() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(dir.path(), SMALL), 4);
    let missing = nth(dir.path(), 1);
    fs::remove_file(&missing).unwrap();
    let error = refusal(dir.path()).to_string();
    assert!(error.contains(missing.to_str().unwrap()) && error.contains("missing"), "{error}");
}

#[test]
fn a_segment_of_another_journal_is_named() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&dir, &other] {
        append(&mut open(dir.path(), SMALL), 2);
    }
    let mut journal = open(other.path(), SMALL);
    let first_seq = journal.head().next_seq;
    journal.append(first_seq, &[Record { first_seq, count: 1, bytes: b"different".to_vec() }]).unwrap();
    append(&mut journal, 1);
    drop(journal);
    append(&mut open(dir.path(), SMALL), 2);
    fs::copy(nth(other.path(), 2), nth(dir.path(), 2)).unwrap();
    let error = read(&open(dir.path(), SMALL)).unwrap_err().to_string();
    assert!(error.contains("00000003.redb") && error.contains("another journal"), "{error}");
    fs::copy(nth(other.path(), 0), dir.path().join(format!("{:020}.redb", 0))).unwrap();
    let error = refusal(dir.path()).to_string();
    assert!(error.contains("00000000.redb") && error.contains("does not know"), "{error}");
}

#[test]
fn a_torn_or_foreign_newest_file_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(dir.path(), SMALL), 3);
    let newest = nth(dir.path(), 2);
    let whole = fs::read(&newest).unwrap();
    let mut holes = whole.clone();
    holes[4096..].fill(0);
    let half = whole[..whole.len() / 2].to_vec();
    for bytes in [vec![], b"not a segment".to_vec(), vec![0; 100_000], half, holes] {
        fs::write(&newest, &bytes).unwrap();
        let error = refusal(dir.path());
        assert!(matches!(error, JournalError::Unreadable { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(newest.to_str().unwrap()) && error.contains("restore"), "{error}");
    }
    fs::write(&newest, whole).unwrap();
    append(&mut open(dir.path(), SMALL), 1);
}

#[test]
fn a_changed_byte_in_a_record_is_found_whichever_segment_holds_it() {
    for (n, text) in [(1, "number 2"), (2, "number 3")] {
        let dir = tempfile::tempdir().unwrap();
        append(&mut open(dir.path(), SMALL), 3);
        spoil(&nth(dir.path(), n), text);
        let found = RedbJournal::open(dir.path(), LARGE).and_then(|journal| verify(&*journal.reader(), &mut |_, _| {}));
        let error = found.unwrap_err().to_string();
        assert!(error.contains(nth(dir.path(), n).to_str().unwrap()), "{error}");
    }
}

#[test]
fn files_that_are_not_segments_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(dir.path(), SMALL), 1);
    for name in ["notes.txt", "1.redb", "00000000000000000002.new"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    let mut journal = open(dir.path(), SMALL);
    append(&mut journal, 2);
    assert_eq!(read(&journal).unwrap().len(), 3);
    assert!(dir.path().join("notes.txt").exists() && dir.path().join("1.redb").exists());
}

#[test]
fn every_moment_of_a_rotation_can_be_the_last() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(dir.path(), LARGE), 3);
    // A disk that is full after so many bytes stops the rotation anywhere; then the process ends.
    for fits in (0..100_000).step_by(4096) {
        let mut journal = open(dir.path(), SMALL);
        let plan = FaultPlan::default();
        plan.inject(1, DiskFault::ShortWrite(fits));
        journal.set_faults(plan);
        let head = journal.head();
        let record = Record { first_seq: head.next_seq, count: 1, bytes: vec![1; 9] };
        match journal.append(head.next_seq, &[record]) {
            Ok(()) => {}
            Err(JournalError::DiskFull) => assert_eq!(journal.head(), head),
            Err(other) => panic!("{fits} bytes: {other}"),
        }
        let head = journal.head();
        drop(journal);
        assert_eq!(open(dir.path(), LARGE).head(), head, "{fits} bytes");
    }
    let journal = open(dir.path(), LARGE);
    assert!(segments(dir.path()).len() > 3);
    verify(&*journal.reader(), &mut |_, _| {}).unwrap();
}

#[test]
fn space_is_refused_before_it_runs_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), LARGE);
    let plan = FaultPlan::default();
    journal.set_faults(plan.clone());
    plan.set_free_bytes(Some(1000));
    let record = Record { first_seq: 1, count: 1, bytes: vec![1] };
    for _ in 0..2 {
        assert!(matches!(journal.append(1, std::slice::from_ref(&record)), Err(JournalError::DiskFull)));
    }
    plan.set_free_bytes(None);
    journal.append(1, &[record]).unwrap();
}

#[test]
fn a_relaxed_journal_shows_what_waits_and_keeps_what_was_synced() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), RELAXED);
    let reader = journal.reader();
    append(&mut journal, 9000);
    assert_eq!(reader.head().unwrap(), journal.head());
    let found = reader.read(1, usize::MAX, usize::MAX).unwrap();
    assert!(found.iter().map(|record| record.first_seq).eq(1..=9000));
    assert_eq!(reader.read(8999, 9, usize::MAX).unwrap().len(), 2);
    journal.sync().unwrap();
    let synced = journal.head();
    append(&mut journal, 10);
    let copy = tempfile::tempdir().unwrap();
    for (path, bytes) in segments(dir.path()) {
        fs::write(copy.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    assert_eq!(open(copy.path(), RELAXED).head(), synced, "as after a kill");
    journal.close().unwrap();
    let head = journal.head();
    drop(journal);
    let journal = open(dir.path(), LARGE);
    assert_eq!(journal.head(), head);
    let mut strict = MemoryJournal::open(MemoryDisk::default(), FaultPlan::default()).unwrap();
    append(&mut strict, 9010);
    assert_eq!(strict.head(), head, "the same chain in every mode");
    verify(&*journal.reader(), &mut |_, _| {}).unwrap();
}

#[test]
fn relaxed_segments_rotate_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), JournalOptions { segment_bytes: 100_000, ..RELAXED });
    append(&mut journal, 20_000);
    assert!(segments(dir.path()).len() >= 3);
    assert_eq!(read(&journal).unwrap().len(), 20_000);
    journal.close().unwrap();
}

#[test]
fn torn_bytes_are_gone_after_a_restart() {
    let (disk, plan) = (MemoryDisk::default(), FaultPlan::default());
    let mut journal = MemoryJournal::open(disk.clone(), plan.clone()).unwrap();
    append(&mut journal, 2);
    let head = journal.head();
    plan.inject(1, DiskFault::TornTail(20));
    let record = Record { first_seq: head.next_seq, count: 1, bytes: vec![0; 50] };
    assert!(matches!(journal.append(head.next_seq, &[record]), Err(JournalError::Failed(_))));
    assert_eq!(disk.torn_bytes(), 20);
    let mut journal = MemoryJournal::open(disk.clone(), plan).unwrap();
    assert_eq!((journal.head(), disk.torn_bytes()), (head, 0));
    append(&mut journal, 1);
}

#[test]
fn verify_names_the_damaged_record() {
    let disk = MemoryDisk::default();
    let mut journal = MemoryJournal::open(disk.clone(), FaultPlan::default()).unwrap();
    append(&mut journal, 10);
    for byte in [0, 5, 20, 49, 60, 90] {
        disk.flip(6, byte);
        let found = verify(&*journal.reader(), &mut |_, _| {});
        assert!(matches!(found, Err(JournalError::Damaged { seq: 7, .. })), "byte {byte}: {found:?}");
        disk.flip(6, byte);
    }
    verify(&*journal.reader(), &mut |_, _| {}).unwrap();
}

/// Answers with records that are whole, but not the ones that were written.
struct Forged(Box<dyn JournalReader>);

impl JournalReader for Forged {
    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        let mut records = self.0.read(from, limit, max_bytes)?;
        records.iter_mut().filter(|record| record.first_seq == 3).for_each(|record| record.bytes[0] ^= 1);
        Ok(records)
    }

    fn head(&self) -> Result<super::Head, JournalError> {
        self.0.head()
    }

    fn boxed(&self) -> Box<dyn JournalReader> {
        Box::new(Self(self.0.boxed()))
    }
}

#[test]
fn a_forged_record_does_not_lead_to_the_head() {
    let mut journal = MemoryJournal::open(MemoryDisk::default(), FaultPlan::default()).unwrap();
    append(&mut journal, 5);
    let found = verify(&Forged(journal.reader()), &mut |_, _| {});
    assert!(matches!(found, Err(JournalError::Damaged { .. })), "{found:?}");
}

#[test]
fn a_segment_layout_of_a_newer_version_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(dir.path(), LARGE), 2);
    let newest = nth(dir.path(), 0);
    let db = redb_crate::Database::open(&newest).unwrap();
    let txn = db.begin_write().unwrap();
    let notes: redb_crate::TableDefinition<&[u8], &[u8]> = redb_crate::TableDefinition::new("segment");
    txn.open_table(notes).unwrap().insert(&b"format"[..], &9u16.to_le_bytes()[..]).unwrap();
    txn.commit().unwrap();
    drop(db);
    let error = refusal(dir.path());
    assert!(matches!(error, JournalError::Newer { found: 9, known: 1, .. }), "{error:?}");
}

#[test]
fn a_dropped_journal_lets_go_of_its_file_although_readers_live() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), LARGE);
    let reader = journal.reader();
    drop(journal);
    append(&mut open(dir.path(), LARGE), 1);
    assert_eq!(reader.head().unwrap().next_seq, 1);
}

#[test]
fn a_copy_of_a_journal_in_use_ends_at_one_head_and_the_next_one_adds_what_is_new() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut journal = open(dir.path(), JournalOptions { segment_bytes: 5000, ..SMALL });
    let archive = journal.archive();
    let mut unchanged = BTreeMap::new();
    for round in 0..4 {
        append(&mut journal, 40 * round);
        let head = archive.copy_to(target.path(), &mut |_, _| append(&mut journal, 1)).unwrap();
        let copy = open(target.path(), LARGE);
        assert_eq!(copy.head(), head);
        verify(&*copy.reader(), &mut |_, _| {}).unwrap();
        drop(copy);
        let kept = segments(target.path());
        assert!(unchanged.iter().all(|(path, modified)| fs::metadata(path).unwrap().modified().unwrap() == *modified));
        let closed = kept.into_keys().rev().skip(1);
        unchanged = closed.map(|path| (path.clone(), fs::metadata(path).unwrap().modified().unwrap())).collect();
    }
    assert!(unchanged.len() > 2);
    let missing = archive.copy_to(Path::new("/dev/null/x"), &mut |_, _| {}).unwrap_err();
    assert!(missing.to_string().contains("/dev/null/x"), "{missing}");
}

#[test]
fn a_copy_cut_short_is_finished_by_the_next_one() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut journal = open(dir.path(), SMALL);
    append(&mut journal, 4);
    journal.archive().copy_to(target.path(), &mut |_, _| {}).unwrap();
    fs::write(nth(target.path(), 1), b"half").unwrap();
    fs::remove_file(nth(target.path(), 2)).unwrap();
    append(&mut journal, 1);
    let head = journal.archive().copy_to(target.path(), &mut |_, _| {}).unwrap();
    assert_eq!(open(target.path(), LARGE).head(), head);
    assert_eq!(read(&open(target.path(), LARGE)).unwrap(), read(&journal).unwrap());
}
