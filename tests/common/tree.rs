//! The running tree in this process, over a real store: on virtual time (disposable store, one thread)
//! or on the machine's clock (fsync, two threads). A scene is the same on both.

use callout::{
    actors::{Caller, Clock, Failure, Opened, Service, ServiceOptions},
    domain::{
        decision::Policy,
        drafts::{ExpertDraft, RegionDraft},
        expert::ExpertPersonal,
        ids::{ExpertId, RegionId, Thing, TicketNumber},
        intake::NewTicket,
        person::Contact,
        place::{Geometry, Place, Polygon},
        settings::RegionSettings,
        shift::Shift,
        skill::SkillLevel,
        ticket::{Action, Command, ExpertCommand, Phase, Priority, Role, Source, Ticket, Who},
        time::Timestamp,
    },
    notify::Desk,
    routing::roads::Legs,
    settings::Settings,
    sim::Ledger,
    storage::{AuditOptions, Durability, Store, StoreOptions},
    tokens::Tokens,
    travel::networks::Networks,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

/// Monday, 10:00 in New York.
pub const MONDAY: &str = "2024-05-06T14:00:00Z";
/// Round the clock.
pub const ALWAYS: &str = "mon-sun 00:00-24:00";
pub const OFFICE: &str = "mon-fri 08:00-16:00";
/// A condition that does not come about within this is a failure, on either clock.
const PATIENCE_S: i64 = 3_600;
const REAL_PATIENCE_S: i64 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    Virtual,
    Machine,
}

pub struct Tree {
    pub service: Service,
    pub clock: Clock,
    data: Option<TempDir>,
}

/// Plays a scene in a fresh data directory; afterwards the store must pass the audit.
pub fn play(time: Time, scene: impl AsyncFnOnce(&Tree)) {
    play_by(Policy::Insertion, time, scene);
}

/// The same under another policy.
pub fn play_by(policy: Policy, time: Time, scene: impl AsyncFnOnce(&Tree)) {
    let data = TempDir::new().unwrap();
    let path = data.path().to_path_buf();
    runtime(time).block_on(async {
        let (durability, clock) = clock_of(time, MONDAY);
        let store = Store::open(store_options(&path, durability)).unwrap();
        let options = ServiceOptions { policy, ..options(clock.clone(), Desk::silent()) };
        let mut tree = Tree { service: Service::start(store, options).await.unwrap(), clock, data: None };
        tree.data = Some(data);
        scene(&tree).await;
        tree.audit().await;
        tree.service.stop().await;
    });
}

/// Thousands of panics on purpose need not be printed; others are, as ever.
pub fn quiet_storms() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let storm = panic.payload_as_str().is_some_and(|text| text.starts_with("the storm struck"));
            if !storm {
                loud(panic);
            }
        }));
    });
}

