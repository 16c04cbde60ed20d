//! What every journal must do: one suite, run on each implementation.
//!
//! A `Subject` makes journals on one lasting medium; opening it again is a restart after a crash.

use super::{
    Head, Journal, JournalError, JournalOptions, JournalReader, Record, RedbJournal,
    faults::{DiskFault, FaultPlan},
    frame::GENESIS,
    memory::{MemoryDisk, MemoryJournal},
    verify,
};
use crate::domain::ids::Seq;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

trait Subject {
    fn open(&self) -> Box<dyn Journal>;
    /// A journal on what a kill at this moment would leave.
    fn after_kill(&self) -> Box<dyn Journal>;
    fn plan(&self) -> &FaultPlan;
}

struct InMemory {
    disk: MemoryDisk,
    plan: FaultPlan,
}

struct OnDisk {
    dir: tempfile::TempDir,
    copies: tempfile::TempDir,
    plan: FaultPlan,
    options: JournalOptions,
}

impl Subject for InMemory {
    fn open(&self) -> Box<dyn Journal> {
        Box::new(MemoryJournal::open(self.disk.clone(), self.plan.clone()).unwrap())
    }

    fn after_kill(&self) -> Box<dyn Journal> {
        self.open()
    }

    fn plan(&self) -> &FaultPlan {
        &self.plan
    }
}

impl OnDisk {
    fn open_at(&self, dir: &Path) -> Box<dyn Journal> {
        let mut journal = RedbJournal::open(dir, self.options).unwrap();
        journal.set_faults(self.plan.clone());
        Box::new(journal)
    }
}

impl Subject for OnDisk {
    fn open(&self) -> Box<dyn Journal> {
        self.open_at(self.dir.path())
    }

    fn after_kill(&self) -> Box<dyn Journal> {
        let copy = tempfile::tempdir_in(self.copies.path()).unwrap().keep();
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        self.open_at(&copy)
    }

    fn plan(&self) -> &FaultPlan {
        &self.plan
    }
}

fn in_memory() -> InMemory {
    InMemory { disk: MemoryDisk::default(), plan: FaultPlan::default() }
}

fn on_disk(segment_bytes: u64) -> OnDisk {
    let options = JournalOptions { segment_bytes, relaxed: false, cache_bytes: 1 << 20 };
    let dir = || tempfile::tempdir().unwrap();
    OnDisk { dir: dir(), copies: dir(), plan: FaultPlan::default(), options }
}

/// Records of 1 to 3 sequence numbers, from `first` on; bodies differ.
fn records(first: Seq, how_many: usize) -> Vec<Record> {
    let mut next = first;
    (0..how_many)
        .map(|_| {
            let count = (next % 3 + 1) as u32;
            let record = Record { first_seq: next, count, bytes: format!("record {next} ").repeat(20).into_bytes() };
            next += Seq::from(count);
            record
        })
        .collect()
}

fn append(journal: &mut dyn Journal, how_many: usize) -> Vec<Record> {
    let records = records(journal.head().next_seq, how_many);
    journal.append(journal.head().next_seq, &records).unwrap();
    records
}

fn all(reader: &dyn JournalReader) -> Vec<Record> {
    reader.read(1, usize::MAX, usize::MAX).unwrap()
}

