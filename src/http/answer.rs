//! Answers: JSON with its headers, and problems on their way to the edge, which writes them.

use crate::api::{FieldProblem, Problem};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::fmt::Display;

pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A problem to be answered. The edge adds the request's id and writes the body.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Box<Problem>);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Vec<FieldProblem>> for Refused {
    fn from(problems: Vec<FieldProblem>) -> Self {
        Problem::invalid(problems).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(Carried(self.0));
        response
    }
}

/// How a problem travels in a response.
#[derive(Clone)]
pub(super) struct Carried(pub(super) Box<Problem>);

pub(super) fn not_found(what: impl Display) -> Refused {
    Problem::new(404, "not_found", format!("{what} does not exist")).into()
}

pub(super) fn forbidden(why: &str) -> Refused {
    Problem::new(403, "forbidden", why).into()
}

pub(super) fn json_bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    json_bytes(status, serde_json::to_vec(body).unwrap_or_default())
}

pub(super) fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// One thing with its version as `ETag`.
pub(super) fn versioned(mut response: Response, version: u64) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub(super) fn located(mut response: Response, path: &str) -> Response {
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}

/// Marks an answer as one that was given before.
pub(super) fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
