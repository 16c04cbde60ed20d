//! The running core (store and tree), and what loads files into it.
//!
//! Feeds what `import/` reads into the service: regions, experts, tickets, ZIP centroids. Shared by the
//! doors, so that an upload and a file on disk are the same import with the same report.
//!
//! A file is read on a blocking thread and its rows go through a bounded queue, a bounded number of them
//! at once: an import fills the group commits and starves nobody. What the service refuses moves to
//! the refused side of the report, so the sums still hold.

mod core;
mod descriptors;
mod roster;
mod zips;

pub use core::{Core, StartError, UPLOAD, has_data, store_options};
pub use descriptors::{open_files, raise_open_files};
pub use roster::RosterDiff;
pub use zips::Zips;

use crate::{
    actors::{Caller, Failure, Service},
    domain::drafts::{ExpertDraft, RegionDraft},
    domain::{expert::ExpertPersonal, place::Place, ticket::WindowKind, time},
    import::{
        self, ExpertOptions, Experts, ImportError, Places, Regions, Renames, Report, Source, TicketOptions, Tickets,
    },
    settings::limits,
};
use serde::Serialize;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Regions,
    Experts,
    Tickets,
    Places,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Regions, Self::Experts, Self::Tickets, Self::Places];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Regions => "regions",
            Self::Experts => "experts",
            Self::Tickets => "tickets",
            Self::Places => "places",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How to read a file.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    pub columns: Renames,
    /// IANA name: of regions that name none, and of times without an offset.
    pub time_zone: Option<String>,
    /// Windows of the file are wishes, not promises.
    pub wishes: bool,
    /// Read and report, write nothing.
    pub dry_run: bool,
}

/// Why a file as a whole was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error("{0} is no time zone; use an IANA name like America/New_York")]
    TimeZone(String),
    #[error("the import broke off: {0}")]
    Broken(String),
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Loaded {
    #[serde(flatten)]
    pub report: Report,
    /// Accepted rows that were written now.
    pub written: u64,
    /// Accepted rows that were there already, from an earlier import.
    pub already_there: u64,
    pub dry_run: bool,
    /// What it would change; of experts, on a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roster: Option<RosterDiff>,
}

/// Rows settled so far; for a progress bar.
#[derive(Clone, Debug, Default)]
pub struct Settled(Arc<AtomicU64>);

impl Settled {
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An import into a running service.
pub struct Loader {
    pub service: Service,
    pub zips: Zips,
    pub caller: Caller,
    pub settled: Settled,
}

/// What one accepted row came to.
enum Settling {
    Written,
    AlreadyThere,
    Refused(Failure),
}

impl Loader {
    /// Loads a whole file. On an error nothing of it was written.
    pub async fn load(&self, kind: Kind, source: Source, options: LoadOptions) -> Result<Loaded, LoadError> {
        match kind {
            Kind::Regions => self.regions(source, options).await,
            Kind::Experts => self.experts(source, options).await,
            Kind::Tickets => self.tickets(source, options).await,
            Kind::Places => self.places(source, options).await,
        }
    }

    async fn regions(&self, source: Source, options: LoadOptions) -> Result<Loaded, LoadError> {
        let zone = options.time_zone.clone();
        let read = blocking(move || Regions::read(source, zone.as_deref(), &mut |_| {})).await??;
        let drafts = read.drafts;
        let (rows, received) = mpsc::channel(limits::IMPORT_IN_FLIGHT);
        let store = self.service.store().clone();
        let reader = async move {
            for draft in drafts {
                let present = store.region(&draft.id);
                if rows.send((draft.feature, draft.over(present.as_deref()))).await.is_err() {
                    break;
                }
            }
            Ok(read.report)
        };
        let write = |service: Service, caller: Caller, draft: RegionDraft| async move {
            let before = service.store().region(&draft.id).map(|region| region.version);
            let (region, _) = service.write_region(draft, &caller).await?;
            Ok(before != Some(region.version))
        };
        self.settle(reader, received, options.dry_run, write).await
    }

