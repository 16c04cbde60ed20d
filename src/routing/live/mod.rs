//! The plan of a live region for the rest of the day: who goes where next, and who has to wait.
//!
//! Must hold: an outlook commits nothing and promises nothing; what is due carries the version of the
//! route that it was planned with. The same snapshot, plan, seed and rounds give the same outlook.

mod crew;
mod demand;
mod draft;
pub mod forecast;
mod instead;
mod memory;
mod numbers;
mod price;
#[cfg(test)]
mod tests;
mod worth;

pub use demand::{DAYS, Demand, Usual};
pub use draft::{MOST_VISITS, in_time};
pub use memory::Memory;
pub use numbers::Numbers;
pub use price::{priority, unserved_s};

use super::{
    Terms, VisitSpec,
    problem::{Flaw, PlannedStop, Skill as Need, Technician},
    solve::{Solution, improve},
};
use crate::domain::{
    expert::Expert,
    ids::{ExpertId, TicketNumber, Version},
    route::Route,
    skill::Skill,
    time::Timestamp,
};
use instead::Instead;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Per expert the visits that nobody was told about yet, in order.
pub type Plan = BTreeMap<ExpertId, Vec<TicketNumber>>;

/// A region as of one moment: the roster with its routes, and the visits without an expert.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub experts: Vec<(Arc<Expert>, Arc<Route>)>,
    /// `refused_by` empty where those who refused are to be asked once more.
    pub open: Vec<VisitSpec>,
    /// Visits of other regions that could be taken over.
    pub abroad: Vec<Offered>,
    /// What the days before were like.
    pub usual: Arc<Usual>,
}

/// A visit that its region would rather give away than serve itself, if that costs less in all.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    pub spec: VisitSpec,
    /// Thousandths of a second of driving that its region would save.
    pub worth: i64,
    /// Whose route it is in: when one visit of a route goes, the others are worth something else. None: it is left out.
    pub holder: Option<ExpertId>,
}

/// It is time that this expert leaves for this visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub ticket: TicketNumber,
    pub expert: ExpertId,
    /// The expert's route that the plan was made with.
    pub route_version: Version,
    /// Seconds of driving more if somebody else took it as their first visit, by expert; negative: less.
    pub dearer_s: BTreeMap<ExpertId, i64>,
    /// Who has a scarcer skill than the visit needs, and which.
    pub scarce: BTreeMap<ExpertId, Skill>,
}

/// What an expert is to do next by the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The expert's route that the plan was made with.
    pub route_version: Version,
    /// The visit and when it begins; None: there is none for them.
    pub visit: Option<(TicketNumber, Timestamp)>,
}

/// What a plan comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    pub plan: Plan,
    pub due: Vec<Due>,
    /// When each visit of the plan that is not due begins.
    pub later: BTreeMap<TicketNumber, Timestamp>,
    /// Of everybody who was planned with.
    pub first: BTreeMap<ExpertId, Next>,
    /// When the next one becomes due of somebody who is free.
    pub next: Option<Timestamp>,
    /// Visits of other regions that cost less here. They are due to nobody before they are this region's.
    pub wanted: Vec<TicketNumber>,
    /// The region's visits that are not due, each for what the plan would save without it alone.
    pub spare: Vec<Offered>,
}

impl Snapshot {
    /// Those of the region first, then those from abroad.
    fn visit(&self, index: usize) -> &VisitSpec {
        let abroad = || &self.abroad[index - self.open.len()].spec;
        self.open.get(index).unwrap_or_else(abroad)
    }
}

