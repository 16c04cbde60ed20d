//! What is committed and not yet durable in a snapshot: tickets and claims, in memory.
//!
//! Must hold: whoever misses here finds it in the snapshot, so entries leave only after the
//! snapshot's commit, and only if nothing newer has come since. Readers look here first.

use super::{Claim, ClaimKey, Fault, row::Stamp};
use crate::domain::{
    ids::{Seq, TicketNumber},
    ticket::Ticket,
};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// So that readers and the writer seldom meet on one lock.
const SHARDS: usize = 64;

pub(super) struct Overlay {
    tickets: Vec<RwLock<HashMap<TicketNumber, Entry>>>,
    claims: RwLock<HashMap<ClaimKey, (Arc<Claim>, Seq)>>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) ticket: Arc<Ticket>,
    pub(super) last_seq: Seq,
    /// The W3C trace of the commit that led here; 0: not known here. Whoever goes on with it (an award, a
    /// delivery, mostly at once) need not read the journal for it.
    pub(super) trace: u128,
}

impl Entry {
    pub(super) fn stamp(&self) -> Stamp {
        Stamp { version: self.ticket.version, last_seq: self.last_seq }
    }
}

impl Overlay {
    pub(super) fn new() -> Self {
        Self { tickets: (0..SHARDS).map(|_| RwLock::default()).collect(), claims: RwLock::default() }
    }

    pub(super) fn ticket(&self, number: TicketNumber) -> Option<Entry> {
        read(self.shard(number)).get(&number).cloned()
    }

    pub(super) fn put(&self, ticket: Arc<Ticket>, last_seq: Seq, trace: u128) {
        write(self.shard(ticket.number)).insert(ticket.number, Entry { ticket, last_seq, trace });
    }

    /// Puts another telling of the same state into its place.
    pub(super) fn refresh(&self, number: TicketNumber, retell: impl Fn(&Ticket) -> Result<Ticket, Fault>) {
        if let Some(entry) = write(self.shard(number)).get_mut(&number)
            && let Ok(ticket) = retell(&entry.ticket)
        {
            entry.ticket = Arc::new(ticket);
        }
    }

    /// Tickets that `wanted` picks, in no order.
    pub(super) fn collect(&self, wanted: impl Fn(&Ticket) -> bool) -> Vec<Arc<Ticket>> {
        let mut found = Vec::new();
        for shard in &self.tickets {
            found.extend(read(shard).values().filter(|e| wanted(&e.ticket)).map(|e| Arc::clone(&e.ticket)));
        }
        found
    }

    pub(super) fn claim(&self, key: &ClaimKey) -> Option<Arc<Claim>> {
        read(&self.claims).get(key).map(|(claim, _)| Arc::clone(claim))
    }

    pub(super) fn claim_keys(&self) -> Vec<ClaimKey> {
        read(&self.claims).keys().copied().collect()
    }

    pub(super) fn put_claim(&self, claim: Arc<Claim>, seq: Seq) {
        write(&self.claims).insert(claim.key, (claim, seq));
    }

    /// Lets go of tickets that are durable as of `durable`; newer ones stay.
    pub(super) fn prune(&self, numbers: impl Iterator<Item = TicketNumber>, durable: Seq) {
        for number in numbers {
            prune(self.shard(number), &number, |entry| entry.last_seq <= durable);
        }
    }

    pub(super) fn prune_claims(&self, keys: impl Iterator<Item = ClaimKey>, durable: Seq) {
        for key in keys {
            prune(&self.claims, &key, |(_, seq)| *seq <= durable);
        }
    }

    /// How many tickets it holds.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tickets.iter().map(|shard| read(shard).len()).sum()
    }

    fn shard(&self, number: TicketNumber) -> &RwLock<HashMap<TicketNumber, Entry>> {
        &self.tickets[number.serial as usize % SHARDS]
    }
}

fn prune<K: Eq + Hash, V>(map: &RwLock<HashMap<K, V>>, key: &K, gone: impl Fn(&V) -> bool) {
    let mut map = write(map);
    if map.get(key).is_some_and(gone) {
        map.remove(key);
    }
}

// A panic while one of these is held leaves a map that is whole: single inserts and removes only.
pub(super) fn read<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
