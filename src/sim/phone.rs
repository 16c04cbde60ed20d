//! One simulated expert with their phone: answers offers, follows the route the app shows, sends
//! what they did. Works on every kind of clock: it says when it wants to act next, and somebody
//! calls it then.
//!
//! Must hold: the phone knows only what the app shows (pushes and its own route). A push makes it
//! look; the route says what there is to do. Never: an action without a command about it.

use super::{Answer, Behaviour, Course, Habits, Planned};
use crate::{
    actors::{Caller, Device, Failure, Push, Service},
    domain::{
        expert::Expert,
        ids::{DeliveryNo, ExpertId, OfferNo, TicketNumber, VisitNo},
        place::Place,
        region::Region,
        route::{Stop, StopState},
        shift::{Interval, Shift, intervals},
        ticket::{Action, Command, DeliveryKind, ExpertCommand, Role, VisitOutcome, Who, WindowKind},
        time::{DAY_S, Timestamp, zone},
    },
    routing,
};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// Something an expert is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Receipt {
        ticket: TicketNumber,
        delivery: DeliveryNo,
    },
    Accept {
        ticket: TicketNumber,
        visit: VisitNo,
        offer: OfferNo,
    },
    Decline {
        ticket: TicketNumber,
        visit: VisitNo,
        offer: OfferNo,
        reason: &'static str,
    },
    /// Looks at the route: is it time to leave?
    Consider,
    /// Of the job with this count; one that was called off meanwhile is let go.
    Arrive {
        job: u32,
    },
    Finish {
        job: u32,
    },
    Reconnect,
}

/// What the phone wants to do, and when.
pub type Agenda = Vec<(Timestamp, Deed)>;

pub struct Phone {
    pub expert: ExpertId,
    caller: Caller,
    habits: Habits,
    home: Place,
    shifts: Vec<Shift>,
    zone: TimeZone,
    travel: crate::domain::settings::TravelSettings,
    default_service_s: u32,
    /// None: no coverage.
    device: Option<Device>,
    /// Where they are, and since which shift that holds.
    place: Place,
    on_shift_since: Option<Timestamp>,
    doing: Doing,
    /// Counts the jobs, so that deeds of a job that was called off are known.
    jobs: u32,
    answered: BTreeSet<(TicketNumber, OfferNo)>,
    /// Done without coverage, not yet sent.
    queue: Vec<(TicketNumber, ExpertCommand)>,
    queued: u64,
    /// The next look at the route that is planned.
    look_at: Option<Timestamp>,
    /// Commands that took effect.
    pub done: u64,
    /// Visits given back to the dispatcher because the shift was over.
    pub handed_back: u64,
}

#[derive(Clone, Copy, Debug)]
enum Doing {
    Idle,
    Driving(Job),
    Serving(Job),
}

#[derive(Clone, Copy, Debug)]
struct Job {
    ticket: TicketNumber,
    visit: VisitNo,
    place: Place,
    course: Course,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Done,
    /// It no longer applies.
    Refused,
}

/// The world failed; to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again;

/// A refused departure is looked at again after this.
const RETHINK_S: i64 = 60;
/// Answers kept in mind; offers older than these are long gone.
const ANSWERS: usize = 64;

impl Phone {
    /// Connects the phone of an expert on the roster. None: the expert was erased.
    #[must_use]
    pub fn connect(
        service: &Service,
        expert: &Expert,
        region: &Region,
        behaviour: Behaviour,
        seed: u64,
    ) -> Option<Self> {
        let home = expert.home()?;
        Some(Self {
            expert: expert.id.clone(),
            caller: Caller::of(Who { role: Role::Expert, id: expert.id.to_string() }),
            habits: Habits::new(behaviour, seed, &expert.id),
            home,
            shifts: expert.shifts.clone(),
            zone: zone(&expert.zone).unwrap_or(TimeZone::UTC),
            travel: region.settings.travel,
            default_service_s: region.settings.service_s,
            device: Some(service.connect(&expert.id)),
            place: home,
            on_shift_since: None,
            doing: Doing::Idle,
            jobs: 0,
            answered: BTreeSet::new(),
            queue: Vec::new(),
            queued: 0,
            look_at: None,
            done: 0,
            handed_back: 0,
        })
    }

    /// The next push that arrived, if any.
    pub fn next_push(&mut self) -> Option<Push> {
        self.device.as_mut()?.try_recv().ok()
    }

