//! Whether the boundaries of an area cross, exactly. Candidates come from an R-tree of the edges; each
//! pair is then judged by the signs of whole-number areas, so that a touch is never a crossing.

use super::{
    MAX_SEGMENT_PAIRS,
    rings::{Fault, along, turn},
};
use crate::domain::place::{Place, Polygon};
use rstar::{AABB, RTree, RTreeObject};

/// One edge of one ring.
struct Segment<'a> {
    ring: &'a [Place],
    /// Number of the ring in the whole area, and of the edge in the ring.
    id: (usize, usize),
    a: Place,
    b: Place,
}

impl RTreeObject for Segment<'_> {
    type Envelope = AABB<[i64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        let corner = |place: Place| [i64::from(place.lon_e6), i64::from(place.lat_e6)];
        AABB::from_corners(corner(self.a), corner(self.b))
    }
}

impl Segment<'_> {
    fn before(&self) -> Place {
        let at = if self.id.1 == 0 { self.ring.len() } else { self.id.1 };
        self.ring[at - 1]
    }
}

/// Looks at every pair of edges whose boxes touch, found with an R-tree.
pub(super) fn check_crossings(polygons: &[Polygon]) -> Result<(), Fault> {
    let rings = polygons.iter().flat_map(|polygon| std::iter::once(&polygon.outer).chain(&polygon.holes));
    let segments = rings.enumerate().flat_map(|(number, ring)| {
        (0..ring.len()).map(move |at| Segment { ring, id: (number, at), a: ring[at], b: ring[(at + 1) % ring.len()] })
    });
    let tree = RTree::bulk_load(segments.collect());
    let mut pairs = 0;
    for (s, t) in tree.intersection_candidates_with_other_tree(&tree) {
        pairs += 1;
        if pairs > MAX_SEGMENT_PAIRS {
            return Err(("self_intersection", "too tangled to check: simplify it".to_owned()));
        }
        if s.id < t.id
            && let Some((what, at)) = conflict(s, t)
        {
            return Err(("self_intersection", format!("{what} at [{:.6}, {:.6}]", at.lon(), at.lat())));
        }
    }
    Ok(())
}

/// How two edges make an inside that is no inside, and where.
fn conflict(s: &Segment<'_>, t: &Segment<'_>) -> Option<(&'static str, Place)> {
    const CROSSES: &str = "a boundary crosses itself";
    let (ta, tb) = (turn(s.a, s.b, t.a), turn(s.a, s.b, t.b));
    let (sa, sb) = (turn(t.a, t.b, s.a), turn(t.a, t.b, s.b));
    if ta == 0 && tb == 0 {
        let shared = s.id.0 == t.id.0 && overlap(s, t);
        if shared {
            return Some(("a ring runs back along itself", t.a));
        }
        return (s.a == t.a && weaves(s, t)).then_some((CROSSES, s.a));
    }
    if ta.signum() * tb.signum() < 0 && sa.signum() * sb.signum() < 0 {
        return Some((CROSSES, meeting(s, sa, sb)));
    }
    // A vertex on the other's edge: its ring passes through when it comes from one side and leaves on the other.
    let passes = |edge: &Segment<'_>, at: &Segment<'_>| {
        turn(edge.a, edge.b, at.before()).signum() * turn(edge.a, edge.b, at.b).signum() < 0
    };
    if ta == 0 && within(s, t.a) && passes(s, t) {
        return Some((CROSSES, t.a));
    }
    if sa == 0 && within(t, s.a) && passes(t, s) {
        return Some((CROSSES, s.a));
    }
    (s.a == t.a && weaves(s, t)).then_some((CROSSES, s.a))
}

/// Whether edges on one line have more than a point in common.
fn overlap(s: &Segment<'_>, t: &Segment<'_>) -> bool {
    let span = |s: &Segment<'_>| if s.a < s.b { (s.a, s.b) } else { (s.b, s.a) };
    let ((s_low, s_high), (t_low, t_high)) = (span(s), span(t));
    s_low.max(t_low) < s_high.min(t_high)
}

/// Whether a point on the line of an edge lies between its ends.
fn within(edge: &Segment<'_>, point: Place) -> bool {
    point != edge.a && point != edge.b && along(point, edge.a, edge.b) < 0
}

/// Whether two ways through one vertex cross there: in the round of their four edges they alternate.
fn weaves(s: &Segment<'_>, t: &Segment<'_>) -> bool {
    let vertex = s.a;
    let (from, to) = (s.before(), s.b);
    let (other_from, other_to) = (t.before(), t.b);
    let same = |a: Place, b: Place| turn(vertex, a, b) == 0 && along(vertex, a, b) > 0;
    if [other_from, other_to].iter().any(|other| same(*other, from) || same(*other, to)) {
        return false;
    }
    between(vertex, from, to, other_from) != between(vertex, from, to, other_to)
}

/// Whether `x` lies left of `from` and right of `to` as seen from the vertex, going round counter-clockwise.
fn between(vertex: Place, from: Place, to: Place, x: Place) -> bool {
    let (right, left) = (turn(vertex, from, x) > 0, turn(vertex, x, to) > 0);
    match turn(vertex, from, to) {
        0 => right,
        narrow if narrow > 0 => right && left,
        _ => right || left,
    }
}

/// Where `s` crosses the line on whose two sides its ends lie, `sa` and `sb` away.
fn meeting(s: &Segment<'_>, sa: i64, sb: i64) -> Place {
    let share = sa as f64 / (sa as f64 - sb as f64);
    let at = |a: i32, b: i32| (f64::from(a) + share * f64::from(b - a)).round() as i32;
    Place { lat_e6: at(s.a.lat_e6, s.b.lat_e6), lon_e6: at(s.a.lon_e6, s.b.lon_e6) }
}
