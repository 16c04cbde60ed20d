//! The way that an expert who is on the way has before them, for a map to draw: the road where there is one, else
//! a straight line; and where they are by now, if they drove on since their phone last said.
//!
//! Must hold: it ends when the drive from the fix takes them there at the speed of the hour, as in
//! [`super::eta`]; at most 200 places, however long the road. Nothing is decided by it.

use super::{Drives, FRESH_S};
use crate::{
    domain::{fix::Fix, place::Place, time::Timestamp},
    routing::roads::Drive,
};
use std::collections::BinaryHeap;

/// A line on a map needs no more places: 8 kB of JSON, and a phone draws it at once.
const POINTS: usize = 200;
/// Closer than this nobody sees a difference on a street map, decimetres.
const CLOSE_DM: u32 = 50;

/// The course from the fix to the visit. None: the fix is too old.
#[must_use]
pub fn course(fix: &Fix, to: Place, drives: Drives<'_>, now: Timestamp) -> Option<Vec<(Place, Timestamp)>> {
    let fresh = now.since_s(fix.at) <= FRESH_S;
    // A phone's clock may be ahead.
    let begun = fix.at.min(now);
    let at = |(place, passed_ms): (Place, u32)| (place, begun.plus_ms(i64::from(passed_ms)));
    fresh.then(|| simplified(&drives.drive(fix.place, to, now), POINTS).into_iter().map(at).collect())
}

/// The places of a drive that matter most, `most` (two or more) of them at most: whoever goes straight and evenly from
/// one to the next is never far from where the drive has them at that time, unless the bound cuts it short. Top-down
/// by time ratio (Meratnia and de By 2004), the worst stretch first.
fn simplified(drive: &Drive, most: usize) -> Vec<(Place, u32)> {
    let line = &drive.line;
    if line.len() <= 2 {
        return line.clone();
    }
    let mut kept = vec![0, line.len() - 1];
    let mut stretches = BinaryHeap::from([worst(line, 0, line.len() - 1)]);
    while kept.len() < most
        && let Some((off_dm, split, from, to)) = stretches.pop()
        && off_dm > CLOSE_DM
    {
        kept.push(split);
        stretches.extend([(from, split), (split, to)].map(|(from, to)| worst(line, from, to)));
    }
    kept.sort_unstable();
    kept.into_iter().map(|index| line[index]).collect()
}

