//! Recreate: absent visits go where they cost least, one after the other, in an order drawn anew each
//! round (Christiaens and Vanden Berghe 2020, section 5.3).

use super::{
    dice::Dice,
    ground::Ground,
    insertion::{Blinks, Place, Seeker},
    near::Near,
    tours::{NONE, Stop, Tours},
    undo::Undo,
};

/// How a round's visits are ordered, and in how many of 19 rounds.
const ORDERS: [(u32, Order); 8] = [
    (4, Order::Random),
    (4, Order::Load),
    (2, Order::Far),
    (1, Order::Close),
    (2, Order::Width),
    (2, Order::Opening),
    (2, Order::Closing),
    (2, Order::Penalty),
];

#[derive(Clone, Copy, Debug)]
enum Order {
    Random,
    Load,
    Far,
    Close,
    Width,
    Opening,
    Closing,
    Penalty,
}

/// A visit that wants in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    visit: u32,
    /// It was absent before this round and fitted nowhere: it can only come in where something changed.
    left_out: bool,
}

impl Candidate {
    pub(super) fn fresh(visit: u32) -> Self {
        Self { visit, left_out: false }
    }

    pub(super) fn left_out(visit: u32) -> Self {
        Self { visit, left_out: true }
    }
}

/// One place in so many is overlooked.
const BLINK_APART: u32 = 100;

/// Everything that a recreation reads and keeps between rounds.
pub(super) struct Recreate {
    /// One idle technician per kind, or [`NONE`].
    idle: Vec<u32>,
    /// Distance of each visit from where days begin.
    remoteness: Vec<i64>,
    blinks: Blinks,
    weights: u32,
}

impl Recreate {
    pub(super) fn new(ground: &Ground<'_>, dice: Dice) -> Self {
        Self {
            idle: vec![NONE; ground.crew.kinds as usize],
            remoteness: (0..ground.visits).map(|visit| remoteness(ground, visit)).collect(),
            blinks: Blinks::new(dice, BLINK_APART),
            weights: ORDERS.iter().map(|(weight, _)| weight).sum(),
        }
    }

    /// Inserts what can be inserted; the rest stays absent. Opening a route looks cheaper by `favour`. False, and
    /// not all of them are in, as soon as the plan is bound to cost more than `limit`.
    #[allow(clippy::too_many_arguments, reason = "the parts of one search, lent apart from each other")]
    pub(super) fn run(
        &mut self,
        ground: &Ground<'_>,
        near: &Near,
        tours: &mut Tours,
        undo: &mut Undo,
        dice: &mut Dice,
        candidates: &mut [Candidate],
        favour: i64,
        limit: i64,
    ) -> bool {
        self.sort(ground, dice, candidates);
        self.find_idle(ground, tours);
        // What the plan costs at least: as if all who wait came in for nothing.
        let mut least = tours.cost - candidates.iter().map(|it| tours.prices[it.visit as usize]).sum::<i64>();
        for candidate in candidates.iter() {
            let unserved = tours.prices[candidate.visit as usize];
            let seeker = Seeker::new(ground, tours, candidate.visit, unserved.min(limit - least + 1));
            let place =
                if candidate.left_out { self.where_changed(seeker, undo) } else { self.anywhere(seeker, near, favour) };
            least += unserved - tours.cost;
            if place.before != NONE {
                self.put(ground, tours, undo, candidate.visit, place);
            }
            least += tours.cost;
            if least > limit {
                return false;
            }
        }
        true
    }

    fn put(&mut self, ground: &Ground<'_>, tours: &mut Tours, undo: &mut Undo, visit: u32, place: Place) {
        let Stop { route, behind, .. } = *tours.stop(place.before);
        undo.touch(ground, tours, route);
        tours.link(ground, visit, place.before);
        let on_time = tours.retime_between(ground, place.before, behind);
        debug_assert!(on_time, "an insertion keeps its route possible");
        if tours.sums[route as usize].visits == 1 {
            self.find_idle_of(ground, tours, ground.crew.members[route as usize].kind);
        }
    }

    fn where_changed(&mut self, mut seeker: Seeker<'_, '_>, undo: &Undo) -> Place {
        for (route, _) in &undo.routes {
            seeker.along(*route, &mut self.blinks);
        }
        seeker.best
    }

    fn anywhere(&mut self, mut seeker: Seeker<'_, '_>, near: &Near, favour: i64) -> Place {
        seeker.beside(near, &mut self.blinks);
        let close = seeker.best.before;
        seeker.idle(&self.idle, favour);
        // A route is opened only for who fits into none, or the fleet would grow without need.
        let opens = seeker.best.before != close && favour == 0;
        if seeker.best.before == NONE || opens {
            seeker.everywhere(&mut self.blinks);
        }
        seeker.best
    }

    fn find_idle(&mut self, ground: &Ground<'_>, tours: &Tours) {
        self.idle.fill(NONE);
        for route in (0..ground.technicians()).rev() {
            if tours.sums[route as usize].visits == 0 {
                self.idle[ground.crew.members[route as usize].kind as usize] = route;
            }
        }
    }

    fn find_idle_of(&mut self, ground: &Ground<'_>, tours: &Tours, kind: u32) {
        let of_kind =
            |route: &u32| ground.crew.members[*route as usize].kind == kind && tours.sums[*route as usize].visits == 0;
        self.idle[kind as usize] = (0..ground.technicians()).find(of_kind).unwrap_or(NONE);
    }

    fn sort(&self, ground: &Ground<'_>, dice: &mut Dice, candidates: &mut [Candidate]) {
        dice.shuffle(candidates);
        let mut drawn = dice.below(self.weights);
        for (weight, order) in ORDERS {
            if drawn < weight {
                candidates.sort_by_key(|candidate| self.key(ground, order, candidate.visit));
                return;
            }
            drawn -= weight;
        }
    }

    fn key(&self, ground: &Ground<'_>, order: Order, visit: u32) -> i64 {
        let hours = &ground.hours[visit as usize];
        match order {
            Order::Random => 0,
            Order::Load => -ground.load(visit).iter().sum::<i64>(),
            Order::Far => -self.remoteness[visit as usize],
            Order::Close => self.remoteness[visit as usize],
            Order::Width => i64::from(hours.close - hours.open),
            Order::Opening => i64::from(hours.open),
            Order::Closing => -i64::from(hours.close),
            Order::Penalty => -ground.unserved[visit as usize],
        }
    }
}

/// Cost of the drive from the nearest start of a day.
fn remoteness(ground: &Ground<'_>, visit: u32) -> i64 {
    let place = ground.place[visit as usize];
    let starts = ground.crew.models.iter().map(|who| (ground.crew.members[*who as usize].profile, ground.start(*who)));
    let drives = starts.map(|(profile, node)| ground.from(profile, ground.place[node as usize]).leg(place).cost);
    drives.min().map_or(0, i64::from)
}
