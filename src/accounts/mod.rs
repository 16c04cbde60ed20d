//! People with passwords: accounts that log in. Pure parts (`account.rs`, `name.rs`, `password.rs`,
//! `throttle.rs`) know no files; `file.rs` keeps `users.jsonl`; `hash.rs` is the only place that knows argon2.
//!
//! Must hold: a password is in memory only as long as it is hashed, and in no log, answer or error; whether a
//! name exists cannot be told from an answer or from the work behind it; a change counts within a second in
//! every process on the data. Must never do: issue tokens. It says whose they may be.

mod account;
mod file;
mod hash;
mod name;
mod password;
#[cfg(test)]
mod tests;
mod throttle;

pub use account::{Account, Edit, Flaw, Profile, State, subject_of};
pub use file::AccountFileError;
pub use hash::HashError;
pub use name::{AccountName, NameError};
pub use password::{NewPassword, WeakPassword};
pub use throttle::{Throttle, Wait};

use crate::{
    domain::{ids::CustomerId, ticket::Role, time::Timestamp},
    settings::{Secret, limits},
};
use file::{AccountFile, Known};
use hash::Hasher;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// The accounts of a data directory. One per process; cheap to share behind an `Arc`.
pub struct Accounts {
    file: AccountFile,
    /// Held by whoever writes, so that of this process only one does.
    writer: Mutex<()>,
    /// Held by whoever reads the file, so that nothing older takes the place of what is newer.
    reader: Mutex<()>,
    /// Nobody reads a file while holding this: runtimes' threads ask it.
    known: RwLock<Known>,
    hasher: Hasher,
}

/// Why accounts could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    File(#[from] AccountFileError),
    #[error("{0}")]
    Hash(#[from] HashError),
}

