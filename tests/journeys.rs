//! Journeys: the whole house in one process, asked over real HTTP. Each test has a store of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a journey that cannot go on has failed")]

mod common;

#[path = "journeys/channel.rs"]
mod channel;
#[path = "journeys/customers.rs"]
mod customers;
#[path = "journeys/document.rs"]
mod document;
#[path = "journeys/edge.rs"]
mod edge;
#[path = "journeys/experts.rs"]
mod experts;
#[path = "journeys/feed.rs"]
mod feed;
#[path = "journeys/house.rs"]
mod house;
#[path = "journeys/insight.rs"]
mod insight;
#[path = "journeys/keys.rs"]
mod keys;
#[path = "journeys/lists.rs"]
mod lists;
#[path = "journeys/matrix.rs"]
mod matrix;
#[path = "journeys/messages.rs"]
mod messages;
#[path = "journeys/people.rs"]
mod people;
#[path = "journeys/places.rs"]
mod places;
#[path = "common/schema.rs"]
mod schema;

use common::live;

use callout::{
    app::real_now,
    domain::{ids::RegionId, ticket::Role},
};
use house::{House, answer};
use serde_json::{Value, json};
use std::net::Shutdown;

const WEST: [f64; 2] = [42.03, -71.13];
const EAST: [f64; 2] = [42.03, -70.97];

#[test]
fn a_ticket_is_accepted_numbered_and_found_again() {
    let house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let body = json!({ "title": "No picture", "channel": "phone", "skills": ["TV"], "priority": "high",
        "contact": { "name": "Customer 1", "phone": "617 555 0100" }, "place": { "lat": WEST[0], "lon": WEST[1] },
        "description": "card 4111 1111 1111 1111", "external_id": "x-1" });
    let made = house.post(&clerk, "/v1/tickets", &body).is(201);
    let number = made.text("/number").to_owned();
    assert_eq!(made.text("/region"), "west");
    assert_eq!(made.header("location"), Some(format!("/v1/tickets/{number}").as_str()));
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert!(made.header("x-request-id").is_some());
    assert!(!made.body.to_string().contains("4111 1111"), "no card number is kept");
    let shown = house.get(&clerk, &format!("/v1/tickets/{number}")).is(200);
    assert_eq!(shown.text("/contact/phone"), "6175550100");
    for found in ["phone=617-555-0100", "external_id=x-1"] {
        let list = house.get(&clerk, &format!("/v1/tickets?{found}")).is(200);
        assert_eq!(list.text("/items/0/number"), number, "{found}");
    }
    let again = house.post(&clerk, "/v1/tickets", &body).is(200);
    assert_eq!(again.text("/number"), number, "an external id is an idempotency key");
}

#[test]
fn a_caller_who_closes_their_side_is_answered_and_one_who_goes_away_is_served() {
    let house = House::staffed();
    let bearer = format!("Bearer {}", house.token(Role::Clerk));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let send = |title: &str| {
        let body = json!({ "title": title, "channel": "web", "external_id": title }).to_string();
        let stream = house.call("POST", "/v1/tickets", &headers, body.as_bytes());
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    };
    for nth in 0..20 {
        answer(send(&format!("closed-{nth}"))).is(201);
    }
    drop(send("gone"));
    house.until_shown("/v1/tickets?external_id=gone", |list| list.body["items"] != json!([]));
}

#[test]
fn bad_input_is_refused_with_every_problem_at_once_and_nothing_is_stored() {
    let house = House::new();
    let clerk = house.token(Role::Clerk);
    let bearer = format!("Bearer {clerk}");
    let json = ("content-type", "application/json");
    let ask = |headers: &[(&str, &str)], body: &[u8]| {
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        house.ask("POST", "/v1/tickets", &all, body)
    };
    let body = json!({ "titel": "x", "channel": "fax", "place": { "lat": 91, "lon": 4 } });
    let refused = house.post(&clerk, "/v1/tickets", &body).is(422);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let pointers: Vec<_> =
        refused.body["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/title", "/channel", "/place/lat", "/titel"]);
    assert_eq!(refused.text("/request_id"), refused.header("x-request-id").unwrap());
    for broken in [&b"{"[..], b"{\"title\":\"a\",\"title\":\"b\"}", b"\"\xff\"", b""] {
        assert_eq!(ask(&[json], broken).is(400).code(), "malformed_json");
    }
    ask(&[("content-type", "text/plain")], b"{}").is(415);
    ask(&[json], &vec![b' '; 300 * 1024]).is(413);
    ask(&[json, ("idempotency-key", "")], b"{}").is(400);
    let listed = house.get(&clerk, "/v1/tickets").is(200);
    assert_eq!(listed.body["items"], json!([]));
}

