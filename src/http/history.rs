//! What happened to a ticket and why: `/timeline` and `/decisions`, read from the journal.

use super::{
    Context, Reply, Shared,
    answer::{Refused, ok},
    blocking, insight,
    query::{Part, part},
    session::Session,
    tickets,
};
use crate::{
    api::{
        Viewer, answers,
        decision::decision_view,
        timeline::{Stamp, TimelineEntry},
    },
    domain::{
        decision::Decision,
        fact::{Fact, State},
        ids::{RegionId, Thing, Version},
        region::Region,
        ticket::TicketEvent,
    },
    storage::{Recorded, Store},
    telemetry::Incident,
};
use axum::{
    extract::{Path, State as Shares},
    http::Uri,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What happened to a ticket
///
/// Every event, delivery and decision in order, with who and why. Owners see milestones and their own words.
#[utoipa::path(
    get,
    path = "/v1/tickets/{number}/timeline",
    tag = "Tickets",
    operation_id = "getTimeline",
    params(Part),
    responses(
        (status = 200, description = "All of it.", body = answers::Timeline),
    ),
)]
pub(super) async fn timeline(
    Shares(shared): Shares<Context>,
    session: Session,
    Path(number): Path<String>,
    uri: Uri,
) -> Reply {
    let history = history(&shared, &session, &number).await?;
    let entries = history.iter().filter_map(|recorded| {
        let stamp = Stamp::of(recorded.seq, &recorded.envelope);
        Some((recorded.seq, TimelineEntry::new(&stamp, &recorded.fact, session.viewer())?))
    });
    let (items, next_cursor) = part(&uri, entries)?;
    let mut answer = json!({ "items": items, "next_cursor": next_cursor });
    if session.viewer() == Viewer::Staff {
        answer["incidents"] = touched(&shared, &history).await?.into();
    }
    Ok(ok(&answer))
}

/// The crashes, restarts and stops that touched a ticket while it was open: its own, its region's, the
/// whole process's.
async fn touched(shared: &Context, history: &[Recorded]) -> Result<Vec<Value>, Refused> {
    let (Some(first), Some(last)) = (history.first(), history.last()) else { return Ok(Vec::new()) };
    let Thing::Ticket(number) = first.thing else { return Ok(Vec::new()) };
    let regions: BTreeSet<String> = history.iter().map(|recorded| recorded.region.to_string()).collect();
    let open = shared.service.store().ticket(number).ok().flatten().is_some_and(|ticket| ticket.phase.open());
    let from = first.envelope.at.0;
    let to = if open { shared.service.clock().now().0 } else { last.envelope.at.0 };
    let (shared, number) = (shared.clone(), number.to_string());
    blocking(move || {
        let incidents = &shared.service.store().telemetry().incidents;
        incidents.flush();
        let touches = |incident: &Incident| {
            incident.expert.is_none()
                && incident.ticket.as_ref().is_none_or(|ticket| *ticket == number)
                && incident.region.as_ref().is_none_or(|region| regions.contains(region))
        };
        let touching: Vec<Incident> = incidents.between(from, to).into_iter().filter(|i| touches(i)).collect();
        insight::newest(&touching).0
    })
    .await
}

/// Why this expert came
///
/// Candidates, cost by term, the rule in each loser's way, weights and travel source: enough to compute it again.
#[utoipa::path(
    get,
    path = "/v1/tickets/{number}/decisions",
    tag = "Tickets",
    operation_id = "getDecisions",
    params(Part),
    responses(
        (status = 200, description = "All decisions.", body = answers::DecisionList),
    ),
)]
pub(super) async fn decisions(
    Shares(shared): Shares<Context>,
    session: Session,
    Path(number): Path<String>,
    uri: Uri,
) -> Reply {
    let history = history(&shared, &session, &number).await?;
    let store = shared.service.store().clone();
    let decisions = blocking(move || decisions_of(&store, &history)).await?;
    let (items, next_cursor) = part(&uri, decisions)?;
    Ok(ok(&json!({ "items": items, "next_cursor": next_cursor })))
}

async fn history(shared: &Shared, session: &Session, number: &str) -> Result<Vec<Recorded>, Refused> {
    let ticket = tickets::known(shared, session, number).await?;
    let store = shared.service.store().clone();
    Ok(blocking(move || store.history(&Thing::Ticket(ticket.number))).await??)
}

/// Each decision by its sequence, with the region as it was when it was made.
fn decisions_of(store: &Store, history: &[Recorded]) -> Vec<(u64, Value)> {
    let mut regions = BTreeMap::new();
    let decided = history.iter().filter_map(|recorded| match &recorded.fact {
        Fact::Ticket(TicketEvent::Decided(decision)) => Some((recorded.seq, decision.as_ref())),
        _ => None,
    });
    let view = |(seq, decision): (u64, &Decision)| {
        let key = (decision.region.clone(), decision.region_version);
        let region = regions.entry(key).or_insert_with_key(|(id, version)| region_at(store, id, *version));
        (seq, decision_view(seq, decision, region.as_deref()))
    };
    decided.map(view).collect()
}

/// A region at a version: the present one, else folded. None when it cannot be read.
fn region_at(store: &Store, id: &RegionId, version: Version) -> Option<Arc<Region>> {
    if let Some(present) = store.region(id).filter(|region| region.version == version) {
        return Some(present);
    }
    let thing = Thing::Region(id.clone());
    let history = store.history(&thing).ok()?;
    let mut state = None;
    for recorded in history.iter().take_while(|recorded| recorded.version <= version) {
        state = State::after(state, &thing, &recorded.fact).ok();
    }
    match state {
        Some(State::Region(region)) => Some(region),
        _ => None,
    }
}
