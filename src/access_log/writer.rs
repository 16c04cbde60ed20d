//! The thread that writes the record.
//!
//! It looks for calls a few times a second and is never woken by one: a wake for each would cost the door more
//! than all the rest. `head` holds the last line's number and hash, written after each fsync of the lines, so
//! that a file that was made shorter is found.

use super::{
    Entry,
    line::{Hash, Key, Line, NOTHING, hex, said, unhex},
};
use crate::{
    settings::limits,
    storage::private_folder,
    telemetry::{
        Metrics,
        incidents::{now_ms, rfc3339},
    },
};
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const HEAD: &str = "head";
const LOOK: Duration = Duration::from_millis(200);
const DAY_MS: i64 = 86_400_000;
/// A line is read back within so many bytes from the end of its file.
const TAIL_BYTES: u64 = 64 * 1_024;

pub(super) enum Order {
    Flush(Sender<()>),
}

pub(super) struct Writer {
    folder: PathBuf,
    key: Key,
    keep_days: u16,
    missed: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
    /// The last line's.
    n: u64,
    hash: Hash,
    open: Option<File>,
    /// The day that is written to, or was last. Never an earlier one, however the clock is set: the chain goes on
    /// from file to file.
    day: String,
    /// Bytes of that day's file that are lines of the chain. What a full disk let through of a batch goes.
    length: u64,
    /// Lines that are written and not fsynced.
    loose: bool,
    synced_ms: i64,
    /// The last line's number of days that went, until a line says so.
    dropped: Option<u64>,
}

impl Writer {
    /// Finds the end of the record and says in it that it goes on.
    pub(super) fn open(
        folder: PathBuf,
        key: Key,
        keep_days: u16,
        missed: Arc<AtomicU64>,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        private_folder(&folder)?;
        let newest = days(&folder)?.pop();
        let torn = newest.as_deref().map(mend).transpose()?.unwrap_or(0);
        let last = newest.as_deref().map(last_line).transpose()?.flatten();
        let day = newest.as_deref().map(day_of).unwrap_or_default();
        let length = newest.as_deref().map(fs::metadata).transpose()?.map_or(0, |found| found.len());
        // Goes on from what was noted where the file ends before it: that something is missing stays to be seen.
        let ends = last.as_deref().and_then(said);
        let noted = head(&folder).filter(|(n, _)| ends.is_none_or(|(last, _)| *n >= last));
        let (n, hash) = noted.or(ends).unwrap_or((0, NOTHING));
        let (open, loose) = (None, false);
        let synced_ms = 0;
        let mut writer = Self {
            folder,
            key,
            keep_days,
            missed,
            metrics,
            n,
            hash,
            open,
            day,
            length,
            loose,
            synced_ms,
            dropped: None,
        };
        writer.write(vec![Line { torn, ..Line::notice("opened", now_ms()) }])?;
        writer.sync()?;
        Ok(writer)
    }

    pub(super) fn run(&mut self, waiting: &Receiver<Box<Entry>>, asked: &Receiver<Order>) {
        loop {
            std::thread::park_timeout(LOOK);
            let order = asked.try_recv();
            let lines = self.gather(waiting);
            let count = lines.iter().filter(|line| line.note.is_empty()).count() as u64;
            let told: u64 = lines.iter().map(|line| line.missed).sum();
            if !lines.is_empty()
                && let Err(error) = self.write(lines)
            {
                self.failed(&error, count);
                // What it was going to tell of is still to be told.
                self.missed.fetch_add(told, Ordering::Relaxed);
            }
            let ends = matches!(order, Err(TryRecvError::Disconnected));
            if self.loose && (order.is_ok() || ends || now_ms().abs_diff(self.synced_ms) >= limits::ACCESS_SYNC_MS) {
                self.sync().unwrap_or_else(|error| self.failed(&error, 0));
            }
            if let Ok(Order::Flush(done)) = order {
                let _ = done.send(());
            }
            if ends {
                return;
            }
        }
    }

