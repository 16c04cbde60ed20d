//! What a planner returns: routes with times, who is left out and why, and the cost by term.
//!
//! Must hold: nothing here is trusted; [`crate::routing::checker::check_plan`] recomputes all of it from
//! the problem.

/// A visit in a route. It leaves when it began plus its duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedStop {
    /// Index of the visit.
    pub visit: u32,
    pub arrive: i64,
    pub begin: i64,
    pub leave: i64,
}

/// One technician's day. Breaks lie between stops, before the drive or behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRoute {
    /// Index of the technician.
    pub technician: u32,
    pub stops: Vec<PlannedStop>,
    /// When each break begins, as many as were taken.
    pub breaks: Vec<i64>,
    /// At the end of the day.
    pub home: i64,
}

/// Why a technician does not do a visit; the first that holds, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    Skill,
    Excluded,
    /// The load is more than fits in.
    Load,
    /// They may have no visit at all.
    MaxVisits,
    /// There is no way there and home. From here to `Shift`: not even with the whole day for it.
    Unreachable,
    /// There and home is farther than they may drive.
    MaxDistance,
    /// Its windows are over before they could be there.
    Window,
    /// They would be home too late, or a break has no room.
    Shift,
    /// The others in the route leave no room.
    Full,
    /// There would be room, at more than leaving it out costs.
    Dear,
}

impl Rule {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Skill => "skill",
            Self::Excluded => "excluded",
            Self::Load => "load",
            Self::MaxVisits => "max_visits",
            Self::Unreachable => "unreachable",
            Self::MaxDistance => "max_distance",
            Self::Window => "window",
            Self::Shift => "shift",
            Self::Full => "full",
            Self::Dear => "dear",
        }
    }

    /// The same for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Skill => "a skill is missing, or its level",
            Self::Excluded => "not wanted there",
            Self::Load => "the load does not fit in",
            Self::MaxVisits => "may have no visits",
            Self::Unreachable => "there is no way there and home",
            Self::MaxDistance => "too far there and home",
            Self::Window => "too late for its windows",
            Self::Shift => "home too late, or no room for a break",
            Self::Full => "the day is full",
            Self::Dear => "would cost more than leaving it out",
        }
    }
}

/// A visit that nobody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unserved {
    pub visit: u32,
    /// Each rule with the technicians it keeps away.
    pub reasons: Vec<(Rule, Vec<u32>)>,
}

/// The objective by term, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    pub travel: i64,
    pub routes: i64,
    pub window_lateness: i64,
    pub sla_lateness: i64,
    pub overtime: i64,
    pub over_qualification: i64,
    /// Work time taken from those who have a scarcer skill than the visit needs.
    pub scarcity: i64,
    /// Of routes with more than one visit.
    pub load: i64,
    pub preference: i64,
    pub instability: i64,
    /// Penalties; what must be served and is not is in no sum.
    pub unserved: i64,
}

impl Costs {
    /// All terms with their names.
    #[must_use]
    pub fn named(&self) -> [(&'static str, i64); 11] {
        [
            ("travel", self.travel),
            ("routes", self.routes),
            ("window_lateness", self.window_lateness),
            ("sla_lateness", self.sla_lateness),
            ("overtime", self.overtime),
            ("over_qualification", self.over_qualification),
            ("scarcity", self.scarcity),
            ("load", self.load),
            ("preference", self.preference),
            ("instability", self.instability),
            ("unserved", self.unserved),
        ]
    }

    #[must_use]
    pub fn total(&self) -> i64 {
        self.named().iter().map(|(_, cost)| cost).sum()
    }
}

/// A whole plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Technicians without visits have none.
    pub routes: Vec<PlannedRoute>,
    pub unserved: Vec<Unserved>,
    pub costs: Costs,
}
