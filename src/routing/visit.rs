//! A visit as routing sees it: where, how long, when, who may.

use crate::domain::{
    ids::{ExpertId, PersonId, TicketNumber, VisitNo},
    place::Place,
    skill::SkillLevel,
    ticket::{Ticket, Window},
    time::Timestamp,
};
use std::sync::Arc;

/// A visit to be placed, as far as routing needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct VisitSpec {
    pub ticket: TicketNumber,
    pub visit: VisitNo,
    pub person: PersonId,
    pub place: Place,
    pub service_s: u32,
    pub window: Option<Window>,
    pub due: Timestamp,
    /// 0 low .. 3 urgent.
    pub urgency: u8,
    pub skills: Arc<[SkillLevel]>,
    pub refused_by: Vec<ExpertId>,
    pub opened_at: Timestamp,
}

impl VisitSpec {
    /// The current visit of a ticket. None when the ticket has no place (or was erased).
    #[must_use]
    pub fn of(ticket: &Ticket) -> Option<Self> {
        Some(Self {
            ticket: ticket.number,
            visit: ticket.visit.no,
            person: ticket.person(),
            place: ticket.personal.known()?.place?,
            service_s: ticket.service_s,
            window: ticket.window,
            due: ticket.due(),
            urgency: ticket.priority as u8,
            skills: ticket.skills.as_slice().into(),
            refused_by: ticket.visit.refused_by.clone(),
            opened_at: ticket.opened_at,
        })
    }
}
