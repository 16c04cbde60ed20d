//! `GET /v1/regions/{id}/board`: everything a console needs to draw, and the position in the feed
//! that it is true at.

use super::{Context, Reply, Shared, answer::json_bytes, blocking, experts::presence, regions, session::Session};
use crate::{
    api::{
        TicketView,
        expert::{ExpertView, PresenceView},
        feed::Position,
        region::RegionView,
        route::RouteView,
        schema,
        show::Shown,
    },
    domain::{expert::Expert, ids::RegionId, region::Region, route::Route, ticket::Ticket, time::Timestamp},
    settings::limits,
    storage::{Fault, Store},
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};
use utoipa::ToSchema;

/// What a ticket or an expert takes on a board, bytes: most take less.
const TICKET_BYTES: usize = 600;

/// A region's board
///
/// Everything a console needs to draw, with the feed position it is true at: subscribe `after` it and nothing
/// is missed.
#[utoipa::path(
    get,
    path = "/v1/regions/{id}/board",
    tag = "Regions",
    operation_id = "getBoard",
    responses(
        (status = 200, description = "The board.", body = Board),
    ),
)]
pub(super) async fn show(State(shared): State<Context>, session: Session, Path(id): Path<String>) -> Reply {
    let region = regions::known(&shared, &session, &id)?;
    // Drawn where it may take its time: milliseconds for a megabyte.
    let board = blocking(move || draw(&shared, &session, &region)).await??;
    Ok(json_bytes(StatusCode::OK, board))
}

/// The board as JSON.
fn draw(shared: &Shared, session: &Session, region: &Region) -> Result<Vec<u8>, Fault> {
    // The position first: what came after it is drawn twice rather than not at all.
    let position = shared.service.feed_position();
    let tickets = open_tickets(shared.service.store(), &region.id)?;
    let mut phases: BTreeMap<&'static str, u32> = BTreeMap::new();
    for ticket in &tickets {
        *phases.entry(ticket.phase.name()).or_default() += 1;
    }
    let unready = shared.service.readiness().unready;
    let views: Vec<_> = tickets
        .iter()
        .take(limits::BOARD_TICKETS)
        .map(|ticket| session.view(ticket).expected(shared.service.arrival(ticket)))
        .collect();
    let experts = roster(shared, &region.id);
    let board = Board {
        position: Shown(position),
        at: Shown(shared.service.clock().now()),
        region: RegionView::new(region, true),
        unready: unready.iter().find(|u| u.region == region.id).map(|u| u.why.as_str()),
        open_by_phase: phases,
        tickets: views,
        tickets_left_out: tickets.len().saturating_sub(limits::BOARD_TICKETS),
        experts: experts.iter().map(|known| known.view()).collect(),
    };
    // Growing to a megabyte step by step would copy it several times.
    let mut json = Vec::with_capacity(TICKET_BYTES * (board.tickets.len() + experts.len() + 1));
    serde_json::to_writer(&mut json, &board)
        .map_err(|error| Fault { what: error.to_string(), place: "board".into() })?;
    Ok(json)
}

/// Everything a console needs to draw a region.
// Written straight into bytes: a megabyte of it, many times a second.
#[derive(Serialize, ToSchema)]
pub(super) struct Board<'a> {
    /// True at this place in the feed: subscribe `after` it.
    #[schema(value_type = schema::Position)]
    position: Shown<Position>,
    #[schema(value_type = schema::Time)]
    at: Shown<Timestamp>,
    region: RegionView<'a>,
    /// Why the region does not dispatch just now; null when it does.
    #[schema(required = true)]
    unready: Option<&'a str>,
    /// Counts of open tickets.
    #[schema(value_type = BTreeMap<String, u32>)]
    open_by_phase: BTreeMap<&'static str, u32>,
    /// Open tickets, the oldest first.
    tickets: Vec<TicketView<'a>>,
    /// Open tickets beyond what one board shows.
    tickets_left_out: usize,
    experts: Vec<ExpertOnBoard<'a>>,
}

/// An active expert and their route.
#[derive(Serialize, ToSchema)]
#[schema(as = BoardExpert)]
struct ExpertOnBoard<'a> {
    expert: ExpertView<'a>,
    /// Null until they had a first visit.
    #[schema(required = true)]
    route: Option<RouteView<'a>>,
}

struct Known {
    expert: Arc<Expert>,
    presence: PresenceView,
    route: Option<Arc<Route>>,
}

impl Known {
    fn view(&self) -> ExpertOnBoard<'_> {
        let route = self.route.as_deref().map(RouteView::new);
        ExpertOnBoard { expert: ExpertView::new(&self.expert, self.presence), route }
    }
}

/// Oldest first.
fn open_tickets(store: &Store, region: &RegionId) -> Result<Vec<Arc<Ticket>>, Fault> {
    let mut tickets = Vec::new();
    store.for_each_open(region, &mut |ticket| {
        if ticket.phase.open() {
            tickets.push(ticket);
        }
    })?;
    tickets.sort_by_key(|ticket| (ticket.opened_at, ticket.number));
    Ok(tickets)
}

fn roster(shared: &Shared, region: &RegionId) -> Vec<Known> {
    let store = shared.service.store();
    let active = store.experts(Some(region)).into_iter().filter(|expert| !expert.retired);
    let known = |expert: Arc<Expert>| {
        let (presence, route) = (presence(shared, &expert.id), store.route(&expert.id));
        Known { expert, presence, route }
    };
    active.map(known).collect()
}
