//! `GET /v1/experts/{id}/channel`: the expert app's WebSocket. Deliveries go out and are repeated until
//! their receipt; commands come in one by one, each with the app's own id, and take effect once;
//! positions come in at up to one a second. Whoever is silent for half a minute is offline.
//!
//! Must hold: what an app has not acknowledged and is still true is sent again after every reconnect,
//! under the same id. Nothing here is the truth: deliveries stand in the tickets, the route in the store.

use super::{
    Context, Reply,
    answer::{Refused, forbidden},
    blocking,
    edge::overload,
    experts,
    failure::refuse,
    live::{self, Place, code},
    query::Query,
    session::Session,
    tickets,
};
use crate::{
    actors::{Device, Push},
    api::{
        channel::{self as wire, DeliveryId, Said, Told},
        schema,
    },
    domain::{
        ids::{ExpertId, TicketNumber, Version},
        route::Route,
        ticket::{Audience, Command, Delivery, Ticket},
    },
    settings::limits,
    storage::{Fault, Store},
};
use axum::{
    extract::{
        Path, State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::Uri,
};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::watch;

/// Looks (of [`live::LOOK`]) after which a delivery without a receipt is sent again.
const REPEAT: u32 = 3;
/// Looks after which the app is asked for a sign of life.
const PING: u32 = 5;
/// Looks without any message after which it counts as gone: half a minute.
const SILENT: u32 = 15;

/// The expert app's channel (WebSocket)
///
/// Deliveries come until their receipt; commands go one by one, each with the app's own id, and take effect once;
/// positions go at up to one a second. Half a minute of silence ends it. Close codes: 4001 the token ended, 4002
/// another device has connected, 1012 the server restarts.
#[utoipa::path(
    get,
    path = "/v1/experts/{id}/channel",
    tag = "Live",
    operation_id = "expertChannel",
    params(("after" = Option<schema::DeliveryId>, Query, description = "The last delivery that the app has got.")),
    responses(
        (status = 101, description = "The connection is a WebSocket now; messages are JSON texts."),
        (status = 400, description = "`upgrade_required`: this is a WebSocket."),
        (status = 403, description = "`forbidden`: this expert has left."),
        (status = 426, description = "`upgrade_required`: the connection cannot be upgraded."),
    ),
    extensions(("x-messages" = json!({ "server": { "$ref": "#/components/schemas/ServerMessage" }, "client": { "$ref": "#/components/schemas/AppMessage" } }))),
)]
pub(super) async fn open(
    State(shared): State<Context>,
    session: Session,
    Path(id): Path<String>,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Reply {
    let expert = experts::known(&shared, &session, &id)?;
    if expert.retired {
        return Err(forbidden("this expert has left"));
    }
    let mut query = Query::of(&uri);
    let after = query.parsed("after", str::parse::<DeliveryId>);
    query.finish()?;
    let upgrade = live::upgrade(upgrade)?;
    let place = shared.live.place()?;
    let expert = expert.id.clone();
    let channel = Channel {
        device: shared.service.connect(&expert),
        routes: shared.service.watch_route(&expert),
        shared,
        session,
        expert,
        place,
        pending: Vec::new(),
        silent: 0,
    };
    Ok(upgrade.on_upgrade(move |socket| channel.run(socket, after)))
}

struct Channel {
    shared: Context,
    session: Session,
    expert: ExpertId,
    device: Device,
    routes: watch::Receiver<Version>,
    place: Place,
    /// Sent and not acknowledged.
    pending: Vec<Pending>,
    /// Looks since the app was last heard.
    silent: u32,
}

struct Pending {
    id: DeliveryId,
    message: String,
    /// Looks since it was sent.
    age: u32,
}

/// Why a session ends: a close code with words, or nothing to say.
enum Over {
    Gone,
    Told(u16, &'static str),
}

impl Channel {
    async fn run(mut self, mut socket: WebSocket, after: Option<DeliveryId>) {
        // Named by the app as received, so it is.
        if let Some(id) = after {
            self.received(&id).await;
        }
        let mut over = self.catch_up(&mut socket).await.err();
        let mut clock = live::clock();
        while over.is_none() {
            let step = tokio::select! {
                push = self.device.recv() => match push {
                    Some(push) => self.push(&mut socket, &push).await,
                    None => Err(Over::Told(code::REPLACED, "another device of yours has connected")),
                },
                Ok(()) = self.routes.changed() => self.show_route(&mut socket).await,
                heard = socket.recv() => self.hear(&mut socket, heard).await,
                () = self.place.stopped() => Err(Over::Told(code::RESTARTING, "the server stops; connect again")),
                _ = clock.tick() => self.look(&mut socket).await,
            };
            over = step.err();
        }
        if let Some(Over::Told(code, reason)) = over {
            live::close(socket, code, reason).await;
        }
    }

    /// What an app needs that has just connected: its route, and what it was not told yet.
    async fn catch_up(&mut self, socket: &mut WebSocket) -> Result<(), Over> {
        self.show_route(socket).await?;
        let (store, expert) = (self.shared.service.store().clone(), self.expert.clone());
        let elsewhere = self.shared.service.owes(&expert);
        let owed = blocking(move || owed(&store, &expert, &elsewhere)).await;
        for (ticket, delivery) in owed.ok().and_then(Result::ok).unwrap_or_default() {
            self.deliver(socket, &ticket, &delivery).await?;
        }
        Ok(())
    }

    async fn show_route(&mut self, socket: &mut WebSocket) -> Result<(), Over> {
        let (store, expert) = (self.shared.service.store().clone(), self.expert.clone());
        let read = blocking(move || route_with_tickets(&store, &expert)).await;
        let Some((route, tickets)) = read.ok().and_then(Result::ok).flatten() else { return Ok(()) };
        // Only the newest counts.
        self.pending.retain(|pending| !matches!(pending.id, DeliveryId::Route(_)));
        self.send(socket, DeliveryId::Route(route.version), &wire::route(&route, &tickets)).await
    }

    async fn push(&mut self, socket: &mut WebSocket, push: &Push) -> Result<(), Over> {
        let (store, number, no) = (self.shared.service.store().clone(), push.ticket, push.delivery);
        let ticket = blocking(move || store.ticket(number)).await.ok().and_then(Result::ok).flatten();
        let Some(ticket) = ticket else { return Ok(()) };
        // Moot since it was sent on its way: not to be told.
        let Some(delivery) = ticket.deliveries.iter().find(|delivery| delivery.no == no).cloned() else {
            return Ok(());
        };
        self.deliver(socket, &ticket, &delivery).await
    }

    async fn deliver(&mut self, socket: &mut WebSocket, ticket: &Ticket, delivery: &Delivery) -> Result<(), Over> {
        let id = DeliveryId::Ticket(ticket.number, delivery.no);
        if self.pending.iter().any(|pending| pending.id == id) {
            return Ok(());
        }
        let offer = ticket.visit.offer.as_ref().filter(|offer| offer.no == delivery.offer);
        let message = wire::delivery(&id, delivery.kind, ticket, offer.map(|offer| offer.expires_at));
        self.send(socket, id, &message).await
    }

    /// Sends a delivery and remembers it until its receipt.
    async fn send(&mut self, socket: &mut WebSocket, id: DeliveryId, message: &Value) -> Result<(), Over> {
        let message = message.to_string();
        self.pending.push(Pending { id, message: message.clone(), age: 0 });
        say(socket, message).await
    }

    async fn hear(&mut self, socket: &mut WebSocket, heard: Option<Result<Message, axum::Error>>) -> Result<(), Over> {
        self.silent = 0;
        let text = match heard {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => return Err(Over::Told(code::UNSUPPORTED, "messages are JSON texts")),
            None | Some(Err(_) | Ok(Message::Close(_))) => return Err(Over::Gone),
        };
        // As a call of its own would be.
        let allowed = || {
            let limited = self.shared.rates.token(&self.session.claims);
            limited.inspect_err(|_| self.shared.meters.limited.add(1))
        };
        let answer = match wire::read(text.as_bytes()) {
            Ok(Said::Receipt(id)) => {
                if allowed().is_err() {
                    // The delivery comes again, and so may its receipt.
                    return Ok(());
                }
                self.pending.retain(|pending| pending.id != id);
                self.received(&id).await;
                return Ok(());
            }
            Ok(Said::Position(fix)) => match self.shared.service.report(&self.expert, fix) {
                Ok(()) => return Ok(()),
                Err(why) => wire::problem(&experts::unlikely(why), &self.session.request_id),
            },
            Ok(Said::Command(told)) => {
                let id = told.id.clone();
                let done = match allowed() {
                    Ok(()) => self.carry_out(*told).await,
                    Err(limited) => Err(limited),
                };
                let outcome = done.as_ref().map_err(|Refused(problem)| (&**problem, &*self.session.request_id));
                wire::result(&id, outcome.copied())
            }
            Err(misheard) => {
                let limited = allowed().err();
                let problem = limited.as_ref().map_or(&*misheard.problem, |Refused(problem)| problem);
                match &misheard.id {
                    Some(id) => wire::result(id, Err((problem, &*self.session.request_id))),
                    None => wire::problem(problem, &self.session.request_id),
                }
            }
        };
        say(socket, answer.to_string()).await
    }

    /// An expert's command. One that no longer applies is refused with why, its notes kept.
    async fn carry_out(&self, told: Told) -> Result<(), Refused> {
        // They come one by one, and an app that has driven an hour waits rather than hear `not now`.
        let place = tokio::time::timeout(limits::PATIENCE, self.shared.permits.acquire()).await;
        let _place = place.map_err(|_| {
            self.shared.meters.http_shed.add(1);
            overload()
        })?;
        let ticket = tickets::commanded(&self.shared, &self.session, &told.ticket.to_string()).await?;
        let mut caller = self.session.caller();
        caller.patience = limits::PATIENCE;
        let command = told.act.by(self.expert.clone());
        let done = self.shared.service.command(ticket.number, command, &caller).await;
        done.map(drop).map_err(|failure| refuse(failure, false))
    }

    /// Notes a receipt. Done, moot or another's: nothing changes.
    async fn received(&self, id: &DeliveryId) {
        let DeliveryId::Ticket(number, delivery) = *id else { return };
        let store = self.shared.service.store().clone();
        let Ok(Ok(Some(ticket))) = blocking(move || store.ticket(number)).await else { return };
        if !wire::is_for(&ticket, delivery, &self.expert) {
            return;
        }
        let caller = self.session.caller();
        let noted = self.shared.service.command(number, Command::DeliveryReceived { delivery }, &caller).await;
        if let Err(failure) = noted {
            // It goes by SMS then, and the app drops the second by its id.
            tracing::debug!(%number, delivery, ?failure, "a receipt was not noted");
        }
    }

    /// Now and then: is the token still good, is the app still there, what has to be said again?
    async fn look(&mut self, socket: &mut WebSocket) -> Result<(), Over> {
        if !live::admitted(&self.shared, &self.session) {
            return Err(Over::Told(code::TOKEN_ENDED, "the token has ended"));
        }
        self.silent += 1;
        if self.silent > SILENT {
            return Err(Over::Gone);
        }
        if self.silent.is_multiple_of(PING)
            && !live::write(socket, std::iter::once(Message::Ping(Vec::new().into()))).await
        {
            return Err(Over::Gone);
        }
        self.repeat(socket).await
    }

    async fn repeat(&mut self, socket: &mut WebSocket) -> Result<(), Over> {
        for pending in &mut self.pending {
            pending.age += 1;
        }
        if self.pending.iter().all(|pending| pending.age < REPEAT) {
            return Ok(());
        }
        let (store, expert) = (self.shared.service.store().clone(), self.expert.clone());
        let ids: Vec<_> = self.pending.iter().map(|pending| pending.id.clone()).collect();
        let Ok(Ok(open)) = blocking(move || still_open(&store, &expert, ids)).await else { return Ok(()) };
        self.pending.retain(|pending| open.contains(&pending.id));
        for pending in self.pending.iter_mut().filter(|pending| pending.age >= REPEAT) {
            pending.age = 0;
            say(socket, pending.message.clone()).await?;
        }
        Ok(())
    }
}

async fn say(socket: &mut WebSocket, text: String) -> Result<(), Over> {
    if live::write(socket, std::iter::once(Message::text(text))).await { Ok(()) } else { Err(Over::Gone) }
}

/// A route with its tickets, in the order of its stops.
type Planned = (Arc<Route>, Vec<Arc<Ticket>>);

fn route_with_tickets(store: &Store, expert: &ExpertId) -> Result<Option<Planned>, Fault> {
    let Some(route) = store.route(expert) else { return Ok(None) };
    let tickets = route.stops.iter().map(|stop| store.ticket(stop.ticket)).collect::<Result<Vec<_>, _>>()?;
    Ok(Some((route, tickets.into_iter().flatten().collect())))
}

fn is_to(delivery: &Delivery, expert: &ExpertId) -> bool {
    matches!(&delivery.to, Audience::Expert(to) if to == expert)
}

/// Deliveries without a receipt: about the visits that the expert has, then about those they have no more.
fn owed(store: &Store, expert: &ExpertId, elsewhere: &[TicketNumber]) -> Result<Vec<(Arc<Ticket>, Delivery)>, Fault> {
    let Some((route, mut tickets)) = route_with_tickets(store, expert)? else { return Ok(Vec::new()) };
    let here = |number: &&TicketNumber| route.stops.iter().any(|stop| stop.ticket == **number);
    for number in elsewhere.iter().filter(|number| !here(number)) {
        tickets.extend(store.ticket(*number)?);
    }
    let of = |ticket: Arc<Ticket>| {
        let own: Vec<_> = ticket.deliveries.iter().filter(|delivery| is_to(delivery, expert)).cloned().collect();
        own.into_iter().map(move |delivery| (ticket.clone(), delivery))
    };
    Ok(tickets.into_iter().flat_map(of).collect())
}

/// Which of these still wait for a receipt.
fn still_open(store: &Store, expert: &ExpertId, ids: Vec<DeliveryId>) -> Result<Vec<DeliveryId>, Fault> {
    let mut open = Vec::new();
    for id in ids {
        let waits = match id {
            DeliveryId::Route(_) => true,
            DeliveryId::Ticket(number, no) => {
                store.ticket(number)?.is_some_and(|ticket| wire::is_for(&ticket, no, expert))
            }
        };
        if waits {
            open.push(id);
        }
    }
    Ok(open)
}
