//! What the rules allow: a command on a state gives events and what they mean for routes.

use super::{Command, Ctx, Open, Refusal, Ticket, TicketEvent};
use crate::domain::{ids::ExpertId, route::Route, time::Timestamp};

/// What a command leads to. Empty events: nothing to do (a repeat, a timer that no longer holds).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    pub events: Vec<TicketEvent>,
    /// Changes to experts' routes that must be committed in the same batch (P3).
    pub routes: Vec<(ExpertId, RouteEffect)>,
    /// Set when an offline command was refused but its notes were kept: the answer is still a refusal.
    pub refused: Option<Refusal>,
}

/// What happens to the ticket's stop in an expert's route.
#[derive(Clone, Debug, PartialEq)]
pub enum RouteEffect {
    /// Replace the route by this one, made from the version it carries.
    Put(Box<Route>),
    /// Offered -> assigned, in place.
    Accept,
    /// Offered, assigned or started: gone without being served.
    Remove,
    Depart(Timestamp),
    Arrive(Timestamp),
    /// Served (or tried in vain) until then; the expert is at the stop's place now.
    Finish {
        at: Timestamp,
        served: bool,
    },
}

/// A new ticket.
#[must_use]
pub fn open(_open: Open, _ctx: &Ctx<'_>) -> Vec<TicketEvent> {
    todo!("ticket helper")
}

pub fn decide(_ticket: &Ticket, _command: Command, _ctx: &Ctx<'_>) -> Result<Decided, Refusal> {
    todo!("ticket helper")
}
