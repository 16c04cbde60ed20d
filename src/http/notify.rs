//! What the SMS gateway calls: `POST /v1/notify/status` (what became of a message) and `/v1/notify/inbound`
//! (what somebody answered). Open to the world, so each call proves by its signature whose it is.

use super::{
    Context, Reply, Shared,
    answer::{Refused, not_found},
    blocking, body,
    peer::Peer,
    query::Query,
};
use crate::{
    actors::{Failure, Report},
    api::{Problem, insight, outbox::DeliveryId, schema},
    settings::limits,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use utoipa::IntoParams;

type Fields = Vec<(String, String)>;

/// What became of an SMS
///
/// For the gateway alone: signed with its account's token (`X-Twilio-Signature`).
#[utoipa::path(
    post,
    path = "/v1/notify/status",
    tag = "Messages",
    operation_id = "gatewayStatus",
    params(Callback),
    request_body(content = insight::GatewayStatus, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 204, description = "Noted."),
        (status = 400, description = "`malformed_form`"),
        (status = 403, description = "`forged`: not signed by the gateway of this server."),
        (status = 404, description = "`not_found`: no such message."),
        (status = 415, description = "`unsupported_media_type`: this is no form."),
    ),
)]
pub(super) async fn status(State(shared): State<Context>, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let fields = genuine(&shared, &parts, body).await?;
    let mut query = Query::of(&parts.uri);
    let id = query.text("delivery").and_then(|id| DeliveryId::parse(&id)).ok_or_else(|| not_found("this message"))?;
    let said = field(&fields, "MessageStatus");
    if !matches!(said, "failed" | "undelivered") {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    // A number only: their prose repeats addresses.
    let code = field(&fields, "ErrorCode").chars().filter(char::is_ascii_digit).take(8).collect::<String>();
    let error = if code.is_empty() { said.to_owned() } else { format!("{said} ({code})") };
    let report = shared.service.undelivered(id.ticket, id.no, field(&fields, "MessageSid"), error).await;
    match report {
        Ok(Report::Taken | Report::Stale) => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(Report::Unknown) | Err(Failure::NotFound(_) | Failure::Refused { .. }) => Err(not_found("this message")),
        Err(other) => Err(other.into()),
    }
}

/// What somebody answered to an SMS
///
/// For the gateway alone, signed like its other calls. STOP (or ALTO) ends all messages to that number, START begins
/// them again.
#[utoipa::path(
    post,
    path = "/v1/notify/inbound",
    tag = "Messages",
    operation_id = "gatewayInbound",
    request_body(content = insight::GatewayInbound, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Noted; nothing to answer.", body = String, content_type = "text/xml"),
        (status = 400, description = "`malformed_form`"),
        (status = 403, description = "`forged`: not signed by the gateway of this server."),
        (status = 415, description = "`unsupported_media_type`: this is no form."),
    ),
)]
pub(super) async fn inbound(State(shared): State<Context>, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let fields = genuine(&shared, &parts, body).await?;
    let (from, text) = (field(&fields, "From").to_owned(), field(&fields, "Body").to_owned());
    if from.len() > limits::WORD_CHARS || !from.bytes().any(|b| b.is_ascii_digit()) {
        return Err(Problem::new(422, "invalid", "From is no number").into());
    }
    let (desk, now) = (shared.service.desk().clone(), shared.service.clock().now());
    let kept = blocking(move || desk.answered(&from, &text, now)).await?;
    kept.map_err(|error| Failure::Fault(error.to_string()))?;
    // Nothing to answer: the gateway itself confirms such words.
    let mut response = Response::new(Body::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>"));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    Ok(response)
}

/// Which message a callback is about.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `status` reads")]
struct Callback {
    /// As the callback's address had it when the message was handed over.
    #[param(value_type = schema::DeliveryId)]
    delivery: String,
}

/// The fields of a call that is the gateway's own; 403 for everybody else, and those are counted by address.
async fn genuine(shared: &Shared, parts: &Parts, body: Body) -> Result<Fields, Refused> {
    let forged = || {
        let forged = Problem::new(403, "forged", "this call is not signed by the gateway of this server");
        shared.rates.address(parts.extensions.get::<Peer>().copied()).err().unwrap_or_else(|| forged.into())
    };
    let Parts { uri, headers, extensions, .. } = parts;
    let signature = headers.get("x-twilio-signature").and_then(|value| value.to_str().ok()).ok_or_else(forged)?;
    let fields = body::read_form(headers, extensions, body).await?;
    let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
    match shared.service.desk().genuine(path, &fields, signature) {
        Some(true) => Ok(fields),
        Some(false) | None => Err(forged()),
    }
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}
