//! From a place to the nearest spot on a street, within a bound.
//!
//! Streets are found in an R-tree by their boxes; distances are measured on a plane around the place,
//! which is good to a fraction of a percent over the few hundred metres that matter.

use super::network::{Lane, Network};
use crate::domain::place::Place;
use rstar::{
    AABB, RTree,
    primitives::{GeomWithData, Rectangle},
};

const METRES_PER_DEGREE: f64 = 111_195.0;
/// First look around a place, metres; each further one is four times as wide.
const FIRST_LOOK_M: f64 = 60.0;

/// A spot on a street.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    pub street: u32,
    /// From the street's `from`.
    pub along_dm: u32,
    pub place: Place,
    /// From the place that was asked for, as the crow flies.
    pub off_m: f64,
}

impl Spot {
    /// How far along a lane of its street it is.
    pub(super) fn along(&self, network: &Network, lane: Lane) -> u32 {
        if lane.is_backward() { network.street(lane).length_dm - self.along_dm } else { self.along_dm }
    }
}

type Boxed = GeomWithData<Rectangle<[f64; 2]>, u32>;

/// Finds streets.
#[derive(Debug)]
pub(super) struct Snapper {
    tree: RTree<Boxed>,
}

impl Snapper {
    /// Over the streets that `wanted` names.
    pub(super) fn new(network: &Network, wanted: &[bool]) -> Self {
        let streets = (0..network.streets.len() as u32).filter(|street| wanted[*street as usize]);
        let boxed = streets.map(|street| {
            let course = network.course(Lane::forward(street));
            let corners = course.iter().map(|place| [place.lon(), place.lat()]);
            let (low, high) = corners.fold(([f64::MAX; 2], [f64::MIN; 2]), |(low, high), at| {
                ([low[0].min(at[0]), low[1].min(at[1])], [high[0].max(at[0]), high[1].max(at[1])])
            });
            GeomWithData::new(Rectangle::from_corners(low, high), street)
        });
        Self { tree: RTree::bulk_load(boxed.collect()) }
    }

    /// The nearest spot within `bound_m`; of equally near ones that of the street with the lower number.
    pub(super) fn nearest(&self, network: &Network, place: Place, bound_m: f64) -> Option<Spot> {
        let mut look_m = FIRST_LOOK_M.min(bound_m);
        loop {
            let found = self.around(network, place, look_m);
            if found.is_some() || look_m >= bound_m {
                return found;
            }
            look_m = (4.0 * look_m).min(bound_m);
        }
    }

    fn around(&self, network: &Network, place: Place, look_m: f64) -> Option<Spot> {
        let plane = Plane::around(place);
        let (dlon, dlat) = (look_m / plane.x_m, look_m / METRES_PER_DEGREE);
        let look =
            AABB::from_corners([place.lon() - dlon, place.lat() - dlat], [place.lon() + dlon, place.lat() + dlat]);
        let near = self.tree.locate_in_envelope_intersecting(&look).map(|boxed| spot_on(network, boxed.data, plane));
        let near = near.filter(|spot| spot.off_m <= look_m);
        near.min_by(|a, b| a.off_m.total_cmp(&b.off_m).then(a.street.cmp(&b.street)))
    }
}

/// Metres east and north of a place.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    middle: Place,
    x_m: f64,
}

impl Plane {
    pub(super) fn around(middle: Place) -> Self {
        Self { middle, x_m: METRES_PER_DEGREE * middle.lat().to_radians().cos().max(0.01) }
    }

    pub(super) fn of(self, place: Place) -> (f64, f64) {
        let (east, north) = (place.lon() - self.middle.lon(), place.lat() - self.middle.lat());
        (east * self.x_m, north * METRES_PER_DEGREE)
    }
}

/// Between two places, 0 to 1.
pub(super) fn between(a: Place, b: Place, share: f64) -> Place {
    let mix = |a: i32, b: i32| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round() as i32;
    Place { lat_e6: mix(a.lat_e6, b.lat_e6), lon_e6: mix(a.lon_e6, b.lon_e6) }
}

/// How far each corner of a course is from its beginning, scaled to the street's length.
pub(super) fn marks(course: &[Place], length_dm: u32) -> Vec<u32> {
    let plane = Plane::around(course[0]);
    let legs = course.windows(2).map(|leg| {
        let (a, b) = (plane.of(leg[0]), plane.of(leg[1]));
        (b.0 - a.0).hypot(b.1 - a.1)
    });
    let mut sums = vec![0.0];
    for leg in legs {
        sums.push(sums[sums.len() - 1] + leg);
    }
    let scale = f64::from(length_dm) / sums[sums.len() - 1].max(f64::MIN_POSITIVE);
    let mut marks: Vec<u32> = sums.iter().map(|sum| ((sum * scale).round() as u32).min(length_dm)).collect();
    if let Some(last) = marks.last_mut() {
        *last = length_dm;
    }
    marks
}

/// The spot of a street that is nearest to the plane's middle.
fn spot_on(network: &Network, street: u32, plane: Plane) -> Spot {
    let lane = Lane::forward(street);
    let course = network.course(lane);
    let (mut off_m, mut leg, mut share) = (f64::INFINITY, 0, 0.0);
    for (no, pair) in course.windows(2).enumerate() {
        let ((ax, ay), (bx, by)) = (plane.of(pair[0]), plane.of(pair[1]));
        let (dx, dy) = (bx - ax, by - ay);
        let square = dx * dx + dy * dy;
        let along = if square > 0.0 { (-(ax * dx + ay * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
        let off = (ax + along * dx).hypot(ay + along * dy);
        if off < off_m {
            (off_m, leg, share) = (off, no, along);
        }
    }
    let marks = marks(&course, network.street(lane).length_dm);
    let along = f64::from(marks[leg]) + share * f64::from(marks[leg + 1] - marks[leg]);
    Spot { street, along_dm: along.round() as u32, place: between(course[leg], course[leg + 1], share), off_m }
}
