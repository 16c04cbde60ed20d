//! What a drive takes in a live region: over the region's roads or by a server's legs where it has some, else by great
//! circle; faster or slower by the local hour of departure.
//!
//! Must hold: whole seconds, rounded up, so that a plan never promises more than the model gives; the same
//! settings, network and legs give the same drives (P8). A place that no street is near and a pair without a way are
//! no dead end: an extract that lacks a street must not take an expert out. The great circle stands in; beside a server
//! it is as fast as the server has a drive between the known places nearest to both ends.

use super::{
    Leg,
    roads::{Drive, Legs, Weight},
    square::Square,
    waypoint::Waypoint,
};
use crate::domain::{
    decision::TravelSource,
    hours::{Hours, local_hour},
    place::Place,
    settings::{Source, TravelSettings},
    time::Timestamp,
};

/// What a region's drives are reckoned by.
#[derive(Clone, Copy, Debug)]
pub struct Drives<'a> {
    settings: &'a TravelSettings,
    /// Speeds that differ by the hour, and the time zone whose hours they are.
    hours: Option<(&'a Hours, &'a str)>,
    roads: Option<&'a Legs>,
    square: Option<&'a Square>,
}

/// A likeness beyond this says more about the two places than about the way between.
const LIKENESS: std::ops::RangeInclusive<f64> = 0.1..=10.0;

impl<'a> Drives<'a> {
    /// `zone`: the region's time zone (IANA). `roads`: the network at hand; it counts when it is the one that
    /// the settings name.
    #[must_use]
    pub fn new(settings: &'a TravelSettings, zone: &'a str, roads: Option<&'a Legs>) -> Self {
        let named = |roads: &&Legs| settings.network == Some(roads.id());
        let hours = settings.speed_by_hour.as_ref().map(|hours| (hours, zone));
        Self { settings, hours, roads: roads.filter(named), square: None }
    }

    /// By what is known of a server's legs; it counts where the settings say so.
    #[must_use]
    pub fn by_server(self, square: Option<&'a Square>) -> Self {
        Self { square: square.filter(|_| self.settings.source == Source::Server), ..self }
    }

    /// Another number when the server's legs are others; 0 without any.
    #[must_use]
    pub fn edition(self) -> u64 {
        self.square.map_or(0, Square::edition)
    }

    /// At usual speed.
    #[must_use]
    pub fn leg(self, from: Place, to: Place) -> Leg {
        self.roads.and_then(|roads| roads.leg(from, to)).unwrap_or_else(|| self.off_road(from, to))
    }

    /// Seconds at usual speed: of [`Self::leg`], whose metres a timetable has no use for.
    pub(super) fn usual_s(self, from: &Waypoint, to: &Waypoint) -> i64 {
        if !self.is_by_great_circle() {
            return self.leg(from.place, to.place).duration_s;
        }
        if from.place == to.place { 0 } else { circle_s(from.distance_m(to), self.settings) }
    }

    /// Seconds there and back at usual speed. One way is as long as the other by great circle, so it is reckoned once.
    pub(super) fn both_ways_s(self, here: &Waypoint, there: &Waypoint) -> (i64, i64) {
        let out_s = self.usual_s(here, there);
        (out_s, if self.is_by_great_circle() { out_s } else { self.usual_s(there, here) })
    }

    fn is_by_great_circle(self) -> bool {
        self.roads.is_none() && self.square.is_none()
    }

    /// By the server's legs, or instead of any.
    fn off_road(self, from: Place, to: Place) -> Leg {
        self.square.and_then(|square| square.leg(from, to)).unwrap_or_else(|| self.instead(from, to))
    }

