//! One of every event, filled from a handful of values.

mod kinds;
mod tickets;

pub(super) use kinds::kind;

use super::bed::{an_expert, expert, region};
use crate::domain::{
    calendar::Calendar,
    catalogue::{Catalogue, CatalogueEvent, CatalogueRule},
    decision::{Bid, Candidate, Cost, Decision, Kept, Planned, Policy, Rule, TravelSource, Verdict},
    expert::{Absence, AbsenceKind, ExpertEvent},
    fact::Fact,
    ids::{CustomerId, PersonId},
    number::{RegionCode, TicketNumber},
    person::{Address, Contact, Private, TicketPersonal},
    place::{CoarseCell, Geometry, Located, Place, Polygon},
    region::{Region, RegionEvent},
    route::{Anchor, RouteCause, RouteEvent, Stop, StopState},
    settings::{RegionSettings, SlaTarget, TravelSettings, Weights},
    shift::Shift,
    shortage::{Help, Shortage},
    skill::{Level, Skill, SkillLevel},
    ticket::{Flags, Opened, Priority, Sla, SlaClock, Source, TicketEvent, Window, WindowKind},
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
        let all = Kept { ticket, begins: self.some(self.at()), dearer_s: Some(self.at / 7), scarce: None };
        let kept = bids.flat_map(|(candidate, bid)| {
            [all.clone(), Kept::default()]
                .map(|kept| Candidate { verdict: Verdict::Kept(bid.clone(), kept), ..candidate.clone() })
        });
        let candidates = usual.candidates.iter().cloned().chain(kept).collect();
        let plan = Some(Planned { expert: expert("ann"), route_version: u64::from(self.number) });
        TicketEvent::Decided(Box::new(Decision { policy: Policy::Full, candidates, plan, ..usual }))
    }

    /// The same since somebody can be kept for a scarce skill.
    pub(super) fn scarce_decision(&self) -> TicketEvent {
        let TicketEvent::Decided(mut decision) = self.planned_decision() else { unreachable!() };
        for candidate in &mut decision.candidates {
            if let Verdict::Kept(_, kept) = &mut candidate.verdict {
                kept.scarce = kept.ticket.map(|_| Skill::parse("hifi").unwrap());
            }
        }
        TicketEvent::Decided(decision)
    }

    /// A region whose settings weigh scarce skills.
    pub(super) fn scarce_region(&self) -> Fact {
        let mut region = self.region();
        region.settings.weights.scarcity = 0.25;
        Fact::Region(RegionEvent::Written(Box::new(region)))
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
            shortage: None,
        }
    }

    fn catalogue(&self) -> Catalogue {
        let shift = Shift { days: 31, from_min: 480, to_min: 960 };
        let rule = CatalogueRule { product: "tv".into(), skills: vec![Self::skill()], service_s: self.some(600) };
        let calendar =
            Calendar { name: self.text(), hours: vec![shift], holidays: vec![20_260_101], zone: "UTC".into() };
        Catalogue { version: 1, rules: vec![rule], calendars: vec![calendar], skills: Vec::new() }
    }

    /// What a region says by itself of its day.
    pub(super) fn shortage_events(&self) -> Vec<Fact> {
        let help =
            Help { experts: self.number, skills: vec![Self::skill()], from: self.at(), until: self.at().plus_s(60) };
        let shortage = Shortage {
            since: self.at(),
            first: self.at().plus_s(1),
            missed: self.number,
            promised: self.number / 2,
            tickets: vec![TicketNumber::new(RegionCode(1), self.number)],
            saved: 3,
            help: vec![help],
        };
        [RegionEvent::ShortageForeseen(Box::new(shortage)), RegionEvent::ShortageOver].map(Fact::Region).into()
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
        self.ticket_events()
            .into_iter()
            .map(Fact::Ticket)
            .chain(others)
            .chain(later)
            .chain(self.shortage_events())
            .collect()
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
            scarcity: 0.0,
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
