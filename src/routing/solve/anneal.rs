//! Simulated annealing over ruin and recreate (Christiaens and Vanden Berghe 2020, section 5.1).
//!
//! Must hold: the temperature follows the share of the budget that is spent, so any budget ends cold;
//! a large one cools down several times and goes on with children of what that found, since small problems gain
//! more from another try than from a slower one; `best` is the cheapest plan ever seen.

use super::{
    dice::Dice,
    elite::Elite,
    first,
    ground::Ground,
    local,
    near::{Near, mean_leg},
    price::Prices,
    recreate::{Candidate, Recreate},
    ruin::{LONG, Ruin},
    schedule::{Schedule, Stage},
    tours::Tours,
    undo::Undo,
};
use std::cmp::Reverse;

/// Temperatures at both ends, in mean legs between neighbours. Colder starts lose on long routes and
/// large fleets: the first plan has to be left behind, not polished.
const HOT: f64 = 10.0;
const COLD: f64 = 0.1;
/// Where a plan that is known already is only to be improved, it begins colder.
const WARM: f64 = 1.0;
/// So does a child of two good plans.
const CHILD_HOT: f64 = 1.0;
/// Rounds between two looks at the budget.
const ROUNDS_PER_LOOK: u64 = 64;
/// Share of the budget after which its number of rounds is known well enough.
const KNOWN_AT: f64 = 0.02;
/// Visits left out earlier that a round tries again: those nearest to where it ruins.
const TRIED_AGAIN: usize = 10;
/// Share of rounds in which opening a route is made to look cheaper, by up to so many mean legs.
/// Insertion one by one never sees that several visits together are worth a route of their own.
const OPENING: (f64, f64) = (0.1, 10.0);

/// Where all technicians are alike and routes are long, how much less a route costs in every other cooling, in
/// temperatures, and where such a cooling begins. How many routes there are is settled when the temperature is still
/// a mean leg, and few are better at that heat: without the cut there are a sixth fewer in the end than are best.
const ROUTES_CUT: f64 = 3.0;
const HOT_OF_CUT: f64 = 5.0;

/// Small moves between two rounds, where they can be judged, and at what share of the temperature: a ruin is mended at
/// least cost, a move drawn at random is not.
const MOVES: u32 = 20;
const HEAT_OF_MOVES: f64 = 0.5;

/// A plan may cost anything; far from the end of the numbers.
const UNLIMITED: i64 = i64::MAX / 4;

pub(super) struct Search<'s, 'g> {
    ground: &'s Ground<'g>,
    near: Near,
    dice: Dice,
    ruin: Ruin,
    recreate: Recreate,
    mean_leg: f64,
    /// Temperature to begin at, in mean legs.
    hot: f64,
    /// Whether every other cooling has routes cost less.
    cuts_routes: bool,
    prices: Prices,
    /// Of the penalties, in force in `tours`; the best plan is judged by whole ones.
    share: f64,
    tours: Tours,
    undo: Undo,
    best: Tours,
    elite: Elite,
    /// Moves between two rounds.
    moves: u32,
    /// Kept from round to round to save allocations.
    candidates: Vec<Candidate>,
}

impl<'s, 'g> Search<'s, 'g> {
    /// Starts from a plan made by insertion alone.
    pub(super) fn new(ground: &'s Ground<'g>, seed: u64) -> Self {
        let mut search = Self::bare(ground, seed);
        if !first::is_quick(ground) || !first::fill(ground, &mut search.tours) {
            search.candidates.extend(search.tours.absent.iter().copied().map(Candidate::fresh));
            search.insert(UNLIMITED);
        }
        search.begin();
        search.cuts_routes = ground.crew.kinds == 1 && search.tours.visits_per_route(ground) > LONG;
        search.prices = Prices::of(ground, &search.tours);
        search
    }

