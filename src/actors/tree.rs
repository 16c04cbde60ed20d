//! What all actors share: the store, the clock, who is running where. Owns no state of the domain.

use super::{
    clock::Clock,
    device::Devices,
    drives::Keeper,
    expert,
    faults::Faults,
    feed,
    intake::Atlas,
    outbox,
    owed::Owed,
    pace::Pace,
    positions::Positions,
    pulse::Pulses,
    region,
    service::ServiceOptions,
    shell::{Address, Crash},
    supervise::Children,
    ticket,
};
use crate::{
    domain::{
        ids::{ExpertId, RegionId, TicketNumber},
        region::Region,
    },
    routing::{Drives, Square},
    storage::Store,
    telemetry::{Incidents, Metrics, Spans},
};
use ractor::{ActorCell, ActorId};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::{runtime::Handle, sync::Semaphore};

pub(super) struct Tree {
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// Where actors run, whoever starts them.
    pub(super) core: Handle,
    pub(super) options: ServiceOptions,
    pub(super) pulses: Pulses,
    pub(super) devices: Devices,
    pub(super) owed: Owed,
    pub(super) feed: feed::Feed,
    pub(super) positions: Positions,
    pub(super) atlas: Atlas,
    pub(super) meters: Arc<Metrics>,
    /// In front of all mailboxes; only doors take them.
    pub(super) permits: Arc<Semaphore>,
    pub(super) tickets: Group<TicketNumber, ticket::Msg>,
    pub(super) experts: Group<ExpertId, expert::Msg>,
    pub(super) regions: RwLock<BTreeMap<RegionId, Arc<region::Handle>>>,
    pub(super) region_supervisor: OnceLock<ActorCell>,
    pub(super) outbox: Slot<outbox::Msg>,
    /// Committed states that are still on their way to dispatchers and timers.
    pub(super) behind: AtomicUsize,
    /// Messages in all mailboxes.
    pub(super) queued: Arc<AtomicUsize>,
    /// Auction rounds that lead nowhere, all regions together.
    pub(super) fruitless: Mutex<Pace>,
    /// Planners at work, all regions together.
    pub(super) planners: Arc<Semaphore>,
    /// Messages to customers: what a gateway takes, and a flood must not crowd out intake.
    pub(super) notices: Mutex<Pace>,
    /// Questions that plan, a region's own looks ahead among them.
    pub(super) inquiries: Arc<Semaphore>,
    pub(super) outbox_supervisor: OnceLock<ActorCell>,
    pub(super) stopping: AtomicBool,
    /// Messages on their way to gateways; a stop waits for them.
    pub(super) posting: Arc<Semaphore>,
    /// One erasure at a time: they share the list of who is being erased.
    pub(super) erasing: tokio::sync::Mutex<()>,
    /// Of regions that drive by a server; None: the process has none to ask.
    pub(super) keeper: Option<Arc<Keeper>>,
    pub(super) faults: Faults,
}

/// Regions that plan at the same time; two, so that one that hangs holds up no other.
pub(super) const PLANNERS: usize = 2;
/// Rounds that lead nowhere: at once, and a second.
pub(super) const FRUITLESS: (i64, i64) = (100, 40);
/// Messages to customers: at once, and a second.
pub(super) const NOTICES: (i64, i64) = (1_000, 500);

/// Messages on their way at once, all gateways together: more than any two of them are allowed.
pub(super) const POSTING: usize = 512;

impl Tree {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(super) fn fruitless<T>(&self, turn: impl FnOnce(&mut Pace) -> T) -> T {
        turn(&mut self.fruitless.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a server has said of a region's drives by now: taken once for whatever is decided together.
    pub(super) fn square(&self, region: &Region) -> Option<Arc<Square>> {
        self.keeper.as_ref()?.square(&region.id)
    }

    /// What a region's drives take.
    pub(super) fn drives<'a>(&'a self, region: &'a Region, square: Option<&'a Square>) -> Drives<'a> {
        let drives = Drives::new(&region.settings.travel, &region.time_zone, self.options.roads.as_deref());
        drives.by_server(square)
    }

