//! One file of the journal: `<first sequence, 20 digits>.redb`.
//!
//! Table `records`: first sequence, big endian -> frame. Table `segment`: `format`; `before`, all
//! segments before this one with their last hashes, so that opening the newest names whatever is
//! missing; `closed`, written last: next sequence, number of records, last hash. A segment that has
//! `closed` never changes again. Must hold: a file under its name has both tables and `before`.

use super::{
    Head, JournalError,
    disk::{Medium, SegmentFile, unreadable},
    frame,
    page::Page,
};
use crate::{domain::ids::Seq, storage::files::sync_dir};
use redb::{
    Database, Durability, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition,
};
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// The layout of segments; frames have a format of their own.
const FORMAT: u16 = 1;
const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
const SEGMENT: TableDefinition<&[u8], &[u8]> = TableDefinition::new("segment");

/// A closed segment, as those after it remember it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Predecessor {
    pub first_seq: Seq,
    /// The hash of its last record.
    pub hash: [u8; 32],
}

/// The segment that is written.
pub(super) struct Segment {
    pub first_seq: Seq,
    pub path: PathBuf,
    db: Database,
}

/// What opening the newest segment tells.
pub(super) struct Found {
    pub before: Vec<Predecessor>,
    pub head: Head,
    /// It was closed, and the one after it not yet made.
    pub closed: bool,
}

pub(super) fn path_of(dir: &Path, first_seq: Seq) -> PathBuf {
    dir.join(format!("{first_seq:020}.redb"))
}