    /// Starts from routes that are known, as far as they are still possible; the rest is inserted one by one,
    /// the dearest to leave out first.
    pub(super) fn from(ground: &'s Ground<'g>, seed: u64, known: &[(u32, Vec<u32>)]) -> Self {
        let mut search = Self::bare(ground, seed);
        search.hot = WARM;
        for (route, visits) in known {
            search.tours.fill(ground, *route, visits);
        }
        search.best.clone_from(&search.tours);
        let mut absent: Vec<u32> = (0..ground.visits).filter(|visit| search.tours.is_absent(*visit)).collect();
        absent.sort_by_key(|visit| Reverse(ground.unserved[*visit as usize]));
        for visit in absent {
            search.candidates.clear();
            search.candidates.push(Candidate::fresh(visit));
            search.insert(UNLIMITED);
        }
        search.begin();
        search
    }

    /// Nobody does anything yet.
    fn bare(ground: &'s Ground<'g>, seed: u64) -> Self {
        let mut search = Self {
            ground,
            mean_leg: mean_leg(ground),
            hot: HOT,
            cuts_routes: false,
            prices: Prices::WHOLE,
            share: 1.0,
            near: Near::new(ground),
            dice: Dice::new(seed),
            ruin: Ruin::default(),
            recreate: Recreate::new(ground, Dice::new(!seed)),
            tours: Tours::new(ground),
            undo: Undo::default(),
            best: Tours::new(ground),
            elite: Elite::default(),
            moves: if local::suits(ground) { MOVES } else { 0 },
            candidates: Vec::new(),
        };
        search.undo.begin(&search.tours);
        search
    }

    /// The plan so far is the first, unless a better one was known.
    fn begin(&mut self) {
        self.settle();
        self.keep_if_best();
    }

    fn keep_if_best(&mut self) {
        if self.tours.cost < self.best.cost && self.tours.whole_cost(self.ground) < self.best.cost {
            self.best.clone_from(&self.tours);
            if self.share < 1.0 {
                self.best.reprice(self.ground, 1.0);
            }
            self.best.cut_routes(self.ground, 0);
        }
    }

    /// Leaving out costs this share of the penalties from now on.
    fn price(&mut self, share: f64) {
        if share != self.share {
            self.share = share;
            self.tours.reprice(self.ground, share);
        }
    }

    pub(super) fn into_best(self) -> Tours {
        self.best
    }

    /// Rounds until the budget is spent; how many there were.
    pub(super) fn run(&mut self, spent: &mut dyn FnMut(u64, i64) -> f64) -> u64 {
        let (mut rounds, mut schedule, mut number, mut rounds_per_visit) = (0, Schedule::new(0.0), 0, 0.0);
        loop {
            let share = spent(rounds, self.best.cost).max(0.0);
            if share >= 1.0 {
                return rounds;
            }
            if share < KNOWN_AT {
                let expected = rounds as f64 / share.max(f64::MIN_POSITIVE);
                rounds_per_visit = expected / f64::from(self.ground.visits);
                schedule = Schedule::new(rounds_per_visit);
            }
            let stage = schedule.stage(share);
            if stage.number != number {
                number = stage.number;
                self.turn(stage);
            }
            // Plans that become parents are worth their whole price, and there is time enough to find them.
            let is_whole = schedule.has_children();
            self.price(if is_whole { 1.0 } else { self.prices.share(rounds_per_visit, stage.cooled) });
            let is_cut = self.cuts_routes && !stage.is_child && stage.number.is_multiple_of(2);
            let legs = if stage.is_child {
                CHILD_HOT
            } else if is_cut {
                HOT_OF_CUT
            } else {
                self.hot
            };
            let hot = legs * self.mean_leg;
            let temperature = hot * (COLD * self.mean_leg / hot).powf(stage.cooled);
            self.tours.cut_routes(self.ground, if is_cut { (ROUTES_CUT * temperature) as i64 } else { 0 });
            for _ in 0..ROUNDS_PER_LOOK {
                self.round(temperature);
                self.move_about(HEAT_OF_MOVES * temperature);
            }
            rounds += ROUNDS_PER_LOOK;
        }
    }

    /// From one stage to the next: a cooling goes on from where the one before ended, a child begins anew.
    fn turn(&mut self, stage: Stage) {
        self.price(1.0);
        self.tours.cut_routes(self.ground, 0);
        self.elite.keep(self.ground, &self.tours);
        self.elite.keep(self.ground, &self.best);
        if !stage.is_child || !self.elite.is_pair() {
            return;
        }
        self.tours = self.elite.child(self.ground, &self.near, &mut self.dice);
        self.undo.begin(&self.tours);
        self.ruin.removed.clear();
        self.candidates.clear();
        let tours = &self.tours;
        let absent = (0..self.ground.visits).filter(|visit| tours.is_absent(*visit));
        self.candidates.extend(absent.map(Candidate::fresh));
        self.insert(UNLIMITED);
        self.begin();
    }

