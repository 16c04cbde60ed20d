//! `bench intake`: N clients enter one ticket after the other; each waits for its acknowledgement.

use super::{
    BenchError, Bounds, Histogram, TicketMaker, now,
    wire::{Connection, Target},
};
use serde::Serialize;
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

const TICKETS: &str = "/v1/tickets";
/// How long a client waits before it asks a server again that is down.
const RECONNECT: Duration = Duration::from_millis(20);
/// The longest it obeys a `Retry-After`: a run is short.
const LONGEST_RETRY_S: u64 = 5;

#[derive(Clone, Debug)]
pub struct IntakeOptions {
    /// `http://host:port`.
    pub server: String,
    pub token: String,
    pub clients: usize,
    pub duration: Duration,
    /// Decides the tickets' contents.
    pub seed: u64,
    /// Gets each acknowledged number, one a line, for `audit --acks`.
    pub acks: Option<PathBuf>,
}

/// The contract's figures. Latency is that of acknowledged requests, without the repeats before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct IntakeReport {
    pub acked: u64,
    pub per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Answers other than 201 and broken connections.
    pub errors: u64,
}

/// Runs to its end on the calling thread, which must not be inside a runtime.
pub fn intake(options: &IntakeOptions) -> Result<IntakeReport, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(BenchError::Runtime)?;
    runtime.block_on(run(options))
}

async fn run(options: &IntakeOptions) -> Result<IntakeReport, BenchError> {
    let target = Target::parse(&options.server, &options.token)?;
    let bounds = regions(&target, &options.server).await?;
    let acks = options.acks.as_ref().map(open_acks).transpose()?.map(|file| Arc::new(Mutex::new(file)));
    let (run, started) = (run_id(), now());
    let mut clients = JoinSet::new();
    for client in 0..options.clients as u64 {
        let client = Client {
            connection: target.connection(),
            maker: TicketMaker::new(options.seed, client, &bounds),
            key_prefix: format!("{run:x}-{client}-"),
            until: started + options.duration,
            acks: acks.clone(),
            tally: Tally::default(),
        };
        clients.spawn(client.run());
    }
    let mut all = Tally::default();
    while let Some(tally) = clients.join_next().await {
        all.add(&tally.unwrap_or_default());
    }
    let elapsed = now().duration_since(started);
    if let (Some(acks), Some(path)) = (acks, &options.acks) {
        let flushed = acks.lock().unwrap_or_else(PoisonError::into_inner).flush();
        flushed.map_err(|source| BenchError::Acks { path: path.clone(), source })?;
    }
    Ok(all.report(elapsed))
}

/// Where tickets may lie; the server's regions, as far as this token may see them.
pub(super) async fn regions(target: &Target, server: &str) -> Result<Vec<Bounds>, BenchError> {
    let mut connection = target.connection();
    let unreachable = |source| BenchError::Unreachable { server: server.to_owned(), source };
    let answer = connection.get("/v1/regions?limit=200").await.map_err(unreachable)?;
    Ok(serde_json::from_slice(&answer.body).map(|json| Bounds::of_regions(&json)).unwrap_or_default())
}

fn open_acks(path: &PathBuf) -> Result<BufWriter<File>, BenchError> {
    File::create(path).map(BufWriter::new).map_err(|source| BenchError::Acks { path: path.clone(), source })
}

/// Tells the keys of this run from those of every other: a seed used twice must not replay answers.
#[allow(clippy::disallowed_methods, reason = "keys must differ between runs, whatever the seed")]
pub(super) fn run_id() -> u128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (since.as_nanos() << 32) | u128::from(std::process::id())
}

struct Client {
    connection: Connection,
    maker: TicketMaker,
    key_prefix: String,
    until: Instant,
    acks: Option<Arc<Mutex<BufWriter<File>>>>,
    tally: Tally,
}

impl Client {
    async fn run(mut self) -> Tally {
        let mut ticket = 0_u64;
        while now() < self.until {
            let key = format!("{}{ticket}", self.key_prefix);
            let body = self.maker.next_body();
            // The same key until its fate is known or the time is up.
            while now() < self.until && !self.enter(&key, &body).await {}
            ticket += 1;
        }
        self.tally
    }

    /// One attempt. False: it may be repeated.
    async fn enter(&mut self, key: &str, body: &str) -> bool {
        let sent = now();
        let answer = self.connection.post(TICKETS, key, body.to_owned()).await;
        let pause = match answer {
            Ok(answer) if answer.status == 201 => {
                let latency = now().duration_since(sent);
                self.tally.acked += 1;
                self.tally.latency_us.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
                self.note(answer.number.as_deref());
                return true;
            }
            Ok(answer) if answer.status.is_server_error() || answer.status == 429 => {
                Duration::from_secs(answer.retry_after_s.unwrap_or(1).min(LONGEST_RETRY_S))
            }
            Ok(_) => {
                self.tally.errors += 1;
                return true;
            }
            Err(_) => RECONNECT,
        };
        self.tally.errors += 1;
        pause_for(pause.min(self.until.saturating_duration_since(now()))).await;
        false
    }

    fn note(&self, number: Option<&str>) {
        if let (Some(acks), Some(number)) = (&self.acks, number) {
            // A full disk shows when the file is flushed at the end.
            let _ = writeln!(acks.lock().unwrap_or_else(PoisonError::into_inner), "{number}");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a client outside the server waits in real time")]
async fn pause_for(pause: Duration) {
    tokio::time::sleep(pause).await;
}

#[derive(Default)]
struct Tally {
    acked: u64,
    errors: u64,
    latency_us: Histogram,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.acked += other.acked;
        self.errors += other.errors;
        self.latency_us.merge(&other.latency_us);
    }

    fn report(&self, elapsed: Duration) -> IntakeReport {
        let ms = |q| self.latency_us.quantile(q) as f64 / 1_000.0;
        let per_s = self.acked as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        IntakeReport {
            acked: self.acked,
            per_s: (per_s * 10.0).round() / 10.0,
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
            errors: self.errors,
        }
    }
}

#[cfg(test)]
mod tests;
