//! What staff and investigators look at: `/v1/objectives`, `/v1/incidents`, and the archive of
//! everything about some hours, streamed as it is made.

use super::{
    Context, Reply, Shared,
    answer::{Refused, ok},
    blocking,
    query::Query,
    session::Session,
    tickets::known,
};
use crate::{
    api::{Problem, insight as told, schema},
    domain::{
        ids::{ExpertId, RegionId, TicketNumber},
        time::{DAY_S, HOUR_S, Timestamp},
    },
    dossier::{self, Present, Scope},
    objectives::{Report, Sample},
    telemetry::{Incident, incidents::rfc3339},
};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::State,
    http::{Uri, header},
    response::IntoResponse,
};
use hyper::body::Frame;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{self, Write},
    pin::Pin,
    task::{Context as Waker, Poll},
};
use tokio::sync::mpsc;
use utoipa::IntoParams;

/// Incidents in one answer: a storm of crashes tells nothing new after these.
const INCIDENTS: usize = 5_000;
/// Pieces of an archive that wait for a slow reader, each of [`PIECE`] bytes.
const PIECES: usize = 16;
const PIECE: usize = 64 * 1_024;

/// What was promised, and how it stands
///
/// Availability of intake, lost tickets, stalls and incidents: today, 7 and 30 days.
#[utoipa::path(
    get,
    path = "/v1/objectives",
    tag = "Finding out",
    operation_id = "getObjectives",
    responses(
        (status = 200, description = "The present state.", body = told::Objectives),
    ),
)]
pub(super) async fn objectives(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    Query::of(&uri).finish()?;
    let bound = session.regions();
    let seen = move |region: &RegionId| bound.as_ref().is_none_or(|bound| bound.contains(region));
    Ok(ok(&blocking(move || report(&shared, seen)).await?))
}

/// The objectives as whoever sees these regions may know them: the figures are the whole house's, and name no other.
fn report(shared: &Shared, seen: impl Fn(&RegionId) -> bool) -> Report {
    let mut report = shared.objectives.report(&sample(shared, &seen));
    for worst in report.periods.iter_mut().filter_map(|period| period.worst_incident.as_mut()) {
        worst.region.take_if(|region| RegionId::parse(region).is_ok_and(|region| !seen(&region)));
    }
    report
}

/// How the service stands; what waits, of the regions that are `seen`.
fn sample(shared: &Shared, seen: impl Fn(&RegionId) -> bool) -> Sample {
    let service = &shared.service;
    let mut oldest_unassigned_s = service.oldest_unassigned();
    oldest_unassigned_s.retain(|id, _| RegionId::parse(id).is_ok_and(|region| seen(&region)));
    Sample { ready: service.readiness().ready, oldest_unassigned_s }
}

/// Crashes, restarts, overload, starts and stops
///
/// By default those of the last day; of a ticket, those of its life.
#[utoipa::path(
    get,
    path = "/v1/incidents",
    tag = "Finding out",
    operation_id = "listIncidents",
    params(Hours),
    responses(
        (status = 200, description = "What happened.", body = told::IncidentList),
        (status = 404, description = "`not_found`: a region or a ticket that the caller may not see."),
    ),
)]
pub(super) async fn incidents(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    let scope = scope(&shared, &session, &uri).await?;
    let seen = blocking(move || found(&shared, &scope)).await?;
    let (items, left_out) = newest(&seen);
    Ok(ok(&json!({ "items": items, "left_out": left_out, "next_cursor": null })))
}

/// Which hours, and what in them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `scope` reads")]
struct Hours {
    #[param(value_type = Option<schema::Time>)]
    from: Option<String>,
    /// Now when absent.
    #[param(value_type = Option<schema::Time>)]
    to: Option<String>,
    #[param(value_type = Option<schema::RegionId>)]
    region: Option<String>,
    #[param(value_type = Option<schema::TicketNumber>)]
    ticket: Option<String>,
}

/// The newest, oldest of them first, and how many came before them.
pub(super) fn newest(incidents: &[Incident]) -> (Vec<Value>, usize) {
    let left_out = incidents.len().saturating_sub(INCIDENTS);
    (incidents[left_out..].iter().map(incident).collect(), left_out)
}

fn incident(incident: &Incident) -> Value {
    let mut view = serde_json::to_value(incident).unwrap_or_default();
    if let Value::Object(members) = &mut view {
        members.shift_remove("at_ms");
        members.shift_insert(0, "at".into(), rfc3339(incident.at_ms).into());
    }
    view
}

/// Those of the regions or the ticket asked for, and those of the whole process.
fn found(shared: &Shared, scope: &Scope) -> Vec<Incident> {
    let incidents = &shared.service.store().telemetry().incidents;
    incidents.flush();
    let all = incidents.between(scope.from.0, scope.to.0).into_iter();
    all.filter(|incident| scope.takes_incident(incident) && of_scope(shared, scope, incident)).collect()
}

