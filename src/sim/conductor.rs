//! Plays inputs into the tree: tickets that arrive, experts who act. On virtual time it also moves
//! the clock, to the next input or deadline, whenever the tree has come to rest; on any other it
//! waits. One input at a time, each answered before the next.
//!
//! Must hold: on virtual time and one current-thread runtime the order of everything follows from
//! the inputs and the seed alone. Never: counts what becomes of tickets (the journal tells that).

use super::{
    Agenda, Deed, Phone,
    phone::{Again, transient},
};
use crate::{
    actors::{Caller, Clock, Failure, Service},
    domain::{
        ids::{ExpertId, TicketNumber},
        intake::NewTicket,
        ticket::{DeliveryKind, Phase, Role, Source, Who},
        time::{DAY_S, HOUR_S, Timestamp},
    },
    storage::Fault,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    time::{Duration, Instant},
};

/// A ticket that is going to be entered at `at`.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: Timestamp,
    pub new: NewTicket,
}

/// What only the one who played knows; everything else is read from the journal.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Tickets entered and answered, refused ones too.
    pub entered: u64,
    /// Codes of refusals, and how often.
    pub refused: BTreeMap<String, u64>,
    /// The external ids of what was refused.
    pub refused_ids: BTreeSet<String>,
    /// Real time from the call to the first offer's push, for tickets offered soon, milliseconds.
    pub assign_ms: BTreeMap<TicketNumber, f64>,
    pub handed_back: u64,
}

/// Why a run could not go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Stopped {
    #[error("the tree did not come to rest within {0} s of real time, at {1}")]
    Restless(u64, Timestamp),
    #[error("a ticket could not be entered: {0}")]
    Refusing(Failure),
    #[error(transparent)]
    Store(#[from] Fault),
}

/// Where tickets are entered.
pub trait Counter: Send {
    /// The ticket's number, and whether it was there already.
    fn enter<'a>(&'a mut self, new: &'a NewTicket) -> Entering<'a>;
}

pub type Entering<'a> = Pin<Box<dyn Future<Output = Result<(TicketNumber, bool), Failure>> + Send + 'a>>;

/// Straight into the service, as a door would.
impl Counter for Service {
    fn enter<'a>(&'a mut self, new: &'a NewTicket) -> Entering<'a> {
        Box::pin(async move {
            let opened = self.open(new.clone(), &customer(new.source)).await?;
            Ok((opened.ticket.number, opened.replayed))
        })
    }
}

pub struct Conductor {
    service: Service,
    counter: Box<dyn Counter>,
    clock: Clock,
    /// By expert id.
    phones: Vec<Phone>,
    arrivals: std::iter::Peekable<std::vec::IntoIter<Arrival>>,
    last_arrival: Timestamp,
    /// By time, then phone, then the order in which it was planned.
    agenda: BTreeMap<(Timestamp, u32, u64), (Deed, u8)>,
    planned: u64,
    scratch: Agenda,
    /// Entered and not offered yet; forgotten when time moves on.
    fresh: Vec<(TicketNumber, Instant)>,
    retries: u32,
    played: Played,
}

/// After this the tree is stuck.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a run goes on after the last arrival at most.
const AFTERWARDS_S: i64 = 14 * DAY_S;
/// Nothing was done for so long, and nobody waits for a next try: nothing will be (a weekend is shorter).
const STALLED_S: i64 = 3 * DAY_S;
/// The same while somebody waits (longer than the router looks ahead).
const WAITED_S: i64 = 8 * DAY_S;
/// How often the open tickets are looked through once the last one has arrived.
const LOOK_S: i64 = 6 * HOUR_S;
/// An entry that the service could not take is repeated so often, a second apart.
const ENTRY_RETRIES: u32 = 60;

#[allow(clippy::disallowed_methods, reason = "measures real time: how fast the tree answers, and whether it is stuck")]
fn real_now() -> Instant {
    Instant::now()
}

impl Conductor {
    /// `arrivals` in any order; those of the same time keep theirs.
    #[must_use]
    pub fn new(service: Service, mut phones: Vec<Phone>, mut arrivals: Vec<Arrival>) -> Self {
        phones.sort_by(|a, b| a.expert.cmp(&b.expert));
        arrivals.sort_by_key(|arrival| arrival.at);
        let clock = service.clock().clone();
        let last_arrival = arrivals.last().map_or_else(|| clock.now(), |arrival| arrival.at);
        let mut conductor = Self {
            clock,
            counter: Box::new(service.clone()),
            service,
            phones,
            arrivals: arrivals.into_iter().peekable(),
            last_arrival,
            agenda: BTreeMap::new(),
            planned: 0,
            scratch: Vec::new(),
            fresh: Vec::new(),
            retries: 0,
            played: Played::default(),
        };
        let now = conductor.clock.now();
        for phone in 0..conductor.phones.len() {
            conductor.scratch.push((now, Deed::Reconnect));
            conductor.plan(phone as u32);
        }
        conductor
    }

