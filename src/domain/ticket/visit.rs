//! Visits of a ticket: the current one, which carries the offer or assignment, and past ones.

use crate::domain::{
    ids::{ExpertId, OfferNo, VisitNo},
    person::{Private, Sealing},
    time::Timestamp,
};
use minicbor::{Decode, Encode};

/// The current visit.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Visit {
    #[n(0)]
    pub no: VisitNo,
    /// Offered to, assigned to, or being served by.
    #[n(1)]
    pub expert: Option<ExpertId>,
    /// The live offer (phase `assigning`).
    #[n(2)]
    pub offer: Option<Offer>,
    /// The offer that was accepted; 0 for a direct assignment.
    #[n(3)]
    pub accepted_offer: OfferNo,
    #[n(4)]
    pub planned_start: Option<Timestamp>,
    #[n(5)]
    pub planned_end: Option<Timestamp>,
    #[n(6)]
    pub pinned: bool,
    /// Experts who declined, let an offer of this visit expire, or from whom a dispatcher took it, in order.
    #[n(7)]
    pub refused_by: Vec<ExpertId>,
    #[n(8)]
    pub assigned_at: Option<Timestamp>,
    #[n(9)]
    pub departed_at: Option<Timestamp>,
    #[n(10)]
    pub arrived_at: Option<Timestamp>,
    /// Offers of this visit that expired, in order: an acceptance made in time may still come in.
    #[n(11)]
    pub lapsed: Vec<Lapsed>,
    /// The start of service that the customer was told.
    #[n(12)]
    pub told_start: Option<Timestamp>,
}

impl Visit {
    /// A visit that nobody holds yet.
    #[must_use]
    pub fn new(no: VisitNo) -> Self {
        Self {
            no,
            expert: None,
            offer: None,
            accepted_offer: 0,
            planned_start: None,
            planned_end: None,
            pinned: false,
            refused_by: Vec::new(),
            assigned_at: None,
            departed_at: None,
            arrived_at: None,
            lapsed: Vec::new(),
            told_start: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    #[n(0)]
    pub no: OfferNo,
    #[n(1)]
    pub made_at: Timestamp,
    #[n(2)]
    pub expires_at: Timestamp,
}

/// An offer that expired unanswered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lapsed {
    #[n(0)]
    pub expert: ExpertId,
    #[n(1)]
    pub offer: Offer,
    /// Somebody else was asked since, or the plan changed: an acceptance comes too late.
    #[n(2)]
    pub passed_on: bool,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub struct PastVisit {
    #[n(0)]
    pub no: VisitNo,
    #[n(1)]
    pub expert: Option<ExpertId>,
    #[n(2)]
    pub outcome: VisitOutcome,
    #[n(3)]
    pub started_at: Option<Timestamp>,
    #[n(4)]
    pub ended_at: Timestamp,
    #[n(5)]
    pub notes: Private<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum VisitOutcome {
    #[n(0)]
    Completed,
    #[n(1)]
    CannotFix,
    #[n(2)]
    NoAccess,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Step {
    #[n(0)]
    EnRoute,
    #[n(1)]
    OnSite,
}

impl Step {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EnRoute => "en_route",
            Self::OnSite => "on_site",
        }
    }
}
