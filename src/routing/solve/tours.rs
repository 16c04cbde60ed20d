//! The plan under work: every route as a linked list, with the times that make an insertion O(1).
//!
//! Must hold after [`Tours::retime`]: `leave` is the earliest departure of each stop, `latest` the latest
//! arrival that keeps every later stop in time (forward slack, Savelsbergh 1992), `calm` the latest
//! arrival that makes nothing later cost more than it does; `cost` is the exact cost of the whole.

use super::{
    ground::{Ground, NEVER, load_cost},
    walk,
};

/// No route, no node.
pub(super) const NONE: u32 = u32::MAX;

/// When an absent visit is left: later than any window closes, so that nobody looks for a place behind it.
const NOT_TODAY: i32 = i32::MAX;

/// A node in its route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) before: u32,
    pub(super) behind: u32,
    /// The technician's index, or [`NONE`].
    pub(super) route: u32,
    pub(super) place: u32,
    pub(super) leave: i32,
    pub(super) latest: i32,
    pub(super) calm: i32,
    /// Cost of the leg to the node behind; nothing in a route without visits.
    pub(super) leg: i32,
}

/// Sums of one route.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) visits: u32,
    pub(super) travel: i64,
    /// Of having a route at all, of how many visits it has, and of who does which.
    pub(super) fit: i64,
    pub(super) soft: i64,
}

#[derive(Clone)]
pub(super) struct Tours {
    pub(super) stops: Vec<Stop>,
    pub(super) sums: Vec<Sums>,
    /// Per technician and dimension.
    pub(super) loads: Vec<i64>,
    /// Visits that nobody does.
    pub(super) absent: Vec<u32>,
    /// What leaving each visit out costs in `cost`: its penalty, or less while the search is hot.
    pub(super) prices: Vec<i64>,
    /// What a route costs in `cost` beside what it does: its weight, or less while the search is hot.
    per_route: i64,
    pub(super) cost: i64,
}

impl Tours {
    /// Nobody does anything.
    pub(super) fn new(ground: &Ground<'_>) -> Self {
        let stop = |place: &u32| Stop {
            before: NONE,
            behind: 0,
            route: NONE,
            place: *place,
            leave: NOT_TODAY,
            latest: 0,
            calm: 0,
            leg: 0,
        };
        let mut tours = Self {
            stops: ground.place.iter().map(stop).collect(),
            sums: vec![Sums::default(); ground.technicians() as usize],
            loads: vec![0; ground.technicians() as usize * ground.dimensions],
            absent: (0..ground.visits).collect(),
            prices: ground.unserved.clone(),
            per_route: ground.problem.weights().route,
            cost: ground.unserved.iter().sum(),
        };
        for route in 0..ground.technicians() {
            let (start, end) = (ground.start(route), ground.end(route));
            tours.stops[start as usize].behind = end;
            (tours.stops[end as usize].before, tours.stops[end as usize].behind) = (start, NONE);
            tours.stops[start as usize].route = route;
            tours.stops[end as usize].route = route;
            tours.retime(ground, route);
        }
        tours
    }

    #[inline]
    pub(super) fn stop(&self, node: u32) -> &Stop {
        &self.stops[node as usize]
    }

    #[inline]
    pub(super) fn is_absent(&self, visit: u32) -> bool {
        self.stops[visit as usize].route == NONE
    }

    /// The visits of a route in order.
    pub(super) fn visits<'t>(&'t self, ground: &Ground<'_>, route: u32) -> impl Iterator<Item = u32> + 't {
        let (first, end) = (self.stop(ground.start(route)).behind, ground.end(route));
        std::iter::successors(Some(first), |node| Some(self.stop(*node).behind)).take_while(move |node| *node != end)
    }

    /// Takes a visit out of its route, which has to be retimed then.
    pub(super) fn unlink(&mut self, ground: &Ground<'_>, visit: u32) {
        let Stop { before, behind, route, leg, .. } = self.stops[visit as usize];
        self.stops[before as usize].behind = behind;
        self.stops[behind as usize].before = before;
        self.leave_out(visit);
        self.count(ground, visit, route, -1);
        let member = &ground.crew.members[route as usize];
        let fixed = self.one_more(ground, route);
        let sums = &mut self.sums[route as usize];
        let to = self.stops[behind as usize].place;
        let ahead = &mut self.stops[before as usize];
        let direct = if sums.visits > 0 { ground.from(member.profile, ahead.place).leg(to).cost } else { 0 };
        let travel = i64::from(ahead.leg) + i64::from(leg) - i64::from(direct);
        let fit = fixed + i64::from(ground.fit(visit, member.kind).cost);
        ahead.leg = direct;
        sums.travel -= travel;
        sums.fit -= fit;
        self.cost += self.prices[visit as usize] - travel - fit;
    }

