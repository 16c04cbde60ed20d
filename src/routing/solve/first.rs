//! The first plan: of all visits the one that would lose most by waiting comes in next, where it costs least
//! (regret insertion, Potvin and Rousseau 1993).
//!
//! Must hold: a table of visits by technicians is kept, of which a step changes one column; problems for
//! which that is too much, or whose routes have to be walked, are begun one visit after the other instead. So are those
//! who still wait when so many places were looked at that no budget would be kept: thousands of visits.

use super::{
    ground::Ground,
    insertion::{Place, Seeker},
    tours::{NONE, Tours},
};

/// Largest table, visits by technicians: 16 MB.
const LARGEST: usize = 1_000_000;
/// Places looked at; a thousand visits of a hundred routes are some five million.
const MOST_LOOKS: usize = 64_000_000;

/// Whether a problem can begin like that.
pub(super) fn is_quick(ground: &Ground<'_>) -> bool {
    let cells = ground.visits as usize * ground.technicians() as usize;
    cells <= LARGEST && ground.crew.members.iter().all(|member| !member.careful)
}

/// Puts in as many of the absent visits as have a place that is cheaper than leaving them out. False: it was too much, and
/// some may be left who have one.
pub(super) fn fill(ground: &Ground<'_>, tours: &mut Tours) -> bool {
    let mut table = Table::new(ground, tours);
    let mut done = true;
    while let Some((visit, route)) = table.next() {
        if table.looks > MOST_LOOKS {
            done = false;
            break;
        }
        let place = table.cell(visit, route);
        let behind = tours.stop(place.before).behind;
        tours.link(ground, visit, place.before);
        let on_time = tours.retime_between(ground, place.before, behind);
        debug_assert!(on_time, "an insertion keeps its route possible");
        table.absent.retain(|absent| *absent != visit);
        table.update(ground, tours, route);
    }
    tours.absent.clone_from(&table.absent);
    done
}

/// The cheapest place of each absent visit in each route.
struct Table {
    routes: usize,
    /// By visit, then route.
    places: Vec<Place>,
    absent: Vec<u32>,
    /// By visit.
    choices: Vec<Choice>,
    looks: usize,
}

/// The best route for a visit, and what the second best costs.
#[derive(Clone, Copy)]
struct Choice {
    route: u32,
    cost: i64,
    second: i64,
}

impl Table {
    fn new(ground: &Ground<'_>, tours: &Tours) -> Self {
        let routes = ground.technicians() as usize;
        let nowhere = Place { cost: i64::MAX, before: NONE };
        let mut table = Self {
            routes,
            places: vec![nowhere; routes * ground.visits as usize],
            absent: tours.absent.clone(),
            choices: vec![Choice { route: NONE, cost: 0, second: 0 }; ground.visits as usize],
            looks: 0,
        };
        for route in stand_ins(ground, tours) {
            table.measure(ground, tours, route);
        }
        for visit in table.absent.clone() {
            table.choose(tours, visit);
        }
        table
    }

    fn cell(&self, visit: u32, route: u32) -> Place {
        self.places[visit as usize * self.routes + route as usize]
    }

    /// Who is to come next, and with whom.
    fn next(&self) -> Option<(u32, u32)> {
        let choice = |visit: &u32| self.choices[*visit as usize];
        let open = self.absent.iter().filter(|visit| choice(visit).route != NONE);
        let chosen = open.max_by_key(|visit| (choice(visit).second - choice(visit).cost, -choice(visit).cost))?;
        Some((*chosen, choice(chosen).route))
    }

    /// All that is different after `route` was changed.
    fn update(&mut self, ground: &Ground<'_>, tours: &Tours, route: u32) {
        self.measure(ground, tours, route);
        if tours.sums[route as usize].visits == 1 {
            let kind = ground.crew.members[route as usize].kind;
            let idle = |other: &u32| is_idle(ground, tours, *other, kind);
            if let Some(other) = (0..ground.technicians()).find(idle) {
                self.measure(ground, tours, other);
            }
        }
        for at in 0..self.absent.len() {
            self.choose(tours, self.absent[at]);
        }
    }

    fn measure(&mut self, ground: &Ground<'_>, tours: &Tours, route: u32) {
        self.looks += self.absent.len() * (1 + tours.sums[route as usize].visits as usize);
        for visit in &self.absent {
            let mut seeker = Seeker::new(ground, tours, *visit, tours.prices[*visit as usize]);
            seeker.along_all(route);
            let place = if seeker.best.before == NONE { Place { cost: i64::MAX, before: NONE } } else { seeker.best };
            self.places[*visit as usize * self.routes + route as usize] = place;
        }
    }

    fn choose(&mut self, tours: &Tours, visit: u32) {
        let unserved = tours.prices[visit as usize];
        let mut choice = Choice { route: NONE, cost: unserved, second: unserved };
        let row = visit as usize * self.routes;
        for (place, route) in self.places[row..row + self.routes].iter().zip(0..) {
            if place.cost < choice.cost {
                choice = Choice { route, cost: place.cost, second: choice.cost };
            } else if place.cost < choice.second {
                choice.second = place.cost;
            }
        }
        self.choices[visit as usize] = choice;
    }
}

/// All who are driven, and one idle technician of each kind.
fn stand_ins(ground: &Ground<'_>, tours: &Tours) -> Vec<u32> {
    let mut seen = vec![false; ground.crew.kinds as usize];
    let mut stand_in = |route: &u32| {
        let kind = ground.crew.members[*route as usize].kind;
        !is_idle(ground, tours, *route, kind) || !std::mem::replace(&mut seen[kind as usize], true)
    };
    (0..ground.technicians()).filter(|route| stand_in(route)).collect()
}

fn is_idle(ground: &Ground<'_>, tours: &Tours, route: u32, kind: u32) -> bool {
    ground.crew.members[route as usize].kind == kind && tours.sums[route as usize].visits == 0
}