    /// The great circle, as fast as the like of it.
    fn instead(self, from: Place, to: Place) -> Leg {
        let leg = great_circle(from, to, self.settings);
        let Some((a, b, like)) = self.square.and_then(|square| square.like(from, to)) else { return leg };
        let circle = great_circle(a, b, self.settings);
        let by = |known: i64, reckoned: i64| {
            (known as f64 / reckoned.max(1) as f64).clamp(*LIKENESS.start(), *LIKENESS.end())
        };
        Leg {
            duration_s: (leg.duration_s as f64 * by(like.duration_s, circle.duration_s)).ceil() as i64,
            distance_m: (leg.distance_m as f64 * by(like.distance_m, circle.distance_m)).ceil() as i64,
        }
    }

    /// Seconds of a drive that begins then.
    #[must_use]
    pub fn drive_s(self, from: Place, to: Place, depart: Timestamp) -> i64 {
        self.lasts_s(self.leg(from, to).duration_s, depart)
    }

    /// The course of a drive that begins then: the road's, else a straight line. It lasts what [`Self::drive_s`] says.
    /// A search of its own (a fraction of a millisecond in a city): for maps, not for auctions.
    #[must_use]
    pub fn drive(self, from: Place, to: Place, depart: Timestamp) -> Drive {
        const MS_PER_S: i64 = 1_000;
        let leg = self.leg(from, to);
        let lasts_ms = u32::try_from(self.lasts_s(leg.duration_s, depart) * MS_PER_S).unwrap_or(u32::MAX);
        let road = self.roads.filter(|_| from != to).and_then(|roads| roads.drive(from, to));
        let mut line = road.map_or_else(|| vec![(from, 0), (to, lasts_ms)], |road| road.line);
        let usual_ms = u64::from(line.last().map_or(0, |(_, passed)| *passed).max(1));
        for (_, passed) in &mut line {
            *passed = (u64::from(*passed) * u64::from(lasts_ms) / usual_ms) as u32;
        }
        let distance_dm = u32::try_from(leg.distance_m * 10).unwrap_or(u32::MAX);
        Drive { weight: Weight::new(lasts_ms, distance_dm), line }
    }

    /// Seconds of a drive that takes `usual_s` at usual speed and begins then; all of it at the speed of that hour.
    #[must_use]
    pub fn lasts_s(self, usual_s: i64, depart: Timestamp) -> i64 {
        self.departing(depart)(usual_s)
    }

    /// As [`Self::lasts_s`], of many drives: the hour is looked up once.
    pub fn departing(self, depart: Timestamp) -> impl Fn(i64) -> i64 + use<'a> {
        let hour = self.hours.map(|(hours, zone)| (hours, local_hour(depart, zone)));
        move |usual_s| {
            hour.map_or(usual_s, |(hours, hour)| hours.seconds(usual_s.unsigned_abs().saturating_mul(1_000), hour))
        }
    }

    /// Legs between all of these places at the speed of the hour of `depart`, row by row.
    #[must_use]
    pub fn square(self, places: &[Place], depart: Timestamp) -> Vec<Leg> {
        let pairs = places.iter().flat_map(|from| places.iter().map(move |to| (*from, *to)));
        let mut known = self.roads.map(|roads| roads.square(places)).into_iter().flatten();
        let lasts_s = self.departing(depart);
        let timed = |(from, to)| {
            let leg = known.next().flatten().unwrap_or_else(|| self.off_road(from, to));
            Leg { duration_s: lasts_s(leg.duration_s), ..leg }
        };
        pairs.map(timed).collect()
    }

    /// What stands in the record of a decision about a visit at `there`, by drives between it and `places`.
    /// Each of them is reached from it and reaches it, so all of them reach each other; or it is roads, or the server,
    /// in part.
    #[must_use]
    pub fn source(self, there: Place, mut places: impl Iterator<Item = Place>) -> TravelSource {
        if let Some(square) = self.square {
            let joined = |place| square.leg(there, place).is_some() && square.leg(place, there).is_some();
            let known = square.knows(there) && places.all(joined);
            return if known { TravelSource::Server } else { TravelSource::ServerInPart };
        }
        let Some(roads) = self.roads else { return TravelSource::GreatCircle };
        let joined = |place| roads.leg(there, place).is_some() && roads.leg(place, there).is_some();
        let known = roads.reaches(there) && places.all(joined);
        if known { TravelSource::RoadNetwork } else { TravelSource::RoadsInPart }
    }
}

