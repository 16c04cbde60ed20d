//! Regions that drive by a server: whoever is nearest by its times wins, nobody ever waits for it, whatever it does,
//! and the record says what it rests on.

use crate::common::tree::{
    ALWAYS, Time, Tree, at, desk, options, region, reopen, runtime, store_options, tv, violations,
};
use callout::{
    actors::{Caller, Clock, Failure, Service, ServiceOptions},
    domain::{
        decision::{Decision, Policy, TravelSource},
        drafts::RegionDraft,
        fact::Fact,
        ids::{Thing, TicketNumber},
        place::Place,
        settings::{RegionSettings, Source},
        ticket::{Action, Command as TicketCommand, TicketEvent},
        time::Timestamp,
    },
    notify::Desk,
    storage::{Durability, Store},
    travel::{Hours, Osrm, OsrmOptions, Travel},
};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What the server does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Honest,
    Hangs,
    Page,
    WrongSize,
}

/// An OSRM-compatible server on this machine, of a town with a river that runs north at 3 km east: a minute for a
/// kilometre on either bank, and 40 minutes more across.
#[derive(Clone)]
struct Osrmlike {
    url: String,
    manner: Arc<Mutex<Manner>>,
    calls: Arc<AtomicUsize>,
}

impl Osrmlike {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, manner: Arc::new(Mutex::new(manner)), calls: Arc::default() };
        let own = server.clone();
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(path) = path_of(&mut stream) else { continue };
                own.calls.fetch_add(1, Ordering::SeqCst);
                let manner = *own.manner.lock().unwrap();
                match manner {
                    Manner::Hangs => silent.push(stream),
                    Manner::Honest => answer(&mut stream, &table(&path, 0)),
                    Manner::WrongSize => answer(&mut stream, &table(&path, 1)),
                    Manner::Page => answer(&mut stream, "<html><body>Welcome</body></html>"),
                }
            }
        });
        server
    }

    fn turns(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn client(&self, patience: Duration) -> Arc<dyn Travel> {
        let options = OsrmOptions { url: self.url.clone(), patience, coordinates: 100, hours: Hours::default() };
        Arc::new(Osrm::open(options).unwrap())
    }
}

fn path_of(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()?.split(' ').nth(1).map(str::to_owned)
}

fn answer(stream: &mut TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all((head + body).as_bytes());
}

fn table(path: &str, too_many: usize) -> String {
    let (coordinates, query) = path.strip_prefix("/table/v1/driving/").unwrap().split_once('?').unwrap();
    let places: Vec<Place> = coordinates
        .split(';')
        .map(|pair| pair.split_once(',').unwrap())
        .map(|(lon, lat)| Place::new(lat.parse().unwrap(), lon.parse().unwrap()).unwrap())
        .collect();
    let named = |key: &str| {
        let list = query.split('&').find_map(|part| part.strip_prefix(key)).unwrap();
        list.split(';').map(|no| places[no.parse::<usize>().unwrap()]).collect::<Vec<_>>()
    };
    let (mut from, to) = (named("sources="), named("destinations="));
    from.extend(vec![from[0]; too_many]);
    let cells = |of: &dyn Fn(Place, Place) -> f64| {
        from.iter().map(|from| to.iter().map(|to| of(*from, *to)).collect()).collect::<Vec<Vec<f64>>>()
    };
    serde_json::json!({ "code": "Ok", "durations": cells(&drive_s), "distances": cells(&|a, b| a.distance_m(b)) })
        .to_string()
}

fn drive_s(from: Place, to: Place) -> f64 {
    let west = |place: Place| place.lon_e6 < at(3.0, 0.0).lon_e6;
    let across = if west(from) == west(to) { 0.0 } else { 2_400.0 };
    from.distance_m(to) * 0.06 + across
}

