//! The board of a service in this process: follows its journal, reads nothing else but who is connected.

use super::{BoardView, EventLine, ExpertCounts, MapView, RegionLine};
use crate::{
    actors::Service,
    domain::{
        expert::Expert,
        fact::Fact,
        ids::{RegionId, Thing},
        place::Place,
        region::Region,
        route::Stop,
        shift::intervals,
        ticket::{Phase, Ticket},
        time::{Timestamp, zone},
    },
    sim::Ledger,
    storage::{Fault, Recorded},
};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, VecDeque};

/// Events kept for the list.
const EVENTS: usize = 60;
/// Completions are counted in spans of this, and so many of them are kept.
const SPAN_S: i64 = 300;
const SPANS: usize = 120;

pub struct LiveBoard {
    service: Service,
    ledger: Ledger,
    events: VecDeque<EventLine>,
    /// By the number of the span since the epoch.
    served: BTreeMap<i64, u64>,
    title: String,
    hints: Vec<String>,
}

impl LiveBoard {
    #[must_use]
    pub fn new(service: Service, title: String, hints: Vec<String>) -> Self {
        let (ledger, events, served) = (Ledger::default(), VecDeque::new(), BTreeMap::new());
        Self { service, ledger, events, served, title, hints }
    }

    /// The journal folded so far.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Follows the journal to its end and shows how things stand.
    pub fn view(&mut self) -> Result<BoardView, Fault> {
        let Self { service, ledger, events, served, .. } = self;
        ledger.catch_up(service.store(), &mut |recorded| note(recorded, events, served))?;
        let now = service.clock().now();
        let (experts, mut map) = self.experts(now);
        map.waiting = self.ledger.tickets().filter(|t| unassigned(t)).filter_map(place_of).map(point).collect();
        let regions = self.service.store().regions();
        map.outlines = regions
            .iter()
            .flat_map(|region| &region.geometry.polygons)
            .map(|polygon| polygon.outer.iter().copied().map(point).collect())
            .collect();
        let latest = now.0.div_euclid(SPAN_S * 1_000);
        let served = (latest - SPANS as i64 + 1..=latest).map(|span| self.served.get(&span).copied().unwrap_or(0));
        Ok(BoardView {
            title: self.title.clone(),
            hints: self.hints.clone(),
            now,
            regions: self.region_lines(&regions, now),
            experts,
            served: served.collect(),
            served_span_s: SPAN_S,
            events: self.events.iter().cloned().collect(),
            map,
        })
    }

    fn region_lines(&self, regions: &[std::sync::Arc<Region>], now: Timestamp) -> Vec<RegionLine> {
        let mut lines: BTreeMap<&RegionId, RegionLine> = regions
            .iter()
            .filter(|region| region.id != RegionId::cell())
            .map(|region| (&region.id, RegionLine { name: region.name.clone(), ..RegionLine::default() }))
            .collect();
        for unready in self.service.readiness().unready {
            if let Some(line) = lines.get_mut(&unready.region) {
                line.unready = Some(unready.why);
            }
        }
        for ticket in self.ledger.tickets() {
            if let Some(line) = lines.get_mut(&ticket.region) {
                line.count(ticket, now);
            }
        }
        lines.into_values().collect()
    }

    /// Who is doing what, and where they were last seen.
    fn experts(&self, now: Timestamp) -> (ExpertCounts, MapView) {
        let (mut counts, mut map) = (ExpertCounts::default(), MapView::default());
        for expert in self.service.store().experts(None) {
            if expert.retired {
                continue;
            }
            let route = self.service.store().route(&expert.id);
            let busy = route.is_some_and(|route| route.stops.iter().any(Stop::started));
            let place = self.ledger.last_place(&expert.id).or_else(|| expert.home()).map(point);
            if busy {
                counts.busy += 1;
                map.busy.extend(place);
            } else if !at_work(&expert, now) {
                counts.off_shift += 1;
            } else if self.service.online(&expert.id) {
                counts.idle += 1;
                map.idle.extend(place);
            } else {
                counts.offline += 1;
            }
        }
        (counts, map)
    }
}

impl RegionLine {
    fn count(&mut self, ticket: &Ticket, now: Timestamp) {
        match ticket.phase {
            Phase::New | Phase::Reopened | Phase::OnHold => self.new += 1,
            Phase::Assigning => self.assigning += 1,
            Phase::Assigned => self.assigned += 1,
            Phase::InProgress => self.in_progress += 1,
            Phase::Completed | Phase::Closed => self.served += 1,
            Phase::Cancelled => {}
        }
        if unassigned(ticket) {
            self.escalated += u32::from(ticket.escalation.is_some());
            self.oldest_s = self.oldest_s.max(Some(now.since_s(ticket.opened_at)));
        }
    }
}

fn unassigned(ticket: &Ticket) -> bool {
    matches!(ticket.phase, Phase::New | Phase::Assigning | Phase::Reopened)
}

fn at_work(expert: &Expert, now: Timestamp) -> bool {
    let zone = zone(&expert.zone).unwrap_or(TimeZone::UTC);
    let on_shift = !intervals(&expert.shifts, &zone, now, now.plus_ms(1)).is_empty();
    on_shift && !expert.absences.iter().any(|absence| absence.from <= now && now < absence.to)
}

fn place_of(ticket: &Ticket) -> Option<Place> {
    ticket.personal.known().and_then(|personal| personal.place)
}

fn point(place: Place) -> (f64, f64) {
    (place.lon(), place.lat())
}

fn note(recorded: &Recorded, events: &mut VecDeque<EventLine>, served: &mut BTreeMap<i64, u64>) {
    let kind = recorded.fact.kind();
    if kind == "ticket.completed" {
        *served.entry(recorded.envelope.at.0.div_euclid(SPAN_S * 1_000)).or_default() += 1;
        while served.len() > SPANS {
            served.pop_first();
        }
    }
    let shown = matches!(&recorded.fact, Fact::Ticket(_)) && kind.starts_with("ticket.");
    if let (true, Thing::Ticket(number)) = (shown && !QUIET.contains(&kind), &recorded.thing) {
        let about = format!("{number}  {}", recorded.region);
        events.push_front(EventLine { at: recorded.envelope.at, what: kind.into(), about });
        events.truncate(EVENTS);
    }
}

/// Too many, and of no interest to somebody who watches.
const QUIET: [&str; 4] = ["ticket.decided", "ticket.command_seen", "ticket.replanned", "ticket.flagged"];
