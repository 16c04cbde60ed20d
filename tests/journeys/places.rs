//! Where tickets are, and where those are who drive to them.

use crate::{WEST, house::House};
use callout::domain::{ticket::Role, time::Timestamp};
use serde_json::json;

#[test]
fn a_ticket_without_a_place_is_given_one_and_goes_to_its_region() {
    let house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let made =
        house.post(&clerk, "/v1/tickets", &json!({ "title": "x", "channel": "phone", "skills": ["tv"] })).is(201);
    assert_eq!(made.text("/region"), "unlocated");
    let number = made.text("/number").to_owned();
    let path = format!("/v1/tickets/{number}/locate");
    let place = json!({ "place": { "lat": WEST[0], "lon": WEST[1] }, "address": { "line1": "Maple Street 12" } });
    house.post(&house.token(Role::Portal), &path, &place).is(403);
    house.post(&house.token_of(Role::Expert, "west-1", Vec::new()), &path, &place).is(403);
    assert_eq!(house.post(&clerk, &path, &json!({})).is(422).text("/errors/0/pointer"), "/place");
    let unknown = house.post(&clerk, &path, &json!({ "address": { "zip": "99999" } })).is(422);
    assert_eq!(unknown.text("/errors/0/pointer"), "/address");
    let key = [("idempotency-key", "there")];
    let located = house.send("POST", &clerk, &path, &key, &place).is(200);
    assert_eq!((located.text("/region"), located.text("/address/line1")), ("west", "Maple Street 12"));
    assert_eq!(located.body["flags"], json!([]));
    let again = house.send("POST", &clerk, &path, &key, &place).is(200);
    assert_eq!((again.header("idempotency-replayed"), &again.body), (Some("true"), &located.body));
    house.send("POST", &clerk, &path, &[("if-match", "\"1\"")], &place).is(412);
    assert_eq!(house.until(&number, "assigning").text("/visit/expert"), "west-1");
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    for name in ["accept", "depart"] {
        house.post(&expert, &format!("/v1/tickets/{number}/{name}"), &json!({})).is(200);
    }
    assert_eq!(house.post(&clerk, &path, &place).is(409).code(), "wrong_phase");
}

#[test]
fn while_the_expert_is_on_the_way_they_are_expected_by_where_they_are() {
    let house = House::staffed();
    let number = house.open(WEST);
    house.until(&number, "assigning");
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    for name in ["accept", "depart"] {
        house.post(&expert, &format!("/v1/tickets/{number}/{name}"), &json!({})).is(200);
    }
    let clerk = house.token(Role::Clerk);
    let shown = || house.get(&clerk, &format!("/v1/tickets/{number}")).is(200);
    let planned = shown();
    assert_eq!(planned.text("/visit/eta"), planned.text("/visit/planned_start"));
    let far = json!({ "lat": 42.09, "lon": -71.11, "at": house.time(0) });
    house.post(&expert, "/v1/experts/west-1/position", &far).is(204);
    let eta = shown().text("/visit/eta").to_owned();
    assert_ne!(eta, planned.text("/visit/planned_start"));
    let from: Timestamp = Timestamp::parse(&eta).unwrap();
    assert!(from > Timestamp::parse(&house.time(0)).unwrap().plus_s(300), "six kilometres: {eta}");
    let tracked = shown().text("/tracking_url").rsplit_once("/v1/track/").map(|(_, token)| token.to_owned()).unwrap();
    let told = house.ask("GET", &format!("/v1/track/{tracked}"), &[], b"").is(200);
    let apart = Timestamp::parse(told.text("/eta")).unwrap().since_s(from);
    assert!((0..60).contains(&apart), "the customer sees the same: {apart} s");
    // Where the position may be seen there is the way from it to the visit: by great circle a straight line.
    let route = house.get(&clerk, "/v1/experts/west-1/route").is(200);
    for course in [&route.body["course"], &told.body["course"]] {
        assert_eq!(course.as_array().unwrap().len(), 2, "{course}");
        assert_eq!((&course[0]["lat"], &course[0]["lon"]), (&far["lat"], &far["lon"]));
        assert_eq!((&course[1]["lat"], &course[1]["lon"]), (&json!(WEST[0]), &json!(WEST[1])));
        assert!(Timestamp::parse(course[1]["at"].as_str().unwrap()).unwrap() <= from, "driving on is no later");
    }
    house.get(&house.token_of(Role::Expert, "east-1", Vec::new()), "/v1/experts/west-1/route").is(404);
    let board = house.get(&clerk, "/v1/regions/west/board").is(200);
    assert_ne!(board.text("/tickets/0/visit/eta"), planned.text("/visit/planned_start"));
    house.post(&expert, &format!("/v1/tickets/{number}/arrive"), &json!({})).is(200);
    assert!(house.get(&clerk, "/v1/experts/west-1/route").is(200).body.get("course").is_none(), "only on the way");
    assert!(house.ask("GET", &format!("/v1/track/{tracked}"), &[], b"").is(200).body.get("course").is_none());
}
