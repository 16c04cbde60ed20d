//! The journal on disk: segments of redb, rotated by size; one of them is written.
//!
//! Must hold: `append` answers after the fsync (P1), all records or none; a reader sees what was
//! answered and nothing else; segments but the newest never change. A full disk is refused before
//! anything is written, and the next append tries again. After a failed fsync nothing is written
//! any more: only a restart knows what is on disk.
//!
//! `relaxed` is for disposable stores: records wait in memory, where readers see them, and go to
//! the file in large transactions.

use super::{
    Archive, Head, Journal, JournalError, JournalReader, Record,
    disk::{Medium, free_bytes, unreadable, write_error},
    frame,
    page::check_order,
    reader::{RedbReader, Shared, State},
    segment::{self, Predecessor, Segment},
};
use crate::{domain::ids::Seq, storage::files::sync_dir};
use redb::Durability;
use std::{fs, path::Path, sync::Arc};

/// Left free for snapshots, keys and logs to end in order, bytes.
const RESERVE_BYTES: u64 = 16 << 20;
/// Free space is asked for again after this many bytes appended: a system call per append would
/// cost little, but there is nothing to learn from it.
const SPACE_CHECK_BYTES: u64 = 1 << 20;
/// A relaxed journal writes when so much waits.
const PENDING_RECORDS: usize = 4000;
const PENDING_BYTES: usize = 4 << 20;

/// How a journal is opened.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// A segment is closed when more than this was appended to it, bytes.
    pub segment_bytes: u64,
    /// No fsync per append; for disposable stores.
    pub relaxed: bool,
    /// Page caches of all its files together, bytes.
    pub cache_bytes: usize,
}

/// The one writer of a journal's folder. The caller holds the data directory's lock.
pub struct RedbJournal {
    shared: Arc<Shared>,
    relaxed: bool,
    segment_bytes: u64,
    /// The end, pending records included.
    head: Head,
    /// The end of what is in the file.
    stored: Head,
    active_bytes: u64,
    pending_bytes: usize,
    bytes_since_space_check: u64,
    /// Why nothing is written any more.
    stopped: Option<String>,
    #[cfg(any(test, feature = "faults"))]
    plan: super::faults::FaultPlan,
}

/// Framed records: their first sequences and bytes.
type Frames = Vec<(Seq, Vec<u8>)>;

impl RedbJournal {
    /// Opens the journal in `dir`, or begins one. Checks that no segment is missing, repairs the
    /// newest after a crash and verifies its last record. Errors name the file and the way out.
    pub fn open(dir: &Path, options: JournalOptions) -> Result<Self, JournalError> {
        let failed = |error: std::io::Error| super::disk::read_error(dir, error.into());
        fs::create_dir_all(dir).map_err(failed)?;
        dir.parent().map_or(Ok(()), sync_dir).map_err(failed)?;
        let names = segment::list(dir).map_err(failed)?;
        let mut state = State::new(names.last().copied().unwrap_or(1));
        let medium = Medium::new(options.cache_bytes / 2);
        let head = if names.is_empty() {
            let first = Segment::create(dir, 1, &[], &medium).map_err(|error| write_error(&medium, &error))?;
            state.active = Some(first);
            Head { next_seq: 1, hash: frame::GENESIS }
        } else {
            open_newest(&mut state, dir, &medium, None, &names)?
        };
        state.head = head;
        let active_bytes = fs::metadata(segment::path_of(dir, state.active_first)).map_or(0, |file| file.len());
        Ok(Self {
            shared: Arc::new(Shared::new(dir.to_owned(), options.cache_bytes / 8, medium, state)),
            relaxed: options.relaxed,
            segment_bytes: options.segment_bytes,
            head,
            stored: head,
            // An estimate: the file grows in steps and is cut to size when closed.
            active_bytes,
            pending_bytes: 0,
            bytes_since_space_check: SPACE_CHECK_BYTES,
            stopped: None,
            #[cfg(any(test, feature = "faults"))]
            plan: super::faults::FaultPlan::default(),
        })
    }

    /// Meets the faults of a plan from now on.
    #[cfg(any(test, feature = "faults"))]
    pub fn set_faults(&mut self, plan: super::faults::FaultPlan) {
        self.plan = plan;
    }

