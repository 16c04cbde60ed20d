//! What each region has asked before: of a new place only the legs to and from it are asked.
//!
//! Must hold: what was asked under other settings or for another hour is never answered; what a fallback
//! answered is not kept; a region keeps a bounded number of places.

use super::{Ask, Table, Travel, TravelError, table::Origin};
use crate::{
    domain::{ids::RegionId, place::Place, time::Timestamp},
    routing::Leg,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Places a region keeps; 24 bytes a leg are 54 MB then.
const PLACES: usize = 1_500;

/// Under which settings, and for which hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    settings: u64,
    hour: u8,
}

/// The square of legs between the places of one region.
struct Known {
    stamp: Stamp,
    origin: Origin,
    index: HashMap<Place, usize>,
    places: Vec<Place>,
    rows: Vec<Vec<Option<Leg>>>,
}

/// A source with a memory per region.
pub struct Cache {
    source: Arc<dyn Travel>,
    regions: Mutex<BTreeMap<RegionId, Known>>,
}

impl Cache {
    #[must_use]
    pub fn new(source: Arc<dyn Travel>) -> Self {
        Self { source, regions: Mutex::default() }
    }

    /// Legs between all of `places`. `settings` is any number that changes with the region's travel
    /// settings: a version, a hash.
    pub async fn square(
        &self,
        region: &RegionId,
        settings: u64,
        places: &[Place],
        hour: u8,
        now: Timestamp,
    ) -> Result<Table, TravelError> {
        let stamp = Stamp { settings, hour };
        let ask = |from, to| Ask { from, to, hour, now };
        let (old, new) = match self.known(region, stamp, places) {
            Ok(table) => return Ok(table),
            Err(missing) => missing,
        };
        let all: Vec<Place> = old.iter().chain(&new).copied().collect();
        let rows = self.source.table(ask(&new, &all)).await?;
        let columns = self.source.table(ask(&old, &new)).await?;
        if rows.instead.is_none() && columns.instead.is_none() && rows.origin == columns.origin {
            self.learn(region, stamp, &old, &new, &rows, &columns);
            if let Ok(table) = self.known(region, stamp, places) {
                return Ok(table);
            }
        }
        // A fallback answered, or somebody else taught the region something meanwhile.
        self.source.table(ask(places, places)).await
    }

    /// Forgets a region.
    pub fn forget(&self, region: &RegionId) {
        self.lock().remove(region);
    }

    /// The table, or which places are known and which are not.
    fn known(&self, region: &RegionId, stamp: Stamp, places: &[Place]) -> Result<Table, (Vec<Place>, Vec<Place>)> {
        let regions = self.lock();
        let known = regions.get(region).filter(|known| known.stamp == stamp);
        let missing = |index: Option<&HashMap<Place, usize>>| {
            let mut new = places.to_vec();
            new.retain(|place| index.is_none_or(|index| !index.contains_key(place)));
            new.sort_unstable();
            new.dedup();
            new
        };
        let Some(known) = known else { return Err((Vec::new(), missing(None))) };
        let new = missing(Some(&known.index));
        if !new.is_empty() {
            let room = known.places.len() + new.len() <= PLACES;
            return Err(if room { (known.places.clone(), new) } else { (Vec::new(), missing(None)) });
        }
        let at: Vec<usize> = places.iter().map(|place| known.index[place]).collect();
        let legs = at.iter().flat_map(|from| at.iter().map(|to| known.rows[*from][*to])).collect();
        Ok(Table { rows: at.len(), columns: at.len(), legs, origin: known.origin, instead: None })
    }

    /// Adds places to those that were known when the question was asked.
    fn learn(&self, region: &RegionId, stamp: Stamp, old: &[Place], new: &[Place], rows: &Table, columns: &Table) {
        let mut regions = self.lock();
        let fresh =
            || Known { stamp, origin: rows.origin, index: HashMap::new(), places: Vec::new(), rows: Vec::new() };
        let known = regions.entry(region.clone()).or_insert_with(fresh);
        if old.is_empty() {
            *known = fresh();
        }
        if known.stamp != stamp || known.places != old || known.origin != rows.origin {
            return;
        }
        for (row, legs) in known.rows.iter_mut().enumerate() {
            legs.extend((0..new.len()).map(|column| columns.leg(row, column)));
        }
        let width = old.len() + new.len();
        known.rows.extend((0..new.len()).map(|row| (0..width).map(|column| rows.leg(row, column)).collect()));
        for place in new {
            known.index.insert(*place, known.places.len());
            known.places.push(*place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RegionId, Known>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
