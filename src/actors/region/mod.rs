//! The region's dispatcher: the open queue and the auctions (contract net). It asks experts' actors
//! for bids, awards through the tickets' actors, and never blocks: every answer is a message, every
//! wait has a deadline. All it knows can be rebuilt from the store.

mod fail;
mod load;
mod queue;
mod round;

pub(super) use load::{Loaded, start};

use super::{
    expert::{self, Asked, BidRequest, Bids},
    reply::{Answer, Reply},
    service::{Caller, Failure, Opened},
    shell::{Address, Crash, Handler},
    supervise::Children,
    ticket, timers,
    tree::{Slot, Tree},
};
use crate::{
    domain::{
        decision::{EscalationReason, Rule},
        expert::Expert,
        fact::{Fact, State},
        ids::{ExpertId, RegionId, Thing, TicketNumber},
        region::Region,
        route::{Route, RouteCause, RouteEvent, StopState},
        ticket::{Command, Ticket, WaitReason, Waiting},
        time::Timestamp,
    },
    routing::{self, Candidates, Terms},
    storage::{Batch, Change, CommitError},
};
use queue::{Queue, Scope};
use round::{Contest, Heard, Outcome, Round};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// A region in the tree: its two actors, and whether it works.
pub(super) struct Handle {
    pub(super) id: RegionId,
    pub(super) dispatcher: Slot<Msg>,
    pub(super) timers: Slot<timers::Msg>,
    pub(super) children: Children<Part>,
    /// The dispatcher and the timers have read the store.
    pub(super) dispatching: AtomicBool,
    pub(super) timing: AtomicBool,
    parked: Mutex<Option<String>>,
    /// For the metrics.
    pub(super) queued: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Dispatcher,
    Timers,
}

impl Handle {
    pub(super) fn new(id: RegionId) -> Self {
        Self {
            id,
            dispatcher: Slot::default(),
            timers: Slot::default(),
            children: Children::new(),
            dispatching: AtomicBool::new(false),
            timing: AtomicBool::new(false),
            parked: Mutex::new(None),
            queued: AtomicU64::new(0),
        }
    }

