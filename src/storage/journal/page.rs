//! What one read collects: whole records in order, each checked against the one before.

use super::{JournalError, Record, frame};
use crate::domain::ids::Seq;
use std::path::Path;

/// Filled by a reader from one or several segments.
pub(super) struct Page {
    pub records: Vec<Record>,
    /// The next sequence wanted.
    pub from: Seq,
    limit: usize,
    bytes_left: usize,
    last_hash: Option<[u8; 32]>,
}

impl Page {
    pub(super) fn new(from: Seq, limit: usize, max_bytes: usize) -> Self {
        Self { records: Vec::new(), from, limit, bytes_left: max_bytes, last_hash: None }
    }

    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= self.limit || (self.bytes_left == 0 && !self.records.is_empty())
    }

    /// Takes the record stored under `seq`; one that ends before `from` is skipped. A record that
    /// does not continue the one before is damage.
    pub(super) fn push(&mut self, path: &Path, seq: Seq, bytes: &[u8]) -> Result<(), JournalError> {
        let frame = frame::open(bytes, path, seq)?;
        if frame.next_seq() <= self.from {
            return Ok(());
        }
        let what = match self.last_hash {
            Some(_) if frame.first_seq != self.from => {
                Some(format!("records from {} on are missing before it", self.from))
            }
            None if frame.first_seq > self.from => Some(format!("records from {} on are missing before it", self.from)),
            Some(hash) if frame.prev != hash => Some("it does not continue the record before it".to_owned()),
            _ => None,
        };
        if let Some(what) = what {
            return Err(JournalError::Damaged { path: path.display().to_string(), seq, what });
        }
        self.bytes_left = self.bytes_left.saturating_sub(frame.body.len());
        self.from = frame.next_seq();
        self.last_hash = Some(frame.hash);
        self.records.push(Record { first_seq: seq, count: frame.count, bytes: frame.body.to_vec() });
        Ok(())
    }
}

/// Refuses records that do not follow `next` without a hole.
pub(super) fn check_order(expected: Seq, next: Seq, records: &[Record]) -> Result<(), JournalError> {
    let mut at = next;
    let wrong = |expected, found| Err(JournalError::WrongSeq { expected, found });
    if expected != next {
        return wrong(expected, next);
    }
    for record in records {
        if record.first_seq != at || record.count == 0 {
            return wrong(record.first_seq, at);
        }
        at += Seq::from(record.count);
    }
    Ok(())
}
