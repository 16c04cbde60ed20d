//! The API document: OpenAPI 3.1 at `/v1/openapi.json`, and a page that shows it at `/docs`. Made once
//! from the code: what handlers and wire types say about themselves (`utoipa`), the sixteen commands of a
//! ticket (`commands.rs`), and what holds for every call by its row in the table of roles
//! (`complete.rs`). Tests hold it against the routes, the readers of bodies and real answers.
//!
//! Must never do: say by hand what the code says already.

mod commands;
mod complete;
mod operations;
mod page;
#[cfg(test)]
mod tests;

pub(super) use page::{__path_file, __path_page, file, page};

use super::Reply;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::Value;
use std::sync::LazyLock;
use utoipa::OpenApi;

/// The whole document.
pub(super) fn document() -> Value {
    let mut document = serde_json::to_value(operations::Operations::openapi()).unwrap_or_default();
    commands::add(&mut document);
    complete::complete(&mut document);
    document
}

/// The whole API as OpenAPI 3.1
///
/// For generators of clients, for tests, and for the page at `/docs`.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    tag = "Operations",
    operation_id = "openapi",
    responses(
        (status = 200, description = "The document.", body = Object, headers(("etag" = String, description = "Changes with the document."))),
        (status = 304, description = "It is still what `If-None-Match` names."),
    ),
)]
pub(super) async fn openapi(headers: HeaderMap) -> Reply {
    static DOCUMENT: LazyLock<Asset> = LazyLock::new(|| Asset::new("application/json", document().to_string()));
    Ok(DOCUMENT.answer(&headers))
}

/// Bytes that change with the binary only.
struct Asset {
    kind: &'static str,
    bytes: Bytes,
    tag: String,
}

impl Asset {
    fn new(kind: &'static str, text: impl Into<Bytes>) -> Self {
        let bytes = text.into();
        let tag = format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..16]);
        Self { kind, bytes, tag }
    }

    /// The bytes, or 304 when the caller has them.
    fn answer(&self, headers: &HeaderMap) -> Response {
        let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let known =
            known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == self.tag));
        let mut response = Response::new(if known { Body::empty() } else { Body::from(self.bytes.clone()) });
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let answered = response.headers_mut();
        answered.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answered.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            answered.insert(header::ETAG, tag);
        }
        response
    }
}
