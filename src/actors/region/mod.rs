//! The region's dispatcher: the open queue and the auctions (contract net). It asks experts' actors
//! for bids, awards through the tickets' actors, and never blocks: every answer is a message, every
//! wait has a deadline. All it knows can be rebuilt from the store.

mod auction;
mod fail;
mod handle;
mod lateness;
mod load;
mod market;
mod planning;
mod queue;
mod repair;
mod round;
mod tally;

pub(super) use handle::{Handle, Part};
pub(super) use load::{Loaded, start};

use super::{
    caller::Caller,
    expert::Bids,
    failure::Failure,
    reply::{Answer, Reply},
    service::Opened,
    shell::{Address, Crash, Handler},
    ticket,
    tree::Tree,
};
use crate::{
    domain::{
        decision::{EscalationReason, Rule},
        expert::{Absence, Expert},
        ids::{ExpertId, RegionId, TicketNumber},
        region::Region,
        route::{Route, Stop},
        ticket::{Command, Ticket},
        time::Timestamp,
    },
    routing::{Candidates, Square, Terms, live::Demand},
};
use lateness::LATE_GRACE_S;
use planning::{Planned, Planning};
use queue::{Queue, Scope};
use repair::Repairs;
use round::{Contest, Round};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};
use tally::Tally;

pub(super) enum Msg {
    /// What the store had when this actor started.
    Loaded(Box<Loaded>),
    /// What was asked for before this actor started.
    Learnt {
        reading: u64,
        demand: Box<Demand>,
    },
    Ticket(Arc<Ticket>),
    Route(Arc<Route>),
    Expert(Arc<Expert>),
    Region(Arc<Region>),
    /// Went to another region.
    Gone(TicketNumber),
    /// Time for another round.
    Next,
    /// Its time to be tried again has come.
    Try(TicketNumber),
    Bids(Bids),
    BidDeadline(u64),
    Settled {
        round: u64,
        number: TicketNumber,
        answer: Answer<Result<Opened, Failure>>,
    },
    SettleDeadline(u64),
    /// Some route may have been overtaken by the clock.
    Late,
    /// Where this expert is who is on the way, may say that they come later than planned.
    Drive(ExpertId),
    /// Rounds that led nowhere may be held again.
    Resume,
    /// Somebody asks for everything that waits to be tried again.
    Optimise,
    /// A planner's answer; None: it failed, or is waited for no more.
    Planned {
        nth: u64,
        planned: Option<Box<Planned>>,
    },
    /// This region offers visits that it did not offer before.
    Offers {
        from: RegionId,
    },
    /// A neighbour's plan has this visit of ours.
    Wanted {
        number: TicketNumber,
        by: RegionId,
    },
    /// It is time that somebody who is free leaves for what the plan has for them.
    Due,
    /// Whoever was to take this visit over from that expert has got another one.
    Overtaken {
        number: TicketNumber,
        from: ExpertId,
    },
}

/// People are told about a visit only this long before its window opens.
pub(super) const WINDOW_LEAD_S: i64 = 2 * 3_600;
/// Planned starts that move less than this are not worth an event.
const REPLAN_S: i64 = 60;
/// Tickets woken when one expert gets room.
const WAKE: usize = 4;

pub(super) struct Dispatcher {
    id: RegionId,
    tree: Arc<Tree>,
    handle: Arc<Handle>,
    /// None until loaded: messages wait in `early`.
    world: Option<World>,
    early: Vec<Msg>,
    round: Option<Round>,
    /// Somebody got room: the next round is worth holding at once.
    roomy: bool,
    resume: Option<tokio::task::AbortHandle>,
    /// When the next route may be late, and the alarm set for it.
    alarm: Option<(Timestamp, tokio::task::AbortHandle)>,
    /// What the policy `router` knows beyond what was promised.
    planning: Planning,
    repairs: Repairs,
}

struct World {
    region: Arc<Region>,
    experts: BTreeMap<ExpertId, (Arc<Expert>, Arc<Route>)>,
    queue: Queue,
    /// What was asked for since it was loaded, and before as far as that was read.
    tally: Tally,
    /// Made anew when the roster changed.
    candidates: Option<Candidates>,
    /// Regions that offered visits to this one.
    offering: BTreeSet<RegionId>,
    /// When each route is overtaken by the clock.
    moments: BTreeSet<(Timestamp, ExpertId)>,
    moment_of: BTreeMap<ExpertId, Timestamp>,
}

impl Handler for Dispatcher {
    type Msg = Msg;

