//! The same key gives the same answer, whatever has become of everything else meanwhile.

use crate::{WEST, house::House};
use callout::domain::ticket::Role;
use serde_json::{Value, json};

fn under<'a>(key: &'a str) -> [(&'static str, &'a str); 1] {
    [("idempotency-key", key)]
}

#[test]
fn an_assignment_is_answered_as_it_was_whatever_has_become_of_the_expert() {
    let house = House::staffed();
    let number = house.open(WEST);
    let (admin, dispatcher) = (house.token(Role::Admin), house.token(Role::Dispatcher));
    let path = format!("/v1/tickets/{number}/assign");
    let assign = |key: &str, body: &Value| house.send("POST", &dispatcher, &path, &under(key), body);
    let skills = |level: &Value| {
        let edit = json!({ "skills": level });
        house.send("PATCH", &admin, "/v1/experts/west-1", &[], &edit).is(200);
    };
    let (chosen, forced) = (
        json!({ "expert": "west-1", "reason": "knows the house" }),
        json!({ "expert": "west-1", "reason": "knows the house", "pin": true, "force": true }),
    );
    skills(&json!({ "network": 1 }));
    let refused = assign("k-1", &chosen).is(409);
    assert_eq!(refused.code(), "breaks_rule");
    skills(&json!({ "tv": 2 }));
    let again = assign("k-1", &chosen).is(409);
    assert_eq!((again.code(), again.text("/detail")), ("breaks_rule", refused.text("/detail")));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let first = assign("k-2", &forced).is(200);
    house.send("DELETE", &admin, "/v1/experts/west-1", &[], &json!({})).is(200);
    let again = assign("k-2", &forced).is(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body, "although the expert has left since");
    assert_eq!(assign("k-2", &chosen).is(422).code(), "idempotency_key_reused");
}

#[test]
fn a_route_that_moved_is_planned_anew_and_is_no_reason_to_call_a_ticket_stale() {
    let house = House::staffed();
    let dispatcher = house.token(Role::Dispatcher);
    let open = |_| {
        // Nobody has the skill, so that no auction changes the tickets meanwhile.
        let body = json!({ "title": "Out of tune", "channel": "phone", "skills": ["harp"],
            "place": { "lat": WEST[0], "lon": WEST[1] } });
        let number = house.post(&house.token(Role::Clerk), "/v1/tickets", &body).is(201).text("/number").to_owned();
        let at = format!("/v1/tickets/{number}");
        let waits = house.until_shown(&at, |ticket| ticket.body["next_try_at"].is_string());
        (at, waits.header("etag").unwrap().to_owned())
    };
    let tickets: Vec<_> = (0..6).map(open).collect();
    let body = json!({ "expert": "west-1", "reason": "plays it", "pin": true, "force": true });
    std::thread::scope(|scope| {
        let assign = |(at, seen): &(String, String)| {
            let answer = house.send("POST", &dispatcher, &format!("{at}/assign"), &[("if-match", seen)], &body);
            let version = seen.trim_matches('"');
            let stale = answer.text("/detail").ends_with(&format!("version {version} by now"));
            assert!(!stale, "the ticket is as it was seen: {}", answer.body);
            answer.status
        };
        let calls: Vec<_> = tickets.iter().map(|ticket| scope.spawn(move || assign(ticket))).collect();
        let done = calls.into_iter().map(|call| call.join().unwrap());
        assert!(done.filter(|status| *status == 200).count() > 0);
    });
}
