//! The load generator behind `callout bench`: clients that enter tickets over HTTP and count only what
//! was acknowledged, that read, that listen to the live feed, that are experts' apps.
//!
//! Must hold: the generator is cheap beside the server (one thread, so that `taskset` can pin it),
//! bodies are a function of the seed, and each ticket carries an Idempotency-Key of its own, so that
//! repeating one whose fate is unknown never makes two. It knows the contract, not the product: it
//! must never reach into the server's types. Only `roads` asks no server: it measures the graph itself.

mod experts;
mod feed;
mod get;
mod histogram;
mod intake;
mod live;
mod overload;
mod roads;
mod tickets;
mod wire;

pub use experts::{ExpertsOptions, ExpertsReport, experts};
pub use feed::{FeedOptions, FeedReport, feed};
pub use get::{GetOptions, GetReport, get};
pub use histogram::Histogram;
pub use intake::{IntakeOptions, IntakeReport, intake};
pub use overload::{OverloadOptions, OverloadReport, overload};
pub use roads::{RoadsOptions, RoadsReport, roads};
pub use tickets::{Bounds, TicketMaker};

use std::{io, path::PathBuf, time::Instant};

/// Why a run could not be made. A server that fails under way is not an error but a figure.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("{0} is not an http:// address")]
    BadServer(String),
    #[error("{server} is not reachable: {source}")]
    Unreachable { server: String, source: io::Error },
    #[error("{}: {source}", path.display())]
    Acks { path: PathBuf, source: io::Error },
    #[error("the runtime did not start: {0}")]
    Runtime(io::Error),
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
