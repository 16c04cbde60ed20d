//! The API document as a client meets it, and a day's answers held against it.

use crate::{
    EAST, WEST,
    house::{Answer, House},
    live::{Kind, Line},
    schema::{faults, resolved},
};
use callout::domain::ticket::Role;
use serde_json::{Value, json};
use std::{cell::RefCell, collections::BTreeSet};

/// Asks, and holds each answer against the document.
struct Witness {
    house: House,
    document: Value,
    seen: RefCell<BTreeSet<String>>,
}

impl Witness {
    fn new() -> Self {
        let house = House::staffed();
        let document = house.ask("GET", "/v1/openapi.json", &[], b"").is(200).body;
        Self { house, document, seen: RefCell::default() }
    }

    #[track_caller]
    fn ask(&self, role: Role, method: &str, path: &str, body: &Value) -> Answer {
        let subject = if role == Role::Expert { "west-1" } else { role.name() };
        let token = self.house.token_of(role, subject, Vec::new());
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str())];
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        if !body.is_null() {
            headers.push(("content-type", "application/json"));
        }
        let answer = self.house.ask(method, path, &headers, &bytes);
        self.hold(method, path, &answer);
        answer
    }

    #[track_caller]
    fn get(&self, role: Role, path: &str) -> Answer {
        self.ask(role, "GET", path, &Value::Null).is(200)
    }

    /// The operation that a path belongs to.
    #[track_caller]
    fn operation(&self, method: &str, path: &str) -> (String, &Value) {
        let path = path.split('?').next().unwrap();
        let fits = |template: &str| {
            let (parts, wanted): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
            parts.len() == wanted.len() && parts.iter().zip(&wanted).all(|(p, w)| p == w || w.starts_with('{'))
        };
        let paths = self.document["paths"].as_object().unwrap();
        // A path that is named is meant rather than one with a parameter there.
        let exact = paths.get_key_value(path);
        let (template, item) = exact.or_else(|| paths.iter().find(|(template, _)| fits(template))).unwrap();
        (template.clone(), &item[method.to_lowercase()])
    }

    #[track_caller]
    fn hold(&self, method: &str, path: &str, answer: &Answer) {
        let (template, operation) = self.operation(method, path);
        let status = answer.status.to_string();
        let told = format!("{method} {template} {status}");
        let response = operation["responses"].get(&status);
        let response =
            resolved(&self.document, response.unwrap_or_else(|| panic!("{told} is not documented: {}", answer.body)));
        for (name, header) in response["headers"].as_object().unwrap() {
            let needed = resolved(&self.document, header)["required"] == json!(true);
            assert!(!needed || answer.header(name).is_some(), "{told}: no {name}");
        }
        if let Some((kind, content)) =
            response.get("content").and_then(Value::as_object).and_then(|all| all.iter().next())
        {
            assert_eq!(answer.header("content-type"), Some(kind.as_str()), "{told}");
            if kind.ends_with("json") {
                let faults = faults(&self.document, &content["schema"], &answer.body);
                assert!(faults.is_empty(), "{told}: {faults:#?}\n{:#}", answer.body);
            }
        }
        self.seen.borrow_mut().insert(told);
    }
}

