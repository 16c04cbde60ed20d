//! What the tests of tickets share: a ticket folded from given events, a clock, a caller, and
//! commands with sensible defaults. Times are minutes after `T0`, a Monday morning.

use crate::domain::{
    decision::{Decision, Escalation, EscalationReason, Policy, TravelSource},
    ids::{ExpertId, OfferNo, PersonId, RegionId},
    number::{RegionCode, TicketNumber},
    person::{Contact, Private, TicketPersonal},
    place::{Located, Place},
    route::{Route, Stop, StopState},
    settings::RegionSettings,
    skill::SkillLevel,
    ticket::{
        Action, Command, Ctx, Decided, DeliveryKind, ExpertCommand, Flags, Offer, OfferEnd, Open, Phase, Priority,
        Refusal, Role, Source, Ticket, TicketEvent, WaitReason, Waiting, Who, Window, WindowKind, decide, open,
    },
    time::Timestamp,
};

/// 2026-03-02T08:00:00Z.
pub(super) const T0: Timestamp = Timestamp(1_772_438_400_000);
/// Planned start and end of an offered visit, minutes.
pub(super) const PLAN: (i64, i64) = (30, 60);

pub(super) fn at(minutes: i64) -> Timestamp {
    T0.plus_s(minutes * 60)
}

pub(super) fn expert(name: &str) -> ExpertId {
    ExpertId::parse(name).unwrap()
}

pub(super) fn region(name: &str) -> RegionId {
    RegionId::parse(name).unwrap()
}

pub(super) fn text(text: &str) -> Private<String> {
    Private::new(PersonId(7), text.to_owned())
}

pub(super) fn promise(from: i64, to: i64) -> Window {
    Window { from: at(from), to: at(to), kind: WindowKind::Promise }
}

pub(super) fn request() -> Open {
    Open {
        number: TicketNumber::new(RegionCode(33), 142),
        region: region("north"),
        person: PersonId(7),
        personal: TicketPersonal {
            contact: Contact { phone: Some("+16175550123".into()), ..Contact::default() },
            title: "TV stays dark".into(),
            place: Some(Place::new(42.36, -71.06).unwrap()),
            ..TicketPersonal::default()
        },
        customer: None,
        coarse: None,
        located: Located::Inside,
        source: Source::Web,
        external_id: None,
        product: None,
        skills: vec![SkillLevel::parse("tv").unwrap()],
        priority: Priority::Normal,
        opened_at: T0,
        service_s: 1_800,
        window: None,
        due_at: None,
        flags: Flags::default(),
    }
}

