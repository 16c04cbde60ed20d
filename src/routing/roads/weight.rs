//! What a drive costs: time first, then distance.

/// Milliseconds in the upper half, decimetres in the lower: sums and comparisons of pairs are those of
/// one integer, so that of two drives of the same time the shorter one counts, on every machine alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u64);

impl Weight {
    pub const ZERO: Self = Self(0);
    /// There is no way.
    pub const NEVER: Self = Self(u64::MAX);

    #[must_use]
    pub fn new(duration_ms: u32, distance_dm: u32) -> Self {
        Self(u64::from(duration_ms) << 32 | u64::from(distance_dm))
    }

    #[must_use]
    pub fn duration_ms(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[must_use]
    pub fn distance_dm(self) -> u32 {
        self.0 as u32
    }

    /// A sum past the end (seven weeks of driving) is no way.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    #[must_use]
    pub fn of_bits(bits: u64) -> Self {
        Self(bits)
    }
}
