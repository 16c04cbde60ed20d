//! The record of a choice: who was considered, at which versions, what each would have cost or which
//! rule excluded them (P8). Recomputing it from the journal must give the same winner.

use super::{
    ids::{ExpertId, RegionId, TicketNumber, Version, VisitNo},
    person::{Private, Sealing},
    place::Place,
    skill::Skill,
    time::Timestamp,
};
use minicbor::{Decode, Encode};

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub struct Decision {
    #[n(0)]
    pub at: Timestamp,
    /// The ticket as it was judged.
    #[n(1)]
    pub ticket_version: Version,
    #[n(2)]
    pub visit: VisitNo,
    /// The region whose settings (weights, travel) were used, at which version.
    #[n(3)]
    pub region: RegionId,
    #[n(4)]
    pub region_version: Version,
    #[n(5)]
    pub policy: Policy,
    #[n(6)]
    pub travel: TravelSource,
    /// Sorted by expert id.
    #[n(7)]
    pub candidates: Vec<Candidate>,
    #[n(8)]
    pub winner: Option<ExpertId>,
    /// Experts who had refused this visit and were asked again because nobody else was left.
    #[n(9)]
    pub second_round: bool,
    /// Whom the region's plan had for the visit; None: no plan did, or it served others (then all who could come
    /// are [`Verdict::Kept`]).
    #[n(10)]
    pub plan: Option<Planned>,
}

