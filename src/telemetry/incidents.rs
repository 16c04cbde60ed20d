//! The record of what went wrong: starts and stops, crashes, freezes, parked regions, a full disk, a
//! jump of the clock. JSON lines, a file a day, beside the journal and independent of it.
//!
//! Must hold: noting costs its caller a place in a bounded queue, never a wait; no personal data (P12):
//! ids and masked causes only; the files are bounded in size and age. What ends the process is written
//! at once, on the thread that ends it.

use super::{Metrics, mask};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// Lines that may wait for the disk.
const QUEUE: usize = 1_024;
/// One day's file is closed for more at this size, bytes: a storm of crashes tells nothing new.
const DAY_BYTES: u64 = 16 << 20;
/// How long files are kept, days.
const KEPT_DAYS: i64 = 90;
/// Lines read back at once.
const READ_LINES: usize = 200_000;
/// Characters of a cause.
const CAUSE_CHARS: usize = 300;
const DAY_MS: i64 = 86_400_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Start,
    Stop,
    /// The process before ended without a stop; `lasted_s`: since its last sign of life.
    Down,
    Crash,
    Restart,
    Quarantine,
    Park,
    /// An actor that did not finish one message.
    Freeze,
    /// A runtime that gave no sign of life.
    Stall,
    /// The storage gave up; the process ends.
    StorageFailed,
    DiskFull,
    ClockJump,
    Overload,
    /// An acknowledged ticket that the journal does not hold.
    TicketMissing,
    /// A region foresees that promises will be broken.
    Shortage,
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Down => "down",
            Self::Crash => "crash",
            Self::Restart => "restart",
            Self::Quarantine => "quarantine",
            Self::Park => "park",
            Self::Freeze => "freeze",
            Self::Stall => "stall",
            Self::StorageFailed => "storage_failed",
            Self::DiskFull => "disk_full",
            Self::ClockJump => "clock_jump",
            Self::Overload => "overload",
            Self::TicketMissing => "ticket_missing",
            Self::Shortage => "shortage",
        }
    }
}

/// Where in an incident's life a line stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Once,
    Begin,
    End,
}

/// One line. Ids only; `cause` is masked when it is noted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The machine's time, milliseconds since 1970.
    pub at_ms: i64,
    pub kind: Kind,
    #[serde(default)]
    pub phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expert: Option<String>,
    /// Which actor, thread or runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How long it took, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasted_s: Option<f64>,
}

impl Incident {
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            at_ms: now_ms(),
            kind,
            phase: Phase::Once,
            region: None,
            ticket: None,
            expert: None,
            role: None,
            cause: None,
            lasted_s: None,
        }
    }

    #[allow(clippy::needless_pass_by_value, reason = "ids are shown, borrowed or not")]
    #[must_use]
    pub fn region(self, region: impl ToString) -> Self {
        Self { region: Some(region.to_string()), ..self }
    }

    #[allow(clippy::needless_pass_by_value, reason = "ids are shown, borrowed or not")]
    #[must_use]
    pub fn ticket(self, ticket: impl ToString) -> Self {
        Self { ticket: Some(ticket.to_string()), ..self }
    }

    #[allow(clippy::needless_pass_by_value, reason = "ids are shown, borrowed or not")]
    #[must_use]
    pub fn expert(self, expert: impl ToString) -> Self {
        Self { expert: Some(expert.to_string()), ..self }
    }

    #[allow(clippy::needless_pass_by_value, reason = "ids are shown, borrowed or not")]
    #[must_use]
    pub fn role(self, role: impl ToString) -> Self {
        Self { role: Some(role.to_string()), ..self }
    }

    #[must_use]
    pub fn cause(self, cause: &str) -> Self {
        let line = mask::cause(cause);
        Self { cause: Some(line.chars().take(CAUSE_CHARS).collect()), ..self }
    }

    #[must_use]
    pub fn lasted_s(self, seconds: f64) -> Self {
        Self { lasted_s: Some(seconds), ..self }
    }

    /// What an episode is told apart by.
    fn subject(&self) -> (Kind, String) {
        let parts = [&self.region, &self.ticket, &self.expert, &self.role];
        (self.kind, parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" "))
    }
}

