//! What all parts of an open store share: memory, snapshots, the journal's reading side.
//!
//! Must hold: looking a thing up goes overlay (or hot set) first, snapshot second (a key that the
//! filter knows to be free is in neither); since entries leave the overlay only after the snapshot's
//! commit, nothing committed is ever missed.

use super::{
    Claim, ClaimKey, Fault, Sealer, StoreOptions,
    claim_filter::ClaimFilter,
    hot::Hot,
    journal::{Archive, Head, JournalReader},
    numbers::Numbers,
    overlay::Overlay,
    row::Stamp,
    snapshot::Snapshots,
};
use crate::{
    domain::{
        fact::State,
        ids::{Seq, Thing, TicketNumber},
        ticket::Ticket,
    },
    telemetry::Telemetry,
};
use std::sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicUsize};
use tokio::sync::watch;

pub(super) struct Core {
    pub(super) sealer: Sealer,
    pub(super) hot: Hot,
    pub(super) overlay: Overlay,
    pub(super) free_keys: ClaimFilter,
    pub(super) numbers: Numbers,
    pub(super) snapshots: Snapshots,
    pub(super) reader: Box<dyn JournalReader>,
    /// What is committed and published.
    pub(super) head: Mutex<Head>,
    pub(super) watch: watch::Sender<Seq>,
    /// States committed and not yet taken over by a snapshot: bounds the overlay.
    pub(super) backlog: AtomicUsize,
    /// For backups; None over a journal without files.
    pub(super) archive: Option<(Archive, StoreOptions)>,
    /// Who hears of every commit.
    pub(super) hear: RwLock<Option<Hear>>,
    pub(super) telemetry: Telemetry,
}

/// Called with the new states of a commit.
pub type Hear = Box<dyn Fn(&[State]) + Send + Sync>;

impl Core {
    /// A thing's newest state and the sequence of its last event.
    pub(super) fn current(&self, thing: &Thing) -> Result<Option<(State, Seq)>, Fault> {
        match thing {
            Thing::Ticket(number) => {
                Ok(self.ticket(*number)?.map(|(ticket, stamp)| (State::Ticket(ticket), stamp.last_seq)))
            }
            Thing::Route(_) | Thing::Expert(_) | Thing::Region(_) | Thing::Catalogue => Ok(self.hot.current(thing)),
        }
    }

    /// Where a thing stands; version 0 when it does not exist.
    pub(super) fn stamp(&self, thing: &Thing) -> Result<Stamp, Fault> {
        match thing {
            Thing::Ticket(number) => {
                let found = self.find(*number, super::overlay::Entry::stamp, |file| file.stamp(*number))?;
                Ok(found.unwrap_or_default())
            }
            Thing::Route(_) | Thing::Expert(_) | Thing::Region(_) | Thing::Catalogue => Ok(self.hot.stamp(thing)),
        }
    }

    pub(super) fn ticket(&self, number: TicketNumber) -> Result<Option<(Arc<Ticket>, Stamp)>, Fault> {
        self.find(number, |entry| (Arc::clone(&entry.ticket), entry.stamp()), |file| file.ticket(number, &self.sealer))
    }

    fn find<T>(
        &self,
        number: TicketNumber,
        live: impl Fn(&super::overlay::Entry) -> T,
        stored: impl Fn(&super::snapshot::RegionFile) -> Result<Option<T>, Fault>,
    ) -> Result<Option<T>, Fault> {
        loop {
            if let Some(entry) = self.overlay.ticket(number) {
                return Ok(Some(live(&entry)));
            }
            let Some(region) = self.hot.whereabouts(number) else { return Ok(None) };
            let file = self.snapshots.region(&region);
            if let Some(found) = file.map(|file| stored(&file)).transpose()?.flatten() {
                return Ok(Some(found));
            }
            // It may have moved to another region between the two looks: then look again.
            if self.hot.whereabouts(number) == Some(region) && self.overlay.ticket(number).is_none() {
                return Ok(None);
            }
        }
    }

    pub(super) fn claim(&self, key: &ClaimKey) -> Result<Option<Arc<Claim>>, Fault> {
        if self.free_keys.surely_free(key) {
            return Ok(None);
        }
        if let Some(claim) = self.overlay.claim(key) {
            return Ok(Some(claim));
        }
        Ok(self.snapshots.directory.claim(key)?.map(Arc::new))
    }

    pub(super) fn put_claim(&self, claim: &Arc<Claim>, seq: Seq) {
        self.overlay.put_claim(Arc::clone(claim), seq);
        self.free_keys.add(&claim.key);
    }

    pub(super) fn head(&self) -> Head {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last committed sequence; 0 when there is none.
    pub(super) fn last_seq(&self) -> Seq {
        self.head().next_seq - 1
    }

    pub(super) fn set_head(&self, head: Head) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
        self.watch.send_replace(head.next_seq - 1);
    }
}
