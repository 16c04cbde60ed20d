//! Small moves under the annealing: two pieces of routes change places, one of them may be empty.
//!
//! A ruin takes out and puts in visit by visit; where routes are long it seldom moves a whole stretch, or all that
//! follows. These moves do, for little of the price of a round: neighbours come to follow one another (granular
//! neighbourhoods, Toth and Vigo 2003), by the exchange of up to a few visits (or-opt, CROSS; Taillard et al. 1997)
//! or of all that follows (2-opt*, Potvin and Rousseau 1995).
//!
//! Must hold: the change that Metropolis judges is the exact change of the objective, and the plan stays possible.
//! So they are only for problems in which neither times nor the number of visits cost anything and all technicians
//! are alike: [`suits`].

use super::{
    dice::Dice,
    ground::Ground,
    near::Near,
    tours::{Stop, Tours},
};

/// Among so many nearest neighbours of a visit one is drawn.
const NEIGHBOURS: u32 = 20;
/// Share of moves that exchange tails.
const TAILS: f64 = 0.5;
/// Most visits in a piece that is no tail.
const LONGEST: u32 = 3;
/// A change of so many temperatures is refused unasked: the chance is one in 160,000.
const HOPELESS: f64 = 12.0;

/// Whether every change can be told from travel, times and loads alone.
pub(super) fn suits(ground: &Ground<'_>) -> bool {
    let is_plain = !ground.is_soft && !ground.crew.members.iter().any(|member| member.careful);
    is_plain && ground.crew.kinds == 1 && ground.profiles() == 1 && ground.problem.weights().load == 0
}

/// What lies between two nodes of a route. Of no visits, `first` is `behind` and `last` is `before`.
#[derive(Clone, Copy, Debug)]
struct Piece {
    before: u32,
    first: u32,
    last: u32,
    behind: u32,
    /// All the way to the day's end.
    is_tail: bool,
}

impl Piece {
    fn is_empty(&self) -> bool {
        self.first == self.behind
    }

    fn visits<'t>(&self, tours: &'t Tours) -> impl Iterator<Item = u32> + 't {
        let behind = self.behind;
        let nodes = std::iter::successors(Some(self.first), |node| Some(tours.stop(*node).behind));
        nodes.take_while(move |node| *node != behind)
    }
}

/// Two pieces that would change places.
struct Exchange<'s, 'g> {
    ground: &'s Ground<'g>,
    tours: &'s Tours,
    one: Piece,
    other: Piece,
}

/// Tries one move around `visit` at that temperature. True: routes changed; nobody became absent or came in.
pub(super) fn attempt(
    ground: &Ground<'_>,
    near: &Near,
    tours: &mut Tours,
    dice: &mut Dice,
    visit: u32,
    temperature: f64,
) -> bool {
    let Some((one, other)) = drawn(ground, near, tours, dice, visit) else { return false };
    let exchange = Exchange { ground, tours, one, other };
    let change = exchange.change();
    if !accepts(dice, change, temperature) || !exchange.is_possible() {
        return false;
    }
    let cost = tours.cost;
    let on_time = apply(ground, tours, &one, &other);
    debug_assert!(on_time, "a move keeps its routes possible");
    debug_assert_eq!(tours.cost - cost, change, "a move changes what it was judged by");
    true
}

/// Two pieces that would bring `visit` and one of its neighbours together; none: there are none.
fn drawn(ground: &Ground<'_>, near: &Near, tours: &Tours, dice: &mut Dice, visit: u32) -> Option<(Piece, Piece)> {
    let neighbours = near.beside(ground, visit);
    let most = (neighbours.len() as u32).min(NEIGHBOURS);
    if most == 0 || tours.is_absent(visit) {
        return None;
    }
    let neighbour = neighbours[dice.below(most) as usize].visit;
    if tours.is_absent(neighbour) {
        None
    } else if dice.unit() < TAILS {
        tails(ground, tours, visit, neighbour)
    } else {
        pieces(ground, tours, dice, visit, neighbour)
    }
}

/// What follows `visit`, and `neighbour` with what follows it; none: they are in one route.
fn tails(ground: &Ground<'_>, tours: &Tours, visit: u32, neighbour: u32) -> Option<(Piece, Piece)> {
    let tail = |before: u32, first: u32, route: u32| {
        let behind = ground.end(route);
        Piece { before, first, last: tours.stop(behind).before, behind, is_tail: true }
    };
    let (ahead, joined) = (tours.stop(visit), tours.stop(neighbour));
    let pieces = (tail(visit, ahead.behind, ahead.route), tail(joined.before, neighbour, joined.route));
    (ahead.route != joined.route).then_some(pieces)
}

