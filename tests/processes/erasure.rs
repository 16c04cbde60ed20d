//! Proof 6: a customer who went through everything is erased, and no byte of them is left in any file; what is
//! left still verifies and still counts.

use super::{
    common::{
        client::Client,
        live::{Kind, Line},
        process::{Server, callout, succeed, token},
        town,
        tree::store_options,
    },
    settle,
};
use callout::{
    customers::{Named, find},
    domain::ids::CustomerId,
    storage::{Durability, Store},
};
use serde_json::{Value, json};
use std::{
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const NAME: &str = "Customerqz Surnameqz";
const EMAIL: &str = "mail@surnameqz.example";
const STREET: &str = "17 Zebrawood Parade";
const LAT: f64 = 42.312_345;
const LON: f64 = -71.091_234;
/// A word of each text that anybody typed, and what the person is known by.
const WORDS: [&str; 26] = [
    "Customerqz",
    "Surnameqz",
    "mail@surnameqz",
    "Zebrawood",
    "6175559753",
    "617-555-9753",
    "42.312345",
    "71.091234",
    "titleflux",
    "describulous",
    "seconditor",
    "csvandal",
    "csvelocity",
    "csvenue",
    "badrowsky",
    "notewhistle",
    "cannotfixit",
    "partsneedle",
    "resolutionist",
    "finishnotes",
    "usedpartling",
    "surveycomet",
    "declinator",
    "holdfastly",
    "offlinery",
    "cancelment",
];
/// Of these, what no export shows: how a number was typed, and a row that never became a ticket.
const NOT_HELD: [&str; 2] = ["617-555-9753", "badrowsky"];

/// A town with one expert a region, and its people's clients.
struct Town {
    folder: tempfile::TempDir,
    data: PathBuf,
    tokens: [String; 4],
}

const PORTAL: usize = 0;
const CLERK: usize = 1;
const ADMIN: usize = 2;
const EXPERT: usize = 3;

impl Town {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        settle(&data, 1);
        let text = data.to_str().unwrap();
        // Surveys are sent at any hour, because tests run at any hour.
        for n in 0..town::REGIONS {
            succeed(&["region", "edit", &format!("r{n}"), "--set", "quiet_hours=null", "--data", text]);
        }
        let expert = succeed(&["token", "issue", "--role", "expert", "--subject", "e0", "--data", text]);
        let tokens = [token(text, "portal"), token(text, "clerk"), token(text, "admin"), expert.trim().to_owned()];
        Self { folder, data, tokens }
    }

    fn text(&self) -> &str {
        self.data.to_str().unwrap()
    }
}

/// Somebody who calls a server.
struct Person(Client);

impl Person {
    fn new(server: &Server, town: &Town, who: usize) -> Self {
        Self(Client::new(&server.address, &town.tokens[who]))
    }

