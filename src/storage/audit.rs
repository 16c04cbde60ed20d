//! Audit: proves P2 to P6 over everything the journal says, P1 against a list of acknowledged
//! numbers, and, on demand, that the snapshots say the same as the journal.
//!
//! Runs beside a live store: it folds up to one sequence and leaves out of the comparison what has
//! changed since.

use super::{Fault, Store, fold::Folded, replay_check};
use crate::domain::{
    fact::State,
    ids::{Seq, TicketNumber},
    invariants::{Violation, conserved, held_once, on_time, stops_held},
    network::NetworkId,
    ticket::Phase,
};
use serde::Serialize;
use std::collections::BTreeMap;

pub use super::fold::Overlap;

pub struct AuditOptions<'a> {
    /// Compare snapshots, timers and deliveries with the folded journal too.
    pub replay: bool,
    /// Numbers that were acknowledged: each must be there (P1).
    pub acknowledged: &'a [TicketNumber],
    /// No deadline may have been due for longer than this at the time of the last event, seconds (P6).
    /// None: nobody was there to act on deadlines (an import without a server).
    pub late_s: Option<i64>,
    /// Travel between stops (P5): `routing::first_overlap` under the region's travel settings of then.
    pub overlap: Overlap<'a>,
    /// Gets the sequence reached and the last one, now and then.
    pub progress: &'a mut dyn FnMut(Seq, Seq),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    pub ok: bool,
    pub tickets: u64,
    /// All nine phases, by the contract's names.
    pub by_phase: BTreeMap<&'static str, u64>,
    pub by_region: BTreeMap<String, u64>,
    pub events: u64,
    /// Assignments that a person forced against a rule, on record (P4).
    pub overrides: u64,
    pub violations: Vec<Violation>,
    /// Road networks that routes were timed over and that are not here: there, drives were not checked (P5).
    /// For the caller to say, who brought the networks.
    pub missing_networks: Vec<NetworkId>,
}

impl Store {
    /// Memory: all tickets at once. Fault: the journal or a snapshot cannot be read.
    pub fn audit(&self, options: AuditOptions<'_>) -> Result<AuditReport, Fault> {
        let AuditOptions { replay, acknowledged, late_s, overlap, progress } = options;
        let mut folded = Folded::of(self.core(), overlap, progress)?;
        let mut violations = std::mem::take(&mut folded.violations);
        violations.extend(promises(&folded, late_s));
        violations.extend(lost(&folded, acknowledged));
        violations.extend(self.unfindable(&folded)?);
        if replay {
            self.flush()?;
            violations.extend(replay_check::compare(self.core(), &folded)?);
        }
        violations.sort();
        violations.dedup();
        Ok(report(&folded, violations))
    }

    /// P2: every number finds its ticket.
    fn unfindable(&self, folded: &Folded) -> Result<Vec<Violation>, Fault> {
        let mut found = Vec::new();
        for (ticket, _) in folded.sorted() {
            let number = ticket.number;
            match self.ticket(number)? {
                None => found.push(Violation::new("P2", &number, "is not found by its number")),
                Some(read) if read.version < ticket.version => {
                    found.push(Violation::new("P2", &number, format!("is found at version {} only", read.version)));
                }
                Some(_) => {}
            }
        }
        Ok(found)
    }
}

fn promises(folded: &Folded, late_s: Option<i64>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (ticket, _) in folded.sorted() {
        found.extend(conserved(ticket, |region| folded.region(region).is_some()));
        found.extend(held_once(ticket, |expert| folded.route(expert)));
        found.extend(late_s.map(|late_s| on_time(ticket, folded.now, late_s)).into_iter().flatten());
    }
    for (state, _) in folded.things.values() {
        if let State::Route(route) = state {
            found.extend(stops_held(route, |number| folded.tickets.get(&number).map(|(ticket, _)| &**ticket)));
        }
    }
    found
}

fn lost(folded: &Folded, acknowledged: &[TicketNumber]) -> Vec<Violation> {
    let missing = acknowledged.iter().filter(|number| !folded.tickets.contains_key(number));
    missing.map(|number| Violation::new("P1", &number, "was acknowledged and is not there")).collect()
}

fn report(folded: &Folded, violations: Vec<Violation>) -> AuditReport {
    let mut by_phase: BTreeMap<&'static str, u64> = Phase::ALL.into_iter().map(|phase| (phase.name(), 0)).collect();
    let mut by_region = BTreeMap::new();
    for (ticket, _) in folded.tickets.values() {
        *by_phase.entry(ticket.phase.name()).or_default() += 1;
        *by_region.entry(ticket.region.to_string()).or_default() += 1;
    }
    AuditReport {
        ok: violations.is_empty(),
        tickets: folded.tickets.len() as u64,
        by_phase,
        by_region,
        events: folded.events,
        overrides: folded.overrides,
        violations,
        missing_networks: Vec::new(),
    }
}

/// How late a deadline may fire while the process runs, seconds: the audit's default for P6.
pub const LATE_S: i64 = 60;

/// For tests and tools that know nothing of travel.
pub fn without_travel() -> Overlap<'static> {
    &|_, _| None
}
