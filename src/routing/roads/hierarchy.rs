//! The contracted graph: each node with its edges to nodes contracted later.
//!
//! Must hold: nodes are numbered in the order of contraction here, so every edge leads to a larger
//! number; what a shortcut stands for are two edges at its middle node, which is smaller than both ends.

use super::{network::Lane, weight::Weight};

/// What an edge stands for: a lane, or a path through a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via(u32);

/// A lane, not a node.
const LANE: u32 = 1 << 31;

impl Via {
    pub(super) fn lane(lane: Lane) -> Self {
        Self(lane.0 | LANE)
    }

    pub(super) fn node(node: u32) -> Self {
        Self(node)
    }

    /// The middle node, or the lane.
    fn middle(self) -> Result<u32, Lane> {
        if self.0 & LANE == 0 { Ok(self.0) } else { Err(Lane(self.0 & !LANE)) }
    }

    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    #[must_use]
    pub fn of_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// To `node`, or from it: its list says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub node: u32,
    pub weight: Weight,
    pub via: Via,
}

/// Edges of all nodes in one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Where each node's edges begin, and an end.
    pub first: Vec<u32>,
    pub edges: Vec<Edge>,
}

impl Side {
    pub(super) fn of(&self, node: u32) -> &[Edge] {
        &self.edges[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }

    fn new(order: &[u32], rank: &[u32], lists: &[Vec<Edge>]) -> Self {
        let mut side = Self { first: vec![0], edges: Vec::new() };
        for node in order {
            let renamed = lists[*node as usize].iter().map(|edge| Edge {
                node: rank[edge.node as usize],
                via: edge.via.middle().map_or(edge.via, |middle| Via::node(rank[middle as usize])),
                ..*edge
            });
            side.edges.extend(renamed);
            side.first.push(side.edges.len() as u32);
        }
        side
    }

    /// Whether the lists can be walked without looking where one steps.
    fn is_sound(&self, nodes: u32, lanes: u32) -> bool {
        let counted = self.first.len() == nodes as usize + 1
            && self.first.first() == Some(&0)
            && self.first.last() == Some(&(self.edges.len() as u32))
            && self.first.is_sorted();
        let upward = |node: u32| {
            self.of(node).iter().all(|edge| {
                let known = match edge.via.middle() {
                    Ok(middle) => middle < node,
                    Err(lane) => lane.0 < lanes,
                };
                known && node < edge.node && edge.node < nodes
            })
        };
        counted && (0..nodes).all(upward)
    }
}

/// A contraction hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy {
    /// The number here of each node of the graph.
    pub rank: Vec<u32>,
    /// Edges from a node to later ones.
    pub up: Side,
    /// Edges from later nodes to a node.
    pub down: Side,
}

impl Hierarchy {
    /// `order` lists the nodes as they were contracted; the lists are of their edges at that moment.
    pub(super) fn new(order: &[u32], out: &[Vec<Edge>], into: &[Vec<Edge>]) -> Self {
        let mut rank = vec![0; order.len()];
        for (no, node) in order.iter().enumerate() {
            rank[*node as usize] = no as u32;
        }
        let up = Side::new(order, &rank, out);
        let down = Side::new(order, &rank, into);
        Self { rank, up, down }
    }

    /// Whether this is the hierarchy of a graph with so many nodes and lanes, as far as indices go.
    #[must_use]
    pub fn is_sound(&self, nodes: u32, lanes: u32) -> bool {
        let mut named = vec![false; nodes as usize];
        let mut once = |rank: &u32| {
            let free = named.get_mut(*rank as usize);
            free.is_some_and(|free| !std::mem::replace(free, true))
        };
        self.rank.len() == nodes as usize
            && self.rank.iter().all(&mut once)
            && self.up.is_sound(nodes, lanes)
            && self.down.is_sound(nodes, lanes)
    }

    /// The lanes that an edge between two nodes stands for, in driving order. No stack of calls: a
    /// shortcut over a country is deep.
    pub(super) fn unpack(&self, from: u32, to: u32, via: Via, lanes: &mut Vec<Lane>) {
        let mut open = vec![(from, to, via)];
        while let Some((from, to, via)) = open.pop() {
            match via.middle() {
                Err(lane) => lanes.push(lane),
                Ok(middle) => {
                    let second = self.up.of(middle).iter().find(|edge| edge.node == to);
                    let first = self.down.of(middle).iter().find(|edge| edge.node == from);
                    open.extend(second.map(|edge| (middle, to, edge.via)));
                    open.extend(first.map(|edge| (from, middle, edge.via)));
                }
            }
        }
    }
}
