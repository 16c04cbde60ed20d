//! The handle that doors use: open a ticket, send a command, edit the roster, read. Cheap to clone.

use super::{
    assign,
    caller::Caller,
    failure::Failure,
    faults::Faults,
    feed, herald,
    intake::{self, Atlas},
    locate, outbox,
    owed::Owed,
    pace::Pace,
    positions::{self, Positions},
    pulse::{Pulses, monotonic_us},
    region, regions,
    reply::{Answer, Reply},
    roster, sentinel,
    shell::Crash,
    supervise::supervisor,
    ticket, tickets,
    tree::{FRUITLESS, Group, NOTICES, PLANNERS, POSTING, Slot, Tree},
    {Clock, device::Devices},
};
use crate::{
    domain::{
        catalogue::Catalogue,
        drafts::{ExpertDraft, RegionDraft},
        expert::{Absence, AbsenceKind, Expert},
        fact::State,
        ids::{ExpertId, RegionId, TicketNumber},
        intake::NewTicket,
        person::Address,
        place::Place,
        region::Region,
        ticket::{Command, Ticket},
        time::Timestamp,
    },
    notify::Desk,
    routing::roads::Legs,
    storage::Store,
    telemetry::Span,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Where a ZIP code lies.
pub type ZipLookup = Arc<dyn Fn(&str) -> Option<Place> + Send + Sync>;

/// How the tree is run.
#[derive(Clone)]
pub struct ServiceOptions {
    pub clock: Clock,
    /// Seeds ids and everything random in the tree.
    pub seed: u64,
    /// Policy of the dispatcher.
    pub policy: crate::domain::decision::Policy,
    /// False: regions only accept and answer. Nobody is looked for and no deadline fires, until a tree that
    /// dispatches runs over the same store.
    pub dispatch: bool,
    /// Where a ZIP code lies.
    pub zip: ZipLookup,
    /// Sends messages to customers and experts.
    pub desk: Arc<Desk>,
    /// The prepared road network of regions that drive over one.
    pub roads: Option<Arc<Legs>>,
}

/// A ticket as it stands after the call, and whether this was a repeat.
#[derive(Clone, Debug)]
pub struct Opened {
    pub ticket: Arc<Ticket>,
    /// The same key was used before: this is what it answered then.
    pub replayed: bool,
}

/// `/readyz`.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    pub ready: bool,
    pub regions: usize,
    pub unready: Vec<Unready>,
}

#[derive(Clone, Debug)]
pub struct Unready {
    pub region: RegionId,
    pub why: String,
}

#[derive(Clone)]
pub struct Service {
    tree: Arc<Tree>,
}

impl Service {
    /// Starts the tree over an open store, on the current tokio runtime. Returns while regions are
    /// still being recovered; `readiness` tells when they are done. Intake works at once.
    pub async fn start(store: Store, options: ServiceOptions) -> Result<Self, Failure> {
        let tree = Arc::new(Tree {
            clock: options.clock.clone(),
            core: tokio::runtime::Handle::current(),
            options,
            pulses: Pulses::default(),
            devices: Devices::default(),
            owed: Owed::default(),
            feed: feed::Feed::default(),
            positions: Positions::default(),
            atlas: Atlas::default(),
            meters: store.telemetry().metrics.clone(),
            permits: Arc::new(Semaphore::new(PERMITS)),
            tickets: Group::new(tickets::LIVE),
            experts: Group::new(usize::MAX),
            regions: RwLock::default(),
            region_supervisor: OnceLock::new(),
            outbox: Slot::default(),
            behind: AtomicUsize::new(0),
            queued: Arc::default(),
            planners: Arc::new(Semaphore::new(PLANNERS)),
            fruitless: Mutex::new(Pace::new(FRUITLESS.0, FRUITLESS.1)),
            notices: Mutex::new(Pace::new(NOTICES.0, NOTICES.1)),
            outbox_supervisor: OnceLock::new(),
            stopping: AtomicBool::new(false),
            posting: Arc::new(Semaphore::new(POSTING)),
            erasing: tokio::sync::Mutex::default(),
            faults: Faults::default(),
            store,
        });
        let service = Self { tree };
        service.raise().await.map_err(|crash| Failure::Fault(crash.to_string()))?;
        roster::make_reserved_region(&service.tree).await?;
        roster::tell_network(&service.tree).await?;
        let regions = service.tree.store.regions();
        for region in regions {
            regions::start(&service.tree, &region.id);
        }
        Ok(service)
    }