/// A piece that begins with `visit` and one that follows `neighbour`, or one that ends with `visit` and one ahead of
/// `neighbour`: the two would be neighbours in a route. None: the pieces overlap, or there are no such pieces.
fn pieces(ground: &Ground<'_>, tours: &Tours, dice: &mut Dice, visit: u32, neighbour: u32) -> Option<(Piece, Piece)> {
    let (count, others) = (dice.between(1, LONGEST), dice.between(0, LONGEST));
    let (one, other) = if dice.below(2) == 0 {
        (onward(ground, tours, tours.stop(visit).before, count)?, onward(ground, tours, neighbour, others)?)
    } else {
        (backward(ground, tours, tours.stop(visit).behind, count)?, backward(ground, tours, neighbour, others)?)
    };
    // Pieces that lie side by side are drawn as one that passes the other.
    let meets = |piece: &Piece, node: u32| piece.visits(tours).any(|visit| visit == node);
    let overlap = meets(&one, other.before) || meets(&one, other.behind) || meets(&other, visit);
    (!overlap).then_some((one, other))
}

/// So many visits behind a node.
fn onward(ground: &Ground<'_>, tours: &Tours, before: u32, count: u32) -> Option<Piece> {
    let mut last = before;
    for _ in 0..count {
        last = tours.stop(last).behind;
        if last >= ground.visits {
            return None;
        }
    }
    Some(Piece { before, first: tours.stop(before).behind, last, behind: tours.stop(last).behind, is_tail: false })
}

/// So many visits ahead of a node.
fn backward(ground: &Ground<'_>, tours: &Tours, behind: u32, count: u32) -> Option<Piece> {
    let mut first = behind;
    for _ in 0..count {
        first = tours.stop(first).before;
        if first >= ground.visits {
            return None;
        }
    }
    Some(Piece { before: tours.stop(first).before, first, last: tours.stop(behind).before, behind, is_tail: false })
}

/// Metropolis' rule; what changes nothing is not done.
fn accepts(dice: &mut Dice, change: i64, temperature: f64) -> bool {
    let heat = change as f64 / temperature;
    change < 0 || (change > 0 && heat < HOPELESS && dice.unit() < (-heat).exp())
}

impl Exchange<'_, '_> {
    /// What the plan would cost more.
    fn change(&self) -> i64 {
        let Self { one, other, .. } = self;
        self.ends(one.before, other, one.behind) + self.ends(other.before, one, other.behind)
            - self.ends(one.before, one, one.behind)
            - self.ends(other.before, other, other.behind)
    }

    /// The legs to a piece and from it between those nodes; of a route that nobody drives, what is saved by that.
    fn ends(&self, before: u32, piece: &Piece, behind: u32) -> i64 {
        if !piece.is_empty() {
            self.leg(before, piece.first) + self.leg(piece.last, behind)
        } else if before >= self.ground.visits && behind >= self.ground.visits {
            -self.tours.per_route()
        } else {
            self.leg(before, behind)
        }
    }

    fn leg(&self, before: u32, behind: u32) -> i64 {
        let (from, to) = (self.tours.stop(before).place, self.tours.stop(behind).place);
        i64::from(self.ground.from(0, from).leg(to).cost)
    }

    fn is_possible(&self) -> bool {
        let Self { tours, one, other, .. } = self;
        let (route, others) = (tours.stop(one.before).route, tours.stop(other.before).route);
        if route != others {
            return self.is_in_time(one.before, other, one.behind)
                && self.is_in_time(other.before, one, other.behind)
                && self.has_room(route, one, other)
                && self.has_room(others, other, one);
        }
        let behind_one = std::iter::successors(Some(one.behind), |node| Some(tours.stop(*node).behind));
        let is_ahead = behind_one.take_while(|node| *node < self.ground.visits).any(|node| node == other.before);
        if is_ahead { self.is_in_time_around(one, other) } else { self.is_in_time_around(other, one) }
    }

    /// Whether `piece` between those nodes keeps itself and all behind it in time.
    fn is_in_time(&self, before: u32, piece: &Piece, behind: u32) -> bool {
        let mut day = Day::after(self.tours.stop(before));
        if piece.is_tail && !piece.is_empty() {
            return day.is_early_for(self.ground, self.tours.stop(piece.first));
        }
        day.passes(self, piece.first, piece.behind) && day.is_early_for(self.ground, self.tours.stop(behind))
    }

    /// The same for two pieces of one route: what lies between them is reached earlier or later too.
    fn is_in_time_around(&self, ahead: &Piece, later: &Piece) -> bool {
        let mut day = Day::after(self.tours.stop(ahead.before));
        day.passes(self, later.first, later.behind)
            && day.passes(self, ahead.behind, later.first)
            && day.passes(self, ahead.first, ahead.behind)
            && day.is_early_for(self.ground, self.tours.stop(later.behind))
    }

