//! Histories of made-up tickets, in the domain's own events: closed ones with nine, open ones with
//! eight. Deliveries are done in all of them, so that a server that starts has nothing to send.

use callout::{
    domain::{
        decision::{Decision, Policy, TravelSource},
        expert::Expert,
        fact::{Fact, State},
        ids::{ExpertId, Thing},
        person::{Address, Contact, Private, TicketPersonal},
        place::{Located, Place},
        region::Region,
        route::{Route, RouteCause, RouteEvent},
        skill::SkillLevel,
        ticket::{
            self, Channel, Ctx, Flags, Offer, Open, Priority, RouteEffect, Source, Ticket, TicketEvent, WaitReason,
            Waiting, Who,
        },
        time::{DAY_S, HOUR_S, MINUTE_S, Timestamp},
    },
    routing::{self, Drives, Evaluation, Terms, VisitSpec},
    storage::{Change, Store},
};
use std::sync::Arc;

/// What is new about each ticket; the rest is the same for all.
pub(crate) struct Call {
    /// Counts all tickets ever made.
    pub(crate) nth: usize,
    pub(crate) skill: SkillLevel,
    pub(crate) place: Place,
    pub(crate) at: Timestamp,
}

/// A ticket under way: its events so far, and what they fold to.
pub(crate) struct Story {
    facts: Vec<Fact>,
    pub(crate) ticket: Ticket,
}

impl Story {
    /// Opened, and the customer told.
    pub(crate) fn open(store: &Store, region: &Region, call: Call) -> Self {
        let Call { nth, skill, place, at } = call;
        let personal = TicketPersonal {
            contact: Contact { name: Some(format!("Customer {nth}")), phone: Some(format!("+1555{nth:07}")), ..Contact::default() },
            title: "Router drops out".to_owned(),
            description: Some(
                "The wireless network disappears every evening, a restart helps for an hour. Nobody has moved the router."
                    .to_owned(),
            ),
            place: Some(place),
            address: Some(Address {
                line1: Some(format!("{} Example Street", nth % 400)),
                city: Some("Springfield".to_owned()),
                ..Address::default()
            }),
        };
        let open = Open {
            number: store.next_number(&region.id).unwrap(),
            region: region.id.clone(),
            person: store.new_person(),
            personal,
            customer: None,
            coarse: Some(place.coarse()),
            located: Located::Inside,
            source: Source::ALL[nth % 4],
            external_id: None,
            product: None,
            skills: vec![skill],
            priority: [Priority::Normal, Priority::Low, Priority::Normal, Priority::High][nth % 4],
            opened_at: at,
            service_s: 1_800,
            window: None,
            due_at: None,
            flags: Flags::default(),
        };
        let ctx =
            Ctx { now: at, who: &Who::system(), settings: &region.settings, calendar: None, zone: &region.time_zone };
        let mut events = ticket::open(open, &ctx).into_iter();
        let Some(TicketEvent::Opened(opened)) = events.next() else { unreachable!("a ticket begins with Opened") };
        let ticket = Ticket::opened(&opened);
        let mut story = Self { facts: vec![Fact::Ticket(TicketEvent::Opened(opened))], ticket };
        story.then(texted(1));
        story
    }

    fn then(&mut self, event: TicketEvent) {
        self.ticket.apply(&event);
        self.facts.push(Fact::Ticket(event));
    }

    fn note(&mut self, text: &str) {
        self.then(TicketEvent::NoteAdded { text: Private::new(self.ticket.person(), text.to_owned()) });
    }

    /// What is to be committed, in one change.
    pub(crate) fn change(self) -> Change {
        let thing = Thing::Ticket(self.ticket.number);
        Change::new(self.ticket.region.clone(), thing, None, self.facts).unwrap()
    }

    fn offered(&mut self, decision: Decision, expert: &ExpertId, (start, end): (Timestamp, Timestamp)) {
        let made_at = decision.at;
        self.then(TicketEvent::Decided(Box::new(decision)));
        let offer = Offer { no: self.ticket.next_offer, made_at, expires_at: made_at.plus_s(5 * MINUTE_S) };
        let expert = expert.clone();
        self.then(TicketEvent::Offered { expert, offer, planned_start: start, planned_end: end, reason: None });
        self.then(TicketEvent::Accepted { offer: 1, at: made_at.plus_s(MINUTE_S), late: false });
    }

