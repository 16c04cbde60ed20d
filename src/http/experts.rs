//! `/v1/experts`: the roster, routes, absences, positions.

use super::{
    Context, Reply, Shared,
    answer::{Refused, forbidden, json, located, not_found, ok, replayed, versioned},
    blocking,
    body::Input,
    idempotency::{earlier, keep, once, refused_for_good},
    query::{Paging, Part, Query, part},
    session::Session,
};
use crate::{
    actors::{Failure, NO_REGION},
    api::{
        FieldProblem, Problem, answers,
        expert::{self, AbsenceView, ExpertEdit, ExpertView, NewAbsence, NewExpert, PositionBody, PresenceView},
        route::RouteView,
        schema,
        show::Shown,
    },
    domain::{
        drafts::ExpertDraft,
        expert::{Absence, Expert},
        fix::Unlikely,
        ids::{ExpertId, RegionId, Thing},
        route::StopState,
        skill::Skill,
    },
    storage::{Fault, Outcome},
};
use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::json as value;
use std::sync::Arc;
use utoipa::IntoParams;

pub(super) fn presence(shared: &Shared, expert: &ExpertId) -> PresenceView {
    let fix = shared.service.position_of(expert);
    PresenceView {
        online: shared.service.online(expert),
        position: fix.map(|fix| fix.place.into()),
        at: fix.map(|fix| Shown(fix.at)),
    }
}

/// An expert that the caller may know of.
pub(super) fn known(shared: &Shared, session: &Session, id: &str) -> Result<Arc<Expert>, Refused> {
    let found = ExpertId::parse(id).ok().and_then(|id| shared.service.store().expert(&id));
    found.filter(|expert| session.sees_expert(expert)).ok_or_else(|| not_found(format_args!("expert {id}")))
}

/// What the roster may be narrowed to.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `list` reads")]
struct ExpertFilter {
    #[param(value_type = Option<schema::RegionId>)]
    region: Option<String>,
    /// Who has this skill at any level.
    #[param(value_type = Option<schema::SkillName>)]
    skill: Option<String>,
    /// Those who have left, instead of those who are there.
    retired: Option<bool>,
}

fn one(shared: &Shared, expert: &Expert, status: StatusCode) -> Response {
    let response = json(status, &ExpertView::new(expert, presence(shared, &expert.id)));
    let response = versioned(response, expert.version);
    if status == StatusCode::CREATED { located(response, &format!("/v1/experts/{}", expert.id)) } else { response }
}

/// The roster
#[utoipa::path(
    get,
    path = "/v1/experts",
    tag = "Experts",
    operation_id = "listExperts",
    params(ExpertFilter, Paging),
    responses(
        (status = 200, description = "A page.", body = answers::ExpertList),
    ),
)]
pub(super) async fn list(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    let mut query = Query::of(&uri);
    let region = query.parsed("region", RegionId::parse);
    let skill = query.parsed("skill", Skill::parse);
    let retired = query.flag("retired").unwrap_or(false);
    let (limit, cursor) = (query.limit(), query.parsed("cursor", ExpertId::parse));
    query.finish()?;
    let mut experts = shared.service.store().experts(region.as_ref());
    experts.sort_by(|a, b| a.id.cmp(&b.id));
    let wanted = |expert: &&Arc<Expert>| {
        session.sees_expert(expert)
            && expert.retired == retired
            && skill.as_ref().is_none_or(|skill| expert.skills.contains_key(skill))
            && cursor.as_ref().is_none_or(|after| expert.id > *after)
    };
    let page: Vec<_> = experts.iter().filter(wanted).take(limit + 1).collect();
    let next = (page.len() > limit).then(|| page[limit - 1].id.to_string());
    let items: Vec<_> = page.iter().take(limit).map(|e| ExpertView::new(e, presence(&shared, &e.id))).collect();
    Ok(ok(&value!({ "items": items, "next_cursor": next })))
}

/// One expert
///
/// Experts see themselves.
#[utoipa::path(
    get,
    path = "/v1/experts/{id}",
    tag = "Experts",
    operation_id = "getExpert",
    responses(
        (status = 200, description = "The profile.", body = ExpertView, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn show(State(shared): State<Context>, session: Session, Path(id): Path<String>) -> Reply {
    let expert = known(&shared, &session, &id)?;
    Ok(one(&shared, &expert, StatusCode::OK))
}

/// Add an expert
///
/// Without a region it is found from the home.
#[utoipa::path(
    post,
    path = "/v1/experts",
    tag = "Experts",
    operation_id = "addExpert",
    request_body = NewExpert,
    responses(
        (status = 201, description = "Added.", body = ExpertView, headers(("etag" = String, description = "The version, for `If-Match`."), ("location" = String, description = "Where it is."), ("idempotency-replayed" = String, description = "`true`: this was answered before, by the same key."))),
        (status = 409, description = "`already_exists`: another profile has this id."),
    ),
)]
pub(super) async fn add(State(shared): State<Context>, input: Input) -> Reply {
    let body = expert::expert_body(&input.json()?, None)?;
    within(&shared, &input.session, &body)?;
    let _turn = shared.running.turn(&input.caller).await;
    if let Some(before) = earlier(&shared, &input.session, &input.caller).await? {
        return Ok(before);
    }
    let id = body.id.clone();
    let there = shared.service.store().expert(&id);
    let (written, new) = match &there {
        // A repeat whose first answer was lost: the same profile stands already.
        Some(there) if same(there, &body) => (there.clone(), false),
        Some(_) => {
            let taken = Problem::new(409, "already_exists", format!("expert {id} exists; edit it"));
            return Err(refused_for_good(&shared, &input.caller, taken.into()).await);
        }
        None => shared.service.write_expert(body, &input.caller).await?,
    };
    let outcome =
        Outcome::Version { thing: Thing::Expert(id), version: written.version, status: StatusCode::CREATED.as_u16() };
    keep(&shared, &input.caller, outcome).await?;
    let response = one(&shared, &written, StatusCode::CREATED);
    Ok(if new { response } else { replayed(response) })
}