async fn tree(data: &Path, server: Option<Arc<dyn Travel>>) -> Tree {
    let store = Store::open(store_options(data, Durability::Fsync)).unwrap();
    let clock = Clock::machine(Timestamp::ZERO);
    let options = ServiceOptions { server, ..options(clock.clone(), Desk::silent()) };
    Tree::of(Service::start(store, options).await.unwrap(), clock)
}

/// One on each bank: across the river is 1 km away and 41 minutes by the server, along it 5 km and 5 minutes.
async fn crew(tree: &Tree, source: Source) {
    tree.square("town", 0.0, |settings| settings.travel.source = source).await;
    tree.expert("across", at(3.3, 0.5), "tv", ALWAYS).await;
    tree.expert("along", at(2.7, 5.5), "tv", ALWAYS).await;
}

/// Until the server has said what drives between so many places take.
async fn heard(tree: &Tree, places: usize) {
    let metrics = tree.service.store().telemetry().metrics.clone();
    tree.until("the server has said it", || metrics.travel_places.value() >= places as f64).await;
}

async fn failed(tree: &Tree) {
    let metrics = tree.service.store().telemetry().metrics.clone();
    tree.until("the server has failed", || metrics.text().lines().any(|line| failures(line) > 0)).await;
}

fn failures(line: &str) -> u64 {
    line.strip_prefix("callout_travel_failed_total ").map_or(0, |count| count.parse().unwrap())
}

fn decision(tree: &Tree, number: TicketNumber) -> Decision {
    let events = tree.service.store().history(&Thing::Ticket(number)).unwrap();
    let decided = events.into_iter().rev().find_map(|event| match event.fact {
        Fact::Ticket(TicketEvent::Decided(decision)) => Some(*decision),
        _ => None,
    });
    decided.expect("somebody was looked for")
}

/// Whoever it is has nothing to do when the next one comes.
async fn decline(tree: &Tree, number: TicketNumber, who: &str) {
    tree.act(number, who, Action::Decline { reason: "busy".into() }).await.unwrap();
    tree.command(number, TicketCommand::Cancel { reason: "never mind".into() }).await.unwrap();
}

#[test]
fn whoever_is_nearest_by_the_server_is_asked_and_the_record_says_so() {
    let data = tempfile::tempdir().unwrap();
    runtime(Time::Machine).block_on(async {
        let server = Osrmlike::start(Manner::Honest);
        let tree = tree(data.path(), Some(server.client(Duration::from_secs(5)))).await;
        crew(&tree, Source::Server).await;
        heard(&tree, 2).await;
        let number = tree.open(tv(2.7, 0.5)).await;
        assert_eq!(tree.offered(number).await, "along");
        let made = decision(&tree, number);
        assert_eq!(made.travel, TravelSource::Server, "the new place was asked about before anybody was");
        // The route is timed by it too: 5 km at a minute each, where the great circle needs 13 minutes and a half.
        let stop = tree.service.store().route(&crate::common::tree::expert("along")).unwrap().stops[0].clone();
        assert_eq!(stop.planned_start.since_s(stop.planned_depart), 300);
        decline(&tree, number, "along").await;

        // Another source asks nobody.
        let before = server.calls();
        tree.square("town", 0.0, |settings| settings.travel.source = Source::GreatCircle).await;
        let number = tree.open(tv(2.6, 0.4)).await;
        assert_eq!(tree.offered(number).await, "across");
        assert_eq!((decision(&tree, number).travel, server.calls()), (TravelSource::GreatCircle, before));
        assert_eq!(violations(tree.service.store(), &[]), Vec::<String>::new());
        tree.service.stop().await;
    });
}

