//! A store, opened, with the tree running over it on a runtime of its own: what `serve` puts doors
//! around and what the command line uses on data that nobody serves.

use super::Zips;
use crate::{
    access_log::AccessLog,
    accounts::{Accounts, OpenError},
    actors::{Clock, Failure, Service, ServiceOptions, finish_erasure},
    domain::{decision::Policy, time::Timestamp},
    import::ImportError,
    notify::{Desk, DeskError},
    objectives::Objectives,
    routing::roads::Legs,
    settings::{PolicyName, Settings},
    storage::{Durability, Fault, Store, StoreOptions},
    tls::TlsError,
    tokens::{Login, TokenFileError, Tokens},
    travel::{Hours, Osrm, OsrmOptions, Travel, networks},
};
use rand::{TryRng, rngs::SysRng};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::Runtime;

/// Regions read back at the same time when the process starts.
const READERS: usize = 4;

/// What files of imports under way are called; what follows is the import's own.
pub const UPLOAD: &str = "import-";

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
    Accounts(#[from] OpenError),
    #[error("{0}")]
    Desk(#[from] DeskError),
    #[error("travel.server: {0}")]
    Travel(String),
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    System(#[from] std::io::Error),
}

pub struct Core {
    pub service: Service,
    pub zips: Zips,
    pub tokens: Arc<Tokens>,
    pub accounts: Arc<Accounts>,
    pub objectives: Arc<Objectives>,
    pub access_log: Arc<AccessLog>,
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
        let accounts = Arc::new(Accounts::open(&data)?);
        let vouching = accounts.clone();
        let stands = move |login: &Login| vouching.stands(&login.account, login.since);
        let tokens = Arc::new(Tokens::open(&data)?.with_standing(Box::new(stands)));
        let zips = Zips::open(&data)?;
        let find = zips.clone();
        let desk = Desk::open(settings, tokens.clone(), store.contact_hasher())?;
        finish_erasure(&store, &desk)?;
        remove_uploads(&data)?;
        let keep_days = settings.access_log.keep_days;
        let access_log = AccessLog::open(&data, keep_days, &store.contact_hasher(), telemetry.metrics.clone())?;
        let options = ServiceOptions {
            clock: clock(last_event(&store)?),
            seed: random_seed(),
            policy: policy(settings.dispatch.policy),
            dispatch: !settings.dispatch.paused,
            forecast_every_s: settings.dispatch.forecast_every_s,
            zip: Arc::new(move |zip| find.find(zip)),
            desk: Arc::new(desk),
            roads: roads(&data),
            server: server(settings)?,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.server.core_threads)
            .thread_name("core")
            // A hundred at once would starve the first ticket, and the allocator keeps memory per thread.
            .max_blocking_threads(READERS)
            .enable_all()
            .build()?;
        let service = runtime.block_on(Service::start(store, options))?;
        let access_log = Arc::new(access_log);
        Ok(Self { service, zips, tokens, accounts, objectives, access_log, data, runtime })
    }

    #[must_use]
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Finishes what is admitted, flushes, closes.
    pub fn stop(self) {
        self.runtime.block_on(self.service.stop());
        self.access_log.close();
    }
}

/// Files of imports that a crash cut short: they hold what people were to be entered with.
fn remove_uploads(data: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with(UPLOAD) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The prepared road network, if there is one that can be read. Regions that want roads are served without.
fn roads(data: &Path) -> Option<Arc<Legs>> {
    networks::current(data).unwrap_or_else(|error| {
        tracing::error!(%error, "no road network: regions that drive over roads travel by great circle");
        None
    })
}

/// Whom regions ask that drive by a server.
fn server(settings: &Settings) -> Result<Option<Arc<dyn Travel>>, StartError> {
    let travel = &settings.travel;
    let Some(url) = travel.server.clone() else { return Ok(None) };
    let options = OsrmOptions {
        url,
        patience: Duration::from_secs(travel.patience_s),
        coordinates: travel.coordinates,
        // Regions scale what it says by their own hours.
        hours: Hours::default(),
    };
    let server = Osrm::open(options).map_err(StartError::Travel)?;
    Ok(Some(Arc::new(server)))
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
        PolicyName::Router => Policy::Full,
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
