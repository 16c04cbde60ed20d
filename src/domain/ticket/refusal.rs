//! What the rules say no to. Each has a stable code (the contract's), a sentence, and the ticket is
//! left as it was.

use super::Phase;
use crate::domain::{ids::ExpertId, time::Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{command} is not possible while the ticket is {}", phase.name())]
    WrongPhase { command: &'static str, phase: Phase },
    #[error("the offer expired at {0} and was passed on")]
    OfferExpired(Timestamp),
    #[error("this visit is not yours")]
    NotYours,
    #[error("this was about visit {0}, the ticket is at visit {1}")]
    OtherVisit(u16, u16),
    #[error("this was about offer {0}, which is no longer open")]
    OtherOffer(u16),
    #[error("the ticket can no longer be reopened: it ended {0}")]
    TooLateToReopen(Timestamp),
    #[error("a reason is needed")]
    ReasonMissing,
    #[error("the ticket is not in quarantine")]
    NotQuarantined,
    #[error("the ticket is in quarantine: resume it first")]
    Quarantined,
    #[error("expert {0} is not on the roster")]
    UnknownExpert(ExpertId),
    #[error("expert {0} has retired")]
    RetiredExpert(ExpertId),
    #[error("{expert} breaks a rule ({rule}); send \"force\": true with a reason to do it all the same")]
    BreaksRule { expert: ExpertId, rule: String },
    #[error("only staff may do this while an expert is at work")]
    StaffOnly,
    #[error("the window has to end after it starts, and in the future")]
    BadWindow,
    #[error("a rating is 1 to 5")]
    BadRating,
    #[error("there is no place to drive to yet: give the ticket a place first")]
    NoPlace,
    #[error("there is no delivery {0}")]
    UnknownDelivery(u16),
    #[error("delivery {0} is done or no longer needed; there is nothing to send again")]
    DeliveryDone(u16),
    #[error("the time to wait for has passed")]
    BadTime,
    #[error("the ticket or the route changed while it was being awarded")]
    StaleAward,
}

impl Refusal {
    /// Stable, snake case; clients switch on it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongPhase { .. } => "wrong_phase",
            Self::OfferExpired(_) => "offer_expired",
            Self::NotYours => "not_yours",
            Self::OtherVisit(..) => "other_visit",
            Self::OtherOffer(_) => "other_offer",
            Self::TooLateToReopen(_) => "too_late_to_reopen",
            Self::ReasonMissing => "reason_missing",
            Self::NotQuarantined => "not_quarantined",
            Self::Quarantined => "quarantined",
            Self::UnknownExpert(_) => "unknown_expert",
            Self::RetiredExpert(_) => "retired_expert",
            Self::BreaksRule { .. } => "breaks_rule",
            Self::StaffOnly => "staff_only",
            Self::BadWindow => "bad_window",
            Self::BadRating => "bad_rating",
            Self::NoPlace => "no_place",
            Self::UnknownDelivery(_) => "unknown_delivery",
            Self::DeliveryDone(_) => "delivery_done",
            Self::BadTime => "bad_time",
            Self::StaleAward => "stale_award",
        }
    }
}
