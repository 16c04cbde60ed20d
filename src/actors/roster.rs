//! Edits of experts, regions and the catalogue: checked, journalled, told to whoever works with them.

use super::{
    caller::Caller,
    failure::Failure,
    region,
    ticket::{commit, envelope},
    tree::Tree,
};
use crate::{
    domain::{
        catalogue::{Catalogue, CatalogueEvent},
        drafts::{ExpertDraft, RegionDraft},
        expert::{Absence, AbsenceKind, Expert, ExpertEvent},
        fact::{Fact, State},
        ids::{ExpertId, RegionId, Thing},
        number::RegionCode,
        person::Private,
        place::Geometry,
        region::{Region, RegionEvent},
        settings::{RegionSettings, Source, TravelSettings},
        time::{Timestamp, zone},
    },
    routing::roads::Legs,
    storage::{Batch, Change, CommitError},
};
use std::sync::Arc;

const ATTEMPTS: usize = 8;

/// Commits one event of one thing; `Ok(None)` when somebody else was faster.
pub(super) async fn write(
    tree: &Tree,
    region: RegionId,
    thing: Thing,
    before: Option<State>,
    fact: Fact,
    caller: &Caller,
) -> Result<Option<State>, Failure> {
    write_all(tree, vec![change(region, thing, before, fact)?], caller).await
}

fn change(region: RegionId, thing: Thing, before: Option<State>, fact: Fact) -> Result<Change, Failure> {
    Change::new(region, thing, before, vec![fact]).map_err(|e| Failure::Fault(e.to_string()))
}

/// The same of several things at once; answers with the first one's state.
async fn write_all(tree: &Tree, changes: Vec<Change>, caller: &Caller) -> Result<Option<State>, Failure> {
    let after = changes.first().map(|change| change.after.clone());
    let batch = Batch { envelope: envelope(caller, tree.clock.now()), changes, guards: Vec::new(), claims: Vec::new() };
    match commit(tree, batch, caller).await {
        Ok(_) => Ok(after),
        Err(CommitError::Conflict(_)) => Ok(None),
        Err(error) => Err(Failure::of_commit(error, tree)),
    }
}

fn overtaken() -> Failure {
    Failure::Overloaded { retry_after_s: 1 }
}

/// What is wrong with a home for which nobody named a region.
pub const NO_REGION: &str = "the home lies in no region: name one";

pub(super) async fn write_expert(
    tree: &Tree,
    draft: ExpertDraft,
    caller: &Caller,
) -> Result<(Arc<Expert>, bool), Failure> {
    for _ in 0..ATTEMPTS {
        let before = tree.store.expert(&draft.id);
        check_version(caller, before.as_ref().map(|expert| expert.version))?;
        let after = profile(tree, &draft, before.as_deref())?;
        if before.as_deref().is_some_and(|known| same(known, &after)) {
            return before.map(|known| (known, false)).ok_or_else(overtaken);
        }
        let fact = Fact::Expert(ExpertEvent::Written(Box::new(after.clone())));
        let thing = Thing::Expert(draft.id.clone());
        let state = before.clone().map(State::Expert);
        if let Some(State::Expert(written)) = write(tree, after.region.clone(), thing, state, fact, caller).await? {
            tell_old_region(tree, before.as_deref(), &written);
            return Ok((written, before.is_none()));
        }
    }
    Err(overtaken())
}

/// An import of the same file twice writes nothing twice.
fn same(known: &Expert, after: &Expert) -> bool {
    known.personal == after.personal
        && known.region == after.region
        && known.skills == after.skills
        && known.shifts == after.shifts
        && known.zone == after.zone
        && known.max_visits_ahead == after.max_visits_ahead
        && known.retired == after.retired
}

fn tell_old_region(tree: &Tree, before: Option<&Expert>, written: &Arc<Expert>) {
    if let Some(before) = before.filter(|before| before.region != written.region)
        && let Some(handle) = tree.region(&before.region)
    {
        handle.dispatcher.send(region::Msg::Expert(written.clone()));
    }
}

fn profile(tree: &Tree, draft: &ExpertDraft, before: Option<&Expert>) -> Result<Expert, Failure> {
    let sheet = tree.atlas.sheet(&tree.store);
    let found = draft.region.clone().or_else(|| sheet.locate(draft.personal.home));
    let invalid = |detail: String| Failure::Invalid { what: "region".into(), detail };
    let id = found.ok_or_else(|| invalid(NO_REGION.into()))?;
    let region = sheet.regions.get(&id).filter(|_| !id.is_reserved());
    let region = region.ok_or_else(|| invalid(format!("region {id} does not exist")))?;
    let person = before.map_or_else(|| tree.store.new_person(), Expert::person);
    Ok(Expert {
        id: draft.id.clone(),
        version: 0,
        region: id,
        skills: draft.skills.clone(),
        personal: Private::new(person, draft.personal.clone()),
        shifts: draft.shifts.clone(),
        zone: region.time_zone.clone(),
        max_visits_ahead: draft.max_visits_ahead,
        retired: draft.retired.unwrap_or_else(|| before.is_some_and(|e| e.retired)),
        absences: before.map(|e| e.absences.clone()).unwrap_or_default(),
        next_absence: before.map_or(1, |e| e.next_absence),
    })
}

