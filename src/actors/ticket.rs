//! The ticket actor: the only one that decides for its ticket. Command -> pure `decide` -> batch ->
//! commit -> reply. It owns nothing that a restart loses: its state is a cache of the store's.
//! A guard that broke is retried with fresh versions inside the caller's patience, never shown.

use super::{
    caller::Caller,
    failure::Failure,
    pulse::ForTheJournal,
    region,
    reply::Reply,
    service::Opened,
    shell::{Address, Crash, Handler},
    timers,
    tree::Tree,
};
use crate::{
    domain::{
        decision::{Policy, Verdict},
        fact::{Fact, State},
        ids::{ExpertId, RegionId, Seq, Thing, TicketNumber, Version},
        region::Region,
        route::{Route, RouteCause, RouteEvent},
        ticket::{Command, Ctx, Decided, Refusal, Role, RouteEffect, Ticket, TicketEvent, decide},
        time::Timestamp,
    },
    routing::{self, Terms, VisitSpec},
    storage::{Batch, Change, Claim, CommitError, Committed, Envelope, Outcome},
};
use std::sync::Arc;

pub(super) enum Msg {
    Command {
        command: Command,
        caller: Arc<Caller>,
        reply: Reply<Result<Opened, Failure>>,
    },
    /// Its person was erased: what it remembers may hold their words.
    Forget(Reply<()>),
    /// Nobody needed it for a while: end, and be started again when needed.
    Passivate,
}

pub(super) struct TicketActor {
    number: TicketNumber,
    tree: Arc<Tree>,
    cached: Option<Arc<Ticket>>,
    /// What the ticket's last event was and which trace it belongs to, as far as this actor knows.
    origin: Option<Origin>,
}

/// What the system's own commands (timers, awards, deliveries) follow from.
#[derive(Clone)]
struct Origin {
    seq: Seq,
    trace: Option<String>,
}

/// Conflicts in a row after which the caller is told to come again.
const ATTEMPTS: usize = 16;

impl Handler for TicketActor {
    type Msg = Msg;

    async fn handle(&mut self, me: &Address<Msg>, msg: Msg) -> Result<(), Crash> {
        match msg {
            Msg::Command { command, caller, mut reply } => {
                reply.begin();
                let answer = self.execute(command, &caller).await;
                reply.done(answer);
            }
            Msg::Forget(reply) => {
                self.forget();
                reply.done(());
            }
            Msg::Passivate => {
                self.tree.tickets.forget(&self.number, me.cell().get_id());
                me.cell().stop(None);
            }
        }
        Ok(())
    }
}

impl TicketActor {
    pub(super) fn new(number: TicketNumber, tree: Arc<Tree>) -> Self {
        Self { number, tree, cached: None, origin: None }
    }

    async fn execute(&mut self, command: Command, caller: &Caller) -> Result<Opened, Failure> {
        for _ in 0..ATTEMPTS {
            let ticket = self.load()?;
            if caller.if_match.is_some_and(|seen| seen != ticket.version) {
                return Err(Failure::Stale(ticket.version));
            }
            match self.attempt(&ticket, command.clone(), caller).await {
                Attempt::Done(answer) => return answer,
                Attempt::Again => self.forget(),
            }
        }
        Err(Failure::Overloaded { retry_after_s: 1 })
    }

    fn load(&mut self) -> Result<Arc<Ticket>, Failure> {
        if let Some(ticket) = &self.cached {
            return Ok(ticket.clone());
        }
        let found = self.tree.store.ticket(self.number).map_err(Failure::from)?;
        let ticket = found.ok_or_else(|| Failure::NotFound(format!("ticket {}", self.number)))?;
        self.cached = Some(ticket.clone());
        Ok(ticket)
    }

    fn forget(&mut self) {
        (self.cached, self.origin) = (None, None);
    }

    /// The envelope of what this caller does. What the system does goes on with the trace of the event
    /// that led to it, and names that event.
    fn envelope(&mut self, caller: &Caller, now: Timestamp) -> Envelope {
        let mut envelope = envelope(caller, now);
        if caller.who.role != Role::System {
            return envelope;
        }
        if self.origin.is_none() {
            // One read of the journal for each actor that starts; without it the chain has a gap, no more.
            let found = self.tree.store.origin(&Thing::Ticket(self.number));
            self.origin = found.ok().flatten().map(|(seq, trace)| Origin { seq, trace });
        }
        if let Some(origin) = &self.origin {
            envelope.cause = Some(origin.seq);
            envelope.trace_id = envelope.trace_id.or_else(|| origin.trace.clone());
        }
        envelope
    }

