//! The exact optimum of small problems by exhaustion: every order of every subset for each technician,
//! with every way to take the breaks. It shares no code with the solver.

use crate::routing::problem::{Firmness, Problem, Skill, Technician, UNREACHABLE};

/// Visits that must be served and are not, then cost in thousandths.
pub(super) type Worth = (u32, i64);

pub(super) fn optimum(problem: &Problem) -> Worth {
    let subsets = 1usize << problem.visits().len();
    // Cheapest way for the technicians so far to do exactly these visits.
    let mut together: Vec<Option<i64>> = vec![None; subsets];
    together[0] = Some(0);
    for who in 0..problem.technicians().len() as u32 {
        let alone = routes(problem, who);
        let mut next = together.clone();
        for (before, cost) in together.iter().enumerate() {
            let Some(cost) = cost else { continue };
            for (own, more) in alone.iter().enumerate().filter(|(own, _)| own & before == 0) {
                let Some(more) = more else { continue };
                let sum = &mut next[before | own];
                *sum = Some(sum.map_or(cost + more, |known| known.min(cost + more)));
            }
        }
        together = next;
    }
    let worth = |(served, cost): (usize, Option<i64>)| {
        let missing = problem.visits().iter().enumerate().filter(|(no, _)| served & (1 << no) == 0);
        let must = missing.clone().filter(|(_, visit)| visit.unserved.is_none()).count() as u32;
        let penalty: i64 = missing.filter_map(|(_, visit)| visit.unserved).sum();
        cost.map(|cost| (must, cost + penalty))
    };
    together.into_iter().enumerate().filter_map(worth).min().expect("nobody doing anything is a plan")
}

/// Per subset the cheapest route of one technician.
fn routes(problem: &Problem, who: u32) -> Vec<Option<i64>> {
    let technician = &problem.technicians()[who as usize];
    let mut best = vec![None; 1 << problem.visits().len()];
    best[0] = Some(0);
    let search = Search { problem, technician, who };
    let morning = Day {
        time: technician.shift_from,
        place: technician.start,
        rested: 0,
        way: 0,
        cost: problem.weights().route,
        load: vec![0; technician.capacity.len()],
        served: 0,
    };
    search.extend(&morning, &mut best);
    best
}

#[derive(Clone)]
struct Day {
    time: i64,
    place: Option<u32>,
    rested: usize,
    way: i64,
    cost: i64,
    load: Vec<i64>,
    served: usize,
}

struct Search<'s> {
    problem: &'s Problem,
    technician: &'s Technician,
    who: u32,
}

impl Search<'_> {
    fn extend(&self, day: &Day, best: &mut [Option<i64>]) {
        for rested in self.rests(day) {
            self.go_home(&rested, best);
            for visit in 0..self.problem.visits().len() {
                if day.served & (1 << visit) == 0
                    && let Some(there) = self.drive(&rested, Some(self.problem.visits()[visit].place))
                {
                    let days = self.rests(&there);
                    days.iter().filter_map(|day| self.serve(day, visit)).for_each(|day| self.extend(&day, best));
                }
            }
        }
    }

    /// The day with none, one or more of the next breaks taken here.
    fn rests(&self, day: &Day) -> Vec<Day> {
        let mut days = vec![day.clone()];
        while let Some(pause) = self.technician.breaks.get(days[days.len() - 1].rested) {
            let mut next = days[days.len() - 1].clone();
            let begin = next.time.max(pause.from);
            if begin > pause.until {
                break;
            }
            (next.time, next.rested) = (begin + pause.duration, next.rested + 1);
            days.push(next);
        }
        days
    }

    fn drive(&self, day: &Day, to: Option<u32>) -> Option<Day> {
        let mut there = day.clone();
        if let (Some(from), Some(to)) = (day.place, to) {
            let (matrix, weights) = (self.problem.matrix(self.technician), self.problem.weights());
            let (time, way) = (matrix.duration(from, to), matrix.distance(from, to));
            if time == UNREACHABLE {
                return None;
            }
            there.time += time;
            there.way += way;
            there.cost += time * weights.travel_time + way * weights.travel_distance;
        }
        there.place = to.or(day.place);
        (self.technician.max_distance.is_none_or(|most| there.way <= most)).then_some(there)
    }

    fn serve(&self, day: &Day, no: usize) -> Option<Day> {
        let (visit, weights) = (&self.problem.visits()[no], self.problem.weights());
        let mut after = day.clone();
        after.cost += weights.load * i64::from(after.served.count_ones());
        after.served |= 1 << no;
        let able = visit.skills.iter().all(|need| self.technician.level(need.skill) >= need.level);
        for (sum, load) in after.load.iter_mut().zip(&visit.load) {
            *sum += load;
        }
        let fits = after.load.iter().zip(&self.technician.capacity).all(|(sum, most)| sum <= most);
        let few = self.technician.max_visits.is_none_or(|most| after.served.count_ones() <= most);
        if !able || !fits || !few || visit.excluded.contains(&self.who) {
            return None;
        }
        let open = visit.windows.iter().find(|window| day.time <= window.until || window.firmness == Firmness::Wish);
        let begin = if visit.windows.is_empty() { day.time } else { day.time.max(open?.from) };
        let late = visit.windows.last().map_or(0, |last| (begin - last.until).max(0));
        let overdue = visit.due.map_or(0, |due| (begin - due).max(0));
        after.cost += late * weights.window_lateness + overdue * weights.sla_lateness * (1 << visit.priority);
        for held in &self.technician.skills {
            let need = visit.skills.iter().find(|need| need.skill == held.skill).map(|need| need.level);
            after.cost += weights.over_qualification * need.map_or(1, |level| i64::from(held.level - level));
        }
        let price = |skill: &Skill| self.problem.price(skill.skill);
        let idle =
            self.technician.skills.iter().filter(|held| visit.skills.iter().all(|need| need.skill != held.skill));
        let (idle, used) = (idle.map(price).max().unwrap_or(0), visit.skills.iter().map(price).max().unwrap_or(0));
        after.cost += (idle - used).max(0) * visit.duration_of(self.who);
        let wished = visit.preferred.is_empty() || visit.preferred.contains(&self.who);
        after.cost += if wished { 0 } else { weights.preference };
        after.cost += if visit.told.is_none_or(|told| told == self.who) { 0 } else { weights.instability };
        after.time = begin + visit.duration_of(self.who);
        Some(after)
    }

    fn go_home(&self, day: &Day, best: &mut [Option<i64>]) {
        if day.served == 0 {
            return;
        }
        let Some(home) = self.drive(day, self.technician.end) else { return };
        let owed = self.technician.breaks[home.rested..].iter().any(|pause| pause.until < home.time);
        if owed || home.time > self.technician.latest_home() {
            return;
        }
        let late = (home.time - self.technician.shift_until).max(0);
        let cost = home.cost + late * self.problem.weights().overtime;
        let known = &mut best[home.served];
        *known = Some(known.map_or(cost, |known| known.min(cost)));
    }
}
