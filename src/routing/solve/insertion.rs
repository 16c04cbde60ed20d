//! What it costs to put a visit somewhere, and where it costs least.
//!
//! Must hold: the cost of a place is the exact change of the objective but for the penalty, and a place
//! is only named if the route stays possible. O(1) per place unless lateness moves or breaks are about.

use super::{
    dice::Dice,
    ground::{Ground, NEVER},
    near::{BESIDE, Near},
    tours::{NONE, Stop, Tours},
    walk,
};

/// A place for a visit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) cost: i64,
    /// The node to come behind.
    pub(super) before: u32,
}

/// What a place costs that nobody can reach in time.
const NOWHERE: i64 = i64::MAX;

/// One visit looking for its cheapest place.
pub(super) struct Seeker<'s, 'g> {
    pub(super) ground: &'s Ground<'g>,
    pub(super) tours: &'s Tours,
    pub(super) visit: u32,
    /// The best so far; its cost is a bound from the beginning.
    pub(super) best: Place,
    open: i32,
    close: i32,
}

impl<'s, 'g> Seeker<'s, 'g> {
    /// Only places cheaper than `bound` count.
    pub(super) fn new(ground: &'s Ground<'g>, tours: &'s Tours, visit: u32, bound: i64) -> Self {
        let hours = &ground.hours[visit as usize];
        let best = Place { cost: bound, before: NONE };
        Self { ground, tours, visit, best, open: hours.open, close: hours.close }
    }

    /// Looks behind every neighbour that has a route, and ahead of those who are the first in it; some
    /// places are overlooked by a blink.
    #[allow(clippy::needless_bitwise_bool, reason = "no branch for what nobody can guess")]
    pub(super) fn beside(&mut self, near: &Near, dice: &mut Blinks) {
        let neighbours = near.beside(self.ground, self.visit);
        if self.ground.profiles() > 1 {
            for neighbour in neighbours {
                let stop = self.tours.stop(neighbour.visit);
                if stop.route != NONE {
                    self.behind(neighbour.visit);
                    if stop.before >= self.ground.visits {
                        self.behind(stop.before);
                    }
                }
            }
            return;
        }
        // First what the detours cost, without a branch: nobody, not the processor either, can guess which places
        // are in time. Then those that are worth a closer look.
        let mut costs = [NOWHERE; BESIDE];
        let (mut firsts, mut days) = ([0; BESIDE], 0);
        let (stops, visits, open, close) = (&self.tours.stops[..], self.ground.visits, self.open, self.close);
        let onward = self.ground.from(0, self.ground.place[self.visit as usize]);
        for (at, (neighbour, cost)) in neighbours.iter().zip(&mut costs).enumerate() {
            let stop = &stops[neighbour.visit as usize];
            let behind = &stops[stop.behind as usize];
            let detour = detour(neighbour.back, onward.leg(behind.place).cost, stop.leg);
            // Who is absent leaves after every window.
            let in_time = (stop.leave <= close) & (behind.latest >= open);
            *cost = if in_time { detour } else { NOWHERE };
            firsts[days] = at as u8;
            days += usize::from((stop.before >= visits) & (stop.route != NONE));
        }
        for (neighbour, cost) in neighbours.iter().zip(costs) {
            if cost < self.best.cost && !dice.blink() {
                let stop = &stops[neighbour.visit as usize];
                self.weigh(neighbour.visit, stop, &stops[stop.behind as usize], cost);
            }
        }
        // Behind other visits it is the same place as behind them; only a day's first place is left.
        let inward = self.ground.to(0, self.ground.place[self.visit as usize]);
        for at in &firsts[..days] {
            let neighbour = &neighbours[*at as usize];
            let stop = &stops[neighbour.visit as usize];
            let before = &stops[stop.before as usize];
            let cost = detour(inward.leg(before.place).cost, neighbour.there, before.leg);
            if self.is_worth(before, stop, cost) && !dice.blink() {
                self.weigh(stop.before, before, stop, cost);
            }
        }
    }

    /// Looks at all places of one route; some are overlooked by a blink.
    pub(super) fn along(&mut self, route: u32, dice: &mut Blinks) {
        self.walk(route, || dice.blink());
    }

    /// Looks at all places of one route, and overlooks none.
    pub(super) fn along_all(&mut self, route: u32) {
        self.walk(route, || false);
    }

    fn walk(&mut self, route: u32, mut blink: impl FnMut() -> bool) {
        let ground = self.ground;
        if !self.may_join(route) {
            return;
        }
        let profile = ground.crew.members[route as usize].profile;
        let place = ground.place[self.visit as usize];
        let (inward, onward) = (ground.to(profile, place), ground.from(profile, place));
        let mut node = ground.start(route);
        let mut from = self.tours.stop(node);
        // Who leaves after the window's end comes too late; so do all behind.
        while from.behind != NONE && from.leave <= self.close {
            let to = self.tours.stop(from.behind);
            if to.latest >= self.open {
                let cost = detour(inward.leg(from.place).cost, onward.leg(to.place).cost, from.leg);
                if cost < self.best.cost && !blink() {
                    self.weigh(node, from, to, cost);
                }
            }
            (node, from) = (from.behind, to);
        }
    }

    /// Looks at all places of all routes that are driven.
    pub(super) fn everywhere(&mut self, dice: &mut Blinks) {
        for route in 0..self.ground.technicians() {
            if self.tours.sums[route as usize].visits > 0 {
                self.along(route, dice);
            }
        }
    }

