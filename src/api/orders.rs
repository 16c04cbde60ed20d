//! What the bodies of a ticket's commands look like in the API document; their reader is `commands.rs`.
//! A test reads each example there and holds the names that were asked for against these.

use super::{
    new_ticket::{AddressBody, PlaceBody, WindowBody},
    schema,
};
use utoipa::ToSchema;

/// An expert says what they do (accept, depart, arrive).
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "at": "2026-11-24T09:30:00Z", "visit": 1, "offer": 1, "id": "c-7f3a", "on_behalf_of": "e-17" })))]
pub struct ExpertCommand {
    /// When it happened, if that was offline.
    #[schema(value_type = Option<schema::Time>)]
    pub at: Option<String>,
    /// So that one sent late never hits another visit.
    #[schema(value_type = Option<schema::Ordinal>)]
    pub visit: Option<u16>,
    #[schema(value_type = Option<schema::Ordinal>)]
    pub offer: Option<u16>,
    /// The app's own id: repeated, it takes effect once.
    #[schema(value_type = Option<schema::CommandId>)]
    pub id: Option<String>,
    /// Whom a clerk speaks for; by default whoever has the visit.
    #[schema(value_type = Option<schema::ExpertId>)]
    pub on_behalf_of: Option<String>,
}

/// An expert declines an offer.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "reason": "too far", "at": "2026-11-24T09:30:00Z", "visit": 1, "offer": 1, "id": "c-7f3a", "on_behalf_of": "e-17" })))]
pub struct Decline {
    #[schema(value_type = schema::Reason)]
    pub reason: String,
    /// When it happened, if that was offline.
    #[schema(value_type = Option<schema::Time>)]
    pub at: Option<String>,
    /// So that one sent late never hits another visit.
    #[schema(value_type = Option<schema::Ordinal>)]
    pub visit: Option<u16>,
    #[schema(value_type = Option<schema::Ordinal>)]
    pub offer: Option<u16>,
    /// The app's own id: repeated, it takes effect once.
    #[schema(value_type = Option<schema::CommandId>)]
    pub id: Option<String>,
    /// Whom a clerk speaks for; by default whoever has the visit.
    #[schema(value_type = Option<schema::ExpertId>)]
    pub on_behalf_of: Option<String>,
}

/// An expert has solved it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "resolution": "swapped", "notes": "power supply", "parts": ["psu"], "at": "2026-11-24T09:30:00Z", "visit": 1, "offer": 1, "id": "c-7f3a", "on_behalf_of": "e-17" })))]
pub struct Complete {
    #[schema(value_type = schema::Reason)]
    pub resolution: String,
    #[schema(value_type = Option<schema::Note>)]
    pub notes: Option<String>,
    #[schema(value_type = Option<schema::Parts>)]
    pub parts: Option<Vec<String>>,
    /// When it happened, if that was offline.
    #[schema(value_type = Option<schema::Time>)]
    pub at: Option<String>,
    /// So that one sent late never hits another visit.
    #[schema(value_type = Option<schema::Ordinal>)]
    pub visit: Option<u16>,
    #[schema(value_type = Option<schema::Ordinal>)]
    pub offer: Option<u16>,
    /// The app's own id: repeated, it takes effect once.
    #[schema(value_type = Option<schema::CommandId>)]
    pub id: Option<String>,
    /// Whom a clerk speaks for; by default whoever has the visit.
    #[schema(value_type = Option<schema::ExpertId>)]
    pub on_behalf_of: Option<String>,
}

