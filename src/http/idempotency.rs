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
use serde_json::{Value, json};
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
        Outcome::Body { status, json } => Ok(kept_answer(status, json)),
        Outcome::Version { thing, version, status } => {
            let store = shared.service.store().clone();
            let state = super::blocking(move || as_it_was(&store, &thing, version)).await??;
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            Ok(replayed(show(&state, status, session)))
        }
    }
}

/// An answer that was kept whole: a refusal as the problem that it was.
fn kept_answer(status: u16, json: String) -> Response {
    replayed(match StatusCode::from_u16(status) {
        Ok(status) if status.as_u16() < 400 => told(status, json),
        _ => Refused::from(Problem::stored(status, &json)).into_response(),
    })
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
/// key and answers a repeat with what it answered then. Of an answer too large for the journal (imports,
/// audits) the counts are kept, and as many rows as fit.
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
                return Ok(kept_answer(status, json));
            }
            Some(Claim { outcome: Outcome::Version { .. }, .. }) | None => {}
        }
    }
    let (status, json) = match work().await {
        Ok(done) => done,
        Err(refused) => return Err(refused_for_good(shared, caller, refused).await),
    };
    if caller.idempotency.is_some() {
        keep(shared, caller, Outcome::Body { status: status.as_u16(), json: shortened(&kept(&json)) }).await?;
    }
    Ok(told(status, json))
}

/// A refusal by the state of things is kept like any answer; what a caller can mend (4xx) or we must (5xx) is not.
pub(super) async fn refused_for_good(shared: &Shared, caller: &Caller, refused: Refused) -> Refused {
    let problem = &refused.0;
    if problem.status != 409 || problem.code == "changed_meanwhile" {
        return refused;
    }
    let mut json = json!({ "code": problem.code, "detail": problem.detail });
    if let Some(phase) = &problem.phase {
        json["phase"] = phase.as_ref().into();
    }
    match keep(shared, caller, Outcome::Body { status: 409, json: json.to_string() }).await {
        Ok(()) => refused,
        Err(unknown) => unknown,
    }
}

/// An answer as it is kept: the longest lists lose rows until it fits, and `unlisted` counts what they lost.
fn shortened(json: &str) -> String {
    let fits = |text: &str| text.len() <= limits::KEPT_ANSWER_BYTES;
    let mut kept = json.to_owned();
    let mut value: Value = if fits(json) { Value::Null } else { serde_json::from_str(json).unwrap_or_default() };
    while !fits(&kept)
        && let Some(members) = value.as_object_mut()
    {
        let lists = members.values_mut().filter_map(Value::as_array_mut);
        let Some(longest) = lists.max_by_key(|list| list.len()).filter(|list| !list.is_empty()) else { break };
        let lost = longest.len().div_ceil(2);
        longest.truncate(longest.len() - lost);
        if let Some(unlisted) = members.get_mut("unlisted") {
            *unlisted = (unlisted.as_u64().unwrap_or(0) + lost as u64).into();
        }
        kept = value.to_string();
    }
    kept
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_large_answer_the_counts_are_kept_and_the_rows_that_fit() {
        let rows: Vec<Value> = (0..1_000).map(|line| json!({ "line": line, "detail": "x".repeat(60) })).collect();
        let whole = json!({ "rows": 5_000, "columns": { "a": "b" }, "problems": rows, "unlisted": 7 });
        let kept = shortened(&whole.to_string());
        assert!(kept.len() <= limits::KEPT_ANSWER_BYTES && kept.len() > limits::KEPT_ANSWER_BYTES / 4);
        let kept: Value = serde_json::from_str(&kept).unwrap();
        let left = kept["problems"].as_array().unwrap();
        assert_eq!(
            (&kept["rows"], &kept["columns"], &left[0]["line"]),
            (&json!(5_000), &json!({ "a": "b" }), &json!(0))
        );
        assert_eq!(kept["unlisted"], 1_007 - left.len());
        assert_eq!(shortened("{\"a\": 1}"), "{\"a\": 1}", "a small one stays as it is");
    }
}
