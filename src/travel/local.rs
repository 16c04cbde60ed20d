//! Sources that answer from memory: the great circle, and a road network.

use super::{
    Ask, Asked, Hours, Travel,
    table::{Origin, Table},
};
use crate::{
    domain::{place::Place, settings::TravelSettings},
    routing::{
        Leg, great_circle,
        roads::{Drive, Roads, Spot, Weight},
    },
};
use std::sync::Arc;

/// Great circle x detour at a speed by the hour.
#[derive(Clone, Debug, Default)]
pub struct GreatCircle {
    pub settings: TravelSettings,
    pub hours: Hours,
}

impl GreatCircle {
    #[must_use]
    pub fn table(&self, from: &[Place], to: &[Place], hour: u8) -> Table {
        let leg = |from: &Place, to: &Place| {
            let Leg { duration_s, distance_m } = great_circle(*from, *to, &self.settings);
            Some(Leg { duration_s: self.hours.seconds(duration_s as u64 * 1_000, hour), distance_m })
        };
        let legs = from.iter().flat_map(|from| to.iter().map(move |to| leg(from, to))).collect();
        Table { rows: from.len(), columns: to.len(), legs, origin: Origin::GreatCircle, instead: None }
    }
}

/// Drives over roads. A place too far from any is reachable from nowhere but itself.
#[derive(Clone, Debug)]
pub struct OnRoads {
    pub roads: Arc<Roads>,
    /// How far a place may be from a street, metres.
    pub snap_m: f64,
    pub hours: Hours,
}

impl OnRoads {
    #[must_use]
    pub fn table(&self, from: &[Place], to: &[Place], hour: u8) -> Table {
        let spots = |places: &[Place]| places.iter().map(|place| self.roads.snap(*place, self.snap_m)).collect();
        let (rows, columns): (Vec<Option<Spot>>, Vec<Option<Spot>>) = (spots(from), spots(to));
        let weights = self.roads.table(&rows, &columns);
        let pairs = from.iter().flat_map(|from| to.iter().map(move |to| from == to));
        let leg = |(weight, same): (Weight, bool)| match weight {
            _ if same => Some(Leg { duration_s: 0, distance_m: 0 }),
            Weight::NEVER => None,
            weight => Some(self.leg(weight, hour)),
        };
        let legs = weights.into_iter().zip(pairs).map(leg).collect();
        Table { rows: from.len(), columns: to.len(), legs, origin: Origin::Roads, instead: None }
    }

    /// The drive between two places, with its course; None: too far from a street, or no way.
    #[must_use]
    pub fn drive(&self, from: Place, to: Place) -> Option<Drive> {
        self.roads.drive(&self.roads.snap(from, self.snap_m)?, &self.roads.snap(to, self.snap_m)?)
    }

    fn leg(&self, weight: Weight, hour: u8) -> Leg {
        let distance_m = i64::from(weight.distance_dm().div_ceil(10));
        Leg { duration_s: self.hours.seconds(weight.duration_ms().into(), hour), distance_m }
    }
}

impl Travel for GreatCircle {
    fn table<'a>(&'a self, ask: Ask<'a>) -> Asked<'a> {
        Box::pin(async move { Ok(Self::table(self, ask.from, ask.to, ask.hour)) })
    }
}

impl Travel for OnRoads {
    fn table<'a>(&'a self, ask: Ask<'a>) -> Asked<'a> {
        Box::pin(async move { Ok(Self::table(self, ask.from, ask.to, ask.hour)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::roads::{Network, Street};

    fn place(lat_e6: i32, lon_e6: i32) -> Place {
        Place { lat_e6, lon_e6 }
    }

    /// A one-way street of 111.2 m in ten seconds.
    fn one_way() -> OnRoads {
        let street =
            Street { from: 0, to: 1, forward_ms: 10_000, backward_ms: u32::MAX, length_dm: 1_112, corners: 0..0 };
        let network =
            Network { junctions: vec![place(0, 0), place(0, 1_000)], streets: vec![street], ..Network::default() };
        let roads = Roads::prepare(network, &mut |_, _| {}).unwrap();
        let mut speeds = [100; 24];
        speeds[8] = 50;
        OnRoads { roads: Arc::new(roads), snap_m: 50.0, hours: Hours::new(speeds).unwrap() }
    }

    #[test]
    fn what_cannot_be_reached_has_no_leg_and_a_place_always_reaches_itself() {
        let places = [place(0, 0), place(0, 1_000), place(90_000, 0)];
        let table = one_way().table(&places, &places, 0);
        let known = |row, column| table.leg(row, column).map(|leg| (leg.duration_s, leg.distance_m));
        assert_eq!(known(0, 1), Some((10, 112)));
        assert_eq!(known(1, 0), None, "one way");
        assert_eq!((known(0, 2), known(2, 0), known(2, 2)), (None, None, Some((0, 0))), "far from any street");
        let matrix = table.matrix().unwrap();
        assert_eq!((matrix.duration(0, 1), matrix.duration(1, 0)), (10, i64::MAX));
        assert!(one_way().table(&places, &places[..2], 0).matrix().is_none(), "not square");
    }

    #[test]
    fn the_rush_makes_every_source_slower() {
        let (from, to) = ([place(0, 0)], [place(0, 1_000)]);
        let roads = one_way();
        let circle = GreatCircle { settings: TravelSettings::default(), hours: roads.hours };
        for (calm, rush) in [
            (roads.table(&from, &to, 7), roads.table(&from, &to, 8)),
            (circle.table(&from, &to, 7), circle.table(&from, &to, 8)),
        ] {
            let (calm, rush) = (calm.leg(0, 0).unwrap(), rush.leg(0, 0).unwrap());
            assert_eq!(rush.duration_s, 2 * calm.duration_s);
            assert_eq!(rush.distance_m, calm.distance_m);
        }
    }
}
