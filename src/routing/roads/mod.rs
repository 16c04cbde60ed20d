//! A road network as a pure graph: prepared once, asked many times. Where it comes from is `travel/`'s affair.
//!
//! ```text
//! network    streets, junctions, banned turns         as given
//! graph      split at banned turns: any path is fine  dijkstra: the plain search that proves the rest
//! contract   a contraction hierarchy of it            hierarchy, search, table: fast, and exactly as good
//! snap       a place to a spot on a street            drive: the course between two spots, by time
//! legs       what live regions ask, with a memory by place
//! ```
//!
//! Must hold: for every pair the hierarchy answers what plain Dijkstra over the split graph answers, to
//! the millisecond and the decimetre. No way is an answer ([`Weight::NEVER`], `None`), never an error.

mod contract;
mod dijkstra;
mod drive;
mod graph;
mod hierarchy;
mod legs;
mod network;
mod parts;
mod search;
mod snap;
mod table;
mod weight;

#[cfg(test)]
mod tests;

pub use drive::Drive;
pub use hierarchy::{Edge, Hierarchy, Side, Via};
pub use legs::Legs;
pub use network::{Ban, CLOSED, Lane, Network, NetworkError, Street};
pub use snap::Spot;
pub use weight::Weight;

use crate::domain::place::Place;
use drive::{Drawing, part};
use graph::{Graph, Turns};
use search::Climb;
use snap::Snapper;
use table::Ends;

/// Nodes of a component that places are snapped to; below it lie car parks and what a cut file left over.
const LARGE: u32 = 200;

/// A prepared network.
#[derive(Debug)]
pub struct Roads {
    network: Network,
    turns: Turns,
    hierarchy: Hierarchy,
    /// Per street: whether places may be snapped to it.
    joined: Vec<bool>,
    snapper: Snapper,
}

impl Roads {
    /// Contracts a network; `progress` hears the nodes that are done and how many there are.
    pub fn prepare(network: Network, progress: &mut dyn FnMut(u32, u32)) -> Result<Self, NetworkError> {
        network.check()?;
        let turns = Turns::of(&network);
        let graph = Graph::of(&network, &turns);
        let joined = joined(&network, &turns, &graph);
        let nodes = graph.nodes();
        let hierarchy = contract::contract(&graph, &mut |done| progress(done, nodes));
        let snapper = Snapper::new(&network, &joined);
        Ok(Self { network, turns, hierarchy, joined, snapper })
    }

    /// Puts together what [`Roads::parts`] took apart; None when the parts do not fit each other.
    #[must_use]
    pub fn of_parts(network: Network, hierarchy: Hierarchy, joined: Vec<bool>) -> Option<Self> {
        network.check().ok()?;
        let turns = Turns::of(&network);
        let fits = hierarchy.is_sound(turns.nodes(), 2 * network.streets.len() as u32);
        if !fits || joined.len() != network.streets.len() {
            return None;
        }
        let snapper = Snapper::new(&network, &joined);
        Some(Self { network, turns, hierarchy, joined, snapper })
    }

    /// All that has to be kept.
    #[must_use]
    pub fn parts(&self) -> (&Network, &Hierarchy, &[bool]) {
        (&self.network, &self.hierarchy, &self.joined)
    }

    /// The nearest spot on a street that leads anywhere, within `bound_m` as the crow flies.
    #[must_use]
    pub fn snap(&self, place: Place, bound_m: f64) -> Option<Spot> {
        self.snapper.nearest(&self.network, place, bound_m)
    }

