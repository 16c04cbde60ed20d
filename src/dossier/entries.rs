//! One line of the archive: an event, a decision, an incident, with nobody's name in it.

use crate::{
    api::{
        Viewer,
        decision::decision_view,
        timeline::{Stamp, TimelineEntry},
    },
    domain::{
        fact::Fact,
        ids::TicketNumber,
        route::RouteEvent,
        ticket::{Role, TicketEvent, Who},
    },
    storage::{ContactHasher, Recorded},
    telemetry::{Incident, incidents::rfc3339, mask::masked},
};
use serde_json::{Value, json};

/// An event with its envelope. Its sealed fields were not opened: they read "erased".
pub(super) fn event(recorded: &Recorded, hash: &ContactHasher) -> Value {
    let envelope = &recorded.envelope;
    json!({
        "seq": recorded.seq,
        "batch": recorded.batch,
        "at": envelope.at.to_string(),
        "region": recorded.region.as_str(),
        "thing": recorded.thing.to_string(),
        "version": recorded.version,
        "kind": recorded.fact.kind(),
        "who": { "role": envelope.who.role.name(), "id": pseudonym(&envelope.who, hash) },
        "request_id": envelope.request_id.as_deref().map(masked),
        "cause": envelope.cause,
        "trace_id": envelope.trace_id,
        "data": shown(recorded),
    })
}

/// A decision, on the event that holds one.
pub(super) fn decision(recorded: &Recorded) -> Option<Value> {
    let Fact::Ticket(TicketEvent::Decided(decision)) = &recorded.fact else { return None };
    let mut view = decision_view(recorded.seq, decision, None);
    view["ticket"] = recorded.thing.to_string().into();
    Some(view)
}

pub(super) fn incident(incident: &Incident) -> Value {
    let mut line = serde_json::to_value(incident).unwrap_or_default();
    line["at"] = rfc3339(incident.at_ms).into();
    line
}

pub(super) fn route_holds(fact: &Fact, number: TicketNumber) -> bool {
    match fact {
        Fact::Route(RouteEvent::Changed { stops, .. }) => stops.iter().any(|stop| stop.ticket == number),
        Fact::Ticket(_) | Fact::Expert(_) | Fact::Region(_) | Fact::Catalogue(_) => false,
    }
}

fn shown(recorded: &Recorded) -> Value {
    match &recorded.fact {
        Fact::Ticket(_) => {
            let whole = Stamp::of(recorded.seq, &recorded.envelope);
            let stamp = Stamp { request_id: None, trace_id: None, cause: None, ..whole };
            let entry = TimelineEntry::new(&stamp, &recorded.fact, Viewer::Staff);
            entry.map(|entry| texts_masked(entry.data)).unwrap_or_default()
        }
        Fact::Route(RouteEvent::Changed { stops, .. }) => {
            let stop = |stop: &crate::domain::route::Stop| {
                json!({ "ticket": stop.ticket.to_string(), "visit": stop.visit,
                        "start": stop.planned_start.to_string(), "end": stop.planned_end.to_string() })
            };
            json!({ "stops": stops.iter().map(stop).collect::<Vec<_>>() })
        }
        // What a roster, an outline or a catalogue says is not needed: that and when it changed is.
        Fact::Expert(_) | Fact::Region(_) | Fact::Catalogue(_) => Value::Null,
    }
}

/// Roster ids and the system's own stay; anybody else gets a name that is the same throughout. By a key that no
/// archive holds: ids are short, and whoever has the archive could try them all.
fn pseudonym(who: &Who, hash: &ContactHasher) -> String {
    match who.role {
        Role::System | Role::Expert => who.id.clone(),
        Role::Customer | Role::Clerk | Role::Dispatcher | Role::Manager | Role::Admin | Role::Portal => {
            let [a, b, c, d, ..] = hash(&format!("pseudonym {}", who.id));
            format!("p-{:08x}", u32::from_be_bytes([a, b, c, d]))
        }
    }
}

fn texts_masked(value: Value) -> Value {
    match value {
        Value::String(text) => masked(&text).into(),
        Value::Array(items) => items.into_iter().map(texts_masked).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, texts_masked(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}
