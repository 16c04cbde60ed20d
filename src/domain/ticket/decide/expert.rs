//! What experts do, now or offline some time ago, themselves or through a clerk.
//!
//! A late command never hits another visit or offer, each client id takes effect once, and what
//! comes too late is refused with why, its notes kept.

use super::{Action, Case, Decided, OfferEnd, Phase, Refusal, RouteEffect, TicketEvent};
use crate::domain::{
    person::{Private, Typed},
    skill::SkillLevel,
    text::mask_cards,
    ticket::{ExpertCommand, Lapsed, Offer, Role, Step, VisitOutcome},
    time::{MINUTE_S, Timestamp},
};

/// A phone's clock may run this much ahead.
const CLOCK_AHEAD_S: i64 = 2 * MINUTE_S;

/// The offer that an answer is about.
enum Asked<'a> {
    Live(&'a Offer),
    Lapsed(&'a Lapsed),
}

/// The time that counts, and the event that says it is not the one given.
struct When {
    at: Timestamp,
    clamped: Option<TicketEvent>,
}

impl Case<'_> {
    pub(super) fn expert(&self, command: &ExpertCommand) -> Result<Decided, Refusal> {
        if command.id.as_ref().is_some_and(|id| self.ticket.seen_commands.contains(id)) {
            return Ok(Decided::default());
        }
        match self.act(command) {
            Ok(decided) if decided.events.is_empty() => Ok(decided),
            Ok(decided) => match &command.id {
                Some(id) => Ok(decided.event(TicketEvent::CommandSeen { id: id.clone() })),
                None => Ok(decided),
            },
            Err(refusal) if command.offline || command.at.is_some() => Ok(self.refused_offline(command, refusal)),
            Err(refusal) => Err(refusal),
        }
    }

    fn act(&self, command: &ExpertCommand) -> Result<Decided, Refusal> {
        let (who, visit) = (self.ctx.who, self.ticket.visit.no);
        if who.role == Role::Expert && who.id != command.expert.as_str() {
            return Err(Refusal::NotYours);
        }
        if let Some(about) = command.visit.filter(|about| *about != visit) {
            return Err(Refusal::OtherVisit(about, visit));
        }
        match &command.action {
            Action::Accept => self.accept(command),
            Action::Decline { reason } => self.decline(command, reason),
            Action::Depart => self.depart(command),
            Action::Arrive => self.arrive(command),
            Action::Complete { resolution, notes, parts } => self.complete(command, resolution, notes, parts),
            Action::CannotFix { reason, need_skills, parts } => {
                self.fail(command, VisitOutcome::CannotFix, reason, need_skills, parts)
            }
            Action::NoAccess { reason } => self.fail(command, VisitOutcome::NoAccess, reason, &[], &[]),
        }
    }

    /// Made in time but sent late: honoured unless the offer was passed on.
    fn accept(&self, command: &ExpertCommand) -> Result<Decided, Refusal> {
        let asked = self.asked(command)?;
        let (offer, open, effect) = match asked {
            Asked::Live(offer) => (offer, true, RouteEffect::Accept),
            Asked::Lapsed(lapsed) => {
                let open = !lapsed.passed_on && self.ticket.phase == Phase::New;
                (&lapsed.offer, open, RouteEffect::Restore)
            }
        };
        let When { at, clamped } = self.when(command, offer.made_at);
        let pressed_at = at.min(self.ctx.now);
        if !open || pressed_at > offer.expires_at {
            return Err(Refusal::OfferExpired(offer.expires_at));
        }
        let late = self.ctx.now > offer.expires_at;
        let accepted = TicketEvent::Accepted { offer: offer.no, at, late };
        Ok(Decided::after(clamped).event(accepted).route(command.expert.clone(), effect))
    }

    fn decline(&self, command: &ExpertCommand, reason: &str) -> Result<Decided, Refusal> {
        let offer = match self.asked(command)? {
            Asked::Live(offer) => offer,
            Asked::Lapsed(lapsed) => return Err(Refusal::OfferExpired(lapsed.offer.expires_at)),
        };
        let When { at, clamped } = self.when(command, offer.made_at);
        let ended = TicketEvent::OfferEnded {
            offer: offer.no,
            expert: command.expert.clone(),
            how: OfferEnd::Declined,
            reason: self.private(reason),
            at,
        };
        Ok(Decided::after(clamped).event(ended).route(command.expert.clone(), RouteEffect::Remove))
    }

    /// Departed already: nothing to do.
    fn depart(&self, command: &ExpertCommand) -> Result<Decided, Refusal> {
        let under_way = self.holds(command)?;
        if under_way {
            return Ok(Decided::default());
        }
        let When { at, clamped } = self.when(command, self.last_at());
        let effect = RouteEffect::Depart(at);
        Ok(Decided::after(clamped).event(TicketEvent::Departed { at }).route(command.expert.clone(), effect))
    }

    /// Whoever arrives without having said so has departed. Arrived already: nothing to do.
    fn arrive(&self, command: &ExpertCommand) -> Result<Decided, Refusal> {
        let under_way = self.holds(command)?;
        if self.ticket.step == Some(Step::OnSite) {
            return Ok(Decided::default());
        }
        let When { at, clamped } = self.when(command, self.last_at());
        let mut decided = Decided::after(clamped);
        if !under_way {
            decided = decided.event(TicketEvent::Departed { at });
        }
        Ok(decided.event(TicketEvent::Arrived { at }).route(command.expert.clone(), RouteEffect::Arrive(at)))
    }

    fn complete(
        &self,
        command: &ExpertCommand,
        resolution: &str,
        notes: &str,
        parts: &[String],
    ) -> Result<Decided, Refusal> {
        let under_way = self.holds(command)?;
        self.require(under_way)?;
        let When { at, clamped } = self.when(command, self.last_at());
        let completed = TicketEvent::Completed {
            at,
            notes: self.private(notes),
            resolution: String::new(),
            closes_at: at.plus_s(i64::from(self.ctx.settings.auto_close_s)),
            parts: Vec::new(),
            typed: Some(self.typed(Some(resolution), parts)),
        };
        let effect = RouteEffect::Finish { at, served: true };
        Ok(Decided::after(clamped).event(completed).route(command.expert.clone(), effect))
    }

    /// Cannot fix, no access: the work goes on as the next visit.
    fn fail(
        &self,
        command: &ExpertCommand,
        outcome: VisitOutcome,
        reason: &str,
        need_skills: &[SkillLevel],
        parts: &[String],
    ) -> Result<Decided, Refusal> {
        self.holds(command)?;
        let When { at, clamped } = self.when(command, self.last_at());
        let failed = TicketEvent::VisitFailed {
            at,
            outcome,
            reason: self.private(reason),
            need_skills: need_skills.to_vec(),
            parts: Vec::new(),
            typed: (!parts.is_empty()).then(|| self.typed(None, parts)),
        };
        Ok(Decided::after(clamped).event(failed).route(command.expert.clone(), self.leaving(at)))
    }

    fn typed(&self, resolution: Option<&str>, parts: &[String]) -> Private<Typed> {
        let resolution = resolution.map(|text| mask_cards(text).into_owned());
        Private::new(self.ticket.person(), Typed { resolution, parts: masked(parts) })
    }

    /// The offer that an answer is about: the live one, or one of this visit that expired.
    fn asked(&self, command: &ExpertCommand) -> Result<Asked<'_>, Refusal> {
        let (ticket, visit) = (self.ticket, &self.ticket.visit);
        let meant = |offer: &Offer| command.offer.is_none_or(|no| no == offer.no);
        let theirs = visit.expert.as_ref() == Some(&command.expert);
        if let Some(offer) = visit.offer.as_ref().filter(|offer| theirs && meant(offer)) {
            return Ok(Asked::Live(offer));
        }
        let lapsed = visit.lapsed.iter().rfind(|lapsed| lapsed.expert == command.expert && meant(&lapsed.offer));
        if let Some(lapsed) = lapsed.filter(|_| ticket.phase.open() && ticket.phase != Phase::OnHold) {
            return Ok(Asked::Lapsed(lapsed));
        }
        Err(match (ticket.phase, command.offer) {
            (Phase::Assigning, Some(no)) if theirs => Refusal::OtherOffer(no),
            (Phase::Assigning, _) => Refusal::NotYours,
            (
                Phase::New
                | Phase::Assigned
                | Phase::InProgress
                | Phase::Completed
                | Phase::Closed
                | Phase::Reopened
                | Phase::Cancelled
                | Phase::OnHold,
                _,
            ) => self.wrong_phase(),
        })
    }

    /// The visit is assigned to this expert; true: and they are under way or on site.
    fn holds(&self, command: &ExpertCommand) -> Result<bool, Refusal> {
        let visit = &self.ticket.visit;
        if visit.expert.as_ref().is_some_and(|holder| *holder != command.expert) {
            return Err(Refusal::NotYours);
        }
        let under_way = self.ticket.phase == Phase::InProgress;
        self.require(under_way || self.ticket.phase == Phase::Assigned)?;
        match command.offer.filter(|no| *no != visit.accepted_offer) {
            Some(no) => Err(Refusal::OtherOffer(no)),
            None => Ok(under_way),
        }
    }

    /// The last thing that happened on this visit: later ones cannot have happened before it.
    fn last_at(&self) -> Timestamp {
        let visit = &self.ticket.visit;
        let steps = [visit.assigned_at, visit.departed_at, visit.arrived_at];
        steps.into_iter().flatten().max().unwrap_or(self.ticket.opened_at)
    }

    /// When it happened: between what came before it and now, with some grace for a phone's clock.
    fn when(&self, command: &ExpertCommand, earliest: Timestamp) -> When {
        let now = self.ctx.now;
        let Some(given) = command.at else { return When { at: now.max(earliest), clamped: None } };
        let at = given.min(now.plus_s(CLOCK_AHEAD_S)).max(earliest);
        let clamped = (at != given).then_some(TicketEvent::TimeClamped { given, used: at });
        When { at, clamped }
    }

    /// Recorded once per client id, so that a person can see what the expert meant to report.
    fn refused_offline(&self, command: &ExpertCommand, refusal: Refusal) -> Decided {
        let now = self.ctx.now;
        let known = command.id.as_ref().is_some_and(|id| self.ticket.refused_commands.contains(id));
        let events = if known {
            Vec::new()
        } else {
            vec![TicketEvent::CommandRefused {
                command: command.action.name().to_owned(),
                code: refusal.code().to_owned(),
                at: command.at.map_or(now, |at| at.min(now)),
                notes: self.private(&spoken(&command.action)),
                expert: Some(command.expert.clone()),
                id: command.id.clone(),
            }]
        };
        Decided { events, routes: Vec::new(), refused: Some(refusal) }
    }
}

impl Decided {
    fn after(clamped: Option<TicketEvent>) -> Self {
        Self { events: clamped.into_iter().collect(), ..Self::default() }
    }
}

fn masked(parts: &[String]) -> Vec<String> {
    parts.iter().map(|part| mask_cards(part).into_owned()).collect()
}

/// All that the expert typed, one thing a line.
fn spoken(action: &Action) -> String {
    let parts = |parts: &[String]| parts.join(", ");
    let said = match action {
        Action::Accept | Action::Depart | Action::Arrive => vec![],
        Action::Decline { reason } | Action::NoAccess { reason } => vec![reason.clone()],
        Action::Complete { resolution, notes, parts: used } => vec![resolution.clone(), notes.clone(), parts(used)],
        Action::CannotFix { reason, need_skills, parts: needed } => {
            let skills: Vec<_> = need_skills.iter().map(ToString::to_string).collect();
            vec![reason.clone(), skills.join(", "), parts(needed)]
        }
    };
    said.into_iter().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}
