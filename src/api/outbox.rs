//! A delivery as the contract shows it to staff: what it is, to whom, how it fares. No address and no text.

use super::{schema, show::Shown, timeline::TimelineEntry};
use crate::domain::{
    ids::{DeliveryNo, ExpertId, RegionId, TicketNumber},
    ticket::{Audience, Channel, Delivery, Ticket},
    time::Timestamp,
};
use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// `0A1-000142-N.7`: the ticket's number and the delivery's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryId {
    pub ticket: TicketNumber,
    pub no: DeliveryNo,
}

impl DeliveryId {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ticket, no) = text.rsplit_once('.')?;
        Some(Self { ticket: ticket.parse().ok()?, no: no.parse().ok().filter(|no| *no > 0)? })
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.ticket, self.no)
    }
}

/// A message to a customer or an expert, and how it fares.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryView<'a> {
    #[schema(value_type = schema::DeliveryId)]
    id: Shown<DeliveryId>,
    #[schema(value_type = schema::TicketNumber)]
    ticket: Shown<TicketNumber>,
    #[schema(value_type = schema::RegionId)]
    region: Shown<&'a RegionId>,
    /// What it says, such as `offer`, `assigned` or `survey`.
    kind: &'static str,
    /// `customer` or `expert`.
    to: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::ExpertId)]
    expert: Option<Shown<&'a ExpertId>>,
    visit: u16,
    /// On its way: `queued`, `pushed`, `texted`. Given up: `dead`. Over: `sent`, `received`, `dropped`, `moot`.
    status: &'static str,
    #[schema(value_type = schema::Time)]
    queued_at: Shown<Timestamp>,
    /// When it is tried (again); absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    next_at: Option<Shown<Timestamp>>,
    attempts: u8,
    /// Channels on which it never will arrive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    failed: Vec<&'static str>,
    /// All that happened to it, where one is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<TimelineEntry>)]
    history: Option<Vec<TimelineEntry>>,
}

impl<'a> DeliveryView<'a> {
    /// As it stands in the ticket's state.
    #[must_use]
    pub fn new(ticket: &'a Ticket, delivery: &'a Delivery) -> Self {
        Self::with_status(ticket, delivery, delivery.status.name())
    }

    /// One that has left the state: `sent`, `received`, `dropped`, `moot`.
    #[must_use]
    pub fn with_status(ticket: &'a Ticket, delivery: &'a Delivery, status: &'static str) -> Self {
        let expert = match &delivery.to {
            Audience::Customer => None,
            Audience::Expert(expert) => Some(Shown(expert)),
        };
        let due = delivery.status.due() && status == delivery.status.name();
        let ways = [Channel::Push, Channel::Sms, Channel::Email].into_iter();
        Self {
            id: Shown(DeliveryId { ticket: ticket.number, no: delivery.no }),
            ticket: Shown(ticket.number),
            region: Shown(&ticket.region),
            kind: delivery.kind.name(),
            to: if expert.is_some() { "expert" } else { "customer" },
            expert,
            visit: delivery.visit,
            status,
            queued_at: Shown(delivery.queued_at),
            next_at: due.then_some(Shown(delivery.next_at)),
            attempts: delivery.attempts,
            failed: ways.filter(|channel| delivery.failed.has(*channel)).map(Channel::name).collect(),
            history: None,
        }
    }

    #[must_use]
    pub fn with_history(self, history: Vec<TimelineEntry>) -> Self {
        Self { history: Some(history), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = DeliveryId { ticket: TicketNumber::from_bits(0x21_0000_008E), no: 7 };
        assert_eq!(DeliveryId::parse(&id.to_string()), Some(id));
        for wrong in ["", "7", "x.7", "0A1-000142.7", ".7"] {
            assert_eq!(DeliveryId::parse(wrong), None, "{wrong}");
        }
        assert_eq!(DeliveryId::parse(&format!("{}.0", id.ticket)), None);
    }
}
