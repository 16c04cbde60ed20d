//! `bench feed`: many subscribers of the live feed, and something for them to hear: notes on one
//! ticket, at a steady rate whatever happens (open loop). What counts is the time from an event's own
//! time, which is taken before its commit, to its arrival; and that nobody misses one.

use super::{
    BenchError, Histogram,
    live::{self, Line},
    now,
    wire::{Connection, Target},
};
use futures_util::StreamExt;
use serde::Serialize;
use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::task::{JoinSet, LocalSet};
use tokio_tungstenite::tungstenite::Message;

#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// `http://host:port`.
    pub server: String,
    /// A dispatcher's: for the feed.
    pub token: String,
    /// A clerk's: for the ticket and its notes.
    pub clerk: String,
    pub subscribers: usize,
    /// Events a second.
    pub rate: u32,
    pub duration: Duration,
}

/// Latency from the event's time to its arrival, over all deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FeedReport {
    pub subscribers: usize,
    /// That each subscriber had to hear.
    pub events: u64,
    pub delivered: u64,
    /// Events that a subscriber did not hear, over all of them.
    pub missing: u64,
    /// Sessions that the server ended.
    pub closed: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// Notes that were not accepted.
    pub errors: u64,
}

/// What has been heard, by all subscribers of this thread.
#[derive(Default)]
struct Heard {
    /// Sequence -> (the event's time, how many heard it).
    events: HashMap<u64, (i64, u64)>,
    latency_ms: Histogram,
    closed: u64,
}

/// How long the last events may be under way.
const LAST: Duration = Duration::from_secs(3);
/// Handshakes at once: more only wait for each other.
const AT_ONCE: usize = 64;

/// Runs to its end on the calling thread, which must not be inside a runtime.
pub fn feed(options: &FeedOptions) -> Result<FeedReport, BenchError> {
    LocalSet::new().block_on(&live::runtime()?, run(options))
}

async fn run(options: &FeedOptions) -> Result<FeedReport, BenchError> {
    let target = Target::parse(&options.server, &options.token)?;
    let clerk = Target::parse(&options.server, &options.clerk)?;
    let unreachable = |source| BenchError::Unreachable { server: options.server.clone(), source };
    let heard = Rc::new(RefCell::new(Heard::default()));
    let mut listeners = JoinSet::new();
    let mut lines = Vec::new();
    while lines.len() < options.subscribers {
        let mut opening = JoinSet::new();
        for _ in lines.len()..options.subscribers.min(lines.len() + AT_ONCE) {
            let target = target.clone();
            opening.spawn(async move { live::open(&target, "/v1/feed").await });
        }
        while let Some(line) = opening.join_next().await {
            lines.push(line.map_err(io::Error::other).and_then(|line| line).map_err(unreachable)?);
        }
    }
    for line in lines {
        listeners.spawn_local(listen(line, heard.clone()));
    }
    let number = ticket(&mut clerk.connection()).await.map_err(unreachable)?;
    let errors = notes(&clerk, &number, options.rate, now() + options.duration).await;
    live::until(now() + LAST).await;
    listeners.abort_all();
    while listeners.join_next().await.is_some() {}
    let heard = heard.borrow();
    let events = heard.events.len() as u64;
    let delivered: u64 = heard.events.values().map(|(_, times)| times).sum();
    let ms = |q| heard.latency_ms.quantile(q) as f64;
    Ok(FeedReport {
        subscribers: options.subscribers,
        events,
        delivered,
        missing: events * options.subscribers as u64 - delivered.min(events * options.subscribers as u64),
        closed: heard.closed,
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        max_ms: ms(1.0),
        errors,
    })
}

/// Listens to one line; only events about notes count: the ticket's own go on beside them.
async fn listen(mut line: Line, heard: Rc<RefCell<Heard>>) {
    while let Some(Ok(message)) = line.next().await {
        let Message::Text(text) = message else { continue };
        if !text.contains("\"ticket.note_added\"") {
            continue;
        }
        let arrived = live::wall_ms();
        let mut heard = heard.borrow_mut();
        let Some(seq) = number_after(&text, "\"seq\":") else { continue };
        let (at, times) = heard.events.entry(seq).or_insert_with(|| (time_of(&text), 0));
        *times += 1;
        let latency = u64::try_from(arrived - *at).unwrap_or(0);
        heard.latency_ms.record(latency);
    }
    heard.borrow_mut().closed += 1;
}

fn number_after(text: &str, name: &str) -> Option<u64> {
    let rest = &text[text.find(name)? + name.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The event's own time, milliseconds since 1970.
fn time_of(text: &str) -> i64 {
    const NAME: &str = "\"at\":\"";
    let rest = text.find(NAME).map(|at| &text[at + NAME.len()..]).unwrap_or_default();
    let text = rest.split('"').next().unwrap_or_default();
    text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond)
}

/// A ticket that nobody is sent to: it has no place.
async fn ticket(connection: &mut Connection) -> io::Result<String> {
    let body = r#"{"title":"bench feed","channel":"api"}"#;
    let answer = connection.post("/v1/tickets", &format!("feed-{}", live::wall_ms()), body.into()).await?;
    answer.number.ok_or_else(|| io::Error::other(format!("the ticket was answered with {}", answer.status)))
}

/// Writes notes on time until `end`; how many were not accepted.
async fn notes(clerk: &Target, number: &str, rate: u32, end: Instant) -> u64 {
    let path = format!("/v1/tickets/{number}/notes");
    let mut connections: Vec<Connection> = Vec::new();
    let (begun, run) = (now(), live::wall_ms());
    let (mut sent, mut errors) = (0_u32, 0);
    let mut under_way = JoinSet::new();
    while now() < end {
        live::until(begun + Duration::from_secs(1) * sent / rate.max(1)).await;
        sent += 1;
        while let Some(done) = under_way.try_join_next() {
            let (connection, accepted): (Connection, bool) = match done {
                Ok(done) => done,
                Err(_) => continue,
            };
            errors += u64::from(!accepted);
            connections.push(connection);
        }
        let mut connection = connections.pop().unwrap_or_else(|| clerk.connection());
        let (path, key) = (path.clone(), format!("note-{run}-{sent}"));
        under_way.spawn_local(async move {
            let answer = connection.post(&path, &key, format!(r#"{{"text":"note {sent}"}}"#)).await;
            let accepted = answer.is_ok_and(|answer| answer.status.is_success());
            (connection, accepted)
        });
    }
    while let Some(done) = under_way.join_next().await {
        errors += u64::from(!done.is_ok_and(|(_, accepted)| accepted));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_sequence_and_time_are_found_without_reading_all_of_it() {
        let text = r#"{"type":"event","position":"x-17","region":"r","seq":17,"at":"2026-01-31T09:00:00.250Z","kind":"ticket.note_added"}"#;
        assert_eq!(number_after(text, "\"seq\":"), Some(17));
        assert_eq!(time_of(text), 1_769_850_000_250);
    }
}
