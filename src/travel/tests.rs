//! Sources that fail in every way a server can, and what the caller gets.

use super::*;
use crate::domain::ids::RegionId;
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

const T: Timestamp = Timestamp(1_800_000_000_000);

fn place(lon_e6: i32) -> Place {
    Place { lat_e6: 0, lon_e6 }
}

fn places(count: i32) -> Vec<Place> {
    (0..count).map(|no| place(no * 1_000)).collect()
}

fn ask<'a>(from: &'a [Place], to: &'a [Place]) -> Ask<'a> {
    Ask { from, to, hour: 12, now: T }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}

/// A server on this machine that answers each call with what `answer` makes of its path; None: never.
fn server(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> Osrm {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            match answer(head.split(' ').nth(1).unwrap_or_default()) {
                Some(answer) => drop(stream.write_all(answer.as_bytes())),
                None => silent.push(stream),
            }
        }
    });
    let options = OsrmOptions { url, patience: Duration::from_millis(300), coordinates: 4, hours: Hours::default() };
    Osrm::open(options).unwrap()
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Answers as OSRM does: 10 s and 100 m per thousand micro-degrees east, no way west.
fn honest(path: &str) -> String {
    let (coordinates, query) = path.strip_prefix("/table/v1/driving/").unwrap().split_once('?').unwrap();
    let lons: Vec<f64> = coordinates.split(';').map(|pair| pair.split_once(',').unwrap().0.parse().unwrap()).collect();
    let named = |key: &str| {
        let list = query.split('&').find_map(|part| part.strip_prefix(key)).unwrap();
        list.split(';').map(|no| lons[no.parse::<usize>().unwrap()]).collect::<Vec<_>>()
    };
    let (from, to) = (named("sources="), named("destinations="));
    let table = |unit: f64| {
        let cell = |from: f64, to: f64| (to >= from).then(|| ((to - from) * 1_000.0).round() * unit);
        from.iter().map(|from| to.iter().map(|to| cell(*from, *to)).collect()).collect::<Vec<Vec<_>>>()
    };
    assert!(query.contains("annotations=duration,distance") && lons.len() <= 4, "{path}");
    let body = serde_json::json!({ "code": "Ok", "durations": table(10.0), "distances": table(100.0), "sources": [] });
    http("200 OK", &body.to_string())
}

#[test]
fn a_server_is_asked_in_blocks_that_make_one_table() {
    let (from, to) = (places(5), places(3));
    let table = run(server(|path| Some(honest(path))).table(ask(&from, &to))).unwrap();
    assert_eq!((table.rows, table.columns, table.origin), (5, 3, Origin::Server));
    for row in 0..5_usize {
        for column in 0..3_usize {
            let expected = column.checked_sub(row).map(|steps| (steps as i64 * 10, steps as i64 * 100));
            assert_eq!(table.leg(row, column).map(|leg| (leg.duration_s, leg.distance_m)), expected);
        }
    }
}

#[test]
fn one_row_takes_as_many_columns_as_the_server_does() {
    for (rows, columns, calls) in [(1, 9, 3), (9, 1, 3), (1, 3, 1), (2, 2, 1), (3, 3, 4), (0, 3, 0)] {
        let asked = Arc::new(Mutex::new(0));
        let counted = asked.clone();
        let server = server(move |path| {
            *counted.lock().unwrap() += 1;
            Some(honest(path))
        });
        let table = run(server.table(ask(&places(rows), &places(columns)))).unwrap();
        assert_eq!(table.legs.len() as i32, rows * columns);
        assert_eq!(*asked.lock().unwrap(), calls, "{rows} x {columns}");
    }
}

