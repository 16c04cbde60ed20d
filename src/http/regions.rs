//! `/v1/regions`: outlines, settings, unparking. Outlines are checked by the importer, whichever way
//! they come in.

use super::{
    Context, Reply, Shared,
    answer::{Refused, json, located, not_found, ok, replayed, versioned},
    blocking,
    body::Input,
    idempotency::{earlier, keep, once, refused_for_good, tell},
    query::{Paging, Query},
    session::Session,
};
use crate::{
    api::{
        FieldProblem, Problem, answers,
        region::{NewRegion, RegionBody, RegionEdit, RegionView, region_body},
    },
    domain::{
        drafts::RegionDraft,
        ids::{RegionId, Thing},
        place::Geometry,
        region::Region,
    },
    import::{Outcome as RowOutcome, Regions, Source},
    settings::limits,
    storage::Outcome,
};
use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};
use serde_json::{Value, json as value};
use std::sync::Arc;
use utoipa::IntoParams;

type RegionInput = Input<{ limits::GEOMETRY_BODY_BYTES }>;

/// A region that the caller may know of.
pub(super) fn known(shared: &Shared, session: &Session, id: &str) -> Result<Arc<Region>, Refused> {
    let found = RegionId::parse(id).ok().and_then(|id| shared.service.store().region(&id));
    let seen = found.filter(|region| session.sees_region(&region.id));
    seen.ok_or_else(|| not_found(format_args!("region {id}")))
}

/// How much of each region a list shows.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `list` reads")]
struct RegionFilter {
    /// False leaves the outlines out, which may be megabytes.
    #[param(default = true)]
    geometry: Option<bool>,
}

fn view<'a>(shared: &Shared, region: &'a Region, with_geometry: bool) -> RegionView<'a> {
    RegionView::new(region, with_geometry).parked(shared.service.parked(&region.id))
}

fn one(shared: &Shared, region: &Region, status: StatusCode) -> Response {
    let response = versioned(json(status, &view(shared, region, true)), region.version);
    if status == StatusCode::CREATED { located(response, &format!("/v1/regions/{}", region.id)) } else { response }
}

/// Regions
#[utoipa::path(
    get,
    path = "/v1/regions",
    tag = "Regions",
    operation_id = "listRegions",
    params(RegionFilter, Paging),
    responses(
        (status = 200, description = "A page.", body = answers::RegionList),
    ),
)]
pub(super) async fn list(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    let mut query = Query::of(&uri);
    let (limit, cursor) = (query.limit(), query.parsed("cursor", RegionId::parse));
    let with_geometry = query.flag("geometry").unwrap_or(true);
    query.finish()?;
    let mut regions = shared.service.store().regions();
    regions.sort_by(|a, b| a.id.cmp(&b.id));
    let after = |region: &&Arc<Region>| {
        session.sees_region(&region.id) && cursor.as_ref().is_none_or(|after| region.id > *after)
    };
    let page: Vec<_> = regions.iter().filter(after).take(limit + 1).collect();
    let next = (page.len() > limit).then(|| page[limit - 1].id.to_string());
    let items: Vec<_> = page.iter().take(limit).map(|region| view(&shared, region, with_geometry)).collect();
    Ok(ok(&value!({ "items": items, "next_cursor": next })))
}

/// One region
#[utoipa::path(
    get,
    path = "/v1/regions/{id}",
    tag = "Regions",
    operation_id = "getRegion",
    responses(
        (status = 200, description = "The region.", body = RegionView, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn show(State(shared): State<Context>, session: Session, Path(id): Path<String>) -> Reply {
    Ok(one(&shared, &*known(&shared, &session, &id)?, StatusCode::OK))
}

/// Add a region
#[utoipa::path(
    post,
    path = "/v1/regions",
    tag = "Regions",
    operation_id = "addRegion",
    request_body = NewRegion,
    responses(
        (status = 201, description = "Added.", body = RegionView, headers(("etag" = String, description = "The version, for `If-Match`."), ("location" = String, description = "Where it is."), ("idempotency-replayed" = String, description = "`true`: this was answered before, by the same key."))),
        (status = 409, description = "`already_exists`: another region has this id."),
    ),
)]
pub(super) async fn add(State(shared): State<Context>, input: RegionInput) -> Reply {
    // An outline over another region takes tickets from it.
    input.session.everywhere()?;
    let body = region_body(&input.json()?, None)?;
    let draft = draft(body, None).await?;
    let _turn = shared.running.turn(&input.caller).await;
    if let Some(before) = earlier(&shared, &input.session, &input.caller).await? {
        return Ok(before);
    }
    let id = draft.id.clone();
    let there = shared.service.store().region(&id);
    let (written, new) = match &there {
        Some(there) if same(there, &draft) => (there.clone(), false),
        Some(_) => {
            let taken = Problem::new(409, "already_exists", format!("region {id} exists; edit it"));
            return Err(refused_for_good(&shared, &input.caller, taken.into()).await);
        }
        None => shared.service.write_region(draft, &input.caller).await?,
    };
    let outcome =
        Outcome::Version { thing: Thing::Region(id), version: written.version, status: StatusCode::CREATED.as_u16() };
    keep(&shared, &input.caller, outcome).await?;
    let response = one(&shared, &written, StatusCode::CREATED);
    Ok(if new { response } else { replayed(response) })
}

