//! From ways to streets: cut where roads meet, closed where a barrier stands, turns banned.

use super::{
    OsmReport,
    extract::{CarWay, Extract, Restriction},
    profile::Pace,
};
use crate::{
    domain::place::Place,
    routing::roads::{Ban, CLOSED, Lane, Network, Street},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

/// Decimetres in a metre, milliseconds in an hour per kilometre.
const DM: f64 = 10.0;
const MS_PER_DM_AT_1_KMH: f64 = 360.0;

struct Builder<'a> {
    extract: &'a Extract,
    network: Network,
    /// By node, where ways meet; other ends are nobody else's.
    junctions: HashMap<i64, u32>,
    /// How often ways come by a node; ends count twice.
    visits: HashMap<i64, u32>,
    /// The streets of each way.
    ways: HashMap<i64, Range<u32>>,
    report: OsmReport,
}

/// The network of an extract.
pub(super) fn streets(extract: &Extract) -> (Network, OsmReport) {
    let mut visits: HashMap<i64, u32> = HashMap::new();
    for way in &extract.ways {
        for (no, node) in way.nodes.iter().enumerate() {
            let end = no == 0 || no + 1 == way.nodes.len();
            *visits.entry(*node).or_default() += if end { 2 } else { 1 };
        }
    }
    for restriction in &extract.restrictions {
        visits.entry(restriction.via).and_modify(|count| *count += 2);
    }
    let report = OsmReport { not_understood: extract.not_understood, ..OsmReport::default() };
    let (junctions, ways) = (HashMap::new(), HashMap::new());
    let mut builder = Builder { extract, network: Network::default(), junctions, visits, ways, report };
    for way in &extract.ways {
        builder.way(way);
    }
    builder.bans();
    let Builder { network, mut report, .. } = builder;
    let sum_dm: u64 = network.streets.iter().map(|street| u64::from(street.length_dm)).sum();
    report.ways = extract.ways.len() as u64;
    report.streets = network.streets.len() as u64;
    report.junctions = network.junctions.len() as u64;
    report.km = sum_dm / 10_000;
    report.bans = network.bans.len() as u64;
    (network, report)
}

impl Builder<'_> {
    fn way(&mut self, way: &CarWay) {
        let first = self.network.streets.len() as u32;
        let placed: Vec<(i64, Option<Place>)> =
            way.nodes.iter().map(|node| (*node, self.extract.place(*node))).collect();
        self.report.missing_nodes += placed.iter().filter(|(_, place)| place.is_none()).count() as u64;
        self.report.ferries += u64::from(way.used.ferry);
        let whole_m: f64 = placed.windows(2).filter_map(|pair| Some(pair[0].1?.distance_m(pair[1].1?))).sum();
        // A node that is missing breaks the way.
        for run in placed.split(|(_, place)| place.is_none()) {
            let run: Vec<(i64, Place)> = run.iter().filter_map(|(node, place)| Some((*node, (*place)?))).collect();
            let mut start = 0;
            for at in 1..run.len() {
                let meets = self.visits.get(&run[at].0).is_some_and(|count| *count > 1);
                if meets || at + 1 == run.len() || self.is_barrier(run[at].0) {
                    self.street(way, &run[start..=at], whole_m);
                    start = at;
                }
            }
        }
        self.ways.insert(way.id, first..self.network.streets.len() as u32);
    }

    fn is_barrier(&self, node: i64) -> bool {
        self.extract.barriers.binary_search(&node).is_ok()
    }

    /// A street along `course`, two nodes at least.
    fn street(&mut self, way: &CarWay, course: &[(i64, Place)], whole_m: f64) {
        let [first, .., last] = course else { return };
        let length_m: f64 = course.windows(2).map(|pair| pair[0].1.distance_m(pair[1].1)).sum();
        let duration = |pace: Option<Pace>| match pace {
            None => CLOSED,
            Some(Pace::Kmh(kmh)) => (length_m * DM * MS_PER_DM_AT_1_KMH / kmh).ceil() as u32,
            Some(Pace::Whole(ms)) => (f64::from(ms) * length_m / whole_m.max(f64::MIN_POSITIVE)).ceil() as u32,
        };
        let start = self.network.points.len() as u32;
        self.network.points.extend(course[1..course.len() - 1].iter().map(|(_, place)| *place));
        let street = Street {
            from: self.junction(*first),
            to: self.junction(*last),
            forward_ms: duration(way.used.forward),
            backward_ms: duration(way.used.backward),
            length_dm: (length_m * DM).round() as u32,
            corners: start..self.network.points.len() as u32,
        };
        self.network.streets.push(street);
    }

    /// The junction at a node. A barrier is a dead end for each street that comes to it.
    fn junction(&mut self, (node, place): (i64, Place)) -> u32 {
        let new = self.network.junctions.len() as u32;
        let at = if self.is_barrier(node) { new } else { *self.junctions.entry(node).or_insert(new) };
        if at == new {
            self.network.junctions.push(place);
        }
        at
    }

    fn bans(&mut self) {
        let vias: BTreeSet<u32> =
            self.extract.restrictions.iter().filter_map(|turn| self.junctions.get(&turn.via).copied()).collect();
        let mut leaving: BTreeMap<u32, Vec<Lane>> = vias.into_iter().map(|via| (via, Vec::new())).collect();
        for (no, street) in self.network.streets.iter().enumerate() {
            let (forward, backward) = (Lane::forward(no as u32), Lane::backward(no as u32));
            for (end, lane, ms) in
                [(street.from, forward, street.forward_ms), (street.to, backward, street.backward_ms)]
            {
                if let Some(lanes) = leaving.get_mut(&end).filter(|_| ms != CLOSED) {
                    lanes.push(lane);
                }
            }
        }
        let bans: BTreeSet<Ban> =
            self.extract.restrictions.iter().filter_map(|turn| self.banned(turn, &leaving)).flatten().collect();
        self.network.bans = bans.into_iter().collect();
    }

    /// None: it is about roads that no car could take that way anyhow, or that are not in the file.
    fn banned(&self, turn: &Restriction, leaving: &BTreeMap<u32, Vec<Lane>>) -> Option<Vec<Ban>> {
        let leaving = leaving.get(self.junctions.get(&turn.via)?)?;
        let (from, to) = (self.ways.get(&turn.from)?, self.ways.get(&turn.to)?);
        let named = |lane: &Lane| to.contains(&lane.street());
        if !leaving.iter().any(named) {
            return None;
        }
        let banned = |from: Lane, to: &Lane| match (turn.only, turn.u_turn) {
            (true, _) => !named(to),
            (false, true) => *to == from.turned(),
            // A way that goes on behind the junction under the same id: going back is not what is meant.
            (false, false) => named(to) && *to != from.turned(),
        };
        let incoming = self.ends_at(turn.via, from);
        let pairs = incoming.iter().flat_map(|from| leaving.iter().map(move |to| Ban { from: *from, to: *to }));
        Some(pairs.filter(|ban| banned(ban.from, &ban.to)).collect())
    }

    /// Lanes of some streets that end at a node.
    fn ends_at(&self, node: i64, streets: &Range<u32>) -> Vec<Lane> {
        let Some(&junction) = self.junctions.get(&node) else { return Vec::new() };
        let mut found = Vec::new();
        for no in streets.clone() {
            let street = &self.network.streets[no as usize];
            if street.to == junction && street.forward_ms != CLOSED {
                found.push(Lane::forward(no));
            }
            if street.from == junction && street.backward_ms != CLOSED {
                found.push(Lane::backward(no));
            }
        }
        found
    }
}
