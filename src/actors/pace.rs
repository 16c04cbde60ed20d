//! A bound on how often something is done: so many at once, so many a second after (a token bucket).
//! Pure: the time is an argument.

use crate::domain::time::Timestamp;

pub(super) struct Pace {
    per_s: i64,
    burst: i64,
    /// Thousandths of a turn.
    left: i64,
    at: Timestamp,
}

const TURN: i64 = 1_000;

impl Pace {
    pub(super) fn new(burst: i64, per_s: i64) -> Self {
        Self { per_s, burst, left: burst * TURN, at: Timestamp::ZERO }
    }

    /// Takes a turn, if there is one.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        let passed_ms = now.since_ms(self.at).clamp(0, self.burst * TURN);
        self.left = (self.left + passed_ms.saturating_mul(self.per_s)).min(self.burst * TURN);
        self.at = now;
        let there_is = self.left >= TURN;
        if there_is {
            self.left -= TURN;
        }
        there_is
    }

    /// The turn was not needed after all.
    pub(super) fn give_back(&mut self) {
        self.left = (self.left + TURN).min(self.burst * TURN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_pace_and_what_is_given_back_counts() {
        let mut pace = Pace::new(3, 2);
        let start = Timestamp(1_000_000);
        let taken = |pace: &mut Pace, at| (0..10).filter(|_| pace.take(at)).count();
        assert_eq!(taken(&mut pace, start), 3);
        assert_eq!(taken(&mut pace, start.plus_ms(499)), 0);
        assert_eq!(taken(&mut pace, start.plus_ms(500)), 1);
        pace.give_back();
        assert_eq!(taken(&mut pace, start.plus_ms(500)), 1);
        assert_eq!(taken(&mut pace, start.plus_s(3_600)), 3, "never more than the burst");
    }
}
