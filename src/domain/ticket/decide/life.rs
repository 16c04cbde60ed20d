//! What customers and staff do with a ticket as a whole: hold, reschedule, cancel, reopen, rate,
//! quarantine, hand over.

use super::{Case, Decided, Phase, Refusal, RouteEffect, Sla, TicketEvent, Window};
use crate::domain::{
    ids::RegionId,
    person::{Address, Private, TicketPersonal},
    place::{Located, Place},
    ticket::{Flag, WindowKind},
    time::Timestamp,
};

/// Where a ticket is, as in `Command::Locate`.
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) address: Option<Address>,
    pub(super) region: RegionId,
    pub(super) located: Located,
    pub(super) vague: bool,
}

impl Case<'_> {
    pub(super) fn hold(&self, reason: &str, until: Option<Timestamp>) -> Result<Decided, Refusal> {
        match self.ticket.phase {
            Phase::New | Phase::Assigning | Phase::Assigned | Phase::Reopened => {}
            Phase::InProgress | Phase::Completed | Phase::Closed | Phase::Cancelled | Phase::OnHold => {
                return Err(self.wrong_phase());
            }
        }
        let at = self.ctx.now;
        if until.is_some_and(|until| until <= at) {
            return Err(Refusal::BadTime);
        }
        Ok(self.withdraw(reason, false).event(TicketEvent::Held { reason: self.private(reason), until, at }))
    }

    pub(super) fn release(&self) -> Result<Decided, Refusal> {
        self.require(self.ticket.phase == Phase::OnHold)?;
        Ok(self.released(false))
    }

    /// The SLA clocks go on with what they had left.
    pub(super) fn released(&self, by_timer: bool) -> Decided {
        let (now, calendar) = (self.ctx.now, self.ctx.calendar);
        let since = self.ticket.hold.as_ref().map_or(now, |hold| hold.since);
        TicketEvent::Released { by_timer, sla: self.ticket.sla.after_pause(since, now, calendar) }.into()
    }

    pub(super) fn reschedule(&self, window: Option<Window>) -> Result<Decided, Refusal> {
        self.require(self.ticket.phase.open() && self.ticket.phase != Phase::InProgress)?;
        if window.is_some_and(|window| window.from >= window.to || window.to <= self.ctx.now) {
            return Err(Refusal::BadWindow);
        }
        if window == self.ticket.window {
            return Ok(Decided::default());
        }
        let Some(expert) = self.ticket.visit.expert.clone() else {
            return Ok(TicketEvent::Rescheduled { window, replan: false }.into());
        };
        let replan = self.breaks_plan(window);
        let rescheduled = TicketEvent::Rescheduled { window, replan };
        Ok(if replan {
            self.withdraw("", false).event(rescheduled)
        } else {
            Decided::from(rescheduled).route(expert, RouteEffect::Rewindow(window))
        })
    }

    /// Wishes cost, they do not break plans.
    fn breaks_plan(&self, window: Option<Window>) -> bool {
        let promise = window.filter(|window| window.kind == WindowKind::Promise);
        let start = self.ticket.visit.planned_start;
        promise.is_some_and(|window| start.is_none_or(|start| start < window.from || start > window.to))
    }

    /// Another place breaks the plan and may be another region's; said again it changes nothing.
    pub(super) fn locate(&self, found: Found) -> Result<Decided, Refusal> {
        self.require(self.ticket.phase.open() && self.ticket.phase != Phase::InProgress)?;
        let Found { place, address, region, located, vague } = found;
        // Whoever was erased has no place any more.
        let before = self.ticket.personal.known().ok_or(Refusal::NoPlace)?;
        let address = address.or_else(|| before.address.clone());
        let after = TicketPersonal { place: Some(place), address, ..before.clone() };
        let from = self.ticket.region.clone();
        let mut flags = self.ticket.flags;
        flags.set(Flag::VagueAddress, vague);
        let mut decided = Decided::default();
        if flags != self.ticket.flags {
            decided = decided.event(TicketEvent::Flagged(flags));
        }
        if before.place != after.place || from != region {
            decided = decided.and(self.withdraw("the place is another one", false));
        } else if *before == after {
            return Ok(decided);
        }
        let personal = Private::new(self.ticket.person(), after);
        decided = decided.event(TicketEvent::Located { personal, coarse: Some(place.coarse()), located });
        if from != region {
            let why = "its place is known".to_owned();
            decided = decided.event(TicketEvent::HandedOver { from, to: region, why });
        }
        Ok(decided)
    }

    pub(super) fn cancel(&self, reason: &str) -> Result<Decided, Refusal> {
        self.require(self.ticket.phase.open())?;
        let staff = self.ctx.who.role.staff();
        if self.ticket.phase == Phase::InProgress && !staff {
            return Err(Refusal::StaffOnly);
        }
        let reason_kept = self.private(reason);
        let cancelled = TicketEvent::Cancelled { reason: reason_kept, at: self.ctx.now, tell_customer: staff };
        Ok(self.withdraw(reason, false).event(cancelled))
    }

    /// Closed tickets can be reopened for a while, completed and cancelled ones always.
    pub(super) fn reopen(&self, reason: &str) -> Result<Decided, Refusal> {
        let at = self.ctx.now;
        match self.ticket.phase {
            Phase::Completed | Phase::Cancelled => {}
            Phase::Closed => {
                let ended = self.ticket.ended_at.unwrap_or(at);
                if at > ended.plus_s(i64::from(self.ctx.settings.reopen_s)) {
                    return Err(Refusal::TooLateToReopen(ended));
                }
            }
            Phase::New | Phase::Assigning | Phase::Assigned | Phase::InProgress | Phase::Reopened | Phase::OnHold => {
                return Err(self.wrong_phase());
            }
        }
        let sla = Sla::start(self.ctx.settings.sla[self.ticket.priority as usize], at, self.ctx.calendar);
        Ok(TicketEvent::Reopened { reason: self.private(reason), sla, at }.into())
    }

    /// The customer's last word closes the ticket.
    pub(super) fn survey(&self, rating: u8, comment: Option<&str>) -> Result<Decided, Refusal> {
        self.require(self.ticket.phase == Phase::Completed)?;
        if !(1..=5).contains(&rating) {
            return Err(Refusal::BadRating);
        }
        let comment = self.private(comment.unwrap_or_default());
        let closed = TicketEvent::Closed { by_timer: false, at: self.ctx.now };
        Ok(Decided::from(TicketEvent::Surveyed { rating, comment }).event(closed))
    }

    /// Takes nothing away from anybody; only the automatic path is closed. The first cause is kept.
    pub(super) fn quarantine(&self, cause: String) -> Decided {
        match self.ticket.quarantined {
            Some(_) => Decided::default(),
            None => TicketEvent::Quarantined { cause }.into(),
        }
    }

    pub(super) fn resume(&self) -> Result<Decided, Refusal> {
        match self.ticket.quarantined {
            Some(_) => Ok(TicketEvent::Resumed.into()),
            None => Err(Refusal::NotQuarantined),
        }
    }

    pub(super) fn hand_over(&self, to: RegionId, why: String) -> Result<Decided, Refusal> {
        self.automatic()?;
        let from = self.ticket.region.clone();
        if from == to {
            return Ok(Decided::default());
        }
        Ok(TicketEvent::HandedOver { from, to, why }.into())
    }
}
