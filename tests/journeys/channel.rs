//! The expert app's channel, over real `WebSockets`: deliveries until their receipt, commands that take
//! effect once, a phone that was away for an hour, positions that cannot be.

use super::{
    WEST,
    house::House,
    live::{Heard, Line},
};
use callout::{domain::ticket::Role, settings::PolicyName};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

struct Phone {
    line: Line,
}

impl Phone {
    fn connect(house: &House, expert: &str) -> Self {
        let token = house.token_of(Role::Expert, expert, Vec::new());
        let path = format!("/v1/experts/{expert}/channel");
        Self { line: Line::websocket(&house.address(), &token, &path).unwrap() }
    }

    /// The next message that is wanted; others pass.
    #[track_caller]
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.line.message().unwrap();
            if wanted(&message) {
                return message;
            }
        }
    }

    fn delivery(&mut self, kind: &str, ticket: &str) -> Value {
        self.until(|m| m["type"] == "delivery" && m["kind"] == kind && m["ticket"] == ticket)
    }

    fn say(&mut self, message: &Value) {
        self.line.send(message).unwrap();
    }

    /// Sends a command and waits for its result.
    fn order(&mut self, id: &str, name: &str, ticket: &str, at: Option<&str>, data: &Value) -> Value {
        let mut command = json!({ "type": "command", "id": id, "name": name, "ticket": ticket, "data": data });
        if let Some(at) = at {
            command["at"] = at.into();
        }
        self.say(&command);
        self.until(|m| m["type"] == "result" && m["id"] == id)
    }
}

/// How often each kind of event is in the ticket's timeline.
fn count(house: &House, ticket: &str, kind: &str) -> usize {
    let timeline = house.get(&house.token(Role::Clerk), &format!("/v1/tickets/{ticket}/timeline")).is(200);
    timeline.body["items"].as_array().unwrap().iter().filter(|entry| entry["kind"] == kind).count()
}

#[test]
fn a_delivery_is_repeated_until_its_receipt_and_comes_again_after_a_reconnect_under_the_same_id() {
    let house = House::staffed();
    let mut phone = Phone::connect(&house, "west-1");
    let route = phone.until(|m| m["kind"] == "route");
    assert_eq!(route["data"]["tickets"], json!([]));
    let number = house.open(WEST);
    let offer = phone.delivery("offer", &number);
    assert_eq!(offer["data"]["ticket"]["title"], "No picture");
    assert!(offer["expires_at"].is_string());
    let again = phone.delivery("offer", &number);
    assert_eq!(again, offer, "no receipt came");
    drop(phone);
    let mut phone = Phone::connect(&house, "west-1");
    let route = phone.until(|m| m["kind"] == "route");
    assert_eq!(route["data"]["tickets"][0]["number"], number, "all that is needed without coverage");
    assert_eq!(phone.delivery("offer", &number)["id"], offer["id"]);
    phone.say(&json!({ "type": "receipt", "id": offer["id"] }));
    house.until_shown(&format!("/v1/tickets/{number}/timeline"), |timeline| {
        timeline.body["items"].as_array().unwrap().iter().any(|entry| entry["kind"] == "delivery.received")
    });
    assert_eq!(phone.order("c-1", "accept", &number, None, &json!({}))["ok"], true);
    assert_eq!(phone.order("c-1", "accept", &number, None, &json!({}))["ok"], true, "a repeat takes effect once");
    assert_eq!(count(&house, &number, "ticket.accepted"), 1);
}

#[test]
fn a_visit_that_was_taken_away_is_told_after_a_reconnect_and_a_restart_until_its_receipt() {
    let mut house = House::staffed();
    let number = house.open(WEST);
    house.until(&number, "assigning");
    let mut phone = Phone::connect(&house, "west-1");
    let offer = phone.delivery("offer", &number);
    phone.say(&json!({ "type": "receipt", "id": offer["id"] }));
    assert_eq!(phone.order("c-1", "accept", &number, None, &json!({}))["ok"], true);
    let gone = json!({ "reason": "sold it" });
    house.post(&house.token(Role::Clerk), &format!("/v1/tickets/{number}/cancel"), &gone).is(200);
    let withdrawn = phone.delivery("withdrawn", &number);
    drop(phone);
    let mut phone = Phone::connect(&house, "west-1");
    assert_eq!(phone.delivery("withdrawn", &number)["id"], withdrawn["id"], "no receipt came");
    drop(phone);
    house.restart();
    let mut phone = Phone::connect(&house, "west-1");
    assert_eq!(phone.delivery("withdrawn", &number)["id"], withdrawn["id"], "and none came before the restart");
    let received = count(&house, &number, "delivery.received");
    phone.say(&json!({ "type": "receipt", "id": withdrawn["id"] }));
    house.until_shown(&format!("/v1/tickets/{number}/timeline"), |told| {
        let entries = told.body["items"].as_array().unwrap().iter();
        entries.filter(|entry| entry["kind"] == "delivery.received").count() > received
    });
    drop(phone);
    let mut phone = Phone::connect(&house, "west-1");
    phone.say(&json!({ "type": "nonsense" }));
    // What is owed comes before any answer.
    let before = phone.until(|m| m["type"] == "problem" || m["kind"] == "withdrawn");
    assert_eq!(before["type"], "problem", "{before}");
}

