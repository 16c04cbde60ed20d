//! What several test binaries need: a real server process, a small HTTP client, a generated town.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part, and is a crate of its own")]

pub mod client;
pub mod gateway;
pub mod live;
pub mod pairs;
pub mod process;
pub mod town;
pub mod tree;

/// xorshift64*: small, seeded, good enough to choose moments (Vigna 2016).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % sides
    }
}

/// The seed of this run: `CALLOUT_SEED`, else a fixed one; printed, so that a failure can be repeated.
pub fn seed() -> u64 {
    let seed = std::env::var("CALLOUT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_111_109);
    println!("seed {seed} (CALLOUT_SEED)");
    seed
}