#[test]
fn plans_are_made_by_the_servers_times_too() {
    let data = tempfile::tempdir().unwrap();
    runtime(Time::Machine).block_on(async {
        let server = Osrmlike::start(Manner::Honest);
        let store = Store::open(store_options(data.path(), Durability::Fsync)).unwrap();
        let clock = Clock::machine(Timestamp::ZERO);
        let usual = options(clock.clone(), Desk::silent());
        let client = server.client(Duration::from_secs(5));
        let options = ServiceOptions { policy: Policy::Full, server: Some(client), ..usual };
        let tree = Tree::of(Service::start(store, options).await.unwrap(), clock);
        crew(&tree, Source::Server).await;
        heard(&tree, 2).await;
        let number = tree.open(tv(2.7, 0.5)).await;
        assert_eq!(tree.offered(number).await, "along");
        let made = decision(&tree, number);
        assert_eq!((made.travel, made.plan.unwrap().expert.to_string()), (TravelSource::Server, "along".to_owned()));
        tree.audit().await;
        tree.service.stop().await;
    });
}

#[test]
fn nobody_waits_for_a_server_that_hangs_or_answers_nonsense() {
    // Longer than the scene has patience for, so whoever waited would fail it.
    const PATIENCE: Duration = Duration::from_mins(1);
    for manner in [Manner::Hangs, Manner::Page, Manner::WrongSize] {
        let data = tempfile::tempdir().unwrap();
        runtime(Time::Machine).block_on(async {
            let server = Osrmlike::start(manner);
            let tree = tree(data.path(), Some(server.client(PATIENCE))).await;
            crew(&tree, Source::Server).await;
            tree.until("it was asked", || server.calls() > 0).await;
            if manner != Manner::Hangs {
                failed(&tree).await;
            }
            let began = tree.clock.now();
            let number = tree.open(tv(2.7, 0.5)).await;
            assert_eq!(tree.offered(number).await, "across", "{manner:?}");
            let took_ms = tree.clock.now().since_ms(began);
            assert!(took_ms < 5_000, "{manner:?}: {took_ms} ms");
            assert_eq!(decision(&tree, number).travel, TravelSource::GreatCircle, "{manner:?}: it had said nothing");
            assert_eq!(violations(tree.service.store(), &[]), Vec::<String>::new());
            tree.service.stop().await;
        });
    }
}

#[test]
fn what_it_said_before_it_fell_silent_stays_and_the_rest_is_said_to_be_missing() {
    let data = tempfile::tempdir().unwrap();
    runtime(Time::Machine).block_on(async {
        let server = Osrmlike::start(Manner::Honest);
        let tree = tree(data.path(), Some(server.client(Duration::from_mins(1)))).await;
        crew(&tree, Source::Server).await;
        heard(&tree, 2).await;
        let first = tree.open(tv(2.7, 0.5)).await;
        assert_eq!(tree.offered(first).await, "along");
        decline(&tree, first, "along").await;

        server.turns(Manner::Hangs);
        // At a place that it was asked about: as before, and at once.
        let again = tree.open(tv(2.7, 0.5)).await;
        assert_eq!(
            (tree.offered(again).await.as_str(), decision(&tree, again).travel),
            ("along", TravelSource::Server)
        );
        decline(&tree, again, "along").await;
        // At a new one it is waited for a moment, and no longer; what it said of the place next to it helps.
        let began = tree.clock.now();
        let new = tree.open(tv(2.75, 0.6)).await;
        assert_eq!(tree.offered(new).await, "along");
        let took_ms = tree.clock.now().since_ms(began);
        assert!(took_ms < 5_000, "{took_ms} ms");
        assert_eq!(decision(&tree, new).travel, TravelSource::ServerInPart);
        assert_eq!(violations(tree.service.store(), &[]), Vec::<String>::new());
        tree.service.stop().await;
    });
}

