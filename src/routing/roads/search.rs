//! Searches that only climb: Geisberger et al. (2008), section 4, with stalling on demand (4.2).

use super::{
    hierarchy::{Edge, Hierarchy, Side},
    network::Lane,
    weight::Weight,
};
use std::{cmp::Reverse, collections::BinaryHeap};

/// A node of a search and how it was come to.
#[derive(Clone, Copy)]
struct Reached {
    weight: Weight,
    /// The node before and the edge from it; none at a start.
    by: Option<(u32, Edge)>,
}

/// Memory of one search, used again by the next.
pub(super) struct Climb {
    reached: Vec<Reached>,
    touched: Vec<u32>,
    heap: BinaryHeap<Reverse<(Weight, u32)>>,
}

impl Climb {
    pub(super) fn new(nodes: usize) -> Self {
        let nowhere = Reached { weight: Weight::NEVER, by: None };
        Self { reached: vec![nowhere; nodes], touched: Vec::new(), heap: BinaryHeap::new() }
    }

    fn reach(&mut self, node: u32, weight: Weight, by: Option<(u32, Edge)>) {
        let reached = &mut self.reached[node as usize];
        if weight < reached.weight {
            if reached.weight == Weight::NEVER {
                self.touched.push(node);
            }
            *reached = Reached { weight, by };
            self.heap.push(Reverse((weight, node)));
        }
    }

    /// Climbs `own` from the starts and tells every node with its weight, nearest first. A node that a
    /// higher one reaches sooner, over an edge of `other`, is on no shortest path: it is passed over.
    pub(super) fn run(
        &mut self,
        own: &Side,
        other: &Side,
        starts: &[(u32, Weight)],
        mut tell: impl FnMut(u32, Weight),
    ) {
        for node in self.touched.drain(..) {
            self.reached[node as usize].weight = Weight::NEVER;
        }
        self.heap.clear();
        for &(node, weight) in starts {
            self.reach(node, weight, None);
        }
        while let Some(Reverse((weight, node))) = self.heap.pop() {
            if weight > self.reached[node as usize].weight {
                continue;
            }
            let sooner = |edge: &Edge| self.reached[edge.node as usize].weight.plus(edge.weight) < weight;
            if other.of(node).iter().any(sooner) {
                continue;
            }
            tell(node, weight);
            for edge in own.of(node) {
                self.reach(edge.node, weight.plus(edge.weight), Some((node, *edge)));
            }
        }
    }

    /// The edges from a start to `node`, last first, each with the node it was climbed from.
    fn trail(&self, node: u32) -> impl Iterator<Item = (u32, Edge)> {
        std::iter::successors(self.reached[node as usize].by, |(before, _)| self.reached[*before as usize].by)
    }
}

/// The best way between two sets of nodes.
pub(super) struct Best {
    pub(super) weight: Weight,
    /// Of the starts and of the ends, the ones it joins.
    pub(super) start: u32,
    pub(super) end: u32,
    /// In driving order.
    pub(super) lanes: Vec<Lane>,
}

/// From the starts to the ends, numbered as in the hierarchy; None when there is no way.
pub(super) fn best(
    hierarchy: &Hierarchy,
    climbs: &mut [Climb; 2],
    starts: &[(u32, Weight)],
    ends: &[(u32, Weight)],
) -> Option<Best> {
    let [ahead, back] = climbs;
    ahead.run(&hierarchy.up, &hierarchy.down, starts, |_, _| {});
    let mut found: Option<(Weight, u32)> = None;
    back.run(&hierarchy.down, &hierarchy.up, ends, |node, weight| {
        let sum = ahead.reached[node as usize].weight.plus(weight);
        if sum < found.map_or(Weight::NEVER, |(least, _)| least) {
            found = Some((sum, node));
        }
    });
    let (weight, top) = found?;
    let mut lanes = Vec::new();
    let climbed: Vec<_> = ahead.trail(top).collect();
    let start = climbed.last().map_or(top, |(first, _)| *first);
    for (from, edge) in climbed.into_iter().rev() {
        hierarchy.unpack(from, edge.node, edge.via, &mut lanes);
    }
    let mut end = top;
    for (to, edge) in back.trail(top) {
        end = to;
        hierarchy.unpack(edge.node, to, edge.via, &mut lanes);
    }
    Some(Best { weight, start, end, lanes })
}
