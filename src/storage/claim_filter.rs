//! Which keys nobody has claimed, for sure: a Bloom filter (Bloom 1970) over all claims. The keys of a
//! new ticket are nearly always new, and the directory's claims are too many to be looked through for
//! each of them.
//!
//! Must hold: a claim that was acknowledged, or is known to the journal's writer, is never said to be
//! free. So the writer adds it before it answers, after the overlay got it and before the snapshots
//! hear of it, and a filter is believed only after overlay and table, in this order, were added to it.
//! It is built by the snapshot thread, at the start and whenever it has become too full; until then,
//! and if that fails, overlay and directory are asked.

use super::{
    ClaimKey, Fault,
    overlay::{read, write},
};
use fastbloom::AtomicBloomFilter;
use std::sync::{
    RwLock,
    atomic::{AtomicUsize, Ordering},
};

/// With so many, one key in 120 is looked up in vain.
const BITS_PER_KEY: usize = 10;
/// 1.25 MB.
const MIN_KEYS: usize = 1_000_000;
/// 500 MB. Beyond, more keys are looked up in vain.
const MOST_KEYS: usize = 400_000_000;

#[derive(Default)]
pub(super) struct ClaimFilter(RwLock<Filters>);

#[derive(Default)]
struct Filters {
    /// Holds every key.
    whole: Option<Bits>,
    /// Being filled.
    next: Option<Bits>,
    given_up: bool,
}

struct Bits {
    filter: AtomicBloomFilter,
    keys: AtomicUsize,
    /// More of them, and it says too little.
    capacity: usize,
}

impl ClaimFilter {
    pub(super) fn add(&self, key: &ClaimKey) {
        let filters = read(&self.0);
        for bits in filters.whole.iter().chain(&filters.next) {
            bits.add(key);
        }
    }

    /// False: it may be taken, or is not known yet.
    pub(super) fn surely_free(&self, key: &ClaimKey) -> bool {
        read(&self.0).whole.as_ref().is_some_and(|bits| !bits.filter.contains(key))
    }

    /// True when there is none yet, or one with more keys than it was made for.
    pub(super) fn wants_building(&self) -> bool {
        let filters = read(&self.0);
        !filters.given_up && filters.whole.as_ref().is_none_or(Bits::is_overfull)
    }

    /// There is none any more, and none is built: the directory is asked.
    pub(super) fn give_up(&self) {
        *write(&self.0) = Filters { given_up: true, ..Filters::default() };
    }

    /// Makes a new one, with room for as many again as the `keys` held now. `fill` passes on every
    /// one of them; those that come meanwhile are added by [`ClaimFilter::add`].
    pub(super) fn build(
        &self,
        keys: usize,
        fill: impl FnOnce(&mut dyn FnMut(&ClaimKey)) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.build_for((2 * keys).clamp(MIN_KEYS, MOST_KEYS), fill)
    }

    fn build_for(
        &self,
        keys: usize,
        fill: impl FnOnce(&mut dyn FnMut(&ClaimKey)) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        write(&self.0).next = Some(Bits::new(keys));
        let filled = fill(&mut |key| {
            if let Some(next) = &read(&self.0).next {
                next.add(key);
            }
        });
        let mut filters = write(&self.0);
        let mut other = filters.next.take();
        if filled.is_ok() {
            std::mem::swap(&mut filters.whole, &mut other);
        }
        // Whoever adds must not wait until its memory is given back.
        drop(filters);
        drop(other);
        filled
    }
}

impl Bits {
    fn new(capacity: usize) -> Self {
        let filter = AtomicBloomFilter::with_num_bits(capacity * BITS_PER_KEY).expected_items(capacity);
        Self { filter, keys: AtomicUsize::new(0), capacity }
    }

    fn add(&self, key: &ClaimKey) {
        self.filter.insert(key);
        self.keys.fetch_add(1, Ordering::Relaxed);
    }

    fn is_overfull(&self) -> bool {
        self.capacity < MOST_KEYS && self.keys.load(Ordering::Relaxed) > self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(from: usize, to: usize) -> Vec<ClaimKey> {
        (from..to).map(|i| ClaimKey::external(&i.to_string())).collect()
    }

    #[test]
    fn what_is_held_is_never_free_and_nearly_all_else_is() {
        let filter = ClaimFilter::default();
        let (early, late, others) = (keys(0, 500), keys(500, 1_000), keys(1_000, 11_000));
        assert!(!filter.surely_free(&others[0]), "nothing is known yet");
        filter
            .build_for(1_000, |add| {
                early.iter().for_each(&mut *add);
                // Taken while it is being built.
                for key in &late {
                    filter.add(key);
                }
                assert!(!filter.surely_free(&others[0]), "nothing is known yet");
                Ok(())
            })
            .unwrap();
        assert!(early.iter().chain(&late).all(|key| !filter.surely_free(key)));
        let in_vain = others.iter().filter(|key| !filter.surely_free(key)).count();
        assert!(in_vain < others.len() / 40, "{in_vain} of {} are looked up in vain", others.len());
    }

    #[test]
    fn a_full_one_is_built_anew_and_a_fault_keeps_the_one_before() {
        let filter = ClaimFilter::default();
        assert!(filter.wants_building());
        filter.build_for(100, |_| Ok(())).unwrap();
        assert!(!filter.wants_building());
        let taken = keys(0, 200);
        for key in &taken {
            filter.add(key);
        }
        assert!(filter.wants_building());
        let fault = Fault { what: "unreadable".into(), place: "here".into() };
        assert_eq!(filter.build(200, |_| Err(fault.clone())), Err(fault));
        assert!(taken.iter().all(|key| !filter.surely_free(key)));
        filter
            .build(200, |add| {
                taken.iter().for_each(add);
                Ok(())
            })
            .unwrap();
        assert!(!filter.wants_building() && taken.iter().all(|key| !filter.surely_free(key)));
        filter.give_up();
        assert!(!filter.wants_building() && !filter.surely_free(&keys(200, 201)[0]), "nothing is known any more");
    }
}
