//! The catalogue's rules and calendars, as lists that are read and written whole.

use super::{
    expert::{DAYS, ShiftBody, ShiftView, shift},
    fields::{Fields, read_object},
    json::Json,
    problem::FieldProblem,
    schema,
    show::ShownAll,
    words,
};
use crate::{
    domain::{
        calendar::Calendar,
        catalogue::{Catalogue, CatalogueRule, NamedSkill},
        skill::Skill,
    },
    settings::limits,
};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// All rules from products to skills.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "items": [{ "product": "tv-55", "skills": ["tv:2"], "duration_s": 3600 }], "version": 1, "next_cursor": null })))]
pub struct CatalogueRules {
    #[schema(max_items = 10_000)]
    pub items: Vec<Rule>,
    /// As it was read; `If-Match` is what counts.
    #[schema(value_type = Option<schema::Version>)]
    pub version: Option<u64>,
    #[schema(value_type = Option<schema::Cursor>)]
    pub next_cursor: Option<String>,
}

/// What a product (or a category) needs.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CatalogueRule)]
pub struct Rule {
    /// A slug is made of it.
    #[schema(value_type = schema::SkillText)]
    pub product: String,
    #[schema(value_type = schema::NeededSkills)]
    pub skills: Vec<String>,
    #[schema(value_type = Option<schema::Duration>)]
    pub duration_s: Option<u32>,
}

/// All business calendars, on which service levels may run.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "items": [{ "name": "office", "time_zone": "America/New_York",
    "hours": [{ "days": ["mon", "tue"], "from": "08:00", "to": "18:00" }], "holidays": ["2026-12-25"] }], "version": 1, "next_cursor": null })))]
pub struct Calendars {
    #[schema(max_items = 10_000)]
    pub items: Vec<CalendarBody>,
    /// As it was read; `If-Match` is what counts.
    #[schema(value_type = Option<schema::Version>)]
    pub version: Option<u64>,
    #[schema(value_type = Option<schema::Cursor>)]
    pub next_cursor: Option<String>,
}

/// Names of skills, for people.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "items": [{ "skill": "tv", "name": "Televisions", "experts": 12, "best_level": 3 }], "version": 1, "next_cursor": null })))]
pub struct SkillNames {
    #[schema(max_items = 10_000)]
    pub items: Vec<SkillNameBody>,
    /// As it was read; `If-Match` is what counts.
    #[schema(value_type = Option<schema::Version>)]
    pub version: Option<u64>,
    #[schema(value_type = Option<schema::Cursor>)]
    pub next_cursor: Option<String>,
}

/// A skill's name.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NamedSkill)]
pub struct SkillNameBody {
    /// A slug is made of it.
    #[schema(value_type = schema::SkillText)]
    pub skill: String,
    #[schema(value_type = schema::FullName)]
    pub name: String,
    /// As the list shows it; not written.
    #[schema(value_type = Option<schema::Count>)]
    pub experts: Option<u32>,
    /// As the list shows it; not written.
    #[schema(value_type = Option<schema::Level>)]
    pub best_level: Option<u8>,
}

/// When a house is open.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Calendar)]
pub struct CalendarBody {
    #[schema(value_type = schema::FullName)]
    pub name: String,
    #[schema(value_type = schema::TimeZone)]
    pub time_zone: String,
    #[schema(min_items = 1, max_items = 28)]
    pub hours: Vec<ShiftBody>,
    #[schema(value_type = Option<schema::Holidays>)]
    pub holidays: Option<Vec<String>>,
}

#[must_use]
pub fn rules_view(catalogue: &Catalogue) -> Value {
    let rule = |rule: &CatalogueRule| {
        let mut view = json!({ "product": rule.product, "skills": ShownAll(&rule.skills) });
        if let (Some(seconds), Value::Object(view)) = (rule.service_s, &mut view) {
            view.insert("duration_s".into(), seconds.into());
        }
        view
    };
    json!({ "items": catalogue.rules.iter().map(rule).collect::<Vec<_>>(), "version": catalogue.version,
            "next_cursor": null })
}

