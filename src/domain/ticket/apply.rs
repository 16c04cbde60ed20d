//! Folding events into the state. Never fails, never looks outside, never decides: thresholds and
//! settings have done their work in `decide`, so an old event folds today as it did then.

use super::{
    DeliveryKind, Flag, Hold, Lapsed, Offer, OfferEnd, Opened, PastVisit, Phase, Sla, Step, Ticket, TicketEvent, Visit,
    VisitOutcome,
};
use crate::domain::{
    decision::EscalationReason,
    ids::{ExpertId, OfferNo, RegionId},
    person::Private,
    skill::SkillLevel,
    time::Timestamp,
};

/// Client command ids remembered per ticket; the oldest are forgotten first.
const REMEMBERED_COMMANDS: usize = 32;

impl Ticket {
    /// The state right after `Opened`, version 1.
    #[must_use]
    pub fn opened(opened: &Opened) -> Self {
        let mut ticket = Self {
            number: opened.number,
            version: 1,
            region: opened.region.clone(),
            phase: Phase::New,
            step: None,
            personal: opened.personal.clone(),
            customer: opened.customer.clone(),
            coarse: opened.coarse,
            located: opened.located,
            source: opened.source,
            external_id: opened.external_id.clone(),
            product: opened.product.clone(),
            skills: opened.skills.clone(),
            priority: opened.priority,
            opened_at: opened.opened_at,
            service_s: opened.service_s,
            window: opened.window,
            due_at: opened.due_at,
            sla: opened.sla,
            flags: opened.flags,
            visit: Visit::new(1),
            visits: Vec::new(),
            waiting: None,
            escalation: None,
            quarantined: None,
            hold: None,
            completed_at: None,
            closes_at: None,
            ended_at: None,
            deliveries: Vec::new(),
            next_delivery: 1,
            next_offer: 1,
            seen_commands: Vec::new(),
            rating: None,
            handovers: 0,
            refused_commands: Vec::new(),
            reachable: opened
                .reachable
                .unwrap_or_else(|| opened.personal.known().is_some_and(|personal| personal.contact.reachable())),
        };
        ticket.tell_customer(DeliveryKind::Opened, opened.opened_at);
        ticket
    }

    /// One more event. A second `Opened` changes nothing but the version (it cannot be decided).
    pub fn apply(&mut self, event: &TicketEvent) {
        self.version += 1;
        match event {
            TicketEvent::Opened(_)
            | TicketEvent::Decided(_)
            | TicketEvent::NoteAdded { .. }
            | TicketEvent::TimeClamped { .. } => {}
            TicketEvent::Offered { expert, offer, planned_start, planned_end, reason: _ } => {
                self.offered(expert, offer, (*planned_start, *planned_end));
            }
            TicketEvent::Accepted { offer, at, late: _ } => self.accepted(*offer, *at),
            TicketEvent::OfferEnded { offer, expert, how, reason: _, at } => {
                self.offer_ended(*offer, expert, *how, *at);
            }
            TicketEvent::Assigned { expert, pinned, forced, planned_start, planned_end, at, reason: _ } => {
                self.assigned(expert, (*planned_start, *planned_end), *at);
                self.visit.pinned = *pinned;
                self.flags.set(Flag::Override, self.flags.has(Flag::Override) || *forced);
            }
            TicketEvent::Unassigned { expert, avoid, at, reason: _ } => self.unassigned(expert, *avoid, *at),
            TicketEvent::Departed { at } => {
                self.phase = Phase::InProgress;
                self.step = Some(Step::EnRoute);
                self.visit.departed_at = Some(*at);
            }
            TicketEvent::Arrived { at } => {
                self.phase = Phase::InProgress;
                self.step = Some(Step::OnSite);
                self.visit.arrived_at = Some(*at);
                self.tell_customer(DeliveryKind::Arrived, *at);
            }
            TicketEvent::Completed { at, notes, closes_at, .. } => self.completed(*at, notes, *closes_at),
            TicketEvent::VisitFailed { at, outcome, reason, need_skills, parts: _, typed: _ } => {
                self.visit_failed(*at, *outcome, reason, need_skills);
            }
            TicketEvent::Held { until, at, reason: _ } => self.held(*until, *at),
            TicketEvent::Released { sla, by_timer: _ } => {
                self.phase = Phase::New;
                self.hold = None;
                self.sla = *sla;
            }
            TicketEvent::Rescheduled { window, replan: _ } => {
                self.window = *window;
                self.waiting = None;
                self.pass_on();
            }
            TicketEvent::Cancelled { at, tell_customer, reason: _ } => self.cancelled(*at, *tell_customer),
            TicketEvent::Reopened { sla, at, reason: _ } => self.reopened(*sla, *at),
            TicketEvent::Closed { at, by_timer: _ } => {
                self.phase = Phase::Closed;
                self.closes_at = None;
                self.ended_at = Some(*at);
            }
            TicketEvent::Surveyed { rating, comment: _ } => self.rating = Some(*rating),
            TicketEvent::Escalated(escalation) => {
                self.escalation = Some(escalation.clone());
                self.flags.set(Flag::Escalated, true);
            }
            TicketEvent::Waited(waiting) => self.waiting = Some(waiting.clone()),
            TicketEvent::Flagged(flags) => self.flags = *flags,
            TicketEvent::CommandRefused { id, .. } => {
                if let Some(id) = id {
                    remember(&mut self.refused_commands, id);
                }
            }
            TicketEvent::Quarantined { cause } => {
                self.quarantined = Some(cause.clone());
                self.flags.set(Flag::Quarantined, true);
            }
            TicketEvent::Resumed => {
                self.quarantined = None;
                self.waiting = None;
                self.flags.set(Flag::Quarantined, false);
            }
            TicketEvent::HandedOver { to, .. } => self.handed_over(to),
            TicketEvent::SlaBreached { respond } => {
                let clock = if *respond { &mut self.sla.respond } else { &mut self.sla.resolve };
                clock.breached = true;
            }
            TicketEvent::Replanned { planned_start, planned_end, at_risk, tell, at } => {
                self.replanned((*planned_start, *planned_end), *tell, *at);
                self.flags.set(Flag::AtRisk, *at_risk);
            }
            TicketEvent::DeliverySent { .. }
            | TicketEvent::DeliveryReceived { .. }
            | TicketEvent::DeliveryDropped { .. }
            | TicketEvent::DeliveryFailed { .. }
            | TicketEvent::DeliveryDeferred { .. }
            | TicketEvent::DeliveryBounced { .. }
            | TicketEvent::DeliveryResent { .. } => self.delivered(event),
            TicketEvent::Located { personal, coarse, located } => {
                self.personal = personal.clone();
                (self.coarse, self.located) = (*coarse, *located);
                self.found();
            }
            TicketEvent::CommandSeen { id } => remember(&mut self.seen_commands, id),
        }
        self.drop_moot_deliveries();
    }