    async fn attempt(&mut self, ticket: &Arc<Ticket>, command: Command, caller: &Caller) -> Attempt {
        let store = &self.tree.store;
        let Some(region) = store.region(&ticket.region) else {
            return Attempt::Done(Err(Failure::Fault(format!("region {} is unknown", ticket.region))));
        };
        let catalogue = store.catalogue();
        let ctx = Ctx {
            now: self.tree.clock.now(),
            who: &caller.who,
            settings: &region.settings,
            calendar: region.settings.calendar.as_deref().and_then(|name| catalogue.calendar(name)),
            zone: &region.time_zone,
        };
        let auction = auction_of(&command);
        let award = matches!(command, Command::Offer { .. } | Command::Assign { .. } | Command::Reassign { .. });
        let expert_version = winner_version(&command);
        let decided = match decide(ticket, command, &ctx) {
            Ok(decided) => decided,
            Err(refusal) => return Attempt::Done(refused(&self.tree, refusal, ticket, caller).await),
        };
        if decided.events.is_empty() {
            return Attempt::Done(answer(decided.refused, ticket.clone()));
        }
        let plan = match self.plan(ticket, &decided, &region) {
            Ok(plan) => plan,
            Err(Unplanned::Stale) => return Attempt::Done(Err(Failure::Stale(ticket.version))),
            Err(Unplanned::Refused(refusal)) => {
                return Attempt::Done(refused(&self.tree, refusal, ticket, caller).await);
            }
            Err(Unplanned::Misfit(what)) => return Attempt::Done(Err(Failure::Fault(what))),
        };
        let after = plan.after.clone();
        let envelope = self.envelope(caller, ctx.now);
        let trace = envelope.trace_id.clone();
        let events = plan.changes.first().map_or(0, |change| change.events.len()) as Seq;
        let batch = Batch {
            envelope,
            claims: claims(caller, &after, ctx.now),
            guards: expert_version.into_iter().map(|(expert, v)| (Thing::Expert(expert), v)).collect(),
            changes: plan.changes,
        };
        match commit(&self.tree, batch, caller).await {
            Ok(committed) => {
                self.cached = Some(after.clone());
                // The ticket's own change is the first of the batch.
                self.origin = Some(Origin { seq: committed.first_seq + events - 1, trace });
                decided.events.iter().for_each(|event| self.count(event));
                self.span_of(auction);
                self.leave(&ticket.region, &after);
                Attempt::Done(answer(decided.refused, after))
            }
            Err(CommitError::Conflict(Thing::Ticket(_))) => Attempt::Again,
            // The route or profile an award was based on moved: whoever made it must judge anew.
            Err(CommitError::Conflict(_)) if award => Attempt::Done(Err(Failure::Stale(ticket.version))),
            Err(CommitError::Conflict(_)) => Attempt::Again,
            Err(other) => {
                self.forget();
                Attempt::Done(Err(Failure::of_commit(other, &self.tree)))
            }
        }
    }

    /// The auction that led to an award, as a span of the ticket's trace.
    fn span_of(&self, auction: Option<(Timestamp, usize)>) {
        let (Some((at, candidates)), Some(origin)) = (auction, &self.origin) else { return };
        if let Some(span) = self.tree.spans().begin("auction", origin.trace.as_deref(), 0) {
            span.begun_ms(at.0).with("callout.candidates", candidates as i64).finish(None);
        }
    }

    fn count(&self, event: &TicketEvent) {
        let counted = &self.tree.meters.deliveries;
        if let TicketEvent::DeliverySent { channel, .. } = event {
            counted.add(channel.name(), "sent", 1);
        } else if let TicketEvent::DeliveryFailed { channel, .. } = event {
            counted.add(channel.name(), "failed", 1);
        } else if let TicketEvent::DeliveryReceived { .. } = event {
            // Only apps send receipts.
            counted.add("push", "received", 1);
        }
    }

    /// The region that gave the ticket away forgets it (should this get lost, it finds out on its own).
    fn leave(&self, from: &RegionId, after: &Ticket) {
        if *from != after.region
            && let Some(handle) = self.tree.region(from)
        {
            handle.timers.send(timers::Msg::Gone(self.number));
            handle.dispatcher.send(region::Msg::Gone(self.number));
        }
    }

