//! Between redb and the file system: notices failed fsyncs, injects faults in tests, turns redb's
//! errors into the journal's.

use super::JournalError;
use redb::{BackendError, StorageBackend, backends::FileBackend};
use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    ops::Bound,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// What the segments of one journal share.
#[derive(Clone, Debug, Default)]
pub(super) struct Medium {
    /// Page cache of the segment that is written, bytes.
    pub active_cache: usize,
    /// Set for good by a failed fsync: from then on, the page cache may lie about what is on disk.
    sync_failed: Arc<AtomicBool>,
    #[cfg(any(test, feature = "faults"))]
    pub armed: Armed,
}

impl Medium {
    pub(super) fn new(active_cache: usize) -> Self {
        Self { active_cache, ..Self::default() }
    }

    pub(super) fn sync_failed(&self) -> bool {
        self.sync_failed.load(Ordering::Acquire)
    }
}

/// Zeros are written so many bytes ahead of what is written: an fsync of new blocks of a file also
/// writes where they lie, which takes it twice as long as one of blocks that the file has. (Of no use
/// where a file system never overwrites a block; no harm either.)
const AHEAD: u64 = 256 << 10;

/// redb's file, watched.
#[derive(Debug)]
pub(super) struct SegmentFile {
    file: FileBackend,
    medium: Medium,
    /// From here on, nothing was ever written.
    blank_from: Mutex<u64>,
}

impl SegmentFile {
    pub(super) fn create(path: &Path, medium: &Medium) -> Result<Self, redb::Error> {
        Self::new(OpenOptions::new().read(true).write(true).create_new(true).open(path)?, medium)
    }

    /// A missing or empty file is no segment: redb would make a new database of it.
    pub(super) fn open(path: &Path, medium: &Medium) -> Result<Self, redb::Error> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        if file.metadata()?.len() == 0 {
            return Err(io::Error::new(ErrorKind::InvalidData, "the file is empty").into());
        }
        Self::new(file, medium)
    }

    fn new(file: File, medium: &Medium) -> Result<Self, redb::Error> {
        // What a file of before holds is not known.
        let blank_from = Mutex::new(file.metadata()?.len());
        Ok(Self { file: FileBackend::new(file)?, medium: medium.clone(), blank_from })
    }

    /// Makes sure that the file has blocks up to `end` and some way beyond.
    fn go_ahead(&self, end: u64) -> io::Result<()> {
        let mut blank_from = self.blank_from.lock().unwrap_or_else(PoisonError::into_inner);
        let from = *blank_from;
        if end <= from {
            return Ok(());
        }
        let to = (end + AHEAD).min(self.file.len()?).max(end);
        *blank_from = to;
        let zeros = vec![0; (to - from).min(AHEAD) as usize];
        for offset in (from..to).step_by(zeros.len()) {
            let some = &zeros[..zeros.len().min((to - offset) as usize)];
            if self.file.write(offset, some).is_err() {
                // The disk may be full for zeros and not for what is to be written.
                break;
            }
        }
        Ok(())
    }
}

impl StorageBackend for SegmentFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        #[cfg(any(test, feature = "faults"))]
        self.medium.armed.before_write(0)?;
        let mut blank_from = self.blank_from.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.set_len(len)?;
        *blank_from = len.min(*blank_from);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        #[cfg(any(test, feature = "faults"))]
        let synced = self.medium.armed.before_sync().and_then(|()| self.file.sync_data());
        #[cfg(not(any(test, feature = "faults")))]
        let synced = self.file.sync_data();
        if synced.is_err() {
            self.medium.sync_failed.store(true, Ordering::Release);
        }
        synced
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        #[cfg(any(test, feature = "faults"))]
        self.medium.armed.before_write(data.len() as u64)?;
        self.go_ahead(offset + data.len() as u64)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

