//! Where a phone says it is (a *fix*), and whether to believe it. Fixes are fleeting: they are not
//! journalled, and a route never moves because of one.

use super::{place::Place, time::Timestamp};

/// One report of a phone's position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fix {
    pub place: Place,
    /// By the phone's clock.
    pub at: Timestamp,
    /// Radius that the phone is sure of, metres.
    pub accuracy_m: Option<f64>,
}

/// Why a fix is refused: its sender should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlikely {
    #[error("it lies in the future: the phone's clock is off")]
    Future,
    #[error("nobody drives there so fast: it is further from the last one than the time between allows")]
    TooFar,
}

/// What becomes of a fix that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Taken,
    /// Older than the last one, sooner than a second after it, or too vague: it says nothing new.
    Passed,
}

/// A clock may be ahead by so much, seconds (the contract's `now + 2 min`).
const AHEAD_S: i64 = 120;
/// Reports that come faster are passed over, milliseconds: at most about one a second.
const PACE_MS: i64 = 900;
/// Faster than this nobody drives, metres a second (some 320 km/h: a train).
const FASTEST_M_S: f64 = 90.0;
/// Two honest fixes may be off by so much, metres.
const SLACK_M: f64 = 2_000.0;
/// A vaguer fix says nothing for a route, metres.
const VAGUE_M: f64 = 5_000.0;

/// Judges a fix by the last one that was taken and the time it came in. Pure.
pub fn judge(last: Option<&Fix>, fix: &Fix, now: Timestamp) -> Result<Use, Unlikely> {
    if fix.at > now.plus_s(AHEAD_S) {
        return Err(Unlikely::Future);
    }
    if fix.accuracy_m.is_some_and(|radius| radius > VAGUE_M) {
        return Ok(Use::Passed);
    }
    let Some(last) = last else { return Ok(Use::Taken) };
    let passed_ms = fix.at.since_ms(last.at);
    if passed_ms < PACE_MS {
        return Ok(Use::Passed);
    }
    let reach_m = FASTEST_M_S * passed_ms as f64 / 1_000.0 + SLACK_M;
    if fix.place.distance_m(last.place) > reach_m { Err(Unlikely::TooFar) } else { Ok(Use::Taken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn fix(lat: f64, after_ms: i64) -> Fix {
        Fix { place: Place::new(lat, -71.0).unwrap(), at: NOW.plus_ms(after_ms), accuracy_m: Some(10.0) }
    }

    #[test]
    fn a_fix_from_the_future_is_refused_and_a_fast_clock_forgiven() {
        assert_eq!(judge(None, &fix(42.0, 121_000), NOW), Err(Unlikely::Future));
        assert_eq!(judge(None, &fix(42.0, 119_000), NOW), Ok(Use::Taken));
    }

    #[test]
    fn three_hundred_kilometres_take_an_hour_not_a_second() {
        let last = fix(42.0, 0);
        assert_eq!(judge(Some(&last), &fix(44.7, 1_000), NOW), Err(Unlikely::TooFar));
        assert_eq!(judge(Some(&last), &fix(44.7, 3_600_000), NOW.plus_s(3_600)), Ok(Use::Taken));
    }

    #[test]
    fn what_is_older_faster_than_a_second_or_vague_is_passed_over() {
        let last = fix(42.0, 0);
        assert_eq!(judge(Some(&last), &fix(42.0, -1), NOW), Ok(Use::Passed));
        assert_eq!(judge(Some(&last), &fix(42.0, 500), NOW), Ok(Use::Passed));
        assert_eq!(judge(Some(&last), &fix(42.0, 1_000), NOW), Ok(Use::Taken));
        assert_eq!(judge(None, &Fix { accuracy_m: Some(20_000.0), ..fix(42.0, 0) }, NOW), Ok(Use::Passed));
    }
}
