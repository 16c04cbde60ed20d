//! Legs between places over a network, as a live region asks for them: one now, another then, always between
//! places that were asked about before.
//!
//! Of each place it remembers the nodes that it climbs to, there and back (the labels of Abraham, Delling,
//! Goldberg and Werneck 2011, section 3, taken from the hierarchy as they are). A leg joins two lists: a
//! microsecond, where a search takes a hundred. Must hold: what is remembered changes no answer, and is bounded.

use super::{
    Plain, Roads,
    drive::Drive,
    graph::Graph,
    search::Climb,
    snap::Spot,
    table::{Buckets, Ends},
    weight::Weight,
};
use crate::{
    domain::{network::NetworkId, place::Place},
    routing::Leg,
};
use std::{
    cmp::Ordering,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// Nodes that are remembered, of all places together: a place has a hundred in a city. 16 bytes each, so 64 MB.
const NODES: usize = 4_000_000;
/// Drives that were searched for plainly; 40 bytes each.
const PLAIN: usize = 200_000;

/// A network, and the places that were asked about.
pub struct Legs {
    id: NetworkId,
    roads: Roads,
    snap_m: f64,
    known: Mutex<Known>,
    graph: OnceLock<Graph>,
    plain: Mutex<HashMap<(Place, Place), Weight>>,
}

struct Known {
    /// None: no street is near.
    labels: HashMap<Place, Option<Arc<Label>>>,
    /// Of all labels together, and one for each place.
    nodes: usize,
    climb: Climb,
}

/// A place as the hierarchy sees it.
struct Label {
    spot: Spot,
    /// Nodes that it climbs to, and that climb to it, in order.
    out: Ends,
    into: Ends,
}

impl std::fmt::Debug for Legs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Legs").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Legs {
    /// `snap_m`: how far a place may be from a street, metres.
    #[must_use]
    pub fn new(id: NetworkId, roads: Roads, snap_m: f64) -> Self {
        let climb = Climb::new(roads.hierarchy.rank.len());
        let known = Mutex::new(Known { labels: HashMap::new(), nodes: 0, climb });
        Self { id, roads, snap_m, known, graph: OnceLock::new(), plain: Mutex::default() }
    }

    #[must_use]
    pub fn id(&self) -> NetworkId {
        self.id
    }

    /// Whether a street is near.
    #[must_use]
    pub fn reaches(&self, place: Place) -> bool {
        self.label(&mut self.known(), place).is_some()
    }

    /// Whole seconds and metres, rounded up. None: no street near one of them, or no way between them.
    #[must_use]
    pub fn leg(&self, from: Place, to: Place) -> Option<Leg> {
        if from == to {
            return Some(Leg { duration_s: 0, distance_m: 0 });
        }
        let (from, to) = {
            let mut known = self.known();
            (self.label(&mut known, from)?, self.label(&mut known, to)?)
        };
        let direct = self.roads.direct(&from.spot, &to.spot).map_or(Weight::NEVER, |(_, direct)| direct);
        rounded(joined(&from.out, &to.into).min(direct))
    }

    /// Legs between all of these places, row by row.
    #[must_use]
    pub fn square(&self, places: &[Place]) -> Vec<Option<Leg>> {
        let labels: Vec<Option<Arc<Label>>> = {
            let mut known = self.known();
            places.iter().map(|place| self.label(&mut known, *place)).collect()
        };
        let columns = labels.iter().map(|label| label.as_ref().map_or(&[][..], |label| &label.into));
        let buckets = Buckets::of(self.roads.hierarchy.rank.len(), columns);
        let mut cells = vec![Weight::NEVER; places.len()];
        let mut legs = Vec::with_capacity(places.len() * places.len());
        for (from, row) in places.iter().zip(&labels) {
            cells.fill(Weight::NEVER);
            for &(node, weight) in row.iter().flat_map(|label| &label.out) {
                buckets.pass(node, weight, &mut cells);
            }
            for ((to, column), cell) in places.iter().zip(&labels).zip(&cells) {
                let direct = match (row, column) {
                    _ if from == to => Some(Weight::ZERO),
                    (Some(row), Some(column)) => self.roads.direct(&row.spot, &column.spot).map(|(_, direct)| direct),
                    (None, _) | (_, None) => None,
                };
                legs.push(rounded((*cell).min(direct.unwrap_or(Weight::NEVER))));
            }
        }
        legs
    }

    /// The drive with its course.
    #[must_use]
    pub fn drive(&self, from: Place, to: Place) -> Option<Drive> {
        self.roads.drive(&self.roads.snap(from, self.snap_m)?, &self.roads.snap(to, self.snap_m)?)
    }

    /// Milliseconds of the quickest drive by plain Dijkstra, for those who check. Slow: a search over the whole network.
    #[must_use]
    pub fn plain_ms(&self, from: Place, to: Place) -> Option<u32> {
        let lock = || self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lock().get(&(from, to)).copied();
        let weight = found.unwrap_or_else(|| {
            let weight = self.search(from, to).unwrap_or(Weight::NEVER);
            let mut plain = lock();
            if plain.len() >= PLAIN {
                plain.clear();
            }
            plain.insert((from, to), weight);
            weight
        });
        (weight != Weight::NEVER).then(|| weight.duration_ms())
    }

    fn search(&self, from: Place, to: Place) -> Option<Weight> {
        let (from, to) = (self.roads.snap(from, self.snap_m)?, self.roads.snap(to, self.snap_m)?);
        let graph = self.graph.get_or_init(|| Graph::of(&self.roads.network, &self.roads.turns));
        Plain::row_of(&self.roads, graph, &from, &[to]).first().copied()
    }

    fn label(&self, known: &mut Known, place: Place) -> Option<Arc<Label>> {
        if let Some(label) = known.labels.get(&place) {
            return label.clone();
        }
        if known.nodes >= NODES {
            known.labels.clear();
            known.nodes = 0;
        }
        let label = self.roads.snap(place, self.snap_m).map(|spot| Arc::new(self.climbed(&mut known.climb, spot)));
        known.nodes += label.as_ref().map_or(1, |label| 1 + label.out.len() + label.into.len());
        known.labels.insert(place, label.clone());
        label
    }

    fn climbed(&self, climb: &mut Climb, spot: Spot) -> Label {
        let hierarchy = &self.roads.hierarchy;
        let mut climbed = |own, other, starts: Ends| {
            let mut nodes = Ends::new();
            climb.run(own, other, &starts, |node, weight| nodes.push((node, weight)));
            nodes.sort_unstable_by_key(|(node, _)| *node);
            nodes.shrink_to_fit();
            nodes
        };
        let out = climbed(&hierarchy.up, &hierarchy.down, self.roads.ranked(self.roads.leaving(&spot)));
        let into = climbed(&hierarchy.down, &hierarchy.up, self.roads.ranked(self.roads.arriving(&spot)));
        Label { spot, out, into }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The least sum over the nodes that both have.
fn joined(out: &[(u32, Weight)], into: &[(u32, Weight)]) -> Weight {
    let (mut a, mut b, mut least) = (0, 0, Weight::NEVER);
    while let (Some((left, there)), Some((right, back))) = (out.get(a), into.get(b)) {
        match left.cmp(right) {
            Ordering::Less => a += 1,
            Ordering::Greater => b += 1,
            Ordering::Equal => {
                least = least.min(there.plus(*back));
                (a, b) = (a + 1, b + 1);
            }
        }
    }
    least
}

fn rounded(weight: Weight) -> Option<Leg> {
    let leg = || Leg {
        duration_s: i64::from(weight.duration_ms().div_ceil(1_000)),
        distance_m: i64::from(weight.distance_dm().div_ceil(10)),
    };
    (weight != Weight::NEVER).then(leg)
}
