//! A command on its way to the actor of its ticket.

use super::Opened;
use crate::{
    actors::{
        caller::Caller,
        failure::Failure,
        reply::{Answer, Reply},
        ticket, tickets,
        tree::Tree,
    },
    domain::{ids::TicketNumber, ticket::Command},
};
use std::sync::Arc;

/// Sends a command to its ticket's actor until it was begun, within the caller's patience.
pub(in crate::actors) async fn ask(
    tree: &Arc<Tree>,
    number: TicketNumber,
    command: Command,
    caller: &Caller,
) -> Result<Opened, Failure> {
    let shared = Arc::new(caller.clone());
    let known = tree.store.ticket(number).map_err(Failure::from)?;
    known.ok_or_else(|| Failure::NotFound(format!("ticket {number}")))?;
    for _ in 0..8 {
        let (reply, answer) = Reply::channel();
        let msg = ticket::Msg::Command { command: command.clone(), caller: shared.clone(), reply };
        tickets::send(tree, number, msg).map_err(|crash| Failure::Fault(crash.to_string()))?;
        let answer = if tree.clock.is_virtual() {
            answer.await
        } else {
            match tokio::time::timeout(caller.patience, answer).await {
                Ok(answer) => answer,
                Err(_) => return Err(Failure::OutcomeUnknown),
            }
        };
        match answer {
            Ok(Answer::Done(done)) => return done,
            Ok(Answer::Lost { begun: false }) => {}
            // The actor died over it, and what it sent to the journal may still be stored. With a key
            // it can be sent again: the key is taken once.
            Ok(Answer::Lost { begun: true }) | Err(_) if caller.idempotency.is_none() => {
                return Err(Failure::OutcomeUnknown);
            }
            Ok(Answer::Lost { begun: true }) | Err(_) => {}
        }
    }
    Err(Failure::Overloaded { retry_after_s: 1 })
}
