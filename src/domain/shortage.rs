//! What a region says by itself when its day cannot be kept: which visits will begin too late, from when, and what
//! would help. Ids and skills only, so that it can be told to anybody who works with the region (P12).

use super::{ids::TicketNumber, skill::SkillLevel, time::Timestamp};
use minicbor::{Decode, Encode};

/// Visits that a statement names; the others are counted.
pub const NAMED: usize = 50;

/// A forecast, as far as it was said and is on record.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Shortage {
    /// The moment it was judged as of.
    #[n(0)]
    pub since: Timestamp,
    /// When the first promise will be broken.
    #[n(1)]
    pub first: Timestamp,
    /// Visits that will begin after what was promised or is due.
    #[n(2)]
    pub missed: u32,
    /// Of these, with a promised window; the others have a due time.
    #[n(3)]
    pub promised: u32,
    /// By when each is missed; the first [`NAMED`].
    #[n(4)]
    pub tickets: Vec<TicketNumber>,
    /// Of the misses: how many `help` would serve in time.
    #[n(5)]
    pub saved: u32,
    /// Empty: more experts would not serve any of them in time.
    #[n(6)]
    pub help: Vec<Help>,
}

/// So many more experts with these skills, at work between these times.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Help {
    #[n(0)]
    pub experts: u32,
    #[n(1)]
    pub skills: Vec<SkillLevel>,
    #[n(2)]
    pub from: Timestamp,
    #[n(3)]
    pub until: Timestamp,
}
