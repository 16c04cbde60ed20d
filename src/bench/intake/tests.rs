//! The generator against a server that is in bad health: what it reports is what was acknowledged.

use super::*;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    thread,
};

/// Numbers by idempotency key.
type Book = Arc<Mutex<BTreeMap<String, usize>>>;

/// Answers 201 with a number per key, except each fifth request (503) and each seventh (takes the
/// ticket and hangs up).
fn ill_server() -> (String, Book) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let book = Book::default();
    let shared = book.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let book = shared.clone();
            thread::spawn(move || serve(stream.unwrap(), &book));
        }
    });
    (server, book)
}

fn serve(mut stream: TcpStream, book: &Book) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for request in 1.. {
        let Some((line, key)) = read_request(&mut reader) else { return };
        let answer = if line.starts_with("GET") {
            "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"items\":[]}".to_owned()
        } else if request % 5 == 0 {
            "HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            let mut book = book.lock().unwrap();
            let next = book.len();
            let number = *book.entry(key).or_insert(next);
            format!("HTTP/1.1 201 Created\r\nlocation: /v1/tickets/T{number}\r\ncontent-length: 0\r\n\r\n")
        };
        if request % 7 == 0 || stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The request's first line and its idempotency key; None at the end of the connection.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let (mut first, mut key, mut length) = (String::new(), String::new(), 0);
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim().to_ascii_lowercase().split_once(": ") {
            Some(("idempotency-key", value)) => value.clone_into(&mut key),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some((first, key))
}

#[test]
fn each_acknowledged_ticket_is_counted_once_whatever_the_server_does() {
    let (server, book) = ill_server();
    let folder = tempfile::tempdir().unwrap();
    let acks = folder.path().join("acks");
    let options = IntakeOptions {
        server,
        token: "t".to_owned(),
        clients: 4,
        duration: Duration::from_millis(200),
        seed: 1,
        acks: Some(acks.clone()),
    };
    let report = intake(&options).unwrap();
    let mut numbers: Vec<String> = std::fs::read_to_string(acks).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(numbers.len() as u64, report.acked);
    assert!(report.acked > 0 && report.errors > 0, "{report:?}");
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len() as u64, report.acked, "no number is acknowledged twice");
    // A client may end between the server's taking of a ticket and its answer.
    let taken = book.lock().unwrap().len() as u64;
    assert!((report.acked..=report.acked + 4).contains(&taken), "{taken} taken, {report:?}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{closed}");
    let options =
        IntakeOptions { server, token: String::new(), clients: 1, duration: Duration::ZERO, seed: 1, acks: None };
    let error = intake(&options).unwrap_err().to_string();
    assert!(error.contains(&closed.to_string()), "{error}");
    let bad = IntakeOptions { server: "ftp://x".to_owned(), ..options };
    assert!(matches!(intake(&bad), Err(BenchError::BadServer(_))));
}
