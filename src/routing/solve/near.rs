//! Who is near whom: for the ruin by travel alone, for insertions by travel and time together.
//!
//! Must hold: visits that no technician could both do are no neighbours for insertions. Lists are cut
//! (granular neighbourhoods, Toth and Vigo 2003), so that a round costs the same in a city of any size.

use super::ground::{Ground, NEVER};

/// Neighbours per visit, nearest first.
pub(super) struct Near {
    around: Vec<u32>,
    around_size: usize,
    beside: Vec<Neighbour>,
    beside_from: Vec<u32>,
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
const BESIDE: usize = 60;
/// How much a unit of unavoidable waiting counts (Vidal et al. 2013, section 4.4).
const WAITING: f64 = 0.2;
/// How much a unit of unavoidable lateness counts.
const LATENESS: f64 = 1.0;

impl Near {
    pub(super) fn new(ground: &Ground<'_>) -> Self {
        let visits = ground.visits;
        let rate = cost_of_time(ground);
        let capable = capable(ground);
        let mut near = Self {
            around: Vec::new(),
            around_size: AROUND.min(visits as usize - 1),
            beside: Vec::new(),
            beside_from: vec![0],
        };
        let mut distances = Vec::new();
        for visit in 0..visits {
            let others = (0..visits).filter(|other| *other != visit);
            distances.clear();
            distances.extend(others.clone().map(|other| (way(ground, visit, other), other)));
            near.around.extend(nearest(&mut distances, AROUND));
            distances.clear();
            let meet = |other: &u32| share(&capable, visit, *other);
            distances.extend(others.filter(meet).map(|other| (closeness(ground, visit, other, rate), other)));
            let (place, places) = (ground.place[visit as usize], &ground.place);
            near.beside.extend(nearest(&mut distances, BESIDE).map(|other| Neighbour {
                visit: other,
                there: ground.from(0, place).leg(places[other as usize]).cost,
                back: ground.to(0, place).leg(places[other as usize]).cost,
            }));
            near.beside_from.push(near.beside.len() as u32);
        }
        near
    }

    /// By travel.
    pub(super) fn around(&self, visit: u32) -> &[u32] {
        let from = visit as usize * self.around_size;
        &self.around[from..from + self.around_size]
    }

    /// By travel and time windows.
    pub(super) fn beside(&self, visit: u32) -> &[Neighbour] {
        let visit = visit as usize;
        &self.beside[self.beside_from[visit] as usize..self.beside_from[visit + 1] as usize]
    }
}

fn nearest(distances: &mut [(f64, u32)], count: usize) -> impl Iterator<Item = u32> {
    let by_distance = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    let count = count.min(distances.len());
    if count > 0 && count < distances.len() {
        distances.select_nth_unstable_by(count, by_distance);
    }
    distances[..count].sort_unstable_by(by_distance);
    distances[..count].iter().map(|(_, other)| *other)
}

fn way(ground: &Ground<'_>, one: u32, other: u32) -> f64 {
    let (a, b) = (ground.place[one as usize], ground.place[other as usize]);
    let (there, back) = (ground.from(0, a).leg(b), ground.to(0, a).leg(b));
    f64::from(there.cost.min(back.cost)) + f64::from(there.time.min(back.time)) * 1e-6
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

fn closeness(ground: &Ground<'_>, one: u32, other: u32, rate: f64) -> f64 {
    directed(ground, one, other, rate).min(directed(ground, other, one, rate))
}

fn directed(ground: &Ground<'_>, one: u32, other: u32, rate: f64) -> f64 {
    let leg = ground.from(0, ground.place[one as usize]).leg(ground.place[other as usize]);
    let (before, behind) = (&ground.hours[one as usize], &ground.hours[other as usize]);
    let spent = ground.problem.visits()[one as usize].duration as i32 + leg.time;
    let waiting = behind.open.saturating_sub(before.close.saturating_add(spent)).max(0);
    let lateness = (before.open + spent).saturating_sub(behind.close).max(0);
    f64::from(leg.cost) + rate * (WAITING * f64::from(waiting) + LATENESS * f64::from(lateness))
}

/// Per visit one bit for each kind that may do it.
fn capable(ground: &Ground<'_>) -> Vec<Vec<u64>> {
    let kinds = ground.crew.kinds;
    let bits = |visit: u32| {
        let mut words = vec![0u64; kinds.div_ceil(64) as usize];
        for kind in (0..kinds).filter(|kind| ground.fit(visit, *kind).cost != NEVER) {
            words[kind as usize / 64] |= 1 << (kind % 64);
        }
        words
    };
    (0..ground.visits).map(bits).collect()
}

fn share(capable: &[Vec<u64>], one: u32, other: u32) -> bool {
    capable[one as usize].iter().zip(&capable[other as usize]).any(|(a, b)| a & b != 0)
}
