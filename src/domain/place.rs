//! Places on the globe, in millionths of a degree, and the index that finds a point's region.

use geo::{Area, BooleanOps, BoundingRect, Contains, Distance, Haversine};
use minicbor::{Decode, Encode};
use std::fmt;

/// WGS 84, degrees x 10^6: exact, comparable, hashable; about 0.1 m.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Place {
    #[n(0)]
    pub lat_e6: i32,
    #[n(1)]
    pub lon_e6: i32,
}

/// A square of about 1 km that may stay unsealed: hundredths of a degree, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct CoarseCell {
    #[n(0)]
    pub lat_e2: i16,
    #[n(1)]
    pub lon_e2: i16,
}

/// Mean Earth radius (IUGG), metres.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("a latitude is a number from -90 to 90")]
    Latitude,
    #[error("a longitude is a number from -180 to 180")]
    Longitude,
}

impl Place {
    /// Degrees; NaN, infinities and values off the globe are refused.
    pub fn new(lat: f64, lon: f64) -> Result<Self, PlaceError> {
        if !(-90.0..=90.0).contains(&lat) {
            return Err(PlaceError::Latitude);
        }
        if !(-180.0..=180.0).contains(&lon) {
            return Err(PlaceError::Longitude);
        }
        Ok(Self { lat_e6: (lat * 1e6).round() as i32, lon_e6: (lon * 1e6).round() as i32 })
    }

    #[must_use]
    pub fn lat(self) -> f64 {
        f64::from(self.lat_e6) / 1e6
    }

    #[must_use]
    pub fn lon(self) -> f64 {
        f64::from(self.lon_e6) / 1e6
    }

    /// Great-circle distance in metres (haversine, [`EARTH_RADIUS_M`]).
    #[must_use]
    pub fn distance_m(self, other: Self) -> f64 {
        Haversine.distance(self.point(), other.point())
    }

    /// Whether [`Self::distance_m`] is more than this. Nearly all are told apart without trigonometry: along the
    /// meridian and then along the parallel is never shorter than the great circle, the way along the meridian alone
    /// never longer.
    #[must_use]
    pub fn is_farther(self, other: Self, reach_m: f64) -> bool {
        const M_PER_E6: f64 = 0.111_195;
        const MARGIN: f64 = 0.01;
        let m = |one: i32, other: i32| f64::from(one.abs_diff(other)) * M_PER_E6;
        let (north, east) = (m(self.lat_e6, other.lat_e6), m(self.lon_e6, other.lon_e6));
        if (north + east) * (1.0 + MARGIN) < reach_m {
            return false;
        }
        north * (1.0 - MARGIN) > reach_m || self.distance_m(other) > reach_m
    }

    #[must_use]
    pub fn coarse(self) -> CoarseCell {
        CoarseCell { lat_e2: self.lat_e6.div_euclid(10_000) as i16, lon_e2: self.lon_e6.div_euclid(10_000) as i16 }
    }

    #[must_use]
    pub fn point(self) -> geo::Point<f64> {
        geo::Point::new(self.lon(), self.lat())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6},{:.6}", self.lat(), self.lon())
    }
}

/// Exact places are personal: logs and panics show the coarse cell only.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~{:.2},{:.2}", self.lat(), self.lon())
    }
}

/// A region's area: polygons with holes, rings of places in order, closed implicitly.
/// Valid by construction where it came through `import/`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Geometry {
    #[n(0)]
    pub polygons: Vec<Polygon>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Polygon {
    #[n(0)]
    pub outer: Vec<Place>,
    #[n(1)]
    pub holes: Vec<Vec<Place>>,
}

impl Geometry {
    /// The middle of its bounding box; None when it has no corner.
    #[must_use]
    pub fn middle(&self) -> Option<Place> {
        let rect = self.to_geo().bounding_rect()?;
        Place::new(rect.center().y, rect.center().x).ok()
    }

    #[must_use]
    pub fn to_geo(&self) -> geo::MultiPolygon<f64> {
        let ring = |ring: &Vec<Place>| -> geo::LineString<f64> { ring.iter().map(|p| p.point()).collect() };
        let polygon = |p: &Polygon| geo::Polygon::new(ring(&p.outer), p.holes.iter().map(ring).collect());
        self.polygons.iter().map(polygon).collect()
    }

    /// The area that two geometries have in common as a share of the smaller one, 0 to 1, on the
    /// plane of degrees.
    #[must_use]
    pub fn overlap_share(&self, other: &Self) -> f64 {
        let (a, b) = (self.to_geo(), other.to_geo());
        let smaller = a.unsigned_area().min(b.unsigned_area());
        if smaller > 0.0 { a.intersection(&b).unsigned_area() / smaller } else { 0.0 }
    }
}

/// Finds the region of a point: containment first (the smaller area wins, the id breaks ties),
/// else the nearest region within reach. Immutable; a new cut makes a new index.
pub struct RegionIndex {
    tree: rstar::RTree<Entry>,
}

