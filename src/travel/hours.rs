//! Speed by the hour: the rush makes everything slower, whatever source the figures come from.

/// Per cent of the usual speed in each local hour of departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours([u16; 24]);

/// Outside of these a figure is a slip.
const SANE: std::ops::RangeInclusive<u16> = 5..=300;
const ALL: u64 = 100;

impl Default for Hours {
    fn default() -> Self {
        Self([ALL as u16; 24])
    }
}

impl Hours {
    /// None: a figure is not between 5 and 300 per cent.
    #[must_use]
    pub fn new(per_cent: [u16; 24]) -> Option<Self> {
        per_cent.iter().all(|speed| SANE.contains(speed)).then_some(Self(per_cent))
    }

    /// Whole seconds, rounded up, of what takes `usual_ms` at usual speed.
    #[must_use]
    pub fn seconds(&self, usual_ms: u64, hour: u8) -> i64 {
        let speed = u64::from(self.0[usize::from(hour % 24)]);
        (usual_ms * ALL).div_ceil(speed * 1_000) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_speed_takes_twice_as_long_in_that_hour_alone() {
        let mut speeds = [100; 24];
        speeds[8] = 50;
        let hours = Hours::new(speeds).unwrap();
        assert_eq!((hours.seconds(60_000, 7), hours.seconds(60_000, 8)), (60, 120));
        assert_eq!(Hours::default().seconds(1, 0), 1, "rounded up");
        speeds[8] = 0;
        assert!(Hours::new(speeds).is_none());
    }
}
