//! What the process tells about itself: logs, metrics, incidents, trace spans.
//!
//! Logs are fields and a lower-case sentence, to stderr and (a server's) to a file under its data. Never
//! personal data (P12): no names, phone numbers, addresses, exact places, bodies or tokens.

pub mod incidents;
mod kinds;
pub mod log_file;
pub mod mask;
pub mod metrics;
pub mod spans;

pub use incidents::{Incident, Incidents};
pub use kinds::{Counter, Counters, Gauge, Gauges, Grid, Histogram};
pub use metrics::Metrics;
pub use spans::{Span, SpanNo, Spans};

use std::{
    io,
    path::Path,
    sync::{Arc, OnceLock},
};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// What one tree tells about itself; travels with its store. Cheap to clone.
#[derive(Clone, Default)]
pub struct Telemetry {
    pub metrics: Arc<Metrics>,
    pub incidents: Incidents,
    pub spans: Spans,
    /// The settings as they took effect, as text, secrets masked; for investigators.
    pub settings: Arc<OnceLock<String>>,
}

/// Installs the process's log writers. `level` is a filter like `info` or `callout=debug`; an
/// unreadable one falls back to `info` and is named. `to_file`: lines are kept for [`log_to`] too.
pub fn start(level: &str, json: bool, to_file: bool) {
    let (filter, wrong) = match EnvFilter::try_new(level) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error.to_string())),
    };
    let colours = io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let people = fmt::layer().with_writer(io::stderr);
    let people = if json { people.json().flatten_event(true).boxed() } else { people.with_ansi(colours).boxed() };
    let file = to_file.then(|| fmt::layer().json().flatten_event(true).with_writer(log_file::Lines));
    // A second start (tests, the demo in one process) keeps the first writers.
    let _ = tracing_subscriber::registry().with(filter).with(people).with(file).try_init();
    if let Some(error) = wrong {
        tracing::warn!(error, "the log filter is not readable; logging at info");
    }
    std::panic::set_hook(Box::new(panicked));
}

/// What is logged of a panic: its place and what may be told of its cause. The standard hook would print the
/// whole message, and with it whatever text the code stumbled over (P12).
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let cause = mask::cause(panic.payload_as_str().unwrap_or_default());
    let thread = std::thread::current();
    tracing::error!(place, cause, thread = thread.name().unwrap_or_default(), "a panic");
}

/// From now on the log goes to a file in `folder` too, of `megabytes` at most, `files` of them.
pub fn log_to(folder: &Path, megabytes: u64, files: usize) -> io::Result<()> {
    log_file::open(folder, megabytes << 20, files)
}
