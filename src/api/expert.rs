//! Experts as the contract shows them, and the bodies that write them.

mod edit;
mod whereabouts;

pub(super) use edit::shift;
pub use edit::{ExpertEdit, NewExpert, ShiftBody, expert_body};
pub(super) use whereabouts::fix;
pub use whereabouts::{NewAbsence, PositionBody, absence_body, position_body};

use super::{
    schema,
    show::{ERASED, PlaceView, Shown},
};
use crate::domain::{
    expert::{Absence, AbsenceKind, Expert},
    ids::{ExpertId, RegionId},
    shift::Shift,
    time::Timestamp,
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// An expert's profile.
#[derive(Serialize, ToSchema)]
#[schema(as = Expert)]
pub struct ExpertView<'a> {
    #[schema(value_type = schema::ExpertId)]
    id: Shown<&'a ExpertId>,
    /// `erased` once the person was erased.
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    email: Option<&'a str>,
    #[schema(value_type = schema::RegionId)]
    region: Shown<&'a RegionId>,
    /// Levels by skill.
    #[schema(value_type = BTreeMap<String, schema::Level>)]
    skills: BTreeMap<&'a str, u8>,
    /// Where the day begins and ends; null once the person was erased.
    home: Option<PlaceView>,
    shifts: Vec<ShiftView>,
    /// The zone of the shifts.
    time_zone: &'a str,
    /// Visits they may hold; else the region's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::VisitsAhead)]
    max_visits_ahead: Option<u8>,
    #[schema(value_type = schema::ExpertStatus)]
    status: &'static str,
    absences: Vec<AbsenceView>,
    presence: PresenceView,
    /// The `ETag`.
    #[schema(value_type = schema::Version)]
    version: u64,
}

/// Whether a device is connected, and where the expert was when they last said so.
#[derive(Clone, Copy, Default, Serialize, ToSchema)]
#[schema(as = Presence)]
pub struct PresenceView {
    /// A device is connected.
    pub online: bool,
    /// Where they last were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PlaceView)]
    pub position: Option<PlaceView>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub at: Option<Shown<Timestamp>>,
}

/// When an expert works, in their region's time zone.
#[derive(Serialize, ToSchema)]
#[schema(as = Shift)]
pub struct ShiftView {
    #[schema(value_type = Vec<schema::Weekday>)]
    days: Vec<&'static str>,
    #[schema(value_type = schema::TimeOfDay)]
    from: String,
    /// At or before `from`: on the next day.
    #[schema(value_type = schema::TimeOfDay)]
    to: String,
}

/// When an expert is away.
#[derive(Serialize, ToSchema)]
#[schema(as = Absence)]
pub struct AbsenceView {
    id: u32,
    #[schema(value_type = schema::AbsenceKind)]
    kind: &'static str,
    #[schema(value_type = schema::Time)]
    from: Shown<Timestamp>,
    #[schema(value_type = schema::Time)]
    to: Shown<Timestamp>,
}

impl<'a> ExpertView<'a> {
    #[must_use]
    pub fn new(expert: &'a Expert, presence: PresenceView) -> Self {
        let personal = expert.personal.known();
        Self {
            id: Shown(&expert.id),
            name: personal.map_or(ERASED, |p| p.name.as_str()),
            phone: personal.and_then(|p| p.phone.as_deref()),
            email: personal.and_then(|p| p.email.as_deref()),
            region: Shown(&expert.region),
            skills: expert.skills.iter().map(|(skill, level)| (skill.as_str(), level.number())).collect(),
            home: personal.map(|p| p.home.into()),
            shifts: expert.shifts.iter().map(ShiftView::from).collect(),
            time_zone: &expert.zone,
            max_visits_ahead: expert.max_visits_ahead,
            status: if expert.retired { "retired" } else { "active" },
            absences: expert.absences.iter().map(AbsenceView::from).collect(),
            presence,
            version: expert.version,
        }
    }
}

impl From<&Shift> for ShiftView {
    fn from(shift: &Shift) -> Self {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let days = (0..7).filter(|day| shift.days & (1 << day) != 0).map(|day| DAYS[day]);
        Self { days: days.collect(), from: clock(shift.from_min), to: clock(shift.to_min) }
    }
}

impl From<&Absence> for AbsenceView {
    fn from(absence: &Absence) -> Self {
        let kind = match absence.kind {
            AbsenceKind::Sick => "sick",
            AbsenceKind::Leave => "leave",
        };
        Self { id: absence.id, kind, from: Shown(absence.from), to: Shown(absence.to) }
    }
}
