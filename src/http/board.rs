//! `GET /v1/regions/{id}/board`: everything a console needs to draw, and the position in the feed
//! that it is true at.

use super::{Context, Reply, answer::ok, blocking, experts::presence, regions, session::Session};
use crate::{
    api::{
        TicketView,
        expert::{ExpertView, RouteView},
        region::RegionView,
    },
    domain::{ids::RegionId, ticket::Ticket},
    settings::limits,
    storage::{Fault, Store},
};
use axum::extract::{Path, State};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

pub(super) async fn show(State(shared): State<Context>, session: Session, Path(id): Path<String>) -> Reply {
    let region = regions::known(&shared, &session, &id)?;
    let store = shared.service.store().clone();
    let here = region.id.clone();
    // The position first: what came after it is drawn twice rather than not at all.
    let position = shared.service.feed_position();
    let tickets = blocking(move || open_tickets(&store, &here)).await??;
    let mut phases: BTreeMap<&str, u32> = BTreeMap::new();
    for ticket in &tickets {
        *phases.entry(ticket.phase.name()).or_default() += 1;
    }
    let unready = shared.service.readiness().unready;
    let views: Vec<_> =
        tickets.iter().take(limits::BOARD_TICKETS).map(|t| TicketView::new(t, session.viewer())).collect();
    Ok(ok(&json!({
        "position": position.to_string(),
        "at": shared.service.clock().now().to_string(),
        "region": RegionView::new(&region, true),
        "unready": unready.iter().find(|u| u.region == region.id).map(|u| &u.why),
        "open_by_phase": phases,
        "tickets": views,
        "tickets_left_out": tickets.len().saturating_sub(limits::BOARD_TICKETS),
        "experts": roster(&shared, &region.id),
    })))
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

fn roster(shared: &super::Shared, region: &RegionId) -> Vec<Value> {
    let store = shared.service.store();
    let active = store.experts(Some(region)).into_iter().filter(|expert| !expert.retired);
    let entry = |expert: Arc<crate::domain::expert::Expert>| {
        let view = ExpertView::new(&expert, presence(shared, &expert.id));
        json!({ "expert": view, "route": store.route(&expert.id).as_deref().map(RouteView::new) })
    };
    active.map(entry).collect()
}
