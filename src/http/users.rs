//! `/v1/users`: accounts, for administrators. One who is bound to regions sees and makes only what lies in them.

use super::{
    Context, Reply,
    answer::{Refused, forbidden, located, not_found, ok, versioned},
    blocking,
    body::Input,
    idempotency::{once, tell},
    login::own,
    people::{invalid, judged, ruled, rules_over, view},
    query::{Paging, Query},
    session::{Session, fingerprint},
};
use crate::{
    accounts::{Account, AccountName, Edit, NewPassword, Profile, State as AccountState, subject_of},
    api::{
        Problem,
        people::{self, NewUser, UserEdit, UserList, UserView},
        schema,
    },
    domain::ticket::Role,
    settings::limits,
};
use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};
use serde_json::json;
use std::sync::Arc;
use utoipa::IntoParams;

type Body = Input<{ limits::CREDENTIALS_BODY_BYTES }>;

/// The words for states, as bodies have them.
pub(super) const STATES: [&str; 2] = ["active", "disabled"];

/// What the list may be narrowed to.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `list` reads")]
struct UserFilter {
    #[param(value_type = Option<schema::GrantedRole>)]
    role: Option<String>,
    #[param(value_type = Option<schema::AccountState>)]
    state: Option<String>,
}

fn shown(account: &Account) -> Response {
    versioned(ok(&view(account)), account.version)
}

/// Accounts
#[utoipa::path(
    get,
    path = "/v1/users",
    tag = "People and tokens",
    operation_id = "listUsers",
    params(UserFilter, Paging),
    responses(
        (status = 200, description = "A page.", body = UserList),
    ),
)]
pub(super) async fn list(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    let mut query = Query::of(&uri);
    let role = query.parsed("role", |name| Role::parse(name).ok_or("no role of this name"));
    let state = query.parsed("state", |name| AccountState::parse(name).ok_or("active or disabled"));
    let (limit, cursor) = (query.limit(), query.parsed("cursor", AccountName::parse));
    query.finish()?;
    let accounts = shared.people.accounts().clone();
    let all = blocking(move || accounts.list()).await?.map_err(crate::accounts::AccountError::from)?;
    let wanted = |account: &&Arc<Account>| {
        cursor.as_ref().is_none_or(|after| account.name > *after)
            && role.is_none_or(|role| role == account.role)
            && state.is_none_or(|state| state == account.state)
            && rules_over(&shared, &session, account.role, &account.subject, &account.regions)
    };
    let page: Vec<_> = all.iter().filter(wanted).take(limit + 1).collect();
    let next = (page.len() > limit).then(|| page[limit - 1].name.to_string());
    let items: Vec<_> = page.iter().take(limit).map(|account| view(account)).collect();
    Ok(ok(&json!({ "items": items, "next_cursor": next })))
}

/// Add a person
///
/// They log in by name and password. With a key the password is no part of what is compared: none is kept, not
/// even as a fingerprint.
#[utoipa::path(
    post,
    path = "/v1/users",
    tag = "People and tokens",
    operation_id = "addUser",
    request_body = NewUser,
    responses(
        (status = 201, description = "Added.", body = UserView, headers(
            ("etag" = String, description = "The version, for `If-Match`."),
            ("location" = String, description = "Where it is."),
            ("idempotency-replayed" = Option<String>, description = "`true`: this was answered before, by the same key."),
        )),
        (status = 409, description = "`name_taken`, `too_many_accounts`."),
    ),
)]
pub(super) async fn add(State(shared): State<Context>, input: Body) -> Reply {
    let NewUser { name, role, subject, regions, password } = people::new_user(&input.json()?)?;
    let name = AccountName::parse(&name).map_err(|error| invalid("name", "invalid", error))?;
    let regions = regions.unwrap_or_default();
    let subject = subject_of(role, subject.as_deref(), Some(name.as_str()))?;
    let password = judged(password, &name, "password")?;
    if !rules_over(&shared, &input.session, role, &subject, &regions) {
        return Err(beyond());
    }
    let mut caller = input.caller;
    let asked = format!("{name} {} {subject} {regions:?}", role.name());
    caller.idempotency = caller.idempotency.map(|(key, _)| (key, fingerprint(asked.as_bytes())));
    let path = format!("/v1/users/{name}");
    let made = once(&shared, &caller, async || {
        let (profile, now) = (Profile { role, subject: Some(subject), regions }, shared.clock.now());
        let made = shared.people.hash(move |accounts| accounts.add(name, profile, &password, now)).await??;
        Ok(tell(StatusCode::CREATED, &view(&made)))
    });
    Ok(located(versioned(made.await?, 1), &path))
}