fn same(there: &Region, draft: &RegionDraft) -> bool {
    there.name == draft.name
        && there.time_zone == draft.time_zone
        && there.geometry == draft.geometry
        && there.zips == draft.zips
        && draft.settings.as_ref().is_none_or(|settings| *settings == there.settings)
}

/// Edit a region
///
/// A new outline moves nobody's open ticket.
#[utoipa::path(
    patch,
    path = "/v1/regions/{id}",
    tag = "Regions",
    operation_id = "editRegion",
    request_body = RegionEdit,
    responses(
        (status = 200, description = "The region as it is now.", body = RegionView, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn edit(State(shared): State<Context>, Path(id): Path<String>, input: RegionInput) -> Reply {
    let present = known(&shared, &input.session, &id)?;
    let body = region_body(&input.json()?, Some(&present))?;
    let draft = draft(body, Some(&present)).await?;
    // Where tickets go, of other regions too.
    let reach = draft.settings.as_ref().is_some_and(|settings| settings.reach_m != present.settings.reach_m);
    if draft.geometry != present.geometry || draft.zips != present.zips || reach {
        input.session.everywhere()?;
    }
    let mut caller = input.caller.clone();
    caller.if_match = caller.if_match.or(Some(present.version));
    let written = shared.service.write_region(draft, &caller).await;
    let (written, _) = written.map_err(|failure| super::failure::refuse(failure, true))?;
    Ok(one(&shared, &written, StatusCode::OK))
}

/// Let a parked region work again
#[utoipa::path(
    post,
    path = "/v1/regions/{id}/unpark",
    tag = "Regions",
    operation_id = "unparkRegion",
    responses(
        (status = 204, description = "It starts."),
    ),
)]
pub(super) async fn unpark(State(shared): State<Context>, Path(id): Path<String>, input: Input) -> Reply {
    let region = known(&shared, &input.session, &id)?;
    once(&shared, &input.caller, async || {
        shared.service.unpark(&region.id)?;
        Ok((StatusCode::NO_CONTENT, String::new()))
    })
    .await
}

/// Try what waits again
///
/// Everything that waits for an expert is tried at once, with everybody there is.
#[utoipa::path(
    post,
    path = "/v1/regions/{id}/optimise",
    tag = "Regions",
    operation_id = "optimise",
    responses(
        (status = 202, description = "They are being tried.", body = answers::Tried, headers(("idempotency-replayed" = String, description = "`true`: this was answered before, by the same key."))),
    ),
)]
pub(super) async fn optimise(State(shared): State<Context>, Path(id): Path<String>, input: Input) -> Reply {
    let region = known(&shared, &input.session, &id)?;
    once(&shared, &input.caller, async || {
        let waiting = shared.service.optimise(&region.id)?;
        Ok(tell(StatusCode::ACCEPTED, &value!({ "waiting": waiting })))
    })
    .await
}

/// The region to write, its outline checked (or the present one kept).
async fn draft(body: RegionBody, present: Option<&Region>) -> Result<RegionDraft, Refused> {
    let RegionBody { id, name, time_zone, geometry, zips, settings } = body;
    let geometry = match (geometry, present) {
        (Some(sent), _) => {
            let (id, zone) = (id.clone(), time_zone.clone());
            blocking(move || outline(&id, &zone, &sent)).await??
        }
        (None, Some(present)) => present.geometry.clone(),
        (None, None) => return Err(problem("missing", "this field is required").into()),
    };
    Ok(RegionDraft { id, name, time_zone, geometry, zips, settings })
}

fn problem(code: &'static str, detail: impl Into<String>) -> Vec<FieldProblem> {
    vec![FieldProblem { pointer: "/geometry".into(), code, detail: detail.into() }]
}

/// Reads an outline the way a file's feature is read, with all its checks.
fn outline(id: &RegionId, zone: &str, geometry: &Value) -> Result<Geometry, Vec<FieldProblem>> {
    let properties = value!({ "id": id.as_str(), "name": id.as_str(), "time_zone": zone });
    let feature = value!({ "type": "Feature", "properties": properties, "geometry": geometry });
    let file = value!({ "type": "FeatureCollection", "features": [feature] });
    let source = Source::bytes("geometry", file.to_string().into_bytes());
    let read = source.and_then(|source| Regions::read(source, None, &mut |_| {}));
    let mut regions = read.map_err(|error| problem("invalid", error.to_string()))?;
    if let Some(draft) = regions.drafts.pop() {
        return Ok(draft.geometry);
    }
    let refused = regions.report.problems.iter().filter(|p| p.outcome == RowOutcome::Refused);
    Err(refused.flat_map(|found| problem(found.kind, found.detail.clone())).collect())
}