/// A ticket with its past, a clock and a caller (the system, until told otherwise).
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) ticket: Ticket,
    pub(super) past: Vec<TicketEvent>,
    pub(super) now: Timestamp,
    pub(super) who: Who,
    pub(super) settings: RegionSettings,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::of(request())
    }

    pub(super) fn of(request: Open) -> Self {
        let (settings, who) = (RegionSettings::default(), Who::system());
        let past = open(request, &Ctx { now: T0, who: &who, settings: &settings, calendar: None, zone: "UTC" });
        let TicketEvent::Opened(opened) = &past[0] else { panic!("a ticket begins with Opened") };
        Self { ticket: Ticket::opened(opened), past, now: T0, who, settings }
    }

    /// A ticket in the given phase; `ann` has or had it.
    pub(super) fn in_phase(phase: Phase) -> Self {
        let scene = Self::new();
        let assigned = || Self::new().did(offer("ann")).minute(1).did(by("ann", Action::Accept));
        let under_way = || assigned().did(by("ann", Action::Depart));
        let completed = || under_way().did(by("ann", complete()));
        match phase {
            Phase::New => scene,
            Phase::Assigning => scene.did(offer("ann")),
            Phase::Assigned => assigned(),
            Phase::InProgress => under_way(),
            Phase::Completed => completed(),
            Phase::Closed => completed().did(|_: &Ticket| Command::Survey { rating: 5, comment: None }),
            Phase::Reopened => completed().did(|_: &Ticket| Command::Reopen { reason: "again dark".into() }),
            Phase::Cancelled => scene.did(|_: &Ticket| Command::Cancel { reason: "found the remote".into() }),
            Phase::OnHold => scene.did(|_: &Ticket| Command::Hold { reason: "holiday".into(), until: None }),
        }
    }

    pub(super) fn minute(mut self, minute: i64) -> Self {
        self.now = at(minute);
        self
    }

    pub(super) fn by(mut self, role: Role, id: &str) -> Self {
        self.who = Who { role, id: id.into() };
        self
    }

    /// The command happens; panics when it is refused.
    pub(super) fn did(mut self, command: impl FnOnce(&Ticket) -> Command) -> Self {
        let decided = self.when(command).unwrap();
        assert_eq!(decided.refused, None);
        self.apply(&decided);
        self
    }

    pub(super) fn apply(&mut self, decided: &Decided) {
        for event in &decided.events {
            self.ticket.apply(event);
        }
        self.past.extend(decided.events.iter().cloned());
    }

    pub(super) fn when(&self, command: impl FnOnce(&Ticket) -> Command) -> Result<Decided, Refusal> {
        self.decide(command(&self.ticket))
    }

    pub(super) fn decide(&self, command: Command) -> Result<Decided, Refusal> {
        let ctx = Ctx { now: self.now, who: &self.who, settings: &self.settings, calendar: None, zone: "UTC" };
        decide(&self.ticket, command, &ctx)
    }

    /// The feed kinds of what a command leads to, or the refusal's code.
    pub(super) fn kinds(&self, command: impl FnOnce(&Ticket) -> Command) -> Vec<&'static str> {
        match self.when(command) {
            Ok(decided) => decided.events.iter().map(TicketEvent::kind).collect(),
            Err(refusal) => vec![refusal.code()],
        }
    }

    pub(super) fn code(&self, command: impl FnOnce(&Ticket) -> Command) -> &'static str {
        self.when(command).expect_err("must be refused").code()
    }

    /// Kinds of the deliveries that wait, in order.
    pub(super) fn waiting_deliveries(&self) -> Vec<DeliveryKind> {
        self.ticket.deliveries.iter().map(|delivery| delivery.kind).collect()
    }
}

/// The expert's route with this visit as its only stop, planned from minute to minute.
#[allow(clippy::unnecessary_box_returns, reason = "as commands hold it")]
pub(super) fn route(ticket: &Ticket, name: &str, plan: (i64, i64)) -> Box<Route> {
    let mut route = Route::empty(expert(name), region("north"));
    route.stops.push(Stop {
        ticket: ticket.number,
        visit: ticket.visit.no,
        offer: 0,
        state: StopState::Offered,
        place: Private::new(PersonId(7), Place::new(42.36, -71.06).unwrap()),
        service_s: ticket.service_s,
        window: ticket.window,
        planned_depart: at(plan.0 - 10),
        planned_start: at(plan.0),
        planned_end: at(plan.1),
        pinned: false,
        forced: false,
        due: None,
        urgency: 1,
    });
    Box::new(route)
}

#[allow(clippy::unnecessary_box_returns, reason = "as commands hold it")]
pub(super) fn decision(ticket: &Ticket) -> Box<Decision> {
    Box::new(Decision {
        at: T0,
        ticket_version: ticket.version,
        visit: ticket.visit.no,
        region: ticket.region.clone(),
        region_version: 1,
        policy: Policy::Insertion,
        travel: TravelSource::GreatCircle,
        candidates: Vec::new(),
        winner: None,
        second_round: false,
        plan: None,
    })
}

pub(super) fn offer(name: &str) -> impl FnOnce(&Ticket) -> Command {
    offer_at(name, PLAN)
}

pub(super) fn offer_at(name: &str, plan: (i64, i64)) -> impl FnOnce(&Ticket) -> Command {
    move |ticket| Command::Offer { decision: decision(ticket), expert: expert(name), route: route(ticket, name, plan) }
}

/// A dispatcher's choice; edit the fields that matter.
pub(super) struct Assign {
    pub(super) pin: bool,
    pub(super) force: bool,
    pub(super) reason: &'static str,
    pub(super) broken: Option<&'static str>,
}