#[test]
fn every_answer_of_a_day_is_as_the_document_says() {
    let day = Witness::new();
    let window = json!({ "from": "2099-01-15T13:00:00Z", "to": "2099-01-15T17:00:00Z", "kind": "wish" });
    let body = json!({ "title": "No picture", "channel": "phone", "skills": ["tv"], "customer_id": "customer",
        "contact": { "name": "Customer 1", "phone": "617 555 0100", "email": "c@example.org" }, "product": "tv-55",
        "address": { "line1": "Maple Street 12", "city": "Boston", "state": "MA", "zip": "02108" }, "external_id": "x-1",
        "description": "black", "due_at": "2099-01-01T00:00:00Z", "place": { "lat": WEST[0], "lon": WEST[1] } });
    let number = day.ask(Role::Clerk, "POST", "/v1/tickets", &body).is(201).text("/number").to_owned();
    day.ask(Role::Clerk, "POST", "/v1/tickets", &body).is(200);
    day.ask(Role::Clerk, "POST", "/v1/tickets", &json!({ "place": { "lat": 91 } })).is(422);
    day.house.until(&number, "assigning");
    let at = format!("/v1/tickets/{number}");
    for role in [Role::Clerk, Role::Customer, Role::Expert] {
        day.get(role, &at);
        day.get(role, "/v1/tickets");
    }
    day.ask(Role::Expert, "POST", &format!("{at}/accept"), &json!({})).is(200);
    day.ask(Role::Expert, "POST", &format!("{at}/accept"), &json!({ "offer": 7 })).is(409);
    for (name, body) in [
        ("depart", json!({})),
        ("arrive", json!({ "visit": 1 })),
        ("cannot_fix", json!({ "reason": "panel broken", "need_skills": ["tv:2"], "parts": ["panel"] })),
    ] {
        day.ask(Role::Expert, "POST", &format!("{at}/{name}"), &body).is(200);
    }
    for (name, body) in [
        ("notes", json!({ "text": "called back" })),
        ("hold", json!({ "reason": "waits for a part", "until": "2099-01-01T00:00:00Z" })),
        ("release", json!({})),
        ("locate", json!({ "place": { "lat": WEST[0], "lon": WEST[1] }, "address": { "zip": "02109" } })),
        ("reschedule", json!({ "window": window })),
        ("reschedule", json!({ "window": null })),
        ("cancel", json!({ "reason": "works again" })),
        ("reopen", json!({ "reason": "does not" })),
    ] {
        day.ask(Role::Clerk, "POST", &format!("{at}/{name}"), &body).is(200);
    }
    for (role, path) in [
        (Role::Clerk, format!("{at}/timeline")),
        (Role::Customer, format!("{at}/timeline")),
        (Role::Clerk, format!("{at}/decisions")),
        (Role::Clerk, format!("{at}/candidates/west-1")),
        (Role::Clerk, format!("{at}/remedies?by=2099-01-01T00:00:00Z")),
        (Role::Manager, "/v1/regions/west/forecast".into()),
        (Role::Clerk, "/v1/tickets?phone=617-555-0100".into()),
        (Role::Clerk, "/v1/tickets?phase=new&limit=1".into()),
        (Role::Expert, "/v1/experts/west-1/route".into()),
        (Role::Clerk, "/v1/experts?skill=tv&limit=1".into()),
        (Role::Clerk, "/v1/regions?geometry=false".into()),
        (Role::Clerk, "/v1/regions/west".into()),
        (Role::Dispatcher, "/v1/regions/west/board".into()),
        (Role::Clerk, "/v1/skills".into()),
        (Role::Manager, "/v1/catalogue-rules".into()),
        (Role::Manager, "/v1/calendars".into()),
        (Role::Manager, "/v1/objectives".into()),
        (Role::Manager, "/v1/incidents".into()),
        (Role::Dispatcher, "/v1/outbox?limit=2".into()),
        (Role::Dispatcher, format!("/v1/outbox/{number}.1")),
        (Role::Manager, "/healthz".into()),
        (Role::Manager, "/readyz".into()),
        (Role::Manager, "/metrics".into()),
        (Role::Manager, "/docs".into()),
        (Role::Manager, format!("/v1/surveys/{}", day.house.app().core.tokens.survey_link(number.parse().unwrap()))),
    ] {
        day.get(role, &path);
    }
    administered(&day);
    for (role, path, status) in [
        (Role::Clerk, "/v1/tickets/000-000000-0", 404),
        (Role::Customer, "/v1/experts", 403),
        (Role::Clerk, "/v1/tickets?phase=lost", 422),
        (Role::Clerk, "/v1/regions/west/forecast", 403),
        (Role::Clerk, "/v1/experts?cursor=no+id", 422),
        (Role::Clerk, "/v1/regions?cursor=no+id&geometry=maybe", 422),
        (Role::Clerk, "/v1/feed", 400),
        (Role::Clerk, "/v1/feed?regions=nowhere", 404),
        (Role::Expert, "/v1/experts/east-1/channel", 404),
    ] {
        day.ask(role, "GET", path, &Value::Null).is(status);
    }
    let seen = day.seen.borrow();
    assert!(seen.len() > 45, "only {} kinds of answers were looked at: {seen:#?}", seen.len());
}

