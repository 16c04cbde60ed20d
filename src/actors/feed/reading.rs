//! Who reads far back in the journal: a few sessions at once, in turns, so that neither disk nor memory is theirs alone.
//!
//! Must hold: what a reading folded is gone after an erasure, and with the end of its turn.

use super::frame::{Frame, Framer};
use crate::{
    domain::ids::Seq,
    settings::limits,
    storage::{Fault, Store},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Clone)]
pub(super) struct Readers {
    turns: Arc<Semaphore>,
    /// How often everybody had to forget.
    forgotten: Arc<AtomicU64>,
}

/// A turn, and what was folded in it: the next page needs it again.
pub(super) struct Reading {
    framer: Framer,
    since: u64,
    forgotten: Arc<AtomicU64>,
    left: u32,
    _turn: OwnedSemaphorePermit,
}

impl Default for Readers {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(limits::FEED_READERS)), forgotten: Arc::default() }
    }
}

impl Readers {
    pub(super) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
    }

    /// Goes on with a turn, or waits for the next: behind all who waited before. None: the process ends.
    pub(super) async fn turn(&self, present: Option<Reading>, store: &Store) -> Option<Reading> {
        if let Some(reading) = present.filter(|reading| reading.left > 0) {
            return Some(Reading { left: reading.left - 1, ..reading });
        }
        let turn = self.turns.clone().acquire_owned().await.ok()?;
        let forgotten = self.forgotten.clone();
        let since = forgotten.load(Ordering::Acquire);
        Some(Reading { framer: Framer::new(store.clone()), since, forgotten, left: limits::FEED_TURN, _turn: turn })
    }
}

impl Reading {
    /// Events from `from` on, before `until`: a page of them.
    pub(super) fn page(&mut self, store: &Store, from: Seq, until: Seq) -> Result<Vec<Arc<Frame>>, Fault> {
        loop {
            let events = store.read(from, limits::FEED_PAGE)?;
            let wanted = events.iter().filter(|event| event.seq < until);
            let frames = wanted.map(|event| Arc::new(self.framer.frame(event))).collect();
            let forgotten = self.forgotten.load(Ordering::Acquire);
            if forgotten == self.since {
                return Ok(frames);
            }
            // Somebody was erased meanwhile: nothing of what was read before.
            (self.framer, self.since) = (Framer::new(store.clone()), forgotten);
        }
    }
}
