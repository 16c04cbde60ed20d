//! The hot set: everything but tickets, always in memory. Loaded from the directory at open,
//! changed by each commit, never pruned. Reads take a lock for the time of one look-up.

use super::{
    Fault, Sealer,
    overlay::{read, write},
    row::{Stamp, reseal},
};
use crate::domain::{
    catalogue::Catalogue,
    expert::Expert,
    fact::State,
    ids::{ExpertId, PersonId, RegionId, Seq, Thing, TicketNumber},
    number::RegionCode,
    region::Region,
    route::Route,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, RwLock},
};

#[derive(Default)]
pub(super) struct Hot(RwLock<Maps>);

#[derive(Default)]
struct Maps {
    regions: BTreeMap<RegionId, Held<Region>>,
    experts: BTreeMap<ExpertId, Held<Expert>>,
    routes: BTreeMap<ExpertId, Held<Route>>,
    catalogue: Option<Held<Catalogue>>,
    roster: BTreeMap<RegionId, BTreeMap<ExpertId, Arc<Expert>>>,
    /// Every code ever given out.
    codes: BTreeMap<RegionCode, RegionId>,
    /// Tickets that live elsewhere than their number says.
    forwards: HashMap<TicketNumber, RegionId>,
}

struct Held<T> {
    state: Arc<T>,
    last_seq: Seq,
}

impl<T> Held<T> {
    fn current(&self, wrap: impl Fn(Arc<T>) -> State) -> (State, Seq) {
        (wrap(Arc::clone(&self.state)), self.last_seq)
    }
}

impl Hot {
    /// Takes over a newer state. Tickets are not for this place and are ignored.
    pub(super) fn put(&self, state: &State, last_seq: Seq) {
        let mut maps = write(&self.0);
        match state {
            State::Ticket(_) => {}
            State::Route(route) => {
                maps.routes.insert(route.expert.clone(), Held { state: Arc::clone(route), last_seq });
            }
            State::Expert(expert) => maps.put_expert(expert, last_seq),
            State::Region(region) => {
                maps.codes.insert(region.code, region.id.clone());
                maps.regions.insert(region.id.clone(), Held { state: Arc::clone(region), last_seq });
            }
            State::Catalogue(catalogue) => {
                maps.catalogue = Some(Held { state: Arc::clone(catalogue), last_seq });
            }
        }
    }

    /// None for tickets, and for what does not exist.
    pub(super) fn current(&self, thing: &Thing) -> Option<(State, Seq)> {
        let maps = read(&self.0);
        match thing {
            Thing::Ticket(_) => None,
            Thing::Route(expert) => Some(maps.routes.get(expert)?.current(State::Route)),
            Thing::Expert(expert) => Some(maps.experts.get(expert)?.current(State::Expert)),
            Thing::Region(region) => Some(maps.regions.get(region)?.current(State::Region)),
            Thing::Catalogue => Some(maps.catalogue.as_ref()?.current(State::Catalogue)),
        }
    }

    pub(super) fn stamp(&self, thing: &Thing) -> Stamp {
        self.current(thing)
            .map_or_else(Stamp::default, |(state, last_seq)| Stamp { version: state.version(), last_seq })
    }

    pub(super) fn region(&self, id: &RegionId) -> Option<Arc<Region>> {
        read(&self.0).regions.get(id).map(|held| Arc::clone(&held.state))
    }

    pub(super) fn regions(&self) -> Vec<Arc<Region>> {
        read(&self.0).regions.values().map(|held| Arc::clone(&held.state)).collect()
    }

    pub(super) fn expert(&self, id: &ExpertId) -> Option<Arc<Expert>> {
        read(&self.0).experts.get(id).map(|held| Arc::clone(&held.state))
    }

    pub(super) fn experts(&self, region: Option<&RegionId>) -> Vec<Arc<Expert>> {
        let maps = read(&self.0);
        match region {
            None => maps.experts.values().map(|held| Arc::clone(&held.state)).collect(),
            Some(region) => maps.roster.get(region).into_iter().flat_map(BTreeMap::values).cloned().collect(),
        }
    }

