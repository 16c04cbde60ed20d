//! A region's settings as the API document shows them: whole in answers, in part in bodies. The reader
//! and the writer are the domain's own; a test holds the names here against its.

use super::schema;
use utoipa::ToSchema;

/// How a region works. Times in seconds, distances in metres.
#[derive(ToSchema)]
#[schema(as = RegionSettings)]
pub struct SettingsSchema {
    /// An offer not answered by then goes to the next expert.
    pub offer_ttl_s: u32,
    /// No receipt from the app by then: the offer also goes by SMS.
    pub receipt_s: u32,
    /// Offers tried before a ticket is escalated to the dispatcher.
    pub max_rounds: u8,
    /// Visits an expert may hold: offered, assigned and under way together.
    pub max_visits_ahead: u8,
    /// How long before their shift an expert may be offered a visit.
    pub before_shift_s: u32,
    /// Overtime allowed past the shift's end, drive home included.
    pub max_overtime_s: u32,
    /// How far from home an expert is sent, and how far outside its area a region takes tickets.
    pub reach_m: u32,
    /// A ticket that can be served within this waits; one that cannot is escalated.
    pub horizon_s: u32,
    /// Completed tickets close by themselves after this.
    pub auto_close_s: u32,
    /// Closed tickets can be reopened for this long.
    pub reopen_s: u32,
    /// Used when neither the ticket nor the catalogue says how long the service takes.
    pub service_s: u32,
    pub travel: TravelSchema,
    pub weights: WeightsSchema,
    /// By priority: low, normal, high, urgent.
    #[schema(min_items = 4, max_items = 4)]
    pub sla: Vec<SlaSchema>,
    /// The business calendar that service levels run on; null: round the clock.
    pub calendar: Option<String>,
    /// How long a message is tried before it is given up.
    pub delivery_ttl_s: u32,
    /// Null: customers are written to at any hour.
    #[schema(required = true, value_type = Option<schema::QuietHours>)]
    pub quiet_hours: Option<String>,
    /// What customers are written to in when they did not say; null: the installation's.
    #[schema(required = true, value_type = Option<schema::Language>)]
    pub language: Option<String>,
    /// Customers are told of a delay longer than this; null: a quarter of an hour.
    #[schema(required = true)]
    pub delay_told_s: Option<u32>,
}

/// How long drives take.
#[derive(ToSchema)]
#[schema(as = TravelSettings)]
pub struct TravelSchema {
    /// By great circle: a road's length over the distance.
    pub detour: f64,
    /// By great circle.
    pub speed_kmh: f64,
    pub source: SourceSchema,
    /// Per cent of the usual speed in each local hour of departure; null: the same all day.
    #[schema(required = true, value_type = Option<Vec<u16>>, min_items = 24, max_items = 24)]
    pub speed_by_hour: Option<Vec<u16>>,
    /// The road network in force, put in by the server; null: drives are by great circle.
    #[schema(required = true)]
    pub network: Option<String>,
}

/// Where drives come from: the great circle times a detour, the road network that was imported on the server, or the
/// server of travel times that the process is set to ask. Without a network, and from places that no street is near,
/// it is the great circle; so it is for what the server of travel times has not said yet.
#[derive(ToSchema)]
#[schema(as = TravelSource, rename_all = "snake_case")]
pub enum SourceSchema {
    GreatCircle,
    Roads,
    Server,
}

/// Seconds of cost per unit of each soft term.
#[derive(ToSchema)]
#[schema(as = Weights)]
pub struct WeightsSchema {
    /// Per added second of driving.
    pub travel: f64,
    /// Per second of the customer's wait.
    pub response: f64,
    /// Per second past the time to resolve, times 1 to 8 by priority.
    pub sla_lateness: f64,
    /// Per second past a wished window.
    pub window_lateness: f64,
    /// Per second of allowed overtime.
    pub overtime: f64,
    /// Per level above the needed one, and per skill that the visit does not use.
    pub over_qualification: f64,
    /// Per visit already held.
    pub load: f64,
    /// Per second that an already told planned start moves.
    pub instability: f64,
    /// Per second of work that keeps somebody busy who has a skill of which all their time will be asked for.
    pub scarcity: f64,
}

