//! One technician of a problem: when and where they work, what they can and may.

/// A skill at a level. As a need: that level or above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skill {
    pub skill: u32,
    pub level: u8,
}

/// A pause of `duration` that begins between `from` and `until`, anywhere but during a visit or a drive.
///
/// It is owed only if the technician is not home by `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    pub from: i64,
    pub until: i64,
    pub duration: i64,
}

/// Somebody who can be sent to visits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Technician {
    /// What people call them; only shown.
    pub id: String,
    /// Place (row of the matrices) the day begins at; none: at the first visit, without a drive.
    pub start: Option<u32>,
    /// Place the day ends at; none: where the last visit ends.
    pub end: Option<u32>,
    /// Nobody leaves before `shift_from`; home by `shift_until`, or later at the price of overtime.
    pub shift_from: i64,
    pub shift_until: i64,
    pub max_overtime: i64,
    /// In the order they are taken.
    pub breaks: Vec<Break>,
    pub skills: Vec<Skill>,
    pub max_visits: Option<u32>,
    /// Of the whole route, in the matrix' units of distance.
    pub max_distance: Option<i64>,
    /// What fits in, one figure per dimension of the visits' loads.
    pub capacity: Vec<i64>,
    /// Which travel matrix is theirs.
    pub profile: u32,
}

impl Technician {
    /// Level in `skill`, zero without it.
    #[must_use]
    pub fn level(&self, skill: u32) -> u8 {
        self.skills.iter().filter(|held| held.skill == skill).map(|held| held.level).max().unwrap_or(0)
    }

    /// The moment that no route may pass.
    #[must_use]
    pub fn latest_home(&self) -> i64 {
        self.shift_until + self.max_overtime
    }
}
