//! Rings of a region's area, checked exactly: all arithmetic is on millionths of a degree in whole
//! numbers, so a crossing is a crossing and a touch is a touch.
//!
//! Mended: an open ring, the wrong winding (RFC 7946: outer rings counter-clockwise, holes
//! clockwise), repeated points and spikes, rings without an area. Refused: positions off the globe,
//! rings that cross themselves or each other, rings that run back along themselves, holes outside.
//! Rings may touch at points: that leaves inside and outside as they are.

use super::{crossings::check_crossings, features::Nested};
use crate::domain::place::{Geometry, Place, Polygon};
use std::collections::BTreeSet;

/// Why an area is refused: stable code and words.
pub(super) type Fault = (&'static str, String);

/// What was mended: code and words.
pub(super) type Mends = BTreeSet<(&'static str, &'static str)>;

/// The area of a GeoJSON geometry of type `Polygon` or `MultiPolygon`.
pub(super) fn area(kind: &str, coordinates: &Nested, mends: &mut Mends) -> Result<Geometry, Fault> {
    let parts = match kind {
        "Polygon" => std::slice::from_ref(coordinates),
        "MultiPolygon" => list(coordinates)?,
        _ => return Err(("bad_geometry", format!("a region is a Polygon or a MultiPolygon, not a {kind:.20}"))),
    };
    let mut polygons = Vec::with_capacity(parts.len());
    for part in parts {
        polygons.extend(polygon(list(part)?, mends)?);
    }
    if polygons.is_empty() {
        return Err(("empty_geometry", "no ring encloses an area".to_owned()));
    }
    check_crossings(&polygons)?;
    polygons.iter().try_for_each(check_holes)?;
    Ok(Geometry { polygons })
}

fn list(nested: &Nested) -> Result<&[Nested], Fault> {
    match nested {
        Nested::List(all) => Ok(all),
        Nested::Number(_) | Nested::Position(_) | Nested::Wrong => {
            Err(("bad_geometry", "the coordinates are not lists of rings of positions".to_owned()))
        }
    }
}

/// None when the outer ring encloses nothing.
fn polygon(rings: &[Nested], mends: &mut Mends) -> Result<Option<Polygon>, Fault> {
    let Some((outer, holes)) = rings.split_first() else { return Ok(None) };
    let outer = ring(list(outer)?, true, mends)?;
    let mut kept = Vec::new();
    for hole in holes {
        kept.extend(ring(list(hole)?, false, mends)?);
    }
    Ok(outer.map(|outer| Polygon { outer, holes: kept }))
}

/// One ring, tidied and wound; None when it encloses nothing.
fn ring(positions: &[Nested], outer: bool, mends: &mut Mends) -> Result<Option<Vec<Place>>, Fault> {
    let mut ring = positions.iter().map(place).collect::<Result<Vec<Place>, Fault>>()?;
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    } else if !ring.is_empty() {
        mends.insert(("open_ring", "a ring that does not end where it begins was closed"));
    }
    let mut ring = tidy(&ring, mends);
    if ring.len() < 3 {
        mends.insert(("empty_ring", "a ring that encloses nothing was left out"));
        return Ok(None);
    }
    if (doubled_area(&ring) > 0) != outer {
        ring.reverse();
        mends.insert(("winding", "outer rings run counter-clockwise, holes clockwise: turned round"));
    }
    Ok(Some(ring))
}

fn place(position: &Nested) -> Result<Place, Fault> {
    let Nested::Position([lon, lat]) = position else {
        return Err(("bad_geometry", "a ring holds something that is no position".to_owned()));
    };
    Place::new(*lat, *lon).map_err(|why| {
        let swapped = Place::new(*lon, *lat).is_ok();
        let hint = if swapped { "; swapped? GeoJSON puts the longitude first" } else { "" };
        ("bad_coordinate", format!("[{lon}, {lat}]: {why}{hint}"))
    })
}

