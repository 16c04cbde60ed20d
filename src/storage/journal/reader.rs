//! The reading side of the journal on disk: any number of threads, never in the writer's way.
//!
//! Closed segments are opened when they are needed and a few are kept open. When the newest one is
//! closed or opened anew while somebody reads it, the generation has changed and they read again.

use super::{
    Head, JournalError, JournalReader, Record,
    disk::{Medium, unreadable},
    page::Page,
    segment::{self, Predecessor, Segment},
};
use crate::{domain::ids::Seq, storage::files::lock};
use redb::{ReadOnlyDatabase, ReadTransaction, ReadableDatabase};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// Closed segments kept open.
const OPEN_SEGMENTS: usize = 4;

/// What the writer and its readers share.
pub(super) struct Shared {
    pub dir: PathBuf,
    pub medium: Medium,
    state: RwLock<State>,
    /// Most recently used last.
    open: Mutex<Vec<(Seq, Arc<ReadOnlyDatabase>)>>,
    /// Page cache of a closed segment, bytes.
    closed_cache: usize,
}

pub(super) struct State {
    /// Closed segments, rising.
    pub closed: Vec<Predecessor>,
    pub active_first: Seq,
    /// None while it could not be opened, and after closing.
    pub active: Option<Segment>,
    /// Framed records that are not in the file yet, rising.
    pub pending: Vec<(Seq, Vec<u8>)>,
    /// What readers may see.
    pub head: Head,
    /// Counts the openings and closings of the newest segment.
    pub generation: u64,
}

impl State {
    pub(super) fn new(active_first: Seq) -> Self {
        let head = Head { next_seq: 1, hash: super::frame::GENESIS };
        Self { closed: Vec::new(), active_first, active: None, pending: Vec::new(), head, generation: 0 }
    }
}

/// Where a sequence is to be found.
enum Source {
    /// There is nothing, or it was in memory and is taken already.
    Done,
    Active(ReadTransaction, PathBuf),
    Closed(Predecessor),
}

impl Shared {
    pub(super) fn new(dir: PathBuf, closed_cache: usize, medium: Medium, state: State) -> Self {
        Self { dir, medium, state: RwLock::new(state), open: Mutex::default(), closed_cache }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds records from one place; nothing when `page.from` is the end.
    fn read_some(&self, page: &mut Page) -> Result<(), JournalError> {
        loop {
            let (end, generation) = {
                let state = self.read();
                (state.head.next_seq, state.generation)
            };
            let read = self.locate(page).and_then(|source| match source {
                Source::Done => Ok(()),
                Source::Active(txn, path) => segment::read_into(&txn, &path, end, page),
                Source::Closed(which) => {
                    let txn = self.closed(which)?;
                    segment::read_into(&txn, &segment::path_of(&self.dir, which.first_seq), end, page)
                }
            });
            if read.is_ok() || self.read().generation == generation {
                return read;
            }
        }
    }

    fn locate(&self, page: &mut Page) -> Result<Source, JournalError> {
        let state = self.read();
        let from = page.from;
        if from >= state.head.next_seq {
            return Ok(Source::Done);
        }
        if state.pending.first().is_some_and(|(first, _)| *first <= from) {
            let start = state.pending.partition_point(|(seq, _)| *seq <= from) - 1;
            let path = segment::path_of(&self.dir, state.active_first);
            for (seq, frame) in &state.pending[start..] {
                if !page.is_full() {
                    page.push(&path, *seq, frame)?;
                }
            }
            return Ok(Source::Done);
        }
        if from >= state.active_first {
            let path = || segment::path_of(&self.dir, state.active_first);
            let Some(active) = &state.active else {
                return Err(unreadable(&path(), "the newest segment is closed for the moment"));
            };
            return Ok(Source::Active(active.begin_read()?, path()));
        }
        let after = state.closed.partition_point(|one| one.first_seq <= from);
        let which = after.checked_sub(1).and_then(|at| state.closed.get(at));
        which.map(|which| Source::Closed(*which)).ok_or_else(|| unreadable(&self.dir, "its first segment is missing"))
    }

    fn closed(&self, which: Predecessor) -> Result<ReadTransaction, JournalError> {
        let mut open = lock(&self.open);
        let db = match open.iter().position(|(seq, _)| *seq == which.first_seq) {
            Some(at) => open.remove(at).1,
            None => Arc::new(segment::open_closed(&self.dir, which, self.closed_cache)?),
        };
        open.push((which.first_seq, Arc::clone(&db)));
        if open.len() > OPEN_SEGMENTS {
            open.remove(0);
        }
        drop(open);
        db.begin_read()
            .map_err(|error| super::disk::read_error(&segment::path_of(&self.dir, which.first_seq), error.into()))
    }
}

/// A handle for reading; sees every record appended before the call.
#[derive(Clone)]
pub(super) struct RedbReader(pub Arc<Shared>);

impl JournalReader for RedbReader {
    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        let mut page = Page::new(from.max(1), limit, max_bytes);
        while !page.is_full() {
            let before = page.from;
            self.0.read_some(&mut page)?;
            if page.from == before {
                break;
            }
        }
        Ok(page.records)
    }

    fn head(&self) -> Result<Head, JournalError> {
        Ok(self.0.read().head)
    }

    fn boxed(&self) -> Box<dyn JournalReader> {
        Box::new(self.clone())
    }
}