    async fn handle(&mut self, me: &Address<Msg>, msg: Msg) -> Result<(), Crash> {
        if let Msg::Loaded(loaded) = msg {
            self.loaded(me, *loaded).await;
        } else if self.world.is_none() {
            self.early.push(msg);
        } else {
            self.act(me, msg).await;
        }
        self.plan_ahead(me);
        if self.round.is_none() {
            let held = self.start_round(me);
            // A round that found nobody to ask is over at once, and the next one may ask elsewhere.
            if held && self.round.is_none() && self.world.as_ref().is_some_and(|world| world.queue.has_ready()) {
                me.send(Msg::Next);
            }
        }
        if let Some(world) = &self.world {
            self.handle.queued.store(world.queue.len() as u64, Ordering::Relaxed);
            let planned = |number| self.planning.holds() && self.planning.later(number).is_some();
            let oldest = world.queue.oldest(planned).map_or(i64::MAX, |opened| opened.0);
            self.handle.oldest_ms.store(oldest, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        let round = self.round.take().and_then(|round| round.deadline);
        let alarm = self.alarm.take().map(|(_, alarm)| alarm);
        self.planning.abort();
        for alarm in round.into_iter().chain(alarm).chain(self.resume.take()) {
            alarm.abort();
        }
    }
}

impl Dispatcher {
    pub(super) fn new(tree: Arc<Tree>, handle: Arc<Handle>) -> Self {
        Self {
            id: handle.id.clone(),
            tree,
            handle,
            world: None,
            early: Vec::new(),
            round: None,
            roomy: false,
            resume: None,
            alarm: None,
            planning: Planning::default(),
            repairs: Repairs::default(),
        }
    }

    async fn loaded(&mut self, me: &Address<Msg>, loaded: Loaded) {
        let world = loaded.into_world();
        for (expert, _) in world.experts.values() {
            take_back(&self.tree, expert, None);
        }
        self.world = Some(world);
        for early in std::mem::take(&mut self.early) {
            self.act(me, early).await;
        }
        self.set_alarm(me);
        self.open_market();
        self.handle.dispatching.store(true, Ordering::Release);
    }

    async fn act(&mut self, me: &Address<Msg>, msg: Msg) {
        let now = self.tree.clock.now();
        let Some(world) = &mut self.world else { return };
        match msg {
            Msg::Loaded(_) | Msg::Next => {}
            Msg::Learnt { reading, demand } => self.learnt(reading, *demand),
            Msg::Ticket(ticket) if ticket.region == self.id => world.take(&ticket, now),
            Msg::Ticket(ticket) => self.gone(ticket.number),
            Msg::Gone(number) => self.gone(number),
            Msg::Try(number) => {
                world.queue.set_ready(number, true);
                // A shift may have begun since the last plan, and nothing else says so.
                self.planning.stale = true;
            }
            Msg::Region(region) => {
                let other_terms = world.region.settings != region.settings;
                world.region = region;
                self.planning.stale = true;
                self.count_in_its_time(me);
                if other_terms {
                    // There may be room now that there was not.
                    self.wake_all();
                }
            }
            Msg::Expert(expert) => self.expert_changed(&expert),
            Msg::Route(route) => self.route_changed(me, &route),
            Msg::Bids(bids) => {
                let last = self.round.as_mut().filter(|round| round.id == bids.round).is_some_and(|r| r.hear(bids));
                if last {
                    self.award(me);
                }
            }
            Msg::BidDeadline(id) => {
                let bidding = self.round.as_ref().is_some_and(|r| r.id == id && !r.awaited.is_empty());
                if bidding {
                    self.award(me);
                }
            }
            Msg::Settled { round, number, answer } => self.settled(round, number, answer),
            Msg::SettleDeadline(id) => self.settle_deadline(id),
            Msg::Late => self.late(me).await,
            Msg::Drive(expert) => self.drive(&expert, now).await,
            Msg::Resume => self.resume = None,
            Msg::Optimise => self.wake_all(),
            Msg::Planned { nth, planned } => self.planned(me, nth, planned),
            Msg::Due => self.planning.rested(),
            Msg::Offers { from } => {
                world.offering.insert(from);
                self.planning.stale = true;
            }
            Msg::Wanted { number, by } => self.give_away(number, &by),
            Msg::Overtaken { number, from } => self.overtaken(me, number, &from),
        }
    }

    fn terms<'a>(
        &'a self,
        region: &'a Region,
        square: Option<&'a Square>,
        now: Timestamp,
        second_round: bool,
    ) -> Terms<'a> {
        let (settings, policy) = (&region.settings, self.tree.options.policy);
        Terms { now, settings, policy, second_round, drives: self.tree.drives(region, square) }
    }

    // The roster.

