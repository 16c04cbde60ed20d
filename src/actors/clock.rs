//! Time for the tree: the machine's, faster, or virtual. Never goes back and never stands still.
//!
//! The machine's clock may be set back or forth. `now` follows it forward at once; when it is set
//! back, `now` goes on at the pace of the monotonic clock until the machine's has caught up.

use crate::domain::time::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::oneshot;

#[derive(Clone)]
pub struct Clock(Arc<Kind>);

enum Kind {
    Machine(Machine),
    Virtual(VirtualTime),
}

struct Machine {
    started: Instant,
    /// Milliseconds since the epoch at `started`; only ever grows (follows forward jumps).
    offset_ms: AtomicI64,
    /// 1 follows the machine's clock; otherwise time runs this much faster from the start on.
    scale: f64,
}

#[derive(Default)]
struct VirtualTime {
    now: AtomicI64,
    busy: Arc<AtomicU64>,
    sleepers: Mutex<Sleepers>,
}

#[derive(Default)]
struct Sleepers {
    next_id: u64,
    waiting: BTreeMap<(Timestamp, u64), oneshot::Sender<Busy>>,
}

/// Work under way on virtual time: while one exists, the conductor does not move the clock.
/// Carried by every message until it is handled. On real time it is empty and free.
#[derive(Debug, Default)]
pub struct Busy(Option<Arc<AtomicU64>>);

impl Busy {
    fn count(counter: &Arc<AtomicU64>) -> Self {
        counter.fetch_add(1, Ordering::AcqRel);
        Self(Some(counter.clone()))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(counter) = &self.0 {
            counter.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clocks")]
fn machine_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clocks")]
fn monotonic() -> Instant {
    Instant::now()
}

impl Clock {
    /// The machine's clock, never before `not_before` (the journal's last event).
    #[must_use]
    pub fn machine(not_before: Timestamp) -> Self {
        Self::scaled(not_before.max(Timestamp(machine_ms())), 1.0)
    }

    /// Starts at `from` and runs `scale` times as fast as the machine's.
    #[must_use]
    pub fn scaled(from: Timestamp, scale: f64) -> Self {
        Self(Arc::new(Kind::Machine(Machine { started: monotonic(), offset_ms: AtomicI64::new(from.0), scale })))
    }

    /// Stands still until [`Clock::advance`].
    #[must_use]
    pub fn virtual_from(now: Timestamp) -> Self {
        let time = VirtualTime::default();
        time.now.store(now.0, Ordering::Release);
        Self(Arc::new(Kind::Virtual(time)))
    }

    #[must_use]
    pub fn is_virtual(&self) -> bool {
        matches!(*self.0, Kind::Virtual(_))
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Kind::Machine(machine) => machine.now(),
            Kind::Virtual(time) => Timestamp(time.now.load(Ordering::Acquire)),
        }
    }

    /// Resolves when `at` has come. The token keeps virtual time still until it is dropped.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that sleeps on real time")]
    pub async fn sleep_until(&self, at: Timestamp) -> Busy {
        match &*self.0 {
            Kind::Machine(machine) => {
                // In slices, so that a jump of the machine's clock is noticed.
                while let Some(left) = machine.left(at) {
                    tokio::time::sleep(left.min(Duration::from_secs(1))).await;
                }
                Busy::default()
            }
            Kind::Virtual(time) => {
                let woken = {
                    let mut sleepers = time.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
                    if at <= self.now() {
                        return Busy::count(&time.busy);
                    }
                    let (wake, woken) = oneshot::channel();
                    sleepers.next_id += 1;
                    let id = sleepers.next_id;
                    sleepers.waiting.insert((at, id), wake);
                    woken
                };
                woken.await.unwrap_or_default()
            }
        }
    }

    /// Marks work under way (see [`Busy`]).
    #[must_use]
    pub fn busy(&self) -> Busy {
        match &*self.0 {
            Kind::Machine(_) => Busy::default(),
            Kind::Virtual(time) => Busy::count(&time.busy),
        }
    }

    /// Virtual time only: nothing is under way.
    #[must_use]
    pub fn quiet(&self) -> bool {
        match &*self.0 {
            Kind::Machine(_) => true,
            Kind::Virtual(time) => time.busy.load(Ordering::Acquire) == 0,
        }
    }

    /// Virtual time only: when the next sleeper wants to be woken.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let Kind::Virtual(time) = &*self.0 else { return None };
        let mut sleepers = time.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        sleepers.waiting.retain(|_, wake| !wake.is_closed());
        sleepers.waiting.keys().next().map(|(at, _)| *at)
    }

    /// Virtual time only: moves to `to` and wakes who waited for it, in order of (time, arrival).
    pub fn advance(&self, to: Timestamp) {
        let Kind::Virtual(time) = &*self.0 else { return };
        time.now.fetch_max(to.0, Ordering::AcqRel);
        let mut sleepers = time.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        let later = sleepers.waiting.split_off(&(to.plus_ms(1), 0));
        let due = std::mem::replace(&mut sleepers.waiting, later);
        for wake in due.into_values() {
            let _ = wake.send(Busy::count(&time.busy));
        }
    }
}

impl Machine {
    fn now(&self) -> Timestamp {
        let elapsed = monotonic().duration_since(self.started);
        let run_ms = (elapsed.as_secs_f64() * 1_000.0 * self.scale) as i64;
        if self.scale == 1.0 {
            let ahead = machine_ms() - run_ms;
            let before = self.offset_ms.fetch_max(ahead, Ordering::AcqRel);
            return Timestamp(before.max(ahead) + run_ms);
        }
        Timestamp(self.offset_ms.load(Ordering::Acquire) + run_ms)
    }

    /// How long to sleep on the machine's clock; None when `at` has come.
    fn left(&self, at: Timestamp) -> Option<Duration> {
        let ms = at.since_ms(self.now());
        (ms > 0).then(|| Duration::from_secs_f64(ms as f64 / 1_000.0 / self.scale))
    }
}
