//! One of every event, filled from a handful of values.

use super::bed::{an_expert, expert, region};
use crate::domain::{
    calendar::Calendar,
    catalogue::{Catalogue, CatalogueEvent, CatalogueRule},
    decision::{
        Bid, Candidate, Cost, Decision, Escalation, EscalationReason, Kept, Planned, Policy, Rule, TravelSource,
        Verdict,
    },
    expert::{Absence, AbsenceKind, ExpertEvent},
    fact::Fact,
    ids::{CustomerId, PersonId},
    number::{RegionCode, TicketNumber},
    person::{Address, Contact, Private, TicketPersonal, Typed},
    place::{CoarseCell, Geometry, Located, Place, Polygon},
    region::{Region, RegionEvent},
    route::{Anchor, RouteCause, RouteEvent, Stop, StopState},
    settings::{RegionSettings, SlaTarget, TravelSettings, Weights},
    shift::Shift,
    skill::{Level, Skill, SkillLevel},
    ticket::{
        Audience, Channel, Channels, Delivery, DeliveryKind, DeliveryStatus, DropReason, Flags, Offer, OfferEnd,
        Opened, Priority, Sla, SlaClock, Source, TicketEvent, VisitOutcome, WaitReason, Waiting, Window, WindowKind,
    },
    time::Timestamp,
};

/// What all fields are made of.
#[derive(Clone, Debug)]
pub(super) struct Values {
    pub(super) text: String,
    pub(super) number: u32,
    pub(super) at: i64,
    pub(super) flag: bool,
    pub(super) person: PersonId,
}

impl Values {
    pub(super) fn fixed() -> Self {
        Self {
            text: "Fernseher bleibt dunkel \u{1F4FA}".into(),
            number: 142,
            at: 1_772_438_400_000,
            flag: true,
            person: PersonId(0),
        }
    }

    fn text(&self) -> String {
        self.text.clone()
    }

    fn some<T>(&self, value: T) -> Option<T> {
        self.flag.then_some(value)
    }

    fn private(&self) -> Private<String> {
        Private::new(self.person, self.text())
    }

    fn at(&self) -> Timestamp {
        Timestamp(self.at)
    }

    fn small(&self) -> u16 {
        self.number as u16
    }

    fn place(&self) -> Place {
        Place { lat_e6: self.number as i32, lon_e6: -(self.number as i32 / 2) }
    }

    fn skill() -> SkillLevel {
        SkillLevel::parse("street-lights:2").unwrap()
    }

    fn window(&self) -> Window {
        Window { from: self.at(), to: self.at().plus_s(60), kind: WindowKind::Wish }
    }

    fn sla(&self) -> Sla {
        let clock = SlaClock { due: self.at(), met_at: self.some(self.at()), breached: !self.flag };
        Sla { respond: clock, resolve: clock }
    }

    fn personal(&self) -> Private<TicketPersonal> {
        let personal = TicketPersonal {
            contact: Contact {
                name: Some(self.text()),
                phone: self.some("+16175550100".into()),
                email: Some(self.text()),
                language: None,
            },
            title: self.text(),
            description: self.some(self.text()),
            place: Some(self.place()),
            address: Some(Address { line1: self.some(self.text()), zip: Some("02108".into()), ..Address::default() }),
        };
        Private::new(self.person, personal)
    }

    fn opened(&self) -> Opened {
        Opened {
            number: TicketNumber::new(RegionCode(self.small() & 0x7FFF), self.number),
            region: region("north"),
            personal: self.personal(),
            customer: self.some(CustomerId::parse("c-1").unwrap()),
            coarse: Some(CoarseCell { lat_e2: 4_236, lon_e2: -7_106 }),
            located: Located::Smallest,
            source: Source::Phone,
            external_id: self.some(self.text()),
            product: Some(self.text()),
            skills: vec![Self::skill()],
            priority: Priority::Urgent,
            opened_at: self.at(),
            service_s: self.number,
            window: self.some(self.window()),
            due_at: self.some(self.at()),
            sla: self.sla(),
            flags: Flags(self.small()),
            reachable: None,
        }
    }

    fn decision(&self) -> Decision {
        let cost = Cost { travel: self.at, overtime: -3, ..Cost::default() };
        let bid = Bid { position: self.small(), depart: self.at(), start: self.at(), end: self.at(), cost };
        let candidate = |verdict| Candidate {
            expert: expert("ann"),
            profile_version: 3,
            route_version: u64::from(self.number),
            position: self.some(Private::new(self.person, self.place())),
            verdict,
        };
        Decision {
            at: self.at(),
            ticket_version: 7,
            visit: self.small(),
            region: region("north"),
            region_version: 2,
            policy: Policy::Insertion,
            travel: TravelSource::GreatCircle,
            candidates: vec![candidate(Verdict::Bid(bid)), candidate(Verdict::Ruled(Rule::ShiftEnd))],
            winner: self.some(expert("ann")),
            second_round: self.flag,
            plan: None,
        }
    }

