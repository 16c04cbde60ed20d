//! What every request meets before the router: gets its id, takes a permit, is let through or turned
//! away by the table of roles, has a deadline; panics are caught, and every error is written as a problem
//! document. Not layers of the router: those are copied into every route and boxed anew for each request.
//! The bound on calls is one for the whole door.

use super::{
    Context, Shared, access,
    answer::{Carried, Refused},
    dress::Wishes,
    failure::outcome_unknown,
    peer::Peer,
    place::Place,
    recorded, session,
};
use crate::{
    api::Problem,
    settings::limits,
    telemetry::{Span, spans::mixed},
};
use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use rand::{TryRng, rngs::SysRng};
use std::{
    convert::Infallible,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Instant,
};

/// Makes request ids: unlike any other process's, and cheap.
pub(super) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        let mut bytes = [0; 8];
        // Without randomness ids of two runs may be alike: a nuisance, no harm.
        if SysRng.try_fill_bytes(&mut bytes).is_err() {
            bytes = u64::from(std::process::id()).to_le_bytes();
        }
        Self { process: u64::from_le_bytes(bytes) >> 16, next: AtomicU64::new(1) }
    }

    /// A new W3C trace id.
    pub(super) fn trace(&self) -> Arc<str> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{:016x}", mixed(self.process ^ (n << 32)), mixed(self.process.rotate_left(17) ^ n)).into()
    }

    /// The caller's own id when it is fit to be one, else a new one.
    fn of(&self, headers: &HeaderMap) -> Arc<str> {
        let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
        // It is journalled in the clear: no place for an address.
        let fine = |b: u8| b.is_ascii_graphic() && b != b'@';
        let fit = |id: &&str| (1..=limits::KEY_BYTES).contains(&id.len()) && id.bytes().all(fine);
        match given.filter(fit) {
            Some(id) => id.into(),
            None => self.fresh(),
        }
    }

    pub(super) fn fresh(&self) -> Arc<str> {
        format!("{:012x}-{:x}", self.process, self.next.fetch_add(1, Ordering::Relaxed)).into()
    }
}

pub(super) async fn edge<B>(
    shared: Context,
    router: TowerToHyperService<Router>,
    request: Request<B>,
) -> Result<Response, Infallible>
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    let id = shared.ids.of(request.headers());
    if let Some(response) = shared.wardrobe.preflight(&request).await {
        return Ok(finish(&shared, response, &id));
    }
    let wishes = Wishes::of(request.headers());
    let response = answered(&shared, router, request, &id).await;
    Ok(shared.wardrobe.as_wished(wishes, finish(&shared, response, &id)).await)
}

async fn answered<B>(
    shared: &Context,
    router: TowerToHyperService<Router>,
    mut request: Request<B>,
    id: &Arc<str>,
) -> Response
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    let path = request.uri().path();
    // Probes get through when nothing else does.
    let probe = matches!(path, "/healthz" | "/readyz" | "/metrics");
    let long = path.starts_with("/v1/imports/")
        || matches!(
            path,
            "/v1/audits" | "/v1/backups" | "/v1/incidents/archive" | "/v1/customers/erase" | "/v1/access/proof"
        );
    let deadline = if long { limits::IMPORT } else { limits::CALL };
    let began = started();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let intake = path == "/v1/tickets" && *request.method() == Method::POST;
    let place = if probe { None } else { Place::take(shared) };
    if place.is_none() && !probe {
        shared.meters.http_shed.add(1);
        count(shared, StatusCode::SERVICE_UNAVAILABLE, intake);
        return refused(overload());
    }
    // A read has no body to wait for.
    if let Some(place) = place.as_ref().filter(|_| !reads) {
        request.extensions_mut().insert(place.clone());
    }
    let (mut span, mut call) = (None, recorded::Call::begin(&request));
    let answer = async {
        match turned_away(shared, &mut request, id, probe) {
            Err(response) => {
                call.turned_away(shared, request.headers());
                Ok(response)
            }
            Ok(begun) => {
                span = begun;
                call.admitted(&request);
                router.call(request).await
            }
        }
    };
    let mut response = match tokio::time::timeout(deadline, contained(answer)).await {
        Ok(Some(Ok(response))) => response,
        Ok(Some(Err(never))) => match never {},
        Ok(None) => {
            tracing::error!(request_id = %id, "a handler panicked");
            refused(Problem::new(500, "internal", "a bug on our side; it was noted under this request's id"))
        }
        Err(_) if reads => {
            refused(Problem { retry_after_s: Some(1), ..Problem::new(503, "too_slow", "no answer in time") })
        }
        Err(_) => refused(outcome_unknown()),
    };
    if let Some(place) = place {
        place.leave();
    }
    call.end(shared, &mut response, id);
    if let Some(span) = span {
        finish_span(span, response.status());
    }
    count(shared, response.status(), intake);
    if !long && !probe {
        shared.meters.answer_seconds.took(began.elapsed());
    }
    response
}

#[allow(clippy::disallowed_methods, reason = "how long a call takes is measured on the machine's monotonic clock")]
fn started() -> Instant {
    Instant::now()
}

