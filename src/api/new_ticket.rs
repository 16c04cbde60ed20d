//! The body of `POST /v1/tickets` as a checked request. Refuses only what is malformed; what is not
//! known (product, entitlement, place) is for intake to flag.

use super::{
    fields::{Fields, read_object},
    json::Json,
    problem::FieldProblem,
    words,
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

const SOURCES: [(&str, Source); 4] =
    [("web", Source::Web), ("phone", Source::Phone), ("app", Source::App), ("api", Source::Api)];
const PRIORITIES: [(&str, Priority); 4] =
    [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High), ("urgent", Priority::Urgent)];
const KINDS: [(&str, WindowKind); 2] = [("promise", WindowKind::Promise), ("wish", WindowKind::Wish)];

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

fn address(f: &mut Fields<'_, '_>) -> Address {
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
