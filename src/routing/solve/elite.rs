//! The best plans of a search that has cooled down several times, and children of two of them.
//!
//! Must hold: a child breaks no rule, since it is filled in as a plan that somebody knew; what two
//! parents leave nobody to do is absent in it until it is inserted.

use super::{dice::Dice, ground::Ground, near::Near, tours::Tours};

/// How many plans are kept.
const KEPT: usize = 10;

/// A plan without its times: per technician the visits in order.
#[derive(Clone, Debug)]
struct Outline {
    cost: i64,
    routes: Vec<(u32, Vec<u32>)>,
}

#[derive(Default)]
pub(super) struct Elite {
    /// Cheapest first, each cost once: two plans of one cost are nearly always the same.
    plans: Vec<Outline>,
}

impl Elite {
    pub(super) fn keep(&mut self, ground: &Ground<'_>, tours: &Tours) {
        let Err(at) = self.plans.binary_search_by_key(&tours.cost, |plan| plan.cost) else { return };
        if at < KEPT {
            let driven = (0..ground.technicians()).filter(|route| tours.sums[*route as usize].visits > 0);
            let routes = driven.map(|route| (route, tours.visits(ground, route).collect())).collect();
            self.plans.insert(at, Outline { cost: tours.cost, routes });
            self.plans.truncate(KEPT);
        }
    }

    pub(super) fn is_pair(&self) -> bool {
        self.plans.len() > 1
    }

    /// Selective route exchange (Nagata, Bräysy and Dullaert 2010, section 4.1): some neighbouring routes of one
    /// parent give way to those routes of the other that do the most of the same visits.
    pub(super) fn child(&self, ground: &Ground<'_>, near: &Near, dice: &mut Dice) -> Tours {
        let count = self.plans.len() as u32;
        let first = dice.below(count);
        let second = (first + 1 + dice.below(count - 1)) % count;
        let (one, other) = (&self.plans[first as usize], &self.plans[second as usize]);
        let freed = freed(ground, near, one, dice);
        let mut tours = Tours::new(ground);
        for (route, visits) in one.routes.iter().filter(|(route, _)| !freed.routes.contains(route)) {
            tours.fill(ground, *route, visits);
        }
        let wanted = |visits: &[u32]| visits.iter().filter(|visit| freed.visits[**visit as usize]).count();
        let mut offered: Vec<(usize, &(u32, Vec<u32>))> =
            other.routes.iter().map(|route| (wanted(&route.1), route)).filter(|(count, _)| *count > 0).collect();
        offered.sort_by_key(|(count, (route, visits))| (visits.len() - count, usize::MAX - count, *route));
        for (_, (route, visits)) in offered.into_iter().take(freed.routes.len()) {
            let visits: Vec<u32> = visits.iter().copied().filter(|visit| freed.visits[*visit as usize]).collect();
            if let Some(route) = stand_in(ground, &tours, *route) {
                tours.fill(ground, route, &visits);
            }
        }
        tours
    }
}

/// Routes of a parent that give way.
struct Freed {
    routes: Vec<u32>,
    /// By visit.
    visits: Vec<bool>,
}

/// Between one and half of the routes, those met first around some visit.
fn freed(ground: &Ground<'_>, near: &Near, plan: &Outline, dice: &mut Dice) -> Freed {
    let mut route_of = vec![u32::MAX; ground.visits as usize];
    for (route, visits) in &plan.routes {
        for visit in visits {
            route_of[*visit as usize] = *route;
        }
    }
    let most = (plan.routes.len() as u32 / 2).max(1);
    let wanted = dice.between(1, most) as usize;
    let seed = dice.below(ground.visits);
    let mut routes = Vec::new();
    for visit in [seed].into_iter().chain(near.around(ground, seed).iter().copied()) {
        let route = route_of[visit as usize];
        if routes.len() < wanted && route != u32::MAX && !routes.contains(&route) {
            routes.push(route);
        }
    }
    // Who nobody does in the one plan may be done in the other.
    let visits = route_of.iter().map(|route| *route == u32::MAX || routes.contains(route)).collect();
    Freed { routes, visits }
}

/// The technician, or an idle one of the same kind.
fn stand_in(ground: &Ground<'_>, tours: &Tours, route: u32) -> Option<u32> {
    let members = &ground.crew.members;
    let idle = |other: &u32| tours.sums[*other as usize].visits == 0;
    let alike = |other: &u32| members[*other as usize].kind == members[route as usize].kind;
    [route].into_iter().chain((0..ground.technicians()).filter(alike)).find(idle)
}
