//! What a server has said of the drives in each region, asked aside: of a new place only the legs to and from it.
//!
//! Must hold: readers get what is known and never wait; a square is replaced and never changed; while the server
//! fails, what was known stays; places and legs are bounded, of each region and of all.

use super::{Ask, Travel, TravelError};
use crate::{
    domain::{ids::RegionId, place::Place, time::Timestamp},
    routing::{Leg, Square},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Places of one region: 18 MB of legs.
const PLACES: usize = 1_500;
/// Legs of all regions together: 128 MB at 8 bytes each.
const LEGS: usize = 16_000_000;
/// Places asked about at once: each answer leaves something. The larger the square, the more calls that takes.
const PORTION: usize = 100;
/// A region whose places have become too many begins anew with those that it needs now, at most this often; and each
/// begins anew after a day, because the server's roads may be others.
const ANEW_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// Squares of legs by region, and the source that they come from.
pub struct Squares {
    source: Arc<dyn Travel>,
    regions: Mutex<BTreeMap<RegionId, Known>>,
    editions: AtomicU64,
    most: Most,
}

#[derive(Clone, Copy)]
struct Most {
    places: usize,
    legs: usize,
    portion: usize,
}

#[derive(Default)]
struct Known {
    square: Arc<Square>,
    /// What is to take its place, once nothing more is wanted.
    next: Option<Arc<Square>>,
    /// Places to be asked about; none of them is in the square that grows.
    wanted: BTreeSet<Place>,
    /// There was no room for more; nothing is wanted until it begins anew.
    full: bool,
    began: Timestamp,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// The region has another square; `first`: it had none.
    More { first: bool },
    /// There was nothing to ask, or more is to be asked before anything changes.
    Nothing,
    /// It would be too much; what is wanted was dropped, and no more is taken until the region begins anew.
    Full,
}

impl Known {
    fn growing(&self) -> &Arc<Square> {
        self.next.as_ref().unwrap_or(&self.square)
    }

    fn legs(&self) -> usize {
        [Some(&self.square), self.next.as_ref()].into_iter().flatten().map(|square| square.places().len().pow(2)).sum()
    }
}

impl Squares {
    /// `source`: answers at usual speed, and is left alone when it fails.
    #[must_use]
    pub fn new(source: Arc<dyn Travel>) -> Self {
        let most = Most { places: PLACES, legs: LEGS, portion: PORTION };
        Self { source, regions: Mutex::default(), editions: AtomicU64::new(0), most }
    }

    #[cfg(test)]
    pub(super) fn bounded(source: Arc<dyn Travel>, places: usize, legs: usize, portion: usize) -> Self {
        Self { most: Most { places, legs, portion }, ..Self::new(source) }
    }

    /// What is known of a region's drives now. None: nothing yet.
    #[must_use]
    pub fn of(&self, region: &RegionId) -> Option<Arc<Square>> {
        self.lock().get(region).map(|known| known.square.clone()).filter(|square| !square.places().is_empty())
    }

    /// Notes that legs from and to these places are wanted. False: nothing is to be asked, or there is no room.
    pub fn want(&self, region: &RegionId, places: impl IntoIterator<Item = Place>) -> bool {
        let mut regions = self.lock();
        let known = regions.entry(region.clone()).or_default();
        for place in places {
            // One more than fits says that it is full; others need not be remembered for that.
            if !known.full && known.wanted.len() <= self.most.places && !known.growing().knows(place) {
                known.wanted.insert(place);
            }
        }
        !known.wanted.is_empty()
    }

    /// Whether a region should begin anew: it has not begun, did so a day ago, or is full and did so an hour ago.
    #[must_use]
    pub fn outlived(&self, region: &RegionId, now: Timestamp) -> bool {
        let regions = self.lock();
        let Some(known) = regions.get(region) else { return true };
        let age_s = now.since_s(known.began);
        known.next.is_none() && (age_s > DAY_S || known.full && age_s > ANEW_S)
    }

    /// Begins a region anew with what it needs; of too many places the first ones. The square before stays until all
    /// of them are known.
    pub fn begin(&self, region: &RegionId, needed: Vec<Place>, now: Timestamp) {
        let mut regions = self.lock();
        let known = regions.entry(region.clone()).or_default();
        let before = std::mem::take(&mut known.wanted);
        for place in needed.into_iter().chain(before) {
            if known.wanted.len() < self.most.places {
                known.wanted.insert(place);
            }
        }
        (known.next, known.full, known.began) = (Some(Arc::default()), false, now);
    }

    /// Regions that something is wanted of.
    #[must_use]
    pub fn wanting(&self) -> Vec<RegionId> {
        let regions = self.lock();
        regions.iter().filter(|(_, known)| !known.wanted.is_empty()).map(|(region, _)| region.clone()).collect()
    }

    /// Places that are known, of all regions.
    #[must_use]
    pub fn places(&self) -> usize {
        self.lock().values().map(|known| known.square.places().len()).sum()
    }

    /// Forgets a region.
    pub fn forget(&self, region: &RegionId) {
        self.lock().remove(region);
    }

    /// Asks about some of what is wanted of a region; one call at a time. An error leaves all as it was, to be asked
    /// again.
    pub async fn ask(&self, region: &RegionId, now: Timestamp) -> Result<Learnt, TravelError> {
        let (before, new) = match self.question(region) {
            Ok(question) => question,
            Err(nothing) => return Ok(nothing),
        };
        let old = before.places();
        let all = [old, &new].concat();
        let rows = self.legs(&new, &all, now).await?;
        let columns = if old.is_empty() { Vec::new() } else { self.legs(old, &new, now).await? };
        let edition = self.editions.fetch_add(1, Ordering::Relaxed) + 1;
        let grown = before.grown(edition, &new, &rows, &columns).ok_or(TravelError::WrongSize)?;
        Ok(self.learn(region, &before, Arc::new(grown)))
    }

    fn learn(&self, region: &RegionId, before: &Arc<Square>, grown: Arc<Square>) -> Learnt {
        let mut regions = self.lock();
        // It was forgotten, or began anew, meanwhile.
        let Some(known) = regions.get_mut(region).filter(|known| Arc::ptr_eq(known.growing(), before)) else {
            return Learnt::Nothing;
        };
        known.wanted.retain(|place| !grown.knows(*place));
        let first = known.square.places().is_empty();
        if known.next.is_some() && !first && !known.wanted.is_empty() {
            known.next = Some(grown);
            return Learnt::Nothing;
        }
        (known.square, known.next) = (grown, None);
        Learnt::More { first }
    }

    /// The square that grows, and the places to be asked about.
    fn question(&self, region: &RegionId) -> Result<(Arc<Square>, Vec<Place>), Learnt> {
        let mut regions = self.lock();
        let others: usize = regions.iter().filter(|(id, _)| *id != region).map(|(_, known)| known.legs()).sum();
        let known = regions.get_mut(region).filter(|known| !known.wanted.is_empty()).ok_or(Learnt::Nothing)?;
        let new: Vec<Place> = known.wanted.iter().copied().take(self.most.portion).collect();
        let size = known.growing().places().len() + new.len();
        if size > self.most.places || others + size * size > self.most.legs {
            known.wanted.clear();
            known.full = true;
            // What is known of it so far is better than what was before, or as much as there is room for.
            if let Some(next) = known.next.take().filter(|next| !next.places().is_empty()) {
                known.square = next;
            }
            return Err(Learnt::Full);
        }
        Ok((known.growing().clone(), new))
    }

    async fn legs(&self, from: &[Place], to: &[Place], now: Timestamp) -> Result<Vec<Option<Leg>>, TravelError> {
        // At usual speed there are no hours.
        let table = self.source.table(Ask { from, to, hour: 0, now }).await?;
        let fits = table.rows == from.len() && table.columns == to.len();
        if fits { Ok(table.legs) } else { Err(TravelError::WrongSize) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RegionId, Known>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
