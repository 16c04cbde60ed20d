//! The journal writer: the only place where things become true.
//!
//! Takes everything that waits, checks guards and claims against memory (snapshots on a miss),
//! appends what passed in one go, publishes, hands on to the snapshots, answers. Must hold: nothing
//! is answered before it is durable (P1), refusals included, since they may rest on a batch of the
//! same group; a batch sees those before it in its group. Must never: go on after a failed fsync.

use super::{
    Batch, Claim, ClaimKey, CommitError, Committed, Fault,
    codec::Encoded,
    core::Core,
    fatal::Fatal,
    journal::{Journal, JournalError, Record},
    numbers::Taken,
    overlay::read,
    row::Stamp,
    sabotage::{Sabotage, on},
    snapshot::rounds::{Group, Message, Moved},
};
use crate::{
    domain::{
        fact::State,
        ids::{RegionId, Seq, Thing, Version},
        time::Timestamp,
    },
    telemetry::{Incident, incidents::Kind},
};
use crossbeam_channel::{Receiver, Sender};
use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};
use tokio::sync::oneshot;

/// Batches in one append at most: bounds how long the first one waits for the last.
const GROUP_BATCHES: usize = 1024;
/// Bytes in one append, about.
const GROUP_BYTES: usize = 4 << 20;

pub(super) type Answer = Result<Committed, CommitError>;

/// A batch on its way in, already in bytes.
pub(super) struct Request {
    pub(super) batch: Batch,
    pub(super) encoded: Encoded,
}

pub(super) enum Order {
    Commit(Box<Request>, oneshot::Sender<Answer>),
    /// Close the journal, answer, end.
    Close(Sender<Result<(), Fault>>),
    /// End without closing, as a crash would.
    Stop,
}

pub(super) struct Writer {
    core: Arc<Core>,
    journal: Box<dyn Journal>,
    taken: Taken,
    snapshots: Sender<Message>,
    fatal: Fatal,
}

/// What waits for one append.
#[derive(Default)]
struct Pending {
    next_seq: Seq,
    records: Vec<Record>,
    batches: Vec<Batch>,
    stamps: HashMap<Thing, Stamp>,
    claims: HashMap<ClaimKey, Arc<Claim>>,
    answers: Vec<Answer>,
}

impl Writer {
    pub(super) fn new(
        core: Arc<Core>,
        journal: Box<dyn Journal>,
        taken: Taken,
        snapshots: Sender<Message>,
        fatal: Fatal,
    ) -> Self {
        Self { core, journal, taken, snapshots, fatal }
    }