    /// The supervisors, top down, and what outlives any region.
    async fn raise(&self) -> Result<(), Crash> {
        let tree = &self.tree;
        let root = supervisor(|_, _| {}, None).await?;
        tickets::supervise(tree, root.clone()).await?;
        sentinel::supervise_experts(tree, root.clone()).await?;
        regions::supervise(tree, root.clone()).await?;
        outbox::supervise(tree, root).await?;
        self.listen()?;
        if tree.clock.is_virtual() {
            return Ok(());
        }
        tree.positions.recover(tree.store.fixes());
        let kept = Arc::downgrade(tree);
        thread("positions", move || positions::keep(&kept))?;
        let watched = Arc::downgrade(tree);
        thread("sentinel", move || sentinel::watch(&watched))
    }

    /// Hears every commit. On virtual time at once, on the committing thread; else on a thread of its
    /// own, so that the journal's writer never waits for an actor, and an actor that blocks a thread of
    /// the runtime takes nobody's news with it.
    fn listen(&self) -> Result<(), Crash> {
        let told = Arc::downgrade(&self.tree);
        if self.tree.clock.is_virtual() {
            self.tree.store.on_commit(Box::new(move |states| {
                if let Some(tree) = told.upgrade() {
                    for state in states {
                        herald::tell(&tree, state);
                    }
                }
            }));
            return Ok(());
        }
        let counted = told.clone();
        let (sender, heard) = std::sync::mpsc::channel::<Vec<State>>();
        self.tree.store.on_commit(Box::new(move |states| {
            if let Some(tree) = counted.upgrade() {
                tree.behind.fetch_add(states.len(), Ordering::Relaxed);
            }
            let _ = sender.send(states.to_vec());
        }));
        thread("herald", move || herald::carry(&told, &heard))
    }

