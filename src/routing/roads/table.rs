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

/// What the columns left, by node.
pub(super) struct Buckets {
    deposits: Vec<Deposit>,
    /// Where each node's deposits begin, and an end.
    first: Vec<u32>,
}

impl Buckets {
    /// Of a hierarchy with so many nodes. Each column: the nodes it climbed to.
    pub(super) fn of<'c>(nodes: usize, columns: impl Iterator<Item = &'c [(u32, Weight)]>) -> Self {
        let left = (0..)
            .zip(columns)
            .flat_map(|(column, climbed)| climbed.iter().map(move |&(node, weight)| Deposit { node, column, weight }));
        Self::sorted(nodes, left.collect())
    }

    fn sorted(nodes: usize, mut deposits: Vec<Deposit>) -> Self {
        deposits.sort_unstable_by_key(|deposit| (deposit.node, deposit.column));
        let mut first = vec![0_u32; nodes + 1];
        for deposit in &deposits {
            first[deposit.node as usize + 1] += 1;
        }
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        Self { deposits, first }
    }

    /// A row passes a node.
    pub(super) fn pass(&self, node: u32, weight: Weight, cells: &mut [Weight]) {
        let bucket = &self.deposits[self.first[node as usize] as usize..self.first[node as usize + 1] as usize];
        for deposit in bucket {
            let cell = &mut cells[deposit.column as usize];
            *cell = (*cell).min(weight.plus(deposit.weight));
        }
    }
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
    let buckets = Buckets::sorted(nodes, deposits);
    let mut least = vec![Weight::NEVER; rows.len() * columns.len()];
    for (row, cells) in rows.iter().zip(least.chunks_mut(columns.len().max(1))) {
        climb.run(&hierarchy.up, &hierarchy.down, row, |node, weight| buckets.pass(node, weight, cells));
    }
    least
}
