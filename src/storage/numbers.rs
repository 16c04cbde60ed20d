//! Ticket serials and region codes: handed out once, gaps are fine.
//!
//! Also knows which serials surely were never committed, so that a new ticket's guard needs no
//! look-up on disk although numbers are committed in another order than they are handed out.

use super::overlay::{read, write};
use crate::domain::number::{RegionCode, TicketNumber};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Beyond this many out-of-order serials of one code, the oldest gaps count as "perhaps taken".
const MAX_ABOVE: usize = 4096;

#[derive(Default)]
pub(super) struct Numbers {
    /// The last serial handed out, by code.
    last: RwLock<BTreeMap<RegionCode, Arc<AtomicU32>>>,
    /// The last code handed out plus one.
    next_code: AtomicU32,
}

impl Numbers {
    pub(super) fn next(&self, code: RegionCode) -> TicketNumber {
        if let Some(last) = read(&self.last).get(&code) {
            return TicketNumber::new(code, last.fetch_add(1, Ordering::Relaxed) + 1);
        }
        let mut all = write(&self.last);
        let last = all.entry(code).or_default();
        TicketNumber::new(code, last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Zero: none was handed out.
    pub(super) fn last(&self, code: RegionCode) -> u32 {
        read(&self.last).get(&code).map_or(0, |last| last.load(Ordering::Relaxed))
    }

    /// Nothing up to `serial` is handed out from now on.
    pub(super) fn raise(&self, code: RegionCode, serial: u32) {
        let mut all = write(&self.last);
        all.entry(code).or_default().fetch_max(serial, Ordering::Relaxed);
    }

    /// A code above all given out and above `highest`, the highest one of any region. Saturates at
    /// [`RegionCode::LAST`], where the guard of the region's first event refuses a second owner.
    pub(super) fn next_code(&self, highest: Option<RegionCode>) -> RegionCode {
        let floor = highest.map_or(0, |code| u32::from(code.0) + 1);
        self.next_code.fetch_max(floor, Ordering::Relaxed);
        let code = self.next_code.fetch_add(1, Ordering::Relaxed);
        RegionCode(code.min(u32::from(RegionCode::LAST)) as u16)
    }
}

/// Committed serials, kept by the writer alone.
#[derive(Default)]
pub(super) struct Taken(BTreeMap<RegionCode, TakenSerials>);

#[derive(Default)]
struct TakenSerials {
    /// Serials up to this one are perhaps taken.
    low: u32,
    /// Taken above `low`.
    above: BTreeSet<u32>,
}

impl Taken {
    pub(super) fn raise(&mut self, code: RegionCode, serial: u32) {
        let serials = self.0.entry(code).or_default();
        serials.low = serials.low.max(serial);
        serials.above = serials.above.split_off(&(serials.low.saturating_add(1)));
    }

    pub(super) fn add(&mut self, number: TicketNumber) {
        let serials = self.0.entry(number.code).or_default();
        if number.serial > serials.low {
            serials.above.insert(number.serial);
        }
        while serials.above.first().is_some_and(|first| *first == serials.low + 1) || serials.above.len() > MAX_ABOVE {
            serials.low = serials.above.pop_first().unwrap_or(serials.low);
        }
    }

    /// Nobody ever committed this number. False: perhaps.
    pub(super) fn surely_free(&self, number: TicketNumber) -> bool {
        self.0.get(&number.code).is_none_or(|s| number.serial > s.low && !s.above.contains(&number.serial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: RegionCode = RegionCode(7);

    #[test]
    fn serials_go_on_above_what_was_raised_and_never_repeat() {
        let numbers = Numbers::default();
        assert_eq!(numbers.next(CODE).serial, 1);
        numbers.raise(CODE, 10);
        numbers.raise(CODE, 3);
        assert_eq!((numbers.next(CODE).serial, numbers.next(CODE).serial), (11, 12));
        assert_eq!((numbers.last(CODE), numbers.last(RegionCode(8))), (12, 0));
        assert_eq!(numbers.next(RegionCode(8)).serial, 1);
    }

    #[test]
    fn codes_are_above_all_regions_and_never_repeat() {
        let numbers = Numbers::default();
        assert_eq!(numbers.next_code(None), RegionCode(0));
        assert_eq!(numbers.next_code(Some(RegionCode(5))), RegionCode(6));
        assert_eq!(numbers.next_code(Some(RegionCode(5))), RegionCode(7));
    }

    #[test]
    fn a_serial_is_surely_free_until_committed_in_whatever_order() {
        let mut taken = Taken::default();
        taken.raise(CODE, 2);
        let free = |taken: &Taken, serial| taken.surely_free(TicketNumber::new(CODE, serial));
        for serial in [5, 3, 9] {
            taken.add(TicketNumber::new(CODE, serial));
        }
        let found: Vec<u32> = (1..=10).filter(|serial| free(&taken, *serial)).collect();
        assert_eq!(found, [4, 6, 7, 8, 10]);
        taken.add(TicketNumber::new(CODE, 4));
        assert_eq!(taken.0[&CODE].low, 5);
        taken.raise(CODE, 8);
        assert!(!free(&taken, 9) && free(&taken, 10));
    }

    #[test]
    fn gaps_are_given_up_when_there_are_too_many() {
        let mut taken = Taken::default();
        for i in 1..=MAX_ABOVE as u32 + 10 {
            taken.add(TicketNumber::new(CODE, i * 2));
        }
        assert!(taken.0[&CODE].above.len() <= MAX_ABOVE);
        assert!(!taken.surely_free(TicketNumber::new(CODE, 1)), "perhaps taken: looked up");
    }
}
