//! Paths to handlers. Each path and method also has its row in `access.rs`, without which the edge lets
//! no call through to here.

use super::{Context, board, catalogue, experts, history, imports, ops, orders, regions, surveys, tickets, upkeep};
use axum::{
    Router,
    extract::{Path, State},
    routing::{MethodRouter, delete, get, post},
};

pub(super) fn router(shared: Context) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(ops::health))
        .route("/readyz", get(ops::ready))
        .route("/metrics", get(ops::metrics))
        .route("/v1/tickets", post(tickets::open).get(tickets::list))
        .route("/v1/tickets/{number}", get(tickets::show))
        .route("/v1/tickets/{number}/timeline", get(history::timeline))
        .route("/v1/tickets/{number}/decisions", get(history::decisions))
        .route("/v1/surveys/{token}", post(surveys::answer))
        .route("/v1/experts", get(experts::list).post(experts::add))
        .route("/v1/experts/{id}", get(experts::show).patch(experts::edit).delete(experts::retire))
        .route("/v1/experts/{id}/route", get(experts::route))
        .route("/v1/experts/{id}/absences", get(experts::absences).post(experts::add_absence))
        .route("/v1/experts/{id}/absences/{absence}", delete(experts::remove_absence))
        .route("/v1/experts/{id}/position", post(experts::position))
        .route("/v1/regions", get(regions::list).post(regions::add))
        .route("/v1/regions/{id}", get(regions::show).patch(regions::edit))
        .route("/v1/regions/{id}/unpark", post(regions::unpark))
        .route("/v1/regions/{id}/board", get(board::show))
        .route("/v1/skills", get(catalogue::skills))
        .route("/v1/catalogue-rules", get(catalogue::rules).put(catalogue::write_rules))
        .route("/v1/calendars", get(catalogue::calendars).put(catalogue::write_calendars))
        .route("/v1/imports/{kind}", post(imports::import))
        .route("/v1/audits", post(upkeep::audit))
        .route("/v1/backups", post(upkeep::backup));
    for name in crate::api::commands::NAMES {
        router = router.route(&format!("/v1/tickets/{{number}}/{name}"), order(name));
    }
    router.with_state(shared)
}

fn order(name: &'static str) -> MethodRouter<Context> {
    post(move |state: State<Context>, path: Path<String>, input| orders::order(name, state, path, input))
}
