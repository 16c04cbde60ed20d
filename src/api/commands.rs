//! The bodies of `POST /v1/tickets/{number}/<command>` as domain commands.

use super::{
    fields::{Fields, read_object},
    json::Json,
    new_ticket::{address, place, window},
    problem::FieldProblem,
    words,
};
use crate::{
    domain::{
        ids::{ExpertId, IdError},
        person::Address,
        place::Place,
        text,
        ticket::{Action, Command, ExpertCommand},
        time::Timestamp,
    },
    settings::limits,
};

/// What a call asks of a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Plain(Command),
    /// Needs its region found first.
    Locate {
        place: Option<Place>,
        address: Option<Address>,
    },
    /// Needs a stop planned first, so it goes its own way.
    Assign {
        expert: ExpertId,
        reason: String,
        pin: bool,
        force: bool,
    },
    /// What an expert did. `on_behalf_of`: whom a clerk speaks for.
    Expert {
        act: Box<Act>,
        on_behalf_of: Option<ExpertId>,
    },
}

/// An expert's command before it is known whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    action: Action,
    at: Option<Timestamp>,
    visit: Option<u16>,
    offer: Option<u16>,
    id: Option<String>,
}

impl Act {
    /// The command of this expert. One that carries its time was queued by a phone that was offline.
    #[must_use]
    pub fn by(self, expert: ExpertId) -> Command {
        let Self { action, at, visit, offer, id } = self;
        Command::Expert(ExpertCommand { expert, action, at, visit, offer, id, offline: at.is_some() })
    }
}

/// The names of all commands that a person may send to a ticket.
pub const NAMES: [&str; 17] = [
    "accept",
    "decline",
    "depart",
    "arrive",
    "complete",
    "cannot_fix",
    "no_access",
    "assign",
    "unassign",
    "hold",
    "release",
    "reschedule",
    "locate",
    "cancel",
    "reopen",
    "notes",
    "resume",
];

/// Those of them that experts send, from their own app.
pub const OF_EXPERTS: [&str; 7] = ["accept", "decline", "depart", "arrive", "complete", "cannot_fix", "no_access"];

/// The order of a name and a body. None: there is no such command.
#[must_use]
pub fn order<'j>(name: &str, body: &'j Json<'j>) -> Option<Result<Order, Vec<FieldProblem>>> {
    let read: fn(&mut Fields<'_, 'j>) -> Option<Order> = match name {
        "accept" => |f| expert(f, |_| Some(Action::Accept)),
        "decline" => |f| expert(f, |f| Some(Action::Decline { reason: reason(f)? })),
        "depart" => |f| expert(f, |_| Some(Action::Depart)),
        "arrive" => |f| expert(f, |_| Some(Action::Arrive)),
        "complete" => |f| expert(f, complete),
        "cannot_fix" => |f| expert(f, cannot_fix),
        "no_access" => |f| expert(f, |f| Some(Action::NoAccess { reason: optional_reason(f) })),
        "assign" => |f| assign(f),
        "unassign" => |f| Some(Order::Plain(Command::Unassign { reason: optional_reason(f) })),
        "hold" => |f| hold(f),
        "release" => |_| Some(Order::Plain(Command::Release)),
        "reschedule" => |f| Some(reschedule(f)),
        "locate" => |f| Some(locate(f)),
        "cancel" => |f| Some(Order::Plain(Command::Cancel { reason: reason(f)? })),
        "reopen" => |f| Some(Order::Plain(Command::Reopen { reason: reason(f)? })),
        "notes" => |f| note(f),
        "resume" => |_| Some(Order::Plain(Command::Resume)),
        _ => return None,
    };
    Some(read_object(body, read))
}

/// `{ "rating": 1..5, "comment"? }`.
pub fn survey<'j>(body: &'j Json<'j>) -> Result<Command, Vec<FieldProblem>> {
    read_object(body, |f| {
        let rating = f.whole("rating", 1..=5);
        let rating = f.required("rating", rating);
        let comment = f.text("comment", limits::NOTE_CHARS);
        Some(Command::Survey { rating: u8::try_from(rating?).ok()?, comment })
    })
}

fn reason(f: &mut Fields<'_, '_>) -> Option<String> {
    let reason = f.text("reason", limits::NOTE_CHARS);
    f.required("reason", reason)
}

fn optional_reason(f: &mut Fields<'_, '_>) -> String {
    f.text("reason", limits::NOTE_CHARS).unwrap_or_default()
}

fn expert<'j>(f: &mut Fields<'_, 'j>, action: impl FnOnce(&mut Fields<'_, 'j>) -> Option<Action>) -> Option<Order> {
    let at = f.time("at");
    let visit = f.whole("visit", 1..=i64::from(u16::MAX)).and_then(|no| u16::try_from(no).ok());
    let offer = f.whole("offer", 1..=i64::from(u16::MAX)).and_then(|no| u16::try_from(no).ok());
    let id = f.text("id", limits::WORD_CHARS);
    let on_behalf_of = f.parsed("on_behalf_of", words::id(ExpertId::parse));
    let action = action(f)?;
    Some(Order::Expert { act: Box::new(Act { action, at, visit, offer, id }), on_behalf_of })
}

