//! Whatever comes in whatever order: nothing panics, and the state keeps its promises.

use super::{
    super::{
        Action, Channel, Command, Decided, ExpertCommand, Phase, Role, RouteEffect, Ticket, TicketEvent, TimerKind,
        WaitReason, Who, Window, WindowKind,
    },
    scene::{
        Assign, Scene, T0, assign, cannot_fix, command, complete, decline, escalate, expert, no_access, offer_at,
        region, unassign, wait,
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
    let one = (
        0..34_u8,
        0..3_u8,
        prop_oneof![0..3_i64, 0..90_i64, 0..60_000_i64],
        -120..400_i64,
        0..6_u16,
        any::<[bool; 3]>(),
    );
    let one = one.prop_map(|(kind, name, pass, minutes, n, flags)| Try { kind, name, pass, minutes, n, flags });
    prop::collection::vec(one, 1..60)
}

impl Try {
    fn name(&self) -> &'static str {
        ["ann", "bob", "cas"][usize::from(self.name)]
    }

    fn command(&self, scene: &Scene) -> Command {
        let ticket = &scene.ticket;
        let now = scene.now.since_s(T0) / 60;
        let moment = scene.now.plus_s(self.minutes * 60);
        let [a, b, c] = self.flags;
        let reason = || "because".to_owned();
        let acts = |action| {
            Command::Expert(ExpertCommand {
                at: a.then_some(moment),
                visit: b.then_some(self.n),
                offer: c.then_some(self.n),
                id: (self.n > 3).then(|| format!("c-{}", self.minutes)),
                offline: a && b,
                ..command(self.name(), action)
            })
        };
        match self.kind {
            0..=3 => offer_at(self.name(), (now + self.minutes, now + self.minutes + 30))(ticket),
            4..=7 => acts(Action::Accept),
            8 => acts(decline()),
            9..=10 => acts(Action::Depart),
            11..=12 => acts(Action::Arrive),
            13..=14 => acts(complete()),
            15 => acts(cannot_fix("tv:2")),
            16 => acts(no_access()),
            17..=18 => {
                let broken = (self.n == 0).then_some("skill");
                assign(self.name(), Assign { pin: a, force: b, reason: "asked for", broken })(ticket)
            }
            19 => unassign(ticket),
            20 => Command::Hold { reason: reason(), until: a.then_some(moment) },
            21 => Command::Release,
            22 => {
                let kind = if b { WindowKind::Promise } else { WindowKind::Wish };
                let window = Window { from: moment, to: moment.plus_s(i64::from(self.n) * 3_600), kind };
                Command::Reschedule { window: a.then_some(window) }
            }
            23 => Command::Cancel { reason: reason() },
            24 => Command::Reopen { reason: reason() },
            25 => Command::Survey { rating: self.n as u8, comment: None },
            26 => wait(WaitReason::AllFull, now + self.minutes)(ticket),
            27 => escalate(EscalationReason::NobodyQualified)(ticket),
            28 if a => Command::Quarantine { cause: reason() },
            28 => Command::Resume,
            29 => Command::HandOver { to: region(if a { "north" } else { "south" }), why: reason() },
            30 => {
                let planned_end = moment.plus_s(1_800);
                Command::Replan { expert: expert(self.name()), planned_start: moment, planned_end }
            }
            31 => Command::DeliverySent { delivery: self.n, channel: if a { Channel::Push } else { Channel::Sms } },
            32 => Command::DeliveryFailed { delivery: self.n, channel: Channel::Sms, error: reason() },
            _ => match scene.ticket.timers().get(usize::from(self.n)) {
                Some(timer) => Command::Timer(timer.kind),
                None => Command::Timer(TimerKind::OfferExpiry),
            },
        }
    }

    fn who(&self) -> Who {
        let role = Role::ALL[usize::from(self.n) % Role::ALL.len()];
        Who { role, id: self.name().to_owned() }
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
                    assert!(self.0.contains(&stop), "{effect:?} without a stop")
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
            TimerKind::Delivery(no) => ticket.deliveries.iter().any(|delivery| delivery.no == no),
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
            let others = matches!(timer.kind, TimerKind::NextTry | TimerKind::Delivery(_));
            prop_assert_eq!(fire(timer.due), usize::from(!others), "{:?}", timer);
            prop_assert_eq!(fire(timer.due.plus_ms(-1)), 0, "{:?} too early", timer);
        }
    }
}
