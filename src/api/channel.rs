//! The expert app's channel: what the app says, what it is told. One JSON object a message.

use super::{
    commands::{self, Act, Order},
    expert::fix,
    fields::read_object,
    json::Json,
    problem::Problem,
    route::RouteView,
    show::Shown,
    ticket::{TicketView, Viewer},
};
use crate::{
    domain::{
        fix::Fix,
        ids::{DeliveryNo, ExpertId, TicketNumber, Version},
        route::Route,
        ticket::{DeliveryKind, Ticket},
        time::Timestamp,
    },
    settings::limits,
};
use serde_json::{Value, json};
use std::{borrow::Cow, fmt, str::FromStr};

/// Names a delivery for good: pushed, repeated or sent by SMS, it is the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeliveryId {
    /// `0A1-000142-K.3`
    Ticket(TicketNumber, DeliveryNo),
    /// The route as of a version: `route.17`.
    Route(Version),
}

/// Why a text is no delivery's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delivery's id looks like 0A1-000142-K.3 or route.17")]
pub struct DeliveryIdError;

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(number, no) => write!(f, "{number}.{no}"),
            Self::Route(version) => write!(f, "route.{version}"),
        }
    }
}

impl FromStr for DeliveryId {
    type Err = DeliveryIdError;

    fn from_str(text: &str) -> Result<Self, DeliveryIdError> {
        let (thing, no) = text.rsplit_once('.').ok_or(DeliveryIdError)?;
        if thing == "route" {
            return no.parse().map(Self::Route).map_err(|_| DeliveryIdError);
        }
        match (thing.parse(), no.parse()) {
            (Ok(number), Ok(no)) => Ok(Self::Ticket(number, no)),
            _ => Err(DeliveryIdError),
        }
    }
}

/// What an app said.
#[derive(Debug, PartialEq)]
pub enum Said {
    Receipt(DeliveryId),
    Position(Fix),
    Command(Box<Told>),
}

/// A command of an expert, ready to be carried out.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub id: String,
    pub ticket: TicketNumber,
    pub act: Act,
}

/// A message that cannot be understood; `id` where it was a command with one.
#[derive(Debug, PartialEq)]
pub struct Misheard {
    pub id: Option<String>,
    pub problem: Box<Problem>,
}

impl From<Problem> for Misheard {
    fn from(problem: Problem) -> Self {
        Self { id: None, problem: Box::new(problem) }
    }
}

/// Reads one message.
pub fn read(bytes: &[u8]) -> Result<Said, Misheard> {
    let json = Json::parse(bytes).map_err(|why| Problem::new(400, "malformed_json", why))?;
    let (kind, id) = {
        let text = |name: &str| {
            member(&json, name).and_then(|value| match value {
                Json::Text(text) => Some(text.clone().into_owned()),
                _ => None,
            })
        };
        (text("type"), text("id"))
    };
    match kind.as_deref() {
        Some("receipt") => {
            let id = read_object(&json, |f| {
                f.value("type");
                let id = f.parsed("id", DeliveryId::from_str);
                f.required("id", id)
            });
            Ok(Said::Receipt(id.map_err(Problem::invalid)?))
        }
        Some("position") => {
            let fix = read_object(&json, |f| {
                f.value("type");
                fix(f)
            });
            Ok(Said::Position(fix.map_err(Problem::invalid)?))
        }
        Some("command") => command(json)
            .map(|told| Said::Command(Box::new(told)))
            .map_err(|problem| Misheard { id, problem: Box::new(problem) }),
        _ => Err(Problem::new(422, "unknown_type", "a message's type is receipt, command or position").into()),
    }
}

