//! A store in a folder of its own, and the shortest ways to fill it. Dropping the store is a crash:
//! its threads end without flushing.

use crate::{
    domain::{
        catalogue::{Catalogue, CatalogueEvent},
        decision::{Bid, Candidate, Cost, Decision, Policy, TravelSource, Verdict},
        expert::{Expert, ExpertEvent, ExpertPersonal},
        fact::{Fact, State},
        ids::{ExpertId, PersonId, RegionId, Thing, TicketNumber},
        person::{Contact, Private, TicketPersonal},
        place::{Geometry, Located, Place},
        region::{Region, RegionEvent},
        route::{Route, RouteCause, RouteEvent, Stop, StopState},
        settings::RegionSettings,
        skill::{SkillLevel, Skills},
        ticket::{self, Command, Ctx, Flags, Open, Priority, Source, Ticket, Who},
        time::Timestamp,
    },
    storage::{
        Batch, Change, Claim, ClaimKey, CommitError, Committed, Durability, Envelope, KeyFile, KeyOptions, Outcome,
        Sealer, Store, StoreOptions,
        fatal::Fatal,
        journal::{
            faults::FaultPlan,
            memory::{MemoryDisk, MemoryJournal},
        },
        recovery,
    },
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    task::Poll,
};

/// 2026-03-02T08:00:00Z.
pub(super) const T0: Timestamp = Timestamp(1_772_438_400_000);

pub(super) fn region(name: &str) -> RegionId {
    RegionId::parse(name).unwrap()
}

pub(super) fn expert(name: &str) -> ExpertId {
    ExpertId::parse(name).unwrap()
}

pub(super) fn options(data: &Path, durability: Durability) -> StoreOptions {
    StoreOptions {
        data: data.to_owned(),
        cell: "main".into(),
        durability,
        cache_bytes: 16 << 20,
        segment_bytes: 24 << 10,
        seed: Some(7),
    }
}

pub(super) struct Bed {
    pub(super) dir: tempfile::TempDir,
    store: Option<Store>,
    durability: Durability,
    runtime: tokio::runtime::Runtime,
    /// The journal is in memory and meets these faults.
    memory: Option<(MemoryDisk, FaultPlan)>,
    /// Why the process would have ended.
    pub(super) fatal: Arc<Mutex<Vec<String>>>,
}

impl Bed {
    pub(super) fn new() -> Self {
        Self::with(Durability::Fsync)
    }

    pub(super) fn with(durability: Durability) -> Self {
        Self::on(durability, None)
    }

    /// With regions, expert and catalogue, over a journal in memory that meets the plan's faults.
    pub(super) fn faulty(plan: &FaultPlan) -> Self {
        let bed = Self::on(Durability::Fsync, Some((MemoryDisk::default(), plan.clone())));
        bed.people();
        bed
    }

    fn on(durability: Durability, memory: Option<(MemoryDisk, FaultPlan)>) -> Self {
        let mut bed = Self {
            dir: tempfile::tempdir().unwrap(),
            store: None,
            durability,
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            memory,
            fatal: Arc::default(),
        };
        bed.start();
        bed
    }

    fn start(&mut self) {
        let options = options(self.dir.path(), self.durability);
        let Some((disk, plan)) = &self.memory else {
            self.store = Some(Store::open(options).unwrap());
            return;
        };
        let journal = MemoryJournal::open(disk.clone(), plan.clone()).unwrap();
        let create = !self.dir.path().join("keys").exists();
        let keys = KeyFile::open(self.dir.path(), KeyOptions { seed: Some(7), create }).unwrap();
        std::fs::create_dir_all(self.cell()).unwrap();
        let recovered =
            recovery::recover_with(Box::new(journal), None, &self.cell(), options.cache_bytes, Sealer::new(keys))
                .unwrap();
        let fatal = Arc::clone(&self.fatal);
        let fatal = Fatal::hook(move |why| fatal.lock().unwrap().push(why.to_owned()));
        self.store = Some(Store::start(recovered, self.durability, None, fatal).unwrap());
    }

