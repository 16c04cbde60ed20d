//! What a store can be asked: things by name, pages of lists, what regions start from, the journal's past.
//!
//! By name the overlay is looked at first, then the snapshot, so that who got an acknowledgement reads their own
//! write. Nothing here writes.

use super::Store;
use crate::{
    domain::{
        catalogue::Catalogue,
        expert::Expert,
        fact::State,
        ids::{CustomerId, ExpertId, RegionId, Seq, Thing, TicketNumber},
        number::RegionCode,
        region::Region,
        route::Route,
        ticket::{Phase, Ticket, Timer},
        time::Timestamp,
    },
    storage::{
        Claim, ClaimKey, Fault, Outcome, Recorded,
        outbox::{OutboxPage, OutboxQuery},
        search::TicketSearch,
        writer,
    },
};
use std::{collections::BTreeSet, sync::Arc};

/// Which tickets, newest first.
#[derive(Clone, Debug, Default)]
pub struct TicketQuery {
    pub phase: Option<Phase>,
    pub region: Option<RegionId>,
    /// Regions that whoever asks may see; None: all. Part of the query, not a sieve behind it: a page and its
    /// cursor must not depend on tickets that are not shown.
    pub within: Option<BTreeSet<RegionId>>,
    pub customer: Option<CustomerId>,
    pub expert: Option<ExpertId>,
    pub opened_after: Option<Timestamp>,
    /// Only those with a delivery that was given up.
    pub dead: bool,
    /// Continue after this one (from the last page).
    pub cursor: Option<String>,
    pub limit: usize,
}

pub struct TicketPage {
    pub items: Vec<Arc<Ticket>>,
    pub next_cursor: Option<String>,
}

impl Store {
    pub fn ticket(&self, number: TicketNumber) -> Result<Option<Arc<Ticket>>, Fault> {
        Ok(self.core().ticket(number)?.map(|(ticket, _)| ticket))
    }

    /// The live route; `Route::empty` for an expert who never had one. None: no such expert.
    #[must_use]
    pub fn route(&self, expert: &ExpertId) -> Option<Arc<Route>> {
        self.core().hot.route(expert)
    }

    #[must_use]
    pub fn expert(&self, expert: &ExpertId) -> Option<Arc<Expert>> {
        self.core().hot.expert(expert)
    }

    #[must_use]
    pub fn region(&self, region: &RegionId) -> Option<Arc<Region>> {
        self.core().hot.region(region)
    }

    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.core().hot.catalogue()
    }

    /// All, by id.
    #[must_use]
    pub fn regions(&self) -> Vec<Arc<Region>> {
        self.core().hot.regions()
    }

    /// All of a region (retired ones too), by id.
    #[must_use]
    pub fn experts(&self, region: Option<&RegionId>) -> Vec<Arc<Expert>> {
        self.core().hot.experts(region)
    }

    /// Who holds a key at that time.
    pub fn claim(&self, key: &ClaimKey, at: Timestamp) -> Result<Option<Claim>, Fault> {
        let held = self.core().claim(key)?.filter(|claim| !writer::expired(claim, at));
        Ok(held.map(|claim| (*claim).clone()))
    }

    /// A page of a list, newest first. Fault: the cursor is none, or a file cannot be read.
    pub fn tickets(&self, query: &TicketQuery) -> Result<TicketPage, Fault> {
        self.core().tickets(query)
    }

    /// Tickets with a region's code that live in another region, the newest serials first, at most `limit`.
    #[must_use]
    pub fn away(&self, code: RegionCode, limit: usize) -> Vec<TicketNumber> {
        self.core().hot.away(code, limit)
    }

    /// A page of what a search finds, newest first, within what `query` narrows it to.
    pub fn search(&self, search: &TicketSearch, query: &TicketQuery) -> Result<TicketPage, Fault> {
        self.core().search(search, query)
    }

    /// A page of deliveries, those of the newest tickets first.
    pub fn outbox(&self, query: &OutboxQuery) -> Result<OutboxPage, Fault> {
        self.core().outbox(query)
    }

    /// Tickets whose contact has this phone or e-mail (compared by keyed hash), by number.
    pub fn tickets_of_contact(&self, phone: Option<&str>, email: Option<&str>) -> Result<Vec<TicketNumber>, Fault> {
        self.core().tickets_of_contact(phone, email)
    }

    pub fn ticket_by_external_id(&self, id: &str) -> Result<Option<TicketNumber>, Fault> {
        Ok(named_ticket(self.core().claim(&ClaimKey::external(id))?.as_deref()))
    }

    // Recovery: what a region's actors start from.
    /// Every open ticket of a region, in no order.
    pub fn for_each_open(&self, region: &RegionId, visit: &mut dyn FnMut(Arc<Ticket>)) -> Result<(), Fault> {
        self.core().for_each_open(region, visit)
    }

    /// Every deadline of a region's tickets, in no order.
    pub fn for_each_timer(&self, region: &RegionId, visit: &mut dyn FnMut(TicketNumber, Timer)) -> Result<(), Fault> {
        self.core().for_each_timer(region, visit)
    }

    // The journal's past.
    /// The events of a thing, oldest first, by walking back from its last one.
    pub fn history(&self, thing: &Thing) -> Result<Vec<Recorded>, Fault> {
        self.core().history_to(thing, self.core().stamp(thing)?.last_seq)
    }

    /// A thing as it was after its event `seq`. Fault: there is no such event of it.
    pub fn state_at(&self, thing: &Thing, seq: Seq) -> Result<State, Fault> {
        self.core().fold_to(thing, seq)
    }

    /// Events from `from` on, in order, at most about `limit`; whole batches.
    pub fn read(&self, from: Seq, limit: usize) -> Result<Vec<Recorded>, Fault> {
        self.core().read(from, limit, false)
    }

    /// The same for readers who may not know whom it is about: everything sealed reads as erased.
    pub fn read_veiled(&self, from: Seq, limit: usize) -> Result<Vec<Recorded>, Fault> {
        self.core().read(from, limit, true)
    }

    /// The first event that was committed at this time or later; one past the head when there is none.
    pub fn seq_at(&self, at: Timestamp) -> Result<Seq, Fault> {
        let (mut low, mut high) = (1, self.head().0 + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.core().read(middle, 1, true)?;
            match found.first() {
                Some(event) if event.envelope.at < at => low = middle + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    /// A thing's last event, and the W3C trace it belongs to.
    pub fn origin(&self, thing: &Thing) -> Result<Option<(Seq, Option<String>)>, Fault> {
        self.core().origin(thing)
    }

    /// Whether the journal holds this ticket.
    pub fn holds(&self, number: TicketNumber) -> Result<bool, Fault> {
        self.core().holds(&Thing::Ticket(number))
    }

    /// The last committed sequence and the chain's hash there.
    #[must_use]
    pub fn head(&self) -> (Seq, [u8; 32]) {
        let head = self.core().head();
        (head.next_seq - 1, head.hash)
    }
}

/// The ticket that a claim stands for.
pub(in crate::storage) fn named_ticket(claim: Option<&Claim>) -> Option<TicketNumber> {
    match claim?.outcome {
        Outcome::Version { thing: Thing::Ticket(number), .. } => Some(number),
        Outcome::Version { .. } | Outcome::Body { .. } => None,
    }
}
