//! `POST /v1/audits` and `POST /v1/backups`: long work beside a live store, for administrators.

use super::{
    Context, Reply, blocking,
    body::Input,
    idempotency::{once, tell},
};
use crate::{
    api::{FieldProblem, Json, Problem, answers, read_object},
    domain::ids::TicketNumber,
    settings::limits,
    storage::{AuditOptions, Fault, audit::LATE_S, backup::foreign},
    travel::networks::Networks,
};
use axum::{extract::State, http::StatusCode};
use std::path::PathBuf;

/// Prove the promises over the data
#[utoipa::path(
    post,
    path = "/v1/audits",
    tag = "Administration",
    operation_id = "audit",
    request_body = answers::AuditRequest,
    responses(
        (status = 200, description = "Counts, and every violation.", body = answers::AuditReport),
    ),
)]
pub(super) async fn audit(State(shared): State<Context>, input: Input<{ limits::GEOMETRY_BODY_BYTES }>) -> Reply {
    input.session.everywhere()?;
    let (replay, acknowledged) = audit_body(&input.json_or_empty()?)?;
    let _permit = shared.imports.try_acquire().map_err(|_| busy())?;
    let (store, data) = (shared.service.store().clone(), shared.data.clone());
    once(&shared, &input.caller, async || {
        let audited = blocking(move || {
            let networks = Networks::of(&data);
            let mut report = store.audit(AuditOptions {
                replay,
                acknowledged: &acknowledged,
                late_s: Some(LATE_S),
                overlap: &|route, region| networks.overlap(route, region),
                progress: &mut |_, _| {},
            })?;
            report.missing_networks = networks.missing();
            Ok::<_, Fault>(report)
        });
        Ok(tell(StatusCode::OK, &audited.await??))
    })
    .await
}

/// Back up to a folder of the server's machine
///
/// One consistent state, while everything goes on.
#[utoipa::path(
    post,
    path = "/v1/backups",
    tag = "Administration",
    operation_id = "backUp",
    request_body = answers::BackupRequest,
    responses(
        (status = 201, description = "What it holds.", body = answers::Backup),
        (status = 409, description = "`not_a_backup`: the folder holds something else."),
    ),
)]
pub(super) async fn backup(State(shared): State<Context>, input: Input) -> Reply {
    // A copy of everything, keys included.
    input.session.everywhere()?;
    let dir = backup_body(&input.json()?)?;
    let _permit = shared.imports.try_acquire().map_err(|_| busy())?;
    let store = shared.service.store().clone();
    once(&shared, &input.caller, async || {
        let done = blocking(move || {
            if foreign(&dir) {
                return Err(Problem::new(409, "not_a_backup", "this folder holds something else"));
            }
            let failed = |fault: crate::storage::Fault| Problem::new(503, "fault", fault.to_string());
            store.backup(&dir, &mut |_, _| {}).map_err(failed)
        });
        Ok(tell(StatusCode::CREATED, &done.await??))
    })
    .await
}

/// `{ "replay"?: bool, "acknowledged"?: [number] }`.
pub(super) fn audit_body<'j>(body: &'j Json<'j>) -> Result<(bool, Vec<TicketNumber>), Vec<FieldProblem>> {
    read_object(body, |f| {
        let replay = f.flag("replay").unwrap_or(false);
        let numbers = f.texts("acknowledged", usize::MAX, str::parse::<TicketNumber>).unwrap_or_default();
        Some((replay, numbers))
    })
}

/// `{ "dir": absolute path on this machine }`.
pub(super) fn backup_body<'j>(body: &'j Json<'j>) -> Result<PathBuf, Vec<FieldProblem>> {
    read_object(body, |f| {
        let dir = f.parsed("dir", |text| match PathBuf::from(text) {
            path if path.is_absolute() => Ok(path),
            _ => Err("a path from the root, on the server's machine"),
        });
        f.required("dir", dir)
    })
}

fn busy() -> Problem {
    Problem { retry_after_s: Some(10), ..Problem::new(503, "overloaded", "other long work is running") }
}
