//! Real processes, really killed. P1: every acknowledged ticket is there, once; P2 to P6 by `audit`.
//!
//! `CALLOUT_SOAK_TICKETS=n` goes on until that many tickets were acknowledged (`make soak`).

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test fails by panicking and runs on real time")]

mod common;

#[path = "processes/cli.rs"]
mod cli;
#[path = "processes/crowd.rs"]
mod crowd;
#[path = "processes/erasure.rs"]
mod erasure;
#[path = "processes/feed.rs"]
mod feed;
#[path = "processes/insight.rs"]
mod insight;
#[path = "processes/people.rs"]
mod people;
#[path = "processes/tls.rs"]
mod tls;

use common::{
    Dice,
    client::Client,
    process::{Server, callout, succeed, token},
    town,
};
use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const CLIENTS: u64 = 8;
const ROUNDS: u64 = 30;

/// A town on stopped data, with offers that expire quickly.
fn settle(data: &Path, experts: usize) {
    let regions = data.with_extension("geojson");
    let roster = data.with_extension("csv");
    std::fs::write(&regions, town::regions()).unwrap();
    std::fs::write(&roster, town::experts(experts)).unwrap();
    let data = data.to_str().unwrap();
    succeed(&["import", "regions", regions.to_str().unwrap(), "--data", data]);
    succeed(&["import", "experts", roster.to_str().unwrap(), "--data", data]);
}

/// What the journal holds and how its tickets stand, by the audit of stopped data.
fn stand(data: &str) -> (u64, serde_json::Value) {
    let report: serde_json::Value = serde_json::from_str(&succeed(&["audit", "--json", "--data", data])).unwrap();
    (report["events"].as_u64().unwrap(), report["by_phase"].clone())
}

#[test]
fn commands_on_a_stopped_servers_data_send_nobody_and_the_next_server_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let data = path.to_str().unwrap();
    settle(&path, 2);
    let file = dir.path().join("tickets.csv");
    std::fs::write(&file, "external_id,title,skills,lat,lon\nx-1,dark screen,tv,42.31,-71.09\n").unwrap();
    succeed(&["import", "tickets", file.to_str().unwrap(), "--data", data]);
    let (events, phases) = stand(data);
    assert_eq!(phases["new"], 1);
    for command in [&["ticket", "list"][..], &["region", "list"], &["expert", "list"], &["outbox", "list"], &["audit"]]
    {
        succeed(&[command, &["--data", data]].concat());
    }
    assert_eq!(stand(data), (events, phases.clone()), "who only looks changes nothing");
    succeed(&["expert", "edit", "e0", "--phone", "+1 617 555 0100", "--data", data]);
    assert_eq!(stand(data), (events + 1, phases), "who edits changes what was asked, and no more");
    let server = Server::start(&path);
    let mut client = Client::new(&server.address, &token(data, "clerk"));
    let since = Instant::now();
    let offered = |list: &serde_json::Value| list["items"][0]["phase"] == "assigning";
    while !offered(&client.get("/v1/tickets?external_id=x-1").unwrap().json()) {
        assert!(since.elapsed() < Duration::from_secs(20), "the server sends nobody");
    }
    assert_eq!(server.stop(), Some(0));
}

fn hurry_offers(server: &Server, admin: &str) {
    let mut client = Client::new(&server.address, admin);
    for n in 0..town::REGIONS {
        let path = format!("/v1/regions/r{n}");
        let body = r#"{"settings":{"offer_ttl_s":2}}"#;
        let answer = client.call("PATCH", &path, None, Some(body)).unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }
}

/// What the clients were told: key -> number.
#[derive(Default)]
struct Acknowledged {
    numbers: Mutex<HashMap<String, String>>,
    count: AtomicU64,
}

