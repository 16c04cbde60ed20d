//! Intake: accepts and stores tickets even when their region is parked. Needs no actor: a new ticket
//! has no state to protect, and the journal's writer settles races for keys and numbers.

use super::{
    caller::Caller,
    failure::Failure,
    service::Opened,
    ticket::{commit, envelope},
    tree::Tree,
};
use crate::{
    domain::{
        fact::{Fact, State},
        ids::{RegionId, Thing},
        intake::{NewTicket, World, prepare},
        person::TicketPersonal,
        place::{Place, RegionIndex},
        region::Region,
        settings::RegionSettings,
        ticket::{self, Ctx, Open, Ticket},
        time::{DAY_S, Timestamp},
    },
    storage::{Batch, Change, Claim, ClaimKey, CommitError, Outcome, Store},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// Idempotency keys are kept this long (the contract says at least 24 h).
pub(super) const KEY_KEPT_S: i64 = 2 * DAY_S;

/// The map of the moment: which region a place or a ZIP belongs to. Made anew, when it is next
/// needed, after a region was written.
#[derive(Default)]
pub(super) struct Atlas(RwLock<Option<Arc<Sheet>>>);

pub(super) struct Sheet {
    pub(super) index: RegionIndex,
    /// ZIP prefix -> region.
    zips: BTreeMap<String, RegionId>,
    pub(super) regions: BTreeMap<RegionId, Arc<Region>>,
    reach_m: f64,
    /// Found once for each region that asks.
    neighbours: Mutex<BTreeMap<RegionId, Arc<[RegionId]>>>,
}

impl Atlas {
    pub(super) fn outdated(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn sheet(&self, store: &Store) -> Arc<Sheet> {
        if let Some(sheet) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            return sheet.clone();
        }
        // Made under the lock, so that an edit that comes meanwhile outdates it, and made once.
        let mut slot = self.0.write().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert_with(|| Arc::new(Sheet::new(store))).clone()
    }
}

impl Sheet {
    fn new(store: &Store) -> Self {
        let regions: BTreeMap<_, _> = store.regions().into_iter().map(|r| (r.id.clone(), r)).collect();
        let mut zips = BTreeMap::new();
        for region in regions.values() {
            for zip in &region.zips {
                zips.entry(zip.clone()).or_insert_with(|| region.id.clone());
            }
        }
        let areas = regions.values().filter(|r| !r.id.is_reserved()).map(|r| (&r.id, &r.geometry));
        let reach_m = regions.values().map(|r| r.settings.reach_m).max().unwrap_or_default();
        Self {
            index: RegionIndex::new(areas),
            zips,
            reach_m: f64::from(reach_m),
            neighbours: Mutex::default(),
            regions,
        }
    }

    pub(super) fn locate(&self, place: Place) -> Option<RegionId> {
        self.index.locate(place, self.reach_m).0
    }

    fn zip_region(&self, zip: &str) -> Option<RegionId> {
        let prefixes = (1..=zip.len()).rev().filter_map(|n| zip.get(..n));
        prefixes.into_iter().find_map(|prefix| self.zips.get(prefix)).cloned()
    }
}

/// Accepts a ticket. A repeated key or external id answers with what it made before.
pub(super) async fn open(tree: &Tree, new: NewTicket, caller: &Caller) -> Result<Opened, Failure> {
    let now = tree.clock.now();
    if let Some(earlier) = repeated(tree, &new, caller, now)? {
        return Ok(earlier);
    }
    let sheet = tree.atlas.sheet(&tree.store);
    let prepared = in_world(tree, &sheet, |world| prepare(&new, world));
    let region = sheet.regions.get(&prepared.region).cloned();
    let region = region.ok_or_else(|| Failure::Fault(format!("region {} is unknown", prepared.region)))?;
    let number = tree.store.next_number(&region.id);
    let number = number.ok_or_else(|| Failure::Fault(format!("region {} has no numbers left", region.id)))?;
    let external = new.external_id.clone();
    let open = Open {
        number,
        region: region.id.clone(),
        person: tree.store.new_person(),
        coarse: prepared.place.map(Place::coarse),
        personal: TicketPersonal {
            contact: new.contact,
            title: new.title,
            description: new.description,
            place: prepared.place,
            address: new.address,
        },
        customer: new.customer,
        located: prepared.located,
        source: new.source,
        external_id: new.external_id,
        product: new.product,
        skills: prepared.skills,
        priority: new.priority,
        opened_at: new.opened_at.unwrap_or(now),
        service_s: prepared.service_s,
        window: new.window,
        due_at: new.due_at,
        flags: prepared.flags,
    };
    let (change, ticket) = first_change(tree, &region, open, caller, now)?;
    let mut envelope = envelope(caller, now);
    // What nobody traces yet begins a trace; from the number alone, so that a replay repeats.
    envelope.trace_id.get_or_insert_with(|| trace_of(number));
    let batch = Batch {
        envelope,
        claims: claims(&ticket, external.as_deref(), caller, now),
        changes: vec![change],
        guards: Vec::new(),
    };
    match commit(tree, batch, caller).await {
        Ok(_) => Ok(Opened { ticket, replayed: false }),
        Err(CommitError::Claimed(claim)) => answer_of(tree, *claim, caller),
        Err(error) => Err(Failure::of_commit(error, tree)),
    }
}

fn trace_of(number: crate::domain::ids::TicketNumber) -> String {
    blake3::hash(number.to_string().as_bytes()).to_hex()[..32].to_owned()
}

/// Looks at the world as intake knows it.
pub(super) fn in_world<T>(tree: &Tree, sheet: &Sheet, look: impl FnOnce(&World<'_>) -> T) -> T {
    let catalogue = tree.store.catalogue();
    look(&World {
        regions: &sheet.index,
        catalogue: &catalogue,
        zip: &*tree.options.zip,
        zip_region: &|zip| sheet.zip_region(zip),
        reach_m: sheet.reach_m,
        service_s: RegionSettings::default().service_s,
    })
}

fn first_change(
    tree: &Tree,
    region: &Region,
    open: Open,
    caller: &Caller,
    now: Timestamp,
) -> Result<(Change, Arc<Ticket>), Failure> {
    let catalogue = tree.store.catalogue();
    let ctx = Ctx {
        now,
        who: &caller.who,
        settings: &region.settings,
        calendar: region.settings.calendar.as_deref().and_then(|name| catalogue.calendar(name)),
        zone: &region.time_zone,
    };
    let thing = Thing::Ticket(open.number);
    let facts = ticket::open(open, &ctx).into_iter().map(Fact::Ticket).collect();
    let change = Change::new(region.id.clone(), thing, None, facts).map_err(|e| Failure::Fault(e.to_string()))?;
    match change.after.clone() {
        State::Ticket(ticket) => Ok((change, ticket)),
        State::Route(_) | State::Expert(_) | State::Region(_) | State::Catalogue(_) => {
            Err(Failure::Fault("a ticket opened as something else".into()))
        }
    }
}

fn claims(ticket: &Ticket, external: Option<&str>, caller: &Caller, now: Timestamp) -> Vec<Claim> {
    let outcome = Outcome::Version { thing: Thing::Ticket(ticket.number), version: ticket.version, status: 201 };
    let expires_at = Some(now.plus_s(KEY_KEPT_S));
    let mut claims = Vec::with_capacity(2);
    if let Some((key, fingerprint)) = caller.idempotency {
        claims.push(Claim { key, fingerprint, outcome: outcome.clone(), expires_at });
    }
    if let Some(id) = external {
        claims.push(Claim { key: ClaimKey::external(id), fingerprint: 0, outcome, expires_at: None });
    }
    claims
}

/// What the same key or external id made before, wherever its place lies now.
fn repeated(tree: &Tree, new: &NewTicket, caller: &Caller, now: Timestamp) -> Result<Option<Opened>, Failure> {
    let external = new.external_id.as_deref().map(ClaimKey::external);
    let keys = caller.idempotency.map(|(key, _)| key).into_iter().chain(external);
    for key in keys {
        if let Some(claim) = tree.store.claim(&key, now).map_err(Failure::from)? {
            return answer_of(tree, claim, caller).map(Some);
        }
    }
    Ok(None)
}

/// The answer to a repeat of the call that took `claim`.
pub(super) fn answer_of(tree: &Tree, claim: Claim, caller: &Caller) -> Result<Opened, Failure> {
    let same_key = caller.idempotency.filter(|(key, _)| *key == claim.key);
    if same_key.is_some_and(|(_, fingerprint)| claim.fingerprint != fingerprint) {
        return Err(Failure::KeyReused);
    }
    match &claim.outcome {
        Outcome::Version { thing: Thing::Ticket(number), .. } => {
            let found = tree.store.ticket(*number).map_err(Failure::from)?;
            let ticket = found.ok_or_else(|| Failure::Fault(format!("ticket {number} is claimed but not there")))?;
            if same_key.is_some() {
                return Err(Failure::Replayed(claim.outcome));
            }
            Ok(Opened { ticket, replayed: true })
        }
        Outcome::Version { .. } | Outcome::Body { .. } => Err(Failure::Replayed(claim.outcome)),
    }
}

impl Sheet {
    /// The regions nearest to the middle of `home` whose area is within reach of it; nearest first.
    pub(super) fn neighbours(&self, home: &RegionId, reach_m: f64, limit: usize) -> Arc<[RegionId]> {
        let mut known = self.neighbours.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(home) {
            return found.clone();
        }
        let middle = self.regions.get(home).and_then(|region| region.geometry.middle());
        let near = middle.map(|place| self.index.nearest_regions(place, reach_m, limit + 1)).unwrap_or_default();
        let others: Arc<[RegionId]> = near.into_iter().filter(|id| id != home).take(limit).collect();
        known.insert(home.clone(), others.clone());
        others
    }
}