/// Where incidents are noted; cheap to clone. Notes nothing until it is opened over a folder.
#[derive(Clone, Default)]
pub struct Incidents(Arc<Inner>);

#[derive(Default)]
struct Inner {
    book: OnceLock<Book>,
    /// Episodes that have begun, with when.
    open: Mutex<BTreeMap<(Kind, String), i64>>,
}

struct Book {
    folder: PathBuf,
    lines: SyncSender<Order>,
    metrics: Arc<Metrics>,
}

enum Order {
    Line(Box<Incident>),
    Flush(SyncSender<()>),
}

impl Incidents {
    /// Notes into `data/incidents/` from now on. Opening twice changes nothing.
    pub fn open(&self, folder: &Path, metrics: Arc<Metrics>) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let (lines, orders) = sync_channel(QUEUE);
        let book = Book { folder: folder.to_path_buf(), lines, metrics };
        if self.0.book.set(book).is_ok() {
            let folder = folder.to_path_buf();
            std::thread::Builder::new().name("incidents".into()).spawn(move || write(&folder, &orders))?;
        }
        Ok(())
    }

    pub fn note(&self, incident: Incident) {
        let Some(book) = self.0.book.get() else { return };
        if let Err(TrySendError::Full(_)) = book.lines.try_send(Order::Line(Box::new(incident))) {
            book.metrics.incidents_dropped.add(1);
        }
    }

    /// An episode begins; nothing when it has begun already.
    pub fn begin(&self, incident: Incident) {
        let fresh = match self.open_ones().entry(incident.subject()) {
            Entry::Vacant(place) => {
                place.insert(incident.at_ms);
                true
            }
            Entry::Occupied(_) => false,
        };
        if fresh {
            self.note(Incident { phase: Phase::Begin, ..incident });
        }
    }

    /// An episode ends; nothing when none had begun.
    pub fn end(&self, incident: Incident) {
        let began = self.open_ones().remove(&incident.subject());
        if let Some(began) = began {
            let lasted = (incident.at_ms - began).max(0) as f64 / 1e3;
            self.note(Incident { phase: Phase::End, lasted_s: Some(lasted), ..incident });
        }
    }

    /// Written before it returns: for what ends the process.
    pub fn at_once(&self, incident: &Incident) {
        let Some(book) = self.0.book.get() else { return };
        if let Err(error) = append(&book.folder, incident).and_then(|file| file.sync_data()) {
            tracing::error!(%error, "an incident could not be written");
        }
    }

    /// Waits until all that was noted is in the file.
    pub fn flush(&self) {
        let Some(book) = self.0.book.get() else { return };
        let (done, waiting) = sync_channel(1);
        if book.lines.send(Order::Flush(done)).is_ok() {
            let _ = waiting.recv();
        }
    }

    /// What was noted from then until then, in order; the last `READ_LINES` of it.
    #[must_use]
    pub fn between(&self, from_ms: i64, to_ms: i64) -> Vec<Incident> {
        self.0.book.get().map_or_else(Vec::new, |book| between(&book.folder, from_ms, to_ms))
    }

    fn open_ones(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Kind, String), i64>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The machine's time: incidents happen there, whatever a tree's clock says.
#[allow(clippy::disallowed_methods, reason = "incidents are told in the machine's time")]
#[must_use]
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Milliseconds since 1970 as RFC 3339, to the millisecond.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    let end = if ms > 0 { jiff::Timestamp::MAX } else { jiff::Timestamp::MIN };
    jiff::Timestamp::from_millisecond(ms).unwrap_or(end).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn day_file(folder: &Path, ms: i64) -> PathBuf {
    folder.join(format!("{}.jsonl", &rfc3339(ms)[..10]))
}