    /// With regions `north` and `south`, an expert `ann` in the north, and a catalogue.
    pub(super) fn peopled() -> Self {
        let bed = Self::new();
        bed.people();
        bed
    }

    pub(super) fn people(&self) {
        self.add_region("north");
        self.add_region("south");
        self.add_expert("ann", "north");
        let event = CatalogueEvent::Written(Box::default());
        self.ok(vec![self.change("cell", Thing::Catalogue, Fact::Catalogue(event))]);
    }

    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// A crash and a restart.
    pub(super) fn restart(&mut self) {
        self.crash();
        self.start();
    }

    pub(super) fn crash(&mut self) {
        self.store = None;
    }

    pub(super) fn cell(&self) -> std::path::PathBuf {
        self.dir.path().join("cells/main")
    }

    pub(super) fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        self.runtime.block_on(self.store().commit(batch))
    }

    /// All at once, so that they can meet in one group.
    pub(super) fn commit_together(&self, batches: Vec<Batch>) -> Vec<Result<Committed, CommitError>> {
        self.runtime.block_on(async {
            let mut commits: Vec<_> = batches.into_iter().map(|batch| Box::pin(self.store().commit(batch))).collect();
            let mut answers: Vec<_> = commits.iter().map(|_| None).collect();
            std::future::poll_fn(|cx| {
                for (commit, answer) in commits.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
                    if let Poll::Ready(ready) = commit.as_mut().poll(cx) {
                        *answer = Some(ready);
                    }
                }
                if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            answers.into_iter().flatten().collect()
        })
    }

    pub(super) fn ok(&self, changes: Vec<Change>) -> Committed {
        self.commit(batch(changes)).unwrap()
    }

    /// One event on top of what the store has.
    pub(super) fn change(&self, region_name: &str, thing: Thing, fact: Fact) -> Change {
        let before = self.store().core().current(&thing).unwrap().map(|(state, _)| state);
        Change::new(region(region_name), thing, before, vec![fact]).unwrap()
    }

    pub(super) fn add_region(&self, name: &str) -> Committed {
        let written = Region {
            id: region(name),
            version: 0,
            code: self.store().next_region_code(),
            name: name.to_uppercase(),
            time_zone: "UTC".into(),
            geometry: Geometry { polygons: Vec::new() },
            zips: Vec::new(),
            settings: RegionSettings::default(),
            parked: None,
            shortage: None,
        };
        let event = RegionEvent::Written(Box::new(written));
        self.ok(vec![self.change(name, Thing::Region(region(name)), Fact::Region(event))])
    }

    pub(super) fn add_expert(&self, name: &str, region_name: &str) -> Committed {
        let fact =
            Fact::Expert(ExpertEvent::Written(Box::new(an_expert(name, region_name, self.store().new_person()))));
        self.ok(vec![self.change(region_name, Thing::Expert(expert(name)), fact)])
    }

    pub(super) fn route_change(&self, name: &str, served: u32) -> Change {
        self.change("north", Thing::Route(expert(name)), route_event(served))
    }

    /// A new ticket's batch: opened so many minutes after `T0`.
    pub(super) fn opening(&self, region_name: &str, minute: i64) -> (TicketNumber, Batch) {
        let number = self.store().next_number(&region(region_name)).unwrap();
        let open = a_request(number, region_name, minute, self.store().new_person());
        (number, batch(vec![opening_change(open)]))
    }

    pub(super) fn open(&self, region_name: &str, minute: i64) -> TicketNumber {
        let (number, batch) = self.opening(region_name, minute);
        self.commit(batch).unwrap();
        number
    }

    pub(super) fn ticket(&self, number: TicketNumber) -> Arc<Ticket> {
        self.store().ticket(number).unwrap().unwrap()
    }

    /// What a command would change.
    pub(super) fn deciding(&self, number: TicketNumber, command: Command) -> Change {
        self.deciding_at(number, command, T0.plus_s(86_400))
    }

    /// Ten days later.
    pub(super) fn deciding_late(&self, number: TicketNumber, command: Command) -> Change {
        self.deciding_at(number, command, T0.plus_s(10 * 86_400))
    }

    fn deciding_at(&self, number: TicketNumber, command: Command, now: Timestamp) -> Change {
        let ticket = self.ticket(number);
        let settings = RegionSettings::default();
        let ctx = Ctx { now, who: &Who::system(), settings: &settings, calendar: None, zone: "UTC" };
        let decided = ticket::decide(&ticket, command, &ctx).unwrap();
        let events = decided.events.into_iter().map(Fact::Ticket).collect();
        Change::new(ticket.region.clone(), Thing::Ticket(number), Some(State::Ticket(ticket)), events).unwrap()
    }

    /// The expert's route without its stop for this ticket.
    pub(super) fn route_without(&self, name: &str, number: TicketNumber) -> Change {
        let route = self.store().route(&expert(name)).unwrap();
        let stops = route.stops.iter().filter(|stop| stop.ticket != number).cloned().collect();
        let (region, served) = (route.region.clone(), route.served);
        let changed = RouteEvent::Changed { cause: RouteCause::Withdrawn, stops, anchor: None, served, region };
        self.change("north", Thing::Route(expert(name)), Fact::Route(changed))
    }

    pub(super) fn command(&self, number: TicketNumber, command: Command) -> Committed {
        self.ok(vec![self.deciding(number, command)])
    }

    pub(super) fn hand_over(&self, number: TicketNumber, to: &str) {
        self.command(number, Command::HandOver { to: region(to), why: "nobody there".into() });
    }

    pub(super) fn cancel(&self, number: TicketNumber) {
        self.command(number, Command::Cancel { reason: "found the remote".into() });
    }

    /// The router offers the ticket to `ann`: decision, offer and stop in one batch.
    pub(super) fn award(&self, number: TicketNumber) -> Committed {
        let ticket = self.ticket(number);
        let ann = expert("ann");
        let before = self.store().route(&ann).unwrap();
        let mut route = (*before).clone();
        let start = route.stops.last().map_or(T0.plus_s(90_000), |last| last.planned_end.plus_s(600));
        let bid = Bid { position: 0, depart: start, start, end: start.plus_s(1_800), cost: Cost::default() };
        route.stops.push(Stop {
            ticket: number,
            visit: ticket.visit.no,
            offer: ticket.next_offer,
            state: StopState::Offered,
            place: Private::new(ticket.person(), ticket.personal.known().unwrap().place.unwrap()),
            service_s: 1_800,
            window: None,
            planned_depart: bid.depart,
            planned_start: bid.start,
            planned_end: bid.end,
            pinned: false,
            forced: false,
            due: None,
            urgency: 1,
        });
        let decision = Decision {
            at: T0,
            ticket_version: ticket.version,
            visit: ticket.visit.no,
            region: ticket.region.clone(),
            region_version: 1,
            policy: Policy::Insertion,
            travel: TravelSource::GreatCircle,
            candidates: vec![Candidate {
                expert: ann.clone(),
                profile_version: 1,
                route_version: before.version,
                position: None,
                verdict: Verdict::Bid(bid),
            }],
            winner: Some(ann.clone()),
            second_round: ticket.visit.refused_by.contains(&ann),
            plan: None,
        };
        let changed = Fact::Route(RouteEvent::Changed {
            cause: RouteCause::Award,
            stops: route.stops.clone(),
            anchor: None,
            served: route.served,
            region: route.region.clone(),
        });
        let offer = Command::Offer { decision: Box::new(decision), expert: ann.clone(), route: Box::new(route) };
        let offered = self.deciding(number, offer);
        self.ok(vec![offered, self.change("north", Thing::Route(ann), changed)])
    }

    /// Everything a reader can see, in the clear and in order: equal before and after whatever must
    /// change nothing.
    pub(super) fn sight(&self) -> Sight {
        let store = self.store();
        let mut open = Vec::new();
        let mut timers = Vec::new();
        for region in store.regions() {
            store.for_each_open(&region.id, &mut |ticket| open.push(ticket)).unwrap();
            store.for_each_timer(&region.id, &mut |number, timer| timers.push((number, timer))).unwrap();
        }
        open.sort_by_key(|ticket| ticket.number);
        timers.sort();
        let query = crate::storage::TicketQuery { limit: 500, ..Default::default() };
        Sight {
            head: store.head(),
            regions: store.regions(),
            experts: store.experts(None),
            routes: store.core().hot.routes(),
            catalogue: store.catalogue(),
            tickets: store.tickets(&query).unwrap().items,
            open,
            timers,
        }
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct Sight {
    head: (u64, [u8; 32]),
    regions: Vec<Arc<Region>>,
    experts: Vec<Arc<Expert>>,
    routes: Vec<Arc<Route>>,
    catalogue: Arc<Catalogue>,
    pub(super) tickets: Vec<Arc<Ticket>>,
    pub(super) open: Vec<Arc<Ticket>>,
    pub(super) timers: Vec<(TicketNumber, ticket::Timer)>,
}

pub(super) fn envelope() -> Envelope {
    Envelope { at: T0, who: Who::system(), request_id: Some("r-1".into()), cause: None, trace_id: None }
}

pub(super) fn batch(changes: Vec<Change>) -> Batch {
    Batch { envelope: envelope(), changes, guards: Vec::new(), claims: Vec::new() }
}

pub(super) fn claim(id: &str, number: TicketNumber) -> Claim {
    let outcome = Outcome::Version { thing: Thing::Ticket(number), version: 1, status: 201 };
    Claim { key: ClaimKey::external(id), fingerprint: 9, outcome, expires_at: None }
}

pub(super) fn an_expert(name: &str, region_name: &str, person: PersonId) -> Expert {
    let personal = ExpertPersonal {
        name: name.to_uppercase(),
        phone: None,
        email: None,
        home: Place::new(42.36, -71.06).unwrap(),
    };
    Expert {
        id: expert(name),
        version: 0,
        region: region(region_name),
        skills: Skills::default(),
        personal: Private::new(person, personal),
        shifts: Vec::new(),
        zone: "UTC".into(),
        max_visits_ahead: None,
        retired: false,
        absences: Vec::new(),
        next_absence: 1,
    }
}

pub(super) fn route_event(served: u32) -> Fact {
    Fact::Route(RouteEvent::Changed {
        cause: RouteCause::Award,
        stops: Vec::new(),
        anchor: None,
        served,
        region: region("north"),
    })
}

pub(super) fn a_request(number: TicketNumber, region_name: &str, minute: i64, person: PersonId) -> Open {
    Open {
        number,
        region: region(region_name),
        person,
        personal: TicketPersonal {
            contact: Contact {
                phone: Some(format!("+1617555{:04}", number.serial)),
                email: Some("Eve@Example.org".into()),
                ..Contact::default()
            },
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
        opened_at: T0.plus_s(minute * 60),
        service_s: 1_800,
        window: None,
        due_at: None,
        flags: Flags::default(),
    }
}

pub(super) fn opening_change(open: Open) -> Change {
    let (number, region) = (open.number, open.region.clone());
    let settings = RegionSettings::default();
    let ctx = Ctx { now: T0, who: &Who::system(), settings: &settings, calendar: None, zone: "UTC" };
    let events = ticket::open(open, &ctx).into_iter().map(Fact::Ticket).collect();
    Change::new(region, Thing::Ticket(number), None, events).unwrap()
}
