//! What the terms of the objective weigh, and the terms' names.
//!
//! Must hold: all amounts are thousandths per unit, whole, so that sums and ties are exact. On live
//! days a unit of cost is a second of driving.

/// Thousandths per unit of each term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Per unit of driving time.
    pub travel_time: i64,
    /// Per unit of distance.
    pub travel_distance: i64,
    /// Per technician who has a route at all.
    pub route: i64,
    /// Per unit that a visit begins past its wished window.
    pub window_lateness: i64,
    /// Per unit that a visit begins past its due time, times 1, 2, 4, 8 by priority.
    pub sla_lateness: i64,
    /// Per unit home past the shift's end.
    pub overtime: i64,
    /// Per level above the needed one, and per skill that the visit does not use.
    pub over_qualification: i64,
    /// Per visit that the technician has already when one more is added: the n visits of a route cost it n (n - 1) / 2
    /// times, so that work is shared where that costs little.
    pub load: i64,
    /// For a visit whose customer wished for somebody else.
    pub preference: i64,
    /// For a visit that goes to another technician than was told.
    pub instability: i64,
}

impl Default for Weights {
    /// Seconds of driving; the same proportions as a region's settings for single tickets.
    fn default() -> Self {
        Self {
            travel_time: 1_000,
            travel_distance: 0,
            route: 0,
            window_lateness: 1_000,
            sla_lateness: 1_000,
            overtime: 2_000,
            over_qualification: 0,
            load: 0,
            preference: 600_000,
            instability: 600_000,
        }
    }
}

impl Weights {
    /// All weights with their names.
    #[must_use]
    pub fn named(&self) -> [(&'static str, i64); 10] {
        [
            ("travel_time", self.travel_time),
            ("travel_distance", self.travel_distance),
            ("route", self.route),
            ("window_lateness", self.window_lateness),
            ("sla_lateness", self.sla_lateness),
            ("overtime", self.overtime),
            ("over_qualification", self.over_qualification),
            ("load", self.load),
            ("preference", self.preference),
            ("instability", self.instability),
        ]
    }
}
