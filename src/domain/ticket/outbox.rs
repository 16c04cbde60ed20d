//! What people must be told. A delivery is queued by the event that causes it and lives in the
//! ticket's state until it was received, sent for good, or given up.

use super::{Phase, Step, Ticket, TicketEvent};
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
    /// Ways on which it did not reach them and will not.
    #[cbor(n(9), default)]
    pub failed: Channels,
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
    /// Went out by SMS or e-mail; stays, without a deadline, until the app has it too or it is moot:
    /// an app that connects later gets it under the same id.
    #[n(3)]
    Texted,
}

impl DeliveryStatus {
    pub const ALL: [Self; 4] = [Self::Queued, Self::Pushed, Self::Texted, Self::Dead];

    /// The contract's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Pushed => "pushed",
            Self::Dead => "dead",
            Self::Texted => "texted",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// It is to be sent (again) at `next_at`.
    #[must_use]
    pub fn due(self) -> bool {
        match self {
            Self::Queued | Self::Pushed => true,
            Self::Dead | Self::Texted => false,
        }
    }
}

/// Why a delivery ended without being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum DropReason {
    /// They asked for no more messages, and there is no other way to reach them.
    #[n(0)]
    OptedOut,
    /// The person was erased.
    #[n(1)]
    Erased,
    /// They left no phone and no e-mail address.
    #[n(2)]
    NoAddress,
}

impl DropReason {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::Erased => "erased",
            Self::NoAddress => "no_address",
        }
    }
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// It may work later; the gateway may have said how much later at least.
    Passing { retry_after_s: Option<u32> },
    /// It never will on this channel. `elsewhere`: another one is left.
    Permanent { elsewhere: bool },
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

/// A set of channels, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Channels(#[n(0)] pub u8);

impl Channels {
    #[must_use]
    pub fn has(self, channel: Channel) -> bool {
        self.0 & channel.bit() != 0
    }

    #[must_use]
    pub fn with(self, channel: Channel) -> Self {
        Self(self.0 | channel.bit())
    }
}