    /// Everything that becomes true together: the ticket's events and the routes they touch.
    fn plan(&self, ticket: &Arc<Ticket>, decided: &Decided, region: &Arc<Region>) -> Result<Plan, Unplanned> {
        let mut after = Ticket::clone(ticket);
        decided.events.iter().for_each(|event| after.apply(event));
        let mut changes = Vec::with_capacity(1 + decided.routes.len());
        let mut facts: Vec<Fact> = decided.events.iter().cloned().map(Fact::Ticket).collect();
        for (expert, effect) in &decided.routes {
            let Some(change) = self.route_change(ticket, &after, expert, effect, region)? else { continue };
            if matches!(effect, RouteEffect::Restore) {
                let now = self.tree.clock.now();
                facts.extend(replanned(&change, &after, now).map(Fact::Ticket));
            }
            changes.push(change);
        }
        let thing = Thing::Ticket(ticket.number);
        let before = Some(State::Ticket(ticket.clone()));
        let owner = decided.events.iter().find_map(|event| match event {
            TicketEvent::HandedOver { to, .. } => Some(to.clone()),
            _ => None,
        });
        let owner = owner.unwrap_or_else(|| ticket.region.clone());
        let change = Change::new(owner, thing, before, facts).map_err(|e| Unplanned::Misfit(e.to_string()))?;
        let State::Ticket(after) = change.after.clone() else {
            return Err(Unplanned::Misfit("a ticket became something else".into()));
        };
        changes.insert(0, change);
        Ok(Plan { changes, after })
    }

    fn route_change(
        &self,
        ticket: &Arc<Ticket>,
        after: &Ticket,
        expert: &ExpertId,
        effect: &RouteEffect,
        region: &Arc<Region>,
    ) -> Result<Option<Change>, Unplanned> {
        let store = &self.tree.store;
        let (Some(before), Some(profile)) = (store.route(expert), store.expert(expert)) else {
            return Ok(None);
        };
        let square = self.tree.square(region);
        let terms = Terms {
            now: self.tree.clock.now(),
            settings: &region.settings,
            policy: Policy::Insertion,
            second_round: true,
            drives: self.tree.drives(region, square.as_deref()),
        };
        let next = match effect {
            RouteEffect::Put(route) if route.version != before.version => return Err(Unplanned::Stale),
            RouteEffect::Put(route) => Some((**route).clone()),
            RouteEffect::Restore => Some(restore(after, &before, &profile, &terms)?),
            RouteEffect::Accept
            | RouteEffect::Rewindow(_)
            | RouteEffect::Remove
            | RouteEffect::Depart(_)
            | RouteEffect::Arrive(_)
            | RouteEffect::Finish { .. } => {
                routing::replan(&before, ticket.number, ticket.visit.no, effect, &profile, &terms)
            }
        };
        let Some(next) = next else { return Ok(None) };
        let event = RouteEvent::Changed {
            cause: cause(effect),
            stops: next.stops,
            anchor: next.anchor,
            served: next.served,
            region: profile.region.clone(),
        };
        let thing = Thing::Route(expert.clone());
        let base = (before.version > 0).then(|| State::Route(before.clone()));
        Change::new(profile.region.clone(), thing, base, vec![Fact::Route(event)])
            .map(Some)
            .map_err(|e| Unplanned::Misfit(e.to_string()))
    }
}

enum Attempt {
    Done(Result<Opened, Failure>),
    /// A guard broke: reload and decide again.
    Again,
}

struct Plan {
    changes: Vec<Change>,
    after: Arc<Ticket>,
}

enum Unplanned {
    Stale,
    Refused(Refusal),
    Misfit(String),
}

fn answer(refused: Option<Refusal>, ticket: Arc<Ticket>) -> Result<Opened, Failure> {
    match refused {
        Some(refusal) => Err(Failure::Refused { refusal, ticket: Some(ticket) }),
        None => Ok(Opened { ticket, replayed: false }),
    }
}

/// A refusal of a call with an idempotency key is kept, so that its repeat gets the same answer.
pub(super) async fn refused(
    tree: &Tree,
    refusal: Refusal,
    ticket: &Arc<Ticket>,
    caller: &Caller,
) -> Result<Opened, Failure> {
    if let Some((key, fingerprint)) = caller.idempotency {
        let now = tree.clock.now();
        let json = serde_json::json!({
            "code": refusal.code(), "detail": refusal.to_string(), "phase": ticket.phase.name(),
        });
        let outcome = Outcome::Body { status: 409, json: json.to_string() };
        let claim = Claim { key, fingerprint, outcome, expires_at: Some(now.plus_s(super::intake::KEY_KEPT_S)) };
        let batch =
            Batch { envelope: envelope(caller, now), changes: Vec::new(), guards: Vec::new(), claims: vec![claim] };
        if let Err(error) = commit(tree, batch, caller).await {
            return Err(Failure::of_commit(error, tree));
        }
    }
    Err(Failure::Refused { refusal, ticket: Some(ticket.clone()) })
}