    /// Says of a visit that is in no route any more that it is absent.
    pub(super) fn leave_out(&mut self, visit: u32) {
        let stop = &mut self.stops[visit as usize];
        (stop.route, stop.leave) = (NONE, NOT_TODAY);
    }

    /// Other prices for who is left out: `share` of the penalties of those who may be. Between two rounds only.
    pub(super) fn reprice(&mut self, ground: &Ground<'_>, share: f64) {
        for ((price, penalty), visit) in self.prices.iter_mut().zip(&ground.unserved).zip(ground.problem.visits()) {
            *price = if visit.unserved.is_some() { (*penalty as f64 * share) as i64 } else { *penalty };
        }
        self.cost = self.cost_of_served() + self.absent.iter().map(|visit| self.prices[*visit as usize]).sum::<i64>();
    }

    /// Routes cost so much less than their weight. Between two rounds only.
    pub(super) fn cut_routes(&mut self, ground: &Ground<'_>, cut: i64) {
        let per_route = ground.problem.weights().route - cut;
        let more = per_route - std::mem::replace(&mut self.per_route, per_route);
        for sums in self.sums.iter_mut().filter(|sums| sums.visits > 0) {
            sums.fit += more;
            self.cost += more;
        }
    }

    /// How many routes are driven.
    pub(super) fn driven(&self) -> u32 {
        self.sums.iter().filter(|sums| sums.visits > 0).count() as u32
    }

    /// How many visits a route has on average.
    pub(super) fn visits_per_route(&self, ground: &Ground<'_>) -> f64 {
        f64::from(ground.visits - self.absent.len() as u32) / f64::from(self.driven().max(1))
    }

    /// What one more visit in a route costs, whichever it is: the route itself for the first one, load for the others.
    #[inline]
    pub(super) fn one_more(&self, ground: &Ground<'_>, route: u32) -> i64 {
        let visits = self.sums[route as usize].visits;
        if visits > 0 { i64::from(visits) * ground.problem.weights().load } else { self.per_route }
    }

    /// What a route costs beside what it does.
    pub(super) fn per_route(&self) -> i64 {
        self.per_route
    }

    pub(super) fn cost_of_served(&self) -> i64 {
        self.sums.iter().map(|sums| sums.travel + sums.fit + sums.soft).sum()
    }

    /// What the plan costs with whole penalties and routes, where `absent` is true.
    pub(super) fn whole_cost(&self, ground: &Ground<'_>) -> i64 {
        let cut = |visit: &u32| ground.unserved[*visit as usize] - self.prices[*visit as usize];
        let of_routes = i64::from(self.driven()) * (ground.problem.weights().route - self.per_route);
        self.cost + of_routes + self.absent.iter().map(cut).sum::<i64>()
    }

    /// Puts an absent visit behind `before`; the route has to be retimed then.
    pub(super) fn link(&mut self, ground: &Ground<'_>, visit: u32, before: u32) {
        let Stop { behind, route, place: from, leg, .. } = self.stops[before as usize];
        let (place, to) = (self.stop(visit).place, self.stop(behind).place);
        let member = &ground.crew.members[route as usize];
        let inward = ground.from(member.profile, from).leg(place).cost;
        let onward = ground.from(member.profile, place).leg(to).cost;
        let stop = &mut self.stops[visit as usize];
        (stop.before, stop.behind, stop.route, stop.leg) = (before, behind, route, onward);
        let ahead = &mut self.stops[before as usize];
        (ahead.behind, ahead.leg) = (visit, inward);
        self.stops[behind as usize].before = visit;
        let fixed = self.one_more(ground, route);
        let travel = i64::from(inward) + i64::from(onward) - i64::from(leg);
        let fit = fixed + i64::from(ground.fit(visit, member.kind).cost);
        let sums = &mut self.sums[route as usize];
        sums.travel += travel;
        sums.fit += fit;
        self.cost += travel + fit - self.prices[visit as usize];
        self.count(ground, visit, route, 1);
    }