fn count(shared: &Shared, status: StatusCode, intake: bool) {
    let class = usize::from(status.as_u16() / 100).saturating_sub(1);
    shared.meters.answers.add(class);
    if intake {
        shared.meters.intake_answers.add(class);
    }
}

#[allow(clippy::result_large_err, reason = "an answer is moved once, whatever its size")]
/// Lets a call through with its session (and the span it runs in), or answers it.
fn turned_away<B>(
    shared: &Shared,
    request: &mut Request<B>,
    id: &Arc<str>,
    probe: bool,
) -> Result<Option<Span>, Response> {
    let peer = request.extensions().get::<Peer>().copied();
    let path = request.uri().path();
    let stranger: &dyn Fn() -> Result<(), Refused> = match path {
        "/metrics" => &|| shared.rates.figures(peer),
        // A gateway reports as often as it sends, and proves itself by its signature: counted when that is wrong.
        path if probe || path.starts_with("/v1/notify/") => &|| Ok(()),
        _ => &|| shared.rates.address(peer),
    };
    let unknown = |refusal: Response| stranger().map_or_else(|limited| too_many(shared, limited), |()| refusal);
    let row = access::row_of(request.method(), request.uri().path()).map_err(|closed| unknown(not_offered(closed)))?;
    let session = session::admit(shared, row, request.headers(), id);
    let session = session.map_err(|refused| unknown(refused.into_response()))?;
    let Some(mut session) = session else {
        return stranger().map(|()| None).map_err(|limited| too_many(shared, limited));
    };
    shared.rates.token(&session.claims).map_err(|limited| too_many(shared, limited))?;
    let span = shared.spans.begin("request", Some(session.trace_id()), session.parent);
    let span = span.map(|span| {
        let span = span.of_remote().with("http.request.method", row.method.as_str().to_owned());
        span.with("http.route", row.path).with("callout.request_id", id.to_string())
    });
    session.span = span.as_ref().map_or(0, Span::id);
    request.extensions_mut().insert(session);
    Ok(span)
}

fn finish_span(span: Span, status: StatusCode) {
    let failed = status.is_server_error().then_some("answered with a server error");
    span.with("http.response.status_code", i64::from(status.as_u16())).finish(failed);
}

fn too_many(shared: &Shared, limited: Refused) -> Response {
    shared.meters.limited.add(1);
    limited.into_response()
}

fn not_offered(closed: access::Closed) -> Response {
    let access::Closed::Methods(offered) = closed else { return refused(bare(StatusCode::NOT_FOUND)) };
    let mut response = refused(bare(StatusCode::METHOD_NOT_ALLOWED));
    if let Ok(offered) = HeaderValue::from_str(&offered) {
        response.headers_mut().insert(header::ALLOW, offered);
    }
    response
}

/// Runs a handler; None when it panicked.
async fn contained<T>(handler: impl Future<Output = T>) -> Option<T> {
    let mut handler = pin!(handler);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// There is no place for this call.
pub(super) fn overload() -> Problem {
    let problem = Problem::new(503, "overloaded", "too many calls at once; nothing was done");
    Problem { retry_after_s: Some(limits::RETRY_AFTER_S), ..problem }
}

fn refused(problem: Problem) -> Response {
    Refused::from(problem).into_response()
}

/// Writes the problem that a response carries (or that its bare error status means), the id, and what every
/// answer wears.
fn finish(shared: &Shared, mut response: Response, id: &str) -> Response {
    if let Some(Carried(problem)) = response.extensions_mut().remove::<Carried>() {
        write(&mut response, &problem, id);
    } else if (response.status().is_client_error() || response.status().is_server_error()) && !is_json(&response) {
        let problem = bare(response.status());
        write(&mut response, &problem, id);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert("x-request-id", id);
    }
    shared.wardrobe.careful(response.headers_mut());
    response
}

fn write(response: &mut Response, problem: &Problem, id: &str) {
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = problem.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    *response.body_mut() = Body::from(problem.to_json(id));
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.ends_with("json"))
}

/// What a status without a word means: the router's own refusals.
fn bare(status: StatusCode) -> Problem {
    let (code, detail) = match status.as_u16() {
        404 => ("not_found", "there is nothing at this path; /docs lists what there is"),
        405 => ("method_not_allowed", "this method is not offered here"),
        413 => ("too_large", "the body is too large"),
        _ => ("unreadable", "the request cannot be read"),
    };
    Problem::new(status.as_u16(), code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_call_and_nothing_else() {
        assert_eq!(contained(async { 7 }).await, Some(7));
        assert_eq!(contained(async { panic!("on purpose") }).await, None::<()>);
    }

    #[test]
    fn a_fit_request_id_is_kept_and_another_replaced() {
        let ids = RequestIds::new();
        let of = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", id.parse().unwrap());
            ids.of(&headers)
        };
        assert_eq!(&*of("mine-1"), "mine-1");
        assert_ne!(&*of("with blanks"), "with blanks");
        assert_ne!(of(""), of(""));
    }
}
