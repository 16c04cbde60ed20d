//! How the tree comes up over a store, and goes down: supervisors, watching threads, whoever hears commits.

use super::{PERMITS, Service, ServiceOptions};
use crate::{
    actors::{
        device::Devices,
        drives::{self, Keeper},
        failure::Failure,
        faults::Faults,
        feed, herald,
        intake::Atlas,
        outbox,
        owed::Owed,
        pace::Pace,
        positions::{self, Positions},
        pulse::Pulses,
        regions, roster, sentinel,
        shell::Crash,
        supervise::supervisor,
        tickets,
        tree::{FRUITLESS, Group, NOTICES, PLANNERS, POSTING, Slot, Tree},
    },
    domain::fact::State,
    settings::limits,
    storage::Store,
};
use std::{
    sync::{
        Arc, Mutex, OnceLock, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

impl Service {
    /// Starts the tree over an open store, on the current tokio runtime. Returns while regions are
    /// still being recovered; `readiness` tells when they are done. Intake works at once.
    pub async fn start(store: Store, options: ServiceOptions) -> Result<Self, Failure> {
        let server = options.server.clone().filter(|_| !options.clock.is_virtual());
        let tree = Arc::new(Tree {
            keeper: server.map(|server| Arc::new(Keeper::new(server))),
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
            inquiries: Arc::new(Semaphore::new(limits::INQUIRIES)),
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
        tree.core.spawn(drives::keep(Arc::downgrade(tree)));
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
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Crash> {
    let started = std::thread::Builder::new().name(name.into()).spawn(work);
    started.map(drop).map_err(|error| Crash(format!("thread {name}: {error}")))
}
