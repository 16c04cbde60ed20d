//! A delivery as the contract shows it to staff: what it is, to whom, how it fares. No address and no text.

use super::show::Shown;
use crate::domain::{
    ids::{DeliveryNo, ExpertId, RegionId, TicketNumber},
    ticket::{Audience, Channel, Delivery, Ticket},
    time::Timestamp,
};
use serde::Serialize;
use std::fmt;

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

#[derive(Serialize)]
pub struct DeliveryView<'a> {
    id: Shown<DeliveryId>,
    ticket: Shown<TicketNumber>,
    region: Shown<&'a RegionId>,
    kind: &'static str,
    /// `customer` or `expert`.
    to: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expert: Option<Shown<&'a ExpertId>>,
    visit: u16,
    status: &'static str,
    queued_at: Shown<Timestamp>,
    /// When it is tried (again); absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<Shown<Timestamp>>,
    attempts: u8,
    /// Channels on which it never will arrive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<&'static str>,
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
        }
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
