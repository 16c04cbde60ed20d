//! What a customer sees who follows their visit by its link: no login, so no more than they need.

use super::{
    Desk,
    words::{Moment, moment},
};
use crate::domain::{
    expert::Expert,
    language::Language,
    region::Region,
    ticket::{Phase, Step, Ticket},
    time::{Timestamp, zone},
};
use jiff::tz::TimeZone;

/// One visit, in its customer's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Following {
    pub language: Language,
    pub says: String,
    /// While somebody is assigned.
    pub expert: Option<String>,
    /// Until they have arrived.
    pub eta: Option<Timestamp>,
    pub en_route: bool,
}

impl Desk {
    /// `arrival`: by where the expert is, else as planned. None: the visit is over, or there is nobody left to tell.
    #[must_use]
    pub fn follow(
        &self,
        ticket: &Ticket,
        region: &Region,
        expert: Option<&Expert>,
        arrival: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Following> {
        let own = ticket.personal.known()?.contact.language;
        let language = own.or(region.settings.language).or(self.language()).unwrap_or_default();
        let coming = match ticket.phase {
            Phase::Assigned | Phase::InProgress => true,
            Phase::New | Phase::Assigning | Phase::Reopened | Phase::OnHold => false,
            Phase::Completed | Phase::Closed | Phase::Cancelled => return None,
        };
        if !coming {
            let says = match language {
                Language::En => "We are finding a time for your visit and will let you know.",
                Language::Es => "Estamos buscando una hora para su visita y le avisaremos.",
            };
            return Some(Following { language, says: says.into(), expert: None, eta: None, en_route: false });
        }
        let zone = zone(&region.time_zone).unwrap_or(TimeZone::UTC);
        let name = super::compose::first_name(expert, language);
        let eta = arrival.or(ticket.visit.planned_start).filter(|_| ticket.visit.arrived_at.is_none());
        let at = eta.map(|eta| moment(eta, now, &zone, language));
        let says = said(ticket.step, &name, at.as_ref(), language);
        let en_route = ticket.step == Some(Step::EnRoute);
        Some(Following { language, says, expert: Some(name), eta, en_route })
    }
}

fn said(step: Option<Step>, name: &str, at: Option<&Moment>, language: Language) -> String {
    match (step, at, language) {
        (Some(Step::OnSite), _, Language::En) => format!("{name} is at your place."),
        (Some(Step::OnSite), _, Language::Es) => format!("{name} está en su domicilio."),
        (Some(Step::EnRoute), Some(at), Language::En) => {
            format!("{name} is on the way and should be with you around {}.", at.time)
        }
        (Some(Step::EnRoute), Some(at), Language::Es) => {
            format!("{name} está en camino y debería llegar hacia las {}.", at.time)
        }
        (Some(Step::EnRoute), None, Language::En) => format!("{name} is on the way."),
        (Some(Step::EnRoute), None, Language::Es) => format!("{name} está en camino."),
        (None, Some(at), Language::En) => format!("{name} will visit you {} around {}.", at.day, at.time),
        (None, Some(at), Language::Es) => format!("{name} le visitará {} hacia las {}.", at.day, at.time),
        (None, None, Language::En) => format!("{name} will visit you."),
        (None, None, Language::Es) => format!("{name} le visitará."),
    }
}