    /// What each drive costs, row by row: from each of `from` to each of `to`.
    #[must_use]
    pub fn table(&self, from: &[Option<Spot>], to: &[Option<Spot>]) -> Vec<Weight> {
        let rows: Vec<Ends> =
            from.iter().map(|spot| spot.map_or_else(Vec::new, |s| self.ranked(self.leaving(&s)))).collect();
        let columns: Vec<Ends> =
            to.iter().map(|spot| spot.map_or_else(Vec::new, |s| self.ranked(self.arriving(&s)))).collect();
        let mut least = table::table(&self.hierarchy, &rows, &columns);
        let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (from, to)));
        for (cell, pair) in least.iter_mut().zip(pairs) {
            if let (Some(from), Some(to)) = pair {
                *cell = self.direct(from, to).map_or(*cell, |(_, direct)| direct.min(*cell));
            }
        }
        least
    }

    /// The quickest drive; None: there is no way.
    #[must_use]
    pub fn drive(&self, from: &Spot, to: &Spot) -> Option<Drive> {
        let nodes = self.hierarchy.rank.len();
        let mut climbs = [Climb::new(nodes), Climb::new(nodes)];
        let (starts, ends) = (self.ranked(self.leaving(from)), self.ranked(self.arriving(to)));
        let best = search::best(&self.hierarchy, &mut climbs, &starts, &ends);
        let mut drawing = Drawing::new(&self.network);
        let direct = self.direct(from, to);
        if let Some((lane, _)) = direct.filter(|(_, direct)| best.as_ref().is_none_or(|best| *direct <= best.weight)) {
            drawing.piece(lane, from.along(&self.network, lane), to.along(&self.network, lane));
            return Some(drawing.done());
        }
        let best = best?;
        let first = self.lanes(from).filter(|lane| self.rank(self.turns.head(&self.network, *lane)) == best.start);
        let first = first.min_by_key(|lane| self.rest(from, *lane))?;
        drawing.piece(first, from.along(&self.network, first), self.network.street(first).length_dm);
        best.lanes.iter().for_each(|lane| drawing.whole(*lane));
        let enters = |lane: &Lane| self.turns.tails(&self.network, *lane).any(|tail| self.rank(tail) == best.end);
        let last = self.lanes(to).filter(enters).min_by_key(|lane| self.begun(to, *lane))?;
        drawing.piece(last, 0, to.along(&self.network, last));
        Some(drawing.done())
    }

    /// The plain search over the same graph.
    #[must_use]
    pub fn plain(&self) -> Plain<'_> {
        Plain { roads: self, graph: Graph::of(&self.network, &self.turns) }
    }

    fn rank(&self, node: u32) -> u32 {
        self.hierarchy.rank[node as usize]
    }

    fn ranked(&self, ends: Ends) -> Ends {
        ends.into_iter().map(|(node, weight)| (self.rank(node), weight)).collect()
    }

    fn lanes(&self, spot: &Spot) -> impl Iterator<Item = Lane> {
        let both = [Lane::forward(spot.street), Lane::backward(spot.street)];
        both.into_iter().filter(|lane| self.network.weight(*lane).is_some())
    }

    /// From a spot to the end of its street.
    fn rest(&self, spot: &Spot, lane: Lane) -> Option<Weight> {
        part(&self.network, lane, spot.along(&self.network, lane), self.network.street(lane).length_dm)
    }

    /// From the beginning of its street to a spot.
    fn begun(&self, spot: &Spot, lane: Lane) -> Option<Weight> {
        part(&self.network, lane, 0, spot.along(&self.network, lane))
    }

    fn leaving(&self, spot: &Spot) -> Ends {
        let end = |lane| Some((self.turns.head(&self.network, lane), self.rest(spot, lane)?));
        self.lanes(spot).filter_map(end).collect()
    }

    fn arriving(&self, spot: &Spot) -> Ends {
        let entered = |lane| {
            let weight = self.begun(spot, lane)?;
            Some(self.turns.tails(&self.network, lane).map(move |tail| (tail, weight)))
        };
        self.lanes(spot).filter_map(entered).flatten().collect()
    }

    /// Along one street, without leaving it.
    fn direct(&self, from: &Spot, to: &Spot) -> Option<(Lane, Weight)> {
        if from.street != to.street {
            return None;
        }
        let along = |lane| {
            let (from, to) = (from.along(&self.network, lane), to.along(&self.network, lane));
            Some((lane, part(&self.network, lane, from, to)?))
        };
        self.lanes(from).filter_map(along).min_by_key(|(_, weight)| *weight)
    }
}

/// Plain Dijkstra between spots, for proofs.
pub struct Plain<'a> {
    roads: &'a Roads,
    graph: Graph,
}

impl Plain<'_> {
    /// What each drive from one spot costs.
    #[must_use]
    pub fn row(&self, from: &Spot, to: &[Spot]) -> Vec<Weight> {
        Self::row_of(self.roads, &self.graph, from, to)
    }

    fn row_of(roads: &Roads, graph: &Graph, from: &Spot, to: &[Spot]) -> Vec<Weight> {
        let least = dijkstra::dijkstra(graph, &roads.leaving(from));
        let cost = |to: &Spot| {
            let ends = roads.arriving(to).into_iter();
            let over = ends.map(|(node, weight)| least[node as usize].plus(weight));
            let direct = roads.direct(from, to).map(|(_, direct)| direct);
            over.chain(direct).min().unwrap_or(Weight::NEVER)
        };
        to.iter().map(cost).collect()
    }

    /// Nodes and arcs of the graph.
    #[must_use]
    pub fn size(&self) -> (u32, usize) {
        let arcs = (0..self.graph.nodes()).map(|node| self.graph.out(node).len()).sum();
        (self.graph.nodes(), arcs)
    }
}

/// Streets that lie in a large component: from there one comes back. When none is large, the largest counts.
fn joined(network: &Network, turns: &Turns, graph: &Graph) -> Vec<bool> {
    let sizes = parts::component_sizes(graph);
    let enough = sizes.iter().copied().max().unwrap_or(0).min(LARGE);
    let inside = |lane: Lane| {
        let open = network.weight(lane).is_some();
        let head = sizes[turns.head(network, lane) as usize] >= enough;
        open && head && turns.tails(network, lane).any(|tail| sizes[tail as usize] >= enough)
    };
    let streets = 0..network.streets.len() as u32;
    streets.map(|street| inside(Lane::forward(street)) || inside(Lane::backward(street))).collect()
}
