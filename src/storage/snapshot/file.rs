//! One snapshot file: opening it, telling damage from other trouble, reading and writing it.
//!
//! A snapshot is derived and can be thrown away: what does not open, is older than this build or
//! belongs to another history is set aside as `.damaged` and rebuilt from the journal. A file of a
//! newer build is never touched. Must hold: the sequence a file has applied is written in the same
//! transaction as what was applied.

use super::manner::Manner;
use crate::domain::ids::Seq;
use crate::storage::{
    Fault,
    files::{fault, io_fault, sync_dir},
    overlay::{read, write},
};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition};
use std::{fs, panic::AssertUnwindSafe, path::PathBuf, sync::RwLock};

/// Tables hold raw bytes, so that no type name of redb locks the data in.
pub(super) type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;
pub(super) type Rows<'txn> = redb::Table<'txn, &'static [u8], &'static [u8]>;

/// Raised when tables or keys change; an older file is rebuilt, a newer one refused.
const FORMAT: u32 = 4;
const META: Table = TableDefinition::new("meta");

/// Trouble inside a transaction.
#[derive(Debug)]
pub(super) enum Trouble {
    Redb(Box<redb::Error>),
    Row(Fault),
}

macro_rules! trouble_from {
    ($($error:ty),*) => {
        $(impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        })*
    };
}

trouble_from!(
    redb::TableError,
    redb::StorageError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError,
    redb::DatabaseError
);

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Row(fault)
    }
}

/// Which history a snapshot belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) struct History {
    /// Counts the restores of the data directory.
    pub(in crate::storage) incarnation: u64,
    /// The journal's last sequence: a snapshot beyond it saw another journal.
    pub(in crate::storage) head: Seq,
}

/// How a snapshot came up.
pub(super) enum Opened {
    /// As it was, with what it has applied.
    Whole(SnapshotFile, Seq),
    /// Empty: new, or the old one was set aside.
    Empty(SnapshotFile),
}

pub(super) struct SnapshotFile {
    path: PathBuf,
    cache_bytes: usize,
    tables: &'static [Table],
    /// None while a broken handle is being replaced.
    db: RwLock<Option<Database>>,
}

impl SnapshotFile {
    /// Opens or makes the file. `at_least`: what it must have applied to be of any use.
    pub(super) fn open(
        path: PathBuf,
        tables: &'static [Table],
        cache_bytes: usize,
        history: History,
        at_least: Seq,
    ) -> Result<Opened, Fault> {
        let fresh = !path.exists();
        let file = Self { path, cache_bytes, tables, db: RwLock::default() };
        let why = match file.try_open(history) {
            Ok(applied) if !fresh && applied > history.head => "it is ahead of the journal".to_owned(),
            Ok(applied) if !fresh && applied < at_least => "it is an old copy".to_owned(),
            Ok(_) if fresh => return Ok(Opened::Empty(file)),
            Ok(applied) => return Ok(Opened::Whole(file, applied)),
            Err(Refused::Useless(why)) => why,
            Err(Refused::Fault(fault)) => return Err(fault),
        };
        tracing::warn!(file = %file.path.display(), why, "snapshot set aside; it is rebuilt from the journal");
        *write(&file.db) = None;
        file.set_aside()?;
        match file.try_open(history) {
            Ok(_) => Ok(Opened::Empty(file)),
            Err(Refused::Useless(why)) => Err(fault(&file.path, why)),
            Err(Refused::Fault(fault)) => Err(fault),
        }
    }

    /// Runs `work` in a read transaction.
    pub(super) fn read<T>(&self, work: impl FnOnce(&redb::ReadTransaction) -> Result<T, Trouble>) -> Result<T, Fault> {
        let slot = read(&self.db);
        let db = slot.as_ref().ok_or_else(|| fault(&self.path, "the snapshot is being reopened: try again"))?;
        db.begin_read().map_err(Trouble::from).and_then(|txn| work(&txn)).map_err(|trouble| self.fault(trouble))
    }

