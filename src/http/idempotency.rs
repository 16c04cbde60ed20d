//! The same key gives the same answer: a second call waits for the first, and what was done before is
//! shown as it was then, folded from the journal.

use super::{
    Context, Reply, Shared,
    answer::{Refused, json_bytes, located, replayed, versioned},
    failure::refuse,
    session::Session,
};
use crate::{
    actors::{Caller, Failure},
    api::{
        Problem,
        expert::{ExpertView, PresenceView},
        region::RegionView,
    },
    domain::{
        fact::State,
        ids::{Thing, Version},
        ticket::Ticket,
    },
    settings::limits,
    storage::{Batch, Claim, ClaimKey, CommitError, Envelope, Outcome, Store},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OwnedMutexGuard;

/// Keys of calls that are under way in this process.
#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<ClaimKey, Arc<tokio::sync::Mutex<()>>>>);

/// The right to run a key; the next one waits until it is dropped.
pub(super) struct Turn<'a> {
    running: &'a Running,
    key: ClaimKey,
    held: Option<OwnedMutexGuard<()>>,
}

impl Running {
    /// Waits until no other call with this key is under way. None: the caller gave no key.
    pub(super) async fn turn(&self, caller: &Caller) -> Option<Turn<'_>> {
        let (key, _) = caller.idempotency?;
        let lock = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        // Made first: a caller who goes away while waiting leaves nothing behind either.
        let mut turn = Turn { running: self, key, held: None };
        // The edge's deadline bounds this wait.
        turn.held = Some(lock.lock_owned().await);
        Some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = None;
        let mut keys = self.running.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            keys.remove(&self.key);
        }
    }
}

/// The answer to a failed write: what a key did before is shown again, everything else is a problem.
pub(super) async fn or_replay(shared: &Context, session: &Session, caller: &Caller, failure: Failure) -> Reply {
    match failure {
        Failure::Replayed(outcome) => replay(shared, session, outcome).await,
        other => Err(refuse(other, caller.if_match.is_some())),
    }
}

/// Shows an outcome as it was answered then.
async fn replay(shared: &Context, session: &Session, outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Body { status, json } if status < 400 => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            Ok(replayed(json_bytes(status, json.into_bytes())))
        }
        Outcome::Body { status, json } => Ok(replayed(Refused::from(Problem::stored(status, &json)).into_response())),
        Outcome::Version { thing, version, status } => {
            let store = shared.service.store().clone();
            let state = super::blocking(move || as_it_was(&store, &thing, version)).await??;
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            Ok(replayed(show(&state, status, session)))
        }
    }
}

/// A thing at an earlier version, folded from its events.
pub(super) fn as_it_was(store: &Store, thing: &Thing, version: Version) -> Result<State, Failure> {
    let mut state = None;
    for recorded in store.history(thing)?.iter().take_while(|recorded| recorded.version <= version) {
        let next = State::after(state, thing, &recorded.fact);
        state = Some(next.map_err(|misfit| Failure::Fault(misfit.to_string()))?);
    }
    state.ok_or_else(|| Failure::Fault(format!("{thing} is claimed but not in the journal")))
}

fn show(state: &State, status: StatusCode, session: &Session) -> Response {
    match state {
        State::Ticket(ticket) => show_ticket(ticket, status, session),
        State::Expert(expert) => {
            let body = serde_json::to_vec(&ExpertView::new(expert, PresenceView::default())).unwrap_or_default();
            let response = versioned(json_bytes(status, body), expert.version);
            located(response, &format!("/v1/experts/{}", expert.id))
        }
        State::Region(region) => {
            let body = serde_json::to_vec(&RegionView::new(region, true)).unwrap_or_default();
            let response = versioned(json_bytes(status, body), region.version);
            located(response, &format!("/v1/regions/{}", region.id))
        }
        State::Route(_) | State::Catalogue(_) => json_bytes(status, b"{}".to_vec()),
    }
}

