//! What a run achieved, read back from the journal: never from counters of those who ran it.

mod figures;

pub use figures::{AtEnd, Kpis, Middle, Spread};

use self::figures::round;
use super::Played;
use crate::{
    domain::{
        decision::Decision,
        expert::Expert,
        fact::{Fact, State},
        ids::{ExpertId, RegionId, Seq, Thing, TicketNumber},
        place::Place,
        region::Region,
        route::Route,
        shift::{Interval, intervals},
        ticket::{OfferEnd, Phase, Priority, Ticket, TicketEvent},
        time::{DAY_S, Timestamp, zone},
    },
    routing::{
        self, VisitSpec,
        checker::{Award, Finding, Ground, check_award},
        roads::Legs,
    },
    storage::{Fault, Recorded, Store},
};
use jiff::tz::TimeZone;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The journal of a run, folded.
#[derive(Default)]
pub struct Ledger {
    tickets: BTreeMap<TicketNumber, Life>,
    externals: BTreeMap<String, u32>,
    experts: BTreeMap<ExpertId, Arc<Expert>>,
    regions: BTreeMap<RegionId, Arc<Region>>,
    routes: BTreeMap<ExpertId, Arc<Route>>,
    /// Where each expert arrived, in order.
    arrivals: BTreeMap<ExpertId, Vec<(Timestamp, Place)>>,
    responses_s: Vec<f64>,
    served: u64,
    late: u64,
    events: u64,
    /// The last sequence folded.
    read_to: Seq,
    first: Option<Timestamp>,
    last: Timestamp,
    counts: Counts,
    /// Hard rules broken, by the checker that shares no code with the router; and events that do not
    /// fit what was before.
    findings: Vec<Finding>,
    /// The roads that are driven on, if any.
    roads: Option<Arc<Legs>>,
}

#[derive(Default)]
struct Counts {
    offers: u64,
    declined: u64,
    expired: u64,
    in_vain: u64,
    handed_over: u64,
}

struct Before {
    decision: Box<Decision>,
    visit: Option<VisitSpec>,
    expert: Option<Arc<Expert>>,
    route: Arc<Route>,
    region: Option<Arc<Region>>,
}

struct Life {
    ticket: Ticket,
    started: bool,
    /// The last offer was the router's own, not a person's.
    by_router: bool,
    automatic: bool,
    escalated: bool,
    waited: bool,
}

/// Events read at a time.
const PAGE: usize = 20_000;

impl Ledger {
    /// Folds everything the store's journal holds.
    pub fn read(store: &Store) -> Result<Self, Fault> {
        Self::over(store, None)
    }

    /// The same of days whose drives were over roads.
    pub fn over(store: &Store, roads: Option<Arc<Legs>>) -> Result<Self, Fault> {
        let mut ledger = Self { roads, ..Self::default() };
        ledger.catch_up(store, &mut |_| {})?;
        Ok(ledger)
    }

    /// Folds what was written since the last time; `seen` is shown each event.
    pub fn catch_up(&mut self, store: &Store, seen: &mut dyn FnMut(&Recorded)) -> Result<(), Fault> {
        loop {
            let page = store.read(self.read_to + 1, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            self.read_to = last.seq;
            for batch in page.chunk_by(|a, b| a.batch == b.batch) {
                self.apply_batch(batch);
                batch.iter().for_each(&mut *seen);
            }
        }
    }

    /// All tickets as they stand, by number.
    pub fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.values().map(|life| &life.ticket)
    }

    /// Where an expert last arrived.
    #[must_use]
    pub fn last_place(&self, expert: &ExpertId) -> Option<Place> {
        self.arrivals.get(expert)?.last().map(|(_, place)| *place)
    }

