//! Links that people get: to follow a visit, to say how it was, and the address at which the gateway says
//! what became of a message.

use crate::{
    domain::{
        ids::{TicketNumber, VisitNo},
        ticket::{Phase, Ticket},
        time::{DAY_S, Timestamp},
    },
    settings::Settings,
    tokens::Tokens,
};
use std::sync::Arc;

/// A tracking link says nothing after this, whatever became of the visit: seconds after the assignment.
const TRACKED_S: i64 = 30 * DAY_S;

pub struct Links {
    tokens: Arc<Tokens>,
    tracking: String,
    survey: String,
    /// As the world reaches this server; None: nobody said.
    public: Option<String>,
}

impl Links {
    #[must_use]
    pub fn new(settings: &Settings, tokens: Arc<Tokens>) -> Self {
        let public = settings.server.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        let listen = settings.server.listen;
        let host = if listen.ip().is_unspecified() { "127.0.0.1".to_owned() } else { listen.ip().to_string() };
        let base = public.clone().unwrap_or_else(|| format!("{}://{host}:{}", settings.server.scheme(), listen.port()));
        let page = |own: &Option<String>, path: &str| own.clone().unwrap_or_else(|| format!("{base}{path}/{{token}}"));
        let notify = &settings.notify;
        Self {
            tokens,
            tracking: page(&notify.tracking_page, "/v1/track"),
            survey: page(&notify.survey_page, "/v1/surveys"),
            public,
        }
    }

    /// While somebody is assigned to the visit or at work.
    #[must_use]
    pub fn tracking(&self, ticket: &Ticket) -> Option<String> {
        let coming = matches!(ticket.phase, Phase::Assigned | Phase::InProgress);
        let assigned_at = ticket.visit.assigned_at.filter(|_| coming)?;
        let token = self.tokens.tracking_link(ticket.number, ticket.visit.no, assigned_at.plus_s(TRACKED_S));
        Some(self.tracking.replace("{token}", &token))
    }

    #[must_use]
    pub fn tracked(&self, link: &str, now: Timestamp) -> Option<(TicketNumber, VisitNo)> {
        self.tokens.tracked_visit(link, now)
    }

    #[must_use]
    pub fn survey(&self, number: TicketNumber) -> String {
        self.survey.replace("{token}", &self.tokens.survey_link(number))
    }

    /// The gateway refuses a message whose callback it cannot reach, so only where the world can.
    #[must_use]
    pub fn callback(&self, id: &str) -> Option<String> {
        self.public.as_ref().map(|public| format!("{public}/v1/notify/status?delivery={id}"))
    }

    /// The URL that the gateway has called, as it signed it.
    #[must_use]
    pub fn called(&self, path_and_query: &str) -> Option<String> {
        self.public.as_ref().map(|public| format!("{public}{path_and_query}"))
    }
}
