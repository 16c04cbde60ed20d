//! Which nodes can be driven between, there and back: strongly connected components, by Kosaraju's two
//! passes (Sharir 1981), without a stack of calls.

use super::graph::Graph;

/// For each node how many nodes its component has.
pub(super) fn component_sizes(graph: &Graph) -> Vec<u32> {
    let nodes = graph.nodes() as usize;
    let mut backward = vec![Vec::new(); nodes];
    for node in 0..graph.nodes() {
        for arc in graph.out(node) {
            backward[arc.head as usize].push(node);
        }
    }
    let mut seen = vec![false; nodes];
    let mut sizes = vec![0; nodes];
    for node in finished(graph).into_iter().rev() {
        if seen[node as usize] {
            continue;
        }
        seen[node as usize] = true;
        let mut members = vec![node];
        let mut next = 0;
        while next < members.len() {
            for &before in &backward[members[next] as usize] {
                if !std::mem::replace(&mut seen[before as usize], true) {
                    members.push(before);
                }
            }
            next += 1;
        }
        for &member in &members {
            sizes[member as usize] = members.len() as u32;
        }
    }
    sizes
}

/// Nodes in the order in which a depth-first search is done with them.
fn finished(graph: &Graph) -> Vec<u32> {
    let mut seen = vec![false; graph.nodes() as usize];
    let mut order = Vec::with_capacity(seen.len());
    for root in 0..graph.nodes() {
        if std::mem::replace(&mut seen[root as usize], true) {
            continue;
        }
        // A node and which of its arcs comes next.
        let mut open = vec![(root, 0)];
        while let Some((node, next)) = open.last_mut() {
            let arc = graph.out(*node).get(*next);
            *next += 1;
            match arc {
                None => {
                    order.push(*node);
                    open.pop();
                }
                Some(arc) if !std::mem::replace(&mut seen[arc.head as usize], true) => open.push((arc.head, 0)),
                Some(_) => {}
            }
        }
    }
    order
}
