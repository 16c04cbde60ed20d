//! Which calls leave a line in the access record, and what it says of them.
//!
//! Must hold: every call does that is not among [`QUIET`], so that a new route is recorded until somebody says why
//! not. Must never: let a word of the caller's into a line: an id gets there if it names something that exists.

use super::{Shared, access, query::decode, session, session::Session};
use crate::{
    access_log::{About, Caller, Entry},
    domain::ids::{CustomerId, ExpertId, RegionId, TicketNumber},
    settings::limits,
    telemetry::incidents::now_ms,
};
use axum::{
    http::{HeaderMap, Method, Request, Uri},
    response::Response,
};
use std::sync::Arc;

/// Calls that show nothing about anybody, or that leave their trace elsewhere. They are recorded when they are
/// refused.
pub(super) const QUIET: [(Method, &str); 16] = [
    (Method::GET, "/healthz"),
    (Method::GET, "/readyz"),
    (Method::GET, "/metrics"),
    (Method::GET, "/docs"),
    (Method::GET, "/docs/{file}"),
    (Method::GET, "/v1/openapi.json"),
    (Method::GET, "/v1/objectives"),
    (Method::GET, "/v1/regions"),
    (Method::GET, "/v1/regions/{id}"),
    (Method::GET, "/v1/skills"),
    (Method::GET, "/v1/catalogue-rules"),
    (Method::GET, "/v1/calendars"),
    // Signed by the gateway; what it says stands in the journal, and among the opt-outs.
    (Method::POST, "/v1/notify/status"),
    (Method::POST, "/v1/notify/inbound"),
    // The expert's own; kept in memory.
    (Method::POST, "/v1/experts/{id}/position"),
    // The journal has who entered each ticket, and when: a second record of it would cost intake as much again.
    // Only what is new: a repeat shows a ticket that was there.
    (Method::POST, "/v1/tickets"),
];

/// What a handler tells about whom its answer shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) tickets: Vec<TicketNumber>,
    pub(super) customer: Option<CustomerId>,
}

impl Shown {
    /// Leaves it with the answer.
    pub(super) fn with(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// A call on its way through the edge.
pub(super) struct Call {
    method: Method,
    uri: Uri,
    caller: Option<Caller>,
}

impl Call {
    pub(super) fn begin<B>(request: &Request<B>) -> Self {
        Self { method: request.method().clone(), uri: request.uri().clone(), caller: None }
    }

    /// Let through: with a session, or by a route that is open.
    pub(super) fn admitted<B>(&mut self, request: &Request<B>) {
        let session = request.extensions().get::<Session>();
        self.caller = Some(session.map_or(Caller::Link, |session| Caller::Token(session.claims.clone())));
    }

    /// Turned away; by whose token, if it is one.
    pub(super) fn turned_away(&mut self, shared: &Shared, headers: &HeaderMap) {
        self.caller = Some(session::claims_of(shared, headers).map_or(Caller::Nobody, Caller::Token));
    }

    /// Leaves its line, if it is to leave one.
    pub(super) fn end(self, shared: &Shared, response: &mut Response, request_id: &Arc<str>) {
        let status = response.status().as_u16();
        let Some(caller) = self.caller else { return };
        // The most frequent call first: no look-up for it.
        if status == 201 && self.uri.path() == "/v1/tickets" {
            return;
        }
        let Ok(row) = access::row_of(&self.method, self.uri.path()) else { return };
        let known = self.method == Method::POST && row.path == "/v1/tickets" && status == 200;
        if quiet(row) && !known && !matches!(status, 401 | 403 | 404) {
            return;
        }
        if status == 429 && matches!(caller, Caller::Token(_)) {
            shared.access_log.pass_over();
            return;
        }
        let mut about = about(shared, row, &self.uri);
        if let Some(shown) = response.extensions_mut().remove::<Shown>() {
            about.tickets = shown.tickets;
            about.tickets.truncate(limits::ACCESS_TICKETS);
            about.customer = shown.customer.or(about.customer);
        }
        let request_id = request_id.clone();
        let (method, route) = (row.method.as_str(), row.path);
        shared.access_log.note(Entry { at_ms: now_ms(), caller, method, route, about, status, request_id });
    }
}

pub(super) fn quiet(row: &access::Row) -> bool {
    QUIET.iter().any(|(method, path)| *method == row.method && *path == row.path)
}

/// What path and query name.
fn about(shared: &Shared, row: &access::Row, uri: &Uri) -> About {
    let mut about = About::default();
    for (pattern, segment) in row.path.split('/').zip(uri.path().split('/')) {
        // As the handler reads it, or a sign written another way would hide the ticket.
        let segment = &*decode(segment).unwrap_or_default();
        match pattern {
            "{number}" => about.ticket = segment.parse().ok(),
            // A link or a delivery begins with its ticket's number; the rest of a link is a secret.
            "{token}" => about.ticket = number_of(segment),
            "{id}" if row.path.starts_with("/v1/outbox/") => about.ticket = number_of(segment),
            "{id}" if row.path.starts_with("/v1/experts/") => about.expert = expert(shared, segment),
            "{id}" if row.path.starts_with("/v1/regions/") => about.regions = regions(shared, segment),
            _ => {}
        }
    }
    for pair in uri.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (&*decode(name).unwrap_or_default(), decode(value).unwrap_or_default());
        let value = value.trim();
        match name {
            _ if value.is_empty() => {}
            "ticket" => about.ticket = value.parse().ok(),
            "expert" => about.expert = expert(shared, value),
            "region" | "regions" => about.regions = regions(shared, value),
            "customer" => about.by = Some("customer"),
            "phone" => about.by = Some("phone"),
            "email" => about.by = Some("email"),
            "external_id" => about.by = Some("external_id"),
            _ => {}
        }
    }
    about
}

fn number_of(text: &str) -> Option<TicketNumber> {
    text.split('.').next()?.parse().ok()
}

fn expert(shared: &Shared, text: &str) -> Option<ExpertId> {
    ExpertId::parse(text).ok().filter(|id| shared.service.store().expert(id).is_some())
}

fn regions(shared: &Shared, text: &str) -> Vec<RegionId> {
    let known = |id: &RegionId| shared.service.store().region(id).is_some();
    let ids = text.split([',']).flat_map(|part| part.split("%2C"));
    ids.filter_map(|id| RegionId::parse(id).ok()).filter(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_no_line_is_a_route_and_named_once() {
        for (method, path) in &QUIET {
            let rows = access::TABLE.iter().filter(|row| row.method == *method && row.path == *path);
            assert_eq!(rows.count(), 1, "{method} {path}");
            assert_eq!(QUIET.iter().filter(|one| **one == (method.clone(), path)).count(), 1);
        }
    }
}
