//! One simulated expert with their phone: answers offers, follows the route the app shows, sends
//! what they did. Works on every kind of clock: it says when it wants to act next, and somebody
//! calls it then.
//!
//! Must hold: the phone knows only what the app shows (pushes and its own route). A push makes it
//! look; the route says what there is to do. Never: an action without a command about it.

use super::{Answer, Behaviour, Course, Habits};
use crate::{
    actors::{Caller, Device, Failure, Push, Service},
    domain::{
        expert::Expert,
        ids::{DeliveryNo, ExpertId, OfferNo, TicketNumber, VisitNo},
        place::Place,
        region::Region,
        settings::TravelSettings,
        shift::{Interval, Shift, intervals},
        ticket::{DeliveryKind, ExpertCommand, Role, Who},
        time::{DAY_S, Timestamp, zone},
    },
    routing::roads::Legs,
};
use jiff::tz::TimeZone;
use std::{collections::BTreeSet, sync::Arc};

mod deeds;

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
    travel: TravelSettings,
    zone_name: String,
    /// What there really is to drive on; none: the great circle.
    roads: Option<Arc<Legs>>,
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
        roads: Option<Arc<Legs>>,
    ) -> Option<Self> {
        let home = expert.home()?;
        Some(Self {
            expert: expert.id.clone(),
            caller: Caller::of(Who { role: Role::Expert, id: expert.id.to_string() }),
            habits: Habits::new(behaviour, seed, &expert.id),
            home,
            shifts: expert.shifts.clone(),
            zone: zone(&expert.zone).unwrap_or(TimeZone::UTC),
            travel: TravelSettings { network: roads.as_ref().map(|roads| roads.id()), ..region.settings.travel },
            zone_name: region.time_zone.clone(),
            roads,
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