/// Without repeated points, and without spikes that go out and come back the same way. What encloses
/// nothing is all spike: fewer than three points are left of it.
fn tidy(ring: &[Place], mends: &mut Mends) -> Vec<Place> {
    let mut kept: Vec<Place> = Vec::with_capacity(ring.len());
    let mut spikes = false;
    for &next in ring {
        while let [.., before, tip] = kept[..]
            && returns(before, tip, next)
        {
            kept.pop();
            spikes = true;
        }
        if kept.last() != Some(&next) {
            kept.push(next);
        }
    }
    let mut first = 0;
    while let [.., before, last] = kept[first..]
        && kept.len() - first > 2
    {
        let (start, after) = (kept[first], kept[first + 1]);
        let (tip_last, tip_first) = (returns(before, last, start), returns(last, start, after));
        spikes |= last != start && (tip_last || tip_first);
        if last == start || tip_last {
            kept.pop();
        } else if tip_first {
            first += 1;
        } else {
            break;
        }
    }
    if spikes {
        mends.insert(("spike", "a spike that encloses nothing was taken off"));
    }
    kept.split_off(first)
}

/// Whether the way from `a` over `b` to `c` turns straight back at `b`.
fn returns(a: Place, b: Place, c: Place) -> bool {
    turn(a, b, c) == 0 && along(b, a, c) > 0
}

/// Twice the signed area of `a b c`: positive when it turns left. Fits: degrees x 10^6 make at most
/// 3.6 x 10^8 x 1.8 x 10^8 x 2.
pub(super) fn turn(a: Place, b: Place, c: Place) -> i64 {
    let (ux, uy) = (b.lon_e6 - a.lon_e6, b.lat_e6 - a.lat_e6);
    let (vx, vy) = (c.lon_e6 - a.lon_e6, c.lat_e6 - a.lat_e6);
    i64::from(ux) * i64::from(vy) - i64::from(uy) * i64::from(vx)
}

/// Scalar product of the ways from `v` to `a` and to `b`.
pub(super) fn along(v: Place, a: Place, b: Place) -> i64 {
    let x = i64::from(a.lon_e6 - v.lon_e6) * i64::from(b.lon_e6 - v.lon_e6);
    x + i64::from(a.lat_e6 - v.lat_e6) * i64::from(b.lat_e6 - v.lat_e6)
}

/// Shoelace formula; positive counter-clockwise.
fn doubled_area(ring: &[Place]) -> i128 {
    let Some(&origin) = ring.first() else { return 0 };
    ring.windows(2).map(|edge| i128::from(turn(origin, edge[0], edge[1]))).sum()
}

/// A hole that crosses nothing lies inside or outside as a whole; its first point off the edge tells.
fn check_holes(polygon: &Polygon) -> Result<(), Fault> {
    for hole in &polygon.holes {
        let outside = hole.iter().find_map(|point| outside(*point, &polygon.outer).map(|outside| (outside, point)));
        if let Some((true, at)) = outside {
            let why = format!("a hole lies outside its ring, at [{:.6}, {:.6}]", at.lon(), at.lat());
            return Err(("bad_hole", why));
        }
    }
    Ok(())
}