    /// Whether the technician can do `gained` instead of `lost`.
    fn has_room(&self, route: u32, lost: &Piece, gained: &Piece) -> bool {
        let Self { ground, tours, .. } = self;
        let member = &ground.crew.members[route as usize];
        let count = |piece: &Piece| piece.visits(tours).count() as u32;
        let load = |piece: &Piece, at: usize| piece.visits(tours).map(|visit| ground.load(visit)[at]).sum::<i64>();
        let first = route as usize * ground.dimensions;
        let loads = tours.loads[first..first + ground.dimensions].iter().zip(&member.capacity).enumerate();
        tours.sums[route as usize].visits - count(lost) + count(gained) <= member.max_visits
            && loads.into_iter().all(|(at, (sum, most))| sum - load(lost, at) + load(gained, at) <= *most)
    }
}

/// Exchanges the pieces; false: a route cannot be driven in time then.
fn apply(ground: &Ground<'_>, tours: &mut Tours, one: &Piece, other: &Piece) -> bool {
    let (route, others) = (tours.stop(one.before).route, tours.stop(other.before).route);
    if route != others {
        tours.hand_over(ground, one.first, one.behind, others);
        tours.hand_over(ground, other.first, other.behind, route);
    }
    join(tours, one.before, other, one.behind);
    join(tours, other.before, one, other.behind);
    tours.retime(ground, route) && (route == others || tours.retime(ground, others))
}

fn join(tours: &mut Tours, before: u32, piece: &Piece, behind: u32) {
    let (first, last) = if piece.is_empty() { (behind, before) } else { (piece.first, piece.last) };
    (tours.stops[before as usize].behind, tours.stops[first as usize].before) = (first, before);
    (tours.stops[last as usize].behind, tours.stops[behind as usize].before) = (behind, last);
}

/// The day of a technician, stop by stop.
struct Day {
    leave: i32,
    place: u32,
}

impl Day {
    fn after(stop: &Stop) -> Self {
        Self { leave: stop.leave, place: stop.place }
    }

    /// Goes on through the visits of a route from `first` to those ahead of `behind`; false: one of them is too late.
    fn passes(&mut self, exchange: &Exchange<'_, '_>, first: u32, behind: u32) -> bool {
        let Exchange { ground, tours, .. } = exchange;
        let mut node = first;
        while node != behind {
            let stop = tours.stop(node);
            let arrival = self.leave + ground.from(0, self.place).leg(stop.place).time;
            let Some(begin) = ground.begin(node, arrival) else { return false };
            (self.leave, self.place) = (begin + ground.fit(node, 0).duration, stop.place);
            node = stop.behind;
        }
        true
    }

    /// Whether going there next keeps it and all behind it in time.
    fn is_early_for(&self, ground: &Ground<'_>, stop: &Stop) -> bool {
        self.leave + ground.from(0, self.place).leg(stop.place).time <= stop.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{
        checker::check_plan,
        solve::{first, report, tests::Draw},
    };

    /// What was taken for a change is compared with the plan computed anew; the checker knows neither.
    #[test]
    fn a_move_changes_the_cost_by_what_it_was_judged_by_and_breaks_no_rule() {
        let (mut tried, mut moved) = (0, 0);
        for seed in 0..300 {
            let problem = Draw::new(seed).plain_problem(30, 5);
            let ground = Ground::new(&problem);
            assert!(suits(&ground), "seed {seed}");
            let (near, mut dice, mut tours) = (Near::new(&ground), Dice::new(seed), Tours::new(&ground));
            first::fill(&ground, &mut tours);
            let absent = tours.absent.len();
            for _ in 0..400 {
                let visit = dice.below(ground.visits);
                let Some((one, other)) = drawn(&ground, &near, &tours, &mut dice, visit) else { continue };
                tried += 1;
                let exchange = Exchange { ground: &ground, tours: &tours, one, other };
                let (change, cost) = (exchange.change(), tours.cost);
                if !exchange.is_possible() {
                    let mut broken = tours.clone();
                    let is_driven = apply(&ground, &mut broken, &one, &other);
                    assert!(!is_driven || is_overloaded(&ground, &broken), "seed {seed}: refused for no reason");
                    continue;
                }
                assert!(apply(&ground, &mut tours, &one, &other), "seed {seed}");
                assert_eq!(tours.cost - cost, change, "seed {seed}: {one:?} {other:?}");
                moved += 1;
            }
            assert_eq!(tours.absent.len(), absent, "seed {seed}");
            let plan = report::plan(&ground, &tours, false);
            let breaches = check_plan(&problem, &plan);
            assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
        }
        assert!(moved > 1_000 && moved < tried, "{moved} of {tried}");
    }

    fn is_overloaded(ground: &Ground<'_>, tours: &Tours) -> bool {
        (0..ground.technicians() as usize).any(|route| {
            let member = &ground.crew.members[route];
            let loads = &tours.loads[route * ground.dimensions..(route + 1) * ground.dimensions];
            tours.sums[route].visits > member.max_visits
                || loads.iter().zip(&member.capacity).any(|(sum, most)| sum > most)
        })
    }
}
