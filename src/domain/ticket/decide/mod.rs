//! What the rules allow: a command on a state gives events and what they mean for routes.
//!
//! Pure, and the only place where the table "which command is allowed when" lives. A refusal leaves
//! the ticket as it was. An expert who loses a visit always does so by an event of their own
//! (`OfferEnded`, `Unassigned`, `Completed`, `VisitFailed`), so that nobody has to guess.

mod award;
mod delivery;
mod expert;
mod life;
mod timer;

use super::{
    Action, Command, Ctx, OfferEnd, Open, Opened, Phase, Refusal, Sla, Step, Ticket, TicketEvent, TimerKind, Window,
};
use crate::domain::{
    decision::Decision,
    ids::ExpertId,
    person::{Private, TicketPersonal},
    route::Route,
    text::mask_cards,
    time::Timestamp,
};
use std::borrow::Cow;

/// What a command leads to. Empty events: nothing to do (a repeat, a timer that no longer holds).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    pub events: Vec<TicketEvent>,
    /// Changes to experts' routes that must be committed in the same batch (P3). At most one per expert.
    pub routes: Vec<(ExpertId, RouteEffect)>,
    /// Set when an offline command was refused but its notes were kept: the answer is still a refusal.
    pub refused: Option<Refusal>,
}

/// What happens to the ticket's stop in an expert's route.
#[derive(Clone, Debug, PartialEq)]
pub enum RouteEffect {
    /// Replace the route by this one, made from the version it carries.
    Put(Box<Route>),
    /// Offered -> assigned, in place.
    Accept,
    /// Accepted in time, but the expiry had already taken the stop out: the caller inserts it again
    /// as assigned (at the end when nothing better fits) and follows with `Command::Replan` in the
    /// same batch, so that the ticket knows its planned times.
    Restore,
    /// Offered, assigned or started: gone without being served.
    Remove,
    Depart(Timestamp),
    /// Also straight from assigned: whoever arrives has departed.
    Arrive(Timestamp),
    /// Served (or tried in vain) until then; the expert is at the stop's place now.
    Finish {
        at: Timestamp,
        served: bool,
    },
    /// The customer's window is another one now; the stop stays where it is.
    Rewindow(Option<Window>),
}

/// A new ticket: one event.
#[must_use]
pub fn open(open: Open, ctx: &Ctx<'_>) -> Vec<TicketEvent> {
    let reachable = Some(open.personal.contact.reachable());
    let TicketPersonal { contact, title, description, place, address } = open.personal;
    let personal =
        TicketPersonal { contact, title: masked(title), description: description.map(masked), place, address };
    vec![TicketEvent::Opened(Box::new(Opened {
        number: open.number,
        region: open.region,
        personal: Private::new(open.person, personal),
        customer: open.customer,
        coarse: open.coarse,
        located: open.located,
        source: open.source,
        external_id: open.external_id,
        product: open.product,
        skills: open.skills,
        priority: open.priority,
        opened_at: open.opened_at,
        service_s: open.service_s,
        window: open.window,
        due_at: open.due_at,
        sla: Sla::start(ctx.settings.sla[open.priority as usize], open.opened_at, ctx.calendar),
        flags: open.flags,
        reachable,
    }))]
}

/// Most texts hold no card number and stay as they are.
fn masked(text: String) -> String {
    match mask_cards(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => masked,
    }
}

