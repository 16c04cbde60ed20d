//! How the tree says how it is: `/readyz`, and the gauges that follow from its queues.

use super::Service;
use crate::{
    actors::{region, regions},
    domain::{ids::RegionId, region::Region},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

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

impl Service {
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
        let short = |region: &Arc<Region>| Some((region.id.to_string(), region.shortage.as_ref()?.missed.into()));
        meters.shortage_visits.replace(tree.store.regions().iter().filter_map(short).collect());
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
}
