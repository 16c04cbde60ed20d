//! Questions about what could be: why not this expert, what would have a visit begin in time, whether a region gets
//! through its day. Answered from the store by the code that decides; no actor is asked and nothing is changed.
//!
//! These read and plan: call them on a blocking thread.

use super::{failure::Failure, service::Service, tree::Tree};
use crate::{
    domain::{
        decision::Policy,
        expert::Expert,
        ids::{ExpertId, RegionId, TicketNumber},
        place::Place,
        region::Region,
        route::Route,
        ticket::{Phase, Refusal, Ticket},
        time::Timestamp,
    },
    routing::{
        self, Obstacle, Square, Terms, Trial, VisitSpec, eject,
        live::{
            Memory, Plan, Snapshot,
            forecast::{Forecast, forecast},
            outlook,
        },
        remedy::{Answer, Scene, remedies},
    },
};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};
use tokio::sync::OwnedSemaphorePermit;

/// Neighbours that are asked, as many as an auction asks.
const NEIGHBOURS: usize = 6;
/// Ruins and recreations of a plan that is made to answer a question.
const ROUNDS: u64 = 256;

/// Open visits that a forecast looks at: a plan holds a fifth of them, and a backlog of weeks must not take minutes.
const JUDGED: usize = 2_000;

/// What is asked about, as of `at`.
pub struct Asked {
    pub ticket: Arc<Ticket>,
    pub region: Arc<Region>,
    square: Option<Arc<Square>>,
    pub at: Timestamp,
    pub policy: Policy,
    spec: VisitSpec,
}

/// What somebody would come to.
pub type Verdict = Result<Trial, Box<Obstacle>>;

/// One expert's case beside the one that holds the visit, or would get it.
pub struct WhyNot {
    pub asked: Asked,
    pub expert: Arc<Expert>,
    pub verdict: Verdict,
    /// Who has the visit, was offered it, or bids least; None: nobody else could come.
    pub chosen: Option<Chosen>,
    /// Whom a plan of the region that is made now has for it; only under the policy `router`.
    pub planned: Option<(ExpertId, Timestamp)>,
}

pub struct Chosen {
    pub expert: ExpertId,
    /// It is theirs already.
    pub holds: bool,
    pub verdict: Verdict,
}

impl Service {
    /// A turn among the questions that plan; None: others are being planned.
    #[must_use]
    pub fn inquiry_turn(&self) -> Option<OwnedSemaphorePermit> {
        self.tree().inquiries.clone().try_acquire_owned().ok()
    }

    /// Why this expert would not come to a ticket, or at what cost. Blocks: it reads and may plan.
    pub fn why_not(&self, number: TicketNumber, expert: &ExpertId) -> Result<WhyNot, Failure> {
        why_not(self, number, expert)
    }

    /// Single changes that would have a ticket's visit begin at `by`; neighbours of regions that are `seen`. Blocks.
    pub fn what_by(
        &self,
        number: TicketNumber,
        by: Timestamp,
        seen: impl Fn(&RegionId) -> bool,
    ) -> Result<(Asked, Answer), Failure> {
        what_by(self, number, by, seen)
    }

    /// What a region will miss today, and what would help. Blocks: it makes up to some dozen plans.
    pub fn forecast(&self, region: &RegionId) -> Result<(Arc<Region>, Timestamp, Forecast), Failure> {
        ahead(self.tree(), region)
    }
}

impl Asked {
    /// The ticket's visit, while somebody could still be sent there.
    fn of(service: &Service, number: TicketNumber) -> Result<Self, Failure> {
        let store = service.store();
        let found = store.ticket(number).map_err(Failure::from)?;
        let ticket = found.ok_or_else(|| Failure::NotFound(format!("ticket {number}")))?;
        let refuse = |refusal| Failure::Refused { refusal, ticket: Some(ticket.clone()) };
        match ticket.phase {
            Phase::New | Phase::Assigning | Phase::Assigned | Phase::Reopened => {}
            phase @ (Phase::InProgress | Phase::Completed | Phase::Closed | Phase::Cancelled | Phase::OnHold) => {
                return Err(refuse(Refusal::WrongPhase { command: "looking for an expert", phase }));
            }
        }
        let mut spec = VisitSpec::of(&ticket).ok_or_else(|| refuse(Refusal::NoPlace))?;
        // Whoever has it now was asked once more.
        spec.refused_by.retain(|who| Some(who) != ticket.visit.expert.as_ref());
        let region = region(service.tree(), &ticket.region)?;
        let (at, policy) = (service.clock().now(), service.tree().options.policy);
        let square = service.tree().square(&region);
        Ok(Self { ticket, region, square, at, policy, spec })
    }

    fn terms<'a>(&'a self, tree: &'a Tree) -> Terms<'a> {
        let (settings, drives) = (&self.region.settings, tree.drives(&self.region, self.square.as_deref()));
        Terms { now: self.at, settings, policy: self.policy, second_round: false, drives }
    }

