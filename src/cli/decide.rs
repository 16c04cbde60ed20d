//! `callout decide --recheck`: folds the journal and computes every stored decision anew (P8).

use super::{
    output::{Done, Trouble, print_json},
    target::{need_data, not_opened_alone},
};
use crate::{
    domain::{
        decision::{Candidate, Decision, TravelSource},
        expert::Expert,
        fact::{Fact, State},
        ids::{Thing, TicketNumber, Version},
        route::Route,
        ticket::TicketEvent,
    },
    load::store_options,
    routing::{Drives, Recheck, VisitSpec, recheck},
    settings::Settings,
    storage::{Recorded, Store},
    travel::networks::Networks,
};
use clap::Args;
use serde::Serialize;
use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

/// Recomputes stored decisions from the journal of a stopped server. It keeps every ticket's state in memory, so it
/// does not run inside a server: of a running one, recheck a restored backup.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  callout decide --recheck --data ./callout-data
  callout decide --recheck 0A1-000142-N

Of a running server:
  callout backup /backups/today --server http://127.0.0.1:8080 --token TOKEN
  callout restore /backups/today --data ./recheck
  callout decide --recheck --data ./recheck

Exit code 1 when a decision comes out otherwise, or cannot be computed.")]
pub(super) struct DecideArgs {
    /// Must be given: what each decision knew is taken from the journal and the decision made again; what is
    /// stored is only compared
    #[arg(long, required = true)]
    recheck: bool,
    /// Only this ticket's decisions, like 0A1-000142-N
    number: Option<TicketNumber>,
    /// Data directory of a stopped server [env: CALLOUT_DATA] [default: ./callout-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Tally {
    decisions: u64,
    same: u64,
    differs: u64,
    inputs_erased: u64,
    inputs_unavailable: u64,
    /// Of these, decisions that rest on what a server of travel times had said.
    by_server: u64,
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct Difference {
    seq: u64,
    ticket: String,
    stored_winner: Option<String>,
    computed_winner: Option<String>,
    other_verdicts: Vec<String>,
}

/// Listed differences; all are counted.
const SHOWN: usize = 100;
/// Events read at once.
const PAGE: usize = 4_096;
/// Versions of one thing that are kept: a decision's inputs are a few commits old, in a flood some hundred.
const KEPT: usize = 512;

pub(super) fn run(args: &DecideArgs, settings: &Settings) -> Done {
    let mut settings = settings.clone();
    if let Some(data) = &args.data {
        settings.storage.data.clone_from(data);
    }
    need_data(&settings)?;
    let store = Store::open(store_options(&settings)).map_err(not_opened_alone)?;
    let networks = Networks::of(&settings.storage.data);
    let tally = check(&store, args.number, &networks);
    let closed = store.close();
    let tally = tally?;
    closed.map_err(Trouble::refused)?;
    if args.json {
        print_json(&serde_json::to_value(&tally).map_err(Trouble::refused)?);
    } else {
        let Tally { decisions, same, differs, inputs_erased, inputs_unavailable, .. } = &tally;
        println!(
            "{decisions} decisions: {same} same, {differs} differ, {inputs_erased} with erased inputs, {inputs_unavailable} with inputs out of reach"
        );
        if tally.by_server > 0 {
            println!("  {} of them rest on what a server of travel times said, which is on no record", tally.by_server);
        }
        for network in networks.missing() {
            println!("  road network {network} is not here any more: what rests on it cannot be computed anew");
        }
        for difference in &tally.differences {
            println!(
                "  {} at {}: stored {:?}, computed {:?}, verdicts of {:?}",
                difference.ticket,
                difference.seq,
                difference.stored_winner,
                difference.computed_winner,
                difference.other_verdicts
            );
        }
    }
    Ok(if tally.differs + tally.inputs_unavailable == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn check(store: &Store, only: Option<TicketNumber>, networks: &Networks) -> Result<Tally, Trouble> {
    let mut past = Past::default();
    let mut tally = Tally::default();
    let mut from = 1;
    loop {
        let page = store.read(from, PAGE).map_err(Trouble::refused)?;
        let Some(last) = page.last() else { return Ok(tally) };
        from = last.seq + 1;
        for recorded in &page {
            if let (Fact::Ticket(TicketEvent::Decided(decision)), Thing::Ticket(number)) =
                (&recorded.fact, &recorded.thing)
                && only.is_none_or(|only| only == *number)
            {
                tally.add(recorded.seq, *number, decision, &past.recheck(*number, decision, networks));
            }
            past.fold(recorded)?;
        }
    }
}

/// What a server said is on no record; where it had said nothing, the great circle says it again.
fn said_by_server(decision: &Decision) -> bool {
    matches!(decision.travel, TravelSource::Server | TravelSource::ServerInPart)
}

impl Tally {
    fn add(&mut self, seq: u64, ticket: TicketNumber, decision: &Decision, found: &Recheck) {
        self.decisions += 1;
        self.by_server += u64::from(said_by_server(decision));
        match found {
            Recheck::Same => self.same += 1,
            Recheck::InputsErased => self.inputs_erased += 1,
            Recheck::InputsUnavailable => self.inputs_unavailable += 1,
            Recheck::Differs { winner, verdicts } => {
                self.differs += 1;
                if self.differences.len() < SHOWN {
                    self.differences.push(Difference {
                        seq,
                        ticket: ticket.to_string(),
                        stored_winner: decision.winner.as_ref().map(ToString::to_string),
                        computed_winner: winner.as_ref().map(ToString::to_string),
                        other_verdicts: verdicts.iter().map(ToString::to_string).collect(),
                    });
                }
            }
        }
    }
}

/// The last versions of everything, as of one place in the journal.
#[derive(Default)]
struct Past(HashMap<Thing, VecDeque<State>>);

impl Past {
    fn fold(&mut self, recorded: &Recorded) -> Result<(), Trouble> {
        let versions = self.0.entry(recorded.thing.clone()).or_default();
        let next = State::after(versions.back().cloned(), &recorded.thing, &recorded.fact);
        versions.push_back(next.map_err(Trouble::refused)?);
        if versions.len() > KEPT {
            versions.pop_front();
        }
        // A ticket that ended is decided about no more, unless it is reopened: its last state stays.
        if let Some(State::Ticket(ticket)) = versions.back()
            && !ticket.phase.open()
        {
            versions.drain(..versions.len() - 1);
        }
        Ok(())
    }

    fn at(&self, thing: &Thing, version: Version) -> Option<&State> {
        self.0.get(thing)?.iter().rev().find(|state| state.version() == version)
    }

    fn recheck(&self, number: TicketNumber, decision: &Decision, networks: &Networks) -> Recheck {
        let ticket = self.at(&Thing::Ticket(number), decision.ticket_version);
        let region = self.at(&Thing::Region(decision.region.clone()), decision.region_version);
        let (Some(State::Ticket(ticket)), Some(State::Region(region))) = (ticket, region) else {
            return Recheck::InputsUnavailable;
        };
        let travel = &region.settings.travel;
        let roads = networks.named(travel);
        if said_by_server(decision) || travel.network.is_some() && roads.is_none() {
            return Recheck::InputsUnavailable;
        }
        let drives = Drives::new(travel, &region.time_zone, roads.as_deref());
        match VisitSpec::of(ticket) {
            Some(visit) => recheck(decision, &visit, |candidate| self.inputs(candidate), &region.settings, drives),
            // No place to drive to: nobody could be asked, or the customer was erased since.
            None if ticket.personal.known().is_some() && decision.candidates.is_empty() => Recheck::Same,
            None => Recheck::InputsErased,
        }
    }

    fn inputs(&self, candidate: &Candidate) -> Option<(Arc<Expert>, Arc<Route>)> {
        let expert = self.at(&Thing::Expert(candidate.expert.clone()), candidate.profile_version)?;
        let State::Expert(expert) = expert else { return None };
        if candidate.route_version == 0 {
            let route = Route::empty(candidate.expert.clone(), expert.region.clone());
            return Some((expert.clone(), Arc::new(route)));
        }
        match self.at(&Thing::Route(candidate.expert.clone()), candidate.route_version)? {
            State::Route(route) => Some((expert.clone(), route.clone())),
            State::Ticket(_) | State::Expert(_) | State::Region(_) | State::Catalogue(_) => None,
        }
    }
}
