//! Marks for a person to look at; never errors.

use minicbor::{Decode, Encode};

/// A set of [`Flag`]s, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Flags(#[n(0)] pub u16);

/// Bit positions are stored: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    Escalated = 0,
    Quarantined = 1,
    Unlocated = 2,
    PossibleDuplicate = 3,
    AtRisk = 4,
    Override = 5,
    UnknownProduct = 6,
    NoEntitlement = 7,
    VagueAddress = 8,
}

impl Flag {
    pub const ALL: [Self; 9] = [
        Self::Escalated,
        Self::Quarantined,
        Self::Unlocated,
        Self::PossibleDuplicate,
        Self::AtRisk,
        Self::Override,
        Self::UnknownProduct,
        Self::NoEntitlement,
        Self::VagueAddress,
    ];

    /// The contract's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Escalated => "escalated",
            Self::Quarantined => "quarantined",
            Self::Unlocated => "unlocated",
            Self::PossibleDuplicate => "possible_duplicate",
            Self::AtRisk => "at_risk",
            Self::Override => "override",
            Self::UnknownProduct => "unknown_product",
            Self::NoEntitlement => "no_entitlement",
            Self::VagueAddress => "vague_address",
        }
    }
}

impl Flags {
    #[must_use]
    pub fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u16) != 0
    }

    pub fn set(&mut self, flag: Flag, on: bool) {
        if on {
            self.0 |= 1 << flag as u16;
        } else {
            self.0 &= !(1 << flag as u16);
        }
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Flag::ALL.into_iter().filter(move |flag| self.has(*flag)).map(Flag::name)
    }
}
