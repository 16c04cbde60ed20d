//! A drive over the roads: what it takes, and where one is when.

use super::{
    network::{Lane, Network},
    snap::{between, marks},
    weight::Weight,
};
use crate::domain::place::Place;

/// A drive from spot to spot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drive {
    pub weight: Weight,
    /// The course, and the milliseconds since the start at which each of its places is passed.
    pub line: Vec<(Place, u32)>,
}

impl Drive {
    /// Where one is after so many milliseconds: on the road, at the beginning before, at the end after.
    #[must_use]
    pub fn at(&self, elapsed_ms: u32) -> Option<Place> {
        let next = self.line.partition_point(|(_, passed)| *passed <= elapsed_ms);
        let (Some(&(from, left)), Some(&(to, reached))) =
            (next.checked_sub(1).and_then(|before| self.line.get(before)), self.line.get(next))
        else {
            return (if next == 0 { self.line.first() } else { self.line.last() }).map(|(place, _)| *place);
        };
        Some(between(from, to, f64::from(elapsed_ms - left) / f64::from((reached - left).max(1))))
    }
}

/// Puts a drive together, piece by piece.
pub(super) struct Drawing<'a> {
    network: &'a Network,
    drive: Drive,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        Self { network, drive: Drive { weight: Weight::ZERO, line: Vec::new() } }
    }

    /// All of a lane; one without a length takes its time all the same.
    pub(super) fn whole(&mut self, lane: Lane) {
        let whole = self.network.weight(lane).unwrap_or(Weight::NEVER);
        self.stretch(lane, 0, self.network.street(lane).length_dm, whole);
    }

    /// A lane between two of its marks, in driving order.
    pub(super) fn piece(&mut self, lane: Lane, from_dm: u32, to_dm: u32) {
        let cost = part(self.network, lane, from_dm, to_dm).unwrap_or(Weight::NEVER);
        self.stretch(lane, from_dm, to_dm, cost);
    }

    fn stretch(&mut self, lane: Lane, from_dm: u32, to_dm: u32, cost: Weight) {
        let start = self.drive.weight;
        let passed = |at| start.plus(part(self.network, lane, from_dm, at).unwrap_or(Weight::ZERO)).duration_ms();
        let course = self.network.course(lane);
        let marks = marks(&course, self.network.street(lane).length_dm);
        let spot = |at: u32| {
            let leg = marks.partition_point(|mark| *mark <= at).clamp(1, marks.len() - 1);
            let span = f64::from((marks[leg] - marks[leg - 1]).max(1));
            between(course[leg - 1], course[leg], f64::from(at - marks[leg - 1]) / span)
        };
        let inside = marks.iter().zip(&course).filter(|(mark, _)| (from_dm + 1..to_dm).contains(mark));
        let corners = inside.map(|(mark, place)| (*place, passed(*mark)));
        self.drive.weight = start.plus(cost);
        let ends = [(spot(from_dm), start.duration_ms()), (spot(to_dm), self.drive.weight.duration_ms())];
        for passing in [ends[0]].into_iter().chain(corners).chain([ends[1]]) {
            if self.drive.line.last() != Some(&passing) {
                self.drive.line.push(passing);
            }
        }
    }

    pub(super) fn done(self) -> Drive {
        self.drive
    }
}

/// What a lane costs between two of its marks; None: closed, or the second mark is before the first.
/// Parts of a lane sum up to the whole, to the millisecond.
pub(super) fn part(network: &Network, lane: Lane, from_dm: u32, to_dm: u32) -> Option<Weight> {
    let (whole, length) = (network.weight(lane)?, network.street(lane).length_dm);
    let until = |at: u32| {
        let share = u64::from(whole.duration_ms()) * u64::from(at) / u64::from(length.max(1));
        if at >= length { whole.duration_ms() } else { share as u32 }
    };
    (from_dm <= to_dm).then(|| Weight::new(until(to_dm) - until(from_dm), to_dm - from_dm))
}
