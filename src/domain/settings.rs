//! What a region may set for itself. Journalled with the region, so that a decision can be
//! recomputed with the settings it was made under.

use super::{hours::Hours, language::Language, network::NetworkId, quiet::QuietHours};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// All times in seconds, distances in metres, speeds in metres per hour (whole, so that they compare).
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegionSettings {
    /// An offer not answered by then goes to the next expert.
    #[n(0)]
    pub offer_ttl_s: u32,
    /// No receipt from the app by then: the offer also goes by SMS.
    #[n(1)]
    pub receipt_s: u32,
    /// Offers tried before a ticket is escalated to the dispatcher.
    #[n(2)]
    pub max_rounds: u8,
    /// Visits an expert may hold: offered, assigned and under way together.
    #[n(3)]
    pub max_visits_ahead: u8,
    /// How long before their shift an expert may be offered a visit.
    #[n(4)]
    pub before_shift_s: u32,
    /// Overtime allowed past the shift's end, drive home included.
    #[n(5)]
    pub max_overtime_s: u32,
    /// How far from home an expert is sent, and how far outside its area a region takes tickets.
    #[n(6)]
    pub reach_m: u32,
    /// A ticket that can be served within this waits; one that cannot is escalated.
    #[n(7)]
    pub horizon_s: u32,
    /// Completed tickets close by themselves after this.
    #[n(8)]
    pub auto_close_s: u32,
    /// Closed tickets can be reopened for this long.
    #[n(9)]
    pub reopen_s: u32,
    /// Used when neither the ticket nor the catalogue says how long the service takes.
    #[n(10)]
    pub service_s: u32,
    #[n(11)]
    pub travel: TravelSettings,
    #[n(12)]
    pub weights: Weights,
    /// By priority: low, normal, high, urgent.
    #[n(13)]
    pub sla: [SlaTarget; 4],
    /// Name of the business calendar the SLA clocks run on; None: round the clock.
    #[n(14)]
    pub calendar: Option<String>,
    /// How long a delivery is tried before it is given up.
    #[n(15)]
    pub delivery_ttl_s: u32,
    /// Customers get no messages in these local hours, except what cannot wait; None: at any hour.
    #[n(20)]
    pub quiet_hours: Option<QuietHours>,
    /// What customers are written to in when they did not say; None: the installation's.
    #[n(21)]
    pub language: Option<Language>,
    /// A customer hears of a delay beyond this; None: a quarter of an hour.
    #[n(22)]
    pub delay_told_s: Option<u32>,
}

/// A customer hears of a delay beyond this, not of every minute.
const DELAY_TOLD_S: u32 = 900;

impl RegionSettings {
    #[must_use]
    pub fn delay_told_s(&self) -> i64 {
        self.delay_told_s.unwrap_or(DELAY_TOLD_S).into()
    }
}

/// Where drives come from, and how fast they are by the hour. What no network knows is great circle x detour at one speed.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TravelSettings {
    /// Road over great-circle distance; calibrated 1.35 (the data's README: median 1.28 to 1.38).
    #[n(0)]
    pub detour: f64,
    #[n(1)]
    pub speed_kmh: f64,
    #[n(2)]
    #[cbor(default, skip_if = "Source::is_usual")]
    pub source: Source,
    /// Per cent of the usual speed by local hour of departure; None: the same all day.
    #[n(3)]
    pub speed_by_hour: Option<Hours>,
    /// The network that drives are over, put in by the server when the region is written or the server's
    /// network is another; None with source `roads`: there is none, and the great circle is in force.
    #[n(4)]
    pub network: Option<NetworkId>,
}

/// Where a region's drives come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Distance x detour, at a speed.
    #[n(0)]
    #[default]
    GreatCircle,
    /// The server's prepared road network.
    #[n(1)]
    Roads,
    /// An OSRM-compatible server, which the process is told of and no region is.
    #[n(2)]
    Server,
}

impl Source {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the codec asks so")]
    fn is_usual(&self) -> bool {
        *self == Self::GreatCircle
    }
}

/// Seconds of cost per unit of each soft term. A weight of 1 on travel makes the unit "one second of driving".
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// Per added second of driving, the drive home included.
    #[n(0)]
    pub travel: f64,
    /// Per second from now to the planned start: the customer's wait.
    #[n(1)]
    pub response: f64,
    /// Per second past the SLA due time, times 1..8 by priority.
    #[n(2)]
    pub sla_lateness: f64,
    /// Per second past a wished window.
    #[n(3)]
    pub window_lateness: f64,
    /// Per second of allowed overtime.
    #[n(4)]
    pub overtime: f64,
    /// Seconds per level above the needed one, and per skill the visit does not use.
    #[n(5)]
    pub over_qualification: f64,
    /// Seconds per visit already held: spreads the work.
    #[n(6)]
    pub load: f64,
    /// Per second that an already told planned start moves.
    #[n(7)]
    pub instability: f64,
    /// Per second of work that keeps somebody busy who has a skill of which all their time will be asked for, when the
    /// work does not need it. Settings written before there was this weight have none.
    #[n(8)]
    #[cbor(default)]
    pub scarcity: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SlaTarget {
    /// From opening to an expert having accepted.
    #[n(0)]
    pub respond_s: u32,
    /// From opening to completion.
    #[n(1)]
    pub resolve_s: u32,
}

impl Default for RegionSettings {
    fn default() -> Self {
        const H: u32 = 3_600;
        const D: u32 = 86_400;
        Self {
            offer_ttl_s: 300,
            receipt_s: 20,
            max_rounds: 5,
            max_visits_ahead: 3,
            before_shift_s: 1_800,
            max_overtime_s: 0,
            reach_m: 60_000,
            horizon_s: 7 * D,
            auto_close_s: 30 * D,
            reopen_s: 30 * D,
            service_s: 1_800,
            travel: TravelSettings::default(),
            weights: Weights::default(),
            sla: [
                SlaTarget { respond_s: 3 * D, resolve_s: 14 * D },
                SlaTarget { respond_s: D, resolve_s: 5 * D },
                SlaTarget { respond_s: 4 * H, resolve_s: D },
                SlaTarget { respond_s: H, resolve_s: 8 * H },
            ],
            calendar: None,
            delivery_ttl_s: D,
            quiet_hours: Some(QuietHours::USUAL),
            language: None,
            delay_told_s: Some(DELAY_TOLD_S),
        }
    }
}

impl Default for TravelSettings {
    fn default() -> Self {
        Self { detour: 1.35, speed_kmh: 30.0, source: Source::GreatCircle, speed_by_hour: None, network: None }
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            travel: 1.0,
            response: 0.2,
            sla_lateness: 0.5,
            window_lateness: 0.5,
            overtime: 2.0,
            over_qualification: 60.0,
            load: 120.0,
            instability: 0.1,
            scarcity: 0.25,
        }
    }
}