    pub(super) fn parked(&self) -> Option<String> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn park(&self, why: Option<String>) {
        *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

pub(super) enum Msg {
    /// What the store had when this actor started.
    Loaded(Box<Loaded>),
    Ticket(Arc<Ticket>),
    Route(Arc<Route>),
    Expert(Arc<Expert>),
    Region(Arc<Region>),
    /// Went to another region.
    Gone(TicketNumber),
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
}

/// Visits in one auction round.
const VISITS_PER_ROUND: usize = 16;
/// At home, at home again, at the neighbours', and the end of it.
const ROUNDS_AT_ONCE: usize = 4;
/// Bids are awaited this long.
const BID_DEADLINE_MS: i64 = 200;
/// Awards are awaited this long; what is not settled then is looked up again.
const SETTLE_DEADLINE_MS: i64 = 2_500;
/// A plan may be overtaken by this much before it is re-timed, and then again after this much more.
const LATE_GRACE_S: i64 = 300;
/// People are told about a visit only this long before its window opens.
pub(super) const WINDOW_LEAD_S: i64 = 2 * 3_600;
/// Planned starts that move less than this are not worth an event.
const REPLAN_S: i64 = 60;
/// Neighbours tried when nobody at home can.
const NEIGHBOURS: usize = 6;
/// Tickets woken when one expert gets room.
const WAKE: usize = 4;
/// Awards in a row that may come too late before the ticket is left for its next try.
const STALE_LIMIT: u8 = 20;

pub(super) struct Dispatcher {
    id: RegionId,
    tree: Arc<Tree>,
    handle: Arc<Handle>,
    /// None until loaded: messages wait in `early`.
    world: Option<World>,
    early: Vec<Msg>,
    round: Option<Round>,
    next_round: u64,
    /// When the next route may be late, and the alarm set for it.
    alarm: Option<(Timestamp, tokio::task::AbortHandle)>,
}

struct World {
    region: Arc<Region>,
    experts: BTreeMap<ExpertId, (Arc<Expert>, Arc<Route>)>,
    queue: Queue,
    /// Made anew when the roster changed.
    candidates: Option<Candidates>,
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
        // A round that nobody has to be asked in ends at once, and the next one asks elsewhere: nobody
        // would send the message that starts it.
        for _ in 0..ROUNDS_AT_ONCE {
            if self.round.is_none() {
                self.start_round(me);
            }
        }
        if let Some(world) = &self.world {
            self.handle.queued.store(world.queue.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.handle.dispatching.store(false, Ordering::Release);
        let round = self.round.take().and_then(|round| round.deadline);
        for alarm in round.into_iter().chain(self.alarm.take().map(|(_, alarm)| alarm)) {
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
            next_round: 1,
            alarm: None,
        }
    }

    async fn loaded(&mut self, me: &Address<Msg>, loaded: Loaded) {
        self.world = Some(loaded.into_world());
        for early in std::mem::take(&mut self.early) {
            self.act(me, early).await;
        }
        self.set_alarm(me);
        self.handle.dispatching.store(true, Ordering::Release);
    }

    async fn act(&mut self, me: &Address<Msg>, msg: Msg) {
        let now = self.tree.clock.now();
        let Some(world) = &mut self.world else { return };
        match msg {
            Msg::Loaded(_) => {}
            Msg::Ticket(ticket) if ticket.region == self.id => world.queue.take(&ticket, now),
            Msg::Ticket(ticket) => world.queue.remove(ticket.number),
            Msg::Gone(number) => world.queue.remove(number),
            Msg::Try(number) => world.queue.set_ready(number, true),
            Msg::Region(region) => world.region = region,
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
        }
    }

    // The roster.

    fn expert_changed(&mut self, expert: &Arc<Expert>) {
        let Some(world) = &mut self.world else { return };
        if expert.region != self.id {
            world.experts.remove(&expert.id);
        } else if let Some(route) = self.tree.store.route(&expert.id) {
            world.experts.insert(expert.id.clone(), (expert.clone(), route));
        }
        world.candidates = None;
        self.wake(expert, 8 * WAKE);
    }

    fn wake(&mut self, expert: &Expert, limit: usize) {
        let until = self.tree.clock.now().plus_s(WINDOW_LEAD_S);
        let Some(world) = &mut self.world else { return };
        if !expert.retired {
            world.queue.wake(expert, f64::from(world.region.settings.reach_m), until, limit);
        }
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
        if route.stops.len() < before.stops.len() {
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

    // The auction.

    fn start_round(&mut self, me: &Address<Msg>) {
        let now = self.tree.clock.now();
        let Some(world) = &mut self.world else { return };
        if !world.queue.has_ready() {
            return;
        }
        let (scope, numbers) = world.queue.next(VISITS_PER_ROUND);
        let mut round = Round {
            id: self.next_round,
            at: now,
            scope,
            contests: Vec::new(),
            awaited: BTreeSet::new(),
            pending: BTreeSet::new(),
            deadline: None,
        };
        self.next_round += 1;
        let mut early: Vec<TicketNumber> = Vec::new();
        for number in numbers {
            let Some(entry) = world.queue.entry(number) else { continue };
            if entry.spec.window.is_some_and(|window| window.from > now.plus_s(WINDOW_LEAD_S)) {
                early.push(number);
                continue;
            }
            let asked = Arc::new(Asked { spec: entry.spec.clone(), second_round: entry.second_round });
            let contest =
                Contest { asked, ticket_version: entry.version, verdicts: BTreeMap::new(), ruled_out: BTreeMap::new() };
            round.contests.push(contest);
        }
        let whom = match scope {
            Scope::Home => world.ask_home(&mut round),
            Scope::Neighbours => ask_neighbours(&self.tree, world, &mut round),
        };
        self.tree.meters.auctions.add(1);
        self.send_requests(&mut round, whom);
        let bidding = !round.awaited.is_empty();
        self.round = Some(round);
        for number in early {
            self.wait_for_window(me, number);
        }
        self.escalate_unplaced(me);
        if bidding {
            self.set_deadline(me, now.plus_ms(BID_DEADLINE_MS), Msg::BidDeadline);
        } else {
            self.award(me);
        }
    }

    fn send_requests(&self, round: &mut Round, whom: BTreeSet<ExpertId>) {
        let Some(world) = &self.world else { return };
        let request = Arc::new(BidRequest {
            round: round.id,
            at: round.at,
            asker: self.id.clone(),
            terms_of: world.region.clone(),
            policy: self.tree.options.policy,
            visits: round.contests.iter().map(|contest| contest.asked.clone()).collect(),
        });
        for id in whom {
            for contest in &mut round.contests {
                let silent = Heard { profile: None, route: None, position: None, verdict: Err(Rule::NoAnswer) };
                contest.verdicts.insert(id.clone(), silent);
            }
            let sent = expert::need(&self.tree, &id).is_ok_and(|a| a.send(expert::Msg::Bid(request.clone())));
            if sent {
                round.awaited.insert(id);
            }
        }
    }

    fn set_deadline(&mut self, me: &Address<Msg>, at: Timestamp, msg: fn(u64) -> Msg) {
        let Some(round) = &mut self.round else { return };
        if let Some(before) = round.deadline.replace(me.send_at(at, msg(round.id))) {
            before.abort();
        }
    }

    /// All bids are in, or time is up: award each visit to its best bidder, most urgent first.
    fn award(&mut self, me: &Address<Msg>) {
        let now = self.tree.clock.now();
        let Some(mut round) = self.round.take() else { return };
        round.awaited.clear();
        let mut taken = BTreeSet::new();
        let mut nobody = Vec::new();
        let contests = std::mem::take(&mut round.contests);
        for contest in contests {
            let number = contest.asked.spec.ticket;
            match contest.outcome(&taken) {
                Outcome::Later => {}
                Outcome::Nobody => nobody.push(contest),
                Outcome::Award { expert, bid } => {
                    taken.insert(expert.clone());
                    let command = match round.scope {
                        Scope::Home => self.offer(&contest, expert, bid, round.at),
                        Scope::Neighbours => hand_over(&contest, expert),
                    };
                    match command {
                        Some(command) => self.settle(me, &mut round, number, command),
                        None => self.reload(number),
                    }
                }
            }
        }
        for contest in nobody {
            self.failed(me, &mut round, &contest, now);
        }
        self.round = Some(round);
        self.finish_or_wait(me, now);
    }

    fn finish_or_wait(&mut self, me: &Address<Msg>, now: Timestamp) {
        if self.round.as_ref().is_some_and(|round| round.pending.is_empty()) {
            self.end_round();
        } else {
            self.set_deadline(me, now.plus_ms(SETTLE_DEADLINE_MS), Msg::SettleDeadline);
        }
    }

    fn offer(
        &self,
        contest: &Contest,
        expert: &ExpertId,
        bid: &crate::domain::decision::Bid,
        now: Timestamp,
    ) -> Option<Command> {
        let world = self.world.as_ref()?;
        let heard = contest.verdicts.get(expert)?;
        let (profile, route) = (heard.profile.as_ref()?, heard.route.as_ref()?);
        let ticket = self.tree.store.ticket(contest.asked.spec.ticket).ok()??;
        if ticket.region != self.id {
            return None;
        }
        let terms = Terms {
            now,
            settings: &world.region.settings,
            policy: self.tree.options.policy,
            second_round: contest.asked.second_round,
        };
        let spec = &contest.asked.spec;
        let anchored = routing::anchored(route, profile, heard.position, &terms);
        let route = routing::insert(&anchored, spec, bid, ticket.next_offer, false, profile, &terms);
        let decision = contest.decision(Some(expert), &world.region, terms.policy, now);
        Some(Command::Offer { decision: Box::new(decision), expert: expert.clone(), route: Box::new(route) })
    }

    /// Sends a command about a contested ticket; the round is over when all are answered.
    fn settle(&self, me: &Address<Msg>, round: &mut Round, number: TicketNumber, command: Command) {
        round.pending.insert(number);
        let (to, id) = (me.clone(), round.id);
        let reply = Reply::then(move |answer| {
            to.send(Msg::Settled { round: id, number, answer });
        });
        send(&self.tree, number, command, reply);
    }

    fn settled(&mut self, id: u64, number: TicketNumber, answer: Answer<Result<Opened, Failure>>) {
        let now = self.tree.clock.now();
        let Some(world) = &mut self.world else { return };
        let mut reload = false;
        match answer {
            Answer::Done(Ok(Opened { ticket, .. })) => {
                if ticket.visit.offer.is_some() {
                    self.tree.meters.awards.add(1);
                }
                if ticket.region == self.id {
                    world.queue.take(&ticket, now);
                    // Nothing changed (it waits as it did before): not ready until somebody has room.
                    if ticket.waiting.as_ref().is_some_and(|waiting| waiting.next_try_at > now) {
                        world.queue.set_ready(number, false);
                    }
                } else {
                    world.queue.remove(number);
                }
            }
            Answer::Done(Err(Failure::Stale(_))) => {
                self.tree.meters.stale_awards.add(1);
                let entry = world.queue.entry(number);
                let too_often = entry.is_some_and(|entry| {
                    entry.stale = (entry.stale + 1) % STALE_LIMIT;
                    entry.stale == 0
                });
                if too_often {
                    // Everybody else is faster: come again in a minute.
                    let waiting = Waiting { reason: WaitReason::AllFull, next_try_at: now.plus_s(60) };
                    world.queue.set_ready(number, false);
                    send(&self.tree, number, Command::Wait { decision: None, waiting }, Reply::nobody());
                }
            }
            Answer::Done(Err(_)) | Answer::Lost { .. } => reload = true,
        }
        if reload {
            self.reload(number);
        }
        let Some(round) = self.round.as_mut().filter(|round| round.id == id) else { return };
        round.pending.remove(&number);
        if round.pending.is_empty() && round.awaited.is_empty() {
            self.end_round();
        }
    }

    /// What the store says of a ticket whose command failed.
    fn reload(&mut self, number: TicketNumber) {
        let now = self.tree.clock.now();
        let Some(world) = &mut self.world else { return };
        match self.tree.store.ticket(number) {
            Ok(Some(ticket)) if ticket.region == self.id => world.queue.take(&ticket, now),
            Ok(_) => world.queue.remove(number),
            Err(fault) => tracing::error!(ticket = %number, %fault, "could not read a ticket back"),
        }
    }

    fn settle_deadline(&mut self, id: u64) {
        let Some(round) = self.round.as_ref().filter(|round| round.id == id) else { return };
        for number in round.pending.clone() {
            self.reload(number);
        }
        self.end_round();
    }

    fn end_round(&mut self) {
        if let Some(deadline) = self.round.take().and_then(|round| round.deadline) {
            deadline.abort();
        }
    }

    // Lateness.

    fn set_alarm(&mut self, me: &Address<Msg>) {
        let Some((next, _)) = self.world.as_ref().and_then(|world| world.moments.first()) else { return };
        let next = *next;
        if self.alarm.as_ref().is_some_and(|(at, _)| *at <= next) {
            return;
        }
        if let Some((_, before)) = self.alarm.replace((next, me.send_at(next, Msg::Late))) {
            before.abort();
        }
    }

    /// Re-times the routes that the clock has overtaken.
    async fn late(&mut self, me: &Address<Msg>) {
        self.alarm = None;
        let now = self.tree.clock.now();
        loop {
            let Some(world) = &mut self.world else { return };
            let Some((at, expert)) = world.moments.first().cloned() else { break };
            if at > now {
                break;
            }
            world.moments.pop_first();
            world.moment_of.remove(&expert);
            self.slide(&expert, now).await;
        }
        self.set_alarm(me);
    }

    async fn slide(&mut self, expert: &ExpertId, now: Timestamp) {
        let Some(world) = &mut self.world else { return };
        let Some((profile, _)) = world.experts.get(expert).cloned() else { return };
        let Some(route) = self.tree.store.route(expert) else { return };
        let terms =
            Terms { now, settings: &world.region.settings, policy: self.tree.options.policy, second_round: false };
        let Some(next) = routing::slide(&route, &profile, &terms) else {
            // Late by less than is worth an event: look again later.
            world
                .watch(&route, now.since_s(route.stops.first().map_or(now, |s| s.planned_start)).max(0) + LATE_GRACE_S);
            return;
        };
        let event = RouteEvent::Changed {
            cause: RouteCause::Late,
            stops: next.stops,
            anchor: next.anchor,
            served: next.served,
            region: self.id.clone(),
        };
        let thing = Thing::Route(expert.clone());
        let change = Change::new(self.id.clone(), thing, Some(State::Route(route)), vec![Fact::Route(event)]);
        let Ok(change) = change else { return };
        let caller = Caller::system();
        let batch = Batch {
            envelope: ticket::envelope(&caller, now),
            changes: vec![change],
            guards: Vec::new(),
            claims: Vec::new(),
        };
        // Whoever changed it first told us, or will.
        match ticket::commit(&self.tree, batch, &caller).await {
            Ok(()) | Err(CommitError::Conflict(_)) => {}
            Err(error) => tracing::warn!(%error, %expert, "a late route could not be re-timed"),
        }
    }
}

impl World {
    /// Experts of this region who could do any of the visits; the index says who and why not others.
    fn ask_home(&mut self, round: &mut Round) -> BTreeSet<ExpertId> {
        let candidates = self.candidates.get_or_insert_with(|| {
            let roster: Vec<_> = self.experts.values().map(|(expert, _)| expert.clone()).collect();
            Candidates::new(&roster)
        });
        let mut whom = BTreeSet::new();
        for contest in &mut round.contests {
            let found = candidates.find(&contest.asked.spec, &self.region.settings);
            contest.ruled_out = found.ruled.into_iter().collect();
            whom.extend(found.experts);
        }
        whom
    }

    /// Notes when the clock overtakes this route.
    fn watch(&mut self, route: &Route, grace_s: i64) {
        if let Some(before) = self.moment_of.remove(&route.expert) {
            self.moments.remove(&(before, route.expert.clone()));
        }
        let Some(stop) = route.stops.first() else { return };
        let planned = match stop.state {
            StopState::Offered => return,
            StopState::Assigned => stop.planned_depart,
            StopState::EnRoute => stop.planned_start,
            StopState::OnSite => stop.planned_end,
        };
        let moment = planned.plus_s(grace_s);
        self.moments.insert((moment, route.expert.clone()));
        self.moment_of.insert(route.expert.clone(), moment);
    }
}

fn hand_over(contest: &Contest, expert: &ExpertId) -> Option<Command> {
    let to = contest.verdicts.get(expert)?.profile.as_ref()?.region.clone();
    let why = format!("nobody at home could come; {expert} of {to} can");
    Some(Command::HandOver { to, why })
}

/// Experts of the nearest regions who have the skills.
fn ask_neighbours(tree: &Tree, world: &World, round: &mut Round) -> BTreeSet<ExpertId> {
    let sheet = tree.atlas.sheet(&tree.store);
    let mut whom = BTreeSet::new();
    for contest in &mut round.contests {
        let spec = &contest.asked.spec;
        let reach_m = f64::from(world.region.settings.reach_m);
        for region in sheet.neighbours(&world.region.id, spec.place, reach_m, NEIGHBOURS) {
            let able = tree.store.experts(Some(&region)).into_iter().filter(|expert| {
                !expert.retired && crate::domain::skill::first_unmet(&expert.skills, &spec.skills).is_none()
            });
            whom.extend(able.map(|expert| expert.id.clone()));
        }
    }
    whom
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