fn complete(f: &mut Fields<'_, '_>) -> Option<Action> {
    let resolution = f.text("resolution", limits::NOTE_CHARS);
    let resolution = f.required("resolution", resolution);
    let notes = f.text("notes", limits::NOTE_CHARS).unwrap_or_default();
    let parts = parts(f);
    Some(Action::Complete { resolution: resolution?, notes, parts })
}

fn cannot_fix(f: &mut Fields<'_, '_>) -> Option<Action> {
    let reason = reason(f);
    let need_skills = f.texts("need_skills", limits::SKILLS, words::skill).unwrap_or_default();
    let parts = parts(f);
    Some(Action::CannotFix { reason: reason?, need_skills, parts })
}

fn parts(f: &mut Fields<'_, '_>) -> Vec<String> {
    let part = |text: &str| {
        let flaws = |flaws: Vec<text::Mended>| flaws.first().map(ToString::to_string).unwrap_or_default();
        text::check_text(text, limits::WORD_CHARS).map_err(flaws)
    };
    f.texts("parts", limits::PARTS, part).unwrap_or_default()
}

fn assign(f: &mut Fields<'_, '_>) -> Option<Order> {
    let expert = f.parsed::<ExpertId, IdError>("expert", words::id(ExpertId::parse));
    let expert = f.required("expert", expert);
    let reason = reason(f);
    let (pin, force) = (f.flag("pin").unwrap_or(false), f.flag("force").unwrap_or(false));
    Some(Order::Assign { expert: expert?, reason: reason?, pin, force })
}

fn hold(f: &mut Fields<'_, '_>) -> Option<Order> {
    let reason = reason(f);
    let until = f.time("until");
    Some(Order::Plain(Command::Hold { reason: reason?, until }))
}

/// `{ "window": {..} }`; null takes the window away.
fn reschedule(f: &mut Fields<'_, '_>) -> Order {
    if !f.sent("window") {
        f.wrong("window", "missing", "give a window, or null for any time");
    }
    let window = window(f, "window");
    Order::Plain(Command::Reschedule { window })
}

/// A place, an address, or both.
fn locate(f: &mut Fields<'_, '_>) -> Order {
    if !f.sent("place") && !f.sent("address") {
        f.wrong("place", "missing", "give a place, an address, or both");
    }
    let place = place(f, "place");
    Order::Locate { place, address: f.object("address", |f| Some(address(f))) }
}

fn note(f: &mut Fields<'_, '_>) -> Option<Order> {
    let text = f.text("text", limits::NOTE_CHARS);
    let text = f.required("text", text);
    Some(Order::Plain(Command::Note { text: text? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, body: &str) -> Result<Order, Vec<(String, &'static str)>> {
        let json = Json::parse(body.as_bytes()).unwrap();
        order(name, &json).unwrap().map_err(|all| all.into_iter().map(|p| (p.pointer, p.code)).collect())
    }

    #[test]
    fn every_named_command_has_a_form() {
        let body = Json::Object(Vec::new());
        for name in NAMES {
            assert!(order(name, &body).is_some(), "{name}");
        }
        assert!(order("explode", &body).is_none());
    }

    #[test]
    fn an_offline_command_carries_its_time_visit_and_offer() {
        let body =
            r#"{"at":"2026-01-31T09:00:00Z","visit":2,"offer":3,"resolution":"swapped","notes":"psu","parts":["psu"]}"#;
        let Ok(Order::Expert { act, on_behalf_of: None }) = parse("complete", body) else { panic!() };
        let Command::Expert(command) = act.by(ExpertId::parse("e-1").unwrap()) else { panic!() };
        assert!(command.offline);
        assert_eq!((command.visit, command.offer), (Some(2), Some(3)));
    }

    #[test]
    fn a_resolution_may_be_a_sentence() {
        let sentence = "swapped the power supply and the cable behind it, and showed them how to ".repeat(2);
        assert!(parse("complete", &format!(r#"{{"resolution":"{sentence}"}}"#)).is_ok());
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            parse("assign", r#"{"pin":"yes"}"#),
            Err(vec![
                ("/expert".to_owned(), "missing"),
                ("/reason".to_owned(), "missing"),
                ("/pin".to_owned(), "wrong_type")
            ])
        );
        assert_eq!(parse("locate", "{}"), Err(vec![("/place".to_owned(), "missing")]));
        assert_eq!(
            parse("locate", r#"{"place":{"lat":91,"lon":0},"address":{"zip":7}}"#),
            Err(vec![("/place/lat".to_owned(), "out_of_range"), ("/address/zip".to_owned(), "wrong_type")])
        );
        assert_eq!(parse("reschedule", "{}"), Err(vec![("/window".to_owned(), "missing")]));
        assert!(matches!(
            parse("reschedule", r#"{"window":null}"#),
            Ok(Order::Plain(Command::Reschedule { window: None }))
        ));
    }
}