#[must_use]
pub fn calendars_view(catalogue: &Catalogue) -> Value {
    let calendar = |calendar: &Calendar| {
        let holidays =
            calendar.holidays.iter().map(|d| format!("{:04}-{:02}-{:02}", d / 10_000, d / 100 % 100, d % 100));
        json!({
            "name": calendar.name,
            "time_zone": calendar.zone,
            "hours": calendar.hours.iter().map(ShiftView::from).collect::<Vec<_>>(),
            "holidays": holidays.collect::<Vec<_>>(),
        })
    };
    json!({ "items": catalogue.calendars.iter().map(calendar).collect::<Vec<_>>(), "version": catalogue.version,
            "next_cursor": null })
}

/// `{ "items": [{ "skill", "name" }] }`.
pub fn skills_body<'j>(body: &'j Json<'j>) -> Result<Vec<NamedSkill>, Vec<FieldProblem>> {
    items(body, |f| {
        let skill = f.parsed("skill", Skill::parse);
        let skill = f.required("skill", skill);
        let name = f.text("name", limits::NAME_CHARS);
        let name = f.required("name", name);
        // What a list shows and a client sends back.
        f.whole("experts", 0..=i64::from(u32::MAX));
        f.whole("best_level", 1..=3);
        Some(NamedSkill { skill: skill?, name: name? })
    })
}

/// `{ "items": [{ "product", "skills", "duration_s"? }] }`.
pub fn rules_body<'j>(body: &'j Json<'j>) -> Result<Vec<CatalogueRule>, Vec<FieldProblem>> {
    items(body, |f| {
        let product = f.parsed("product", |text| Skill::parse(text).map(|slug| slug.as_str().to_owned()));
        let product = f.required("product", product);
        let skills = f.texts("skills", limits::SKILLS, words::skill);
        let skills = f.required("skills", skills);
        let service_s = f.whole("duration_s", limits::SERVICE_S).and_then(|s| u32::try_from(s).ok());
        if skills.as_ref().is_some_and(Vec::is_empty) {
            f.wrong("skills", "missing", "a rule names at least one skill");
        }
        Some(CatalogueRule { product: product?, skills: skills?, service_s })
    })
}

/// `{ "items": [{ "name", "time_zone", "hours": [shift], "holidays": ["2026-12-25"] }] }`.
pub fn calendars_body<'j>(body: &'j Json<'j>) -> Result<Vec<Calendar>, Vec<FieldProblem>> {
    items(body, |f| {
        let name = f.text("name", limits::NAME_CHARS);
        let name = f.required("name", name);
        let zone = f.parsed("time_zone", words::time_zone);
        let zone = f.required("time_zone", zone);
        let hours = f.objects("hours", limits::SHIFTS, shift);
        let hours = f.required("hours", hours);
        let holidays = f.texts("holidays", 1_000, date).unwrap_or_default();
        if hours.as_ref().is_some_and(Vec::is_empty) {
            f.wrong("hours", "missing", format!("hours name days ({}) and times", DAYS.join(", ")));
        }
        Some(Calendar { name: name?, zone: zone?, hours: hours?, holidays })
    })
}

fn items<'j, T>(
    body: &'j Json<'j>,
    read: impl FnMut(&mut Fields<'_, 'j>) -> Option<T>,
) -> Result<Vec<T>, Vec<FieldProblem>> {
    read_object(body, |f| {
        let items = f.objects("items", limits::CATALOGUE_ENTRIES, read);
        f.whole("version", 0..=i64::MAX);
        f.text("next_cursor", limits::WORD_CHARS);
        f.required("items", items)
    })
}

/// `2026-12-25` as 20261225.
fn date(text: &str) -> Result<u32, &'static str> {
    let date: jiff::civil::Date = text.trim().parse().map_err(|_| "a date looks like 2026-12-25")?;
    let part = |number: i8| u32::from(number.unsigned_abs());
    Ok(u32::from(date.year().unsigned_abs()) * 10_000 + part(date.month()) * 100 + part(date.day()))
}
