//! Why nobody does a visit: for each technician the first rule in the way.

use super::{
    ground::{Ground, NEVER},
    insertion::Seeker,
    tours::{NONE, Tours},
    walk,
};
use crate::routing::problem::{Rule, UNREACHABLE, Unserved};

pub(super) fn of(ground: &Ground<'_>, tours: &Tours, visit: u32) -> Unserved {
    let mut reasons: Vec<(Rule, Vec<u32>)> = Vec::new();
    for who in 0..ground.technicians() {
        let rule = rule(ground, tours, visit, who);
        match reasons.iter_mut().find(|(named, _)| *named == rule) {
            Some((_, technicians)) => technicians.push(who),
            None => reasons.push((rule, vec![who])),
        }
    }
    reasons.sort_by_key(|(rule, _)| *rule);
    Unserved { visit, reasons }
}

fn rule(ground: &Ground<'_>, tours: &Tours, visit: u32, who: u32) -> Rule {
    let wanted = &ground.problem.visits()[visit as usize];
    let technician = &ground.problem.technicians()[who as usize];
    let kind = ground.crew.members[who as usize].kind;
    if wanted.skills.iter().any(|need| technician.level(need.skill) < need.level.max(1)) {
        Rule::Skill
    } else if wanted.excluded.contains(&who) {
        Rule::Excluded
    } else if ground.fit(visit, kind).cost == NEVER {
        Rule::Load
    } else if let Some(rule) = alone(ground, visit, who) {
        rule
    } else {
        let mut seeker = Seeker::new(ground, tours, visit, i64::MAX);
        seeker.along_all(who);
        if seeker.best.before == NONE { Rule::Full } else { Rule::Dear }
    }
}

/// What keeps them from it with the whole day for it; none: nothing.
fn alone(ground: &Ground<'_>, visit: u32, who: u32) -> Option<Rule> {
    let (wanted, technician) = (&ground.problem.visits()[visit as usize], &ground.problem.technicians()[who as usize]);
    let matrix = ground.problem.matrix(technician);
    let there_s = technician.start.map_or(0, |start| matrix.duration(start, wanted.place));
    let home_s = technician.end.map_or(0, |end| matrix.duration(wanted.place, end));
    if technician.max_visits == Some(0) {
        Some(Rule::MaxVisits)
    } else if there_s == UNREACHABLE || home_s == UNREACHABLE {
        Some(Rule::Unreachable)
    } else if !walk::within_distance(ground, technician, who, &[visit]) {
        Some(Rule::MaxDistance)
    } else if walk::day(ground, who, &[visit], false).is_some() {
        None
    } else if ground.begin(visit, (technician.shift_from + there_s) as i32).is_none() {
        Some(Rule::Window)
    } else {
        Some(Rule::Shift)
    }
}
