//! `bench get`: clients that read one path again and again, each waiting for its answer.

use super::{BenchError, Histogram, live, now, wire::Target};
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[derive(Clone, Debug)]
pub struct GetOptions {
    /// `http://host:port`.
    pub server: String,
    pub token: String,
    /// With its query.
    pub path: String,
    pub clients: usize,
    pub duration: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GetReport {
    pub answers: u64,
    pub per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Bytes of the last body.
    pub bytes: usize,
    /// Answers other than 200 and broken connections.
    pub errors: u64,
}

#[derive(Default)]
struct Tally {
    latency_us: Histogram,
    bytes: usize,
    errors: u64,
}

/// Runs to its end on the calling thread, which must not be inside a runtime.
pub fn get(options: &GetOptions) -> Result<GetReport, BenchError> {
    live::runtime()?.block_on(run(options))
}

async fn run(options: &GetOptions) -> Result<GetReport, BenchError> {
    let target = Target::parse(&options.server, &options.token)?;
    let begun = now();
    let mut clients = JoinSet::new();
    for _ in 0..options.clients {
        clients.spawn(client(target.clone(), options.path.clone(), begun + options.duration));
    }
    let mut all = Tally::default();
    while let Some(tally) = clients.join_next().await {
        let tally = tally.unwrap_or_default();
        all.latency_us.merge(&tally.latency_us);
        all.bytes = all.bytes.max(tally.bytes);
        all.errors += tally.errors;
    }
    let elapsed_s = now().duration_since(begun).as_secs_f64();
    let ms = |q| all.latency_us.quantile(q) as f64 / 1_000.0;
    let answers = all.latency_us.count();
    let per_s = (answers as f64 / elapsed_s * 10.0).round() / 10.0;
    Ok(GetReport { answers, per_s, p50_ms: ms(0.5), p99_ms: ms(0.99), bytes: all.bytes, errors: all.errors })
}

async fn client(target: Target, path: String, end: Instant) -> Tally {
    let (mut tally, mut connection) = (Tally::default(), target.connection());
    while now() < end {
        let sent = now();
        match connection.get(&path).await {
            Ok(answer) if answer.status == 200 => {
                let latency = now().duration_since(sent);
                tally.latency_us.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
                tally.bytes = answer.body.len();
            }
            Ok(_) | Err(_) => tally.errors += 1,
        }
    }
    tally
}