/// Posts tickets, each until it is acknowledged, under one key, to wherever the server is now.
fn post_tickets(n: u64, token: &str, address: &RwLock<String>, told: &Acknowledged, done: &AtomicBool, seed: u64) {
    let mut dice = Dice(seed ^ (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut serial = 0;
    while !done.load(Ordering::Acquire) {
        serial += 1;
        let key = format!("client-{n}-{serial}");
        let body = town::ticket(&mut dice, serial);
        loop {
            let mut client = Client::new(&address.read().unwrap(), token);
            match client.call("POST", "/v1/tickets", Some(&key), Some(&body)) {
                Ok(answer) if answer.status == 201 => {
                    let number = answer.json()["number"].as_str().unwrap().to_owned();
                    let before = told.numbers.lock().unwrap().insert(key.clone(), number);
                    assert!(before.is_none());
                    told.count.fetch_add(1, Ordering::AcqRel);
                    break;
                }
                Ok(answer) if answer.status == 503 => {}
                Ok(answer) => panic!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
                // Killed under our hands, or not up yet.
                Err(_) => std::thread::yield_now(),
            }
        }
    }
}

#[test]
fn every_acknowledged_ticket_survives_kill_9_exactly_once() {
    let seed = common::seed();
    let wanted: u64 = std::env::var("CALLOUT_SOAK_TICKETS").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    settle(&data, 3);
    let portal = token(data.to_str().unwrap(), "portal");
    let admin = token(data.to_str().unwrap(), "admin");
    let mut server = Server::start(&data);
    hurry_offers(&server, &admin);
    let address = Arc::new(RwLock::new(server.address.clone()));
    let told = Arc::new(Acknowledged::default());
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let (portal, address, told, done) = (portal.clone(), address.clone(), told.clone(), done.clone());
            std::thread::spawn(move || post_tickets(n, &portal, &address, &told, &done, seed))
        })
        .collect();
    let mut dice = Dice(seed);
    let (mut rounds, mut slowest) = (0, Duration::ZERO);
    while rounds < ROUNDS || told.count.load(Ordering::Acquire) < wanted {
        std::thread::sleep(Duration::from_millis(50 + dice.roll(350)));
        server.kill();
        let killed = Instant::now();
        server = Server::start(&data);
        slowest = slowest.max(killed.elapsed());
        *address.write().unwrap() = server.address.clone();
        rounds += 1;
    }
    done.store(true, Ordering::Release);
    for client in clients {
        client.join().unwrap();
    }
    let acknowledged = told.count.load(Ordering::Acquire);
    println!("{acknowledged} tickets acknowledged over {rounds} kills, slowest restart {slowest:?}");
    let repeats = repeat_all(&server, &portal, &told, seed);
    println!("{repeats} keys repeated after the last restart: each gave its first number");
    wait_for_expiries(&server, &admin);
    assert_eq!(server.stop(), Some(0), "a graceful stop exits 0");
    audited(&data, &told);
}

/// Asks again with some of the keys: the same number must come back.
fn repeat_all(server: &Server, portal: &str, told: &Acknowledged, seed: u64) -> usize {
    let mut client = Client::new(&server.address, portal);
    let numbers = told.numbers.lock().unwrap();
    let mut repeats = 0;
    for n in 0..CLIENTS {
        let mut dice = Dice(seed ^ (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for serial in 1..=20 {
            let body = town::ticket(&mut dice, serial);
            let key = format!("client-{n}-{serial}");
            let Some(number) = numbers.get(&key) else { continue };
            let answer = client.call("POST", "/v1/tickets", Some(&key), Some(&body)).unwrap();
            assert_eq!(answer.status, 201);
            assert_eq!(answer.header("idempotency-replayed"), Some("true"));
            assert_eq!(answer.json()["number"].as_str(), Some(number.as_str()), "key {key}");
            repeats += 1;
        }
    }
    repeats
}

/// Until no offer is past its deadline: each that was due must fire.
fn wait_for_expiries(server: &Server, admin: &str) {
    let mut client = Client::new(&server.address, admin);
    let started = Instant::now();
    loop {
        let answer = client.get("/v1/tickets?phase=assigning&limit=200").unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let now = now_ms();
        let items = answer.json()["items"].as_array().cloned().unwrap_or_default();
        let overdue = items
            .iter()
            .filter(|ticket| ticket["visit"]["offer_expires_at"].as_str().is_some_and(|at| parse(at) + 3_000 < now));
        if overdue.count() == 0 {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "an offer that was due did not fire");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn parse(at: &str) -> i64 {
    callout::domain::time::Timestamp::parse(at).unwrap().0
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// `audit --replay --acks`: clean, and every acknowledged number there exactly once.
fn audited(data: &Path, told: &Acknowledged) {
    let numbers: Vec<String> = told.numbers.lock().unwrap().values().cloned().collect();
    let mut distinct = numbers.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), numbers.len(), "two keys were given one number");
    let acks = data.with_extension("acks");
    std::fs::write(&acks, numbers.join("\n")).unwrap();
    let (data, acks) = (data.to_str().unwrap(), acks.to_str().unwrap());
    let output = callout(&["audit", "--replay", "--acks", acks, "--json", "--data", data]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(output.status.success(), "{report:#}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(report["ok"], true);
    let tickets = report["tickets"].as_u64().unwrap();
    // What was stored but never acknowledged (killed before the answer) was acknowledged on the repeat.
    assert_eq!(tickets, numbers.len() as u64, "tickets without an acknowledgement, or lost ones");
    println!("audit: {} tickets, {} events, no violation", tickets, report["events"]);
}

#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let output = callout(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&server.pid().to_string()), "it names the process that holds the data: {said}");
    assert_eq!(server.stop(), Some(0));
}
