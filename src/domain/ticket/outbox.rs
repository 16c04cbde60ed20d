//! What people must be told. A delivery is queued by the event that causes it and lives in the
//! ticket's state until it was received, sent for good, or given up.

use super::{Phase, Step, Ticket};
use crate::domain::{
    ids::{DeliveryNo, ExpertId, OfferNo, VisitNo},
    time::Timestamp,
};
use minicbor::{Decode, Encode};

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Delivery {
    #[n(0)]
    pub no: DeliveryNo,
    #[n(1)]
    pub to: Audience,
    #[n(2)]
    pub kind: DeliveryKind,
    #[n(3)]
    pub visit: VisitNo,
    #[n(4)]
    pub offer: OfferNo,
    #[n(5)]
    pub queued_at: Timestamp,
    /// When it is to be tried (again).
    #[n(6)]
    pub next_at: Timestamp,
    #[n(7)]
    pub attempts: u8,
    #[n(8)]
    pub status: DeliveryStatus,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Audience {
    #[n(0)]
    Customer,
    #[n(1)]
    Expert(#[n(0)] ExpertId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum DeliveryKind {
    /// Customer: we have your ticket.
    #[n(0)]
    Opened,
    /// Expert: will you take it?
    #[n(1)]
    Offer,
    /// Expert: it is yours.
    #[n(2)]
    Assignment,
    /// Expert: it is no longer yours.
    #[n(3)]
    Withdrawn,
    /// Customer: who comes, and when.
    #[n(4)]
    ExpertFound,
    /// Customer: they have arrived.
    #[n(5)]
    Arrived,
    /// Customer: done; please tell us how it was.
    #[n(6)]
    Survey,
    /// Customer: it will be later.
    #[n(7)]
    Delayed,
    /// Customer: it was cancelled.
    #[n(8)]
    Cancelled,
}

impl DeliveryKind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Offer => "offer",
            Self::Assignment => "assignment",
            Self::Withdrawn => "withdrawn",
            Self::ExpertFound => "expert_found",
            Self::Arrived => "arrived",
            Self::Survey => "survey",
            Self::Delayed => "delayed",
            Self::Cancelled => "cancelled",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum DeliveryStatus {
    #[n(0)]
    Queued,
    /// Pushed; the receipt is awaited until `next_at`, then it goes by SMS.
    #[n(1)]
    Pushed,
    /// Given up; shown to a person, can be resent.
    #[n(2)]
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Channel {
    #[n(0)]
    Push,
    #[n(1)]
    Sms,
    #[n(2)]
    Email,
}

impl Channel {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

impl Ticket {
    /// Customers without phone and e-mail look it up instead. News of one kind replace older ones.
    pub(super) fn tell_customer(&mut self, kind: DeliveryKind, at: Timestamp) {
        self.deliveries.retain(|delivery| delivery.kind != kind);
        let contact = self.personal.known().map(|personal| &personal.contact);
        if contact.is_some_and(|contact| contact.phone.is_some() || contact.email.is_some()) {
            self.queue(Audience::Customer, kind, self.visit.accepted_offer, at);
        }
    }

    pub(super) fn tell_expert(&mut self, expert: &ExpertId, kind: DeliveryKind, offer: OfferNo, at: Timestamp) {
        self.queue(Audience::Expert(expert.clone()), kind, offer, at);
    }

    fn queue(&mut self, to: Audience, kind: DeliveryKind, offer: OfferNo, at: Timestamp) {
        let (no, visit) = (self.next_delivery, self.visit.no);
        self.next_delivery = no.saturating_add(1);
        let status = DeliveryStatus::Queued;
        self.deliveries.push(Delivery { no, to, kind, visit, offer, queued_at: at, next_at: at, attempts: 0, status });
    }

    pub(super) fn delivery_sent(&mut self, no: DeliveryNo, next_at: Option<Timestamp>) {
        match next_at {
            None => self.deliveries.retain(|delivery| delivery.no != no),
            Some(next_at) => {
                for delivery in self.deliveries.iter_mut().filter(|delivery| delivery.no == no) {
                    delivery.status = DeliveryStatus::Pushed;
                    delivery.next_at = next_at;
                }
            }
        }
    }

    pub(super) fn delivery_failed(&mut self, no: DeliveryNo, next_at: Option<Timestamp>) {
        for delivery in self.deliveries.iter_mut().filter(|delivery| delivery.no == no) {
            delivery.attempts = delivery.attempts.saturating_add(1);
            match next_at {
                Some(next_at) => delivery.next_at = next_at,
                None => delivery.status = DeliveryStatus::Dead,
            }
        }
    }

    pub(super) fn drop_moot_deliveries(&mut self) {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        deliveries.retain(|delivery| self.still_true(delivery));
        self.deliveries = deliveries;
    }

    /// What a delivery says is still so; what no longer is must not reach anybody.
    fn still_true(&self, delivery: &Delivery) -> bool {
        let this_visit = delivery.visit == self.visit.no;
        let coming = this_visit && self.visit.assigned_at.is_some() && self.visit.arrived_at.is_none();
        match delivery.kind {
            DeliveryKind::Opened | DeliveryKind::Withdrawn => true,
            DeliveryKind::Offer => self.visit.offer.as_ref().is_some_and(|offer| offer.no == delivery.offer),
            DeliveryKind::Assignment => {
                let theirs = |expert| delivery.to == Audience::Expert(expert);
                coming && self.visit.departed_at.is_none() && self.visit.expert.clone().is_some_and(theirs)
            }
            DeliveryKind::ExpertFound | DeliveryKind::Delayed => coming,
            DeliveryKind::Arrived => this_visit && self.step == Some(Step::OnSite),
            DeliveryKind::Survey => self.phase == Phase::Completed,
            DeliveryKind::Cancelled => self.phase == Phase::Cancelled,
        }
    }
}
