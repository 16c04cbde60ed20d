//! `POST /v1/surveys/{token}`: the customer says how it was, by the link they were sent. No login: the
//! link is the permission, for one ticket.

use super::{
    Context, Reply,
    answer::not_found,
    body,
    idempotency::{once, tell},
    session::{claim_of, fingerprint},
};
use crate::{
    actors::Caller,
    api::{answers, commands, orders::Survey},
    domain::ticket::{Role, Who},
    settings::limits,
};
use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri},
};
use serde_json::json;

/// Say how it was
///
/// No login: the link that the customer was sent is the permission, for one ticket. The ticket is closed by it.
#[utoipa::path(
    post,
    path = "/v1/surveys/{token}",
    tag = "Tickets",
    operation_id = "answerSurvey",
    request_body = Survey,
    responses(
        (status = 200, description = "Taken.", body = answers::ThankYou),
        (status = 409, description = "`wrong_phase`: the ticket is not completed."),
    ),
)]
pub(super) async fn answer(
    State(shared): State<Context>,
    Path(token): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Reply {
    let number = shared.tokens.survey_ticket(&token).ok_or_else(|| not_found("this survey"))?;
    let bytes = body::read_json_body(&headers, request.into_body(), limits::BODY_BYTES).await?;
    let command = commands::survey(&body::parse(&bytes)?)?;
    let mut caller = Caller::of(Who { role: Role::Customer, id: "survey".into() });
    caller.patience = limits::PATIENCE;
    let mut keyed = caller.clone();
    keyed.idempotency = claim_of(|| "survey".to_owned(), &method, uri.path(), &headers, fingerprint(&bytes))?;
    once(&shared, &keyed, async || {
        shared.service.command(number, command, &caller).await?;
        Ok(tell(StatusCode::OK, &json!({ "thank_you": true })))
    })
    .await
}