/// Accounts, logins and tokens.
fn people(day: &Witness) {
    let body = |name: &str| json!({ "name": name, "role": "clerk", "password": "correct horse battery" });
    day.ask(Role::Admin, "POST", "/v1/users", &body("desk-1")).is(201);
    day.ask(Role::Admin, "POST", "/v1/users", &body("desk-1")).is(409);
    day.ask(Role::Admin, "POST", "/v1/users", &body("")).is(422);
    day.get(Role::Admin, "/v1/users?role=clerk&state=active&limit=1");
    let tag = day.get(Role::Admin, "/v1/users/desk-1").header("etag").map(str::to_owned);
    assert_eq!(tag.as_deref(), Some("\"1\""));
    let mut login = json!({ "name": "desk-1", "password": "correct horse battery" });
    day.ask(Role::Clerk, "POST", "/v1/login", &login).is(200);
    login["password"] = "wrong".into();
    for status in [401, 401, 401, 401, 401, 429] {
        day.ask(Role::Clerk, "POST", "/v1/login", &login).is(status);
    }
    day.ask(Role::Admin, "PATCH", "/v1/users/desk-1", &json!({ "regions": ["west"] })).is(200);
    day.ask(Role::Admin, "DELETE", "/v1/users/desk-1", &Value::Null).is(200);
    day.ask(Role::Admin, "DELETE", "/v1/users/nobody", &Value::Null).is(404);
    day.get(Role::Manager, "/v1/me");
    let change = json!({ "old": "correct horse battery", "new": "another horse battery" });
    day.ask(Role::Manager, "POST", "/v1/me/password", &change).is(409);
    let id = day.ask(Role::Admin, "POST", "/v1/tokens", &json!({ "role": "portal" })).is(201).text("/id").to_owned();
    day.get(Role::Admin, "/v1/tokens?all=true&limit=2");
    day.ask(Role::Admin, "DELETE", &format!("/v1/tokens/{id}"), &Value::Null).is(204);
    day.ask(Role::Admin, "DELETE", &format!("/v1/tokens/{id}x"), &Value::Null).is(404);
    day.ask(Role::Clerk, "POST", "/v1/logout", &Value::Null).is(204);
}

/// What administrators do.
fn administered(day: &Witness) {
    let sick = json!({ "kind": "sick", "from": "2099-01-01T00:00:00Z", "to": "2099-01-02T00:00:00Z" });
    let absence = day.ask(Role::Clerk, "POST", "/v1/experts/west-1/absences", &sick).is(201).body["id"].to_string();
    day.get(Role::Clerk, "/v1/experts/west-1/absences");
    day.get(Role::Clerk, "/v1/experts/west-1");
    day.ask(Role::Clerk, "DELETE", &format!("/v1/experts/west-1/absences/{absence}"), &Value::Null).is(204);
    day.ask(Role::Clerk, "DELETE", "/v1/experts/west-1/absences?id=4711", &Value::Null).is(404);
    day.get(Role::Clerk, "/v1/skills?limit=1");
    let here = json!({ "lat": EAST[0], "lon": EAST[1], "accuracy_m": 12, "at": day.house.time(0) });
    day.ask(Role::Expert, "POST", "/v1/experts/west-1/position", &here).is(204);
    let examples = &day.document["components"]["schemas"];
    let rules = &examples["CatalogueRules"]["examples"][0];
    day.ask(Role::Admin, "PUT", "/v1/catalogue-rules", rules).is(200);
    day.ask(Role::Admin, "PUT", "/v1/calendars", &examples["Calendars"]["examples"][0]).is(200);
    day.ask(Role::Admin, "PATCH", "/v1/experts/east-1", &json!({ "max_visits_ahead": 4, "phone": "617 555 0100" }))
        .is(200);
    day.ask(
        Role::Admin,
        "POST",
        "/v1/experts",
        &json!({ "id": "east-1", "name": "x", "home": { "lat": 1, "lon": 1 } }),
    )
    .is(409);
    day.ask(Role::Admin, "PATCH", "/v1/regions/west", &json!({ "settings": { "max_visits_ahead": 4 } })).is(200);
    day.ask(Role::Dispatcher, "POST", "/v1/regions/west/unpark", &Value::Null).is(204);
    day.ask(Role::Admin, "DELETE", "/v1/experts/east-1", &Value::Null).is(200);
    day.ask(Role::Admin, "POST", "/v1/audits", &json!({ "replay": true })).is(200);
    let whom = json!({ "customer_id": "customer", "dry_run": true });
    day.ask(Role::Admin, "POST", "/v1/customers/erase", &whom).is(200);
    day.ask(Role::Admin, "POST", "/v1/customers/erase", &json!({ "customer_id": "customer" })).is(409);
    day.ask(Role::Admin, "POST", "/v1/customers/export", &json!({ "customer_id": "customer" })).is(200);
    day.ask(Role::Admin, "POST", "/v1/customers/export", &json!({ "customer_id": "nobody" })).is(404);
    day.ask(Role::Admin, "POST", "/v1/customers/export", &json!({})).is(422);
    day.get(Role::Admin, "/v1/access?limit=500");
    day.get(Role::Admin, "/v1/access/proof");
    people(day);
    day.ask(Role::Admin, "PUT", "/v1/skills", &examples["SkillNames"]["examples"][0]).is(200);
    day.ask(Role::Dispatcher, "POST", "/v1/regions/west/optimise", &Value::Null).is(202);
    let folder = tempfile::tempdir().unwrap();
    let dir = json!({ "dir": folder.path().join("backup") });
    day.ask(Role::Admin, "POST", "/v1/backups", &dir).is(201);
    let token = day.house.token(Role::Clerk);
    let file = b"title,channel,lat,lon\nNo picture,web,42.05,-71.15\n,,x,\n";
    let headers = [("authorization", format!("Bearer {token}")), ("content-type", "text/csv".to_owned())];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = day.house.ask("POST", "/v1/imports/tickets", &headers, file).is(200);
    day.hold("POST", "/v1/imports/tickets", &answer);
}