    /// Looks at one idle technician of each kind, as if a route of their own cost `favour` less.
    pub(super) fn idle(&mut self, idle: &[u32], favour: i64) {
        let bound = self.best.cost;
        self.best.cost = bound.saturating_add(favour);
        let close = self.best.before;
        for &route in idle.iter().filter(|route| **route != NONE) {
            self.behind(self.ground.start(route));
        }
        if self.best.before == close {
            self.best.cost = bound;
        }
    }

    fn may_join(&self, route: u32) -> bool {
        let kind = self.ground.crew.members[route as usize].kind;
        self.ground.fit(self.visit, kind).cost != NEVER && self.tours.has_room(self.ground, route, self.visit)
    }

    /// Looks at the place behind `before`.
    fn behind(&mut self, before: u32) {
        let from = self.tours.stop(before);
        let to = self.tours.stop(from.behind);
        // Most places are out on time alone, without a look at the matrix.
        if from.leave <= self.close && to.latest >= self.open {
            let profile = self.ground.crew.members[from.route as usize].profile;
            let place = self.ground.place[self.visit as usize];
            let inward = self.ground.to(profile, place).leg(from.place).cost;
            let onward = self.ground.from(profile, place).leg(to.place).cost;
            let cost = detour(inward, onward, from.leg);
            if cost < self.best.cost {
                self.weigh(before, from, to, cost);
            }
        }
    }

    /// Most places are out on time or on travel alone; asked without a branch for each, since nobody, not the
    /// processor either, can guess which of them it will be.
    #[allow(clippy::needless_bitwise_bool, reason = "one branch that is nearly always the same")]
    #[inline]
    fn is_worth(&self, from: &Stop, to: &Stop, cost: i64) -> bool {
        (from.leave <= self.close) & (to.latest >= self.open) & (cost < self.best.cost)
    }

    #[inline(never)]
    fn weigh(&mut self, before: u32, from: &Stop, to: &Stop, travel: i64) {
        let (ground, tours, visit) = (self.ground, self.tours, self.visit);
        let member = &ground.crew.members[from.route as usize];
        let fit = ground.fit(visit, member.kind);
        if fit.cost == NEVER {
            return;
        }
        let place = ground.place[visit as usize];
        let inward = ground.to(member.profile, place).leg(from.place).time;
        let onward = ground.from(member.profile, place).leg(to.place).time;
        let Some(begin) = ground.begin(visit, from.leave + inward) else { return };
        let arrival = begin + fit.duration + onward;
        if arrival > to.latest || !tours.has_room(ground, from.route, visit) {
            return;
        }
        let mut cost = travel + i64::from(fit.cost) + tours.one_more(ground, from.route);
        if member.careful {
            let Some(exact) = self.careful(before, cost) else { return };
            cost = exact;
        } else if ground.is_soft {
            cost += ground.soft[visit as usize].cost(begin);
            if arrival > to.calm {
                cost += self.delay(from.behind, arrival);
            }
        }
        if cost < self.best.cost {
            self.best = Place { cost, before };
        }
    }

    /// What the nodes from `node` on cost more in lateness when that one is reached at `arrival`.
    fn delay(&self, mut node: u32, mut arrival: i32) -> i64 {
        let (ground, tours) = (self.ground, self.tours);
        let route = tours.stop(node).route;
        let member = &ground.crew.members[route as usize];
        let mut more = 0;
        while node < ground.visits {
            let stop = tours.stop(node);
            let duration = ground.fit(node, member.kind).duration;
            let soft = &ground.soft[node as usize];
            let begin = ground.begin(node, arrival).unwrap_or(i32::MAX / 2);
            if begin + duration <= stop.leave {
                return more;
            }
            more += soft.cost(begin) - soft.cost(stop.leave - duration);
            let behind = tours.stop(stop.behind);
            arrival = begin + duration + ground.from(member.profile, stop.place).leg(behind.place).time;
            node = stop.behind;
        }
        let late = |home: i32| i64::from((home - member.shift_until).max(0));
        more + (late(arrival) - late(tours.stop(node).leave)) * member.overtime
    }

    /// The whole cost where breaks or a limit on distance are about: the route is walked.
    fn careful(&self, before: u32, travel: i64) -> Option<i64> {
        let (ground, tours) = (self.ground, self.tours);
        let route = tours.stop(before).route;
        let mut visits = Vec::with_capacity(tours.sums[route as usize].visits as usize + 1);
        if before == ground.start(route) {
            visits.push(self.visit);
        }
        for visit in tours.visits(ground, route) {
            visits.push(visit);
            if visit == before {
                visits.push(self.visit);
            }
        }
        let soft = walk::soft_cost(ground, route, &visits)?;
        Some(travel + soft - tours.sums[route as usize].soft)
    }
}

/// What the way over a visit costs more than the leg it replaces.
#[inline]
fn detour(inward: i32, onward: i32, direct: i32) -> i64 {
    i64::from(inward) + i64::from(onward) - i64::from(direct)
}

/// Overlooking a place now and then keeps insertion from repeating itself (Christiaens and Vanden
/// Berghe 2020, section 5.3).
pub(super) struct Blinks {
    dice: Dice,
    until_next: u32,
    apart: u32,
}

impl Blinks {
    /// One in `apart` is overlooked on average.
    pub(super) fn new(dice: Dice, apart: u32) -> Self {
        Self { dice, until_next: apart, apart }
    }

    #[inline]
    pub(super) fn blink(&mut self) -> bool {
        self.until_next -= 1;
        if self.until_next > 0 {
            return false;
        }
        self.until_next = self.dice.between(1, 2 * self.apart - 1);
        true
    }
}
