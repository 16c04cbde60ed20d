//! Who is near whom: for the ruin by travel alone, for insertions by travel and time together.
//!
//! Must hold: visits that no technician could both do are no neighbours for insertions. Lists are cut
//! (granular neighbourhoods, Toth and Vigo 2003), so that a round costs the same in a city of any size, and
//! made when they are first asked for: a plan of a few rounds asks for a few.

use super::{
    ground::{Ground, NEVER},
    legs::{Leg, Row},
};
use std::cell::OnceCell;

/// Neighbours per visit, nearest first.
pub(super) struct Near {
    around: Vec<OnceCell<Box<[u32]>>>,
    beside: Vec<OnceCell<Box<[Neighbour]>>>,
    rate: f64,
    durations: Vec<i32>,
    /// Per visit so many words with one bit for each kind that may do it.
    capable: Vec<u64>,
    words: usize,
}

/// A neighbour with the costs of the drives there and back, for the first profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    pub(super) visit: u32,
    pub(super) there: i32,
    pub(super) back: i32,
}

/// How many visits a ruin can choose its strings from.
const AROUND: usize = 150;
/// How many an insertion looks at first; with 20 of them plans are 1 % worse, with 100 rounds are rarer.
pub(super) const BESIDE: usize = 60;
/// How much a unit of unavoidable waiting counts (Vidal et al. 2013, section 4.4).
const WAITING: f64 = 0.2;
/// How much a unit of unavoidable lateness counts.
const LATENESS: f64 = 1.0;
/// Legs of how many neighbours make the mean.
const CLOSEST: usize = 5;

impl Near {
    pub(super) fn new(ground: &Ground<'_>) -> Self {
        let lists = ground.visits as usize;
        let (capable, words) = capable(ground);
        Self {
            around: vec![OnceCell::new(); lists],
            beside: (0..lists).map(|_| OnceCell::new()).collect(),
            rate: cost_of_time(ground),
            durations: ground.problem.visits().iter().map(|visit| visit.duration as i32).collect(),
            capable,
            words,
        }
    }

    /// By travel.
    pub(super) fn around(&self, ground: &Ground<'_>, visit: u32) -> &[u32] {
        let list = || {
            let rows = Rows::of(ground, visit);
            let others = (0..ground.visits).filter(|other| *other != visit);
            let mut distances: Vec<_> = others.map(|other| (rows.way(ground, other), other)).collect();
            nearest(&mut distances, AROUND).collect()
        };
        self.around[visit as usize].get_or_init(list)
    }

    /// By travel and time windows.
    pub(super) fn beside(&self, ground: &Ground<'_>, visit: u32) -> &[Neighbour] {
        let list = || {
            let rows = Rows::of(ground, visit);
            let others = (0..ground.visits).filter(|other| *other != visit && self.share(visit, *other));
            let closeness = |other| (self.closeness(ground, &rows, visit, other), other);
            let mut distances: Vec<_> = others.map(closeness).collect();
            let neighbour = |other: u32| Neighbour {
                visit: other,
                there: rows.onward.leg(ground.place[other as usize]).cost,
                back: rows.inward.leg(ground.place[other as usize]).cost,
            };
            nearest(&mut distances, BESIDE).map(neighbour).collect()
        };
        self.beside[visit as usize].get_or_init(list)
    }

    fn closeness(&self, ground: &Ground<'_>, rows: &Rows<'_>, one: u32, other: u32) -> f64 {
        let place = ground.place[other as usize];
        let there = self.directed(ground, one, other, rows.onward.leg(place));
        there.min(self.directed(ground, other, one, rows.inward.leg(place)))
    }

    /// How far `behind` is when it follows `before` by this drive.
    fn directed(&self, ground: &Ground<'_>, before: u32, behind: u32, leg: Leg) -> f64 {
        let spent = self.durations[before as usize] + leg.time;
        let (before, behind) = (&ground.hours[before as usize], &ground.hours[behind as usize]);
        let waiting = behind.open.saturating_sub(before.close.saturating_add(spent)).max(0);
        let lateness = (before.open + spent).saturating_sub(behind.close).max(0);
        f64::from(leg.cost) + self.rate * (WAITING * f64::from(waiting) + LATENESS * f64::from(lateness))
    }