/// A ticket with its version and, when new, its place.
pub(super) fn show_ticket(ticket: &Ticket, status: StatusCode, session: &Session) -> Response {
    let body = session.view(ticket).to_json();
    let response = versioned(json_bytes(status, body), ticket.version);
    if status == StatusCode::CREATED { located(response, &format!("/v1/tickets/{}", ticket.number)) } else { response }
}

/// For writes that the service does not claim keys for: what this key did before, if anything.
pub(super) async fn earlier(shared: &Context, session: &Session, caller: &Caller) -> Result<Option<Response>, Refused> {
    let Some((key, fingerprint)) = caller.idempotency else { return Ok(None) };
    let (store, now) = (shared.service.store().clone(), shared.service.clock().now());
    match super::blocking(move || store.claim(&key, now)).await?? {
        None => Ok(None),
        Some(claim) if claim.fingerprint != fingerprint => Err(Failure::KeyReused.into()),
        Some(claim) => replay(shared, session, claim.outcome).await.map(Some),
    }
}

/// For calls that neither the service nor a thing's version can claim keys for: runs `work` once for a
/// key and answers a repeat with what it answered then. An answer too large to be kept is not: its
/// call makes nothing twice by itself (imports, audits).
pub(super) async fn once(shared: &Context, caller: &Caller, work: impl AsyncFnOnce() -> Told) -> Reply {
    once_without(shared, caller, work, str::to_owned).await
}

/// The same where an answer may repeat what people said: `kept` takes that out of what is journalled.
pub(super) async fn once_without(
    shared: &Context,
    caller: &Caller,
    work: impl AsyncFnOnce() -> Told,
    kept: impl FnOnce(&str) -> String,
) -> Reply {
    let _turn = shared.running.turn(caller).await;
    if let Some((key, fingerprint)) = caller.idempotency {
        let (store, now) = (shared.service.store().clone(), shared.service.clock().now());
        match super::blocking(move || store.claim(&key, now)).await?? {
            Some(claim) if claim.fingerprint != fingerprint => return Err(Failure::KeyReused.into()),
            Some(Claim { outcome: Outcome::Body { status, json }, .. }) => {
                return Ok(replayed(told(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), json)));
            }
            Some(Claim { outcome: Outcome::Version { .. }, .. }) | None => {}
        }
    }
    let (status, json) = work().await?;
    if caller.idempotency.is_some() && json.len() <= limits::KEPT_ANSWER_BYTES {
        keep(shared, caller, Outcome::Body { status: status.as_u16(), json: kept(&json) }).await?;
    }
    Ok(told(status, json))
}

/// A status and its JSON (empty for 204), or why not.
pub(super) type Told = Result<(StatusCode, String), Refused>;

fn told(status: StatusCode, json: String) -> Response {
    if json.is_empty() { status.into_response() } else { json_bytes(status, json.into_bytes()) }
}

/// A status and a body, as [`once`] takes it.
pub(super) fn tell(status: StatusCode, body: &impl Serialize) -> (StatusCode, String) {
    (status, serde_json::to_string(body).unwrap_or_default())
}

/// Keeps what such a write did. Should the process end just before, its repeat finds the thing as it
/// wants it and changes nothing.
pub(super) async fn keep(shared: &Shared, caller: &Caller, outcome: Outcome) -> Result<(), Refused> {
    let Some((key, fingerprint)) = caller.idempotency else { return Ok(()) };
    let at = shared.service.clock().now();
    let claim = Claim { key, fingerprint, outcome, expires_at: Some(at.plus_s(limits::IDEMPOTENCY_S)) };
    let envelope = Envelope {
        at,
        who: caller.who.clone(),
        request_id: caller.request_id.clone(),
        cause: None,
        trace_id: caller.trace_id.clone(),
    };
    let batch = Batch { envelope, changes: Vec::new(), guards: Vec::new(), claims: vec![claim] };
    match shared.service.store().commit(batch).await {
        // Somebody else's repeat was faster: it says the same.
        Ok(_) | Err(CommitError::Claimed(_)) => Ok(()),
        Err(_) => Err(Failure::OutcomeUnknown.into()),
    }
}