    /// Runs `work` in a durable write transaction that also notes `applied`.
    pub(super) fn write(
        &self,
        applied: Seq,
        work: impl FnOnce(&redb::WriteTransaction) -> Result<(), Trouble>,
    ) -> Result<(), Fault> {
        self.amend(|txn| {
            work(txn)?;
            txn.open_table(META)?.insert(&b"applied"[..], &applied.to_le_bytes()[..])?;
            Ok(())
        })
    }

    /// Runs `work` in a durable write transaction. After trouble the file is opened anew, so that a
    /// disk that was full works again when it has space.
    pub(super) fn amend(&self, work: impl FnOnce(&redb::WriteTransaction) -> Result<(), Trouble>) -> Result<(), Fault> {
        let done = read(&self.db).as_ref().map(|db| transact(db, work));
        match done {
            Some(Ok(())) => Ok(()),
            Some(Err(Trouble::Row(fault))) => Err(fault),
            Some(Err(trouble)) => {
                self.reopen();
                Err(self.fault(trouble))
            }
            None => {
                self.reopen();
                Err(fault(&self.path, "the snapshot could not be reopened"))
            }
        }
    }

    fn reopen(&self) {
        let mut slot = write(&self.db);
        *slot = None;
        match redb::Builder::new().set_cache_size(self.cache_bytes).open(&self.path) {
            Ok(db) => *slot = Some(db),
            Err(error) => tracing::error!(file = %self.path.display(), %error, "a snapshot does not reopen"),
        }
    }

    /// What it has applied; 0 when new.
    fn try_open(&self, history: History) -> Result<Seq, Refused> {
        // redb answers most damage with an error and some with a panic.
        let open = || redb::Builder::new().set_cache_size(self.cache_bytes).create(&self.path);
        let db = std::panic::catch_unwind(AssertUnwindSafe(open))
            .map_err(|_| Refused::Useless("it is damaged".into()))?
            .map_err(|error| self.refused(error))?;
        let trouble = |trouble: Trouble| self.refused_trouble(trouble);
        let applied = match read_meta(&db).map_err(trouble)? {
            None => {
                self.make(&db, history).map_err(trouble)?;
                0
            }
            Some(meta) => self.judge(&meta, history)?,
        };
        *write(&self.db) = Some(db);
        Ok(applied)
    }

    fn judge(&self, meta: &Meta, history: History) -> Result<Seq, Refused> {
        if meta.format > FORMAT {
            let what = format!(
                "written by a newer version (snapshot format {}, this one reads up to {FORMAT}): upgrade Callout",
                meta.format
            );
            return Err(Refused::Fault(fault(&self.path, what)));
        }
        if meta.format < FORMAT || meta.rows != crate::storage::row::FORMAT {
            return Err(Refused::Useless("it is of an older version".into()));
        }
        if meta.incarnation != history.incarnation {
            return Err(Refused::Useless("the data directory was restored since".into()));
        }
        Ok(meta.applied)
    }

    fn make(&self, db: &Database, history: History) -> Result<(), Trouble> {
        let txn = db.begin_write()?;
        for table in self.tables {
            txn.open_table(*table)?;
        }
        {
            let mut meta = txn.open_table(META)?;
            meta.insert(&b"format"[..], &FORMAT.to_le_bytes()[..])?;
            meta.insert(&b"rows"[..], &[crate::storage::row::FORMAT][..])?;
            meta.insert(&b"incarnation"[..], &history.incarnation.to_le_bytes()[..])?;
            meta.insert(&b"build"[..], env!("CARGO_PKG_VERSION").as_bytes())?;
        }
        txn.commit()?;
        Ok(())
    }

