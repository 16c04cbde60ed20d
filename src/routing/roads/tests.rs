//! Random networks with one-ways, islands, loops, streets of no length and banned turns, held against a
//! search over lanes that shares nothing with the graph: it looks at each ban when it turns.

use super::*;
use crate::domain::network::NetworkId;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{cmp::Reverse, collections::BinaryHeap};

/// How many networks a claim is tried on: `CALLOUT_CASES` for a long run.
fn cases() -> std::ops::Range<u64> {
    let wanted = std::env::var("CALLOUT_CASES").ok().and_then(|count| count.parse().ok());
    0..wanted.unwrap_or(40)
}

fn draw(seed: u64) -> Network {
    let mut dice = StdRng::seed_from_u64(seed);
    let junctions = dice.random_range(1..40_u32);
    let place =
        |dice: &mut StdRng| Place { lat_e6: dice.random_range(0..20_000), lon_e6: dice.random_range(0..20_000) };
    let places = (0..junctions).map(|_| place(&mut dice)).collect();
    let mut network = Network { junctions: places, ..Network::default() };
    let islands = dice.random_range(1..4);
    for _ in 0..dice.random_range(1..3 * junctions + 2) {
        let from = dice.random_range(0..junctions);
        // Streets stay on their island: junctions of one remainder.
        let to = (dice.random_range(0..junctions) / islands * islands + from % islands).min(junctions - 1);
        let to = if to % islands == from % islands { to } else { from };
        let start = network.points.len() as u32;
        for _ in 0..dice.random_range(0..3) {
            network.points.push(place(&mut dice));
        }
        // Few different durations, so that there are ties.
        let ms = |dice: &mut StdRng| [0, 1_000, 2_000, 3_500][dice.random_range(0..4)];
        let (forward_ms, backward_ms) = match dice.random_range(0..4) {
            0 => (ms(&mut dice), CLOSED),
            1 => (CLOSED, ms(&mut dice)),
            _ => (ms(&mut dice), ms(&mut dice)),
        };
        let length_dm = dice.random_range(0..4) * dice.random_range(0..300);
        let corners = start..network.points.len() as u32;
        network.streets.push(Street { from, to, forward_ms, backward_ms, length_dm, corners });
    }
    let lanes = 2 * network.streets.len() as u32;
    for _ in 0..dice.random_range(0..lanes) {
        let from = Lane(dice.random_range(0..lanes));
        let leaving: Vec<Lane> =
            (0..lanes).map(Lane).filter(|to| network.end(from) == network.end(to.turned())).collect();
        network.bans.push(Ban { from, to: leaving[dice.random_range(0..leaving.len())] });
    }
    network
}

fn prepared(network: Network) -> Roads {
    Roads::prepare(network, &mut |_, _| {}).unwrap()
}

/// A spot on each street, and one at some places.
fn spots(roads: &Roads, seed: u64) -> Vec<Spot> {
    let mut dice = StdRng::seed_from_u64(seed ^ 0x5eed);
    let on = |street: u32, dice: &mut StdRng| {
        let length = roads.network.streets[street as usize].length_dm;
        let place = Place { lat_e6: 0, lon_e6: 0 };
        Spot { street, along_dm: dice.random_range(0..=length), place, off_m: 0.0 }
    };
    (0..roads.network.streets.len() as u32).map(|street| on(street, &mut dice)).collect()
}

/// Dijkstra over lanes: what it costs to come to each lane's end.
fn by_lanes(roads: &Roads, from: &Spot) -> Vec<Weight> {
    let network = &roads.network;
    let mut least = vec![Weight::NEVER; 2 * network.streets.len()];
    let mut heap: BinaryHeap<_> =
        roads.lanes(from).map(|lane| Reverse((roads.rest(from, lane).unwrap(), lane))).collect();
    while let Some(Reverse((weight, lane))) = heap.pop() {
        if weight >= least[lane.0 as usize] {
            continue;
        }
        least[lane.0 as usize] = weight;
        let onward = network.lanes().filter(|(next, _)| allowed(network, lane, *next));
        heap.extend(onward.map(|(next, cost)| Reverse((weight.plus(cost), next))));
    }
    least
}

fn allowed(network: &Network, lane: Lane, next: Lane) -> bool {
    network.end(lane) == network.end(next.turned()) && !network.bans.contains(&Ban { from: lane, to: next })
}

