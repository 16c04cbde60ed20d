//! Everything on disk: the journal (the truth), the snapshots that follow it, the key file.
//!
//! Data flow: an actor builds a [`Batch`] (events, the states they lead to, guards, claims) and calls
//! [`Store::commit`]. The journal writer (one thread) checks guards and claims against its memory,
//! appends all waiting batches as records in one transaction, fsyncs, then publishes the new states
//! in the overlay and answers. Snapshot writers follow with large transactions of their own; what
//! they have applied durably leaves the overlay. A read looks in the overlay first, then in the
//! snapshot, so who got an acknowledgement reads their own write.
//!
//! Must hold: nothing is answered before its fsync (P1); every batch guards all it writes; snapshots
//! and directory can be deleted and rebuilt from the journal; redb is named only in this folder.

pub mod audit;
pub mod backup;
pub mod batch;
mod claim_filter;
mod codec;
mod core;
mod erasure;
mod fatal;
mod files;
mod fixes;
mod fold;
mod history;
mod hot;
pub mod journal;
pub mod keys;
pub mod lock;
mod numbers;
mod outbox;
mod overlay;
mod query;
mod recovery;
mod replay_check;
mod row;
mod sabotage;
pub mod seal;
mod search;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use crate::domain::envelope::Envelope;
pub use audit::{AuditOptions, AuditReport};
pub use batch::{Batch, Change, Claim, ClaimKey, CommitError, Committed, Fault, Outcome, Recorded};
pub use core::Hear;
pub use erasure::Erasing;
pub use files::private_folder;
pub use keys::{KeyFile, KeyOptions, KeyState};
pub use lock::DataLock;
pub use outbox::{OutboxPage, OutboxQuery, is_outbox_cursor};
pub use query::is_cursor;
pub use seal::{SealCtx, Sealer};
pub use search::TicketSearch;
pub use store::{ContactHasher, Durability, Store, StoreOptions, TicketPage, TicketQuery};
