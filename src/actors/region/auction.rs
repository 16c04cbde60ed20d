//! The auction (contract net): visits are put out to tender in rounds, experts' actors bid, the best
//! bid wins, the ticket's actor commits. One round at a time; each ends when all it awarded is settled
//! or its deadline has come. What went wrong is read back from the store and tried again.

use super::{
    Dispatcher, Msg, WINDOW_LEAD_S, World,
    queue::Scope,
    round::{Contest, Heard, Outcome, Round, Tender},
    send,
};
use crate::{
    actors::{
        expert::{self, Asked, BidRequest},
        failure::Failure,
        reply::{Answer, Reply},
        service::Opened,
        shell::Address,
        tree::Tree,
    },
    domain::{
        decision::{Bid, Rule},
        ids::{ExpertId, RegionId, TicketNumber},
        ticket::{Command, WaitReason, Waiting},
        time::Timestamp,
    },
    routing::{self, Candidates},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Visits in one auction round.
const VISITS_PER_ROUND: usize = 16;
/// Bids are awaited this long.
const BID_DEADLINE_MS: i64 = 200;
/// Awards are awaited this long; what is not settled then is looked up again.
const SETTLE_DEADLINE_MS: i64 = 2_500;
/// When there is no turn for a round now, it is looked for again after this.
const RESUME_MS: i64 = 250;
/// Neighbours tried when nobody at home can.
const NEIGHBOURS: usize = 6;
/// Awards in a row that may come too late before the ticket is left for its next try.
const STALE_LIMIT: u8 = 20;

impl Dispatcher {
    /// False when there is nothing to hold a round about, or no turn for it now.
    pub(super) fn start_round(&mut self, me: &Address<Msg>) -> bool {
        let now = self.tree.clock.now();
        if !self.worth_a_round(me, now) {
            return false;
        }
        let kept = self.plans() && self.planning.holds();
        let Some(world) = &mut self.world else { return false };
        let planned = self.planning.take_due(VISITS_PER_ROUND);
        let (scope, numbers) = if planned.is_empty() {
            world.queue.next(VISITS_PER_ROUND)
        } else {
            (Scope::Home, planned.keys().copied().collect())
        };
        let mut round = Round {
            id: self.handle.rounds.fetch_add(1, Ordering::Relaxed) + 1,
            at: now,
            scope,
            square: self.tree.square(&world.region),
            contests: Vec::new(),
            awaited: BTreeSet::new(),
            pending: BTreeSet::new(),
            deadline: None,
            overtaken: false,
        };
        let (mut early, mut refused, mut later) = (Vec::new(), Vec::new(), Vec::new());
        for number in numbers {
            let Some(entry) = world.queue.peek(number) else { continue };
            if !entry.escalated && world.rounds_used_up(number) {
                refused.push(number);
                continue;
            }
            if entry.spec.window.is_some_and(|window| window.from > now.plus_s(WINDOW_LEAD_S)) {
                early.push(number);
                continue;
            }
            let begins = self.planning.later(number).filter(|_| kept);
            let tender = match (planned.get(&number), scope, begins) {
                (Some(due), ..) => Tender::Planned(due.clone()),
                (None, Scope::Home, Some(begins)) => {
                    later.push((number, begins));
                    continue;
                }
                // Whom neighbours have for it, their plans say.
                (None, ..) if kept => Tender::LeftOut,
                (None, ..) => Tender::Open,
            };
            let asked = Arc::new(Asked { spec: entry.spec.clone(), second_round: entry.second_round });
            let contest = Contest {
                tender,
                asked,
                ticket_version: entry.version,
                verdicts: BTreeMap::new(),
                ruled_out: BTreeMap::new(),
            };
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
        for number in refused {
            self.escalate_refused(me, number);
        }
        for (number, begins) in later {
            self.wait_for_plan(me, number, begins);
        }
        self.escalate_unplaced(me);
        if bidding {
            self.set_deadline(me, now.plus_ms(BID_DEADLINE_MS), Msg::BidDeadline);
        } else {
            self.award(me);
        }
        true
    }

    /// Rounds that lead nowhere are bounded for all regions together: a flood of tickets that nobody
    /// can serve must not crowd out intake. Rounds after somebody got room, or that award, are not.
    fn worth_a_round(&mut self, me: &Address<Msg>, now: Timestamp) -> bool {
        if self.plans() && !self.planning.settled() {
            return false;
        }
        if self.planning.has_due() {
            return true;
        }
        let ready = self.world.as_ref().is_some_and(|world| world.queue.has_ready());
        if !ready || std::mem::take(&mut self.roomy) || self.tree.fruitless(|pace| pace.take(now)) {
            return ready;
        }
        if self.resume.is_none() {
            self.resume = Some(me.send_at(now.plus_ms(RESUME_MS), Msg::Resume));
        }
        false
    }

    fn send_requests(&self, round: &mut Round, whom: BTreeSet<ExpertId>) {
        let Some(world) = &self.world else { return };
        let request = Arc::new(BidRequest {
            round: round.id,
            at: round.at,
            asker: self.id.clone(),
            terms_of: world.region.clone(),
            square: round.square.clone(),
            policy: self.tree.options.policy,
            visits: round.contests.iter().map(|contest| contest.asked.clone()).collect(),
        });
        for id in whom {
            for contest in &mut round.contests {
                let silent =
                    Heard { profile: None, route: None, position: None, verdict: Err(Rule::NoAnswer), kept: None };
                contest.verdicts.insert(id.clone(), silent);
            }
            let sent = expert::send(&self.tree, &id, expert::Msg::Bid(request.clone())).is_ok();
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
    pub(super) fn award(&mut self, me: &Address<Msg>) {
        let now = self.tree.clock.now();
        let Some(mut round) = self.round.take() else { return };
        round.awaited.clear();
        let round_at = round.at;
        let mut taken = BTreeSet::new();
        let mut nobody = Vec::new();
        let contests = std::mem::take(&mut round.contests);
        for mut contest in contests {
            let number = contest.asked.spec.ticket;
            contest.keep_to_plan(&self.planning);
            match contest.outcome(&taken) {
                Outcome::Later => {}
                Outcome::Stale => self.planning.stale = true,
                Outcome::Nobody => nobody.push(contest),
                Outcome::Award { expert, bid } => {
                    taken.insert(expert.clone());
                    let command = match round.scope {
                        Scope::Home => self.offer(&round, &contest, expert, bid),
                        Scope::Neighbours => hand_over(&contest, expert),
                    };
                    match command {
                        Some(command) => self.settle(me, &mut round, number, command),
                        None => self.reload(number),
                    }
                }
            }
        }
        if !taken.is_empty() {
            self.tree.fruitless(super::super::pace::Pace::give_back);
        }
        for contest in nobody {
            self.failed(me, &mut round, &contest, round_at);
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

    fn offer(&self, round: &Round, contest: &Contest, expert: &ExpertId, bid: &Bid) -> Option<Command> {
        let now = round.at;
        let world = self.world.as_ref()?;
        let heard = contest.verdicts.get(expert)?;
        let (profile, route) = (heard.profile.as_ref()?, heard.route.as_ref()?);
        let ticket = self.tree.store.ticket(contest.asked.spec.ticket).ok()??;
        if ticket.region != self.id {
            return None;
        }
        let terms = self.terms(&world.region, round.square.as_deref(), now, contest.asked.second_round);
        let spec = &contest.asked.spec;
        let anchored = routing::anchored(route, profile, heard.position, &terms);
        let route = routing::insert(&anchored, spec, bid, ticket.next_offer, false, profile, &terms);
        let decision = contest.decision(Some(expert), &world.region, terms.policy, terms.drives, now);
        Some(Command::Offer { decision: Box::new(decision), expert: expert.clone(), route: Box::new(route) })
    }

    /// Sends a command about a contested ticket; the round is over when all are answered.
    pub(super) fn settle(&self, me: &Address<Msg>, round: &mut Round, number: TicketNumber, command: Command) {
        round.pending.insert(number);
        let (to, id) = (me.clone(), round.id);
        let reply = Reply::then(move |answer| {
            to.send(Msg::Settled { round: id, number, answer });
        });
        send(&self.tree, number, command, reply);
    }

    pub(super) fn settled(&mut self, id: u64, number: TicketNumber, answer: Answer<Result<Opened, Failure>>) {
        let now = self.tree.clock.now();
        let Some(world) = &mut self.world else { return };
        // Somebody changed who was asked before: what they would say now is not known.
        let overtaken = self.round.as_ref().is_some_and(|round| round.id == id && round.overtaken);
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
                        world.queue.set_ready(number, overtaken);
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
            Err(fault) => {
                tracing::error!(ticket = %number, %fault, "could not read a ticket back");
                world.queue.set_ready(number, false);
            }
        }
    }

    pub(super) fn settle_deadline(&mut self, id: u64) {
        let Some(round) = self.round.as_ref().filter(|round| round.id == id) else { return };
        for number in round.pending.clone() {
            self.reload(number);
        }
        self.end_round();
    }

    fn end_round(&mut self) {
        let Some(round) = self.round.take() else { return };
        let took_ms = self.tree.clock.now().since_ms(round.at);
        self.tree.meters.auction_seconds.took(Duration::from_millis(took_ms.unsigned_abs()));
        if let Some(deadline) = round.deadline {
            deadline.abort();
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
}

fn hand_over(contest: &Contest, expert: &ExpertId) -> Option<Command> {
    let to = contest.verdicts.get(expert)?.profile.as_ref()?.region.clone();
    let why = format!("nobody at home could come; {expert} of {to} can");
    Some(Command::HandOver { to, why })
}

/// The regions that may help; nearest first.
pub(super) fn neighbours(tree: &Tree, world: &World) -> Arc<[RegionId]> {
    let reach_m = f64::from(world.region.settings.reach_m);
    tree.atlas.sheet(&tree.store).neighbours(&world.region.id, reach_m, NEIGHBOURS)
}

/// Experts of the nearest regions who have the skills.
fn ask_neighbours(tree: &Tree, world: &World, round: &mut Round) -> BTreeSet<ExpertId> {
    let near = neighbours(tree, world);
    let mut whom = BTreeSet::new();
    for contest in &mut round.contests {
        let spec = &contest.asked.spec;
        for region in &*near {
            let able = tree.store.experts(Some(region)).into_iter().filter(|expert| {
                !expert.retired && crate::domain::skill::first_unmet(&expert.skills, &spec.skills).is_none()
            });
            whom.extend(able.map(|expert| expert.id.clone()));
        }
    }
    whom
}
