//! Where minutes are kept: a file of JSON lines a day, and the minute under way in a file of its own that
//! is replaced whole. A torn last line is left out; what an unclean end left over is taken in once.

use super::buckets::{Bucket, History, KEPT_S};
use crate::telemetry::incidents::{rfc3339, sweep};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    /// The minute's beginning, seconds since 1970.
    pub(super) at_s: i64,
    #[serde(flatten)]
    pub(super) bucket: Bucket,
}

/// The last sign of life.
#[derive(Serialize, Deserialize)]
pub(super) struct Alive {
    pub(super) seen_ms: i64,
    /// The process said goodbye.
    pub(super) stopped: bool,
    pub(super) line: Line,
    /// Where the join of acknowledged numbers with the journal stands.
    pub(super) joined: super::acks::Position,
}

pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("objectives")
}

/// All minutes that are kept.
pub(super) fn load(folder: &Path, now_s: i64) -> History {
    let mut history = History::default();
    let oldest = now_s - KEPT_S;
    for path in days(folder) {
        let Ok(file) = File::open(path) else { continue };
        for line in BufReader::new(file).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<Line>(&line) else { continue };
            if line.at_s >= oldest && line.at_s <= now_s {
                history.minute(line.at_s, &line.bucket);
            }
        }
    }
    history
}

fn days(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut days: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    days.sort();
    days
}

pub(super) fn append(folder: &Path, line: &Line) -> io::Result<()> {
    let path = folder.join(format!("{}.jsonl", &rfc3339(line.at_s * 1_000)[..10]));
    let fresh = !path.exists();
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    File::options().create(true).append(true).open(path)?.write_all(&text)?;
    if fresh {
        sweep(folder, line.at_s * 1_000, KEPT_S / 86_400);
    }
    Ok(())
}

pub(super) fn alive(folder: &Path) -> Option<Alive> {
    serde_json::from_slice(&fs::read(folder.join("alive.json")).ok()?).ok()
}

pub(super) fn put_alive(folder: &Path, alive: &Alive) -> io::Result<()> {
    let fresh = folder.join("alive.json.new");
    fs::write(&fresh, serde_json::to_vec(alive)?)?;
    fs::rename(fresh, folder.join("alive.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_come_back_and_a_torn_line_hides_none() {
        let dir = tempfile::tempdir().unwrap();
        let now_s = 1_790_000_040;
        for no in 0..3 {
            let bucket = Bucket { up_s: 60.0, answered: 2, ..Bucket::default() }.settled();
            append(dir.path(), &Line { at_s: now_s + no * 60, bucket }).unwrap();
        }
        let day = days(dir.path()).pop().unwrap();
        File::options().append(true).open(day).unwrap().write_all(b"{\"at_s\":179").unwrap();
        let (sum, _) = load(dir.path(), now_s + 600).since(now_s, now_s + 600);
        assert_eq!((sum.up_s, sum.answered), (180.0, 6));
    }
}