    fn set_aside(&self) -> Result<(), Fault> {
        let aside = self.path.with_extension("redb.damaged");
        let moved = fs::rename(&self.path, &aside).and_then(|()| self.path.parent().map_or(Ok(()), sync_dir));
        moved.map_err(|error| io_fault(&self.path, "set a damaged snapshot aside", &error))
    }

    fn refused(&self, error: DatabaseError) -> Refused {
        use std::io::ErrorKind::{InvalidData, UnexpectedEof};
        match error {
            DatabaseError::Storage(StorageError::Io(error)) if !matches!(error.kind(), InvalidData | UnexpectedEof) => {
                Refused::Fault(io_fault(&self.path, "open the snapshot", &error))
            }
            DatabaseError::DatabaseAlreadyOpen => Refused::Fault(fault(&self.path, "another process has it open")),
            error => Refused::Useless(error.to_string()),
        }
    }

    fn refused_trouble(&self, trouble: Trouble) -> Refused {
        match trouble {
            Trouble::Redb(error) => match *error {
                redb::Error::Io(error) => Refused::Fault(io_fault(&self.path, "read the snapshot", &error)),
                error => Refused::Useless(error.to_string()),
            },
            Trouble::Row(fault) => Refused::Useless(fault.what),
        }
    }

    fn fault(&self, trouble: Trouble) -> Fault {
        match trouble {
            Trouble::Redb(error) => match *error {
                redb::Error::Io(error) => io_fault(&self.path, "use the snapshot", &error),
                error => fault(&self.path, error),
            },
            Trouble::Row(inner) => fault(&self.path, inner.what),
        }
    }
}

enum Refused {
    /// Can be thrown away.
    Useless(String),
    Fault(Fault),
}

struct Meta {
    format: u32,
    rows: u8,
    incarnation: u64,
    applied: Seq,
}

/// None: the file is new.
fn read_meta(db: &Database) -> Result<Option<Meta>, Trouble> {
    let txn = db.begin_read()?;
    let meta = match txn.open_table(META) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        other => other?,
    };
    let number = |key: &[u8]| -> Result<u64, Trouble> {
        let mut bytes = [0; 8];
        if let Some(value) = meta.get(key)? {
            let value = value.value();
            let length = value.len().min(8);
            bytes[..length].copy_from_slice(&value[..length]);
        }
        Ok(u64::from_le_bytes(bytes))
    };
    Ok(Some(Meta {
        format: number(b"format")? as u32,
        rows: number(b"rows")? as u8,
        incarnation: number(b"incarnation")?,
        applied: number(b"applied")?,
    }))
}

fn transact(db: &Database, work: impl FnOnce(&redb::WriteTransaction) -> Result<(), Trouble>) -> Result<(), Trouble> {
    let mut txn = db.begin_write()?;
    // After a kill the file opens at once, whatever its size.
    txn.set_quick_repair(true);
    work(&txn)?;
    txn.commit()?;
    Ok(())
}

/// Everything that goes out of and into one table, applied in key order: neighbours share pages.
#[derive(Default)]
pub(super) struct Writes {
    pub(super) remove: Vec<Vec<u8>>,
    pub(super) insert: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Writes {
    pub(super) fn put(&mut self, key: &[u8], value: Vec<u8>) {
        self.insert.push((key.to_vec(), value));
    }

    pub(super) fn apply(mut self, rows: &mut Rows<'_>, manner: Manner<'_>) -> Result<(), Trouble> {
        self.remove.sort_unstable();
        self.insert.sort_unstable();
        for key in manner.paced(self.remove.iter()) {
            rows.remove(key.as_slice())?;
        }
        for (key, value) in manner.paced(self.insert.iter()) {
            rows.insert(key.as_slice(), value.as_slice())?;
        }
        Ok(())
    }
}

/// The row under `key`, passed through `decode`.
pub(super) fn row<T>(
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<T, Fault>,
) -> Result<Option<T>, Trouble> {
    Ok(rows.get(key)?.map(|row| decode(row.value())).transpose()?)
}
