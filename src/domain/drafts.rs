//! What whoever writes a profile or a region gives: all of it, as it shall be.

use super::{
    expert::ExpertPersonal,
    ids::{ExpertId, RegionId},
    place::Geometry,
    settings::RegionSettings,
    shift::Shift,
    skill::Skills,
};

/// `personal.home` decides the region when none is given.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpertDraft {
    pub id: ExpertId,
    pub personal: ExpertPersonal,
    pub region: Option<RegionId>,
    pub skills: Skills,
    pub shifts: Vec<Shift>,
    pub max_visits_ahead: Option<u8>,
    /// None: stays as it is. Nobody who left comes back by an edit of something else.
    pub retired: Option<bool>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RegionDraft {
    pub id: RegionId,
    pub name: String,
    pub time_zone: String,
    pub geometry: Geometry,
    pub zips: Vec<String>,
    /// None: keep (or the defaults).
    pub settings: Option<RegionSettings>,
}
