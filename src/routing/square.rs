//! Legs between all of some places of a region, as a server gave them at usual speed. Never changed: what is learnt
//! makes another square, so whoever holds one decides by one answer (P8).
//!
//! Must hold: bounded by whoever makes it, at 8 bytes a leg; a pair without a way is known to have none.

use super::Leg;
use crate::domain::place::Place;
use rstar::{RTree, primitives::GeomWithData};
use std::collections::HashMap;

/// Seconds and metres of one drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    duration_s: u32,
    distance_m: u32,
}

const NO_WAY: Cell = Cell { duration_s: u32::MAX, distance_m: u32::MAX };
const NOWHERE: Cell = Cell { duration_s: 0, distance_m: 0 };

/// Legs between all of its places.
#[derive(Debug, Default)]
pub struct Square {
    edition: u64,
    index: HashMap<Place, usize>,
    places: Vec<Place>,
    /// Row by row, by origin.
    cells: Vec<Cell>,
    /// The places by where they are: a plan asks for the nearest to each end of a hundred thousand drives.
    map: RTree<Spot>,
}

/// East and north in degrees, the east as wide as at the first place; and which place it is.
type Spot = GeomWithData<[f64; 2], usize>;

fn at(place: Place, wide: f64) -> [f64; 2] {
    [place.lon() * wide, place.lat()]
}

fn width(places: &[Place]) -> f64 {
    places.first().map_or(1.0, |place| place.lat().to_radians().cos())
}

impl Square {
    /// With more places: `rows` are legs from each of `new` to all that it has then, the old places first; `columns`
    /// those from each of the old places to each of `new`. None: they are not of that size, or `new` are not new.
    /// `edition`: another number for each square of a region.
    #[must_use]
    pub fn grown(&self, edition: u64, new: &[Place], rows: &[Option<Leg>], columns: &[Option<Leg>]) -> Option<Self> {
        let (old, size) = (self.places.len(), self.places.len() + new.len());
        if rows.len() != new.len() * size || columns.len() != old * new.len() {
            return None;
        }
        let places = [self.places.as_slice(), new].concat();
        let index: HashMap<Place, usize> = places.iter().enumerate().map(|(no, place)| (*place, no)).collect();
        if index.len() != size {
            return None;
        }
        let mut cells = Vec::with_capacity(size * size);
        for row in 0..old {
            cells.extend_from_slice(&self.cells[row * old..(row + 1) * old]);
            cells.extend(columns[row * new.len()..(row + 1) * new.len()].iter().copied().map(cell));
        }
        cells.extend(rows.iter().copied().map(cell));
        for place in 0..size {
            cells[place * size + place] = NOWHERE;
        }
        let wide = width(&places);
        let spots = places.iter().enumerate().map(|(no, place)| Spot::new(at(*place, wide), no));
        let map = RTree::bulk_load(spots.collect());
        Some(Self { edition, index, places, cells, map })
    }

    /// Two squares of a region with the same number are the same.
    #[must_use]
    pub fn edition(&self) -> u64 {
        self.edition
    }

    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    #[must_use]
    pub fn knows(&self, place: Place) -> bool {
        self.index.contains_key(&place)
    }

    /// None: one of them is unknown here, or there is no way.
    #[must_use]
    pub fn leg(&self, from: Place, to: Place) -> Option<Leg> {
        if from == to {
            return Some(Leg { duration_s: 0, distance_m: 0 });
        }
        self.at(*self.index.get(&from)?, *self.index.get(&to)?)
    }

    /// A drive whose like is known, for one that is not: between the known places nearest to both ends. None: both are
    /// known (there is no way), or there is no such drive.
    pub(super) fn like(&self, from: Place, to: Place) -> Option<(Place, Place, Leg)> {
        let (known_from, known_to) = (self.index.get(&from), self.index.get(&to));
        if known_from.is_some() && known_to.is_some() {
            return None;
        }
        let near = |known: Option<&usize>, place| known.copied().or_else(|| self.nearest(place));
        let (a, b) = (near(known_from, from)?, near(known_to, to)?);
        let leg = self.at(a, b).filter(|_| a != b)?;
        Some((self.places[a], self.places[b], leg))
    }