    /// Makes everything appended durable; only a relaxed journal has anything to do.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if !self.relaxed {
            return Ok(());
        }
        self.write_pending()?;
        self.write(Some(&Vec::new()), Durability::Immediate)
    }

    /// For copying the journal while it is written.
    #[must_use]
    pub fn archive(&self) -> Archive {
        Archive(Arc::clone(&self.shared))
    }

    fn write_pending(&mut self) -> Result<(), JournalError> {
        if self.stored == self.head {
            return Ok(());
        }
        self.write(None, Durability::None)?;
        self.stored = self.head;
        self.pending_bytes = 0;
        self.shared.write().pending.clear();
        Ok(())
    }

    /// Puts frames into the newest segment in one transaction. None: the pending ones, which
    /// readers go on seeing until they are in the file.
    fn write(&mut self, frames: Option<&Frames>, durability: Durability) -> Result<(), JournalError> {
        let bytes =
            frames.map_or(self.pending_bytes, |frames| frames.iter().map(|(_, frame)| frame.len()).sum()) as u64;
        self.check_space(bytes)?;
        let written = self.make_ready().and_then(|()| {
            let state = self.shared.read();
            let Some(active) = &state.active else { return Err(unreadable(&self.shared.dir, "no segment is open")) };
            let frames = frames.unwrap_or(&state.pending).iter().map(|(seq, frame)| (*seq, frame.as_slice()));
            active.append(frames, durability).map_err(|error| write_error(&self.shared.medium, &error))
        });
        match written {
            Ok(()) => self.active_bytes += bytes,
            Err(JournalError::DiskFull) => self.reopen(),
            Err(ref error) => self.stopped = Some(error.to_string()),
        }
        written
    }

    /// redb wants a file to be opened anew after any error. While the disk is full that may fail
    /// too; the next append tries again.
    fn reopen(&mut self) {
        let mut state = self.shared.write();
        state.generation += 1;
        state.active = None;
        drop(state);
        let _ = self.make_ready();
    }

    fn check_space(&mut self, bytes: u64) -> Result<(), JournalError> {
        self.bytes_since_space_check = self.bytes_since_space_check.saturating_add(bytes);
        if self.bytes_since_space_check < SPACE_CHECK_BYTES {
            return Ok(());
        }
        let free = free_bytes(&self.shared.dir);
        #[cfg(any(test, feature = "faults"))]
        let free = self.plan.free_bytes().map_or(free, Ok);
        // A file system that does not say is believed to have space: the write will tell.
        if free.is_ok_and(|free| free < RESERVE_BYTES.saturating_add(bytes)) {
            return Err(JournalError::DiskFull);
        }
        self.bytes_since_space_check = 0;
        Ok(())
    }

    /// Sees to it that a segment with room is open for writing.
    fn make_ready(&mut self) -> Result<(), JournalError> {
        let shared = &self.shared;
        let full = self.active_bytes > self.segment_bytes;
        let mut state = shared.write();
        if state.active.is_none() {
            state.generation += 1;
            open_newest(&mut state, &shared.dir, &shared.medium, Some(self.stored), &[])?;
        }
        if full && self.stored.next_seq > state.active_first {
            // Readers wait: the file that holds what they look for is about to be another one.
            state.generation += 1;
            rotate(&mut state, &shared.dir, &shared.medium, self.stored)?;
            self.active_bytes = 0;
        }
        Ok(())
    }

    fn encode(&self, records: &[Record]) -> (Frames, Head) {
        let mut head = self.head;
        let encode = |record: &Record| {
            let mut bytes = Vec::new();
            head.hash = frame::encode(record, &head.hash, &mut bytes);
            head.next_seq += Seq::from(record.count);
            (record.first_seq, bytes)
        };
        let frames = records.iter().map(encode).collect();
        (frames, head)
    }
}

impl Journal for RedbJournal {
    fn head(&self) -> Head {
        self.head
    }

