//! `/v1/login`, `/v1/logout`, `/v1/me`: a name and a password for a token, and what the caller is.
//!
//! Must hold: a wrong name and a wrong password are answered alike, for the same work; no answer with a token is
//! kept, in a cache or under an idempotency key.

use super::{
    Context, Reply,
    answer::{Refused, ok},
    blocking,
    body::{self, Input},
    peer::Peer,
    people::{judged, names, unstored},
    session::Session,
};
use crate::{
    accounts::{Account, AccountName, Edit},
    api::{
        Problem,
        people::{self, Credentials, LoginView, MeView, PasswordChange},
    },
    settings::limits,
    tokens::{Grant, Login},
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
};

/// Log in
///
/// The token lives for twelve hours, and ends earlier with a logout or when the account's password, role, subject,
/// regions or state change. A wrong name and a wrong password are answered alike. After a few failures to a name, or from
/// an address, each further attempt has to wait, up to 15 minutes, the right password too. An answer with a
/// token is never kept: an `Idempotency-Key` means nothing here, a repeat logs in again.
#[utoipa::path(
    post,
    path = "/v1/login",
    tag = "People and tokens",
    operation_id = "logIn",
    request_body = Credentials,
    responses(
        (status = 200, description = "Logged in.", body = LoginView),
        (status = 401, description = "The name or the password is wrong, or the account is disabled: `bad_login`."),
        (status = 429, description = "Too many failed logins, as `Retry-After` says: `too_many_attempts`."),
    ),
)]
pub(super) async fn login(State(shared): State<Context>, peer: Peer, headers: HeaderMap, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let bytes = body::read_json_body(&headers, &parts.extensions, body, limits::CREDENTIALS_BODY_BYTES).await?;
    let Credentials { name, password } = people::credentials(&body::parse(&bytes)?)?;
    let account = shared.people.prove(&shared, name, password, peer).await?;
    let account = account.ok_or_else(|| Problem::new(401, "bad_login", "the name or the password is wrong"))?;
    welcome(&shared, &account).await
}

/// A token for whoever has just proved to be this account's.
async fn welcome(shared: &Context, account: &Account) -> Reply {
    let login = Login { account: account.name.to_string(), since: account.since };
    let subject = Some(account.subject.clone());
    let grant = Grant { role: account.role, subject, regions: account.regions.clone(), ttl_s: limits::LOGIN_TTL_S };
    let (tokens, now) = (shared.tokens.clone(), shared.clock.now());
    let (token, claims) = blocking(move || tokens.issue_to(login, grant, now)).await??;
    tracing::info!(token = claims.id, role = claims.role.name(), "somebody logged in");
    Ok(unstored(ok(&LoginView {
        token,
        expires_at: claims.expires.to_string(),
        role: claims.role.name(),
        subject: claims.subject.clone(),
        regions: names(&claims.regions),
    })))
}

/// Log out
///
/// The token of this call ends; live sessions that began with it too.
#[utoipa::path(
    post,
    path = "/v1/logout",
    tag = "People and tokens",
    operation_id = "logOut",
    responses(
        (status = 204, description = "It holds no more."),
    ),
)]
pub(super) async fn logout(State(shared): State<Context>, session: Session) -> Reply {
    let tokens = shared.tokens.clone();
    // One that is on no list is this process's own, and gone within the hour.
    blocking(move || tokens.revoke_own(&session.claims)).await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Who am I?
#[utoipa::path(
    get,
    path = "/v1/me",
    tag = "People and tokens",
    operation_id = "whoAmI",
    responses(
        (status = 200, description = "What the token says.", body = MeView),
    ),
)]
pub(super) async fn me(session: Session, uri: Uri) -> Reply {
    super::query::Query::of(&uri).finish()?;
    let claims = session.claims;
    Ok(ok(&MeView {
        role: claims.role.name(),
        subject: claims.subject.clone(),
        regions: names(&claims.regions),
        account: claims.login.as_ref().map(|login| login.account.clone()),
        token_id: claims.id.clone(),
        expires_at: claims.expires.to_string(),
    }))
}

/// Change one's own password
///
/// Every token of the account ends, that of this call too; the answer has a new one, as after a login, and is
/// never kept: an `Idempotency-Key` means nothing here. A wrong old password counts as a failed login.
#[utoipa::path(
    post,
    path = "/v1/me/password",
    tag = "People and tokens",
    operation_id = "changePassword",
    request_body = PasswordChange,
    responses(
        (status = 200, description = "Changed; the new token.", body = LoginView),
        (status = 403, description = "The old password is wrong: `bad_password`."),
        (status = 409, description = "This token was not got by a password: `no_account`."),
        (status = 429, description = "Too many failed logins, as `Retry-After` says: `too_many_attempts`."),
    ),
)]
pub(super) async fn password(
    State(shared): State<Context>,
    peer: Peer,
    input: Input<{ limits::CREDENTIALS_BODY_BYTES }>,
) -> Reply {
    let PasswordChange { old, new } = people::password_change(&input.json()?)?;
    let name = account_of(&input.session)?;
    let new = judged(new, &name, "new")?;
    let proved = shared.people.prove(&shared, name.to_string(), old, peer).await?;
    let account = proved.ok_or_else(|| Problem::new(403, "bad_password", "the old password is wrong"))?;
    let (now, seen) = (shared.clock.now(), Some(account.version));
    let changed = shared.people.hash(move |accounts| accounts.edit(&name, Edit::default(), Some(&new), seen, now));
    welcome(&shared, &*changed.await??).await
}

fn account_of(session: &Session) -> Result<AccountName, Refused> {
    let login = session.claims.login.as_ref();
    let name = login.and_then(|login| AccountName::parse(&login.account).ok());
    name.ok_or_else(|| Problem::new(409, "no_account", "this token was not got by a password").into())
}

/// Whether an account is the caller's own.
pub(super) fn own(session: &Session, name: &AccountName) -> bool {
    session.claims.login.as_ref().is_some_and(|login| login.account == name.as_str())
}