    /// Of the policy that plans, with those whom the plan kept for something else.
    pub(super) fn planned_decision(&self) -> TicketEvent {
        let usual = self.decision();
        let bids = usual.candidates.iter().filter_map(|candidate| match &candidate.verdict {
            Verdict::Bid(bid) => Some((candidate, bid.clone())),
            Verdict::Ruled(_) | Verdict::Kept(..) => None,
        });
        let ticket = self.some(TicketNumber::new(RegionCode(1), self.number));
        let all = Kept { ticket, begins: self.some(self.at()), dearer_s: Some(self.at / 7) };
        let kept = bids.flat_map(|(candidate, bid)| {
            [all.clone(), Kept::default()]
                .map(|kept| Candidate { verdict: Verdict::Kept(bid.clone(), kept), ..candidate.clone() })
        });
        let candidates = usual.candidates.iter().cloned().chain(kept).collect();
        let plan = Some(Planned { expert: expert("ann"), route_version: u64::from(self.number) });
        TicketEvent::Decided(Box::new(Decision { policy: Policy::Full, candidates, plan, ..usual }))
    }

    fn stop(&self) -> Stop {
        Stop {
            ticket: TicketNumber::new(RegionCode(1), self.number),
            visit: 2,
            offer: self.small(),
            state: StopState::EnRoute,
            place: Private::new(self.person, self.place()),
            service_s: 1_800,
            window: self.some(self.window()),
            planned_depart: self.at(),
            planned_start: self.at(),
            planned_end: self.at(),
            pinned: self.flag,
            forced: !self.flag,
            due: self.some(self.at()),
            urgency: 3,
        }
    }

    fn region(&self) -> Region {
        let ring = vec![self.place(), Place { lat_e6: 1, lon_e6: 2 }, Place { lat_e6: 5, lon_e6: 2 }];
        Region {
            id: region("north"),
            version: 4,
            code: RegionCode(self.small() & 0x7FFF),
            name: self.text(),
            time_zone: "America/New_York".into(),
            geometry: Geometry { polygons: vec![Polygon { outer: ring.clone(), holes: vec![ring] }] },
            zips: vec!["021".into()],
            settings: settings(),
            parked: self.some(self.text()),
        }
    }

    fn catalogue(&self) -> Catalogue {
        let shift = Shift { days: 31, from_min: 480, to_min: 960 };
        let rule = CatalogueRule { product: "tv".into(), skills: vec![Self::skill()], service_s: self.some(600) };
        let calendar =
            Calendar { name: self.text(), hours: vec![shift], holidays: vec![20_260_101], zone: "UTC".into() };
        Catalogue { version: 1, rules: vec![rule], calendars: vec![calendar], skills: Vec::new() }
    }

