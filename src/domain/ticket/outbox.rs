//! What people must be told. A delivery is queued by the event that causes it and lives in the
//! ticket's state until it was received, sent for good, or given up.

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