/// Why an account was not made or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("there is an account of this name already")]
    Taken,
    #[error("there is no account of this name")]
    Unknown,
    #[error("the account is at version {0} by now")]
    Stale(u64),
    #[error("{0}")]
    Flawed(#[from] Flaw),
    #[error("there are {} accounts already, which is the most", limits::ACCOUNTS)]
    Full,
    #[error("another process is changing the accounts; try again")]
    Busy,
    #[error("{0}")]
    File(#[from] AccountFileError),
    #[error("{0}")]
    Hash(#[from] HashError),
}

type Changed = Result<Arc<Account>, AccountError>;

impl Accounts {
    /// Reads the file in the data directory; there need not be one.
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        let file = AccountFile::of(data);
        let mut known = Known::default();
        file.read_on(&mut known)?;
        let (writer, reader, known) = (Mutex::new(()), Mutex::new(()), RwLock::new(known));
        Ok(Self { file, writer, reader, known, hasher: Hasher::new()? })
    }

    /// As the file says now.
    pub fn find(&self, name: &AccountName) -> Result<Option<Arc<Account>>, AccountFileError> {
        self.read_on()?;
        Ok(self.known(|known| known.get(name.as_str()).cloned()))
    }

    /// As the file says now, by name.
    pub fn list(&self) -> Result<Vec<Arc<Account>>, AccountFileError> {
        self.read_on()?;
        Ok(self.known(|known| known.all().cloned().collect()))
    }

    /// Whether a login still stands: the account is active and as it was at `since`. Asked on each call of a
    /// token that was got by login, so from memory: as of the last [`Accounts::refresh`].
    pub fn stands(&self, name: &str, since: Timestamp) -> bool {
        self.known(|known| {
            known.get(name).is_some_and(|account| account.state == State::Active && account.since == since)
        })
    }

    /// Hashes: not for a runtime's thread, as all that follow.
    pub fn add(&self, name: AccountName, profile: Profile, password: &NewPassword, now: Timestamp) -> Changed {
        let hash = self.hasher.hash(password.text())?;
        let account = Account::new(name, profile, hash, now)?;
        self.change(|known| match known.get(account.name.as_str()) {
            Some(_) => Err(AccountError::Taken),
            None if known.len() >= limits::ACCOUNTS => Err(AccountError::Full),
            None => Ok(account),
        })
    }

    /// `seen`: the version that the caller knows; another one is `Stale`.
    pub fn edit(
        &self,
        name: &AccountName,
        edit: Edit,
        password: Option<&NewPassword>,
        seen: Option<u64>,
        now: Timestamp,
    ) -> Changed {
        let hash = password.map(|password| self.hasher.hash(password.text())).transpose()?;
        self.change(|known| {
            let account = known.get(name.as_str()).ok_or(AccountError::Unknown)?;
            if seen.is_some_and(|seen| seen != account.version) {
                return Err(AccountError::Stale(account.version));
            }
            let edited = account.edited(edit, now)?;
            Ok(match hash {
                // One change, however much of it: one version.
                Some(hash) => Account { version: account.version + 1, ..edited.with_password(hash, now) },
                None => edited,
            })
        })
    }

    /// Those of one customer, by name; as the file says now.
    pub fn of_customer(&self, customer: &CustomerId) -> Result<Vec<Arc<Account>>, AccountFileError> {
        let theirs = |account: &Arc<Account>| account.role == Role::Customer && account.subject == customer.as_str();
        Ok(self.list()?.into_iter().filter(theirs).collect())
    }

    /// Ends a customer's accounts, and with them the tokens that were got by login; how many were active.
    pub fn disable_customer(&self, customer: &CustomerId, now: Timestamp) -> Result<usize, AccountError> {
        let active = |account: &Arc<Account>| account.state == State::Active;
        let active: Vec<_> = self.of_customer(customer)?.into_iter().filter(active).collect();
        for account in &active {
            let edit = Edit { state: Some(State::Disabled), ..Edit::default() };
            self.edit(&account.name, edit, None, None, now)?;
        }
        Ok(active.len())
    }

    /// The active account of this name and password. Costs one hash, whether or not there is such a name.
    pub fn check(&self, name: &str, password: &Secret) -> Result<Option<Arc<Account>>, AccountFileError> {
        self.read_on()?;
        let account = AccountName::parse(name).ok();
        let account = account.and_then(|name| self.known(|known| known.get(name.as_str()).cloned()));
        let fits = self.hasher.fits(password, account.as_ref().map(|account| &account.hash));
        let account = account.filter(|account| fits && account.state == State::Active);
        if let Some(account) = &account
            && self.hasher.outdated(&account.hash)
        {
            self.rehash(account, password);
        }
        Ok(account)
    }

    /// Now that the password is at hand. Fails without harm: the next login tries again.
    fn rehash(&self, account: &Account, password: &Secret) {
        let Ok(hash) = self.hasher.hash(password) else { return };
        let changed = self.change(|known| match known.get(account.name.as_str()) {
            Some(present) if present.version == account.version => Ok(present.rehashed(hash)),
            Some(present) => Err(AccountError::Stale(present.version)),
            None => Err(AccountError::Unknown),
        });
        if let Err(error) = changed {
            tracing::warn!(%error, "a password's hash was not renewed");
        }
    }

    /// How many hashes were computed since the start.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.hasher.computed()
    }

    fn known<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up what other processes on these data wrote. Reads a file: not for a runtime's thread.
    pub fn refresh(&self) {
        if let Err(error) = self.read_on() {
            tracing::error!(%error, "the accounts cannot be read; what is known of them holds");
        }
    }

    fn read_on(&self) -> Result<(), AccountFileError> {
        if self.known(|known| self.file.is_read(known)) {
            return Ok(());
        }
        self.take_up(|known| self.file.read_on(known))
    }

    fn take_up(&self, read: impl FnOnce(&mut Known) -> Result<(), AccountFileError>) -> Result<(), AccountFileError> {
        let _reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = self.known(Known::clone);
        read(&mut next)?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// Writes what `decide` makes of the file as it is now, unless that is what it says already.
    fn change(&self, decide: impl FnOnce(&Known) -> Result<Account, AccountError>) -> Changed {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writing = self.file.write()?.ok_or(AccountError::Busy)?;
        self.take_up(|known| writing.read_on(known))?;
        // Nobody else writes: what is decided now holds until it is on disk. Whoever asks `stands` on a runtime's
        // thread does not wait for that.
        let (next, present) = self.known(|known| {
            let next = decide(known)?;
            let present = known.get(next.name.as_str()).cloned();
            Ok::<_, AccountError>((next, present))
        })?;
        if let Some(same) = present.filter(|present| **present == next) {
            return Ok(same);
        }
        writing.append(&next)?;
        self.take_up(|known| writing.read_on(known))?;
        Ok(self.known(|known| known.get(next.name.as_str()).cloned()).unwrap_or_else(|| Arc::new(next)))
    }
}
