//! The keeper: a thread that looks at the counters every second, keeps a bucket a minute, joins what was
//! acknowledged with the journal, and marks starts and stops. Nobody waits for it.

use super::{
    Objectives,
    acks::{self, Position},
    buckets::{Bucket, MINUTE_S},
    files::{self, Alive, Line},
};
use crate::{
    storage::Store,
    telemetry::{
        Incident, Metrics,
        incidents::{Kind, now_ms},
    },
};
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

const LOOK: Duration = Duration::from_secs(1);
/// Looks between two signs of life on disk.
const ALIVE_LOOKS: u32 = 5;

/// What the counters do not tell.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Some region accepts and dispatches.
    pub ready: bool,
    /// Age of the oldest ticket that waits for an expert, by region.
    pub oldest_unassigned_s: std::collections::BTreeMap<String, f64>,
}

/// Runs until it is stopped.
pub struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

struct Keeping {
    objectives: Arc<Objectives>,
    store: Store,
    sample: Box<dyn Fn() -> Sample + Send>,
    folder: PathBuf,
    joined: Position,
    /// The minute under way.
    begun_s: i64,
    bucket: Bucket,
    seen: Counted,
    last_ms: i64,
}

/// Counters as they were at the last look.
#[derive(Clone, Copy, Default)]
struct Counted {
    answered: u64,
    failed: u64,
    acknowledged: u64,
    restarts: u64,
}

impl Counted {
    fn of(metrics: &Metrics) -> Self {
        let class = |no| metrics.intake_answers.value(no);
        Self {
            answered: class(0) + class(1) + class(2) + class(3),
            failed: class(4),
            acknowledged: metrics.opened.value(),
            restarts: metrics.crashes.value() + metrics.frozen.value() + metrics.blocked.value(),
        }
    }
}

impl Keeper {
    /// Notes the start (and the time since the last sign of life), then keeps going.
    pub fn start(
        objectives: Arc<Objectives>,
        store: Store,
        sample: impl Fn() -> Sample + Send + 'static,
    ) -> io::Result<Self> {
        let folder = files::folder(&objectives.data);
        std::fs::create_dir_all(&folder)?;
        objectives.start_acks()?;
        let joined = started(&objectives, &folder);
        let now = now_ms();
        let mut keeping = Keeping {
            seen: Counted::of(&objectives.telemetry.metrics),
            begun_s: minute_of(now),
            bucket: Bucket { starts: 1, from_s: now / 1_000, ..Bucket::default() },
            last_ms: now,
            sample: Box::new(sample),
            objectives,
            store,
            folder,
            joined,
        };
        keeping.objectives.lock().running(keeping.begun_s, keeping.bucket.clone());
        // A kill right after the start is one too.
        keeping.tell(false);
        let (stop, stopped) = channel();
        let run = move || {
            let mut looks = 0;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK) {
                keeping.look(now_ms());
                looks += 1;
                if looks % ALIVE_LOOKS == 0 {
                    keeping.tell(false);
                }
            }
            keeping.objectives.acks.flush();
            keeping.look(now_ms());
            keeping.tell(true);
            keeping.objectives.telemetry.incidents.note(Incident::new(Kind::Stop));
            keeping.objectives.telemetry.incidents.flush();
        };
        let thread = std::thread::Builder::new().name("objectives".into()).spawn(run)?;
        Ok(Self { stop, thread })
    }

    /// An orderly stop: noted as one.
    pub fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// Takes in the last minute of the process before, and tells how long nobody was there.
fn started(objectives: &Objectives, folder: &std::path::Path) -> Position {
    let incidents = &objectives.telemetry.incidents;
    let now = now_ms();
    let Some(alive) = files::alive(folder) else {
        incidents.note(Incident::new(Kind::Start));
        return Position::default();
    };
    if let Err(error) = files::append(folder, &alive.line) {
        tracing::warn!(%error, "the last minute of the process before could not be kept");
    }
    {
        let mut history = objectives.lock();
        history.minute(alive.line.at_s, &alive.line.bucket);
        // It is kept now, so it is no longer under way.
        history.running(alive.line.at_s, Bucket::default());
    }
    let down_s = (now - alive.seen_ms).max(0) as f64 / 1e3;
    if !alive.stopped {
        let cause = "the process ended without a stop: killed, crashed, or the machine went down";
        incidents.note(Incident::new(Kind::Down).lasted_s(down_s).cause(cause));
        tracing::warn!(down_s, "the process before ended without a stop");
    }
    incidents.note(Incident::new(Kind::Start).lasted_s(down_s));
    alive.joined
}

