//! Where experts are: the last believable fix of each, in memory, written to disk every half minute.
//! No message to any actor and nothing in the journal: a thousand phones cost a map's update each.

use super::tree::Tree;
use crate::domain::{
    fix::{Fix, Unlikely, Use, judge},
    ids::ExpertId,
    time::Timestamp,
};
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How often positions are written.
const WRITE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct Positions {
    last: Mutex<HashMap<ExpertId, Fix>>,
    changed: AtomicBool,
}

impl Positions {
    pub(super) fn report(&self, expert: &ExpertId, fix: Fix, now: Timestamp) -> Result<(), Unlikely> {
        let mut last = self.lock();
        match judge(last.get(expert), &fix, now)? {
            Use::Passed => {}
            Use::Taken => {
                last.insert(expert.clone(), fix);
                self.changed.store(true, Ordering::Release);
            }
        }
        Ok(())
    }

    pub(super) fn of(&self, expert: &ExpertId) -> Option<Fix> {
        self.lock().get(expert).copied()
    }

    pub(super) fn recover(&self, fixes: Vec<(ExpertId, Fix)>) {
        self.lock().extend(fixes);
    }

    /// All of them, if any is new since the last call.
    fn changed(&self) -> Option<Vec<(ExpertId, Fix)>> {
        let changed = self.changed.swap(false, Ordering::AcqRel);
        changed.then(|| self.lock().iter().map(|(expert, fix)| (expert.clone(), *fix)).collect())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ExpertId, Fix>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what changed, for as long as there is a tree.
#[allow(clippy::disallowed_methods, reason = "a thread outside all runtimes, in the machine's time")]
pub(super) fn keep(tree: &Weak<Tree>) {
    loop {
        std::thread::sleep(WRITE);
        let Some(tree) = tree.upgrade() else { return };
        write(&tree);
    }
}

pub(super) fn write(tree: &Tree) {
    let Some(fixes) = tree.positions.changed() else { return };
    if let Err(fault) = tree.store.keep_fixes(&fixes) {
        tracing::warn!(%fault, "the last positions were not written; the next round tries again");
        tree.positions.changed.store(true, Ordering::Release);
    }
}