#[test]
fn decisions_by_a_server_are_out_of_a_rechecks_reach_and_others_are_not() {
    let data = tempfile::tempdir().unwrap();
    let server = Osrmlike::start(Manner::Page);
    runtime(Time::Machine).block_on(async {
        let tree = tree(data.path(), Some(server.client(Duration::from_secs(5)))).await;
        crew(&tree, Source::Server).await;
        failed(&tree).await;
        let number = tree.open(tv(2.7, 0.5)).await;
        assert_eq!(tree.offered(number).await, "across");
        decline(&tree, number, "across").await;
        tree.service.stop().await;
    });
    server.turns(Manner::Honest);
    drop(reopen(data.path(), Durability::Fsync));
    // After the restart the region is asked about without anybody writing anything.
    runtime(Time::Machine).block_on(async {
        let tree = tree(data.path(), Some(server.client(Duration::from_secs(5)))).await;
        heard(&tree, 2).await;
        let number = tree.open(tv(2.7, 0.6)).await;
        assert_eq!(tree.offered(number).await, "along");
        tree.service.stop().await;
    });
    drop(reopen(data.path(), Durability::Fsync));
    let run = |args: &[&str]| {
        let command = Command::new(env!("CARGO_BIN_EXE_callout"))
            .args(args)
            .arg("--json")
            .arg("--data")
            .arg(data.path())
            .output();
        let output = command.unwrap();
        (output.status.code(), serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
    };
    let (code, tally) = run(&["decide", "--recheck"]);
    let count = |key: &str| tally[key].as_u64().unwrap();
    assert_eq!(
        (code, count("differs"), count("by_server"), count("inputs_unavailable")),
        (Some(1), 0, 1, 1),
        "{tally}"
    );
    assert_eq!(count("same") + 1, count("decisions"), "{tally}");
    let (code, report) = run(&["audit"]);
    assert_eq!((code, &report["ok"]), (Some(0), &true.into()), "{report}");
}

#[test]
fn without_a_server_the_source_is_refused_and_a_region_that_had_one_goes_by_great_circle() {
    let data = tempfile::tempdir().unwrap();
    let server = Osrmlike::start(Manner::Honest);
    runtime(Time::Machine).block_on(async {
        let tree = tree(data.path(), Some(server.client(Duration::from_secs(5)))).await;
        crew(&tree, Source::Server).await;
        heard(&tree, 2).await;
        tree.service.stop().await;
    });
    drop(reopen(data.path(), Durability::Fsync));
    runtime(Time::Machine).block_on(async {
        let tree = tree(data.path(), None).await;
        let number = tree.open(tv(2.7, 0.5)).await;
        assert_eq!(tree.offered(number).await, "across");
        assert_eq!(decision(&tree, number).travel, TravelSource::GreatCircle);
        let town = tree.service.store().region(&region("town")).unwrap();
        let draft = |id: &str, source| {
            let mut settings = RegionSettings::default();
            settings.travel.source = source;
            RegionDraft {
                id: region(id),
                name: id.into(),
                time_zone: town.time_zone.clone(),
                geometry: town.geometry.clone(),
                zips: vec![],
                settings: Some(settings),
            }
        };
        let written = tree.service.write_region(draft("other", Source::Server), &Caller::system()).await;
        let Err(Failure::Invalid { what, detail }) = written else { panic!("{written:?}") };
        assert_eq!(what, "settings.travel.source");
        assert!(detail.contains("travel.server"), "{detail}");
        // What it says already may be said again, or be given up.
        for source in [Source::Server, Source::GreatCircle] {
            tree.service.write_region(draft("town", source), &desk()).await.unwrap();
        }
        tree.service.stop().await;
    });
}

#[test]
fn the_server_may_come_and_go() {
    let data = tempfile::tempdir().unwrap();
    runtime(Time::Machine).block_on(async {
        let server = Osrmlike::start(Manner::Page);
        let tree = tree(data.path(), Some(server.client(Duration::from_secs(5)))).await;
        crew(&tree, Source::Server).await;
        failed(&tree).await;
        server.turns(Manner::Honest);
        // Whatever comes next has it asked again.
        tree.expert("third", at(2.0, 9.0), "tv", ALWAYS).await;
        heard(&tree, 3).await;
        let number = tree.open(tv(2.7, 0.5)).await;
        assert_eq!(tree.offered(number).await, "along");
        tree.service.stop().await;
    });
}
