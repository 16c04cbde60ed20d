//! What can be found out afterwards: causes and traces, objectives, incidents, the archive of some hours.

use crate::house::House;
use callout::{
    domain::{
        ids::{RegionId, Thing},
        ticket::Role,
    },
    settings::PolicyName,
    telemetry::{Incident, incidents::Kind},
};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// Looks at a figure that is renewed every second; a look takes a millisecond.
const LOOKS: usize = 60_000;

fn ticket(title: &str) -> Value {
    json!({ "title": title, "channel": "phone", "skills": ["tv"], "place": { "lat": 42.037_413, "lon": -71.131_729 } })
}

#[test]
fn what_follows_from_a_call_names_its_trace_and_the_event_it_follows_from() {
    // Decides about each ticket at once, whether anybody is free or not.
    let house = House::staffed_with(|settings| settings.dispatch.policy = PolicyName::Insertion);
    let clerk = house.token(Role::Clerk);
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let traced = house.send("POST", &clerk, "/v1/tickets", &[("traceparent", &traceparent)], &ticket("a")).is(201);
    let untraced = house.post(&clerk, "/v1/tickets", &ticket("b")).is(201);
    for (made, given) in [(traced, Some(TRACE)), (untraced, None)] {
        let number = made.text("/number").to_owned();
        // One expert may not hold both: a failed search is a chain too.
        house.until_shown(&format!("/v1/tickets/{number}/timeline"), |told| {
            told.body["items"].as_array().unwrap().iter().any(|entry| entry["kind"] == "ticket.decided")
        });
        let history = house.app().core.service.store().history(&Thing::Ticket(number.parse().unwrap())).unwrap();
        let trace = history[0].envelope.trace_id.clone().unwrap();
        assert!(trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit()), "{trace}");
        assert_eq!(given.unwrap_or(&trace), trace);
        let mut followed = 0;
        for recorded in history.iter().filter(|recorded| recorded.envelope.who.role == Role::System) {
            followed += 1;
            let cause = recorded.envelope.cause.unwrap_or_else(|| panic!("{} has no cause", recorded.fact.kind()));
            assert!(cause < recorded.seq && cause >= history[0].seq, "{cause} {}", recorded.seq);
            assert_eq!(recorded.envelope.trace_id.as_ref(), Some(&trace), "{}", recorded.fact.kind());
        }
        assert!(followed > 0);
        let path = format!("/v1/tickets/{number}/timeline");
        let told = house.get(&clerk, &path).is(200);
        let decided = told.body["items"].as_array().unwrap().iter().find(|entry| entry["kind"] == "ticket.decided");
        assert!(decided.unwrap()["cause"].as_u64() >= told.body["items"][0]["seq"].as_u64(), "{}", told.body);
        let owners = house.get(&house.token(Role::Portal), &path).is(200);
        assert!(!owners.body.to_string().contains("\"cause\""), "staff only: {}", owners.body);
    }
}

/// The archive of the last day, unpacked: names and texts.
fn archive(house: &House, admin: &str, query: &str) -> Vec<(String, String)> {
    let admin = format!("Bearer {admin}");
    let mut stream = house.call("GET", &format!("/v1/incidents/archive{query}"), &[("authorization", &admin)], b"");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&bytes[..head]));
    let body = unchunked(&bytes[head + 4..]);
    let mut tar = tar::Archive::new(GzDecoder::new(&body[..]));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        let entry: &mut tar::Entry<'_, GzDecoder<&[u8]>> = &mut entry;
        entry.read_to_string(&mut text).unwrap();
        (entry.path().unwrap().display().to_string(), text)
    };
    tar.entries().unwrap().map(read).collect()
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