fn minute_of(ms: i64) -> i64 {
    let s = ms.div_euclid(1_000);
    s - s.rem_euclid(MINUTE_S)
}

impl Keeping {
    fn look(&mut self, now: i64) {
        if minute_of(now) != self.begun_s {
            self.turn(minute_of(now));
        }
        let metrics = self.objectives.telemetry.metrics.clone();
        let sample = (self.sample)();
        let joined = acks::join(
            &acks::folder(&self.objectives.data),
            &mut self.joined,
            &self.store,
            &self.objectives.telemetry.incidents,
        );
        metrics.acks_checked.add(joined.checked);
        metrics.tickets_missing.add(joined.missing);
        let (before, counted) = (self.seen, Counted::of(&metrics));
        // A machine that slept, or a clock that was set back, was not up meanwhile.
        let since_s = (now - self.last_ms).clamp(0, 5_000) as f64 / 1e3;
        let oldest = sample.oldest_unassigned_s.values().copied().fold(0.0, f64::max);
        let stall = [
            metrics.heartbeat_delay_seconds.highest(),
            metrics.intake_seconds.take_peak(),
            metrics.command_seconds.take_peak(),
        ];
        self.bucket.add(&Bucket {
            up_s: if sample.ready { since_s } else { 0.0 },
            answered: counted.answered - before.answered,
            failed: counted.failed - before.failed,
            acknowledged: counted.acknowledged - before.acknowledged,
            restarts: counted.restarts - before.restarts,
            checked: joined.checked,
            missing: joined.missing,
            stall_s: stall.into_iter().fold(0.0, f64::max),
            oldest_unassigned_s: oldest,
            ..Bucket::default()
        });
        (self.seen, self.last_ms) = (counted, now);
        self.objectives.lock().running(self.begun_s, self.bucket.clone().settled());
    }

    /// The minute is over.
    fn turn(&mut self, next_s: i64) {
        let bucket = std::mem::take(&mut self.bucket).settled();
        let line = Line { at_s: self.begun_s, bucket };
        if let Err(error) = files::append(&self.folder, &line) {
            tracing::warn!(%error, "a minute of the objectives could not be kept");
        }
        let mut history = self.objectives.lock();
        history.minute(self.begun_s, &line.bucket);
        history.running(next_s, Bucket::default());
        drop(history);
        self.begun_s = next_s;
        // The minute that was kept must not be taken for one under way.
        self.tell(false);
    }

    fn tell(&self, stopped: bool) {
        let line = Line { at_s: self.begun_s, bucket: self.bucket.clone().settled() };
        let alive = Alive { seen_ms: now_ms(), stopped, line, joined: self.joined.clone() };
        if let Err(error) = files::put_alive(&self.folder, &alive) {
            tracing::warn!(%error, "the sign of life could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    /// What a process that was last seen 90 s ago leaves the next one to tell.
    fn told_after(stopped: bool) -> (Vec<(Kind, Option<f64>)>, f64) {
        let dir = tempfile::tempdir().unwrap();
        let telemetry = Telemetry::default();
        telemetry.incidents.open(&dir.path().join("incidents"), telemetry.metrics.clone()).unwrap();
        let folder = files::folder(dir.path());
        std::fs::create_dir_all(&folder).unwrap();
        let (seen_ms, at_s) = (now_ms() - 90_000, minute_of(now_ms() - 90_000));
        let bucket = Bucket { up_s: 30.0, ..Bucket::default() }.settled();
        let alive = Alive { seen_ms, stopped, line: Line { at_s, bucket }, joined: Position::default() };
        files::put_alive(&folder, &alive).unwrap();
        let objectives = Objectives::open(dir.path(), &telemetry);
        started(&objectives, &folder);
        telemetry.incidents.flush();
        let told = telemetry.incidents.between(0, i64::MAX / 2);
        let up_s = objectives.lock().since(at_s - 3_600, at_s + 120).0.up_s;
        (told.iter().map(|i| (i.kind, i.lasted_s.map(f64::round))).collect(), up_s)
    }

    #[test]
    fn an_end_without_a_stop_is_downtime_since_the_last_sign_of_life_and_its_minute_is_kept() {
        let (told, up_s) = told_after(false);
        assert_eq!(told, [(Kind::Down, Some(90.0)), (Kind::Start, Some(90.0))]);
        assert_eq!(up_s, 30.0);
        assert_eq!(told_after(true).0, [(Kind::Start, Some(90.0))]);
    }
}
