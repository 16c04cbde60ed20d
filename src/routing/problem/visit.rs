//! One visit of a problem: where, when, how long, and who may do it.

use super::technician::Skill;

/// What the end of a window means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmness {
    /// The visit begins inside, or is not served.
    Promise,
    /// It may begin later, at the price of lateness. Only the last window of a visit can be a wish.
    Wish,
}

/// When a visit may begin, both ends included. Who comes early waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: i64,
    pub until: i64,
    pub firmness: Firmness,
}

/// Something to be done at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// What people call it; only shown.
    pub id: String,
    /// Row of the matrices.
    pub place: u32,
    pub duration: i64,
    /// Technicians (by index) who take another time than `duration`.
    pub durations: Vec<(u32, i64)>,
    /// In order and apart from each other; none: any time.
    pub windows: Vec<Window>,
    /// Beginning later than this costs SLA lateness by priority.
    pub due: Option<i64>,
    /// 0 to 3; lateness counts 1, 2, 4, 8 times.
    pub priority: u8,
    pub skills: Vec<Skill>,
    /// Technicians whom the customer would like; empty: no wish.
    pub preferred: Vec<u32>,
    /// Technicians who must not come.
    pub excluded: Vec<u32>,
    /// Whom people were told; somebody else is instability.
    pub told: Option<u32>,
    /// What has to be carried, one figure per dimension.
    pub load: Vec<i64>,
    /// What leaving it out costs, in thousandths; none: it must be served wherever that is possible.
    pub unserved: Option<i64>,
}

impl Visit {
    /// Time that `technician` (by index) needs for it.
    #[must_use]
    pub fn duration_of(&self, technician: u32) -> i64 {
        self.durations.iter().find(|(who, _)| *who == technician).map_or(self.duration, |(_, own)| *own)
    }
}
