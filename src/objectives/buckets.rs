//! Minutes and hours of what users saw, and their sums. Pure: time comes as an argument, in seconds
//! since 1970.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const MINUTE_S: i64 = 60;
pub(super) const HOUR_S: i64 = 3_600;
/// How long hours are kept: 30 whole days and the one under way.
pub(super) const KEPT_S: i64 = 31 * 86_400;

/// What happened in a stretch of time. Sums and maxima: two of them make one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// When observing began, where that is within the stretch; seconds since 1970, else 0.
    #[serde(default)]
    pub from_s: i64,
    /// Seconds in which the process was up and ready.
    pub up_s: f64,
    /// Seconds of availability: up, times the share of calls that were answered well. A night without
    /// calls counts by being up.
    pub available_s: f64,
    /// Answers to new tickets other than 5xx.
    pub answered: u64,
    /// 5xx, refused for overload included.
    pub failed: u64,
    pub acknowledged: u64,
    /// Acknowledged numbers that were looked up in the journal, and those it does not hold.
    pub checked: u64,
    pub missing: u64,
    /// The longest stall a user could notice.
    pub stall_s: f64,
    /// The oldest ticket that could be dispatched and was not.
    pub oldest_unassigned_s: f64,
    /// Starts of the process, restarts of its actors.
    pub starts: u64,
    pub restarts: u64,
}

impl Bucket {
    /// Sets the availability that follows from the rest; for one minute, whose calls are alike.
    #[must_use]
    pub fn settled(mut self) -> Self {
        let calls = self.answered + self.failed;
        let well = if calls == 0 { 1.0 } else { self.answered as f64 / calls as f64 };
        self.available_s = self.up_s * well;
        self
    }

    pub fn add(&mut self, other: &Self) {
        self.up_s += other.up_s;
        self.available_s += other.available_s;
        self.answered += other.answered;
        self.failed += other.failed;
        self.acknowledged += other.acknowledged;
        self.checked += other.checked;
        self.missing += other.missing;
        self.stall_s = self.stall_s.max(other.stall_s);
        self.oldest_unassigned_s = self.oldest_unassigned_s.max(other.oldest_unassigned_s);
        self.starts += other.starts;
        self.restarts += other.restarts;
    }
}

/// All that is known of the past: hours, and when it began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// When anything was first observed; downtime counts from here on.
    first_s: Option<i64>,
    /// By the hour's beginning.
    hours: BTreeMap<i64, Bucket>,
    /// The minute under way, and when it began.
    running: Option<(i64, Bucket)>,
}

impl History {
    /// Takes in a minute that is over.
    pub fn minute(&mut self, begun_s: i64, bucket: &Bucket) {
        self.seen(begun_s.max(bucket.from_s));
        self.hours.entry(begun_s - begun_s.rem_euclid(HOUR_S)).or_default().add(bucket);
        let oldest = begun_s - KEPT_S;
        self.hours.retain(|hour, _| *hour >= oldest);
    }

    /// Replaces what is known of the minute under way.
    pub fn running(&mut self, begun_s: i64, bucket: Bucket) {
        self.seen(begun_s.max(bucket.from_s));
        self.running = Some((begun_s, bucket));
    }

    fn seen(&mut self, at_s: i64) {
        self.first_s = Some(self.first_s.map_or(at_s, |first| first.min(at_s)));
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first_s.is_none()
    }

    /// The sum from a full hour on, and the seconds it stands for: from then, or from the first
    /// observation, until `now_s`. Minutes without a bucket were down.
    #[must_use]
    pub fn since(&self, from_s: i64, now_s: i64) -> (Bucket, f64) {
        let from_s = from_s - from_s.rem_euclid(HOUR_S);
        let mut sum = Bucket::default();
        self.hours.range(from_s..).for_each(|(_, bucket)| sum.add(bucket));
        if let Some((begun_s, bucket)) = &self.running
            && *begun_s >= from_s
        {
            sum.add(bucket);
        }
        let begin = self.first_s.map_or(now_s, |first| first.max(from_s));
        (sum, (now_s - begin).max(0) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(up_s: f64, answered: u64, failed: u64) -> Bucket {
        Bucket { up_s, answered, failed, ..Bucket::default() }.settled()
    }

    #[test]
    fn a_minute_is_as_available_as_its_calls_and_its_uptime() {
        assert_eq!(minute(60.0, 0, 0).available_s, 60.0);
        assert_eq!(minute(60.0, 3, 1).available_s, 45.0);
        assert_eq!(minute(30.0, 4, 0).available_s, 30.0);
        assert_eq!(minute(60.0, 0, 5).available_s, 0.0);
    }

    #[test]
    fn minutes_that_are_not_there_were_down() {
        let mut history = History::default();
        let day = 86_400 * 20_000;
        for no in 0..60 {
            history.minute(day + no * MINUTE_S, &minute(60.0, 1, 0));
        }
        // An hour without any line, then a minute.
        history.minute(day + 2 * HOUR_S, &minute(60.0, 1, 0));
        let (sum, observed) = history.since(day, day + 2 * HOUR_S + MINUTE_S);
        assert_eq!((sum.available_s, observed), (3_660.0, 7_260.0));
    }

    #[test]
    fn before_the_first_observation_nothing_was_down() {
        let mut history = History::default();
        let day = 86_400 * 20_000;
        history.minute(day + HOUR_S, &minute(60.0, 0, 0));
        let (sum, observed) = history.since(day, day + HOUR_S + MINUTE_S);
        assert_eq!(sum.available_s, observed);
    }

    #[test]
    fn a_start_within_a_minute_is_no_downtime() {
        let mut history = History::default();
        let minute_s = 86_400 * 20_000;
        let from_s = minute_s + 45;
        history.running(minute_s, Bucket { from_s, ..minute(5.0, 0, 0) });
        let (sum, observed) = history.since(minute_s, minute_s + 50);
        assert_eq!((sum.available_s, observed), (5.0, 5.0));
    }

    #[test]
    fn the_minute_under_way_counts_once_and_old_hours_go() {
        let mut history = History::default();
        let now = 86_400 * 20_000;
        history.minute(now - KEPT_S - HOUR_S, &minute(60.0, 1, 0));
        history.minute(now - MINUTE_S, &Bucket { stall_s: 1.5, ..minute(60.0, 1, 0) });
        history.running(now, minute(10.0, 1, 0));
        history.running(now, Bucket { stall_s: 0.5, ..minute(20.0, 2, 0) });
        assert_eq!(history.hours.len(), 1);
        let (sum, _) = history.since(now - KEPT_S, now + 20);
        assert_eq!((sum.up_s, sum.answered, sum.stall_s), (80.0, 3, 1.5));
    }
}
