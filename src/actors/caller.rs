//! Who calls the service, and how.

use crate::{
    domain::{ids::Version, ticket::Who},
    storage::ClaimKey,
    telemetry::SpanNo,
};
use std::time::Duration;

/// Who calls, under which request, with which claims.
#[derive(Clone, Debug)]
pub struct Caller {
    pub who: Who,
    pub request_id: Option<String>,
    pub trace_id: Option<String>,
    /// The span that this call is part of, in an exported trace; 0: none.
    pub span: SpanNo,
    /// The idempotency key and the hash of the body (0 is never a hash).
    pub idempotency: Option<(ClaimKey, u64)>,
    /// The version the caller has seen; another one is `Stale`.
    pub if_match: Option<Version>,
    /// How long the caller is willing to wait.
    pub patience: Duration,
}

impl Caller {
    /// The system itself.
    #[must_use]
    pub fn system() -> Self {
        Self::of(Who::system())
    }

    #[must_use]
    pub fn of(who: Who) -> Self {
        Self {
            who,
            request_id: None,
            trace_id: None,
            span: 0,
            idempotency: None,
            if_match: None,
            patience: Duration::from_secs(5),
        }
    }
}
