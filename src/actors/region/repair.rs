//! Repairs at once: what somebody will be too late for goes to another who keeps the promise, what nobody can reach
//! somebody for goes on, and an urgent visit that fits nowhere takes the place of one that can move.
//!
//! Must hold: a visit moves at most once in [`MOVE_AGAIN_S`], only to somebody who was judged by the rules of every
//! award (P4), with a record of that choice (P8); what a person pinned or forced, and what is under way, stays.

use super::{Address, Dispatcher, Msg, Reply, World, round::driven};
use crate::{
    actors::{failure::Failure, reply::Answer, tree::Tree},
    domain::{
        decision::{Decision, Verdict},
        expert::Expert,
        ids::{ExpertId, TicketNumber},
        place::Place,
        region::Region,
        route::{Route, Stop, StopState},
        ticket::{Command, Ticket, WindowKind},
        time::Timestamp,
    },
    routing::{self, Candidates, Terms, VisitSpec, eject},
};
use std::{collections::BTreeMap, sync::Arc};

/// A visit that was moved stays for so long, whatever becomes of the plans: people were told.
const MOVE_AGAIN_S: i64 = 600;
/// Somebody who should have left this long ago, and whose phone is silent, is not waited for.
const GONE_S: i64 = 900;
/// Whose app was heard of within this uses it today.
const TODAY_S: i64 = 12 * 3_600;
/// Takers of one visit that were somebody else's before it was offered to them.
const STALE: u8 = 4;
/// An urgent visit makes room for itself at most so often.
const EJECTIONS: u8 = 3;

/// What the dispatcher remembers of repairs; after a restart it begins anew.
#[derive(Default)]
pub(super) struct Repairs {
    moved: BTreeMap<TicketNumber, Moved>,
    /// Who has not left for this visit, and since when they should have.
    overdue: BTreeMap<ExpertId, (TicketNumber, Timestamp)>,
    ejections: BTreeMap<TicketNumber, u8>,
}

struct Moved {
    at: Timestamp,
    /// It came too late so often.
    stale: u8,
    /// It came to nothing: may be tried again.
    open: bool,
}

/// Who could take a visit, as the store has them.
type Crew = Vec<(Arc<Expert>, Arc<Route>, Option<Place>)>;

impl Dispatcher {
    /// Visits of this route that will miss their promise, or would if they began `margin_s` later than planned, go to
    /// somebody who keeps it.
    pub(super) fn rescue(&mut self, me: &Address<Msg>, route: &Route, margin_s: i64) {
        let late = |stop: &&Stop| promised(stop).is_some_and(|until| stop.planned_start.plus_s(margin_s) > until);
        let broken: Vec<Stop> = route.stops.iter().filter(late).cloned().collect();
        for stop in broken {
            self.pass_on(me, &route.expert, &stop, "it would begin after it was promised");
        }
    }

    /// Who should have left long ago and cannot be reached: what is due goes to somebody else, and what others can
    /// still keep of what was promised behind it.
    pub(super) fn missing(&mut self, me: &Address<Msg>, route: &Route, now: Timestamp) {
        let first = route.stops.first().filter(|stop| stop.state == StopState::Assigned);
        let Some(first) = first else {
            self.repairs.overdue.remove(&route.expert);
            return;
        };
        let known = self.repairs.overdue.get(&route.expert).filter(|(ticket, _)| *ticket == first.ticket);
        let since = known.map_or(first.planned_depart, |(_, since)| *since);
        self.repairs.overdue.insert(route.expert.clone(), (first.ticket, since));
        if now.since_s(since) < GONE_S || present(&self.tree, &route.expert, now) {
            return;
        }
        tracing::warn!(expert = %route.expert, ticket = %first.ticket, "an expert has not left and cannot be reached");
        let promised: Vec<Stop> = route.stops.iter().skip(1).filter(|stop| promised(stop).is_some()).cloned().collect();
        for stop in std::iter::once(first.clone()).chain(promised) {
            self.pass_on(me, &route.expert, &stop, "the expert has not set out and cannot be reached");
        }
    }