    /// As an expert's actor would answer an auction now, as if the visit were nobody's.
    fn verdict(&self, tree: &Tree, expert: &Expert, route: &Route) -> Verdict {
        let fresh = tree.positions.of(&expert.id).filter(|fix| self.at.since_s(fix.at) <= routing::FRESH_S);
        let position: Option<Place> = fresh.map(|fix| fix.place);
        routing::trial(&self.spec, expert, route, position, &self.terms(tree))
    }

    fn holder(&self) -> Option<ExpertId> {
        self.ticket.visit.expert.clone()
    }
}

fn why_not(service: &Service, number: TicketNumber, expert: &ExpertId) -> Result<WhyNot, Failure> {
    let asked = Asked::of(service, number)?;
    let tree = service.tree();
    let (profile, route) = pair(tree, number, expert).ok_or_else(|| Failure::NotFound(format!("expert {expert}")))?;
    let verdict = asked.verdict(tree, &profile, &route);
    let holder = asked.holder();
    let chosen = match &holder {
        Some(holder) if holder == expert => None,
        Some(holder) => pair(tree, number, holder).map(|(profile, route)| Chosen {
            expert: holder.clone(),
            holds: true,
            verdict: asked.verdict(tree, &profile, &route),
        }),
        None => cheapest(tree, &asked, expert),
    };
    let planned = if asked.ticket.dispatchable() { planned(service, &asked)? } else { None };
    Ok(WhyNot { asked, expert: profile, verdict, chosen, planned })
}

/// Who else at home bids least.
fn cheapest(tree: &Tree, asked: &Asked, but: &ExpertId) -> Option<Chosen> {
    let number = asked.ticket.number;
    let others = tree.store.experts(Some(&asked.region.id)).into_iter().filter(|expert| expert.id != *but);
    let tried = others.filter_map(|expert| {
        let (profile, route) = pair(tree, number, &expert.id)?;
        Some((expert.id.clone(), asked.verdict(tree, &profile, &route).ok()?))
    });
    let best = tried.min_by_key(|(expert, trial)| (trial.bid.cost.total(), expert.clone()))?;
    Some(Chosen { expert: best.0, holds: false, verdict: Ok(best.1) })
}

/// An expert with their route, the ticket's own stop taken out.
fn pair(tree: &Tree, number: TicketNumber, expert: &ExpertId) -> Option<(Arc<Expert>, Arc<Route>)> {
    let (profile, mut route) = (tree.store.expert(expert)?, tree.store.route(expert)?);
    if route.stops.iter().any(|stop| stop.ticket == number) {
        Arc::make_mut(&mut route).stops.retain(|stop| stop.ticket != number);
    }
    Some((profile, route))
}

fn region(tree: &Tree, id: &RegionId) -> Result<Arc<Region>, Failure> {
    tree.store.region(id).ok_or_else(|| Failure::NotFound(format!("region {id}")))
}

/// Whom a plan made now has for the visit.
fn planned(service: &Service, asked: &Asked) -> Result<Option<(ExpertId, Timestamp)>, Failure> {
    if asked.policy != Policy::Full {
        return Ok(None);
    }
    let snapshot = snapshot(service.tree(), &asked.region)?;
    let (terms, seed) = (asked.terms(service.tree()), service.tree().options.seed);
    let outlook = outlook(&snapshot, &Plan::new(), &mut Memory::default(), &terms, seed, ROUNDS)
        .map_err(|flaw| Failure::Fault(format!("region {}: {flaw}", asked.region.id)))?;
    let number = asked.ticket.number;
    let whose = outlook.plan.iter().find(|(_, tickets)| tickets.contains(&number)).map(|(expert, _)| expert.clone());
    // What is due at once has no later beginning: its own bid says when.
    let begins = |expert: &ExpertId| {
        let planned = outlook.later.get(&number).copied();
        planned.or_else(|| {
            let (profile, route) = pair(service.tree(), number, expert)?;
            Some(asked.verdict(service.tree(), &profile, &route).ok()?.bid.start)
        })
    };
    Ok(whose.and_then(|expert| Some((expert.clone(), begins(&expert)?))))
}

/// A region's roster and what waits in it, as its dispatcher would see them.
fn snapshot(tree: &Tree, region: &Region) -> Result<Snapshot, Failure> {
    let mut open = Vec::new();
    tree.store
        .for_each_open(&region.id, &mut |ticket| {
            if ticket.dispatchable() {
                open.extend(VisitSpec::of(&ticket));
            }
        })
        .map_err(Failure::from)?;
    open.sort_by_key(|visit| visit.ticket);
    let with_route = |expert: Arc<Expert>| tree.store.route(&expert.id).map(|route| (expert, route));
    let mut experts: Vec<_> = tree.store.experts(Some(&region.id)).into_iter().filter_map(with_route).collect();
    experts.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    let usual = tree.region(&region.id).map(|handle| handle.usual()).unwrap_or_default();
    Ok(Snapshot { experts, open, usual, ..Snapshot::default() })
}

