//! Which role may call which route: the one table. A route that is not here is closed; a row without
//! roles is open to everybody.

use crate::domain::ticket::Role::{self, Admin, Clerk, Customer, Dispatcher, Expert, Manager, Portal};
use axum::http::Method;
use std::{collections::BTreeMap, sync::LazyLock};

pub(super) struct Row {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// Empty: no token needed.
    pub(super) roles: &'static [Role],
}

const OPEN: &[Role] = &[];
const STAFF: &[Role] = &[Clerk, Dispatcher, Manager, Admin];
const OWNER_AND_STAFF: &[Role] = &[Customer, Portal, Clerk, Dispatcher, Manager, Admin];
const ALL: &[Role] = &[Customer, Portal, Expert, Clerk, Dispatcher, Manager, Admin];
const EXPERT_AND_STAFF: &[Role] = &[Expert, Clerk, Dispatcher, Manager, Admin];
const ADMIN: &[Role] = &[Admin];
const DISPATCHER: &[Role] = &[Dispatcher];
const DESK: &[Role] = &[Dispatcher, Admin];
/// An expert, or a clerk who speaks for them.
const EXPERT_OR_CLERK: &[Role] = &[Expert, Clerk];

const fn row(method: Method, path: &'static str, roles: &'static [Role]) -> Row {
    Row { method, path, roles }
}

pub(super) const TABLE: &[Row] = &[
    row(Method::GET, "/healthz", OPEN),
    row(Method::GET, "/readyz", OPEN),
    row(Method::GET, "/metrics", OPEN),
    row(Method::GET, "/docs", OPEN),
    row(Method::GET, "/docs/{file}", OPEN),
    row(Method::GET, "/v1/openapi.json", OPEN),
    row(Method::POST, "/v1/tickets", &[Customer, Clerk, Portal]),
    row(Method::GET, "/v1/tickets", ALL),
    row(Method::GET, "/v1/tickets/{number}", ALL),
    row(Method::GET, "/v1/tickets/{number}/timeline", OWNER_AND_STAFF),
    row(Method::GET, "/v1/tickets/{number}/decisions", STAFF),
    row(Method::GET, "/v1/tickets/{number}/candidates/{expert}", STAFF),
    row(Method::GET, "/v1/tickets/{number}/remedies", STAFF),
    row(Method::POST, "/v1/tickets/{number}/cancel", OWNER_AND_STAFF),
    row(Method::POST, "/v1/tickets/{number}/reopen", OWNER_AND_STAFF),
    row(Method::POST, "/v1/tickets/{number}/reschedule", OWNER_AND_STAFF),
    row(Method::POST, "/v1/tickets/{number}/hold", OWNER_AND_STAFF),
    row(Method::POST, "/v1/tickets/{number}/release", OWNER_AND_STAFF),
    row(Method::POST, "/v1/tickets/{number}/locate", &[Clerk, Dispatcher]),
    row(Method::POST, "/v1/tickets/{number}/assign", DISPATCHER),
    row(Method::POST, "/v1/tickets/{number}/unassign", DISPATCHER),
    row(Method::POST, "/v1/tickets/{number}/accept", EXPERT_OR_CLERK),
    row(Method::POST, "/v1/tickets/{number}/decline", EXPERT_OR_CLERK),
    row(Method::POST, "/v1/tickets/{number}/depart", EXPERT_OR_CLERK),
    row(Method::POST, "/v1/tickets/{number}/arrive", EXPERT_OR_CLERK),
    row(Method::POST, "/v1/tickets/{number}/complete", EXPERT_OR_CLERK),
    row(Method::POST, "/v1/tickets/{number}/cannot_fix", EXPERT_OR_CLERK),
    row(Method::POST, "/v1/tickets/{number}/no_access", EXPERT_OR_CLERK),
    row(Method::POST, "/v1/tickets/{number}/notes", STAFF),
    row(Method::POST, "/v1/tickets/{number}/resume", DISPATCHER),
    row(Method::GET, "/v1/surveys/{token}", OPEN),
    row(Method::POST, "/v1/surveys/{token}", OPEN),
    row(Method::GET, "/v1/track/{token}", OPEN),
    row(Method::GET, "/v1/outbox", DESK),
    row(Method::GET, "/v1/outbox/{id}", DESK),
    row(Method::POST, "/v1/outbox/{id}/resend", DESK),
    // Open, but each call proves by its signature that it is the gateway's.
    row(Method::POST, "/v1/notify/status", OPEN),
    row(Method::POST, "/v1/notify/inbound", OPEN),
    row(Method::GET, "/v1/experts", STAFF),
    row(Method::POST, "/v1/experts", ADMIN),
    row(Method::GET, "/v1/experts/{id}", EXPERT_AND_STAFF),
    row(Method::PATCH, "/v1/experts/{id}", ADMIN),
    row(Method::DELETE, "/v1/experts/{id}", ADMIN),
    row(Method::GET, "/v1/experts/{id}/route", EXPERT_AND_STAFF),
    row(Method::GET, "/v1/experts/{id}/absences", EXPERT_AND_STAFF),
    row(Method::POST, "/v1/experts/{id}/absences", &[Expert, Clerk, Dispatcher, Admin]),
    row(Method::DELETE, "/v1/experts/{id}/absences", &[Expert, Clerk, Dispatcher, Admin]),
    row(Method::DELETE, "/v1/experts/{id}/absences/{absence}", &[Expert, Clerk, Dispatcher, Admin]),
    row(Method::GET, "/v1/experts/{id}/channel", &[Expert]),
    row(Method::POST, "/v1/experts/{id}/position", &[Expert]),
    row(Method::GET, "/v1/regions", EXPERT_AND_STAFF),
    row(Method::POST, "/v1/regions", ADMIN),
    row(Method::GET, "/v1/regions/{id}", EXPERT_AND_STAFF),
    row(Method::PATCH, "/v1/regions/{id}", ADMIN),
    row(Method::POST, "/v1/regions/{id}/unpark", DISPATCHER),
    row(Method::POST, "/v1/regions/{id}/optimise", DISPATCHER),
    row(Method::GET, "/v1/regions/{id}/board", STAFF),
    row(Method::GET, "/v1/regions/{id}/forecast", &[Dispatcher, Manager, Admin]),
    row(Method::GET, "/v1/feed", STAFF),
    row(Method::GET, "/v1/feed/sse", STAFF),
    row(Method::GET, "/v1/skills", EXPERT_AND_STAFF),
    row(Method::PUT, "/v1/skills", ADMIN),
    row(Method::GET, "/v1/catalogue-rules", STAFF),
    row(Method::PUT, "/v1/catalogue-rules", ADMIN),
    row(Method::GET, "/v1/calendars", STAFF),
    row(Method::PUT, "/v1/calendars", ADMIN),
    row(Method::POST, "/v1/imports/{kind}", &[Clerk, Admin]),
    row(Method::GET, "/v1/objectives", STAFF),
    row(Method::GET, "/v1/incidents", STAFF),
    row(Method::GET, "/v1/incidents/archive", ADMIN),
    row(Method::POST, "/v1/login", OPEN),
    row(Method::POST, "/v1/logout", ALL),
    row(Method::GET, "/v1/me", ALL),
    row(Method::POST, "/v1/me/password", ALL),
    row(Method::GET, "/v1/users", ADMIN),
    row(Method::POST, "/v1/users", ADMIN),
    row(Method::GET, "/v1/users/{name}", ADMIN),
    row(Method::PATCH, "/v1/users/{name}", ADMIN),
    row(Method::DELETE, "/v1/users/{name}", ADMIN),
    row(Method::GET, "/v1/tokens", ADMIN),
    row(Method::POST, "/v1/tokens", ADMIN),
    row(Method::DELETE, "/v1/tokens/{id}", ADMIN),
    row(Method::GET, "/v1/access", ADMIN),
    row(Method::GET, "/v1/access/proof", ADMIN),
    row(Method::POST, "/v1/customers/export", ADMIN),
    row(Method::POST, "/v1/customers/erase", ADMIN),
    row(Method::POST, "/v1/audits", ADMIN),
    row(Method::POST, "/v1/backups", ADMIN),
];