    /// What became true together; awards among it are checked against what was before.
    fn apply_batch(&mut self, batch: &[Recorded]) {
        let before: Vec<Before> = batch.iter().filter_map(|recorded| self.before(recorded)).collect();
        for recorded in batch {
            self.apply(recorded);
        }
        for Before { decision, visit, expert, route, region } in before {
            let (Some(visit), Some(expert), Some(region)) = (visit, expert, region) else {
                self.misfit(&format!("a decision about visit {} without its inputs", decision.visit));
                continue;
            };
            let after = self.routes.get(&expert.id).unwrap_or(&route).clone();
            let settings = &region.settings;
            let award = Award {
                decision: &decision,
                visit: &visit,
                expert: &expert,
                before: &route,
                after: &after,
                settings,
                ground: Ground { travel: &settings.travel, zone: &region.time_zone, roads: self.roads.as_deref() },
            };
            self.findings.extend(check_award(&award));
        }
    }

    /// What an award was judged on; None for everything else.
    fn before(&self, recorded: &Recorded) -> Option<Before> {
        let (Fact::Ticket(TicketEvent::Decided(decision)), Thing::Ticket(number)) = (&recorded.fact, &recorded.thing)
        else {
            return None;
        };
        let winner = decision.winner.as_ref()?;
        let route = self.routes.get(winner).cloned();
        Some(Before {
            visit: self.tickets.get(number).and_then(|life| VisitSpec::of(&life.ticket)),
            expert: self.experts.get(winner).cloned(),
            route: route.unwrap_or_else(|| Arc::new(Route::empty(winner.clone(), decision.region.clone()))),
            region: self.regions.get(&decision.region).cloned(),
            decision: decision.clone(),
        })
    }