fn check_version(caller: &Caller, found: Option<u64>) -> Result<(), Failure> {
    match (caller.if_match, found) {
        (Some(seen), Some(found)) if seen != found => Err(Failure::Stale(found)),
        _ => Ok(()),
    }
}

/// One event on an existing profile.
async fn amend(
    tree: &Tree,
    id: &ExpertId,
    caller: &Caller,
    event: impl Fn(&Expert) -> Result<ExpertEvent, Failure>,
) -> Result<Arc<Expert>, Failure> {
    for _ in 0..ATTEMPTS {
        let before = tree.store.expert(id).ok_or_else(|| Failure::NotFound(format!("expert {id}")))?;
        check_version(caller, Some(before.version))?;
        let fact = Fact::Expert(event(&before)?);
        let (region, thing) = (before.region.clone(), Thing::Expert(id.clone()));
        if let Some(State::Expert(after)) =
            write(tree, region, thing, Some(State::Expert(before)), fact, caller).await?
        {
            return Ok(after);
        }
    }
    Err(overtaken())
}

pub(super) async fn retire_expert(tree: &Tree, id: &ExpertId, caller: &Caller) -> Result<Arc<Expert>, Failure> {
    // Again is no news.
    if let Some(gone) = tree.store.expert(id).filter(|expert| expert.retired) {
        check_version(caller, Some(gone.version))?;
        return Ok(gone);
    }
    amend(tree, id, caller, |_| Ok(ExpertEvent::Retired)).await
}

pub(super) async fn add_absence(
    tree: &Tree,
    id: &ExpertId,
    kind: AbsenceKind,
    from: Timestamp,
    to: Timestamp,
    caller: &Caller,
) -> Result<Absence, Failure> {
    if from >= to {
        return Err(Failure::Invalid { what: "to".into(), detail: "an absence ends after it begins".into() });
    }
    let add = |expert: &Expert| Ok(ExpertEvent::AbsenceAdded(Absence { id: expert.next_absence, kind, from, to }));
    let expert = amend(tree, id, caller, add).await?;
    let absence = expert.absences.last().copied().ok_or_else(overtaken)?;
    Ok(absence)
}

pub(super) async fn remove_absence(tree: &Tree, id: &ExpertId, absence: u32, caller: &Caller) -> Result<(), Failure> {
    let remove = |expert: &Expert| {
        let known = expert.absences.iter().any(|a| a.id == absence);
        known
            .then_some(ExpertEvent::AbsenceRemoved(absence))
            .ok_or_else(|| Failure::NotFound(format!("absence {absence}")))
    };
    amend(tree, id, caller, remove).await.map(|_| ())
}

pub(super) async fn write_region(
    tree: &Tree,
    draft: RegionDraft,
    caller: &Caller,
) -> Result<(Arc<Region>, bool), Failure> {
    if draft.id.is_reserved() {
        return Err(Failure::Invalid { what: "id".into(), detail: format!("{} is reserved", draft.id) });
    }
    if zone(&draft.time_zone).is_none() {
        let detail = format!("{} is no IANA time zone, like America/New_York", draft.time_zone);
        return Err(Failure::Invalid { what: "time_zone".into(), detail });
    }
    let by_server = |settings: &RegionSettings| settings.travel.source == Source::Server;
    let was = tree.store.region(&draft.id).is_some_and(|region| by_server(&region.settings));
    if tree.options.server.is_none() && !was && draft.settings.as_ref().is_some_and(by_server) {
        let detail = "no server of travel times is set for this process (travel.server in its settings)".to_owned();
        return Err(Failure::Invalid { what: "settings.travel.source".into(), detail });
    }
    put_region(tree, draft, caller, None).await
}