/// What a command leads to, or why it may not be.
///
/// # Errors
/// A [`Refusal`] when the rules say no; the ticket stays as it is.
pub fn decide(ticket: &Ticket, command: Command, ctx: &Ctx<'_>) -> Result<Decided, Refusal> {
    let case = Case { ticket, ctx, command: command.name() };
    match command {
        Command::Offer { decision, expert, route } => case.offer(decision, expert, *route),
        Command::Wait { decision, waiting } => case.wait(decision, waiting),
        Command::Escalate { decision, escalation } => case.escalate(decision, escalation),
        Command::Assign { expert, reason, pin, force, broken, route } => {
            case.assign(award::Choice { expert, reason, pin, force, broken, route: *route })
        }
        Command::Reassign { decision, from, expert, reason, route } => {
            case.reassign(decision, &from, expert, &reason, *route)
        }
        Command::Unassign { reason } => case.unassign(&reason),
        Command::Expert(command) => case.expert(&command),
        Command::Hold { reason, until } => case.hold(&reason, until),
        Command::Release => case.release(),
        Command::Reschedule { window } => case.reschedule(window),
        Command::Locate { place, address, region, located, vague } => {
            case.locate(life::Found { place, address, region, located, vague })
        }
        Command::Cancel { reason } => case.cancel(&reason),
        Command::Reopen { reason } => case.reopen(&reason),
        Command::Survey { rating, comment } => case.survey(rating, comment.as_deref()),
        Command::Note { text } => Ok(TicketEvent::NoteAdded { text: case.private(&text) }.into()),
        Command::Quarantine { cause } => Ok(case.quarantine(cause)),
        Command::Resume => case.resume(),
        Command::HandOver { to, why } => case.hand_over(to, why),
        Command::Timer(kind) => Ok(case.timer(kind)),
        Command::Replan { expert, planned_start, planned_end } => Ok(case.replan(&expert, planned_start, planned_end)),
        Command::DeliverySent { delivery, channel, reference } => case.delivery_sent(delivery, channel, reference),
        Command::DeliveryReceived { delivery } => case.delivery_received(delivery),
        Command::DeliveryFailed { delivery, channel, error, failing } => {
            case.delivery_failed(delivery, channel, error, failing)
        }
        Command::DeliveryDeferred { delivery } => case.delivery_deferred(delivery),
        Command::DeliveryDropped { delivery, why } => case.delivery_dropped(delivery, why),
        Command::DeliveryBounced { delivery, channel, error, elsewhere } => {
            case.delivery_bounced(*delivery, channel, error, elsewhere)
        }
        Command::DeliveryResend { delivery } => case.delivery_resend(delivery),
    }
}

/// One command on one ticket, by its contract name.
#[derive(Clone, Copy)]
struct Case<'a> {
    ticket: &'a Ticket,
    ctx: &'a Ctx<'a>,
    command: &'static str,
}

impl Case<'_> {
    fn wrong_phase(&self) -> Refusal {
        Refusal::WrongPhase { command: self.command, phase: self.ticket.phase }
    }

    fn require(&self, allowed: bool) -> Result<(), Refusal> {
        if allowed { Ok(()) } else { Err(self.wrong_phase()) }
    }

    /// Typed text of this ticket's person; card numbers never get further than here (P12).
    fn private(&self, text: &str) -> Private<String> {
        Private::new(self.ticket.person(), mask_cards(text).into_owned())
    }

    /// Takes the visit from whoever holds it, if anybody does.
    fn withdraw(&self, reason: &str, avoid: bool) -> Decided {
        let Some(expert) = self.ticket.visit.expert.clone() else { return Decided::default() };
        let (at, reason) = (self.ctx.now, self.private(reason));
        let how = if avoid { OfferEnd::Unassigned } else { OfferEnd::Withdrawn };
        let event = match &self.ticket.visit.offer {
            Some(offer) => TicketEvent::OfferEnded { offer: offer.no, expert: expert.clone(), how, reason, at },
            None => TicketEvent::Unassigned { expert: expert.clone(), reason, at, avoid },
        };
        Decided::from(event).route(expert, self.leaving(at))
    }

    /// What an unfinished visit leaves in its expert's route.
    fn leaving(&self, at: Timestamp) -> RouteEffect {
        match self.ticket.step {
            Some(Step::OnSite) => RouteEffect::Finish { at, served: false },
            Some(Step::EnRoute) | None => RouteEffect::Remove,
        }
    }
}

impl Decided {
    fn event(mut self, event: TicketEvent) -> Self {
        self.events.push(event);
        self
    }

    fn route(mut self, expert: ExpertId, effect: RouteEffect) -> Self {
        self.routes.push((expert, effect));
        self
    }

    /// Both, in this order.
    fn and(mut self, then: Self) -> Self {
        self.events.extend(then.events);
        self.routes.extend(then.routes);
        self
    }
}

impl From<TicketEvent> for Decided {
    fn from(event: TicketEvent) -> Self {
        Self { events: vec![event], ..Self::default() }
    }
}

impl From<Option<Box<Decision>>> for Decided {
    fn from(decision: Option<Box<Decision>>) -> Self {
        Self { events: decision.into_iter().map(TicketEvent::Decided).collect(), ..Self::default() }
    }
}