/// Why there is no row.
#[derive(Debug)]
pub(super) enum Closed {
    NoSuchPath,
    /// The path offers only these methods, as `Allow` lists them (RFC 9110, section 10.2.1).
    Methods(String),
}

/// The row of a call, by the path as it was sent. A HEAD is a GET without its body.
pub(super) fn row_of(method: &Method, path: &str) -> Result<&'static Row, Closed> {
    static PATHS: LazyLock<matchit::Router<Vec<&'static Row>>> = LazyLock::new(paths);
    let rows = &PATHS.at(path).map_err(|_| Closed::NoSuchPath)?.value;
    let wanted = if *method == Method::HEAD { &Method::GET } else { method };
    let row = rows.iter().copied().find(|row| row.method == *wanted);
    let offered = |row: &&'static Row| if row.method == Method::GET { "GET, HEAD" } else { row.method.as_str() };
    row.ok_or_else(|| Closed::Methods(rows.iter().map(offered).collect::<Vec<_>>().join(", ")))
}

fn paths() -> matchit::Router<Vec<&'static Row>> {
    let mut rows = BTreeMap::<_, Vec<_>>::new();
    for row in TABLE {
        rows.entry(row.path).or_default().push(row);
    }
    let mut paths = matchit::Router::new();
    for (path, rows) in rows {
        if let Err(error) = paths.insert(path, rows) {
            tracing::error!(path, %error, "this path stays closed");
        }
    }
    paths
}