/// What would have the ticket's visit begin at `by`. Neighbours only of regions that are `seen`.
fn what_by(
    service: &Service,
    number: TicketNumber,
    by: Timestamp,
    seen: impl Fn(&RegionId) -> bool,
) -> Result<(Asked, Answer), Failure> {
    let asked = Asked::of(service, number)?;
    let tree = service.tree();
    let of = |region: &RegionId| {
        let mut experts = tree.store.experts(Some(region));
        experts.sort_by(|a, b| a.id.cmp(&b.id));
        experts.into_iter().filter_map(|expert| pair(tree, number, &expert.id)).collect::<Vec<_>>()
    };
    let sheet = tree.atlas.sheet(&tree.store);
    let reach_m = f64::from(asked.region.settings.reach_m);
    let near = sheet.neighbours(&asked.region.id, reach_m, NEIGHBOURS);
    let home = of(&asked.region.id);
    let begins = match (asked.holder(), asked.ticket.visit.planned_start) {
        (Some(holder), Some(start)) => Some((holder, start)),
        (Some(_) | None, _) if asked.ticket.dispatchable() => planned(service, &asked)?,
        (Some(_) | None, _) => None,
    };
    let scene = Scene {
        held: held(tree, &home, asked.spec.urgency),
        home,
        neighbours: near.iter().filter(|region| seen(region)).flat_map(of).collect(),
        middle: asked.region.geometry.middle(),
        begins,
    };
    let answer = remedies(&asked.spec, by, &scene, &asked.terms(service.tree()));
    Ok((asked, answer))
}

/// The visits in these routes that something of `urgency` may move.
fn held(tree: &Tree, crew: &[(Arc<Expert>, Arc<Route>)], urgency: u8) -> BTreeMap<TicketNumber, VisitSpec> {
    let stops = crew.iter().flat_map(|(_, route)| &route.stops);
    let movable = stops.filter(|stop| eject::movable(stop) && stop.urgency < urgency);
    let spec = |number| VisitSpec::of(&*tree.store.ticket(number).ok()??);
    movable.filter_map(|stop| Some((stop.ticket, spec(stop.ticket)?))).collect()
}

/// As [`Service::forecast`].
pub(super) fn ahead(tree: &Tree, id: &RegionId) -> Result<(Arc<Region>, Timestamp, Forecast), Failure> {
    let region = region(tree, id)?;
    let (now, policy) = (tree.clock.now(), tree.options.policy);
    let mut snapshot = snapshot(tree, &region)?;
    let left_out = keep_pressing(&mut snapshot.open);
    let square = tree.square(&region);
    let drives = tree.drives(&region, square.as_deref());
    let terms = Terms { now, settings: &region.settings, policy, second_round: false, drives };
    let mut forecast = forecast(&snapshot, &terms, tree.options.seed)
        .map_err(|flaw| Failure::Fault(format!("region {id}: {flaw}")))?;
    (forecast.open, forecast.beyond) =
        (forecast.open.saturating_add(left_out), forecast.beyond.saturating_add(left_out));
    Ok((region, now, forecast))
}

/// The most urgent and the soonest due, as a plan takes them; how many others there are.
fn keep_pressing(open: &mut Vec<VisitSpec>) -> u32 {
    let others = open.len().saturating_sub(JUDGED);
    if others > 0 {
        open.sort_by_key(|visit| (Reverse(visit.urgency), visit.due, visit.ticket));
        open.truncate(JUDGED);
    }
    u32::try_from(others).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ids::PersonId, number::RegionCode};

    fn visit(serial: u32) -> VisitSpec {
        VisitSpec {
            ticket: TicketNumber::new(RegionCode(1), serial),
            visit: 1,
            person: PersonId(serial),
            place: Place { lat_e6: 42_000_000, lon_e6: -71_000_000 },
            service_s: 1_800,
            window: None,
            due: Timestamp(i64::from(serial)),
            urgency: u8::from(serial >= 2_500),
            skills: [].into(),
            refused_by: Vec::new(),
            opened_at: Timestamp::ZERO,
        }
    }

    #[test]
    fn of_a_backlog_a_forecast_looks_at_the_most_pressing_and_counts_the_others() {
        let mut open: Vec<VisitSpec> = (0..3_000).rev().map(visit).collect();
        assert_eq!((keep_pressing(&mut open), open.len()), (1_000, JUDGED));
        assert!(open.iter().all(|visit| visit.urgency > 0 || visit.due < Timestamp(1_500)));
        assert_eq!((keep_pressing(&mut open), open.len()), (0, JUDGED));
    }
}