    fn at(&self, from: usize, to: usize) -> Option<Leg> {
        let found = self.cells[from * self.places.len() + to];
        let leg = || Leg { duration_s: found.duration_s.into(), distance_m: found.distance_m.into() };
        (found != NO_WAY).then(leg)
    }

    /// By longitude and latitude alone: a region is no pole.
    fn nearest(&self, place: Place) -> Option<usize> {
        self.map.nearest_neighbor(&at(place, width(&self.places))).map(|spot| spot.data)
    }
}

fn cell(leg: Option<Leg>) -> Cell {
    const MOST: i64 = u32::MAX as i64 - 1;
    leg.map_or(NO_WAY, |leg| Cell {
        duration_s: leg.duration_s.clamp(0, MOST) as u32,
        distance_m: leg.distance_m.clamp(0, MOST) as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(lon_e6: i32) -> Place {
        Place { lat_e6: 0, lon_e6 }
    }

    /// Below zero: no way.
    fn legs(seconds: &[i64]) -> Vec<Option<Leg>> {
        seconds.iter().map(|s| (*s >= 0).then_some(Leg { duration_s: *s, distance_m: 10 * s })).collect()
    }

    fn seconds(square: &Square, from: Place, to: Place) -> Option<i64> {
        square.leg(from, to).map(|leg| leg.duration_s)
    }

    #[test]
    fn it_grows_by_rows_and_columns_and_what_was_known_stays() {
        let [a, b, c] = [place(0), place(1_000), place(2_000)];
        let two = Square::default().grown(1, &[a, b], &legs(&[9, 1, -1, 9]), &[]).unwrap();
        assert_eq!([(a, b), (b, a), (a, a)].map(|(from, to)| seconds(&two, from, to)), [Some(1), None, Some(0)]);
        let three = two.grown(2, &[c], &legs(&[4, 5, 9]), &legs(&[6, 7])).unwrap();
        let pairs = [(a, b), (b, a), (c, a), (c, b), (a, c), (b, c), (c, c)];
        let expected = [Some(1), None, Some(4), Some(5), Some(6), Some(7), Some(0)];
        assert_eq!(pairs.map(|(from, to)| seconds(&three, from, to)), expected);
        assert_eq!((two.edition(), three.edition(), two.leg(a, c), two.knows(c)), (1, 2, None, false));
        assert!(two.grown(3, &[b], &legs(&[1, 1, 1]), &legs(&[1, 1])).is_none(), "not new");
        assert!(two.grown(3, &[c], &legs(&[1, 1]), &legs(&[1, 1])).is_none(), "another size");
    }

    #[test]
    fn an_unknown_place_is_likened_to_the_nearest_known_one() {
        let (a, b) = (place(0), place(10_000));
        let square = Square::default().grown(1, &[a, b], &legs(&[0, 60, 70, 0]), &[]).unwrap();
        let like = |from, to| square.like(from, to).map(|(from, to, leg)| (from, to, leg.duration_s));
        assert_eq!(like(place(-200), b), Some((a, b, 60)));
        assert_eq!(like(place(9_000), place(900)), Some((b, a, 70)));
        assert_eq!(like(a, place(1)), None, "to itself");
        assert_eq!(like(a, b), None, "known");
    }

    #[test]
    fn the_nearest_known_place_is_that_of_a_look_at_all_of_them() {
        // A grid at 60 degrees north, where a degree to the east is half as long as one to the north.
        let spot = |n: i32| Place { lat_e6: 60_000_000 + n / 40 * 1_000, lon_e6: n % 40 * 1_300 };
        let places: Vec<Place> = (0..1_600).map(spot).collect();
        let square = Square::default().grown(1, &places, &legs(&vec![1; 1_600 * 1_600]), &[]).unwrap();
        for n in 0..2_000 {
            let asked = Place { lat_e6: 60_000_000 + n * 7_919 % 40_000, lon_e6: n * 6_007 % 52_000 };
            let off = |place: Place| {
                let (north, east) = (place.lat() - asked.lat(), (place.lon() - asked.lon()) * 0.5);
                north * north + east * east
            };
            let nearest = off(places[square.nearest(asked).unwrap()]);
            let least = places.iter().map(|place| off(*place)).fold(f64::INFINITY, f64::min);
            assert!(nearest <= least * 1.01, "{asked:?}: {nearest} instead of {least}");
        }
    }
}
