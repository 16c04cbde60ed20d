//! Days of requests through the real tree and the real store, on virtual time, in one thread: as
//! fast as the machine, and the same again from the same seed.
//!
//! Must hold: nothing here decides about a ticket or counts one; figures come from the journal.

use super::{Arrival, Behaviour, Conductor, Kpis, Ledger, Phone, Played, Stopped};
use crate::{
    actors::{Caller, Clock, Failure, Service, ServiceOptions},
    domain::{
        catalogue::Catalogue,
        decision::Policy,
        drafts::{ExpertDraft, RegionDraft},
        ids::RegionId,
        settings::Source,
        time::{HOUR_S, Timestamp},
    },
    notify::Desk,
    routing::{checker::Finding, roads::Legs},
    storage::{Durability, Fault, Store, StoreOptions},
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

/// Everything that is played.
pub struct Replay {
    pub regions: Vec<RegionDraft>,
    pub experts: Vec<ExpertDraft>,
    pub catalogue: Option<Catalogue>,
    pub arrivals: Vec<Arrival>,
    /// Rows of the file, refused ones too.
    pub rows: u64,
    pub seed: u64,
    pub policy: Policy,
    pub behaviour: Behaviour,
    /// What there is to drive on; None: the great circle. Whether regions plan by it is for their settings to say.
    pub roads: Option<Arc<Legs>>,
    /// Kept afterwards; None: a directory of its own that is removed.
    pub data: Option<PathBuf>,
}

pub struct Replayed {
    pub kpis: Kpis,
    /// Each hard rule broken; `kpis.hard_violations` is their number.
    pub findings: Vec<Finding>,
    pub played: Played,
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("no ticket to play: {0}")]
    Nothing(&'static str),
    #[error(
        "region {0} drives by a server (travel.source), whose answers cannot be had again: play it with great_circle, or over roads with --roads"
    )]
    Server(RegionId),
    #[error("{0}")]
    Directory(String),
    #[error(transparent)]
    Store(#[from] Fault),
    #[error("{what}: {failure}")]
    Setup { what: String, failure: Failure },
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Page caches of a replay's store.
const CACHE_BYTES: usize = 256 << 20;
const SEGMENT_BYTES: u64 = 512 << 20;
/// The roster stands so long before the first ticket comes.
const LEAD_S: i64 = HOUR_S;

#[allow(clippy::disallowed_methods, reason = "measures how long the run takes in real time")]
fn real_now() -> Instant {
    Instant::now()
}

/// Whether days can be played in these regions: the same again from the same seed.
pub fn playable(regions: &[RegionDraft]) -> Result<(), ReplayError> {
    let by_server = |region: &&RegionDraft| {
        region.settings.as_ref().is_some_and(|settings| settings.travel.source == Source::Server)
    };
    regions.iter().find(by_server).map_or(Ok(()), |region| Err(ReplayError::Server(region.id.clone())))
}

/// Plays all of it. `watch` is told now and then how many tickets were entered and what time it is there.
pub fn replay(plan: Replay, watch: &mut dyn FnMut(u64, Timestamp)) -> Result<Replayed, ReplayError> {
    playable(&plan.regions)?;
    let first = plan.arrivals.iter().map(|arrival| arrival.at).min();
    let start = first.ok_or(ReplayError::Nothing("the file has none in this span"))?.plus_s(-LEAD_S);
    let scratch = Scratch::new(plan.data.as_deref())?;
    // Everything that can run does before the conductor looks again: its yields are then whole rounds.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .event_interval(1 << 20)
        .enable_all()
        .build()
        .map_err(|e| ReplayError::Directory(e.to_string()))?;
    let began = real_now();
    let store = Store::open(StoreOptions {
        data: scratch.path.clone(),
        cell: "main".into(),
        durability: Durability::Disposable,
        cache_bytes: CACHE_BYTES,
        segment_bytes: SEGMENT_BYTES,
        seed: Some(plan.seed),
    })?;
    let mut externals: BTreeSet<String> =
        plan.arrivals.iter().filter_map(|arrival| arrival.new.external_id.clone()).collect();
    let (rows, roads) = (plan.rows, plan.roads.clone());
    let played = runtime.block_on(play(plan, store.clone(), start, watch))?;
    let wall_s = began.elapsed().as_secs_f64();
    for id in &played.refused_ids {
        externals.remove(id);
    }
    let ledger = Ledger::over(&store, roads)?;
    let mut kpis = ledger.kpis(rows, &externals, &played);
    kpis.wall_s = (wall_s * 1_000.0).round() / 1_000.0;
    kpis.tickets_per_s = (played.entered as f64 / wall_s).round();
    kpis.head = blake3::Hash::from_bytes(store.head().1).to_hex().to_string();
    store.close()?;
    Ok(Replayed { kpis, findings: ledger.findings().to_vec(), played })
}

async fn play(
    plan: Replay,
    store: Store,
    start: Timestamp,
    watch: &mut dyn FnMut(u64, Timestamp),
) -> Result<Played, ReplayError> {
    let clock = Clock::virtual_from(start);
    let desk = Arc::new(Desk::silent());
    let options = ServiceOptions {
        clock,
        seed: plan.seed,
        policy: plan.policy,
        dispatch: true,
        forecast_every_s: 0,
        zip: Arc::new(|_| None),
        desk,
        roads: plan.roads.clone(),
        server: None,
    };
    let service = Service::start(store, options).await.map_err(setup("the tree"))?;
    furnish(&service, plan.catalogue, plan.regions, plan.experts).await?;
    let phones = phones(&service, plan.behaviour, plan.seed, plan.roads.as_ref());
    let mut conductor = Conductor::new(service, phones, plan.arrivals);
    conductor
        .play(&mut |conductor| {
            let (entered, now) = conductor.progress();
            watch(entered, now);
        })
        .await?;
    Ok(conductor.finish())
}

/// Writes catalogue, regions and roster, in this order.
pub async fn furnish(
    service: &Service,
    catalogue: Option<Catalogue>,
    regions: Vec<RegionDraft>,
    experts: Vec<ExpertDraft>,
) -> Result<(), ReplayError> {
    let system = Caller::system();
    if let Some(catalogue) = catalogue {
        service.write_catalogue(catalogue, &system).await.map_err(setup("the catalogue"))?;
    }
    for region in regions {
        let what = format!("region {}", region.id);
        service.write_region(region, &system).await.map_err(setup(&what))?;
    }
    for expert in experts {
        let what = format!("expert {}", expert.id);
        service.write_expert(expert, &system).await.map_err(setup(&what))?;
    }
    Ok(())
}

/// A phone for every expert on the roster.
#[must_use]
pub fn phones(service: &Service, behaviour: Behaviour, seed: u64, roads: Option<&Arc<Legs>>) -> Vec<Phone> {
    let experts = service.store().experts(None);
    let at_work = experts.iter().filter(|expert| !expert.retired);
    at_work
        .filter_map(|expert| {
            let region = service.store().region(&expert.region)?;
            Phone::connect(service, expert, &region, behaviour, seed, roads.cloned())
        })
        .collect()
}

fn setup(what: &str) -> impl FnOnce(Failure) -> ReplayError {
    let what = what.to_owned();
    move |failure| ReplayError::Setup { what, failure }
}

/// A data directory, removed afterwards when it is ours.
pub struct Scratch {
    pub path: PathBuf,
    ours: bool,
}

impl Scratch {
    /// `given` has to be empty or absent: what is in it is somebody's.
    pub fn new(given: Option<&Path>) -> Result<Self, ReplayError> {
        let path = given.map_or_else(
            || std::env::temp_dir().join(format!("callout-sim-{}-{}", std::process::id(), unique())),
            Path::to_path_buf,
        );
        let wrong = |why: String| ReplayError::Directory(format!("{}: {why}", path.display()));
        std::fs::create_dir_all(&path).map_err(|e| wrong(e.to_string()))?;
        if std::fs::read_dir(&path).map_err(|e| wrong(e.to_string()))?.next().is_some() {
            return Err(wrong("is not empty: name a new directory, or leave --data out".into()));
        }
        Ok(Self { path, ours: given.is_none() })
    }
}

/// Tells the directories of one process apart.
fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.ours {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