#[test]
fn the_same_key_gives_the_same_answer_also_after_changes_and_a_restart() {
    let mut house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let key = [("idempotency-key", "k-1")];
    let body = json!({ "title": "No picture", "channel": "phone", "place": { "lat": WEST[0], "lon": WEST[1] } });
    let first = house.send("POST", &clerk, "/v1/tickets", &key, &body).is(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let path = format!("/v1/tickets/{}", first.text("/number"));
    house.post(&clerk, &format!("{path}/notes"), &json!({ "text": "called back" })).is(200);
    let mut moved = body.clone();
    moved["place"] = json!({ "lat": EAST[0], "lon": EAST[1] });
    for restart in [false, true] {
        if restart {
            house.restart();
        }
        let again = house.send("POST", &clerk, "/v1/tickets", &key, &body).is(201);
        assert_eq!(again.body, first.body, "as it was answered then");
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.header("etag"), first.header("etag"));
        let other = house.send("POST", &clerk, "/v1/tickets", &key, &moved).is(422);
        assert_eq!(other.code(), "idempotency_key_reused", "also when it would be another region's");
    }
    let somebody = house.token_of(Role::Clerk, "clerk-2", Vec::new());
    let theirs = house.send("POST", &somebody, "/v1/tickets", &key, &body).is(201);
    assert_ne!(theirs.text("/number"), first.text("/number"), "a key is its caller's own");
}

#[test]
fn a_key_used_by_many_at_once_makes_one_ticket() {
    let house = House::new();
    let clerk = house.token(Role::Clerk);
    let body = json!({ "title": "No picture", "channel": "phone" });
    let numbers: Vec<String> = std::thread::scope(|scope| {
        let post = || house.send("POST", &clerk, "/v1/tickets", &[("idempotency-key", "k")], &body);
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(post)).collect();
        calls.into_iter().map(|call| call.join().unwrap().is(201).text("/number").to_owned()).collect()
    });
    assert!(numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
    assert_eq!(house.get(&clerk, "/v1/tickets").body["items"].as_array().unwrap().len(), 1);
}

#[test]
fn every_post_answers_a_repeat_under_its_key_with_what_it_answered_then() {
    let house = House::staffed();
    let number = house.open(WEST);
    let bearers = [Role::Admin, Role::Dispatcher, Role::Clerk].map(|role| house.token(role));
    let [admin, dispatcher, clerk] = &bearers;
    let own = house.token_of(Role::Expert, "west-1", Vec::new());
    let fix = json!({ "lat": 42.05, "lon": -71.1, "at": house.time(0) });
    let absence = json!({ "kind": "leave", "from": house.time(86_400), "to": house.time(90_000) });
    let survey = format!("/v1/surveys/{}", house.app().core.tokens.survey_link(number.parse().unwrap()));
    let calls = [
        (dispatcher, "/v1/regions/west/optimise".to_owned(), json!({}), 202),
        (dispatcher, "/v1/regions/west/unpark".to_owned(), json!({}), 204),
        (admin, "/v1/experts/west-1/absences".to_owned(), absence, 201),
        (&own, "/v1/experts/west-1/position".to_owned(), fix, 204),
        (clerk, format!("/v1/tickets/{number}/notes"), json!({ "text": "call back" }), 200),
        (admin, "/v1/audits".to_owned(), json!({}), 200),
        (admin, "/v1/imports/places?dry_run=true".to_owned(), json!("not a table"), 0),
        (clerk, survey, json!({ "rating": 5 }), 409),
    ];
    for (token, path, body, status) in calls {
        let key = [("idempotency-key", "again")];
        let first = house.send("POST", token, &path, &key, &body);
        assert!(status == 0 || first.status == status, "{path}: {}", first.body);
        let again = house.send("POST", token, &path, &key, &body);
        assert_eq!((again.status, &again.body["code"]), (first.status, &first.body["code"]), "{path}");
        if first.status < 300 {
            assert_eq!(again.header("idempotency-replayed"), Some("true"), "{path}");
            assert_eq!(again.body, first.body, "{path}");
            let other = house.send("POST", token, &path, &key, &json!({ "another": "body" })).is(422);
            assert!(other.code() == "idempotency_key_reused" || other.code() == "invalid", "{path}");
        }
    }
}