    /// Fills an empty route with the absent ones among `visits`, in order; those that break a rule stay absent.
    pub(super) fn fill(&mut self, ground: &Ground<'_>, route: u32, visits: &[u32]) {
        // Where a detour is quicker than the direct way only the whole may be in time.
        if self.append(ground, route, visits) {
            return;
        }
        for visit in visits {
            self.append(ground, route, std::slice::from_ref(visit));
        }
    }

    /// Puts absent visits at the end of a route if all of it stays possible.
    fn append(&mut self, ground: &Ground<'_>, route: u32, visits: &[u32]) -> bool {
        let kind = ground.crew.members[route as usize].kind;
        let mut added = Vec::new();
        for visit in visits {
            if self.is_absent(*visit) && ground.fit(*visit, kind).cost != NEVER && self.has_room(ground, route, *visit)
            {
                self.link(ground, *visit, self.stop(ground.end(route)).before);
                added.push(*visit);
            }
        }
        let on_time = self.retime(ground, route);
        if !on_time {
            for visit in added {
                self.unlink(ground, visit);
            }
            self.retime(ground, route);
        }
        on_time
    }

    fn count(&mut self, ground: &Ground<'_>, visit: u32, route: u32, sign: i64) {
        let sums = &mut self.sums[route as usize];
        sums.visits = sums.visits.wrapping_add_signed(sign as i32);
        let first = route as usize * ground.dimensions;
        for (sum, load) in self.loads[first..].iter_mut().zip(ground.load(visit)) {
            *sum += sign * load;
        }
    }

    /// Counts the visits from `first` to those ahead of `behind` as another route's. They have to be linked there and
    /// both routes retimed.
    pub(super) fn hand_over(&mut self, ground: &Ground<'_>, first: u32, behind: u32, route: u32) {
        let mut node = first;
        while node != behind {
            self.count(ground, node, self.stop(node).route, -1);
            self.count(ground, node, route, 1);
            let stop = &mut self.stops[node as usize];
            stop.route = route;
            node = stop.behind;
        }
    }

    /// Whether `visit` still fits into what the technician carries and may do.
    #[inline]
    pub(super) fn has_room(&self, ground: &Ground<'_>, route: u32, visit: u32) -> bool {
        let member = &ground.crew.members[route as usize];
        let first = route as usize * ground.dimensions;
        let loads = self.loads[first..first + ground.dimensions].iter().zip(ground.load(visit));
        self.sums[route as usize].visits < member.max_visits
            && loads.zip(&member.capacity).all(|((sum, load), capacity)| sum + load <= *capacity)
    }

    /// Makes times and sums of a changed route true again; false if it cannot be driven in time, which
    /// a removal can cause where a detour is quicker than the direct way.
    pub(super) fn retime(&mut self, ground: &Ground<'_>, route: u32) -> bool {
        let sums = self.sums[route as usize];
        self.cost -= sums.travel + sums.fit + sums.soft;
        let on_time = self.forward(ground, route);
        self.backward(ground, route);
        let on_time = on_time && self.walk_if_careful(ground, route);
        let sums = self.sums[route as usize];
        self.cost += sums.travel + sums.fit + sums.soft;
        on_time
    }

    /// The same where only what lies between `before` and `behind`, two nodes of one route, was changed by
    /// [`Tours::link`] and [`Tours::unlink`]: times are followed from there as far as they differ.
    pub(super) fn retime_between(&mut self, ground: &Ground<'_>, before: u32, behind: u32) -> bool {
        let route = self.stop(before).route;
        let member = &ground.crew.members[route as usize];
        // Lateness, overtime and breaks are told by the whole route.
        if ground.is_soft || member.careful {
            return self.retime(ground, route);
        }
        self.forward_from(ground, before, behind) && {
            self.backward_from(ground, before, behind);
            true
        }
    }

    fn forward_from(&mut self, ground: &Ground<'_>, before: u32, behind: u32) -> bool {
        let Stop { route, place: mut from, mut leave, behind: mut node, .. } = self.stops[before as usize];
        let member = &ground.crew.members[route as usize];
        let mut changed = true;
        while node < ground.visits {
            let Stop { place, leave: old, behind: next, .. } = self.stops[node as usize];
            let arrival = leave + ground.from(member.profile, from).leg(place).time;
            let Some(begin) = ground.begin(node, arrival) else { return false };
            leave = begin + ground.fit(node, member.kind).duration;
            changed &= node != behind;
            if !changed && leave == old {
                return true;
            }
            self.stops[node as usize].leave = leave;
            (from, node) = (place, next);
        }
        let end = &mut self.stops[node as usize];
        end.leave = leave + ground.from(member.profile, from).leg(end.place).time;
        end.leave <= member.home_by
    }

