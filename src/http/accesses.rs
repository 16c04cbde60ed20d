//! `GET /v1/access` and its proof: who looked at whose data, for administrators. Reading it leaves a line too.

use super::{
    Context, Reply,
    answer::{Refused, ok},
    blocking,
    edge::overload,
    query::{Paging, Query},
    session::Session,
};
use crate::{
    access_log::Wanted,
    actors::Failure,
    api::{answers, schema},
    domain::{
        ids::{CustomerId, TicketNumber},
        time::{DAY_S, Timestamp},
    },
    settings::limits,
    telemetry::incidents::rfc3339,
};
use axum::{extract::State, http::Uri};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::IntoParams;

/// Days that are looked through when nobody says.
const DAYS: i64 = 30;

/// Whose accesses, to what, when.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `wanted` reads")]
struct AccessFilter {
    /// Thirty days before `to` when absent.
    #[param(value_type = Option<schema::Time>)]
    from: Option<String>,
    /// Now when absent.
    #[param(value_type = Option<schema::Time>)]
    to: Option<String>,
    /// A subject or a token's id.
    who: Option<String>,
    #[param(value_type = Option<schema::TicketNumber>)]
    ticket: Option<String>,
    /// By or about this customer.
    #[param(value_type = Option<schema::CustomerId>)]
    customer: Option<String>,
}

/// Who looked at whose data
///
/// A line for each call that shows or administers what is about a person, and for each that was refused; the newest
/// first. What was changed by whom stands in the tickets' timelines.
#[utoipa::path(
    get,
    path = "/v1/access",
    tag = "Administration",
    operation_id = "listAccess",
    params(AccessFilter, Paging),
    responses((status = 200, description = "A page.", body = answers::AccessList)),
)]
pub(super) async fn list(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    session.everywhere()?;
    let wanted = wanted(shared.clock.now(), &uri)?;
    let (log, turn) = (shared.access_log.clone(), turn(&shared.lookups)?);
    let page = blocking(move || (log.list(&wanted), turn).0).await?.map_err(unreadable)?;
    Ok(ok(&json!({ "items": page.items, "next_cursor": page.before.map(|n| n.to_string()) })))
}

/// Prove the access record
///
/// Walks the chain of its lines: one that was changed, put in or taken out is named.
#[utoipa::path(
    get,
    path = "/v1/access/proof",
    tag = "Administration",
    operation_id = "proveAccess",
    responses((status = 200, description = "Whether it is as it was written.", body = answers::AccessProof)),
)]
pub(super) async fn proof(State(shared): State<Context>, session: Session) -> Reply {
    session.everywhere()?;
    let (log, turn) = (shared.access_log.clone(), turn(&shared.imports)?);
    Ok(ok(&blocking(move || (log.verify(), turn).0).await?.map_err(unreadable)?))
}

/// Reading goes on to its end, whoever has gone meanwhile: the permit goes with it.
fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refused> {
    turns.clone().try_acquire_owned().map_err(|_| overload().into())
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: std::io::Error) -> Refused {
    Failure::Fault(format!("the access record cannot be read: {error}")).into()
}

fn wanted(now: Timestamp, uri: &Uri) -> Result<Wanted, Refused> {
    let mut query = Query::of(uri);
    let to = query.parsed("to", Timestamp::parse).unwrap_or(now);
    let from = query.parsed("from", Timestamp::parse).unwrap_or_else(|| to.plus_s(-DAYS * DAY_S));
    let who = |text: &str| (text.len() <= limits::KEY_BYTES).then(|| text.to_owned()).ok_or("no subject is so long");
    let ticket = |text: &str| text.parse::<TicketNumber>().map(|number| vec![number.to_string()]);
    let wanted = Wanted {
        from: Some(rfc3339(from.0)),
        to: Some(rfc3339(to.0)),
        who: query.parsed("who", who),
        tickets: query.parsed("ticket", ticket),
        customer: query.parsed("customer", CustomerId::parse).map(|id| id.to_string()),
        before: query.parsed("cursor", |text: &str| text.parse().map_err(|_| "not a cursor of a list")),
        limit: query.limit(),
    };
    query.finish()?;
    Ok(wanted)
}