    /// Offers a visit to the best of the others, if anybody can begin it as promised.
    fn pass_on(&mut self, me: &Address<Msg>, from: &ExpertId, stop: &Stop, why: &str) {
        let now = self.tree.clock.now();
        if !eject::movable(stop) || self.moved_lately(stop.ticket, now) {
            return;
        }
        let Some((ticket, spec)) = self.held(stop) else { return };
        let Some(world) = &mut self.world else { return };
        let crew = world.crew(&self.tree, &spec, now);
        let region = world.region.clone();
        let square = self.tree.square(&region);
        let terms = self.terms(&region, square.as_deref(), now, false);
        let judged = Judged { ticket: &ticket, spec: &spec, region: &region, terms };
        if let Some(command) = judged.reassign(&crew, from, why) {
            self.moves(stop.ticket, now);
            let (to, number, from) = (me.clone(), stop.ticket, from.clone());
            let reply = Reply::then(move |answer| {
                let stale = matches!(answer, Answer::Done(Err(Failure::Stale(_))));
                if stale {
                    to.send(Msg::Overtaken { number, from });
                }
            });
            super::send(&self.tree, stop.ticket, command, reply);
        }
    }

    /// Whoever was to take a visit over got another one meanwhile: somebody else is looked for, a few times.
    pub(super) fn overtaken(&mut self, me: &Address<Msg>, number: TicketNumber, from: &ExpertId) {
        let Some(moved) = self.repairs.moved.get_mut(&number) else { return };
        moved.stale += 1;
        moved.open = moved.stale < STALE;
        if let Some(route) = self.tree.store.route(from).filter(|_| moved.open) {
            self.rescue(me, &route, 0);
        }
    }

    fn moves(&mut self, number: TicketNumber, at: Timestamp) {
        let stale = self.repairs.moved.get(&number).map_or(0, |moved| moved.stale);
        self.repairs.moved.insert(number, Moved { at, stale, open: false });
    }

    /// Nobody can take this urgent visit: one that is less urgent moves to somebody else, and then it is tried
    /// again. False: there is none.
    pub(super) fn make_room(&mut self, me: &Address<Msg>, urgent: &VisitSpec) -> bool {
        let now = self.tree.clock.now();
        let tries = self.repairs.ejections.get(&urgent.ticket).copied().unwrap_or(0);
        // Under the plan nothing but what is done next is anybody's.
        if self.plans() || urgent.urgency < 3 || tries >= EJECTIONS {
            return false;
        }
        let Some(world) = &mut self.world else { return false };
        let (crew, region) = (world.everybody(&self.tree, now), world.region.clone());
        let policy = self.tree.options.policy;
        let tree = self.tree.clone();
        let square = tree.square(&region);
        let drives = tree.drives(&region, square.as_deref());
        let terms = Terms { now, settings: &region.settings, policy, second_round: false, drives };
        let open = |number| {
            let lately = self.moved_lately(number, now);
            let ticket = self.tree.store.ticket(number).ok()??;
            VisitSpec::of(&ticket).filter(|_| !lately && !ticket.visit.pinned && ticket.region == self.id)
        };
        let members = crew.iter().map(|(expert, route, position)| (&**expert, &**route, *position));
        let Some(found) = eject::ejection(urgent, &members, open, &terms) else { return false };
        let Some((ticket, spec)) = self.held(&found.opening.stop) else { return false };
        let Some(world) = &mut self.world else { return false };
        let crew = world.crew(&self.tree, &spec, now);
        let judged = Judged { ticket: &ticket, spec: &spec, region: &region, terms };
        let Some(command) = judged.reassign(&crew, &found.expert, "an urgent visit takes its place") else {
            return false;
        };
        self.repairs
            .ejections
            .retain(|number, _| self.world.as_ref().is_some_and(|world| world.queue.peek(*number).is_some()));
        self.repairs.ejections.insert(urgent.ticket, tries + 1);
        self.moves(ticket.number, now);
        let (to, number) = (me.clone(), urgent.ticket);
        // Whatever became of it, the urgent one is tried again.
        let reply = Reply::then(move |_| {
            to.send(Msg::Try(number));
        });
        super::send(&self.tree, ticket.number, command, reply);
        true
    }

    fn moved_lately(&self, number: TicketNumber, now: Timestamp) -> bool {
        self.repairs.moved.get(&number).is_some_and(|moved| !moved.open && now.since_s(moved.at) < MOVE_AGAIN_S)
    }

