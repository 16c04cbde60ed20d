//! Small durable file operations: what the key file, the lock and the journal share.
//!
//! Must hold: a file made by `create_whole` is there with all its bytes or not at all, whatever the
//! moment of a crash. Every fault names the path and a way out.

use super::Fault;
use std::{
    fmt::Display,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(super) fn fault(place: &Path, what: impl Display) -> Fault {
    Fault { what: what.to_string(), place: place.display().to_string() }
}

/// `doing` completes "cannot ...".
pub(super) fn io_fault(place: &Path, doing: &str, error: &io::Error) -> Fault {
    let way_out = match error.kind() {
        io::ErrorKind::PermissionDenied => ": check the owner and the mode of the data directory",
        io::ErrorKind::ReadOnlyFilesystem => ": the file system is mounted read-only",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": free space in the data directory",
        _ => "",
    };
    fault(place, format_args!("cannot {doing}: {error}{way_out}"))
}

/// Makes names in `dir` (new, renamed, removed) survive a power loss.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Options for files that only their owner may read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true);
    options
}

/// Makes a folder, with those above it, that only its owner may enter. One that is there stays as it is.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a file aside, fsyncs it, renames it into place, fsyncs the directory.
pub(super) fn create_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = private().create(true).truncate(true).open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// A thread that panicked leaves no half-made state under the locks of this folder: go on.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
