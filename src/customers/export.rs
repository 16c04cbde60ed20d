//! Everything held about a customer, as one JSON document for them.

use super::Held;
use crate::{
    api::{
        TicketView, Viewer,
        timeline::{Stamp, TimelineEntry},
    },
    domain::{ids::Thing, ticket::Ticket, time::Timestamp},
    storage::{Fault, Recorded, Store},
};
use serde_json::{Value, json};

/// What lies beside the journal.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Texts that were sent, as far as the mailbox has them.
    pub messages: Vec<Value>,
    /// Numbers that asked for no more texts.
    pub opted_out: Vec<String>,
    /// Lines of the access record.
    pub accesses: Vec<Value>,
    /// What they log in to.
    pub accounts: Vec<Value>,
}

/// The whole of it. Tickets of an erased customer say so.
pub fn export(store: &Store, held: &Held, beside: &Beside, at: Timestamp) -> Result<Value, Fault> {
    let tickets: Result<Vec<Value>, Fault> = held.tickets.values().map(|ticket| told(store, ticket)).collect();
    let numbers = |numbers: &mut dyn Iterator<Item = String>| numbers.collect::<Vec<_>>();
    Ok(json!({
        "made_at": at.to_string(),
        "customer_id": held.customer.as_ref().map(ToString::to_string),
        "tickets": tickets?,
        "messages": beside.messages,
        "opted_out": beside.opted_out,
        "accesses": beside.accesses,
        "accounts": beside.accounts,
        "shared": numbers(&mut held.shared.iter().map(ToString::to_string)),
    }))
}

/// A ticket as staff see it, with all that happened to it.
fn told(store: &Store, ticket: &Ticket) -> Result<Value, Fault> {
    let history = store.history(&Thing::Ticket(ticket.number))?;
    let entries: Vec<_> = history.iter().filter_map(entry).collect();
    Ok(json!({
        "ticket": TicketView::new(ticket, Viewer::Staff),
        "erased": ticket.personal.known().is_none(),
        "timeline": entries,
    }))
}

fn entry(recorded: &Recorded) -> Option<TimelineEntry> {
    let stamp = Stamp::of(recorded.seq, &recorded.envelope);
    TimelineEntry::new(&stamp, &recorded.fact, Viewer::Staff)
}