    fn append(&mut self, expected: Seq, records: &[Record]) -> Result<(), JournalError> {
        if let Some(why) = &self.stopped {
            return Err(JournalError::Failed(why.clone()));
        }
        check_order(expected, self.head.next_seq, records)?;
        #[cfg(any(test, feature = "faults"))]
        self.shared.medium.armed.arm(self.plan.next());
        let (frames, head) = self.encode(records);
        if self.relaxed {
            if self.shared.read().pending.len() >= PENDING_RECORDS || self.pending_bytes >= PENDING_BYTES {
                self.write_pending()?;
            }
            self.pending_bytes += frames.iter().map(|(_, frame)| frame.len()).sum::<usize>();
            self.shared.write().pending.extend(frames);
        } else {
            self.write(Some(&frames), Durability::Immediate)?;
            self.stored = head;
        }
        self.head = head;
        self.shared.write().head = head;
        Ok(())
    }

    fn reader(&self) -> Box<dyn JournalReader> {
        RedbReader(Arc::clone(&self.shared)).boxed()
    }

    fn close(&mut self) -> Result<(), JournalError> {
        if self.stopped.is_none() {
            self.sync()?;
            self.stopped = Some("the journal is closed".into());
        }
        let active = {
            let mut state = self.shared.write();
            state.generation += 1;
            state.active.take()
        };
        active.map_or(Ok(()), Segment::pause).map_err(|error| write_error(&self.shared.medium, &error))
    }
}

impl Drop for RedbJournal {
    /// Lets go of the file although readers may live on.
    fn drop(&mut self) {
        self.shared.write().active = None;
    }
}

/// Opens the newest segment into `state`, or makes it when a crash or a full disk came between
/// closing the one before and this. `stored`: where it must end, if known. `names`: the files
/// found, to be compared with those the segment remembers; empty when that was done before.
fn open_newest(
    state: &mut State,
    dir: &Path,
    medium: &Medium,
    stored: Option<Head>,
    names: &[Seq],
) -> Result<Head, JournalError> {
    let first_seq = state.active_first;
    let make = |first_seq, before: &[Predecessor]| {
        Segment::create(dir, first_seq, before, medium).map_err(|error| write_error(medium, &error))
    };
    if let Some(stored) = stored.filter(|_| !segment::path_of(dir, first_seq).exists()) {
        state.active = Some(make(first_seq, &state.closed)?);
        return Ok(stored);
    }
    let (newest, found) = Segment::open(dir, first_seq, medium)?;
    if let Some(stored) = stored.filter(|stored| *stored != found.head) {
        let what = format!("the file ends before sequence {}, {} was expected", found.head.next_seq, stored.next_seq);
        return Err(JournalError::Failed(what));
    }
    if !names.is_empty() {
        check_names(dir, names, &found.before)?;
    }
    state.closed = found.before;
    state.active = Some(newest);
    if found.closed {
        rotate(state, dir, medium, found.head)?;
    }
    Ok(found.head)
}

/// Closes the active segment at `head` and begins the next one.
fn rotate(state: &mut State, dir: &Path, medium: &Medium, head: Head) -> Result<(), JournalError> {
    let failed = |error| write_error(medium, &error);
    if let Some(full) = state.active.take() {
        let first_seq = full.first_seq;
        full.close(head).map_err(failed)?;
        state.closed.push(Predecessor { first_seq, hash: head.hash });
        state.active_first = head.next_seq;
    }
    state.active = Some(Segment::create(dir, state.active_first, &state.closed, medium).map_err(failed)?);
    Ok(())
}

/// The newest segment remembers all before it; the folder must hold exactly these.
fn check_names(dir: &Path, names: &[Seq], before: &[Predecessor]) -> Result<(), JournalError> {
    let missing = before.iter().find(|one| names.binary_search(&one.first_seq).is_err());
    if let Some(one) = missing {
        let path = segment::path_of(dir, one.first_seq);
        return Err(unreadable(&path, "the segment is missing: restore the file from a backup"));
    }
    let known = |name: &Seq| before.binary_search_by_key(name, |one| one.first_seq).is_ok();
    match names.iter().rev().skip(1).find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => Err(unreadable(
            &segment::path_of(dir, *name),
            "the newest segment does not know this one: it belongs to another journal, move it away",
        )),
    }
}