    /// The writer's thread.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        let fatal = self.fatal.clone();
        if catch_unwind(AssertUnwindSafe(|| self.serve(orders))).is_err() {
            fatal.call("the journal writer panicked");
        }
    }

    fn serve(&mut self, orders: &Receiver<Order>) {
        let mut last = None;
        while last.is_none() {
            let Ok(first) = orders.recv() else { return };
            let (mut requests, mut replies, mut bytes) = (Vec::new(), Vec::new(), 0);
            let mut next = Some(first);
            while let Some(order) = next.take() {
                match order {
                    Order::Commit(request, reply) => {
                        bytes += request.encoded.len();
                        requests.push(*request);
                        replies.push(reply);
                    }
                    other @ (Order::Close(_) | Order::Stop) => last = Some(other),
                }
                if last.is_none() && requests.len() < GROUP_BATCHES && bytes < GROUP_BYTES {
                    next = orders.try_recv().ok();
                }
            }
            if on(Sabotage::AnswerBeforeFsync) {
                self.commit_answering_early(requests, replies);
            } else {
                for (answer, reply) in self.commit(requests).into_iter().zip(replies) {
                    // Whoever gave up waiting finds out by reading.
                    let _ = reply.send(answer);
                }
            }
        }
        if let Some(Order::Close(reply)) = last {
            let _ = reply.send(self.close());
        }
    }

    /// Commits in order, in one append; one answer each.
    pub(super) fn commit(&mut self, requests: Vec<Request>) -> Vec<Answer> {
        let pending = self.admit(requests);
        self.store(pending)
    }

    fn commit_answering_early(&mut self, requests: Vec<Request>, replies: Vec<oneshot::Sender<Answer>>) {
        let pending = self.admit(requests);
        for (answer, reply) in pending.answers.iter().cloned().zip(replies) {
            let _ = reply.send(answer);
        }
        self.store(pending);
    }

    pub(super) fn close(&mut self) -> Result<(), Fault> {
        self.journal.close().map_err(|error| Fault { what: error.to_string(), place: "journal".into() })
    }

    fn admit(&mut self, requests: Vec<Request>) -> Pending {
        let next_seq = self.journal.head().next_seq;
        let mut pending = Pending { next_seq, ..Pending::default() };
        for request in requests {
            let answer = self.check(&mut pending, &request).map(|prevs| pending.accept(request, &prevs));
            pending.answers.push(answer);
        }
        pending
    }

    /// Appends, publishes, hands on. If that fails, nobody in the group is told anything else.
    fn store(&mut self, mut pending: Pending) -> Vec<Answer> {
        if !pending.records.is_empty() {
            let expected = self.journal.head().next_seq;
            let began = started();
            let appended = self.journal.append(expected, &pending.records);
            let metrics = &self.core.telemetry.metrics;
            metrics.commit_seconds.took(began.elapsed());
            metrics.commit_batches.size(pending.records.len());
            if let Err(error) = appended {
                let failed = self.failed(&error);
                return pending.answers.iter().map(|_| Err(failed.clone())).collect();
            }
            pending.records.clear();
            self.publish(std::mem::take(&mut pending.batches), expected);
        }
        pending.answers
    }

    fn failed(&self, error: &JournalError) -> CommitError {
        match error {
            JournalError::DiskFull => {
                self.core.telemetry.metrics.disk_full.add(1);
                CommitError::DiskFull
            }
            JournalError::WrongSeq { .. }
            | JournalError::Failed(_)
            | JournalError::Damaged { .. }
            | JournalError::Newer { .. }
            | JournalError::Unreadable { .. } => {
                let told = Incident::new(Kind::StorageFailed).role("journal").cause(&error.to_string());
                self.core.telemetry.incidents.at_once(&told);
                self.fatal.call(&error.to_string());
                CommitError::OutcomeUnknown
            }
        }
    }

    /// The sequence of each changed thing's previous event.
    fn check(&self, pending: &mut Pending, request: &Request) -> Result<Vec<Seq>, CommitError> {
        let batch = &request.batch;
        let mut staged = Vec::new();
        let mut seq = pending.next_seq;
        let mut prevs = Vec::with_capacity(batch.changes.len());
        for change in &batch.changes {
            let earlier = staged.iter().rev().find(|(thing, _)| *thing == change.thing);
            let held = match earlier {
                Some((_, stamp)) => *stamp,
                None => self.stamp(pending, &change.thing)?,
            };
            holds(&change.thing, held, change.base)?;
            self.check_code(&change.after, &change.thing)?;
            prevs.push(held.last_seq);
            seq += change.events.len() as Seq;
            let stamp = Stamp { version: change.base + change.events.len() as Version, last_seq: seq - 1 };
            staged.push((change.thing.clone(), stamp));
        }
        for (thing, version) in &batch.guards {
            let written = staged.iter().any(|(changed, _)| changed == thing);
            holds(thing, if written { continue } else { self.stamp(pending, thing)? }, *version)?;
        }
        for claim in &batch.claims {
            if let Some(held) = self.claimed(pending, claim, batch)? {
                return Err(CommitError::Claimed(Box::new((*held).clone())));
            }
        }
        pending.stamps.extend(staged);
        Ok(prevs)
    }

    fn stamp(&self, pending: &Pending, thing: &Thing) -> Result<Stamp, CommitError> {
        if let Some(stamp) = pending.stamps.get(thing) {
            return Ok(*stamp);
        }
        match thing {
            Thing::Ticket(number) if self.taken.surely_free(*number) => Ok(Stamp::default()),
            _ => self.core.stamp(thing).map_err(|fault| unreadable(&fault)),
        }
    }

    /// A region's code belongs to it alone, for ever.
    fn check_code(&self, after: &State, thing: &Thing) -> Result<(), CommitError> {
        let State::Region(region) = after else { return Ok(()) };
        match self.core.hot.home(region.code) {
            Some(owner) if owner != region.id => Err(CommitError::Conflict(thing.clone())),
            _ => Ok(()),
        }
    }

    /// Who holds the key now, if anybody.
    fn claimed(&self, pending: &Pending, claim: &Claim, batch: &Batch) -> Result<Option<Arc<Claim>>, CommitError> {
        let held = match pending.claims.get(&claim.key) {
            Some(held) => Some(Arc::clone(held)),
            None => self.core.claim(&claim.key).map_err(|fault| unreadable(&fault))?,
        };
        let held = held.filter(|held| !expired(held, batch.envelope.at));
        Ok(held.filter(|held| !on(Sabotage::IdempotencyOneRegion) || self.same_region(held, batch)))
    }

    fn same_region(&self, held: &Claim, batch: &Batch) -> bool {
        let super::Outcome::Version { thing, .. } = &held.outcome else { return true };
        let region = match self.core.current(thing) {
            Ok(Some((State::Ticket(ticket), _))) => Some(ticket.region.clone()),
            _ => None,
        };
        batch.changes.first().map(|change| &change.region) == region.as_ref()
    }

    fn publish(&mut self, batches: Vec<Batch>, first_seq: Seq) {
        let mut group = Group::default();
        let mut seq = first_seq;
        for batch in batches {
            group.at = group.at.max(batch.envelope.at);
            let events: usize = batch.changes.iter().map(|change| change.events.len()).sum();
            let end = seq + (events.max(1)) as Seq;
            let trace = batch.envelope.trace_id.as_deref().and_then(|id| u128::from_str_radix(id, 16).ok());
            let trace = trace.unwrap_or_default();
            for claim in batch.claims {
                let claim = Arc::new(claim);
                self.core.put_claim(&claim, end - 1);
                group.claims.push(claim);
            }
            for change in batch.changes {
                seq += change.events.len() as Seq;
                group.moved.push(self.publish_state(change.after, seq - 1, change.base == 0, trace));
            }
            seq = end;
        }
        group.last_seq = seq - 1;
        self.core.backlog.fetch_add(group.moved.len(), Ordering::Relaxed);
        let hear = read(&self.core.hear);
        let states = hear.as_ref().map(|_| group.moved.iter().map(|moved| moved.state.clone()).collect::<Vec<_>>());
        // Waits when the snapshots are far behind. Without them the fatal hook is at work already.
        let _ = self.snapshots.send(Message::Group(group));
        // Only now: whoever sees the head and then flushes finds all up to it in the snapshots.
        self.core.set_head(self.journal.head());
        if let (Some(hear), Some(states)) = (&*hear, states) {
            // Whoever listens must not be able to stop the journal.
            if catch_unwind(AssertUnwindSafe(|| hear(&states))).is_err() {
                tracing::error!("a listener panicked over a commit");
            }
        }
    }

    fn publish_state(&mut self, state: State, last_seq: Seq, fresh: bool, trace: u128) -> Moved {
        let from = match &state {
            State::Ticket(ticket) => {
                self.core.overlay.put(Arc::clone(ticket), last_seq, trace);
                self.taken.add(ticket.number);
                self.moved_from(ticket.number, &ticket.region)
            }
            State::Route(_) | State::Expert(_) | State::Region(_) | State::Catalogue(_) => {
                self.core.hot.put(&state, last_seq);
                None
            }
        };
        Moved { state, last_seq, fresh, from }
    }

    fn moved_from(&self, number: crate::domain::ids::TicketNumber, region: &RegionId) -> Option<RegionId> {
        let before = self.core.hot.whereabouts(number);
        if before.as_ref() == Some(region) {
            return None;
        }
        self.core.hot.settle(number, region);
        before
    }
}