    /// Tickets are entered there, not straight into the service.
    #[must_use]
    pub fn entering_at(mut self, counter: Box<dyn Counter>) -> Self {
        self.counter = counter;
        self
    }

    /// How far it is: tickets entered, and simulated time.
    #[must_use]
    pub fn progress(&self) -> (u64, Timestamp) {
        (self.played.entered, self.clock.now())
    }

    /// What experts are doing now: (busy, idle, without coverage).
    #[must_use]
    pub fn experts(&self) -> (usize, usize, usize) {
        let offline = self.phones.iter().filter(|phone| !phone.online()).count();
        let busy = self.phones.iter().filter(|phone| phone.online() && phone.busy()).count();
        (busy, self.phones.len() - busy - offline, offline)
    }

    pub fn phones(&self) -> impl Iterator<Item = (&ExpertId, &Phone)> {
        self.phones.iter().map(|phone| (&phone.expert, phone))
    }

    #[must_use]
    pub fn finish(mut self) -> Played {
        self.played.handed_back = self.phones.iter().map(|phone| phone.handed_back).sum();
        self.played
    }

    /// Virtual time: plays everything and goes on until every ticket is served, or nothing moves any more, or
    /// two weeks have passed. `watch` is called now and then.
    pub async fn play(&mut self, watch: &mut dyn FnMut(&Self)) -> Result<(), Stopped> {
        let end = self.last_arrival.plus_s(AFTERWARDS_S);
        let mut next_look = self.last_arrival.plus_s(1);
        let mut done_before = (0, self.last_arrival);
        let mut steps = 0_u32;
        loop {
            self.settle().await?;
            if self.step().await? {
                steps = steps.wrapping_add(1);
                if steps.is_multiple_of(256) {
                    watch(self);
                }
                continue;
            }
            let now = self.clock.now();
            if self.arrivals.peek().is_none() && now >= next_look {
                next_look = now.plus_s(LOOK_S);
                let done = self.phones.iter().map(|phone| phone.done).sum::<u64>();
                if done != done_before.0 {
                    done_before = (done, now);
                }
                let enough_s = match self.work_left()? {
                    Left::Nothing => 0,
                    Left::Stuck => STALLED_S,
                    Left::Waiting => WAITED_S,
                };
                if now.since_s(done_before.1) >= enough_s {
                    break;
                }
            }
            let mut next = [self.next_input(), self.clock.next_wake()].into_iter().flatten().min();
            if self.arrivals.peek().is_none() {
                next = Some(next.unwrap_or(end).min(next_look));
            }
            match next {
                Some(next) if next <= end => self.advance(next.max(now)),
                Some(_) | None => break,
            }
        }
        watch(self);
        Ok(())
    }

    /// Running time: plays until `done` says so. Phones look for pushes every `poll_ms` of simulated time.
    pub async fn accompany(&mut self, poll_ms: i64, done: &mut dyn FnMut(&Self) -> bool) -> Result<(), Stopped> {
        while !done(self) {
            if self.step().await? {
                continue;
            }
            let now = self.clock.now();
            self.fresh.retain(|(_, since)| since.elapsed() < PATIENCE);
            let poll = now.plus_ms(poll_ms.max(1));
            let until = self.next_input().map_or(poll, |next| next.min(poll));
            drop(self.clock.sleep_until(until).await);
        }
        Ok(())
    }

    /// Lets everything under way come to its end.
    async fn settle(&self) -> Result<(), Stopped> {
        let mut since = None;
        loop {
            for _ in 0..64 {
                tokio::task::yield_now().await;
                if self.clock.quiet() {
                    return Ok(());
                }
            }
            if since.get_or_insert_with(real_now).elapsed() > PATIENCE {
                return Err(Stopped::Restless(PATIENCE.as_secs(), self.clock.now()));
            }
        }
    }

    /// Takes in what was pushed, then does the next thing whose time has come. False: nothing to do now.
    async fn step(&mut self) -> Result<bool, Stopped> {
        self.take_in();
        let now = self.clock.now();
        let arrives = self.arrivals.peek().map(|arrival| arrival.at).filter(|at| *at <= now);
        let acts = self.agenda.keys().next().map(|(at, _, _)| *at).filter(|at| *at <= now);
        match (arrives, acts) {
            (None, None) => Ok(false),
            // A ticket goes before what experts do at the same instant.
            (Some(arrives), acts) if acts.is_none_or(|acts| arrives <= acts) => {
                self.enter(now).await?;
                Ok(true)
            }
            (_, _) => {
                self.act(now).await;
                Ok(true)
            }
        }
    }