    /// It has a place: plans for the one before are void, and nobody need look for one any more.
    fn found(&mut self) {
        self.waiting = None;
        self.pass_on();
        if self.escalation.as_ref().is_some_and(|told| told.reason == EscalationReason::Unlocated) {
            self.unescalate();
        }
    }

    fn held(&mut self, until: Option<Timestamp>, at: Timestamp) {
        self.phase = Phase::OnHold;
        self.hold = Some(Hold { since: at, until });
        self.waiting = None;
        self.pass_on();
    }

    fn offered(&mut self, expert: &ExpertId, offer: &Offer, plan: (Timestamp, Timestamp)) {
        self.take(expert, Some(plan));
        self.phase = Phase::Assigning;
        self.next_offer = self.next_offer.max(offer.no.saturating_add(1));
        self.tell_expert(expert, DeliveryKind::Offer, offer.no, offer.made_at);
        self.visit.offer = Some(offer.clone());
    }

    fn accepted(&mut self, offer: OfferNo, at: Timestamp) {
        if self.visit.offer.is_none() {
            // In time, but it came in after the expiry: the plan is made anew by whoever restores the stop.
            let Some(lapsed) = self.visit.lapsed.iter().find(|lapsed| lapsed.offer.no == offer) else { return };
            let expert = lapsed.expert.clone();
            self.take(&expert, None);
        }
        self.visit.accepted_offer = offer;
        self.settled(at);
    }

    fn offer_ended(&mut self, offer: OfferNo, expert: &ExpertId, how: OfferEnd, at: Timestamp) {
        let live = self.visit.offer.take_if(|live| live.no == offer);
        let expired = how == OfferEnd::Expired;
        if let Some(offer) = live {
            self.free();
            match how {
                OfferEnd::Declined | OfferEnd::Expired | OfferEnd::Unassigned => self.refused(expert),
                OfferEnd::Withdrawn => {}
            }
            if expired {
                self.visit.lapsed.push(Lapsed { expert: expert.clone(), offer, passed_on: false });
            }
        }
        if how != OfferEnd::Declined {
            self.tell_expert(expert, DeliveryKind::Withdrawn, offer, at);
        }
    }

    fn assigned(&mut self, expert: &ExpertId, plan: (Timestamp, Timestamp), at: Timestamp) {
        self.take(expert, Some(plan));
        self.settled(at);
        self.tell_expert(expert, DeliveryKind::Assignment, 0, at);
    }

    fn unassigned(&mut self, expert: &ExpertId, avoid: bool, at: Timestamp) {
        let mut offer = 0;
        if self.visit.expert.as_ref() == Some(expert) {
            offer = self.visit.accepted_offer;
            self.free();
        }
        if avoid {
            self.refused(expert);
        }
        self.tell_expert(expert, DeliveryKind::Withdrawn, offer, at);
    }

