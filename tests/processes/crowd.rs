//! More connections than there may be, and clients that are slow on purpose, against a real server.

use super::{
    common::{
        client::Client,
        process::{Server, token},
        town,
    },
    settle,
};
use crate::common::Dice;
use callout::{
    load::{open_files, raise_open_files},
    settings::limits,
};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Idle connections, where the machine allows as many.
const CROWD: usize = 10_000;

#[test]
fn a_crowd_of_idle_connections_fills_the_room_and_those_inside_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    settle(&data, 1);
    let clerk = token(data.to_str().unwrap(), "clerk");
    let (_, most) = open_files();
    raise_open_files();
    let room = limits::connections(most);
    let crowd = CROWD.min(usize::try_from(most).unwrap_or(usize::MAX) - 512).max(room + 100);
    let server = Server::start(&data);
    let mut inside = Client::new(&server.address, &clerk);
    let mut dice = Dice(7);
    let mut post = |inside: &mut Client| inside.post("/v1/tickets", &town::ticket(&mut dice, 1)).unwrap().status;
    assert_eq!(post(&mut inside), 201);
    let connect = || TcpStream::connect(&server.address).unwrap();
    let mut idle: Vec<TcpStream> = (1..room).map(|_| connect()).collect();
    let mut slowest = Duration::ZERO;
    for n in room..crowd {
        let began = Instant::now();
        let mut beyond = connect();
        beyond.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut told = String::new();
        beyond.read_to_string(&mut told).unwrap();
        slowest = slowest.max(began.elapsed());
        assert!(told.starts_with("HTTP/1.1 503") && told.contains("retry-after: 1"), "connection {n}: {told:?}");
        assert!(told.contains("\"code\":\"overloaded\"") && told.contains("x-request-id"), "{told}");
        if n % 100 == 0 {
            assert_eq!(post(&mut inside), 201, "after {n} connections");
        }
    }
    println!("{room} inside, {} turned away, the slowest of them in {slowest:?}", crowd - room);
    let open = |stream: &mut TcpStream| {
        stream.set_nonblocking(true).unwrap();
        stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    assert!(idle.iter_mut().all(open), "nobody inside was put out");
    drop(idle);
    // There is room again.
    let began = Instant::now();
    while !matches!(Client::new(&server.address, &clerk).get("/v1/regions"), Ok(answer) if answer.status == 200) {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(server.stop(), Some(0));
}

/// One figure of the metrics page.
fn metric(client: &mut Client, name: &str) -> f64 {
    let page = String::from_utf8(client.get("/metrics").unwrap().body).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn who_does_not_send_and_who_does_not_read_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    settle(&data, 1);
    let clerk = token(data.to_str().unwrap(), "clerk");
    let server = Server::start(&data);
    let mut watcher = Client::new(&server.address, &clerk);
    // Asks for 60 MB and reads none of it.
    let mut deaf = TcpStream::connect(&server.address).unwrap();
    deaf.set_nonblocking(true).unwrap();
    let ask = "GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(300);
    let _ = deaf.write_all(ask.as_bytes());
    // Half a head.
    let mut mute = TcpStream::connect(&server.address).unwrap();
    mute.write_all(b"GET /v1/regions HTTP/1.1\r\nhost: x\r\nauthor").unwrap();
    // Said something once.
    let mut idle = Client::new(&server.address, &clerk);
    assert_eq!(idle.get("/healthz").unwrap().status, 200);
    let began = Instant::now();
    let mut let_go = [None, None];
    while let_go.contains(&None) {
        std::thread::sleep(Duration::from_millis(500));
        let open = metric(&mut watcher, "callout_http_connections");
        // The one that asks, and those two who are silent.
        if let_go[0].is_none() && began.elapsed() > Duration::from_secs(15) && open <= 3.0 {
            let_go[0] = Some(began.elapsed());
        }
        if let_go[1].is_none() && began.elapsed() > Duration::from_secs(15) && open <= 1.0 {
            let_go[1] = Some(began.elapsed());
        }
        assert!(began.elapsed() < Duration::from_secs(100), "{open} connections are still open");
    }
    println!("who does not read was let go within {:?}, the silent within {:?}", let_go[0], let_go[1]);
    assert!(let_go[0] < Some(Duration::from_secs(45)));
    mute.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut told = Vec::new();
    let _ = mute.read_to_end(&mut told);
    assert!(told.is_empty() || told.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&told));
    assert_eq!(server.stop(), Some(0));
}
