//! What the service says no with, as problems. The one place where that is decided.

use super::answer::Refused;
use crate::{
    actors::Failure,
    api::{FieldProblem, Problem},
    storage::{Fault, Outcome},
};

/// `conditional`: the caller named the version it knows (`If-Match`).
pub(super) fn refuse(failure: Failure, conditional: bool) -> Refused {
    match failure {
        Failure::Refused { refusal, ticket } => Problem::refused(&refusal, ticket.as_deref()),
        Failure::NotFound(what) => Problem::new(404, "not_found", format!("{what} does not exist")),
        Failure::Invalid { what, detail } => {
            Problem::invalid(vec![FieldProblem { pointer: format!("/{what}"), code: "invalid", detail }])
        }
        Failure::Stale(version) if conditional => {
            Problem::new(412, "stale", format!("it is at version {version} by now"))
        }
        Failure::Stale(version) => Problem::new(409, "changed_meanwhile", format!("it is at version {version} by now")),
        Failure::KeyReused => {
            let detail = "this Idempotency-Key was used for a request with another body";
            Problem::new(422, "idempotency_key_reused", detail)
        }
        Failure::Replayed(Outcome::Body { status, json }) => Problem::stored(status, &json),
        // Things are shown by who knows their form (`idempotency.rs`); this is for those who do not.
        Failure::Replayed(Outcome::Version { .. }) => {
            Problem::new(409, "already_done", "this was done before, by the same key")
        }
        Failure::Overloaded { retry_after_s } => {
            let problem = Problem::new(503, "overloaded", "too much at once; nothing was done");
            Problem { retry_after_s: Some(retry_after_s), ..problem }
        }
        Failure::OutcomeUnknown => outcome_unknown(),
        Failure::DiskFull => {
            let problem = Problem::new(503, "disk_full", "no space left to store anything; nothing was done");
            Problem { retry_after_s: Some(10), ..problem }
        }
        Failure::Fault(what) => {
            tracing::error!(%what, "a call failed");
            let problem = Problem::new(503, "fault", "something failed on our side; repeat with the same key");
            Problem { retry_after_s: Some(1), ..problem }
        }
    }
    .into()
}

pub(super) fn outcome_unknown() -> Problem {
    let detail = "it is unknown whether this was stored; repeat it with the same Idempotency-Key";
    Problem { retry_after_s: Some(1), ..Problem::new(503, "outcome_unknown", detail) }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        refuse(failure, false)
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        refuse(Failure::Fault(fault.to_string()), false)
    }
}
