//! The body of `POST /v1/tickets` as a checked request. Refuses only what is malformed; what is not
//! known (product, entitlement, place) is for intake to flag.

use super::{
    fields::{Fields, read_object},
    json::Json,
    problem::FieldProblem,
    schema, words,
};
use crate::{
    domain::{
        ids::CustomerId,
        intake::NewTicket,
        person::{Address, Contact},
        place::Place,
        ticket::{Priority, Source, Window, WindowKind},
    },
    settings::limits,
};
use utoipa::ToSchema;

const SOURCES: [(&str, Source); 4] =
    [("web", Source::Web), ("phone", Source::Phone), ("app", Source::App), ("api", Source::Api)];
const PRIORITIES: [(&str, Priority); 4] =
    [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High), ("urgent", Priority::Urgent)];
const KINDS: [(&str, WindowKind); 2] = [("promise", WindowKind::Promise), ("wish", WindowKind::Wish)];

/// A new ticket. Title and channel are all it needs; what is unknown (a product, an expired plan, a vague
/// address) becomes a flag for a person, never an error.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTicket, examples(json!({
    "customer_id": "c-2041", "contact": { "name": "Customer 2041", "phone": "+1 617 555 0100", "email": "c@example.org", "language": "en" },
    "product": "tv-55", "skills": ["tv:2"], "title": "No picture",
    "description": "The screen stays black; the sound is there.", "place": { "lat": 42.05, "lon": -71.15 },
    "address": { "line1": "Maple Street 12", "city": "Boston", "state": "MA", "zip": "02108" },
    "window": { "from": "2026-11-25T13:00:00Z", "to": "2026-11-25T17:00:00Z", "kind": "promise" },
    "priority": "high", "channel": "web", "external_id": "crm-88120", "duration_s": 3600,
    "due_at": "2026-11-27T17:00:00Z"
}), json!({ "title": "No picture", "channel": "phone", "address": { "zip": "02108" } })))]
pub struct NewTicketBody {
    /// Customers enter tickets for themselves: theirs is filled in.
    #[schema(value_type = Option<schema::CustomerId>)]
    pub customer_id: Option<String>,
    pub contact: Option<ContactBody>,
    #[schema(value_type = Option<schema::Word>)]
    pub product: Option<String>,
    /// What the visit needs, where known; else found from the product.
    #[schema(value_type = Option<schema::SkillLevels>)]
    pub skills: Option<Vec<String>>,
    #[schema(value_type = schema::Title)]
    pub title: String,
    #[schema(value_type = Option<schema::Description>)]
    pub description: Option<String>,
    /// Without it the address's ZIP code stands for the place.
    pub place: Option<PlaceBody>,
    pub address: Option<AddressBody>,
    pub window: Option<WindowBody>,
    /// `normal` when absent.
    #[schema(value_type = Option<schema::Priority>)]
    pub priority: Option<String>,
    #[schema(value_type = schema::Channel)]
    pub channel: String,
    #[schema(value_type = Option<schema::ExternalId>)]
    pub external_id: Option<String>,
    #[schema(value_type = Option<schema::Duration>)]
    pub duration_s: Option<u32>,
    /// By when it should be done.
    #[schema(value_type = Option<schema::Time>)]
    pub due_at: Option<String>,
}

/// Whom to call.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactBody {
    #[schema(value_type = Option<schema::Name>)]
    pub name: Option<String>,
    #[schema(value_type = Option<schema::Phone>)]
    pub phone: Option<String>,
    #[schema(value_type = Option<schema::Email>)]
    pub email: Option<String>,
    /// What they are written to in; the region's when absent.
    #[schema(value_type = Option<schema::Language>)]
    pub language: Option<String>,
}

/// Where somebody lives.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressBody {
    #[schema(value_type = Option<schema::Name>)]
    pub line1: Option<String>,
    #[schema(value_type = Option<schema::Name>)]
    pub city: Option<String>,
    #[schema(value_type = Option<schema::Name>)]
    pub state: Option<String>,
    #[schema(value_type = Option<schema::Zip>)]
    pub zip: Option<String>,
}

/// A point, degrees (WGS 84).
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceBody {
    #[schema(value_type = schema::Latitude)]
    pub lat: f64,
    #[schema(value_type = schema::Longitude)]
    pub lon: f64,
}

/// Service begins inside it. It ends after it begins.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowBody {
    #[schema(value_type = schema::Time)]
    pub from: String,
    #[schema(value_type = schema::Time)]
    pub to: String,
    /// `promise` when absent.
    #[schema(value_type = Option<schema::WindowKind>)]
    pub kind: Option<String>,
}

