//! `/docs`: a page that shows the API document and lets people try calls. All of it is in the binary and
//! loads nothing from elsewhere; its policy lets a browser run nothing else.

use super::{Asset, Reply};
use crate::http::answer::not_found;
use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, header},
};
use std::sync::LazyLock;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// This API as a page
///
/// Shows every call with who may make it, what it takes and what it answers, and tries it with a token.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "Operations",
    operation_id = "docs",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 304, description = "It is still what `If-None-Match` names."),
    ),
)]
pub(in crate::http) async fn page(headers: HeaderMap) -> Reply {
    static PAGE: LazyLock<Asset> = LazyLock::new(|| Asset::new("text/html; charset=utf-8", include_str!("page.html")));
    let mut response = PAGE.answer(&headers);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}

/// A part of that page
#[utoipa::path(
    get,
    path = "/docs/{file}",
    tag = "Operations",
    operation_id = "docsFile",
    responses(
        (status = 200, description = "The file.", content((String = "text/css; charset=utf-8"), (String = "text/javascript; charset=utf-8"))),
        (status = 304, description = "It is still what `If-None-Match` names."),
    ),
)]
pub(in crate::http) async fn file(Path(file): Path<String>, headers: HeaderMap) -> Reply {
    static STYLE: LazyLock<Asset> = LazyLock::new(|| Asset::new("text/css; charset=utf-8", include_str!("page.css")));
    static SCRIPT: LazyLock<Asset> =
        LazyLock::new(|| Asset::new("text/javascript; charset=utf-8", include_str!("page.js")));
    match file.as_str() {
        "page.css" => Ok(STYLE.answer(&headers)),
        "page.js" => Ok(SCRIPT.answer(&headers)),
        _ => Err(not_found(format_args!("/docs/{file}"))),
    }
}