/// One account
#[utoipa::path(
    get,
    path = "/v1/users/{name}",
    tag = "People and tokens",
    operation_id = "getUser",
    responses(
        (status = 200, description = "The account.", body = UserView, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn show(State(shared): State<Context>, session: Session, Path(name): Path<String>) -> Reply {
    Ok(shown(&*known(&shared, &session, &name).await?))
}

/// Change an account
///
/// Each change ends the tokens that were got by login before it.
#[utoipa::path(
    patch,
    path = "/v1/users/{name}",
    tag = "People and tokens",
    operation_id = "editUser",
    request_body = UserEdit,
    responses(
        (status = 200, description = "As it is now.", body = UserView, headers(("etag" = String, description = "The version, for `If-Match`."))),
        (status = 409, description = "One's own role, subject, regions and state are another administrator's to change: `own_account`."),
    ),
)]
pub(super) async fn edit(State(shared): State<Context>, Path(name): Path<String>, input: Body) -> Reply {
    let UserEdit { role, subject, regions, state, password } = people::user_edit(&input.json()?, &STATES)?;
    let account = known(&shared, &input.session, &name).await?;
    let edit = Edit { role, subject, regions, state: state.and_then(AccountState::parse) };
    let password = password.map(|text| judged(text, &account.name, "password")).transpose()?;
    change(&shared, &input, &account, edit, password).await
}

/// Disable an account
///
/// Nobody logs in to it, and its tokens end. Its history stays, and its name is not given to another.
#[utoipa::path(
    delete,
    path = "/v1/users/{name}",
    tag = "People and tokens",
    operation_id = "disableUser",
    responses(
        (status = 200, description = "As it is now.", body = UserView, headers(("etag" = String, description = "The version, for `If-Match`."))),
        (status = 409, description = "One's own account is another administrator's to disable: `own_account`."),
    ),
)]
pub(super) async fn disable(State(shared): State<Context>, Path(name): Path<String>, input: Body) -> Reply {
    let account = known(&shared, &input.session, &name).await?;
    let edit = Edit { state: Some(AccountState::Disabled), ..Edit::default() };
    change(&shared, &input, &account, edit, None).await
}

async fn change(shared: &Context, input: &Body, account: &Account, edit: Edit, password: Option<NewPassword>) -> Reply {
    let role = edit.role.unwrap_or(account.role);
    let subject = edit.subject.as_deref().unwrap_or(&account.subject);
    let regions = edit.regions.as_ref().unwrap_or(&account.regions);
    if !rules_over(shared, &input.session, role, subject, regions) {
        return Err(beyond());
    }
    // Nobody shuts themselves out by mistake.
    if own(&input.session, &account.name) && edit != Edit::default() {
        return Err(Problem::new(409, "own_account", "this is another administrator's to change").into());
    }
    let (name, seen, now) = (account.name.clone(), input.caller.if_match.or(Some(account.version)), shared.clock.now());
    let changed = shared.people.hash(move |accounts| accounts.edit(&name, edit, password.as_ref(), seen, now)).await?;
    Ok(shown(&*changed?))
}

async fn known(shared: &Context, session: &Session, name: &str) -> Result<Arc<Account>, Refused> {
    let name = AccountName::parse(name).map_err(|_| not_found("this user"))?;
    let accounts = shared.people.accounts().clone();
    let found = blocking(move || accounts.find(&name)).await?.map_err(crate::accounts::AccountError::from)?;
    ruled(shared, session, found)
}

pub(super) fn beyond() -> Refused {
    forbidden("this would give more than your own regions")
}
