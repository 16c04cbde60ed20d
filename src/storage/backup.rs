//! Backup of a live store, restore, verify.
//!
//! A backup is a folder: `backup.json` (written last: without it there is no backup),
//! `cells/<cell>/journal/` at one consistent sequence or past it, and `keys/` apart, without which no name in
//! the rest can be read. Snapshots are not in it: they are rebuilt. A restore begins a new
//! incarnation: numbers skip ahead, feed positions from before are void, and whoever was erased
//! stays erased, by the backup's list and by the one found in the data directory.
//!
//! Must hold: a backup that is brought up to date is one at every moment. Keys and journal only ever
//! grow, so the earlier `backup.json` stays true of them until the new one takes its place.

use super::{
    DataLock, Fault, KeyFile, KeyOptions, Store,
    files::{create_whole, fault, io_fault, private_folder, sync_dir},
    journal::{Head, Journal, JournalOptions, RedbJournal, Verified, verify as verify_journal, verify_past},
};
use crate::domain::ids::Seq;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

const FORMAT: u32 = 1;
const MANIFEST: &str = "backup.json";
/// Present while a restore is under way: what lies beside it is not whole.
const RESTORING: &str = "restoring";
/// Of a data directory, besides journal and keys.
const PLAIN_FILES: [&str; 1] = ["places.csv"];
/// These let whoever has them act or read: they go with the keys.
const SECRET_FILES: [&str; 5] = ["token.key", "tokens.jsonl", "revoked", "users.jsonl", "optouts"];
const CACHE_BYTES: usize = 16 << 20;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    pub cell: String,
    /// The last sequence in it.
    pub last_seq: Seq,
    /// The chain's hash there, hex.
    pub hash: String,
    pub incarnation: u64,
}

/// Gets the sequence reached and the last one, now and then.
pub type Progress<'a> = &'a mut dyn FnMut(Seq, Seq);

impl Store {
    /// Copies what is committed now into the folder `target`; commits go on meanwhile. A folder
    /// that holds an earlier backup of this store is brought up to date: closed segments in it stay.
    pub fn backup(&self, target: &Path, progress: Progress<'_>) -> Result<Manifest, Fault> {
        let core = self.core();
        let no_files = || fault(target, "this store has no files to back up");
        let (archive, options) = core.archive.as_ref().ok_or_else(no_files)?;
        private_folder(target).map_err(|error| io_fault(target, "make the folder", &error))?;
        let keys = target.join("keys");
        fs::create_dir_all(&keys).map_err(|error| io_fault(&keys, "make the folder", &error))?;
        // Before the journal too: should this be cut short, the people in what was copied have their keys.
        self.copy_keys(&keys)?;
        let head = archive.copy_to(&journal_dir(target, &options.cell), progress)?;
        // After the journal, so that the keys of all its people are there; the list of erased
        // people last, so that it names everybody whose key is missing.
        for name in PLAIN_FILES {
            copy_if_there(&options.data.join(name), &target.join(name))?;
        }
        self.copy_keys(&keys)?;
        let manifest = Manifest {
            format: FORMAT,
            cell: options.cell.clone(),
            last_seq: head.next_seq - 1,
            hash: hex(&head.hash),
            incarnation: self.incarnation(),
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| fault(target, error))?;
        create_whole(&target.join(MANIFEST), &text).map_err(|error| io_fault(target, "write the backup", &error))?;
        Ok(manifest)
    }

    fn copy_keys(&self, to: &Path) -> Result<(), Fault> {
        let Some((_, options)) = &self.core().archive else { return Ok(()) };
        let names = SECRET_FILES.into_iter().chain(["keys", "erased"]);
        names.into_iter().try_for_each(|name| replace_if_there(&options.data.join(name), &to.join(name)))
    }

    /// Walks the chain up to the present head. The first damage is the fault.
    pub fn verify(&self, progress: Progress<'_>) -> Result<Verified, Fault> {
        Ok(verify_journal(&*self.core().reader, progress)?)
    }
}

/// Verifies a backup, or the data directory of a stopped server: every frame and hash, and that
/// the chain comes to where the backup says.
pub fn verify(dir: &Path, cell: &str, progress: Progress<'_>) -> Result<Verified, Fault> {
    let manifest = if dir.join(MANIFEST).exists() { Some(read_manifest(dir)?) } else { None };
    let _lock = if manifest.is_none() { Some(DataLock::take(dir)?) } else { None };
    let cell = manifest.as_ref().map_or(cell, |manifest| &manifest.cell);
    verify_dir(&journal_dir(dir, cell), manifest.as_ref(), progress)
}

/// Makes a data directory of a backup. Refused where there is a journal already: move `cells` and
/// `keys` away first, and leave `erased`, whose people are erased again.
pub fn restore(backup: &Path, data: &Path, progress: Progress<'_>) -> Result<Manifest, Fault> {
    let manifest = read_manifest(backup)?;
    let _lock = DataLock::take(data)?;
    let marker = data.join(RESTORING);
    if marker.exists() {
        clear(data)?;
    } else if data.join("cells").exists() || data.join("keys").exists() {
        let what = "there is data already: move its cells and keys away first, and leave the file named \"erased\" where it is";
        return Err(fault(data, what));
    }
    create_whole(&marker, b"").map_err(|error| io_fault(&marker, "begin the restore", &error))?;
    restore_keys(backup, data)?;
    let target = journal_dir(data, &manifest.cell);
    copy_folder(&journal_dir(backup, &manifest.cell), &target)?;
    let head = verify_dir(&target, Some(&manifest), progress)?.head;
    for name in PLAIN_FILES {
        copy_if_there(&backup.join(name), &data.join(name))?;
    }
    remove(&marker)?;
    Ok(Manifest { last_seq: head.next_seq - 1, hash: hex(&head.hash), ..manifest })
}

