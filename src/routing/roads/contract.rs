//! Contraction of all nodes, one after the other: Geisberger, Sanders, Schultes and Delling (2008),
//! "Contraction Hierarchies", sections 2 and 3.
//!
//! Taking a node away must not change any distance between those that stay: where the path through it
//! might be the only shortest one, a shortcut takes its place. A search for a *witness*, another path
//! that is no longer, is cut off after some nodes; a shortcut too many costs time, never the truth.
//! The order is by level and by shortcuts made per arc removed, looked at again when a node's turn comes.

use super::{
    graph::Graph,
    hierarchy::{Edge, Hierarchy, Via},
    weight::Weight,
};
use std::{cmp::Reverse, collections::BinaryHeap};

/// Nodes that a witness search settles before it gives up.
const WITNESS_NODES: u32 = 120;
/// One level, or one shortcut per arc removed, in units of priority.
const UNIT: u64 = 1_000;

/// What is left of the graph, and what was taken away.
struct Rest {
    out: Vec<Vec<Edge>>,
    into: Vec<Vec<Edge>>,
    level: Vec<u32>,
    gone: Vec<bool>,
    witness: Witness,
}

/// A shortcut that contracting a node would make.
struct Shortcut {
    from: u32,
    to: u32,
    weight: Weight,
}

/// Contracts `graph`. `progress` hears how many nodes are done, now and then.
pub(super) fn contract(graph: &Graph, progress: &mut dyn FnMut(u32)) -> Hierarchy {
    let mut rest = Rest::of(graph);
    let mut queue: BinaryHeap<_> = (0..graph.nodes()).map(|node| Reverse((rest.priority(node), node))).collect();
    let mut order = Vec::with_capacity(graph.nodes() as usize);
    while let Some(Reverse((was, node))) = queue.pop() {
        if rest.gone[node as usize] {
            continue;
        }
        let shortcuts = rest.shortcuts(node);
        let priority = rest.rated(node, shortcuts.len());
        let next = queue.peek().map(|Reverse((next, _))| *next);
        if priority > was && next.is_some_and(|next| priority > next) {
            queue.push(Reverse((priority, node)));
            continue;
        }
        rest.take(node, &shortcuts);
        order.push(node);
        if order.len().is_multiple_of(256) {
            progress(order.len() as u32);
        }
    }
    progress(graph.nodes());
    Hierarchy::new(&order, &rest.out, &rest.into)
}

impl Rest {
    fn of(graph: &Graph) -> Self {
        let nodes = graph.nodes() as usize;
        let mut rest = Self {
            out: vec![Vec::new(); nodes],
            into: vec![Vec::new(); nodes],
            level: vec![0; nodes],
            gone: vec![false; nodes],
            witness: Witness::new(nodes),
        };
        for node in 0..graph.nodes() {
            // A way round a block and back is never part of a shortest path.
            for arc in graph.out(node).iter().filter(|arc| arc.head != node) {
                rest.join(node, arc.head, arc.weight, Via::lane(arc.lane));
            }
        }
        rest
    }

    /// Adds an arc, or makes the one that is there cheaper.
    fn join(&mut self, from: u32, to: u32, weight: Weight, via: Via) {
        cheaper(&mut self.out[from as usize], Edge { node: to, weight, via });
        cheaper(&mut self.into[to as usize], Edge { node: from, weight, via });
    }

    fn shortcuts(&mut self, node: u32) -> Vec<Shortcut> {
        let (into, out) = (&self.into[node as usize], &self.out[node as usize]);
        let mut made = Vec::new();
        for first in into {
            let through = |second: &Edge| first.weight.plus(second.weight);
            let others = || out.iter().filter(|second| second.node != first.node);
            let Some(longest) = others().map(through).max() else { continue };
            self.witness.search(&self.out, first.node, node, longest);
            for second in others() {
                let weight = through(second);
                if self.witness.least[second.node as usize] > weight {
                    made.push(Shortcut { from: first.node, to: second.node, weight });
                }
            }
        }
        made
    }

    fn priority(&mut self, node: u32) -> u64 {
        let shortcuts = self.shortcuts(node).len();
        self.rated(node, shortcuts)
    }

    fn rated(&self, node: u32, shortcuts: usize) -> u64 {
        let removed = (self.into[node as usize].len() + self.out[node as usize].len()).max(1);
        UNIT * u64::from(self.level[node as usize]) + UNIT * shortcuts as u64 / removed as u64
    }

    /// Takes `node` out; its lists stay as they are now: all their nodes are contracted later.
    fn take(&mut self, node: u32, shortcuts: &[Shortcut]) {
        self.gone[node as usize] = true;
        for shortcut in shortcuts {
            self.join(shortcut.from, shortcut.to, shortcut.weight, Via::node(node));
        }
        let level = self.level[node as usize] + 1;
        for no in 0..self.out[node as usize].len() {
            let neighbour = self.out[node as usize][no].node as usize;
            self.into[neighbour].retain(|edge| edge.node != node);
            self.level[neighbour] = self.level[neighbour].max(level);
        }
        for no in 0..self.into[node as usize].len() {
            let neighbour = self.into[node as usize][no].node as usize;
            self.out[neighbour].retain(|edge| edge.node != node);
            self.level[neighbour] = self.level[neighbour].max(level);
        }
    }
}

fn cheaper(edges: &mut Vec<Edge>, edge: Edge) {
    match edges.iter_mut().find(|known| known.node == edge.node) {
        Some(known) if known.weight <= edge.weight => {}
        Some(known) => *known = edge,
        None => edges.push(edge),
    }
}

/// A short Dijkstra over what is left, around one node.
struct Witness {
    /// Upper bounds, each the weight of a path that there is.
    least: Vec<Weight>,
    touched: Vec<u32>,
    heap: BinaryHeap<Reverse<(Weight, u32)>>,
}

impl Witness {
    fn new(nodes: usize) -> Self {
        Self { least: vec![Weight::NEVER; nodes], touched: Vec::new(), heap: BinaryHeap::new() }
    }

    fn reach(&mut self, node: u32, weight: Weight) {
        let least = &mut self.least[node as usize];
        if weight < *least {
            if *least == Weight::NEVER {
                self.touched.push(node);
            }
            *least = weight;
            self.heap.push(Reverse((weight, node)));
        }
    }

    fn search(&mut self, out: &[Vec<Edge>], from: u32, avoid: u32, longest: Weight) {
        for node in self.touched.drain(..) {
            self.least[node as usize] = Weight::NEVER;
        }
        self.heap.clear();
        self.reach(from, Weight::ZERO);
        let mut settled = 0;
        while let Some(Reverse((weight, node))) = self.heap.pop() {
            if weight > longest || settled > WITNESS_NODES {
                return;
            }
            if weight > self.least[node as usize] {
                continue;
            }
            settled += 1;
            for edge in out[node as usize].iter().filter(|edge| edge.node != avoid) {
                self.reach(edge.node, weight.plus(edge.weight));
            }
        }
    }
}
