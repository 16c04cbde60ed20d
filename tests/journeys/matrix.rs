//! Who may what: every call as each role and without a token, over real HTTP, held against a grid written by hand
//! (a row of the table that changes silently fails here); then which rows of data a role is shown.

use crate::{EAST, WEST, house::House};
use callout::domain::{ids::RegionId, ticket::Role};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Columns: customer, clerk, expert, dispatcher, manager, admin, portal, and `-` without a token. A letter: let in;
/// a dot: 403, or 401 without a token.
const GRID: &str = "
    CKEDMAP- GET    /healthz
    CKEDMAP- GET    /readyz
    CKEDMAP- GET    /metrics
    CKEDMAP- GET    /docs
    CKEDMAP- GET    /docs/{file}
    CKEDMAP- GET    /v1/openapi.json
    CK....P. POST   /v1/tickets
    CKEDMAP. GET    /v1/tickets
    CKEDMAP. GET    /v1/tickets/{number}
    CK.DMAP. GET    /v1/tickets/{number}/timeline
    .K.DMA.. GET    /v1/tickets/{number}/decisions
    .K.DMA.. GET    /v1/tickets/{number}/candidates/{expert}
    .K.DMA.. GET    /v1/tickets/{number}/remedies
    CK.DMAP. POST   /v1/tickets/{number}/cancel
    CK.DMAP. POST   /v1/tickets/{number}/reopen
    CK.DMAP. POST   /v1/tickets/{number}/reschedule
    CK.DMAP. POST   /v1/tickets/{number}/hold
    CK.DMAP. POST   /v1/tickets/{number}/release
    ...D.... POST   /v1/tickets/{number}/assign
    ...D.... POST   /v1/tickets/{number}/unassign
    .KE..... POST   /v1/tickets/{number}/accept
    .KE..... POST   /v1/tickets/{number}/decline
    .KE..... POST   /v1/tickets/{number}/depart
    .KE..... POST   /v1/tickets/{number}/arrive
    .KE..... POST   /v1/tickets/{number}/complete
    .KE..... POST   /v1/tickets/{number}/cannot_fix
    .KE..... POST   /v1/tickets/{number}/no_access
    .K.DMA.. POST   /v1/tickets/{number}/notes
    .K.D.... POST   /v1/tickets/{number}/locate
    ...D.... POST   /v1/tickets/{number}/resume
    CKEDMAP- GET    /v1/surveys/{token}
    CKEDMAP- POST   /v1/surveys/{token}
    CKEDMAP- GET    /v1/track/{token}
    ...D.A.. GET    /v1/outbox
    ...D.A.. GET    /v1/outbox/{id}
    ...D.A.. POST   /v1/outbox/{id}/resend
    CKEDMAP- POST   /v1/notify/status
    CKEDMAP- POST   /v1/notify/inbound
    .K.DMA.. GET    /v1/experts
    .....A.. POST   /v1/experts
    .KEDMA.. GET    /v1/experts/{id}
    .....A.. PATCH  /v1/experts/{id}
    .....A.. DELETE /v1/experts/{id}
    .KEDMA.. GET    /v1/experts/{id}/route
    .KEDMA.. GET    /v1/experts/{id}/absences
    .KED.A.. POST   /v1/experts/{id}/absences
    .KED.A.. DELETE /v1/experts/{id}/absences
    .KED.A.. DELETE /v1/experts/{id}/absences/{absence}
    ..E..... GET    /v1/experts/{id}/channel
    ..E..... POST   /v1/experts/{id}/position
    .KEDMA.. GET    /v1/regions
    .....A.. POST   /v1/regions
    .KEDMA.. GET    /v1/regions/{id}
    .....A.. PATCH  /v1/regions/{id}
    ...D.... POST   /v1/regions/{id}/unpark
    ...D.... POST   /v1/regions/{id}/optimise
    .K.DMA.. GET    /v1/regions/{id}/board
    ...DMA.. GET    /v1/regions/{id}/forecast
    .K.DMA.. GET    /v1/feed
    .K.DMA.. GET    /v1/feed/sse
    .KEDMA.. GET    /v1/skills
    .....A.. PUT    /v1/skills
    .K.DMA.. GET    /v1/catalogue-rules
    .....A.. PUT    /v1/catalogue-rules
    .K.DMA.. GET    /v1/calendars
    .....A.. PUT    /v1/calendars
    .K...A.. POST   /v1/imports/{kind}
    .K.DMA.. GET    /v1/objectives
    .K.DMA.. GET    /v1/incidents
    .....A.. GET    /v1/incidents/archive
    CKEDMAP- POST   /v1/login
    CKEDMAP. POST   /v1/logout
    CKEDMAP. GET    /v1/me
    CKEDMAP. POST   /v1/me/password
    .....A.. GET    /v1/users
    .....A.. POST   /v1/users
    .....A.. GET    /v1/users/{name}
    .....A.. PATCH  /v1/users/{name}
    .....A.. DELETE /v1/users/{name}
    .....A.. GET    /v1/tokens
    .....A.. POST   /v1/tokens
    .....A.. DELETE /v1/tokens/{id}
    .....A.. GET    /v1/access
    .....A.. GET    /v1/access/proof
    .....A.. POST   /v1/customers/export
    .....A.. POST   /v1/customers/erase
    .....A.. POST   /v1/audits
    .....A.. POST   /v1/backups