/// Whether a folder holds something that is no backup: nobody's files are mixed with one.
#[must_use]
pub fn foreign(dir: &Path) -> bool {
    let empty = fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    !empty && !dir.join(MANIFEST).exists()
}

/// Refuses a data directory whose restore was cut short.
pub(super) fn check_whole(data: &Path) -> Result<(), Fault> {
    if data.join(RESTORING).exists() {
        return Err(fault(data, "a restore into this directory was cut short: run it again"));
    }
    Ok(())
}

/// Keys with a new incarnation, and the union of both lists of erased people applied to them.
fn restore_keys(backup: &Path, data: &Path) -> Result<(), Fault> {
    let kept = backup.join("keys");
    let mut erased = lines(&kept.join("erased"))?;
    erased.extend(lines(&data.join("erased"))?);
    if !kept.join("keys").exists() {
        return Err(fault(&kept, "the backup's keys are missing: bring them from where they are kept apart"));
    }
    for name in SECRET_FILES.into_iter().chain(["keys"]) {
        copy_if_there(&kept.join(name), &data.join(name))?;
    }
    let list = erased.iter().fold(String::new(), |list, line| list + line + "\n");
    let path = data.join("erased");
    create_whole(&path, list.as_bytes()).map_err(|error| io_fault(&path, "write the list of erased people", &error))?;
    // Opening overwrites whatever the list names.
    KeyFile::open(data, KeyOptions { seed: None, create: false })?.next_incarnation()?;
    Ok(())
}

fn lines(path: &Path) -> Result<BTreeSet<String>, Fault> {
    match fs::read_to_string(path) {
        // A last line without its end was never acknowledged.
        Ok(text) => Ok(text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(Into::into).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(io_fault(path, "read the list of erased people", &error)),
    }
}

fn read_manifest(dir: &Path) -> Result<Manifest, Fault> {
    let path = dir.join(MANIFEST);
    let text = fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            fault(dir, "this is no backup: a folder with a backup.json is one")
        }
        _ => io_fault(&path, "read the backup", &error),
    })?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| fault(&path, error))?;
    if manifest.format > FORMAT {
        let newer = format!("written by a newer version (format {}, this one reads up to {FORMAT})", manifest.format);
        return Err(fault(&path, newer + ": upgrade Callout"));
    }
    Ok(manifest)
}

fn is_at(manifest: &Manifest, head: Head) -> bool {
    head.next_seq == manifest.last_seq + 1 && hex(&head.hash) == manifest.hash
}

/// `manifest`: what the chain must have come through. It may go on after that: the backup was being brought up to
/// date when it was cut short.
fn verify_dir(dir: &Path, manifest: Option<&Manifest>, progress: Progress<'_>) -> Result<Verified, Fault> {
    if !dir.exists() {
        return Err(fault(dir, "there is no journal here"));
    }
    let options = JournalOptions { segment_bytes: u64::MAX, relaxed: false, cache_bytes: CACHE_BYTES };
    let mut journal = RedbJournal::open(dir, options)?;
    let mut through = manifest.is_none_or(|manifest| manifest.last_seq == 0);
    let mut passed = |head| through |= manifest.is_some_and(|manifest| is_at(manifest, head));
    let verified = verify_past(&*journal.reader(), progress, &mut passed)?;
    journal.close()?;
    if !through {
        return Err(fault(dir, "the journal does not come to where the backup says: a file was changed or left out"));
    }
    Ok(verified)
}

fn journal_dir(dir: &Path, cell: &str) -> PathBuf {
    dir.join("cells").join(cell).join("journal")
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Fault> {
    let failed = |error: io::Error| io_fault(to, "copy the journal", &error);
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(|error| io_fault(from, "read the backup", &error))? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_dir() {
            // Where a backup that was cut short made its newest segment.
            continue;
        }
        copy_if_there(&entry.path(), &to.join(entry.file_name()))?;
    }
    sync_dir(to).map_err(failed)
}

fn copy_if_there(from: &Path, to: &Path) -> Result<(), Fault> {
    let copied = fs::copy(from, to).and_then(|_| fs::File::open(to)?.sync_all());
    match copied {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !from.exists() => Ok(()),
        other => other.map_err(|error| io_fault(to, "copy a file", &error)),
    }
}

/// The same, over a file that stays whole until the new one is.
fn replace_if_there(from: &Path, to: &Path) -> Result<(), Fault> {
    if !from.exists() {
        return Ok(());
    }
    let aside = to.with_extension("new");
    copy_if_there(from, &aside)?;
    fs::rename(&aside, to).map_err(|error| io_fault(to, "copy a file", &error))
}

fn remove(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_fault(path, "remove the file", &error)),
        _ => Ok(()),
    }
}

/// What a restore that was cut short left behind.
fn clear(data: &Path) -> Result<(), Fault> {
    let cells = data.join("cells");
    if cells.exists() {
        fs::remove_dir_all(&cells).map_err(|error| io_fault(&cells, "clear the folder", &error))?;
    }
    remove(&data.join("keys"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