/// Great circle x detour at the set speed; whole seconds, rounded up.
#[must_use]
pub fn great_circle(from: Place, to: Place, settings: &TravelSettings) -> Leg {
    if from == to {
        return Leg { duration_s: 0, distance_m: 0 };
    }
    let circle_m = from.distance_m(to);
    Leg { duration_s: circle_s(circle_m, settings), distance_m: (circle_m * settings.detour).round() as i64 }
}

fn circle_s(circle_m: f64, settings: &TravelSettings) -> i64 {
    const SECONDS_PER_HOUR: f64 = 3_600.0;
    const SLOWEST_M_PER_S: f64 = 0.1;
    let speed = (settings.speed_kmh * 1_000.0 / SECONDS_PER_HOUR).max(SLOWEST_M_PER_S);
    (circle_m * settings.detour / speed).ceil() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_takes_what_the_sphere_says() {
        let settings = TravelSettings { detour: 1.0, speed_kmh: 36.0, ..TravelSettings::default() };
        let (a, b) = (Place { lat_e6: 0, lon_e6: 0 }, Place { lat_e6: 1_000_000, lon_e6: 0 });
        // 2 pi R / 360 at 10 m/s.
        assert_eq!(great_circle(a, b, &settings), Leg { duration_s: 11_120, distance_m: 111_195 });
        assert_eq!(great_circle(a, a, &settings), Leg { duration_s: 0, distance_m: 0 });
    }

    #[test]
    fn a_server_is_believed_where_it_is_the_source_and_lends_its_pace_to_what_it_did_not_say() {
        let place = |lon_e6| Place { lat_e6: 0, lon_e6 };
        let (a, b, near_a, beside) = (place(0), place(100_000), place(-500), place(90_000));
        let settings = TravelSettings { source: Source::Server, ..TravelSettings::default() };
        let circle = great_circle(a, b, &settings);
        let twice = Leg { duration_s: 2 * circle.duration_s, distance_m: 3 * circle.distance_m };
        let square = Square::default().grown(7, &[a, b], &[None, Some(twice), None, None], &[]).unwrap();
        let drives = Drives::new(&settings, "UTC", None).by_server(Some(&square));
        assert_eq!((drives.leg(a, b), drives.edition()), (twice, 7));
        assert_eq!(drives.leg(b, a), circle, "no way: the great circle as it is");
        assert_eq!(drives.both_ways_s(&a.into(), &b.into()), (twice.duration_s, circle.duration_s));
        let reckoned = great_circle(near_a, beside, &settings);
        let leg = drives.leg(near_a, beside);
        assert_eq!((leg.duration_s, leg.distance_m), (2 * reckoned.duration_s, 3 * reckoned.distance_m));
        assert_eq!(drives.square(&[a, b], Timestamp::ZERO)[1..3], [twice, circle]);
        let source = |places: &[Place]| drives.source(a, places.iter().copied());
        assert_eq!(source(&[a]), TravelSource::Server);
        for places in [&[b][..], &[a, beside]] {
            assert_eq!(source(places), TravelSource::ServerInPart, "{places:?}");
        }
        let without = Drives::new(&settings, "UTC", None);
        assert_eq!(without.source(a, [b].into_iter()), TravelSource::GreatCircle);
        let usual = TravelSettings::default();
        let elsewhere = Drives::new(&usual, "UTC", None).by_server(Some(&square));
        assert_eq!((elsewhere.leg(a, b), elsewhere.edition()), (circle, 0), "another source is set");
    }

    #[test]
    fn the_smallest_step_is_a_whole_second() {
        let (a, b) = (Place { lat_e6: 0, lon_e6: 0 }, Place { lat_e6: 1, lon_e6: 0 });
        assert_eq!(great_circle(a, b, &TravelSettings::default()).duration_s, 1);
    }
}
