//! The bare ceiling of one commit: the same bytes appended to a journal and fsynced, nothing else.

use crate::row::Samples;
use callout::{
    domain::{
        fact::Fact,
        ids::PersonId,
        person::{SealError, Sealing},
    },
    storage::journal::{Journal, JournalOptions, Record, RedbJournal},
};
use std::{path::Path, time::Instant};

/// Appends `runs` times `per_run` records of `bytes` bytes, one fsync each, in a journal of its own
/// below `dir`; how long each run took.
pub(crate) fn commits(dir: &Path, bytes: usize, per_run: usize, runs: usize) -> Samples {
    let dir = dir.join("bare");
    drop(std::fs::remove_dir_all(&dir));
    let options = JournalOptions { segment_bytes: 256 << 20, relaxed: false, cache_bytes: 16 << 20 };
    let mut journal = RedbJournal::open(&dir, options).unwrap();
    let mut samples = Samples::default();
    for run in 0..runs {
        let started = Instant::now();
        for _ in 0..per_run {
            let first_seq = journal.head().next_seq;
            // Not all zeros, so that no layer below can be clever about it.
            let bytes = (0..bytes).map(|at| (at * 31 + run) as u8).collect();
            journal.append(first_seq, &[Record { first_seq, count: 1, bytes }]).unwrap();
        }
        samples.add(started.elapsed());
    }
    journal.close().unwrap();
    drop(journal);
    drop(std::fs::remove_dir_all(&dir));
    samples
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
