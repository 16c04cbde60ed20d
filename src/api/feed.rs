//! The live feed's messages: positions and events. An event says what happened and how its thing
//! stands after it, so that a client draws it without asking back; the same event is always the same
//! bytes, read live or years later (but for what was erased since).

use super::{
    expert::{ExpertView, PresenceView},
    region::RegionView,
    route::RouteView,
    schema,
    ticket::{TicketNow, TicketView, Viewer},
    timeline::{Stamp, WhoView, told_to_staff},
};
use crate::domain::{
    fact::{Fact, State},
    ids::{ExpertId, RegionId, Seq, Thing, TicketNumber, Version},
    ticket::{Ticket, TicketEvent},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// A place in the feed of one server's data: opaque to clients, who store it and give it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Names the data and their incarnation (`Store::identity`).
    pub data: [u8; 8],
    pub seq: Seq,
}

/// Why a text is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no position of a feed")]
pub struct PositionError;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", u64::from_be_bytes(self.data), self.seq)
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let (data, seq) = text.split_once('-').ok_or(PositionError)?;
        let digits = |text: &str, hex: bool| text.bytes().all(|b| b.is_ascii_digit() || hex && b.is_ascii_hexdigit());
        if data.len() != 16 || !digits(data, true) || seq.is_empty() || seq.len() > 19 || !digits(seq, false) {
            return Err(PositionError);
        }
        let data = u64::from_str_radix(data, 16).map_err(|_| PositionError)?.to_be_bytes();
        Ok(Self { data, seq: seq.parse().map_err(|_| PositionError)? })
    }
}

/// The first message to whoever gave no position.
#[must_use]
pub fn live(at: Position) -> String {
    json!({ "type": "live", "at": at.to_string() }).to_string()
}

/// The first message to whoever resumes.
#[must_use]
pub fn resumed(after: Position) -> String {
    json!({ "type": "resumed", "after": after.to_string() }).to_string()
}

/// The only message to whoever cannot.
#[must_use]
pub fn cannot_resume(reason: &str, oldest: Position) -> String {
    json!({ "type": "cannot_resume", "reason": reason, "oldest": oldest.to_string() }).to_string()
}

/// All up to `at` that the subscriber may see was sent.
#[must_use]
pub fn heartbeat(at: Position) -> String {
    json!({ "type": "heartbeat", "at": at.to_string() }).to_string()
}

/// Something that happened, and how its thing stands after it.
#[derive(Serialize, ToSchema)]
#[schema(as = FeedEvent)]
pub struct Event<'a> {
    /// `event`.
    r#type: &'static str,
    /// Give it back to resume after this event.
    #[schema(value_type = schema::Position)]
    position: String,
    #[schema(value_type = schema::RegionId)]
    region: &'a str,
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    #[schema(value_type = schema::Time)]
    at: String,
    /// What happened, such as `ticket.assigned`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::TicketNumber)]
    ticket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::ExpertId)]
    expert: Option<&'a str>,
    /// Of the thing, after this event.
    #[schema(value_type = schema::Version)]
    version: Version,
    who: WhoView,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    trace_id: Option<&'a str>,
    /// The event (by `seq`) that it followed from, of what the system did by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Seq)]
    cause: Option<Seq>,
    /// What the timeline says of it; and `ticket`, how the ticket stands after it. For an expert, a route or a region: how that stands. Empty where
    /// our own record of it cannot be read.
    #[schema(value_type = Object)]
    data: Value,
}

/// What an event is about: what filters look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub ticket: Option<TicketNumber>,
    /// Whom it concerns: first whom the event names, else who holds the visit.
    pub expert: Option<ExpertId>,
    /// Who holds the visit after it, when that is somebody else.
    pub holder: Option<ExpertId>,
}

/// `after`: the thing's state after this event.
#[must_use]
pub fn subject(fact: &Fact, after: &State) -> Subject {
    match (fact, after) {
        (Fact::Ticket(event), State::Ticket(ticket)) => {
            let holder = ticket.visit.expert.clone();
            let named = named(event).cloned();
            let other = holder.clone().filter(|holder| named.as_ref().is_some_and(|named| named != holder));
            Subject { ticket: Some(ticket.number), expert: named.or(holder), holder: other }
        }
        (_, State::Route(route)) => Subject { expert: Some(route.expert.clone()), ..Subject::default() },
        (_, State::Expert(expert)) => Subject { expert: Some(expert.id.clone()), ..Subject::default() },
        (_, State::Ticket(_) | State::Region(_) | State::Catalogue(_)) => Subject::default(),
    }
}

