//! A customer's data for them, or gone; and who looked at whose.

use crate::{EAST, WEST, house::House};
use callout::domain::{ids::RegionId, ticket::Role};
use serde_json::{Value, json};

fn open(house: &House, customer: Option<&str>, phone: &str, place: [f64; 2]) -> String {
    let clerk = house.token(Role::Clerk);
    let mut body = json!({ "title": "No picture", "channel": "phone", "contact": { "name": "Somebody", "phone": phone },
        "place": { "lat": place[0], "lon": place[1] } });
    if let Some(customer) = customer {
        body["customer_id"] = customer.into();
    }
    house.post(&clerk, "/v1/tickets", &body).is(201).text("/number").to_owned()
}

#[test]
fn a_customer_is_their_own_tickets_and_nobody_elses() {
    let house = House::staffed();
    let admin = house.token(Role::Admin);
    let theirs = open(&house, Some("c-1"), "+1 617 555 0100", WEST);
    let unnamed = open(&house, None, "617-555-0100", WEST);
    let others = open(&house, Some("c-2"), "6175550100", WEST);
    let erase = |body: Value| house.post(&admin, "/v1/customers/erase", &body);
    for whom in [json!({ "customer_id": "c-1" }), json!({ "ticket": theirs })] {
        let mut asked = whom.clone();
        asked["dry_run"] = true.into();
        let would = erase(asked).is(200);
        assert_eq!(would.body["tickets"], json!([theirs, unnamed]), "{whom}");
        assert_eq!(would.body["shared"], json!([others]), "{whom}");
    }
    let several = erase(json!({ "phone": "617 555 0100" })).is(409);
    assert_eq!(several.code(), "several_customers");
    assert_eq!(erase(json!({ "customer_id": "c-1" })).is(409).code(), "work_open");
    assert_eq!(erase(json!({ "customer_id": "c-3", "cancel_open": true })).is(404).code(), "not_found");
    assert_eq!(erase(json!({ "phone": "" })).is(422).code(), "invalid");
    let shown = house.get(&admin, &format!("/v1/tickets/{theirs}")).is(200);
    assert_eq!(shown.text("/contact/name"), "Somebody", "a refusal changes nothing");

    let done = erase(json!({ "customer_id": "c-1", "cancel_open": true })).is(200);
    assert_eq!(done.body["open"], json!([theirs, unnamed]), "they were cancelled: {}", done.body);
    for number in [&theirs, &unnamed] {
        let gone = house.get(&admin, &format!("/v1/tickets/{number}")).is(200);
        assert!(gone.text("/phase") == "cancelled" && !gone.body.to_string().contains("Somebody"), "{}", gone.body);
    }
    assert_eq!(house.get(&admin, &format!("/v1/tickets/{others}")).is(200).text("/contact/name"), "Somebody");
    let export = house.post(&admin, "/v1/customers/export", &json!({ "customer_id": "c-1" })).is(200);
    assert_eq!(export.body["tickets"][0]["erased"], true, "what is left can be looked at");
}

#[test]
fn a_number_is_theirs_in_whatever_form_it_was_typed() {
    let house = House::staffed();
    let admin = house.token(Role::Admin);
    let forms = ["617 555 0100", "+1 617 555 0100", "001 617 555 0100", "1-617-555-0100", "0617 555 0100"];
    let mut numbers: Vec<_> = forms.iter().map(|form| open(&house, None, form, WEST)).collect();
    numbers.sort();
    for form in forms {
        let would = house.post(&admin, "/v1/customers/erase", &json!({ "phone": form, "dry_run": true })).is(200);
        assert_eq!(would.body["tickets"], json!(numbers), "{form}");
    }
    let done = house.post(&admin, "/v1/customers/erase", &json!({ "ticket": numbers[0], "cancel_open": true })).is(200);
    assert_eq!(done.body["tickets"], json!(numbers));
}

#[test]
fn who_is_erased_is_out_their_account_and_every_token_of_theirs() {
    let house = House::staffed();
    let admin = house.token(Role::Admin);
    let add = |name: &str, subject: &str| {
        let body = json!({ "name": name, "role": "customer", "subject": subject, "password": "correct horse battery" });
        house.post(&admin, "/v1/users", &body)
    };
    let login = |name: &str| {
        let body = json!({ "name": name, "password": "correct horse battery" }).to_string();
        house.ask("POST", "/v1/login", &[("content-type", "application/json")], body.as_bytes())
    };
    let address = add("somebody@example.org", "c-1").is(422);
    assert_eq!(address.code(), "invalid", "a name outlives its person: it is no address");
    add("one", "c-1").is(201);
    add("two", "c-2").is(201);
    add("three", "c-3").is(201);
    let number = open(&house, Some("c-1"), "617-555-0100", WEST);
    let path = format!("/v1/tickets/{number}");
    let logged_in = login("one").is(200).text("/token").to_owned();
    let given = house.token_of(Role::Customer, "c-1", Vec::new());
    let other = login("two").is(200).text("/token").to_owned();
    for token in [&logged_in, &given] {
        house.get(token, &path).is(200);
    }
    let whom = json!({ "customer_id": "c-1" });
    let export = house.post(&admin, "/v1/customers/export", &whom).is(200);
    assert_eq!((export.text("/accounts/0/name"), export.text("/accounts/0/state")), ("one", "active"));
    assert!(!export.body.to_string().contains("argon2"), "{}", export.body);
    house.post(&admin, "/v1/customers/erase", &whom).is(409);
    house.get(&logged_in, &path).is(200);
    let mut asked = json!({ "customer_id": "c-1", "cancel_open": true, "dry_run": true });
    assert_eq!(house.post(&admin, "/v1/customers/erase", &asked).is(200).body["accounts"], 1);
    house.get(&logged_in, &path).is(200);
    asked["dry_run"] = false.into();
    assert_eq!(house.post(&admin, "/v1/customers/erase", &asked).is(200).body["accounts"], 1);
    for token in [&logged_in, &given] {
        house.get(token, &path).is(401);
    }
    login("one").is(401);
    house.get(&other, "/v1/tickets").is(200);
    let export = house.post(&admin, "/v1/customers/export", &whom).is(200);
    assert_eq!(export.text("/accounts/0/state"), "disabled");
    // Somebody who never asked for anything is somebody too; but in no region.
    let bound = house.token_of(Role::Admin, "half", vec![RegionId::parse("west").unwrap()]);
    let whom = json!({ "customer_id": "c-3" });
    house.post(&bound, "/v1/customers/erase", &whom).is(404);
    let done = house.post(&admin, "/v1/customers/erase", &whom).is(200);
    assert_eq!((&done.body["tickets"], &done.body["accounts"]), (&json!([]), &json!(1)));
    login("three").is(401);
}

