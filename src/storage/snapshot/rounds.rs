//! Rounds: the snapshot thread gathers what was committed, one newest state per thing, and writes it
//! every few seconds in one durable transaction per file.
//!
//! Must hold: region files first, the directory last, and only when all of them made it, so that
//! whatever the directory has applied is in every file; an overlay entry leaves after its owner's
//! transaction. A file that fails stays pending and does not stop the others.

use super::{DirectoryDirty, Dirty, Manner};
use crate::domain::{
    fact::State,
    ids::{RegionId, Seq, TicketNumber},
    time::Timestamp,
};
use crate::storage::{Claim, Fault, core::Core, fatal::Fatal};
use crossbeam_channel::{Receiver, Sender, after, never, select};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// A round begins at once when so many states wait. Neighbours share pages: large rounds write less.
pub(in crate::storage) const FULL_ROUND: usize = 60_000;
/// Groups that may wait for the snapshot thread; then commits wait.
pub(in crate::storage) const QUEUE: usize = 16_384;
/// Each file costs two fsyncs: with many files, rounds are farther apart.
const PACE_PER_FILE: Duration = Duration::from_millis(40);
const RETRY: Duration = Duration::from_secs(2);

/// What one append of the journal changed.
#[derive(Default)]
pub(in crate::storage) struct Group {
    pub(in crate::storage) last_seq: Seq,
    /// The latest time of its envelopes.
    pub(in crate::storage) at: Timestamp,
    pub(in crate::storage) moved: Vec<Moved>,
    pub(in crate::storage) claims: Vec<Arc<Claim>>,
}

/// A thing's state after a batch.
pub(in crate::storage) struct Moved {
    pub(in crate::storage) state: State,
    pub(in crate::storage) last_seq: Seq,
    /// No snapshot holds a row of it yet.
    pub(in crate::storage) fresh: bool,
    /// Where the ticket was to be found before, if that was another region.
    pub(in crate::storage) from: Option<RegionId>,
}

pub(in crate::storage) enum Message {
    Group(Group),
    /// Write all that came before, then answer.
    Flush(Sender<Result<(), Fault>>),
    /// End at once; what is pending is replayed at the next start.
    Stop,
}

pub(in crate::storage) struct Rounds {
    core: Arc<Core>,
    regions: BTreeMap<RegionId, BTreeMap<TicketNumber, Dirty>>,
    directory: DirectoryDirty,
    /// What was taken over, in the order of commits, and is let go in that order: memory given back in
    /// another order than it was taken scatters what is allocated next (7 % of the intake of 26 regions).
    groups: Vec<Group>,
    last_seq: Seq,
    /// States taken over since the last whole round.
    waiting: usize,
    /// Region files written in the last round.
    files: u32,
    /// While recovery replays: what the directory has to go on saying.
    hold: Option<Seq>,
    /// What each file has applied already, if that is more than is replayed.
    floors: BTreeMap<RegionId, Seq>,
    /// What waits for this thread, once it is one.
    behind: Option<Receiver<Message>>,
}

