//! Regions that drive by a server: asks it aside about the places that they come to know, and has its answers at hand.
//!
//! Must hold: no actor waits for the server. News of a visit at a place that it has not been asked about yet reaches
//! the dispatcher with the answer, or after [`GRACE_MS`] without one, and at once while the server fails; until then
//! the great circle stands in. On virtual time nobody is asked: a server's answers cannot be had again.

use super::{region, tree::Tree};
use crate::{
    domain::{
        expert::Expert,
        fact::State,
        ids::{RegionId, TicketNumber},
        place::Place,
        region::Region,
        settings::Source,
        ticket::Ticket,
    },
    routing::Square,
    storage::Fault,
    travel::{Learnt, Squares, Travel, TravelError, Wary},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// A new visit waits so long for a server that answers: longer than one near by takes, shorter than anybody notices.
const GRACE_MS: i64 = 300;
/// What could not be asked is asked again, and what is a day old is looked for, after this.
const AGAIN: Duration = Duration::from_secs(30);

/// News that dispatchers have not been told yet.
type Held = BTreeMap<TicketNumber, Arc<Ticket>>;

/// What the server has said, and who waits for it.
pub(super) struct Keeper {
    squares: Squares,
    held: Mutex<Held>,
    bell: Notify,
    /// The last question was answered.
    answers: AtomicBool,
}

impl Keeper {
    pub(super) fn new(server: Arc<dyn Travel>) -> Self {
        Self {
            squares: Squares::new(Arc::new(Wary::new(server))),
            held: Mutex::default(),
            bell: Notify::new(),
            answers: AtomicBool::new(false),
        }
    }

    pub(super) fn square(&self, region: &RegionId) -> Option<Arc<Square>> {
        self.squares.of(region)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_server(region: &Region) -> bool {
    region.settings.travel.source == Source::Server
}

/// To be called with each state that was committed, before anybody else is told. True: the dispatcher is told later.
pub(super) fn hear(tree: &Arc<Tree>, state: &State) -> bool {
    let Some(keeper) = &tree.keeper else { return false };
    let concerned = |region| tree.store.region(region).is_some_and(|region| by_server(&region));
    match state {
        State::Ticket(ticket) => {
            keeper.held().remove(&ticket.number);
            concerned(&ticket.region) && holds(tree, keeper, ticket)
        }
        State::Expert(profile) => {
            if concerned(&profile.region) {
                keeper.squares.want(&profile.region, profile.home());
                keeper.bell.notify_one();
            }
            false
        }
        State::Region(region) => {
            if by_server(region) {
                keeper.bell.notify_one();
            } else {
                keeper.squares.forget(&region.id);
            }
            false
        }
        State::Route(_) | State::Catalogue(_) => false,
    }
}

/// True: it is told later. An older state may be held already; its end of waiting may come first, and this one has its own.
fn holds(tree: &Arc<Tree>, keeper: &Keeper, ticket: &Arc<Ticket>) -> bool {
    let Some(place) = place(ticket).filter(|_| ticket.dispatchable()) else { return false };
    let square = keeper.square(&ticket.region);
    if square.as_ref().is_some_and(|square| square.knows(place)) {
        return false;
    }
    // Without a square there is more to be asked than anybody would wait for.
    let asked = keeper.squares.want(&ticket.region, [place]);
    let soon = asked && square.is_some() && keeper.answers.load(Ordering::Acquire);
    if soon {
        keeper.held().insert(ticket.number, ticket.clone());
    }
    if soon {
        let (weak, number) = (Arc::downgrade(tree), ticket.number);
        let (clock, until) = (tree.clock.clone(), tree.clock.now().plus_ms(GRACE_MS));
        tree.core.spawn(async move {
            let _busy = clock.sleep_until(until).await;
            if let Some(tree) = weak.upgrade() {
                release(&tree, |ticket| ticket.number == number);
            }
        });
    }
    keeper.bell.notify_one();
    soon
}

/// Tells the dispatchers of what was held. Under the lock, so that no newer state overtakes it.
fn release(tree: &Tree, which: impl Fn(&Ticket) -> bool) {
    let Some(keeper) = &tree.keeper else { return };
    let mut held = keeper.held();
    for (_, ticket) in held.extract_if(.., |_, ticket| which(ticket)) {
        if let Some(handle) = tree.region(&ticket.region) {
            handle.dispatcher.send(region::Msg::Ticket(ticket));
        }
    }
}

/// Asks, for as long as there is a tree.
pub(super) async fn keep(tree: Weak<Tree>) {
    loop {
        let keeper = {
            let Some(tree) = tree.upgrade().filter(|tree| !tree.is_stopping()) else { return };
            ask_all(&tree).await;
            tree.keeper.clone()
        };
        let Some(keeper) = keeper else { return };
        let _ = tokio::time::timeout(AGAIN, keeper.bell.notified()).await;
    }
}

/// Asks until nothing is wanted any more, or the server fails.
async fn ask_all(tree: &Arc<Tree>) {
    let Some(keeper) = &tree.keeper else { return };
    loop {
        let regions = tree.store.regions().into_iter().filter(|region| by_server(region));
        for region in regions.filter(|region| keeper.squares.outlived(&region.id, tree.clock.now())) {
            begin(tree, keeper, &region.id).await;
        }
        let wanting = keeper.squares.wanting();
        if wanting.is_empty() || tree.is_stopping() {
            return;
        }
        let mut failed = false;
        for region in wanting {
            tree.meters.travel_asked.add(1);
            match keeper.squares.ask(&region, tree.clock.now()).await {
                Ok(learnt) => learn(tree, keeper, &region, learnt),
                // The next region may fare better: none must starve behind one whose question always fails.
                Err(why) => {
                    fail(tree, keeper, &why);
                    failed = true;
                }
            }
        }
        if failed {
            return;
        }
    }
}

async fn begin(tree: &Arc<Tree>, keeper: &Keeper, region: &RegionId) {
    let (reader, id) = (tree.clone(), region.clone());
    let read = tokio::task::spawn_blocking(move || needed(&reader, &id)).await;
    match read {
        Ok(Ok(needed)) => keeper.squares.begin(region, needed, tree.clock.now()),
        // It is tried again with the next question, or in half a minute.
        Ok(Err(fault)) => tracing::warn!(%region, %fault, "which drives a region needs could not be read"),
        Err(_) => {}
    }
}

/// Where somebody may drive from or to: homes, what is promised, what is open.
fn needed(tree: &Tree, region: &RegionId) -> Result<Vec<Place>, Fault> {
    let crew = tree.store.experts(Some(region));
    let homes = crew.iter().filter(|expert| !expert.retired).filter_map(|expert| Expert::home(expert));
    let mut places: Vec<Place> = homes.collect();
    for route in crew.iter().filter_map(|expert| tree.store.route(&expert.id)) {
        let anchor = route.anchor.as_ref().map(|anchor| &anchor.place);
        let driven = route.stops.iter().map(|stop| &stop.place).chain(anchor);
        places.extend(driven.filter_map(|place| place.known().copied()));
    }
    tree.store.for_each_open(region, &mut |ticket| places.extend(place(&ticket)))?;
    Ok(places)
}

fn place(ticket: &Ticket) -> Option<Place> {
    ticket.personal.known().and_then(|personal| personal.place)
}

fn learn(tree: &Arc<Tree>, keeper: &Keeper, region: &RegionId, learnt: Learnt) {
    if !keeper.answers.swap(true, Ordering::AcqRel) {
        tracing::info!("the server of travel times answers");
    }
    tree.meters.travel_places.set(keeper.squares.places() as f64);
    match learnt {
        Learnt::Nothing => {}
        Learnt::Full => {
            tracing::warn!(%region, "too many places: drives between some of them are by great circle");
            release(tree, |ticket| ticket.region == *region);
        }
        Learnt::More { first } => {
            let square = keeper.square(region);
            let known = |ticket: &Ticket| {
                let asked = place(ticket).zip(square.as_ref());
                asked.is_none_or(|(place, square)| square.knows(place))
            };
            release(tree, |ticket| ticket.region == *region && known(ticket));
            // What the plan before had was reckoned by great circle.
            if let Some(handle) = tree.region(region).filter(|_| first) {
                handle.dispatcher.send(region::Msg::Due);
            }
        }
    }
}

fn fail(tree: &Arc<Tree>, keeper: &Keeper, why: &TravelError) {
    tree.meters.travel_failed.add(1);
    keeper.answers.store(false, Ordering::Release);
    if *why != TravelError::LeftAlone {
        tracing::warn!(%why, "the server of travel times fails: what it has not said yet is by great circle");
    }
    release(tree, |_| true);
}
