//! One message on its way: composed, handed to its gateway by a deadline, and what became of it recorded in
//! the ticket. Runs on a task of its own, and outlives a crash of the outbox: what was sent is recorded.

use super::{caller::Caller, failure::Failure, outbox, service, tree::Tree};
use crate::{
    domain::{
        expert::Expert,
        ids::{DeliveryNo, TicketNumber},
        ticket::{Channel, Command, Delivery, Failing, Ticket},
    },
    notify::{ErrorKind, Gateway, Message, SendError, Sent, Stage},
};
use std::sync::Arc;

pub(super) struct Job {
    pub(super) ticket: Arc<Ticket>,
    pub(super) delivery: Delivery,
    /// Whom it is for, when it is for an expert.
    pub(super) expert: Option<Arc<Expert>>,
    pub(super) channel: Channel,
    pub(super) to: String,
}

/// What an attempt says about its gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Works,
    Fails {
        retry_after_s: Option<u32>,
    },
    /// It was not asked.
    Unasked,
}

/// How often what became of a message is offered to the journal, and the pause in between: a busy journal
/// must not make us send it again.
const TRIES: u32 = 30;
const PAUSE_MS: i64 = 500;

/// False: too many are on their way already.
pub(super) fn start(tree: &Arc<Tree>, job: Job) -> bool {
    let Ok(room) = tree.posting.clone().try_acquire_owned() else { return false };
    let (busy, tree) = (tree.clock.busy(), tree.clone());
    let core = tree.core.clone();
    core.spawn(async move {
        let (number, delivery, channel) = (job.ticket.number, job.delivery.no, job.channel);
        let (outcome, verdict) = attempt(&tree, &job).await;
        tree.outbox.send(outbox::Msg::Answered { channel, verdict });
        let recorded = record(&tree, &job, outcome).await;
        tree.outbox.send(outbox::Msg::Settled { number, delivery, recorded });
        drop((room, busy));
    });
    true
}

async fn attempt(tree: &Tree, job: &Job) -> (Result<Sent, SendError>, Verdict) {
    let Some(gateway) = tree.options.desk.gateway(job.channel) else {
        return (Err(SendError::passing("no_gateway")), Verdict::Unasked);
    };
    // They may have been erased while it waited for its turn.
    if !tree.store.remembers(job.ticket.person()) {
        return (Err(SendError::permanent("erased")), Verdict::Unasked);
    }
    let message = match compose(tree, job) {
        Ok(message) => message,
        Err(error) => return (Err(error), Verdict::Unasked),
    };
    let outcome = in_time(tree, &*gateway, &message).await;
    let verdict = match &outcome {
        Ok(_) => Verdict::Works,
        Err(SendError { kind: ErrorKind::Permanent, .. }) => Verdict::Works,
        Err(SendError { kind: ErrorKind::Passing { retry_after_s }, .. }) => {
            Verdict::Fails { retry_after_s: *retry_after_s }
        }
    };
    (outcome, verdict)
}

fn compose(tree: &Tree, job: &Job) -> Result<Message, SendError> {
    let Job { ticket, delivery, expert: _, channel, to } = job;
    let region = tree.store.region(&ticket.region).ok_or_else(|| SendError::passing("unknown_region"))?;
    let holder = ticket.visit.expert.as_ref().and_then(|expert| tree.store.expert(expert));
    let stage = Stage { region: &region, expert: holder.as_deref(), now: tree.clock.now() };
    tree.options.desk.compose(ticket, delivery, &stage, *channel, to.clone())
}

/// A gateway has deadlines of its own; this one holds when they do not. Virtual time knows no such wait.
async fn in_time(tree: &Tree, gateway: &dyn Gateway, message: &Message) -> Result<Sent, SendError> {
    let sending = gateway.send(message);
    if tree.clock.is_virtual() {
        return sending.await;
    }
    let late = || SendError::passing("timeout");
    tokio::time::timeout(gateway.patience(), sending).await.unwrap_or_else(|_| Err(late()))
}

/// False: it could not be recorded.
async fn record(tree: &Arc<Tree>, job: &Job, outcome: Result<Sent, SendError>) -> bool {
    let (number, delivery) = (job.ticket.number, job.delivery.no);
    // What came of it is counted with its event.
    tree.meters.deliveries_sent.add(1);
    let command = match outcome {
        Ok(Sent { reference }) => Command::DeliverySent { delivery, channel: job.channel, reference },
        Err(error) => {
            tracing::info!(ticket = %number, delivery, channel = job.channel.name(), %error, "a message did not go");
            failed(tree, job, error)
        }
    };
    insist(tree, number, delivery, command).await
}

fn failed(tree: &Tree, job: &Job, error: SendError) -> Command {
    let Job { ticket, delivery, expert, channel, to: _ } = job;
    let failing = match error.kind {
        ErrorKind::Permanent => {
            let elsewhere = tree.options.desk.elsewhere(ticket, delivery, expert.as_deref(), *channel);
            Failing::Permanent { elsewhere }
        }
        ErrorKind::Passing { retry_after_s } => Failing::Passing { retry_after_s },
    };
    Command::DeliveryFailed { delivery: delivery.no, channel: *channel, error: error.code, failing }
}

async fn insist(tree: &Arc<Tree>, number: TicketNumber, delivery: DeliveryNo, command: Command) -> bool {
    let caller = Caller::system();
    for _ in 0..TRIES {
        match service::ask(tree, number, command.clone(), &caller).await {
            Err(Failure::Overloaded { .. } | Failure::OutcomeUnknown | Failure::Fault(_) | Failure::DiskFull) => {
                drop(tree.clock.sleep_until(tree.clock.now().plus_ms(PAUSE_MS)).await);
            }
            // Recorded, or moot by now.
            Ok(_)
            | Err(
                Failure::Refused { .. }
                | Failure::NotFound(_)
                | Failure::Invalid { .. }
                | Failure::Stale(_)
                | Failure::KeyReused
                | Failure::Replayed(_),
            ) => return true,
        }
    }
    tracing::error!(ticket = %number, delivery, "what became of a message could not be recorded; it may go twice");
    false
}
