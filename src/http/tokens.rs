//! `/v1/tokens`: bearer tokens for machines, and those of people who have logged in, for administrators. One who
//! is bound to regions sees, makes and revokes only what lies in them.

use super::{
    Context, Reply, Shared,
    answer::{json, not_found, ok},
    blocking,
    body::Input,
    people::{names, rules_over, unstored},
    query::{Paging, Query},
    session::Session,
    users::beyond,
};
use crate::{
    accounts::subject_of,
    api::people::{self, FreshToken, NewToken, TokenList, TokenView},
    domain::{ids::RegionId, ticket::Role},
    settings::limits,
    tokens::{Grant, Issued, TokenError},
};
use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::IntoResponse,
};
use serde_json::json as value;
use utoipa::IntoParams;

/// What the list may be narrowed to.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `list` reads")]
struct TokenFilter {
    /// Also those that hold no more.
    all: Option<bool>,
}

/// Tokens
///
/// Those that hold, the newest first; never the tokens themselves.
#[utoipa::path(
    get,
    path = "/v1/tokens",
    tag = "People and tokens",
    operation_id = "listTokens",
    params(TokenFilter, Paging),
    responses(
        (status = 200, description = "A page.", body = TokenList),
    ),
)]
pub(super) async fn list(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    let mut query = Query::of(&uri);
    let all = query.flag("all").unwrap_or(false);
    let (limit, cursor) = (query.limit(), query.parsed("cursor", token_id));
    query.finish()?;
    let context = shared.clone();
    let page = blocking(move || {
        let (shared, now) = (context, shared.clock.now());
        let mut listed = shared.tokens.list()?;
        listed.reverse();
        let after = cursor.map_or(0, |id| listed.iter().position(|(token, _)| token.id == id).map_or(0, |at| at + 1));
        let states = listed.into_iter().skip(after).map(|(token, _)| (shared.tokens.state(&token, now), token));
        let wanted = states.filter(|(state, token)| (all || state.is_ok()) && theirs(&shared, &session, token));
        let page: Vec<_> = wanted.take(limit + 1).map(|(state, token)| view(token, state)).collect();
        Ok::<_, crate::tokens::TokenFileError>(page)
    });
    let mut page = page.await??;
    let next = (page.len() > limit).then(|| page[limit - 1].id.clone());
    page.truncate(limit);
    Ok(ok(&value!({ "items": page, "next_cursor": next })))
}

fn view(token: Issued, state: Result<(), TokenError>) -> TokenView {
    let Issued { id, role, subject, regions, issued, expires, account, since: _ } = token;
    let state = state.map_or_else(TokenError::name, |()| "active");
    TokenView { id, role, subject, regions, account, issued_at: issued, expires_at: expires, state }
}

/// Whether the caller rules over all that a token may do; what is not understood nobody bound to regions sees.
fn theirs(shared: &Shared, session: &Session, token: &Issued) -> bool {
    let regions: Result<Vec<_>, _> = token.regions.iter().map(|region| RegionId::parse(region)).collect();
    let role = Role::parse(&token.role).unwrap_or(Role::System);
    rules_over(shared, session, role, &token.subject, &regions.unwrap_or_default())
}

/// Issue a token
///
/// For a machine: it lives as long as it is told, or until it is revoked. It is shown this once and never kept: an
/// `Idempotency-Key` means nothing here, a repeat issues another one.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    tag = "People and tokens",
    operation_id = "issueToken",
    request_body = NewToken,
    responses(
        (status = 201, description = "Issued, and on the list.", body = FreshToken),
    ),
)]
pub(super) async fn issue(State(shared): State<Context>, input: Input) -> Reply {
    let NewToken { role, subject, regions, ttl_s } = people::new_token(&input.json()?)?;
    let (regions, ttl_s) = (regions.unwrap_or_default(), ttl_s.unwrap_or(limits::LOGIN_TTL_S));
    let subject = subject_of(role, subject.as_deref(), Some(role.name()))?;
    if !rules_over(&shared, &input.session, role, &subject, &regions) {
        return Err(beyond());
    }
    let grant = Grant { role, subject: Some(subject), regions, ttl_s };
    let (tokens, now) = (shared.tokens.clone(), shared.clock.now());
    let (token, claims) = blocking(move || tokens.issue(grant, now)).await??;
    tracing::info!(token = claims.id, role = role.name(), by = input.session.claims.id, "a token was issued");
    let fresh = FreshToken {
        token,
        id: claims.id.clone(),
        role: role.name(),
        subject: claims.subject.clone(),
        regions: names(&claims.regions),
        expires_at: claims.expires.to_string(),
    };
    Ok(unstored(json(StatusCode::CREATED, &fresh)))
}

/// Revoke a token
///
/// It holds no more, nor do live sessions that began with it; another process on the same data knows within a second.
#[utoipa::path(
    delete,
    path = "/v1/tokens/{id}",
    tag = "People and tokens",
    operation_id = "revokeToken",
    responses(
        (status = 204, description = "Revoked."),
    ),
)]
pub(super) async fn revoke(State(shared): State<Context>, session: Session, Path(id): Path<String>) -> Reply {
    let context = shared.clone();
    let by = session.claims.id.clone();
    let revoked = blocking(move || {
        let found = context.tokens.listed_as(&id)?.filter(|token| theirs(&context, &session, token));
        found.map(|token| context.tokens.revoke(&token.id).map(|_| token.id)).transpose()
    });
    let id = revoked.await??.ok_or_else(|| not_found("this token"))?;
    tracing::info!(token = id, by, "a token was revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn token_id(text: &str) -> Result<String, &'static str> {
    let fits = text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if fits { Ok(text.to_owned()) } else { Err("not a cursor of this list") }
}
