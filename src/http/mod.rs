//! The HTTP door: the only place that knows axum. Parses at the edge, asks the service, shows the
//! answer; holds no state that a restart would lose.
//!
//! Must hold: every answer has an `x-request-id`, every error is a problem document (RFC 9457), no
//! call waits without a deadline, and nothing is refused later than the permit in front (P9). Who may
//! call what stands in one table (`access.rs`); a route without a row there is closed.

mod access;
mod accesses;
mod answer;
mod board;
mod body;
mod catalogue;
mod channel;
mod customers;
mod document;
mod dress;
mod edge;
mod experts;
mod failure;
mod feed;
mod history;
mod idempotency;
mod imports;
mod inquiry;
mod insight;
mod line;
mod live;
mod login;
mod notify;
mod ops;
mod orders;
mod outbox;
mod peer;
mod people;
mod place;
mod query;
mod rates;
mod recorded;
mod regions;
mod routes;
mod serve;
mod session;
mod surveys;
#[cfg(test)]
mod tests;
mod tickets;
mod tokens;
mod track;
mod upkeep;
mod users;

pub use serve::{Door, serve};

use crate::{
    access_log::AccessLog,
    accounts::Accounts,
    actors::{Clock, Service},
    load::Zips,
    objectives::Objectives,
    settings::ServerSettings,
    telemetry::{Metrics, Spans},
    tls::Identity,
    tokens::Tokens,
};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// What the door is given.
pub struct DoorOptions {
    pub service: Service,
    pub tokens: Arc<Tokens>,
    pub accounts: Arc<Accounts>,
    /// ZIP centroids, replaced by an import.
    pub zips: Zips,
    pub objectives: Arc<Objectives>,
    pub access_log: Arc<AccessLog>,
    /// The data directory, for the files that are no journal.
    pub data: PathBuf,
    /// What the door shows who connects by TLS; None: plain HTTP.
    pub identity: Option<Arc<Identity>>,
    pub settings: ServerSettings,
    /// Opened by a command for itself, for as long as it runs: how many could connect concerns nobody.
    pub private: bool,
}

/// What every call shares.
struct Shared {
    service: Service,
    tokens: Arc<Tokens>,
    people: people::People,
    zips: Zips,
    objectives: Arc<Objectives>,
    access_log: Arc<AccessLog>,
    data: PathBuf,
    /// Real time, for tokens: the tree's clock may run faster.
    clock: Clock,
    permits: Semaphore,
    bodies: place::Bodies,
    imports: Arc<Semaphore>,
    uploads: Semaphore,
    lookups: Arc<Semaphore>,
    figures: Arc<Semaphore>,
    running: idempotency::Running,
    meters: Arc<Metrics>,
    spans: Spans,
    ids: edge::RequestIds,
    live: live::Live,
    rates: rates::Rates,
    wardrobe: dress::Wardrobe,
}

impl Shared {
    /// A place among the long works, for one that outlives its handler.
    fn imports_owned(&self) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.imports.clone().try_acquire_owned()
    }
}

type Context = Arc<Shared>;
type Reply = Result<axum::response::Response, answer::Refused>;

/// Runs a read of the store off the runtime's threads (P9).
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, answer::Refused> {
    let failed = |error: tokio::task::JoinError| crate::actors::Failure::Fault(error.to_string()).into();
    tokio::task::spawn_blocking(work).await.map_err(failed)
}
