//! Counts what a region is asked for: each ticket once, in the region that it was opened in, wherever it goes
//! afterwards. Its number says which that is, so the store's tickets give the same counts after a restart.

use crate::{
    domain::{number::RegionCode, region::Region, ticket::Ticket, time::Timestamp},
    routing::live::{Demand, Usual},
};
use std::collections::BTreeSet;

/// Serials known to be counted one by one; those below the oldest of them are taken for counted, too.
const KNOWN: usize = 20_000;

pub(super) struct Tally {
    /// Another number for each time that the store is read for it.
    pub(super) reading: u64,
    /// Serials up to this one are the store's to count, not the news'.
    pub(super) upto: u32,
    code: RegionCode,
    zone: String,
    demand: Demand,
    counted: BTreeSet<u32>,
}

impl Tally {
    /// Knows nothing yet. `upto`: the last serial that the region has given out.
    pub(super) fn new(region: &Region, upto: u32, reading: u64) -> Self {
        let demand = Demand::new(&region.time_zone);
        Self { reading, upto, code: region.code, zone: region.time_zone.clone(), demand, counted: BTreeSet::new() }
    }

    /// Days and hours are counted in the region's time.
    pub(super) fn is_in_time_of(&self, region: &Region) -> bool {
        self.zone == region.time_zone
    }

    /// Takes news of a ticket; most are of one that was counted before.
    pub(super) fn note(&mut self, ticket: &Ticket) {
        let serial = ticket.number.serial;
        if ticket.number.code != self.code || serial <= self.upto || !self.counted.insert(serial) {
            return;
        }
        note(&mut self.demand, ticket);
        if self.counted.len() > KNOWN {
            self.upto = self.counted.pop_first().unwrap_or(self.upto);
        }
    }

    /// Adds what the store had. False: it was read for another tally than this.
    pub(super) fn add(&mut self, reading: u64, before: Demand) -> bool {
        let same = reading == self.reading;
        if same {
            self.demand.add(before);
        }
        same
    }

    pub(super) fn usual(&mut self, now: Timestamp) -> Usual {
        self.demand.usual(now)
    }
}

pub(super) fn note(demand: &mut Demand, ticket: &Ticket) {
    demand.note(&ticket.skills, ticket.service_s, ticket.opened_at, ticket.window);
}
