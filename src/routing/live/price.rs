//! What it costs to leave a visit out of the plan, and how dear its waiting is.
//!
//! A technician's time is what a full day is short of: a visit that takes long keeps others out. Its price
//! is therefore less by its length, as if an hour of work cost two hours of driving. Found by measurement
//! on drawn days (see `docs/ROUTING.md`), not derived.

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
/// Added per five seconds that the customer waited longer than [`OVERNIGHT_S`]: who was left out yesterday comes before who
/// called today, however long it takes, or in a backlog of days the same ones would be left out each day.
const OVERNIGHT_PER: i64 = 5;
const OVERNIGHT_S: i64 = 12 * 3_600;
/// No wait is longer than this, so that prices stay small beside those of visits that must be served.
const LONGEST_S: i64 = 30 * 86_400;
/// Never less: whoever has nothing else to do goes also to what takes long.
const LEAST_S: i64 = 3_600;

/// Seconds of driving that leaving a visit out counts for; it takes `service_s` and has been waited for `waited_s`.
#[must_use]
pub fn unserved_s(urgency: u8, service_s: i64, waited_s: i64) -> i64 {
    let overnight = (waited_s.min(LONGEST_S) - OVERNIGHT_S).max(0) / OVERNIGHT_PER;
    let usual = match urgency {
        3.. => return URGENT_S + overnight,
        2 => HIGH_S,
        0 | 1 => USUAL_S,
    };
    (usual - PER_WORK * service_s - waited_s.clamp(0, WAITED_S) / WAITED_PER).max(LEAST_S) + overnight
}

/// The problem's priority, by which waiting counts 1, 2, 4 or 8 times.
#[must_use]
pub fn priority(urgency: u8) -> u8 {
    match urgency {
        3.. => 3,
        2 => 1,
        0 | 1 => 0,
    }
}
