//! The bare ceiling of one commit: the same bytes appended to a journal and fsynced, nothing else.

use callout::{
    domain::{
        fact::Fact,
        ids::PersonId,
        person::{SealError, Sealing},
    },
    storage::journal::{Journal, JournalOptions, Record, RedbJournal},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A journal of its own. Commits to it stand between those measured, so that both meet the same disk.
pub(crate) struct Bare {
    journal: RedbJournal,
    dir: PathBuf,
}

impl Bare {
    pub(crate) fn new(dir: &Path) -> Self {
        let dir = dir.join("bare");
        drop(fs::remove_dir_all(&dir));
        let options = JournalOptions { segment_bytes: 256 << 20, relaxed: false, cache_bytes: 16 << 20 };
        Self { journal: RedbJournal::open(&dir, options).unwrap(), dir }
    }

    /// Appends one record of each of these sizes, one fsync each; how long all of them took.
    pub(crate) fn commit(&mut self, sizes: &[usize]) -> Duration {
        let started = Instant::now();
        for size in sizes {
            let first_seq = self.journal.head().next_seq;
            // Not all zeros, so that no layer below can be clever about it.
            let bytes = (0..*size).map(|at| (at as u64 * 31 + first_seq) as u8).collect();
            self.journal.append(first_seq, &[Record { first_seq, count: 1, bytes }]).unwrap();
        }
        started.elapsed()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// About what these events take in a record, sealing included.
pub(crate) fn bytes_of<'a>(facts: impl Iterator<Item = &'a Fact>) -> usize {
    const HEAD: usize = 150;
    HEAD + facts.map(|fact| minicbor::to_vec_with(fact, &mut Padded).unwrap().len() + 4).sum::<usize>()
}

/// As long as the real thing: salt and tag.
struct Padded;

impl Sealing for Padded {
    fn seal(&mut self, _: PersonId, plain: &[u8]) -> Vec<u8> {
        [plain, &[0; 28]].concat()
    }

    fn open(&mut self, _: PersonId, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        Ok(Some(sealed.to_vec()))
    }
}