impl Channel {
    /// As stored; the bits never change.
    fn bit(self) -> u8 {
        match self {
            Self::Push => 1,
            Self::Sms => 2,
            Self::Email => 4,
        }
    }

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
        if self.reachable {
            self.queue(Audience::Customer, kind, self.visit.accepted_offer, at);
        }
    }

    pub(super) fn tell_expert(&mut self, expert: &ExpertId, kind: DeliveryKind, offer: OfferNo, at: Timestamp) {
        self.queue(Audience::Expert(expert.clone()), kind, offer, at);
    }

    fn queue(&mut self, to: Audience, kind: DeliveryKind, offer: OfferNo, at: Timestamp) {
        let (no, visit) = (self.next_delivery, self.visit.no);
        self.next_delivery = no.saturating_add(1);
        let (status, failed) = (DeliveryStatus::Queued, Channels::default());
        let (queued_at, next_at) = (at, at);
        self.deliveries.push(Delivery { no, to, kind, visit, offer, queued_at, next_at, attempts: 0, status, failed });
    }

    /// How a delivery fared; other events change none.
    pub(super) fn delivered(&mut self, event: &TicketEvent) {
        if let TicketEvent::DeliverySent { delivery, next_at, kept, .. } = event {
            self.delivery_sent(*delivery, *next_at, *kept);
        }
        if let TicketEvent::DeliveryReceived { delivery } | TicketEvent::DeliveryDropped { delivery, .. } = event {
            self.deliveries.retain(|known| known.no != *delivery);
        }
        if let TicketEvent::DeliveryFailed { delivery, channel, permanent, next_at, .. } = event {
            self.delivery_failed(*delivery, *channel, *permanent, *next_at);
        }
        if let TicketEvent::DeliveryDeferred { delivery, until } = event {
            self.amend_delivery(*delivery, |delivery| delivery.next_at = *until);
        }
        if let TicketEvent::DeliveryBounced { delivery, channel, next_at, .. } = event {
            self.delivery_bounced(delivery, *channel, *next_at);
        }
        if let TicketEvent::DeliveryResent { delivery, at } = event {
            self.delivery_resent(*delivery, *at);
        }
    }

    fn delivery_sent(&mut self, no: DeliveryNo, next_at: Option<Timestamp>, kept: bool) {
        match (next_at, kept) {
            (None, false) => self.deliveries.retain(|delivery| delivery.no != no),
            (None, true) => self.amend_delivery(no, |delivery| delivery.status = DeliveryStatus::Texted),
            (Some(next_at), _) => self.amend_delivery(no, |delivery| {
                delivery.status = DeliveryStatus::Pushed;
                delivery.next_at = next_at;
            }),
        }
    }

    fn delivery_failed(&mut self, no: DeliveryNo, channel: Channel, permanent: bool, next_at: Option<Timestamp>) {
        self.amend_delivery(no, |delivery| {
            delivery.attempts = delivery.attempts.saturating_add(1);
            if permanent {
                delivery.failed = delivery.failed.with(channel);
            }
            match next_at {
                Some(next_at) => delivery.next_at = next_at,
                None => delivery.status = DeliveryStatus::Dead,
            }
        });
    }

    /// What counted as sent did not arrive: it is to be sent again, another way, or given up.
    fn delivery_bounced(&mut self, sent: &Delivery, channel: Channel, next_at: Option<Timestamp>) {
        let mut delivery = sent.clone();
        delivery.failed = delivery.failed.with(channel);
        delivery.attempts = delivery.attempts.saturating_add(1);
        (delivery.status, delivery.next_at) = match next_at {
            Some(next_at) => (DeliveryStatus::Queued, next_at),
            None => (DeliveryStatus::Dead, delivery.next_at),
        };
        self.deliveries.retain(|known| known.no != sent.no);
        self.deliveries.push(delivery);
    }

    /// A person wants it tried anew, as if it had just been queued.
    fn delivery_resent(&mut self, no: DeliveryNo, at: Timestamp) {
        self.amend_delivery(no, |delivery| {
            (delivery.queued_at, delivery.next_at) = (at, at);
            (delivery.attempts, delivery.failed) = (0, Channels::default());
            delivery.status = DeliveryStatus::Queued;
        });
    }

    fn amend_delivery(&mut self, no: DeliveryNo, change: impl Fn(&mut Delivery)) {
        self.deliveries.iter_mut().filter(|delivery| delivery.no == no).for_each(change);
    }

    pub(super) fn drop_moot_deliveries(&mut self) {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        deliveries.retain(|delivery| self.still_true(delivery));
        self.deliveries = deliveries;
    }

    /// What a delivery says is still so; what no longer is must not reach anybody.
    pub(super) fn still_true(&self, delivery: &Delivery) -> bool {
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

impl TicketEvent {
    /// The delivery that it is about.
    #[must_use]
    pub fn delivery(&self) -> Option<DeliveryNo> {
        match self {
            Self::DeliverySent { delivery, .. }
            | Self::DeliveryReceived { delivery }
            | Self::DeliveryFailed { delivery, .. }
            | Self::DeliveryDeferred { delivery, .. }
            | Self::DeliveryDropped { delivery, .. }
            | Self::DeliveryResent { delivery, .. } => Some(*delivery),
            Self::DeliveryBounced { delivery, .. } => Some(delivery.no),
            Self::Opened(_)
            | Self::Decided(_)
            | Self::Offered { .. }
            | Self::Accepted { .. }
            | Self::OfferEnded { .. }
            | Self::Assigned { .. }
            | Self::Unassigned { .. }
            | Self::Departed { .. }
            | Self::Arrived { .. }
            | Self::Completed { .. }
            | Self::VisitFailed { .. }
            | Self::Held { .. }
            | Self::Released { .. }
            | Self::Rescheduled { .. }
            | Self::Cancelled { .. }
            | Self::Reopened { .. }
            | Self::Closed { .. }
            | Self::Surveyed { .. }
            | Self::Escalated(_)
            | Self::Waited(_)
            | Self::Flagged(_)
            | Self::NoteAdded { .. }
            | Self::CommandRefused { .. }
            | Self::Quarantined { .. }
            | Self::Resumed
            | Self::HandedOver { .. }
            | Self::SlaBreached { .. }
            | Self::Replanned { .. }
            | Self::Located { .. }
            | Self::CommandSeen { .. }
            | Self::TimeClamped { .. } => None,
        }
    }
}