#[test]
fn whatever_a_server_does_wrong_has_a_name_and_ends_in_time() {
    let ok = |tables: &str| http("200 OK", &format!("{{\"code\":\"Ok\",{tables}}}"));
    let page = http("200 OK", "<html><body>Welcome</body></html>");
    let short = ok("\"durations\":[[1]],\"distances\":[[1,2],[3,4]]");
    let no_distances = ok("\"durations\":[[1,2],[3,4]]");
    let negative = ok("\"durations\":[[1,-2],[3,4]],\"distances\":[[1,2],[3,4]]");
    let half = ok("\"durations\":[[1,null],[3,4]],\"distances\":[[1,2],[3,4]]");
    let huge = ok(&format!("\"message\":\"{}\"", "x".repeat(50_000)));
    let refused = http("400 Bad Request", "{\"code\":\"TooBig\",\"message\":\"Too many\\ncoordinates\"}");
    let cases = [
        (None, TravelError::Timeout),
        // Promises more than it sends, and hangs up.
        (Some("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_owned()), TravelError::Broken),
        (Some("no HTTP at all".to_owned()), TravelError::Broken),
        (Some(page), TravelError::Unreadable(200)),
        (Some(http("502 Bad Gateway", "")), TravelError::Unreadable(502)),
        (Some(short), TravelError::WrongSize),
        (Some(no_distances), TravelError::WrongSize),
        (Some(negative), TravelError::BadFigure),
        (Some(half), TravelError::BadFigure),
        (Some(huge), TravelError::Oversized),
        (Some(refused), TravelError::Refused("TooBig Too manycoordinates".to_owned())),
    ];
    let both = places(2);
    for (answer, expected) in cases {
        let told = answer.clone();
        let server = server(move |_| told.clone());
        assert_eq!(run(server.table(ask(&both, &both))), Err(expected), "{answer:?}");
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = OsrmOptions {
        url: format!("http://127.0.0.1:{port}"),
        patience: Duration::from_secs(5),
        coordinates: 100,
        hours: Hours::default(),
    };
    let nobody = Osrm::open(options.clone()).unwrap();
    assert_eq!(run(nobody.table(ask(&both, &both))), Err(TravelError::Unreachable));
    assert!(Osrm::open(OsrmOptions { url: "osrm:5000".to_owned(), ..options }).is_err());
}

/// Counts what it is asked; fails while told to.
#[derive(Default)]
struct Counting {
    asked: Mutex<Vec<(usize, usize)>>,
    failing: Mutex<bool>,
}

impl Counting {
    fn calls(&self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Travel for Counting {
    fn table<'a>(&'a self, ask: Ask<'a>) -> Asked<'a> {
        self.asked.lock().unwrap().push((ask.from.len(), ask.to.len()));
        let failing = *self.failing.lock().unwrap();
        Box::pin(async move {
            let table = GreatCircle::default().table(ask.from, ask.to, ask.hour);
            if failing { Err(TravelError::Timeout) } else { Ok(Table { origin: Origin::Roads, ..table }) }
        })
    }
}

#[test]
fn who_fails_is_stood_in_for_and_then_left_alone() {
    let first = Arc::new(Counting::default());
    let guarded = Guarded::new(first.clone(), Arc::new(GreatCircle::default()));
    let both = places(2);
    let at = |now: Timestamp| run(guarded.table(Ask { now, ..ask(&both, &both) })).unwrap();
    assert_eq!((at(T).origin, at(T).instead), (Origin::Roads, None));
    *first.failing.lock().unwrap() = true;
    for _ in 0..20 {
        let table = at(T);
        assert!(table.origin == Origin::GreatCircle && table.instead.is_some());
    }
    assert_eq!(first.calls().len(), 2 + 5, "two that worked, five that failed");
    assert_eq!(at(T).instead.as_deref(), Some("left alone after failures"));
    *first.failing.lock().unwrap() = false;
    assert_eq!(at(T.plus_s(30)).origin, Origin::Roads, "tried again after the pause");
}

fn region(name: &str) -> RegionId {
    RegionId::parse(name).unwrap()
}

fn learnt(squares: &Squares, now: Timestamp) -> Result<Learnt, TravelError> {
    run(squares.ask(&region("north"), now))
}

/// Of the region in the north: where each of the places is known to be from each other.
fn known(squares: &Squares, asked: &[Place]) -> usize {
    let square = squares.of(&region("north")).unwrap_or_default();
    let truth = GreatCircle::default().table(asked, asked, 0);
    let square = &square;
    let pairs = asked.iter().flat_map(|from| asked.iter().map(move |to| square.leg(*from, *to)));
    pairs.zip(truth.legs).filter(|(leg, truth)| leg == truth).count()
}

#[test]
fn of_a_new_place_only_its_own_legs_are_asked_and_what_was_handed_out_stays_as_it_was() {
    let source = Arc::new(Counting::default());
    let squares = Squares::new(source.clone());
    let north = region("north");
    assert!(squares.outlived(&north, T) && squares.of(&north).is_none());
    squares.begin(&north, places(4), T);
    assert_eq!((squares.wanting(), squares.outlived(&north, T)), (vec![north.clone()], false));
    assert_eq!((learnt(&squares, T), source.calls()), (Ok(Learnt::More { first: true }), vec![(4, 4)]));
    let before = squares.of(&north).unwrap();
    squares.want(&north, places(4));
    assert_eq!((learnt(&squares, T), source.calls()), (Ok(Learnt::Nothing), vec![]), "known");
    squares.want(&north, places(6));
    assert_eq!((learnt(&squares, T), source.calls()), (Ok(Learnt::More { first: false }), vec![(2, 6), (4, 2)]));
    assert_eq!((known(&squares, &places(6)), squares.wanting()), (36, vec![]));
    assert_eq!((before.places().len(), before.edition(), squares.of(&north).unwrap().edition()), (4, 1, 2));
    squares.forget(&north);
    assert!(squares.of(&north).is_none());
}

#[test]
fn while_the_server_fails_what_was_known_stays_and_the_rest_is_asked_again() {
    let source = Arc::new(Counting::default());
    let squares = Squares::new(Arc::new(Wary::new(source.clone())));
    let north = region("north");
    squares.begin(&north, places(3), T);
    assert_eq!(learnt(&squares, T), Ok(Learnt::More { first: true }));
    *source.failing.lock().unwrap() = true;
    squares.want(&north, places(4));
    for _ in 0..5 {
        assert_eq!(learnt(&squares, T), Err(TravelError::Timeout));
    }
    source.calls();
    assert_eq!((learnt(&squares, T), source.calls()), (Err(TravelError::LeftAlone), vec![]));
    assert_eq!((known(&squares, &places(3)), squares.wanting()), (9, vec![north]));
    *source.failing.lock().unwrap() = false;
    assert_eq!(learnt(&squares, T.plus_s(30)), Ok(Learnt::More { first: false }));
    assert_eq!(known(&squares, &places(4)), 16);
}

#[test]
fn a_region_begins_anew_after_a_day_in_portions_and_has_the_old_legs_meanwhile() {
    let source = Arc::new(Counting::default());
    let squares = Squares::bounded(source.clone(), 100, 10_000, 2);
    let north = region("north");
    squares.begin(&north, places(3), T);
    assert_eq!(learnt(&squares, T), Ok(Learnt::More { first: true }), "better than nothing");
    assert_eq!(learnt(&squares, T), Ok(Learnt::More { first: false }));
    assert_eq!(known(&squares, &places(3)), 9);
    let later = T.plus_s(90_000);
    assert!(!squares.outlived(&north, T.plus_s(3_000)) && squares.outlived(&north, later));
    squares.begin(&north, places(4), later);
    assert_eq!((learnt(&squares, later), known(&squares, &places(3))), (Ok(Learnt::Nothing), 9));
    assert_eq!((learnt(&squares, later), known(&squares, &places(4))), (Ok(Learnt::More { first: false }), 16));
    assert!(!squares.outlived(&north, later));
}

#[test]
fn places_and_legs_are_bounded_and_too_full_a_region_begins_anew() {
    let source = Arc::new(Counting::default());
    let squares = Squares::bounded(source.clone(), 4, 20, 10);
    let north = region("north");
    squares.begin(&north, places(4), T);
    assert_eq!(learnt(&squares, T), Ok(Learnt::More { first: true }));
    assert!(!squares.outlived(&north, T.plus_s(4_000)) && squares.want(&north, places(9)));
    source.calls();
    assert_eq!((learnt(&squares, T), squares.wanting(), source.calls()), (Ok(Learnt::Full), vec![], vec![]));
    assert_eq!(known(&squares, &places(4)), 16, "what was known stays");
    assert!(!squares.want(&north, places(9)), "said once, and then left alone for an hour");
    assert_eq!(learnt(&squares, T), Ok(Learnt::Nothing));
    assert!(!squares.outlived(&north, T.plus_s(60)) && squares.outlived(&north, T.plus_s(4_000)));
    squares.begin(&north, places(9).split_off(5), T.plus_s(4_000));
    assert_eq!(learnt(&squares, T), Ok(Learnt::More { first: false }));
    assert_eq!(known(&squares, &places(9).split_off(5)), 16);
    // Another region finds no room.
    let south = region("south");
    squares.begin(&south, places(3), T);
    assert_eq!((run(squares.ask(&south, T)), squares.of(&south).is_none()), (Ok(Learnt::Full), true));
}