fn member<'a, 'j>(json: &'a Json<'j>, name: &str) -> Option<&'a Json<'j>> {
    let Json::Object(members) = json else { return None };
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn command(json: Json<'_>) -> Result<Told, Problem> {
    let (id, name, ticket) = read_object(&json, |f| {
        for other in ["type", "data", "at"] {
            f.value(other);
        }
        let id = f.text("id", limits::WORD_CHARS);
        let id = f.required("id", id);
        let name = f.text("name", limits::WORD_CHARS);
        let name = f.required("name", name);
        let ticket = f.parsed("ticket", TicketNumber::from_str);
        let ticket = f.required("ticket", ticket);
        Some((id?, name?, ticket?))
    })
    .map_err(Problem::invalid)?;
    let unknown = || Problem::new(422, "unknown_command", format!("an expert's app has no command {name}"));
    if !commands::OF_EXPERTS.contains(&name.as_str()) {
        return Err(unknown());
    }
    let body = body(json);
    match commands::order(&name, &body).ok_or_else(unknown)?.map_err(Problem::invalid)? {
        Order::Expert { act, on_behalf_of: None } => Ok(Told { id, ticket, act: *act }),
        Order::Expert { .. } => Err(Problem::new(403, "forbidden", "an expert speaks for themselves only")),
        Order::Plain(_) | Order::Locate { .. } | Order::Assign { .. } => Err(unknown()),
    }
}

/// The body that the same command has over HTTP: `data`, with the message's own id and time.
fn body(json: Json<'_>) -> Json<'_> {
    let Json::Object(members) = json else { return json };
    let (mut body, mut own) = (Vec::new(), Vec::new());
    for (key, value) in members {
        match (&*key, value) {
            ("data", Json::Object(data)) => body = data,
            // Told by the reader of bodies, where it expects an object's members.
            ("data", Json::Null) => {}
            ("data", other) => own.push((Cow::Borrowed("data"), other)),
            ("id" | "at", value) => own.push((key, value)),
            _ => {}
        }
    }
    body.retain(|(key, _)| key != "id" && key != "at");
    body.extend(own);
    Json::Object(body)
}

/// `data` of a delivery about a ticket.
#[must_use]
pub fn delivery(id: &DeliveryId, kind: DeliveryKind, ticket: &Ticket, expires_at: Option<Timestamp>) -> Value {
    let mut message = json!({
        "type": "delivery", "id": id.to_string(), "kind": kind_name(kind), "ticket": ticket.number.to_string(),
        "data": {
            "what": kind.name(),
            "visit": ticket.visit.no,
            "offer": ticket.visit.offer.as_ref().map(|offer| offer.no),
            // Whoever does not have the visit any more needs no address.
            "ticket": (kind != DeliveryKind::Withdrawn).then(|| TicketView::new(ticket, Viewer::Expert)),
        },
    });
    if let (Some(at), Value::Object(members)) = (expires_at, &mut message) {
        members.insert("expires_at".into(), Shown(at).0.to_string().into());
    }
    message
}

/// The contract's kinds: whatever is not about having the visit is a message.
fn kind_name(kind: DeliveryKind) -> &'static str {
    match kind {
        DeliveryKind::Offer => "offer",
        DeliveryKind::Assignment => "assignment",
        DeliveryKind::Withdrawn => "withdrawn",
        DeliveryKind::Opened
        | DeliveryKind::ExpertFound
        | DeliveryKind::Arrived
        | DeliveryKind::Survey
        | DeliveryKind::Delayed
        | DeliveryKind::Cancelled => "message",
    }
}

/// The expert's whole route with its tickets: all that an app needs to work without coverage.
#[must_use]
pub fn route(route: &Route, tickets: &[std::sync::Arc<Ticket>]) -> Value {
    let tickets: Vec<_> = tickets.iter().map(|ticket| TicketView::new(ticket, Viewer::Expert)).collect();
    json!({
        "type": "delivery", "id": DeliveryId::Route(route.version).to_string(), "kind": "route",
        "data": { "route": RouteView::new(route), "tickets": tickets },
    })
}

/// The answer to a command; a problem as it would be over HTTP.
#[must_use]
pub fn result(id: &str, outcome: Result<(), (&Problem, &str)>) -> Value {
    match outcome {
        Ok(()) => json!({ "type": "result", "id": id, "ok": true }),
        Err((problem, request_id)) => {
            json!({ "type": "result", "id": id, "ok": false, "problem": as_value(problem, request_id) })
        }
    }
}

/// The answer to what was not understood or not believed, and has no id.
#[must_use]
pub fn problem(problem: &Problem, request_id: &str) -> Value {
    json!({ "type": "problem", "problem": as_value(problem, request_id) })
}

/// There are no headers here: when to come again stands in it.
fn as_value(problem: &Problem, request_id: &str) -> Value {
    let mut value: Value = serde_json::from_slice(problem.to_json(request_id).as_ref()).unwrap_or_default();
    if let Some(seconds) = problem.retry_after_s {
        value["retry_after_s"] = seconds.into();
    }
    value
}

/// Whose delivery it is: an app hears of its own only.
#[must_use]
pub fn is_for(ticket: &Ticket, no: DeliveryNo, expert: &ExpertId) -> bool {
    use crate::domain::ticket::Audience;
    ticket.deliveries.iter().any(|d| d.no == no && matches!(&d.to, Audience::Expert(to) if to == expert))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(text: &str) -> (Option<String>, String) {
        let misheard = read(text.as_bytes()).unwrap_err();
        (misheard.id, misheard.problem.code.into_owned())
    }

    #[test]
    fn an_id_reads_as_it_was_written() {
        let number = TicketNumber::from_bits(7);
        for id in [DeliveryId::Ticket(number, 3), DeliveryId::Route(17)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for wrong in ["", "route", "route.x", "7.3", "route.17.1"] {
            assert_eq!(wrong.parse::<DeliveryId>(), Err(DeliveryIdError), "{wrong}");
        }
    }

    #[test]
    fn a_command_is_the_one_of_http_with_its_own_id_and_time() {
        let number = TicketNumber::from_bits(7);
        let text = format!(
            r#"{{"type":"command","id":"c-1","name":"complete","ticket":"{number}","at":"2026-01-31T09:00:00Z",
               "data":{{"visit":2,"resolution":"swapped","id":"not this one"}}}}"#
        );
        let Ok(Said::Command(told)) = read(text.as_bytes()) else { panic!() };
        let body = r#"{"visit":2,"resolution":"swapped","id":"c-1","at":"2026-01-31T09:00:00Z"}"#;
        let json = Json::parse(body.as_bytes()).unwrap();
        let Some(Ok(Order::Expert { act, .. })) = commands::order("complete", &json) else { panic!() };
        assert_eq!(*told, Told { id: "c-1".into(), ticket: number, act: *act });
    }

    #[test]
    fn what_cannot_be_understood_is_told_with_its_id() {
        let number = TicketNumber::from_bits(7);
        assert_eq!(problem_of("{"), (None, "malformed_json".into()));
        assert_eq!(problem_of("[]"), (None, "unknown_type".into()));
        assert_eq!(problem_of(r#"{"type":"receipt","id":"x"}"#).1, "invalid");
        assert_eq!(problem_of(r#"{"type":"position","lat":91,"lon":0,"at":"2026-01-31T09:00:00Z"}"#).1, "invalid");
        let command = |name: &str, data: &str| {
            problem_of(&format!(r#"{{"type":"command","id":"c-2","name":"{name}","ticket":"{number}","data":{data}}}"#))
        };
        assert_eq!(
            command("assign", r#"{"expert":"e-1","reason":"x"}"#),
            (Some("c-2".into()), "unknown_command".into())
        );
        assert_eq!(command("accept", r#"{"on_behalf_of":"e-1"}"#), (Some("c-2".into()), "forbidden".into()));
        assert_eq!(command("accept", "7"), (Some("c-2".into()), "invalid".into()));
        assert_eq!(command("decline", "{}"), (Some("c-2".into()), "invalid".into()));
    }
}
