//! `POST /v1/imports/{kind}`: takes a file as its body, plain or gzip, and answers with the report.
//! The body goes to a file beside the data first, so that its size is not in memory.

use super::{
    Context, Reply,
    answer::{Refused, forbidden, not_found},
    idempotency::{once_without, tell},
    query::Query,
    session::{Session, fingerprint_of},
};
use crate::{
    api::{Problem, answers, schema},
    domain::ticket::Role,
    import::{Renames, Source},
    load::{Kind, LoadError, LoadOptions, Loader, Settled, UPLOAD},
    settings::limits,
};
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{StatusCode, Uri, uri::PathAndQuery},
};
use http_body_util::BodyExt;
use serde_json::Value;
use std::{
    path::{Path as FilePath, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};
use tokio::{fs::File, io::AsyncWriteExt, io::BufWriter};
use utoipa::IntoParams;

/// Import a file
///
/// The body is the file, plain or gzip: CSV for experts, tickets and places, GeoJSON for regions. The same file
/// twice makes nothing twice. Clerks import tickets only.
#[utoipa::path(
    post,
    path = "/v1/imports/{kind}",
    tag = "Administration",
    operation_id = "importFile",
    params(ImportOptions),
    request_body(content((String = "application/octet-stream"), (String = "text/csv"), (String = "application/geo+json"), (String = "application/gzip"))),
    responses(
        (status = 200, description = "What became of each row.", body = answers::ImportReport),
        (status = 403, description = "`forbidden`: only an administrator imports regions, experts and places."),
        (status = 408, description = "`too_slow`: the body paused for too long."),
        (status = 413, description = "`too_large`"),
        (status = 422, description = "`unreadable_file`: it is no such file; or parameters are not right."),
        (status = 400, description = "`unreadable`: the body broke off."),
    ),
)]
pub(super) async fn import(
    State(shared): State<Context>,
    session: Session,
    Path(kind): Path<String>,
    request: Request,
) -> Reply {
    let kind = Kind::parse(&kind).ok_or_else(|| not_found(format_args!("an import of {kind}")))?;
    if session.role() != Role::Admin && kind != Kind::Tickets {
        return Err(forbidden("only an administrator imports regions, experts and places"));
    }
    if kind != Kind::Tickets {
        session.everywhere()?;
    }
    let options = options(request.uri())?;
    let (parts, body) = request.into_parts();
    let busy = |why| Problem { retry_after_s: Some(10), ..Problem::new(503, "overloaded", why) };
    let running = "other imports are running; nothing was done";
    if shared.imports.available_permits() == 0 {
        return Err(busy(running).into());
    }
    // Whoever sends slowly keeps no import, audit or backup waiting.
    let upload = shared.uploads.try_acquire().map_err(|_| busy("other files are being sent; nothing was done"))?;
    let file = Upload::receive(&shared.data, body).await?;
    // Now that it is here it has its turn, also when another came first.
    let permit = tokio::time::timeout(limits::IMPORT, shared.imports.acquire()).await;
    let _permit = permit.map_err(|_| busy(running))?;
    drop(upload);
    let mut caller = session.caller();
    let path = parts.uri.path_and_query().map_or(parts.uri.path(), PathAndQuery::as_str);
    caller.idempotency = session.claim(&parts.method, path, &parts.headers, file.fingerprint)?;
    let work = async || {
        let source = super::blocking({
            let path = file.path.clone();
            // Its own name says nothing to whoever sent it.
            move || Source::received("the file", &path)
        });
        let source = source.await?.map_err(|error| unreadable(&LoadError::Import(error)))?;
        let loader = Loader {
            service: shared.service.clone(),
            zips: shared.zips.clone(),
            caller: session.caller(),
            settled: Settled::default(),
        };
        let loaded = loader.load(kind, source, options).await.map_err(|error| unreadable(&error))?;
        Ok(tell(StatusCode::OK, &loaded))
    };
    once_without(&shared, &caller, work, without_words).await
}

/// A report as it is journalled: rows that were refused quote what somebody wrote, a roster's changes are names.
fn without_words(report: &str) -> String {
    let mut report: Value = serde_json::from_str(report).unwrap_or_default();
    for problem in report["problems"].as_array_mut().into_iter().flatten() {
        problem["detail"] = "not kept".into();
    }
    if let Value::Object(members) = &mut report {
        members.shift_remove("roster");
    }
    report.to_string()
}

/// How a file is read.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `options` reads")]
struct ImportOptions {
    /// Our column and the file's: `title=category,lat=latitude`.
    columns: Option<String>,
    /// Of times without an offset, and of regions that name none.
    #[param(value_type = Option<schema::TimeZone>)]
    time_zone: Option<String>,
    /// What a ticket's window means: `promise` when absent.
    #[param(value_type = Option<schema::WindowKind>)]
    windows: Option<String>,
    /// Reads and judges, writes nothing.
    dry_run: Option<bool>,
}

fn options(uri: &Uri) -> Result<LoadOptions, Refused> {
    let mut query = Query::of(uri);
    let options = LoadOptions {
        columns: query.parsed("columns", Renames::parse).unwrap_or_default(),
        time_zone: query.parsed("time_zone", crate::api::words::time_zone),
        wishes: query.parsed("windows", windows).unwrap_or(false),
        dry_run: query.flag("dry_run").unwrap_or(false),
    };
    query.finish()?;
    Ok(options)
}

fn windows(text: &str) -> Result<bool, &'static str> {
    match text {
        "wish" => Ok(true),
        "promise" => Ok(false),
        _ => Err("expected promise or wish"),
    }
}

fn unreadable(error: &LoadError) -> Refused {
    match error {
        LoadError::Import(_) | LoadError::TimeZone(_) => Problem::new(422, "unreadable_file", error.to_string()),
        LoadError::Broken(_) => Problem::new(500, "internal", error.to_string()),
    }
    .into()
}

/// The received file; gone when dropped.
struct Upload {
    path: PathBuf,
    fingerprint: u64,
}

impl Upload {
    async fn receive(data: &FilePath, body: Body) -> Result<Self, Refused> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Counted, not named after the request: two may bring the same id at once.
        let name = format!("{UPLOAD}{}.tmp", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut upload = Self { path: data.join(name), fingerprint: 0 };
        upload.fingerprint = upload.write(body).await?;
        Ok(upload)
    }

    async fn write(&self, mut body: Body) -> Result<u64, Refused> {
        let failed = |error: std::io::Error| -> Refused {
            tracing::error!(%error, "an upload could not be written");
            Problem { retry_after_s: Some(10), ..Problem::new(503, "fault", "the file could not be kept") }.into()
        };
        let mut options = File::options();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = BufWriter::new(options.open(&self.path).await.map_err(failed)?);
        let (mut length, mut hasher) = (0, blake3::Hasher::new());
        loop {
            let frame = tokio::time::timeout(limits::IMPORT_PAUSE, body.frame()).await;
            let frame = frame.map_err(|_| Problem::new(408, "too_slow", "the body did not arrive in time"))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|_| Problem::new(400, "unreadable", "the body broke off"))?;
            let Ok(bytes) = frame.into_data() else { continue };
            length += bytes.len();
            if length > limits::IMPORT_BODY_BYTES {
                let detail = format!("a file may have at most {} bytes", limits::IMPORT_BODY_BYTES);
                return Err(Problem::new(413, "too_large", detail).into());
            }
            hasher.update(&bytes);
            file.write_all(&bytes).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        Ok(fingerprint_of(&hasher.finalize()))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