    #[must_use]
    pub fn online(&self) -> bool {
        self.device.is_some()
    }

    #[must_use]
    pub fn busy(&self) -> bool {
        !matches!(self.doing, Doing::Idle)
    }

    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Something was pushed: a receipt, and a look at what it is about.
    pub fn receive(&mut self, push: &Push, now: Timestamp, agenda: &mut Agenda) {
        if let Some(ms) = self.habits.receipt_ms(push.ticket, push.delivery) {
            agenda.push((now.plus_ms(ms), Deed::Receipt { ticket: push.ticket, delivery: push.delivery }));
        }
        match push.kind {
            DeliveryKind::Offer => self.ponder(push.ticket, push.visit, push.offer, now, agenda),
            DeliveryKind::Assignment => self.look(now, agenda),
            DeliveryKind::Withdrawn => {
                self.call_off(push.ticket, push.visit);
                self.look(now, agenda);
            }
            DeliveryKind::Opened
            | DeliveryKind::ExpertFound
            | DeliveryKind::Arrived
            | DeliveryKind::Survey
            | DeliveryKind::Delayed
            | DeliveryKind::Cancelled => {}
        }
    }

    /// Makes up their mind about an offer, once.
    fn ponder(&mut self, ticket: TicketNumber, visit: VisitNo, offer: OfferNo, now: Timestamp, agenda: &mut Agenda) {
        if !self.answered.insert((ticket, offer)) {
            return;
        }
        if self.answered.len() > ANSWERS {
            self.answered.pop_first();
        }
        match self.habits.answer(ticket, offer) {
            Answer::Accept { after_s } => agenda.push((now.plus_s(after_s), Deed::Accept { ticket, visit, offer })),
            Answer::Decline { after_s, reason } => {
                agenda.push((now.plus_s(after_s), Deed::Decline { ticket, visit, offer, reason }));
            }
            Answer::Ignore => {}
        }
    }

    fn look(&mut self, at: Timestamp, agenda: &mut Agenda) {
        if self.look_at.is_none_or(|planned| at < planned) {
            self.look_at = Some(at);
            agenda.push((at, Deed::Consider));
        }
    }

    fn call_off(&mut self, ticket: TicketNumber, visit: VisitNo) {
        if let Doing::Driving(job) | Doing::Serving(job) = self.doing
            && (job.ticket, job.visit) == (ticket, visit)
        {
            self.doing = Doing::Idle;
            self.jobs += 1;
        }
    }

    /// Does what its time has come for. `Again`: nothing changed, to be done once more a little later.
    pub async fn perform(
        &mut self,
        deed: Deed,
        service: &Service,
        now: Timestamp,
        agenda: &mut Agenda,
    ) -> Result<(), Again> {
        match deed {
            Deed::Receipt { ticket, delivery } => {
                if self.online() {
                    self.call(service, ticket, Command::DeliveryReceived { delivery }).await?;
                }
                Ok(())
            }
            Deed::Accept { ticket, visit, offer } => {
                let sent = self.act(service, now, (ticket, visit), Some(offer), Action::Accept).await?;
                if sent == Sent::Done {
                    self.look(now, agenda);
                }
                Ok(())
            }
            Deed::Decline { ticket, visit, offer, reason } => {
                let action = Action::Decline { reason: reason.into() };
                self.act(service, now, (ticket, visit), Some(offer), action).await.map(drop)
            }
            Deed::Consider => {
                if self.look_at.is_none_or(|planned| planned > now) {
                    return Ok(());
                }
                self.look_at = None;
                let considered = self.consider(service, now, agenda).await;
                if considered.is_err() {
                    self.look_at = Some(now);
                }
                considered
            }
            Deed::Arrive { job } if job == self.jobs => self.arrive(service, now, agenda).await,
            Deed::Finish { job } if job == self.jobs => self.finish(service, now, agenda).await,
            Deed::Arrive { .. } | Deed::Finish { .. } => Ok(()),
            Deed::Reconnect => self.reconnect(service, now, agenda).await,
        }
    }