#[test]
fn a_strangers_command_finds_no_ticket_and_leaves_nothing_in_it() {
    let house = House::staffed();
    let number = house.open(WEST);
    house.until(&number, "assigning");
    let mut stranger = Phone::connect(&house, "east-1");
    let at = house.time(0);
    let told = stranger.order("s-1", "complete", &number, Some(&at), &json!({ "resolution": "let me in" }));
    assert_eq!((&told["ok"], &told["problem"]["code"]), (&json!(false), &json!("not_found")));
    assert_eq!(count(&house, &number, "ticket.command_refused"), 0);
}

#[test]
fn a_phone_that_was_away_for_an_hour_has_each_command_merged_or_refused_with_why_and_none_twice() {
    // Several visits with one expert at once, before the first is done.
    let mut house = House::staffed_with(|settings| settings.dispatch.policy = PolicyName::Insertion);
    let tickets = [house.open(WEST), house.open(WEST), house.open(WEST)];
    let mut phone = Phone::connect(&house, "west-1");
    for (n, number) in tickets.iter().enumerate() {
        house.until(number, "assigning");
        let result = phone.order(&format!("a-{n}"), "accept", number, None, &json!({}));
        assert_eq!(result["ok"], true, "{result}");
    }
    let left = house.time(0);
    drop(phone);
    let clerk = house.token(Role::Clerk);
    let [first, second, third] = &tickets;
    house.post(&clerk, &format!("/v1/tickets/{second}/cancel"), &json!({ "reason": "sold it" })).is(200);
    // An hour in six seconds.
    house.hurry(600.0);
    let then = [house.time(300), house.time(1_200), house.time(2_400), house.time(2_700), house.time(3_000)];
    house.pass(3_600);
    assert!(house.time(-3_600) > left);
    let done = json!({ "resolution": "swapped", "notes": "psu" });
    let queued: [(&str, &str, &String, Value); 5] = [
        ("q-1", "depart", first, json!({})),
        ("q-2", "arrive", first, json!({})),
        ("q-3", "complete", first, done.clone()),
        ("q-4", "complete", second, done),
        ("q-5", "depart", third, json!({})),
    ];
    // Sent, cut off before the answers came, and sent again by the next connection.
    let mut phone = Phone::connect(&house, "west-1");
    for ((id, name, ticket, data), at) in queued.iter().zip(&then) {
        phone.say(&json!({ "type": "command", "id": id, "name": name, "ticket": ticket, "at": at, "data": data }));
    }
    drop(phone);
    let mut phone = Phone::connect(&house, "west-1");
    for ((id, name, ticket, data), at) in queued.iter().zip(&then) {
        let result = phone.order(id, name, ticket, Some(at), data);
        let merged = *ticket != second;
        assert_eq!(result["ok"], merged, "{result}");
        if !merged {
            assert_eq!(result["problem"]["code"], "wrong_phase");
            assert_eq!(result["problem"]["phase"], "cancelled");
        }
    }
    for kind in ["ticket.departed", "ticket.arrived", "ticket.completed"] {
        assert_eq!(count(&house, first, kind), 1, "{kind}");
    }
    assert_eq!(count(&house, second, "ticket.completed"), 0);
    assert_eq!(count(&house, second, "ticket.command_refused"), 1, "its notes are kept, once");
    assert_eq!(count(&house, third, "ticket.departed"), 1);
    let timeline = house.get(&clerk, &format!("/v1/tickets/{first}/timeline")).is(200);
    let completed =
        timeline.body["items"].as_array().unwrap().iter().find(|e| e["kind"] == "ticket.completed").unwrap();
    assert_eq!(completed["data"]["at"], *then[2], "when it happened, not when it was sent");
    assert_eq!(count(&house, first, "ticket.time_clamped"), 0);
}

