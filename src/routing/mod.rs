//! Routing: pure functions over a snapshot of experts, routes and visits. No I/O, no clock, no chance.
//!
//! `bid` asks one expert's route for its best insertion of a visit; `choose` picks among bids;
//! `replan` re-times a route after something happened. The optimiser (a later issue) enters through
//! `propose`: it takes a snapshot and returns a proposal that names the versions it was based on.

use crate::domain::{
    decision::{Bid, Policy, Rule},
    expert::Expert,
    ids::{ExpertId, TicketNumber, VisitNo},
    place::Place,
    route::{Route, Stop},
    settings::{RegionSettings, TravelSettings},
    skill::SkillLevel,
    ticket::{RouteEffect, Ticket, Window},
    time::Timestamp,
};

/// A visit to be placed, as far as routing needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct VisitSpec {
    pub ticket: TicketNumber,
    pub visit: VisitNo,
    pub person: crate::domain::ids::PersonId,
    pub place: Place,
    pub service_s: u32,
    pub window: Option<Window>,
    pub due: Timestamp,
    /// 0 low .. 3 urgent.
    pub urgency: u8,
    pub skills: Vec<SkillLevel>,
    pub refused_by: Vec<ExpertId>,
    pub opened_at: Timestamp,
}

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

#[allow(unused_variables)]
impl VisitSpec {
    /// None when the ticket has no place (or was erased).
    #[must_use]
    pub fn of(ticket: &Ticket) -> Option<Self> {
        todo!()
    }
}

/// Great circle x detour at the set speed; whole seconds, rounded up.
#[allow(unused_variables)]
#[must_use]
pub fn travel(from: Place, to: Place, settings: &TravelSettings) -> Leg {
    todo!()
}

/// The best insertion of a visit into an expert's route, or the first hard rule that forbids it.
/// `position`: the last report of where they are (used only when idle on shift), else None.
#[allow(unused_variables)]
pub fn bid(
    visit: &VisitSpec,
    expert: &Expert,
    route: &Route,
    position: Option<Place>,
    terms: &Terms<'_>,
) -> Result<Bid, Rule> {
    todo!()
}

/// The route with the visit put in as a stop where the bid says, all later stops re-timed.
/// `offer` 0: assigned at once.
#[allow(unused_variables)]
#[must_use]
pub fn insert(
    route: &Route,
    visit: &VisitSpec,
    bid: &Bid,
    offer: u16,
    pinned: bool,
    expert: &Expert,
    terms: &Terms<'_>,
) -> Route {
    todo!()
}

/// A forced insertion at the end of the route, whatever the rules say; names the first rule broken.
#[allow(unused_variables)]
#[must_use]
pub fn append(route: &Route, visit: &VisitSpec, expert: &Expert, terms: &Terms<'_>) -> (Bid, Option<Rule>) {
    todo!()
}

/// The route after something happened to one of its stops; later stops re-timed, never overlapping.
/// None: nothing changes (no such stop).
#[allow(unused_variables)]
#[must_use]
pub fn replan(
    route: &Route,
    ticket: TicketNumber,
    visit: VisitNo,
    effect: &RouteEffect,
    expert: &Expert,
    terms: &Terms<'_>,
) -> Option<Route> {
    todo!()
}

/// The route re-timed because the clock overtook the plan. None: still as planned.
#[allow(unused_variables)]
#[must_use]
pub fn slide(route: &Route, expert: &Expert, terms: &Terms<'_>) -> Option<Route> {
    todo!()
}

/// The cheapest of the bids, ties by expert id.
#[allow(unused_variables)]
#[must_use]
pub fn choose<'a>(bids: impl Iterator<Item = (&'a ExpertId, &'a Bid)>) -> Option<(&'a ExpertId, &'a Bid)> {
    None
}

/// First overlap of two stops in planned times, travel included (P5).
#[allow(unused_variables)]
#[must_use]
pub fn first_overlap(route: &Route, travel_settings: &TravelSettings) -> Option<(Stop, Stop)> {
    todo!()
}

/// When (after `now`) somebody on this roster who has the skills is next on shift, within the horizon.
#[allow(unused_variables)]
#[must_use]
pub fn next_on_shift<'a>(
    visit: &VisitSpec,
    experts: impl Iterator<Item = &'a Expert>,
    terms: &Terms<'_>,
) -> Option<Timestamp> {
    todo!()
}
