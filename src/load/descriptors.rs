//! Files that the process may have open: every connection is one, and so is every segment and snapshot.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many may be open now, and to how many that may be raised without asking anybody.
#[must_use]
pub fn open_files() -> (u64, u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX))
}

/// Raises the bound as far as that goes; how many may be open then. The low one that shells begin with is
/// for programs that use `select`, and we do not.
pub fn raise_open_files() -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the number of open files could not be raised");
    }
    open_files().0
}
