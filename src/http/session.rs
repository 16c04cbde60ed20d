//! Who calls and with what: the token's claims, the request's headers. Made by the edge before any
//! handler runs.

use super::{
    Context, Shared, access,
    answer::{Refused, forbidden},
};
use crate::{
    actors::Caller,
    api::{Problem, TicketView, Viewer},
    domain::{
        ids::{ExpertId, RegionId, Version},
        ticket::{Role, Ticket, Who},
    },
    notify::Desk,
    settings::limits,
    storage::ClaimKey,
    telemetry::SpanNo,
    tokens::Claims,
};
use axum::{
    extract::FromRequestParts,
    http::{Extensions, HeaderMap, Method, header, request::Parts},
};
use std::{collections::BTreeSet, sync::Arc};

/// A caller whose token is genuine and whose role may make this call.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) claims: Arc<Claims>,
    pub(super) request_id: Arc<str>,
    desk: Arc<Desk>,
    /// The caller's trace, else a new one.
    trace_id: Arc<str>,
    /// The caller's span in that trace; 0: none.
    pub(super) parent: SpanNo,
    /// Our own span, when traces are exported.
    pub(super) span: SpanNo,
}

/// Judges a caller's token and role by their row of the table; None where nobody needs a token.
pub(super) fn admit(
    shared: &Shared,
    row: &access::Row,
    headers: &HeaderMap,
    request_id: &Arc<str>,
) -> Result<Option<Session>, Refused> {
    if row.roles.is_empty() {
        return Ok(None);
    }
    let token = bearer(headers).or_else(|| offered(headers)).ok_or_else(|| unauthorized("a bearer token is needed"))?;
    let claims = shared.tokens.verify(token, shared.clock.now()).map_err(|error| unauthorized(&error.to_string()))?;
    if !row.roles.contains(&claims.role) {
        let may: Vec<_> = row.roles.iter().map(|role| role.name()).collect();
        let detail = format!("the role {} may not do this; it takes {}", claims.role.name(), may.join(" or "));
        return Err(Problem::new(403, "forbidden", detail).into());
    }
    let (trace_id, parent) = traceparent(headers).unwrap_or_else(|| (shared.ids.trace(), 0));
    Ok(Some(Session {
        claims,
        request_id: request_id.clone(),
        desk: shared.service.desk().clone(),
        trace_id,
        parent,
        span: 0,
    }))
}

/// Whose token a call carries, whatever it may do.
pub(super) fn claims_of(shared: &Shared, headers: &HeaderMap) -> Option<Arc<Claims>> {
    let token = bearer(headers).or_else(|| offered(headers))?;
    shared.tokens.verify(token, shared.clock.now()).ok()
}