#[test]
fn a_later_device_replaces_the_earlier_and_a_silent_or_foreign_one_is_not_let_in() {
    let house = House::staffed();
    let mut first = Phone::connect(&house, "west-1");
    first.until(|m| m["kind"] == "route");
    let mut second = Phone::connect(&house, "west-1");
    second.until(|m| m["kind"] == "route");
    assert!(matches!(first.line.hear().unwrap(), Heard::Closed(Some(4002))));
    let staff = house.token(Role::Dispatcher);
    let shown = house.get(&staff, "/v1/experts/west-1").is(200);
    assert_eq!(shown.body["presence"]["online"], true, "the second is there");
    let other = house.token_of(Role::Expert, "east-1", Vec::new());
    assert!(Line::websocket(&house.address(), &other, "/v1/experts/west-1/channel").is_err(), "404");
    assert!(Line::websocket(&house.address(), &staff, "/v1/experts/west-1/channel").is_err(), "403");
    let own = house.token_of(Role::Expert, "west-1", Vec::new());
    assert!(Line::websocket(&house.address(), &own, "/v1/experts/west-1/channel?after=nonsense").is_err(), "422");
    house.get(&own, "/v1/experts/west-1/channel").is(400);
}

#[test]
fn what_an_app_should_not_say_is_told_and_the_channel_goes_on_but_not_in_binary() {
    let house = House::staffed();
    let mut phone = Phone::connect(&house, "west-1");
    let code = |m: &Value| m["problem"]["code"].as_str().unwrap_or_default().to_owned();
    let number = house.open(WEST);
    for (said, wanted) in [
        ("{", "malformed_json"),
        (r#"{"type":"position","lat":NaN,"lon":1,"at":"2026-01-01T00:00:00Z"}"#, "malformed_json"),
        (r#"{"type":"position","lat":1,"lat":2,"lon":1,"at":"2026-01-01T00:00:00Z"}"#, "malformed_json"),
        (r#"{"type":"hello"}"#, "unknown_type"),
        (r#"{"type":"position","lat":1e9,"lon":1,"at":"2026-01-01T00:00:00Z"}"#, "invalid"),
        (r#"{"type":"position","lat":42,"lon":-71,"at":"2126-01-01T00:00:00Z"}"#, "invalid"),
    ] {
        phone.line.send_raw(Message::text(said)).unwrap();
        let told = phone.until(|m| m["type"] == "problem");
        assert_eq!(code(&told), wanted, "{said}");
    }
    let refused = phone.order("c-1", "assign", &number, None, &json!({ "expert": "west-1", "reason": "mine" }));
    assert_eq!(code(&refused), "unknown_command");
    let foreign = phone.order("c-2", "accept", "0A1-000142-K", None, &json!({}));
    assert_eq!(foreign["ok"], false);
    phone.line.send_raw(Message::binary(vec![1, 2, 3])).unwrap();
    loop {
        if let Heard::Closed(code) = phone.line.hear().unwrap() {
            assert_eq!(code, Some(1003));
            break;
        }
    }
    // Larger than a message may be, and frames that are not masked: the connection ends, the server does not.
    let mut phone = Phone::connect(&house, "west-1");
    let _ = phone.line.send_raw(Message::text("x".repeat(100_000)));
    while matches!(phone.line.hear(), Ok(Heard::Message(_))) {}
    let mut phone = Phone::connect(&house, "west-1");
    std::io::Write::write_all(phone.line.stream(), &[0x81, 0x02, b'{', b'}']).unwrap();
    while matches!(phone.line.hear(), Ok(Heard::Message(_))) {}
    house.get(&house.token(Role::Clerk), &format!("/v1/tickets/{number}")).is(200);
}

#[test]
fn positions_are_shown_and_believed_only_as_far_as_anybody_drives_and_survive_a_restart() {
    let mut house = House::staffed();
    let own = house.token_of(Role::Expert, "west-1", Vec::new());
    let staff = house.token(Role::Clerk);
    let seq = house.app().core.service.store().head().0;
    let at = |lat: f64, after: i64| json!({ "lat": lat, "lon": -71.1, "accuracy_m": 8, "at": house.time(after) });
    let path = "/v1/experts/west-1/position";
    house.post(&own, path, &at(42.05, 0)).is(204);
    let jumped = house.post(&own, path, &at(44.75, 1)).is(422);
    assert_eq!(jumped.text("/errors/0/code"), "implausible");
    house.post(&own, path, &at(42.05, 3_600)).is(422);
    house.post(&own, "/v1/experts/east-1/position", &at(42.05, 0)).is(404);
    house.post(&staff, path, &at(42.05, 0)).is(403);
    assert_eq!(house.app().core.service.store().head().0, seq, "no position is journalled");
    let shown = house.get(&staff, "/v1/experts/west-1").is(200);
    assert_eq!(shown.body["presence"]["position"]["lat"], 42.05);
    assert_eq!(shown.body["presence"]["online"], false);
    house.restart();
    let shown = house.get(&house.token(Role::Clerk), "/v1/experts/west-1").is(200);
    assert_eq!(shown.body["presence"]["position"]["lat"], 42.05);
}