impl Rounds {
    pub(in crate::storage) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            regions: BTreeMap::new(),
            directory: DirectoryDirty::default(),
            groups: Vec::new(),
            last_seq: 0,
            waiting: 0,
            files: 0,
            hold: None,
            floors: BTreeMap::new(),
            behind: None,
        }
    }

    /// For recovery: the directory goes on saying `hold`, and files go on saying `floors`, however
    /// little was replayed so far. Ends with [`Rounds::release`].
    pub(in crate::storage) fn hold(&mut self, hold: Seq, floors: BTreeMap<RegionId, Seq>) {
        self.hold = Some(hold);
        self.floors = floors;
    }

    pub(in crate::storage) fn release(&mut self, last_seq: Seq) {
        self.hold = None;
        self.last_seq = last_seq;
    }

    pub(in crate::storage) fn directory(&mut self) -> &mut DirectoryDirty {
        &mut self.directory
    }

    pub(in crate::storage) fn take(&mut self, group: Group) {
        self.last_seq = self.last_seq.max(group.last_seq);
        self.directory.now = self.directory.now.max(group.at);
        self.directory.claims.extend(group.claims.iter().map(|claim| (claim.key, claim.clone())));
        for moved in &group.moved {
            self.take_one(moved);
        }
        if !(group.moved.is_empty() && group.claims.is_empty()) {
            self.groups.push(group);
        }
    }

    fn take_one(&mut self, moved: &Moved) {
        self.waiting += 1;
        let State::Ticket(ticket) = &moved.state else {
            self.directory.things.insert(moved.state.thing(), (moved.state.clone(), moved.last_seq));
            return;
        };
        let number = ticket.number;
        if moved.fresh {
            let serial = self.directory.serials.entry(number.code).or_default();
            *serial = number.serial.max(*serial);
        }
        if moved.from.is_some() || moved.fresh {
            let away = self.core.hot.home(number.code).as_ref() != Some(&ticket.region);
            if away || moved.from.is_some() {
                self.directory.forwards.insert(number, away.then(|| ticket.region.clone()));
            }
        }
        let dirty = Dirty { ticket: Arc::clone(ticket), last_seq: moved.last_seq, fresh: moved.fresh };
        let from = moved.from.clone().filter(|from| *from != ticket.region);
        for region in from.into_iter().chain([ticket.region.clone()]) {
            match self.regions.entry(region).or_default().entry(number) {
                std::collections::btree_map::Entry::Vacant(vacant) => drop(vacant.insert(dirty.clone())),
                std::collections::btree_map::Entry::Occupied(mut occupied) => occupied.get_mut().follow(dirty.clone()),
            }
        }
    }

    /// Groups that wait to be let go.
    #[cfg(test)]
    pub(in crate::storage) fn kept(&self) -> usize {
        self.groups.len()
    }

    pub(in crate::storage) fn is_full(&self) -> bool {
        self.waiting >= FULL_ROUND
    }

    fn is_idle(&self) -> bool {
        self.regions.is_empty() && self.directory.is_empty()
    }

    /// Writes everything that waits. The first fault is answered; what failed stays for the next round.
    pub(in crate::storage) fn round(&mut self) -> Result<(), Fault> {
        let mut first_fault = None;
        // Whether or not this round succeeds: what has to be written stays by thing.
        let groups = std::mem::take(&mut self.groups);
        self.files = self.regions.len() as u32;
        for (region, dirty) in std::mem::take(&mut self.regions) {
            let applied = self.last_seq.max(self.floors.get(&region).copied().unwrap_or(0));
            let file = self.core.snapshots.region_or_make(&region);
            let manner = self.manner();
            match file.and_then(|file| file.apply(&dirty, applied, &self.core.sealer, manner)) {
                Ok(()) => {
                    let owned = dirty.iter().filter(|(_, dirty)| dirty.ticket.region == region);
                    self.core.overlay.prune(manner.paced(owned.map(|(number, _)| *number)), self.last_seq);
                    self.directory.regions.insert(region, applied);
                }
                Err(fault) => {
                    self.regions.insert(region, dirty);
                    first_fault.get_or_insert(fault);
                }
            }
        }
        if let Some(fault) = first_fault {
            return Err(fault);
        }
        let applied = self.hold.unwrap_or(self.last_seq);
        let manner = self.manner();
        self.core.snapshots.directory.apply(&self.directory, applied, &self.core.sealer, manner)?;
        self.core.overlay.prune_claims(manner.paced(self.directory.claims.keys().copied()), self.last_seq);
        self.directory = DirectoryDirty { now: self.directory.now, ..DirectoryDirty::default() };
        self.core.backlog.fetch_sub(self.waiting, Ordering::Relaxed);
        self.waiting = 0;
        let mut let_go = 0;
        for group in groups {
            let rows = group.moved.len();
            drop(group);
            self.manner().after_rows(&mut let_go, rows);
        }
        Ok(())
    }

    /// Keys in the overlay first: what leaves it meanwhile is in the table that is read next.
    fn learn_free_keys(&self) {
        if !self.core.free_keys.wants_building() {
            return;
        }
        let directory = &self.core.snapshots.directory;
        let build = || {
            self.core.free_keys.build(directory.claims_count()?, |add| {
                self.core.overlay.claim_keys().iter().for_each(&mut *add);
                directory.for_each_claim(add)
            })
        };
        // redb answers most damage with an error and some with a panic.
        let built = catch_unwind(AssertUnwindSafe(build));
        if !matches!(built, Ok(Ok(()))) {
            self.core.free_keys.give_up();
            tracing::error!("claims could not be listed; until the next start each new key is looked up");
        }
    }

    fn manner(&self) -> Manner<'_> {
        Manner::GiveWay { backlog: &self.core.backlog, waiting: self.waiting, behind: self.behind.as_ref() }
    }

    /// The snapshot thread. Ends with `Stop` or when nobody can send any more.
    pub(in crate::storage) fn run(mut self, messages: &Receiver<Message>, pace: Duration, fatal: &Fatal) {
        self.behind = Some(messages.clone());
        let worked = catch_unwind(AssertUnwindSafe(|| self.follow(messages, pace)));
        if worked.is_err() {
            fatal.call("the snapshot thread panicked");
        }
    }

    fn follow(&mut self, messages: &Receiver<Message>, pace: Duration) {
        let mut due = never();
        let mut armed = false;
        let mut failing = false;
        let mut taken = 0;
        // What recovery left over.
        if !self.is_idle() {
            (due, armed) = (after(Duration::ZERO), true);
        }
        self.learn_free_keys();
        loop {
            let mut answer = None;
            let mut timed = false;
            select! {
                recv(messages) -> message => match message {
                    Ok(Message::Group(group)) => {
                        let rows = group.moved.len();
                        self.take(group);
                        self.manner().after_rows(&mut taken, rows);
                    }
                    Ok(Message::Flush(reply)) => answer = Some(reply),
                    Ok(Message::Stop) | Err(_) => return,
                },
                recv(due) -> _ => timed = true,
            }
            if answer.is_some() || timed || (self.is_full() && !failing) {
                let states = self.waiting;
                let done = self.round();
                tracing::debug!(states, files = self.files, groups_behind = messages.len(), "a snapshot round ended");
                failing = done.is_err();
                match &done {
                    Ok(()) => self.learn_free_keys(),
                    Err(fault) => tracing::error!(%fault, "a snapshot was not written; it is tried again"),
                }
                (due, armed) = if failing { (after(RETRY), true) } else { (never(), false) };
                answer.map(|answer| answer.send(done));
            } else if !armed && !self.is_idle() {
                (due, armed) = (after(pace.max(PACE_PER_FILE * self.files)), true);
            }
        }
    }
}