    fn round(&mut self, temperature: f64) {
        self.undo.begin(&self.tours);
        let limit = self.limit(temperature);
        let seed = self.seed();
        if !self.ruin.around(seed, self.ground, &self.near, &mut self.tours, &mut self.undo, &mut self.dice) {
            self.undo.restore(self.ground, &mut self.tours);
            return;
        }
        self.candidates.clear();
        self.candidates.extend(self.ruin.removed.iter().copied().map(Candidate::fresh));
        self.add_left_out(seed);
        if self.insert(limit) {
            self.settle();
            self.keep_if_best();
        } else {
            self.undo.restore(self.ground, &mut self.tours);
        }
    }

    /// Small moves around visits drawn at random.
    fn move_about(&mut self, temperature: f64) {
        for _ in 0..self.moves {
            let visit = self.dice.below(self.ground.visits);
            if local::attempt(self.ground, &self.near, &mut self.tours, &mut self.dice, visit, temperature) {
                self.keep_if_best();
            }
        }
    }

    /// Where the round ruins: half of the time around a visit that is left out, if there is one.
    fn seed(&mut self) -> u32 {
        let absent = self.tours.absent.len() as u32;
        if absent > 0 && self.dice.below(2) == 0 {
            self.tours.absent[self.dice.below(absent) as usize]
        } else {
            self.dice.below(self.ground.visits)
        }
    }

    /// Adds those who were left out earlier and are near: the ruin may have made room for them.
    fn add_left_out(&mut self, seed: u32) {
        if self.tours.absent.is_empty() {
            return;
        }
        let (tours, removed) = (&self.tours, &self.ruin.removed);
        let around = [seed].into_iter().chain(self.near.around(self.ground, seed).iter().copied());
        let left_out = around.filter(|visit| tours.is_absent(*visit) && !removed.contains(visit));
        self.candidates.extend(left_out.take(TRIED_AGAIN).map(Candidate::left_out));
    }

    fn insert(&mut self, limit: i64) -> bool {
        let (share, size) = OPENING;
        let favour = if self.dice.unit() < share { self.dice.unit() * size * self.mean_leg } else { 0.0 };
        self.recreate.run(
            self.ground,
            &self.near,
            &mut self.tours,
            &mut self.undo,
            &mut self.dice,
            &mut self.candidates,
            favour as i64,
            limit,
        )
    }

    /// What the next plan may cost: Metropolis' rule, its die cast before the round instead of behind it.
    fn limit(&mut self, temperature: f64) -> i64 {
        self.tours.cost + (-temperature * (1.0 - self.dice.unit()).ln()) as i64
    }

    /// Makes the list of absent visits true after a round that stays.
    fn settle(&mut self) {
        let mut absent = std::mem::take(&mut self.tours.absent);
        absent.retain(|visit| self.tours.is_absent(*visit));
        absent.extend(self.ruin.removed.iter().filter(|visit| self.tours.is_absent(**visit)));
        self.tours.absent = absent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{
        checker::check_plan,
        solve::{report, tests::Draw},
    };

    #[test]
    fn cheaper_routes_are_no_part_of_what_the_best_plan_costs() {
        for seed in 0..100 {
            let problem = Draw::new(seed).problem_of_alike(40, 6);
            let ground = Ground::new(&problem);
            let mut search = Search::new(&ground, seed);
            search.cuts_routes = true;
            search.run(&mut |rounds, _| rounds as f64 / 512.0);
            let best = search.into_best();
            let plan = report::plan(&ground, &best, false);
            let breaches = check_plan(&problem, &plan);
            assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
            if best.absent.iter().all(|visit| problem.visits()[*visit as usize].unserved.is_some()) {
                assert_eq!(best.cost, plan.costs.total(), "seed {seed}");
            }
        }
    }
}