fn unauthorized(why: &str) -> Refused {
    Problem::new(401, "unauthorized", why).into()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Browsers cannot set headers on a WebSocket: the token comes as the subprotocol `bearer, <token>`.
fn offered(headers: &HeaderMap) -> Option<&str> {
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    let (scheme, token) = protocols.split_once(',')?;
    scheme.trim().eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// W3C Trace Context, `00-<trace id>-<parent id>-<flags>`; anything else is ignored, as it says.
fn traceparent(headers: &HeaderMap) -> Option<(Arc<str>, SpanNo)> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.trim().split('-');
    let (version, id, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let sound = hex(version, 2) && version != "ff" && hex(id, 32) && hex(parent, 16) && id.bytes().any(|b| b != b'0');
    sound.then(|| (id.into(), SpanNo::from_str_radix(parent, 16).unwrap_or(0)))
}

impl FromRequestParts<Context> for Session {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Refused> {
        Self::of(&parts.extensions)
    }
}

impl Session {
    /// What the edge left with the request.
    pub(super) fn of(extensions: &Extensions) -> Result<Self, Refused> {
        let session = extensions.get::<Self>().cloned();
        session.ok_or_else(|| Problem::new(500, "internal", "a route is open that should not be").into())
    }

    pub(super) fn trace_id(&self) -> &str {
        &self.trace_id
    }

    pub(super) fn role(&self) -> Role {
        self.claims.role
    }

    pub(super) fn viewer(&self) -> Viewer {
        match self.role() {
            Role::Customer | Role::Portal => Viewer::Owner,
            Role::Expert => Viewer::Expert,
            Role::System | Role::Clerk | Role::Dispatcher | Role::Manager | Role::Admin => Viewer::Staff,
        }
    }

    /// A ticket as the caller may see it; customers and staff with the link that follows the visit.
    pub(super) fn view<'a>(&self, ticket: &'a Ticket) -> TicketView<'a> {
        let viewer = self.viewer();
        let links = self.desk.links().filter(|_| viewer != Viewer::Expert);
        TicketView::new(ticket, viewer).tracked(links.and_then(|links| links.tracking(ticket)))
    }

    /// The caller of a read or of a write without a key.
    pub(super) fn caller(&self) -> Caller {
        let mut caller = Caller::of(Who { role: self.role(), id: self.claims.subject.clone() });
        caller.request_id = Some(self.request_id.to_string());
        caller.trace_id = Some(self.trace_id.to_string());
        caller.span = self.span;
        caller
    }

    /// The caller of a write: with the idempotency key, scoped to subject, method and path, the
    /// body's fingerprint, and the version they have seen.
    pub(super) fn writer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Caller, Refused> {
        let mut caller = self.caller();
        caller.idempotency = self.claim(method, path, headers, fingerprint(body))?;
        caller.if_match = if_match(headers)?;
        Ok(caller)
    }

    /// The claim of a call's idempotency key, if it has one.
    pub(super) fn claim(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        fingerprint: u64,
    ) -> Result<Option<(ClaimKey, u64)>, Refused> {
        let subject = || format!("{}:{}", self.role().name(), self.claims.subject);
        claim_of(subject, method, path, headers, fingerprint)
    }

    /// Whether the caller may know of a ticket. If not, it does not exist for them (404).
    pub(super) fn sees(&self, ticket: &Ticket) -> bool {
        let subject = self.claims.subject.as_str();
        match self.role() {
            Role::Customer => ticket.customer.as_ref().is_some_and(|customer| customer.as_str() == subject),
            Role::Expert => {
                let same = |expert: &Option<ExpertId>| expert.as_ref().is_some_and(|e| e.as_str() == subject);
                same(&ticket.visit.expert)
                    || ticket.visits.iter().any(|visit| same(&visit.expert))
                    || ticket.visit.refused_by.iter().any(|e| e.as_str() == subject)
            }
            Role::Portal | Role::System | Role::Clerk | Role::Dispatcher | Role::Manager | Role::Admin => {
                self.sees_region(&ticket.region)
            }
        }
    }

    /// For what is about all regions, or decides over them: a token that is bound to some may not.
    pub(super) fn everywhere(&self) -> Result<(), Refused> {
        if self.claims.regions.is_empty() { Ok(()) } else { Err(forbidden("this token is for some regions only")) }
    }

    /// A token may be bound to some regions.
    pub(super) fn sees_region(&self, region: &RegionId) -> bool {
        self.claims.regions.is_empty() || self.claims.regions.contains(region)
    }

    /// The regions that the token is bound to; None: it is bound to none.
    pub(super) fn regions(&self) -> Option<BTreeSet<RegionId>> {
        (!self.claims.regions.is_empty()).then(|| self.claims.regions.iter().cloned().collect())
    }

    /// Experts know themselves; staff know all of their regions.
    pub(super) fn sees_expert(&self, expert: &crate::domain::expert::Expert) -> bool {
        match self.role() {
            Role::Expert => self.claims.subject == expert.id.as_str(),
            Role::Customer | Role::Portal => false,
            Role::System | Role::Clerk | Role::Dispatcher | Role::Manager | Role::Admin => {
                self.sees_region(&expert.region)
            }
        }
    }
}

/// The claim of whoever `subject` names.
pub(super) fn claim_of(
    subject: impl FnOnce() -> String,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    fingerprint: u64,
) -> Result<Option<(ClaimKey, u64)>, Refused> {
    let Some(key) = idempotency_key(headers)? else { return Ok(None) };
    Ok(Some((ClaimKey::idempotency(&subject(), method.as_str(), path, key), fingerprint)))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let fit = |key: &&str| (1..=limits::KEY_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let key = value.to_str().ok().map(str::trim).filter(fit);
    let wrong = || format!("an Idempotency-Key is 1 to {} visible ASCII characters", limits::KEY_BYTES);
    key.map(Some).ok_or_else(|| Problem::new(400, "bad_idempotency_key", wrong()).into())
}

/// Never 0, which stands for "any body".
pub(super) fn fingerprint(body: &[u8]) -> u64 {
    fingerprint_of(&blake3::hash(body))
}

/// The same of a body that was hashed as it came in.
pub(super) fn fingerprint_of(hash: &blake3::Hash) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first).max(1)
}

/// `"7"`, `W/"7"` or `*` (any).
fn if_match(headers: &HeaderMap) -> Result<Option<Version>, Refused> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.trim_start_matches("W/").trim_matches('"').parse();
    let stale = || Problem::new(412, "stale", "this If-Match is no version that was ever shown");
    version.map(Some).map_err(|_| stale().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sound_traceparent_is_carried() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", text.parse().unwrap());
            traceparent(&headers).map(|(id, _)| id.to_string())
        };
        assert_eq!(read(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        for wrong in ["", "00-xyz-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_fingerprint_tells_bodies_apart_and_is_never_zero() {
        assert_ne!(fingerprint(b"a"), fingerprint(b"b"));
        assert_ne!(fingerprint(b""), 0);
    }
}
