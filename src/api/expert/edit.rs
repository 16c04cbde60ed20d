//! The bodies that write an expert's profile.

use super::DAYS;
use crate::{
    api::{
        FieldProblem, Fields, Json,
        new_ticket::{PlaceBody, place},
        read_object, schema, words,
    },
    domain::{
        drafts::ExpertDraft,
        expert::{Expert, ExpertPersonal},
        ids::{ExpertId, RegionId},
        shift::Shift,
        skill::{Level, Skill, Skills},
    },
    settings::limits,
};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An expert to be added.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "id": "e-17", "name": "Expert 17", "phone": "+1 617 555 0117", "email": "e17@example.org", "region": "north",
    "skills": { "tv": 2, "network": 1 }, "home": { "lat": 42.05, "lon": -71.15 },
    "shifts": [{ "days": ["mon", "tue"], "from": "08:00", "to": "16:00" }], "max_visits_ahead": 3
})))]
pub struct NewExpert {
    #[schema(value_type = schema::ExpertId)]
    pub id: String,
    #[schema(value_type = schema::FullName)]
    pub name: String,
    #[schema(value_type = Option<schema::Phone>)]
    pub phone: Option<String>,
    #[schema(value_type = Option<schema::Email>)]
    pub email: Option<String>,
    /// Found from the home when absent.
    #[schema(value_type = Option<schema::RegionId>)]
    pub region: Option<String>,
    #[schema(value_type = Option<schema::ExpertSkills>)]
    pub skills: Option<BTreeMap<String, u8>>,
    /// Where the day begins and ends.
    pub home: PlaceBody,
    #[schema(max_items = 28)]
    pub shifts: Option<Vec<ShiftBody>>,
    #[schema(value_type = Option<schema::VisitsAhead>)]
    pub max_visits_ahead: Option<u8>,
}

/// An edit of an expert: what is not sent stays; null removes phone, e-mail and `max_visits_ahead`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "name": "Expert 17", "phone": null, "email": "e17@example.org", "region": "north", "skills": ["tv:3"],
    "home": { "lat": 42.05, "lon": -71.15 },
    "shifts": [{ "days": ["wed"], "from": "22:00", "to": "06:00" }], "max_visits_ahead": null, "status": "active"
})))]
pub struct ExpertEdit {
    #[schema(value_type = Option<schema::Name>)]
    pub name: Option<String>,
    #[schema(value_type = Option<schema::Phone>)]
    pub phone: Option<String>,
    #[schema(value_type = Option<schema::Email>)]
    pub email: Option<String>,
    #[schema(value_type = Option<schema::RegionId>)]
    pub region: Option<String>,
    #[schema(value_type = Option<schema::ExpertSkills>)]
    pub skills: Option<BTreeMap<String, u8>>,
    pub home: Option<PlaceBody>,
    #[schema(max_items = 28)]
    pub shifts: Option<Vec<ShiftBody>>,
    #[schema(value_type = Option<schema::VisitsAhead>)]
    pub max_visits_ahead: Option<u8>,
    /// `active` takes back who has retired; no other edit does.
    #[schema(value_type = Option<schema::ExpertStatus>)]
    pub status: Option<String>,
}

/// A shift; an end at or before its start is on the next day.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftBody {
    #[schema(value_type = schema::Weekdays)]
    pub days: Vec<String>,
    #[schema(value_type = schema::ShiftStart)]
    pub from: String,
    #[schema(value_type = schema::TimeOfDay)]
    pub to: String,
}

/// A whole profile (`POST`), or an edit of `present` (`PATCH`): what is not sent stays, `null` removes.
pub fn expert_body<'j>(body: &'j Json<'j>, present: Option<&Expert>) -> Result<ExpertDraft, Vec<FieldProblem>> {
    let known = present.and_then(|expert| expert.personal.known());
    read_object(body, |f| {
        let id = if let Some(expert) = present {
            Some(expert.id.clone())
        } else {
            let id = f.parsed("id", words::id(ExpertId::parse));
            f.required("id", id)
        };
        let name = f.text("name", limits::NAME_CHARS).or_else(|| known.map(|p| p.name.clone()));
        let name = f.required("name", name);
        let home = place(f, "home").or_else(|| known.map(|p| p.home));
        let home = f.required("home", home);
        let phone = kept(f, "phone", known.and_then(|p| p.phone.clone()), |f| f.parsed("phone", words::phone));
        let email = kept(f, "email", known.and_then(|p| p.email.clone()), |f| f.parsed("email", words::email));
        let region = f.parsed("region", words::id(RegionId::parse)).or_else(|| present.map(|e| e.region.clone()));
        let skills = skills(f).or_else(|| present.map(|e| e.skills.clone())).unwrap_or_default();
        let shifts = f.objects("shifts", limits::SHIFTS, shift).or_else(|| present.map(|e| e.shifts.clone()));
        let ahead = kept(f, "max_visits_ahead", present.and_then(|e| e.max_visits_ahead), |f| {
            f.whole("max_visits_ahead", 1..=50).and_then(|n| u8::try_from(n).ok())
        });
        let retired = present.and_then(|_| f.one_of("status", &[("active", false), ("retired", true)]));
        Some(ExpertDraft {
            id: id?,
            personal: ExpertPersonal { name: name?, phone, email, home: home? },
            region,
            skills,
            shifts: shifts.unwrap_or_default(),
            max_visits_ahead: ahead,
            retired,
        })
    })
}

