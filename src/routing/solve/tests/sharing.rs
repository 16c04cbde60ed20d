//! Work is shared as far as it is worth what it costs.

use super::{
    super::{first, ground::Ground, tours::Tours},
    flaws::{sound, technician, visit},
};
use crate::routing::{checker::check_plan, problem::Problem, solve};

/// Visits of each of two technicians at one spot who have four visits at the other, at this price for each visit that
/// somebody has already. Going there a second time costs two seconds of driving.
fn shared(load: i64) -> Vec<usize> {
    let mut draft = sound();
    draft.technicians.push(technician());
    draft.visits = vec![visit(); 4];
    draft.weights.load = load;
    let problem = Problem::new(draft).expect("sound");
    let plan = solve(&problem, 1, &mut |rounds| rounds as f64 / 256.0).plan;
    assert_eq!(check_plan(&problem, &plan), [], "load {load}");
    let mut counts: Vec<usize> = plan.routes.iter().map(|route| route.stops.len()).collect();
    counts.sort_unstable();
    counts
}

#[test]
fn work_is_shared_where_that_costs_less_than_its_load() {
    assert_eq!(shared(0), [4]);
    // Six times the price alone, twice and two seconds together; three times and two seconds on the way there.
    assert_eq!(shared(499), [4]);
    assert_eq!(shared(667), [2, 2]);
}

/// All fit into one day, so each looks at every place of a route that has all the others.
#[test]
fn a_crowd_at_one_door_is_planned_without_looking_at_every_place_for_each() {
    let mut draft = sound();
    draft.visits = vec![visit(); 800];
    for visit in &mut draft.visits {
        (visit.duration, visit.windows) = (0, Vec::new());
    }
    let problem = Problem::new(draft).expect("sound");
    let ground = Ground::new(&problem);
    assert!(!first::fill(&ground, &mut Tours::new(&ground)), "it gives up");
    let plan = solve(&problem, 1, &mut |_| 1.0).plan;
    assert_eq!(check_plan(&problem, &plan), []);
    assert_eq!((plan.unserved.len(), plan.routes.len()), (0, 1));
}
