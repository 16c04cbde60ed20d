//! Routing: pure functions over a snapshot of experts, routes and visits. No I/O, no clock, no chance.
//!
//! `bid` asks one expert's route for its best insertion of a visit; `choose` picks among bids;
//! `replan` re-times a route after something happened. Planners enter through `propose`: a snapshot
//! in, a proposal out that names the versions it was based on. `solve` plans whole days: a
//! [`problem::Problem`] in, the best plan that the budget allows out. [`live`] plans the rest of a
//! day again and again while it goes on.
//! `roads` is a road network as a pure graph, `square` what a server has said of the drives in a region.

mod arrival;
mod bid;
mod candidates;
mod change;
pub mod checker;
mod cost;
mod course;
mod detour;
pub mod eject;
mod evaluate;
pub mod live;
pub mod problem;
mod propose;
pub mod remedy;
pub mod roads;
mod solve;
mod square;
mod timing;
mod travel;
mod trial;
mod visit;
mod waypoint;
mod working;

pub use arrival::{FRESH_S, arrival, eta};
pub use bid::{append, bid, choose};
pub use candidates::{Candidates, Found};
pub use change::{anchored, delayed, insert, replan, slide};
pub use checker::{Ground, first_overlap};
pub use course::course;
pub use evaluate::{Evaluation, Recheck, candidate, evaluate, recheck, winner};
pub use propose::{Move, Proposal, Snapshot, Unplaced, propose, ruled};
pub use solve::{Solution, improve, solve, solve_watched};
pub use square::Square;
pub use travel::{Drives, great_circle};
pub use trial::{Late, Moved, Obstacle, Trial, trial};
pub use visit::VisitSpec;
pub use working::{next_on_shift, stretch};

#[cfg(test)]
mod tests;

use crate::domain::{decision::Policy, settings::RegionSettings, time::Timestamp};

/// What a route is judged under.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    pub now: Timestamp,
    pub settings: &'a RegionSettings,
    pub policy: Policy,
    /// Ask again those who refused this visit (nobody else is left).
    pub second_round: bool,
    /// What drives take, by the same settings.
    pub drives: Drives<'a>,
}

/// Travel between two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub duration_s: i64,
    pub distance_m: i64,
}