struct Entry {
    id: super::ids::RegionId,
    area: geo::MultiPolygon<f64>,
    size: f64,
    low: [f64; 2],
    high: [f64; 2],
}

/// How a place was given to its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Located {
    /// One region contains the point.
    #[n(0)]
    Inside,
    /// Several contain it; the smallest was taken.
    #[n(1)]
    Smallest,
    /// None contains it; the nearest within reach was taken.
    #[n(2)]
    Nearest,
    /// None is within reach, or there is no place at all.
    #[n(3)]
    Nowhere,
}

impl rstar::RTreeObject for Entry {
    type Envelope = rstar::AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        rstar::AABB::from_corners(self.low, self.high)
    }
}

impl RegionIndex {
    #[must_use]
    pub fn new<'a>(regions: impl IntoIterator<Item = (&'a super::ids::RegionId, &'a Geometry)>) -> Self {
        let entries = regions.into_iter().filter_map(|(id, geometry)| {
            let area = geometry.to_geo();
            let rect = area.bounding_rect()?;
            Some(Entry {
                id: id.clone(),
                size: area.unsigned_area(),
                low: [rect.min().x, rect.min().y],
                high: [rect.max().x, rect.max().y],
                area,
            })
        });
        Self { tree: rstar::RTree::bulk_load(entries.collect()) }
    }

    /// The region of `place`, and how it was found. `reach_m` bounds the search for a nearest one.
    #[must_use]
    pub fn locate(&self, place: Place, reach_m: f64) -> (Option<super::ids::RegionId>, Located) {
        let point = place.point();
        let here = rstar::AABB::from_point([point.x(), point.y()]);
        let mut inside: Vec<&Entry> =
            self.tree.locate_in_envelope_intersecting(&here).filter(|entry| entry.area.contains(&point)).collect();
        inside.sort_by(|a, b| a.size.total_cmp(&b.size).then_with(|| a.id.cmp(&b.id)));
        match inside.as_slice() {
            [] => self.nearest(place, reach_m),
            [only] => (Some(only.id.clone()), Located::Inside),
            [smallest, ..] => (Some(smallest.id.clone()), Located::Smallest),
        }
    }

    fn nearest(&self, place: Place, reach_m: f64) -> (Option<super::ids::RegionId>, Located) {
        match self.nearest_regions(place, reach_m, 1).pop() {
            Some(id) => (Some(id), Located::Nearest),
            None => (None, Located::Nowhere),
        }
    }

    /// At most `limit` regions with an edge (or inside) within `reach_m` of a place, nearest first.
    #[must_use]
    pub fn nearest_regions(&self, place: Place, reach_m: f64, limit: usize) -> Vec<super::ids::RegionId> {
        const METRES_PER_DEGREE: f64 = 111_195.0;
        let dlat = reach_m / METRES_PER_DEGREE;
        let dlon = dlat / place.lat().to_radians().cos().max(0.01);
        let (x, y) = (place.lon(), place.lat());
        let around = rstar::AABB::from_corners([x - dlon, y - dlat], [x + dlon, y + dlat]);
        let mut near: Vec<_> = self
            .tree
            .locate_in_envelope_intersecting(&around)
            .map(|entry| (edge_distance_m(&entry.area, place), &entry.id))
            .filter(|(distance_m, _)| *distance_m <= reach_m)
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
        near.into_iter().take(limit).map(|(_, id)| id.clone()).collect()
    }
}

