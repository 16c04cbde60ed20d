//! What a dispatcher starts from: the store's open tickets, the roster and its routes.

use super::{Msg, Queue, World, lateness::LATE_GRACE_S};
use crate::{
    actors::{shell::Address, tree::Tree},
    domain::{expert::Expert, ids::RegionId, region::Region, route::Route},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(in crate::actors) struct Loaded {
    region: Arc<Region>,
    queue: Queue,
    experts: Vec<(Arc<Expert>, Arc<Route>)>,
}

impl Loaded {
    pub(super) fn into_world(self) -> World {
        let mut world = World {
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
    Ok(Loaded { region, queue, experts })
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
            to.send(Msg::Loaded(Box::new(loaded)));
        }
        Err(fault) => {
            tracing::error!(region = %id, %fault, "a region could not be read");
            to.cell().kill();
        }
    }
}