    /// What is to go wrong in this tree.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.tree.faults
    }

    pub(super) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.tree.store
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.tree.clock
    }

    /// Accepts a ticket: numbered, stored, fsynced. A repeated key or external id answers with the
    /// ticket it made before.
    pub async fn open(&self, new: NewTicket, caller: &Caller) -> Result<Opened, Failure> {
        let _permit = self.admit(caller)?;
        let (span, inside) = self.span("command", "open", caller);
        let caller = inside.as_ref().unwrap_or(caller);
        let meters = &self.tree.meters;
        let began = monotonic_us();
        let opened = intake::open(&self.tree, new, caller).await;
        meters.intake_seconds.took(Duration::from_micros(monotonic_us() - began));
        match &opened {
            Ok(Opened { replayed: false, .. }) => meters.opened.add(1),
            Ok(_) | Err(Failure::Replayed(_)) => meters.replayed.add(1),
            Err(failure) if failure.is_callers() => meters.intake_refused.add(1),
            Err(_) => meters.intake_failed.add(1),
        }
        finish(span, &opened);
        opened
    }

    /// A command about a ticket, decided by its actor.
    pub async fn command(&self, number: TicketNumber, command: Command, caller: &Caller) -> Result<Opened, Failure> {
        let _permit = self.admit(caller)?;
        self.tree.meters.commands.add(1);
        let (span, inside) = self.span("command", command.name(), caller);
        let caller = inside.as_ref().unwrap_or(caller);
        if let Some(before) = self.earlier(caller)? {
            return before;
        }
        let began = monotonic_us();
        let answer = ask(&self.tree, number, command, caller).await;
        self.tree.meters.command_seconds.took(Duration::from_micros(monotonic_us() - began));
        if matches!(answer, Err(Failure::Refused { .. })) {
            self.tree.meters.refused.add(1);
        }
        finish(span, &answer);
        answer
    }

    /// What the caller's key did before, if anything.
    pub(super) fn earlier(&self, caller: &Caller) -> Result<Option<Result<Opened, Failure>>, Failure> {
        let Some((key, _)) = caller.idempotency else { return Ok(None) };
        let claim = self.tree.store.claim(&key, self.tree.clock.now()).map_err(Failure::from)?;
        Ok(claim.map(|claim| intake::answer_of(&self.tree, claim, caller)))
    }

    /// Gives a ticket its place, and with it its region: what is asked of intake, afterwards.
    pub async fn place_ticket(
        &self,
        number: TicketNumber,
        place: Option<Place>,
        address: Option<Address>,
        caller: &Caller,
    ) -> Result<Opened, Failure> {
        locate::locate(self, number, place, address, caller).await
    }

    /// A dispatcher's choice of expert: plans the stop, then commands the ticket.
    pub async fn assign(
        &self,
        number: TicketNumber,
        expert: &ExpertId,
        reason: String,
        pin: bool,
        force: bool,
        caller: &Caller,
    ) -> Result<Opened, Failure> {
        let wanted = assign::Wanted { expert, reason, pin, force };
        assign::assign(self, number, &wanted, caller).await
    }

    /// Adds or edits an expert; true when new.
    pub async fn write_expert(&self, draft: ExpertDraft, caller: &Caller) -> Result<(Arc<Expert>, bool), Failure> {
        roster::write_expert(&self.tree, draft, caller).await
    }

    pub async fn retire_expert(&self, expert: &ExpertId, caller: &Caller) -> Result<Arc<Expert>, Failure> {
        roster::retire_expert(&self.tree, expert, caller).await
    }

    /// From then until then the expert is not there; what they held in it is taken back at once.
    pub async fn add_absence(
        &self,
        expert: &ExpertId,
        kind: AbsenceKind,
        from: Timestamp,
        to: Timestamp,
        caller: &Caller,
    ) -> Result<Absence, Failure> {
        roster::add_absence(&self.tree, expert, kind, from, to, caller).await
    }

    pub async fn remove_absence(&self, expert: &ExpertId, absence: u32, caller: &Caller) -> Result<(), Failure> {
        roster::remove_absence(&self.tree, expert, absence, caller).await
    }

    /// Adds or edits a region; true when new. A new cut moves nobody's open ticket.
    pub async fn write_region(&self, draft: RegionDraft, caller: &Caller) -> Result<(Arc<Region>, bool), Failure> {
        roster::write_region(&self.tree, draft, caller).await
    }

    pub async fn write_catalogue(&self, catalogue: Catalogue, caller: &Caller) -> Result<Arc<Catalogue>, Failure> {
        roster::write_catalogue(&self.tree, catalogue, caller).await
    }

    /// Tries all that waits in a region again, with everybody there is; how many tickets that are.
    pub fn optimise(&self, id: &RegionId) -> Result<u64, Failure> {
        let handle = self.tree.region(id).ok_or_else(|| Failure::NotFound(format!("region {id}")))?;
        handle.dispatcher.send(region::Msg::Optimise);
        Ok(handle.queued.load(Ordering::Relaxed))
    }

    /// Starts a parked region again.
    pub fn unpark(&self, region: &RegionId) -> Result<(), Failure> {
        let handle = self.tree.region(region).ok_or_else(|| Failure::NotFound(format!("region {region}")))?;
        regions::unpark(&self.tree, &handle);
        Ok(())
    }

    /// Why a region is parked just now.
    #[must_use]
    pub fn parked(&self, region: &RegionId) -> Option<String> {
        self.tree.region(region)?.parked()
    }

    /// The region a place belongs to.
    #[must_use]
    pub fn locate(&self, place: Place) -> Option<RegionId> {
        self.tree.atlas.sheet(&self.tree.store).locate(place)
    }

    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let handles = self.tree.region_handles();
        let why = |handle: &Arc<region::Handle>| {
            regions::unready(handle).map(|why| Unready { region: handle.id.clone(), why })
        };
        let unready: Vec<Unready> = handles.iter().filter_map(why).collect();
        Readiness { ready: unready.len() < handles.len(), regions: handles.len(), unready }
    }

    /// Prometheus text.
    #[must_use]
    pub fn metrics(&self) -> String {
        let tree = &self.tree;
        self.gauge();
        tree.meters.text()
    }

    /// Fills in the gauges that follow from the tree's queues.
    fn gauge(&self) {
        let tree = &self.tree;
        let handles = tree.region_handles();
        let queued: u64 = handles.iter().map(|handle| handle.queued.load(Ordering::Relaxed)).sum();
        let meters = &tree.meters;
        meters.queued.set(queued as f64);
        meters.oldest_unassigned_seconds.replace(self.oldest_unassigned());
        meters.ticket_actors.count(tree.tickets.len());
        meters.expert_actors.count(tree.experts.len());
        meters.permits_free.count(tree.permits.available_permits());
        meters.regions_unready.count(self.readiness().unready.len());
        meters.mailboxes.count(tree.queued.load(Ordering::Relaxed));
        meters.herald_behind.count(tree.behind.load(Ordering::Relaxed));
        meters.devices.count(tree.devices.len());
        tree.store.gauge();
    }

    /// Seconds since each region's oldest ticket that could be dispatched was opened; a region where none
    /// waits is not named.
    #[must_use]
    pub fn oldest_unassigned(&self) -> BTreeMap<String, f64> {
        let now = self.tree.clock.now();
        let age = |handle: &Arc<region::Handle>| {
            let oldest = handle.oldest_ms.load(Ordering::Relaxed);
            (oldest != i64::MAX).then(|| (handle.id.to_string(), (now.0 - oldest).max(0) as f64 / 1e3))
        };
        self.tree.region_handles().iter().filter_map(age).collect()
    }

    /// Stops taking work, finishes what is admitted, flushes, closes.
    pub async fn stop(&self) {
        self.tree.stopping.store(true, Ordering::Release);
        let patience = Duration::from_secs(10);
        let all = u32::try_from(PERMITS).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(patience, self.tree.permits.acquire_many(all)).await;
        self.tree.permits.close();
        // What a gateway has taken must be written down, or it goes again after the start.
        let posting = u32::try_from(POSTING).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(patience, self.tree.posting.acquire_many(posting)).await;
        positions::write(&self.tree);
        let store = self.tree.store.clone();
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        if let Ok(Err(fault)) = closed {
            tracing::error!(%fault, "the store did not close cleanly");
        }
    }

    /// A span for what this caller asks, and the caller inside it; nothing while traces are not exported.
    fn span(&self, name: &'static str, what: &'static str, caller: &Caller) -> (Option<Span>, Option<Caller>) {
        let span = self.tree.spans().begin(name, caller.trace_id.as_deref(), caller.span);
        let span = span.map(|span| span.with("callout.command", what));
        let inside = span.as_ref().map(|span| Caller { span: span.id(), ..caller.clone() });
        (span, inside)
    }

    /// Only doors take permits; the system's own calls never do, or they would deadlock.
    fn admit(&self, caller: &Caller) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        if caller.who.role == crate::domain::ticket::Role::System {
            return Ok(None);
        }
        let permit = self.tree.permits.clone().try_acquire_owned();
        let waiting = self.tree.behind.load(Ordering::Relaxed) + self.tree.queued.load(Ordering::Relaxed);
        let behind = waiting > BEHIND;
        permit.ok().filter(|_| !behind).map(Some).ok_or_else(|| {
            self.tree.meters.shed.add(1);
            Failure::Overloaded { retry_after_s: 1 }
        })
    }
}

