//! The tickets' supervisor: actors started on demand, passivated when idle, quarantined when they
//! keep crashing.

use super::{
    pulse::{Pulse, Role},
    region,
    reply::Reply,
    shell::{self, Crash},
    supervise::{End, TICKETS, Verdict, supervisor},
    ticket::{Msg, TicketActor},
    tree::Tree,
};
use crate::{
    domain::{ids::TicketNumber, ticket::Command},
    telemetry::{Incident, incidents::Kind},
};
use ractor::{ActorCell, ActorId};
use std::sync::{Arc, Weak};

/// Ticket actors that run at the same time; more are passivated, the longest running first.
pub(super) const LIVE: usize = 4_096;
/// An actor without work for this long is passivated.
const IDLE_MS: i64 = 30_000;

pub(super) async fn supervise(tree: &Arc<Tree>, above: ActorCell) -> Result<(), Crash> {
    let told = Arc::downgrade(tree);
    let cell = supervisor(move |actor, end| ended(&told, actor, end), Some(above)).await?;
    tree.tickets.supervised_by(cell);
    Ok(())
}

fn ended(tree: &Weak<Tree>, actor: ActorId, end: End) {
    let Some(tree) = tree.upgrade() else { return };
    let End::Crashed(cause) = end else {
        if let Some(number) = tree.tickets.children.stopped(actor) {
            tree.tickets.forget(&number, actor);
        }
        return;
    };
    tree.meters.crashes.add(1);
    match tree.tickets.children.crashed(actor, TICKETS) {
        Verdict::Restart(number) => {
            tree.tickets.forget(&number, actor);
            tracing::warn!(ticket = %number, %cause, "a ticket's actor crashed");
            tree.incidents().note(Incident::new(Kind::Restart).ticket(number).cause(&cause));
        }
        Verdict::Contain(number) => {
            tree.tickets.forget(&number, actor);
            tree.meters.quarantined.add(1);
            tracing::error!(ticket = %number, %cause, "a ticket keeps crashing its actor: quarantined");
            tree.incidents().note(Incident::new(Kind::Quarantine).ticket(number).cause(&cause));
            quarantine(&tree, number, cause, 0);
        }
        Verdict::Unknown => {}
    }
}

/// Puts a ticket out of the automatic path; tries again when that crashes too.
fn quarantine(tree: &Arc<Tree>, number: TicketNumber, cause: String, attempt: u8) {
    let again = tree.clone();
    let text = cause.clone();
    let reply = Reply::then(move |answer| {
        if let super::reply::Answer::Lost { .. } = answer
            && attempt < 100
        {
            quarantine(&again, number, text, attempt + 1);
        }
    });
    region::send(tree, number, Command::Quarantine { cause }, reply);
}

/// Sends to a ticket's actor, starting it when needed.
pub(super) fn send(tree: &Arc<Tree>, number: TicketNumber, msg: Msg) -> Result<(), Crash> {
    let start = |supervisor: &ActorCell| {
        let actor = TicketActor::new(number, tree.clone());
        shell::spawn(actor, Role::Ticket(number), supervisor, tree)
    };
    if let Some(surplus) = tree.tickets.send(&number, msg, start)? {
        surplus.send(Msg::Passivate);
    }
    Ok(())
}

/// Passivates actors that had nothing to do for a while.
pub(super) fn passivate_idle(tree: &Tree, living: &[Arc<Pulse>]) {
    for pulse in living {
        let Role::Ticket(number) = &pulse.role else { continue };
        if pulse.idle_ms().is_some_and(|idle| idle > IDLE_MS)
            && let Some(address) = tree.tickets.running(number)
        {
            address.send(Msg::Passivate);
        }
    }
}