    fn ticket_events(&self) -> Vec<TicketEvent> {
        let (expert, at, reason) = (expert("ann"), self.at(), self.private());
        let (planned_start, planned_end) = (at, at.plus_s(60));
        let offer = Offer { no: self.small(), made_at: at, expires_at: at.plus_s(300) };
        let delivery = self.small();
        vec![
            TicketEvent::Opened(Box::new(self.opened())),
            TicketEvent::Decided(Box::new(self.decision())),
            TicketEvent::Offered {
                expert: expert.clone(),
                offer,
                planned_start,
                planned_end,
                reason: self.some(reason.clone()),
            },
            TicketEvent::Accepted { offer: 1, at, late: self.flag },
            TicketEvent::OfferEnded {
                offer: 1,
                expert: expert.clone(),
                how: OfferEnd::Unassigned,
                reason: reason.clone(),
                at,
            },
            TicketEvent::Assigned {
                expert: expert.clone(),
                reason: reason.clone(),
                pinned: self.flag,
                forced: self.flag,
                planned_start,
                planned_end,
                at,
            },
            TicketEvent::Unassigned { expert: expert.clone(), reason: reason.clone(), at, avoid: self.flag },
            TicketEvent::Departed { at },
            TicketEvent::Arrived { at },
            TicketEvent::Completed {
                at,
                notes: reason.clone(),
                resolution: self.text(),
                closes_at: at,
                parts: vec![self.text()],
                typed: None,
            },
            TicketEvent::VisitFailed {
                at,
                outcome: VisitOutcome::NoAccess,
                reason: reason.clone(),
                need_skills: vec![Self::skill()],
                parts: vec![self.text()],
                typed: None,
            },
            TicketEvent::Held { reason: reason.clone(), until: self.some(at), at },
            TicketEvent::Released { by_timer: self.flag, sla: self.sla() },
            TicketEvent::Rescheduled { window: self.some(self.window()), replan: self.flag },
            TicketEvent::Cancelled { reason: reason.clone(), at, tell_customer: self.flag },
            TicketEvent::Reopened { reason: reason.clone(), sla: self.sla(), at },
            TicketEvent::Closed { by_timer: self.flag, at },
            TicketEvent::Surveyed { rating: 5, comment: reason.clone() },
            TicketEvent::Escalated(Escalation {
                at,
                reason: EscalationReason::SlaUnreachable,
                ruled: vec![(Rule::Skill, self.number)],
            }),
            TicketEvent::Waited(Waiting { reason: WaitReason::OffShift, next_try_at: at }),
            TicketEvent::Flagged(Flags(self.small())),
            TicketEvent::NoteAdded { text: reason.clone() },
            TicketEvent::CommandRefused {
                command: "complete".into(),
                code: "wrong_phase".into(),
                at,
                notes: reason,
                expert: self.some(expert),
                id: self.some(self.text()),
            },
            TicketEvent::Quarantined { cause: self.text() },
            TicketEvent::Resumed,
            TicketEvent::HandedOver { from: region("north"), to: region("south"), why: self.text() },
            TicketEvent::SlaBreached { respond: self.flag },
            TicketEvent::Replanned { planned_start, planned_end, at_risk: self.flag, tell: self.flag, at },
            TicketEvent::DeliverySent {
                delivery,
                channel: Channel::Sms,
                next_at: self.some(at),
                kept: false,
                reference: None,
            },
            TicketEvent::DeliveryReceived { delivery },
            TicketEvent::DeliveryFailed {
                delivery,
                channel: Channel::Email,
                error: self.text(),
                next_at: None,
                permanent: false,
            },
            TicketEvent::Located { personal: self.personal(), coarse: None, located: Located::Nearest },
            TicketEvent::CommandSeen { id: self.text() },
            TicketEvent::TimeClamped { given: at, used: at.plus_s(1) },
        ]
    }

    /// Every kind of event, each once.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let mut ann = an_expert("ann", "north", self.person);
        ann.skills.insert(Skill::parse("tv").unwrap(), Level::ONE);
        let absence = Absence { id: self.number, kind: AbsenceKind::Leave, from: self.at(), to: self.at() };
        ann.absences.push(absence);
        let changed = RouteEvent::Changed {
            cause: RouteCause::Optimised,
            stops: vec![self.stop()],
            anchor: self.some(Anchor { place: Private::new(self.person, self.place()), at: self.at() }),
            served: self.number,
            region: region("north"),
        };
        let others = [
            Fact::Route(changed),
            Fact::Expert(ExpertEvent::Written(Box::new(ann))),
            Fact::Expert(ExpertEvent::Retired),
            Fact::Expert(ExpertEvent::AbsenceAdded(absence)),
            Fact::Expert(ExpertEvent::AbsenceRemoved(self.number)),
            Fact::Region(RegionEvent::Written(Box::new(self.region()))),
            Fact::Region(RegionEvent::Parked(self.text())),
            Fact::Region(RegionEvent::Unparked),
            Fact::Catalogue(CatalogueEvent::Written(Box::new(self.catalogue()))),
        ];
        let later = self.message_events().into_iter().map(Fact::Ticket);
        self.ticket_events().into_iter().map(Fact::Ticket).chain(others).chain(later).collect()
    }

    /// What came with the gateways for messages.
    pub(super) fn message_events(&self) -> Vec<TicketEvent> {
        let (delivery, until, text) = (self.small(), self.at(), self.text());
        let sent = Delivery {
            no: delivery,
            to: Audience::Expert(expert("ann")),
            kind: DeliveryKind::Assignment,
            visit: 2,
            offer: 3,
            queued_at: self.at(),
            next_at: self.at().plus_s(20),
            attempts: 4,
            status: DeliveryStatus::Texted,
            failed: Channels::default().with(Channel::Push),
        };
        vec![
            TicketEvent::DeliveryDeferred { delivery, until },
            TicketEvent::DeliveryDropped { delivery, why: DropReason::OptedOut },
            TicketEvent::DeliveryBounced {
                delivery: Box::new(sent),
                channel: Channel::Sms,
                error: text,
                next_at: self.some(until),
            },
            TicketEvent::DeliveryResent { delivery, at: until },
        ]
    }

    /// Earlier events with the fields that came with the gateways.
    pub(super) fn wider_events(&self) -> Vec<TicketEvent> {
        let (delivery, channel, error) = (self.small(), Channel::Email, self.text());
        vec![
            TicketEvent::DeliverySent { delivery, channel, next_at: None, kept: true, reference: Some(self.text()) },
            TicketEvent::DeliveryFailed { delivery, channel, error, next_at: None, permanent: true },
        ]
    }

    /// Ends of visits since what was typed is sealed.
    pub(super) fn sealed_ends(&self) -> Vec<TicketEvent> {
        let typed = Typed { resolution: self.some(self.text()), parts: vec![self.text()] };
        let typed = Some(Private::new(self.person, typed));
        vec![
            TicketEvent::Completed {
                at: self.at(),
                notes: self.private(),
                resolution: String::new(),
                closes_at: self.at(),
                parts: Vec::new(),
                typed: typed.clone(),
            },
            TicketEvent::VisitFailed {
                at: self.at(),
                outcome: VisitOutcome::CannotFix,
                reason: self.private(),
                need_skills: vec![Self::skill()],
                parts: Vec::new(),
                typed,
            },
        ]
    }
}