/// An incident may name its ticket or expert and no region: then it belongs where they do.
fn of_scope(shared: &Shared, scope: &Scope, incident: &Incident) -> bool {
    if scope.regions.is_none() || incident.region.is_some() {
        return true;
    }
    let store = shared.service.store();
    let ticket = incident.ticket.as_deref().map(|number| {
        let ticket = number.parse().ok().and_then(|number| store.ticket(number).ok().flatten());
        ticket.is_some_and(|ticket| scope.takes_region(&ticket.region))
    });
    let expert = incident.expert.as_deref().map(|id| {
        let expert = ExpertId::parse(id).ok().and_then(|id| store.expert(&id));
        expert.is_some_and(|expert| scope.takes_region(&expert.region))
    });
    ticket.or(expert).unwrap_or(true)
}

/// The hours asked for: by default a ticket's life, else the last day. Never more than the caller may see.
async fn scope(shared: &Shared, session: &Session, uri: &Uri) -> Result<Scope, Refused> {
    let mut query = Query::of(uri);
    let from = query.parsed("from", Timestamp::parse);
    let to = query.parsed("to", Timestamp::parse);
    let region = query.parsed("region", RegionId::parse);
    let ticket = query.parsed("ticket", str::parse::<TicketNumber>);
    query.finish()?;
    if let Some(region) = region.as_ref().filter(|region| !session.sees_region(region)) {
        return Err(Problem::new(404, "not_found", format!("there is no region {region}")).into());
    }
    let opened = match ticket {
        Some(number) => Some(known(shared, session, &number.to_string()).await?.opened_at.plus_s(-HOUR_S)),
        None => None,
    };
    let to = to.unwrap_or_else(|| shared.service.clock().now());
    let from = from.or(opened).unwrap_or_else(|| to.plus_s(-DAY_S));
    if from > to {
        return Err(Problem::new(422, "invalid", "from lies after to").into());
    }
    let bound = session.regions();
    let whole = bound.is_none();
    Ok(Scope { from, to, regions: region.map(|one| BTreeSet::from([one])).or(bound), ticket, whole })
}

/// Everything about some hours, in one archive
///
/// Under a token for some regions, of those alone, without the log and the figures of the whole process. Events, decisions, restarts, metrics, logs and settings as `.tar.gz`, for whoever looks into it; it names nobody. Made
/// while it is sent: nothing of it lies on the server's disk, and one that breaks off was not finished.
#[utoipa::path(
    get,
    path = "/v1/incidents/archive",
    tag = "Finding out",
    operation_id = "getIncidentArchive",
    params(Hours),
    responses(
        (status = 200, description = "The archive.", body = Vec<u8>, content_type = "application/gzip"),
        (status = 404, description = "`not_found`: a region or a ticket that the caller may not see."),
    ),
)]
pub(super) async fn archive(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    let scope = scope(&shared, &session, &uri).await?;
    let Ok(permit) = shared.imports_owned() else {
        let busy = Problem::new(503, "overloaded", "other long work is running");
        return Err(Problem { retry_after_s: Some(10), ..busy }.into());
    };
    let name = format!("callout-incident-{}.tar.gz", scope.from.to_string().replace(':', ""));
    let (pieces, body) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let present = present(&shared, &scope);
        let mut out = Pieces { to: pieces, piece: Vec::with_capacity(PIECE) };
        let store = shared.service.store();
        if let Err(broken) = dossier::write(&scope, &present, store, &shared.data, &mut out) {
            // Cut off, so that nobody takes it for whole.
            tracing::warn!(%broken, "an incident archive was not finished");
            let _ = out.to.blocking_send(Err(io::Error::other("the archive was not finished")));
        }
    });
    let kind = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((kind, Body::new(PieceBody(body))).into_response())
}

fn present(shared: &Shared, scope: &Scope) -> Present {
    let service = &shared.service;
    let telemetry = service.store().telemetry();
    let readiness = service.readiness();
    let unready = readiness.unready.iter().filter(|unready| scope.takes_region(&unready.region));
    let unready: Vec<Value> = unready.map(|u| json!({ "region": u.region.as_str(), "why": u.why })).collect();
    Present {
        at: service.clock().now(),
        metrics: service.metrics(),
        readiness: json!({ "ready": readiness.ready, "regions": readiness.regions, "unready": unready }),
        objectives: serde_json::to_value(report(shared, |region| scope.takes_region(region))).unwrap_or_default(),
        settings: telemetry.settings.get().cloned().unwrap_or_default(),
        incidents: found(shared, scope),
    }
}

/// Gathers bytes into pieces and hands them to the connection; waits while it is slow.
struct Pieces {
    to: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.to.blocking_send(Ok(piece.into())).map_err(|_| io::Error::other("the reader went away"))
    }
}

struct PieceBody(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for PieceBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, waker: &mut Waker<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(waker).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
