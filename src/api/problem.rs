//! `application/problem+json` (RFC 9457): what every error of every door looks like.

use super::schema;
use crate::{
    domain::ticket::{Refusal, Ticket},
    settings::limits,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::borrow::Cow;
use utoipa::ToSchema;

/// One wrong field. `pointer` is a JSON pointer (RFC 6901) into the body, or `?name` for a query's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    pub pointer: String,
    /// Stable.
    pub code: &'static str,
    pub detail: String,
}

/// An error answer. `code` is stable: clients switch on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub status: u16,
    pub code: Cow<'static, str>,
    pub detail: String,
    pub errors: Vec<FieldProblem>,
    /// The ticket's present phase, where a refusal is about one.
    pub phase: Option<Cow<'static, str>>,
    pub retry_after_s: Option<u32>,
}

impl Problem {
    #[must_use]
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        let code = Cow::Borrowed(code);
        // Whoever is told to come again is told when, also where nobody thought of it.
        let retry_after_s = matches!(status, 429 | 503).then_some(limits::RETRY_AFTER_S);
        Self { status, code, detail: detail.into(), errors: Vec::new(), phase: None, retry_after_s }
    }

    /// 422 with every problem named; `errors` is not empty.
    #[must_use]
    pub fn invalid(mut errors: Vec<FieldProblem>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} fields are not right", many.len()),
        };
        errors.truncate(limits::PROBLEMS);
        Self { errors, ..Self::new(422, "invalid", detail) }
    }

    /// The rules say no: the refusal's code, and the ticket's present phase.
    #[must_use]
    pub fn refused(refusal: &Refusal, ticket: Option<&Ticket>) -> Self {
        let phase = ticket.map(|ticket| ticket.phase.name().into());
        Self { phase, ..Self::new(refusal_status(refusal.code()), refusal.code(), refusal.to_string()) }
    }

    /// A refusal as it was stored under an idempotency key: `{ code, detail, phase? }`.
    #[must_use]
    pub fn stored(status: u16, json: &str) -> Self {
        let stored: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
        let text = |name: &str| stored.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let code = text("code").unwrap_or_else(|| "refused".into());
        Self {
            status: if status == 409 { refusal_status(&code) } else { status },
            code: code.into(),
            detail: text("detail").unwrap_or_default(),
            errors: Vec::new(),
            phase: text("phase").map(Cow::Owned),
            retry_after_s: None,
        }
    }

    #[must_use]
    pub fn title(&self) -> &'static str {
        match self.status {
            400 => "The request cannot be read",
            401 => "Who are you?",
            403 => "Your role may not do this",
            404 => "Not found",
            405 => "This method is not offered here",
            408 => "The request came too slowly",
            409 => "The present state does not allow this",
            412 => "It has changed meanwhile",
            413 => "The body is too large",
            415 => "The body's type is not understood",
            422 => "The request cannot be carried out as it is",
            429 => "Too many requests",
            503 => "Not now",
            _ => "Something went wrong on our side",
        }
    }

    /// The body, with the request it answers.
    #[must_use]
    pub fn to_json(&self, request_id: &str) -> Vec<u8> {
        serde_json::to_vec(&WithRequest { problem: self, request_id }).unwrap_or_default()
    }
}

/// 409 when another state would allow it; 422 when the request itself is at fault; 403 when another
/// person might.
fn refusal_status(code: &str) -> u16 {
    match code {
        "reason_missing" | "bad_window" | "bad_rating" | "bad_time" | "unknown_expert" => 422,
        "staff_only" => 403,
        _ => 409,
    }
}

/// An error (RFC 9457). Switch on `code`, which is stable; `detail` is for people.
#[derive(ToSchema)]
#[schema(as = Problem, examples(json!({
    "type": "/problems/invalid", "title": "The request cannot be carried out as it is", "status": 422, "code": "invalid",
    "detail": "/place/lat: a number from -90 to 90",
    "errors": [{ "pointer": "/place/lat", "code": "out_of_range", "detail": "a number from -90 to 90" }],
    "request_id": "5f2b8c1d9a3e-1f"
})))]
pub struct ProblemSchema {
    pub r#type: String,
    pub title: String,
    pub status: u16,
    pub code: String,
    pub detail: String,
    /// Everything that is wrong with the request, at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<FieldProblem>)]
    pub errors: Option<Vec<FieldProblem>>,
    /// The ticket's present phase, where the refusal is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Phase)]
    pub phase: Option<String>,
    /// When to come again; in messages of a channel alone, which have no `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32)]
    pub retry_after_s: Option<u32>,
    pub request_id: String,
}

struct WithRequest<'a> {
    problem: &'a Problem,
    request_id: &'a str,
}

impl Serialize for WithRequest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let problem = self.problem;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("/problems/{}", problem.code))?;
        map.serialize_entry("title", problem.title())?;
        map.serialize_entry("status", &problem.status)?;
        map.serialize_entry("code", &problem.code)?;
        map.serialize_entry("detail", &problem.detail)?;
        if !problem.errors.is_empty() {
            map.serialize_entry("errors", &problem.errors)?;
        }
        if let Some(phase) = &problem.phase {
            map.serialize_entry("phase", phase)?;
        }
        if !self.request_id.is_empty() {
            map.serialize_entry("request_id", self.request_id)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_to_come_again_is_told_when() {
        for (status, told) in [(503, true), (429, true), (500, false), (409, false)] {
            assert_eq!(Problem::new(status, "code", "").retry_after_s.is_some(), told, "{status}");
        }
    }
}
