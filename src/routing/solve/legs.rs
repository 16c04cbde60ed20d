//! Travel as the search reads it: rows of 32-bit times and costs, by destination and by origin.
//!
//! Must hold: as little memory as the matrices allow. A thousand visits are a million cells, and rows
//! that do not fit the processor's caches cost more than all arithmetic: where cost is proportional to
//! time, or a matrix equals its mirror, one table serves for both.

use crate::routing::problem::{Matrix, Problem, UNREACHABLE};

/// A drive that is longer than any day: there is no way.
const NO_WAY: i32 = 500_000_000;

/// One drive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leg {
    pub(super) time: i32,
    pub(super) cost: i32,
}

/// All drives from one place, or to it.
#[derive(Clone, Copy)]
pub(super) struct Row<'l> {
    times: &'l [i32],
    /// Empty where cost is time at a rate.
    costs: &'l [i32],
    rate: i32,
}

impl Row<'_> {
    #[inline]
    pub(super) fn leg(&self, other: u32) -> Leg {
        let time = self.times[other as usize];
        let cost = if self.costs.is_empty() { time.wrapping_mul(self.rate) } else { self.costs[other as usize] };
        Leg { time, cost }
    }
}

/// The tables of one profile; `to` is empty where it equals `from`.
#[derive(Default)]
struct Tables {
    from_times: Vec<i32>,
    from_costs: Vec<i32>,
    to_times: Vec<i32>,
    to_costs: Vec<i32>,
    rate: i32,
}

pub(super) struct Legs {
    /// Places of the matrices, and nowhere: it is no distance from anywhere.
    places: usize,
    profiles: Vec<Tables>,
}

impl Legs {
    pub(super) fn new(problem: &Problem) -> Self {
        let places = problem.profiles()[0].size as usize + 1;
        Self { places, profiles: problem.profiles().iter().map(|matrix| tables(problem, matrix)).collect() }
    }

    #[inline]
    pub(super) fn from(&self, profile: u32, place: u32) -> Row<'_> {
        let tables = &self.profiles[profile as usize];
        self.row(&tables.from_times, &tables.from_costs, tables.rate, place)
    }

    #[inline]
    pub(super) fn to(&self, profile: u32, place: u32) -> Row<'_> {
        let tables = &self.profiles[profile as usize];
        if tables.to_times.is_empty() {
            return self.row(&tables.from_times, &tables.from_costs, tables.rate, place);
        }
        self.row(&tables.to_times, &tables.to_costs, tables.rate, place)
    }

    #[inline]
    fn row<'l>(&self, times: &'l [i32], costs: &'l [i32], rate: i32, place: u32) -> Row<'l> {
        let cells = place as usize * self.places..(place as usize + 1) * self.places;
        Row { times: &times[cells.clone()], costs: if costs.is_empty() { costs } else { &costs[cells] }, rate }
    }
}

fn tables(problem: &Problem, matrix: &Matrix) -> Tables {
    if problem.weights().travel_distance == 0 {
        return by_time(matrix, problem.weights().travel_time);
    }
    let mut tables = Tables::default();
    let size = matrix.size;
    let cells = || (0..=size).flat_map(move |row| (0..=size).map(move |column| (row, column)));
    let at = |from: u32, to: u32| leg(problem, matrix, from, to);
    (tables.from_times, tables.from_costs) = cells().map(|(row, column)| at(row, column)).unzip();
    let symmetric = cells().all(|(row, column)| at(row, column) == at(column, row));
    if !symmetric {
        (tables.to_times, tables.to_costs) = cells().map(|(row, column)| at(column, row)).unzip();
    }
    if let Some(rate) = rate(&tables) {
        tables.rate = rate;
        tables.from_costs = Vec::new();
        tables.to_costs = Vec::new();
    }
    tables
}

/// Where distance costs nothing, cost is time at a rate: one pass over the times is all there is to do.
fn by_time(matrix: &Matrix, weight: i64) -> Tables {
    let size = matrix.size as usize;
    let stride = size + 1;
    let mut tables = Tables { from_times: vec![0; stride * stride], ..Tables::default() };
    for (row, times) in tables.from_times.chunks_exact_mut(stride).zip(matrix.durations.chunks_exact(size.max(1))) {
        for (cell, time) in row.iter_mut().zip(times) {
            *cell = if *time == UNREACHABLE { NO_WAY } else { *time as i32 };
        }
    }
    if !is_mirror(&tables.from_times, stride) {
        let column = |to: usize| tables.from_times[to..].iter().step_by(stride).copied();
        tables.to_times = (0..stride).flat_map(column).collect();
    }
    // A weight beyond 32 bits is no flaw only where no drive takes any time.
    tables.rate = i32::try_from(weight).unwrap_or(0);
    tables
}

/// Square by square, so that rows and columns are both read from the caches.
fn is_mirror(cells: &[i32], stride: usize) -> bool {
    const TILE: usize = 64;
    let same = |row: usize, columns: std::ops::Range<usize>| {
        let (across, down) = (&cells[row * stride..], &cells[row..]);
        columns.clone().all(|column| across[column] == down[column * stride])
    };
    let tiles = |from: usize| (from..stride).step_by(TILE);
    tiles(0).all(|top| {
        tiles(top).all(|left| {
            let rows = top..(top + TILE).min(stride);
            rows.clone().all(|row| same(row, left..(left + TILE).min(stride)))
        })
    })
}

/// What a unit of time costs, if that is the same for every drive.
fn rate(tables: &Tables) -> Option<i32> {
    let drives = || tables.from_times.iter().zip(&tables.from_costs).filter(|(time, _)| **time != NO_WAY);
    let rate = drives().find(|(time, _)| **time > 0).map_or(0, |(time, cost)| cost / time);
    let fits = drives().all(|(time, cost)| time.checked_mul(rate) == Some(*cost));
    fits.then_some(rate)
}

fn leg(problem: &Problem, matrix: &Matrix, from: u32, to: u32) -> (i32, i32) {
    if from == matrix.size || to == matrix.size {
        return (0, 0);
    }
    let (time, way) = (matrix.duration(from, to), matrix.distance(from, to));
    if time == UNREACHABLE {
        return (NO_WAY, 0);
    }
    let weights = problem.weights();
    (time as i32, (time * weights.travel_time + way * weights.travel_distance) as i32)
}
