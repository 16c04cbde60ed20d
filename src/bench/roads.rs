//! A road network measured: how long it takes to prepare, load and ask, and whether the fast answers are
//! those of the plain search.
//!
//! Unlike the others here it asks no server: where the network comes from and where it is kept are the
//! caller's. Must hold: the places are a function of the seed or of the file they come from.

use super::now;
use crate::{
    domain::place::Place,
    routing::roads::{Network, Roads, Spot, Weight},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;

/// Columns of one row that is compared.
const COMPARED: usize = 50;
/// Millionths of a degree that drawn places lie off a junction: up to about 100 m.
const OFF_E6: i32 = 900;

/// What to measure.
pub struct RoadsOptions<'a> {
    pub network: Network,
    /// To drive between; none: drawn around the junctions.
    pub places: Vec<Place>,
    /// Rows and columns of the table.
    pub size: usize,
    /// Pairs that are compared with the plain search.
    pub pairs: usize,
    pub seed: u64,
    pub snap_m: f64,
    /// Writes the prepared network.
    pub keep: &'a dyn Fn(&Roads) -> Result<(), String>,
    /// Reads it again.
    pub load: &'a dyn Fn() -> Result<Roads, String>,
}

/// The figures.
#[derive(Debug, Serialize)]
pub struct RoadsReport {
    pub nodes: u32,
    pub arcs: usize,
    pub prepare_s: f64,
    pub load_ms: f64,
    /// Places that were tried until enough were within the bound of a street, and those that were.
    pub places: usize,
    pub snapped: usize,
    pub snap_us: f64,
    pub table_rows: usize,
    /// Snapping not included.
    pub table_ms: f64,
    pub unreachable: usize,
    pub pairs: usize,
    /// Pairs of which the table, or the drive with its course, says anything else than plain Dijkstra.
    pub table_differs: usize,
    pub drive_differs: usize,
    pub dijkstra_ms: f64,
    pub drive_us: f64,
}

/// Measures one network on this thread.
pub fn roads(options: RoadsOptions<'_>) -> Result<RoadsReport, String> {
    let RoadsOptions { network, places, size, pairs, seed, snap_m, keep, load } = options;
    let mut dice = StdRng::seed_from_u64(seed);
    let places = if places.is_empty() { drawn(&network, size, &mut dice) } else { shuffled(places, &mut dice) };
    let (prepared, prepare_s) = timed(|| Roads::prepare(network, &mut |_, _| {}));
    keep(&prepared.map_err(|error| error.to_string())?)?;
    let (loaded, load_s) = timed(load);
    let roads = loaded?;
    let mut tried = 0;
    let near = places.iter().inspect(|_| tried += 1).filter_map(|place| roads.snap(*place, snap_m));
    let (spots, snap_s) = timed(|| near.take(size).collect::<Vec<Spot>>());
    if spots.is_empty() {
        return Err("no place is near a street".to_owned());
    }
    let asked: Vec<Option<Spot>> = spots.iter().copied().map(Some).collect();
    let (table, table_s) = timed(|| roads.table(&asked, &asked));
    let proof = proved(&roads, &spots, &table, pairs, &mut dice);
    let (nodes, arcs) = roads.plain().size();
    Ok(RoadsReport {
        nodes,
        arcs,
        prepare_s,
        load_ms: load_s * 1e3,
        places: tried,
        snapped: spots.len(),
        snap_us: snap_s * 1e6 / tried.max(1) as f64,
        table_rows: spots.len(),
        table_ms: table_s * 1e3,
        unreachable: table.iter().filter(|weight| **weight == Weight::NEVER).count(),
        pairs: proof.pairs,
        table_differs: proof.table_differs,
        drive_differs: proof.drive_differs,
        dijkstra_ms: proof.dijkstra_s * 1e3 / proof.rows.max(1) as f64,
        drive_us: proof.drive_s * 1e6 / proof.pairs.max(1) as f64,
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = now();
    let done = work();
    (done, start.elapsed().as_secs_f64())
}

fn drawn(network: &Network, size: usize, dice: &mut StdRng) -> Vec<Place> {
    let mut near = |junction: Place| Place {
        lat_e6: junction.lat_e6 + dice.random_range(-OFF_E6..=OFF_E6),
        lon_e6: junction.lon_e6 + dice.random_range(-OFF_E6..=OFF_E6),
    };
    let step = (network.junctions.len() / size.max(1)).max(1);
    network.junctions.iter().step_by(step).take(size).map(|junction| near(*junction)).collect()
}

fn shuffled(mut places: Vec<Place>, dice: &mut StdRng) -> Vec<Place> {
    for no in 0..places.len() {
        let other = dice.random_range(no..places.len());
        places.swap(no, other);
    }
    places
}

#[derive(Default)]
struct Proof {
    rows: usize,
    pairs: usize,
    table_differs: usize,
    drive_differs: usize,
    dijkstra_s: f64,
    drive_s: f64,
}

/// Compares random pairs, some of each of many rows.
fn proved(roads: &Roads, spots: &[Spot], table: &[Weight], pairs: usize, dice: &mut StdRng) -> Proof {
    let plain = roads.plain();
    let mut proof = Proof::default();
    while proof.pairs < pairs {
        let row = dice.random_range(0..spots.len());
        let columns: Vec<usize> = (0..COMPARED).map(|_| dice.random_range(0..spots.len())).collect();
        let to: Vec<Spot> = columns.iter().map(|column| spots[*column]).collect();
        let (expected, dijkstra_s) = timed(|| plain.row(&spots[row], &to));
        let (drives, drive_s) = timed(|| {
            let drive = |to: &Spot| roads.drive(&spots[row], to).map_or(Weight::NEVER, |drive| drive.weight);
            to.iter().map(drive).collect::<Vec<_>>()
        });
        for ((column, expected), drive) in columns.iter().zip(&expected).zip(&drives) {
            proof.table_differs += usize::from(table[row * spots.len() + column] != *expected);
            proof.drive_differs += usize::from(drive != expected);
        }
        proof.rows += 1;
        proof.pairs += columns.len();
        proof.dijkstra_s += dijkstra_s;
        proof.drive_s += drive_s;
    }
    proof
}
