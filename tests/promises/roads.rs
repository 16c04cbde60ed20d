//! Regions that drive over a road network: who is nearest by road wins, the record says what it rests on, and a
//! network that is renewed or gone is told of in the region's settings.

use crate::common::tree::{ALWAYS, Time, Tree, at, expert, region, reopen, runtime, tv, violations};
use callout::{
    actors::Clock,
    domain::{
        decision::{Decision, TravelSource},
        fact::Fact,
        fix::Fix,
        ids::{Thing, TicketNumber},
        network::NetworkId,
        place::Place,
        settings::Source,
        ticket::{Action, TicketEvent},
    },
    notify::Desk,
    routing::roads::{Legs, Network, Roads, Street},
    storage::Durability,
};
use std::sync::Arc;

/// A street along each bank of a river that runs north at 3 km east, and one bridge, ten kilometres north: a minute
/// for a kilometre, so 20 minutes from bank to bank.
fn river(bridge_min: u32) -> Arc<Legs> {
    let street = |from, to, minutes: u32, length_dm| {
        let ms = minutes * 60_000;
        Street { from, to, forward_ms: ms, backward_ms: ms, length_dm, corners: 0..0 }
    };
    let network = Network {
        junctions: vec![at(2.8, 0.0), at(2.8, 10.0), at(3.2, 10.0), at(3.2, 0.0)],
        streets: vec![street(0, 1, 10, 100_000), street(1, 2, bridge_min, 4_000), street(2, 3, 10, 100_000)],
        ..Network::default()
    };
    let roads = Roads::prepare(network, &mut |_, _| {}).unwrap();
    Arc::new(Legs::new(NetworkId::of_hash(&[bridge_min as u8; 32]), roads, 500.0))
}

fn decision(tree: &Tree, number: TicketNumber) -> Decision {
    let events = tree.service.store().history(&Thing::Ticket(number)).unwrap();
    let decided = events.into_iter().rev().find_map(|event| match event.fact {
        Fact::Ticket(TicketEvent::Decided(decision)) => Some(*decision),
        _ => None,
    });
    decided.expect("somebody was looked for")
}

/// One on each bank: across the river is 1 km away and 21 minutes by road, along it 5 km and 5 minutes.
async fn crew(tree: &Tree, source: Source) {
    tree.square("town", 0.0, |settings| settings.travel.source = source).await;
    tree.expert("across", at(3.3, 0.5), "tv", ALWAYS).await;
    tree.expert("along", at(2.7, 5.5), "tv", ALWAYS).await;
}

fn near_the_river() -> Place {
    at(2.7, 0.5)
}

#[test]
fn whoever_is_nearest_by_road_is_asked_and_the_record_says_so() {
    for (source, nearest, recorded) in [
        (Source::Roads, "along", TravelSource::RoadNetwork),
        (Source::GreatCircle, "across", TravelSource::GreatCircle),
    ] {
        let data = tempfile::tempdir().unwrap();
        runtime(Time::Virtual).block_on(async {
            let roads = river(1);
            let tree = Tree::over_roads(data.path(), Some(roads.clone())).await;
            crew(&tree, source).await;
            let number = tree.open(tv(2.7, 0.5)).await;
            assert_eq!(tree.offered(number).await, nearest);
            let decision = decision(&tree, number);
            assert_eq!(decision.travel, recorded);
            let town = tree.service.store().region(&region("town")).unwrap();
            assert_eq!(decision.region_version, town.version);
            let in_force = (source == Source::Roads).then(|| roads.id());
            assert_eq!(town.settings.travel.network, in_force);
            assert_eq!(violations(tree.service.store(), &[]), Vec::<String>::new());

            // Under way, the time of arrival is the road's too.
            tree.act(number, nearest, Action::Accept).await.unwrap();
            tree.act(number, nearest, Action::Depart).await.unwrap();
            let now = tree.clock.now();
            let halfway = Fix { place: at(2.8, 3.0), at: now, accuracy_m: None };
            if source == Source::Roads {
                tree.service.report(&expert(nearest), halfway).unwrap();
                let by_road = roads.leg(halfway.place, near_the_river()).unwrap().duration_s;
                assert_eq!(by_road, 150, "2.5 km at a minute for a kilometre");
                assert_eq!(tree.service.arrival(&tree.ticket(number)), Some(now.plus_s(by_road)));
                // And so is the way there on a map: along the bank, and always on it.
                let course = tree.service.course(&tree.ticket(number)).unwrap();
                let (begins, ends) = (course[0], *course.last().unwrap());
                assert_eq!((begins.1, ends.1), (now, now.plus_s(by_road)));
                assert!(course.iter().all(|(place, _)| place.lon_e6 == at(2.8, 0.0).lon_e6), "on the street");
                assert!(begins.0.distance_m(halfway.place) < 2.0 && ends.0.distance_m(at(2.8, 0.5)) < 2.0);
            }
            tree.service.stop().await;
        });
    }
}

#[test]
fn off_the_roads_the_great_circle_stands_in_and_the_record_says_so() {
    let data = tempfile::tempdir().unwrap();
    runtime(Time::Virtual).block_on(async {
        let tree = Tree::over_roads(data.path(), Some(river(1))).await;
        crew(&tree, Source::Roads).await;
        let number = tree.open(tv(8.0, 0.5)).await;
        assert_eq!(tree.offered(number).await, "across");
        assert_eq!(decision(&tree, number).travel, TravelSource::RoadsInPart);
        assert_eq!(violations(tree.service.store(), &[]), Vec::<String>::new());
        tree.service.stop().await;
    });
}

#[test]
fn a_renewed_or_lost_network_is_told_of_in_the_settings_and_changes_who_is_nearest() {
    let data = tempfile::tempdir().unwrap();
    let mut versions = Vec::new();
    // The same again changes nothing; without a network and with another one, the region says so.
    for (roads, nearest) in
        [(Some(river(1)), "along"), (Some(river(1)), "along"), (None, "across"), (Some(river(2)), "along")]
    {
        runtime(Time::Virtual).block_on(async {
            let store = reopen(data.path(), Durability::Disposable);
            let (seq, _) = store.head();
            let last = store.read(seq.max(1), 1).unwrap().last().map(|recorded| recorded.envelope.at);
            let clock = Clock::virtual_from(last.unwrap_or_else(Tree::monday));
            let wanted = roads.as_ref().map(|roads| roads.id());
            let tree = Tree::with_roads(store, clock, Desk::silent(), roads).await;
            if seq == 0 {
                crew(&tree, Source::Roads).await;
            }
            let town = tree.service.store().region(&region("town")).unwrap();
            assert_eq!(town.settings.travel.network, wanted);
            versions.push(town.version);
            let number = tree.open(tv(2.7, 0.5)).await;
            assert_eq!(tree.offered(number).await, nearest);
            // Whoever it is has nothing to do when the next one comes.
            tree.act(number, nearest, Action::Decline { reason: "busy".into() }).await.unwrap();
            tree.service.stop().await;
        });
    }
    assert_eq!(versions, [1, 1, 2, 3]);
}