    /// What the checker and the fold have to say against the run.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn misfit(&mut self, what: &str) {
        self.findings.push(Finding { promise: "P2", thing: format!("event {}", self.events), detail: what.into() });
    }

    fn apply(&mut self, recorded: &Recorded) {
        self.events += 1;
        self.first.get_or_insert(recorded.envelope.at);
        self.last = self.last.max(recorded.envelope.at);
        match (&recorded.fact, &recorded.thing) {
            (Fact::Ticket(event), Thing::Ticket(number)) => self.apply_ticket(*number, event),
            (Fact::Expert(_), Thing::Expert(id)) => {
                let before = self.experts.remove(id).map(State::Expert);
                match State::after(before, &recorded.thing, &recorded.fact) {
                    Ok(State::Expert(expert)) => drop(self.experts.insert(id.clone(), expert)),
                    Ok(_) | Err(_) => self.misfit("of an expert does not fit"),
                }
            }
            (Fact::Region(_), Thing::Region(id)) => {
                let before = self.regions.remove(id).map(State::Region);
                match State::after(before, &recorded.thing, &recorded.fact) {
                    Ok(State::Region(region)) => drop(self.regions.insert(id.clone(), region)),
                    Ok(_) | Err(_) => self.misfit("of a region does not fit"),
                }
            }
            (Fact::Route(_), Thing::Route(id)) => {
                let before = self.routes.remove(id).map(State::Route);
                match State::after(before, &recorded.thing, &recorded.fact) {
                    Ok(State::Route(route)) => drop(self.routes.insert(id.clone(), route)),
                    Ok(_) | Err(_) => self.misfit("of a route does not fit"),
                }
            }
            (Fact::Catalogue(_), Thing::Catalogue) => {}
            (
                Fact::Ticket(_) | Fact::Expert(_) | Fact::Region(_) | Fact::Route(_) | Fact::Catalogue(_),
                Thing::Ticket(_) | Thing::Expert(_) | Thing::Region(_) | Thing::Route(_) | Thing::Catalogue,
            ) => self.misfit("is about another kind of thing"),
        }
    }

    fn apply_ticket(&mut self, number: TicketNumber, event: &TicketEvent) {
        if let TicketEvent::Opened(opened) = event {
            if let Some(id) = &opened.external_id {
                *self.externals.entry(id.clone()).or_default() += 1;
            }
            let ticket = Ticket::opened(opened);
            self.tickets.insert(
                number,
                Life { ticket, started: false, by_router: false, automatic: false, escalated: false, waited: false },
            );
            return;
        }
        let Some(life) = self.tickets.get_mut(&number) else {
            self.misfit("is about a ticket that was never opened");
            return;
        };
        self.counts.count(event);
        if let TicketEvent::Offered { reason, .. } = event {
            life.by_router = reason.is_none();
        }
        life.automatic |= life.by_router && matches!(event, TicketEvent::Accepted { .. });
        life.escalated |= matches!(event, TicketEvent::Escalated(_));
        life.waited |= life.ticket.next_offer <= 1 && matches!(event, TicketEvent::Waited(_));
        if let TicketEvent::Completed { .. } = event {
            self.served += 1;
            let begun = life.ticket.visit.arrived_at;
            let limits = [life.ticket.due_at, life.ticket.window.map(|window| window.to)];
            let late = |begun: Timestamp| limits.into_iter().flatten().any(|limit| begun > limit);
            self.late += u64::from(begun.is_some_and(late));
        }
        if let TicketEvent::Arrived { at } = event {
            if !life.started {
                life.started = true;
                self.responses_s.push(at.since_ms(life.ticket.opened_at) as f64 / 1_000.0);
            }
            let place = life.ticket.personal.known().and_then(|personal| personal.place);
            if let (Some(expert), Some(place)) = (&life.ticket.visit.expert, place) {
                self.arrivals.entry(expert.clone()).or_default().push((*at, place));
            }
        }
        life.ticket.apply(event);
    }

    /// The figures. `externals`: the ids that were accepted; `rows`: rows of the file; `played`: what was seen at the door.
    #[must_use]
    pub fn kpis(&self, rows: u64, externals: &BTreeSet<String>, played: &Played) -> Kpis {
        let lives = || self.tickets.values();
        let visits: u64 = self.arrivals.values().map(|stops| stops.len() as u64).sum();
        let (travel_m, travel_s) = self.travelled();
        let per_visit = |total: f64| if visits == 0 { 0.0 } else { round(total / visits as f64) };
        let at_end = self.at_end();
        let refused = rows - (externals.len() as u64).min(rows);
        Kpis {
            tickets: rows,
            accepted: rows - refused,
            refused,
            lost: externals.iter().filter(|id| !self.externals.contains_key(*id)).count() as u64,
            duplicated: self.externals.values().filter(|opened| **opened > 1).count() as u64,
            completed: at_end.served,
            open_at_end: lives().filter(|life| life.ticket.phase.open()).count() as u64,
            assigned_automatically: lives().filter(|life| life.automatic).count() as u64,
            escalated: lives().filter(|life| life.escalated).count() as u64,
            urgent_completed: lives()
                .filter(|life| life.ticket.priority == Priority::Urgent && served(life.ticket.phase))
                .count() as u64,
            response_s: Spread::of(&self.responses_s),
            assign_ms: Middle::of(&self.assigned_at_once(played)),
            travel_m_per_visit: per_visit(travel_m),
            travel_s_per_visit: per_visit(travel_s),
            late_share: if self.served == 0 { 0.0 } else { self.late as f64 / self.served as f64 },
            hard_violations: self.findings.len() as u64,
            at_end,
            visits,
            offers: self.counts.offers,
            declined: self.counts.declined,
            expired: self.counts.expired,
            visits_in_vain: self.counts.in_vain,
            handed_over: self.counts.handed_over,
            handed_back: played.handed_back,
            events: self.events,
            simulated_s: self.first.map_or(0, |first| self.last.since_s(first)),
            ..Kpis::default()
        }
    }

    /// How long the router took over tickets that it did not have to let wait for anybody, milliseconds.
    fn assigned_at_once(&self, played: &Played) -> Vec<f64> {
        let at_once = |number: &TicketNumber| self.tickets.get(number).is_some_and(|life| !life.waited);
        played.assign_ms.iter().filter(|(number, _)| at_once(number)).map(|(_, ms)| *ms).collect()
    }

    fn at_end(&self) -> AtEnd {
        let mut end = AtEnd::default();
        for Life { ticket, .. } in self.tickets.values() {
            let count = match ticket.phase {
                Phase::Completed | Phase::Closed => &mut end.served,
                Phase::Cancelled => &mut end.cancelled,
                Phase::OnHold => &mut end.on_hold,
                Phase::Assigning | Phase::Assigned | Phase::InProgress => &mut end.under_way,
                Phase::New | Phase::Reopened if ticket.quarantined.is_some() => &mut end.quarantined,
                Phase::New | Phase::Reopened if ticket.escalation.is_some() => &mut end.escalated,
                Phase::New | Phase::Reopened if ticket.waiting.is_some() => &mut end.waiting,
                Phase::New | Phase::Reopened => &mut end.unexplained,
            };
            *count += 1;
        }
        end
    }

    /// Metres and seconds driven, from home to home on each shift, at usual speed.
    fn travelled(&self) -> (f64, f64) {
        let (mut metres, mut seconds) = (0.0, 0.0);
        for (id, stops) in &self.arrivals {
            let Some(expert) = self.experts.get(id) else { continue };
            let Some(home) = expert.home() else { continue };
            let travel =
                self.regions.get(&expert.region).map_or_else(Default::default, |region| region.settings.travel);
            let mut stops = stops.clone();
            stops.sort_unstable();
            for day in days(&stops, &shifts(expert, &stops)) {
                let there = day.iter().map(|(_, place)| *place);
                let stations: Vec<Place> = std::iter::once(home).chain(there).chain([home]).collect();
                for leg in stations.windows(2) {
                    let over_roads = self.roads.as_ref().and_then(|roads| roads.leg(leg[0], leg[1]));
                    let leg = over_roads.unwrap_or_else(|| routing::great_circle(leg[0], leg[1], &travel));
                    metres += leg.distance_m as f64;
                    seconds += leg.duration_s as f64;
                }
            }
        }
        (metres, seconds)
    }
}

