//! Who asked for no more texts: a keyed hash of each number, in a file that only grows, fsynced before
//! the answer. The number itself is nowhere, so an erased customer's wish outlives their name.

use super::phone::Wish;
use crate::{domain::time::Timestamp, storage::ContactHasher};
use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, RwLock},
};

const FILE: &str = "optouts";

pub(super) struct OptOuts {
    path: PathBuf,
    hash: ContactHasher,
    out: RwLock<HashSet<[u8; 16]>>,
    file: Mutex<Option<File>>,
}

impl OptOuts {
    pub(super) fn open(data: &Path, hash: ContactHasher) -> io::Result<Self> {
        let path = data.join(FILE);
        let mut text = String::new();
        match File::open(&path) {
            Ok(mut file) => drop(file.read_to_string(&mut text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut out = HashSet::new();
        for (wish, hash) in text.lines().filter_map(parse) {
            match wish {
                Wish::Stop => out.insert(hash),
                Wish::Start => out.remove(&hash),
            };
        }
        Ok(Self { path, hash, out: RwLock::new(out), file: Mutex::new(None) })
    }

    /// `number` in international form.
    #[must_use]
    pub(super) fn has(&self, number: &str) -> bool {
        let out = self.out.read().unwrap_or_else(PoisonError::into_inner);
        !out.is_empty() && out.contains(&(self.hash)(number))
    }

    /// Keeps a wish, on disk first. Blocks for an fsync. False: it was known.
    pub(super) fn keep(&self, number: &str, wish: Wish, at: Timestamp) -> io::Result<bool> {
        let hash = (self.hash)(number);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.out.read().unwrap_or_else(PoisonError::into_inner).contains(&hash);
        if known == (wish == Wish::Stop) {
            return Ok(false);
        }
        let opened = match file.take() {
            Some(opened) => opened,
            None => open(&self.path)?,
        };
        let word = if wish == Wish::Stop { "stop" } else { "start" };
        let line = format!("{at} {word} {:032x}\n", u128::from_be_bytes(hash));
        (&opened).write_all(line.as_bytes())?;
        opened.sync_all()?;
        *file = Some(opened);
        let mut out = self.out.write().unwrap_or_else(PoisonError::into_inner);
        match wish {
            Wish::Stop => out.insert(hash),
            Wish::Start => out.remove(&hash),
        };
        Ok(true)
    }
}

/// A line that a crash tore ends here, so that the next one is whole.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    if text.last().is_some_and(|last| *last != b'\n') {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// A torn or foreign line says nothing.
fn parse(line: &str) -> Option<(Wish, [u8; 16])> {
    let mut parts = line.split(' ').skip(1);
    let wish = match parts.next()? {
        "stop" => Wish::Stop,
        "start" => Wish::Start,
        _ => return None,
    };
    let hash = parts.next().filter(|hash| hash.len() == 32)?;
    Some((wish, u128::from_str_radix(hash, 16).ok()?.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn hash() -> ContactHasher {
        Arc::new(|number| {
            let mut hash = [0; 16];
            hash.copy_from_slice(&blake3::keyed_hash(&[7; 32], number.as_bytes()).as_bytes()[..16]);
            hash
        })
    }

    #[test]
    fn a_wish_outlives_a_restart_and_a_torn_line_and_the_file_names_nobody() {
        let data = tempfile::tempdir().unwrap();
        let outs = OptOuts::open(data.path(), hash()).unwrap();
        assert!(outs.keep("+16175550100", Wish::Stop, Timestamp(0)).unwrap());
        assert!(!outs.keep("+16175550100", Wish::Stop, Timestamp(1)).unwrap(), "known");
        assert!(outs.keep("+16175550101", Wish::Stop, Timestamp(2)).unwrap());
        let path = data.path().join(FILE);
        let mut torn = std::fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&torn).contains("5550100"));
        torn.extend_from_slice(b"1970-01-01T00:00:00Z stop 0123");
        std::fs::write(&path, torn).unwrap();
        let again = OptOuts::open(data.path(), hash()).unwrap();
        assert!(again.has("+16175550100") && again.has("+16175550101") && !again.has("+16175550102"));
        assert!(again.keep("+16175550100", Wish::Start, Timestamp(3)).unwrap());
        let last = OptOuts::open(data.path(), hash()).unwrap();
        assert!(!last.has("+16175550100") && last.has("+16175550101"));
    }
}