#[test]
fn what_live_connections_say_is_as_the_document_says() {
    let day = Witness::new();
    let (house, address) = (&day.house, day.house.address());
    let fits = |schema: &str, message: &Value| {
        let found = faults(&day.document, &json!({ "$ref": format!("#/components/schemas/{schema}") }), message);
        assert!(found.is_empty(), "{schema}: {found:#?}\n{message:#}");
    };
    let mut feeds = [Kind::WebSocket, Kind::Sse]
        .map(|kind| Line::feed(kind, &address, &house.token(Role::Manager), "", None).unwrap());
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    let mut app = Line::websocket(&address, &expert, "/v1/experts/west-1/channel").unwrap();
    let number = house.open(WEST);
    let mut kinds = BTreeSet::new();
    let offer = loop {
        let message = app.message().unwrap();
        fits("ServerMessage", &message);
        if message["kind"] == "offer" {
            break message;
        }
    };
    for said in [
        json!({ "type": "receipt", "id": offer["id"] }),
        json!({ "type": "command", "id": "c-1", "name": "accept", "ticket": number, "data": {} }),
        json!({ "type": "command", "id": "c-2", "name": "accept", "ticket": number, "data": {} }),
        json!({ "type": "nonsense" }),
    ] {
        app.send(&said).unwrap();
    }
    while !["result", "problem"].iter().all(|kind| kinds.contains(*kind)) {
        let message = app.message().unwrap();
        fits("ServerMessage", &message);
        kinds.insert(message["type"].as_str().unwrap().to_owned());
    }
    for feed in &mut feeds {
        loop {
            let message = feed.message().unwrap();
            fits("FeedMessage", &message);
            if message["kind"] == "ticket.accepted" {
                break;
            }
        }
    }
}

#[test]
fn the_document_is_open_to_all_and_comes_once() {
    let house = House::new();
    let first = house.ask("GET", "/v1/openapi.json", &[], b"").is(200);
    assert_eq!(first.text("/openapi"), "3.1.0");
    assert_eq!(first.header("content-type"), Some("application/json"));
    let tag = first.header("etag").unwrap();
    let again = house.ask("GET", "/v1/openapi.json", &[("if-none-match", tag)], b"").is(304);
    assert_eq!(again.body, Value::Null);
    house.ask("GET", "/v1/openapi.json", &[("if-none-match", "\"other\"")], b"").is(200);
}

#[test]
fn the_page_loads_nothing_from_elsewhere_and_may_run_nothing_else() {
    let house = House::new();
    let ask = |path: &str| house.call("GET", path, &[], b"");
    let text = |path: &str| {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut ask(path), &mut text).unwrap();
        text
    };
    let page = text("/docs");
    assert!(page.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{page}");
    let mut parts = 0;
    for place in page.split(['"', '\'']).filter(|part| part.starts_with('/') || part.contains("://")) {
        assert!(text(place).starts_with("HTTP/1.1 200"), "{place}");
        parts += 1;
    }
    assert!(parts >= 4, "the page names its parts");
    for part in ["/docs/page.css", "/docs/page.js"] {
        let body = text(part);
        assert!(!body.contains("://") && !body.contains("innerHTML"), "{part}");
    }
    house.ask("GET", "/docs/other.js", &[], b"").is(404);
}
