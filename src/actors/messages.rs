//! What doors ask about messages: the desk, what a gateway reported, another try.

use super::{Caller, Failure, Opened, Service};
use crate::{
    domain::{
        fact::{Fact, State},
        ids::{DeliveryNo, Thing, TicketNumber},
        ticket::{Channel, Command, Delivery, TicketEvent},
    },
    notify::Desk,
    storage::Recorded,
};
use std::sync::Arc;

/// What a gateway's report came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It is sent another way, or shown to a person.
    Taken,
    /// Known already, or about an earlier attempt.
    Stale,
    /// No such message was ever sent.
    Unknown,
}

impl Service {
    #[must_use]
    pub fn desk(&self) -> &Arc<Desk> {
        &self.tree().options.desk
    }

    /// Tries a delivery anew that was given up.
    pub async fn resend(&self, number: TicketNumber, no: DeliveryNo, caller: &Caller) -> Result<Opened, Failure> {
        self.command(number, Command::DeliveryResend { delivery: no }, caller).await
    }

    /// The gateway says that an SMS it had taken did not arrive. Found by the ticket's own history, since
    /// a delivery that counted as sent has left the state.
    pub async fn undelivered(
        &self,
        number: TicketNumber,
        no: DeliveryNo,
        reference: &str,
        error: String,
    ) -> Result<Report, Failure> {
        let store = self.store().clone();
        let read = tokio::task::spawn_blocking(move || store.history(&Thing::Ticket(number))).await;
        let history = read.map_err(|error| Failure::Fault(error.to_string()))??;
        let past = Past::of(&history, number, no)?;
        let Some(delivery) = past.delivery else { return Ok(Report::Unknown) };
        match past.references.iter().rposition(|known| known == reference) {
            Some(at) if at + 1 == past.references.len() && past.sent_last => {}
            Some(_) => return Ok(Report::Stale),
            // Reported before we could write down that it was sent.
            None if past.references.is_empty() && past.waits => {}
            None => return Ok(Report::Unknown),
        }
        let Some(ticket) = self.store().ticket(number)? else { return Ok(Report::Unknown) };
        let expert = match &delivery.to {
            crate::domain::ticket::Audience::Expert(expert) => self.store().expert(expert),
            crate::domain::ticket::Audience::Customer => None,
        };
        let channel = Channel::Sms;
        let elsewhere = self.desk().elsewhere(&ticket, &delivery, expert.as_deref(), channel);
        let command = Command::DeliveryBounced { delivery: Box::new(delivery), channel, error, elsewhere };
        let before = ticket.version;
        let after = self.command(number, command, &Caller::system()).await?;
        Ok(if after.ticket.version > before { Report::Taken } else { Report::Stale })
    }
}

/// One delivery's story.
#[derive(Default)]
struct Past {
    /// As it last stood in the state.
    delivery: Option<Delivery>,
    /// It stands there still.
    waits: bool,
    /// What gateways called it, in order.
    references: Vec<String>,
    /// Nothing was said about it since it was last sent.
    sent_last: bool,
}

impl Past {
    fn of(history: &[Recorded], number: TicketNumber, no: DeliveryNo) -> Result<Self, Failure> {
        let (mut past, mut state) = (Self::default(), None);
        let thing = Thing::Ticket(number);
        for recorded in history {
            let next = State::after(state, &thing, &recorded.fact);
            let next = next.map_err(|misfit| Failure::Fault(misfit.to_string()))?;
            if let State::Ticket(ticket) = &next {
                let here = ticket.deliveries.iter().find(|delivery| delivery.no == no);
                past.waits = here.is_some();
                past.delivery = here.cloned().or(past.delivery);
            }
            if let Fact::Ticket(event) = &recorded.fact {
                past.hear(event, no);
            }
            state = Some(next);
        }
        Ok(past)
    }

    fn hear(&mut self, event: &TicketEvent, no: DeliveryNo) {
        if event.delivery() != Some(no) {
            return;
        }
        if let TicketEvent::DeliverySent { reference: Some(reference), .. } = event {
            self.references.push(reference.clone());
            self.sent_last = true;
        }
        self.sent_last &= !matches!(event, TicketEvent::DeliveryBounced { .. } | TicketEvent::DeliveryResent { .. });
    }
}
