//! A journal in memory, for tests of what stands on one: frames and chain like on disk, with
//! faults on demand. What was durable outlives the journal in its `MemoryDisk`.

use super::{
    Head, Journal, JournalError, JournalReader, Record,
    faults::{DiskFault, FaultPlan},
    frame,
    page::{Page, check_order},
};
use crate::domain::ids::Seq;
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What survives a crash: opening a journal on it again is a restart. Cheap to clone.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    /// Durable frames with their first sequence, rising.
    frames: Vec<(Seq, Vec<u8>)>,
    /// Bytes of an append that did not finish; a restart drops them.
    torn: Vec<u8>,
}

pub struct MemoryJournal {
    disk: MemoryDisk,
    plan: FaultPlan,
    head: Head,
    stopped: Option<&'static str>,
}

#[derive(Clone)]
struct MemoryReader(MemoryDisk);

const PLACE: &str = "memory";

impl MemoryDisk {
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that an unfinished append left behind.
    #[must_use]
    pub fn torn_bytes(&self) -> usize {
        self.lock().torn.len()
    }

    /// Changes a stored byte, as a bad disk does. No effect beyond the end.
    pub fn flip(&self, record: usize, byte: usize) {
        if let Some(byte) = self.lock().frames.get_mut(record).and_then(|(_, frame)| frame.get_mut(byte)) {
            *byte ^= 0x40;
        }
    }
}

impl MemoryJournal {
    pub fn open(disk: MemoryDisk, plan: FaultPlan) -> Result<Self, JournalError> {
        disk.lock().torn.clear();
        let head = MemoryReader(disk.clone()).head()?;
        Ok(Self { disk, plan, head, stopped: None })
    }
}

impl Journal for MemoryJournal {
    fn head(&self) -> Head {
        self.head
    }

    fn append(&mut self, expected: Seq, records: &[Record]) -> Result<(), JournalError> {
        if let Some(why) = self.stopped {
            return Err(JournalError::Failed(why.into()));
        }
        check_order(expected, self.head.next_seq, records)?;
        let mut head = self.head;
        let mut frames = Vec::with_capacity(records.len());
        for record in records {
            let mut bytes = Vec::new();
            head = Head {
                hash: frame::encode(record, &head.hash, &mut bytes),
                next_seq: head.next_seq + Seq::from(record.count),
            };
            frames.push((record.first_seq, bytes));
        }
        let fault = self.plan.next();
        let mut disk = self.disk.lock();
        disk.torn.clear();
        let short = |disk: &mut Disk, bytes: u64| {
            let all = frames.iter().flat_map(|(_, frame)| frame).copied();
            disk.torn = all.take(usize::try_from(bytes).unwrap_or(usize::MAX)).collect();
        };
        match fault {
            None | Some(DiskFault::Delay(_)) => {}
            Some(DiskFault::NoSpace) => return Err(JournalError::DiskFull),
            Some(DiskFault::ShortWrite(bytes)) => {
                short(&mut disk, bytes);
                return Err(JournalError::DiskFull);
            }
            Some(DiskFault::SyncFails) => {
                self.stopped = Some("it failed before");
                return Err(JournalError::Failed("fsync: input/output error".into()));
            }
            Some(DiskFault::TornTail(bytes)) => {
                short(&mut disk, bytes);
                self.stopped = Some("it failed before");
                return Err(JournalError::Failed("power lost".into()));
            }
        }
        disk.frames.extend(frames);
        self.head = head;
        Ok(())
    }

    fn reader(&self) -> Box<dyn JournalReader> {
        MemoryReader(self.disk.clone()).boxed()
    }

    fn close(&mut self) -> Result<(), JournalError> {
        self.stopped = Some("the journal is closed");
        Ok(())
    }
}

impl JournalReader for MemoryReader {
    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        let disk = self.0.lock();
        let start = disk.frames.partition_point(|(seq, _)| *seq <= from).saturating_sub(1);
        let mut page = Page::new(from.max(1), limit, max_bytes);
        for (seq, bytes) in &disk.frames[start..] {
            if page.is_full() {
                break;
            }
            page.push(Path::new(PLACE), *seq, bytes)?;
        }
        Ok(page.records)
    }

    fn head(&self) -> Result<Head, JournalError> {
        let disk = self.0.lock();
        let Some((seq, bytes)) = disk.frames.last() else { return Ok(Head { next_seq: 1, hash: frame::GENESIS }) };
        let last = frame::open(bytes, Path::new(PLACE), *seq)?;
        Ok(Head { next_seq: last.next_seq(), hash: last.hash })
    }

    fn boxed(&self) -> Box<dyn JournalReader> {
        Box::new(self.clone())
    }
}
