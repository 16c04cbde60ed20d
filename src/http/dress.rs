//! What an answer wears on its way out: headers that tell browsers to be careful, gzip and CORS for those
//! who ask for them. One call through a layer, and only when asked: a stack of layers would cost every call.
//!
//! Must hold: nothing that is a stream is packed or kept, and packing a large answer gives the thread back
//! between pieces (P9).

use crate::settings::{ServerSettings, limits};
use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
    response::Response,
};
use std::{
    convert::Infallible,
    future::ready,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::{
    CompressionLevel,
    compression::Compression,
    cors::{AllowOrigin, CorsLayer},
};

/// How every answer is dressed; from the settings.
pub(super) struct Wardrobe {
    cors: Option<CorsLayer>,
    tls: bool,
}

/// What a request says about how it wants its answer. Most say nothing, and cost nothing.
pub(super) struct Wishes {
    packed: Option<HeaderValue>,
    origin: Option<HeaderValue>,
}

impl Wishes {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self { packed: headers.get(header::ACCEPT_ENCODING).cloned(), origin: headers.get(header::ORIGIN).cloned() }
    }
}

/// A year: browsers come back by TLS alone.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// How long a browser may remember what a preflight said.
const REMEMBERED: Duration = Duration::from_mins(10);

/// Set unless a handler said otherwise. Answers hold data of somebody's; none is a page, none may be framed.
const CAREFUL: [(HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

impl Wardrobe {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        let origins: Vec<_> = settings.allowed_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
        Self { cors: (!origins.is_empty()).then(|| cors(origins)), tls: settings.tls().is_some() }
    }

    /// Headers that every answer has.
    pub(super) fn careful(&self, headers: &mut HeaderMap) {
        for (name, value) in CAREFUL {
            headers.entry(name).or_insert(value);
        }
        if self.tls {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
        }
    }

    /// The answer to a browser that asks whether it may call, where anybody may.
    pub(super) async fn preflight<B>(&self, request: &Request<B>) -> Option<Response> {
        let asks = *request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let cors = self.cors.as_ref().filter(|_| asks)?;
        let mut asked = Request::new(());
        *asked.method_mut() = Method::OPTIONS;
        asked.headers_mut().clone_from(request.headers());
        let mut response = through(cors, asked, Response::default()).await;
        *response.status_mut() = StatusCode::NO_CONTENT;
        Some(response)
    }

    /// Packs an answer and opens it to its origin, as far as it was asked for.
    pub(super) async fn as_wished(&self, wishes: Wishes, mut response: Response) -> Response {
        if let Some(accepted) = wishes.packed.filter(|_| worth_packing(&response)) {
            response = packed(accepted, response).await;
        }
        match (&self.cors, wishes.origin) {
            (Some(cors), Some(origin)) => through(cors, asking((header::ORIGIN, origin)), response).await,
            (Some(_), None) => {
                response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
                response
            }
            (None, _) => response,
        }
    }
}

fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    let names = |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(names(&[
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "last-event-id",
            "traceparent",
            "x-request-id",
        ]))
        .expose_headers(names(&["etag", "idempotency-replayed", "location", "retry-after", "x-request-id"]))
        .max_age(REMEMBERED)
}

/// A request of which only this header matters.
fn asking((name, value): (HeaderName, HeaderValue)) -> Request<()> {
    let mut request = Request::new(());
    request.headers_mut().insert(name, value);
    request
}

/// One call through a layer, with an answer that is there already.
async fn through(layer: &CorsLayer, request: Request<()>, response: Response) -> Response {
    let answered = layer.layer(service_fn(given(response))).oneshot(request).await;
    answered.unwrap_or_else(|never| match never {})
}

/// A handler that gives this answer to the one call it gets.
fn given(response: Response) -> impl FnMut(Request<()>) -> std::future::Ready<Result<Response, Infallible>> {
    let mut response = Some(response);
    move |_| ready(Ok(response.take().unwrap_or_default()))
}

/// Whole, large enough, a text, and not packed yet.
fn worth_packing(response: &Response) -> bool {
    let large = response.body().size_hint().exact().is_some_and(|bytes| bytes > limits::GZIP_BYTES);
    let headers = response.headers();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let text = kind.starts_with("text/") || kind.starts_with("application/openmetrics-text") || kind.ends_with("json");
    large && text && !headers.contains_key(header::CONTENT_ENCODING)
}

async fn packed(accepted: HeaderValue, response: Response) -> Response {
    let packing = Compression::new(service_fn(given(response))).quality(CompressionLevel::Fastest);
    let answered = packing.oneshot(asking((header::ACCEPT_ENCODING, accepted))).await;
    let answered = answered.unwrap_or_else(|never| match never {});
    if !answered.headers().contains_key(header::CONTENT_ENCODING) {
        return answered.map(Body::new);
    }
    answered.map(|body| Body::new(InPieces { body, rest: false }))
}

/// A body whose pieces take work: between two of them others have their turn.
struct InPieces<B> {
    body: B,
    rest: bool,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for InPieces<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, B::Error>>> {
        if std::mem::take(&mut self.rest) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = Pin::new(&mut self.body).poll_frame(context);
        self.rest = piece.is_ready();
        piece
    }
}
