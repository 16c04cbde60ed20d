//! The problem that planners solve, one type for live regions and for files: technicians, visits,
//! travel between places, weights.
//!
//! Must hold: a [`Problem`] exists only if [`Problem::new`] found no flaw in it, so that solver and
//! checker never meet a matrix with holes or a window that ends before it begins. Times are whole
//! units since any origin (seconds on live days, tenths on the classic benchmarks), costs are whole
//! thousandths. It must never name a framework, read a file or ask a clock.

mod flaws;
mod matrix;
mod plan;
mod technician;
mod visit;
mod weights;

pub use flaws::Flaw;
pub use matrix::{Matrix, UNREACHABLE};
pub use plan::{Costs, Plan, PlannedRoute, PlannedStop, Rule, Unserved};
pub use technician::{Break, Skill, Technician};
pub use visit::{Firmness, Visit, Window};
pub use weights::Weights;

/// Latest moment that a problem may name; six years of seconds, so that sums of times fit 32 bits.
pub const LATEST: i64 = 200_000_000;

/// What a problem is made of, not judged yet.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub technicians: Vec<Technician>,
    pub visits: Vec<Visit>,
    /// Travel, one matrix per profile; all over the same places.
    pub profiles: Vec<Matrix>,
    pub weights: Weights,
    /// By skill: what a unit of work time costs that is taken from somebody who has it, in thousandths. Skills beyond
    /// the last one cost nothing.
    pub scarcity: Vec<i64>,
}

/// A draft without a flaw.
#[derive(Clone, Debug)]
pub struct Problem {
    draft: Draft,
}

impl Problem {
    /// Judges `draft`; every flaw is named, not only the first.
    pub fn new(draft: Draft) -> Result<Self, Vec<Flaw>> {
        let found = flaws::of(&draft);
        if found.is_empty() { Ok(Self { draft }) } else { Err(found) }
    }

    #[must_use]
    pub fn technicians(&self) -> &[Technician] {
        &self.draft.technicians
    }

    #[must_use]
    pub fn visits(&self) -> &[Visit] {
        &self.draft.visits
    }

    /// The travel matrix of a technician's profile.
    #[must_use]
    pub fn matrix(&self, technician: &Technician) -> &Matrix {
        &self.draft.profiles[technician.profile as usize]
    }

    #[must_use]
    pub fn profiles(&self) -> &[Matrix] {
        &self.draft.profiles
    }

    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.draft.weights
    }

    /// Thousandths per unit of work time of whoever has this skill.
    #[must_use]
    pub fn price(&self, skill: u32) -> i64 {
        self.draft.scarcity.get(skill as usize).copied().unwrap_or(0)
    }
}
