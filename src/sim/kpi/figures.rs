//! The figures of a run, and how many of them become one.

use serde::Serialize;

/// The contract's object, and what we add to it at its end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Kpis {
    /// Rows of the file (within `--from` and `--to`).
    pub tickets: u64,
    pub accepted: u64,
    pub refused: u64,
    /// Accepted, and not in the journal.
    pub lost: u64,
    /// External ids that were opened more than once.
    pub duplicated: u64,
    pub completed: u64,
    pub open_at_end: u64,
    /// Tickets that an expert accepted without a person choosing them.
    pub assigned_automatically: u64,
    /// Tickets that were ever handed to a person.
    pub escalated: u64,
    pub urgent_completed: u64,
    pub response_s: Spread,
    pub assign_ms: Middle,
    pub travel_m_per_visit: f64,
    pub travel_s_per_visit: f64,
    pub late_share: f64,
    pub hard_violations: u64,
    pub wall_s: f64,
    pub at_end: AtEnd,
    pub visits: u64,
    pub offers: u64,
    pub declined: u64,
    pub expired: u64,
    pub visits_in_vain: u64,
    pub handed_over: u64,
    pub handed_back: u64,
    pub events: u64,
    pub simulated_s: i64,
    pub tickets_per_s: f64,
    /// The journal's head hash: equal for equal runs.
    pub head: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Middle {
    pub p50: f64,
    pub p99: f64,
}

/// Every ticket is in exactly one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AtEnd {
    pub served: u64,
    pub cancelled: u64,
    /// In `new` with a reason and a next try.
    pub waiting: u64,
    /// With a person, with a reason.
    pub escalated: u64,
    pub quarantined: u64,
    pub on_hold: u64,
    /// Offered, assigned or being served when the run was stopped.
    pub under_way: u64,
    /// None of these: must be 0.
    pub unexplained: u64,
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// The value that a share of all does not exceed; 0 for none at all.
fn at_share(sorted: &[f64], share: f64) -> f64 {
    let index = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(index.max(1) - 1).or(sorted.last()).copied().map_or(0.0, round)
}

/// To thousandths: more would only look exact.
pub(super) fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

impl Spread {
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let sorted = sorted(values);
        let mean = if sorted.is_empty() { 0.0 } else { round(sorted.iter().sum::<f64>() / sorted.len() as f64) };
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| at_share(&sorted, share));
        Self { mean, p50, p90, p99 }
    }
}

impl Middle {
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let sorted = sorted(values);
        Self { p50: at_share(&sorted, 0.5), p99: at_share(&sorted, 0.99) }
    }
}
