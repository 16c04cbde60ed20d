//! Why a call did not do what was asked.

use super::tree::Tree;
use crate::{
    domain::{
        ids::Version,
        ticket::{Refusal, Ticket},
    },
    storage::{CommitError, Fault, Outcome},
};
use std::sync::Arc;

/// Why a call did not do what was asked. The first five are the caller's affair (4xx), the rest ours (5xx).
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// With the ticket as it is, for the answer.
    #[error("{refusal}")]
    Refused { refusal: Refusal, ticket: Option<Arc<Ticket>> },
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("{what}: {detail}")]
    Invalid { what: String, detail: String },
    #[error("changed meanwhile: it is at version {0}")]
    Stale(Version),
    /// The key was used with another body.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The key's earlier answer was a refusal: repeat it.
    #[error("as answered before")]
    Replayed(Outcome),
    #[error("the disk is full: free space in the data directory; nothing was stored")]
    DiskFull,
    #[error("too busy; try again in {retry_after_s} s")]
    Overloaded { retry_after_s: u32 },
    #[error("it is unknown whether this was stored; repeat with the same key")]
    OutcomeUnknown,
    #[error("{0}")]
    Fault(String),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault.to_string())
    }
}

impl Failure {
    /// Whether it is the caller's affair (4xx), not ours.
    pub(super) fn is_callers(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::NotFound(_)
            | Self::Invalid { .. }
            | Self::Stale(_)
            | Self::KeyReused
            | Self::Replayed(_) => true,
            Self::DiskFull | Self::Overloaded { .. } | Self::OutcomeUnknown | Self::Fault(_) => false,
        }
    }

    pub(super) fn of_commit(error: CommitError, tree: &Tree) -> Self {
        match error {
            CommitError::Conflict(thing) => Self::Fault(format!("{thing} changed meanwhile")),
            CommitError::Claimed(claim) => Self::Replayed(claim.outcome),
            CommitError::DiskFull => Self::DiskFull,
            CommitError::OutcomeUnknown => Self::OutcomeUnknown,
            CommitError::Stopped | CommitError::Overloaded => {
                tree.meters.shed.add(1);
                Self::Overloaded { retry_after_s: 1 }
            }
        }
    }
}
