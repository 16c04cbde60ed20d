//! The store of one cell: one handle for committing and reading. Cheap to clone.

use super::{Batch, Claim, ClaimKey, CommitError, Committed, Fault, Recorded};
use crate::domain::{
    catalogue::Catalogue,
    expert::Expert,
    ids::{CustomerId, ExpertId, PersonId, RegionId, Seq, Thing, TicketNumber},
    region::Region,
    route::Route,
    ticket::{Phase, Ticket, Timer},
    time::Timestamp,
};
use std::{path::PathBuf, sync::Arc};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `data/`; the cell's files lie in `data/cells/<cell>/`.
    pub data: PathBuf,
    pub cell: String,
    pub durability: Durability,
    /// Page caches of all open files together, bytes.
    pub cache_bytes: usize,
    /// A segment is closed when it has grown past this, bytes.
    pub segment_bytes: u64,
    /// Seeds keys and salts, so that a replay repeats to the byte. None: the system's randomness.
    pub seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Answer after the fsync, from the writer's thread.
    Fsync,
    /// For replays, whose store is disposable: `commit` runs on the caller's thread, in order, and
    /// writes to disk in large lazy transactions. Two runs of one seed give the same journal.
    Disposable,
}

/// Which tickets, newest first.
#[derive(Clone, Debug, Default)]
pub struct TicketQuery {
    pub phase: Option<Phase>,
    pub region: Option<RegionId>,
    pub customer: Option<CustomerId>,
    pub expert: Option<ExpertId>,
    pub opened_after: Option<Timestamp>,
    /// Continue after this one (from the last page).
    pub cursor: Option<String>,
    pub limit: usize,
}

pub struct TicketPage {
    pub items: Vec<Arc<Ticket>>,
    pub next_cursor: Option<String>,
}

#[derive(Clone)]
pub struct Store {
    _inner: Arc<()>,
}

#[allow(clippy::unused_async, unused_variables)]
impl Store {
    /// Opens or makes the data directory, takes its lock, replays what the snapshots have not
    /// applied yet. Errors name the file and the way out.
    pub fn open(options: StoreOptions) -> Result<Self, Fault> {
        todo!()
    }
    /// Commits a batch; answers after it is durable. Never retries by itself.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        todo!()
    }

    /// `hear` is called with the states of every commit, in order, after it is durable.
    pub fn on_commit(&self, hear: Box<dyn Fn(&[crate::domain::fact::State]) + Send + Sync>) {
        todo!()
    }

    // Reading by name: overlay first, then snapshot.
    pub fn ticket(&self, number: TicketNumber) -> Result<Option<Arc<Ticket>>, Fault> {
        todo!()
    }
    /// The live route; `Route::empty` for an expert who never had one. None: no such expert.
    pub fn route(&self, expert: &ExpertId) -> Option<Arc<Route>> {
        todo!()
    }
    pub fn expert(&self, expert: &ExpertId) -> Option<Arc<Expert>> {
        todo!()
    }
    pub fn region(&self, region: &RegionId) -> Option<Arc<Region>> {
        todo!()
    }
    pub fn catalogue(&self) -> Arc<Catalogue> {
        todo!()
    }
    /// All, by id.
    pub fn regions(&self) -> Vec<Arc<Region>> {
        todo!()
    }
    /// All of a region (retired ones too), by id.
    pub fn experts(&self, region: Option<&RegionId>) -> Vec<Arc<Expert>> {
        todo!()
    }
    pub fn claim(&self, key: &ClaimKey) -> Result<Option<Claim>, Fault> {
        todo!()
    }
    pub fn tickets(&self, query: &TicketQuery) -> Result<TicketPage, Fault> {
        todo!()
    }
    /// Tickets whose contact has this phone or e-mail (compared by keyed hash).
    pub fn tickets_of_contact(&self, phone: Option<&str>, email: Option<&str>) -> Result<Vec<TicketNumber>, Fault> {
        todo!()
    }
    pub fn ticket_by_external_id(&self, id: &str) -> Result<Option<TicketNumber>, Fault> {
        todo!()
    }

    // Recovery: what a region's actors start from.
    pub fn for_each_open(&self, region: &RegionId, visit: &mut dyn FnMut(Arc<Ticket>)) -> Result<(), Fault> {
        todo!()
    }
    pub fn for_each_timer(&self, region: &RegionId, visit: &mut dyn FnMut(TicketNumber, Timer)) -> Result<(), Fault> {
        todo!()
    }

    // The journal's past.
    /// The events of a thing, oldest first, by walking back from its last one.
    pub fn history(&self, thing: &Thing) -> Result<Vec<Recorded>, Fault> {
        todo!()
    }
    /// Events from `from` on, in order, at most about `limit`; whole batches.
    pub fn read(&self, from: Seq, limit: usize) -> Result<Vec<Recorded>, Fault> {
        todo!()
    }
    /// The last committed sequence and the chain's hash there.
    pub fn head(&self) -> (Seq, [u8; 32]) {
        todo!()
    }
    /// Changes with each commit; for whoever tails the journal.
    pub fn watch(&self) -> tokio::sync::watch::Receiver<Seq> {
        todo!()
    }

    /// The next number of a region's code, never handed out before (gaps are fine).
    pub fn next_number(&self, region: &RegionId) -> Option<TicketNumber> {
        todo!()
    }
    /// A code never used by any region, ever.
    pub fn next_region_code(&self) -> crate::domain::number::RegionCode {
        todo!()
    }
    /// A fresh key slot, durable before it is used.
    pub fn new_person(&self) -> PersonId {
        todo!()
    }
    /// Forgets a person's key for good: overwritten and fsynced.
    pub fn erase(&self, person: PersonId) -> Result<(), Fault> {
        todo!()
    }

    /// Waits until the snapshots have durably applied all that is committed now.
    pub fn flush(&self) -> Result<(), Fault> {
        todo!()
    }
    /// Flushes and closes everything; later commits answer `Stopped`.
    pub fn close(&self) -> Result<(), Fault> {
        todo!()
    }
}