impl Counts {
    fn count(&mut self, event: &TicketEvent) {
        match event {
            TicketEvent::Offered { .. } => self.offers += 1,
            TicketEvent::OfferEnded { how: OfferEnd::Declined, .. } => self.declined += 1,
            TicketEvent::OfferEnded { how: OfferEnd::Expired, .. } => self.expired += 1,
            TicketEvent::VisitFailed { .. } => self.in_vain += 1,
            TicketEvent::HandedOver { .. } => self.handed_over += 1,
            #[allow(
                clippy::match_same_arms,
                clippy::wildcard_enum_match_arm,
                reason = "counts five, of no account for the rest"
            )]
            _ => {}
        }
    }
}

fn served(phase: Phase) -> bool {
    matches!(phase, Phase::Completed | Phase::Closed)
}

fn shifts(expert: &Expert, stops: &[(Timestamp, Place)]) -> Vec<Interval> {
    let (Some(first), Some(last)) = (stops.first(), stops.last()) else { return Vec::new() };
    let zone = zone(&expert.zone).unwrap_or(TimeZone::UTC);
    intervals(&expert.shifts, &zone, first.0.plus_s(-DAY_S), last.0.plus_s(DAY_S))
}

/// Cuts the stops of an expert (in order of time) where a new shift began in between.
fn days<'a>(stops: &'a [(Timestamp, Place)], shifts: &'a [Interval]) -> impl Iterator<Item = &'a [(Timestamp, Place)]> {
    let shift_of = |at: Timestamp| shifts.partition_point(|shift| shift.from <= at);
    stops.chunk_by(move |a, b| shift_of(a.0) == shift_of(b.0))
}

#[cfg(test)]
mod tests;
