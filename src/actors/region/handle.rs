//! What the tree knows of a region: where its two actors are, and what outlives them.

use super::{Msg, market};
use crate::{
    actors::{supervise::Children, timers, tree::Slot},
    domain::ids::RegionId,
    routing::live::Usual,
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU64},
};

/// A region in the tree: its two actors, and whether it works.
pub(in crate::actors) struct Handle {
    pub(in crate::actors) id: RegionId,
    pub(in crate::actors) dispatcher: Slot<Msg>,
    pub(in crate::actors) timers: Slot<timers::Msg>,
    pub(in crate::actors) children: Children<Part>,
    /// The dispatcher and the timers have read the store.
    pub(in crate::actors) dispatching: AtomicBool,
    pub(in crate::actors) timing: AtomicBool,
    parked: Mutex<Option<String>>,
    /// For the metrics.
    pub(in crate::actors) queued: AtomicU64,
    /// When the oldest ticket in the queue was opened that no plan has somebody for; `i64::MAX`: none waits.
    pub(in crate::actors) oldest_ms: AtomicI64,
    /// What it offers to its neighbours.
    pub(super) board: market::Board,
    /// What the days before were like, for plans.
    pub(super) usual: Mutex<Arc<Usual>>,
    /// Auction rounds ever: a restarted dispatcher must not take bids for its predecessor's.
    pub(super) rounds: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::actors) enum Part {
    Dispatcher,
    Timers,
}

impl Part {
    pub(in crate::actors) fn name(self) -> &'static str {
        match self {
            Self::Dispatcher => "dispatcher",
            Self::Timers => "timers",
        }
    }
}

impl Handle {
    pub(in crate::actors) fn new(id: RegionId) -> Self {
        Self {
            id,
            dispatcher: Slot::default(),
            timers: Slot::default(),
            children: Children::new(),
            dispatching: AtomicBool::new(false),
            timing: AtomicBool::new(false),
            parked: Mutex::new(None),
            queued: AtomicU64::new(0),
            oldest_ms: AtomicI64::new(i64::MAX),
            board: market::Board::default(),
            usual: Mutex::default(),
            rounds: AtomicU64::new(0),
        }
    }

    pub(in crate::actors) fn parked(&self) -> Option<String> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(in crate::actors) fn usual(&self) -> Arc<Usual> {
        self.usual.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(in crate::actors) fn park(&self, why: Option<String>) {
        *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}
