//! Problems drawn from a seed, with every feature now and then: asymmetric drives, places that cannot
//! be reached, breaks, wishes, people whom the customer names.

use crate::routing::{
    problem::{Break, Draft, Firmness, Matrix, Problem, Skill, Technician, UNREACHABLE, Visit, Weights, Window},
    solve::dice::Dice,
};

const DAY: u32 = 600;

pub(in crate::routing::solve) struct Draw {
    dice: Dice,
}

impl Draw {
    pub(in crate::routing::solve) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed) }
    }

    /// At most so many visits and technicians.
    pub(in crate::routing::solve) fn problem(&mut self, visits: u32, technicians: u32) -> Problem {
        judged(self.draft(visits, technicians))
    }

    /// The same where all technicians are alike and nobody is named: one kind.
    pub(in crate::routing::solve) fn problem_of_alike(&mut self, visits: u32, technicians: u32) -> Problem {
        let mut draft = self.draft(visits, technicians);
        let model = draft.technicians[0].clone();
        for (no, technician) in draft.technicians.iter_mut().enumerate() {
            *technician = Technician { id: format!("t{no}"), ..model.clone() };
        }
        for visit in &mut draft.visits {
            (visit.durations, visit.preferred, visit.excluded) = (Vec::new(), Vec::new(), Vec::new());
            visit.told = None;
        }
        judged(draft)
    }

    /// The same, and nothing costs anything by its time or by how many there are: no breaks, no overtime, no lateness,
    /// no limit on distance, no load.
    pub(in crate::routing::solve) fn plain_problem(&mut self, visits: u32, technicians: u32) -> Problem {
        let mut draft = self.draft(visits, technicians);
        let mut model = draft.technicians[0].clone();
        (model.max_overtime, model.max_distance, model.profile) = (0, None, 0);
        (model.breaks, model.skills) = (Vec::new(), (0..3).map(|skill| Skill { skill, level: 3 }).collect());
        for (no, technician) in draft.technicians.iter_mut().enumerate() {
            *technician = Technician { id: format!("t{no}"), ..model.clone() };
        }
        draft.profiles.truncate(1);
        draft.weights.load = 0;
        for visit in &mut draft.visits {
            (visit.durations, visit.preferred, visit.excluded) = (Vec::new(), Vec::new(), Vec::new());
            (visit.told, visit.due) = (None, None);
            visit.windows.iter_mut().for_each(|window| window.firmness = Firmness::Promise);
        }
        judged(draft)
    }

    fn draft(&mut self, visits: u32, technicians: u32) -> Draft {
        let (visits, technicians) = (self.dice.between(1, visits), self.dice.between(1, technicians));
        let places = visits + technicians;
        let profiles = self.dice.between(1, 2);
        let dimensions = self.dice.below(3) as usize;
        Draft {
            technicians: (0..technicians).map(|no| self.technician(no, places, profiles, dimensions)).collect(),
            visits: (0..visits).map(|no| self.visit(no, technicians, dimensions)).collect(),
            profiles: (0..profiles).map(|_| self.matrix(places)).collect(),
            weights: self.weights(),
            scarcity: (0..self.dice.below(4)).map(|_| self.number(0, 2) * 300).collect(),
        }
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.dice.below(many) == 0
    }

    fn number(&mut self, least: u32, most: u32) -> i64 {
        i64::from(self.dice.between(least, most))
    }

    fn matrix(&mut self, places: u32) -> Matrix {
        let points: Vec<(i64, i64)> = (0..places).map(|_| (self.number(0, 60), self.number(0, 60))).collect();
        let crooked = self.one_in(3);
        let mut cells = Vec::new();
        for from in 0..places as usize {
            for to in 0..places as usize {
                let (a, b) = (points[from], points[to]);
                let mut way = (a.0 - b.0).abs() + (a.1 - b.1).abs();
                if crooked && from != to {
                    way += self.number(0, 20);
                    way = if self.one_in(20) { UNREACHABLE } else { way };
                }
                cells.push(way);
            }
        }
        let faster = if self.one_in(2) { 1 } else { 2 };
        let durations = cells.iter().map(|way| if *way == UNREACHABLE { *way } else { way / faster }).collect();
        Matrix { size: places, durations, distances: cells }
    }

    fn technician(&mut self, no: u32, places: u32, profiles: u32, dimensions: usize) -> Technician {
        let shift_from = self.number(0, DAY / 3);
        let shift_until = shift_from + self.number(100, DAY / 2);
        let home = self.dice.below(places);
        Technician {
            id: format!("t{no}"),
            start: (!self.one_in(6)).then_some(home),
            end: (!self.one_in(6)).then_some(home),
            shift_from,
            shift_until,
            max_overtime: if self.one_in(3) { self.number(1, 60) } else { 0 },
            breaks: self.breaks(shift_from, shift_until),
            skills: self.skills(2),
            max_visits: self.one_in(4).then(|| self.dice.between(0, 4)),
            max_distance: self.one_in(5).then(|| self.number(20, 300)),
            capacity: (0..dimensions).map(|_| self.number(5, 20)).collect(),
            profile: self.dice.below(profiles),
        }
    }

    fn breaks(&mut self, from: i64, until: i64) -> Vec<Break> {
        let count = if self.one_in(3) { self.dice.between(1, 2) } else { 0 };
        let mut breaks: Vec<Break> = (0..count)
            .map(|_| {
                let begin = from + self.number(0, (until - from) as u32);
                Break { from: begin, until: begin + self.number(0, 60), duration: self.number(1, 40) }
            })
            .collect();
        breaks.sort_by_key(|pause| pause.from);
        breaks
    }

    fn skills(&mut self, rarity: u32) -> Vec<Skill> {
        let held: Vec<u32> = (0..3).filter(|_| self.one_in(rarity)).collect();
        held.into_iter().map(|skill| Skill { skill, level: self.dice.between(1, 3) as u8 }).collect()
    }

    fn visit(&mut self, no: u32, technicians: u32, dimensions: usize) -> Visit {
        let whom = self.dice.below(technicians);
        let windows = self.windows();
        Visit {
            id: format!("v{no}"),
            place: no,
            duration: self.number(0, 40),
            durations: if self.one_in(5) { vec![(whom, self.number(0, 60))] } else { Vec::new() },
            windows,
            due: self.one_in(3).then(|| self.number(0, DAY)),
            priority: self.dice.below(4) as u8,
            skills: self.skills(5),
            preferred: if self.one_in(6) { vec![whom] } else { Vec::new() },
            excluded: if self.one_in(6) { vec![(whom + 1) % technicians] } else { Vec::new() },
            told: self.one_in(6).then_some(whom),
            load: (0..dimensions).map(|_| self.number(0, 8)).collect(),
            unserved: (!self.one_in(4)).then(|| self.number(0, 300) * 1_000),
        }
        .without_contradiction()
    }

    fn windows(&mut self) -> Vec<Window> {
        let mut windows = Vec::new();
        let mut free = 0;
        for _ in 0..self.dice.below(4) {
            let from = free + self.number(0, DAY / 3);
            let until = from + self.number(0, DAY / 3);
            windows.push(Window { from, until, firmness: Firmness::Promise });
            free = until + 1;
        }
        if let Some(last) = windows.last_mut()
            && self.one_in(3)
        {
            last.firmness = Firmness::Wish;
        }
        windows
    }

    fn weights(&mut self) -> Weights {
        Weights {
            travel_distance: self.number(0, 1) * 500,
            route: self.number(0, 1) * 20_000,
            over_qualification: self.number(0, 1) * 700,
            load: self.number(0, 1) * 5_000,
            preference: 30_000,
            instability: 20_000,
            ..Weights::default()
        }
    }
}

fn judged(draft: Draft) -> Problem {
    Problem::new(draft).unwrap_or_else(|flaws| panic!("{flaws:?}"))
}

impl Visit {
    /// Nobody is preferred and excluded at once.
    fn without_contradiction(mut self) -> Self {
        self.excluded.retain(|who| !self.preferred.contains(who));
        self
    }
}