/// First sequences of the segments in a folder, rising. Other files are not ours.
pub(super) fn list(dir: &Path) -> std::io::Result<Vec<Seq>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".redb")).filter(|digits| digits.len() == 20);
        found.extend(digits.and_then(|digits| digits.parse::<Seq>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

impl Segment {
    /// Makes an empty segment aside and renames it into place when it is whole.
    pub(super) fn create(
        dir: &Path,
        first_seq: Seq,
        before: &[Predecessor],
        medium: &Medium,
    ) -> Result<Self, redb::Error> {
        let path = path_of(dir, first_seq);
        let aside = path.with_extension("new");
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let file = SegmentFile::create(&aside, medium)?;
        let db = Database::builder().set_cache_size(medium.active_cache).create_with_backend(file)?;
        let txn = db.begin_write()?;
        txn.open_table(RECORDS)?;
        {
            let mut table = txn.open_table(SEGMENT)?;
            table.insert(&b"format"[..], &FORMAT.to_le_bytes()[..])?;
            table.insert(&b"before"[..], encode_before(before).as_slice())?;
        }
        txn.commit()?;
        fs::rename(&aside, &path)?;
        sync_dir(dir)?;
        Ok(Self { first_seq, path, db })
    }

    /// Opens the newest segment, repairing it after a crash.
    pub(super) fn open(dir: &Path, first_seq: Seq, medium: &Medium) -> Result<(Self, Found), JournalError> {
        let path = path_of(dir, first_seq);
        let db = contained(&path, || {
            let file = SegmentFile::open(&path, medium)?;
            let mut builder = Database::builder();
            // It is small, and a plain open would trust a file that a bad disk has changed.
            builder.set_cache_size(medium.active_cache).set_check_integrity_on_open(true);
            Ok(builder.create_with_backend(file)?)
        })?;
        let segment = Self { first_seq, path, db };
        let found = contained(&segment.path, || Ok(segment.db.begin_read()?)).and_then(|txn| segment.found(&txn))?;
        Ok((segment, found))
    }

    fn found(&self, txn: &ReadTransaction) -> Result<Found, JournalError> {
        let (before, closed) = read_notes(txn, &self.path)?;
        let last = contained(&self.path, || {
            let records = txn.open_table(RECORDS)?;
            let last = records.last()?;
            Ok(last.map(|(key, value)| (seq_of(key.value()), value.value().to_vec())))
        })?;
        let head = match last {
            Some((seq, bytes)) => {
                let frame = frame::open(&bytes, &self.path, seq)?;
                Head { next_seq: frame.next_seq(), hash: frame.hash }
            }
            None => Head { next_seq: self.first_seq, hash: before.last().map_or(frame::GENESIS, |last| last.hash) },
        };
        match closed {
            Some(closed) if closed != head => {
                Err(unreadable(&self.path, "its last record is missing: restore the file from a backup"))
            }
            _ => Ok(Found { before, head, closed: closed.is_some() }),
        }
    }

    /// One transaction for all frames, each under its first sequence.
    pub(super) fn append<'a>(
        &self,
        frames: impl Iterator<Item = (Seq, &'a [u8])>,
        durability: Durability,
    ) -> Result<(), redb::Error> {
        let mut txn = self.db.begin_write()?;
        txn.set_durability(durability)?;
        {
            let mut table = txn.open_table(RECORDS)?;
            for (seq, frame) in frames {
                table.insert(&seq.to_be_bytes()[..], frame)?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    /// Marks it as closed, for ever, and closes the file.
    pub(super) fn close(self, head: Head) -> Result<(), redb::Error> {
        let txn = self.db.begin_write()?;
        {
            let records = txn.open_table(RECORDS)?.len()?;
            let mut table = txn.open_table(SEGMENT)?;
            let mut closed = Vec::with_capacity(48);
            closed.extend_from_slice(&head.next_seq.to_le_bytes());
            closed.extend_from_slice(&records.to_le_bytes());
            closed.extend_from_slice(&head.hash);
            table.insert(&b"closed"[..], closed.as_slice())?;
        }
        txn.commit()?;
        Ok(self.db.close()?)
    }

    /// Closes the file; the segment goes on later.
    pub(super) fn pause(self) -> Result<(), redb::Error> {
        Ok(self.db.close()?)
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction, JournalError> {
        contained(&self.path, || Ok(self.db.begin_read()?))
    }
}

/// Opens a closed segment and checks that it is the one its successors remember.
pub(super) fn open_closed(dir: &Path, expected: Predecessor, cache: usize) -> Result<ReadOnlyDatabase, JournalError> {
    let path = path_of(dir, expected.first_seq);
    let db = contained(&path, || {
        let mut builder = Database::builder();
        builder.set_cache_size(cache);
        Ok(builder.open_read_only(&path)?)
    })?;
    let txn = contained(&path, || Ok(db.begin_read()?))?;
    match read_notes(&txn, &path)? {
        (_, Some(closed)) if closed.hash == expected.hash => Ok(db),
        (_, Some(_)) => Err(unreadable(&path, "it belongs to another journal: restore the file from a backup")),
        (_, None) => {
            Err(unreadable(&path, "it was never closed, though others follow: restore the file from a backup"))
        }
    }
}

/// Adds the segment's records from `page.from` on, below `end`.
pub(super) fn read_into(txn: &ReadTransaction, path: &Path, end: Seq, page: &mut Page) -> Result<(), JournalError> {
    contained(path, || {
        let table = txn.open_table(RECORDS)?;
        let from = page.from.to_be_bytes();
        // The record that holds `from` may begin before it.
        let start = table.range::<&[u8]>(..=&from[..])?.next_back().transpose()?;
        let start = start.map_or(page.from, |(key, _)| seq_of(key.value()));
        for entry in table.range::<&[u8]>(&start.to_be_bytes()[..]..)? {
            let (key, value) = entry?;
            let seq = seq_of(key.value());
            if page.is_full() || seq >= end {
                break;
            }
            if let Err(error) = page.push(path, seq, value.value()) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    })?
}

/// `before`, and where the segment ends if it is closed. A newer layout is refused first.
fn read_notes(txn: &ReadTransaction, path: &Path) -> Result<(Vec<Predecessor>, Option<Head>), JournalError> {
    let (format, before, closed) = contained(path, || {
        let table = txn.open_table(SEGMENT)?;
        let note = |name: &str| Ok::<_, redb::Error>(table.get(name.as_bytes())?.map(|value| value.value().to_vec()));
        Ok((note("format")?, note("before")?, note("closed")?))
    })?;
    let odd = || unreadable(path, "its notes are damaged: restore the file from a backup");
    let found = format.and_then(|bytes| Some(u16::from_le_bytes(bytes.try_into().ok()?))).ok_or_else(odd)?;
    if found > FORMAT {
        return Err(JournalError::Newer { path: path.display().to_string(), found, known: FORMAT });
    }
    let before = before.and_then(|bytes| decode_before(&bytes)).ok_or_else(odd)?;
    let closed = match closed {
        None => None,
        Some(bytes) if bytes.len() == 48 => {
            let mut hash = [0; 32];
            hash.copy_from_slice(&bytes[16..]);
            let next_seq = bytes[..8].try_into().map(u64::from_le_bytes).map_err(|_| odd())?;
            Some(Head { next_seq, hash })
        }
        Some(_) => return Err(odd()),
    };
    Ok((before, closed))
}

fn encode_before(before: &[Predecessor]) -> Vec<u8> {
    before.iter().flat_map(|one| one.first_seq.to_le_bytes().into_iter().chain(one.hash)).collect()
}

fn decode_before(bytes: &[u8]) -> Option<Vec<Predecessor>> {
    let (entries, rest) = bytes.as_chunks::<40>();
    let decode = |entry: &[u8; 40]| {
        let (seq, hash) = entry.split_at(8);
        Some(Predecessor { first_seq: u64::from_le_bytes(seq.try_into().ok()?), hash: hash.try_into().ok()? })
    };
    if rest.is_empty() { entries.iter().map(decode).collect() } else { None }
}

/// A key of another length is damage; as sequence 0 it is noticed by its frame.
fn seq_of(key: &[u8]) -> Seq {
    key.try_into().map_or(0, Seq::from_be_bytes)
}

/// Runs what reads a file that may be damaged: the store panics on some damage, which must not
/// take the reader's thread along.
fn contained<T>(path: &Path, read: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, JournalError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(super::disk::read_error(path, error)),
        Err(_) => Err(unreadable(path, "it is damaged: restore the file from a backup")),
    }
}
