//! The handle that doors use: open a ticket, send a command, edit the roster, read. Cheap to clone.

mod ask;
mod readiness;
mod start;

pub(super) use ask::ask;
pub use readiness::{Readiness, Unready};

use super::{
    Clock, assign, caller::Caller, failure::Failure, intake, locate, pulse::monotonic_us, region, regions, roster,
    tree::Tree,
};
use crate::{
    domain::{
        catalogue::Catalogue,
        drafts::{ExpertDraft, RegionDraft},
        expert::{Absence, AbsenceKind, Expert},
        ids::{ExpertId, RegionId, TicketNumber},
        intake::NewTicket,
        person::Address,
        place::Place,
        region::Region,
        ticket::{Command, Ticket},
        time::Timestamp,
    },
    notify::Desk,
    routing::roads::Legs,
    storage::Store,
    telemetry::Span,
    travel::Travel,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::OwnedSemaphorePermit;

/// Where a ZIP code lies.
pub type ZipLookup = Arc<dyn Fn(&str) -> Option<Place> + Send + Sync>;

/// How the tree is run.
#[derive(Clone)]
pub struct ServiceOptions {
    pub clock: Clock,
    /// Seeds ids and everything random in the tree.
    pub seed: u64,
    /// Policy of the dispatcher.
    pub policy: crate::domain::decision::Policy,
    /// False: regions only accept and answer. Nobody is looked for and no deadline fires, until a tree that
    /// dispatches runs over the same store.
    pub dispatch: bool,
    /// How often a region where tickets wait looks ahead by itself, by the tree's clock; 0, and on virtual time: never.
    pub forecast_every_s: u32,
    /// Where a ZIP code lies.
    pub zip: ZipLookup,
    /// Sends messages to customers and experts.
    pub desk: Arc<Desk>,
    /// The prepared road network of regions that drive over one.
    pub roads: Option<Arc<Legs>>,
    /// Whom regions ask that drive by a server; nobody does on virtual time.
    pub server: Option<Arc<dyn Travel>>,
}

/// A ticket as it stands after the call, and whether this was a repeat.
#[derive(Clone, Debug)]
pub struct Opened {
    pub ticket: Arc<Ticket>,
    /// The same key was used before: this is what it answered then.
    pub replayed: bool,
}

#[derive(Clone)]
pub struct Service {
    tree: Arc<Tree>,
}

impl Service {
    /// What is to go wrong in this tree.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn faults(&self) -> &super::faults::Faults {
        &self.tree.faults
    }

    pub(super) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.tree.store
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.tree.clock
    }

    /// Accepts a ticket: numbered, stored, fsynced. A repeated key or external id answers with the
    /// ticket it made before.
    pub async fn open(&self, new: NewTicket, caller: &Caller) -> Result<Opened, Failure> {
        let _permit = self.admit(caller)?;
        let (span, inside) = self.span("command", "open", caller);
        let caller = inside.as_ref().unwrap_or(caller);
        let meters = &self.tree.meters;
        let began = monotonic_us();
        let opened = intake::open(&self.tree, new, caller).await;
        meters.intake_seconds.took(Duration::from_micros(monotonic_us() - began));
        match &opened {
            Ok(Opened { replayed: false, .. }) => meters.opened.add(1),
            Ok(_) | Err(Failure::Replayed(_)) => meters.replayed.add(1),
            Err(failure) if failure.is_callers() => meters.intake_refused.add(1),
            Err(_) => meters.intake_failed.add(1),
        }
        finish(span, &opened);
        opened
    }

    /// A command about a ticket, decided by its actor.
    pub async fn command(&self, number: TicketNumber, command: Command, caller: &Caller) -> Result<Opened, Failure> {
        let _permit = self.admit(caller)?;
        self.tree.meters.commands.add(1);
        let (span, inside) = self.span("command", command.name(), caller);
        let caller = inside.as_ref().unwrap_or(caller);
        if let Some(before) = self.earlier(caller)? {
            return before;
        }
        let began = monotonic_us();
        let answer = ask(&self.tree, number, command, caller).await;
        self.tree.meters.command_seconds.took(Duration::from_micros(monotonic_us() - began));
        if matches!(answer, Err(Failure::Refused { .. })) {
            self.tree.meters.refused.add(1);
        }
        finish(span, &answer);
        answer
    }

    /// What the caller's key did before, if anything.
    pub(super) fn earlier(&self, caller: &Caller) -> Result<Option<Result<Opened, Failure>>, Failure> {
        let Some((key, _)) = caller.idempotency else { return Ok(None) };
        let claim = self.tree.store.claim(&key, self.tree.clock.now()).map_err(Failure::from)?;
        Ok(claim.map(|claim| intake::answer_of(&self.tree, claim, caller)))
    }

    /// Gives a ticket its place, and with it its region: what is asked of intake, afterwards.
    pub async fn place_ticket(
        &self,
        number: TicketNumber,
        place: Option<Place>,
        address: Option<Address>,
        caller: &Caller,
    ) -> Result<Opened, Failure> {
        locate::locate(self, number, place, address, caller).await
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
        let wanted = assign::Wanted { expert, reason, pin, force };
        assign::assign(self, number, &wanted, caller).await
    }

    /// Adds or edits an expert; true when new.
    pub async fn write_expert(&self, draft: ExpertDraft, caller: &Caller) -> Result<(Arc<Expert>, bool), Failure> {
        roster::write_expert(&self.tree, draft, caller).await
    }

    pub async fn retire_expert(&self, expert: &ExpertId, caller: &Caller) -> Result<Arc<Expert>, Failure> {
        roster::retire_expert(&self.tree, expert, caller).await
    }

    /// From then until then the expert is not there; what they held in it is taken back at once.
    pub async fn add_absence(
        &self,
        expert: &ExpertId,
        kind: AbsenceKind,
        from: Timestamp,
        to: Timestamp,
        caller: &Caller,
    ) -> Result<Absence, Failure> {
        roster::add_absence(&self.tree, expert, kind, from, to, caller).await
    }

    pub async fn remove_absence(&self, expert: &ExpertId, absence: u32, caller: &Caller) -> Result<(), Failure> {
        roster::remove_absence(&self.tree, expert, absence, caller).await
    }

    /// Adds or edits a region; true when new. A new cut moves nobody's open ticket.
    pub async fn write_region(&self, draft: RegionDraft, caller: &Caller) -> Result<(Arc<Region>, bool), Failure> {
        roster::write_region(&self.tree, draft, caller).await
    }

    pub async fn write_catalogue(&self, catalogue: Catalogue, caller: &Caller) -> Result<Arc<Catalogue>, Failure> {
        roster::write_catalogue(&self.tree, catalogue, caller).await
    }

    /// Tries all that waits in a region again, with everybody there is; how many tickets that are.
    pub fn optimise(&self, id: &RegionId) -> Result<u64, Failure> {
        let handle = self.tree.region(id).ok_or_else(|| Failure::NotFound(format!("region {id}")))?;
        handle.dispatcher.send(region::Msg::Optimise);
        Ok(handle.queued.load(Ordering::Relaxed))
    }

    /// Starts a parked region again.
    pub fn unpark(&self, region: &RegionId) -> Result<(), Failure> {
        let handle = self.tree.region(region).ok_or_else(|| Failure::NotFound(format!("region {region}")))?;
        regions::unpark(&self.tree, &handle);
        Ok(())
    }

    /// Why a region is parked just now.
    #[must_use]
    pub fn parked(&self, region: &RegionId) -> Option<String> {
        self.tree.region(region)?.parked()
    }

    /// The region a place belongs to.
    #[must_use]
    pub fn locate(&self, place: Place) -> Option<RegionId> {
        self.tree.atlas.sheet(&self.tree.store).locate(place)
    }

    /// A span for what this caller asks, and the caller inside it; nothing while traces are not exported.
    fn span(&self, name: &'static str, what: &'static str, caller: &Caller) -> (Option<Span>, Option<Caller>) {
        let span = self.tree.spans().begin(name, caller.trace_id.as_deref(), caller.span);
        let span = span.map(|span| span.with("callout.command", what));
        let inside = span.as_ref().map(|span| Caller { span: span.id(), ..caller.clone() });
        (span, inside)
    }

    /// Only doors take permits; the system's own calls never do, or they would deadlock.
    fn admit(&self, caller: &Caller) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        if caller.who.role == crate::domain::ticket::Role::System {
            return Ok(None);
        }
        let permit = self.tree.permits.clone().try_acquire_owned();
        let waiting = self.tree.behind.load(Ordering::Relaxed) + self.tree.queued.load(Ordering::Relaxed);
        let behind = waiting > BEHIND;
        permit.ok().filter(|_| !behind).map(Some).ok_or_else(|| {
            self.tree.meters.shed.add(1);
            Failure::Overloaded { retry_after_s: 1 }
        })
    }
}

fn finish(span: Option<Span>, answer: &Result<Opened, Failure>) {
    let Some(span) = span else { return };
    match answer {
        Ok(opened) => span.with("callout.ticket", opened.ticket.number.to_string()).finish(None),
        Err(failure) if failure.is_callers() => span.with("callout.refused", true).finish(None),
        Err(failure) => span.finish(Some(&failure.to_string())),
    }
}

/// Calls of doors under way at the same time; more are refused at once.
const PERMITS: usize = 4_096;
/// News and messages that actors have not handled yet; with more, doors are closed.
const BEHIND: usize = 50_000;