#[test]
fn an_archive_tells_what_happened_and_nobody_is_recognised_in_it() {
    let house = House::staffed();
    let portal = house.token_of(Role::Portal, "front.desk.wilma", Vec::new());
    let mut body = ticket("Zebrafinken singen nicht");
    body["contact"] = json!({ "name": "Ottokar Quendel", "phone": "+1 617 555 0142", "email": "otto@quendel.example" });
    body["address"] = json!({ "line1": "17 Mondgasse", "city": "Boston", "state": "MA", "zip": "02108" });
    body["description"] = "ask for Ottokar, ring 617-555-0142".into();
    let number = house.post(&portal, "/v1/tickets", &body).is(201).text("/number").to_owned();
    house.until(&number, "assigning");
    let note = json!({ "text": "Ottokar Quendel called from +1 617 555 0199" });
    house.post(&house.token(Role::Clerk), &format!("/v1/tickets/{number}/notes"), &note).is(200);
    for query in [String::new(), format!("?ticket={number}"), "?region=west".to_owned()] {
        let files = archive(&house, &house.token(Role::Admin), &query);
        let text = |name: &str| {
            let found: String =
                files.iter().filter(|(path, _)| path.starts_with(name)).map(|(_, text)| text.as_str()).collect();
            assert!(!found.is_empty(), "{name} is missing or empty ({query})");
            found
        };
        for (what, in_it) in [
            ("README.txt", "events/"),
            ("about.json", env!("CARGO_PKG_VERSION")),
            ("readiness.json", "\"ready\": true"),
            ("metrics.txt", "callout_tickets_opened_total 1"),
            ("settings.toml", "[storage]"),
            ("objectives.json", "30d"),
            ("incidents.jsonl", "\"start\""),
            ("events/", number.as_str()),
            ("events/", "ticket.note_added"),
            ("decisions/", "west-1"),
        ] {
            assert!(text(what).contains(in_it), "{what} does not hold {in_it} ({query})");
        }
        for (path, text) in &files {
            for personal in [
                "Ottokar",
                "Quendel",
                "quendel",
                "555 01",
                "555-01",
                "55501",
                "Mondgasse",
                "Zebrafinken",
                "42.0374",
                "71.1317",
                "Expert west",
                "wilma",
            ] {
                assert!(!text.contains(personal), "{personal} is in {path} ({query})");
            }
        }
    }
}

#[test]
fn under_a_token_for_some_regions_incidents_and_archives_know_nothing_of_the_others() {
    let house = House::staffed();
    let [west, east] = [house.open([42.03, -71.13]), house.open([42.03, -70.97])];
    for (number, expert) in [(&west, "west-1"), (&east, "east-1")] {
        house.until(number, "assigning");
        let incidents = &house.app().core.service.store().telemetry().incidents;
        // As the supervisors note them: without a region.
        incidents.note(Incident::new(Kind::Restart).ticket(number).cause("test"));
        incidents.note(Incident::new(Kind::Restart).expert(expert).cause("test"));
    }
    let token = |role| house.token_of(role, "bound", vec![RegionId::parse("west").unwrap()]);
    let told = house.get(&token(Role::Manager), "/v1/incidents").is(200).body.to_string();
    let of_west = |text: &str| text.contains(&west) && text.contains("west-1");
    assert!(of_west(&told) && !told.contains(&east) && !told.contains("east-1"), "{told}");
    house.get(&token(Role::Manager), &format!("/v1/incidents?ticket={west}")).is(200);
    house.get(&token(Role::Manager), &format!("/v1/incidents?ticket={east}")).is(404);
    house.get(&token(Role::Admin), &format!("/v1/incidents/archive?ticket={east}")).is(404);
    house.get(&token(Role::Admin), "/v1/incidents/archive?region=east").is(404);
    let files = archive(&house, &token(Role::Admin), "");
    assert!(of_west(&files.iter().map(|(_, text)| text.as_str()).collect::<String>()));
    for (path, text) in files.iter().filter(|(path, _)| path != "metrics.txt") {
        assert!(!text.contains(&east) && !text.contains("east"), "{path} knows of the other region: {text}");
    }
    assert!(files.iter().all(|(path, _)| !path.starts_with("logs/")), "its lines cannot be told apart by region");
    let whole = archive(&house, &house.token(Role::Admin), "");
    assert!(whole.iter().any(|(path, text)| path.starts_with("events/") && text.contains(&east)));
}