#[test]
fn a_repeat_under_the_same_key_is_answered_as_before_though_nobody_is_found_by_that_number_any_more() {
    let house = House::staffed();
    let admin = house.token(Role::Admin);
    open(&house, None, "617-555-0100", WEST);
    let whom = json!({ "phone": "+1 617 555 0100", "cancel_open": true });
    let send = || house.send("POST", &admin, "/v1/customers/erase", &[("idempotency-key", "k")], &whom);
    let first = send().is(200);
    house.post(&admin, "/v1/customers/erase", &whom).is(404);
    let again = send().is(200);
    assert_eq!((again.header("idempotency-replayed"), &again.body), (Some("true"), &first.body));
}

#[test]
fn only_an_administrator_of_all_regions_gives_out_or_erases_and_a_repeat_is_answered_as_before() {
    let house = House::staffed();
    let number = open(&house, Some("c-1"), "617-555-0100", WEST);
    open(&house, Some("c-1"), "617-555-0100", EAST);
    let whom = json!({ "ticket": number, "cancel_open": true });
    for role in [Role::Customer, Role::Portal, Role::Clerk, Role::Dispatcher, Role::Manager, Role::Expert] {
        for call in ["export", "erase"] {
            house.post(&house.token(role), &format!("/v1/customers/{call}"), &whom).is(403);
        }
        house.get(&house.token(role), "/v1/access").is(403);
        house.get(&house.token(role), "/v1/access/proof").is(403);
    }
    let bound = house.token_of(Role::Admin, "half", vec![RegionId::parse("west").unwrap()]);
    house.post(&bound, "/v1/customers/erase", &whom).is(403);
    house.get(&bound, "/v1/access").is(403);
    let admin = house.token(Role::Admin);
    let send = |body: &Value| house.send("POST", &admin, "/v1/customers/erase", &[("idempotency-key", "k")], body);
    let first = send(&whom).is(200);
    let again = send(&whom).is(200);
    assert_eq!((again.header("idempotency-replayed"), &again.body), (Some("true"), &first.body));
    assert_eq!(send(&json!({ "ticket": number })).is(422).code(), "idempotency_key_reused");
}

#[test]
fn who_looked_at_a_ticket_is_found_page_by_page_and_the_record_proves_itself() {
    let mut house = House::staffed();
    let number = open(&house, Some("c-1"), "617-555-0100", WEST);
    let path = format!("/v1/tickets/{number}");
    let ann = house.token_of(Role::Clerk, "ann", Vec::new());
    for _ in 0..3 {
        house.get(&ann, &path).is(200);
    }
    house.get(&ann, "/v1/tickets?phone=617-555-0100").is(200);
    house.get(&house.token_of(Role::Customer, "c-2", Vec::new()), &path).is(404);
    let admin = house.token(Role::Admin);
    let list = |query: &str| house.get(&admin, &format!("/v1/access?{query}")).is(200).body;
    let routes = |page: &Value| -> Vec<(String, u64)> {
        let lines = page["items"].as_array().unwrap().iter();
        lines.map(|line| (line["route"].as_str().unwrap().to_owned(), line["status"].as_u64().unwrap())).collect()
    };
    let (one, all) = ("/v1/tickets/{number}".to_owned(), "/v1/tickets".to_owned());
    let seen = list(&format!("ticket={number}"));
    let wanted = [(one.clone(), 404), (all.clone(), 200), (one.clone(), 200), (one.clone(), 200), (one.clone(), 200)];
    assert_eq!(routes(&seen), wanted, "{seen:#}");
    assert_eq!((&seen["items"][0]["role"], &seen["items"][0]["subject"]), (&json!("customer"), &json!("c-2")));
    let page = list("who=ann&limit=3");
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let rest = list(&format!("who=ann&limit=3&cursor={}", page["next_cursor"].as_str().unwrap()));
    assert_eq!((routes(&rest), &rest["next_cursor"]), (vec![(one, 200)], &Value::Null));
    assert_eq!(list("who=ann&to=2020-01-01T00:00:00Z")["items"], json!([]));
    house.get(&admin, "/v1/access?cursor=x&who=ann&whom=ann").is(422);
    house.restart();
    let proof = house.get(&admin, "/v1/access/proof").is(200);
    assert_eq!((&proof.body["ok"], &proof.body["missed"]), (&json!(true), &json!(0)), "{}", proof.body);
}
