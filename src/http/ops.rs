//! `/healthz`, `/readyz`, `/metrics`: for probes, without a token and without a permit.

use super::{
    Context, Reply,
    answer::{json, ok},
    blocking,
    edge::overload,
};
use crate::{api::answers, settings::limits};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json as value;

/// Whether the process is up
///
/// For probes: answers even when all places are taken.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Operations",
    operation_id = "health",
    responses(
        (status = 200, description = "Up.", body = answers::Health),
    ),
)]
pub(super) async fn health() -> Response {
    ok(&value!({ "up": true, "version": env!("CARGO_PKG_VERSION") }))
}

/// Whether any region accepts and dispatches
///
/// For load balancers. Names the regions that do not, and why.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Operations",
    operation_id = "readiness",
    responses(
        (status = 200, description = "Ready.", body = answers::Readiness),
        (status = 503, description = "Not before the first region, or when none accepts.", body = answers::Readiness),
    ),
)]
pub(super) async fn ready(State(shared): State<Context>) -> Response {
    let readiness = shared.service.readiness();
    let unready: Vec<_> =
        readiness.unready.iter().map(|u| value!({ "region": u.region.as_str(), "why": u.why })).collect();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &value!({ "ready": readiness.ready, "regions": readiness.regions, "unready": unready }))
}

/// Figures for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Operations",
    operation_id = "metrics",
    responses(
        (status = 200, description = "OpenMetrics text.", body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ),
)]
pub(super) async fn metrics(State(shared): State<Context>) -> Reply {
    shared.meters.http_calls.count(limits::CALLS - shared.permits.available_permits());
    // It asks the disk how full it is; one that hangs holds no more threads than this.
    let turn = shared.figures.clone().try_acquire_owned().map_err(|_| overload())?;
    let text = blocking(move || (shared.service.metrics(), turn).0).await?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}