/// When the auction of an award began, and how many were judged in it.
fn auction_of(command: &Command) -> Option<(Timestamp, usize)> {
    let (Command::Offer { decision, .. } | Command::Reassign { decision, .. }) = command else { return None };
    Some((decision.at, decision.candidates.len()))
}

/// An award is only good for the profile it was judged on.
fn winner_version(command: &Command) -> Option<(ExpertId, Version)> {
    let (Command::Offer { decision, expert, .. } | Command::Reassign { decision, expert, .. }) = command else {
        return None;
    };
    let winner = decision.candidates.iter().find(|c| c.expert == *expert);
    let bid = winner.filter(|c| matches!(c.verdict, Verdict::Bid(_)))?;
    Some((expert.clone(), bid.profile_version))
}

/// Puts an acceptance that came late, but was made in time, back into the route.
fn restore(
    after: &Ticket,
    before: &Route,
    profile: &crate::domain::expert::Expert,
    terms: &Terms<'_>,
) -> Result<Route, Unplanned> {
    let spec = VisitSpec::of(after).ok_or(Unplanned::Refused(Refusal::NoPlace))?;
    let bid = routing::bid(&spec, profile, before, None, terms)
        .map_err(|_| Unplanned::Refused(Refusal::OfferExpired(terms.now)))?;
    let mut route = routing::insert(before, &spec, &bid, after.visit.accepted_offer, false, profile, terms);
    if let Some(accepted) = routing::replan(&route, after.number, after.visit.no, &RouteEffect::Accept, profile, terms)
    {
        route = accepted;
    }
    Ok(route)
}

/// A stop that came back has new times; the ticket must know them.
fn replanned(change: &Change, ticket: &Ticket, now: Timestamp) -> Option<TicketEvent> {
    let State::Route(route) = &change.after else { return None };
    let stop = route.stops.iter().find(|stop| stop.ticket == ticket.number)?;
    let (planned_start, planned_end) = (stop.planned_start, stop.planned_end);
    let at_risk = ticket.at_risk(planned_start, planned_end);
    Some(TicketEvent::Replanned { planned_start, planned_end, at_risk, at: now, tell: false })
}

fn cause(effect: &RouteEffect) -> RouteCause {
    match effect {
        RouteEffect::Put(_) | RouteEffect::Restore => RouteCause::Award,
        RouteEffect::Accept => RouteCause::Accepted,
        RouteEffect::Remove => RouteCause::Withdrawn,
        RouteEffect::Rewindow(_) | RouteEffect::Depart(_) | RouteEffect::Arrive(_) => RouteCause::Progress,
        RouteEffect::Finish { .. } => RouteCause::Finished,
    }
}

pub(super) fn envelope(caller: &Caller, now: crate::domain::time::Timestamp) -> Envelope {
    Envelope {
        at: now,
        who: caller.who.clone(),
        request_id: caller.request_id.clone(),
        cause: None,
        trace_id: caller.trace_id.clone(),
    }
}

fn claims(caller: &Caller, after: &Ticket, now: crate::domain::time::Timestamp) -> Vec<Claim> {
    let claim = |(key, fingerprint)| Claim {
        key,
        fingerprint,
        outcome: Outcome::Version { thing: Thing::Ticket(after.number), version: after.version, status: 200 },
        expires_at: Some(now.plus_s(super::intake::KEY_KEPT_S)),
    };
    caller.idempotency.map(claim).into_iter().collect()
}

/// Commits within the caller's patience. Giving up leaves the outcome unknown.
pub(super) async fn commit(tree: &Tree, batch: Batch, caller: &Caller) -> Result<Committed, CommitError> {
    let span = tree.spans().begin("commit", batch.envelope.trace_id.as_deref(), caller.span);
    let commit = tree.store.commit(batch);
    if tree.clock.is_virtual() {
        return commit.await;
    }
    let _waiting = ForTheJournal::begin();
    let done = tokio::time::timeout(caller.patience, commit).await;
    let done = done.unwrap_or(Err(CommitError::OutcomeUnknown));
    if let Some(span) = span {
        match &done {
            Ok(committed) => span.with("callout.seq", committed.last_seq as i64).finish(None),
            Err(error) => span.finish(Some(&error.to_string())),
        }
    }
    done
}