fn finish(span: Option<Span>, answer: &Result<Opened, Failure>) {
    let Some(span) = span else { return };
    match answer {
        Ok(opened) => span.with("callout.ticket", opened.ticket.number.to_string()).finish(None),
        Err(failure) if failure.is_callers() => span.with("callout.refused", true).finish(None),
        Err(failure) => span.finish(Some(&failure.to_string())),
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Crash> {
    let started = std::thread::Builder::new().name(name.into()).spawn(work);
    started.map(drop).map_err(|error| Crash(format!("thread {name}: {error}")))
}

/// Calls of doors under way at the same time; more are refused at once.
const PERMITS: usize = 4_096;
/// News and messages that actors have not handled yet; with more, doors are closed.
const BEHIND: usize = 50_000;

/// Sends a command to its ticket's actor until it was begun, within the caller's patience.
pub(super) async fn ask(
    tree: &Arc<Tree>,
    number: TicketNumber,
    command: Command,
    caller: &Caller,
) -> Result<Opened, Failure> {
    let shared = Arc::new(caller.clone());
    let known = tree.store.ticket(number).map_err(Failure::from)?;
    known.ok_or_else(|| Failure::NotFound(format!("ticket {number}")))?;
    for _ in 0..8 {
        let (reply, answer) = Reply::channel();
        let msg = ticket::Msg::Command { command: command.clone(), caller: shared.clone(), reply };
        tickets::send(tree, number, msg).map_err(|crash| Failure::Fault(crash.to_string()))?;
        let answer = if tree.clock.is_virtual() {
            answer.await
        } else {
            match tokio::time::timeout(caller.patience, answer).await {
                Ok(answer) => answer,
                Err(_) => return Err(Failure::OutcomeUnknown),
            }
        };
        match answer {
            Ok(Answer::Done(done)) => return done,
            Ok(Answer::Lost { begun: false }) => {}
            // The actor died over it, and what it sent to the journal may still be stored. With a key
            // it can be sent again: the key is taken once.
            Ok(Answer::Lost { begun: true }) | Err(_) if caller.idempotency.is_none() => {
                return Err(Failure::OutcomeUnknown);
            }
            Ok(Answer::Lost { begun: true }) | Err(_) => {}
        }
    }
    Err(Failure::Overloaded { retry_after_s: 1 })
}