    /// Empty for an expert who never had one; None for no such expert.
    pub(super) fn route(&self, id: &ExpertId) -> Option<Arc<Route>> {
        let maps = read(&self.0);
        match (maps.routes.get(id), maps.experts.get(id)) {
            (Some(route), _) => Some(Arc::clone(&route.state)),
            (None, Some(expert)) => Some(Arc::new(Route::empty(id.clone(), expert.state.region.clone()))),
            (None, None) => None,
        }
    }

    #[cfg(test)]
    pub(super) fn routes(&self) -> Vec<Arc<Route>> {
        read(&self.0).routes.values().map(|held| Arc::clone(&held.state)).collect()
    }

    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        read(&self.0).catalogue.as_ref().map(|held| Arc::clone(&held.state)).unwrap_or_default()
    }

    pub(super) fn highest_code(&self) -> Option<RegionCode> {
        read(&self.0).codes.keys().next_back().copied()
    }

    /// The region that a code was given to.
    pub(super) fn home(&self, code: RegionCode) -> Option<RegionId> {
        read(&self.0).codes.get(&code).cloned()
    }

    /// The region a ticket lives in, if its number tells (or a forward does).
    pub(super) fn whereabouts(&self, number: TicketNumber) -> Option<RegionId> {
        let maps = read(&self.0);
        maps.forwards.get(&number).or_else(|| maps.codes.get(&number.code)).cloned()
    }

    /// Those of a code that live elsewhere than their number says, newest first, at most `limit`.
    pub(super) fn away(&self, code: RegionCode, limit: usize) -> Vec<TicketNumber> {
        let mut away: Vec<_> = read(&self.0).forwards.keys().filter(|number| number.code == code).copied().collect();
        away.sort_unstable_by_key(|number| std::cmp::Reverse(*number));
        away.truncate(limit);
        away
    }

    /// Notes where a ticket lives now; true when that is not where its number says.
    pub(super) fn settle(&self, number: TicketNumber, region: &RegionId) -> bool {
        let maps = read(&self.0);
        let away = maps.codes.get(&number.code) != Some(region);
        let known = maps.forwards.get(&number);
        let same = if away { known == Some(region) } else { known.is_none() };
        drop(maps);
        if !same {
            let mut maps = write(&self.0);
            if away {
                maps.forwards.insert(number, region.clone())
            } else {
                maps.forwards.remove(&number)
            };
        }
        away
    }

    pub(super) fn keep_code(&self, code: RegionCode, region: RegionId) {
        write(&self.0).codes.entry(code).or_insert(region);
    }

    /// Tells anew all states in which something of erased people may stand in the clear.
    pub(super) fn refresh(&self, people: &BTreeSet<PersonId>, sealer: &Sealer) -> Result<(), Fault> {
        let mut maps = write(&self.0);
        let mut experts = Vec::new();
        for held in maps.experts.values().filter(|held| people.contains(&held.state.person())) {
            experts.push((Arc::new(reseal(&*held.state, sealer)?), held.last_seq));
        }
        for (expert, last_seq) in experts {
            maps.put_expert(&expert, last_seq);
        }
        for held in maps.routes.values_mut().filter(|held| names(&held.state, people)) {
            held.state = Arc::new(reseal(&*held.state, sealer)?);
        }
        Ok(())
    }
}

fn names(route: &Route, people: &BTreeSet<PersonId>) -> bool {
    let anchor = route.anchor.iter().map(|anchor| &anchor.place);
    route.stops.iter().map(|stop| &stop.place).chain(anchor).any(|place| people.contains(&place.person))
}

impl Maps {
    fn put_expert(&mut self, expert: &Arc<Expert>, last_seq: Seq) {
        let before = self.experts.insert(expert.id.clone(), Held { state: Arc::clone(expert), last_seq });
        if let Some(before) = before.filter(|before| before.state.region != expert.region)
            && let Some(roster) = self.roster.get_mut(&before.state.region)
        {
            roster.remove(&expert.id);
        }
        self.roster.entry(expert.region.clone()).or_default().insert(expert.id.clone(), Arc::clone(expert));
    }
}
