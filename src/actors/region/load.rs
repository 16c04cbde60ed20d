//! What a dispatcher starts from: the store's open tickets, the roster and its routes.

use super::{Msg, Queue, World, lateness::LATE_GRACE_S};
use crate::{
    actors::{shell::Address, tree::Tree},
    domain::{
        decision::Policy,
        expert::Expert,
        ids::RegionId,
        region::Region,
        route::Route,
        time::{DAY_S, Timestamp},
    },
    routing::{
        VisitSpec,
        live::{DAYS, Demand},
    },
    storage::TicketQuery,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Tickets that are looked at for what is usual, and how many at a time.
const LEARNT: usize = 20_000;
const PAGE: usize = 500;

pub(in crate::actors) struct Loaded {
    region: Arc<Region>,
    queue: Queue,
    experts: Vec<(Arc<Expert>, Arc<Route>)>,
    /// What was opened before is in the store.
    at: Timestamp,
}

impl Loaded {
    pub(super) fn into_world(self) -> World {
        let mut world = World {
            demand: Demand::new(&self.region.time_zone),
            loaded_at: self.at,
            region: self.region,
            experts: BTreeMap::new(),
            queue: self.queue,
            candidates: None,
            offering: BTreeSet::new(),
            moments: BTreeSet::new(),
            moment_of: BTreeMap::new(),
        };
        for (expert, route) in self.experts {
            world.watch(&route, LATE_GRACE_S);
            world.experts.insert(expert.id.clone(), (expert, route));
        }
        world
    }
}

/// Reads what a dispatcher needs. Blocks on the disk: call it on a blocking thread.
pub(in crate::actors) fn read(tree: &Tree, id: &RegionId) -> Result<Loaded, crate::storage::Fault> {
    let missing = || crate::storage::Fault { what: "the region is unknown".into(), place: id.to_string() };
    let region = tree.store.region(id).ok_or_else(missing)?;
    let now = tree.clock.now();
    let mut queue = Queue::default();
    tree.store.for_each_open(id, &mut |ticket| {
        tree.owed.note(&ticket);
        queue.take(&ticket, now);
    })?;
    let with_route = |expert: Arc<Expert>| tree.store.route(&expert.id).map(|route| (expert, route));
    let experts = tree.store.experts(Some(id)).into_iter().filter_map(with_route).collect();
    Ok(Loaded { region, queue, experts, at: now })
}

/// Reads aside and sends the result; a fault is logged and tried again by the sentinel's next look.
pub(in crate::actors) fn start(tree: &Arc<Tree>, id: &RegionId, to: Address<Msg>) {
    if tree.clock.is_virtual() {
        deliver(tree, id, &to);
        return;
    }
    let (tree, id) = (tree.clone(), id.clone());
    let core = tree.core.clone();
    core.spawn_blocking(move || deliver(&tree, &id, &to));
}

fn deliver(tree: &Tree, id: &RegionId, to: &Address<Msg>) {
    match read(tree, id) {
        Ok(loaded) => {
            let before = loaded.at;
            to.send(Msg::Loaded(Box::new(loaded)));
            if tree.options.policy == Policy::Full {
                learn(tree, id, before, to);
            }
        }
        Err(fault) => {
            tracing::error!(region = %id, %fault, "a region could not be read");
            to.cell().kill();
        }
    }
}

/// What was asked for in the days before `before`, newest first, of at most [`LEARNT`] tickets. The region works without it meanwhile,
/// and without it altogether where it cannot be read.
fn learn(tree: &Tree, id: &RegionId, before: Timestamp, to: &Address<Msg>) {
    let Some(region) = tree.store.region(id) else { return };
    let mut demand = Demand::new(&region.time_zone);
    let opened_after = Some(before.plus_s(-DAYS * DAY_S));
    let mut query = TicketQuery { region: Some(id.clone()), opened_after, limit: PAGE, ..TicketQuery::default() };
    for _ in 0..LEARNT / PAGE {
        match tree.store.tickets(&query) {
            Ok(page) => {
                let earlier = page.items.iter().filter(|ticket| ticket.opened_at < before);
                earlier.filter_map(|ticket| VisitSpec::of(ticket)).for_each(|visit| demand.note(&visit));
                query.cursor = page.next_cursor;
            }
            Err(fault) => {
                tracing::error!(region = %id, %fault, "what was asked for in the weeks before could not be read");
                break;
            }
        }
        if query.cursor.is_none() {
            break;
        }
    }
    to.send(Msg::Learnt(Box::new(demand)));
}
