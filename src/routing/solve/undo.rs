//! Back to how it was before a round: copies of the routes that the round touches.
//!
//! Must hold: a route is noted before its first change, an absent visit before it is put anywhere.

use super::{
    ground::Ground,
    tours::{NONE, Stop, Sums, Tours},
};

#[derive(Default)]
pub(super) struct Undo {
    /// Routes touched in this round, with their sums as they were.
    pub(super) routes: Vec<(u32, Sums)>,
    touched: Vec<bool>,
    stops: Vec<(u32, Stop)>,
    loads: Vec<i64>,
    absent: Vec<u32>,
    cost: i64,
}

impl Undo {
    /// A new round begins.
    pub(super) fn begin(&mut self, tours: &Tours) {
        self.touched.resize(tours.sums.len(), false);
        for (route, _) in self.routes.drain(..) {
            self.touched[route as usize] = false;
        }
        self.stops.clear();
        self.loads.clear();
        self.absent.clone_from(&tours.absent);
        self.cost = tours.cost;
    }

    pub(super) fn is_touched(&self, route: u32) -> bool {
        self.touched[route as usize]
    }

    /// Notes a route as it is, once a round.
    pub(super) fn touch(&mut self, ground: &Ground<'_>, tours: &Tours, route: u32) {
        if std::mem::replace(&mut self.touched[route as usize], true) {
            return;
        }
        self.routes.push((route, tours.sums[route as usize]));
        let first = route as usize * ground.dimensions;
        self.loads.extend(&tours.loads[first..first + ground.dimensions]);
        let mut node = ground.start(route);
        while node != NONE {
            let stop = *tours.stop(node);
            self.stops.push((node, stop));
            node = stop.behind;
        }
    }

    /// Makes the tours what they were.
    pub(super) fn restore(&self, ground: &Ground<'_>, tours: &mut Tours) {
        for visit in &self.absent {
            tours.leave_out(*visit);
        }
        for (node, stop) in &self.stops {
            tours.stops[*node as usize] = *stop;
        }
        for (at, (route, sums)) in self.routes.iter().enumerate() {
            tours.sums[*route as usize] = *sums;
            let (first, saved) = (*route as usize * ground.dimensions, at * ground.dimensions);
            tours.loads[first..first + ground.dimensions]
                .copy_from_slice(&self.loads[saved..saved + ground.dimensions]);
        }
        tours.absent.clone_from(&self.absent);
        tours.cost = self.cost;
    }
}
