//! Paths to handlers. The edge lets only calls through to here that have a row in `access.rs`; a test
//! holds the two lists against each other.

use super::{
    Context, accesses, board, catalogue, channel, customers, document, experts, feed, history, imports, inquiry,
    insight, login, notify, ops, orders, outbox, regions, surveys, tickets, tokens, track, upkeep, users,
};
use axum::{
    Router,
    extract::{Path, State},
    routing::{MethodRouter, delete, get, post},
};
use std::borrow::Cow;

pub(super) fn router(shared: Context) -> Router {
    let routes = routes().into_iter();
    routes.fold(Router::new(), |router, (path, handlers)| router.route(&path, handlers)).with_state(shared)
}

pub(super) fn routes() -> Vec<(Cow<'static, str>, MethodRouter<Context>)> {
    let named = [
        ("/healthz", get(ops::health)),
        ("/readyz", get(ops::ready)),
        ("/metrics", get(ops::metrics)),
        ("/docs", get(document::page)),
        ("/docs/{file}", get(document::file)),
        ("/v1/openapi.json", get(document::openapi)),
        ("/v1/tickets", post(tickets::open).get(tickets::list)),
        ("/v1/tickets/{number}", get(tickets::show)),
        ("/v1/tickets/{number}/timeline", get(history::timeline)),
        ("/v1/tickets/{number}/decisions", get(history::decisions)),
        ("/v1/tickets/{number}/candidates/{expert}", get(inquiry::candidate)),
        ("/v1/tickets/{number}/remedies", get(inquiry::remedies)),
        ("/v1/surveys/{token}", post(surveys::answer).get(surveys::show)),
        ("/v1/track/{token}", get(track::show)),
        ("/v1/outbox", get(outbox::list)),
        ("/v1/outbox/{id}", get(outbox::show)),
        ("/v1/outbox/{id}/resend", post(outbox::resend)),
        ("/v1/notify/status", post(notify::status)),
        ("/v1/notify/inbound", post(notify::inbound)),
        ("/v1/experts", get(experts::list).post(experts::add)),
        ("/v1/experts/{id}", get(experts::show).patch(experts::edit).delete(experts::retire)),
        ("/v1/experts/{id}/route", get(experts::route)),
        (
            "/v1/experts/{id}/absences",
            get(experts::absences).post(experts::add_absence).delete(experts::remove_named_absence),
        ),
        ("/v1/experts/{id}/absences/{absence}", delete(experts::remove_absence)),
        ("/v1/experts/{id}/channel", get(channel::open)),
        ("/v1/experts/{id}/position", post(experts::position)),
        ("/v1/regions", get(regions::list).post(regions::add)),
        ("/v1/regions/{id}", get(regions::show).patch(regions::edit)),
        ("/v1/regions/{id}/unpark", post(regions::unpark)),
        ("/v1/regions/{id}/optimise", post(regions::optimise)),
        ("/v1/regions/{id}/board", get(board::show)),
        ("/v1/regions/{id}/forecast", get(inquiry::forecast)),
        ("/v1/feed", get(feed::websocket)),
        ("/v1/feed/sse", get(feed::sse)),
        ("/v1/skills", get(catalogue::skills).put(catalogue::write_skills)),
        ("/v1/catalogue-rules", get(catalogue::rules).put(catalogue::write_rules)),
        ("/v1/calendars", get(catalogue::calendars).put(catalogue::write_calendars)),
        ("/v1/imports/{kind}", post(imports::import)),
        ("/v1/objectives", get(insight::objectives)),
        ("/v1/incidents", get(insight::incidents)),
        ("/v1/incidents/archive", get(insight::archive)),
        ("/v1/login", post(login::login)),
        ("/v1/logout", post(login::logout)),
        ("/v1/me", get(login::me)),
        ("/v1/me/password", post(login::password)),
        ("/v1/users", get(users::list).post(users::add)),
        ("/v1/users/{name}", get(users::show).patch(users::edit).delete(users::disable)),
        ("/v1/tokens", get(tokens::list).post(tokens::issue)),
        ("/v1/tokens/{id}", delete(tokens::revoke)),
        ("/v1/access", get(accesses::list)),
        ("/v1/access/proof", get(accesses::proof)),
        ("/v1/customers/export", post(customers::export)),
        ("/v1/customers/erase", post(customers::erase)),
        ("/v1/audits", post(upkeep::audit)),
        ("/v1/backups", post(upkeep::backup)),
    ];
    let orders = crate::api::commands::NAMES.iter();
    let orders = orders.map(|name| (format!("/v1/tickets/{{number}}/{name}").into(), order(name)));
    named.into_iter().map(|(path, handlers)| (path.into(), handlers)).chain(orders).collect()
}

fn order(name: &'static str) -> MethodRouter<Context> {
    post(move |state: State<Context>, path: Path<String>, input| orders::order(name, state, path, input))
}
