//! `GET /v1/track/{token}`: one visit, for whoever has its link. JSON for programs, a small page for the
//! browser that a message's link opens. No login, so no more than the customer needs: a first name, when,
//! and where the expert is while they drive.

use super::{
    Context, Reply,
    answer::{Refused, ok},
    blocking,
};
use crate::{
    api::{Problem, insight, route::passing},
    domain::{fix::Fix, language::Language, place::Place, ticket::Ticket, time::Timestamp},
    notify::Following,
};
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use serde_json::json;

/// A position older than this says nothing, seconds.
const FRESH_S: i64 = 300;

/// Follow a visit
///
/// One visit by the link that its customer was sent, until it is over or the link expires: JSON, or a small page for a
/// browser that asks for HTML.
#[utoipa::path(
    get,
    path = "/v1/track/{token}",
    tag = "Messages",
    operation_id = "trackVisit",
    responses(
        (status = 200, description = "How it stands.", content(
            (insight::Tracked = "application/json"),
            (String = "text/html"),
        )),
    ),
)]
pub(super) async fn show(State(shared): State<Context>, Path(token): Path<String>, headers: HeaderMap) -> Reply {
    let gone = || -> Refused {
        Problem::new(404, "not_found", "this link follows no visit: it is over, or the link is not whole").into()
    };
    let (service, now) = (&shared.service, shared.service.clock().now());
    let (number, visit) = service.desk().tracked(&token, now).ok_or_else(gone)?;
    let store = service.store().clone();
    let ticket = blocking(move || store.ticket(number)).await??.filter(|ticket| ticket.visit.no == visit);
    let ticket = ticket.ok_or_else(gone)?;
    let region = service.store().region(&ticket.region).ok_or_else(gone)?;
    let expert = ticket.visit.expert.as_ref().and_then(|expert| service.store().expert(expert));
    let following =
        service.desk().follow(&ticket, &region, expert.as_deref(), service.arrival(&ticket), now).ok_or_else(gone)?;
    let position = ticket.visit.expert.as_ref().filter(|_| following.en_route);
    let position = position.and_then(|id| service.position_of(id)).filter(|fix| now.since_s(fix.at) <= FRESH_S);
    let mut response = if wants_page(&headers) {
        page(&ticket, &following, position)
    } else {
        // No more than the position says itself: the way from there to the customer's own place.
        let (shared, driven) = (shared.clone(), ticket.clone());
        let course = match position {
            None => None,
            Some(_) => blocking(move || shared.service.course(&driven)).await?,
        };
        answer(&ticket, &following, position, course)
    };
    // It changes by the minute, and is nobody else's.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

fn answer(
    ticket: &Ticket,
    following: &Following,
    position: Option<Fix>,
    course: Option<Vec<(Place, Timestamp)>>,
) -> Response {
    let mut body = json!({
        "number": ticket.number.to_string(), "phase": ticket.phase.name(), "says": following.says,
    });
    if let Some(step) = ticket.step {
        body["step"] = step.name().into();
    }
    if let Some(expert) = &following.expert {
        body["expert"] = expert.clone().into();
    }
    if let Some(eta) = following.eta {
        body["eta"] = eta.to_string().into();
    }
    if let Some(Fix { place, at, .. }) = position {
        body["position"] = json!({ "lat": place.lat(), "lon": place.lon(), "at": at.to_string() });
    }
    if let Some(course) = course {
        body["course"] = json!(passing(course));
    }
    ok(&body)
}

/// A browser names HTML before anything else; programs name JSON, or nothing.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').next().is_some_and(|first| first.trim().starts_with("text/html"))
}

fn page(ticket: &Ticket, following: &Following, position: Option<Fix>) -> Response {
    let (title, map) = match following.language {
        Language::En => ("Your visit", "Where they are now"),
        Language::Es => ("Su visita", "D\u{f3}nde est\u{e1} ahora"),
    };
    let map = position.map_or_else(String::new, |Fix { place, .. }| {
        format!("<p><a href=\"geo:{lat},{lon}\">{map}</a></p>", lat = place.lat(), lon = place.lon())
    });
    let html = format!(
        "<!doctype html><html lang=\"{lang}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"30\"><title>{title}</title>\
         <h1>{title} {number}</h1><p>{says}</p>{map}</html>",
        lang = following.language.code(),
        number = ticket.number,
        says = escaped(&following.says),
    );
    let mut response = Response::new(Body::from(html));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
