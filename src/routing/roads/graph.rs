//! From streets and bans to a directed graph in which every path is allowed.
//!
//! A junction with banned turns is split: each lane that some ban begins with ends in a copy of its
//! own, and only what may follow leaves that copy. All other lanes share the junction itself. So a
//! shortest path needs no memory of where it came from, and only junctions with bans grow.

use super::{
    network::{Lane, Network},
    weight::Weight,
};
use std::collections::BTreeMap;

/// Where lanes end and begin among the graph's nodes: junctions first, then copies.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    nodes: u32,
    /// The copy that a lane ends in.
    copies: BTreeMap<Lane, u32>,
    /// The copies that a lane begins in, beside its junction.
    starts: BTreeMap<Lane, Vec<u32>>,
}

impl Turns {
    pub(super) fn of(network: &Network) -> Self {
        let mut banned: BTreeMap<Lane, Vec<Lane>> = BTreeMap::new();
        for ban in &network.bans {
            banned.entry(ban.from).or_default().push(ban.to);
        }
        let mut turns = Self { nodes: network.junctions.len() as u32, ..Self::default() };
        let mut at: BTreeMap<u32, Vec<Lane>> = banned.keys().map(|from| (network.end(*from), Vec::new())).collect();
        for (lane, _) in network.lanes() {
            if let Some(leaving) = at.get_mut(&network.end(lane.turned())) {
                leaving.push(lane);
            }
        }
        for (from, banned) in banned {
            let copy = turns.nodes;
            turns.nodes += 1;
            turns.copies.insert(from, copy);
            for lane in at[&network.end(from)].iter().filter(|lane| !banned.contains(lane)) {
                turns.starts.entry(*lane).or_default().push(copy);
            }
        }
        turns
    }

    pub(super) fn nodes(&self) -> u32 {
        self.nodes
    }

    /// The node that a lane leads to.
    pub(super) fn head(&self, network: &Network, lane: Lane) -> u32 {
        self.copies.get(&lane).copied().unwrap_or_else(|| network.end(lane))
    }

    /// The nodes that a lane can be entered from.
    pub(super) fn tails<'a>(&'a self, network: &Network, lane: Lane) -> impl Iterator<Item = u32> + 'a {
        let copies = self.starts.get(&lane).into_iter().flatten().copied();
        std::iter::once(network.end(lane.turned())).chain(copies)
    }
}

/// An arc of the graph.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arc {
    pub(super) tail: u32,
    pub(super) head: u32,
    pub(super) weight: Weight,
    pub(super) lane: Lane,
}

/// The arcs by their tails.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    first: Vec<u32>,
    arcs: Vec<Arc>,
}

impl Graph {
    pub(super) fn of(network: &Network, turns: &Turns) -> Self {
        let mut arcs = Vec::with_capacity(2 * network.streets.len());
        for (lane, weight) in network.lanes() {
            let head = turns.head(network, lane);
            arcs.extend(turns.tails(network, lane).map(|tail| Arc { tail, head, weight, lane }));
        }
        arcs.sort_by_key(|arc| (arc.tail, arc.head, arc.weight, arc.lane));
        let first = (0..=turns.nodes()).map(|node| arcs.partition_point(|arc| arc.tail < node) as u32).collect();
        Self { first, arcs }
    }

    pub(super) fn nodes(&self) -> u32 {
        self.first.len() as u32 - 1
    }

    pub(super) fn out(&self, node: u32) -> &[Arc] {
        &self.arcs[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }
}
