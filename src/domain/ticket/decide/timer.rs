//! Deadlines that came, and plans that moved. Both are re-checked against the state: late, early and
//! repeated ones change nothing (P6).

use super::{Case, Decided, OfferEnd, Phase, RouteEffect, TicketEvent, TimerKind};
use crate::domain::{
    ids::ExpertId,
    ticket::{SlaClock, Step},
    time::Timestamp,
};

impl Case<'_> {
    pub(super) fn timer(&self, kind: TimerKind) -> Decided {
        match kind {
            TimerKind::OfferExpiry => self.expire_offer(),
            TimerKind::RespondBreach => self.breach(self.ticket.sla.respond, true),
            TimerKind::ResolveBreach => self.breach(self.ticket.sla.resolve, false),
            TimerKind::HoldUntil => {
                let until = self.ticket.hold.as_ref().and_then(|hold| hold.until);
                if self.due(until) { self.released(true) } else { Decided::default() }
            }
            TimerKind::AutoClose => {
                let due = self.ticket.phase == Phase::Completed && self.due(self.ticket.closes_at);
                let closed = TicketEvent::Closed { by_timer: true, at: self.ctx.now };
                if due { closed.into() } else { Decided::default() }
            }
            // The region's dispatcher tries again; the outbox sends.
            TimerKind::NextTry | TimerKind::Delivery(_) | TimerKind::Notice(_) => Decided::default(),
        }
    }

    fn expire_offer(&self) -> Decided {
        let visit = &self.ticket.visit;
        let (Some(offer), Some(expert)) = (&visit.offer, &visit.expert) else { return Decided::default() };
        if !self.due(Some(offer.expires_at)) {
            return Decided::default();
        }
        Decided::from(TicketEvent::OfferEnded {
            offer: offer.no,
            expert: expert.clone(),
            how: OfferEnd::Expired,
            reason: self.private(""),
            at: self.ctx.now,
        })
        .route(expert.clone(), RouteEffect::Remove)
    }

    fn breach(&self, clock: SlaClock, respond: bool) -> Decided {
        let counts = self.ticket.phase.open() && self.ticket.phase != Phase::OnHold;
        if counts && clock.running() && self.due(Some(clock.due)) {
            TicketEvent::SlaBreached { respond }.into()
        } else {
            Decided::default()
        }
    }

    /// The stop's planned times moved in the route of whoever holds the visit.
    pub(super) fn replan(&self, expert: &ExpertId, planned_start: Timestamp, planned_end: Timestamp) -> Decided {
        let visit = &self.ticket.visit;
        let same = (visit.planned_start, visit.planned_end) == (Some(planned_start), Some(planned_end));
        if visit.expert.as_ref() != Some(expert) || same {
            return Decided::default();
        }
        let waited_for = self.ticket.phase != Phase::Assigning && self.ticket.step != Some(Step::OnSite);
        let slipped =
            visit.told_start.is_some_and(|told| planned_start.since_s(told) > self.ctx.settings.delay_told_s());
        TicketEvent::Replanned {
            planned_start,
            planned_end,
            at_risk: self.ticket.at_risk(planned_start, planned_end),
            tell: waited_for && slipped,
            at: self.ctx.now,
        }
        .into()
    }

    fn due(&self, at: Option<Timestamp>) -> bool {
        at.is_some_and(|at| at <= self.ctx.now)
    }
}