    /// The ticket of a stop, if the stop is still what it is about.
    fn held(&mut self, stop: &Stop) -> Option<(Arc<Ticket>, VisitSpec)> {
        let now = self.tree.clock.now();
        self.repairs.moved.retain(|_, moved| now.since_s(moved.at) < MOVE_AGAIN_S);
        let ticket = self.tree.store.ticket(stop.ticket).ok()??;
        let same = ticket.visit.no == stop.visit && ticket.region == self.id && ticket.quarantined.is_none();
        let spec = VisitSpec::of(&ticket).filter(|_| same)?;
        Some((ticket, spec))
    }
}

/// The end of a stop's promised window.
fn promised(stop: &Stop) -> Option<Timestamp> {
    stop.window.filter(|window| window.kind == WindowKind::Promise).map(|window| window.to)
}

/// Their app is connected, or said lately where it is; of who has not used it today a silence says nothing.
fn present(tree: &Tree, expert: &ExpertId, now: Timestamp) -> bool {
    let silent_s = tree.positions.of(expert).map(|fix| now.since_s(fix.at));
    let gone = silent_s.is_some_and(|silent_s| (GONE_S..TODAY_S).contains(&silent_s));
    !gone || tree.devices.online(expert)
}

/// With a position as bids use it.
fn member(tree: &Tree, id: &ExpertId, now: Timestamp) -> Option<(Arc<Expert>, Arc<Route>, Option<Place>)> {
    let fix = tree.positions.of(id).filter(|fix| now.since_s(fix.at) <= routing::FRESH_S);
    Some((tree.store.expert(id)?, tree.store.route(id)?, fix.map(|fix| fix.place)))
}

impl World {
    /// Everybody of the region who has the skills within reach, as the store has them now.
    fn crew(&mut self, tree: &Tree, spec: &VisitSpec, now: Timestamp) -> Crew {
        let candidates = self.candidates.get_or_insert_with(|| {
            let roster: Vec<_> = self.experts.values().map(|(expert, _)| expert.clone()).collect();
            Candidates::new(&roster)
        });
        let found = candidates.find(spec, &self.region.settings).experts;
        found.iter().filter_map(|id| member(tree, id, now)).collect()
    }

    /// The whole roster: who makes room needs other skills than whoever takes over.
    fn everybody(&self, tree: &Tree, now: Timestamp) -> Crew {
        self.experts.keys().filter_map(|id| member(tree, id, now)).collect()
    }
}

/// A visit that is somebody's, judged for the others.
struct Judged<'a> {
    ticket: &'a Ticket,
    spec: &'a VisitSpec,
    region: &'a Region,
    terms: Terms<'a>,
}

impl Judged<'_> {
    /// An auction among all but `from`, and the command that follows from it.
    fn reassign(&self, crew: &Crew, from: &ExpertId, why: &str) -> Option<Command> {
        let Terms { now, policy, drives, .. } = self.terms;
        let others = || crew.iter().filter(|(expert, ..)| expert.id != *from);
        let asked = others().map(|(expert, route, position)| (&**expert, &**route, *position));
        let evaluation = routing::evaluate(self.spec, asked, &self.terms);
        let winner = evaluation.winner.clone()?;
        let candidate = evaluation.candidates.iter().find(|candidate| candidate.expert == winner)?;
        let Verdict::Bid(bid) = candidate.verdict.clone() else { return None };
        let (profile, route, position) = others().find(|(expert, ..)| expert.id == winner)?;
        let anchored = routing::anchored(route, profile, *position, &self.terms);
        let route = routing::insert(&anchored, self.spec, &bid, self.ticket.next_offer, false, profile, &self.terms);
        let places = others().flat_map(|(expert, route, position)| driven(Some(expert), Some(route), *position));
        let decision = Decision {
            at: now,
            ticket_version: self.ticket.version,
            visit: self.spec.visit,
            region: self.region.id.clone(),
            region_version: self.region.version,
            policy,
            travel: drives.source(self.spec.place, places),
            candidates: evaluation.candidates,
            winner: Some(winner.clone()),
            second_round: false,
            plan: None,
        };
        Some(Command::Reassign {
            decision: Box::new(decision),
            from: from.clone(),
            expert: winner,
            reason: why.to_owned(),
            route: Box::new(route),
        })
    }
}
