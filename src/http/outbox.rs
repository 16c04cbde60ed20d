//! `/v1/outbox`: deliveries that are under way or were given up, and another try.

use super::{
    Context, Reply, Shared,
    answer::{Refused, not_found, ok, replayed},
    blocking,
    body::Input,
    failure::refuse,
    idempotency::as_it_was,
    query::{Paging, Query},
    session::Session,
};
use crate::{
    actors::Failure,
    api::{
        answers,
        outbox::{DeliveryId, DeliveryView},
        schema,
        timeline::{Stamp, TimelineEntry},
    },
    domain::{
        fact::{Fact, State as Folded},
        ids::{DeliveryNo, RegionId, Thing},
        ticket::{Delivery, DeliveryStatus, Ticket, TicketEvent},
    },
    storage::{OutboxQuery, Outcome, Recorded, is_outbox_cursor},
};
use axum::{
    extract::{Path, State},
    http::Uri,
    response::Response,
};
use serde_json::json;
use std::sync::Arc;
use utoipa::IntoParams;

/// Messages under way or given up
///
/// What was sent, received or became moot is found by its id alone.
#[utoipa::path(
    get,
    path = "/v1/outbox",
    tag = "Messages",
    operation_id = "listDeliveries",
    params(OutboxFilter, Paging),
    responses(
        (status = 200, description = "A page of them.", body = answers::DeliveryList),
    ),
)]
pub(super) async fn list(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    let mut query = Query::of(&uri);
    let status = |name: &str| DeliveryStatus::parse(name).ok_or("queued, pushed, texted or dead");
    let wanted = OutboxQuery {
        status: query.parsed("status", status),
        region: query.parsed("region", RegionId::parse),
        within: session.regions(),
        cursor: query.parsed("cursor", |text: &str| {
            is_outbox_cursor(text).then(|| text.to_owned()).ok_or("not a cursor of a list")
        }),
        limit: query.limit(),
    };
    query.finish()?;
    let store = shared.service.store().clone();
    let page = blocking(move || store.outbox(&wanted)).await??;
    let seen = page.items.iter().filter(|(ticket, _)| session.sees(ticket));
    let views = seen.filter_map(|(ticket, no)| Some(DeliveryView::new(ticket, delivery(ticket, *no)?)));
    Ok(ok(&json!({ "items": views.collect::<Vec<_>>(), "next_cursor": page.next_cursor })))
}

/// What a list of messages may be narrowed to.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `list` reads")]
struct OutboxFilter {
    #[param(value_type = Option<schema::DeliveryStatus>)]
    status: Option<String>,
    #[param(value_type = Option<schema::RegionId>)]
    region: Option<String>,
}

fn delivery(ticket: &Ticket, no: DeliveryNo) -> Option<&Delivery> {
    ticket.deliveries.iter().find(|delivery| delivery.no == no)
}

/// One message
///
/// With its whole story, also when it is done.
#[utoipa::path(
    get,
    path = "/v1/outbox/{id}",
    tag = "Messages",
    operation_id = "getDelivery",
    responses(
        (status = 200, description = "How it fares.", body = DeliveryView),
    ),
)]
pub(super) async fn show(State(shared): State<Context>, session: Session, Path(id): Path<String>) -> Reply {
    let (id, ticket) = known(&shared, &session, &id).await?;
    let store = shared.service.store().clone();
    let told =
        blocking(move || store.history(&Thing::Ticket(id.ticket)).map(|history| Story::of(&history, id))).await??;
    let story = told?;
    let view = match delivery(&ticket, id.no) {
        Some(delivery) => DeliveryView::new(&ticket, delivery),
        None => DeliveryView::with_status(&ticket, &story.delivery, story.end),
    };
    Ok(ok(&view.with_history(story.entries)))
}