    /// Awarded to the auction's winner, served within hours, closed by its timer.
    pub(crate) fn served(mut self, region: &Region, auction: &Evaluation) -> Self {
        let at = self.ticket.opened_at;
        let winner = auction.winner.clone().unwrap();
        let decision = self.decision(region, auction, at.plus_s(1));
        let start = at.plus_s(HOUR_S);
        self.offered(decision, &winner, (start, start.plus_s(1_800)));
        self.then(TicketEvent::Departed { at: at.plus_s(HOUR_S / 2) });
        self.then(TicketEvent::Arrived { at: start });
        let notes =
            Private::new(self.ticket.person(), "Firmware was two years old; updated, watched for a while.".to_owned());
        let done = start.plus_s(1_700);
        let closes_at = done.plus_s(3 * DAY_S);
        let resolution = "repaired".to_owned();
        self.then(TicketEvent::Completed { at: done, notes, resolution, closes_at, parts: Vec::new(), typed: None });
        self.then(TicketEvent::Closed { by_timer: true, at: closes_at });
        assert!(self.ticket.deliveries.is_empty(), "a closed ticket owes nobody news");
        self
    }

    /// Everybody is full: it waits, people ask, it waits on. `until` lies beyond any run.
    pub(crate) fn waiting(mut self, region: &Region, full: &Evaluation, until: Timestamp) -> Self {
        let at = self.ticket.opened_at;
        for (round, note) in
            ["Customer asked when somebody comes.", "Asked again; will be at home all week."].iter().enumerate()
        {
            let decision = self.decision(region, full, at.plus_s(1 + round as i64 * HOUR_S));
            self.then(TicketEvent::Decided(Box::new(decision)));
            let waiting = Waiting { reason: WaitReason::AllFull, next_try_at: until };
            self.then(TicketEvent::Waited(waiting));
            self.note(note);
        }
        self
    }

    /// Awarded by a real auction among `team`, accepted; the winner's route gets the stop. None: nobody
    /// has room. Returns the changes of ticket and route.
    pub(crate) fn assigned(
        mut self,
        region: &Region,
        team: &mut [(Arc<Expert>, Arc<Route>)],
        notes: usize,
    ) -> Option<[Change; 2]> {
        let now = self.ticket.opened_at.plus_s(1);
        let drives = Drives::new(&region.settings.travel, &region.time_zone, None);
        let terms = Terms { now, settings: &region.settings, policy: Policy::Insertion, second_round: false, drives };
        let spec = VisitSpec::of(&self.ticket)?;
        let asked = team.iter().map(|(expert, route)| (&**expert, &**route, None));
        let evaluation = routing::evaluate(&spec, asked, &terms);
        let winner = evaluation.winner.clone()?;
        let (expert, route) = team.iter_mut().find(|(expert, _)| expert.id == winner)?;
        let bid = routing::bid(&spec, expert, route, None, &terms).ok()?;
        let awarded = routing::insert(route, &spec, &bid, 1, false, expert, &terms);
        let (number, visit) = (self.ticket.number, self.ticket.visit.no);
        let accepted = routing::replan(&awarded, number, visit, &RouteEffect::Accept, expert, &terms)?;
        let plan = awarded.stop(number, visit).map(|stop| (stop.planned_start, stop.planned_end))?;
        let decision = self.decision(region, &evaluation, now);
        self.offered(decision, &winner, plan);
        let told = self.ticket.deliveries[0].no;
        self.then(texted(told));
        (0..notes).for_each(|_| self.note("Customer was told who comes."));
        let facts = [(RouteCause::Award, awarded), (RouteCause::Accepted, accepted)]
            .map(|(cause, route)| changed(cause, route));
        let before = (route.version > 0).then(|| State::Route(route.clone()));
        let moved = Change::new(region.id.clone(), Thing::Route(winner), before, facts.to_vec()).unwrap();
        if let State::Route(after) = &moved.after {
            *route = after.clone();
        }
        Some([self.change(), moved])
    }

    fn decision(&self, region: &Region, auction: &Evaluation, at: Timestamp) -> Decision {
        Decision {
            at,
            ticket_version: self.ticket.version,
            visit: self.ticket.visit.no,
            region: region.id.clone(),
            region_version: region.version,
            policy: Policy::Insertion,
            travel: TravelSource::GreatCircle,
            candidates: auction.candidates.clone(),
            winner: auction.winner.clone(),
            second_round: false,
            plan: None,
        }
    }
}

fn changed(cause: RouteCause, route: Route) -> Fact {
    let Route { stops, anchor, served, region, .. } = route;
    Fact::Route(RouteEvent::Changed { cause, stops, anchor, served, region })
}

fn texted(delivery: u16) -> TicketEvent {
    TicketEvent::DeliverySent { delivery, channel: Channel::Sms, next_at: None, kept: false, reference: None }
}
