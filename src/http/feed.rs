//! `GET /v1/feed` (WebSocket) and `GET /v1/feed/sse`: the same messages of the live feed. The session's
//! actor and this task exchange batches over a bounded channel; each write has a deadline.

use super::{
    Context, Reply,
    answer::{Refused, not_found},
    live::{self, Place, code},
    query::Query,
    session::Session,
};
use crate::{
    actors::feed::{End, Filter, First, Frame, Out, Subscription},
    api::{Problem, feed as wire, feed::Position, schema},
    domain::ids::{ExpertId, RegionId, TicketNumber},
    settings::limits,
};
use axum::{
    body::{Body, Bytes},
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, Uri, header},
    response::Response,
};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};
use tokio::sync::mpsc;
use utoipa::IntoParams;

/// The live feed (WebSocket)
///
/// Every event of the regions asked for, once and in order, from `after` on; or plainly that it cannot resume from
/// there. Browsers, which cannot set headers, send the token as the subprotocol `bearer, <token>`. Close codes:
/// 4001 the token ended, 4008 too slow (resume), 4009 cannot resume, 1012 the server restarts (resume).
#[utoipa::path(
    get,
    path = "/v1/feed",
    tag = "Live",
    operation_id = "feed",
    params(FeedFilter),
    responses(
        (status = 101, description = "The connection is a WebSocket now; messages are JSON texts."),
        (status = 400, description = "`upgrade_required`: this is a WebSocket."),
        (status = 404, description = "`not_found`: a region that the caller may not see."),
        (status = 426, description = "`upgrade_required`: the connection cannot be upgraded."),
    ),
    extensions(("x-messages" = json!({ "server": { "$ref": "#/components/schemas/FeedMessage" } }))),
)]
pub(super) async fn websocket(
    State(shared): State<Context>,
    session: Session,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Reply {
    let (filter, after) = wanted(&shared, &session, &uri)?;
    let upgrade = live::upgrade(upgrade)?;
    let place = shared.live.place()?;
    let subscription = subscribe(&shared, filter, after)?;
    let pump = Pump { shared, session, subscription, place };
    Ok(upgrade.on_upgrade(|socket| pump.run(socket)))
}

/// What a subscriber wants to hear of.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `wanted` reads")]
struct FeedFilter {
    /// Region ids with commas between them; all that the token may see when absent.
    regions: Option<String>,
    #[param(value_type = Option<schema::ExpertId>)]
    expert: Option<String>,
    #[param(value_type = Option<schema::TicketNumber>)]
    ticket: Option<String>,
    /// The last position seen; events from now on when absent.
    #[param(value_type = Option<schema::Position>)]
    after: Option<String>,
}

fn subscribe(shared: &Context, filter: Filter, after: Option<Position>) -> Result<Subscription, Refused> {
    shared.service.subscribe(filter, after).ok_or_else(|| Problem::new(503, "fault", "the feed cannot start").into())
}

/// What the caller asks for, within what they may see.
fn wanted(shared: &Context, session: &Session, uri: &Uri) -> Result<(Filter, Option<Position>), Refused> {
    let mut query = Query::of(uri);
    let list = |text: &str| text.split(',').map(|id| RegionId::parse(id.trim())).collect::<Result<BTreeSet<_>, _>>();
    let regions = query.parsed("regions", list);
    let expert = query.parsed("expert", ExpertId::parse);
    let ticket = query.parsed("ticket", str::parse::<TicketNumber>);
    let after = query.parsed("after", str::parse::<Position>);
    query.finish()?;
    for region in regions.iter().flatten() {
        let known = shared.service.store().region(region).is_some();
        if !known || !session.sees_region(region) {
            return Err(not_found(format_args!("region {region}")));
        }
    }
    Ok((Filter { regions: regions.or_else(|| session.regions()), expert, ticket }, after))
}

/// One WebSocket's task.
struct Pump {
    shared: Context,
    session: Session,
    subscription: Subscription,
    place: Place,
}

impl Pump {
    async fn run(mut self, mut socket: WebSocket) {
        let first = Message::text(self.subscription.first.text());
        if !live::write(&mut socket, std::iter::once(first)).await {
            return;
        }
        if let First::CannotResume { reason, .. } = self.subscription.first {
            return live::close(socket, code::CANNOT_RESUME, reason).await;
        }
        let mut clock = live::clock();
        let (code, reason) = loop {
            tokio::select! {
                out = self.subscription.next() => match out {
                    Ok(out) => {
                        if !live::write(&mut socket, messages(&self.subscription, out)).await {
                            return;
                        }
                    }
                    Err(End::Behind) => break (code::BEHIND, "too slow; resume from the last position"),
                    Err(End::Fault) => break (code::FAULT, "a fault on our side; resume from the last position"),
                },
                heard = socket.recv() => match heard {
                    None | Some(Err(_) | Ok(Message::Close(_))) => return,
                    Some(Ok(Message::Binary(_))) => break (code::UNSUPPORTED, "a feed takes no binary messages"),
                    Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => {}
                },
                () = self.place.stopped() => break (code::RESTARTING, "the server stops; resume from the last position"),
                _ = clock.tick() => if !live::admitted(&self.shared, &self.session) {
                    break (code::TOKEN_ENDED, "the token has ended");
                },
            }
        };
        live::close(socket, code, reason).await;
    }
}

fn messages(subscription: &Subscription, out: Out) -> impl Iterator<Item = Message> {
    let beat = out.beat.then(|| Message::text(wire::heartbeat(subscription.position(out.up_to))));
    out.frames.into_iter().map(|frame| live::text(&frame.json)).chain(beat)
}

/// The live feed (server-sent events)
///
/// The same messages as the WebSocket's: each event's `id` is its position. A browser resumes by itself with
/// `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/v1/feed/sse",
    tag = "Live",
    operation_id = "feedEvents",
    params(FeedFilter, ("last-event-id" = Option<schema::Position>, Header, description = "The last position seen; stronger than `after`.")),
    responses(
        (status = 200, description = "The stream.", body = String, content_type = "text/event-stream"),
        (status = 400, description = "`bad_position`: this `Last-Event-ID` is no position."),
        (status = 404, description = "`not_found`: a region that the caller may not see."),
    ),
    extensions(("x-messages" = json!({ "server": { "$ref": "#/components/schemas/FeedMessage" } }))),
)]
pub(super) async fn sse(State(shared): State<Context>, session: Session, uri: Uri, headers: HeaderMap) -> Reply {
    let (filter, mut after) = wanted(&shared, &session, &uri)?;
    if let Some(last) = headers.get("last-event-id").filter(|last| !last.is_empty()) {
        let last = last.to_str().ok().and_then(|last| last.parse().ok());
        after = Some(last.ok_or_else(|| Problem::new(400, "bad_position", "this Last-Event-ID is no position"))?);
    }
    let place = shared.live.place()?;
    let subscription = subscribe(&shared, filter, after)?;
    let (sender, pieces) = mpsc::channel(limits::FEED_SOCKET);
    tokio::spawn(stream(Pump { shared, session, subscription, place }, sender));
    let mut response = Response::new(Body::new(Stream(pieces)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Fills an event stream until something ends it; whoever is behind reconnects with `Last-Event-ID`.
async fn stream(mut pump: Pump, sender: mpsc::Sender<Bytes>) {
    let first = pump.subscription.first;
    let id = match first {
        First::Live(at) | First::Resumed(at) => at.to_string(),
        // Forgotten by the client too, or it would come back with it for ever.
        First::CannotResume { .. } => String::new(),
    };
    let mut piece = piece(&id, first.text().as_bytes());
    let mut clock = live::clock();
    loop {
        let sent = tokio::time::timeout(limits::SOCKET_WRITE, sender.send(piece.into())).await;
        if !matches!(sent, Ok(Ok(()))) || matches!(first, First::CannotResume { .. }) {
            return;
        }
        piece = loop {
            tokio::select! {
                out = pump.subscription.next() => match out {
                    Ok(out) => break pieces(&pump.subscription, &out),
                    Err(End::Behind | End::Fault) => return,
                },
                () = pump.place.stopped() => return,
                () = sender.closed() => return,
                _ = clock.tick() => if !live::admitted(&pump.shared, &pump.session) {
                    return;
                },
            }
        };
    }
}

/// The messages of one batch, as an event stream has them (HTML, 9.2.5 and 9.2.6).
fn pieces(subscription: &Subscription, out: &Out) -> Vec<u8> {
    let mut text = Vec::new();
    for frame in &out.frames {
        text.extend(piece(&position(subscription, frame), &frame.json));
    }
    if out.beat {
        let at = subscription.position(out.up_to);
        text.extend(piece(&at.to_string(), wire::heartbeat(at).as_bytes()));
    }
    text
}

fn position(subscription: &Subscription, frame: &Arc<Frame>) -> String {
    subscription.position(frame.seq).to_string()
}

/// JSON has no line ends, so one `data` line holds it.
fn piece(id: &str, json: &[u8]) -> Vec<u8> {
    [b"id: ", id.as_bytes(), b"\ndata: ", json, b"\n\n"].concat()
}

/// The body of an event stream.
struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(hyper::body::Frame::data(piece))))
    }
}
