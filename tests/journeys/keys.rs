//! The same key gives the same answer, whatever has become of everything else meanwhile.

use crate::{WEST, house::House};
use callout::domain::ticket::Role;
use serde_json::{Value, json};
use std::fmt::Write;

fn under(key: &str) -> [(&'static str, &str); 1] {
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

#[test]
fn a_refusal_by_the_state_of_things_is_repeated_also_when_that_would_allow_it_now() {
    let house = House::staffed();
    let (admin, clerk) = (house.token(Role::Admin), house.token(Role::Clerk));
    let again = |token: &str, path: &str, body: &Value, code: &str| {
        let answer = house.send("POST", token, path, &under("k-1"), body).is(409);
        assert_eq!((answer.code(), answer.header("idempotency-replayed")), (code, Some("true")), "{path}");
    };
    // Nobody holds the visit for whom the clerk could speak.
    let body = json!({ "title": "No picture", "channel": "phone" });
    let number = house.post(&clerk, "/v1/tickets", &body).is(201).text("/number").to_owned();
    let depart = format!("/v1/tickets/{number}/depart");
    let refused = house.send("POST", &clerk, &depart, &under("k-1"), &json!({})).is(409);
    assert_eq!((refused.code(), refused.text("/phase")), ("wrong_phase", "new"));
    let cancel = json!({ "reason": "sold it" });
    house.post(&clerk, &format!("/v1/tickets/{number}/cancel"), &cancel).is(200);
    again(&clerk, &depart, &json!({}), "wrong_phase");
    assert_eq!(house.send("POST", &clerk, &depart, &under("k-1"), &json!({})).text("/phase"), "new", "as it was then");
    // A survey before the work is done.
    let number = house.open(WEST);
    let survey = format!("/v1/surveys/{}", house.app().core.tokens.survey_link(number.parse().unwrap()));
    house.send("POST", "none", &survey, &under("k-1"), &json!({ "rating": 5 })).is(409);
    house.until(&number, "assigning");
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    let done = json!({ "resolution": "fixed", "notes": "n" });
    for (name, body) in [("accept", json!({})), ("depart", json!({})), ("arrive", json!({})), ("complete", done)] {
        house.post(&expert, &format!("/v1/tickets/{number}/{name}"), &body).is(200);
    }
    again("none", &survey, &json!({ "rating": 5 }), "wrong_phase");
    // Another profile under this id, and another region.
    let profile = json!({ "id": "west-1", "name": "x", "home": { "lat": WEST[0], "lon": WEST[1] } });
    house.send("POST", &admin, "/v1/experts", &under("k-1"), &profile).is(409);
    again(&admin, "/v1/experts", &profile, "already_exists");
}

#[test]
fn an_import_with_a_long_report_is_repeated_with_its_counts_and_not_run_again() {
    let house = House::staffed();
    let bearer = format!("Bearer {}", house.token(Role::Admin));
    let mut file = "id,name,phone,email,skills,home_lat,home_lon,shift,region\n".to_owned();
    for n in 0..400 {
        writeln!(file, "e-{n},Expert {n},,,tv,42.05,-71.15,whenever,").unwrap();
    }
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k-1")];
    let import = || house.ask("POST", "/v1/imports/experts", &headers, file.as_bytes()).is(200);
    let first = import();
    assert!(first.body.to_string().len() > 16 * 1_024, "longer than what is kept");
    let again = import();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    for counted in ["rows", "accepted", "refused", "written"] {
        assert_eq!(again.body[counted], first.body[counted], "{counted}");
    }
    let (all, kept) = (first.body["problems"].as_array().unwrap(), again.body["problems"].as_array().unwrap());
    let place = |problem: &Value| (problem["line"].clone(), problem["field"].clone(), problem["kind"].clone());
    assert!(!kept.is_empty() && kept.iter().zip(all).all(|(kept, all)| place(kept) == place(all)));
    assert!(kept.iter().all(|problem| problem["detail"] == "not kept"), "what a row said is not journalled");
    assert_eq!(again.body["unlisted"], all.len() - kept.len());
}

#[test]
fn imports_under_one_request_id_at_once_do_not_get_into_each_others_way_and_leave_nothing() {
    let mut house = House::staffed();
    let left = house.app().core.data.join("import-0123456789abcdef.tmp");
    std::fs::write(&left, "cut off").unwrap();
    house.restart();
    assert!(!left.exists(), "what a killed process left is swept away");
    let bearer = format!("Bearer {}", house.token(Role::Admin));
    let file = |name: &str| {
        let mut file = "title,channel\n".to_owned();
        (0..500).for_each(|n| writeln!(file, "{name}-{n},web").unwrap());
        file
    };
    let import = |file: String| {
        let headers = [("authorization", bearer.as_str()), ("x-request-id", "mine-1")];
        house.ask("POST", "/v1/imports/tickets?dry_run=true", &headers, file.as_bytes()).is(200).body
    };
    std::thread::scope(|scope| {
        let calls = ["a", "b"].map(|name| scope.spawn(move || import(file(name))));
        for call in calls {
            let report = call.join().unwrap();
            assert_eq!(report["accepted"], 500, "{report}");
        }
    });
    let files = std::fs::read_dir(&house.app().core.data).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(files.into_iter().all(|name| !name.to_string_lossy().starts_with("import-")));
}