macro_rules! suite {
    ($($claim:ident),* $(,)?) => {
        mod memory { $( #[test] fn $claim() { super::$claim(&super::in_memory()); } )* }
        mod redb { $( #[test] fn $claim() { super::$claim(&super::on_disk(1 << 20)); } )* }
        /// Each append finds its segment full.
        mod redb_rotating { $( #[test] fn $claim() { super::$claim(&super::on_disk(1)); } )* }
    };
}

suite!(
    an_empty_journal_begins_at_one,
    records_come_back_in_order,
    a_wrong_sequence_writes_nothing,
    a_read_begins_at_the_record_that_holds_the_sequence,
    limits_hold_and_a_read_never_stops_short_of_one_record,
    a_reader_sees_later_appends,
    the_head_survives_a_restart_and_a_kill,
    a_full_disk_writes_nothing_and_recovers_in_place,
    a_short_write_leaves_nothing_visible,
    a_failed_fsync_stops_the_writer_for_good,
    readers_beside_a_writer_see_whole_batches_in_order,
    nothing_is_visible_before_it_is_durable,
    the_chain_verifies_and_depends_on_the_records_alone,
    a_closed_journal_takes_nothing,
);

fn an_empty_journal_begins_at_one(subject: &dyn Subject) {
    let mut journal = subject.open();
    let empty = Head { next_seq: 1, hash: GENESIS };
    assert_eq!(journal.head(), empty);
    assert_eq!(journal.reader().head().unwrap(), empty);
    assert!(all(&*journal.reader()).is_empty());
    journal.append(1, &[]).unwrap();
    assert_eq!(journal.head(), empty);
    drop(journal);
    assert_eq!(subject.open().head(), empty);
}

fn records_come_back_in_order(subject: &dyn Subject) {
    let mut journal = subject.open();
    let mut written = Vec::new();
    for how_many in [1, 7, 3, 50, 1] {
        written.extend(append(&mut *journal, how_many));
    }
    let last = written.last().unwrap();
    assert_eq!(journal.head().next_seq, last.first_seq + Seq::from(last.count));
    assert_eq!(all(&*journal.reader()), written);
    assert_eq!(all(&*journal.reader().boxed()), written);
}

fn a_wrong_sequence_writes_nothing(subject: &dyn Subject) {
    let mut journal = subject.open();
    append(&mut *journal, 5);
    let head = journal.head();
    let next = head.next_seq;
    let mut hole = records(next, 3);
    hole.remove(1);
    let none = vec![Record { first_seq: next, count: 0, bytes: vec![] }];
    for (expected, batch) in [
        (next - 1, records(next - 1, 1)),
        (next + 1, records(next + 1, 1)),
        (next, records(next + 1, 1)),
        (next, hole),
        (next, none),
    ] {
        let refused = journal.append(expected, &batch);
        assert!(matches!(refused, Err(JournalError::WrongSeq { .. })), "{refused:?}");
    }
    assert_eq!(journal.head(), head);
    assert_eq!(all(&*journal.reader()).len(), 5);
    append(&mut *journal, 1);
}

fn a_read_begins_at_the_record_that_holds_the_sequence(subject: &dyn Subject) {
    let mut journal = subject.open();
    let mut written = append(&mut *journal, 4);
    written.extend(append(&mut *journal, 9));
    let reader = journal.reader();
    for from in 0..journal.head().next_seq {
        let expected = written.iter().find(|record| record.first_seq + Seq::from(record.count) > from.max(1));
        assert_eq!(reader.read(from, 1, usize::MAX).unwrap().first(), expected, "from {from}");
    }
    assert!(reader.read(journal.head().next_seq, 9, usize::MAX).unwrap().is_empty());
    assert!(reader.read(Seq::MAX, 9, usize::MAX).unwrap().is_empty());
}

fn limits_hold_and_a_read_never_stops_short_of_one_record(subject: &dyn Subject) {
    let mut journal = subject.open();
    let mut written = append(&mut *journal, 6);
    written.extend(append(&mut *journal, 6));
    let reader = journal.reader();
    assert!(reader.read(1, 0, usize::MAX).unwrap().is_empty());
    assert_eq!(reader.read(1, 8, usize::MAX).unwrap(), written[..8]);
    assert_eq!(reader.read(1, 8, 1).unwrap(), written[..1]);
    let three: usize = written[..3].iter().map(|record| record.bytes.len()).sum();
    assert_eq!(reader.read(1, 8, three - 1).unwrap(), written[..3]);
    let mut by_twos = Vec::new();
    let mut from = 1;
    while let Some(step) = Some(reader.read(from, 2, usize::MAX).unwrap()).filter(|step| !step.is_empty()) {
        from = step.last().map_or(0, |last| last.first_seq + Seq::from(last.count));
        by_twos.extend(step);
    }
    assert_eq!(by_twos, written);
}

fn a_reader_sees_later_appends(subject: &dyn Subject) {
    let mut journal = subject.open();
    let reader = journal.reader();
    for _ in 0..5 {
        let written = append(&mut *journal, 2);
        assert_eq!(reader.head().unwrap(), journal.head());
        assert_eq!(reader.read(written[0].first_seq, 9, usize::MAX).unwrap(), written);
    }
}

fn the_head_survives_a_restart_and_a_kill(subject: &dyn Subject) {
    let mut written = Vec::new();
    for _ in 0..3 {
        let mut journal = subject.open();
        for _ in 0..3 {
            written.extend(append(&mut *journal, 4));
            let mut survivor = subject.after_kill();
            assert_eq!(survivor.head(), journal.head());
            assert_eq!(all(&*survivor.reader()), written);
            survivor.close().unwrap();
        }
        let head = journal.head();
        journal.close().unwrap();
        drop(journal);
        assert_eq!(subject.open().head(), head);
    }
}

fn a_full_disk_writes_nothing_and_recovers_in_place(subject: &dyn Subject) {
    let mut journal = subject.open();
    let mut written = append(&mut *journal, 5);
    let head = journal.head();
    let reader = journal.reader();
    for nth in 1..=3 {
        subject.plan().inject(nth, DiskFault::NoSpace);
    }
    let refused = records(head.next_seq, 5);
    for _ in 0..3 {
        assert!(matches!(journal.append(head.next_seq, &refused), Err(JournalError::DiskFull)));
        assert_eq!((journal.head(), reader.head().unwrap()), (head, head));
    }
    written.extend(append(&mut *journal, 5));
    assert_eq!(all(&*reader), written);
    assert_eq!(all(&*subject.after_kill().reader()), written);
}

fn a_short_write_leaves_nothing_visible(subject: &dyn Subject) {
    let mut journal = subject.open();
    let mut written = append(&mut *journal, 5);
    // Through every step of a transaction, the first pages to the last ones.
    for fits in [1, 300, 4096, 8192, 12_288, 16_384, 20_480, 24_576] {
        let head = journal.head();
        subject.plan().inject(1, DiskFault::ShortWrite(fits));
        match journal.append(head.next_seq, &records(head.next_seq, 20)) {
            Err(JournalError::DiskFull) => assert_eq!(journal.head(), head, "{fits} bytes"),
            // Enough space after all: the store wrote less.
            Ok(()) => written.extend(records(head.next_seq, 20)),
            Err(other) => panic!("{fits} bytes: {other}"),
        }
        written.extend(append(&mut *journal, 1));
        assert_eq!(all(&*journal.reader()), written, "{fits} bytes");
    }
    assert_eq!(all(&*subject.after_kill().reader()), written);
}

fn a_failed_fsync_stops_the_writer_for_good(subject: &dyn Subject) {
    let mut journal = subject.open();
    let written = append(&mut *journal, 5);
    let head = journal.head();
    subject.plan().inject(1, DiskFault::SyncFails);
    let batch = records(head.next_seq, 2);
    for _ in 0..2 {
        assert!(matches!(journal.append(head.next_seq, &batch), Err(JournalError::Failed(_))));
        assert_eq!(journal.head(), head);
    }
    drop(journal);
    // Either is right: nobody was answered.
    let journal = subject.open();
    let found = all(&*journal.reader());
    assert!(found == written || found == [written, batch].concat());
    verify(&*journal.reader(), &mut |_, _| {}).unwrap();
}

fn readers_beside_a_writer_see_whole_batches_in_order(subject: &dyn Subject) {
    const BATCH: usize = 5;
    let mut journal = subject.open();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| (journal.reader(), Arc::clone(&done)))
        .map(|(reader, done)| {
            std::thread::spawn(move || {
                let mut next = 1;
                let mut seen = Vec::new();
                loop {
                    let last_round = done.load(Ordering::Acquire);
                    let head = reader.head().unwrap();
                    let step = reader.read(next, usize::MAX, usize::MAX).unwrap();
                    next = step.last().map_or(next, |last| last.first_seq + Seq::from(last.count));
                    assert!(next >= head.next_seq, "a reader saw less than the head");
                    seen.extend(step);
                    assert_eq!(seen.len() % BATCH, 0, "half a batch");
                    if last_round {
                        return seen;
                    }
                }
            })
        })
        .collect();
    let written: Vec<_> = (0..30).flat_map(|_| append(&mut *journal, BATCH)).collect();
    done.store(true, Ordering::Release);
    for reader in readers {
        assert_eq!(reader.join().unwrap(), written);
    }
}

fn nothing_is_visible_before_it_is_durable(subject: &dyn Subject) {
    let mut journal = subject.open();
    let written = append(&mut *journal, 2);
    let reader = journal.reader();
    let expected = written.clone();
    let looked = Arc::new(AtomicBool::new(false));
    let look = Arc::clone(&looked);
    let hook = move || {
        assert_eq!(reader.read(1, usize::MAX, usize::MAX).unwrap(), expected);
        look.store(true, Ordering::Release);
    };
    subject.plan().inject(1, DiskFault::Delay(Arc::new(hook)));
    append(&mut *journal, 2);
    assert!(looked.load(Ordering::Acquire));
    assert_eq!(all(&*journal.reader()).len(), 4);
}

fn the_chain_verifies_and_depends_on_the_records_alone(subject: &dyn Subject) {
    let mut journal = subject.open();
    for _ in 0..10 {
        append(&mut *journal, 10);
    }
    let mut steps = Vec::new();
    let verified = verify(&*journal.reader(), &mut |at, end| steps.push((at, end))).unwrap();
    assert_eq!((verified.records, verified.head), (100, journal.head()));
    assert_eq!(verified.events, journal.head().next_seq - 1);
    let end = journal.head().next_seq;
    assert_eq!(steps.last(), Some(&(end, end)));
    let mut one_batch = in_memory().open();
    one_batch.append(1, &all(&*journal.reader())).unwrap();
    assert_eq!(one_batch.head(), journal.head());
}

fn a_closed_journal_takes_nothing(subject: &dyn Subject) {
    let mut journal = subject.open();
    let written = append(&mut *journal, 3);
    journal.close().unwrap();
    journal.close().unwrap();
    let next = journal.head().next_seq;
    assert!(matches!(journal.append(next, &records(next, 1)), Err(JournalError::Failed(_))));
    drop(journal);
    assert_eq!(all(&*subject.open().reader()), written);
}