    /// Looks at the route: answers what it has not answered, goes on with what is under way, leaves
    /// when it is time to.
    async fn consider(&mut self, service: &Service, now: Timestamp, agenda: &mut Agenda) -> Result<(), Again> {
        if !self.online() || self.busy() {
            return Ok(());
        }
        let Some(route) = service.store().route(&self.expert) else { return Ok(()) };
        for stop in route.stops.iter().filter(|stop| stop.state == StopState::Offered) {
            self.ponder(stop.ticket, stop.visit, stop.offer, now, agenda);
        }
        let Some(stop) = route.stops.iter().find(|stop| stop.state != StopState::Offered) else { return Ok(()) };
        let Some(place) = stop.place.known().copied() else { return Ok(()) };
        let planned = if stop.service_s == self.default_service_s {
            Planned::Default(stop.service_s)
        } else {
            Planned::Estimated(stop.service_s)
        };
        let course = self.habits.course(stop.ticket, stop.visit, planned);
        let job = Job { ticket: stop.ticket, visit: stop.visit, place, course };
        match stop.state {
            StopState::EnRoute => {
                self.doing = Doing::Driving(job);
                agenda.push((now.max(stop.planned_start), Deed::Arrive { job: self.jobs }));
            }
            StopState::OnSite => {
                self.doing = Doing::Serving(job);
                agenda.push((now.max(stop.planned_start.plus_s(course.on_site_s)), Deed::Finish { job: self.jobs }));
            }
            StopState::Offered | StopState::Assigned => {
                let leave_at = stop.planned_depart.plus_s(course.leave_after_s);
                if leave_at > now {
                    self.look(leave_at, agenda);
                } else if self.too_late(now) {
                    self.hand_back(service, stop.ticket, now, agenda).await?;
                } else {
                    self.depart(service, now, job, stop, agenda).await?;
                }
            }
        }
        Ok(())
    }

    async fn depart(
        &mut self,
        service: &Service,
        now: Timestamp,
        job: Job,
        stop: &Stop,
        agenda: &mut Agenda,
    ) -> Result<(), Again> {
        if self.act(service, now, (job.ticket, job.visit), None, Action::Depart).await? == Sent::Refused {
            self.look(now.plus_s(RETHINK_S), agenda);
            return Ok(());
        }
        let arrive_at = match self.habits.behaviour {
            Behaviour::Exact => now.plus_ms(stop.planned_start.since_ms(stop.planned_depart).max(0)),
            Behaviour::Lifelike => {
                let planned_s = routing::travel(self.whereabouts(now), job.place, &self.travel).duration_s;
                let there = now.plus_s((planned_s as f64 * job.course.drive_factor) as i64);
                let opens = stop.window.filter(|window| window.kind == WindowKind::Promise).map(|window| window.from);
                opens.map_or(there, |opens| there.max(opens))
            }
        };
        self.jobs += 1;
        self.doing = Doing::Driving(job);
        agenda.push((arrive_at, Deed::Arrive { job: self.jobs }));
        Ok(())
    }

    async fn arrive(&mut self, service: &Service, now: Timestamp, agenda: &mut Agenda) -> Result<(), Again> {
        let Doing::Driving(job) = self.doing else { return Ok(()) };
        if job.course.offline_s.is_some() && self.online() {
            self.device = None;
            service.disconnect(&self.expert);
        }
        if self.act(service, now, (job.ticket, job.visit), None, Action::Arrive).await? == Sent::Refused {
            self.doing = Doing::Idle;
            self.look(now, agenda);
            return Ok(());
        }
        self.place = job.place;
        self.doing = Doing::Serving(job);
        service.position(&self.expert, job.place, now);
        agenda.push((now.plus_s(job.course.on_site_s), Deed::Finish { job: self.jobs }));
        Ok(())
    }

    async fn finish(&mut self, service: &Service, now: Timestamp, agenda: &mut Agenda) -> Result<(), Again> {
        let Doing::Serving(job) = self.doing else { return Ok(()) };
        let action = match job.course.outcome {
            VisitOutcome::Completed => Action::Complete {
                resolution: "fixed".into(),
                notes: "Found the fault and fixed it.".into(),
                parts: Vec::new(),
            },
            VisitOutcome::CannotFix => {
                Action::CannotFix { reason: "a part is missing".into(), need_skills: Vec::new(), parts: Vec::new() }
            }
            VisitOutcome::NoAccess => Action::NoAccess { reason: "nobody opened".into() },
        };
        self.act(service, now, (job.ticket, job.visit), None, action).await?;
        self.doing = Doing::Idle;
        match (self.online(), job.course.offline_s) {
            (false, Some(offline_s)) => agenda.push((now.plus_s(offline_s), Deed::Reconnect)),
            (false, None) => agenda.push((now, Deed::Reconnect)),
            (true, _) => self.look(now, agenda),
        }
        Ok(())
    }

