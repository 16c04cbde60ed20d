//! Plain Dijkstra (1959) over the whole graph: what everything faster is held against.

use super::{graph::Graph, weight::Weight};
use std::{cmp::Reverse, collections::BinaryHeap};

/// The least weight from the start nodes to every node; [`Weight::NEVER`] where there is no way.
pub(super) fn dijkstra(graph: &Graph, starts: &[(u32, Weight)]) -> Vec<Weight> {
    let mut least = vec![Weight::NEVER; graph.nodes() as usize];
    let mut heap = BinaryHeap::new();
    for &(node, weight) in starts {
        if weight < least[node as usize] {
            least[node as usize] = weight;
            heap.push(Reverse((weight, node)));
        }
    }
    while let Some(Reverse((weight, node))) = heap.pop() {
        if weight > least[node as usize] {
            continue;
        }
        for arc in graph.out(node) {
            let there = weight.plus(arc.weight);
            if there < least[arc.head as usize] {
                least[arc.head as usize] = there;
                heap.push(Reverse((there, arc.head)));
            }
        }
    }
    least
}
