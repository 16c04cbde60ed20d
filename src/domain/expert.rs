//! An expert's profile: who they are, what they can do, when they work. Their route is a thing of
//! its own (`route.rs`), so that an edit of the profile and an award do not get in each other's way.

use super::{
    ids::{ExpertId, PersonId, RegionId, Version},
    person::{Private, Sealing},
    place::Place,
    shift::Shift,
    skill::Skills,
    time::Timestamp,
};
use minicbor::{Decode, Encode};

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub struct Expert {
    #[n(0)]
    pub id: ExpertId,
    #[n(1)]
    pub version: Version,
    #[n(2)]
    pub region: RegionId,
    #[n(3)]
    pub skills: Skills,
    #[n(4)]
    pub personal: Private<ExpertPersonal>,
    /// In the time zone of `zone` (the region's, and moved with it).
    #[n(5)]
    pub shifts: Vec<Shift>,
    #[n(6)]
    pub zone: String,
    /// Overrides the region's setting.
    #[n(7)]
    pub max_visits_ahead: Option<u8>,
    #[n(8)]
    pub retired: bool,
    #[n(9)]
    pub absences: Vec<Absence>,
    #[n(10)]
    pub next_absence: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ExpertPersonal {
    #[n(0)]
    pub name: String,
    #[n(1)]
    pub phone: Option<String>,
    #[n(2)]
    pub email: Option<String>,
    #[n(3)]
    pub home: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Absence {
    #[n(0)]
    pub id: u32,
    #[n(1)]
    pub kind: AbsenceKind,
    #[n(2)]
    pub from: Timestamp,
    /// Exclusive.
    #[n(3)]
    pub to: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum AbsenceKind {
    #[n(0)]
    Sick,
    #[n(1)]
    Leave,
}

/// What happened to a profile.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub enum ExpertEvent {
    /// Joined, or edited: the whole profile as it is from now on.
    #[n(0)]
    Written(#[n(0)] Box<Expert>),
    #[n(1)]
    Retired,
    #[n(2)]
    AbsenceAdded(#[n(0)] Absence),
    #[n(3)]
    AbsenceRemoved(#[n(0)] u32),
}

impl Expert {
    #[must_use]
    pub fn person(&self) -> PersonId {
        self.personal.person
    }

    /// None when the expert was erased.
    #[must_use]
    pub fn home(&self) -> Option<Place> {
        self.personal.known().map(|p| p.home)
    }
}

impl Expert {
    pub fn apply(&mut self, event: &ExpertEvent) {
        let version = self.version + 1;
        match event {
            ExpertEvent::Written(expert) => *self = (**expert).clone(),
            ExpertEvent::Retired => self.retired = true,
            ExpertEvent::AbsenceAdded(absence) => {
                self.absences.push(*absence);
                self.next_absence = absence.id + 1;
            }
            ExpertEvent::AbsenceRemoved(id) => self.absences.retain(|absence| absence.id != *id),
        }
        self.version = version;
    }
}
