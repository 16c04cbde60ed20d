//! The sentinel: finds actors that do not finish and replaces them; passivates idle ones; starts again
//! what should run and does not. The watchdog, a thread of its own, does the same for whole runtimes.

use super::{
    episodes::Episodes,
    outbox,
    pulse::{Pulse, Role, Suspicion, monotonic_ms},
    regions, shortage,
    supervise::{EXPERTS, End, Verdict, supervisor},
    tickets,
    tree::Tree,
};
use crate::telemetry::{Incident, incidents::Kind};
use ractor::{ActorCell, ActorId};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

const LOOK_MS: u64 = 250;
/// How often a runtime beats, and the watchdog listens.
const BEAT_MS: u64 = 500;
/// An actor that handles one message for longer is frozen (found within 2 s).
const FROZEN_MS: i64 = 1_500;
/// One that does not die of it blocks its thread: it is replaced, and fenced by its guards (3 s).
const BLOCKED_MS: i64 = 2_500;
/// A runtime that beats later than this is told as a stall: a user waited for it.
const STALL_MS: i64 = 2_000;
/// A runtime that gives no sign of life for longer ends the process (exit code 70).
const SILENT_MS: i64 = 10_000;

/// Looks around until the tree stops, on a thread of its own: however many of the runtime's are blocked.
pub(super) fn watch(tree: &Weak<Tree>) {
    let mut episodes = Episodes::new();
    let mut shortages = shortage::Watch::new();
    loop {
        pause(LOOK_MS);
        let Some(tree) = tree.upgrade() else { return };
        if tree.stopping.load(Ordering::Acquire) {
            return;
        }
        let living = tree.pulses.living();
        for pulse in &living {
            if let Some(busy_ms) = pulse.busy_ms() {
                replace_frozen(&tree, pulse, busy_ms);
            }
        }
        tickets::passivate_idle(&tree, &living);
        let longest = living.iter().filter_map(|pulse| pulse.busy_ms()).max();
        tree.stalled(longest.unwrap_or(0));
        episodes.look(&tree);
        shortages.look(&tree);
    }
}

#[allow(clippy::disallowed_methods, reason = "signs of life come in the machine's time, not the tree's")]
async fn nap(duration: Duration) {
    tokio::time::sleep(duration).await;
}

fn replace_frozen(tree: &Arc<Tree>, pulse: &Arc<Pulse>, busy_ms: i64) {
    let Some(cell) = pulse.cell() else { return };
    if busy_ms > BLOCKED_MS {
        let actor = cell.get_id();
        if pulse.suspected(Suspicion::Blocked) {
            return;
        }
        tree.meters.blocked.add(1);
        match &pulse.role {
            Role::Ticket(number) => tree.tickets.forget(number, actor),
            Role::Expert(expert) => tree.experts.forget(expert, actor),
            role @ (Role::Dispatcher(_) | Role::Timers(_)) => regions::replace(tree, role, actor),
            Role::Outbox => outbox::replace(tree, actor),
        }
        tree.incidents().note(frozen(&pulse.role, busy_ms).cause("it blocks its thread: replaced"));
        tracing::error!(actor = %pulse.role, busy_ms, "an actor blocks its thread: replaced, its guards fence it off");
    } else if busy_ms > FROZEN_MS && !pulse.suspected(Suspicion::Frozen) {
        tree.meters.frozen.add(1);
        tree.incidents().note(frozen(&pulse.role, busy_ms).cause("it does not finish: replaced"));
        tracing::error!(actor = %pulse.role, busy_ms, "an actor does not finish: replaced");
        cell.kill();
    }
}

fn frozen(role: &Role, busy_ms: i64) -> Incident {
    let incident = Incident::new(Kind::Freeze).lasted_s(busy_ms as f64 / 1e3);
    match role {
        Role::Ticket(number) => incident.ticket(number),
        Role::Expert(expert) => incident.expert(expert),
        Role::Dispatcher(region) => incident.region(region).role("dispatcher"),
        Role::Timers(region) => incident.region(region).role("timers"),
        Role::Outbox => incident.role("outbox"),
    }
}

