//! Who gets the visit: the router's award, its failure, and a dispatcher's choice.

use super::{Case, Decided, Decision, Phase, Refusal, RouteEffect, TicketEvent};
use crate::domain::{
    decision::Escalation,
    ids::ExpertId,
    route::{Route, Stop, StopState},
    ticket::{Offer, Waiting, WindowKind},
    time::Timestamp,
};

/// A wait that is over before it began would be tried again without pause.
const SHORTEST_WAIT_S: i64 = 1;

/// A dispatcher's choice, as in `Command::Assign`.
pub(super) struct Choice {
    pub(super) expert: ExpertId,
    pub(super) reason: String,
    pub(super) pin: bool,
    pub(super) force: bool,
    pub(super) broken: Option<String>,
    pub(super) route: Route,
}

/// When the stop is to be served, by the route it was put into.
#[derive(Clone, Copy)]
struct Plan {
    start: Timestamp,
    end: Timestamp,
}

impl Case<'_> {
    /// The router's award. Judged on inputs that may have changed since: another visit, a refusal or
    /// a new promise makes it stale, and the auction is held again.
    pub(super) fn offer(&self, decision: Box<Decision>, expert: ExpertId, route: Route) -> Result<Decided, Refusal> {
        self.automatic()?;
        let refused_since = !decision.second_round && self.ticket.visit.refused_by.contains(&expert);
        if decision.visit != self.ticket.visit.no || refused_since {
            return Err(Refusal::StaleAward);
        }
        self.award(decision, expert, route)
    }

    /// The router found nobody now. Said once: a repeat that changes nothing writes nothing.
    pub(super) fn wait(&self, decision: Option<Box<Decision>>, mut waiting: Waiting) -> Result<Decided, Refusal> {
        self.automatic()?;
        let now = self.ctx.now;
        waiting.next_try_at = waiting.next_try_at.max(now.plus_s(SHORTEST_WAIT_S));
        let said = self.ticket.waiting.as_ref().is_some_and(|before| {
            let sooner_s = before.next_try_at.since_s(waiting.next_try_at);
            before.reason == waiting.reason && before.next_try_at > now && sooner_s < SHORTEST_WAIT_S
        });
        if said {
            return Ok(Decided::default());
        }
        Ok(Decided::from(decision).event(TicketEvent::Waited(waiting)))
    }

    /// The router found nobody at all. Said once per reason.
    pub(super) fn escalate(&self, decision: Option<Box<Decision>>, escalation: Escalation) -> Result<Decided, Refusal> {
        self.automatic()?;
        if self.ticket.escalation.as_ref().is_some_and(|before| before.reason == escalation.reason) {
            return Ok(Decided::default());
        }
        Ok(Decided::from(decision).event(TicketEvent::Escalated(escalation)))
    }

    /// A dispatcher's choice: an offer, or with `pin` or `force` an assignment at once. The new
    /// expert comes first, then the old one is told.
    pub(super) fn assign(&self, choice: Choice) -> Result<Decided, Refusal> {
        match self.ticket.phase {
            Phase::New | Phase::Assigning | Phase::Assigned | Phase::Reopened => {}
            Phase::InProgress | Phase::Completed | Phase::Closed | Phase::Cancelled | Phase::OnHold => {
                return Err(self.wrong_phase());
            }
        }
        let Choice { expert, reason, pin, force, broken, mut route } = choice;
        if force && reason.trim().is_empty() {
            return Err(Refusal::ReasonMissing);
        }
        let forced = broken.is_some();
        if let Some(rule) = broken.filter(|_| !force) {
            return Err(Refusal::BreaksRule { expert, rule });
        }
        let at_once = pin || force;
        let theirs = self.ticket.visit.expert.as_ref() == Some(&expert);
        let assigned = self.ticket.phase == Phase::Assigned;
        if theirs && (!at_once || (assigned && self.ticket.visit.pinned == pin)) {
            return Ok(Decided::default());
        }
        let old = if theirs { Decided::default() } else { self.withdraw(&reason, false) };
        let (offer, state) =
            if at_once { (0, StopState::Assigned) } else { (self.ticket.next_offer, StopState::Offered) };
        let plan = self.mark_stop(&expert, &mut route, |stop| {
            (stop.offer, stop.state, stop.pinned, stop.forced) = (offer, state, pin, forced);
        })?;
        let new = if at_once {
            TicketEvent::Assigned {
                expert: expert.clone(),
                reason: self.private(&reason),
                pinned: pin,
                forced,
                planned_start: plan.start,
                planned_end: plan.end,
                at: self.ctx.now,
            }
        } else {
            self.offered(&expert, plan, Some(&reason))
        };
        Ok(Decided::from(new).route(expert, RouteEffect::Put(Box::new(route))).and(old))
    }

    /// The router's repair: the new expert comes first, then the old one is told. Judged on inputs that may have
    /// changed since, as [`Case::offer`].
    pub(super) fn reassign(
        &self,
        decision: Box<Decision>,
        from: &ExpertId,
        expert: ExpertId,
        reason: &str,
        route: Route,
    ) -> Result<Decided, Refusal> {
        self.require(matches!(self.ticket.phase, Phase::Assigning | Phase::Assigned))?;
        let visit = &self.ticket.visit;
        let same = decision.visit == visit.no && visit.expert.as_ref() == Some(from) && *from != expert;
        if !same || visit.pinned || self.ticket.quarantined.is_some() || visit.refused_by.contains(&expert) {
            return Err(Refusal::StaleAward);
        }
        Ok(self.award(decision, expert, route)?.and(self.withdraw(reason, false)))
    }

    /// What the router chose, with its decision: the offer, and the route it goes into. Without a reason of a
    /// person, because it has to follow from its decision (P4).
    fn award(&self, decision: Box<Decision>, expert: ExpertId, mut route: Route) -> Result<Decided, Refusal> {
        let no = self.ticket.next_offer;
        let plan = self.mark_stop(&expert, &mut route, |stop| {
            (stop.offer, stop.state, stop.pinned, stop.forced) = (no, StopState::Offered, false, false);
        })?;
        if self.breaks_promise(plan) {
            return Err(Refusal::StaleAward);
        }
        let offered = self.offered(&expert, plan, None);
        Ok(Decided::from(Some(decision)).event(offered).route(expert, RouteEffect::Put(Box::new(route))))
    }

    fn breaks_promise(&self, plan: Plan) -> bool {
        let promise = self.ticket.window.filter(|window| window.kind == WindowKind::Promise);
        promise.is_some_and(|window| plan.start < window.from || plan.start > window.to)
    }

    /// Takes the visit from its expert; the router asks others first.
    pub(super) fn unassign(&self, reason: &str) -> Result<Decided, Refusal> {
        self.require(matches!(self.ticket.phase, Phase::Assigning | Phase::Assigned))?;
        Ok(self.withdraw(reason, true))
    }

    /// The automatic path: tickets that look for an expert and are not in quarantine.
    pub(super) fn automatic(&self) -> Result<(), Refusal> {
        self.require(matches!(self.ticket.phase, Phase::New | Phase::Reopened))?;
        if self.ticket.quarantined.is_some() { Err(Refusal::Quarantined) } else { Ok(()) }
    }

    fn offered(&self, expert: &ExpertId, plan: Plan, reason: Option<&str>) -> TicketEvent {
        let made_at = self.ctx.now;
        let expires_at = made_at.plus_s(i64::from(self.ctx.settings.offer_ttl_s));
        TicketEvent::Offered {
            expert: expert.clone(),
            offer: Offer { no: self.ticket.next_offer, made_at, expires_at },
            planned_start: plan.start,
            planned_end: plan.end,
            reason: reason.map(|reason| self.private(reason)),
        }
    }

    /// The route must be the expert's and hold this visit exactly once (P3); the stop is marked as
    /// what it becomes.
    fn mark_stop(&self, expert: &ExpertId, route: &mut Route, mark: impl FnOnce(&mut Stop)) -> Result<Plan, Refusal> {
        if self.ticket.personal.known().is_none_or(|personal| personal.place.is_none()) {
            return Err(Refusal::NoPlace);
        }
        let (number, visit) = (self.ticket.number, self.ticket.visit.no);
        let mut stops = route.stops.iter_mut().filter(|stop| stop.ticket == number);
        match (stops.next(), stops.next()) {
            (Some(stop), None) if stop.visit == visit && route.expert == *expert => {
                mark(stop);
                Ok(Plan { start: stop.planned_start, end: stop.planned_end })
            }
            _ => Err(Refusal::StaleAward),
        }
    }
}