/// The expert that an event itself names.
fn named(event: &TicketEvent) -> Option<&ExpertId> {
    match event {
        TicketEvent::CommandRefused { expert, .. } => expert.as_ref(),
        other => other.party(),
    }
}

/// One event as JSON. `after`: the thing's state after it; `region`: where it belongs then.
#[must_use]
pub fn event(position: Position, region: &RegionId, stamp: &Stamp<'_>, fact: &Fact, after: &State) -> Vec<u8> {
    let subject = subject(fact, after);
    encoded(position, region, stamp, fact, &subject, after.version(), data(fact, after))
}

/// The same of one that cannot be folded: that it happened, and to what.
#[must_use]
pub fn bare(
    position: Position,
    region: &RegionId,
    stamp: &Stamp<'_>,
    fact: &Fact,
    thing: &Thing,
    version: Version,
) -> Vec<u8> {
    encoded(position, region, stamp, fact, &subject_of(thing), version, json!({}))
}

/// What an event is about, as far as its thing alone tells.
#[must_use]
pub fn subject_of(thing: &Thing) -> Subject {
    match thing {
        Thing::Ticket(number) => Subject { ticket: Some(*number), ..Subject::default() },
        Thing::Expert(expert) | Thing::Route(expert) => Subject { expert: Some(expert.clone()), ..Subject::default() },
        Thing::Region(_) | Thing::Catalogue => Subject::default(),
    }
}

fn encoded(
    position: Position,
    region: &RegionId,
    stamp: &Stamp<'_>,
    fact: &Fact,
    subject: &Subject,
    version: Version,
    data: Value,
) -> Vec<u8> {
    let event = Event {
        r#type: "event",
        position: position.to_string(),
        region: region.as_str(),
        seq: stamp.seq,
        at: stamp.at.to_string(),
        kind: fact.kind(),
        ticket: subject.ticket.map(|number| number.to_string()),
        expert: subject.expert.as_ref().map(ExpertId::as_str),
        version,
        who: WhoView { role: stamp.who.role.name(), id: stamp.who.id.clone() },
        request_id: stamp.request_id,
        trace_id: stamp.trace_id,
        cause: stamp.cause,
        data,
    };
    // Texts and numbers always encode.
    serde_json::to_vec(&event).unwrap_or_default()
}

fn data(fact: &Fact, after: &State) -> Value {
    match (fact, after) {
        (Fact::Ticket(event), State::Ticket(ticket)) => {
            let mut data = told_to_staff(event);
            if let Value::Object(members) = &mut data {
                members.insert("ticket".into(), drawn(event, ticket));
            }
            data
        }
        (_, State::Route(route)) => json!(RouteView::new(route)),
        (_, State::Expert(expert)) => {
            let mut view = json!(ExpertView::new(expert, PresenceView::default()));
            // Not an event's to say: a device connects and goes without one.
            view.as_object_mut().map(|members| members.remove("presence"));
            view
        }
        // Outlines may be megabytes, and change rarely: they are asked for by name.
        (_, State::Region(region)) => json!(RegionView::new(region, false)),
        (_, State::Catalogue(_) | State::Ticket(_)) => json!({}),
    }
}

/// The whole ticket where a client may see it for the first time; else what changes about it.
fn drawn(event: &TicketEvent, ticket: &Ticket) -> Value {
    let whole = matches!(
        event,
        TicketEvent::Opened(_)
            | TicketEvent::HandedOver { .. }
            | TicketEvent::Reopened { .. }
            | TicketEvent::Located { .. }
            | TicketEvent::Rescheduled { .. }
    );
    if whole { json!(TicketView::new(ticket, Viewer::Staff)) } else { json!(TicketNow::new(ticket)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_as_it_was_written_and_nothing_else_does() {
        let position = Position { data: [0, 1, 2, 3, 252, 253, 254, 255], seq: 4_711 };
        let text = position.to_string();
        assert_eq!(text.parse(), Ok(position));
        for wrong in ["", "-", "4711", "00010203fcfdfeff-", "00010203fcfdfeff-+1", "00010203fcfdfeff-1e3", "x-1"] {
            assert_eq!(wrong.parse::<Position>(), Err(PositionError), "{wrong}");
        }
        assert!("00010203fcfdfeff-99999999999999999999".parse::<Position>().is_err());
    }
}
