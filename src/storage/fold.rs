//! The journal folded aside, in memory: what audit compares everything else with. Checks on the way
//! what only the past shows: every award (P4) and every version of every route (P5).

use super::{
    Claim, ClaimKey, Fault,
    codec::{Frame, Placed},
    core::Core,
    history::each_record,
};
use crate::domain::{
    fact::{Fact, State},
    ids::{ExpertId, RegionId, Seq, Thing, TicketNumber},
    invariants::{Violation, qualified, unhurried},
    region::Region,
    route::{Route, Stop},
    ticket::{Ticket, TicketEvent},
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The first two stops of a route that cannot both be true with travel in between, under a region's settings.
pub type Overlap<'a> = &'a dyn Fn(&Route, &Region) -> Option<(Stop, Stop)>;

/// All there is, as of `head`.
#[derive(Default)]
pub(super) struct Folded {
    pub(super) head: Seq,
    pub(super) events: u64,
    /// The latest time in an envelope.
    pub(super) now: Timestamp,
    /// Not in any order: sort before showing.
    pub(super) tickets: HashMap<TicketNumber, (Arc<Ticket>, Seq)>,
    /// Everything but tickets.
    pub(super) things: BTreeMap<Thing, (State, Seq)>,
    pub(super) claims: HashMap<ClaimKey, Claim>,
    /// Assignments that a person forced against a rule.
    pub(super) overrides: u64,
    pub(super) violations: Vec<Violation>,
    external: HashMap<String, TicketNumber>,
}

impl Folded {
    /// Folds everything up to the head at the time of the call. `progress` gets sequence and head.
    pub(super) fn of(core: &Core, overlap: Overlap<'_>, progress: &mut dyn FnMut(Seq, Seq)) -> Result<Self, Fault> {
        let mut folded = Self { head: core.last_seq(), ..Self::default() };
        let head = folded.head;
        each_record(&*core.reader, 1, &mut |record, frame| {
            if record.first_seq > head {
                return Ok(());
            }
            folded.now = folded.now.max(frame.head.envelope.at);
            folded.claims.extend(frame.head.claims.iter().map(|claim| (claim.key, claim.clone())));
            for placed in frame.changes(record.first_seq) {
                folded.change(core, frame, &placed, overlap)?;
            }
            if record.first_seq % 1024 == 0 {
                progress(record.first_seq, head);
            }
            Ok(())
        })?;
        Ok(folded)
    }

    fn change(
        &mut self,
        core: &Core,
        frame: &Frame<'_>,
        placed: &Placed<'_>,
        overlap: Overlap<'_>,
    ) -> Result<(), Fault> {
        let thing = &placed.head.thing;
        let before = match thing {
            Thing::Ticket(number) => self.tickets.remove(number).map(|(ticket, seq)| (State::Ticket(ticket), seq)),
            Thing::Route(_) | Thing::Expert(_) | Thing::Region(_) | Thing::Catalogue => self.things.remove(thing),
        };
        let (version, last_seq) = before.as_ref().map_or((0, 0), |(state, seq)| (state.version(), *seq));
        if (version, last_seq) != (placed.head.base, placed.prev) {
            self.violations.push(Violation::new(
                "P2",
                thing,
                format!(
                    "its past is broken at {}: version {} follows {version}",
                    placed.first_seq,
                    placed.head.base + 1
                ),
            ));
        }
        let mut state = before.map(|(state, _)| state);
        let mut facts = Vec::with_capacity(placed.head.events as usize);
        for i in 0..placed.head.events as usize {
            let seq = placed.first_seq + i as Seq;
            let fact = frame.fact(placed.at + i, &core.sealer).map_err(|error| error.at(seq))?;
            let next = State::after(state, thing, &fact)
                .map_err(|misfit| Fault { what: misfit.to_string(), place: format!("journal record {seq}") })?;
            if let State::Route(route) = &next {
                self.check_route(route, overlap);
            }
            state = Some(next);
            facts.push(fact);
        }
        self.events += facts.len() as u64;
        match state {
            Some(State::Ticket(ticket)) => {
                self.check_events(ticket.number, &facts);
                self.tickets.insert(ticket.number, (ticket, placed.last_seq()));
            }
            Some(state) => drop(self.things.insert(thing.clone(), (state, placed.last_seq()))),
            None => {}
        }
        Ok(())
    }

    fn check_route(&mut self, route: &Arc<Route>, overlap: Overlap<'_>) {
        let region = self.region(&route.region);
        let found = unhurried(route, |route| region.and_then(|region| overlap(route, region)));
        self.violations.extend(found);
    }

    fn check_events(&mut self, number: TicketNumber, facts: &[Fact]) {
        let events: Vec<&TicketEvent> =
            facts.iter().filter_map(|fact| if let Fact::Ticket(event) = fact { Some(event) } else { None }).collect();
        self.violations.extend(qualified(number, &events));
        for event in events {
            if matches!(event, TicketEvent::Assigned { forced: true, .. }) {
                self.overrides += 1;
            }
            if let TicketEvent::Opened(opened) = event
                && let Some(id) = &opened.external_id
                && let Some(first) = self.external.insert(id.clone(), number)
            {
                let what = format!("has the external id of {first}");
                self.violations.push(Violation::new("P2", &number, what));
            }
        }
    }

    pub(super) fn region(&self, id: &RegionId) -> Option<&crate::domain::region::Region> {
        match self.things.get(&Thing::Region(id.clone())) {
            Some((State::Region(region), _)) => Some(region),
            _ => None,
        }
    }

    pub(super) fn route(&self, id: &ExpertId) -> Option<&Route> {
        match self.things.get(&Thing::Route(id.clone())) {
            Some((State::Route(route), _)) => Some(route),
            _ => None,
        }
    }

    /// By number.
    pub(super) fn sorted(&self) -> Vec<(&Arc<Ticket>, Seq)> {
        let mut all: Vec<_> = self.tickets.values().map(|(ticket, seq)| (ticket, *seq)).collect();
        all.sort_unstable_by_key(|(ticket, _)| ticket.number);
        all
    }
}