/// What a service level promises.
#[derive(ToSchema)]
#[schema(as = SlaTarget)]
pub struct SlaSchema {
    /// From opening to an expert having accepted.
    pub respond_s: u32,
    /// From opening to completion.
    pub resolve_s: u32,
}

/// Settings to be changed; what is not sent stays.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegionSettingsEdit)]
pub struct SettingsEdit {
    #[schema(required = false, minimum = 1, maximum = 86_400)]
    pub offer_ttl_s: u32,
    #[schema(required = false, minimum = 1, maximum = 86_400)]
    pub receipt_s: u32,
    #[schema(required = false, minimum = 1, maximum = 100)]
    pub max_rounds: u8,
    #[schema(required = false, minimum = 1, maximum = 50)]
    pub max_visits_ahead: u8,
    #[schema(required = false)]
    pub before_shift_s: u32,
    #[schema(required = false)]
    pub max_overtime_s: u32,
    #[schema(required = false)]
    pub reach_m: u32,
    #[schema(required = false)]
    pub horizon_s: u32,
    #[schema(required = false)]
    pub auto_close_s: u32,
    #[schema(required = false)]
    pub reopen_s: u32,
    #[schema(required = false, value_type = schema::Duration)]
    pub service_s: u32,
    #[schema(required = false)]
    pub travel: TravelEdit,
    #[schema(required = false)]
    pub weights: WeightsEdit,
    /// By priority: low, normal, high, urgent.
    #[schema(required = false, min_items = 4, max_items = 4)]
    pub sla: Vec<SlaSchema>,
    #[schema(required = false)]
    pub calendar: Option<String>,
    #[schema(required = false)]
    pub delivery_ttl_s: u32,
    #[schema(required = false, value_type = Option<schema::QuietHours>)]
    pub quiet_hours: Option<String>,
    #[schema(required = false, value_type = Option<schema::Language>)]
    pub language: Option<String>,
    #[schema(required = false)]
    pub delay_told_s: Option<u32>,
}

/// How far and how fast.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TravelEdit {
    #[schema(required = false, minimum = 1, maximum = 10)]
    pub detour: f64,
    #[schema(required = false, minimum = 1, maximum = 300)]
    pub speed_kmh: f64,
    #[schema(required = false)]
    pub source: SourceSchema,
    /// Per cent of the usual speed in each local hour of departure; null: the same all day.
    #[schema(required = false, value_type = Option<Vec<u16>>, min_items = 24, max_items = 24)]
    pub speed_by_hour: Option<Vec<u16>>,
    /// As it was read; what is sent makes no difference.
    #[schema(required = false)]
    pub network: Option<String>,
}

/// Seconds of cost per unit of each soft term.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightsEdit {
    #[schema(required = false, minimum = 0, maximum = 1_000)]
    pub travel: f64,
    #[schema(required = false, minimum = 0, maximum = 1_000)]
    pub response: f64,
    #[schema(required = false, minimum = 0, maximum = 1_000)]
    pub sla_lateness: f64,
    #[schema(required = false, minimum = 0, maximum = 1_000)]
    pub window_lateness: f64,
    #[schema(required = false, minimum = 0, maximum = 1_000)]
    pub overtime: f64,
    #[schema(required = false, minimum = 0, maximum = 100_000)]
    pub over_qualification: f64,
    #[schema(required = false, minimum = 0, maximum = 100_000)]
    pub load: f64,
    #[schema(required = false, minimum = 0, maximum = 1_000)]
    pub instability: f64,
    #[schema(required = false, minimum = 0, maximum = 1_000)]
    pub scarcity: f64,
}
