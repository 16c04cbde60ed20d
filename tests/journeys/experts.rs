//! What experts may reach, and how they leave and come back.

use crate::{WEST, house::House};
use callout::domain::ticket::Role;
use serde_json::{Value, json};

#[test]
fn an_expert_commands_only_what_they_were_offered_once_and_learns_of_nothing_else() {
    let house = House::staffed();
    let number = house.open(WEST);
    house.until(&number, "assigning");
    let act = |expert: &str, name: &str, body: Value| {
        let token = house.token_of(Role::Expert, expert, Vec::new());
        house.post(&token, &format!("/v1/tickets/{number}/{name}"), &body)
    };
    let done = |notes: &str| json!({ "resolution": "fixed", "notes": notes, "at": house.time(0), "id": notes });
    assert_eq!(act("east-1", "complete", done("let me in")).is(404).code(), "not_found");
    let order = json!({ "expert": "east-1", "reason": "knows the house", "pin": true, "force": true });
    house.post(&house.token(Role::Dispatcher), &format!("/v1/tickets/{number}/assign"), &order).is(200);
    // Taken from them without a trace in the state: the journal knows.
    assert_eq!(act("west-1", "complete", done("swapped the board")).is(409).code(), "not_yours");
    let timeline = house.get(&house.token(Role::Clerk), &format!("/v1/tickets/{number}/timeline")).is(200);
    let told = timeline.body.to_string();
    assert!(told.contains("swapped the board") && !told.contains("let me in"), "{told}");
}

#[test]
fn who_retired_is_taken_back_by_their_status_and_by_nothing_else() {
    let house = House::staffed();
    let admin = house.token(Role::Admin);
    let bearer = format!("Bearer {admin}");
    house.ask("DELETE", "/v1/experts/west-1", &[("authorization", &bearer)], b"");
    let edit = |body: Value| house.send("PATCH", &admin, "/v1/experts/west-1", &[], &body);
    assert_eq!(edit(json!({ "phone": "617 555 0101" })).is(200).text("/status"), "retired");
    let file = "id,name,phone,email,skills,home_lat,home_lon,shift,region\n\
        west-1,Expert west,,,tv:3,42.05,-71.15,mon-fri 08:00-16:00,\n";
    house.ask("POST", "/v1/imports/experts", &[("authorization", &bearer)], file.as_bytes()).is(200);
    let shown = house.get(&admin, "/v1/experts/west-1").is(200);
    assert_eq!((shown.text("/status"), &shown.body["skills"]["tv"]), ("retired", &json!(3)));
    edit(json!({ "status": "asleep" })).is(422);
    assert_eq!(edit(json!({ "status": "active" })).is(200).text("/status"), "active");
}
