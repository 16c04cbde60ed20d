//! A circuit breaker: a gateway that keeps failing is left alone and tried now and then, so that an
//! hour of errors costs a few calls and not one per message. Pure: the time is an argument.

use super::time::Timestamp;

/// Failures in a row after which the gateway is left alone.
const FAILURES: u32 = 5;
/// First pause, doubled by each probe that fails.
const PAUSE_S: i64 = 30;
const LONGEST_PAUSE_S: i64 = 300;
/// A probe that says nothing for so long is lost, and another one may go.
const PROBE_S: i64 = 120;

#[derive(Debug, Default)]
pub struct Breaker {
    /// In a row.
    failures: u32,
    pauses: u32,
    shut_until: Option<Timestamp>,
    probing_since: Option<Timestamp>,
}

impl Breaker {
    /// Whether a message may be tried now. While shut and the pause is over, one at a time may.
    pub fn admits(&mut self, now: Timestamp) -> bool {
        let Some(until) = self.shut_until else { return true };
        let probed = self.probing_since.is_some_and(|since| now.since_s(since) < PROBE_S);
        if now < until || probed {
            return false;
        }
        self.probing_since = Some(now);
        true
    }

    /// Whether a message would be refused, without taking the probe's turn.
    #[must_use]
    pub fn shut(&self, now: Timestamp) -> bool {
        let probed = self.probing_since.is_some_and(|since| now.since_s(since) < PROBE_S);
        self.shut_until.is_some_and(|until| now < until || probed)
    }

    /// The gateway answered as one that works.
    pub fn works(&mut self) {
        *self = Self::default();
    }

    /// True when this shut it.
    pub fn failed(&mut self, now: Timestamp, retry_after_s: Option<u32>) -> bool {
        self.failures = self.failures.saturating_add(1);
        let probe = self.probing_since.take().is_some();
        if self.failures < FAILURES && retry_after_s.is_none() {
            return false;
        }
        // Those under way when it was shut add nothing.
        if !probe && self.shut_until.is_some_and(|until| now < until) {
            return false;
        }
        let pause_s = (PAUSE_S << self.pauses.min(16)).min(LONGEST_PAUSE_S);
        let asked_s = i64::from(retry_after_s.unwrap_or_default()).min(LONGEST_PAUSE_S * 12);
        self.pauses = self.pauses.saturating_add(1);
        self.shut_until = Some(now.plus_s(pause_s.max(asked_s)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn an_hour_of_errors_costs_a_few_probes() {
        let mut breaker = Breaker::default();
        let mut calls = 0;
        // Ten messages a second for an hour, each answered with an error at once.
        for tick in 0..36_000 {
            let now = T.plus_ms(tick * 100);
            if breaker.admits(now) {
                calls += 1;
                breaker.failed(now, None);
            }
        }
        assert!((15..=25).contains(&calls), "{calls} calls");
    }

    #[test]
    fn one_probe_at_a_time_and_its_success_opens_the_gate() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.failed(T, None);
        }
        assert!(!breaker.admits(T.plus_s(29)) && breaker.shut(T.plus_s(29)));
        assert!(breaker.admits(T.plus_s(30)));
        assert!(!breaker.admits(T.plus_s(31)), "the probe is under way");
        assert!(breaker.admits(T.plus_s(30 + PROBE_S)), "it was lost");
        breaker.works();
        assert!(breaker.admits(T.plus_s(151)) && breaker.admits(T.plus_s(151)));
    }

    #[test]
    fn a_gateway_that_names_a_pause_is_left_alone_at_once() {
        let mut breaker = Breaker::default();
        assert!(breaker.failed(T, Some(600)));
        assert!(!breaker.admits(T.plus_s(599)));
        assert!(breaker.admits(T.plus_s(600)));
    }

    #[test]
    fn seldom_failures_between_successes_shut_nothing() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            for _ in 0..4 {
                breaker.failed(T, None);
            }
            assert!(breaker.admits(T));
            breaker.works();
        }
    }
}
