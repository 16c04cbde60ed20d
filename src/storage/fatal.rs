//! What happens when the process must not go on: a journal whose fsync failed, a storage thread
//! that panicked. The service manager starts it again; recovery knows what is on disk.

use std::sync::Arc;

/// The exit code that asks the service manager for a restart (`EX_SOFTWARE`).
const EXIT_CODE: i32 = 70;

/// Called at most a few times, from any thread; by default it does not return.
#[derive(Clone)]
pub(super) struct Fatal(Arc<dyn Fn(&str) + Send + Sync>);

impl Fatal {
    pub(super) fn exit() -> Self {
        Self(Arc::new(|why| {
            eprintln!("callout: storage cannot go on: {why}; stopping, so that a restart can recover");
            std::process::exit(EXIT_CODE);
        }))
    }

    #[cfg(any(test, feature = "faults"))]
    pub(super) fn hook(hook: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    pub(super) fn call(&self, why: &str) {
        tracing::error!(why, "storage cannot go on");
        (self.0)(why);
    }
}
