//! The log beside stderr: lines of JSON in a file under the data directory, rotated by size, so that an
//! incident can be looked into after the terminal is gone.
//!
//! Must hold: whoever logs never waits for the disk (a full queue drops the line and counts it), and the
//! files never grow past what the settings say.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the disk.
const QUEUE: usize = 8_192;
pub const NAME: &str = "callout.log";

static LINES: OnceLock<SyncSender<Vec<u8>>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// From now on lines go to `folder/callout.log` too; at most `files` of `bytes` each are kept.
pub(super) fn open(folder: &Path, bytes: u64, files: usize) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let (lines, waiting) = sync_channel(QUEUE);
    let mut rotating = Rotating::open(folder, bytes, files)?;
    std::thread::Builder::new().name("log".into()).spawn(move || write(&mut rotating, &waiting))?;
    // A second server in one process (tests) keeps the first one's file.
    let _ = LINES.set(lines);
    Ok(())
}

fn write(file: &mut Rotating, lines: &Receiver<Vec<u8>>) {
    while let Ok(line) = lines.recv() {
        // Nowhere to tell it: stderr has the line.
        let _ = file.write(&line);
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let _ = file.write(format!("{{\"message\":\"{dropped} lines did not fit into the queue\"}}\n").as_bytes());
        }
    }
}

/// Takes whole lines from the subscriber.
#[derive(Clone, Copy)]
pub(super) struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if LINES.get().is_some_and(|lines| lines.try_send(line.to_vec()).is_err()) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

/// `callout.log`, `callout.log.1`, ..: the higher, the older.
struct Rotating {
    path: PathBuf,
    file: File,
    size: u64,
    bytes: u64,
    files: usize,
}

impl Rotating {
    fn open(folder: &Path, bytes: u64, files: usize) -> io::Result<Self> {
        let path = folder.join(NAME);
        let file = File::options().create(true).append(true).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size, bytes, files })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.size > 0 && self.size + line.len() as u64 > self.bytes {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.size += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |no: usize| PathBuf::from(format!("{}.{no}", self.path.display()));
        if self.files <= 1 {
            self.file.set_len(0)?;
            self.size = 0;
            return Ok(());
        }
        let _ = fs::remove_file(numbered(self.files - 1));
        for no in (1..self.files - 1).rev() {
            let _ = fs::rename(numbered(no), numbered(no + 1));
        }
        fs::rename(&self.path, numbered(1))?;
        self.file = File::options().create(true).append(true).open(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_never_grow_past_their_bound_and_the_newest_lines_stay() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Rotating::open(dir.path(), 100, 3).unwrap();
        for no in 0..50 {
            log.write(format!("line {no:04} of some length\n").as_bytes()).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names.iter().all(|path| fs::metadata(path).unwrap().len() <= 100));
        let newest = fs::read_to_string(&names[0]).unwrap();
        assert!(newest.contains("line 0049") && !newest.contains("line 0040"), "{newest}");
        let before = fs::read_to_string(&names[1]).unwrap();
        assert!(before.lines().last().unwrap() < newest.lines().next().unwrap());
    }
}