    async fn experts(&self, source: Source, options: LoadOptions) -> Result<Loaded, LoadError> {
        let (rows, received) = mpsc::channel(limits::IMPORT_IN_FLIGHT);
        let service = self.service.clone();
        let columns = options.columns.clone();
        let dry_run = options.dry_run;
        let (found, diff) = oneshot::channel();
        let reader = blocking(move || -> Result<Report, ImportError> {
            let locate = |place: Place| service.locate(place);
            let known = |region: &_| service.store().region(region).is_some();
            let mut experts = Experts::open(source, ExpertOptions { columns, locate: &locate, known: &known })?;
            let mut diff = RosterDiff::default();
            for row in &mut experts {
                let row = row?;
                let (line, draft) = (row.line, expert(row));
                if dry_run {
                    diff.row(line, &draft, service.store());
                }
                if rows.blocking_send((line, draft)).is_err() {
                    break;
                }
            }
            diff.finish(service.store());
            // Nobody reads it when the import broke off.
            let _ = found.send(diff);
            Ok(experts.into_report())
        });
        let write = |service: Service, caller: Caller, draft: ExpertDraft| async move {
            let before = service.store().expert(&draft.id).map(|expert| expert.version);
            let (expert, _) = service.write_expert(draft, &caller).await?;
            Ok(before != Some(expert.version))
        };
        let loaded = self.settle(async { Ok(reader.await??) }, received, dry_run, write).await?;
        let roster = if dry_run { diff.await.ok() } else { None };
        Ok(Loaded { roster, ..loaded })
    }

    async fn tickets(&self, source: Source, options: LoadOptions) -> Result<Loaded, LoadError> {
        let (rows, received) = mpsc::channel(limits::IMPORT_IN_FLIGHT);
        let named = options.time_zone.clone().unwrap_or_else(|| "UTC".into());
        let zone = time::zone(&named).ok_or(LoadError::TimeZone(named))?;
        let service = self.service.clone();
        let columns = options.columns.clone();
        let window_kind = if options.wishes { WindowKind::Wish } else { WindowKind::Promise };
        let reader = blocking(move || -> Result<Report, ImportError> {
            let near = |place: Place| service.locate(place).is_some();
            let options = TicketOptions { columns, zone, window_kind, near: Some(&near), ..TicketOptions::default() };
            let mut tickets = Tickets::open(source, options)?;
            for row in &mut tickets {
                let row = row?;
                if rows.blocking_send((row.line, row.ticket)).is_err() {
                    break;
                }
            }
            Ok(tickets.into_report())
        });
        let write = |service: Service, caller: Caller, ticket| async move {
            service.open(ticket, &caller).await.map(|opened| !opened.replayed)
        };
        self.settle(async { Ok(reader.await??) }, received, options.dry_run, write).await
    }

    async fn places(&self, source: Source, options: LoadOptions) -> Result<Loaded, LoadError> {
        let columns = options.columns.clone();
        let zips = self.zips.clone();
        let settled = self.settled.clone();
        let dry_run = options.dry_run;
        blocking(move || {
            let mut places = Places::open(source, &columns)?;
            let mut index = zips.present();
            let before = index.len() as u64;
            for row in &mut places {
                let (zip, place) = row?;
                index.insert(zip, place);
                settled.0.fetch_add(1, Ordering::Relaxed);
            }
            let written = (index.len() as u64).saturating_sub(before);
            if !dry_run {
                zips.replace(index).map_err(|error| LoadError::Broken(error.to_string()))?;
            }
            let report = places.into_report();
            let already_there = report.accepted.saturating_sub(written);
            Ok(Loaded { report, written, already_there, dry_run, roster: None })
        })
        .await?
    }