/// A token for some regions puts experts into those alone.
fn within(shared: &Shared, session: &Session, draft: &ExpertDraft) -> Result<(), Refused> {
    if session.claims.regions.is_empty() {
        return Ok(());
    }
    let region = draft.region.clone().or_else(|| shared.service.locate(draft.personal.home));
    match region {
        Some(region) if session.sees_region(&region) => Ok(()),
        Some(_) | None => Err(forbidden("this token is for other regions")),
    }
}

fn same(there: &Expert, body: &ExpertDraft) -> bool {
    there.personal.known() == Some(&body.personal)
        && there.skills == body.skills
        && there.shifts == body.shifts
        && there.max_visits_ahead == body.max_visits_ahead
        && !there.retired
        && body.region.as_ref().is_none_or(|region| *region == there.region)
}

/// Edit an expert
///
/// What is not sent stays; null removes.
#[utoipa::path(
    patch,
    path = "/v1/experts/{id}",
    tag = "Experts",
    operation_id = "editExpert",
    request_body = ExpertEdit,
    responses(
        (status = 200, description = "The profile as it is now.", body = ExpertView, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn edit(State(shared): State<Context>, Path(id): Path<String>, input: Input) -> Reply {
    let present = known(&shared, &input.session, &id)?;
    let sent = input.json()?;
    let body = expert::expert_body(&sent, Some(&present))?;
    within(&shared, &input.session, &body)?;
    // The region that was kept says nothing about a new home.
    let moved = present.personal.known().is_none_or(|known| known.home != body.personal.home);
    if moved && !sent.has("region") && shared.service.locate(body.personal.home).is_none() {
        return Err(Failure::Invalid { what: "region".into(), detail: NO_REGION.into() }.into());
    }
    let mut caller = input.caller.clone();
    // What was not sent came from this version: an edit in between must not be undone.
    caller.if_match = caller.if_match.or(Some(present.version));
    let written = shared.service.write_expert(body, &caller).await;
    let (written, _) = written.map_err(|failure| super::failure::refuse(failure, true))?;
    Ok(one(&shared, &written, StatusCode::OK))
}

/// Retire an expert
///
/// Their visits go to others at once. The profile stays, so that the past can be read.
#[utoipa::path(
    delete,
    path = "/v1/experts/{id}",
    tag = "Experts",
    operation_id = "retireExpert",
    responses(
        (status = 200, description = "Retired.", body = ExpertView, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn retire(State(shared): State<Context>, Path(id): Path<String>, input: Input) -> Reply {
    let present = known(&shared, &input.session, &id)?;
    let conditional = input.caller.if_match.is_some();
    let retired = shared.service.retire_expert(&present.id, &input.caller).await;
    let retired = retired.map_err(|failure| super::failure::refuse(failure, conditional))?;
    Ok(one(&shared, &retired, StatusCode::OK))
}

/// An expert's route
#[utoipa::path(
    get,
    path = "/v1/experts/{id}/route",
    tag = "Experts",
    operation_id = "getRoute",
    responses(
        (status = 200, description = "The route.", body = RouteView, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn route(State(shared): State<Context>, session: Session, Path(id): Path<String>) -> Reply {
    let expert = known(&shared, &session, &id)?;
    let route = shared.service.store().route(&expert.id).ok_or_else(|| not_found(format_args!("expert {id}")))?;
    let driving = route.stops.iter().find(|stop| stop.state == StopState::EnRoute).map(|stop| stop.ticket);
    let course = match driving {
        None => None,
        // The roads are searched where that may take its time.
        Some(number) => {
            blocking(move || -> Result<_, Fault> {
                let ticket = shared.service.store().ticket(number)?;
                let driven = ticket.filter(|ticket| ticket.visit.expert.as_ref() == Some(&expert.id));
                Ok(driven.and_then(|ticket| shared.service.course(&ticket)))
            })
            .await??
        }
    };
    Ok(versioned(ok(&RouteView::new(&route).on_course(course)), route.version))
}

/// When an expert is away
#[utoipa::path(
    get,
    path = "/v1/experts/{id}/absences",
    tag = "Experts",
    operation_id = "listAbsences",
    params(Part),
    responses(
        (status = 200, description = "All absences.", body = answers::AbsenceList),
    ),
)]
pub(super) async fn absences(
    State(shared): State<Context>,
    session: Session,
    Path(id): Path<String>,
    uri: Uri,
) -> Reply {
    let expert = known(&shared, &session, &id)?;
    let mut absences: Vec<_> = expert.absences.iter().map(|one| (u64::from(one.id), AbsenceView::from(one))).collect();
    absences.sort_by_key(|(id, _)| *id);
    let (items, next_cursor) = part(&uri, absences)?;
    Ok(ok(&value!({ "items": items, "next_cursor": next_cursor })))
}

/// Sick, or on leave
///
/// Visits in that time are planned anew at once.
#[utoipa::path(
    post,
    path = "/v1/experts/{id}/absences",
    tag = "Experts",
    operation_id = "addAbsence",
    request_body = NewAbsence,
    responses(
        (status = 201, description = "Noted.", body = AbsenceView, headers(("location" = String, description = "Where it is."), ("idempotency-replayed" = String, description = "`true`: this was answered before, by the same key."))),
    ),
)]
pub(super) async fn add_absence(State(shared): State<Context>, Path(id): Path<String>, input: Input) -> Reply {
    let expert = known(&shared, &input.session, &id)?;
    let (kind, from, to) = expert::absence_body(&input.json()?)?;
    let _turn = shared.running.turn(&input.caller).await;
    if let Some(before) = earlier(&shared, &input.session, &input.caller).await? {
        return Ok(before);
    }
    let there = |absence: &&Absence| absence.kind == kind && absence.from == from && absence.to == to;
    let absence = match expert.absences.iter().find(there) {
        Some(there) => *there,
        None => shared.service.add_absence(&expert.id, kind, from, to, &input.caller).await?,
    };
    let json = value!(AbsenceView::from(&absence));
    let status = StatusCode::CREATED;
    keep(&shared, &input.caller, Outcome::Body { status: status.as_u16(), json: json.to_string() }).await?;
    let path = format!("/v1/experts/{}/absences/{}", expert.id, absence.id);
    Ok(located(super::answer::json(status, &json), &path))
}

/// Back earlier
#[utoipa::path(
    delete,
    path = "/v1/experts/{id}/absences/{absence}",
    tag = "Experts",
    operation_id = "removeAbsence",
    responses(
        (status = 204, description = "Gone."),
    ),
)]
pub(super) async fn remove_absence(
    State(shared): State<Context>,
    Path((id, absence)): Path<(String, u32)>,
    input: Input,
) -> Reply {
    remove(&shared, &id, absence, &input).await
}

