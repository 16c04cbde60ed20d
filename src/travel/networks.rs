//! The prepared networks of a data directory, by name: the one in force, and those that were before it.
//!
//! Each is loaded when it is first asked for and kept. One that is not there, or cannot be read, is remembered
//! as missing: whoever checks says so instead of checking against other roads.

use super::{SNAP_M, road_file};
use crate::{
    domain::{
        network::NetworkId,
        region::Region,
        route::{Route, Stop},
        settings::TravelSettings,
    },
    routing::{Ground, first_overlap, roads::Legs},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// All networks that lie in a data directory.
pub struct Networks {
    data: PathBuf,
    known: Mutex<BTreeMap<NetworkId, Option<Arc<Legs>>>>,
}

/// The network in force. None: there is none.
pub fn current(data: &Path) -> Result<Option<Arc<Legs>>, road_file::RoadFileError> {
    let path = road_file::in_data(data);
    if !path.exists() {
        return Ok(None);
    }
    open(&path).map(Some)
}

/// A prepared network, as regions ask it.
pub fn open(path: &Path) -> Result<Arc<Legs>, road_file::RoadFileError> {
    let (id, roads) = road_file::load_named(path)?;
    Ok(Arc::new(Legs::new(id, roads, SNAP_M)))
}

impl Networks {
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { data: data.to_owned(), known: Mutex::default() }
    }

    /// The network that settings name; None: they name none, or it is not here any more.
    #[must_use]
    pub fn named(&self, settings: &TravelSettings) -> Option<Arc<Legs>> {
        let id = settings.network?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(id).or_insert_with(|| self.load(id)).clone()
    }

    /// The first two stops of a route that overlap (P5), by the settings that its region had. Over a network that is
    /// not here any more, and where a server said what they take, drives count nothing.
    #[must_use]
    pub fn overlap(&self, route: &Route, region: &Region) -> Option<(Stop, Stop)> {
        let travel = &region.settings.travel;
        let roads = self.named(travel);
        first_overlap(route, &Ground { travel, zone: &region.time_zone, roads: roads.as_deref() })
    }

    /// What was asked for and is not here.
    #[must_use]
    pub fn missing(&self) -> Vec<NetworkId> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter(|(_, legs)| legs.is_none()).map(|(id, _)| *id).collect()
    }

    fn load(&self, id: NetworkId) -> Option<Arc<Legs>> {
        let path = road_file::named(&self.data, id)?;
        let opened = open(&path);
        opened.inspect_err(|error| tracing::warn!(%error, "a road network of before cannot be read")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::place::Place,
        routing::roads::{Network, Roads, Street},
    };

    fn roads(ms: u32) -> Roads {
        let place = |lat_e6, lon_e6| Place { lat_e6, lon_e6 };
        let street = Street { from: 0, to: 1, forward_ms: ms, backward_ms: ms, length_dm: 900, corners: 0..0 };
        let network =
            Network { junctions: vec![place(0, 0), place(0, 1_000)], streets: vec![street], ..Network::default() };
        Roads::prepare(network, &mut |_, _| {}).unwrap()
    }

    #[test]
    fn a_network_that_was_replaced_is_still_found_by_its_name_until_its_file_is_gone() {
        let data = tempfile::tempdir().unwrap();
        let path = road_file::in_data(data.path());
        assert!(current(data.path()).unwrap().is_none());
        road_file::save(&roads(1_000), &path).unwrap();
        let old = current(data.path()).unwrap().unwrap().id();
        road_file::save(&roads(2_000), &path).unwrap();
        // The same again changes nothing.
        road_file::save(&roads(2_000), &path).unwrap();
        let new = current(data.path()).unwrap().unwrap().id();
        assert_ne!(old, new);
        let wanted = |id| TravelSettings { network: Some(id), ..TravelSettings::default() };
        let (here, there) = (Place { lat_e6: 0, lon_e6: 0 }, Place { lat_e6: 0, lon_e6: 1_000 });
        let networks = Networks::of(data.path());
        for (id, seconds) in [(old, 1), (new, 2)] {
            let legs = networks.named(&wanted(id)).unwrap();
            assert_eq!((legs.id(), legs.leg(here, there).map(|leg| leg.duration_s)), (id, Some(seconds)));
        }
        assert!(networks.named(&TravelSettings::default()).is_none());
        assert!(networks.missing().is_empty());
        std::fs::remove_file(road_file::named(data.path(), old).unwrap()).unwrap();
        let networks = Networks::of(data.path());
        assert!(networks.named(&wanted(old)).is_none());
        assert_eq!(networks.missing(), [old]);
    }
}