    /// Coverage again: sends what was done meanwhile, in order, some of it twice.
    async fn reconnect(&mut self, service: &Service, now: Timestamp, agenda: &mut Agenda) -> Result<(), Again> {
        if self.device.is_none() {
            self.device = Some(service.connect(&self.expert));
        }
        while let Some((ticket, command)) = self.queue.first().cloned() {
            let twice = command.visit.is_some_and(|visit| self.habits.sends_twice(ticket, visit));
            for _ in 0..=usize::from(twice) {
                self.call(service, ticket, Command::Expert(command.clone())).await?;
            }
            self.queue.remove(0);
        }
        self.look(now, agenda);
        Ok(())
    }

    /// What cannot be begun before the shift is over goes back to the dispatcher by telephone.
    async fn hand_back(
        &mut self,
        service: &Service,
        ticket: TicketNumber,
        now: Timestamp,
        agenda: &mut Agenda,
    ) -> Result<(), Again> {
        let desk = Caller::of(Who { role: Role::Dispatcher, id: "desk".into() });
        let reason = format!("{} rang: the shift is over", self.expert);
        match service.command(ticket, Command::Unassign { reason }, &desk).await {
            Ok(_) => {
                self.handed_back += 1;
                self.look(now, agenda);
                Ok(())
            }
            Err(failure) if transient(&failure) => Err(Again),
            Err(_) => {
                self.look(now.plus_s(RETHINK_S), agenda);
                Ok(())
            }
        }
    }

    /// Sends an action, or keeps it for later without coverage.
    async fn act(
        &mut self,
        service: &Service,
        now: Timestamp,
        (ticket, visit): (TicketNumber, VisitNo),
        offer: Option<OfferNo>,
        action: Action,
    ) -> Result<Sent, Again> {
        let mut command = ExpertCommand {
            expert: self.expert.clone(),
            action,
            at: None,
            visit: Some(visit),
            offer,
            id: None,
            offline: false,
        };
        if self.online() {
            return self.call(service, ticket, Command::Expert(command)).await;
        }
        self.queued += 1;
        command.at = Some(now);
        command.id = Some(format!("{}-{}", self.expert, self.queued));
        command.offline = true;
        self.queue.push((ticket, command));
        Ok(Sent::Done)
    }

    async fn call(&mut self, service: &Service, ticket: TicketNumber, command: Command) -> Result<Sent, Again> {
        match service.command(ticket, command, &self.caller).await {
            Ok(_) => {
                self.done += 1;
                Ok(Sent::Done)
            }
            Err(failure) if transient(&failure) => Err(Again),
            Err(_) => Ok(Sent::Refused),
        }
    }

    /// Where they set off from: the last stop of this shift, else home.
    fn whereabouts(&mut self, now: Timestamp) -> Place {
        let since = self.last_shift(now).map(|shift| shift.from);
        if since != self.on_shift_since {
            self.on_shift_since = since;
            self.place = self.home;
        }
        self.place
    }

    /// The shift is over and the next one is not about to begin.
    fn too_late(&self, now: Timestamp) -> bool {
        self.habits.behaviour == Behaviour::Lifelike && self.last_shift(now).is_none_or(|shift| shift.to <= now)
    }

    /// The shift that began last (or begins within half an hour).
    fn last_shift(&self, now: Timestamp) -> Option<Interval> {
        const SOON_S: i64 = 1_800;
        let near = intervals(&self.shifts, &self.zone, now.plus_s(-7 * DAY_S), now.plus_s(SOON_S));
        near.last().copied()
    }
}

/// Ours to sort out, not the caller's: worth another try.
pub(super) fn transient(failure: &Failure) -> bool {
    match failure {
        Failure::Overloaded { .. } | Failure::OutcomeUnknown | Failure::DiskFull | Failure::Fault(_) => true,
        Failure::Refused { .. }
        | Failure::NotFound(_)
        | Failure::Invalid { .. }
        | Failure::Stale(_)
        | Failure::KeyReused
        | Failure::Replayed(_) => false,
    }
}
