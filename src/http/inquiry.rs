//! "Why not this expert?", "what would make it by three?", "will this region get through its day?": asked of the
//! code that decides, told in figures and in words.
//!
//! Each answer may take a plan or several: they run on blocking threads, and few at once.

mod views;

use super::{
    Context, Reply, Shared,
    answer::{Refused, ok},
    blocking, experts,
    query::Query,
    regions,
    session::Session,
    tickets::known,
};
use crate::{
    api::{
        FieldProblem, Problem,
        inquiry::{CandidateAnswer, RegionForecast, RemedyAnswer},
    },
    domain::time::Timestamp,
};
use axum::{
    extract::{Path, State},
    http::Uri,
};
use jiff::tz::TimeZone;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;
use views::{forecast_view, what_by, why_not, zone_of};

/// A turn among the questions that plan.
fn turn(shared: &Shared) -> Result<OwnedSemaphorePermit, Refused> {
    shared.service.inquiry_turn().ok_or_else(|| {
        let busy = Problem::new(503, "overloaded", "other questions are being planned");
        Problem { retry_after_s: Some(2), ..busy }.into()
    })
}

/// Why not this expert?
///
/// The verdict on one expert for the ticket's visit, now: the first hard rule in the way with its figures, or the
/// place in their route, the cost by term and what it would move; beside whoever holds the visit or bids least.
#[utoipa::path(
    get,
    path = "/v1/tickets/{number}/candidates/{expert}",
    tag = "Tickets",
    operation_id = "getCandidate",
    responses(
        (status = 200, description = "The verdict.", body = CandidateAnswer),
        (status = 409, description = "`wrong_phase`: nobody can be sent any more, or not now; `no_place`: nobody knows where to."),
        (status = 503, description = "`overloaded`: other questions are being planned."),
    ),
)]
pub(super) async fn candidate(
    State(shared): State<Context>,
    session: Session,
    Path((number, expert)): Path<(String, String)>,
    uri: Uri,
) -> Reply {
    Query::of(&uri).finish()?;
    let ticket = known(&shared, &session, &number).await?;
    let expert = experts::known(&shared, &session, &expert)?;
    let turn = turn(&shared)?;
    let asked = move || (shared.service.why_not(ticket.number, &expert.id), turn).0;
    let why = blocking(asked).await??;
    Ok(ok(&why_not(&why)))
}

/// By when.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `remedies` reads")]
struct By {
    /// A time, or a time of day like `15:00`: today, in the region's time zone.
    #[param(example = "15:00")]
    by: String,
}

/// What would make this ticket served by 15:00?
///
/// Single changes that would each have the visit begin by then, the cheapest first: an assignment by hand, somebody
/// asked again, another visit moved, overtime, another window, a neighbour's expert, one more with the skills. Each was
/// tried by the code that decides. When nothing helps, how many each rule excludes.
#[utoipa::path(
    get,
    path = "/v1/tickets/{number}/remedies",
    tag = "Tickets",
    operation_id = "getRemedies",
    params(By),
    responses(
        (status = 200, description = "What would help.", body = RemedyAnswer),
        (status = 409, description = "`wrong_phase`: nobody can be sent any more, or not now; `no_place`: nobody knows where to."),
        (status = 503, description = "`overloaded`: other questions are being planned."),
    ),
)]
pub(super) async fn remedies(
    State(shared): State<Context>,
    session: Session,
    Path(number): Path<String>,
    uri: Uri,
) -> Reply {
    let ticket = known(&shared, &session, &number).await?;
    let now = shared.service.clock().now();
    let region = shared.service.store().region(&ticket.region);
    let zone = region.as_deref().map_or(TimeZone::UTC, zone_of);
    let mut query = Query::of(&uri);
    let parse = |text: &str| match Timestamp::parse_today(text, &zone, now) {
        Ok(by) if by < now => Err(format!("{by} has passed")),
        Ok(by) => Ok(by),
        Err(error) => Err(error.to_string()),
    };
    let given = uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("by=")));
    let by = query.parsed("by", parse);
    query.finish()?;
    let Some(by) = by else {
        let detail = if given { "a time, like 15:00 or 2026-01-31T15:00:00Z" } else { "this parameter is required" };
        return Err(vec![FieldProblem { pointer: "?by".into(), code: "missing", detail: detail.into() }].into());
    };
    let turn = turn(&shared)?;
    let seen = session.regions();
    let asked = move || {
        let seen = |region: &_| seen.as_ref().is_none_or(|bound| bound.contains(region));
        (shared.service.what_by(ticket.number, by, seen), turn).0
    };
    let (asked, answer) = blocking(asked).await??;
    Ok(ok(&what_by(&asked, by, &answer)))
}

/// Will this region get through its day?
///
/// Which visits will miss their promise or their due time by a plan of the rest of the day, and how many more experts
/// with which skills would serve how many of them. The plan is made for this answer and changes nothing.
#[utoipa::path(
    get,
    path = "/v1/regions/{id}/forecast",
    tag = "Regions",
    operation_id = "getForecast",
    responses(
        (status = 200, description = "What will be missed, and what would help.", body = RegionForecast),
        (status = 503, description = "`overloaded`: other questions are being planned."),
    ),
)]
pub(super) async fn forecast(
    State(shared): State<Context>,
    session: Session,
    Path(id): Path<String>,
    uri: Uri,
) -> Reply {
    Query::of(&uri).finish()?;
    let region = regions::known(&shared, &session, &id)?;
    let turn = turn(&shared)?;
    let asked = move || (shared.service.forecast(&region.id), turn).0;
    let (region, now, forecast) = blocking(asked).await??;
    Ok(ok(&forecast_view(&region, now, &forecast)))
}
