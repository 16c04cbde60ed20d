//! What is committed together, and what comes back.

use crate::domain::{
    envelope::Envelope,
    fact::{Fact, Misfit, State},
    ids::{RegionId, Seq, Thing, Version},
    time::Timestamp,
};
use minicbor::{Decode, Encode};

/// Events of one or several things that become true together or not at all.
#[derive(Clone, Debug)]
pub struct Batch {
    pub envelope: Envelope,
    pub changes: Vec<Change>,
    /// Things that must still be at this version although the batch does not write them.
    pub guards: Vec<(Thing, Version)>,
    /// Keys that must be free and are taken by this batch.
    pub claims: Vec<Claim>,
}

/// The events of one thing, and the state they lead to. Its guard is the version before.
#[derive(Clone, Debug)]
pub struct Change {
    pub region: RegionId,
    pub thing: Thing,
    /// 0: the thing is new.
    pub base: Version,
    pub events: Vec<Fact>,
    pub after: State,
}

impl Change {
    /// Applies `events` to `before`. `events` must not be empty.
    pub fn new(region: RegionId, thing: Thing, before: Option<State>, events: Vec<Fact>) -> Result<Self, Misfit> {
        let base = before.as_ref().map_or(0, State::version);
        let mut state = before;
        for fact in &events {
            state = Some(State::after(state, &thing, fact)?);
        }
        let after = state.ok_or_else(|| Misfit { event: "none", state: thing.to_string() })?;
        Ok(Self { region, thing, base, events, after })
    }
}

/// A key somebody holds: an idempotency key or an external id, hashed with its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ClaimKey(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

/// A taken key, with what to answer to a repeat. Kept in the journal and the directory.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Claim {
    #[n(0)]
    pub key: ClaimKey,
    /// Hash of the request's body: the same key with another body is refused. 0: any body.
    #[n(1)]
    pub fingerprint: u64,
    #[n(2)]
    pub outcome: Outcome,
    /// After this it may be forgotten. None: never (external ids).
    #[n(3)]
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// The thing as it was at this version, with this HTTP status.
    #[n(0)]
    Version {
        #[n(0)]
        thing: Thing,
        #[n(1)]
        version: Version,
        #[n(2)]
        status: u16,
    },
    /// A refusal: its status and JSON.
    #[n(1)]
    Body {
        #[n(0)]
        status: u16,
        #[n(1)]
        json: String,
    },
}

impl ClaimKey {
    /// The key of one caller for one call.
    #[must_use]
    pub fn idempotency(subject: &str, method: &str, path: &str, key: &str) -> Self {
        Self::hash("idempotency", &[subject, method, path, key])
    }

    #[must_use]
    pub fn external(id: &str) -> Self {
        Self::hash("external", &[id])
    }

    fn hash(scope: &str, parts: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in std::iter::once(&scope).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(key)
    }
}

/// Where a batch landed.
#[derive(Clone, Debug)]
pub struct Committed {
    pub first_seq: Seq,
    pub last_seq: Seq,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommitError {
    /// A guard broke: reload and decide again.
    #[error("{0} changed meanwhile")]
    Conflict(Thing),
    /// A claim's key is taken; what it holds.
    #[error("the key is taken")]
    Claimed(Box<Claim>),
    #[error("the disk is full: free space in the data directory; nothing was written")]
    DiskFull,
    /// It may or may not be on disk. Reload before deciding again.
    #[error("it is unknown whether this was stored")]
    OutcomeUnknown,
    #[error("the store is stopping")]
    Stopped,
    #[error("the journal's queue is full")]
    Overloaded,
}

/// The world failed; retry later. Names the problem and the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} ({place})")]
pub struct Fault {
    pub what: String,
    pub place: String,
}

/// One event as read back from the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub seq: Seq,
    /// The sequence of the first event of its batch: events with the same one became true together.
    pub batch: Seq,
    pub region: RegionId,
    pub thing: Thing,
    /// The thing's version after this event.
    pub version: Version,
    /// The previous event of the same thing; 0 for the first.
    pub prev: Seq,
    pub envelope: Envelope,
    pub fact: Fact,
}