    pub(super) fn notice(&self) -> bool {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).take(self.clock.now())
    }

    /// Notes for how long the busiest actor has been on one message.
    pub(super) fn stalled(&self, ms: i64) {
        let seconds = ms as f64 / 1e3;
        if seconds > self.meters.stall_seconds.value() {
            self.meters.stall_seconds.set(seconds);
        }
    }

    pub(super) fn incidents(&self) -> &Incidents {
        &self.store.telemetry().incidents
    }

    pub(super) fn spans(&self) -> &Spans {
        &self.store.telemetry().spans
    }

    pub(super) fn region(&self, region: &RegionId) -> Option<Arc<region::Handle>> {
        self.regions.read().unwrap_or_else(PoisonError::into_inner).get(region).cloned()
    }

    pub(super) fn region_handles(&self) -> Vec<Arc<region::Handle>> {
        self.regions.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// The address of the one actor that has a role, replaced when it is restarted.
pub(super) struct Slot<M: Send + 'static>(Mutex<Option<Address<M>>>);

impl<M: Send + 'static> Default for Slot<M> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<M: Send + 'static> Slot<M> {
    pub(super) fn put(&self, address: Option<Address<M>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    pub(super) fn address(&self) -> Option<Address<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// False when nobody is there; whoever comes next starts from the store.
    pub(super) fn send(&self, msg: M) -> bool {
        self.address().is_some_and(|address| address.send(msg))
    }

    pub(super) fn is(&self, actor: ActorId) -> bool {
        self.address().is_some_and(|address| address.cell().get_id() == actor)
    }
}

/// Actors of one kind, by key: started when first needed, forgotten when they end.
pub(super) struct Group<K, M: Send + 'static> {
    live: Mutex<Live<K, M>>,
    pub(super) children: Children<K>,
    supervisor: OnceLock<ActorCell>,
    /// More than this are passivated, the longest running first.
    cap: usize,
}

struct Live<K, M: Send + 'static> {
    by_key: HashMap<K, Address<M>>,
    order: VecDeque<(K, ActorId)>,
}

impl<K: Clone + Eq + Hash, M: Send + 'static> Group<K, M> {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            live: Mutex::new(Live { by_key: HashMap::new(), order: VecDeque::new() }),
            children: Children::new(),
            supervisor: OnceLock::new(),
            cap,
        }
    }

    pub(super) fn supervised_by(&self, supervisor: ActorCell) {
        let _ = self.supervisor.set(supervisor);
    }

    /// The running actor of `key`, if any.
    pub(super) fn running(&self, key: &K) -> Option<Address<M>> {
        self.lock().by_key.get(key).cloned()
    }

    /// Sends to the actor of `key`, started when it is not running (or has just died, and its
    /// supervisor has not heard of it yet). One actor too many is returned, to be passivated.
    pub(super) fn send(
        &self,
        key: &K,
        msg: M,
        start: impl Fn(&ActorCell) -> Result<Address<M>, Crash>,
    ) -> Result<Option<Address<M>>, Crash> {
        let (address, surplus) = self.need(key, &start)?;
        let Err(Some(msg)) = address.offer(msg) else { return Ok(surplus) };
        self.forget(key, address.cell().get_id());
        let (address, surplus) = self.need(key, &start)?;
        // A message to one that dies this moment is dropped, and its reply says so.
        address.send(msg);
        Ok(surplus)
    }

    /// The actor of `key`, started when it is not running. The second value is one to passivate.
    fn need(
        &self,
        key: &K,
        start: impl FnOnce(&ActorCell) -> Result<Address<M>, Crash>,
    ) -> Result<(Address<M>, Option<Address<M>>), Crash> {
        let mut live = self.lock();
        if let Some(address) = live.by_key.get(key) {
            return Ok((address.clone(), None));
        }
        let supervisor = self.supervisor.get().ok_or_else(|| Crash("the tree is not up yet".into()))?;
        let address = start(supervisor)?;
        let actor = address.cell().get_id();
        self.children.started(actor, key.clone());
        live.by_key.insert(key.clone(), address.clone());
        live.order.push_back((key.clone(), actor));
        let mut surplus = None;
        while live.by_key.len() > self.cap && surplus.is_none() {
            let Some((key, actor)) = live.order.pop_front() else { break };
            surplus = live.by_key.get(&key).filter(|a| a.cell().get_id() == actor).cloned();
        }
        // Ended actors leave their mark in `order`; it is swept when it has grown.
        if live.order.len() > 2 * live.by_key.len() + 64 {
            let Live { by_key, order } = &mut *live;
            order.retain(|(key, actor)| by_key.get(key).is_some_and(|a| a.cell().get_id() == *actor));
        }
        Ok((address, surplus))
    }

    /// The actor is ending: a later message starts a new one.
    pub(super) fn forget(&self, key: &K, actor: ActorId) {
        let mut live = self.lock();
        if live.by_key.get(key).is_some_and(|address| address.cell().get_id() == actor) {
            live.by_key.remove(key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    fn lock(&self) -> MutexGuard<'_, Live<K, M>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
