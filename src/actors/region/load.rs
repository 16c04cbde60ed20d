//! What a dispatcher starts from: the store's open tickets, the roster and its routes.

use super::{
    Msg, Queue, World,
    lateness::LATE_GRACE_S,
    tally::{self, Tally},
};
use crate::{
    actors::{shell::Address, tree::Tree},
    domain::{decision::Policy, expert::Expert, ids::RegionId, region::Region, route::Route, time::DAY_S},
    routing::live::{DAYS, Demand},
    storage::{Fault, TicketQuery},
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
    /// Tickets up to this serial are in the store.
    upto: u32,
}

impl Loaded {
    pub(super) fn into_world(self) -> World {
        let mut world = World {
            tally: Tally::new(&self.region, self.upto, 0),
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
pub(in crate::actors) fn read(tree: &Tree, id: &RegionId) -> Result<Loaded, Fault> {
    let missing = || Fault { what: "the region is unknown".into(), place: id.to_string() };
    let region = tree.store.region(id).ok_or_else(missing)?;
    let (now, upto) = (tree.clock.now(), tree.store.last_serial(region.code));
    let mut queue = Queue::default();
    tree.store.for_each_open(id, &mut |ticket| {
        tree.owed.note(&ticket);
        queue.take(&ticket, now);
    })?;
    let with_route = |expert: Arc<Expert>| tree.store.route(&expert.id).map(|route| (expert, route));
    let experts = tree.store.experts(Some(id)).into_iter().filter_map(with_route).collect();
    Ok(Loaded { region, queue, experts, upto })
}

/// Reads aside and sends the result; a fault is logged and tried again by the sentinel's next look.
pub(in crate::actors) fn start(tree: &Arc<Tree>, id: &RegionId, to: Address<Msg>) {
    let id = id.clone();
    aside(tree, move |tree| deliver(tree, &id, &to));
}

/// Counts anew what was asked for, up to this serial, for a region whose days and hours are others by now.
pub(super) fn count_again(tree: &Arc<Tree>, region: &Arc<Region>, upto: u32, reading: u64, to: &Address<Msg>) {
    let (region, to) = (region.clone(), to.clone());
    aside(tree, move |tree| learn(tree, &region, upto, reading, &to));
}

fn aside(tree: &Arc<Tree>, read: impl FnOnce(&Tree) + Send + 'static) {
    if tree.clock.is_virtual() {
        read(tree);
        return;
    }
    let (reader, core) = (tree.clone(), tree.core.clone());
    core.spawn_blocking(move || read(&reader));
}

fn deliver(tree: &Tree, id: &RegionId, to: &Address<Msg>) {
    match read(tree, id) {
        Ok(loaded) => {
            let (region, upto) = (loaded.region.clone(), loaded.upto);
            to.send(Msg::Loaded(Box::new(loaded)));
            if tree.options.policy == Policy::Full {
                learn(tree, &region, upto, 0, to);
            }
        }
        Err(fault) => {
            tracing::error!(region = %id, %fault, "a region could not be read");
            to.cell().kill();
        }
    }
}

/// What was asked for in the weeks before, newest first, of at most [`LEARNT`] tickets up to this serial, and of as many that are
/// elsewhere by now. The region works without it meanwhile, and without what cannot be read. A ticket that is being
/// committed meanwhile may be counted at the next start only.
fn learn(tree: &Tree, region: &Region, upto: u32, reading: u64, to: &Address<Msg>) {
    let mut demand = Demand::new(&region.time_zone);
    if let Err(fault) = count(tree, region, upto, &mut demand) {
        tracing::error!(region = %region.id, %fault, "what was asked for in the weeks before could not be read");
    }
    to.send(Msg::Learnt { reading, demand: Box::new(demand) });
}

fn count(tree: &Tree, region: &Region, upto: u32, demand: &mut Demand) -> Result<(), Fault> {
    let after = tree.clock.now().plus_s(-DAYS * DAY_S);
    let (id, opened_after) = (Some(region.id.clone()), Some(after));
    let mut query = TicketQuery { region: id, opened_after, limit: PAGE, ..TicketQuery::default() };
    for _ in 0..LEARNT / PAGE {
        let page = tree.store.tickets(&query)?;
        let own = page.items.iter().filter(|ticket| ticket.number.code == region.code && ticket.number.serial <= upto);
        own.for_each(|ticket| tally::note(demand, ticket));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    for number in tree.store.away(region.code, LEARNT).into_iter().filter(|number| number.serial <= upto) {
        if let Some(ticket) = tree.store.ticket(number)?.filter(|ticket| ticket.opened_at > after) {
            tally::note(demand, &ticket);
        }
    }
    Ok(())
}