/// An expert cannot solve it: another visit is arranged.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "reason": "panel broken", "need_skills": ["tv:3"], "parts": ["panel"], "at": "2026-11-24T09:30:00Z", "visit": 1, "offer": 1, "id": "c-7f3a", "on_behalf_of": "e-17" })))]
pub struct CannotFix {
    #[schema(value_type = schema::Reason)]
    pub reason: String,
    /// What the next visit needs.
    #[schema(value_type = Option<schema::SkillLevels>)]
    pub need_skills: Option<Vec<String>>,
    #[schema(value_type = Option<schema::Parts>)]
    pub parts: Option<Vec<String>>,
    /// When it happened, if that was offline.
    #[schema(value_type = Option<schema::Time>)]
    pub at: Option<String>,
    /// So that one sent late never hits another visit.
    #[schema(value_type = Option<schema::Ordinal>)]
    pub visit: Option<u16>,
    #[schema(value_type = Option<schema::Ordinal>)]
    pub offer: Option<u16>,
    /// The app's own id: repeated, it takes effect once.
    #[schema(value_type = Option<schema::CommandId>)]
    pub id: Option<String>,
    /// Whom a clerk speaks for; by default whoever has the visit.
    #[schema(value_type = Option<schema::ExpertId>)]
    pub on_behalf_of: Option<String>,
}

/// Nobody opened: another visit is arranged.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "reason": "nobody at home", "at": "2026-11-24T09:30:00Z", "visit": 1, "offer": 1, "id": "c-7f3a", "on_behalf_of": "e-17" })))]
pub struct NoAccess {
    #[schema(value_type = Option<schema::Note>)]
    pub reason: Option<String>,
    /// When it happened, if that was offline.
    #[schema(value_type = Option<schema::Time>)]
    pub at: Option<String>,
    /// So that one sent late never hits another visit.
    #[schema(value_type = Option<schema::Ordinal>)]
    pub visit: Option<u16>,
    #[schema(value_type = Option<schema::Ordinal>)]
    pub offer: Option<u16>,
    /// The app's own id: repeated, it takes effect once.
    #[schema(value_type = Option<schema::CommandId>)]
    pub id: Option<String>,
    /// Whom a clerk speaks for; by default whoever has the visit.
    #[schema(value_type = Option<schema::ExpertId>)]
    pub on_behalf_of: Option<String>,
}

/// A dispatcher names the expert.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "expert": "e-17", "reason": "knows the house", "pin": true, "force": false })))]
pub struct Assign {
    #[schema(value_type = schema::ExpertId)]
    pub expert: String,
    #[schema(value_type = schema::Reason)]
    pub reason: String,
    /// Assigned at once and held there; without it the expert is offered the visit.
    pub pin: Option<bool>,
    /// Also against a rule; on record.
    pub force: Option<bool>,
}

/// Why it is taken from the expert.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "reason": "double booked" })))]
pub struct Unassign {
    #[schema(value_type = Option<schema::Note>)]
    pub reason: Option<String>,
}

/// The work has to wait.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "reason": "waits for a part", "until": "2027-01-15T08:00:00Z" })))]
pub struct Hold {
    #[schema(value_type = schema::Reason)]
    pub reason: String,
    /// It goes on by itself then; in the future.
    #[schema(value_type = Option<schema::Time>)]
    pub until: Option<String>,
}

/// No body is needed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({})))]
pub struct NoFields {}

/// Another window.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "window": { "from": "2027-01-15T13:00:00Z", "to": "2027-01-15T17:00:00Z", "kind": "promise" } })))]
pub struct Reschedule {
    /// Null: any time.
    #[schema(required = true)]
    pub window: Option<WindowBody>,
}

/// Where it is: a place, an address, or both.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "place": { "lat": 42.05, "lon": -71.15 }, "address": { "line1": "Maple Street 12", "city": "Boston", "state": "MA", "zip": "02108" } })))]
pub struct Locate {
    /// Without it the address's ZIP code stands for the place.
    pub place: Option<PlaceBody>,
    /// Without it the one that the ticket has stays.
    pub address: Option<AddressBody>,
}

/// Why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "reason": "it works again" })))]
pub struct WithReason {
    #[schema(value_type = schema::Reason)]
    pub reason: String,
}

/// A note.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewNote, examples(json!({ "text": "called back, nobody at home before noon" })))]
pub struct NoteBody {
    #[schema(value_type = schema::Reason)]
    pub text: String,
}

/// How it was.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "rating": 5, "comment": "friendly and quick" })))]
pub struct Survey {
    #[schema(value_type = schema::Rating)]
    pub rating: u8,
    #[schema(value_type = Option<schema::Note>)]
    pub comment: Option<String>,
}
