//! Streets between junctions, as a file or a test gives them.
//!
//! Must hold after [`Network::check`]: every index leads somewhere, so that nothing behind it asks again.

use super::weight::Weight;
use crate::domain::place::Place;
use std::ops::Range;

/// In place of a duration: nobody drives in this direction.
pub const CLOSED: u32 = u32::MAX;

/// A piece of road between two junctions, with its course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Street {
    /// Indices of junctions.
    pub from: u32,
    pub to: u32,
    /// Milliseconds from `from` to `to`, or [`CLOSED`].
    pub forward_ms: u32,
    /// The other way round.
    pub backward_ms: u32,
    pub length_dm: u32,
    /// The corners between its ends, in order from `from`; indices of points.
    pub corners: Range<u32>,
}

/// One direction of a street: twice its index, and one more when it is driven backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane(pub u32);

impl Lane {
    #[must_use]
    pub fn forward(street: u32) -> Self {
        Self(2 * street)
    }

    #[must_use]
    pub fn backward(street: u32) -> Self {
        Self(2 * street + 1)
    }

    #[must_use]
    pub fn street(self) -> u32 {
        self.0 / 2
    }

    #[must_use]
    pub fn is_backward(self) -> bool {
        self.0 % 2 == 1
    }

    #[must_use]
    pub fn turned(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// A turn that is not allowed: from the end of one lane into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ban {
    pub from: Lane,
    pub to: Lane,
}

/// A road network for one kind of vehicle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    pub junctions: Vec<Place>,
    pub streets: Vec<Street>,
    /// Corners of all streets.
    pub points: Vec<Place>,
    pub bans: Vec<Ban>,
}

/// What is wrong with a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("there is no street that a car may drive on")]
    Empty,
    #[error("street {0} leads to a junction or a corner that there is not")]
    Street(u32),
    #[error("ban {0} is not about two streets that meet")]
    Ban(u32),
    #[error("more streets than the numbers reach")]
    TooBig,
}

impl Network {
    /// Everything that later code relies on.
    pub fn check(&self) -> Result<(), NetworkError> {
        // Lanes, split junctions and a mark share 32 bits.
        const MOST: usize = 1 << 29;
        if self.streets.is_empty() {
            return Err(NetworkError::Empty);
        }
        if self.streets.len().max(self.junctions.len()) > MOST {
            return Err(NetworkError::TooBig);
        }
        let (junctions, points) = (self.junctions.len() as u32, self.points.len() as u32);
        let sound = |street: &Street| {
            street.from.max(street.to) < junctions
                && street.corners.start <= street.corners.end
                && street.corners.end <= points
        };
        if let Some(bad) = self.streets.iter().position(|street| !sound(street)) {
            return Err(NetworkError::Street(bad as u32));
        }
        let meet = |ban: &Ban| {
            let known = ban.from.street().max(ban.to.street()) < self.streets.len() as u32;
            known && self.end(ban.from) == self.end(ban.to.turned())
        };
        match self.bans.iter().position(|ban| !meet(ban)) {
            Some(bad) => Err(NetworkError::Ban(bad as u32)),
            None => Ok(()),
        }
    }

    pub(super) fn street(&self, lane: Lane) -> &Street {
        &self.streets[lane.street() as usize]
    }

    /// The junction that a lane leads to.
    pub(super) fn end(&self, lane: Lane) -> u32 {
        let street = self.street(lane);
        if lane.is_backward() { street.from } else { street.to }
    }

    /// None: closed.
    pub(super) fn weight(&self, lane: Lane) -> Option<Weight> {
        let street = self.street(lane);
        let duration_ms = if lane.is_backward() { street.backward_ms } else { street.forward_ms };
        (duration_ms != CLOSED).then(|| Weight::new(duration_ms, street.length_dm))
    }

    /// All lanes that are open.
    pub(super) fn lanes(&self) -> impl Iterator<Item = (Lane, Weight)> {
        let all = (0..2 * self.streets.len() as u32).map(Lane);
        all.filter_map(|lane| Some((lane, self.weight(lane)?)))
    }

    /// The course of a lane, both ends included.
    pub(super) fn course(&self, lane: Lane) -> Vec<Place> {
        let street = self.street(lane);
        let corners = &self.points[street.corners.start as usize..street.corners.end as usize];
        let ends = (self.junctions[street.from as usize], self.junctions[street.to as usize]);
        let mut course: Vec<Place> = std::iter::once(ends.0).chain(corners.iter().copied()).collect();
        course.push(ends.1);
        if lane.is_backward() {
            course.reverse();
        }
        course
    }
}