/// How far off the place is that is furthest from where an even drive between two others would be, decimetres;
/// which it is, and those two.
fn worst(line: &[(Place, u32)], from: usize, to: usize) -> (u32, usize, usize, usize) {
    let even = Drive { line: vec![line[from], line[to]], ..Drive::default() };
    let off = |index: usize| {
        let (place, passed) = line[index];
        even.at(passed).map_or(0, |even| (even.distance_m(place) * 10.0) as u32)
    };
    let inside = (from + 1..to).map(|index| (off(index), index));
    let (off_dm, split) = inside.max().unwrap_or((0, from));
    (off_dm, split, from, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{hours::Hours, network::NetworkId, settings::TravelSettings},
        routing::roads::{Legs, Network, Roads, Street, Weight},
    };

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn place(lat_e6: i32, lon_e6: i32) -> Place {
        Place { lat_e6, lon_e6 }
    }

    fn fix(place: Place, ago_s: i64) -> Fix {
        Fix { place, at: NOW.plus_s(-ago_s), accuracy_m: None }
    }

    /// One street with a corner: a kilometre north, a kilometre east, 200 s.
    fn corner() -> Legs {
        let street =
            Street { from: 0, to: 1, forward_ms: 200_000, backward_ms: 200_000, length_dm: 20_000, corners: 0..1 };
        let network = Network {
            junctions: vec![place(0, 0), place(9_000, 9_000)],
            streets: vec![street],
            points: vec![place(9_000, 0)],
            ..Network::default()
        };
        Legs::new(NetworkId::of_hash(&[1; 32]), Roads::prepare(network, &mut |_, _| {}).unwrap(), 500.0)
    }

    #[test]
    fn it_follows_the_road_at_the_speed_of_the_hour_and_ends_when_the_drive_does() {
        let roads = corner();
        let usual = TravelSettings { network: Some(roads.id()), ..TravelSettings::default() };
        let slow = TravelSettings { speed_by_hour: Some(Hours::new([50; 24]).unwrap()), ..usual };
        let to = place(9_000, 9_000);
        for (settings, lasts_s) in [(usual, 200), (slow, 400)] {
            let drives = Drives::new(&settings, "UTC", Some(&roads));
            let line = course(&fix(place(0, 0), 10), to, drives, NOW).unwrap();
            let begun = NOW.plus_s(-10);
            let places: Vec<Place> = line.iter().map(|(place, _)| *place).collect();
            assert_eq!(places, [place(0, 0), place(9_000, 0), to], "round the corner");
            assert_eq!((line[0].1, line[2].1), (begun, begun.plus_s(drives.drive_s(place(0, 0), to, NOW))));
            assert_eq!(line[2].1.since_s(begun), lasts_s);
            assert!(line[1].1.since_s(begun).abs_diff(lasts_s / 2) <= 1, "half way at the corner");
            assert_eq!(course(&fix(place(0, 0), FRESH_S + 1), to, drives, NOW), None, "too old");
        }
    }

    #[test]
    fn without_a_road_it_is_a_straight_line_that_takes_what_the_great_circle_takes() {
        let roads = corner();
        let over = TravelSettings { network: Some(roads.id()), ..TravelSettings::default() };
        let (from, far) = (place(0, 0), place(900_000, 0));
        for settings in [TravelSettings::default(), over] {
            let drives = Drives::new(&settings, "UTC", Some(&roads));
            let ends = NOW.plus_s(drives.drive_s(from, far, NOW));
            assert_eq!(course(&fix(from, -60), far, drives, NOW), Some(vec![(from, NOW), (far, ends)]));
        }
    }

    #[test]
    fn a_long_road_is_cut_to_the_bound_and_a_dull_one_to_what_can_be_seen() {
        // A street straight north in small even steps, then one that winds.
        let straight = (0..5_000).map(|step| (place(step * 100, 0), step as u32 * 1_000)).collect();
        let winding = (0..5_000).map(|step| (place(step * 100, step % 7 * 300), step as u32 * 1_000)).collect();
        let drive = |line| Drive { weight: Weight::ZERO, line };
        assert_eq!(simplified(&drive(straight), POINTS).len(), 2);
        let winding = drive(winding);
        let line = simplified(&winding, POINTS);
        assert_eq!((line.len(), line[0], line[POINTS - 1]), (POINTS, winding.line[0], winding.line[4_999]));
        assert!(line.is_sorted_by(|a, b| a.1 < b.1));
        // With room enough nobody is ever seen elsewhere than the drive has them, also between its corners.
        let all = drive(simplified(&winding, usize::MAX));
        for at in (0..4_999_000).step_by(777) {
            assert!(all.at(at).unwrap().distance_m(winding.at(at).unwrap()) < 6.0, "{at}");
        }
    }

    #[test]
    fn who_stands_still_or_waits_on_the_road_keeps_their_times() {
        let here = place(0, 0);
        let drives = TravelSettings::default();
        let line = course(&fix(here, 0), here, Drives::new(&drives, "UTC", None), NOW).unwrap();
        assert!(line.iter().all(|point| *point == (here, NOW)), "{line:?}");
        // A ferry's slow crossing in the middle of a straight road is not evened out.
        let line = vec![(here, 0), (place(10_000, 0), 60_000), (place(20_000, 0), 1_200_000)];
        let drive = Drive { weight: Weight::ZERO, line };
        assert_eq!(simplified(&drive, POINTS), drive.line);
    }
}