    fn expert_changed(&mut self, expert: &Arc<Expert>) {
        let Some(world) = &mut self.world else { return };
        let before = world.experts.get(&expert.id).map(|(profile, _)| profile.clone());
        if expert.region != self.id {
            world.experts.remove(&expert.id);
        } else if let Some(route) = self.tree.store.route(&expert.id) {
            world.experts.insert(expert.id.clone(), (expert.clone(), route));
        }
        world.candidates = None;
        self.planning.stale = true;
        take_back(&self.tree, expert, before.as_deref());
        self.wake(expert, 8 * WAKE);
        self.judge_again();
    }

    /// What is being judged is judged by what was: once more, when it is told to wait.
    fn judge_again(&mut self) {
        if let Some(round) = &mut self.round {
            round.overtaken = true;
        }
    }

    fn wake(&mut self, expert: &Expert, limit: usize) {
        let until = self.tree.clock.now().plus_s(WINDOW_LEAD_S);
        let Some(world) = &mut self.world else { return };
        if !expert.retired {
            let woken = world.queue.wake(expert, f64::from(world.region.settings.reach_m), until, limit);
            self.roomy |= woken > 0;
        }
    }

    /// Without a plan whoever is free is asked about what waits.
    fn wake_for_the_free(&mut self) {
        let Some(world) = &self.world else { return };
        let free = world.experts.values().filter(|(_, route)| route.stops.is_empty());
        for expert in free.map(|(expert, _)| expert.clone()).collect::<Vec<_>>() {
            self.wake(&expert, WAKE);
        }
    }

    fn wake_all(&mut self) {
        let Some(world) = &self.world else { return };
        let everybody: Vec<_> = world.experts.values().map(|(expert, _)| expert.clone()).collect();
        for expert in everybody {
            self.wake(&expert, usize::MAX);
        }
        self.judge_again();
    }

    fn route_changed(&mut self, me: &Address<Msg>, route: &Arc<Route>) {
        let Some(world) = &mut self.world else { return };
        let Some((profile, known)) = world.experts.get_mut(&route.expert) else { return };
        if known.version >= route.version {
            return;
        }
        let before = std::mem::replace(known, route.clone());
        let profile = profile.clone();
        world.watch(route, LATE_GRACE_S);
        self.tell_moved(&before, route);
        self.rescue(me, route, 0);
        self.planning.stale |= planning::moved(&before, route);
        if route.stops.len() < before.stops.len() && !self.plans() {
            self.wake(&profile, WAKE);
        }
        self.set_alarm(me);
    }

    /// Tickets whose planned start moved are told; they decide whether it matters.
    fn tell_moved(&self, before: &Route, after: &Route) {
        for stop in &after.stops {
            let Some(old) = before.stop(stop.ticket, stop.visit) else { continue };
            if stop.planned_start.since_s(old.planned_start).abs() < REPLAN_S || old.state != stop.state {
                continue;
            }
            let command = Command::Replan {
                expert: after.expert.clone(),
                planned_start: stop.planned_start,
                planned_end: stop.planned_end,
            };
            send(&self.tree, stop.ticket, command, Reply::nobody());
        }
    }
}

/// Sends a command to a ticket's actor on behalf of the system.
pub(super) fn send(tree: &Arc<Tree>, number: TicketNumber, command: Command, reply: Reply<Result<Opened, Failure>>) {
    let caller = Arc::new(Caller::system());
    if let Err(crash) = super::tickets::send(tree, number, ticket::Msg::Command { command, caller, reply }) {
        tracing::warn!(ticket = %number, %crash, "a ticket's actor could not be started");
    }
}

pub(super) fn escalation(
    reason: EscalationReason,
    rules: &BTreeMap<Rule, u32>,
    at: Timestamp,
) -> crate::domain::decision::Escalation {
    crate::domain::decision::Escalation { at, reason, ruled: rules.iter().map(|(r, n)| (*r, *n)).collect() }
}

/// Visits that an expert will not come to go back to the queue: whatever became of the call that said
/// so, the profile says it too. A person may put a stop into an absence that they know of (P4), so a
/// forced one goes back only when an absence is new to `before`, the profile as it was.
fn take_back(tree: &Arc<Tree>, expert: &Expert, before: Option<&Expert>) {
    let Some(route) = tree.store.route(&expert.id) else { return };
    for stop in route.stops.iter().filter(|stop| stays_away(expert, before, stop)) {
        let reason = if expert.retired { "the expert has retired" } else { "the expert is absent" };
        send(tree, stop.ticket, Command::Unassign { reason: reason.to_owned() }, Reply::nobody());
    }
}

fn stays_away(expert: &Expert, before: Option<&Expert>, stop: &Stop) -> bool {
    let news = |absence: &Absence| before.is_some_and(|known| !known.absences.contains(absence));
    let within = |absence: &Absence| stop.planned_start < absence.to && stop.planned_end > absence.from;
    let absent = expert.absences.iter().any(|absence| within(absence) && (!stop.forced || news(absence)));
    !stop.started() && (expert.retired || absent)
}
