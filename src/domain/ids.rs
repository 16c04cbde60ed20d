//! Names of things. Every id is a type of its own, parsed once at the door and trusted after.

use minicbor::{Decode, Decoder, Encode, Encoder};
use std::{fmt, sync::Arc};

pub use super::number::TicketNumber;

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 64 letters, digits, '-', '_', '.' or ':'")]
pub struct IdError;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// 1 to 64 of `A-Z a-z 0-9 - _ . :`.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
                if text.is_empty() || text.len() > 64 || !text.bytes().all(ok) {
                    return Err(IdError);
                }
                Ok(Self(text.into()))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                Ok(Self(d.str()?.into()))
            }
        }
    };
}

text_id!(
    /// A region: the shard that owns tickets and experts.
    RegionId
);
text_id!(
    /// An expert on the roster.
    ExpertId
);
text_id!(
    /// A customer's profile (the CRM keeps it; the spine only carries the name).
    CustomerId
);

impl RegionId {
    /// Where tickets without a place live; made with the cell, never imported.
    #[must_use]
    pub fn unlocated() -> Self {
        Self("unlocated".into())
    }

    /// Where things of the whole cell are journalled (catalogue); owns no ticket.
    #[must_use]
    pub fn cell() -> Self {
        Self("cell".into())
    }

    #[must_use]
    pub fn is_reserved(&self) -> bool {
        matches!(self.as_str(), "unlocated" | "cell")
    }
}

/// A person's slot in the key file; 0 is nobody (nothing is sealed under it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct PersonId(#[n(0)] pub u32);

/// Counts the visits of one ticket, from 1.
pub type VisitNo = u16;
/// Counts the offers of one ticket, from 1; never reused.
pub type OfferNo = u16;
/// Counts the deliveries of one ticket, from 1; never reused.
pub type DeliveryNo = u16;
/// Counts the committed events of one thing, from 1; 0 means it does not exist.
pub type Version = u64;
/// Counts the events of a cell's journal, from 1.
pub type Seq = u64;

/// What an event happened to; the unit of guarding and of versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Thing {
    #[n(0)]
    Ticket(#[n(0)] TicketNumber),
    /// An expert's route: what was offered or assigned to them.
    #[n(1)]
    Route(#[n(0)] ExpertId),
    /// An expert's profile.
    #[n(2)]
    Expert(#[n(0)] ExpertId),
    #[n(3)]
    Region(#[n(0)] RegionId),
    /// Skills, rules from product to skills, calendars: one per cell.
    #[n(4)]
    Catalogue,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(number) => write!(f, "ticket {number}"),
            Self::Route(expert) => write!(f, "route of {expert}"),
            Self::Expert(expert) => write!(f, "expert {expert}"),
            Self::Region(region) => write!(f, "region {region}"),
            Self::Catalogue => f.write_str("catalogue"),
        }
    }
}