/// All problems at once.
pub fn new_ticket<'j>(body: &'j Json<'j>) -> Result<NewTicket, Vec<FieldProblem>> {
    read_object(body, |f| {
        let customer = f.parsed("customer_id", words::id(CustomerId::parse));
        let contact = f.object("contact", |f| Some(contact(f))).unwrap_or_default();
        let product = f.text("product", limits::WORD_CHARS);
        let skills = f.texts("skills", limits::SKILLS, words::skill).unwrap_or_default();
        let title = f.text("title", limits::TITLE_CHARS);
        let title = f.required("title", title);
        if title.is_none() && matches!(f.value("title"), Some(Json::Text(text)) if text.trim().is_empty()) {
            f.wrong("title", "missing", "a title must not be empty");
        }
        let source = f.one_of("channel", &SOURCES);
        let source = f.required("channel", source);
        let new = NewTicket {
            customer,
            contact,
            product,
            skills,
            title: title.unwrap_or_default(),
            description: f.text("description", limits::DESCRIPTION_CHARS),
            place: place(f, "place"),
            address: f.object("address", |f| Some(address(f))),
            window: window(f, "window"),
            priority: f.one_of("priority", &PRIORITIES).unwrap_or_default(),
            source: source.unwrap_or(Source::Api),
            external_id: f.text("external_id", limits::EXTERNAL_ID_CHARS),
            service_s: f.whole("duration_s", limits::SERVICE_S).and_then(|s| u32::try_from(s).ok()),
            due_at: f.time("due_at"),
            opened_at: None,
        };
        Some(new)
    })
}

fn contact(f: &mut Fields<'_, '_>) -> Contact {
    Contact {
        name: f.text("name", limits::NAME_CHARS),
        phone: f.parsed("phone", words::phone),
        email: f.parsed("email", words::email),
        language: f.parsed("language", words::language),
    }
}

pub(super) fn address(f: &mut Fields<'_, '_>) -> Address {
    Address {
        line1: f.text("line1", limits::NAME_CHARS),
        city: f.text("city", limits::NAME_CHARS),
        state: f.text("state", limits::NAME_CHARS),
        zip: f.text("zip", limits::ZIP_CHARS),
    }
}

/// `{ "lat": .., "lon": .. }`, degrees.
pub(super) fn place(f: &mut Fields<'_, '_>, name: &'static str) -> Option<Place> {
    f.object(name, |f| {
        let lat = f.number("lat", -90.0..=90.0);
        let lat = f.required("lat", lat);
        let lon = f.number("lon", -180.0..=180.0);
        let lon = f.required("lon", lon);
        Place::new(lat?, lon?).ok()
    })
}

/// `{ "from", "to", "kind"? }`; begins before it ends.
pub(super) fn window(f: &mut Fields<'_, '_>, name: &'static str) -> Option<Window> {
    f.object(name, |f| {
        let from = f.time("from");
        let from = f.required("from", from);
        let to = f.time("to");
        let to = f.required("to", to);
        let kind = f.one_of("kind", &KINDS).unwrap_or(WindowKind::Promise);
        let (from, to) = (from?, to?);
        if from >= to {
            f.wrong("to", "window_backwards", "a window has to end after it begins");
            return None;
        }
        Some(Window { from, to, kind })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(body: &str) -> Vec<(String, &'static str)> {
        let json = Json::parse(body.as_bytes()).unwrap();
        let problems = new_ticket(&json).unwrap_err();
        problems.into_iter().map(|p| (p.pointer, p.code)).collect()
    }

    #[test]
    fn the_smallest_ticket_is_a_title_and_a_channel() {
        let json = Json::parse(br#"{"title":" No picture ","channel":"web"}"#).unwrap();
        let new = new_ticket(&json).unwrap();
        assert_eq!((new.title.as_str(), new.source, new.priority), ("No picture", Source::Web, Priority::Normal));
    }

    #[test]
    fn all_problems_are_named_at_once_with_their_pointers() {
        let body = r#"{
            "titel": "x", "title": "  ", "channel": "fax", "priority": 3, "skills": ["tv:2", "tv:9", 4],
            "place": {"lat": 91, "lon": "4", "alt": 3}, "contact": {"phone": "call me", "email": "a"},
            "window": {"from": "2026-01-31T09:00:00", "to": "2026-01-31T10:00:00Z"},
            "due_at": "tomorrow", "duration_s": 5, "customer_id": "a b", "description": "a\u0000b\u202e"
        }"#;
        let mut found = problems(body);
        found.sort();
        let mut expected: Vec<(String, &'static str)> = [
            ("/titel", "unknown_field"),
            ("/title", "missing"),
            ("/channel", "not_allowed"),
            ("/priority", "wrong_type"),
            ("/skills/1", "invalid"),
            ("/skills/2", "wrong_type"),
            ("/place/lat", "out_of_range"),
            ("/place/lon", "wrong_type"),
            ("/place/alt", "unknown_field"),
            ("/contact/phone", "invalid"),
            ("/contact/email", "invalid"),
            ("/window/from", "invalid"),
            ("/due_at", "invalid"),
            ("/duration_s", "out_of_range"),
            ("/customer_id", "invalid"),
            ("/description", "control_character"),
            ("/description", "direction_override"),
        ]
        .map(|(pointer, code)| (pointer.to_owned(), code))
        .to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_backward_window_and_a_body_that_is_no_object_are_named() {
        let body =
            r#"{"title":"x","channel":"web","window":{"from":"2026-01-31T10:00:00Z","to":"2026-01-31T10:00:00Z"}}"#;
        assert_eq!(problems(body), [("/window/to".to_owned(), "window_backwards")]);
        assert_eq!(problems("[]"), [(String::new(), "wrong_type")]);
        assert_eq!(problems("{}").len(), 2, "title and channel are missing");
    }
}