";

const COLUMNS: [(char, Option<Role>); 8] = [
    ('C', Some(Role::Customer)),
    ('K', Some(Role::Clerk)),
    ('E', Some(Role::Expert)),
    ('D', Some(Role::Dispatcher)),
    ('M', Some(Role::Manager)),
    ('A', Some(Role::Admin)),
    ('P', Some(Role::Portal)),
    ('-', None),
];

/// Lines of the grid: cells, method, path.
fn grid() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    GRID.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let mut words = line.split_whitespace();
        (words.next().unwrap(), words.next().unwrap(), words.next().unwrap())
    })
}

/// A path of things that are not there: what is let in changes nothing and waits for nothing.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    let filled = parts.collect::<Vec<_>>().join("/");
    match path {
        // An event stream would not end, an archive is no JSON.
        "/v1/feed/sse" => format!("{filled}?regions=nowhere"),
        "/v1/incidents/archive" => format!("{filled}?from=whenever"),
        _ => filled,
    }
}

#[test]
fn every_call_lets_in_the_roles_of_the_grid_and_nobody_else() {
    let house = House::new();
    let (mut cells, mut wrong) = (0, Vec::new());
    for (row, method, path) in grid() {
        for ((letter, role), cell) in COLUMNS.iter().zip(row.chars()) {
            assert!(cell == *letter || cell == '.', "{path}: {row}");
            // A token for each cell: one of them is a logout.
            let token = role.map(|role| format!("Bearer {}", house.token(role)));
            let mut headers = vec![("content-type", "application/json")];
            headers.extend(token.as_deref().map(|token| ("authorization", token)));
            let answer = house.ask(method, &filled(path), &headers, b"{}");
            let fits = match (cell, role) {
                ('.', None) => (answer.status, answer.code()) == (401, "unauthorized"),
                ('.', Some(_)) => (answer.status, answer.code()) == (403, "forbidden"),
                // The gateway's calls prove themselves by a signature: theirs is another 403.
                _ => answer.status != 401 && answer.code() != "forbidden",
            };
            if !fits {
                wrong.push(format!("{method} {path} as {letter}: {} {}", answer.status, answer.code()));
            }
            cells += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{cells} cells: {} calls by 7 roles and without a token", cells / COLUMNS.len());
}

#[test]
fn the_grid_has_every_call_there_is() {
    let house = House::new();
    let document = house.ask("GET", "/v1/openapi.json", &[], b"").is(200).body;
    let known: BTreeSet<_> = grid().map(|(_, method, path)| format!("{method} {path}")).collect();
    let mut said = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        said.extend(item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    assert_eq!(known, said);
    assert_eq!(known.len(), grid().count(), "none is there twice");
}

fn bound(house: &House, role: Role, subject: &str, region: &str) -> String {
    house.token_of(role, subject, vec![RegionId::parse(region).unwrap()])
}

fn numbers(list: &Value, field: &str) -> BTreeSet<String> {
    list["items"].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn staff_who_are_bound_to_a_region_see_it_and_nothing_of_another() {
    let house = House::staffed();
    let (west, east) = (house.open(WEST), house.open(EAST));
    house.until(&west, "assigning");
    house.until(&east, "assigning");
    for role in [Role::Clerk, Role::Dispatcher, Role::Manager, Role::Admin] {
        let token = bound(&house, role, "desk", "west");
        let see = |path: &str| house.get(&token, path).status;
        for (own, others) in [
            (format!("/v1/tickets/{west}"), format!("/v1/tickets/{east}")),
            (format!("/v1/tickets/{west}/timeline"), format!("/v1/tickets/{east}/timeline")),
            (format!("/v1/tickets/{west}/decisions"), format!("/v1/tickets/{east}/decisions")),
            (format!("/v1/tickets/{west}/candidates/west-1"), format!("/v1/tickets/{east}/candidates/east-1")),
            (format!("/v1/tickets/{west}/candidates/west-1"), format!("/v1/tickets/{west}/candidates/east-1")),
            (
                format!("/v1/tickets/{west}/remedies?by=2099-01-01T00:00:00Z"),
                format!("/v1/tickets/{east}/remedies?by=2099-01-01T00:00:00Z"),
            ),
            ("/v1/experts/west-1".into(), "/v1/experts/east-1".into()),
            ("/v1/experts/west-1/route".into(), "/v1/experts/east-1/route".into()),
            ("/v1/experts/west-1/absences".into(), "/v1/experts/east-1/absences".into()),
            ("/v1/regions/west".into(), "/v1/regions/east".into()),
            ("/v1/regions/west/board".into(), "/v1/regions/east/board".into()),
        ] {
            assert_eq!((see(&own), see(&others)), (200, 404), "{} {others}", role.name());
        }
        for (path, field, own) in
            [("/v1/tickets", "number", west.as_str()), ("/v1/experts", "id", "west-1"), ("/v1/regions", "id", "west")]
        {
            let list = house.get(&token, path).is(200).body;
            assert_eq!(numbers(&list, field), BTreeSet::from([own.to_owned()]), "{} {path}", role.name());
        }
    }
    let dispatcher = bound(&house, Role::Dispatcher, "desk", "west");
    for (name, body) in [("assign", json!({ "expert": "east-1", "reason": "r" })), ("unassign", json!({}))] {
        house.post(&dispatcher, &format!("/v1/tickets/{east}/{name}"), &body).is(404);
    }
    for call in ["unpark", "optimise"] {
        house.post(&dispatcher, &format!("/v1/regions/east/{call}"), &json!({})).is(404);
    }
    let admin = bound(&house, Role::Admin, "desk", "west");
    house.send("PATCH", &admin, "/v1/experts/east-1", &[], &json!({ "name": "x" })).is(404);
    house.send("DELETE", &admin, "/v1/experts/east-1", &[], &json!({})).is(404);
    house.send("PATCH", &admin, "/v1/regions/east", &[], &json!({ "name": "x" })).is(404);
}

#[test]
fn an_administrator_of_a_region_decides_over_nothing_that_is_everybodys_or_anothers() {
    let house = House::staffed();
    let (west, whole) = (bound(&house, Role::Admin, "desk", "west"), house.token(Role::Admin));
    let ring = json!([[[-71.0, 42.0], [-70.9, 42.0], [-70.9, 42.1], [-71.0, 42.1], [-71.0, 42.0]]]);
    let region = json!({ "id": "inner", "name": "Inner", "time_zone": "UTC", "geometry": { "type": "Polygon", "coordinates": ring } });
    let expert = |id: &str, at: [f64; 2]| json!({ "id": id, "name": "Expert", "home": { "lat": at[0], "lon": at[1] } });
    let folder = tempfile::tempdir().unwrap();
    for (method, path, body) in [
        ("POST", "/v1/regions", region),
        ("POST", "/v1/experts", expert("e-1", EAST)),
        ("PATCH", "/v1/experts/west-1", json!({ "region": "east" })),
        ("PUT", "/v1/catalogue-rules", json!({ "items": [] })),
        ("PUT", "/v1/skills", json!({ "items": [] })),
        ("PUT", "/v1/calendars", json!({ "items": [] })),
        ("POST", "/v1/audits", json!({})),
        ("POST", "/v1/backups", json!({ "dir": folder.path().join("copy") })),
        ("POST", "/v1/imports/regions", json!({})),
        ("POST", "/v1/imports/experts", json!({})),
        ("POST", "/v1/imports/places", json!({})),
    ] {
        let refused = house.send(method, &west, path, &[], &body);
        assert_eq!((refused.status, refused.text("/code")), (403, "forbidden"), "{method} {path}: {}", refused.body);
        let let_in = house.send(method, &whole, path, &[], &body).status;
        assert_ne!(let_in, 403, "{method} {path}");
    }
    house.post(&west, "/v1/experts", &expert("w-9", WEST)).is(201);
    house.send("PATCH", &west, "/v1/experts/w-9", &[], &json!({ "name": "Expert 9" })).is(200);
}

#[test]
fn a_dispatcher_of_a_region_sends_its_experts_only_and_a_portal_sees_its_regions() {
    let house = House::staffed();
    let (west, east) = (house.open(WEST), house.open(EAST));
    house.until(&west, "assigning");
    let dispatcher = bound(&house, Role::Dispatcher, "desk", "west");
    let assign = |expert: &str| {
        house.post(
            &dispatcher,
            &format!("/v1/tickets/{west}/assign"),
            &json!({ "expert": expert, "reason": "r", "force": true }),
        )
    };
    let (hidden, none) = (assign("east-1"), assign("nobody"));
    assert_eq!((hidden.status, hidden.text("/code")), (none.status, none.text("/code")), "{}", hidden.body);
    assign("west-1").is(200);
    let portal = bound(&house, Role::Portal, "portal", "west");
    house.get(&portal, &format!("/v1/tickets/{west}")).is(200);
    house.get(&portal, &format!("/v1/tickets/{east}")).is(404);
    house.post(&portal, &format!("/v1/tickets/{east}/cancel"), &json!({ "reason": "r" })).is(404);
}

#[test]
fn customers_see_their_own_tickets_and_experts_themselves() {
    let house = House::staffed();
    let one = house.token_of(Role::Customer, "c-1", Vec::new());
    let two = house.token_of(Role::Customer, "c-2", Vec::new());
    let body = json!({ "title": "No picture", "channel": "web", "skills": ["tv"], "place": { "lat": WEST[0], "lon": WEST[1] } });
    let number = house.post(&one, "/v1/tickets", &body).is(201).text("/number").to_owned();
    house.until(&number, "assigning");
    let ticket = format!("/v1/tickets/{number}");
    assert_eq!(numbers(&house.get(&one, "/v1/tickets").is(200).body, "number"), BTreeSet::from([number.clone()]));
    assert_eq!(house.get(&two, "/v1/tickets").is(200).body["items"], json!([]));
    assert_eq!(house.get(&two, "/v1/tickets?customer=c-1").body["items"], json!([]), "nor by asking for them");
    house.get(&two, &ticket).is(404);
    for name in ["cancel", "hold", "reopen"] {
        house.post(&two, &format!("{ticket}/{name}"), &json!({ "reason": "r" })).is(404);
    }
    let west = house.token_of(Role::Expert, "west-1", Vec::new());
    let east = house.token_of(Role::Expert, "east-1", Vec::new());
    house.get(&west, &ticket).is(200);
    house.get(&east, &ticket).is(404);
    for own in ["", "/route", "/absences"] {
        house.get(&west, &format!("/v1/experts/west-1{own}")).is(200);
        house.get(&east, &format!("/v1/experts/west-1{own}")).is(404);
    }
    let fix = json!({ "lat": 42.05, "lon": -71.1, "at": house.time(0) });
    house.post(&east, "/v1/experts/west-1/position", &fix).is(404);
    house.get(&east, "/v1/experts/west-1/channel").is(404);
}