impl Pending {
    fn accept(&mut self, mut request: Request, prevs: &[Seq]) -> Committed {
        for (change, prev) in prevs.iter().enumerate() {
            request.encoded.stamp(change, *prev);
        }
        for claim in &request.batch.claims {
            self.claims.insert(claim.key, Arc::new(claim.clone()));
        }
        let (first_seq, count) = (self.next_seq, request.encoded.count);
        self.next_seq += Seq::from(count);
        self.records.push(Record { first_seq, count, bytes: request.encoded.into_bytes() });
        self.batches.push(request.batch);
        Committed { first_seq, last_seq: self.next_seq - 1 }
    }
}

#[allow(clippy::disallowed_methods, reason = "how long the disk takes is measured on the machine's monotonic clock")]
fn started() -> Instant {
    Instant::now()
}

fn holds(thing: &Thing, held: Stamp, expected: Version) -> Result<(), CommitError> {
    if held.version == expected || on(Sabotage::DropGuard) { Ok(()) } else { Err(CommitError::Conflict(thing.clone())) }
}

/// A claim may be taken anew from then on.
pub(super) fn expired(claim: &Claim, at: Timestamp) -> bool {
    claim.expires_at.is_some_and(|expires_at| expires_at <= at)
}

/// A snapshot did not answer: nothing was written, and a repeat may work.
fn unreadable(fault: &Fault) -> CommitError {
    tracing::error!(%fault, "a guard could not be checked");
    CommitError::OutcomeUnknown
}
