//! `/v1/skills`, `/v1/catalogue-rules`, `/v1/calendars`: lists that administrators write whole.

use super::{
    Context, Reply,
    answer::{ok, versioned},
    body::Input,
    query::{Part, part},
};
use crate::{
    api::{
        answers,
        catalogue::{self as wire, Calendars, CatalogueRules, SkillNames},
    },
    domain::{
        catalogue::Catalogue,
        ids::Version,
        skill::{Level, Skill},
    },
    settings::limits,
};
use axum::{extract::State, http::Uri};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Ten thousand rules need room.
type WideInput = Input<{ limits::GEOMETRY_BODY_BYTES }>;

/// Skills
///
/// Every skill that has a name, that an expert has or a rule asks for, with how many have it.
#[utoipa::path(
    get,
    path = "/v1/skills",
    tag = "Catalogue",
    operation_id = "listSkills",
    params(Part),
    responses(
        (status = 200, description = "All of them.", body = answers::SkillList, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn skills(State(shared): State<Context>, uri: Uri) -> Reply {
    let catalogue = shared.service.store().catalogue();
    part_of(skills_view(&shared, &catalogue), &uri, catalogue.version)
}

/// A list as it was asked for: whole unless a limit is given.
fn part_of(mut view: Value, uri: &Uri, version: Version) -> Reply {
    let items = view["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let (items, next_cursor) = part(uri, (0..).zip(items))?;
    view["items"] = items.into();
    view["next_cursor"] = next_cursor.into();
    Ok(versioned(ok(&view), version))
}

fn skills_view(shared: &Context, catalogue: &Catalogue) -> Value {
    let store = shared.service.store();
    let mut known: BTreeMap<Skill, (Option<&str>, u32, Option<Level>)> = BTreeMap::new();
    for named in &catalogue.skills {
        known.entry(named.skill.clone()).or_default().0 = Some(&named.name);
    }
    for need in catalogue.rules.iter().flat_map(|rule| &rule.skills) {
        known.entry(need.skill.clone()).or_default();
    }
    for expert in store.experts(None).iter().filter(|expert| !expert.retired) {
        for (skill, level) in &expert.skills {
            let entry = known.entry(skill.clone()).or_default();
            *entry = (entry.0, entry.1 + 1, entry.2.max(Some(*level)));
        }
    }
    let item = |(skill, (name, experts, best)): (Skill, (Option<&str>, u32, Option<Level>))| json!({ "skill": skill.as_str(), "name": name.unwrap_or(skill.as_str()), "experts": experts, "best_level": best.map(Level::number) });
    let items: Vec<_> = known.into_iter().map(item).collect();
    json!({ "items": items, "version": catalogue.version, "next_cursor": null })
}

/// Name skills
///
/// The names that people see; whole, like all lists here.
#[utoipa::path(
    put,
    path = "/v1/skills",
    tag = "Catalogue",
    operation_id = "putSkills",
    request_body = SkillNames,
    responses(
        (status = 200, description = "All of them as they are now.", body = answers::SkillList, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn write_skills(State(shared): State<Context>, input: WideInput) -> Reply {
    let skills = wire::skills_body(&input.json()?)?;
    write(&shared, input, |catalogue| catalogue.skills = skills).await?;
    let catalogue = shared.service.store().catalogue();
    Ok(versioned(ok(&skills_view(&shared, &catalogue)), catalogue.version))
}

/// Rules from products to skills
#[utoipa::path(
    get,
    path = "/v1/catalogue-rules",
    tag = "Catalogue",
    operation_id = "getRules",
    params(Part),
    responses(
        (status = 200, description = "All rules.", body = CatalogueRules, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn rules(State(shared): State<Context>, uri: Uri) -> Reply {
    let catalogue = shared.service.store().catalogue();
    part_of(wire::rules_view(&catalogue), &uri, catalogue.version)
}

/// Business calendars
#[utoipa::path(
    get,
    path = "/v1/calendars",
    tag = "Catalogue",
    operation_id = "getCalendars",
    params(Part),
    responses(
        (status = 200, description = "All calendars.", body = Calendars, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn calendars(State(shared): State<Context>, uri: Uri) -> Reply {
    let catalogue = shared.service.store().catalogue();
    part_of(wire::calendars_view(&catalogue), &uri, catalogue.version)
}

/// Write all rules
#[utoipa::path(
    put,
    path = "/v1/catalogue-rules",
    tag = "Catalogue",
    operation_id = "putRules",
    request_body = CatalogueRules,
    responses(
        (status = 200, description = "As they are now.", body = CatalogueRules, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn write_rules(State(shared): State<Context>, input: WideInput) -> Reply {
    let rules = wire::rules_body(&input.json()?)?;
    let written = write(&shared, input, |catalogue| catalogue.rules = rules).await?;
    Ok(versioned(ok(&wire::rules_view(&written)), written.version))
}

/// Write all calendars
#[utoipa::path(
    put,
    path = "/v1/calendars",
    tag = "Catalogue",
    operation_id = "putCalendars",
    request_body = Calendars,
    responses(
        (status = 200, description = "As they are now.", body = Calendars, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn write_calendars(State(shared): State<Context>, input: WideInput) -> Reply {
    let calendars = wire::calendars_body(&input.json()?)?;
    let written = write(&shared, input, |catalogue| catalogue.calendars = calendars).await?;
    Ok(versioned(ok(&wire::calendars_view(&written)), written.version))
}

/// Writes the catalogue with one part replaced; an edit in between is not undone but 412.
async fn write(
    shared: &Context,
    input: WideInput,
    change: impl FnOnce(&mut Catalogue),
) -> Result<std::sync::Arc<Catalogue>, super::answer::Refused> {
    input.session.everywhere()?;
    let present = shared.service.store().catalogue();
    let mut catalogue = Catalogue::clone(&present);
    change(&mut catalogue);
    let mut caller = input.caller;
    caller.if_match = caller.if_match.or(Some(present.version));
    let written = shared.service.write_catalogue(catalogue, &caller).await;
    written.map_err(|failure| super::failure::refuse(failure, true))
}
