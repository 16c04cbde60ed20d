//! What a source of travel times answers: legs between places, and who gave them.

use crate::routing::{
    Leg,
    problem::{Matrix, UNREACHABLE},
};

/// Who gave the figures; stands in the decisions that were made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    GreatCircle,
    Roads,
    Server,
}

impl Origin {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GreatCircle => "great_circle",
            Self::Roads => "roads",
            Self::Server => "server",
        }
    }
}

/// Legs from each of some places to each of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub rows: usize,
    pub columns: usize,
    /// Row by row; none: there is no way.
    pub legs: Vec<Option<Leg>>,
    pub origin: Origin,
    /// Why it is not the source that was asked first.
    pub instead: Option<String>,
}

impl Table {
    #[must_use]
    pub fn leg(&self, row: usize, column: usize) -> Option<Leg> {
        self.legs.get(row * self.columns + column).copied().flatten()
    }

    /// For a planner; None when it is not square.
    #[must_use]
    pub fn matrix(&self) -> Option<Matrix> {
        let figure = |of: fn(&Leg) -> i64| self.legs.iter().map(|leg| leg.as_ref().map_or(UNREACHABLE, of)).collect();
        (self.rows == self.columns).then(|| Matrix {
            size: self.rows as u32,
            durations: figure(|leg| leg.duration_s),
            distances: figure(|leg| leg.distance_m),
        })
    }
}
