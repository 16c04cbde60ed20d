//! Signs of life: which actor has been handling one message since when. The sentinel reads them.

use crate::domain::ids::{ExpertId, RegionId, TicketNumber};
use ractor::ActorCell;
use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering},
    },
    time::Instant,
};

/// Which actor this is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Ticket(TicketNumber),
    Expert(ExpertId),
    Dispatcher(RegionId),
    Timers(RegionId),
    Outbox,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(number) => write!(f, "ticket {number}"),
            Self::Expert(expert) => write!(f, "expert {expert}"),
            Self::Dispatcher(region) => write!(f, "dispatcher of {region}"),
            Self::Timers(region) => write!(f, "timers of {region}"),
            Self::Outbox => f.write_str("outbox"),
        }
    }
}

/// One actor's sign of life.
pub(super) struct Pulse {
    pub(super) role: Role,
    /// Monotonic milliseconds when the present message was begun; 0 while idle.
    busy_since: AtomicI64,
    /// A commit is awaited.
    storing: AtomicBool,
    /// When the last message was done (or the actor made).
    idle_since: AtomicI64,
    cell: OnceLock<ActorCell>,
    /// What the sentinel has done about it; see [`Suspicion`].
    suspicion: AtomicU8,
}

/// How far the sentinel has gone with an actor that does not finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suspicion {
    /// Killed: it ends at its next await.
    Frozen = 1,
    /// Replaced: it blocks its thread and may never end.
    Blocked = 2,
}

/// While it lives, the actor is handling a message.
pub(super) struct Beat<'a>(&'a Pulse);

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        self.0.busy_since.store(0, Ordering::Release);
        self.0.idle_since.store(monotonic_ms(), Ordering::Release);
    }
}

pub(super) fn monotonic_ms() -> i64 {
    i64::try_from(monotonic_us() / 1_000).unwrap_or(i64::MAX) + 1
}

#[allow(clippy::disallowed_methods, reason = "signs of life are measured on the machine's monotonic clock")]
pub(super) fn monotonic_us() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

tokio::task_local! {
    /// The pulse of the actor that is handling a message in this task.
    static OWN: Arc<Pulse>;
}

/// While it lives, the actor waits for the journal: slow is the disk then, not the actor.
pub(super) struct ForTheJournal(Option<Arc<Pulse>>);

impl ForTheJournal {
    pub(super) fn begin() -> Self {
        let own = OWN.try_with(Arc::clone).ok();
        if let Some(pulse) = &own {
            pulse.storing.store(true, Ordering::Release);
        }
        Self(own)
    }
}

impl Drop for ForTheJournal {
    fn drop(&mut self) {
        if let Some(pulse) = &self.0 {
            pulse.storing.store(false, Ordering::Release);
            // What comes after the wait is judged anew.
            pulse.busy_since.store(monotonic_ms(), Ordering::Release);
        }
    }
}

/// Runs a handler so that its commits know whose they are.
pub(super) async fn own<T>(pulse: &Arc<Pulse>, handling: impl Future<Output = T>) -> T {
    OWN.scope(pulse.clone(), handling).await
}

impl Pulse {
    pub(super) fn beat(&self) -> Beat<'_> {
        self.busy_since.store(monotonic_ms(), Ordering::Release);
        Beat(self)
    }

    pub(super) fn belongs_to(&self, cell: ActorCell) {
        let _ = self.cell.set(cell);
    }

    pub(super) fn cell(&self) -> Option<&ActorCell> {
        self.cell.get()
    }

    /// Notes a suspicion; true when it was known before.
    pub(super) fn suspected(&self, suspicion: Suspicion) -> bool {
        self.suspicion.fetch_max(suspicion as u8, Ordering::AcqRel) >= suspicion as u8
    }

    /// Milliseconds spent on the present message; None while idle or waiting for the journal (whose
    /// callers have a patience of their own).
    pub(super) fn busy_ms(&self) -> Option<i64> {
        let since = self.busy_since.load(Ordering::Acquire);
        (since != 0 && !self.storing.load(Ordering::Acquire)).then(|| monotonic_ms() - since)
    }

    /// Milliseconds without any message; None while handling one.
    pub(super) fn idle_ms(&self) -> Option<i64> {
        let busy = self.busy_since.load(Ordering::Acquire) != 0;
        (!busy).then(|| monotonic_ms() - self.idle_since.load(Ordering::Acquire))
    }
}

/// All pulses of the tree.
#[derive(Default)]
pub(super) struct Pulses(Mutex<Vec<Weak<Pulse>>>);

impl Pulses {
    pub(super) fn add(&self, role: Role) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse {
            role,
            busy_since: AtomicI64::new(0),
            storing: AtomicBool::new(false),
            idle_since: AtomicI64::new(monotonic_ms()),
            cell: OnceLock::new(),
            suspicion: AtomicU8::new(0),
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&pulse));
        pulse
    }

    /// The living ones; forgets the others.
    pub(super) fn living(&self) -> Vec<Arc<Pulse>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let living: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
        if living.len() * 2 < all.len() {
            all.retain(|pulse| pulse.strong_count() > 0);
        }
        living
    }
}
