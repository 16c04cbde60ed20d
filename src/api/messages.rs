//! What goes over live connections, for the API document: the feed's messages, and what an expert's app
//! and the server say to each other. Their readers and writers are `feed.rs` and `channel.rs`.

use super::{feed::Event, problem::ProblemSchema, route::RouteView, schema, ticket::TicketView};
use utoipa::ToSchema;

/// A message of the live feed: first `live`, `resumed` or `cannot_resume`; then events and heartbeats.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum FeedMessage {
    Live(FeedLive),
    Resumed(FeedResumed),
    CannotResume(FeedCannotResume),
    Event(Box<Event<'static>>),
    Heartbeat(FeedHeartbeat),
}

/// Events from here on.
#[derive(ToSchema)]
#[schema(examples(json!({ "type": "live", "at": "0123456789abcdef-4711" })))]
pub struct FeedLive {
    #[schema(pattern = "^live$")]
    pub r#type: String,
    #[schema(value_type = schema::Position)]
    pub at: String,
}

/// Every event after the position given.
#[derive(ToSchema)]
#[schema(examples(json!({ "type": "resumed", "after": "0123456789abcdef-4711" })))]
pub struct FeedResumed {
    #[schema(pattern = "^resumed$")]
    pub r#type: String,
    #[schema(value_type = schema::Position)]
    pub after: String,
}

/// The position given is no place of this feed: read the board and begin anew. The only message.
#[derive(ToSchema)]
#[schema(examples(json!({ "type": "cannot_resume", "reason": "other_data", "oldest": "0123456789abcdef-0" })))]
pub struct FeedCannotResume {
    #[schema(pattern = "^cannot_resume$")]
    pub r#type: String,
    pub reason: String,
    #[schema(value_type = schema::Position)]
    pub oldest: String,
}

/// All up to `at` that the subscriber may see was sent.
#[derive(ToSchema)]
#[schema(examples(json!({ "type": "heartbeat", "at": "0123456789abcdef-4711" })))]
pub struct FeedHeartbeat {
    #[schema(pattern = "^heartbeat$")]
    pub r#type: String,
    #[schema(value_type = schema::Position)]
    pub at: String,
}

/// What an expert's app says.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum AppMessage {
    Receipt(AppReceipt),
    Position(AppPosition),
    Command(AppCommand),
}

/// The app has got a delivery.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "type": "receipt", "id": "route.17" })))]
pub struct AppReceipt {
    #[schema(pattern = "^receipt$")]
    pub r#type: String,
    #[schema(value_type = schema::DeliveryId)]
    pub id: String,
}

/// Where the expert is; at most one a second.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "type": "position", "lat": 42.05, "lon": -71.15, "accuracy_m": 12, "at": "2026-11-24T09:30:00Z" })))]
pub struct AppPosition {
    #[schema(pattern = "^position$")]
    pub r#type: String,
    #[schema(value_type = schema::Latitude)]
    pub lat: f64,
    #[schema(value_type = schema::Longitude)]
    pub lon: f64,
    #[schema(value_type = Option<schema::Accuracy>)]
    pub accuracy_m: Option<f64>,
    #[schema(value_type = schema::Time)]
    pub at: String,
}

/// What the expert does: `data` is the body of the same command over HTTP.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "type": "command", "id": "c-7f3a", "name": "accept", "ticket": "000-000007-E",
    "at": "2026-11-24T09:30:00Z", "data": { "visit": 1 } })))]
pub struct AppCommand {
    #[schema(pattern = "^command$")]
    pub r#type: String,
    /// The app's own: repeated, it takes effect once.
    #[schema(value_type = schema::CommandId)]
    pub id: String,
    /// `accept`, `decline`, `depart`, `arrive`, `complete`, `cannot_fix` or `no_access`.
    pub name: String,
    #[schema(value_type = schema::TicketNumber)]
    pub ticket: String,
    /// When it happened, if that was offline.
    #[schema(value_type = Option<schema::Time>)]
    pub at: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub data: Option<serde_json::Value>,
}

/// What the server says to an app.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum ServerMessage {
    Delivery(Box<ServerDelivery>),
    Result(ServerResult),
    Problem(ServerProblem),
}

/// Something to be told; repeated until its receipt, under the same id.
#[derive(ToSchema)]
pub struct ServerDelivery {
    #[schema(pattern = "^delivery$")]
    pub r#type: String,
    #[schema(value_type = schema::DeliveryId)]
    pub id: String,
    /// `offer`, `assignment`, `route`, `withdrawn` or `message`.
    pub kind: String,
    /// Absent for a route.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::TicketNumber)]
    pub ticket: Option<String>,
    pub data: DeliveryData,
    /// An offer has to be answered by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub expires_at: Option<String>,
}

/// Of a ticket: `what`, `visit`, `offer`, `ticket`. Of a route: `route` and its `tickets`, so that the app
/// works without coverage.
#[derive(ToSchema)]
pub struct DeliveryData {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Ordinal)]
    pub visit: Option<u16>,
    pub offer: Option<u16>,
    /// Null when the visit was withdrawn.
    pub ticket: Option<TicketView<'static>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RouteView)]
    pub route: Option<RouteView<'static>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<TicketView>)]
    pub tickets: Option<Vec<TicketView<'static>>>,
}

/// What came of a command.
#[derive(ToSchema)]
pub struct ServerResult {
    #[schema(pattern = "^result$")]
    pub r#type: String,
    /// The command's.
    #[schema(value_type = schema::CommandId)]
    pub id: String,
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ProblemSchema)]
    pub problem: Option<ProblemSchema>,
}

/// A message without an id was not understood, or a position not believed.
#[derive(ToSchema)]
pub struct ServerProblem {
    #[schema(pattern = "^problem$")]
    pub r#type: String,
    pub problem: ProblemSchema,
}
