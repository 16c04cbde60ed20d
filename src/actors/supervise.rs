//! Supervisors: restart what crashed, within a policy that is data beside the child list; what
//! exceeds it is contained (P10) by whoever the supervisor tells.

use super::pulse::monotonic_ms;
use crate::telemetry::mask::cause;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

/// What a crash is answered with, and how many are forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) strategy: Strategy,
    /// Crashes of one child within the period that are answered by a restart.
    pub(super) intensity: usize,
    pub(super) period_ms: i64,
}

/// When a crashed child runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// At once, alone: its siblings do not depend on it.
    OneForOne,
    /// When it is next needed.
    OnDemand,
}

/// Tickets that crash more often than this are quarantined.
pub(super) const TICKETS: Policy = Policy { strategy: Strategy::OnDemand, intensity: 5, period_ms: 60_000 };
/// An expert's actor owns nothing that a restart loses, so there is nothing to contain.
pub(super) const EXPERTS: Policy = Policy { strategy: Strategy::OnDemand, intensity: 100, period_ms: 60_000 };
/// Regions (dispatcher and timers) that crash more often are parked.
pub(super) const REGIONS: Policy = Policy { strategy: Strategy::OneForOne, intensity: 20, period_ms: 10_000 };
/// How long a parked region rests before it is tried again by itself.
pub(super) const PARK_PAUSE_S: i64 = 10;

/// The crashes of one child.
#[derive(Debug, Default)]
pub(super) struct Crashes(VecDeque<i64>);

impl Crashes {
    /// Counts one more; false when the policy's intensity is exceeded (and the count starts anew).
    pub(super) fn forgiven(&mut self, policy: Policy, now_ms: i64) -> bool {
        while self.0.front().is_some_and(|at| now_ms - at > policy.period_ms) {
            self.0.pop_front();
        }
        self.0.push_back(now_ms);
        if self.0.len() <= policy.intensity {
            return true;
        }
        self.0.clear();
        false
    }
}

/// What a supervisor knows of its children; shared with whoever starts them.
pub(super) struct Children<K> {
    inner: Mutex<Inner<K>>,
}

struct Inner<K> {
    by_actor: HashMap<ActorId, K>,
    crashes: HashMap<K, Crashes>,
}

/// What becomes of a child that crashed.
pub(super) enum Verdict<K> {
    Restart(K),
    Contain(K),
    Unknown,
}

impl<K: Clone + Eq + std::hash::Hash> Children<K> {
    pub(super) fn new() -> Self {
        Self { inner: Mutex::new(Inner { by_actor: HashMap::new(), crashes: HashMap::new() }) }
    }

    pub(super) fn started(&self, actor: ActorId, key: K) {
        self.lock().by_actor.insert(actor, key);
    }

    pub(super) fn stopped(&self, actor: ActorId) -> Option<K> {
        self.lock().by_actor.remove(&actor)
    }

    pub(super) fn crashed(&self, actor: ActorId, policy: Policy) -> Verdict<K> {
        let mut inner = self.lock();
        let Some(key) = inner.by_actor.remove(&actor) else { return Verdict::Unknown };
        // Only those that crashed lately are remembered.
        if inner.crashes.len() > 10_000 {
            inner.crashes.clear();
        }
        let forgiven = inner.crashes.entry(key.clone()).or_default().forgiven(policy, monotonic_ms());
        if forgiven { Verdict::Restart(key) } else { Verdict::Contain(key) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A child's end, as its supervisor sees it.
pub(super) enum End {
    Stopped,
    /// With the panic's text, as far as it may be told.
    Crashed(String),
}

/// A ractor actor that only supervises: `told` hears of each child's end.
pub(super) struct Supervisor<F>(pub(super) F);

impl<F> Actor for Supervisor<F>
where
    F: Fn(ActorId, End) + Send + Sync + 'static,
{
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                // ractor reports a kill as a termination with this reason.
                let killed = reason.as_deref() == Some("killed");
                let end = if killed { End::Crashed("it did not answer in time".into()) } else { End::Stopped };
                (self.0)(cell.get_id(), end);
            }
            SupervisionEvent::ActorFailed(cell, error) => {
                (self.0)(cell.get_id(), End::Crashed(cause(&error.to_string())));
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

/// Starts a supervisor under another one, or at the root.
pub(super) async fn supervisor<F>(told: F, above: Option<ActorCell>) -> Result<ActorCell, super::shell::Crash>
where
    F: Fn(ActorId, End) + Send + Sync + 'static,
{
    let started = match above {
        Some(above) => Actor::spawn_linked(None, Supervisor(told), (), above).await,
        None => Actor::spawn(None, Supervisor(told), ()).await,
    };
    started.map(|(actor, _)| actor.get_cell()).map_err(|e| super::shell::Crash(e.to_string()))
}
