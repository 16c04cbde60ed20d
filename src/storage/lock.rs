//! One process per data directory.
//!
//! The operating system's lock on `data/lock` decides, so it ends with the process however that
//! ends; the process id in the file is only for people. Must never break another process's lock.

use super::{
    Fault,
    files::{fault, io_fault, private, private_folder},
};
use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

/// Held while this process uses the data directory; dropping it lets the next one in.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Makes the directory when absent and takes its lock. Refused when another process holds it
    /// (named by its id), or when the directory cannot be written.
    pub fn take(data: &Path) -> Result<Self, Fault> {
        private_folder(data).map_err(|error| io_fault(data, "make the data directory", &error))?;
        let path = data.join("lock");
        let mut file = private()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| io_fault(&path, "write to the data directory", &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(data, &mut file)),
            Err(TryLockError::Error(error)) => return Err(io_fault(&path, "lock the data directory", &error)),
        }
        #[cfg(unix)]
        close_to_others(data);
        sign(&mut file).map_err(|error| io_fault(&path, "write to the data directory", &error))?;
        Ok(Self { _file: file })
    }
}

/// What an earlier version left readable lies below this folder.
#[cfg(unix)]
fn close_to_others(data: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(found) = fs::metadata(data) else { return };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o007 != 0
        && let Err(error) = fs::set_permissions(data, fs::Permissions::from_mode(mode & 0o770))
    {
        tracing::warn!(%error, "others on this machine may read the data directory");
    }
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn taken(data: &Path, file: &mut File) -> Fault {
    let mut text = String::new();
    // The holder may be between truncating and signing: then nobody is named.
    let holder = match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    };
    fault(data, format_args!("{holder} uses this data directory: stop it first, or name another directory with --data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataLock::take(dir.path()).unwrap();
        let refused = DataLock::take(dir.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(refused.contains("--data"), "{refused}");
        drop(held);
        DataLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        let refused = DataLock::take(&file.join("data")).unwrap_err();
        assert!(refused.place.ends_with("file/data"), "{refused}");
    }
}
