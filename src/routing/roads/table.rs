//! Many to many by buckets: Knopp, Sanders, Schultes, Schulz and Wagner (2007), "Computing Many-to-Many
//! Shortest Paths Using Highway Hierarchies", section 3.
//!
//! Each column leaves its weight at every node that it climbs to; a row climbs once and looks into the
//! buckets it passes.

use super::{hierarchy::Hierarchy, search::Climb, weight::Weight};

/// Nodes with what they cost from a place, or to it.
pub(super) type Ends = Vec<(u32, Weight)>;

/// A column's weight at a node.
struct Deposit {
    node: u32,
    column: u32,
    weight: Weight,
}

/// The least weights, row by row; nodes are numbered as in the hierarchy.
pub(super) fn table(hierarchy: &Hierarchy, rows: &[Ends], columns: &[Ends]) -> Vec<Weight> {
    let nodes = hierarchy.rank.len();
    let mut climb = Climb::new(nodes);
    let mut deposits = Vec::new();
    for (no, column) in columns.iter().enumerate() {
        climb.run(&hierarchy.down, &hierarchy.up, column, |node, weight| {
            deposits.push(Deposit { node, column: no as u32, weight });
        });
    }
    deposits.sort_unstable_by_key(|deposit| (deposit.node, deposit.column));
    let mut first = vec![0_u32; nodes + 1];
    for deposit in &deposits {
        first[deposit.node as usize + 1] += 1;
    }
    for node in 0..nodes {
        first[node + 1] += first[node];
    }
    let mut least = vec![Weight::NEVER; rows.len() * columns.len()];
    for (row, cells) in rows.iter().zip(least.chunks_mut(columns.len().max(1))) {
        climb.run(&hierarchy.up, &hierarchy.down, row, |node, weight| {
            let bucket = &deposits[first[node as usize] as usize..first[node as usize + 1] as usize];
            for deposit in bucket {
                let cell = &mut cells[deposit.column as usize];
                *cell = (*cell).min(weight.plus(deposit.weight));
            }
        });
    }
    least
}
