//! What leaving a visit out costs while the search is hot: less than its penalty, so that a visit which
//! others pay dearly for can go again, and time is won that two others need.
//!
//! Must hold: every cooling ends at whole penalties, and penalties keep their proportions. What has to be
//! served is never cheaper to leave out.

use super::{ground::Ground, tours::Tours};

/// What leaving out a mean visit costs at first, in mean costs of a served one, times the cube root of the
/// rounds per visit: who has more rounds can afford to begin nearer to the penalties.
const LOW: f64 = 0.6;
/// The same of however few rounds.
const LEAST: f64 = 2.0;
/// Share of a cooling in which prices stay low, and after which penalties are whole.
const LOW_UNTIL: f64 = 0.5;
const WHOLE_FROM: f64 = 0.9;

/// Shares of the penalties by the state of a cooling.
pub(super) struct Prices {
    /// Mean cost of a served visit, as a share of the mean penalty.
    served: f64,
}

impl Prices {
    /// Penalties are whole at any moment.
    pub(super) const WHOLE: Self = Self { served: f64::INFINITY };

    /// Measured on the first plan.
    pub(super) fn of(ground: &Ground<'_>, tours: &Tours) -> Self {
        let penalties: Vec<i64> = ground.problem.visits().iter().filter_map(|visit| visit.unserved).collect();
        let served = f64::from(ground.visits) - tours.absent.len() as f64;
        let mean_penalty = penalties.iter().sum::<i64>() as f64 / penalties.len() as f64;
        let mean_cost = tours.cost_of_served() as f64 / served;
        let share = mean_cost / mean_penalty;
        // Nobody is served, nobody may be left out, or nothing costs anything: there is no measure.
        if share > 0.0 { Self { served: share } } else { Self::WHOLE }
    }

    /// The share of the penalties, 1 at most, in a search of so many rounds per visit that has `cooled` so far.
    pub(super) fn share(&self, rounds_per_visit: f64, cooled: f64) -> f64 {
        let low = f64::min(1.0, self.served * f64::max(LEAST, LOW * rounds_per_visit.cbrt()));
        let risen = ((cooled - LOW_UNTIL) / (WHOLE_FROM - LOW_UNTIL)).clamp(0.0, 1.0);
        low.powf(1.0 - risen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::solve::{first, tests::Draw};

    /// First plans of drawn problems.
    fn on_drawn_plans(claim: impl Fn(&Ground<'_>, Tours, u64)) {
        for seed in 0..100 {
            let problem = Draw::new(seed).problem(40, 3);
            let ground = Ground::new(&problem);
            let mut tours = Tours::new(&ground);
            first::fill(&ground, &mut tours);
            claim(&ground, tours, seed);
        }
    }

    #[test]
    fn other_prices_change_what_is_left_out_and_nothing_else() {
        on_drawn_plans(|ground, mut tours, seed| {
            let whole = tours.cost;
            let penalties: i64 =
                tours.absent.iter().filter_map(|v| ground.problem.visits()[*v as usize].unserved).sum();
            tours.reprice(ground, 0.5);
            let rounded = tours.absent.len() as i64;
            assert!((whole - tours.cost - penalties / 2).abs() <= rounded, "seed {seed}");
            assert_eq!(tours.whole_cost(ground), whole, "seed {seed}");
            tours.reprice(ground, 1.0);
            assert_eq!(tours.cost, whole, "seed {seed}");
        });
    }

    #[test]
    fn cheaper_routes_change_what_routes_cost_and_nothing_else() {
        on_drawn_plans(|ground, mut tours, seed| {
            let whole = tours.cost;
            tours.cut_routes(ground, 1_000);
            assert_eq!(tours.cost, whole - 1_000 * i64::from(tours.driven()), "seed {seed}");
            // Routes come to their end and begin again at the price in force.
            for route in 0..ground.technicians() {
                let visits: Vec<u32> = tours.visits(ground, route).collect();
                for visit in &visits {
                    tours.unlink(ground, *visit);
                }
                assert!(tours.retime(ground, route), "seed {seed}: nothing to do is no trouble");
                tours.fill(ground, route, &visits);
            }
            assert_eq!(tours.whole_cost(ground), whole, "seed {seed}");
            tours.cut_routes(ground, 0);
            assert_eq!(tours.cost, whole, "seed {seed}");
        });
    }

    #[test]
    fn any_cooling_ends_at_whole_penalties() {
        for (served, rounds_per_visit) in [(0.001, 0.0), (0.05, 40.0), (0.05, 100_000.0), (3.0, 10.0)] {
            let prices = Prices { served };
            let shares: Vec<f64> =
                (0..1_000).map(|at| prices.share(rounds_per_visit, f64::from(at) / 1_000.0)).collect();
            assert!(shares.is_sorted() && shares[0] > 0.0 && shares[999] == 1.0, "{served}, {rounds_per_visit}");
        }
        assert_eq!(Prices::WHOLE.share(0.0, 0.0), 1.0);
    }
}
