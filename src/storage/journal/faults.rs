//! Faults to inject under a journal: chosen ahead for its n-th append, the same for every
//! implementation. Only in tests and with the `faults` feature.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Clone)]
pub enum DiskFault {
    /// The file system has no space left, before anything is written.
    NoSpace,
    /// So many bytes are written, then there is no space left.
    ShortWrite(u64),
    /// The fsync fails: nobody knows what is on disk.
    SyncFails,
    /// So many bytes reach the disk, then the machine loses power; the append answers `Failed`.
    TornTail(u64),
    /// Called before the append becomes durable: to wait on something, or to look.
    Delay(Arc<dyn Fn() + Send + Sync>),
}

/// Shared between a test and the journal it tortures. Appends count from 1, over reopenings too;
/// refused ones (`WrongSeq`) do not count.
#[derive(Clone, Default)]
pub struct FaultPlan(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    appends: u64,
    faults: BTreeMap<u64, DiskFault>,
    free_bytes: Option<u64>,
}

impl FaultPlan {
    /// The n-th append from now on (1: the next) meets this fault.
    pub fn inject(&self, nth: u64, fault: DiskFault) {
        let mut plan = self.lock();
        let at = plan.appends + nth;
        plan.faults.insert(at, fault);
    }

    /// What the file system says is free. None: ask it.
    pub fn set_free_bytes(&self, free: Option<u64>) {
        self.lock().free_bytes = free;
    }

    pub(super) fn free_bytes(&self) -> Option<u64> {
        self.lock().free_bytes
    }

    /// Counts an append and hands out its fault. A delay has happened when this returns.
    pub(super) fn next(&self) -> Option<DiskFault> {
        let fault = {
            let mut plan = self.lock();
            plan.appends += 1;
            let now = plan.appends;
            plan.faults.remove(&now)
        };
        match fault {
            Some(DiskFault::Delay(hook)) => {
                hook();
                None
            }
            other => other,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