/// Bytes free for us on the file system of `dir`.
pub(super) fn free_bytes(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

pub(super) fn unreadable(path: &Path, what: impl Into<String>) -> JournalError {
    JournalError::Unreadable { path: path.display().to_string(), what: what.into() }
}

/// Why a file could not be read, and the way out.
pub(super) fn read_error(path: &Path, error: redb::Error) -> JournalError {
    let what = match error {
        redb::Error::Io(error) => match error.kind() {
            ErrorKind::NotFound => "the segment is missing: restore the file from a backup".to_owned(),
            ErrorKind::PermissionDenied => format!("{error}: check the owner and the mode of the data directory"),
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
                format!("it is torn or no journal segment ({error}): restore the file from a backup")
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => return JournalError::DiskFull,
            _ => error.to_string(),
        },
        redb::Error::DatabaseAlreadyOpen => "another process has it open: stop that one first".to_owned(),
        redb::Error::RepairAborted => {
            "it was not closed cleanly, though others follow: restore it from a backup".to_owned()
        }
        redb::Error::UpgradeRequired(format) => format!("its file format {format} is too old for this build"),
        other => format!("{other}: restore the file from a backup"),
    };
    unreadable(path, what)
}

/// Why an append failed. No space is an error to recover from only when it struck before the fsync.
pub(super) fn write_error(medium: &Medium, error: &redb::Error) -> JournalError {
    match error {
        redb::Error::Io(error) if is_full(error) && !medium.sync_failed() => JournalError::DiskFull,
        other => JournalError::Failed(other.to_string()),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(any(test, feature = "faults"))]
pub(super) use armed::Armed;

#[cfg(any(test, feature = "faults"))]
mod armed {
    use crate::storage::journal::faults::DiskFault;
    use std::{
        io,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
    };

    /// The fault that the append under way meets on the file.
    #[derive(Clone, Debug, Default)]
    pub(in super::super) struct Armed(Arc<Mutex<State>>);

    #[derive(Debug, Default)]
    struct State {
        /// Bytes that still fit.
        space: Option<u64>,
        sync_fails: bool,
    }

    impl Armed {
        #[allow(clippy::needless_pass_by_value, reason = "an order, not a look")]
        pub(in super::super) fn arm(&self, fault: Option<DiskFault>) {
            let (space, sync_fails) = match fault {
                None | Some(DiskFault::Delay(_)) => (None, false),
                Some(DiskFault::NoSpace) => (Some(0), false),
                Some(DiskFault::ShortWrite(bytes)) => (Some(bytes), false),
                Some(DiskFault::SyncFails | DiskFault::TornTail(_)) => (None, true),
            };
            *self.lock() = State { space, sync_fails };
        }

        pub(super) fn before_write(&self, bytes: u64) -> io::Result<()> {
            let mut state = self.lock();
            match state.space {
                None => Ok(()),
                Some(space) if space > 0 && bytes <= space => {
                    state.space = Some(space - bytes);
                    Ok(())
                }
                Some(_) => Err(io::ErrorKind::StorageFull.into()),
            }
        }

        pub(super) fn before_sync(&self) -> io::Result<()> {
            if self.lock().sync_fails { Err(io::Error::other("input/output error")) } else { Ok(()) }
        }

        fn lock(&self) -> MutexGuard<'_, State> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::MetadataExt;

    proptest! {
        #[test]
        fn zeros_written_ahead_never_change_what_a_file_holds(
            steps in prop::collection::vec((any::<bool>(), 0..3 * AHEAD, 1..9_000_usize, any::<u8>()), 1..20),
            again_at in 0..20_usize,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("segment");
            let medium = Medium::default();
            let mut file = SegmentFile::create(&path, &medium).unwrap();
            let mut held = vec![0; 4096];
            file.set_len(4096).unwrap();
            for (nth, (resize, at, bytes, byte)) in steps.into_iter().enumerate() {
                if nth == again_at {
                    drop(file);
                    file = SegmentFile::open(&path, &medium).unwrap();
                }
                if resize {
                    held.resize(at.max(1) as usize, 0);
                    file.set_len(held.len() as u64).unwrap();
                } else {
                    let end = at as usize + bytes;
                    held.resize(held.len().max(end), 0);
                    held[at as usize..end].fill(byte);
                    file.write(at, &vec![byte; bytes]).unwrap();
                }
                let mut found = vec![1; held.len()];
                file.read(0, &mut found).unwrap();
                prop_assert!(file.len().unwrap() == held.len() as u64 && found == held);
            }
        }
    }

    #[test]
    fn blocks_are_there_before_they_are_needed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        let file = SegmentFile::create(&path, &Medium::default()).unwrap();
        file.set_len(10 * AHEAD).unwrap();
        file.write(0, &[1; 4096]).unwrap();
        file.sync_data().unwrap();
        let blocks = || std::fs::metadata(&path).unwrap().blocks() * 512;
        let before = blocks();
        if before < AHEAD {
            println!("skipped: this file system gives no blocks to zeros");
            return;
        }
        assert!(before < 2 * AHEAD, "{before} bytes");
        file.write(AHEAD / 2, &[1; 4096]).unwrap();
        file.sync_data().unwrap();
        assert_eq!(blocks(), before);
    }
}
