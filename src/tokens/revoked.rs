//! The ids that count no more, re-read when the file changed, looked at once a second at most.

use crate::{domain::time::Timestamp, settings::limits};
use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::SystemTime,
};

pub(super) struct Revoked {
    path: PathBuf,
    /// When the file was last looked at.
    looked_at: AtomicI64,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    /// Length and time of change of what `ids` was read from.
    stamp: Option<(u64, Option<SystemTime>)>,
    ids: BTreeSet<String>,
}

impl Revoked {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, looked_at: AtomicI64::new(i64::MIN), known: RwLock::default() }
    }

    pub(super) fn has(&self, id: &str, now: Timestamp) -> bool {
        let looked_at = self.looked_at.load(Ordering::Relaxed);
        let due = now.0.saturating_sub(looked_at) >= limits::REVOKED_AGE_MS || now.0 < looked_at;
        if due && self.looked_at.swap(now.0, Ordering::Relaxed) == looked_at {
            self.look();
        }
        self.known.read().unwrap_or_else(PoisonError::into_inner).ids.contains(id)
    }

    /// What this process has just written: it need not wait for its next look.
    pub(super) fn note(&self, id: &str) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).ids.insert(id.to_owned());
    }

    fn look(&self) {
        // No file: nothing was revoked yet. One that cannot be read keeps what is known.
        let Ok(found) = fs::metadata(&self.path) else { return };
        let stamp = Some((found.len(), found.modified().ok()));
        if self.known.read().unwrap_or_else(PoisonError::into_inner).stamp == stamp {
            return;
        }
        match fs::read_to_string(&self.path) {
            Ok(text) => {
                let ids = text.lines().map(|line| line.trim().to_owned()).collect();
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known { stamp, ids };
            }
            Err(error) => tracing::error!(%error, "the list of revoked tokens cannot be read"),
        }
    }
}