    /// All that waits, and how many did not get so far.
    fn gather(&self, waiting: &Receiver<Box<Entry>>) -> Vec<Line> {
        let mut lines: Vec<Line> =
            waiting.try_iter().take(limits::ACCESS_QUEUE).map(|entry| Line::of(&entry)).collect();
        let missed = self.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            lines.push(Line { missed, ..Line::notice("missed", now_ms()) });
        }
        lines
    }

    pub(super) fn failed(&mut self, error: &io::Error, lines: u64) {
        tracing::error!(%error, lines, "the access record could not be written");
        self.missed.fetch_add(lines, Ordering::Relaxed);
        self.metrics.access_missed.add(lines);
        // Opened anew, and mended, by the next line.
        self.open = None;
    }

    pub(super) fn write(&mut self, lines: Vec<Line>) -> io::Result<()> {
        let today = rfc3339(now_ms())[..10].to_owned().max(self.day.clone());
        let mut lines = lines;
        if self.open.is_none() || self.day != today {
            self.turn(today, &mut lines)?;
        }
        let (mut n, mut hash, mut text) = (self.n, self.hash, String::new());
        for mut line in lines {
            n += 1;
            line.n = n;
            let (bound, next) = self.key.bound(&hash, &line);
            text.extend([&bound, "\n"]);
            hash = next;
        }
        if let Some(file) = &mut self.open {
            file.write_all(text.as_bytes())?;
            (self.n, self.hash, self.loose, self.dropped) = (n, hash, true, None);
            self.length += text.len() as u64;
        }
        Ok(())
    }

    /// Opens the day's file. A new one begins with what it follows; days that were kept long enough go.
    fn turn(&mut self, today: String, lines: &mut Vec<Line>) -> io::Result<()> {
        if self.loose {
            self.sync()?;
        }
        let file = private().append(true).create(true).open(self.folder.join(format!("{today}.jsonl")))?;
        if self.day != today {
            (self.day, self.length) = (today, 0);
        }
        if file.metadata()?.len() > self.length {
            file.set_len(self.length)?;
        }
        self.open = Some(file);
        if self.length == 0 {
            let mut first = vec![Line { prev: hex(&self.hash), ..Line::notice("day", now_ms()) }];
            self.sweep()?;
            if let Some(through) = self.dropped {
                first.push(Line { through, ..Line::notice("dropped", now_ms()) });
            }
            lines.splice(0..0, first);
        }
        Ok(())
    }

    /// Lets old days go, and remembers that.
    fn sweep(&mut self) -> io::Result<()> {
        let oldest = rfc3339(now_ms() - i64::from(self.keep_days) * DAY_MS)[..10].to_owned();
        for path in days(&self.folder)? {
            if path.file_stem().is_some_and(|day| *day.to_string_lossy() < *oldest) {
                self.dropped = last_line(&path)?.as_deref().and_then(said).map(|(n, _)| n).or(self.dropped);
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        // Closed by a failure, with lines in it that are not on disk for sure: nothing is noted before they are.
        if self.loose && self.open.is_none() {
            self.open = Some(private().append(true).open(self.folder.join(format!("{}.jsonl", self.day)))?);
        }
        if let Some(file) = &self.open {
            file.sync_data()?;
        }
        (self.loose, self.synced_ms) = (false, now_ms());
        let draft = self.folder.join("head.draft");
        let text = format!("{} {}\n", self.n, hex(&self.hash));
        private().write(true).create(true).truncate(true).open(&draft)?.write_all(text.as_bytes())?;
        fs::rename(&draft, self.folder.join(HEAD))
    }
}

/// The number and hash that were last noted.
pub(super) fn head(folder: &Path) -> Option<(u64, Hash)> {
    let text = fs::read_to_string(folder.join(HEAD)).ok()?;
    let (n, hash) = text.trim_end().split_once(' ')?;
    Some((n.parse().ok()?, unhex(hash)?))
}

fn day_of(path: &Path) -> String {
    path.file_stem().map(|day| day.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The days' files, the oldest first.
pub(super) fn days(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        days.extend(path.extension().is_some_and(|found| found == "jsonl").then_some(path));
    }
    days.sort();
    Ok(days)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Cuts off a last line that a crash tore; how many bytes.
fn mend(path: &Path) -> io::Result<u64> {
    let (text, begins) = tail(path)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let torn = (text.len() - whole) as u64;
    if torn > 0 {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(begins + whole as u64)?;
        file.sync_data()?;
    }
    Ok(torn)
}

fn last_line(path: &Path) -> io::Result<Option<String>> {
    let (text, _) = tail(path)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(text.trim_end().rsplit('\n').next().filter(|line| !line.is_empty()).map(str::to_owned))
}

/// The file's last bytes, and where they begin.
fn tail(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    let mut file = File::open(path)?;
    let begins = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(begins))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok((text, begins))
}
