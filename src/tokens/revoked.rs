//! The ids that count no more, in memory: asked on each call. [`Revoked::look`] reads the file again when it
//! changed, and is for a thread that may wait for a disk.

use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
    sync::{PoisonError, RwLock},
    time::SystemTime,
};

pub(super) struct Revoked {
    path: PathBuf,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    /// Length and time of change of what was read last.
    stamp: Option<(u64, Option<SystemTime>)>,
    ids: BTreeSet<String>,
}

impl Revoked {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, known: RwLock::default() }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).ids.contains(id)
    }

    /// What this process has just written: it need not wait for its next look.
    pub(super) fn note(&self, id: &str) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).ids.insert(id.to_owned());
    }

    /// No file: nothing was revoked yet. One that cannot be read leaves what is known.
    pub(super) fn look(&self) -> io::Result<()> {
        let found = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        let stamp = Some((found.len(), found.modified().ok()));
        if self.known.read().unwrap_or_else(PoisonError::into_inner).stamp == stamp {
            return Ok(());
        }
        let text = fs::read_to_string(&self.path)?;
        let ids = text.lines().map(|line| line.trim().to_owned());
        // Added, not put in place of: what was noted meanwhile stays.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.ids.extend(ids);
        known.stamp = stamp;
        Ok(())
    }
}
