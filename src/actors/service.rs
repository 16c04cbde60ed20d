//! The handle that doors use: open a ticket, send a command, edit the roster, read. Cheap to clone.

use super::{Clock, Device};
use crate::{
    domain::{
        catalogue::Catalogue,
        expert::{Absence, AbsenceKind, ExpertPersonal},
        ids::{ExpertId, RegionId, TicketNumber, Version},
        intake::NewTicket,
        place::{Geometry, Place},
        settings::RegionSettings,
        shift::Shift,
        skill::Skills,
        ticket::{Command, Refusal, Ticket, Who},
        time::Timestamp,
    },
    domain::{expert::Expert, region::Region},
    storage::{ClaimKey, Outcome, Store},
};
use std::{sync::Arc, time::Duration};

/// How the tree is run.
#[derive(Clone)]
pub struct ServiceOptions {
    pub clock: Clock,
    /// Seeds ids and everything random in the tree.
    pub seed: u64,
    /// Policy of the dispatcher.
    pub policy: crate::domain::decision::Policy,
    /// Where a ZIP code lies.
    pub zip: Arc<dyn Fn(&str) -> Option<Place> + Send + Sync>,
    /// Where messages to customers and SMS to experts are put (the embedded gateway's folder);
    /// None: they are only counted.
    pub mailbox: Option<std::path::PathBuf>,
}

/// Who calls, under which request, with which claims.
#[derive(Clone, Debug)]
pub struct Caller {
    pub who: Who,
    pub request_id: Option<String>,
    pub trace_id: Option<String>,
    /// The idempotency key and the hash of the body (0 is never a hash).
    pub idempotency: Option<(ClaimKey, u64)>,
    /// The version the caller has seen; another one is `Stale`.
    pub if_match: Option<Version>,
    /// How long the caller is willing to wait.
    pub patience: Duration,
}

/// A ticket as it stands after the call, and whether this was a repeat.
#[derive(Clone, Debug)]
pub struct Opened {
    pub ticket: Arc<Ticket>,
    /// The same key was used before: this is what it answered then.
    pub replayed: bool,
}

/// Why a call did not do what was asked. The first five are the caller's affair (4xx), the rest ours (5xx).
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// With the ticket as it is, for the answer.
    #[error("{refusal}")]
    Refused { refusal: Refusal, ticket: Option<Arc<Ticket>> },
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("{what}: {detail}")]
    Invalid { what: String, detail: String },
    #[error("changed meanwhile: it is at version {0}")]
    Stale(Version),
    /// The key was used with another body.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The key's earlier answer was a refusal: repeat it.
    #[error("as answered before")]
    Replayed(Outcome),
    #[error("too busy; try again in {retry_after_s} s")]
    Overloaded { retry_after_s: u32 },
    #[error("it is unknown whether this was stored; repeat with the same key")]
    OutcomeUnknown,
    #[error("{0}")]
    Fault(String),
}

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

#[derive(Clone)]
pub struct Service {
    _inner: Arc<()>,
}

impl Caller {
    /// The system itself.
    #[must_use]
    pub fn system() -> Self {
        Self::of(Who::system())
    }

    #[must_use]
    pub fn of(who: Who) -> Self {
        Self {
            who,
            request_id: None,
            trace_id: None,
            idempotency: None,
            if_match: None,
            patience: Duration::from_secs(5),
        }
    }
}

/// A profile to be written: all of it. `personal.home` decides the region when none is given.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpertDraft {
    pub id: ExpertId,
    pub personal: ExpertPersonal,
    pub region: Option<RegionId>,
    pub skills: Skills,
    pub shifts: Vec<Shift>,
    pub max_visits_ahead: Option<u8>,
}

/// A region to be written: all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionDraft {
    pub id: RegionId,
    pub name: String,
    pub time_zone: String,
    pub geometry: Geometry,
    pub zips: Vec<String>,
    /// None: keep (or the defaults).
    pub settings: Option<RegionSettings>,
}

#[allow(unused_variables, clippy::unused_async)]
impl Service {
    /// Starts the tree over an open store, on the current tokio runtime(s). Returns when regions are
    /// being recovered; `readiness` tells when they are done. Intake works at once.
    pub async fn start(store: Store, options: ServiceOptions) -> Result<Self, Failure> {
        todo!()
    }
    #[must_use]
    pub fn store(&self) -> &Store {
        todo!()
    }
    #[must_use]
    pub fn clock(&self) -> &Clock {
        todo!()
    }
    /// Accepts a ticket: numbered, stored, fsynced. A repeated key or external id answers with the
    /// ticket it made before.
    pub async fn open(&self, new: NewTicket, caller: &Caller) -> Result<Opened, Failure> {
        todo!()
    }
    /// A command about a ticket, decided by its actor.
    pub async fn command(&self, number: TicketNumber, command: Command, caller: &Caller) -> Result<Opened, Failure> {
        todo!()
    }
    /// A dispatcher's choice of expert: plans the stop, then commands the ticket.
    pub async fn assign(
        &self,
        number: TicketNumber,
        expert: &ExpertId,
        reason: String,
        pin: bool,
        force: bool,
        caller: &Caller,
    ) -> Result<Opened, Failure> {
        todo!()
    }
    /// Adds or edits an expert; true when new.
    pub async fn write_expert(&self, draft: ExpertDraft, caller: &Caller) -> Result<(Arc<Expert>, bool), Failure> {
        todo!()
    }
    pub async fn retire_expert(&self, expert: &ExpertId, caller: &Caller) -> Result<Arc<Expert>, Failure> {
        todo!()
    }
    pub async fn add_absence(
        &self,
        expert: &ExpertId,
        kind: AbsenceKind,
        from: Timestamp,
        to: Timestamp,
        caller: &Caller,
    ) -> Result<Absence, Failure> {
        todo!()
    }
    pub async fn remove_absence(&self, expert: &ExpertId, absence: u32, caller: &Caller) -> Result<(), Failure> {
        todo!()
    }
    /// Adds or edits a region; true when new. A new cut moves nobody's open ticket.
    pub async fn write_region(&self, draft: RegionDraft, caller: &Caller) -> Result<(Arc<Region>, bool), Failure> {
        todo!()
    }
    pub async fn write_catalogue(&self, catalogue: Catalogue, caller: &Caller) -> Result<Arc<Catalogue>, Failure> {
        todo!()
    }
    pub async fn unpark(&self, region: &RegionId, caller: &Caller) -> Result<(), Failure> {
        todo!()
    }
    /// Connects an expert's device: pushes arrive there. A second connection replaces the first.
    #[must_use]
    pub fn connect(&self, expert: &ExpertId) -> Device {
        todo!()
    }
    pub fn disconnect(&self, expert: &ExpertId) {
        todo!()
    }
    /// Where an expert is now (memory only; not journalled).
    pub fn position(&self, expert: &ExpertId, place: Place, at: Timestamp) {
        todo!()
    }
    /// The region a place belongs to.
    #[must_use]
    pub fn locate(&self, place: Place) -> Option<RegionId> {
        todo!()
    }
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        todo!()
    }
    /// Prometheus text.
    #[must_use]
    pub fn metrics(&self) -> String {
        todo!()
    }
    /// Stops taking work, finishes what is admitted, flushes, closes.
    pub async fn stop(&self) {
        todo!()
    }
}