fn write(folder: &Path, orders: &Receiver<Order>) {
    let mut swept = 0;
    while let Ok(order) = orders.recv() {
        match order {
            Order::Line(incident) => {
                if incident.at_ms - swept > DAY_MS {
                    swept = incident.at_ms;
                    sweep(folder, swept, KEPT_DAYS);
                }
                if let Err(error) = append(folder, &incident) {
                    tracing::warn!(%error, "an incident could not be written");
                }
            }
            Order::Flush(done) => drop(done.send(())),
        }
    }
}

fn append(folder: &Path, incident: &Incident) -> io::Result<File> {
    let mut file = File::options().create(true).append(true).open(day_file(folder, incident.at_ms))?;
    if file.metadata()?.len() < DAY_BYTES {
        let mut line = serde_json::to_vec(incident)?;
        line.push(b'\n');
        file.write_all(&line)?;
    }
    Ok(file)
}

/// Deletes files named by a day that is more than `days` ago.
pub fn sweep(folder: &Path, now_ms: i64, days: i64) {
    let oldest = rfc3339(now_ms - days * DAY_MS)[..10].to_owned();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let dated = name.len() >= 10 && name.as_bytes()[4] == b'-' && name.as_bytes()[7] == b'-';
        if dated && name[..10] < *oldest {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Reads back what lies in a folder; a torn last line is left out.
#[must_use]
pub fn between(folder: &Path, from_ms: i64, to_ms: i64) -> Vec<Incident> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.sort();
    let (first, last) = (day_file(folder, from_ms), day_file(folder, to_ms));
    let mut found = Vec::new();
    for path in files.into_iter().filter(|path| *path >= first && *path <= last) {
        let Ok(file) = File::open(path) else { continue };
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        let incidents = lines.filter_map(|line| serde_json::from_str::<Incident>(&line).ok());
        found.extend(incidents.filter(|incident| (from_ms..=to_ms).contains(&incident.at_ms)));
        if found.len() > READ_LINES {
            found.drain(..found.len() - READ_LINES);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> (tempfile::TempDir, Incidents) {
        let dir = tempfile::tempdir().unwrap();
        let incidents = Incidents::default();
        incidents.open(dir.path(), Arc::default()).unwrap();
        (dir, incidents)
    }

    #[test]
    fn an_episode_is_told_once_at_each_end_with_how_long_it_took() {
        let (_dir, incidents) = book();
        let park = || Incident::new(Kind::Park).region("north");
        incidents.begin(Incident { at_ms: 1_000, ..park() });
        incidents.begin(Incident { at_ms: 2_000, ..park() });
        incidents.end(Incident { at_ms: 1_000, ..park().region("south") });
        incidents.end(Incident { at_ms: 4_500, ..park() });
        incidents.flush();
        let lines = incidents.between(0, 10_000);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!((lines[0].phase, lines[1].phase, lines[1].lasted_s), (Phase::Begin, Phase::End, Some(3.5)));
    }

    #[test]
    fn causes_are_masked_and_short() {
        let cause = format!("no such contact: +1 617 555 0142 {}\nsecond line", "x".repeat(1_000));
        let incident = Incident::new(Kind::Crash).cause(&cause);
        let cause = incident.cause.unwrap();
        assert!(cause.starts_with("no such contact: <number> ") && cause.chars().count() == CAUSE_CHARS, "{cause}");
    }

    #[test]
    fn what_ends_the_process_is_there_without_a_flush_and_a_torn_line_hides_nothing() {
        let (dir, incidents) = book();
        incidents.at_once(&Incident::new(Kind::StorageFailed).cause("fsync failed"));
        let now = now_ms();
        let mut file = File::options().append(true).open(day_file(dir.path(), now)).unwrap();
        file.write_all(b"{\"at_ms\":12").unwrap();
        let found = between(dir.path(), now - 60_000, now + 60_000);
        assert_eq!(found.iter().map(|incident| incident.kind).collect::<Vec<_>>(), [Kind::StorageFailed]);
    }

    #[test]
    fn old_days_are_deleted_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["2026-01-01.jsonl", "2026-03-30.jsonl", "README.txt"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        sweep(dir.path(), jiff::Timestamp::from_second(1_775_000_000).unwrap().as_millisecond(), 30);
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["2026-03-30.jsonl", "README.txt"]);
    }
}
