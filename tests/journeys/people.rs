//! People with passwords: logging in and out, accounts, tokens, and those who try it without a right to.

use crate::{
    house::{Answer, House},
    live::{Heard, Kind, Line},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use callout::{
    app::real_now,
    domain::{ids::RegionId, ticket::Role},
    tokens::{Grant, Tokens},
};
use serde_json::{Value, json};
use std::path::Path;

const WORD: &str = "correct horse battery";
const OTHER: &str = "another horse battery";

/// A house with an administrator's token.
struct Desk {
    house: House,
    admin: String,
}

impl Desk {
    fn new() -> Self {
        Self::of(House::new())
    }

    fn of(house: House) -> Self {
        let admin = house.token(Role::Admin);
        Self { house, admin }
    }

    #[track_caller]
    fn add(&self, name: &str, role: &str, more: &Value) -> Answer {
        let mut body = json!({ "name": name, "role": role, "password": WORD });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.house.post(&self.admin, "/v1/users", &body).is(201)
    }

    fn try_login(&self, name: &str, password: &str) -> Answer {
        let body = json!({ "name": name, "password": password }).to_string();
        self.house.ask("POST", "/v1/login", &[("content-type", "application/json")], body.as_bytes())
    }

    #[track_caller]
    fn login(&self, name: &str, password: &str) -> String {
        self.try_login(name, password).is(200).text("/token").to_owned()
    }

    fn edit(&self, name: &str, body: &Value) -> Answer {
        self.house.send("PATCH", &self.admin, &format!("/v1/users/{name}"), &[], body)
    }

    fn hashes(&self) -> u64 {
        self.house.app().core.accounts.hashes()
    }
}

#[test]
fn who_was_added_logs_in_works_with_their_role_and_logs_out_for_good() {
    let desk = Desk::new();
    let made = desk.add("Desk-1", "clerk", &json!({ "subject": "desk-4" }));
    assert_eq!((made.text("/name"), made.text("/state"), made.header("etag")), ("desk-1", "active", Some("\"1\"")));
    assert_eq!(made.header("location"), Some("/v1/users/desk-1"));
    let login = desk.try_login("desk-1", WORD).is(200);
    assert_eq!((login.text("/role"), login.text("/subject")), ("clerk", "desk-4"));
    assert_eq!(login.header("cache-control"), Some("no-store"));
    let (token, second) = (login.text("/token").to_owned(), desk.login("DESK-1", WORD));
    let me = desk.house.get(&token, "/v1/me").is(200);
    assert_eq!(
        (me.text("/account"), me.text("/role"), me.text("/expires_at")),
        ("desk-1", "clerk", login.text("/expires_at"))
    );
    desk.house.post(&token, "/v1/tickets", &json!({ "title": "x", "channel": "phone" })).is(201);
    desk.house.get(&token, "/v1/users").is(403);
    desk.house.post(&token, "/v1/logout", &json!({})).is(204);
    let out = desk.house.get(&token, "/v1/me").is(401);
    assert_eq!(out.code(), "unauthorized", "at once, in the process that was told");
    desk.house.get(&second, "/v1/me").is(200);
}

#[test]
fn a_logout_and_a_changed_account_hold_through_a_restart() {
    let mut desk = Desk::new();
    desk.add("desk-1", "clerk", &json!({}));
    desk.add("e.jones", "clerk", &json!({}));
    let (out, changed, stays) = (desk.login("desk-1", WORD), desk.login("e.jones", WORD), desk.login("desk-1", WORD));
    desk.house.post(&out, "/v1/logout", &json!({})).is(204);
    desk.edit("e.jones", &json!({ "role": "manager" })).is(200);
    desk.house.restart();
    desk.house.get(&out, "/v1/me").is(401);
    desk.house.get(&changed, "/v1/me").is(401);
    desk.house.get(&stays, "/v1/me").is(200);
    assert_eq!(desk.house.get(&desk.login("e.jones", WORD), "/v1/me").text("/role"), "manager");
}

#[test]
fn a_wrong_name_and_a_wrong_password_are_answered_alike_for_the_same_work() {
    let desk = Desk::new();
    desk.add("desk-1", "clerk", &json!({}));
    desk.add("gone", "clerk", &json!({}));
    desk.edit("gone", &json!({ "state": "disabled" })).is(200);
    let mut told = Vec::new();
    for (name, password) in [("desk-1", OTHER), ("nobody", OTHER), ("no name at all!", OTHER), ("gone", WORD)] {
        let before = desk.hashes();
        let mut refused = desk.try_login(name, password).is(401);
        assert_eq!(desk.hashes() - before, 1, "{name}: one hash is computed either way");
        refused.body.as_object_mut().unwrap().remove("request_id");
        told.push(refused.body);
    }
    assert_eq!(told[0]["code"], "bad_login");
    assert!(told.iter().all(|body| *body == told[0]), "{told:#?}");
}

#[test]
fn after_a_few_failures_each_attempt_waits_the_right_one_too_whether_or_not_there_is_such_a_name() {
    let desk = Desk::new();
    desk.add("desk-1", "clerk", &json!({}));
    let mut told = Vec::new();
    for name in ["desk-1", "nobody"] {
        for _ in 0..5 {
            desk.try_login(name, OTHER).is(401);
        }
        let before = desk.hashes();
        let mut refused = desk.try_login(name, WORD).is(429);
        assert_eq!((refused.code(), refused.header("retry-after")), ("too_many_attempts", Some("1")));
        assert_eq!(desk.hashes(), before, "nothing is hashed for who has to wait");
        refused.body.as_object_mut().unwrap().remove("request_id");
        told.push(refused.body);
    }
    assert_eq!(told[0], told[1]);
    desk.house.pass(2);
    desk.login("desk-1", WORD);
    for _ in 0..4 {
        desk.try_login("desk-1", OTHER).is(401);
    }
    desk.login("desk-1", WORD);
}

#[test]
fn a_new_password_ends_every_token_of_the_account_and_gives_a_new_one() {
    let desk = Desk::new();
    desk.add("desk-1", "clerk", &json!({}));
    let (token, elsewhere) = (desk.login("desk-1", WORD), desk.login("desk-1", WORD));
    let change = |token: &str, old: &str, new: &str| {
        desk.house.post(token, "/v1/me/password", &json!({ "old": old, "new": new }))
    };
    assert_eq!(change(&token, OTHER, OTHER).is(403).code(), "bad_password");
    for weak in ["short", "desk-1 desk-1", "password12345"] {
        let refused = change(&token, WORD, weak).is(422);
        assert_eq!((refused.text("/errors/0/pointer"), refused.text("/errors/0/code")), ("/new", "weak_password"));
        assert!(!refused.body.to_string().contains(weak), "it is not repeated");
    }
    let fresh = change(&token, WORD, OTHER).is(200).text("/token").to_owned();
    for old in [&token, &elsewhere] {
        desk.house.get(old, "/v1/me").is(401);
    }
    desk.house.get(&fresh, "/v1/me").is(200);
    desk.try_login("desk-1", WORD).is(401);
    desk.login("desk-1", OTHER);
    assert_eq!(change(&desk.house.token(Role::Clerk), WORD, OTHER).is(409).code(), "no_account");
}

#[test]
fn a_live_session_ends_when_its_account_is_disabled_and_the_account_is_closed() {
    let desk = Desk::of(House::staffed());
    desk.add("desk-1", "dispatcher", &json!({}));
    desk.add("expert1", "expert", &json!({ "subject": "west-1" }));
    let (staff, expert) = (desk.login("desk-1", WORD), desk.login("expert1", WORD));
    let address = desk.house.address();
    let mut feed = Line::feed(Kind::WebSocket, &address, &staff, "", None).unwrap();
    let mut channel = Line::websocket(&address, &expert, "/v1/experts/west-1/channel").unwrap();
    for name in ["desk-1", "expert1"] {
        let off = desk.house.send("DELETE", &desk.admin, &format!("/v1/users/{name}"), &[], &json!({})).is(200);
        assert_eq!(off.text("/state"), "disabled");
        desk.try_login(name, WORD).is(401);
    }
    assert_eq!([ended(&mut feed), ended(&mut channel)], [Some(4001); 2]);
    desk.house.get(&staff, "/v1/me").is(401);
    desk.edit("desk-1", &json!({ "state": "active" })).is(200);
    desk.house.get(&staff, "/v1/me").is(401);
    desk.login("desk-1", WORD);
}

fn ended(line: &mut Line) -> Option<u16> {
    loop {
        if let Heard::Closed(code) = line.hear().unwrap() {
            return code;
        }
    }
}

#[test]
fn accounts_are_listed_shown_and_edited_with_their_version() {
    let desk = Desk::new();
    for (name, role) in [("c.one", "clerk"), ("a.two", "clerk"), ("b.three", "manager")] {
        desk.add(name, role, &json!({}));
    }
    let names = |path: &str| {
        let list = desk.house.get(&desk.admin, path).is(200);
        let items = list.body["items"].as_array().unwrap().iter();
        (
            items.map(|user| user["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
            list.body["next_cursor"].clone(),
        )
    };
    assert_eq!(names("/v1/users?limit=2"), (vec!["a.two".into(), "b.three".into()], json!("b.three")));
    assert_eq!(names("/v1/users?limit=2&cursor=b.three").0, ["c.one"]);
    assert_eq!(names("/v1/users?role=manager").0, ["b.three"]);
    assert_eq!(names("/v1/users?state=disabled").0, [""; 0]);
    let seen = desk.house.get(&desk.admin, "/v1/users/c.one").is(200);
    let tag = [("if-match", seen.header("etag").unwrap())];
    let edit = |body: Value| desk.house.send("PATCH", &desk.admin, "/v1/users/c.one", &tag, &body);
    assert_eq!(edit(json!({ "regions": ["north"] })).is(200).body["version"], 2, "before there is such a region");
    assert_eq!(edit(json!({ "regions": [] })).is(412).code(), "stale");
    desk.edit("c.one", &json!({ "role": "expert" })).is(422);
    desk.edit("nobody", &json!({})).is(404);
    for wrong in
        [json!({ "role": "system" }), json!({ "name": "x" }), json!({ "state": "on" }), json!({ "password": "short" })]
    {
        desk.edit("c.one", &wrong).is(422);
    }
    let taken =
        desk.house.post(&desk.admin, "/v1/users", &json!({ "name": "C.One", "role": "clerk", "password": WORD }));
    assert_eq!(taken.is(409).code(), "name_taken");
}

#[test]
fn an_administrator_does_not_shut_themselves_out() {
    let desk = Desk::new();
    desk.add("root", "admin", &json!({}));
    let own = desk.login("root", WORD);
    for body in [json!({ "state": "disabled" }), json!({ "role": "clerk" })] {
        assert_eq!(desk.house.send("PATCH", &own, "/v1/users/root", &[], &body).is(409).code(), "own_account");
    }
    assert_eq!(desk.house.send("DELETE", &own, "/v1/users/root", &[], &json!({})).is(409).code(), "own_account");
}

#[test]
fn an_administrator_of_a_region_gives_and_sees_no_more_than_it() {
    let desk = Desk::of(House::staffed());
    let west = desk.house.token_of(Role::Admin, "west", vec![RegionId::parse("west").unwrap()]);
    desk.add("theirs", "clerk", &json!({ "regions": ["east"] }));
    desk.add("everywhere", "admin", &json!({}));
    let add = |name: &str, role: &str, more: Value| {
        let mut body = json!({ "name": name, "role": role, "password": WORD });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        desk.house.post(&west, "/v1/users", &body)
    };
    add("mine", "dispatcher", json!({ "regions": ["west"] })).is(201);
    add("expert1", "expert", json!({ "subject": "west-1" })).is(201);
    let issue = |body: Value| desk.house.post(&west, "/v1/tokens", &body);
    for (role, more) in [
        ("admin", json!({})),
        ("clerk", json!({ "regions": ["west", "east"] })),
        ("portal", json!({ "regions": ["west"] })),
        ("customer", json!({ "subject": "c-1", "regions": ["west"] })),
        ("expert", json!({ "subject": "east-1" })),
    ] {
        add("more", role, more.clone()).is(403);
        let mut body = more;
        body["role"] = role.into();
        issue(body).is(403);
    }
    issue(json!({ "role": "clerk", "regions": ["west"] })).is(201);
    let list = desk.house.get(&west, "/v1/users").is(200);
    let names: Vec<_> =
        list.body["items"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["expert1", "mine"]);
    desk.house.get(&west, "/v1/users/theirs").is(404);
    desk.house.send("PATCH", &west, "/v1/users/everywhere", &[], &json!({ "password": OTHER })).is(404);
    desk.house.send("PATCH", &west, "/v1/users/mine", &[], &json!({ "regions": [] })).is(403);
    let all = desk.house.get(&desk.admin, "/v1/tokens").is(200);
    let own = desk.house.get(&west, "/v1/tokens").is(200);
    assert!(own.body["items"].as_array().unwrap().iter().all(|token| token["regions"] == json!(["west"])));
    let other = all.body["items"].as_array().unwrap().iter().find(|token| token["regions"] == json!([])).unwrap();
    let id = other["id"].as_str().unwrap();
    desk.house.send("DELETE", &west, &format!("/v1/tokens/{id}"), &[], &json!({})).is(404);
}

#[test]
fn tokens_are_issued_listed_and_revoked() {
    let desk = Desk::new();
    let made = desk
        .house
        .post(&desk.admin, "/v1/tokens", &json!({ "role": "portal", "subject": "shop", "ttl_s": 60 }))
        .is(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let (token, id) = (made.text("/token").to_owned(), made.text("/id").to_owned());
    desk.house.get(&token, "/v1/me").is(200);
    desk.add("desk-1", "clerk", &json!({}));
    let login = desk.login("desk-1", WORD);
    let list = desk.house.get(&desk.admin, "/v1/tokens?limit=2").is(200);
    assert_eq!((list.text("/items/0/account"), list.text("/items/1/id")), ("desk-1", id.as_str()));
    assert_eq!(list.body["next_cursor"], json!(id));
    assert!(!list.body.to_string().contains("callout_"), "never the tokens themselves");
    let rest = desk.house.get(&desk.admin, &format!("/v1/tokens?cursor={id}")).is(200);
    assert_eq!(rest.text("/items/0/role"), "admin");
    let revoke = |id: &str| desk.house.send("DELETE", &desk.admin, &format!("/v1/tokens/{id}"), &[], &json!({}));
    revoke(&id).is(204);
    desk.house.get(&token, "/v1/me").is(401);
    revoke("000000000000000000000000").is(404);
    desk.edit("desk-1", &json!({ "state": "disabled" })).is(200);
    desk.house.get(&login, "/v1/me").is(401);
    let states: Vec<_> = desk.house.get(&desk.admin, "/v1/tokens?all=true").is(200).body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["ended", "revoked", "active"]);
    for wrong in [json!({ "role": "expert" }), json!({ "role": "system" }), json!({ "role": "clerk", "ttl_s": 0 })] {
        desk.house.post(&desk.admin, "/v1/tokens", &wrong).is(422);
    }
}

#[test]
fn no_forged_expired_or_foreign_token_opens_anything() {
    let house = House::staffed();
    let tokens = &house.app().core.tokens;
    let grant = |role| Grant { role, subject: None, regions: Vec::new(), ttl_s: 60 };
    let (good, claims) = tokens.issue(grant(Role::Clerk), real_now()).unwrap();
    let (expired, _) = tokens.issue(grant(Role::Clerk), real_now().plus_s(-61)).unwrap();
    let (revoked, dead) = tokens.issue(grant(Role::Clerk), real_now()).unwrap();
    tokens.revoke(&dead.id).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (foreign, _) = Tokens::open(elsewhere.path()).unwrap().issue(grant(Role::Admin), real_now()).unwrap();
    let (body, mac) = good.trim_start_matches("callout_").split_once('.').unwrap();
    let read: Value = serde_json::from_slice(&BASE64.decode(body).unwrap()).unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = read.clone();
        claims[name] = value;
        BASE64.encode(claims.to_string())
    };
    let none = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let forged = [
        ("expired", expired),
        ("revoked", revoked),
        ("another key's", foreign),
        ("alg none", format!("{none}.{body}.")),
        ("alg none, dressed up", format!("callout_{none}.{body}.")),
        ("unsigned", format!("callout_{body}.")),
        ("a role raised", format!("callout_{}.{mac}", with("role", "admin".into()))),
        ("a longer life", format!("callout_{}.{mac}", with("exp", 4_000_000_000_i64.into()))),
        ("a login made up", format!("callout_{}.{mac}", with("login", json!({ "account": "root", "since": 0 })))),
        ("nothing", String::new()),
        ("a survey's link", format!("callout_{}", tokens.survey_link(house.open(crate::WEST).parse().unwrap()))),
    ];
    for (told, token) in forged {
        for path in ["/v1/tickets", "/v1/users"] {
            assert_eq!(house.get(&token, path).is(401).code(), "unauthorized", "{told}: {path}");
        }
    }
    house.ask("GET", "/v1/tickets", &[], b"").is(401);
    house.ask("GET", "/v1/tickets", &[("authorization", &format!("Basic {good}"))], b"").is(401);
    house.get(&good, "/v1/users").is(403);
    house.get(&good, "/v1/tickets").is(200);
    assert_eq!(claims.login, None);
}

#[test]
fn a_key_of_a_new_user_is_honoured_and_no_token_is_answered_twice() {
    let desk = Desk::new();
    let key = [("idempotency-key", "k-1")];
    let body = |password: &str| json!({ "name": "desk-1", "role": "clerk", "password": password });
    let first = desk.house.send("POST", &desk.admin, "/v1/users", &key, &body(WORD)).is(201);
    let again = desk.house.send("POST", &desk.admin, "/v1/users", &key, &body(WORD)).is(201);
    assert_eq!((again.header("idempotency-replayed"), &again.body), (Some("true"), &first.body));
    let mut other = body(WORD);
    other["role"] = "manager".into();
    let reused = desk.house.send("POST", &desk.admin, "/v1/users", &key, &other).is(422);
    assert_eq!(reused.code(), "idempotency_key_reused");
    let (login, issue) = (json!({ "name": "desk-1", "password": WORD }), json!({ "role": "clerk" }));
    let mut tokens = Vec::new();
    for (path, body) in [("/v1/login", &login), ("/v1/login", &login), ("/v1/tokens", &issue), ("/v1/tokens", &issue)] {
        let answer = desk.house.send("POST", &desk.admin, path, &key, body);
        assert!(answer.status < 300 && answer.header("idempotency-replayed").is_none(), "{path}: {}", answer.body);
        tokens.push(answer.text("/token").to_owned());
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 4, "each is another one");
}

#[test]
fn what_lies_on_disk_holds_no_password_and_no_token() {
    let mut desk = Desk::new();
    desk.house
        .send(
            "POST",
            &desk.admin,
            "/v1/users",
            &[("idempotency-key", "k-1")],
            &json!({ "name": "desk-1", "role": "clerk", "password": WORD }),
        )
        .is(201);
    let token = desk.login("desk-1", WORD);
    let fresh = desk.house.send(
        "POST",
        &token,
        "/v1/me/password",
        &[("idempotency-key", "k-2")],
        &json!({ "old": WORD, "new": OTHER }),
    );
    let fresh = fresh.is(200).text("/token").to_owned();
    desk.house.restart();
    let macs: Vec<_> = [&token, &fresh].map(|token| token.rsplit_once('.').unwrap().1.to_owned()).to_vec();
    let mut files = 0;
    each_file(&desk.house.app().core.data, &mut |path, bytes| {
        files += 1;
        for secret in macs.iter().map(String::as_str).chain([WORD, OTHER]) {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
    });
    assert!(files > 5, "only {files} files were looked at");
}

fn each_file(folder: &Path, look: &mut dyn FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, look) } else { look(&path, &std::fs::read(&path).unwrap()) }
    }
}
