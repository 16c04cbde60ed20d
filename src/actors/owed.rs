//! Which tickets owe an expert's app a delivery: so that one that connects gets what is not about its route any
//! more (a visit that was taken away), without a search through all tickets.
//!
//! Never the truth: the deliveries stand in the tickets, and who asks looks there. It follows each commit and is
//! filled anew when a region starts.

use crate::domain::{
    ids::{ExpertId, TicketNumber, Version},
    ticket::{Audience, Ticket},
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

#[derive(Default)]
pub(super) struct Owed(Mutex<Both>);

/// Both ways, so that what a ticket owes no more is taken out without a search.
#[derive(Default)]
struct Both {
    by_expert: HashMap<ExpertId, BTreeSet<TicketNumber>>,
    by_ticket: HashMap<TicketNumber, (Version, Vec<ExpertId>)>,
    /// Tickets that owed something and owe nothing now, with the version that says so: who reads a region while it
    /// starts may come with an older one. The latest of them, in the order in which they got here.
    settled: HashMap<TicketNumber, Version>,
    settlings: VecDeque<TicketNumber>,
}

/// Settled tickets remembered: a region is read in seconds.
const SETTLED: usize = 16_384;

impl Owed {
    /// To be called with each state of a ticket; one that is older than what is known changes nothing.
    pub(super) fn note(&self, ticket: &Ticket) {
        let owed = ticket.deliveries.iter().filter_map(|delivery| match &delivery.to {
            Audience::Expert(expert) => Some(expert.clone()),
            Audience::Customer => None,
        });
        self.lock().take(ticket.number, ticket.version, owed.collect());
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
    fn take(&mut self, number: TicketNumber, version: Version, now: Vec<ExpertId>) {
        let known = self.by_ticket.get(&number).map(|(version, _)| version).or_else(|| self.settled.get(&number));
        if known.is_some_and(|known| version < *known) {
            return;
        }
        let before = self.by_ticket.remove(&number).map(|(_, before)| before);
        for expert in before.iter().flatten().filter(|expert| !now.contains(expert)) {
            self.settle(expert, number);
        }
        if now.is_empty() {
            if before.is_some() {
                self.remember(number, version);
            }
            return;
        }
        for expert in &now {
            self.by_expert.entry(expert.clone()).or_default().insert(number);
        }
        self.by_ticket.insert(number, (version, now));
    }

    fn settle(&mut self, expert: &ExpertId, number: TicketNumber) {
        if let Some(tickets) = self.by_expert.get_mut(expert) {
            tickets.remove(&number);
            if tickets.is_empty() {
                self.by_expert.remove(expert);
            }
        }
    }

    fn remember(&mut self, number: TicketNumber, version: Version) {
        if self.settled.insert(number, version).is_none() {
            self.settlings.push_back(number);
        }
        while self.settlings.len() > SETTLED {
            if let Some(oldest) = self.settlings.pop_front() {
                self.settled.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> TicketNumber {
        text.parse().unwrap()
    }

    #[test]
    fn whoever_reads_while_a_region_starts_brings_no_older_state_back() {
        let (owed, ann, bob) = (Owed::default(), ExpertId::parse("ann").unwrap(), ExpertId::parse("bob").unwrap());
        let ticket = number("0A1-000142-N");
        let note = |version, to: &[&ExpertId]| {
            owed.lock().take(ticket, version, to.iter().map(|expert| (*expert).clone()).collect());
        };
        note(4, &[&ann]);
        note(6, &[&bob]);
        note(5, &[&ann]);
        assert_eq!((owed.to(&ann), owed.to(&bob)), (vec![], vec![ticket]));
        note(7, &[]);
        note(6, &[&bob]);
        assert_eq!(owed.to(&bob), [], "it owes nothing any more");
        note(8, &[&ann]);
        note(8, &[&ann]);
        assert_eq!(owed.to(&ann), [ticket]);
    }
}
