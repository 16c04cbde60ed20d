//! Technicians as the search sees them: figures, and kinds of technicians who are exchangeable.
//!
//! Must hold: two technicians are of one kind only if every plan stays as good when they swap routes,
//! so that of each kind one idle technician stands for all.

use crate::routing::problem::{Problem, Technician};

pub(super) struct Member {
    pub(super) kind: u32,
    pub(super) profile: u32,
    pub(super) shift_from: i32,
    /// Home by then at the latest.
    pub(super) home_by: i32,
    /// Home by then without overtime.
    pub(super) shift_until: i32,
    pub(super) overtime: i64,
    pub(super) max_visits: u32,
    pub(super) capacity: Vec<i64>,
    /// Breaks or a limit on distance: insertions are judged by walking the whole route.
    pub(super) careful: bool,
}

pub(super) struct Crew {
    pub(super) members: Vec<Member>,
    pub(super) kinds: u32,
    /// The first technician of each kind.
    pub(super) models: Vec<u32>,
}

impl Crew {
    pub(super) fn new(problem: &Problem) -> Self {
        let mut models: Vec<u32> = Vec::new();
        let mut members = Vec::new();
        let named = named(problem);
        for (who, technician) in problem.technicians().iter().enumerate() {
            let same = |model: &u32| {
                !named[who] && !named[*model as usize] && alike(&problem.technicians()[*model as usize], technician)
            };
            let kind = models.iter().position(same).unwrap_or(models.len());
            if kind == models.len() {
                models.push(who as u32);
            }
            members.push(member(problem, technician, kind as u32));
        }
        Self { members, kinds: models.len() as u32, models }
    }
}

/// Whom visits name: nobody else can stand for them.
fn named(problem: &Problem) -> Vec<bool> {
    let mut named = vec![false; problem.technicians().len()];
    for visit in problem.visits() {
        let durations = visit.durations.iter().map(|(who, _)| who);
        for who in durations.chain(&visit.preferred).chain(&visit.excluded).chain(&visit.told) {
            named[*who as usize] = true;
        }
    }
    named
}

fn alike(one: &Technician, other: &Technician) -> bool {
    // Field by field: of hundreds of technicians each is compared with each.
    let Technician {
        id: _,
        start,
        end,
        shift_from,
        shift_until,
        max_overtime,
        breaks,
        skills,
        max_visits,
        max_distance,
        capacity,
        profile,
    } = one;
    (*start, *end, *profile) == (other.start, other.end, other.profile)
        && (*shift_from, *shift_until, *max_overtime) == (other.shift_from, other.shift_until, other.max_overtime)
        && (*max_visits, *max_distance) == (other.max_visits, other.max_distance)
        && (breaks, skills, capacity) == (&other.breaks, &other.skills, &other.capacity)
}

fn member(problem: &Problem, technician: &Technician, kind: u32) -> Member {
    Member {
        kind,
        profile: technician.profile,
        shift_from: technician.shift_from as i32,
        home_by: technician.latest_home() as i32,
        shift_until: technician.shift_until as i32,
        overtime: problem.weights().overtime,
        max_visits: technician.max_visits.unwrap_or(u32::MAX),
        capacity: technician.capacity.clone(),
        careful: !technician.breaks.is_empty() || technician.max_distance.is_some(),
    }
}