    fn completed(&mut self, at: Timestamp, notes: &Private<String>, closes_at: Timestamp) {
        self.past_visit(VisitOutcome::Completed, at, notes.clone());
        self.free();
        self.phase = Phase::Completed;
        self.sla.resolve.meet(at);
        self.completed_at = Some(at);
        self.closes_at = Some(closes_at);
        self.tell_customer(DeliveryKind::Survey, at);
    }

    fn visit_failed(&mut self, at: Timestamp, outcome: VisitOutcome, reason: &Private<String>, need: &[SkillLevel]) {
        self.past_visit(outcome, at, reason.clone());
        self.free();
        self.next_visit(at);
        for need in need {
            match self.skills.iter_mut().find(|has| has.skill == need.skill) {
                Some(has) => has.level = has.level.max(need.level),
                None => self.skills.push(need.clone()),
            }
        }
    }

    fn cancelled(&mut self, at: Timestamp, tell: bool) {
        self.free();
        self.phase = Phase::Cancelled;
        self.ended_at = Some(at);
        (self.hold, self.waiting) = (None, None);
        self.unescalate();
        if tell {
            self.tell_customer(DeliveryKind::Cancelled, at);
        }
    }

    fn reopened(&mut self, sla: Sla, at: Timestamp) {
        self.phase = Phase::Reopened;
        self.sla = sla;
        self.due_at = None;
        (self.completed_at, self.closes_at, self.ended_at, self.rating) = (None, None, None, None);
        self.next_visit(at);
    }

    fn replanned(&mut self, (start, end): (Timestamp, Timestamp), tell: bool, at: Timestamp) {
        self.visit.planned_start = Some(start);
        self.visit.planned_end = Some(end);
        if tell {
            self.visit.told_start = Some(start);
            self.tell_customer(DeliveryKind::Delayed, at);
        } else if self.phase != Phase::Assigning {
            self.visit.told_start = self.visit.told_start.or(Some(start));
        }
    }

    fn handed_over(&mut self, to: &RegionId) {
        self.region = to.clone();
        self.handovers = self.handovers.saturating_add(1);
        self.flags.set(Flag::Unlocated, *to == RegionId::unlocated());
        self.waiting = None;
        self.pass_on();
    }

    /// The visit is this expert's now, with this plan; what it was before is forgotten.
    fn take(&mut self, expert: &ExpertId, plan: Option<(Timestamp, Timestamp)>) {
        self.free();
        self.pass_on();
        self.waiting = None;
        self.visit.expert = Some(expert.clone());
        if let Some((start, end)) = plan {
            self.visit.planned_start = Some(start);
            self.visit.planned_end = Some(end);
            self.flags.set(Flag::AtRisk, self.at_risk(start, end));
        }
    }

    /// An expert is coming: nobody needs to look for one any more.
    fn settled(&mut self, at: Timestamp) {
        self.phase = Phase::Assigned;
        self.visit.offer = None;
        self.visit.assigned_at = Some(at);
        self.visit.told_start = self.visit.planned_start;
        self.sla.respond.meet(at);
        self.unescalate();
        self.tell_customer(DeliveryKind::ExpertFound, at);
    }

    fn unescalate(&mut self) {
        self.escalation = None;
        self.flags.set(Flag::Escalated, false);
    }

    /// Nobody holds the visit any more; who refused it is remembered.
    fn free(&mut self) {
        let Visit { no, refused_by, lapsed, .. } = std::mem::replace(&mut self.visit, Visit::new(0));
        self.visit = Visit { refused_by, lapsed, ..Visit::new(no) };
        self.phase = Phase::New;
        self.step = None;
        self.flags.set(Flag::AtRisk, false);
    }

    fn refused(&mut self, expert: &ExpertId) {
        self.visit.refused_by.retain(|known| known != expert);
        self.visit.refused_by.push(expert.clone());
    }

    fn pass_on(&mut self) {
        self.visit.lapsed.iter_mut().for_each(|lapsed| lapsed.passed_on = true);
    }

    /// A window that has begun was for the visit that ended; one that lies ahead still holds.
    fn next_visit(&mut self, now: Timestamp) {
        self.visit = Visit::new(self.visit.no.saturating_add(1));
        self.window = self.window.filter(|window| window.from > now);
    }

    fn past_visit(&mut self, outcome: VisitOutcome, ended_at: Timestamp, notes: Private<String>) {
        let (expert, started_at) = (self.visit.expert.clone(), self.visit.arrived_at);
        self.visits.push(PastVisit { no: self.visit.no, expert, outcome, started_at, ended_at, notes });
    }
}

fn remember(ids: &mut Vec<String>, id: &str) {
    ids.push(id.to_owned());
    let surplus = ids.len().saturating_sub(REMEMBERED_COMMANDS);
    ids.drain(..surplus);
}