fn cost_by_lanes(roads: &Roads, ends: &[Weight], from: &Spot, to: &Spot) -> Weight {
    let lanes = || roads.lanes(to);
    let over = (0..ends.len() as u32).map(Lane).flat_map(|before| {
        let turned = lanes().filter(move |lane| allowed(&roads.network, before, *lane));
        turned.map(move |lane| ends[before.0 as usize].plus(roads.begun(to, lane).unwrap()))
    });
    let direct = roads.direct(from, to).map(|(_, direct)| direct);
    over.chain(direct).min().unwrap_or(Weight::NEVER)
}

#[test]
fn tables_drives_and_plain_search_agree_with_a_search_over_lanes() {
    let (mut pairs, mut unreachable) = (0, 0);
    for seed in cases() {
        let roads = prepared(draw(seed));
        let spots = spots(&roads, seed);
        let asked: Vec<Option<Spot>> = spots.iter().copied().map(Some).collect();
        let table = roads.table(&asked, &asked);
        let plain = roads.plain();
        for (row, from) in spots.iter().enumerate() {
            let ends = by_lanes(&roads, from);
            let plain = plain.row(from, &spots);
            for (column, to) in spots.iter().enumerate() {
                let expected = cost_by_lanes(&roads, &ends, from, to);
                let pair = format!("seed {seed}, {row} to {column}");
                assert_eq!(plain[column], expected, "{pair}: plain");
                assert_eq!(table[row * spots.len() + column], expected, "{pair}: table");
                let drive = roads.drive(from, to);
                let driven = drive.as_ref().map_or(Weight::NEVER, |drive| drive.weight);
                assert_eq!(driven, expected, "{pair}: drive");
                assert!(drive.is_none_or(|drive| drive.line.is_sorted_by_key(|(_, passed)| *passed)), "{pair}");
                pairs += 1;
                unreachable += u32::from(expected == Weight::NEVER);
            }
        }
    }
    assert!(unreachable > 0 && unreachable < pairs / 2, "{unreachable} of {pairs} without a way: both kinds are tried");
}

#[test]
fn parts_put_together_again_answer_the_same_and_parts_that_do_not_fit_are_refused() {
    let roads = prepared(draw(3));
    let (network, hierarchy, joined) = roads.parts();
    let again = Roads::of_parts(network.clone(), hierarchy.clone(), joined.to_vec()).unwrap();
    let asked: Vec<Option<Spot>> = spots(&roads, 3).into_iter().map(Some).collect();
    assert_eq!(roads.table(&asked, &asked), again.table(&asked, &asked));
    let mut bent = hierarchy.clone();
    bent.up.edges.first_mut().unwrap().node = u32::MAX;
    assert!(Roads::of_parts(network.clone(), bent, joined.to_vec()).is_none());
    assert!(Roads::of_parts(network.clone(), hierarchy.clone(), Vec::new()).is_none());
}

fn place(lat_e6: i32, lon_e6: i32) -> Place {
    Place { lat_e6, lon_e6 }
}

/// Two islands of two junctions each, two-way, 10 m/s; the first with a corner in its middle.
fn islands() -> Network {
    let street =
        |from, to, corners| Street { from, to, forward_ms: 22_300, backward_ms: 22_300, length_dm: 2_230, corners };
    Network {
        junctions: vec![place(0, 0), place(1_000, 1_000), place(0, 50_000), place(0, 52_000)],
        streets: vec![street(0, 1, 0..1), street(2, 3, 1..1)],
        points: vec![place(1_000, 0)],
        bans: Vec::new(),
    }
}

#[test]
fn a_place_is_snapped_to_the_nearest_spot_within_the_bound_and_no_further() {
    let roads = prepared(islands());
    // 100 micro-degrees are 11 m: beside the first leg, half way up.
    let spot = roads.snap(place(500, -100), 50.0).unwrap();
    assert_eq!((spot.street, spot.place), (0, place(500, 0)));
    assert!((spot.off_m - 11.1).abs() < 0.1, "{}", spot.off_m);
    assert!(spot.along_dm.abs_diff(2_230 / 4) <= 1, "{}", spot.along_dm);
    assert!(roads.snap(place(500, -100), 11.0).is_none());
    // Far from all, but within a generous bound.
    assert_eq!(roads.snap(place(0, 53_500), 400.0).unwrap().place, place(0, 52_000));
}

#[test]
fn islands_are_unreachable_from_each_other_and_said_so() {
    let roads = prepared(islands());
    let (here, there) = (roads.snap(place(0, 0), 10.0).unwrap(), roads.snap(place(0, 50_000), 10.0).unwrap());
    assert!(roads.drive(&here, &there).is_none());
    let table = roads.table(&[Some(here), None], &[Some(here), Some(there)]);
    assert_eq!(table, [Weight::ZERO, Weight::NEVER, Weight::NEVER, Weight::NEVER]);
}

