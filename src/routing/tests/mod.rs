//! Claims about routing. A small flat world: places are metres east and north of a square in Boston,
//! everybody drives 36 km/h (10 m/s) on straight roads, the day is Monday 2024-07-01, UTC.

mod bids;
mod changes;
mod choices;
mod days;
mod demand;
mod forecasts;
mod live;
mod oracle;
mod remedies;

use super::*;
use crate::domain::{
    expert::{Absence, AbsenceKind, Expert, ExpertPersonal},
    ids::{ExpertId, PersonId, RegionId, TicketNumber},
    number::RegionCode,
    person::Private,
    place::Place,
    route::Route,
    settings::TravelSettings,
    shift::Shift,
    skill::{Level, Skill, SkillLevel},
    ticket::{Window, WindowKind},
};

pub(super) fn at(clock: &str) -> Timestamp {
    Timestamp::parse(&format!("2024-07-01T{clock}:00Z")).unwrap()
}

/// Metres east and north, a hair less, so that round metres are round seconds after rounding up.
pub(super) fn place(east_m: i32, north_m: i32) -> Place {
    const DEGREES_PER_METRE: f64 = 0.9995 / 111_195.0;
    let shrink = 42.355_f64.to_radians().cos();
    let lat = 42.355 + f64::from(north_m) * DEGREES_PER_METRE;
    Place::new(lat, -71.06 + f64::from(east_m) * DEGREES_PER_METRE / shrink).unwrap()
}

pub(super) fn settings() -> RegionSettings {
    RegionSettings {
        travel: TravelSettings { detour: 1.0, speed_kmh: 36.0, ..TravelSettings::default() },
        ..RegionSettings::default()
    }
}

pub(super) fn terms<'a>(clock: &str, settings: &'a RegionSettings) -> Terms<'a> {
    Terms { now: at(clock), settings, policy: Policy::Insertion, second_round: false, drives: drives(settings) }
}

fn drives(settings: &RegionSettings) -> Drives<'_> {
    Drives::new(&settings.travel, "UTC", None)
}

fn ground(settings: &RegionSettings) -> Ground<'_> {
    Ground { travel: &settings.travel, zone: "UTC", roads: None }
}

/// Works Monday to Friday, 08:00 to 16:00.
pub(super) fn expert(id: &str, skills: &str, home: Place) -> Expert {
    let skill = |text: &str| SkillLevel::parse(text).unwrap();
    Expert {
        id: ExpertId::parse(id).unwrap(),
        version: 1,
        region: RegionId::parse("boston").unwrap(),
        skills: skills.split(';').map(skill).map(|s| (s.skill, s.level)).collect(),
        personal: Private::new(PersonId(7), ExpertPersonal { name: id.into(), phone: None, email: None, home }),
        shifts: Shift::parse_all("mon-fri 08:00-16:00").unwrap(),
        zone: "UTC".into(),
        max_visits_ahead: None,
        retired: false,
        absences: Vec::new(),
        next_absence: 1,
    }
}

fn sick(from: &str, to: &str) -> Absence {
    Absence { id: 1, kind: AbsenceKind::Sick, from: at(from), to: at(to) }
}

/// Half an hour of service, due at the end of the next day, needs `tv`.
pub(super) fn visit(serial: u32, place: Place) -> VisitSpec {
    VisitSpec {
        ticket: TicketNumber::new(RegionCode(1), serial),
        visit: 1,
        person: PersonId(serial),
        place,
        service_s: 1_800,
        window: None,
        due: at("23:00").plus_s(86_400),
        urgency: 1,
        skills: [SkillLevel { skill: Skill::parse("tv").unwrap(), level: Level::ONE }].into(),
        refused_by: Vec::new(),
        opened_at: at("07:00"),
    }
}

pub(super) fn promise(from: &str, to: &str) -> Window {
    Window { from: at(from), to: at(to), kind: WindowKind::Promise }
}

pub(super) fn nothing_planned(expert: &Expert) -> Route {
    Route::empty(expert.id.clone(), expert.region.clone())
}

/// The route with these visits offered one after the other, each at its best position.
fn holding(expert: &Expert, visits: &[VisitSpec], terms: &Terms<'_>) -> Route {
    visits.iter().fold(nothing_planned(expert), |route, visit| {
        let bid = bid(visit, expert, &route, None, terms).unwrap();
        insert(&route, visit, &bid, 1, false, expert, terms)
    })
}

/// An erased copy: the same type, opened without a key.
fn erased<T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>>(value: &Private<T>) -> Private<T> {
    struct Forgotten;
    impl crate::domain::person::Sealing for Forgotten {
        fn seal(&mut self, _: PersonId, plain: &[u8]) -> Vec<u8> {
            plain.to_vec()
        }
        fn open(&mut self, _: PersonId, _: &[u8]) -> Result<Option<Vec<u8>>, crate::domain::person::SealError> {
            Ok(None)
        }
    }
    let bytes = minicbor::to_vec_with(value, &mut Forgotten).unwrap();
    minicbor::decode_with(&bytes, &mut Forgotten).unwrap()
}