    #[track_caller]
    fn send(&mut self, path: &str, key: Option<&str>, body: &str, status: u16) -> Value {
        let answer = self.0.call("POST", path, key, Some(body)).unwrap();
        assert_eq!(answer.status, status, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    #[track_caller]
    fn post(&mut self, path: &str, body: &Value) -> Value {
        let answer = self.0.post(path, &body.to_string()).unwrap();
        assert!(answer.status < 300, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    #[track_caller]
    fn order(&mut self, number: &str, command: &str, body: &Value) -> Value {
        self.post(&format!("/v1/tickets/{number}/{command}"), body)
    }

    #[track_caller]
    fn get(&mut self, path: &str) -> Value {
        let answer = self.0.get(path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Until the ticket is as wanted.
    #[track_caller]
    fn until(&mut self, number: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let ticket = self.get(&format!("/v1/tickets/{number}"));
            if wanted(&ticket) {
                return ticket;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "not {what}: {ticket}");
            std::thread::yield_now();
        }
    }

    #[track_caller]
    fn offered(&mut self, number: &str) {
        self.until(number, "offered to e0", |ticket| {
            ticket["phase"] == "assigning" && ticket["visit"]["expert"] == "e0"
        });
    }
}

/// A link in the texts that were sent, from its path on.
#[track_caller]
fn link(data: &Path, path: &str) -> String {
    let began = Instant::now();
    loop {
        let days = std::fs::read_dir(data.join("mailbox")).into_iter().flatten().flatten();
        let text: String = days.map(|day| std::fs::read_to_string(day.path()).unwrap()).collect();
        if let Some((_, rest)) = text.split_once(path) {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).unwrap_or(rest.len());
            return format!("{path}{}", rest[..end].trim_end_matches('.'));
        }
        assert!(began.elapsed() < Duration::from_mins(1), "no message with {path}");
        std::thread::yield_now();
    }
}

/// Everything a customer can be part of. The tickets: with their id, without it, imported.
fn live_through(server: &Server, town: &Town) -> [String; 3] {
    let mut portal = Person::new(server, town, PORTAL);
    let mut clerk = Person::new(server, town, CLERK);
    let mut expert = Person::new(server, town, EXPERT);
    let whole = json!({ "customer_id": "c-7", "title": "titleflux", "description": "describulous", "channel": "web",
        "contact": { "name": NAME, "phone": "+1 617-555-9753", "email": EMAIL }, "skills": ["tv"],
        "address": { "line1": STREET }, "place": { "lat": LAT, "lon": LON } });
    let first =
        portal.send("/v1/tickets", Some("key-1"), &whole.to_string(), 201)["number"].as_str().unwrap().to_owned();
    clerk.offered(&first);
    expert.order(&first, "accept", &json!({}));
    let tracked = link(&town.data, "/v1/track/");
    portal.get(&tracked);
    expert.order(&first, "depart", &json!({}));
    expert.order(&first, "arrive", &json!({}));
    clerk.order(&first, "notes", &json!({ "text": "notewhistle" }));
    expert.order(&first, "cannot_fix", &json!({ "reason": "cannotfixit", "parts": ["partsneedle"] }));
    clerk.offered(&first);
    for command in ["accept", "depart", "arrive"] {
        expert.order(&first, command, &json!({}));
    }
    let done = json!({ "resolution": "resolutionist", "notes": "finishnotes", "parts": ["usedpartling"] });
    expert.order(&first, "complete", &done);
    let survey = link(&town.data, "/v1/surveys/");
    portal.post(&survey, &json!({ "rating": 2, "comment": "surveycomet" }));

    let plain = json!({ "title": "seconditor", "channel": "phone", "skills": ["tv"],
        "contact": { "phone": "617-555-9753" }, "place": { "lat": LAT, "lon": LON } });
    let second = clerk.post("/v1/tickets", &plain)["number"].as_str().unwrap().to_owned();
    clerk.offered(&second);
    expert.order(&second, "decline", &json!({ "reason": "declinator" }));
    clerk.order(&second, "hold", &json!({ "reason": "holdfastly" }));
    let late = json!({ "resolution": "offlinery", "at": "2026-01-01T00:00:00Z", "id": "app-1" });
    expert.send(&format!("/v1/tickets/{second}/complete"), None, &late.to_string(), 409);
    clerk.order(&second, "release", &json!({}));

    let csv = format!(
        "external_id,title,description,lat,lon,address\nx-9,csvandal,csvelocity,{LAT},{LON},csvenue 1\n\
        x-10,title,,badrowsky,{LON},\n"
    );
    for _ in 0..2 {
        let told = clerk.send("/v1/imports/tickets", Some("key-2"), &csv, 200);
        assert_eq!(told["written"], 1, "{told}");
    }
    let third = clerk.get("/v1/tickets?external_id=x-9")["items"][0]["number"].as_str().unwrap().to_owned();
    clerk.order(&third, "cancel", &json!({ "reason": "cancelment" }));
    clerk.send(&format!("/v1/tickets/{third}/cancel"), Some("key-3"), r#"{"reason":"cancelment"}"#, 409);
    let found = clerk.get("/v1/tickets?phone=617-555-9753");
    assert_eq!(found["items"].as_array().unwrap().len(), 2, "with and without its country it is one number: {found}");
    [first, second, third]
}

/// Every form in which a file might hold something of them.
fn needles() -> Vec<(String, Vec<u8>)> {
    let mut needles: Vec<(String, Vec<u8>)> =
        WORDS.iter().map(|word| ((*word).to_owned(), word.as_bytes().to_vec())).collect();
    for degrees in [LAT, LON] {
        needles.push((format!("{degrees} as f64"), degrees.to_le_bytes().to_vec()));
        needles.push((format!("{degrees} as f64, big endian"), degrees.to_be_bytes().to_vec()));
        // CBOR, as places are encoded before they are sealed (RFC 8949, 3.1): millionths of a degree.
        let e6 = (degrees * 1e6).round() as i64;
        let (major, size) = if e6 < 0 { (0x3A, -1 - e6) } else { (0x1A, e6) };
        let cbor = [&[major], &u32::try_from(size).unwrap().to_be_bytes()[..]].concat();
        needles.push((format!("{degrees} in CBOR"), cbor));
    }
    needles
}

/// All files below, archives unpacked, and what of the person is in them.
fn search(folder: &Path) -> (usize, Vec<String>) {
    let (mut files, mut found) = (0, Vec::new());
    let mut folders = vec![folder.to_owned()];
    let needles = needles();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let mut bytes = std::fs::read(&path).unwrap();
            if bytes.starts_with(&[0x1F, 0x8B]) {
                let packed = std::mem::take(&mut bytes);
                flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
            }
            for (name, needle) in &needles {
                if bytes.windows(needle.len()).any(|window| window == needle) {
                    found.push(format!("{name} in {}", path.display()));
                }
            }
        }
    }
    (files, found)
}

fn words_in(value: &Value) -> Vec<&'static str> {
    let text = value.to_string();
    WORDS.into_iter().filter(|word| text.contains(word)).collect()
}

fn archive(server: &Server, town: &Town, name: &str) {
    let (url, out) = (format!("http://{}", server.address), town.folder.path().join(name));
    succeed(&["incident", "--server", &url, "--token", &town.tokens[ADMIN], "--out", out.to_str().unwrap()]);
}

/// All that a feed tells from the very first event on.
fn feed(server: &Server, town: &Town, after: &str) -> String {
    let mut line = Line::feed(Kind::WebSocket, &server.address, &town.tokens[ADMIN], "", Some(after)).unwrap();
    let mut text = String::new();
    loop {
        let message = line.message().unwrap_or_else(|e| panic!("{e}: {text}"));
        text += &message.to_string();
        if message["type"] == "heartbeat" {
            return text;
        }
    }
}

fn json_of(arguments: &[&str]) -> Value {
    let output = callout(arguments);
    let read = serde_json::from_slice(&output.stdout);
    read.unwrap_or_else(|_| panic!("callout {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn an_erased_customer_is_in_no_file_and_what_is_left_verifies_and_counts() {
    let town = Town::new();
    let upload = town.data.join("import-0123456789abcdef.tmp");
    std::fs::write(&upload, format!("left by a crash: {NAME}")).unwrap();
    let server = Server::start(&town.data);
    assert!(!upload.exists(), "an upload that a crash left is removed");
    let mut admin = Person::new(&server, &town, ADMIN);
    let start = Line::feed(Kind::WebSocket, &server.address, &town.tokens[ADMIN], "", None).unwrap().message().unwrap();
    let start = start["at"].as_str().unwrap().to_owned();
    let mut follower = Line::feed(Kind::WebSocket, &server.address, &town.tokens[ADMIN], "", None).unwrap();
    let numbers = live_through(&server, &town);
    let [first, second, third] = &numbers;
    archive(&server, &town, "before.tar.gz");
    let backup = town.folder.path().join("backup");
    admin.post("/v1/backups", &json!({ "dir": backup }));
    assert!(feed(&server, &town, &start).contains("titleflux"), "a feed tells titles");

    // What is held is given out, all of it: so all of it was there.
    let whom = json!({ "customer_id": "c-7", "ticket": third });
    let export = admin.post("/v1/customers/export", &whom);
    let held: Vec<_> = WORDS.into_iter().filter(|word| !NOT_HELD.contains(word)).collect();
    assert_eq!(words_in(&export), held, "{export:#}");
    assert_eq!(export["tickets"].as_array().unwrap().len(), 3);
    assert!(export["messages"].as_array().unwrap().len() >= 4, "{export:#}");
    let looked = |line: &Value| line["route"] == "/v1/tickets" && line["by"] == "phone";
    assert!(export["accesses"].as_array().unwrap().iter().any(looked), "{export:#}");

    let open = admin.send("/v1/customers/erase", None, &whom.to_string(), 409);
    assert!(open["code"] == "work_open" && open["detail"].as_str().unwrap().contains(second.as_str()), "{open}");
    let mut command = vec!["customer", "erase", "c-7", "--ticket", third, "--cancel-open", "--json"];
    let url = format!("http://{}", server.address);
    command.extend(["--server", &url, "--token", &town.tokens[ADMIN]]);
    let would = json_of(&[&command[..], &["--dry-run"]].concat());
    assert_eq!((&would["erased"], &would["open"]), (&json!(false), &json!([second])), "{would}");
    assert_eq!(callout(&command).status.code(), Some(2), "not without being told twice");
    let done = json_of(&[&command[..], &["--yes"]].concat());
    let mut sorted = numbers.clone();
    sorted.sort();
    assert_eq!((&done["erased"], &done["tickets"]), (&json!(true), &json!(sorted)), "{done}");

    // Nobody in the process remembers.
    for number in &numbers {
        for path in ["", "/timeline", "/decisions"] {
            let shown = admin.get(&format!("/v1/tickets/{number}{path}"));
            assert_eq!(words_in(&shown), [""; 0], "{number}{path}: {shown}");
        }
    }
    let told = feed(&server, &town, &start);
    assert_eq!(words_in(&Value::String(told.clone())), [""; 0], "{told}");
    let mut clerk = Person::new(&server, &town, CLERK);
    assert_eq!(clerk.get("/v1/tickets?phone=6175559753")["items"], json!([]));
    assert_eq!(clerk.get(&format!("/v1/tickets/{second}"))["phase"], "cancelled");
    let again = admin.post("/v1/customers/erase", &json!({ "customer_id": "c-7" }));
    assert_eq!(again["tickets"], json!([first]), "what is left of them is a pseudonym: {again}");
    archive(&server, &town, "after.tar.gz");
    assert!(follower.message().is_ok(), "whoever followed the feed goes on");
    assert_eq!(server.stop(), Some(0));

    let restored = town.folder.path().join("restored");
    std::fs::create_dir(&restored).unwrap();
    std::fs::copy(town.data.join("erased"), restored.join("erased")).unwrap();
    succeed(&["restore", backup.to_str().unwrap(), "--data", restored.to_str().unwrap()]);
    let shown = json_of(&["ticket", "show", first, "--data", restored.to_str().unwrap(), "--json"]);
    assert_eq!(words_in(&shown), [""; 0], "the list of erased people holds in a restored backup: {shown}");

    let (files, found) = search(town.folder.path());
    assert!(files > 30, "only {files} files were searched");
    assert_eq!(found, [""; 0], "{found:#?}");
    proven(&town);
}

/// The chain, the folded past, the decisions, the figures, the access record.
fn proven(town: &Town) {
    let data = town.text();
    succeed(&["verify", "--data", data]);
    let audit = json_of(&["audit", "--replay", "--data", data, "--json"]);
    assert_eq!((&audit["ok"], &audit["tickets"]), (&json!(true), &json!(3)), "{audit:#}");
    assert_eq!((&audit["by_phase"]["closed"], &audit["by_phase"]["cancelled"]), (&json!(1), &json!(2)), "{audit:#}");
    let decided = json_of(&["decide", "--recheck", "--data", data, "--json"]);
    assert!(decided["inputs_erased"].as_u64().unwrap() >= 3, "{decided}");
    assert_eq!(decided["inputs_erased"], decided["decisions"], "{decided}");
    let objectives = json_of(&["objectives", "--data", data, "--json"]);
    assert_eq!(objectives["periods"][0]["lost"], 0, "{objectives}");
    let proof = json_of(&["access", "verify", "--data", data, "--json"]);
    assert_eq!((&proof["ok"], &proof["missed"]), (&json!(true), &json!(0)), "{proof}");
    let lines = json_of(&["access", "list", "--customer", "c-7", "--limit", "500", "--data", data, "--json"]);
    let erasures = lines["items"].as_array().unwrap().iter().filter(|line| line["route"] == "/v1/customers/erase");
    assert!(erasures.count() >= 3, "{lines:#}");
}

#[test]
fn an_erasure_that_was_cut_short_is_finished_by_the_next_start() {
    let town = Town::new();
    let server = Server::start(&town.data);
    let numbers = live_through(&server, &town);
    assert_eq!(server.stop(), Some(0));
    // As far as one that is killed right after the keys.
    let store = Store::open(store_options(&town.data, Durability::Fsync)).unwrap();
    let named = Named { customer: Some(CustomerId::parse("c-7").unwrap()), ..Named::default() };
    let named = Named { ticket: Some(numbers[2].parse().unwrap()), ..named };
    let forms = |phone: &str| vec![phone.to_owned(), phone.replace("+1", "")];
    let held = find(&store, &named, &forms).unwrap().unwrap();
    assert_eq!(held.tickets.len(), 3);
    let erasing = store.begin_erasure(held.erasing()).unwrap();
    store.erase_keys(&erasing.people.iter().copied().collect::<Vec<_>>()).unwrap();
    drop(store);
    let mailbox = |data: &Path| search(&data.join("mailbox")).1;
    assert!(!mailbox(&town.data).is_empty(), "the mailbox has them yet");
    let server = Server::start(&town.data);
    assert!(!town.data.join("erasing").exists());
    let mut clerk = Person::new(&server, &town, CLERK);
    assert_eq!(clerk.get("/v1/tickets?phone=6175559753")["items"], json!([]));
    assert_eq!(server.stop(), Some(0));
    assert_eq!(search(&town.data).1, [""; 0]);
    let audit = json_of(&["audit", "--replay", "--data", town.text(), "--json"]);
    assert_eq!(audit["ok"], true, "{audit:#}");
}
