//! What the phone does when the time has come: answers, leaves, arrives, finishes, reconnects.

use super::{Again, Agenda, Deed, Doing, Job, Phone, RETHINK_S, Sent, transient};
use crate::{
    actors::{Caller, Service},
    domain::{
        fix::Fix,
        ids::{OfferNo, TicketNumber, VisitNo},
        route::{Stop, StopState},
        ticket::{Action, Command, ExpertCommand, Role, VisitOutcome, Who, WindowKind},
        time::Timestamp,
    },
    routing::Drives,
    sim::{Behaviour, Planned},
};

impl Phone {
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
                let from = self.whereabouts(now);
                let drives = Drives::new(&self.travel, &self.zone_name, self.roads.as_deref());
                let planned_s = drives.drive_s(from, job.place, now);
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
        let _ = service.report(&self.expert, Fix { place: job.place, at: now, accuracy_m: None });
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
}
