//! Ruin by strings: neighbouring routes each lose a string of consecutive visits near one spot, which
//! gives them the slack to exchange visits (Christiaens and Vanden Berghe 2020, section 5.2).

use super::{
    dice::Dice,
    ground::Ground,
    near::Near,
    tours::{NONE, Stop, Tours},
    undo::Undo,
};

/// Visits removed in a round, on average.
const REMOVED: f64 = 10.0;
/// The same where routes have more than `LONG` visits each on average: there is less between routes to
/// exchange, and more rounds of less work find more.
const REMOVED_OF_LONG: f64 = 6.0;
pub(super) const LONG: f64 = 15.0;
/// Longest string.
const LONGEST: f64 = 10.0;
/// Share of strings that spare a piece in their middle.
const SPLIT: f64 = 0.5;
/// Chance that the spared piece does not grow by one more.
const STOP: f64 = 0.01;

/// The ruin of a round.
#[derive(Default)]
pub(super) struct Ruin {
    /// What the last one took out.
    pub(super) removed: Vec<u32>,
}

impl Ruin {
    /// Removes strings around `seed` and retimes what is left. False if a route became impossible.
    pub(super) fn around(
        &mut self,
        seed: u32,
        ground: &Ground<'_>,
        near: &Near,
        tours: &mut Tours,
        undo: &mut Undo,
        dice: &mut Dice,
    ) -> bool {
        self.removed.clear();
        let mean = tours.visits_per_route(ground);
        let longest = LONGEST.min(mean);
        let removed = if mean > LONG { REMOVED_OF_LONG } else { REMOVED };
        let most = (4.0 * removed / (1.0 + longest) - 1.0).max(1.0);
        let wanted = (1.0 + dice.unit() * most) as usize;
        for visit in [seed].into_iter().chain(near.around(ground, seed).iter().copied()) {
            if undo.routes.len() >= wanted {
                break;
            }
            let route = tours.stop(visit).route;
            if route == NONE || undo.is_touched(route) {
                continue;
            }
            let visits = tours.sums[route as usize].visits;
            let length = 1.0 + dice.unit() * f64::from(visits).min(longest);
            undo.touch(ground, tours, route);
            let (before, behind) = self.remove(ground, tours, dice, visit, (length as u32).min(visits));
            if !tours.retime_between(ground, before, behind) {
                return false;
            }
        }
        true
    }

    /// Removes `length` visits of a stretch that holds `visit`; a split string spares some in its middle.
    /// The nodes on both sides of the stretch.
    fn remove(
        &mut self,
        ground: &Ground<'_>,
        tours: &mut Tours,
        dice: &mut Dice,
        visit: u32,
        length: u32,
    ) -> (u32, u32) {
        let visits = tours.sums[tours.stop(visit).route as usize].visits;
        let mut spared = 0;
        if length > 1 && length < visits && dice.unit() < SPLIT {
            spared = 1;
            while length + spared < visits && dice.unit() > STOP {
                spared += 1;
            }
        }
        let stretch = length + spared;
        let spared_from = if spared > 0 { dice.between(1, length - 1) } else { stretch };
        let mut node = first_of(ground, tours, visit, stretch, dice);
        let before = tours.stop(node).before;
        for at in 0..stretch {
            let behind = tours.stop(node).behind;
            if !(spared_from..spared_from + spared).contains(&at) {
                tours.unlink(ground, node);
                self.removed.push(node);
            }
            node = behind;
        }
        (before, node)
    }
}

/// The first node of a random stretch of that length around `visit`.
fn first_of(ground: &Ground<'_>, tours: &Tours, visit: u32, stretch: u32, dice: &mut Dice) -> u32 {
    let room = |step: fn(&Stop) -> u32| {
        let mut count = 0;
        let mut node = step(tours.stop(visit));
        while count < stretch - 1 && node < ground.visits {
            count += 1;
            node = step(tours.stop(node));
        }
        count
    };
    let (ahead, behind) = (room(|stop| stop.before), room(|stop| stop.behind));
    let steps = dice.between((stretch - 1).saturating_sub(behind), ahead);
    (0..steps).fold(visit, |node, _| tours.stop(node).before)
}
