//! P7 on real sockets and a real server that is killed: each event once and in order, or told plainly.

use super::{settle, token, town};
use crate::common::{
    self, Dice,
    client::Client,
    live::{Heard, Kind, Line},
    process::Server,
    tree::store_options,
};
use callout::storage::{Durability, Store};
use std::{
    path::Path,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// Times that each client goes away without a word and comes back.
const RECONNECTS: u64 = 200;

/// One client that follows all events through thick and thin.
struct Follower {
    kind: Kind,
    token: String,
    address: Arc<RwLock<String>>,
    dice: Dice,
    /// The last position it was given.
    after: Option<String>,
    /// Where it began.
    from: u64,
    seen: Vec<u64>,
}

fn seq_of(position: &str) -> u64 {
    position.rsplit_once('-').unwrap().1.parse().unwrap()
}

impl Follower {
    /// Connects and listens to some messages; false when the server is not there just now.
    fn stay(&mut self, messages: u64) -> bool {
        let address = self.address.read().unwrap().clone();
        let Ok(mut line) = Line::feed(self.kind, &address, &self.token, "", self.after.as_deref()) else {
            return false;
        };
        let Ok(first) = line.message() else { return false };
        match &self.after {
            None => {
                assert_eq!(first["type"], "live", "{first}");
                let at = first["at"].as_str().unwrap().to_owned();
                self.from = seq_of(&at);
                self.after = Some(at);
            }
            Some(after) => {
                assert_eq!(first["type"], "resumed", "{first}");
                assert_eq!(first["after"], **after);
            }
        }
        for _ in 0..messages {
            let Ok(message) = line.message() else { return false };
            match message["type"].as_str().unwrap() {
                "event" => {
                    let position = message["position"].as_str().unwrap();
                    assert_eq!(seq_of(position), message["seq"].as_u64().unwrap());
                    self.seen.push(seq_of(position));
                    self.after = Some(position.to_owned());
                }
                "heartbeat" => self.after = Some(message["at"].as_str().unwrap().to_owned()),
                other => panic!("{other}"),
            }
        }
        true
    }
}

/// Tickets for as long as it takes, whatever becomes of the server.
fn keep_busy(token: &str, address: &RwLock<String>, done: &AtomicBool, seed: u64) {
    let mut dice = Dice(seed);
    let mut n = 0;
    while !done.load(Ordering::Acquire) {
        n += 1;
        let mut client = Client::new(&address.read().unwrap(), token);
        for _ in 0..20 {
            let body = town::ticket(&mut dice, n);
            if client.post("/v1/tickets", &body).is_err() {
                break;
            }
        }
    }
}

/// All sequences of the journal after one.
fn journal_after(data: &Path, seq: u64) -> Vec<u64> {
    let store = Store::open(store_options(data, Durability::Fsync)).unwrap();
    let (mut next, mut all) = (seq + 1, Vec::new());
    loop {
        let page = store.read(next, 1_000).unwrap();
        let Some(last) = page.last() else { return all };
        next = last.seq + 1;
        all.extend(page.iter().map(|event| event.seq));
    }
}

#[test]
fn a_client_that_reconnects_at_random_over_kills_sees_each_event_once_and_in_order() {
    let seed = common::seed();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    settle(&data, 3);
    let portal = token(data.to_str().unwrap(), "portal");
    let staff = token(data.to_str().unwrap(), "dispatcher");
    let mut server = Server::start(&data);
    let address = Arc::new(RwLock::new(server.address.clone()));
    let done = Arc::new(AtomicBool::new(false));
    let busy = {
        let (address, done) = (address.clone(), done.clone());
        std::thread::spawn(move || keep_busy(&portal, &address, &done, seed))
    };
    let follow = |kind, seed| {
        let (token, address) = (staff.clone(), address.clone());
        std::thread::spawn(move || {
            let dice = Dice(seed);
            let mut follower = Follower { kind, token, address, dice, after: None, from: 0, seen: Vec::new() };
            let mut stays = 0;
            while stays < RECONNECTS {
                let messages = follower.dice.roll(60);
                stays += u64::from(follower.stay(messages));
            }
            follower
        })
    };
    let followers = [follow(Kind::WebSocket, seed ^ 1), follow(Kind::Sse, seed ^ 2)];
    for _ in 0..2 {
        // Killed whenever so much has happened, not by the clock.
        let mut client = Client::new(&server.address, &staff);
        let position = |client: &mut Client| {
            let board = client.get("/v1/regions/r0/board").unwrap().json();
            seq_of(board["position"].as_str().unwrap())
        };
        let begun = position(&mut client);
        while position(&mut client) < begun + 2_000 {}
        server.kill();
        server = Server::start(&data);
        *address.write().unwrap() = server.address.clone();
    }
    let mut followers = followers.map(|follower| follower.join().unwrap());
    done.store(true, Ordering::Release);
    busy.join().unwrap();
    for follower in &mut followers {
        // To the end: until nothing comes but heartbeats.
        let last = follower.after.clone();
        let mut line = Line::feed(follower.kind, &server.address, &staff, "", last.as_deref()).unwrap();
        loop {
            let Heard::Message(message) = line.hear().unwrap() else { panic!("closed") };
            match message["type"].as_str().unwrap() {
                "event" => follower.seen.push(message["seq"].as_u64().unwrap()),
                "heartbeat" => break,
                _ => {}
            }
        }
    }
    assert_eq!(server.stop(), Some(0));
    for follower in followers {
        let mut expected = journal_after(&data, follower.from);
        // What happened after the last heartbeat (timers) is nobody's yet.
        expected.truncate(follower.seen.len());
        assert!(follower.seen.len() > 4_000, "{:?}: {} events", follower.kind, follower.seen.len());
        assert_eq!(follower.seen, expected, "{:?}", follower.kind);
        println!(
            "{:?}: {} events over {RECONNECTS} reconnects and 2 kills, each once",
            follower.kind,
            follower.seen.len()
        );
    }
}

#[test]
fn a_position_of_another_server_or_of_the_future_is_told_plainly_and_a_foreign_region_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    settle(&data, 1);
    let path = data.to_str().unwrap();
    let staff = token(path, "dispatcher");
    let bound = common::process::succeed(&["token", "issue", "--role", "clerk", "--region", "r0", "--data", path]);
    let server = Server::start(&data);
    for kind in [Kind::WebSocket, Kind::Sse] {
        let mut line = Line::feed(kind, &server.address, &staff, "regions=r0,r1", None).unwrap();
        let live = line.message().unwrap();
        let at = live["at"].as_str().unwrap();
        let (data, seq) = at.rsplit_once('-').unwrap();
        let foreign = format!("{:016x}-{seq}", u64::from_str_radix(data, 16).unwrap() ^ 1);
        let future = format!("{data}-{}", seq_of(at) + 1_000_000);
        for (position, why) in [(foreign, "another server"), (future, "future")] {
            let mut line = Line::feed(kind, &server.address, &staff, "", Some(&position)).unwrap();
            let told = line.message().unwrap();
            assert_eq!(told["type"], "cannot_resume");
            assert!(told["reason"].as_str().unwrap().contains(why), "{told}");
            assert_eq!(told["oldest"], format!("{data}-0"));
            let code = if kind == Kind::WebSocket { Some(4009) } else { None };
            assert!(matches!(line.hear().unwrap(), Heard::Closed(closed) if closed == code));
        }
        assert!(Line::feed(kind, &server.address, bound.trim(), "regions=r1", None).is_err(), "404");
        assert!(Line::feed(kind, &server.address, &staff, "regions=nowhere", None).is_err(), "404");
        assert!(Line::feed(kind, &server.address, "callout_forged.token", "", None).is_err(), "401");
        // From the beginning.
        let oldest = format!("{data}-0");
        let mut line = Line::feed(kind, &server.address, &staff, "", Some(&oldest)).unwrap();
        assert_eq!(line.message().unwrap()["type"], "resumed");
        assert_eq!(line.message().unwrap()["seq"], 1);
    }
}