/// Whether a point is outside a ring; None on its edge. Counts the edges to the point's right.
fn outside(point: Place, ring: &[Place]) -> Option<bool> {
    let mut outside = true;
    for at in 0..ring.len() {
        let (a, b) = (ring[at], ring[(at + 1) % ring.len()]);
        let side = turn(a, b, point);
        if side == 0 && along(point, a, b) <= 0 {
            return None;
        }
        let spans = (a.lat_e6 > point.lat_e6) != (b.lat_e6 > point.lat_e6);
        if spans && (side > 0) == (b.lat_e6 > a.lat_e6) {
            outside = !outside;
        }
    }
    Some(outside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Rings = Vec<Vec<[f64; 2]>>;

    fn nested(polygons: &[Rings]) -> Nested {
        let ring = |ring: &Vec<[f64; 2]>| Nested::List(ring.iter().map(|p| Nested::Position(*p)).collect());
        Nested::List(polygons.iter().map(|rings| Nested::List(rings.iter().map(ring).collect())).collect())
    }

    fn check(polygons: &[Rings]) -> (Result<Geometry, Fault>, Vec<&'static str>) {
        let mut mends = Mends::new();
        let area = area("MultiPolygon", &nested(polygons), &mut mends);
        (area, mends.into_iter().map(|(kind, _)| kind).collect())
    }

    fn fault(polygons: &[Rings]) -> Fault {
        check(polygons).0.err().unwrap()
    }

    fn square(x: f64, y: f64, side: f64) -> Vec<[f64; 2]> {
        vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    }

    pub(super) fn turned(mut ring: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
        ring.reverse();
        ring
    }

    #[test]
    fn holes_and_parts_are_kept_as_they_are() {
        let (area, mends) =
            check(&[vec![square(0.0, 0.0, 9.0), turned(square(1.0, 1.0, 2.0))], vec![square(20.0, 0.0, 1.0)]]);
        let area = area.unwrap();
        assert!(mends.is_empty());
        assert_eq!((area.polygons.len(), area.polygons[0].holes.len(), area.polygons[0].outer.len()), (2, 1, 4));
    }

    #[test]
    fn open_rings_winding_spikes_and_empty_rings_are_mended() {
        let mut open = turned(square(0.0, 0.0, 4.0));
        open.pop();
        let whole = check(&[vec![square(0.0, 0.0, 4.0)]]).0.unwrap();
        let (area, mends) = check(&[vec![open]]);
        assert_eq!(mends, ["open_ring", "winding"]);
        assert_eq!(area.unwrap().polygons[0].outer.len(), 4);
        let spiked =
            vec![[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [9.0, 9.0], [4.0, 4.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]];
        let (area, mends) = check(&[vec![spiked], vec![vec![[7.0, 7.0], [8.0, 8.0], [7.0, 7.0]]]]);
        assert_eq!((area.unwrap(), mends), (whole.clone(), vec!["empty_ring", "spike"]));
        let at_the_seam = vec![[-3.0, 0.0], [0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0], [-3.0, 0.0]];
        assert_eq!(check(&[vec![at_the_seam]]).1, ["spike"]);
        assert_eq!(fault(&[vec![]]).0, "empty_geometry");
        assert_eq!(fault(&[]).0, "empty_geometry");
    }

    #[test]
    fn crossings_are_refused_with_their_place() {
        let bow_tie = vec![[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]];
        assert_eq!(fault(&[vec![bow_tie]]).1, "a boundary crosses itself at [1.000000, 1.000000]");
        let through_a_vertex = vec![[0.0, 0.0], [1.0, 1.0], [3.0, 3.0], [3.0, 0.0], [1.0, 1.0], [0.0, 3.0], [0.0, 0.0]];
        assert_eq!(fault(&[vec![through_a_vertex]]).1, "a boundary crosses itself at [1.000000, 1.000000]");
        let through_an_edge =
            vec![[0.0, 0.0], [4.0, 0.0], [2.0, 0.0], [2.0, -2.0], [1.0, -2.0], [1.0, 2.0], [0.0, 2.0], [0.0, 0.0]];
        assert_eq!(fault(&[vec![through_an_edge]]).0, "self_intersection");
        let back_along = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [3.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, 0.0]];
        assert!(fault(&[vec![back_along]]).1.starts_with("a ring runs back along itself"));
        let across = fault(&[vec![square(0.0, 0.0, 4.0), turned(square(3.0, 1.0, 2.0))]]);
        assert_eq!(across.1, "a boundary crosses itself at [4.000000, 1.000000]");
    }

    #[test]
    fn touches_leave_inside_and_outside_as_they_are() {
        let pinched = vec![[0.0, 0.0], [2.0, 2.0], [4.0, 0.0], [4.0, 4.0], [2.0, 2.0], [0.0, 4.0], [0.0, 0.0]];
        assert!(check(&[vec![pinched]]).0.is_ok());
        let vertex_on_edge = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [2.0, 0.0], [0.0, 4.0], [0.0, 0.0]];
        assert!(check(&[vec![vertex_on_edge]]).0.is_ok());
        let hole_at_corner = vec![[0.0, 0.0], [1.0, 2.0], [2.0, 1.0], [0.0, 0.0]];
        assert!(check(&[vec![square(0.0, 0.0, 4.0), hole_at_corner]]).0.is_ok());
        assert!(check(&[vec![square(0.0, 0.0, 4.0)], vec![square(4.0, 0.0, 4.0)]]).0.is_ok());
    }

    #[test]
    fn holes_outside_and_coordinates_off_the_globe_are_refused() {
        assert_eq!(fault(&[vec![square(0.0, 0.0, 4.0), turned(square(5.0, 5.0, 1.0))]]).0, "bad_hole");
        let swapped = fault(&[vec![square(42.0, -120.0, 1.0)]]);
        assert!(swapped.1.ends_with("swapped? GeoJSON puts the longitude first"), "{}", swapped.1);
        assert_eq!(fault(&[vec![square(400.0, 0.0, 1.0)]]).0, "bad_coordinate");
        let mut mends = Mends::new();
        assert_eq!(area("Point", &Nested::Position([0.0, 0.0]), &mut mends).err().unwrap().0, "bad_geometry");
        assert_eq!(area("Polygon", &Nested::Wrong, &mut mends).err().unwrap().0, "bad_geometry");
    }

    proptest! {
        /// A star around its centre never crosses itself; a round one with two neighbouring corners
        /// exchanged always does.
        #[test]
        fn stars_pass_and_exchanged_corners_do_not(
            radii in prop::collection::vec(1.0_f64..5.0, 5..40),
            exchanged in 0_usize..4,
        ) {
            let n = radii.len() as f64;
            let corner = |i: usize, radius: f64| {
                let angle = i as f64 / n * std::f64::consts::TAU;
                [radius * angle.cos(), radius * angle.sin()]
            };
            let closed = |mut ring: Vec<[f64; 2]>| {
                ring.push(ring[0]);
                vec![ring]
            };
            let star = radii.iter().enumerate().map(|(i, radius)| corner(i, *radius)).collect();
            let (area, mends) = check(&[closed(star)]);
            prop_assert!(area.is_ok() && mends.is_empty());
            let mut round: Vec<[f64; 2]> = (0..radii.len()).map(|i| corner(i, 3.0)).collect();
            round.swap(exchanged, exchanged + 1);
            prop_assert_eq!(fault(&[closed(round)]).0, "self_intersection");
        }

        /// Against the definition: two edges of which each has its ends on both sides of the other.
        #[test]
        fn proper_crossings_are_never_missed(points in prop::collection::vec((0_i32..7, 0_i32..7), 4..9)) {
            let ring: Vec<[f64; 2]> = points.iter().map(|(x, y)| [f64::from(*x), f64::from(*y)]).collect();
            let side = |a: (i32, i32), b: (i32, i32), c: (i32, i32)|
                ((b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)).signum();
            let n = points.len();
            let edge = |i: usize| (points[i], points[(i + 1) % n]);
            let crosses = (0..n).any(|i| (0..i).any(|j| {
                let ((a, b), (c, d)) = (edge(i), edge(j));
                side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0
            }));
            // A spike's two edges may cross others and are taken off before.
            let (area, mends) = check(&[vec![ring]]);
            if crosses && !mends.contains(&"spike") && !mends.contains(&"empty_ring") {
                prop_assert_eq!(area.err().map(|fault| fault.0), Some("self_intersection"));
            }
        }
    }
}
