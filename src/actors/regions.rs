//! Regions in the tree: each has a dispatcher and timers. One that keeps crashing is parked: intake
//! goes on, the others do not notice, and it is tried again after a pause or by a person (P10).

use super::{
    pulse::Role,
    region::{self, Dispatcher, Handle, Part},
    shell::{self, Crash},
    supervise::{End, PARK_PAUSE_S, REGIONS, Strategy, Verdict, supervisor},
    timers::{self, Timers},
    tree::Tree,
};
use crate::{
    domain::ids::RegionId,
    telemetry::{Incident, incidents::Kind},
};
use ractor::{ActorCell, ActorId};
use std::sync::{Arc, PoisonError, Weak, atomic::Ordering};

pub(super) async fn supervise(tree: &Arc<Tree>, above: ActorCell) -> Result<(), Crash> {
    let told = Arc::downgrade(tree);
    let cell = supervisor(move |actor, end| ended(&told, actor, end), Some(above)).await?;
    let _ = tree.region_supervisor.set(cell);
    Ok(())
}

/// Starts a region's actors; does nothing when they run.
pub(super) fn start(tree: &Arc<Tree>, id: &RegionId) {
    if *id == RegionId::cell() {
        return;
    }
    let handle = {
        let mut regions = tree.regions.write().unwrap_or_else(PoisonError::into_inner);
        regions.entry(id.clone()).or_insert_with(|| Arc::new(Handle::new(id.clone()))).clone()
    };
    start_parts(tree, &handle);
}

fn start_parts(tree: &Arc<Tree>, handle: &Arc<Handle>) {
    if !tree.options.dispatch {
        // There is nothing to wait for.
        handle.dispatching.store(true, Ordering::Release);
        handle.timing.store(true, Ordering::Release);
        return;
    }
    for part in [Part::Timers, Part::Dispatcher] {
        start_part(tree, handle, part);
    }
}

fn start_part(tree: &Arc<Tree>, handle: &Arc<Handle>, part: Part) {
    let Some(supervisor) = tree.region_supervisor.get() else { return };
    let started = match part {
        Part::Dispatcher if handle.dispatcher.address().is_none() => {
            let actor = Dispatcher::new(tree.clone(), handle.clone());
            shell::spawn(actor, Role::Dispatcher(handle.id.clone()), supervisor, tree).map(|address| {
                handle.children.started(address.cell().get_id(), part);
                handle.dispatcher.put(Some(address.clone()));
                region::start(tree, &handle.id, address);
            })
        }
        Part::Timers if handle.timers.address().is_none() => {
            let actor = Timers::new(tree.clone(), handle.clone());
            shell::spawn(actor, Role::Timers(handle.id.clone()), supervisor, tree).map(|address| {
                handle.children.started(address.cell().get_id(), part);
                handle.timers.put(Some(address.clone()));
                timers::start(tree, &handle.id, address);
            })
        }
        Part::Dispatcher | Part::Timers => Ok(()),
    };
    if let Err(crash) = started {
        tracing::error!(region = %handle.id, %crash, "a region's actor could not be started");
    }
}

fn ended(tree: &Weak<Tree>, actor: ActorId, end: End) {
    let Some(tree) = tree.upgrade() else { return };
    let handles = tree.region_handles();
    let Some(handle) = handles.iter().find(|h| h.dispatcher.is(actor) || h.timers.is(actor)) else { return };
    let End::Crashed(cause) = end else { return };
    tree.meters.crashes.add(1);
    match handle.children.crashed(actor, REGIONS) {
        Verdict::Restart(part) => {
            vacate(handle, part);
            tree.meters.restarts.add(1);
            tracing::warn!(region = %handle.id, ?part, %cause, "a region's actor crashed: restarted");
            let incident = Incident::new(Kind::Restart).region(&handle.id).role(part.name());
            tree.incidents().note(incident.cause(&cause));
            match REGIONS.strategy {
                Strategy::OneForOne => start_part(&tree, handle, part),
                Strategy::OnDemand => {}
            }
        }
        Verdict::Contain(part) => {
            vacate(handle, part);
            park(&tree, handle, &cause);
        }
        Verdict::Unknown => {}
    }
}

fn vacate(handle: &Handle, part: Part) {
    match part {
        Part::Dispatcher => {
            handle.dispatcher.put(None);
            handle.dispatching.store(false, Ordering::Release);
        }
        Part::Timers => {
            handle.timers.put(None);
            handle.timing.store(false, Ordering::Release);
        }
    }
}

fn park(tree: &Arc<Tree>, handle: &Arc<Handle>, cause: &str) {
    tree.meters.parked.add(1);
    tracing::error!(region = %handle.id, %cause, "a region keeps crashing: parked");
    tree.incidents().begin(Incident::new(Kind::Park).region(&handle.id).cause(cause));
    handle.park(Some(format!("it keeps crashing: {cause}")));
    let (tree, handle) = (tree.clone(), handle.clone());
    tree.core.clone().spawn(async move {
        let rested = tree.clock.now().plus_s(PARK_PAUSE_S);
        let _busy = tree.clock.sleep_until(rested).await;
        unpark(&tree, &handle);
    });
}

/// Starts a parked region's missing actors again.
pub(super) fn unpark(tree: &Arc<Tree>, handle: &Arc<Handle>) {
    handle.park(None);
    tree.incidents().end(Incident::new(Kind::Park).region(&handle.id));
    start_parts(tree, handle);
}

/// Why a region does not dispatch now; None when it does.
pub(super) fn unready(handle: &Handle) -> Option<String> {
    if let Some(why) = handle.parked() {
        return Some(format!("parked: {why}"));
    }
    let working = handle.dispatching.load(Ordering::Acquire) && handle.timing.load(Ordering::Acquire);
    (!working).then(|| "recovering".to_owned())
}

/// Replaces an actor that blocks its thread: it cannot be killed, but its guards fence it off.
pub(super) fn replace(tree: &Arc<Tree>, role: &Role, actor: ActorId) {
    let (id, part) = match role {
        Role::Dispatcher(id) => (id, Part::Dispatcher),
        Role::Timers(id) => (id, Part::Timers),
        Role::Ticket(_) | Role::Expert(_) | Role::Outbox => return,
    };
    let Some(handle) = tree.region(id) else { return };
    let current = match part {
        Part::Dispatcher => handle.dispatcher.is(actor),
        Part::Timers => handle.timers.is(actor),
    };
    if current {
        handle.children.stopped(actor);
        vacate(&handle, part);
        start_part(tree, &handle, part);
    }
}