#[test]
fn a_drive_knows_where_one_is_on_the_road() {
    let roads = prepared(islands());
    let (from, to) = (roads.snap(place(0, 0), 10.0).unwrap(), roads.snap(place(1_000, 500), 10.0).unwrap());
    let drive = roads.drive(&from, &to).unwrap();
    assert_eq!(drive.line.first().unwrap().0, place(0, 0));
    assert_eq!(drive.line[1].0, place(1_000, 0), "round the corner, not across");
    assert_eq!(drive.line.last().unwrap().0, place(1_000, 500));
    let half = drive.at(drive.line[1].1 / 2).unwrap();
    assert!(half.lon_e6 == 0 && half.lat_e6.abs_diff(500) < 5, "{half}");
    assert_eq!(drive.at(u32::MAX), Some(place(1_000, 500)));
    assert_eq!(drive.at(0), Some(place(0, 0)));
}

#[test]
fn a_banned_turn_is_driven_round() {
    // A square with a stub: 4 - 0 - 1, 0 - 3 - 2 - 1; from the stub straight on to 1 is banned.
    let corner = [place(0, 0), place(0, 1_000), place(1_000, 1_000), place(1_000, 0), place(0, -1_000)];
    let street = |from, to| Street { from, to, forward_ms: 10, backward_ms: 10, length_dm: 1_110, corners: 0..0 };
    let mut network = Network {
        junctions: corner.to_vec(),
        streets: vec![street(4, 0), street(0, 1), street(1, 2), street(2, 3), street(3, 0)],
        ..Network::default()
    };
    let asked = |network: &Network| {
        let roads = prepared(network.clone());
        let spot = |at| roads.snap(at, 5.0);
        roads.table(&[spot(place(0, -500))], &[spot(place(0, 500))])[0].duration_ms()
    };
    assert_eq!(asked(&network), 10);
    network.bans.push(Ban { from: Lane::forward(0), to: Lane::forward(1) });
    // Into the side street, back, and then left; and when that is banned too, round the block.
    assert_eq!(asked(&network), 5 + 20 + 5);
    network.bans.push(Ban { from: Lane::forward(4), to: Lane::forward(1) });
    assert_eq!(asked(&network), 5 + 30 + 5);
}

#[test]
fn a_network_that_leads_nowhere_is_refused() {
    let refused = |network: Network| Roads::prepare(network, &mut |_, _| {}).unwrap_err();
    assert_eq!(refused(Network::default()), NetworkError::Empty);
    let mut bad = islands();
    bad.streets[1].to = 9;
    assert_eq!(refused(bad), NetworkError::Street(1));
    let mut bad = islands();
    bad.bans.push(Ban { from: Lane::forward(0), to: Lane::forward(1) });
    assert_eq!(refused(bad), NetworkError::Ban(0));
}

/// Places on the streets and off them, asked one by one and all at once.
#[test]
fn what_is_remembered_of_places_gives_the_legs_that_a_plain_search_gives() {
    for seed in cases() {
        let network = draw(seed);
        let mut dice = StdRng::seed_from_u64(seed ^ 0x1e65);
        let mut places: Vec<Place> = network.junctions.iter().take(12).copied().collect();
        places.extend(
            (0..6).map(|_| Place { lat_e6: dice.random_range(0..20_000), lon_e6: dice.random_range(0..20_000) }),
        );
        places.push(Place { lat_e6: 500_000, lon_e6: 0 });
        let legs = Legs::new(NetworkId::of_hash(&[0; 32]), prepared(network), 400.0);
        let mut square = legs.square(&places).into_iter();
        for from in &places {
            for to in &places {
                let expected = if from == to { Some(0) } else { legs.plain_ms(*from, *to) };
                let leg = legs.leg(*from, *to);
                assert_eq!(
                    leg.map(|leg| leg.duration_s),
                    expected.map(|ms| i64::from(ms.div_ceil(1_000))),
                    "seed {seed}"
                );
                assert_eq!(square.next(), Some(leg), "seed {seed}");
                let drive = legs.drive(*from, *to).filter(|_| from != to);
                let by_course = drive.map(|drive| i64::from(drive.weight.distance_dm().div_ceil(10)));
                assert_eq!(by_course, leg.filter(|_| from != to).map(|leg| leg.distance_m), "seed {seed}");
            }
        }
        assert!(!legs.reaches(*places.last().unwrap()));
    }
}