pub fn runtime(time: Time) -> tokio::runtime::Runtime {
    let mut builder = match time {
        // Everything that can run does before the scene looks again.
        Time::Virtual => tokio::runtime::Builder::new_current_thread(),
        Time::Machine => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(2).event_interval(1 << 20);
    if time == Time::Machine {
        builder.event_interval(61);
    }
    builder.enable_all().build().unwrap()
}

fn clock_of(time: Time, from: &str) -> (Durability, Clock) {
    match time {
        Time::Virtual => (Durability::Disposable, Clock::virtual_from(Timestamp::parse(from).unwrap())),
        Time::Machine => (Durability::Fsync, Clock::machine(Timestamp::ZERO)),
    }
}

pub fn store_options(data: &Path, durability: Durability) -> StoreOptions {
    StoreOptions {
        data: data.to_path_buf(),
        cell: "main".into(),
        durability,
        cache_bytes: 16 << 20,
        segment_bytes: 64 << 20,
        seed: None,
    }
}

pub fn options(clock: Clock, desk: Desk) -> ServiceOptions {
    ServiceOptions {
        clock,
        seed: 7,
        policy: Policy::Insertion,
        dispatch: true,
        forecast_every_s: 0,
        zip: Arc::new(|_| None),
        desk: Arc::new(desk),
        roads: None,
        server: None,
    }
}

/// A desk whose messages go to a mailbox folder; without one they are only counted.
pub fn desk_of(store: &Store, mailbox: Option<&Path>) -> Desk {
    mailbox.map_or_else(Desk::silent, |folder| desk_with(store, folder, |_| {}))
}

/// A desk with settings of its own; what has no gateway goes to the folder.
pub fn desk_with(store: &Store, folder: &Path, change: impl FnOnce(&mut Settings)) -> Desk {
    let mut settings = Settings::defaults().unwrap();
    let data = folder.parent().unwrap();
    settings.storage.data = data.to_path_buf();
    settings.notify.mailbox = folder.to_path_buf();
    settings.server.public_url = Some("https://service.example.com".into());
    change(&mut settings);
    Desk::open(&settings, Arc::new(Tokens::open(data).unwrap()), store.contact_hasher()).unwrap()
}

/// Opens the store that a tree left behind: its threads may take a moment to let go of the lock.
pub fn reopen(data: &Path, durability: Durability) -> Store {
    #[allow(clippy::disallowed_methods, reason = "waits for threads that are ending")]
    let began = std::time::Instant::now();
    loop {
        match Store::open(store_options(data, durability)) {
            Ok(store) => return store,
            Err(fault) if began.elapsed().as_secs() > 5 => panic!("{fault}"),
            Err(_) => std::thread::yield_now(),
        }
    }
}

/// A place so many kilometres east and north of the town's south-west corner.
pub fn at(east_km: f64, north_km: f64) -> Place {
    Place::new(42.0 + north_km / 111.2, -71.0 + east_km / 82.6).unwrap()
}

/// A ticket for a television there.
pub fn tv(east_km: f64, north_km: f64) -> NewTicket {
    NewTicket {
        customer: None,
        contact: Contact { name: Some("Customer".into()), phone: Some("+16175550100".into()), ..Contact::default() },
        product: None,
        skills: vec![SkillLevel::parse("tv").unwrap()],
        title: "dark screen".into(),
        description: None,
        place: Some(at(east_km, north_km)),
        address: None,
        window: None,
        priority: Priority::Normal,
        source: Source::Web,
        external_id: None,
        service_s: Some(1_800),
        due_at: None,
        opened_at: None,
    }
}

pub fn expert(id: &str) -> ExpertId {
    ExpertId::parse(id).unwrap()
}

pub fn region(id: &str) -> RegionId {
    RegionId::parse(id).unwrap()
}

pub fn by(role: Role, id: &str) -> Caller {
    Caller::of(Who { role, id: id.into() })
}

pub fn desk() -> Caller {
    by(Role::Dispatcher, "desk")
}

impl Tree {
    pub async fn start(data: &Path, time: Time, from: &str, mailbox: Option<PathBuf>) -> Self {
        let (durability, clock) = clock_of(time, from);
        let store = Store::open(store_options(data, durability)).unwrap();
        let desk = desk_of(&store, mailbox.as_deref());
        Self::with_desk(store, clock, desk).await
    }

    pub async fn over(store: Store, clock: Clock, mailbox: Option<PathBuf>) -> Self {
        let desk = desk_of(&store, mailbox.as_deref());
        Self::with_desk(store, clock, desk).await
    }

    pub async fn with_desk(store: Store, clock: Clock, desk: Desk) -> Self {
        Self::with_roads(store, clock, desk, None).await
    }

    /// On virtual time, with a road network at hand.
    pub async fn over_roads(data: &Path, roads: Option<Arc<Legs>>) -> Self {
        let store = Store::open(store_options(data, Durability::Disposable)).unwrap();
        Self::with_roads(store, Clock::virtual_from(Self::monday()), Desk::silent(), roads).await
    }

    /// Regions look ahead by themselves each second, as their routing gives them time to.
    pub async fn watching(store: Store, clock: Clock) -> Self {
        let usual = options(clock.clone(), Desk::silent());
        let options = ServiceOptions { policy: Policy::Full, forecast_every_s: 1, ..usual };
        Self { service: Service::start(store, options).await.unwrap(), clock, data: None }
    }

    /// Over a service that was started otherwise.
    pub fn of(service: Service, clock: Clock) -> Self {
        Self { service, clock, data: None }
    }

    pub async fn with_roads(store: Store, clock: Clock, desk: Desk, roads: Option<Arc<Legs>>) -> Self {
        let options = ServiceOptions { roads, ..options(clock.clone(), desk) };
        let service = Service::start(store, options).await.unwrap();
        Self { service, clock, data: None }
    }

    pub fn monday() -> Timestamp {
        Timestamp::parse(MONDAY).unwrap()
    }

    /// A square of ten by ten kilometres, this far east.
    pub async fn square(&self, id: &str, east_km: f64, change: impl FnOnce(&mut RegionSettings)) {
        // Tests run at any hour; those about quiet hours set some.
        let mut settings = RegionSettings { quiet_hours: None, ..RegionSettings::default() };
        change(&mut settings);
        let (west, east) = (east_km, east_km + 10.0);
        let outer = vec![at(west, 0.0), at(east, 0.0), at(east, 10.0), at(west, 10.0)];
        let draft = RegionDraft {
            id: region(id),
            name: id.into(),
            time_zone: "America/New_York".into(),
            geometry: Geometry { polygons: vec![Polygon { outer, holes: vec![] }] },
            zips: vec![],
            settings: Some(settings),
        };
        self.service.write_region(draft, &Caller::system()).await.unwrap();
        self.until("the region dispatches", || self.service.readiness().unready.is_empty()).await;
    }

    pub async fn expert(&self, id: &str, home: Place, skills: &str, shift: &str) {
        let level = |text: &str| SkillLevel::parse(text).map(|has| (has.skill, has.level)).unwrap();
        let draft = ExpertDraft {
            id: expert(id),
            personal: ExpertPersonal { name: id.into(), phone: Some("+16175550199".into()), email: None, home },
            region: None,
            skills: skills.split(' ').map(level).collect(),
            shifts: Shift::parse_all(shift).unwrap(),
            max_visits_ahead: None,
            retired: None,
        };
        self.service.write_expert(draft, &Caller::system()).await.unwrap();
        self.settle().await;
    }

    pub async fn open(&self, new: NewTicket) -> TicketNumber {
        self.service.open(new, &by(Role::Portal, "portal")).await.unwrap().ticket.number
    }

    pub fn ticket(&self, number: TicketNumber) -> Arc<Ticket> {
        self.service.store().ticket(number).unwrap().expect("an acknowledged ticket is there (P2)")
    }

    pub async fn command(&self, number: TicketNumber, command: Command) -> Result<Opened, Failure> {
        self.service.command(number, command, &desk()).await
    }

    /// What an expert does, by their own phone, now.
    pub async fn act(&self, number: TicketNumber, id: &str, action: Action) -> Result<Opened, Failure> {
        let command =
            ExpertCommand { expert: expert(id), action, at: None, visit: None, offer: None, id: None, offline: false };
        self.service.command(number, Command::Expert(command), &by(Role::Expert, id)).await
    }

    pub async fn decline(&self, number: TicketNumber, id: &str) {
        self.act(number, id, Action::Decline { reason: "busy".into() }).await.unwrap();
    }

    /// Whoever the ticket is offered to once `until` they are somebody.
    pub async fn offered(&self, number: TicketNumber) -> String {
        self.until("it is offered", || self.ticket(number).visit.offer.is_some()).await;
        self.ticket(number).visit.expert.clone().unwrap().to_string()
    }

    pub async fn phase(&self, number: TicketNumber, phase: Phase) {
        self.until(phase.name(), || self.ticket(number).phase == phase).await;
    }

    /// Lets everything under way come to its end; time stands still (virtual), or it is skipped.
    pub async fn settle(&self) {
        if !self.clock.is_virtual() {
            return;
        }
        // Crashes reach supervisors uncounted, so a little longer than quiet.
        let mut quiet = 0;
        while quiet < 64 {
            tokio::task::yield_now().await;
            quiet = if self.clock.quiet() { quiet + 1 } else { 0 };
        }
    }

    /// Waits for something to come about: moves virtual time from deadline to deadline, or lets the
    /// machine's pass.
    pub async fn until(&self, what: &str, mut come: impl FnMut() -> bool) {
        let patience_s = if self.clock.is_virtual() { PATIENCE_S } else { REAL_PATIENCE_S };
        let end = self.clock.now().plus_s(patience_s);
        loop {
            self.settle().await;
            if come() {
                return;
            }
            let now = self.clock.now();
            assert!(now < end, "within {patience_s} s: {what}\n{:#?}", self.open_tickets());
            if self.clock.is_virtual() {
                self.clock.advance(self.clock.next_wake().unwrap_or(end).clamp(now, end));
            } else {
                drop(self.clock.sleep_until(now.plus_ms(2)).await);
            }
        }
    }

    /// Virtual time only: lets so much time pass, deadline by deadline.
    pub async fn pass(&self, seconds: i64) {
        self.pass_until(self.clock.now().plus_s(seconds)).await;
    }

    pub async fn pass_until(&self, end: Timestamp) {
        assert!(self.clock.is_virtual());
        loop {
            self.settle().await;
            match self.clock.next_wake().filter(|wake| *wake <= end) {
                Some(wake) => self.clock.advance(wake),
                None => break,
            }
        }
        self.clock.advance(end);
        self.settle().await;
    }

    fn open_tickets(&self) -> Vec<String> {
        let mut open = Vec::new();
        for region in self.service.store().regions() {
            let mut look = |ticket: Arc<Ticket>| {
                let Ticket { number, version, phase, visit, waiting, escalation, .. } = &*ticket;
                open.push(format!(
                    "{region} {number} v{version} {phase:?} {visit:?} {waiting:?} {escalation:?}",
                    region = region.id
                ));
                let past = self.service.store().history(&Thing::Ticket(*number)).unwrap_or_default();
                open.extend(past.iter().map(|event| {
                    format!("  {} v{} {:.160}", event.envelope.at, event.version, format!("{:?}", event.fact))
                }));
            };
            self.service.store().for_each_open(&region.id, &mut look).unwrap();
        }
        open
    }

    /// Every promise that can be checked on what is stored (P2 to P6).
    pub async fn audit(&self) {
        self.settle().await;
        let wrong = violations(self.service.store(), &[]);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// What the store's own audit finds, snapshots compared with the journal, and what the second opinion
/// finds in the journal's awards and routes.
pub fn violations(store: &Store, acknowledged: &[TicketNumber]) -> Vec<String> {
    let networks = Networks::of(std::path::Path::new("nowhere"));
    let options = AuditOptions {
        replay: true,
        acknowledged,
        late_s: Some(LATE_S),
        overlap: &|route, region| networks.overlap(route, region),
        progress: &mut |_, _| {},
    };
    let report = store.audit(options).unwrap();
    let mut wrong: Vec<String> = report.violations.iter().map(|violation| format!("{violation:?}")).collect();
    let ledger = Ledger::read(store).unwrap();
    wrong.extend(ledger.findings().iter().map(|finding| format!("{finding:?}")));
    wrong
}

/// A deadline may fire so much late.
const LATE_S: i64 = 60;
