//! The objectives, live: is intake there, is anything lost, how long did the worst take. A desk of its
//! own with its own files; it only reads the store.
//!
//! ```text
//! data/objectives/<day>.jsonl   a line a minute; a minute without a line is a minute down
//! data/objectives/alive.json    the minute under way, every few seconds; marks an orderly stop
//! data/acks/<day>.txt           numbers the door acknowledged, one a line (as `callout audit --acks` reads)
//! ```
//! Must hold: a request costs counters and a place in a bounded queue, nothing else; everything on disk
//! is bounded in age and size; the arithmetic is pure (`buckets.rs`). Acknowledged numbers come from the
//! door, never from the journal they are joined with.

mod acks;
mod buckets;
mod files;
mod keeper;
mod report;

pub use buckets::{Bucket, History};
pub use keeper::{Keeper, Sample};
pub use report::{GOALS, Goals, Period, Report};

use crate::{
    domain::ids::TicketNumber,
    telemetry::{Telemetry, incidents::now_ms},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What is known of the past, and where more goes.
pub struct Objectives {
    data: PathBuf,
    history: Mutex<History>,
    acks: acks::Acks,
    telemetry: Telemetry,
}

impl Objectives {
    /// Reads what earlier processes kept. Writes nothing until a [`Keeper`] runs.
    #[must_use]
    pub fn open(data: &Path, telemetry: &Telemetry) -> Self {
        let folder = files::folder(data);
        let mut history = files::load(&folder, now_ms() / 1_000);
        // The last minute of the process before, until a keeper takes it in.
        if let Some(alive) = files::alive(&folder) {
            history.running(alive.line.at_s, alive.line.bucket);
        }
        Self {
            data: data.to_path_buf(),
            history: Mutex::new(history),
            acks: acks::Acks::default(),
            telemetry: telemetry.clone(),
        }
    }

    /// The door has acknowledged a ticket. Never waits.
    pub fn acknowledged(&self, number: TicketNumber) {
        self.acks.note(number, &self.telemetry.metrics);
    }

    /// Today, 7 and 30 days against the goals, as of now.
    #[must_use]
    pub fn report(&self, sample: &Sample) -> Report {
        let now_s = now_ms() / 1_000;
        let incidents = self.telemetry.incidents.between((now_s - report::DAYS_30_S) * 1_000, now_s * 1_000);
        Report::new(&self.lock(), &incidents, sample, now_s)
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_acks(&self) -> io::Result<()> {
        self.acks.start(&acks::folder(&self.data), &self.telemetry.metrics)
    }
}
