//! Lists and searches as the outside sees them: what a token may not see leaves no trace in a page or a cursor,
//! and whoever names several things gets what fits them all.

use crate::{EAST, WEST, house::House};
use callout::domain::{ids::RegionId, ticket::Role};
use serde_json::{Value, json};

fn region(id: &str) -> RegionId {
    RegionId::parse(id).unwrap()
}

/// A ticket for a contact; without a place it is nowhere.
fn open(house: &House, title: &str, contact: &Value, place: Option<[f64; 2]>) -> String {
    let mut body =
        json!({ "title": title, "channel": "phone", "contact": contact, "external_id": format!("id-{title}") });
    if let Some([lat, lon]) = place {
        body["place"] = json!({ "lat": lat, "lon": lon });
    }
    house.post(&house.token(Role::Clerk), "/v1/tickets", &body).is(201).text("/number").to_owned()
}

/// Page by page: the numbers of each, until there is no cursor.
fn pages(house: &House, token: &str, path: &str, field: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = house.get(token, &format!("{path}{cursor}")).is(200);
        let items = page.body["items"].as_array().unwrap().iter();
        pages.push(items.map(|item| item[field].as_str().unwrap().to_owned()).collect());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[test]
fn pages_and_cursors_of_a_token_for_some_regions_know_nothing_of_the_others() {
    let house = House::staffed();
    let nobody = json!({ "name": "Customer 1" });
    let west = open(&house, "west", &nobody, Some(WEST));
    let nowhere = open(&house, "nowhere", &nobody, None);
    let east = open(&house, "east", &nobody, Some(EAST));
    let both = house.token_of(Role::Dispatcher, "d-1", vec![region("west"), region("east")]);
    assert_eq!(pages(&house, &both, "/v1/tickets?limit=1", "number"), [vec![east.clone()], vec![west.clone()]]);
    let one = house.token_of(Role::Clerk, "c-1", vec![region("west")]);
    assert_eq!(pages(&house, &one, "/v1/tickets?limit=1", "number"), [vec![west.clone()]]);
    for foreign in ["region=east&limit=1", "region=unlocated&limit=1", "external_id=id-nowhere", "region=none"] {
        assert_eq!(pages(&house, &one, &format!("/v1/tickets?{foreign}"), "number"), [vec![""; 0]], "{foreign}");
    }
    let all = house.token(Role::Dispatcher);
    assert_eq!(pages(&house, &all, "/v1/tickets?limit=2", "number"), [vec![east, nowhere], vec![west]]);
}

#[test]
fn an_outbox_shows_a_token_for_some_regions_theirs_alone_page_by_page() {
    let house = House::staffed();
    let [west, east] = [house.open(WEST), house.open(EAST)];
    house.until(&west, "assigning");
    house.until(&east, "assigning");
    let all = house.token(Role::Dispatcher);
    // Each has its offer, and nobody's app is there to take it.
    let queued = pages(&house, &all, "/v1/outbox?status=queued&limit=1", "ticket").concat();
    assert!(queued.contains(&west) && queued.contains(&east), "{queued:?}");
    let one = house.token_of(Role::Dispatcher, "d-1", vec![region("west"), region("unlocated")]);
    let theirs = pages(&house, &one, "/v1/outbox?limit=1", "ticket");
    assert!(theirs.iter().all(|page| *page == [west.clone()]), "{theirs:?}");
    assert_eq!(pages(&house, &one, "/v1/outbox?region=east&limit=1", "ticket"), [vec![""; 0]]);
}

#[test]
fn a_search_fits_all_that_is_named_with_and_without_the_code_of_the_country_and_is_never_empty() {
    let house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let contact = |phone: &str, email: &str| json!({ "name": "Customer 1", "phone": phone, "email": email });
    let first = open(&house, "first", &contact("617 555 0100", "a@example.org"), Some(WEST));
    let second = open(&house, "second", &contact("+1 617 555 0100", "b@example.org"), Some(EAST));
    let third = open(&house, "third", &contact("617 555 0199", "a@example.org"), Some(EAST));
    let found = |query: &str| pages(&house, &clerk, &format!("/v1/tickets?{query}"), "number");
    for phone in ["6175550100", "%2B16175550100", "0016175550100", "1-617-555-0100"] {
        assert_eq!(found(&format!("phone={phone}")), [vec![second.clone(), first.clone()]], "{phone}");
    }
    assert_eq!(found("phone=6175550100&limit=1"), [vec![second.clone()], vec![first.clone()]]);
    assert_eq!(found("phone=6175550100&region=west"), [vec![first.clone()]]);
    assert_eq!(found("phone=6175550100&email=a@example.org"), [vec![first.clone()]], "both, not either");
    assert_eq!(found("email=a@example.org"), [vec![third, first.clone()]]);
    assert_eq!(found("external_id=id-first&phone=6175550199"), [vec![""; 0]]);
    assert_eq!(found("external_id=id-first&phone=6175550100"), [vec![first.clone()]]);
    assert_eq!(found(&format!("phone=6175550100&opened_after={}", house.time(60))), [vec![""; 0]]);
    let cancel = json!({ "reason": "sold it" });
    house.post(&clerk, &format!("/v1/tickets/{first}/cancel"), &cancel).is(200);
    assert_eq!(found("phone=6175550100&phase=cancelled"), [vec![first]]);
    for empty in ["phone=", "email=", "external_id=", "phone"] {
        assert_eq!(house.get(&clerk, &format!("/v1/tickets?{empty}")).is(422).code(), "invalid", "{empty}");
    }
    house.get(&house.token(Role::Dispatcher), "/v1/tickets?phone=6175550100").is(403);
}

#[test]
fn whoever_lists_somebody_elses_tickets_gets_an_empty_list() {
    let house = House::staffed();
    let customer = house.token_of(Role::Customer, "customer-1", Vec::new());
    let own = house.post(&customer, "/v1/tickets", &json!({ "title": "x", "channel": "web" })).is(201);
    let own = own.text("/number").to_owned();
    let list = |token: &str, query: &str| pages(&house, token, &format!("/v1/tickets?{query}"), "number").concat();
    assert_eq!(list(&customer, "customer=customer-1"), std::slice::from_ref(&own));
    assert_eq!(list(&customer, "limit=10"), [own]);
    assert_eq!(list(&customer, "customer=customer-2"), [""; 0]);
    let number = house.open(WEST);
    house.until(&number, "assigning");
    let expert = house.token_of(Role::Expert, "west-1", Vec::new());
    assert_eq!(list(&expert, "expert=west-1"), [number]);
    assert_eq!(list(&expert, "expert=east-1"), [""; 0]);
}

#[test]
fn short_lists_come_whole_or_part_by_part_and_refuse_what_they_do_not_know() {
    let house = House::staffed();
    let (admin, number) = (house.token(Role::Admin), house.open(WEST));
    house.until(&number, "assigning");
    for n in 1..=3 {
        let absence = json!({ "kind": "leave", "from": house.time(n * 86_400), "to": house.time(n * 86_400 + 3_600) });
        house.post(&admin, "/v1/experts/east-1/absences", &absence).is(201);
    }
    let rules = ["a", "b", "c"].map(|product| json!({ "product": product, "skills": ["tv"] }));
    house.send("PUT", &admin, "/v1/catalogue-rules", &[], &json!({ "items": rules })).is(200);
    for path in [
        "/v1/experts/east-1/absences".to_owned(),
        "/v1/catalogue-rules".to_owned(),
        "/v1/calendars".to_owned(),
        "/v1/skills".to_owned(),
        format!("/v1/tickets/{number}/timeline"),
        format!("/v1/tickets/{number}/decisions"),
    ] {
        let whole = house.get(&admin, &path).is(200);
        assert_eq!(whole.body.get("next_cursor"), Some(&Value::Null), "{path}");
        let whole = whole.body["items"].as_array().unwrap().clone();
        let (mut parts, mut cursor) = (Vec::new(), String::new());
        loop {
            let part = house.get(&admin, &format!("{path}?limit=2{cursor}")).is(200);
            let items = part.body["items"].as_array().unwrap();
            assert!(items.len() <= 2, "{path}");
            parts.extend(items.clone());
            let Some(next) = part.body["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(parts.starts_with(&whole), "{path}: {parts:?} for {whole:?}");
        assert_eq!(house.get(&admin, &format!("{path}?limt=2")).is(422).text("/errors/0/pointer"), "?limt", "{path}");
    }
}

#[test]
fn an_absence_is_taken_back_by_its_path_or_by_its_id() {
    let house = House::staffed();
    let clerk = house.token(Role::Clerk);
    let path = "/v1/experts/east-1/absences";
    let add = |n: i64| {
        let absence = json!({ "kind": "sick", "from": house.time(n * 86_400), "to": house.time(n * 86_400 + 60) });
        house.post(&clerk, path, &absence).is(201).body["id"].to_string()
    };
    let (first, second) = (add(1), add(2));
    let remove = |path: &str| house.send("DELETE", &clerk, path, &[], &json!({}));
    remove(&format!("{path}?id={first}")).is(204);
    let left = house.get(&clerk, path).is(200);
    assert_eq!(
        (left.body["items"].as_array().unwrap().len(), left.body["items"][0]["id"].to_string()),
        (1, second.clone())
    );
    for unclear in [path.to_owned(), format!("{path}?id="), format!("{path}?id=x"), format!("{path}?no={second}")] {
        remove(&unclear).is(422);
    }
    remove(&format!("{path}?id={first}")).is(404);
    remove(&format!("{path}/{second}")).is(204);
}
