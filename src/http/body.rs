//! A call's body: of the right type, within its limit, in time.

use super::{Context, answer::Refused, place::Place, query::decode, session::Session};
use crate::{
    actors::Caller,
    api::{Json, Problem},
    settings::limits,
};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{Extensions, HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

/// A write by somebody known: who, and what they sent. `BYTES` bounds the body.
pub(super) struct Input<const BYTES: usize = { limits::BODY_BYTES }> {
    pub(super) session: Session,
    /// With idempotency key and `If-Match`.
    pub(super) caller: Caller,
    pub(super) bytes: Bytes,
}

impl<const BYTES: usize> FromRequest<Context> for Input<BYTES> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &Context) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        let session = Session::of(&parts.extensions)?;
        let bytes = read_json_body(&parts.headers, &parts.extensions, body, BYTES).await?;
        let mut caller = session.writer(&parts.method, parts.uri.path(), &parts.headers, &bytes)?;
        caller.patience = limits::PATIENCE;
        Ok(Self { session, caller, bytes })
    }
}

impl<const BYTES: usize> Input<BYTES> {
    /// The body, which has to be there.
    pub(super) fn json(&self) -> Result<Json<'_>, Refused> {
        parse(&self.bytes)
    }

    /// The body; none counts as `{}`.
    pub(super) fn json_or_empty(&self) -> Result<Json<'_>, Refused> {
        if self.bytes.is_empty() { Ok(Json::Object(Vec::new())) } else { self.json() }
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Json<'_>, Refused> {
    Json::parse(bytes).map_err(|why| Problem::new(400, "malformed_json", why).into())
}

/// Reads a JSON body: 415 for another type, 413 beyond `limit`, 408 when it comes too slowly.
pub(super) async fn read_json_body(
    headers: &HeaderMap,
    extensions: &Extensions,
    body: Body,
    limit: usize,
) -> Result<Bytes, Refused> {
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(415, "unsupported_media_type", "send application/json").into());
        }
    }
    collect(headers, extensions, body, limit).await
}

/// Whether the body says that it is a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Reads the fields of a form, as gateways and browsers send them.
pub(super) async fn read_form(
    headers: &HeaderMap,
    extensions: &Extensions,
    body: Body,
) -> Result<Vec<(String, String)>, Refused> {
    if !is_form(headers) {
        return Err(Problem::new(415, "unsupported_media_type", "send application/x-www-form-urlencoded").into());
    }
    let bytes = collect(headers, extensions, body, limits::FORM_BYTES).await?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let fields = text.split('&').filter(|pair| !pair.is_empty()).take(limits::JSON_MEMBERS + 1).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    });
    let fields: Option<Vec<_>> = fields.collect();
    let sound = fields.filter(|fields| !fields.is_empty() && fields.len() <= limits::JSON_MEMBERS);
    sound.ok_or_else(|| Problem::new(400, "malformed_form", "not a form of at most 256 fields in UTF-8").into())
}

async fn collect(headers: &HeaderMap, extensions: &Extensions, body: Body, limit: usize) -> Result<Bytes, Refused> {
    let too_large = || Problem::new(413, "too_large", format!("the body may have at most {limit} bytes"));
    let said: Option<usize> = headers.get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse().ok());
    if said.is_some_and(|length| length > limit) {
        return Err(too_large().into());
    }
    let mut receiving = pin!(Limited::new(body, limit).collect());
    // Most bodies come with their heads.
    let received = match poll_fn(|context| Poll::Ready(receiving.as_mut().poll(context))).await {
        Poll::Ready(received) => Ok(received),
        Poll::Pending => {
            let place = extensions.get::<Arc<Place>>();
            let waiting = place.map(|place| place.wait(extensions.get::<Session>().is_some())).transpose()?;
            let patience = waiting.as_ref().map_or(limits::BODY, |waiting| waiting.patience);
            let received = tokio::time::timeout(patience, receiving).await;
            if let (Ok(Ok(_)), Some(waiting)) = (&received, waiting) {
                waiting.over()?;
            }
            received
        }
    };
    match received {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large().into()),
        Ok(Err(_)) => Err(Problem::new(400, "unreadable", "the body broke off").into()),
        Err(_) => Err(Problem::new(408, "too_slow", "the body did not arrive in time").into()),
    }
}