    /// Writes rows as they come, a bounded number at once, and settles the report with what was refused.
    async fn settle<T, W, F>(
        &self,
        reader: impl Future<Output = Result<Report, LoadError>>,
        mut rows: mpsc::Receiver<(u64, T)>,
        dry_run: bool,
        write: W,
    ) -> Result<Loaded, LoadError>
    where
        T: Clone + Send + 'static,
        W: Fn(Service, Caller, T) -> F + Clone + Send + 'static,
        F: Future<Output = Result<bool, Failure>> + Send + 'static,
    {
        let writer = async {
            let mut tally = Tally::default();
            let mut under_way = JoinSet::new();
            while let Some((line, row)) = rows.recv().await {
                if dry_run {
                    self.settled.0.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                if under_way.len() >= limits::IMPORT_IN_FLIGHT
                    && let Some(done) = under_way.join_next().await
                {
                    tally.add(done, &self.settled);
                }
                let (service, caller, write) = (self.service.clone(), self.caller.clone(), write.clone());
                under_way.spawn(async move { (line, insist(service, caller, row, write).await) });
            }
            while let Some(done) = under_way.join_next().await {
                tally.add(done, &self.settled);
            }
            tally
        };
        let (report, mut tally) = tokio::join!(reader, writer);
        let mut report = report?;
        if let Some(broken) = tally.broken {
            return Err(LoadError::Broken(broken));
        }
        tally.refused.sort_by_key(|(line, ..)| *line);
        for (line, kind, detail) in tally.refused {
            report.refuse_accepted(line, "", kind, detail);
        }
        Ok(Loaded { report, written: tally.written, already_there: tally.already_there, dry_run, roster: None })
    }
}

#[derive(Default)]
struct Tally {
    written: u64,
    already_there: u64,
    refused: Vec<(u64, &'static str, String)>,
    /// A bug, not a refusal: the import is not to be trusted.
    broken: Option<String>,
}

impl Tally {
    fn add(&mut self, done: Result<(u64, Settling), tokio::task::JoinError>, settled: &Settled) {
        settled.0.fetch_add(1, Ordering::Relaxed);
        match done {
            Ok((_, Settling::Written)) => self.written += 1,
            Ok((_, Settling::AlreadyThere)) => self.already_there += 1,
            Ok((line, Settling::Refused(failure))) => self.refused.push((line, kind(&failure), failure.to_string())),
            Err(error) => self.broken = Some(error.to_string()),
        }
    }
}

fn kind(failure: &Failure) -> &'static str {
    match failure {
        Failure::Refused { refusal, .. } => refusal.code(),
        Failure::NotFound(_) => "not_found",
        Failure::Invalid { .. } => "invalid",
        Failure::Stale(_) => "changed_meanwhile",
        Failure::KeyReused | Failure::Replayed(_) => "key_reused",
        Failure::Overloaded { .. } => "overloaded",
        Failure::OutcomeUnknown => "outcome_unknown",
        Failure::DiskFull => "disk_full",
        Failure::Fault(_) => "fault",
    }
}

/// How often a row is offered to a busy service, and how long it waits in between: half a minute in all.
const TRIES: u32 = 120;
const PAUSE: Duration = Duration::from_millis(250);

/// Tries again while the service is busy; rows that carry an external id also when the outcome is unknown.
async fn insist<T, W, F>(service: Service, caller: Caller, row: T, write: W) -> Settling
where
    T: Clone,
    W: Fn(Service, Caller, T) -> F,
    F: Future<Output = Result<bool, Failure>>,
{
    let mut tries = 0;
    loop {
        match write(service.clone(), caller.clone(), row.clone()).await {
            Ok(true) => return Settling::Written,
            Ok(false) => return Settling::AlreadyThere,
            Err(Failure::Overloaded { .. }) if tries < TRIES => {
                tries += 1;
                pause().await;
            }
            Err(failure) => return Settling::Refused(failure),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a busy service is given real time, whatever its own clock does")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| LoadError::Broken(error.to_string()))
}

fn expert(draft: import::ExpertDraft) -> ExpertDraft {
    let import::ExpertDraft { line: _, id, name, phone, email, skills, home, shifts, region } = draft;
    ExpertDraft {
        id,
        personal: ExpertPersonal { name, phone, email, home },
        region: Some(region),
        skills,
        shifts,
        max_visits_ahead: None,
        retired: None,
    }
}
