//! `users.jsonl` in the data directory: a line per change, the last line of a name wins; only ever appended to,
//! readable by its owner alone. So it works on a stopped and on a running server alike.
//!
//! Must hold: a line is on disk before it counts; a torn last line neither counts nor harms the next; of two
//! processes that write at once one is refused; what a later version wrote and this one does not understand
//! closes the account rather than opening an older line of it.

use super::{Account, AccountName, State, hash::Hash};
use crate::domain::{ids::RegionId, ticket::Role, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Display,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

const NAME: &str = "users.jsonl";

/// The file cannot be read or written; names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct AccountFileError {
    pub path: String,
    pub problem: String,
}

/// What the file says, as far as it was read.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// Bytes read: the end of the last whole line.
    read: u64,
    by_name: BTreeMap<AccountName, Arc<Account>>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    version: u64,
    role: String,
    subject: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    regions: Vec<String>,
    state: String,
    created: String,
    since: String,
    hash: String,
}

/// A line of which only the name is understood.
#[derive(Deserialize)]
struct Named {
    name: String,
}

pub(super) struct AccountFile {
    path: PathBuf,
}

/// The file while this process alone writes to it.
pub(super) struct Writing {
    file: File,
    path: PathBuf,
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn failed(path: &Path, problem: impl Display) -> AccountFileError {
    AccountFileError { path: path.display().to_string(), problem: problem.to_string() }
}

impl AccountFile {
    pub(super) fn of(data: &Path) -> Self {
        Self { path: data.join(NAME) }
    }

    /// Reads on from where `known` ends. No file: nobody has an account.
    pub(super) fn read_on(&self, known: &mut Known) -> Result<(), AccountFileError> {
        match File::open(&self.path) {
            Ok(mut file) => known.read_on(&mut file).map_err(|error| failed(&self.path, error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *known = Known::default();
                Ok(())
            }
            Err(error) => Err(failed(&self.path, error)),
        }
    }

    /// Whether `known` is all that the file says.
    pub(super) fn is_read(&self, known: &Known) -> bool {
        let length = std::fs::metadata(&self.path).map_or(0, |found| found.len());
        length == known.read
    }

    /// Makes file and directory when absent. None: another process is writing just now.
    pub(super) fn write(&self) -> Result<Option<Writing>, AccountFileError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path).map_err(|error| failed(&self.path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Writing { file, path: self.path.clone() })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(&self.path, error)),
        }
    }
}

impl Writing {
    pub(super) fn read_on(&mut self, known: &mut Known) -> Result<(), AccountFileError> {
        known.read_on(&mut self.file).map_err(|error| failed(&self.path, error))
    }

    /// Writes a line and makes sure of it.
    pub(super) fn append(&mut self, account: &Account) -> Result<(), AccountFileError> {
        self.try_append(account).map_err(|error| failed(&self.path, error))
    }

    fn try_append(&mut self, account: &Account) -> io::Result<()> {
        let mut line = serde_json::to_string(&Line::of(account))?;
        line.push('\n');
        let length = self.file.metadata()?.len();
        if length > 0 && !self.ends_a_line()? {
            // What was torn stays a line of its own, that nobody understands.
            line.insert(0, '\n');
        }
        self.file.write_all(line.as_bytes())?;
        self.file.sync_all()?;
        if length == 0 { sync_folder(&self.path) } else { Ok(()) }
    }

    fn ends_a_line(&mut self) -> io::Result<bool> {
        let mut last = [0];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        Ok(last == *b"\n")
    }
}

/// A new file is there after a crash only when its folder says so.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

impl Known {
    pub(super) fn get(&self, name: &str) -> Option<&Arc<Account>> {
        self.by_name.get(name)
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// By name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_name.values()
    }

    fn read_on(&mut self, file: &mut File) -> io::Result<()> {
        let length = file.metadata()?.len();
        if length < self.read {
            // Another file than the one we know.
            *self = Self::default();
        }
        if length == self.read {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.take(line);
        }
        self.read += whole as u64;
        Ok(())
    }

    fn take(&mut self, line: &[u8]) {
        if let Some(account) = serde_json::from_slice::<Line>(line).ok().and_then(Line::account) {
            self.by_name.insert(account.name.clone(), Arc::new(account));
            return;
        }
        tracing::warn!("a line of the accounts is not understood");
        let named = serde_json::from_slice::<Named>(line).ok();
        if let Some(name) = named.and_then(|line| AccountName::parse(&line.name).ok()) {
            self.by_name.remove(&name);
        }
    }
}

impl Line {
    fn of(account: &Account) -> Self {
        let Account { name, role, subject, regions, state, created, since, version, hash } = account;
        Self {
            name: name.to_string(),
            version: *version,
            role: role.name().to_owned(),
            subject: subject.clone(),
            regions: regions.iter().map(ToString::to_string).collect(),
            state: state.name().to_owned(),
            created: created.to_string(),
            since: since.to_string(),
            hash: hash.as_str().to_owned(),
        }
    }

    fn account(self) -> Option<Account> {
        let regions: Result<Vec<_>, _> = self.regions.iter().map(|region| RegionId::parse(region)).collect();
        Some(Account {
            name: AccountName::parse(&self.name).ok()?,
            role: Role::parse(&self.role)?,
            subject: self.subject,
            regions: regions.ok()?,
            state: State::parse(&self.state)?,
            created: Timestamp::parse(&self.created).ok()?,
            since: Timestamp::parse(&self.since).ok()?,
            version: self.version,
            hash: Hash::stored(&self.hash)?,
        })
    }
}