/// Try a message again
///
/// One that was given up, or waits for its next try, goes out at once, on all channels.
#[utoipa::path(
    post,
    path = "/v1/outbox/{id}/resend",
    tag = "Messages",
    operation_id = "resendDelivery",
    responses(
        (status = 200, description = "It is on its way.", body = DeliveryView, headers(("idempotency-replayed" = String, description = "`true`: this was answered before, by the same key."))),
        (status = 409, description = "`delivery_done`: it arrived, or is about nothing any more."),
    ),
)]
pub(super) async fn resend(State(shared): State<Context>, Path(id): Path<String>, input: Input) -> Reply {
    let (id, _) = known(&shared, &input.session, &id).await?;
    let _turn = shared.running.turn(&input.caller).await;
    match shared.service.resend(id.ticket, id.no, &input.caller).await {
        Ok(opened) if opened.replayed => Ok(replayed(one(&opened.ticket, id)?)),
        Ok(opened) => one(&opened.ticket, id),
        // The same key: what it answered then.
        Err(Failure::Replayed(Outcome::Version { thing, version, .. })) => {
            let store = shared.service.store().clone();
            match blocking(move || as_it_was(&store, &thing, version)).await?? {
                Folded::Ticket(ticket) => Ok(replayed(one(&ticket, id)?)),
                Folded::Route(_) | Folded::Expert(_) | Folded::Region(_) | Folded::Catalogue(_) => {
                    Err(not_found(format_args!("delivery {id}")))
                }
            }
        }
        Err(failure) => super::idempotency::or_replay(&shared, &input.session, &input.caller, failure).await,
    }
}

fn one(ticket: &Arc<Ticket>, id: DeliveryId) -> Result<Response, Refused> {
    let found = delivery(ticket, id.no).ok_or_else(|| not_found(format_args!("delivery {id}")))?;
    Ok(ok(&DeliveryView::new(ticket, found)))
}

/// The ticket of a delivery that the caller may know of.
async fn known(shared: &Shared, session: &Session, text: &str) -> Result<(DeliveryId, Arc<Ticket>), Refused> {
    let id = DeliveryId::parse(text).ok_or_else(|| not_found("this delivery"))?;
    let ticket = super::tickets::known(shared, session, &id.ticket.to_string()).await?;
    if id.no < ticket.next_delivery { Ok((id, ticket)) } else { Err(not_found(format_args!("delivery {id}"))) }
}

/// What happened to one delivery.
struct Story {
    delivery: Delivery,
    end: &'static str,
    entries: Vec<TimelineEntry>,
}

impl Story {
    fn of(history: &[Recorded], id: DeliveryId) -> Result<Self, Refused> {
        let (mut last, mut end, mut entries, mut state) = (None, "moot", Vec::new(), None);
        for recorded in history {
            let next = Folded::after(state, &Thing::Ticket(id.ticket), &recorded.fact);
            let next = next.map_err(|misfit| refuse(Failure::Fault(misfit.to_string()), false))?;
            if let Folded::Ticket(ticket) = &next {
                last = delivery(ticket, id.no).cloned().or(last);
            }
            state = Some(next);
            let Fact::Ticket(event) = &recorded.fact else { continue };
            let Some(word) = word(event, id.no) else { continue };
            end = word;
            let stamp = Stamp::of(recorded.seq, &recorded.envelope);
            entries.extend(TimelineEntry::new(&stamp, &recorded.fact, crate::api::Viewer::Staff));
        }
        let delivery = last.ok_or_else(|| not_found(format_args!("delivery {id}")))?;
        Ok(Self { delivery, end, entries })
    }
}

/// What an event means for a delivery, should it be the last one; None: it is about something else.
fn word(event: &TicketEvent, no: DeliveryNo) -> Option<&'static str> {
    if event.delivery() != Some(no) {
        return None;
    }
    let sent = matches!(event, TicketEvent::DeliverySent { next_at: None, .. });
    let received = matches!(event, TicketEvent::DeliveryReceived { .. });
    let dropped = matches!(event, TicketEvent::DeliveryDropped { .. });
    Some(match (sent, received, dropped) {
        (true, ..) => "sent",
        (_, true, _) => "received",
        (_, _, true) => "dropped",
        (false, false, false) => "moot",
    })
}
