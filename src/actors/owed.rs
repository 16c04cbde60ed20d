//! Which tickets owe an expert's app a delivery: so that one that connects gets what is not about its route any
//! more (a visit that was taken away), without a search through all tickets.
//!
//! Never the truth: the deliveries stand in the tickets, and who asks looks there. It follows each commit and is
//! filled anew when a region starts.

use crate::domain::{
    ids::{ExpertId, TicketNumber},
    ticket::{Audience, Ticket},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

#[derive(Default)]
pub(super) struct Owed(Mutex<Both>);

/// Both ways, so that what a ticket owes no more is taken out without a search.
#[derive(Default)]
struct Both {
    by_expert: HashMap<ExpertId, BTreeSet<TicketNumber>>,
    by_ticket: HashMap<TicketNumber, Vec<ExpertId>>,
}

impl Owed {
    /// To be called with each state of a ticket.
    pub(super) fn note(&self, ticket: &Ticket) {
        let owed = ticket.deliveries.iter().filter_map(|delivery| match &delivery.to {
            Audience::Expert(expert) => Some(expert.clone()),
            Audience::Customer => None,
        });
        let now: Vec<ExpertId> = owed.collect();
        let mut both = self.lock();
        if let Some(before) = both.by_ticket.remove(&ticket.number) {
            before.into_iter().filter(|expert| !now.contains(expert)).for_each(|expert| both.settle(&expert, ticket));
        }
        for expert in &now {
            both.by_expert.entry(expert.clone()).or_default().insert(ticket.number);
        }
        if !now.is_empty() {
            both.by_ticket.insert(ticket.number, now);
        }
    }

    /// By number.
    pub(super) fn to(&self, expert: &ExpertId) -> Vec<TicketNumber> {
        self.lock().by_expert.get(expert).into_iter().flatten().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Both> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Both {
    fn settle(&mut self, expert: &ExpertId, ticket: &Ticket) {
        if let Some(tickets) = self.by_expert.get_mut(expert) {
            tickets.remove(&ticket.number);
            if tickets.is_empty() {
                self.by_expert.remove(expert);
            }
        }
    }
}
