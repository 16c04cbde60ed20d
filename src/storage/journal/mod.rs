//! The journal: an ordered, append-only sequence of opaque records, chained by hash. One writer.
//!
//! A record covers `count >= 1` sequence numbers from `first_seq`: one for each of its events, or one
//! for a record of claims alone. `first_seq` is its key; numbers never repeat and leave no hole.

mod archive;
#[cfg(test)]
mod conformance;
mod disk;
#[cfg(any(test, feature = "faults"))]
pub mod faults;
pub mod frame;
#[cfg(any(test, feature = "faults"))]
pub mod memory;
mod page;
mod reader;
mod redb;
mod segment;
#[cfg(test)]
mod tests;
mod verify;

use crate::domain::ids::Seq;

pub use self::{
    archive::Archive,
    redb::{JournalOptions, RedbJournal},
    verify::{Verified, verify, verify_past},
};

/// A record to append. `bytes` is the encoded batch; the journal adds frame and chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub first_seq: Seq,
    pub count: u32,
    pub bytes: Vec<u8>,
}

/// Where the journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The next event's sequence, from 1.
    pub next_seq: Seq,
    /// BLAKE3 over the previous hash and the last record.
    pub hash: [u8; 32],
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Somebody else appended, or this writer is behind. Nothing was written.
    #[error("expected sequence {expected}, the journal is at {found}")]
    WrongSeq { expected: Seq, found: Seq },
    /// Nothing was written; works again when there is space.
    #[error("the disk is full")]
    DiskFull,
    /// It may or may not be durable. The process must not go on writing to this journal.
    #[error("the journal failed while writing: {0}")]
    Failed(String),
    #[error("{path}: record {seq} is damaged: {what}")]
    Damaged { path: String, seq: Seq, what: String },
    #[error("{path}: written by a newer version (format {found}, this one reads up to {known}): upgrade Callout")]
    Newer { path: String, found: u16, known: u16 },
    #[error("{path}: {what}")]
    Unreadable { path: String, what: String },
}

/// The writing side. `append` returns only when all records are durable, in order, or none is
/// (except after `Failed`).
pub trait Journal: Send {
    fn head(&self) -> Head;
    fn append(&mut self, expected: Seq, records: &[Record]) -> Result<(), JournalError>;
    /// A reader that sees every record appended so far and later; cheap to clone.
    fn reader(&self) -> Box<dyn JournalReader>;
    /// Closes the active segment cleanly.
    fn close(&mut self) -> Result<(), JournalError>;
}

/// The reading side, any thread.
pub trait JournalReader: Send + Sync {
    /// Whole records from the one that holds `from` on, in order, at most `limit` and about
    /// `max_bytes`; empty at the end.
    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<Record>, JournalError>;
    fn head(&self) -> Result<Head, JournalError>;
    fn boxed(&self) -> Box<dyn JournalReader>;
}
