//! `/healthz`, `/readyz`, `/metrics`: for probes, without a token and without a permit.

use super::{
    Context,
    answer::{json, ok},
};
use crate::settings::limits;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json as value;

/// The process is up and its edge runs.
pub(super) async fn health() -> Response {
    ok(&value!({ "up": true, "version": env!("CARGO_PKG_VERSION") }))
}

/// 200 while any region accepts and dispatches; names those that do not and why.
pub(super) async fn ready(State(shared): State<Context>) -> Response {
    let readiness = shared.service.readiness();
    let unready: Vec<_> =
        readiness.unready.iter().map(|u| value!({ "region": u.region.as_str(), "why": u.why })).collect();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &value!({ "ready": readiness.ready, "regions": readiness.regions, "unready": unready }))
}

pub(super) async fn metrics(State(shared): State<Context>) -> Response {
    shared.meters.http_calls.count(limits::CALLS - shared.permits.available_permits());
    let text = shared.service.metrics();
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
