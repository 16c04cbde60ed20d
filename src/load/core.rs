//! A store, opened, with the tree running over it on a runtime of its own: what `serve` puts doors
//! around and what the command line uses on data that nobody serves.

use super::Zips;
use crate::{
    actors::{Clock, Failure, Service, ServiceOptions},
    domain::{decision::Policy, time::Timestamp},
    import::ImportError,
    notify::{Desk, DeskError},
    objectives::Objectives,
    settings::{PolicyName, Settings},
    storage::{Durability, Fault, Store, StoreOptions},
    tokens::{TokenFileError, Tokens},
};
use rand::{TryRng, rngs::SysRng};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::runtime::Runtime;

/// Regions read back at the same time when the process starts.
const READERS: usize = 4;

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Store(#[from] Fault),
    #[error("{0}")]
    Service(#[from] Failure),
    #[error("{0}")]
    Places(#[from] ImportError),
    #[error("{0}")]
    Tokens(#[from] TokenFileError),
    #[error("{0}")]
    Desk(#[from] DeskError),
    #[error("{0}")]
    System(#[from] std::io::Error),
}

pub struct Core {
    pub service: Service,
    pub zips: Zips,
    pub tokens: Arc<Tokens>,
    pub objectives: Arc<Objectives>,
    pub data: PathBuf,
    runtime: Runtime,
}

impl Core {
    /// Opens the data directory (made when absent) and starts the tree. `clock`: makes the tree's
    /// clock from the time of the journal's last event.
    pub fn start(settings: &Settings, clock: impl FnOnce(Timestamp) -> Clock) -> Result<Self, StartError> {
        let data = settings.storage.data.clone();
        let store = Store::open(store_options(settings))?;
        let telemetry = store.telemetry().clone();
        telemetry.incidents.open(&data.join("incidents"), telemetry.metrics.clone())?;
        let objectives = Arc::new(Objectives::open(&data, &telemetry));
        let tokens = Arc::new(Tokens::open(&data)?);
        let zips = Zips::open(&data)?;
        let find = zips.clone();
        let desk = Desk::open(settings, tokens.clone(), store.contact_hasher())?;
        let options = ServiceOptions {
            clock: clock(last_event(&store)?),
            seed: random_seed(),
            policy: policy(settings.dispatch.policy),
            dispatch: !settings.dispatch.paused,
            zip: Arc::new(move |zip| find.find(zip)),
            desk: Arc::new(desk),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.server.core_threads)
            .thread_name("core")
            // A hundred at once would starve the first ticket, and the allocator keeps memory per thread.
            .max_blocking_threads(READERS)
            .enable_all()
            .build()?;
        let service = runtime.block_on(Service::start(store, options))?;
        Ok(Self { service, zips, tokens, objectives, data, runtime })
    }

    #[must_use]
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Finishes what is admitted, flushes, closes.
    pub fn stop(self) {
        self.runtime.block_on(self.service.stop());
    }
}

/// How the settings have the store opened.
#[must_use]
pub fn store_options(settings: &Settings) -> StoreOptions {
    const MB: usize = 1_024 * 1_024;
    let storage = &settings.storage;
    StoreOptions {
        data: storage.data.clone(),
        cell: storage.cell.clone(),
        durability: Durability::Fsync,
        cache_bytes: storage.cache_mb * MB,
        segment_bytes: storage.segment_mb * MB as u64,
        seed: None,
    }
}

/// Whether there is a store to open: commands that only look must not make one.
#[must_use]
pub fn has_data(data: &Path) -> bool {
    data.join("cells").is_dir()
}

fn last_event(store: &Store) -> Result<Timestamp, Fault> {
    let (seq, _) = store.head();
    let last = if seq == 0 { Vec::new() } else { store.read(seq, 1)? };
    Ok(last.last().map_or(Timestamp::ZERO, |recorded| recorded.envelope.at))
}

fn policy(name: PolicyName) -> Policy {
    match name {
        PolicyName::Nearest => Policy::Nearest,
        PolicyName::Insertion => Policy::Insertion,
        PolicyName::Full => Policy::Full,
    }
}

fn random_seed() -> u64 {
    let mut bytes = [0; 8];
    // Nothing secret hangs on it: keys and tokens have randomness of their own.
    if SysRng.try_fill_bytes(&mut bytes).is_err() {
        return u64::from(std::process::id());
    }
    u64::from_le_bytes(bytes)
}
