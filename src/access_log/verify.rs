//! Proves the record: every line follows the one before, none is missing between the oldest that is kept and the
//! one that was noted last, and what is gone from its beginning was dropped by age.
//!
//! What it cannot find: files and `head` put back together as they were at an earlier moment. Whoever has noted
//! the last hash elsewhere finds that too.

use super::{
    line::{Hash, Key, Line, hex, unhex},
    writer::{days, head},
};
use serde::Serialize;
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

/// Faults named in one answer: the first tells where to look.
const MOST: usize = 100;

/// A place where the record is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub file: String,
    pub line: u64,
    pub what: &'static str,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Verified {
    pub ok: bool,
    pub days: usize,
    pub lines: u64,
    /// Calls that the record itself says it does not hold.
    pub missed: u64,
    /// The last line's number, and its hash: note it elsewhere, and a later look finds whether it is still there.
    pub last: u64,
    pub hash: String,
    pub broken: Vec<Broken>,
}

/// What was read so far.
struct Walk<'a> {
    key: &'a Key,
    found: Verified,
    /// The line before.
    n: u64,
    hash: Option<Hash>,
    first: Option<u64>,
    dropped: u64,
    /// What was noted last, while it has not been met.
    noted: Option<(u64, Hash)>,
}

pub(super) fn verify(folder: &Path, key: &Key) -> io::Result<Verified> {
    let noted = head(folder);
    let mut walk = Walk { key, found: Verified::default(), n: 0, hash: None, first: None, dropped: 0, noted };
    if noted.is_none() {
        walk.wrong("head", 0, "what was noted last is missing");
    }
    for path in days(folder)? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        walk.day(&name, &path)?;
    }
    Ok(walk.end())
}

impl Walk<'_> {
    fn day(&mut self, name: &str, path: &Path) -> io::Result<()> {
        self.found.days += 1;
        let mut lines = BufReader::new(File::open(path)?);
        let (mut text, mut no) = (Vec::new(), 0);
        loop {
            text.clear();
            lines.read_until(b'\n', &mut text)?;
            no += 1;
            // One that is being written has no end yet; what a crash tore is cut off before anything follows.
            let Some(line) = text.strip_suffix(b"\n") else { return Ok(()) };
            match std::str::from_utf8(line) {
                Ok(line) => self.line(name, no, line),
                Err(_) => self.wrong(name, no, "this is no line of the record"),
            }
        }
    }

    fn line(&mut self, name: &str, no: u64, text: &str) {
        self.found.lines += 1;
        let Ok(line) = serde_json::from_str::<Line>(text) else {
            return self.wrong(name, no, "this is no line of the record");
        };
        if no == 1 && (line.note != "day" || self.hash.is_some_and(|hash| hex(&hash) != line.prev)) {
            self.wrong(name, no, "the file does not begin where the one before ends");
        }
        let before = self.hash.or_else(|| unhex(&line.prev)).unwrap_or_default();
        let hash = self.key.follows(&before, text);
        if hash.is_none() {
            self.wrong(name, no, "it does not follow the line before: one of them was changed, or some were taken out");
        } else if self.first.is_some() && line.n != self.n + 1 {
            self.wrong(name, no, "lines are missing before it");
        }
        self.first = self.first.or(Some(line.n));
        self.dropped = self.dropped.max(line.through);
        self.found.missed += line.missed;
        self.n = line.n;
        // Goes on with what the line says, so that one fault is told once.
        self.hash = hash.or_else(|| super::line::said(text).map(|(_, hash)| hash));
        if let Some((n, noted)) = self.noted.filter(|(n, _)| *n == line.n) {
            self.noted = None;
            if self.hash != Some(noted) {
                self.wrong(name, no, "it is not the line that was noted");
            }
            debug_assert_eq!(n, line.n);
        }
    }

    fn wrong(&mut self, file: &str, line: u64, what: &'static str) {
        if self.found.broken.len() < MOST {
            self.found.broken.push(Broken { file: file.to_owned(), line, what });
        }
    }

    fn end(mut self) -> Verified {
        if self.noted.is_some_and(|(n, _)| n > self.n) {
            self.wrong("head", 0, "lines are missing at the end");
        } else if self.noted.is_some() {
            self.wrong("head", 0, "the line that was noted last is missing");
        }
        if self.first.is_some_and(|first| first != 1 && first != self.dropped + 1) {
            self.wrong("head", 0, "days are missing at the beginning that were not dropped by age");
        }
        self.found.ok = self.found.broken.is_empty();
        self.found.last = self.n;
        self.found.hash = self.hash.map(|hash| hex(&hash)).unwrap_or_default();
        self.found
    }
}