/// Back earlier, by the absence's id
///
/// The same as `DELETE /v1/experts/{id}/absences/{absence}`.
#[utoipa::path(
    delete,
    path = "/v1/experts/{id}/absences",
    tag = "Experts",
    operation_id = "removeAbsenceById",
    params(("id" = u32, Query, description = "Which absence.")),
    responses(
        (status = 204, description = "Gone."),
    ),
)]
pub(super) async fn remove_named_absence(
    State(shared): State<Context>,
    Path(expert): Path<String>,
    uri: Uri,
    input: Input,
) -> Reply {
    let mut query = Query::of(&uri);
    let absence = query.sought("id", str::parse::<u32>);
    query.finish()?;
    let detail = "which absence: its id".to_owned();
    let missing = || vec![FieldProblem { pointer: "?id".into(), code: "missing", detail }];
    remove(&shared, &expert, absence.ok_or_else(missing)?, &input).await
}

async fn remove(shared: &Shared, expert: &str, absence: u32, input: &Input) -> Reply {
    let expert = known(shared, &input.session, expert)?;
    shared.service.remove_absence(&expert.id, absence, &input.caller).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where the expert is
///
/// Up to once a second. A position from the future (`in_the_future`) or further than anybody drives
/// (`implausible`) is refused.
#[utoipa::path(
    post,
    path = "/v1/experts/{id}/position",
    tag = "Experts",
    operation_id = "reportPosition",
    request_body = PositionBody,
    responses(
        (status = 204, description = "Taken."),
    ),
)]
pub(super) async fn position(State(shared): State<Context>, Path(id): Path<String>, input: Input) -> Reply {
    let expert = known(&shared, &input.session, &id)?;
    let fix = expert::position_body(&input.json()?)?;
    once(&shared, &input.caller, async || {
        shared.service.report(&expert.id, fix).map_err(unlikely)?;
        Ok((StatusCode::NO_CONTENT, String::new()))
    })
    .await
}

/// A fix that is not believed, as a problem with the field that shows it.
pub(super) fn unlikely(why: Unlikely) -> Problem {
    let (pointer, code) = match why {
        Unlikely::Future => ("/at", "in_the_future"),
        Unlikely::TooFar => ("/lat", "implausible"),
    };
    Problem::invalid(vec![FieldProblem { pointer: pointer.into(), code, detail: why.to_string() }])
}
