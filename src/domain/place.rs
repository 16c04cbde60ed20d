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