#[test]
fn skills_have_names_for_people_and_an_edit_of_an_older_list_is_412() {
    let house = House::staffed();
    let admin = house.token(Role::Admin);
    let before = house.get(&admin, "/v1/skills").is(200);
    let tag = before.header("etag").unwrap().to_owned();
    let named = json!({ "items": [{ "skill": "TV", "name": "Televisions" }, { "skill": "audio", "name": "Audio" }] });
    let shown = house.send("PUT", &admin, "/v1/skills", &[("if-match", &tag)], &named).is(200);
    let names: Vec<_> = shown.body["items"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Audio", "Televisions"]);
    assert_eq!(shown.body["items"][1]["experts"], 2, "those who have it are counted");
    house.send("PUT", &admin, "/v1/skills", &[("if-match", &tag)], &named).is(412);
    house.send("PUT", &house.token(Role::Clerk), "/v1/skills", &[], &named).is(403);
}

#[test]
fn a_refusal_under_a_key_is_repeated_as_it_was() {
    let house = House::new();
    let clerk = house.token(Role::Clerk);
    let made = house.post(&clerk, "/v1/tickets", &json!({ "title": "x", "channel": "web" })).is(201);
    let path = format!("/v1/tickets/{}/release", made.text("/number"));
    let key = [("idempotency-key", "k")];
    let first = house.send("POST", &clerk, &path, &key, &json!({})).is(409);
    assert_eq!((first.code(), first.text("/phase")), ("wrong_phase", "new"));
    let hold = format!("/v1/tickets/{}/hold", made.text("/number"));
    house.post(&clerk, &hold, &json!({ "reason": "parts" })).is(200);
    let again = house.send("POST", &clerk, &path, &key, &json!({})).is(409);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    for part in ["/code", "/detail", "/phase"] {
        assert_eq!(again.text(part), first.text(part), "{part}");
    }
}

#[test]
fn roles_open_only_their_own_doors() {
    let house = House::staffed();
    let number = house.open(WEST);
    let closed = [
        ("POST", "/v1/tickets".to_owned(), Role::Expert),
        ("GET", format!("/v1/tickets/{number}/decisions"), Role::Customer),
        ("POST", format!("/v1/tickets/{number}/assign"), Role::Clerk),
        ("POST", format!("/v1/tickets/{number}/accept"), Role::Customer),
        ("POST", format!("/v1/tickets/{number}/notes"), Role::Portal),
        ("POST", format!("/v1/tickets/{number}/resume"), Role::Clerk),
        ("POST", "/v1/experts".to_owned(), Role::Dispatcher),
        ("PATCH", "/v1/experts/west-1".to_owned(), Role::Clerk),
        ("GET", "/v1/experts".to_owned(), Role::Expert),
        ("POST", "/v1/regions".to_owned(), Role::Manager),
        ("GET", "/v1/regions/west/board".to_owned(), Role::Portal),
        ("PUT", "/v1/catalogue-rules".to_owned(), Role::Dispatcher),
        ("POST", "/v1/imports/experts".to_owned(), Role::Clerk),
    ];
    for (method, path, role) in &closed {
        house.ask(method, path, &[("content-type", "application/json")], b"{}").is(401);
        let refused = house.send(method, &house.token(*role), path, &[], &json!({})).is(403);
        assert_eq!(refused.code(), "forbidden", "{method} {path} as {}", role.name());
    }
    house.get("callout_x.y", "/v1/tickets").is(401);
}

#[test]
fn what_a_caller_may_not_know_does_not_exist_for_them() {
    let house = House::staffed();
    let one = house.token_of(Role::Customer, "customer-1", Vec::new());
    let two = house.token_of(Role::Customer, "customer-2", Vec::new());
    let body = json!({ "title": "No picture", "channel": "web", "external_id": "e-1",
        "place": { "lat": WEST[0], "lon": WEST[1] } });
    let made = house.post(&one, "/v1/tickets", &body).is(201);
    assert_eq!(made.text("/customer_id"), "customer-1");
    let path = format!("/v1/tickets/{}", made.text("/number"));
    house.get(&one, &path).is(200);
    house.get(&two, &path).is(404);
    house.get(&two, &format!("{path}/timeline")).is(404);
    house.post(&two, &format!("{path}/cancel"), &json!({ "reason": "x" })).is(404);
    assert_eq!(house.get(&two, "/v1/tickets").is(200).body["items"], json!([]));
    assert_eq!(house.post(&one, "/v1/tickets", &body).is(200).text("/number"), made.text("/number"));
    assert_eq!(house.post(&two, "/v1/tickets", &body).is(409).code(), "external_id_taken");
    let portal = house.token(Role::Portal);
    let mut theirs = body.clone();
    theirs["customer_id"] = json!("customer-1");
    assert_eq!(house.post(&portal, "/v1/tickets", &theirs).is(200).text("/number"), made.text("/number"));
    // An order of somebody else, or of nobody known, is not answered with this customer's ticket: it would be lost.
    for other in [json!("customer-2"), json!(null)] {
        theirs["customer_id"] = other;
        assert_eq!(house.post(&portal, "/v1/tickets", &theirs).is(409).code(), "external_id_taken");
    }
    let mut theirs = body;
    theirs["customer_id"] = json!("customer-1");
    house.post(&two, "/v1/tickets", &theirs).is(403);
    let east = house.token_of(Role::Dispatcher, "d", vec![RegionId::parse("east").unwrap()]);
    house.get(&east, &path).is(404);
    let stranger = house.token_of(Role::Expert, "east-1", Vec::new());
    house.get(&stranger, &path).is(404);
    let timeline = house.get(&one, &format!("{path}/timeline")).is(200);
    assert!(!timeline.body.to_string().contains("west-1"), "the safe view names no expert: {}", timeline.body);
}

#[test]
fn a_ticket_is_offered_accepted_served_and_closed_by_its_survey() {
    let house = House::staffed();
    let number = house.open(WEST);
    let offered = house.until(&number, "assigning");
    assert_eq!(offered.text("/visit/expert"), "west-1");
    assert!(offered.body["visit"]["offer_expires_at"].is_string());
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    let act = |name: &str, body: Value| house.post(&expert, &format!("/v1/tickets/{number}/{name}"), &body);
    assert_eq!(act("complete", json!({ "resolution": "fixed", "notes": "n" })).is(409).code(), "wrong_phase");
    let other = house.token_of(Role::Expert, "east-1", Vec::new());
    house.post(&other, &format!("/v1/tickets/{number}/accept"), &json!({})).is(404);
    assert_eq!(act("accept", json!({})).is(200).text("/phase"), "assigned");
    assert_eq!(act("depart", json!({})).is(200).text("/step"), "en_route");
    assert_eq!(act("arrive", json!({})).is(200).text("/step"), "on_site");
    act("complete", json!({ "resolution": "fixed", "notes": "new cable", "parts": ["cable"] })).is(200);
    let link = house.app().core.tokens.survey_link(number.parse().unwrap());
    let json = [("content-type", "application/json")];
    house.ask("POST", "/v1/surveys/forged", &json, b"{\"rating\":5}").is(404);
    house.ask("POST", &format!("/v1/surveys/{link}"), &json, b"{\"rating\":6}").is(422);
    house.ask("POST", &format!("/v1/surveys/{link}"), &json, b"{\"rating\":5}").is(200);
    house.until(&number, "closed");
    let clerk = house.token(Role::Clerk);
    let timeline = house.get(&clerk, &format!("/v1/tickets/{number}/timeline")).is(200);
    let kinds: Vec<&str> =
        timeline.body["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    let milestones =
        ["opened", "decided", "offered", "accepted", "departed", "arrived", "completed", "surveyed", "closed"];
    let mut story = kinds.iter();
    for milestone in milestones {
        let kind = format!("ticket.{milestone}");
        assert!(story.any(|seen| *seen == kind), "{kind} is missing or out of order in {kinds:?}");
    }
    let decisions = house.get(&clerk, &format!("/v1/tickets/{number}/decisions")).is(200);
    assert_eq!(decisions.text("/items/0/winner"), "west-1");
    assert_eq!(decisions.text("/items/0/travel_source"), "great_circle");
    assert!(decisions.body["items"][0]["weights"]["travel"].is_number());
    assert!(decisions.body["items"][0]["candidates"][0]["cost_terms_s"]["travel"].is_number());
}

#[test]
fn what_was_done_offline_on_a_cancelled_ticket_is_refused_and_its_notes_are_kept() {
    let house = House::staffed();
    let number = house.open(WEST);
    house.until(&number, "assigning");
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    let act = |name: &str, body: Value| house.post(&expert, &format!("/v1/tickets/{number}/{name}"), &body);
    act("accept", json!({})).is(200);
    let clerk = house.token(Role::Clerk);
    house.post(&clerk, &format!("/v1/tickets/{number}/cancel"), &json!({ "reason": "moved away" })).is(200);
    let done = json!({ "resolution": "fixed", "notes": "swapped the board", "at": real_now().to_string() });
    assert_eq!(act("complete", done).is(409).code(), "wrong_phase");
    let timeline = house.get(&clerk, &format!("/v1/tickets/{number}/timeline")).is(200);
    assert!(timeline.body.to_string().contains("swapped the board"), "{}", timeline.body);
}

#[test]
fn two_dispatchers_at_once_assign_one_expert() {
    let house = House::staffed();
    let number = house.open([42.03, -70.9]);
    let dispatchers = ["d-1", "d-2"].map(|id| house.token_of(Role::Dispatcher, id, Vec::new()));
    let path = format!("/v1/tickets/{number}/assign");
    let body = json!({ "expert": "east-1", "reason": "knows the house", "pin": true, "force": true });
    std::thread::scope(|scope| {
        let calls = dispatchers.each_ref().map(|token| scope.spawn(|| house.post(token, &path, &body)));
        for call in calls {
            let answer = call.join().unwrap();
            assert!([200, 409].contains(&answer.status), "{}", answer.body);
        }
    });
    let ticket = house.until(&number, "assigned");
    assert_eq!(ticket.text("/visit/expert"), "east-1");
    let route = house.get(&dispatchers[0], "/v1/experts/east-1/route").is(200);
    let stops = route.body["stops"].as_array().unwrap().iter().filter(|stop| stop["ticket"] == json!(number));
    assert_eq!(stops.count(), 1, "{}", route.body);
}

#[test]
fn an_edit_of_what_changed_meanwhile_is_412() {
    let house = House::staffed();
    let admin = house.token(Role::Admin);
    let seen = house.get(&admin, "/v1/experts/west-1").is(200);
    let tag = [("if-match", seen.header("etag").unwrap())];
    let edit = |phone: &str| house.send("PATCH", &admin, "/v1/experts/west-1", &tag, &json!({ "phone": phone }));
    assert_eq!(edit("617 555 0101").is(200).text("/phone"), "6175550101");
    assert_eq!(edit("617 555 0102").is(412).code(), "stale");
    assert_eq!(house.get(&admin, "/v1/experts/west-1").text("/phone"), "6175550101");
    let clerk = house.token(Role::Clerk);
    let made = house.post(&clerk, "/v1/tickets", &json!({ "title": "x", "channel": "web" })).is(201);
    let path = format!("/v1/tickets/{}/cancel", made.text("/number"));
    house.post(&clerk, &format!("/v1/tickets/{}/notes", made.text("/number")), &json!({ "text": "n" })).is(200);
    house.send("POST", &clerk, &path, &[("if-match", "\"1\"")], &json!({ "reason": "r" })).is(412);
}

#[test]
fn an_import_is_reported_line_by_line_and_makes_nothing_twice() {
    let house = House::staffed();
    let admin = house.token(Role::Admin);
    let file = "id,name,phone,email,skills,home_lat,home_lon,shift,region\n\
        e-1,Expert 1,,,tv:2;network:1,42.05,-71.15,mon-fri 08:00-16:00,\n\
        e-2,Expert 2,,,tv,42.05,-71.15,whenever,\n\
        e-3,Expert 3,,,tv,42.05,-71.15,mon-fri 08:00-16:00,nowhere\n";
    let import = || {
        let bearer = format!("Bearer {admin}");
        house.ask("POST", "/v1/imports/experts", &[("authorization", &bearer)], file.as_bytes()).is(200).body
    };
    let first = import();
    assert_eq!((&first["rows"], &first["accepted"], &first["written"]), (&json!(3), &json!(1), &json!(1)), "{first}");
    let again = import();
    assert_eq!((&again["written"], &again["already_there"]), (&json!(0), &json!(1)), "{again}");
    assert_eq!(house.get(&admin, "/v1/experts/e-1").is(200).text("/region"), "west");
    house.get(&admin, "/v1/experts/e-2").is(404);
}

#[test]
fn a_trace_is_carried_into_the_journal() {
    let house = House::new();
    let clerk = house.token(Role::Clerk);
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{id}-00f067aa0ba902b7-01");
    let extra = [("traceparent", parent.as_str()), ("x-request-id", "mine-1")];
    let made = house.send("POST", &clerk, "/v1/tickets", &extra, &json!({ "title": "x", "channel": "web" })).is(201);
    assert_eq!(made.header("x-request-id"), Some("mine-1"));
    let timeline = house.get(&clerk, &format!("/v1/tickets/{}/timeline", made.text("/number"))).is(200);
    assert_eq!((timeline.text("/items/0/trace_id"), timeline.text("/items/0/request_id")), (id, "mine-1"));
}

#[test]
fn the_board_shows_open_tickets_experts_and_the_position_it_is_true_at() {
    let house = House::staffed();
    let number = house.open(WEST);
    house.until(&number, "assigning");
    let board = house.get(&house.token(Role::Dispatcher), "/v1/regions/west/board").is(200);
    assert_eq!(board.text("/tickets/0/number"), number);
    assert_eq!(board.text("/experts/0/route/stops/0/ticket"), number);
    // A console draws the board and goes on from there.
    let staff = house.token(Role::Dispatcher);
    let position = board.text("/position");
    let mut line = live::Line::feed(live::Kind::WebSocket, &house.address(), &staff, "", Some(position)).unwrap();
    assert_eq!(line.message().unwrap(), json!({ "type": "resumed", "after": position }));
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    let accepted = house.post(&expert, &format!("/v1/tickets/{number}/accept"), &json!({})).is(200);
    assert!(accepted.body.get("tracking_url").is_none(), "no business of the expert's");
    let board = house.get(&staff, "/v1/regions/west/board").is(200);
    let shown = house.get(&staff, &format!("/v1/tickets/{number}")).is(200);
    assert_eq!(board.text("/tickets/0/tracking_url"), shown.text("/tracking_url"));
    assert!(shown.text("/tracking_url").contains("/v1/track/"));
    house.ask("GET", "/readyz", &[], b"").is(200);
    house.ask("GET", "/healthz", &[], b"").is(200);
    house.ask("GET", "/metrics", &[], b"").is(200);
    house.ask("GET", "/nothing", &[], b"").is(404);
}
