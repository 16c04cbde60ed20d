//! Whatever comes in whatever order: nothing panics, and the state keeps its promises.

use super::{
    super::{
        Action, Channel, Command, Decided, ExpertCommand, Failing, Phase, Role, RouteEffect, Ticket, TicketEvent,
        TimerKind, WaitReason, Who, Window, WindowKind,
    },
    scene::{
        Assign, Scene, T0, assign, cannot_fix, command, complete, decline, escalate, expert, locate, no_access,
        offer_at, region, unassign, wait,
    },
};
use crate::domain::{
    decision::EscalationReason,
    ids::{ExpertId, PersonId, VisitNo},
    person::{SealError, Sealing},
    time::Timestamp,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// One arbitrary step; what the numbers mean depends on the ticket it meets.
#[derive(Clone, Debug)]
struct Try {
    kind: u8,
    name: u8,
    /// Minutes that pass before it.
    pass: i64,
    /// Minutes, for whatever needs a time.
    minutes: i64,
    n: u16,
    flags: [bool; 3],
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let pass = prop_oneof![6 => 0..4_i64, 2 => 0..90_i64, 1 => 0..60_000_i64];
    let one = (0..70_u8, 0..10_u8, pass, -120..400_i64, 0..6_u16, any::<[bool; 3]>());
    let one = one.prop_map(|(kind, name, pass, minutes, n, flags)| Try { kind, name, pass, minutes, n, flags });
    prop::collection::vec(one, 1..80)
}

impl Try {
    /// Mostly whoever the visit is or was with; else anybody.
    fn expert(&self, ticket: &Ticket) -> ExpertId {
        let lapsed = ticket.visit.lapsed.last().map(|lapsed| lapsed.expert.clone());
        let likely = ticket.visit.expert.clone().or(lapsed).filter(|_| self.name > 2);
        likely.unwrap_or_else(|| expert(["ann", "bob", "cas"][usize::from(self.name) % 3]))
    }

    /// What the expert does is mostly about the current visit and offer, and mostly not long ago.
    fn act(&self, scene: &Scene, action: Action) -> Command {
        let (visit, [a, b, c]) = (&scene.ticket.visit, self.flags);
        let live = visit.offer.as_ref().or(visit.lapsed.last().map(|lapsed| &lapsed.offer));
        let offer = live.map_or(visit.accepted_offer, |offer| offer.no);
        let ago = self.minutes.min(if self.n > 1 { 2 } else { 400 });
        let command = ExpertCommand {
            at: a.then_some(scene.now.plus_s(ago * 60)),
            visit: b.then_some(if self.n > 0 { visit.no } else { 9 }),
            offer: c.then_some(if self.n > 0 { offer } else { 9 }),
            id: (self.n > 3).then(|| format!("c-{}", self.minutes / 40)),
            offline: a && b,
            ..command("ann", action)
        };
        Command::Expert(ExpertCommand { expert: self.expert(&scene.ticket), ..command })
    }

    fn command(&self, scene: &Scene) -> Command {
        let ticket = &scene.ticket;
        let now = scene.now.since_s(T0) / 60;
        let moment = scene.now.plus_s(self.minutes * 60);
        let [a, b, _] = self.flags;
        let reason = || "because".to_owned();
        let acts = |action| self.act(scene, action);
        let name = self.expert(ticket);
        let name = name.as_str();
        match self.kind {
            0..=4 => offer_at(name, (now + self.minutes, now + self.minutes + 30))(ticket),
            5..=9 => acts(Action::Accept),
            10 => acts(decline()),
            11..=12 => acts(Action::Depart),
            13..=14 => acts(Action::Arrive),
            15..=16 => acts(complete()),
            17 => acts(cannot_fix("tv:2")),
            18 => acts(no_access()),
            19 => {
                let broken = (self.n == 0).then_some("skill");
                assign(name, Assign { pin: a, force: b, reason: "asked for", broken })(ticket)
            }
            20 => unassign(ticket),
            21 => Command::Hold { reason: reason(), until: a.then_some(moment) },
            22 => Command::Release,
            23 => {
                let kind = if b { WindowKind::Promise } else { WindowKind::Wish };
                let window = Window { from: moment, to: moment.plus_s(i64::from(self.n) * 3_600), kind };
                Command::Reschedule { window: a.then_some(window) }
            }
            24 => Command::Cancel { reason: reason() },
            25 => Command::Reopen { reason: reason() },
            26 => Command::Survey { rating: self.n as u8, comment: None },
            27 => wait(WaitReason::AllFull, now + self.minutes)(ticket),
            28 => escalate(EscalationReason::NobodyQualified)(ticket),
            29 if a => Command::Quarantine { cause: reason() },
            29 => Command::Resume,
            30 => Command::HandOver { to: region(if a { "north" } else { "south" }), why: reason() },
            31 => {
                let planned_end = moment.plus_s(1_800);
                Command::Replan { expert: expert(name), planned_start: moment, planned_end }
            }
            32 => {
                let channel = if a { Channel::Push } else { Channel::Sms };
                Command::DeliverySent { delivery: self.n, channel, reference: None }
            }
            33 if a => Command::DeliveryResend { delivery: self.n },
            33 => {
                let failing = match self.n % 3 {
                    0 => Failing::Passing { retry_after_s: None },
                    n => Failing::Permanent { elsewhere: n == 1 },
                };
                match (b, ticket.deliveries.first()) {
                    (true, Some(first)) => {
                        let delivery = Box::new(first.clone());
                        Command::DeliveryBounced { delivery, channel: Channel::Sms, error: reason(), elsewhere: true }
                    }
                    _ => Command::DeliveryFailed { delivery: self.n, channel: Channel::Sms, error: reason(), failing },
                }
            }
            34..=40 => match scene.ticket.timers().get(usize::from(self.n)) {
                Some(timer) => Command::Timer(timer.kind),
                None => Command::Timer(TimerKind::OfferExpiry),
            },
            41 => locate(if a { "north" } else { "south" }, i32::from(self.n) / 3)(ticket),
            _ => self.natural(scene),
        }
    }

    /// What mostly comes next, so that random histories get anywhere.
    fn natural(&self, scene: &Scene) -> Command {
        let ticket = &scene.ticket;
        let name = self.expert(ticket);
        let plan = scene.now.since_s(T0) / 60 + 30;
        let online = |action| Command::Expert(ExpertCommand { expert: name.clone(), ..command("ann", action) });
        match ticket.phase {
            Phase::New if self.flags[0] && !ticket.visit.lapsed.is_empty() => {
                let lapsed = &ticket.visit.lapsed[ticket.visit.lapsed.len() - 1];
                let at = Some(lapsed.offer.expires_at);
                let late = ExpertCommand { at, offline: true, ..command(lapsed.expert.as_str(), Action::Accept) };
                Command::Expert(late)
            }
            Phase::New | Phase::Reopened if ticket.quarantined.is_some() => Command::Resume,
            Phase::New | Phase::Reopened => offer_at(name.as_str(), (plan, plan + 30))(ticket),
            Phase::Assigning if self.flags[0] => Command::Timer(TimerKind::OfferExpiry),
            Phase::Assigning => online(Action::Accept),
            Phase::Assigned if self.flags[0] => online(Action::Depart),
            Phase::Assigned => online(Action::Arrive),
            Phase::InProgress if self.flags[0] => online(Action::Arrive),
            Phase::InProgress => online(complete()),
            Phase::Completed if self.flags[0] => Command::Timer(TimerKind::AutoClose),
            Phase::Completed => Command::Survey { rating: 5, comment: None },
            Phase::Closed | Phase::Cancelled => Command::Reopen { reason: "again".into() },
            Phase::OnHold => Command::Release,
        }
    }

    fn who(&self) -> Who {
        let role = if self.name > 1 { Role::Clerk } else { Role::ALL[usize::from(self.n)] };
        Who { role, id: "ann".to_owned() }
    }
}

/// The stops of this ticket in the experts' routes, by the effects alone.
#[derive(Default)]
struct Routes(BTreeSet<(ExpertId, VisitNo)>);

impl Routes {
    fn follow(&mut self, ticket: &Ticket, decided: &Decided) {
        let names: BTreeSet<_> = decided.routes.iter().map(|(expert, _)| expert).collect();
        assert_eq!(names.len(), decided.routes.len(), "one effect per expert");
        for (expert, effect) in &decided.routes {
            let stop = (expert.clone(), ticket.visit.no);
            match effect {
                RouteEffect::Put(route) => {
                    assert!(route.stop(ticket.number, ticket.visit.no).is_some());
                    self.0.insert(stop);
                }
                RouteEffect::Restore => assert!(self.0.insert(stop), "restored what was there"),
                RouteEffect::Accept | RouteEffect::Depart(_) | RouteEffect::Arrive(_) | RouteEffect::Rewindow(_) => {
                    assert!(self.0.contains(&stop), "{effect:?} without a stop");
                }
                RouteEffect::Remove | RouteEffect::Finish { .. } => assert!(self.0.remove(&stop), "removed twice"),
            }
        }
    }
}

/// What must hold of every state.
fn check(ticket: &Ticket, routes: &Routes) {
    let (phase, visit) = (ticket.phase, &ticket.visit);
    let held = matches!(phase, Phase::Assigning | Phase::Assigned | Phase::InProgress);
    assert_eq!(visit.offer.is_some(), phase == Phase::Assigning, "an offer is live in assigning only");
    assert_eq!(visit.expert.is_some(), held, "an expert has it in {}", phase.name());
    assert_eq!(visit.assigned_at.is_some(), held && phase != Phase::Assigning);
    assert_eq!(ticket.step.is_some(), phase == Phase::InProgress);
    assert_eq!(ticket.hold.is_some(), phase == Phase::OnHold);
    assert_eq!(ticket.closes_at.is_some(), phase == Phase::Completed);
    assert_eq!(ticket.ended_at.is_some(), matches!(phase, Phase::Closed | Phase::Cancelled));
    let holders: BTreeSet<_> = visit.expert.iter().map(|expert| (expert.clone(), visit.no)).collect();
    assert_eq!(routes.0, holders, "P3: exactly the holder's route has the stop");
    assert!(ticket.seen_commands.len() <= 32 && ticket.refused_commands.len() <= 32);
    assert!(!ticket.skills.is_empty());
    check_timers(ticket);
}

/// Deadlines are those that the phase implies, each kind once.
fn check_timers(ticket: &Ticket) {
    let timers = ticket.timers();
    let kinds: BTreeSet<_> = timers.iter().map(|timer| timer.kind).collect();
    assert_eq!(kinds.len(), timers.len(), "{timers:?}");
    let phase = ticket.phase;
    assert_eq!(kinds.contains(&TimerKind::OfferExpiry), phase == Phase::Assigning);
    assert_eq!(kinds.contains(&TimerKind::AutoClose), phase == Phase::Completed);
    for kind in kinds {
        let implied = match kind {
            TimerKind::OfferExpiry | TimerKind::AutoClose => true,
            TimerKind::RespondBreach | TimerKind::ResolveBreach => phase.open() && phase != Phase::OnHold,
            TimerKind::NextTry => matches!(phase, Phase::New | Phase::Reopened),
            TimerKind::HoldUntil => phase == Phase::OnHold,
            TimerKind::Delivery(no) | TimerKind::Notice(no) => {
                ticket.deliveries.iter().any(|delivery| delivery.no == no)
            }
        };
        assert!(implied, "{kind:?} in {}", phase.name());
    }
}

/// Seals nothing: what is tested is that every field is stored.
struct Clear;

impl Sealing for Clear {
    fn seal(&mut self, _: PersonId, plain: &[u8]) -> Vec<u8> {
        plain.to_vec()
    }

    fn open(&mut self, _: PersonId, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        Ok(Some(sealed.to_vec()))
    }
}

fn stored<T>(value: &T) -> T
where
    T: minicbor::Encode<Clear> + for<'a> minicbor::Decode<'a, Clear>,
{
    let bytes = minicbor::to_vec_with(value, &mut Clear).unwrap();
    minicbor::decode_with(&bytes, &mut Clear).unwrap()
}

fn replayed(past: &[TicketEvent]) -> Ticket {
    let TicketEvent::Opened(opened) = &past[0] else { panic!("a ticket begins with Opened") };
    let mut ticket = Ticket::opened(opened);
    past[1..].iter().for_each(|event| ticket.apply(event));
    ticket
}

proptest! {
    #[test]
    fn any_sequence_of_commands_keeps_the_promises(tries in tries()) {
        let mut scene = Scene::new();
        let mut routes = Routes::default();
        for attempt in tries {
            scene.now = scene.now.plus_s(attempt.pass * 60);
            scene.who = attempt.who();
            let (before, version) = (scene.ticket.clone(), scene.ticket.version);
            if let Ok(decided) = scene.decide(attempt.command(&scene)) {
                routes.follow(&before, &decided);
                prop_assert!(decided.refused.is_none() || decided.routes.is_empty());
                scene.apply(&decided);
                prop_assert_eq!(scene.ticket.version, version + decided.events.len() as u64);
            }
            check(&scene.ticket, &routes);
        }
        prop_assert_eq!(&replayed(&scene.past), &scene.ticket);
        let kept: Vec<TicketEvent> = scene.past.iter().map(stored).collect();
        prop_assert_eq!(&kept, &scene.past);
        prop_assert_eq!(&stored(&scene.ticket), &scene.ticket);
    }

    #[test]
    fn every_deadline_leads_somewhere_or_is_told_to_others(tries in tries()) {
        let mut scene = Scene::new();
        for attempt in tries {
            scene.now = scene.now.plus_s(attempt.pass * 60);
            scene.who = attempt.who();
            if let Ok(decided) = scene.decide(attempt.command(&scene)) {
                scene.apply(&decided);
            }
        }
        for timer in scene.ticket.timers() {
            let fire = |now: Timestamp| {
                let scene = Scene { now, ..scene.clone() };
                scene.decide(Command::Timer(timer.kind)).unwrap().events.len()
            };
            let others = matches!(timer.kind, TimerKind::NextTry | TimerKind::Delivery(_) | TimerKind::Notice(_));
            prop_assert_eq!(fire(timer.due), usize::from(!others), "{:?}", timer);
            prop_assert_eq!(fire(timer.due.plus_ms(-1)), 0, "{:?} too early", timer);
        }
    }
}
