//! The ids that count no more, in memory: asked on each call. [`Revoked::look`] reads the file again when it
//! changed, and is for a thread that may wait for a disk.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    sync::{PoisonError, RwLock},
};

pub(super) struct Revoked {
    path: PathBuf,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    /// Bytes that were read: whole lines.
    read: u64,
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
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).read;
        let length = file.metadata()?.len();
        if length == known {
            return Ok(());
        }
        // A shorter one is another file: all of it is news.
        let from = if length < known { 0 } else { known };
        file.seek(SeekFrom::Start(from))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        // Few, and made before: who judges a token waits for no more than their way in. Added, not put in place of:
        // what was noted meanwhile stays.
        let ids: Vec<String> = text[..whole].lines().map(|line| line.trim().to_owned()).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.ids.extend(ids);
        known.read = from + whole as u64;
        Ok(())
    }
}
