//! The open queue of a region: what could be dispatched, most urgent first; what waits is found again
//! by the skills it needs when somebody gets room. Pure.

use crate::{
    domain::{
        decision::{Decision, Rule},
        expert::Expert,
        ids::{TicketNumber, Version},
        skill::{SkillLevel, first_unmet},
        ticket::Ticket,
        time::Timestamp,
    },
    routing::VisitSpec,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Most urgent first, then the earliest due, then the oldest number.
pub(super) type Key = (Reverse<u8>, Timestamp, TicketNumber);

pub(super) struct Entry {
    pub(super) spec: VisitSpec,
    pub(super) version: Version,
    pub(super) ready: bool,
    /// When the ticket itself says that it is to be tried again.
    waits_until: Option<Timestamp>,
    pub(super) handovers: u16,
    pub(super) escalated: bool,
    /// Offers made that came to nothing.
    pub(super) rounds: u16,
    /// Whom to ask next.
    pub(super) scope: Scope,
    pub(super) second_round: bool,
    /// The home region's failure, kept while neighbours are asked.
    pub(super) failed: Option<Box<Failed>>,
    pub(super) neighbours_asked: Option<Timestamp>,
    /// Neighbours were told that it is to be had.
    pub(super) offered: bool,
    /// It was given away, and the ticket does not say so yet.
    pub(super) given_away: bool,
    /// Awards in a row that came too late.
    pub(super) stale: u8,
}

pub(super) struct Failed {
    pub(super) decision: Decision,
    pub(super) rules: BTreeMap<Rule, u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Home,
    Neighbours,
}

#[derive(Default)]
pub(super) struct Queue {
    /// Boxed, so that a tree that is filled from one side does not hold room for half as many again.
    entries: BTreeMap<TicketNumber, Box<Entry>>,
    ready: BTreeSet<Key>,
    /// By when they were opened: how long the oldest has waited is told to the outside.
    by_age: BTreeSet<(Timestamp, TicketNumber)>,
    /// All entries with the same needs share them.
    by_needs: BTreeMap<Arc<[SkillLevel]>, BTreeSet<Key>>,
    /// Counts what a plan would see: visits that came, went or became others.
    changes: u64,
    /// Without a place to drive to: handed to a person.
    pub(super) unplaced: BTreeMap<TicketNumber, Version>,
}

/// Offers so far, less those that led to a visit.
fn rounds(ticket: &Ticket) -> u16 {
    let visits = u16::try_from(ticket.visits.len()).unwrap_or(u16::MAX);
    ticket.next_offer.saturating_sub(1).saturating_sub(visits)
}

fn key(spec: &VisitSpec) -> Key {
    (Reverse(spec.urgency), spec.due, spec.ticket)
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// When the oldest was opened that waits for more than its time in a plan.
    pub(super) fn oldest(&self, planned: impl Fn(TicketNumber) -> bool) -> Option<Timestamp> {
        self.by_age.iter().find(|(_, number)| !planned(*number)).map(|(opened, _)| *opened)
    }

    /// Equal numbers: nothing changed that a plan would see.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// The most urgent visits that `suit`, at most `limit`, in order. Looks at so many per set of needed skills, not at
    /// the whole queue.
    pub(super) fn foremost(&self, limit: usize, suits: impl Fn(&Entry) -> bool) -> Vec<&Entry> {
        let entry = |key: &Key| self.peek(key.2).filter(|entry| suits(entry)).map(|entry| (*key, entry));
        let first = self.by_needs.values().flat_map(|keys| keys.iter().filter_map(entry).take(limit));
        let mut found: Vec<(Key, &Entry)> = first.collect();
        found.sort_unstable_by_key(|(key, _)| *key);
        found.truncate(limit);
        found.into_iter().map(|(_, entry)| entry).collect()
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.unplaced.is_empty()
    }

    pub(super) fn peek(&self, number: TicketNumber) -> Option<&Entry> {
        self.entries.get(&number).map(Box::as_ref)
    }

    pub(super) fn entry(&mut self, number: TicketNumber) -> Option<&mut Entry> {
        self.entries.get_mut(&number).map(Box::as_mut)
    }

    /// Takes a ticket's newest state in; an older one than known changes nothing.
    pub(super) fn take(&mut self, ticket: &Ticket, now: Timestamp) {
        let number = ticket.number;
        if self.entries.get(&number).is_some_and(|entry| entry.version >= ticket.version) {
            return;
        }
        let before = self.forget(number);
        let spec =
            if ticket.dispatchable() && ticket.region.as_str() != "unlocated" { VisitSpec::of(ticket) } else { None };
        let Some(mut spec) = spec else {
            self.changes += u64::from(before.is_some());
            let to_escalate =
                matches!(ticket.phase, crate::domain::ticket::Phase::New | crate::domain::ticket::Phase::Reopened)
                    && ticket.quarantined.is_none()
                    && ticket.escalation.is_none();
            if to_escalate {
                self.unplaced.insert(number, ticket.version);
            }
            return;
        };
        if let Some((needs, _)) = self.by_needs.get_key_value(&spec.skills) {
            spec.skills = needs.clone();
        }
        let waits_until = ticket.waiting.as_ref().map(|waiting| waiting.next_try_at);
        let asked_again = before.as_ref().is_some_and(|before| before.second_round && before.spec == spec);
        let fresh = Entry {
            spec,
            version: ticket.version,
            ready: waits_until.is_none_or(|at| at <= now),
            waits_until,
            handovers: ticket.handovers,
            escalated: ticket.escalation.is_some(),
            rounds: rounds(ticket),
            scope: Scope::Home,
            second_round: asked_again,
            failed: None,
            neighbours_asked: before.as_ref().and_then(|entry| entry.neighbours_asked),
            offered: before.as_ref().is_some_and(|before| before.offered),
            given_away: false,
            stale: 0,
        };
        self.changes += u64::from(before.as_ref().is_none_or(|before| before.spec != fresh.spec));
        // News that do not concern the search (a message was delivered) leave it where it was.
        let entry = match before {
            Some(before) if before.spec == fresh.spec && before.waits_until == fresh.waits_until => {
                Entry { ready: before.ready, scope: before.scope, failed: before.failed, stale: before.stale, ..fresh }
            }
            Some(_) | None => fresh,
        };
        let key = key(&entry.spec);
        self.by_needs.entry(entry.spec.skills.clone()).or_default().insert(key);
        if entry.ready {
            self.ready.insert(key);
        }
        self.by_age.insert((entry.spec.opened_at, number));
        self.entries.insert(number, Box::new(entry));
    }

    /// A ticket that is no longer ours to dispatch.
    pub(super) fn remove(&mut self, number: TicketNumber) {
        self.changes += u64::from(self.forget(number).is_some());
    }

    /// Forgets a ticket; what was known of it.
    fn forget(&mut self, number: TicketNumber) -> Option<Entry> {
        self.unplaced.remove(&number);
        let entry = *self.entries.remove(&number)?;
        let key = key(&entry.spec);
        self.ready.remove(&key);
        self.by_age.remove(&(entry.spec.opened_at, number));
        if let Some(keys) = self.by_needs.get_mut(&entry.spec.skills) {
            keys.remove(&key);
            if keys.is_empty() {
                self.by_needs.remove(&entry.spec.skills);
            }
        }
        Some(entry)
    }

    pub(super) fn set_ready(&mut self, number: TicketNumber, ready: bool) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        entry.ready = ready;
        let key = key(&entry.spec);
        if ready {
            self.ready.insert(key);
        } else {
            self.ready.remove(&key);
        }
    }

    /// The most urgent ready ones that ask in the same scope, at most `limit`.
    pub(super) fn next(&self, limit: usize) -> (Scope, Vec<TicketNumber>) {
        let scope_of = |key: &Key| self.entries.get(&key.2).map_or(Scope::Home, |entry| entry.scope);
        let Some(first) = self.ready.first() else { return (Scope::Home, Vec::new()) };
        let scope = scope_of(first);
        let same = self.ready.iter().filter(|key| scope_of(key) == scope);
        (scope, same.take(limit).map(|key| key.2).collect())
    }

    /// Somebody got room: the most urgent waiting ones that they could serve become ready, at most
    /// `limit`. Looks at a few per set of needed skills, not at the whole queue.
    pub(super) fn wake(&mut self, expert: &Expert, reach_m: f64, until: Timestamp, limit: usize) -> usize {
        let Some(home) = expert.home() else { return 0 };
        let mut found: Vec<Key> = Vec::new();
        for (needs, keys) in &self.by_needs {
            if first_unmet(&expert.skills, needs).is_some() {
                continue;
            }
            let suits = |key: &&Key| {
                self.entries.get(&key.2).is_some_and(|entry| {
                    !entry.ready
                        && !entry.spec.refused_by.contains(&expert.id)
                        && entry.spec.window.is_none_or(|window| window.from <= until)
                        && entry.spec.place.distance_m(home) <= reach_m
                })
            };
            found.extend(keys.iter().take(limit.saturating_mul(8)).filter(suits).take(limit));
        }
        found.sort_unstable();
        found.truncate(limit);
        for key in &found {
            self.set_ready(key.2, true);
        }
        found.len()
    }
}
