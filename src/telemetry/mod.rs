//! What the process tells about itself: logs, metrics, incidents, trace spans.
//!
//! Logs: fields and a lower-case sentence, to stderr. Never personal data (P12): no names, phone
//! numbers, addresses, exact places, bodies or tokens.

mod kinds;
pub mod metrics;

pub use kinds::{Counter, Counters, Gauge, Gauges, Grid, Histogram};
pub use metrics::Metrics;

use std::sync::Arc;
use tracing_subscriber::{EnvFilter, fmt};

/// One tree's figures; travels with its store. Cheap to clone.
#[derive(Clone, Default)]
pub struct Telemetry {
    pub metrics: Arc<Metrics>,
}

/// Installs the process's one log writer. `level` is a filter like `info` or `callout=debug`; an
/// unreadable one falls back to `info` and is named.
pub fn start(level: &str, json: bool) {
    let (filter, wrong) = match EnvFilter::try_new(level) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error.to_string())),
    };
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    // A second start (tests, the demo in one process) keeps the first writer.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
    if let Some(error) = wrong {
        tracing::warn!(error, "the log filter is not readable; logging at info");
    }
}