/// Metres from a place to the nearest edge of an area, on a plane around the place (good to a
/// fraction of a percent within 100 km).
fn edge_distance_m(area: &geo::MultiPolygon<f64>, place: Place) -> f64 {
    use geo::{Euclidean, MapCoords};
    const METRES_PER_DEGREE: f64 = 111_195.0;
    let shrink = place.lat().to_radians().cos().max(0.01);
    let flat = area.map_coords(|c| geo::Coord {
        x: (c.x - place.lon()) * METRES_PER_DEGREE * shrink,
        y: (c.y - place.lat()) * METRES_PER_DEGREE,
    });
    Euclidean.distance(&geo::Point::new(0.0, 0.0), &flat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::RegionId;

    fn place(lat: f64, lon: f64) -> Place {
        Place::new(lat, lon).unwrap()
    }

    fn ring(south: f64, west: f64, north: f64, east: f64) -> Vec<Place> {
        vec![place(south, west), place(south, east), place(north, east), place(north, west)]
    }

    /// Id, outer ring, holes.
    type Cut = (&'static str, Vec<Place>, Vec<Vec<Place>>);

    fn index(regions: &[Cut]) -> RegionIndex {
        let regions: Vec<(RegionId, Geometry)> = regions
            .iter()
            .map(|(id, outer, holes)| {
                let polygon = Polygon { outer: outer.clone(), holes: holes.clone() };
                (RegionId::parse(id).unwrap(), Geometry { polygons: vec![polygon] })
            })
            .collect();
        RegionIndex::new(regions.iter().map(|(id, geometry)| (id, geometry)))
    }

    fn located(index: &RegionIndex, lat: f64, lon: f64, reach_m: f64) -> (Option<String>, Located) {
        let (region, how) = index.locate(place(lat, lon), reach_m);
        (region.map(|id| id.as_str().to_owned()), how)
    }

    fn found(name: &str, how: Located) -> (Option<String>, Located) {
        (Some(name.to_owned()), how)
    }

    #[test]
    fn of_regions_that_overlap_the_smaller_has_the_point() {
        let city = ("city", ring(42.3, -71.1, 42.4, -71.0), vec![]);
        let county = ("county", ring(42.0, -72.0, 43.0, -70.0), vec![]);
        for regions in [[city.clone(), county.clone()], [county, city]] {
            let index = index(&regions);
            assert_eq!(located(&index, 42.35, -71.05, 0.0), found("city", Located::Smallest));
            assert_eq!(located(&index, 42.5, -71.05, 0.0), found("county", Located::Inside));
        }
        let twins = [("b", ring(0.0, 0.0, 1.0, 1.0), vec![]), ("a", ring(0.0, 0.0, 1.0, 1.0), vec![])];
        assert_eq!(located(&index(&twins), 0.5, 0.5, 0.0), found("a", Located::Smallest), "the id breaks ties");
    }

    #[test]
    fn outside_of_all_the_nearest_within_reach_takes_it() {
        let regions =
            [("west", ring(42.0, -72.0, 42.1, -71.9), vec![]), ("east", ring(42.0, -71.5, 42.1, -71.4), vec![])];
        let index = index(&regions);
        // 0.1 degrees of longitude are 8.3 km here: 8.3 km from one, 24.8 km from the other.
        assert_eq!(located(&index, 42.05, -71.8, 9_000.0), found("west", Located::Nearest));
        assert_eq!(located(&index, 42.05, -71.6, 60_000.0), found("east", Located::Nearest));
        assert_eq!(located(&index, 42.05, -71.8, 8_000.0), (None, Located::Nowhere));
        assert_eq!(located(&index, -42.05, 71.8, 60_000.0), (None, Located::Nowhere));
        assert_eq!(located(&super::RegionIndex::new([]), 1.0, 1.0, 1e9), (None, Located::Nowhere));
    }

    #[test]
    fn a_hole_belongs_to_nobody_or_to_who_fills_it() {
        let around = ("around", ring(0.0, 0.0, 1.0, 1.0), vec![ring(0.4, 0.4, 0.6, 0.6)]);
        let alone = index(std::slice::from_ref(&around));
        assert_eq!(located(&alone, 0.5, 0.5, 1_000.0), (None, Located::Nowhere));
        assert_eq!(located(&alone, 0.5, 0.5, 20_000.0), found("around", Located::Nearest));
        let filled = index(&[around, ("inside", ring(0.4, 0.4, 0.6, 0.6), vec![])]);
        assert_eq!(located(&filled, 0.5, 0.5, 0.0), found("inside", Located::Inside));
    }

    #[test]
    fn only_places_on_the_globe_are_places() {
        assert_eq!(Place::new(90.1, 0.0), Err(PlaceError::Latitude));
        assert_eq!(Place::new(f64::NAN, 0.0), Err(PlaceError::Latitude));
        assert_eq!(Place::new(0.0, -180.5), Err(PlaceError::Longitude));
        assert_eq!(Place::new(0.0, f64::INFINITY), Err(PlaceError::Longitude));
        assert!(Place::new(-90.0, 180.0).is_ok());
    }

    #[test]
    fn the_coarse_cell_rounds_down_on_both_sides_of_zero() {
        assert_eq!(place(42.369, -71.061).coarse(), CoarseCell { lat_e2: 4_236, lon_e2: -7_107 });
    }

    #[test]
    fn a_quarter_of_a_meridian_is_about_ten_thousand_kilometres() {
        let quarter_m = place(0.0, 0.0).distance_m(place(90.0, 0.0));
        assert!((quarter_m - EARTH_RADIUS_M * std::f64::consts::FRAC_PI_2).abs() < 1.0);
    }

    #[test]
    fn who_is_farther_is_told_without_trigonometry_and_never_otherwise() {
        let home = Place { lat_e6: 59_900_000, lon_e6: 179_950_000 };
        for step in 0..4_000 {
            let (north, east) = (step % 63 * 9_000 - 280_000, step / 63 * 18_000 - 560_000);
            let lon_e6 = (home.lon_e6 + east + 180_000_000).rem_euclid(360_000_000) - 180_000_000;
            let place = Place { lat_e6: home.lat_e6 + north, lon_e6 };
            assert_eq!(home.is_farther(place, 30_000.0), home.distance_m(place) > 30_000.0, "{north} {east}");
        }
    }

    #[test]
    fn exact_places_stay_out_of_debug_output() {
        assert_eq!(format!("{:?}", place(42.360_123, -71.058_456)), "~42.36,-71.06");
    }
}
