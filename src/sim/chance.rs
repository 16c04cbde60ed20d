//! Chance drawn from a seed, one stream per question: what one expert does about one visit never
//! depends on what anybody was asked before.
//!
//! Must hold: the same seed and the same question give the same answer, on every machine.
//! Never: the system's randomness.

use std::hash::Hasher;

/// A stream of draws. Derive one per question with [`Chance::about`] and [`Chance::at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance(u64);

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// FNV-1a, so that a label means the same number everywhere.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Chance {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(mixed(seed ^ GOLDEN))
    }

    /// The stream about something named.
    #[must_use]
    pub fn about(self, label: &str) -> Self {
        let mut hash = Fnv(0xCBF2_9CE4_8422_2325);
        hash.write(label.as_bytes());
        self.at(hash.finish())
    }

    /// The stream about something numbered.
    #[must_use]
    pub fn at(self, number: u64) -> Self {
        Self(mixed(self.0 ^ mixed(number.wrapping_add(GOLDEN))))
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mixed(self.0)
    }

    /// Evenly in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Evenly in `0..count`; 0 when there is nothing to choose from.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.draw()) * count as u128) >> 64) as usize
    }

    /// True with probability `share`.
    pub fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// An index, each as likely as its weight; 0 when all weights are 0.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer_and_others_do_not() {
        let seed = Chance::new(7);
        assert_eq!(seed.about("accept").at(12).unit(), seed.about("accept").at(12).unit());
        assert_ne!(seed.about("accept").at(12).unit(), seed.about("accept").at(13).unit());
        assert_ne!(seed.about("accept").at(12).unit(), seed.about("drive").at(12).unit());
        assert_ne!(Chance::new(7).unit(), Chance::new(8).unit());
    }

    #[test]
    fn draws_are_even_and_weights_are_kept() {
        let mut chance = Chance::new(1);
        let mean = (0..10_000).map(|_| chance.unit()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        let heavy = (0..10_000).filter(|_| chance.weighted(&[1.0, 0.0, 3.0]) == 2).count();
        assert!((7_300..7_700).contains(&heavy), "{heavy}");
    }
}
