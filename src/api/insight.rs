//! What objectives, incidents and a followed visit look like in the API document. Their writers are
//! elsewhere (`objectives/`, `telemetry/`, `http/track.rs`); a journey holds their answers against these.

use super::{route::PassingView, schema};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What was promised, and how it stands.
#[derive(ToSchema)]
pub struct Objectives {
    #[schema(value_type = schema::Time)]
    pub at: String,
    pub goals: Goals,
    /// All periods meet all goals.
    pub met: bool,
    /// By region: how long its oldest ticket has waited for an expert.
    pub oldest_unassigned_s: BTreeMap<String, f64>,
    /// Today (from midnight, UTC), 7 and 30 days.
    pub periods: Vec<ObjectivesPeriod>,
}

/// What was promised.
#[derive(ToSchema)]
#[schema(as = ObjectivesGoals)]
pub struct Goals {
    /// Share of time in which a new ticket is taken.
    pub intake_availability: f64,
    /// Share of acknowledged tickets that may be lost.
    pub lost_share: f64,
    /// A wait beyond this is a stall; there are to be none.
    pub stall_s: f64,
    /// How long the worst incident may take.
    pub worst_incident_s: f64,
}

/// How the promises stand over some time.
#[derive(ToSchema)]
pub struct ObjectivesPeriod {
    /// `today`, `7d` or `30d`.
    pub name: String,
    #[schema(value_type = schema::Time)]
    pub from: String,
    /// Seconds it stands for: less than the name says while Callout has not run for so long.
    pub observed_s: f64,
    pub intake_availability: f64,
    pub up_s: f64,
    /// New tickets answered, refusals for overload included.
    pub answered: u64,
    /// Of which: with a 5xx.
    pub failed: u64,
    pub acknowledged: u64,
    /// Acknowledged numbers that were looked up in the journal.
    pub checked: u64,
    /// Of which: not there.
    pub lost: u64,
    pub longest_stall_s: f64,
    pub oldest_unassigned_s: f64,
    pub starts: u64,
    pub restarts: u64,
    pub worst_incident_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = WorstIncident)]
    pub worst_incident: Option<WorstIncident>,
    pub met: ObjectivesMet,
}

/// The incident that took longest.
#[derive(ToSchema)]
pub struct WorstIncident {
    pub kind: String,
    #[schema(value_type = schema::Time)]
    pub at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::RegionId)]
    pub region: Option<String>,
}

/// Which goals are met.
#[derive(ToSchema)]
pub struct ObjectivesMet {
    pub intake_availability: bool,
    pub tickets_lost: bool,
    pub stalls: bool,
    pub incidents: bool,
}

/// Incidents, the oldest first.
#[derive(ToSchema)]
pub struct IncidentList {
    pub items: Vec<Incident>,
    /// Older ones that did not fit.
    pub left_out: u64,
    /// Always null: ask for other hours.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// Something that went wrong, or the process's start and stop.
#[derive(ToSchema)]
pub struct Incident {
    #[schema(value_type = schema::Time)]
    pub at: String,
    /// Such as `crash`, `restart`, `park`, `overload`.
    pub kind: String,
    /// `once`, or the `begin` and `end` of what lasted.
    pub phase: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::RegionId)]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::TicketNumber)]
    pub ticket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::ExpertId)]
    pub expert: Option<String>,
    /// Which actor, thread or runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub cause: Option<String>,
    /// How long it took, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64)]
    pub lasted_s: Option<f64>,
}

/// One visit, for whoever has its link.
#[derive(ToSchema)]
pub struct Tracked {
    #[schema(value_type = schema::TicketNumber)]
    pub number: String,
    #[schema(value_type = schema::Phase)]
    pub phase: String,
    /// The same in the customer's words.
    pub says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Step)]
    pub step: Option<String>,
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub expert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub eta: Option<String>,
    /// While they are on their way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TrackedPosition)]
    pub position: Option<TrackedPosition>,
    /// With the position: the drive from there to the visit, over the roads where the region drives over roads, else
    /// straight. At most 200 points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<PassingView>)]
    pub course: Option<Vec<PassingView>>,
}

/// Where the expert was.
#[derive(ToSchema)]
pub struct TrackedPosition {
    #[schema(value_type = schema::Latitude)]
    pub lat: f64,
    #[schema(value_type = schema::Longitude)]
    pub lon: f64,
    #[schema(value_type = schema::Time)]
    pub at: String,
}

/// What the SMS gateway says became of a message; it sends more, which is passed over.
#[derive(ToSchema)]
#[schema(examples(json!({ "MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003" })))]
#[serde(rename_all = "PascalCase")]
pub struct GatewayStatus {
    pub message_sid: Option<String>,
    /// `failed` and `undelivered` count; others are passed over.
    pub message_status: Option<String>,
    pub error_code: Option<String>,
}

/// What somebody answered to a message.
#[derive(ToSchema)]
#[schema(examples(json!({ "From": "+16175550100", "Body": "STOP" })))]
#[serde(rename_all = "PascalCase")]
pub struct GatewayInbound {
    /// Their number.
    pub from: String,
    pub body: Option<String>,
}
