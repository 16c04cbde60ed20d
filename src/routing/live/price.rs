//! What it costs to leave a visit out of the plan, and how dear its waiting is.
//!
//! A technician's time is what a full day is short of: a visit that takes long keeps others out. Its price
//! is therefore less by its length, as if an hour of work cost two hours of driving. Found by measurement
//! on drawn days (see `docs/ROUTING.md`), not derived.

use crate::{domain::time::Timestamp, routing::VisitSpec};

/// Of an urgent visit, whatever its length: nothing else makes up for it.
const URGENT_S: i64 = 60_000;
const HIGH_S: i64 = 24_000;
const USUAL_S: i64 = 14_000;
/// Taken off per second of work.
const PER_WORK: i64 = 2;
/// Taken off per five seconds that the customer waited already, up to [`WAITED_S`]: where not all can be
/// served, whom it reaches soon.
const WAITED_PER: i64 = 5;
const WAITED_S: i64 = 4 * 3_600;
/// Never less: whoever has nothing else to do goes also to what takes long.
const LEAST_S: i64 = 3_600;

/// Seconds of driving that leaving the visit out counts for.
pub(super) fn unserved_s(visit: &VisitSpec, now: Timestamp) -> i64 {
    let usual = match visit.urgency {
        3.. => return URGENT_S,
        2 => HIGH_S,
        0 | 1 => USUAL_S,
    };
    let waited = now.since_s(visit.opened_at).clamp(0, WAITED_S);
    (usual - PER_WORK * i64::from(visit.service_s) - waited / WAITED_PER).max(LEAST_S)
}

/// The problem's priority, by which waiting counts 1, 2, 4 or 8 times.
pub(super) fn priority(urgency: u8) -> u8 {
    match urgency {
        3.. => 3,
        2 => 1,
        0 | 1 => 0,
    }
}
