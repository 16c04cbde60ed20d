//! The numbers that the door acknowledged, written beside the journal by a thread of their own and
//! joined with it in the background: what was promised against what is there.

use crate::{
    domain::ids::TicketNumber,
    storage::Store,
    telemetry::{
        Incident, Incidents, Metrics,
        incidents::{Kind, now_ms, rfc3339, sweep},
    },
};
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::Thread,
    time::Duration,
};

/// Numbers that may wait for the disk: two seconds of the fastest intake.
const QUEUE: usize = 65_536;
/// One day's file, bytes: five million tickets.
const DAY_BYTES: u64 = 64 << 20;
/// How long they are kept, days.
const KEPT_DAYS: i64 = 31;
/// Numbers looked up in one turn (a second): bounds what the join costs to a hundredth of a core.
const PER_TURN: usize = 250;

/// How often the thread looks for numbers. It is never waited for and never woken by the door: a wake
/// for each ticket would cost intake more than all the rest of it.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Default)]
pub(super) struct Acks(OnceLock<Line>);

/// From the door to the thread.
struct Line {
    numbers: Sender<TicketNumber>,
    thread: Thread,
    /// Numbers that have left the queue and are in the file (or are known not to get there).
    settled: Arc<AtomicU64>,
    noted: AtomicU64,
}

/// How far the join has come: a day's file, and the byte in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    day: String,
    byte: u64,
}

/// What a turn of the join found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) checked: u64,
    pub(super) missing: u64,
}

pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("acks")
}

impl Acks {
    pub(super) fn start(&self, folder: &Path, metrics: &Arc<Metrics>) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let (numbers, waiting) = bounded(QUEUE);
        let (folder, metrics) = (folder.to_path_buf(), metrics.clone());
        let settled = Arc::new(AtomicU64::new(0));
        let counted = settled.clone();
        let work = move || write(&folder, &waiting, &metrics, &counted);
        let thread = std::thread::Builder::new().name("acks".into()).spawn(work)?.thread().clone();
        let _ = self.0.set(Line { numbers, thread, settled, noted: AtomicU64::new(0) });
        Ok(())
    }

    /// Waits until all that was noted is written, for a second at most.
    pub(super) fn flush(&self) {
        let Some(line) = self.0.get() else { return };
        line.thread.unpark();
        for _ in 0..200 {
            if line.settled.load(Ordering::Acquire) >= line.noted.load(Ordering::Acquire) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    pub(super) fn note(&self, number: TicketNumber, metrics: &Metrics) {
        let Some(line) = self.0.get() else { return };
        match line.numbers.try_send(number) {
            Ok(()) => drop(line.noted.fetch_add(1, Ordering::Release)),
            Err(_) => metrics.acks_unrecorded.add(1),
        }
    }
}

fn write(folder: &Path, waiting: &Receiver<TicketNumber>, metrics: &Metrics, settled: &AtomicU64) {
    let mut day = String::new();
    loop {
        std::thread::park_timeout(LOOK);
        let mut numbers = Vec::new();
        let gone = loop {
            match waiting.try_recv() {
                Ok(number) if numbers.len() < QUEUE => numbers.push(number),
                Ok(number) => {
                    numbers.push(number);
                    break false;
                }
                Err(why) => break why == TryRecvError::Disconnected,
            }
        };
        if numbers.is_empty() {
            if gone {
                return;
            }
            continue;
        }
        let today = rfc3339(now_ms())[..10].to_owned();
        if today != day {
            sweep(folder, now_ms(), KEPT_DAYS);
            day = today;
        }
        if let Err(error) = append(&folder.join(format!("{day}.txt")), &numbers) {
            metrics.acks_unrecorded.add(numbers.len() as u64);
            tracing::warn!(%error, "acknowledged numbers could not be written down");
        }
        settled.fetch_add(numbers.len() as u64, Ordering::Release);
    }
}

fn append(path: &Path, numbers: &[TicketNumber]) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    if file.metadata()?.len() > DAY_BYTES {
        return Err(io::Error::other("the day's file is full"));
    }
    let mut text = Vec::with_capacity(16 * numbers.len());
    for number in numbers {
        writeln!(text, "{number}")?;
    }
    file.write_all(&text)
}

/// Looks up the next few numbers. A number that the journal does not hold is counted and noted.
pub(super) fn join(folder: &Path, at: &mut Position, store: &Store, incidents: &Incidents) -> Joined {
    let mut joined = Joined::default();
    for path in days_from(folder, &at.day) {
        let day = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if day != at.day {
            *at = Position { day, byte: 0 };
        }
        if read(&path, at, &mut joined, store, incidents).is_err() || joined.checked >= PER_TURN as u64 {
            break;
        }
    }
    joined
}

fn days_from(folder: &Path, day: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let name = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut days: Vec<PathBuf> = entries.filter(|path| name(path).as_str() >= day).collect();
    days.sort();
    days
}

fn read(path: &Path, at: &mut Position, joined: &mut Joined, store: &Store, incidents: &Incidents) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at.byte))?;
    let mut lines = BufReader::new(file);
    let mut line = String::new();
    while joined.checked < PER_TURN as u64 {
        line.clear();
        // A line under way has no end yet.
        if lines.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            break;
        }
        if let Ok(number) = line.trim().parse::<TicketNumber>() {
            // A file that cannot be read now is asked again in the next turn.
            let holds = store.holds(number).map_err(|fault| io::Error::other(fault.to_string()))?;
            joined.checked += 1;
            if !holds {
                joined.missing += 1;
                tracing::error!(ticket = %number, "an acknowledged ticket is not in the journal");
                incidents.note(Incident::new(Kind::TicketMissing).ticket(number));
            }
        }
        at.byte += line.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Durability, StoreOptions};

    #[test]
    fn a_number_that_the_journal_does_not_hold_is_found_counted_once_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions {
            data: dir.path().join("data"),
            cell: "main".into(),
            durability: Durability::Disposable,
            cache_bytes: 8 << 20,
            segment_bytes: 8 << 20,
            seed: Some(1),
        })
        .unwrap();
        let incidents = Incidents::default();
        incidents.open(&dir.path().join("incidents"), std::sync::Arc::default()).unwrap();
        let acks = dir.path().join("acks");
        fs::create_dir_all(&acks).unwrap();
        let lost = TicketNumber::from_bits(1 << 40);
        append(&acks.join("2026-01-31.txt"), &[lost]).unwrap();
        fs::write(acks.join("2026-02-01.txt"), format!("{lost}\n{lost}")).unwrap();
        let mut at = Position::default();
        // The last line has no end: it is under way.
        assert_eq!(join(&acks, &mut at, &store, &incidents), Joined { checked: 2, missing: 2 });
        assert_eq!(join(&acks, &mut at, &store, &incidents), Joined::default());
        incidents.flush();
        let told = incidents.between(0, i64::MAX / 2);
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].ticket, Some(lost.to_string()));
    }
}