    fn share(&self, one: u32, other: u32) -> bool {
        let kinds = |visit: u32| &self.capable[visit as usize * self.words..][..self.words];
        kinds(one).iter().zip(kinds(other)).any(|(a, b)| a & b != 0)
    }
}

/// All drives from one visit and to it, for the first profile.
struct Rows<'g> {
    onward: Row<'g>,
    inward: Row<'g>,
}

impl<'g> Rows<'g> {
    fn of(ground: &'g Ground<'_>, visit: u32) -> Self {
        let place = ground.place[visit as usize];
        Self { onward: ground.from(0, place), inward: ground.to(0, place) }
    }

    fn way(&self, ground: &Ground<'_>, other: u32) -> f64 {
        let place = ground.place[other as usize];
        let (there, back) = (self.onward.leg(place), self.inward.leg(place));
        f64::from(there.cost.min(back.cost)) + f64::from(there.time.min(back.time)) * 1e-6
    }
}

fn by_distance(a: &(f64, u32), b: &(f64, u32)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

fn nearest(distances: &mut [(f64, u32)], count: usize) -> impl Iterator<Item = u32> {
    let count = count.min(distances.len());
    if count > 0 && count < distances.len() {
        distances.select_nth_unstable_by(count, by_distance);
    }
    distances[..count].sort_unstable_by(by_distance);
    distances[..count].iter().map(|(_, other)| *other)
}

/// Mean cost of the legs from each visit to its closest neighbours.
pub(super) fn mean_leg(ground: &Ground<'_>) -> f64 {
    let (mut count, mut sum) = (0.0, 0.0);
    for visit in 0..ground.visits {
        let rows = Rows::of(ground, visit);
        for other in closest(ground, &rows, visit) {
            count += 1.0;
            sum += f64::from(rows.onward.leg(ground.place[other as usize]).cost);
        }
    }
    f64::max(sum / f64::max(count, 1.0), 1.0)
}

/// The first of those around a visit, without the rest of the list.
fn closest(ground: &Ground<'_>, rows: &Rows<'_>, visit: u32) -> Vec<u32> {
    let mut found: Vec<(f64, u32)> = Vec::with_capacity(CLOSEST + 1);
    for other in (0..ground.visits).filter(|other| *other != visit) {
        let far = (rows.way(ground, other), other);
        let room = found.len() < CLOSEST;
        if room || found.last().is_some_and(|last| by_distance(&far, last).is_lt()) {
            let at = found.partition_point(|near| by_distance(near, &far).is_lt());
            found.insert(at, far);
            found.truncate(CLOSEST);
        }
    }
    found.into_iter().map(|(_, other)| other).collect()
}

/// What a unit of driving time costs on the whole.
fn cost_of_time(ground: &Ground<'_>) -> f64 {
    let (mut time, mut cost) = (0.0, 0.0);
    let (first, visits) = (ground.place[0], ground.visits as usize);
    for place in &ground.place[..visits] {
        let leg = ground.from(0, first).leg(*place);
        time += f64::from(leg.time);
        cost += f64::from(leg.cost);
    }
    if time > 0.0 { cost / time } else { 1.0 }
}

fn capable(ground: &Ground<'_>) -> (Vec<u64>, usize) {
    let kinds = ground.crew.kinds;
    let words = kinds.div_ceil(64) as usize;
    let mut bits = vec![0u64; ground.visits as usize * words];
    for visit in 0..ground.visits {
        for kind in (0..kinds).filter(|kind| ground.fit(visit, *kind).cost != NEVER) {
            bits[visit as usize * words + kind as usize / 64] |= 1 << (kind % 64);
        }
    }
    (bits, words)
}