async fn put_region(
    tree: &Tree,
    draft: RegionDraft,
    caller: &Caller,
    code: Option<RegionCode>,
) -> Result<(Arc<Region>, bool), Failure> {
    for _ in 0..ATTEMPTS {
        let before = tree.store.region(&draft.id);
        check_version(caller, before.as_ref().map(|region| region.version))?;
        let known = before.as_deref();
        let region = Region {
            id: draft.id.clone(),
            version: 0,
            code: known.map(|r| r.code).or(code).unwrap_or_else(|| tree.store.next_region_code()),
            name: draft.name.clone(),
            time_zone: draft.time_zone.clone(),
            geometry: draft.geometry.clone(),
            zips: draft.zips.clone(),
            settings: over_roads(
                draft.settings.clone().or_else(|| known.map(|r| r.settings.clone())).unwrap_or_default(),
                tree.options.roads.as_deref(),
            ),
            parked: None,
            shortage: None,
        };
        if let Some(known) = &before
            && (Region { version: 0, parked: None, shortage: None, ..(**known).clone() }) == region
        {
            return Ok((known.clone(), false));
        }
        let mut changes = in_zone(tree, &draft.id, &region.time_zone)?;
        let fact = Fact::Region(RegionEvent::Written(Box::new(region)));
        let state = before.clone().map(State::Region);
        changes.insert(0, change(draft.id.clone(), Thing::Region(draft.id.clone()), state, fact)?);
        if let Some(State::Region(written)) = write_all(tree, changes, caller).await? {
            // Who got an answer finds the region at once, not when the herald has come round.
            tree.atlas.outdated();
            return Ok((written, before.is_none()));
        }
    }
    Err(overtaken())
}

/// The settings with the network that is in force by them: decisions name the settings' version, so what they
/// rested on can be told from the journal (P8).
fn over_roads(settings: RegionSettings, roads: Option<&Legs>) -> RegionSettings {
    let network = match settings.travel.source {
        Source::GreatCircle | Source::Server => None,
        Source::Roads => roads.map(Legs::id),
    };
    RegionSettings { travel: TravelSettings { network, ..settings.travel }, ..settings }
}

/// Regions that drive over roads are told which network there is now: another one than when they were written,
/// or none. That there is no server for those that drive by one is only said: they say themselves when they have.
pub(super) async fn tell_network(tree: &Tree) -> Result<(), Failure> {
    for region in tree.store.regions() {
        if region.settings.travel.source == Source::Server && tree.options.server.is_none() {
            tracing::warn!(region = %region.id, "no server of travel times is set: travel is by great circle");
        }
        if over_roads(region.settings.clone(), tree.options.roads.as_deref()) == region.settings {
            continue;
        }
        let draft = RegionDraft {
            id: region.id.clone(),
            name: region.name.clone(),
            time_zone: region.time_zone.clone(),
            geometry: region.geometry.clone(),
            zips: region.zips.clone(),
            settings: None,
        };
        let (written, _) = put_region(tree, draft, &Caller::system(), None).await?;
        if let Some(network) = written.settings.travel.network {
            tracing::info!(region = %region.id, %network, "drives over another road network");
        } else {
            tracing::warn!(region = %region.id, "no road network at hand: travel is by great circle");
        }
    }
    Ok(())
}

/// A region's time is its experts': bids and rechecks read it in their profiles, so it moves there with the
/// region, in one batch.
fn in_zone(tree: &Tree, region: &RegionId, zone: &str) -> Result<Vec<Change>, Failure> {
    let moved = |expert: Arc<Expert>| {
        let after = Expert { zone: zone.to_owned(), version: 0, ..Expert::clone(&expert) };
        let fact = Fact::Expert(ExpertEvent::Written(Box::new(after)));
        change(region.clone(), Thing::Expert(expert.id.clone()), Some(State::Expert(expert)), fact)
    };
    let experts = tree.store.experts(Some(region)).into_iter();
    experts.filter(|expert| expert.zone != zone).map(moved).collect()
}

/// Where tickets without a place live; made once with the cell, with code 0.
pub(super) async fn make_reserved_region(tree: &Tree) -> Result<(), Failure> {
    let id = RegionId::unlocated();
    if tree.store.region(&id).is_some() {
        return Ok(());
    }
    let draft = RegionDraft {
        id,
        name: "Unlocated".into(),
        time_zone: "UTC".into(),
        geometry: Geometry { polygons: Vec::new() },
        zips: Vec::new(),
        // Nobody knows whose evening it is.
        settings: Some(RegionSettings { quiet_hours: None, ..RegionSettings::default() }),
    };
    put_region(tree, draft, &Caller::system(), Some(RegionCode(0))).await.map(|_| ())
}

pub(super) async fn write_catalogue(
    tree: &Tree,
    catalogue: Catalogue,
    caller: &Caller,
) -> Result<Arc<Catalogue>, Failure> {
    for _ in 0..ATTEMPTS {
        let before = tree.store.catalogue();
        check_version(caller, Some(before.version))?;
        let fact = Fact::Catalogue(CatalogueEvent::Written(Box::new(catalogue.clone())));
        let state = (before.version > 0).then_some(State::Catalogue(before));
        let written = write(tree, RegionId::cell(), Thing::Catalogue, state, fact, caller).await?;
        if let Some(State::Catalogue(written)) = written {
            return Ok(written);
        }
    }
    Err(overtaken())
}
