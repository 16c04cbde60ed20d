//! The offline solver: a plan at once, and a better one as long as the budget lasts.
//!
//! Must hold: one thread, no clock and no chance of its own: the budget is asked, the dice are seeded,
//! so the same seed and number of rounds give the same plan. A plan breaks no hard rule, at any moment.

mod anneal;
mod crew;
mod dice;
mod elite;
mod first;
mod ground;
mod insertion;
mod legs;
mod local;
mod near;
mod price;
mod reasons;
mod recreate;
mod report;
mod ruin;
mod schedule;
mod tours;
mod undo;
mod walk;

#[cfg(test)]
mod tests;

use super::problem::{Plan, Problem};

/// A plan and what it took.
#[derive(Clone, Debug)]
pub struct Solution {
    pub plan: Plan,
    /// Rounds of ruin and recreate.
    pub rounds: u64,
}

/// Solves `problem` until `spent`, which is asked with the number of rounds so far, says that a share
/// of 1 or more of the budget is gone. At a share of 1 from the start the first plan is returned.
///
/// Insertion by cost, then ruin and recreate with string removals under simulated annealing
/// (Christiaens and Vanden Berghe 2020, "Slack induction by string removals for vehicle routing problems").
pub fn solve(problem: &Problem, seed: u64, spent: &mut dyn FnMut(u64) -> f64) -> Solution {
    solve_watched(problem, seed, &mut |rounds, _| spent(rounds))
}

/// As [`solve`]; `spent` is told too what the best plan so far costs, in thousandths. Whoever must be served and is not
/// adds more to it than all the rest can be.
pub fn solve_watched(problem: &Problem, seed: u64, spent: &mut dyn FnMut(u64, i64) -> f64) -> Solution {
    let ground = ground::Ground::new(problem);
    let mut search = anneal::Search::new(&ground, seed);
    let rounds = search.run(spent);
    Solution { plan: report::plan(&ground, &search.into_best(), true), rounds }
}

/// As [`solve`], from a plan that is known: `known` are technicians with their visits in order, by index. What
/// of it breaks a rule by now is taken out, what is missing put in where it costs least; the plan that comes out
/// is never dearer than that. The search begins colder, so that most of what was good stays. Who is left out is
/// listed without reasons: whoever plans all day has no time for them.
pub fn improve(problem: &Problem, known: &[(u32, Vec<u32>)], seed: u64, spent: &mut dyn FnMut(u64) -> f64) -> Solution {
    let ground = ground::Ground::new(problem);
    let mut search = anneal::Search::from(&ground, seed, known);
    let rounds = search.run(&mut |rounds, _| spent(rounds));
    Solution { plan: report::plan(&ground, &search.into_best(), false), rounds }
}
