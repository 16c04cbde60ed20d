//! `bench experts`: many expert apps, each with its channel open and a position every few seconds.

use super::{
    BenchError,
    live::{self, Line},
    now,
    wire::Target,
};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

#[derive(Clone, Debug)]
pub struct ExpertsOptions {
    /// `http://host:port`.
    pub server: String,
    /// A file with `<expert id> <token>` a line.
    pub tokens: PathBuf,
    /// Pause between two positions of one expert.
    pub every: Duration,
    pub duration: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ExpertsReport {
    pub experts: usize,
    pub positions: u64,
    pub positions_per_s: f64,
    /// Deliveries that came and were acknowledged.
    pub deliveries: u64,
    /// Positions that were refused.
    pub refused: u64,
    /// Channels that ended before the time was up.
    pub closed: u64,
}

/// Runs to its end on the calling thread, which must not be inside a runtime.
pub fn experts(options: &ExpertsOptions) -> Result<ExpertsReport, BenchError> {
    live::runtime()?.block_on(run(options))
}

async fn run(options: &ExpertsOptions) -> Result<ExpertsReport, BenchError> {
    let file = std::fs::read_to_string(&options.tokens);
    let file = file.map_err(|source| BenchError::Acks { path: options.tokens.clone(), source })?;
    let unreachable = |source| BenchError::Unreachable { server: options.server.clone(), source };
    let mut lines = Vec::new();
    for (expert, token) in file.lines().filter_map(|line| line.split_once(' ')) {
        let target = Target::parse(&options.server, token.trim())?;
        let path = format!("/v1/experts/{expert}/channel");
        lines.push(live::open(&target, &path).await.map_err(unreachable)?);
    }
    let experts = lines.len();
    let (begun, end) = (now(), now() + options.duration);
    let mut apps = JoinSet::new();
    for (n, line) in lines.into_iter().enumerate() {
        // Spread over the pause, as people are.
        let first = begun + options.every * u32::try_from(n).unwrap_or(0) / u32::try_from(experts.max(1)).unwrap_or(1);
        apps.spawn(app(line, n, first, options.every, end));
    }
    let mut report = ExpertsReport { experts, ..ExpertsReport::default() };
    while let Some(app) = apps.join_next().await {
        let app = app.map_err(io::Error::other).map_err(unreachable)?;
        report.positions += app.positions;
        report.deliveries += app.deliveries;
        report.refused += app.refused;
        report.closed += app.closed;
    }
    report.positions_per_s = report.positions as f64 / options.duration.as_secs_f64();
    Ok(report)
}

/// One app: says where it is, acknowledges what it is told.
async fn app(mut line: Line, n: usize, first: Instant, every: Duration, end: Instant) -> ExpertsReport {
    let (mut report, mut next) = (ExpertsReport::default(), first);
    while now() < end {
        tokio::select! {
            () = live::until(next.min(end)) => {
                next += every;
                let at = jiff::Timestamp::from_millisecond(live::wall_ms()).unwrap_or_default();
                // A few metres on each time.
                let lat = 42.3 + n as f64 * 1e-4 + report.positions as f64 * 1e-5;
                let said = format!(r#"{{"type":"position","lat":{lat:.6},"lon":-71.1,"accuracy_m":8,"at":"{at}"}}"#);
                if line.send(Message::text(said)).await.is_err() {
                    report.closed += 1;
                    return report;
                }
                report.positions += 1;
            }
            heard = line.next() => {
                let Some(Ok(message)) = heard else {
                    report.closed += 1;
                    return report;
                };
                let Message::Text(text) = message else { continue };
                let told: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                if told["type"] == "problem" {
                    report.refused += 1;
                }
                if told["type"] == "delivery" {
                    report.deliveries += 1;
                    let receipt = serde_json::json!({ "type": "receipt", "id": told["id"] }).to_string();
                    let _ = line.send(Message::text(receipt)).await;
                }
            }
        }
    }
    let _ = line.close(None).await;
    report
}
