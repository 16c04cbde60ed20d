//! The store of one cell: one handle for committing and [reading]. Cheap to clone.
//!
//! Two threads stand behind it, the journal writer and the snapshot thread; a disposable store has
//! only the second. Dropping the last handle ends them as a crash would, without flushing: recovery
//! makes no difference between the two. `close` is the orderly way.

mod reading;

pub(super) use reading::named_ticket;
pub use reading::{TicketPage, TicketQuery};

use super::{
    Batch, CommitError, Committed, DataLock, Fault, backup,
    codec::{Encoded, Unencodable},
    core::Core,
    core::Hear,
    fatal::Fatal,
    files::io_fault,
    overlay::write,
    recovery::{self, Recovered},
    snapshot::rounds::{Message, QUEUE},
    writer::{Answer, Order, Request, Writer},
};
use crate::domain::{
    ids::{PersonId, RegionId, Seq, TicketNumber},
    number::RegionCode,
};
use crate::telemetry::Telemetry;
use crossbeam_channel::{Sender, TrySendError, bounded};
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::oneshot;

/// Batches that may wait for the writer: at 64 clients a fraction is ever used.
const ORDERS: usize = 8192;
/// States committed but not in a snapshot: beyond this, commits are refused until snapshots catch up.
pub(super) const MAX_BACKLOG: usize = 200_000;
/// How often snapshots are written. A crash costs about this much of replay.
const PACE: Duration = Duration::from_secs(3);
/// A disposable store is rebuilt, not recovered: its snapshots only bound memory.
const DISPOSABLE_PACE: Duration = Duration::from_secs(10);

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

/// Gives a text's keyed hash.
pub type ContactHasher = Arc<dyn Fn(&str) -> [u8; 16] + Send + Sync>;

#[derive(Clone)]
pub struct Store(Arc<Handle>);

struct Handle {
    core: Arc<Core>,
    lane: Lane,
    snapshots: Sender<Message>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stopped: AtomicBool,
    /// Given back when the last handle goes.
    _lock: Option<DataLock>,
}

/// How a batch gets to the writer.
enum Lane {
    Thread(Sender<Order>),
    Inline(Mutex<Writer>),
}

impl Store {
    /// Opens or makes the data directory, takes its lock, replays what the snapshots have not
    /// applied yet. Errors name the file and the way out.
    pub fn open(options: StoreOptions) -> Result<Self, Fault> {
        let lock = DataLock::take(&options.data)?;
        backup::check_whole(&options.data)?;
        let durability = options.durability;
        let recovered = recovery::recover(options)?;
        Self::start(recovered, durability, Some(lock), Fatal::exit())
    }