    fn backward_from(&mut self, ground: &Ground<'_>, before: u32, behind: u32) {
        let Stop { route, place: mut to, latest: mut by, before: mut node, .. } = self.stops[behind as usize];
        let member = &ground.crew.members[route as usize];
        let mut changed = true;
        while node < ground.visits {
            let Stop { place, latest: old, before: next, .. } = self.stops[node as usize];
            let spent = ground.from(member.profile, place).leg(to).time + ground.fit(node, member.kind).duration;
            let latest = ground.latest(node, by - spent).unwrap_or(i32::MIN / 2);
            changed &= node != before;
            if !changed && latest == old {
                return;
            }
            let stop = &mut self.stops[node as usize];
            (stop.latest, stop.calm) = (latest, latest);
            (to, by, node) = (place, latest, next);
        }
    }

    fn forward(&mut self, ground: &Ground<'_>, route: u32) -> bool {
        let member = &ground.crew.members[route as usize];
        let (start, end) = (ground.start(route), ground.end(route));
        let visits = self.sums[route as usize].visits;
        let fixed = if visits > 0 { self.per_route + load_cost(ground.problem, visits) } else { 0 };
        let mut sums = Sums { visits, fit: fixed, ..Sums::default() };
        let mut on_time = true;
        self.stops[start as usize].leave = member.shift_from;
        let mut from = start;
        while from != end {
            let Stop { behind: node, place, leave, .. } = self.stops[from as usize];
            let leg = ground.from(member.profile, place).leg(self.stop(node).place);
            let arrival = leave + leg.time;
            let paid = if sums.visits > 0 { leg.cost } else { 0 };
            self.stops[from as usize].leg = paid;
            sums.travel += i64::from(paid);
            if node == end {
                on_time &= arrival <= member.home_by;
                self.stops[end as usize].leave = arrival;
                sums.soft += i64::from((arrival - member.shift_until).max(0)) * member.overtime;
            } else {
                let fit = ground.fit(node, member.kind);
                let Some(begin) = ground.begin(node, arrival) else { return false };
                sums.fit += i64::from(fit.cost);
                if ground.is_soft {
                    sums.soft += ground.soft[node as usize].cost(begin);
                }
                self.stops[node as usize].leave = begin + fit.duration;
            }
            from = node;
        }
        self.sums[route as usize] = sums;
        on_time
    }

    fn backward(&mut self, ground: &Ground<'_>, route: u32) {
        let member = &ground.crew.members[route as usize];
        let (start, end) = (ground.start(route), ground.end(route));
        let home = &mut self.stops[end as usize];
        home.latest = member.home_by;
        home.calm = member.shift_until.max(home.leave);
        let mut node = home.before;
        let mut behind = *home;
        while node != start {
            let fit = ground.fit(node, member.kind);
            let stop = self.stops[node as usize];
            let spent = ground.from(member.profile, stop.place).leg(behind.place).time + fit.duration;
            let latest = ground.latest(node, behind.latest - spent).unwrap_or(i32::MIN / 2);
            let mut calm = latest;
            if ground.is_soft {
                let own = ground.soft[node as usize].free_until().max(stop.leave - fit.duration);
                calm = ground.latest(node, own.min(behind.calm - spent)).unwrap_or(i32::MIN / 2);
            }
            let stop = &mut self.stops[node as usize];
            (stop.latest, stop.calm) = (latest, calm);
            behind = *stop;
            node = behind.before;
        }
    }

    /// Breaks and limits on distance are judged by walking the route.
    fn walk_if_careful(&mut self, ground: &Ground<'_>, route: u32) -> bool {
        if !ground.crew.members[route as usize].careful || self.sums[route as usize].visits == 0 {
            return true;
        }
        let visits: Vec<u32> = self.visits(ground, route).collect();
        let Some(soft) = walk::soft_cost(ground, route, &visits) else { return false };
        self.sums[route as usize].soft = soft;
        true
    }
}
