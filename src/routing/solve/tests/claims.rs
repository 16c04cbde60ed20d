use super::{brute::optimum, draw::Draw};
use crate::routing::{Solution, checker::check_plan, improve, problem::Problem, solve, solve_watched};

/// How many problems a claim is tried on: `CALLOUT_CASES` for a long run.
fn cases(usual: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("CALLOUT_CASES").ok().and_then(|count| count.parse().ok());
    0..wanted.unwrap_or(usual)
}

/// Solves with a budget of rounds.
fn solved(problem: &Problem, seed: u64, rounds: u64) -> Solution {
    solve(problem, seed, &mut |done| done as f64 / rounds as f64)
}

/// Visits that must be served and are not, then cost in thousandths.
fn worth(problem: &Problem, solution: &Solution) -> (u32, i64) {
    let must = |visit: u32| problem.visits()[visit as usize].unserved.is_none();
    let missing = solution.plan.unserved.iter().filter(|unserved| must(unserved.visit)).count() as u32;
    (missing, solution.plan.costs.total())
}

#[test]
fn no_plan_breaks_a_rule_or_misstates_its_cost() {
    for seed in cases(300) {
        let problem = Draw::new(seed).problem(40, 6);
        let solution = solved(&problem, seed, 256);
        let breaches = check_plan(&problem, &solution.plan);
        assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
    }
}

/// Prices that are lower while it is hot are no part of it.
#[test]
fn what_the_best_plan_is_said_to_cost_is_what_it_costs() {
    for seed in cases(100) {
        let problem = Draw::new(seed).problem(40, 6);
        let mut told = 0;
        let solution = solve_watched(&problem, seed, &mut |done, cost| {
            told = cost;
            done as f64 / 256.0
        });
        let breaches = check_plan(&problem, &solution.plan);
        assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
        if worth(&problem, &solution).0 == 0 {
            assert_eq!(told, solution.plan.costs.total(), "seed {seed}");
        }
    }
}

#[test]
fn small_problems_are_solved_to_the_optimum_and_never_below() {
    let mut reached = 0;
    let seeds = cases(60);
    for seed in seeds.clone() {
        // Long runs also try the largest that can be enumerated.
        let visits = if seed % 4 == 3 && seeds.end > 60 { 8 } else { 5 };
        let problem = Draw::new(seed).problem(visits, 3);
        let (found, best) = (worth(&problem, &solved(&problem, seed, 1_024)), optimum(&problem));
        assert!(found >= best, "seed {seed}: {found:?} is better than the optimum {best:?}");
        reached += u32::from(found == best);
    }
    println!("{reached} of {} at the optimum", seeds.end);
    assert!(reached * 100 >= seeds.end as u32 * 95, "{reached} of {} at the optimum", seeds.end);
}

/// Rounds enough for several coolings and their children, which shorter searches never come to.
#[test]
fn children_of_good_plans_keep_every_rule_and_lose_nothing() {
    for seed in cases(2) {
        let problem = Draw::new(seed).problem(10, 3);
        let long = solved(&problem, seed, 4_000 * problem.visits().len() as u64);
        let breaches = check_plan(&problem, &long.plan);
        assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
        let short = solved(&problem, seed, 64);
        assert!(worth(&problem, &long) <= worth(&problem, &short), "seed {seed}");
    }
}

/// While leaving out is cheap the plan under work may be worse than the first one.
#[test]
fn a_search_never_ends_with_less_than_its_first_plan() {
    for seed in cases(150) {
        let problem = Draw::new(seed).problem(40, 4);
        let first = worth(&problem, &solve(&problem, seed, &mut |_| 1.0));
        for rounds in [64, 640] {
            assert!(worth(&problem, &solved(&problem, seed, rounds)) <= first, "seed {seed}, {rounds} rounds");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_plan() {
    let problem = Draw::new(7).problem(40, 6);
    assert_eq!(solved(&problem, 1, 512).plan, solved(&problem, 1, 512).plan);
}

#[test]
fn a_spent_budget_still_gives_a_plan() {
    let problem = Draw::new(8).problem(40, 6);
    let solution = solve(&problem, 1, &mut |_| 1.0);
    assert_eq!(solution.rounds, 0);
    assert!(check_plan(&problem, &solution.plan).is_empty());
}

#[test]
fn who_is_left_out_is_told_what_is_in_the_way_of_each_technician() {
    for seed in 0..50 {
        let problem = Draw::new(seed).problem(12, 3);
        for unserved in solved(&problem, seed, 128).plan.unserved {
            let mut named: Vec<u32> = unserved.reasons.iter().flat_map(|(_, who)| who.iter().copied()).collect();
            named.sort_unstable();
            let all: Vec<u32> = (0..problem.technicians().len() as u32).collect();
            assert_eq!(named, all, "seed {seed}, visit {}", unserved.visit);
        }
    }
}

/// Routes in order, as a warm start takes them.
fn known(solution: &Solution) -> Vec<(u32, Vec<u32>)> {
    let routes = solution.plan.routes.iter();
    routes.map(|route| (route.technician, route.stops.iter().map(|stop| stop.visit).collect())).collect()
}

#[test]
fn a_known_plan_is_kept_or_bettered() {
    for seed in cases(150) {
        let problem = Draw::new(seed).problem(40, 6);
        let first = solved(&problem, seed, 256);
        let again = improve(&problem, &known(&first), seed, &mut |_| 1.0);
        let better = improve(&problem, &known(&first), seed, &mut |done| done as f64 / 256.0);
        let worth = |solution: &Solution| worth(&problem, solution);
        assert!(worth(&again) <= worth(&first), "seed {seed}: kept");
        assert!(worth(&better) <= worth(&again), "seed {seed}: bettered");
        let breaches = check_plan(&problem, &better.plan);
        assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
    }
}

#[test]
fn a_known_plan_that_breaks_rules_is_mended() {
    for seed in cases(150) {
        let problem = Draw::new(seed).problem(40, 6);
        // Everybody gets everything, so that most of it is wrong.
        let all: Vec<u32> = (0..problem.visits().len() as u32).collect();
        let known: Vec<_> = (0..problem.technicians().len() as u32).rev().map(|who| (who, all.clone())).collect();
        let breaches = check_plan(&problem, &improve(&problem, &known, seed, &mut |_| 1.0).plan);
        assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
    }
}