    /// Over another journal, which may misbehave; `fatal` is called where the process would end.
    #[cfg(feature = "faults")]
    pub fn open_over(
        journal: Box<dyn super::journal::Journal>,
        options: &StoreOptions,
        fatal: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Fault> {
        let lock = DataLock::take(&options.data)?;
        let create = journal.head().next_seq == 1;
        let keys = super::KeyFile::open(&options.data, super::KeyOptions { seed: options.seed, create })?;
        let dir = recovery::cell_dir(options);
        std::fs::create_dir_all(&dir).map_err(|error| io_fault(&dir, "make the folder", &error))?;
        let recovered = recovery::recover_with(journal, None, &dir, options.cache_bytes, super::Sealer::new(keys))?;
        Self::start(recovered, options.durability, Some(lock), Fatal::hook(fatal))
    }

    pub(super) fn start(
        recovered: Recovered,
        durability: Durability,
        lock: Option<DataLock>,
        fatal: Fatal,
    ) -> Result<Self, Fault> {
        let Recovered { core, journal, taken, rounds } = recovered;
        let (snapshots, messages) = bounded(QUEUE);
        let writer = Writer::new(Arc::clone(&core), journal, taken, snapshots.clone(), fatal.clone());
        let pace = if durability == Durability::Fsync { PACE } else { DISPOSABLE_PACE };
        let mut threads = vec![spawn("snapshots", move || rounds.run(&messages, pace, &fatal))?];
        let lane = match durability {
            Durability::Disposable => Lane::Inline(Mutex::new(writer)),
            Durability::Fsync => {
                let (orders, waiting) = bounded(ORDERS);
                threads.push(spawn("journal", move || writer.run(&waiting))?);
                Lane::Thread(orders)
            }
        };
        let (threads, stopped) = (Mutex::new(threads), AtomicBool::new(false));
        Ok(Self(Arc::new(Handle { core, lane, snapshots, threads, stopped, _lock: lock })))
    }

    /// Commits a batch; answers after it is durable. Never retries by itself.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let request = match self.0.prepare(batch)? {
            Prepared::Nothing(committed) => return Ok(committed),
            Prepared::Request(request) => request,
        };
        let answer = match &self.0.lane {
            Lane::Inline(writer) => return commit_inline(writer, *request),
            Lane::Thread(orders) => {
                let (reply, answer) = oneshot::channel();
                orders.try_send(Order::Commit(request, reply)).map_err(|error| match error {
                    TrySendError::Full(_) => CommitError::Overloaded,
                    TrySendError::Disconnected(_) => CommitError::Stopped,
                })?;
                answer
            }
        };
        // The writer went away with the batch in hand.
        answer.await.unwrap_or(Err(CommitError::OutcomeUnknown))
    }

    /// `hear` is called with the states of every commit, in order, after it is durable.
    /// Runs on the writer's thread (the caller's in a disposable store) and must not wait, nor commit. A later hook
    /// replaces the earlier one.
    pub fn on_commit(&self, hear: Hear) {
        *write(&self.core().hear) = Some(hear);
    }

    /// What this tree tells about itself.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.core().telemetry
    }

    /// Fills in the gauges that follow from the store's queues.
    pub fn gauge(&self) {
        let metrics = &self.telemetry().metrics;
        metrics.journal_events.set(self.head().0 as f64);
        metrics.snapshot_backlog.count(self.core().backlog.load(Ordering::Relaxed));
        if let Some((_, options)) = &self.core().archive
            && let Ok(found) = rustix::fs::statvfs(&options.data)
        {
            metrics.disk_free_bytes.set(found.f_bavail.saturating_mul(found.f_frsize) as f64);
        }
        metrics.orders.count(match &self.0.lane {
            Lane::Thread(orders) => orders.len(),
            Lane::Inline(_) => 0,
        });
    }

    /// Changes with each commit; for whoever tails the journal.
    #[must_use]
    pub fn watch(&self) -> tokio::sync::watch::Receiver<Seq> {
        self.core().watch.subscribe()
    }

    /// Counts the restores of this data directory, from 1: feed positions of another one are void.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.core().sealer.keys().incarnation()
    }

    /// Names this incarnation of these data: no other data directory, and no restore, has the same.
    #[must_use]
    pub fn identity(&self) -> [u8; 8] {
        let hash = self.core().sealer.lookup_hash(&format!("identity of incarnation {}", self.incarnation()));
        let mut identity = [0; 8];
        identity.copy_from_slice(&hash[..8]);
        identity
    }

    /// The next number of a region's code, never handed out before (gaps are fine).
    #[must_use]
    pub fn next_number(&self, region: &RegionId) -> Option<TicketNumber> {
        Some(self.core().numbers.next(self.core().hot.region(region)?.code))
    }

    /// The last serial that was handed out of a region's code; zero: none.
    #[must_use]
    pub fn last_serial(&self, code: RegionCode) -> u32 {
        self.core().numbers.last(code)
    }

    /// A code never used by any region, ever.
    #[must_use]
    pub fn next_region_code(&self) -> RegionCode {
        self.core().numbers.next_code(self.core().hot.highest_code())
    }

    /// A fresh key slot, durable before it is used. When none can be made (no space), a slot that
    /// does not exist: a batch that seals anything under it is refused as `DiskFull`.
    #[must_use]
    pub fn new_person(&self) -> PersonId {
        self.core().sealer.keys().take().unwrap_or_else(|fault| {
            tracing::error!(%fault, "no key for a new person");
            PersonId(u32::MAX)
        })
    }

    /// A keyed hash of a phone number or the like, by the look-up key: the same text gives the same hash on
    /// these data, and nobody without the keys can tell whose it is.
    #[must_use]
    pub fn contact_hasher(&self) -> ContactHasher {
        Arc::new(self.core().sealer.hasher())
    }

    /// Waits until the snapshots have durably applied all that is committed now.
    pub fn flush(&self) -> Result<(), Fault> {
        let (reply, done) = bounded(1);
        let gone = || Fault { what: "the store is stopping".into(), place: "snapshots".into() };
        self.0.snapshots.send(Message::Flush(reply)).map_err(|_| gone())?;
        done.recv().map_err(|_| gone())?
    }

    /// Flushes and closes everything; later commits answer `Stopped`.
    pub fn close(&self) -> Result<(), Fault> {
        if self.0.stopped.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let closed = match &self.0.lane {
            Lane::Inline(writer) => writer.lock().unwrap_or_else(PoisonError::into_inner).close(),
            Lane::Thread(orders) => {
                let (reply, done) = bounded(1);
                let gone = || Fault { what: "the writer is gone".into(), place: "journal".into() };
                orders.send(Order::Close(reply)).map_err(|_| gone())?;
                done.recv().map_err(|_| gone())?
            }
        };
        let flushed = self.flush();
        self.0.end();
        closed.and(flushed)
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }
}

enum Prepared {
    Nothing(Committed),
    Request(Box<Request>),
}

impl Handle {
    /// Encodes and seals, on the caller's thread.
    fn prepare(&self, mut batch: Batch) -> Result<Prepared, CommitError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(CommitError::Stopped);
        }
        if self.core.backlog.load(Ordering::Relaxed) > MAX_BACKLOG {
            return Err(CommitError::Overloaded);
        }
        // A change without events only guards.
        let (changes, idle): (Vec<_>, Vec<_>) = batch.changes.into_iter().partition(|c| !c.events.is_empty());
        batch.guards.extend(idle.into_iter().map(|change| (change.thing, change.base)));
        batch.changes = changes;
        if batch.changes.is_empty() && batch.claims.is_empty() {
            let seq = self.core.last_seq();
            return Ok(Prepared::Nothing(Committed { first_seq: seq, last_seq: seq }));
        }
        let encoded = Encoded::new(&batch, &self.core.sealer).map_err(|why| match why {
            Unencodable::Keyless => CommitError::DiskFull,
            Unencodable::TooLarge => CommitError::Overloaded,
        })?;
        Ok(Prepared::Request(Box::new(Request { batch, encoded })))
    }

    fn end(&self) {
        if let Lane::Thread(orders) = &self.lane {
            let _ = orders.send(Order::Stop);
        }
        let _ = self.snapshots.send(Message::Stop);
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    /// Waits for both threads, so that the files are at rest when the last handle is gone.
    fn drop(&mut self) {
        self.end();
    }
}

fn commit_inline(writer: &Mutex<Writer>, request: Request) -> Answer {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    writer.commit(vec![request]).pop().unwrap_or(Err(CommitError::OutcomeUnknown))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Fault> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|error| io_fault(std::path::Path::new(name), "start a storage thread", &error))
}