/// Spelt out: the golden files outlive the defaults.
fn settings() -> RegionSettings {
    RegionSettings {
        offer_ttl_s: 300,
        receipt_s: 20,
        max_rounds: 5,
        max_visits_ahead: 3,
        before_shift_s: 1_800,
        max_overtime_s: 0,
        reach_m: 60_000,
        horizon_s: 604_800,
        auto_close_s: 2_592_000,
        reopen_s: 2_592_000,
        service_s: 1_800,
        travel: TravelSettings { detour: 1.35, speed_kmh: 30.0, ..TravelSettings::default() },
        weights: Weights {
            travel: 1.0,
            response: 0.2,
            sla_lateness: 0.5,
            window_lateness: 0.5,
            overtime: 2.0,
            over_qualification: 60.0,
            load: 120.0,
            instability: 0.1,
        },
        sla: [SlaTarget { respond_s: 3_600, resolve_s: 28_800 }; 4],
        calendar: Some("office".into()),
        delivery_ttl_s: 86_400,
        quiet_hours: None,
        language: None,
        delay_told_s: None,
    }
}

/// A number for every kind of event: a new kind breaks the build here, and then the count in the test.
pub(super) fn kind(fact: &Fact) -> usize {
    let event = match fact {
        Fact::Ticket(event) => event,
        Fact::Route(RouteEvent::Changed { .. }) => return 34,
        Fact::Expert(ExpertEvent::Written(_)) => return 35,
        Fact::Expert(ExpertEvent::Retired) => return 36,
        Fact::Expert(ExpertEvent::AbsenceAdded(_)) => return 37,
        Fact::Expert(ExpertEvent::AbsenceRemoved(_)) => return 38,
        Fact::Region(RegionEvent::Written(_)) => return 39,
        Fact::Region(RegionEvent::Parked(_)) => return 40,
        Fact::Region(RegionEvent::Unparked) => return 41,
        Fact::Catalogue(CatalogueEvent::Written(_)) => return 42,
    };
    match event {
        TicketEvent::Opened(_) => 0,
        TicketEvent::Decided(_) => 1,
        TicketEvent::Offered { .. } => 2,
        TicketEvent::Accepted { .. } => 3,
        TicketEvent::OfferEnded { .. } => 4,
        TicketEvent::Assigned { .. } => 5,
        TicketEvent::Unassigned { .. } => 6,
        TicketEvent::Departed { .. } => 7,
        TicketEvent::Arrived { .. } => 8,
        TicketEvent::Completed { .. } => 9,
        TicketEvent::VisitFailed { .. } => 10,
        TicketEvent::Held { .. } => 11,
        TicketEvent::Released { .. } => 12,
        TicketEvent::Rescheduled { .. } => 13,
        TicketEvent::Cancelled { .. } => 14,
        TicketEvent::Reopened { .. } => 15,
        TicketEvent::Closed { .. } => 16,
        TicketEvent::Surveyed { .. } => 17,
        TicketEvent::Escalated(_) => 18,
        TicketEvent::Waited(_) => 19,
        TicketEvent::Flagged(_) => 20,
        TicketEvent::NoteAdded { .. } => 21,
        TicketEvent::CommandRefused { .. } => 22,
        TicketEvent::Quarantined { .. } => 23,
        TicketEvent::Resumed => 24,
        TicketEvent::HandedOver { .. } => 25,
        TicketEvent::SlaBreached { .. } => 26,
        TicketEvent::Replanned { .. } => 27,
        TicketEvent::DeliverySent { .. } => 28,
        TicketEvent::DeliveryReceived { .. } => 29,
        TicketEvent::DeliveryFailed { .. } => 30,
        TicketEvent::Located { .. } => 31,
        TicketEvent::CommandSeen { .. } => 32,
        TicketEvent::TimeClamped { .. } => 33,
        TicketEvent::DeliveryDeferred { .. } => 43,
        TicketEvent::DeliveryDropped { .. } => 44,
        TicketEvent::DeliveryBounced { .. } => 45,
        TicketEvent::DeliveryResent { .. } => 46,
    }
}