/// What was sent, `null` included; else what is there.
fn kept<'j, T>(
    f: &mut Fields<'_, 'j>,
    name: &'static str,
    present: Option<T>,
    read: impl FnOnce(&mut Fields<'_, 'j>) -> Option<T>,
) -> Option<T> {
    let sent = f.sent(name);
    let value = read(f);
    if sent { value } else { present }
}

/// `{ "tv": 2 }` or `["tv:2"]`.
fn skills(f: &mut Fields<'_, '_>) -> Option<Skills> {
    if matches!(f.value("skills"), Some(Json::List(_))) {
        let list = f.texts("skills", limits::SKILLS, words::skill)?;
        return Some(list.into_iter().map(|skill| (skill.skill, skill.level)).collect());
    }
    let members = f.map("skills")?;
    let mut skills = Skills::new();
    for (name, level) in members.iter().take(limits::SKILLS) {
        let level = match level {
            Json::Whole(level) => u8::try_from(*level).ok().and_then(|level| Level::new(level).ok()),
            _ => None,
        };
        match (Skill::parse(name), level) {
            (Ok(skill), Some(level)) => drop(skills.insert(skill, level)),
            (Err(error), _) => f.wrong(&format!("skills/{name}"), "invalid", error.to_string()),
            (_, None) => f.wrong(&format!("skills/{name}"), "out_of_range", "a skill level is 1, 2 or 3"),
        }
    }
    Some(skills)
}

/// `{ "days": ["mon"], "from": "08:00", "to": "16:00" }`; an end at or before the start is next day.
pub(in crate::api) fn shift(f: &mut Fields<'_, '_>) -> Option<Shift> {
    let day = |text: &str| {
        let day = DAYS.iter().position(|day| day.eq_ignore_ascii_case(text.trim()));
        day.ok_or_else(|| format!("a day is one of {}", DAYS.join(", ")))
    };
    let days = f.texts("days", 7, day);
    let days = f.required("days", days);
    let minute = |text: &str| words::minute_of_day(text).ok_or("a time of day looks like 08:00");
    let from = f.parsed("from", minute);
    let from = f.required("from", from);
    let to = f.parsed("to", minute);
    let to = f.required("to", to);
    let days = days?.into_iter().fold(0, |days, day| days | (1 << day));
    if days == 0 {
        f.wrong("days", "missing", "a shift needs a day");
    }
    if from == Some(1_440) {
        f.wrong("from", "out_of_range", "a shift begins before 24:00");
    }
    Some(Shift { days, from_min: from? % 1_440, to_min: to? % 1_440 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_keeps_what_is_not_sent_and_null_removes() {
        let body = br#"{"id":"e-1","name":"Expert 1","phone":"617 555 0100","home":{"lat":42,"lon":-71},
            "skills":{"TV":2},"shifts":[{"days":["mon","fri"],"from":"22:00","to":"06:00"}]}"#;
        let json = Json::parse(body).unwrap();
        let made = expert_body(&json, None).unwrap();
        assert_eq!(made.skills.iter().map(|(s, l)| (s.as_str(), l.number())).collect::<Vec<_>>(), [("tv", 2)]);
        assert_eq!(made.shifts, [Shift { days: 0b1_0001, from_min: 1_320, to_min: 360 }]);
        let present = Expert {
            id: made.id.clone(),
            version: 1,
            region: RegionId::parse("north").unwrap(),
            skills: made.skills.clone(),
            personal: crate::domain::person::Private::new(crate::domain::ids::PersonId(1), made.personal.clone()),
            shifts: made.shifts.clone(),
            zone: "UTC".into(),
            max_visits_ahead: None,
            retired: false,
            absences: Vec::new(),
            next_absence: 1,
        };
        let edit = Json::parse(br#"{"phone":null,"max_visits_ahead":5}"#).unwrap();
        let edited = expert_body(&edit, Some(&present)).unwrap();
        let expected = ExpertDraft {
            personal: ExpertPersonal { phone: None, ..made.personal.clone() },
            region: Some(present.region.clone()),
            max_visits_ahead: Some(5),
            ..made
        };
        assert_eq!(edited, expected);
        let back = Json::parse(br#"{"status":"active"}"#).unwrap();
        assert_eq!(expert_body(&back, Some(&present)).unwrap().retired, Some(false));
    }
}