pub(super) const CHOICE: Assign = Assign { pin: false, force: false, reason: "knows the house", broken: None };

#[allow(clippy::needless_pass_by_value, reason = "the closure keeps it")]
pub(super) fn assign(name: &str, choice: Assign) -> impl FnOnce(&Ticket) -> Command {
    move |ticket| Command::Assign {
        expert: expert(name),
        reason: choice.reason.into(),
        pin: choice.pin,
        force: choice.force,
        broken: choice.broken.map(Into::into),
        route: route(ticket, name, PLAN),
    }
}

/// A repair: to the second instead of the first.
pub(super) fn reassign(from: &str, to: &str) -> impl FnOnce(&Ticket) -> Command {
    move |ticket| Command::Reassign {
        decision: decision(ticket),
        from: expert(from),
        expert: expert(to),
        reason: "late".into(),
        route: route(ticket, to, PLAN),
    }
}

pub(super) fn unassign(_: &Ticket) -> Command {
    Command::Unassign { reason: "needed elsewhere".into() }
}

/// Found so many hundredths of a degree north of where it was, in that region.
pub(super) fn locate(name: &str, north: i32) -> impl FnOnce(&Ticket) -> Command {
    let (place, region) = (Place::new(42.36 + f64::from(north) / 100.0, -71.06).unwrap(), region(name));
    move |_| Command::Locate { place, address: None, region, located: Located::Inside, vague: false }
}

/// Online, now, about whatever the ticket is at.
pub(super) fn command(name: &str, action: Action) -> ExpertCommand {
    ExpertCommand { expert: expert(name), action, at: None, visit: None, offer: None, id: None, offline: false }
}

pub(super) fn by(name: &str, action: Action) -> impl FnOnce(&Ticket) -> Command {
    let command = command(name, action);
    |_| Command::Expert(command)
}

/// Done at a minute, sent from the phone's queue now.
pub(super) fn offline(name: &str, minute: i64, action: Action) -> impl FnOnce(&Ticket) -> Command {
    let command = ExpertCommand { at: Some(at(minute)), offline: true, ..command(name, action) };
    |_| Command::Expert(command)
}

pub(super) fn complete() -> Action {
    Action::Complete { resolution: "fuse".into(), notes: "replaced the fuse".into(), parts: vec!["fuse 2A".into()] }
}

pub(super) fn decline() -> Action {
    Action::Decline { reason: "too far".into() }
}

pub(super) fn cannot_fix(need: &str) -> Action {
    let need_skills = vec![SkillLevel::parse(need).unwrap()];
    Action::CannotFix { reason: "needs a master".into(), need_skills, parts: vec![] }
}

pub(super) fn no_access() -> Action {
    Action::NoAccess { reason: "nobody opens".into() }
}

pub(super) fn wait(reason: WaitReason, minute: i64) -> impl FnOnce(&Ticket) -> Command {
    move |ticket| Command::Wait {
        decision: Some(decision(ticket)),
        waiting: Waiting { reason, next_try_at: at(minute) },
    }
}

pub(super) fn escalate(reason: EscalationReason) -> impl FnOnce(&Ticket) -> Command {
    move |ticket| Command::Escalate {
        decision: Some(decision(ticket)),
        escalation: Escalation { at: T0, reason, ruled: vec![] },
    }
}

pub(super) fn timer(kind: super::super::TimerKind) -> impl FnOnce(&Ticket) -> Command {
    move |_| Command::Timer(kind)
}

pub(super) fn offered_event(name: &str, no: OfferNo, minute: i64) -> TicketEvent {
    TicketEvent::Offered {
        expert: expert(name),
        offer: Offer { no, made_at: at(minute), expires_at: at(minute + 5) },
        planned_start: at(PLAN.0),
        planned_end: at(PLAN.1),
        reason: None,
    }
}

pub(super) fn ended_event(name: &str, no: OfferNo, how: OfferEnd, reason: &str, minute: i64) -> TicketEvent {
    TicketEvent::OfferEnded { offer: no, expert: expert(name), how, reason: text(reason), at: at(minute) }
}