/// The plan's choice, good only as long as the route is the one that was planned with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Planned {
    #[n(0)]
    pub expert: ExpertId,
    #[n(1)]
    pub route_version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Policy {
    /// The free expert nearest by travel time.
    #[n(0)]
    Nearest,
    /// Cheapest insertion into the routes.
    #[n(1)]
    Insertion,
    /// The region's plan, made in the background, says who wins; called `router`.
    #[n(2)]
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum TravelSource {
    #[n(0)]
    GreatCircle,
    #[n(1)]
    RoadNetwork,
    /// What a server had said of all these drives.
    #[n(2)]
    Server,
    /// The road network, but for drives from or to places that are on none of its streets: great circle.
    #[n(3)]
    RoadsInPart,
    /// The server's, but for drives that it had not said by then, or has no way for: great circle.
    #[n(4)]
    ServerInPart,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub struct Candidate {
    #[n(0)]
    pub expert: ExpertId,
    #[n(1)]
    pub profile_version: Version,
    #[n(2)]
    pub route_version: Version,
    /// Set when a position report was used instead of home or the last stop.
    #[n(3)]
    pub position: Option<Private<Place>>,
    #[n(4)]
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Verdict {
    #[n(0)]
    Bid(#[n(0)] Bid),
    /// The first hard rule broken.
    #[n(1)]
    Ruled(#[n(0)] Rule),
    /// Could come as bid, but the region's plan keeps them for something else: as if ruled out by
    /// [`Rule::Planned`].
    #[n(2)]
    Kept(#[n(0)] Bid, #[n(1)] Kept),
}

/// What the plan has somebody do instead of a visit that they could take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Kept {
    /// The visit that they are to go to next; None: the plan had none for them, or was made with another route.
    #[n(0)]
    pub ticket: Option<TicketNumber>,
    /// When that one begins by the plan.
    #[n(1)]
    pub begins: Option<Timestamp>,
    /// Seconds of driving more, over the plan, if they took this visit first and not who is planned for it; negative:
    /// less, at the price of waits and lateness that the plan weighs too. None: nobody is planned for it.
    #[n(2)]
    pub dearer_s: Option<i64>,
    /// A skill of theirs that the visit does not need, and of which more is to be expected than there is time for.
    #[n(3)]
    pub scarce: Option<Skill>,
}

/// Where the visit would go in the route, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Bid {
    /// Index in the route's stops.
    #[n(0)]
    pub position: u16,
    #[n(1)]
    pub depart: Timestamp,
    #[n(2)]
    pub start: Timestamp,
    #[n(3)]
    pub end: Timestamp,
    #[n(4)]
    pub cost: Cost,
}

/// Each soft term, weighted, in thousandths of a second of cost: whole, so that sums and ties are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Cost {
    #[n(0)]
    pub travel: i64,
    #[n(1)]
    pub response: i64,
    #[n(2)]
    pub sla_lateness: i64,
    #[n(3)]
    pub window_lateness: i64,
    #[n(4)]
    pub overtime: i64,
    #[n(5)]
    pub over_qualification: i64,
    #[n(6)]
    pub load: i64,
    #[n(7)]
    pub instability: i64,
}

impl Cost {
    #[must_use]
    pub fn total(&self) -> i64 {
        self.travel
            + self.response
            + self.sla_lateness
            + self.window_lateness
            + self.overtime
            + self.over_qualification
            + self.load
            + self.instability
    }

    /// (name, value) of each term, for tables and JSON.
    #[must_use]
    pub fn terms(&self) -> [(&'static str, i64); 8] {
        [
            ("travel", self.travel),
            ("response", self.response),
            ("sla_lateness", self.sla_lateness),
            ("window_lateness", self.window_lateness),
            ("overtime", self.overtime),
            ("over_qualification", self.over_qualification),
            ("load", self.load),
            ("instability", self.instability),
        ]
    }
}

/// Hard rules, in the order they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Rule {
    #[n(0)]
    Retired,
    /// Lacks a skill or its level.
    #[n(1)]
    Skill,
    /// Declined this visit or let its offer expire.
    #[n(2)]
    Refused,
    /// Farther from home than the region's reach.
    #[n(3)]
    Reach,
    #[n(4)]
    Absent,
    /// Not on shift now, nor soon enough to be offered anything.
    #[n(5)]
    OffShift,
    /// Holds as many visits as allowed.
    #[n(6)]
    Capacity,
    /// Would not be home by the end of the shift (plus allowed overtime).
    #[n(7)]
    ShiftEnd,
    /// Cannot begin inside the promised window (or would break another's).
    #[n(8)]
    Window,
    /// Did not answer the bid request in time.
    #[n(9)]
    NoAnswer,
    /// Home or place unknown (erased).
    #[n(10)]
    NoPlace,
    /// Could come, but the region's plan has other work for them. In a record without figures, from before there
    /// was [`Verdict::Kept`]; and where verdicts are counted.
    #[n(11)]
    Planned,
}

impl Rule {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::Skill => "skill",
            Self::Refused => "refused",
            Self::Reach => "reach",
            Self::Absent => "absent",
            Self::OffShift => "off_shift",
            Self::Capacity => "capacity",
            Self::ShiftEnd => "shift_end",
            Self::Window => "window",
            Self::NoAnswer => "no_answer",
            Self::NoPlace => "no_place",
            Self::Planned => "planned",
        }
    }

    /// May be different later without anybody editing anything: such a ticket waits.
    #[must_use]
    pub fn passes(self) -> bool {
        match self {
            Self::Absent | Self::OffShift | Self::Capacity | Self::ShiftEnd | Self::NoAnswer | Self::Planned => true,
            Self::Retired | Self::Skill | Self::Refused | Self::Reach | Self::Window | Self::NoPlace => false,
        }
    }
}

/// Handed to a person, with why; stays in the automatic queue until they take it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Escalation {
    #[n(0)]
    pub at: Timestamp,
    #[n(1)]
    pub reason: EscalationReason,
    /// How many experts each rule excluded.
    #[n(2)]
    pub ruled: Vec<(Rule, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EscalationReason {
    /// Nobody on the roster has the skills within reach.
    #[n(0)]
    NobodyQualified,
    /// Everybody who could was asked and refused, or the rounds are used up.
    #[n(1)]
    RoundsExhausted,
    /// The resolve time passes before anybody can come.
    #[n(2)]
    SlaUnreachable,
    /// No place to drive to.
    #[n(3)]
    Unlocated,
    /// Nobody can keep the promised window.
    #[n(4)]
    WindowUnreachable,
}

impl EscalationReason {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NobodyQualified => "nobody_qualified",
            Self::RoundsExhausted => "rounds_exhausted",
            Self::SlaUnreachable => "sla_unreachable",
            Self::Unlocated => "unlocated",
            Self::WindowUnreachable => "window_unreachable",
        }
    }
}