/// The experts' supervisor: actors started on demand, forgotten when they crash.
pub(super) async fn supervise_experts(tree: &Arc<Tree>, above: ActorCell) -> Result<(), super::shell::Crash> {
    let told = Arc::downgrade(tree);
    let ended = move |actor: ActorId, end: End| {
        let Some(tree) = told.upgrade() else { return };
        let expert = match end {
            End::Stopped => tree.experts.children.stopped(actor),
            End::Crashed(cause) => match tree.experts.children.crashed(actor, EXPERTS) {
                Verdict::Restart(expert) | Verdict::Contain(expert) => {
                    tree.meters.crashes.add(1);
                    tree.incidents().note(Incident::new(Kind::Restart).expert(&expert).cause(&cause));
                    tracing::warn!(%expert, %cause, "an expert's actor crashed");
                    Some(expert)
                }
                Verdict::Unknown => None,
            },
        };
        if let Some(expert) = expert {
            tree.experts.forget(&expert, actor);
        }
    };
    let cell = supervisor(ended, Some(above)).await?;
    tree.experts.supervised_by(cell);
    Ok(())
}

/// One runtime's sign of life, beaten by a task on it.
pub struct Heartbeat {
    name: &'static str,
    last_ms: AtomicI64,
}

impl Heartbeat {
    /// Beats on `runtime` until the process ends.
    #[must_use]
    pub fn on(name: &'static str, runtime: &tokio::runtime::Handle) -> Arc<Self> {
        let heart = Arc::new(Self { name, last_ms: AtomicI64::new(monotonic_ms()) });
        let beating = Arc::downgrade(&heart);
        runtime.spawn(async move {
            while let Some(heart) = beating.upgrade() {
                heart.last_ms.store(monotonic_ms(), Ordering::Release);
                drop(heart);
                nap(Duration::from_millis(BEAT_MS)).await;
            }
        });
        heart
    }
}

/// Starts the watchdog thread: it stands outside the runtimes, so it sees when one is silent. It says
/// what it knows on stderr and ends the process for its service manager to restart.
pub fn watchdog(service: &super::Service, hearts: Vec<Arc<Heartbeat>>) -> std::io::Result<()> {
    let tree = Arc::downgrade(service.tree());
    let watch = move || {
        let mut late = BTreeMap::new();
        while let Some(tree) = tree.upgrade() {
            if tree.stopping.load(Ordering::Acquire) {
                return;
            }
            for heart in &hearts {
                let silent_ms = monotonic_ms() - heart.last_ms.load(Ordering::Acquire);
                let stall = Incident::new(Kind::Stall).role(heart.name);
                if silent_ms > STALL_MS {
                    tree.incidents().begin(stall);
                } else {
                    tree.incidents().end(stall);
                }
                late.insert(heart.name.to_owned(), (silent_ms - BEAT_MS as i64).max(0) as f64 / 1e3);
                if silent_ms > SILENT_MS {
                    let cause = format!("the {} runtime has been silent for {silent_ms} ms", heart.name);
                    tree.incidents().at_once(&Incident::new(Kind::Stall).role(heart.name).cause(&cause));
                    dump(&tree, heart.name, silent_ms);
                    std::process::exit(70);
                }
            }
            tree.meters.heartbeat_delay_seconds.replace(std::mem::take(&mut late));
            drop(tree);
            pause(BEAT_MS);
        }
    };
    std::thread::Builder::new().name("watchdog".into()).spawn(watch).map(|_| ())
}

#[allow(clippy::disallowed_methods, reason = "a thread outside all runtimes has no other way to wait")]
fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

fn dump(tree: &Tree, runtime: &str, silent_ms: i64) {
    eprintln!("the {runtime} runtime has been silent for {silent_ms} ms: ending the process (exit code 70)");
    for pulse in tree.pulses.living() {
        if let Some(busy_ms) = pulse.busy_ms() {
            eprintln!("  busy for {busy_ms} ms: {}", pulse.role);
        }
    }
}
