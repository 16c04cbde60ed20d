//! What one plan of a region leaves for the next, so that a plan costs what is new in it: drives between places
//! and working stretches.
//!
//! Must hold: nothing in here changes a plan; without it, only the time that a plan takes is another. Both
//! lists are bounded.

use crate::{
    domain::{
        expert::Expert,
        ids::{ExpertId, Version},
        place::Place,
        settings::TravelSettings,
        shift::Interval,
        time::Timestamp,
    },
    routing::{Drives, working},
};
use std::collections::{BTreeMap, HashMap};

/// Places whose drives are kept, at 4 bytes a drive; a day of a large city has about as many.
const PLACES: usize = 1_500;
/// A stretch is looked up again after this: of shifts that follow each other at once, the end that lies a day
/// ahead comes into sight as time goes by.
const STRETCH_MS: i64 = 600_000;
const UNKNOWN: u32 = u32::MAX;

/// Of one region, under its travel settings and by the same answers of a server.
#[derive(Debug, Default)]
pub struct Memory {
    travel: TravelSettings,
    /// Of the server's legs.
    edition: u64,
    index: HashMap<Place, u32>,
    places: Vec<Place>,
    /// Seconds by origin and destination.
    rows: Vec<Vec<u32>>,
    stretches: BTreeMap<ExpertId, Stretch>,
}

#[derive(Debug)]
struct Stretch {
    version: Version,
    looked_up: Timestamp,
    found: Interval,
}

impl Memory {
    /// To be called before each plan: forgets what holds no more.
    pub(super) fn begin(&mut self, travel: &TravelSettings, edition: u64) {
        if self.travel != *travel || self.edition != edition || self.places.len() > PLACES {
            self.index.clear();
            self.places.clear();
            self.rows.clear();
            self.travel.clone_from(travel);
            self.edition = edition;
        }
    }

    /// The number of a place, for [`Memory::drive_s`].
    pub(super) fn number(&mut self, place: Place) -> u32 {
        *self.index.entry(place).or_insert_with(|| {
            self.places.push(place);
            self.rows.push(Vec::new());
            self.places.len() as u32 - 1
        })
    }

    /// Seconds from one place to another at usual speed, by their numbers. `drives`: by the settings of `begin`.
    pub(super) fn drive_s(&mut self, drives: Drives<'_>, from: u32, to: u32) -> i64 {
        let row = &mut self.rows[from as usize];
        if row.len() <= to as usize {
            row.resize(self.places.len(), UNKNOWN);
        }
        let cell = &mut row[to as usize];
        if *cell == UNKNOWN {
            let leg = drives.leg(self.places[from as usize], self.places[to as usize]);
            *cell = u32::try_from(leg.duration_s).unwrap_or(UNKNOWN - 1);
        }
        i64::from(*cell)
    }

    /// As [`working::stretch`]. That there is none is not kept: the next moment it may be in sight.
    pub(super) fn stretch(&mut self, expert: &Expert, now: Timestamp, before_s: u32) -> Option<Interval> {
        let holds = |known: &&Stretch| {
            known.version == expert.version
                && (0..STRETCH_MS).contains(&now.since_ms(known.looked_up))
                && known.found.to > now
        };
        if let Some(known) = self.stretches.get(&expert.id).filter(holds) {
            return Some(known.found);
        }
        let found = working::stretch(expert, now, before_s).ok()?;
        let fresh = Stretch { version: expert.version, looked_up: now, found };
        self.stretches.insert(expert.id.clone(), fresh);
        Some(found)
    }

    /// Keeps the stretches of those who are still there.
    pub(super) fn keep(&mut self, most: usize) {
        if self.stretches.len() > 2 * most {
            self.stretches.clear();
        }
    }
}