/// Plans the rest of the day, starting from the plan before. `rounds`: ruins and recreations; 0: only puts in what
/// is new where it costs least. `memory`: of the plans before, for speed alone. A rolling horizon: Psaraftis 1980 for the idea, `routing::solve` for each plan.
///
/// # Errors
/// A flaw of the problem as it was drafted, which is a fault of this code.
pub fn outlook(
    snapshot: &Snapshot,
    before: &Plan,
    memory: &mut Memory,
    terms: &Terms<'_>,
    seed: u64,
    rounds: u64,
) -> Result<Outlook, Flaw> {
    let Some((drafted, solution)) = solved(snapshot, before, memory, terms, seed, rounds)? else {
        return Ok(Outlook { spare: nobody_works(snapshot, terms), ..Outlook::default() });
    };
    let mut outlook = Outlook::default();
    let is_abroad = |visit: u32| drafted.visits[visit as usize] >= snapshot.open.len();
    let ticket = |visit: u32| snapshot.visit(drafted.visits[visit as usize]).ticket;
    let idle = |index: &usize| {
        let (expert, held) = &snapshot.experts[*index];
        (expert.id.clone(), Next { route_version: held.version, visit: None })
    };
    outlook.first = drafted.experts.iter().map(idle).collect();
    let instead = Instead::of(&drafted.problem, &solution.plan);
    for route in &solution.plan.routes {
        let technician = &drafted.problem.technicians()[route.technician as usize];
        let (expert, held) = &snapshot.experts[drafted.experts[route.technician as usize]];
        let matrix = drafted.problem.matrix(technician);
        outlook.plan.insert(expert.id.clone(), route.stops.iter().map(|stop| ticket(stop.visit)).collect());
        let (abroad, home): (Vec<&PlannedStop>, Vec<&PlannedStop>) =
            route.stops.iter().partition(|stop| is_abroad(stop.visit));
        outlook.wanted.extend(abroad.iter().map(|stop| ticket(stop.visit)));
        outlook.later.extend(home.iter().map(|stop| (ticket(stop.visit), terms.now.plus_s(stop.begin))));
        let (Some(first), Some(from)) = (route.stops.first(), technician.start) else { continue };
        let (ticket, begins) = (ticket(first.visit), terms.now.plus_s(first.begin));
        let next = Next { route_version: held.version, visit: Some((ticket, begins)) };
        outlook.first.insert(expert.id.clone(), next);
        let drive_s = matrix.duration(from, drafted.problem.visits()[first.visit as usize].place);
        let leaves = terms.now.plus_s(first.begin - drive_s);
        if !held.stops.is_empty() || is_abroad(first.visit) {
            continue;
        }
        if leaves <= terms.now {
            outlook.later.remove(&ticket);
            let by_expert = drafted.experts.iter().map(|index| snapshot.experts[*index].0.id.clone());
            let dearer_s = by_expert.zip(instead.dearer_s(route)).collect();
            let scarce = scarcer(snapshot, &drafted, first.visit);
            outlook.due.push(Due { ticket, expert: expert.id.clone(), route_version: held.version, dearer_s, scarce });
        } else {
            outlook.next = Some(outlook.next.map_or(leaves, |next: Timestamp| next.min(leaves)));
        }
    }
    let due: BTreeSet<TicketNumber> = outlook.due.iter().map(|due| due.ticket).collect();
    let spare = worth::of(&drafted.problem, &solution.plan)
        .filter(|worth| !is_abroad(worth.visit) && !due.contains(&ticket(worth.visit)));
    let offered = |worth: worth::Worth| Offered {
        spec: snapshot.visit(drafted.visits[worth.visit as usize]).clone(),
        worth: worth.saved,
        holder: worth.technician.map(|who| snapshot.experts[drafted.experts[who as usize]].0.id.clone()),
    };
    outlook.spare = spare.map(offered).collect();
    Ok(outlook)
}

/// Whom the prices of skills speak against.
fn scarcer(snapshot: &Snapshot, drafted: &draft::Drafted, visit: u32) -> BTreeMap<ExpertId, Skill> {
    let problem = &drafted.problem;
    let dearest = |skills: &[Need]| skills.iter().map(|need| (problem.price(need.skill), need.skill)).max();
    let needed = dearest(&problem.visits()[visit as usize].skills).map_or(0, |(price, _)| price);
    let who = |(technician, index): (&Technician, &usize)| {
        let (_, skill) = dearest(&technician.skills).filter(|(price, _)| *price > needed)?;
        Some((snapshot.experts[*index].0.id.clone(), drafted.skills[skill as usize].clone()))
    };
    problem.technicians().iter().zip(&drafted.experts).filter_map(who).collect()
}

/// Nobody is there to serve anything: each visit is worth what leaving it out costs.
fn nobody_works(snapshot: &Snapshot, terms: &Terms<'_>) -> Vec<Offered> {
    let open = snapshot.open.iter().filter(|visit| in_time(visit, terms.now));
    open.map(|spec| Offered { spec: spec.clone(), worth: draft::unserved(spec, terms.now), holder: None }).collect()
}

/// The rest of the day as a problem, and the plan for it.
fn solved(
    snapshot: &Snapshot,
    before: &Plan,
    memory: &mut Memory,
    terms: &Terms<'_>,
    seed: u64,
    rounds: u64,
) -> Result<Option<(draft::Drafted, Solution)>, Flaw> {
    let Some(drafted) = draft::draft(snapshot, before, memory, terms)? else { return Ok(None) };
    let index: BTreeMap<TicketNumber, u32> =
        drafted.visits.iter().zip(0..).map(|(index, visit)| (snapshot.visit(*index).ticket, visit)).collect();
    let kept = |(index_of, technician): (&usize, u32)| {
        let planned = before.get(&snapshot.experts[*index_of].0.id)?;
        Some((technician, planned.iter().filter_map(|ticket| index.get(ticket).copied()).collect()))
    };
    let known: Vec<(u32, Vec<u32>)> = drafted.experts.iter().zip(0..).filter_map(kept).collect();
    let budget = rounds.max(1) as f64;
    let spent = &mut |done: u64| if rounds == 0 { 1.0 } else { done as f64 / budget };
    let solution = improve(&drafted.problem, &known, seed, spent);
    Ok(Some((drafted, solution)))
}

impl Outlook {
    /// The visits that the plan serves.
    #[must_use]
    pub fn planned(&self) -> BTreeSet<TicketNumber> {
        self.plan.values().flatten().copied().collect()
    }
}