#[test]
fn objectives_join_what_was_acknowledged_with_the_journal() {
    let mut house = House::staffed();
    let manager = house.token(Role::Manager);
    for _ in 0..5 {
        house.open([42.03, -71.13]);
    }
    let today = |house: &House| {
        let wanted = |report: &Value| report["periods"][0]["checked"].as_u64() >= Some(5);
        let mut looks = (0..LOOKS).map(|_| house.get(&manager, "/v1/objectives").is(200).body);
        looks.find(wanted).unwrap_or_else(|| panic!("never joined"))["periods"][0].clone()
    };
    let before = today(&house);
    assert_eq!((&before["acknowledged"], &before["lost"]), (&json!(5), &json!(0)), "{before}");
    assert!(before["intake_availability"].as_f64().unwrap() > 0.9, "{before}");
    house.restart();
    let after = today(&house);
    assert_eq!((&after["checked"], &after["starts"]), (&json!(5), &json!(2)), "nothing is joined twice: {after}");
    let incidents = house.get(&manager, "/v1/incidents").is(200).body;
    let kinds: Vec<&str> = incidents["items"].as_array().unwrap().iter().filter_map(|i| i["kind"].as_str()).collect();
    assert_eq!(kinds, ["start", "stop", "start"], "an orderly stop is no downtime");
}

#[test]
fn a_timeline_shows_staff_the_stops_that_touched_a_ticket_and_owners_none() {
    let mut house = House::staffed();
    let number = house.open([42.03, -71.13]);
    house.until(&number, "assigning");
    house.restart();
    let told = house.get(&house.token(Role::Clerk), &format!("/v1/tickets/{number}/timeline")).is(200);
    let kinds: Vec<&str> =
        told.body["incidents"].as_array().unwrap().iter().filter_map(|i| i["kind"].as_str()).collect();
    assert_eq!(kinds, ["stop", "start"]);
    let told = house.get(&house.token(Role::Portal), &format!("/v1/tickets/{number}/timeline")).is(200);
    assert!(told.body.get("incidents").is_none());
}

/// Takes every request whole and answers 200; gives the bodies on.
fn collector() -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
            let whole = |bytes: &[u8]| {
                let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
                let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                let length: usize =
                    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
                (bytes.len() >= end + length).then(|| bytes[end..].to_vec())
            };
            let body = loop {
                let n = stream.read(&mut piece).unwrap();
                bytes.extend_from_slice(&piece[..n]);
                match whole(&bytes) {
                    Some(body) => break body,
                    None => assert!(n > 0, "cut off"),
                }
            };
            // Given on before it is answered: whoever was answered finds it here.
            if sender.send(body).is_err() {
                return;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (endpoint, received)
}

#[test]
fn a_collector_is_told_of_the_call_its_command_its_commit_and_the_auction_that_followed() {
    let house = House::staffed();
    let (endpoint, received) = collector();
    let spans = house.app().core.service.store().telemetry().spans.clone();
    spans.open(&endpoint).unwrap();
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let clerk = house.token(Role::Clerk);
    let made = house.send("POST", &clerk, "/v1/tickets", &[("traceparent", &traceparent)], &ticket("a")).is(201);
    house.until(made.text("/number"), "assigning");
    house.until_shown(&format!("/v1/tickets/{}/timeline", made.text("/number")), |told| {
        told.body["items"].as_array().unwrap().iter().any(|entry| entry["kind"] == "delivery.failed")
    });
    spans.close();
    let bodies: Vec<u8> = received.try_iter().flatten().collect();
    let holds = |wanted: &[u8]| bodies.windows(wanted.len()).any(|part| part == wanted);
    for wanted in ["request", "/v1/tickets", "command", "open", "commit", "auction", made.text("/number")] {
        assert!(holds(wanted.as_bytes()), "{wanted}");
    }
    assert!(holds(&u128::from_str_radix(TRACE, 16).unwrap().to_be_bytes()), "under the caller's trace id");
    assert!(!holds(b"No picture") && !holds(b"42.03"), "nothing personal");
}