    fn take_in(&mut self) {
        let now = self.clock.now();
        for index in 0..self.phones.len() {
            while let Some(push) = self.phones[index].next_push() {
                if push.kind == DeliveryKind::Offer
                    && let Some(entered) = self.fresh.iter().position(|(ticket, _)| *ticket == push.ticket)
                {
                    let (_, since) = self.fresh.swap_remove(entered);
                    self.played.assign_ms.insert(push.ticket, since.elapsed().as_secs_f64() * 1_000.0);
                }
                self.phones[index].receive(&push, now, &mut self.scratch);
                self.plan(index as u32);
            }
        }
    }

    /// Puts what a phone wants to do on the agenda.
    fn plan(&mut self, phone: u32) {
        for (at, deed) in self.scratch.drain(..) {
            self.planned += 1;
            self.agenda.insert((at, phone, self.planned), (deed, 0));
        }
    }

    async fn enter(&mut self, now: Timestamp) -> Result<(), Stopped> {
        let Some(arrival) = self.arrivals.peek() else { return Ok(()) };
        let entered = real_now();
        match self.counter.enter(&arrival.new).await {
            Ok((number, false)) => self.fresh.push((number, entered)),
            Ok((_, true)) => {}
            Err(failure) if transient(&failure) => {
                self.retries += 1;
                if self.retries > ENTRY_RETRIES {
                    return Err(Stopped::Refusing(failure));
                }
                if self.clock.is_virtual() {
                    self.advance(now.plus_s(1));
                } else {
                    drop(self.clock.sleep_until(now.plus_s(1)).await);
                }
                return Ok(());
            }
            Err(failure) => {
                *self.played.refused.entry(code(&failure)).or_default() += 1;
                self.played.refused_ids.extend(arrival.new.external_id.clone());
            }
        }
        self.retries = 0;
        self.played.entered += 1;
        self.arrivals.next();
        Ok(())
    }

    async fn act(&mut self, now: Timestamp) {
        let Some(((_, phone, _), (deed, tries))) = self.agenda.pop_first() else { return };
        let acted = self.phones[phone as usize].perform(deed, &self.service, now, &mut self.scratch).await;
        self.plan(phone);
        if acted == Err(Again) {
            let pause_s = 5 << tries.min(7);
            self.planned += 1;
            self.agenda.insert((now.plus_s(pause_s), phone, self.planned), (deed, tries.saturating_add(1)));
        }
    }

    fn next_input(&mut self) -> Option<Timestamp> {
        let arrives = self.arrivals.peek().map(|arrival| arrival.at);
        let acts = self.agenda.keys().next().map(|(at, _, _)| *at);
        [arrives, acts].into_iter().flatten().min()
    }

    fn advance(&mut self, to: Timestamp) {
        if to > self.clock.now() {
            self.fresh.clear();
        }
        self.clock.advance(to);
    }

    fn work_left(&self) -> Result<Left, Fault> {
        let mut left = Left::Nothing;
        for region in self.service.store().regions() {
            self.service.store().for_each_open(&region.id, &mut |ticket| {
                let stuck =
                    ticket.escalation.is_some() || ticket.quarantined.is_some() || ticket.phase == Phase::OnHold;
                left = left.max(if stuck { Left::Stuck } else { Left::Waiting });
            })?;
        }
        Ok(left)
    }
}

/// What open tickets there are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    Nothing,
    /// Only some that are with a person.
    Stuck,
    Waiting,
}

/// Whoever enters tickets: a portal for what customers type, a clerk for what they say on the phone.
fn customer(source: Source) -> Caller {
    let role = match source {
        Source::Phone => Role::Clerk,
        Source::Web | Source::App | Source::Api => Role::Portal,
    };
    Caller::of(Who { role, id: "simulation".into() })
}

fn code(failure: &Failure) -> String {
    match failure {
        Failure::Refused { refusal, .. } => refusal.code().into(),
        Failure::NotFound(_) => "not_found".into(),
        Failure::Invalid { what, .. } => what.clone(),
        Failure::Stale(_) => "stale".into(),
        Failure::KeyReused => "key_reused".into(),
        Failure::Replayed(_) => "replayed".into(),
        Failure::Overloaded { .. } => "overloaded".into(),
        Failure::OutcomeUnknown => "outcome_unknown".into(),
        Failure::DiskFull => "disk_full".into(),
        Failure::Fault(_) => "fault".into(),
    }
}
