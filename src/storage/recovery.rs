//! Opening: everything that must be known before the first commit, in order.
//!
//! Lock, keys, journal, directory, region files; then the journal's tail, from the first sequence
//! that some snapshot has not applied, through the same code that snapshots follow with. A snapshot
//! that was lost, damaged or copied back has applied nothing and is rebuilt that way. Must hold:
//! replaying what a snapshot has already changes nothing (a row's version decides), so a crash at any
//! moment, replay included, is repaired by the next open. What recovery leaves over goes to the
//! snapshot thread, so that the first commit does not wait for it.

use super::{
    Durability, Fault, KeyFile, KeyOptions, Sealer, StoreOptions,
    claim_filter::ClaimFilter,
    codec::{Frame, Placed},
    core::Core,
    files::io_fault,
    history::each_record,
    hot::Hot,
    journal::{Archive, Journal, JournalError, JournalOptions, RedbJournal},
    numbers::{Numbers, Taken},
    overlay::Overlay,
    snapshot::{
        Found, History, Loaded, Snapshots,
        rounds::{Group, Moved, Rounds},
    },
};
use crate::{
    domain::{
        fact::State,
        ids::{RegionId, Seq, Thing, TicketNumber},
    },
    telemetry::Telemetry,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock, atomic::AtomicUsize, atomic::Ordering},
};
use tokio::sync::watch;

/// After a restore, numbers that the lost tail may have handed out are skipped: so many per region.
const SKIP_AFTER_RESTORE: u32 = 100_000;

/// A store's parts, ready to run.
pub(super) struct Recovered {
    pub(super) core: Arc<Core>,
    pub(super) journal: Box<dyn Journal>,
    pub(super) taken: Taken,
    /// With what recovery left over.
    pub(super) rounds: Rounds,
}

/// `data/cells/<cell>/`.
pub(super) fn cell_dir(options: &StoreOptions) -> PathBuf {
    options.data.join("cells").join(&options.cell)
}

/// The caller holds the data directory's lock.
pub(super) fn recover(options: StoreOptions) -> Result<Recovered, Fault> {
    let dir = cell_dir(&options);
    let journal_dir = dir.join("journal");
    fs::create_dir_all(&dir).map_err(|error| io_fault(&dir, "make the folder", &error))?;
    let fresh = !holds_anything(&journal_dir)?;
    let open_keys = || KeyFile::open(&options.data, KeyOptions { seed: options.seed, create: fresh });
    let open_journal = || RedbJournal::open(&journal_dir, journal_options(&options));
    let (keys, journal) = if fresh {
        // Keys first: a journal without its keys would be refused at the next open.
        (open_keys()?, open_journal()?)
    } else {
        together(open_keys, open_journal)?
    };
    let cache_bytes = options.cache_bytes / 4 * 3;
    let archive = Some((journal.archive(), options));
    recover_with(Box::new(journal), archive, &dir, cache_bytes, Sealer::new(keys))
}

fn journal_options(options: &StoreOptions) -> JournalOptions {
    JournalOptions {
        segment_bytes: options.segment_bytes,
        relaxed: options.durability == Durability::Disposable,
        cache_bytes: options.cache_bytes / 4,
    }
}

/// A million people's keys and a large segment take a tenth of a second each.
fn together(
    keys: impl FnOnce() -> Result<KeyFile, Fault> + Send,
    journal: impl FnOnce() -> Result<RedbJournal, JournalError>,
) -> Result<(KeyFile, RedbJournal), Fault> {
    std::thread::scope(|scope| {
        let keys = scope.spawn(keys);
        let journal = journal();
        let keys = keys.join().map_err(|_| Fault { what: "opening it panicked".into(), place: "keys".into() })?;
        Ok((keys?, journal?))
    })
}

/// Recovery over any journal.
pub(super) fn recover_with(
    journal: Box<dyn Journal>,
    archive: Option<(Archive, StoreOptions)>,
    dir: &Path,
    cache_bytes: usize,
    sealer: Sealer,
) -> Result<Recovered, Fault> {
    let head = journal.head();
    let incarnation = sealer.keys().incarnation();
    let history = History { incarnation, head: head.next_seq - 1 };
    let (snapshots, found) = Snapshots::open(dir, cache_bytes, history, &sealer)?;
    let known = found.loaded.serials.iter().copied().collect();
    let core = Arc::new(Core {
        sealer,
        hot: Hot::default(),
        overlay: Overlay::new(),
        free_keys: ClaimFilter::default(),
        numbers: Numbers::default(),
        snapshots,
        reader: journal.reader(),
        head: Mutex::new(head),
        watch: watch::Sender::new(head.next_seq - 1),
        backlog: AtomicUsize::new(0),
        archive,
        hear: RwLock::new(None),
        telemetry: Telemetry::default(),
    });
    let mut replay = Replay::new(&core, found, history.head)?;
    replay.run()?;
    let Replay { mut rounds, mut serials, rebuild_directory, .. } = replay;
    if rebuild_directory {
        find_moved(&core, &mut rounds)?;
        if incarnation > 1 {
            for serial in serials.values_mut() {
                *serial = serial.saturating_add(SKIP_AFTER_RESTORE);
            }
        }
    }
    // Also those of tickets that the files had already and the directory had not.
    if serials != known {
        rounds.directory().serials.extend(serials.clone());
    }
    rounds.release(history.head);
    let mut taken = Taken::default();
    for (code, serial) in serials {
        core.numbers.raise(code, serial);
        taken.raise(code, serial);
    }
    Ok(Recovered { core, journal, taken, rounds })
}

fn holds_anything(dir: &Path) -> Result<bool, Fault> {
    match fs::read_dir(dir) {
        Ok(mut entries) => {
            Ok(entries.any(|entry| entry.is_ok_and(|e| e.path().extension().is_some_and(|x| x == "redb"))))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_fault(dir, "list the journal", &error)),
    }
}

struct Replay<'a> {
    core: &'a Arc<Core>,
    rounds: Rounds,
    /// What the directory has applied, and each region's file.
    directory: Seq,
    regions: BTreeMap<RegionId, Seq>,
    serials: BTreeMap<crate::domain::number::RegionCode, u32>,
    rebuild_directory: bool,
}

impl<'a> Replay<'a> {
    fn new(core: &'a Arc<Core>, found: Found, head: Seq) -> Result<Self, Fault> {
        let Found { loaded, directory, mut regions } = found;
        let mut rounds = Rounds::new(Arc::clone(core));
        let rebuilt: Vec<RegionId> =
            regions.iter().filter(|(_, applied)| **applied == 0 && head > 0).map(|(id, _)| id.clone()).collect();
        for region in &rebuilt {
            tracing::warn!(%region, "rebuilding a region's snapshot from the journal");
            // Should this be interrupted, the half-built file must not pass for a whole one.
            rounds.directory().regions.insert(region.clone(), head);
        }
        for (region, applied) in &mut regions {
            if !rebuilt.contains(region) {
                // Whatever the directory has applied is in every file.
                *applied = (*applied).max(directory);
            }
        }
        let serials = loaded.serials.iter().copied().collect();
        install(core, loaded);
        rounds.hold(directory, regions.clone());
        if !rebuilt.is_empty() {
            rounds.round()?;
        }
        let rebuild_directory = directory == 0 && head > 0;
        if rebuild_directory {
            tracing::warn!("rebuilding the directory from the journal");
            // So that a file which goes missing from now on is missed.
            let whole = regions.iter().filter(|(id, _)| !rebuilt.contains(id));
            rounds.directory().regions.extend(whole.map(|(id, applied)| (id.clone(), *applied)));
        }
        Ok(Self { core, rounds, directory, regions, serials, rebuild_directory })
    }

    fn run(&mut self) -> Result<(), Fault> {
        let from = self.regions.values().copied().fold(self.directory, Seq::min) + 1;
        let core = Arc::clone(self.core);
        each_record(&*core.reader, from, &mut |record, frame| {
            let last_seq = record.first_seq + Seq::from(record.count) - 1;
            let mut group = Group { last_seq, at: frame.head.envelope.at, ..Group::default() };
            if last_seq > self.directory {
                for claim in frame.head.claims.iter() {
                    let claim = Arc::new(claim.clone());
                    self.core.put_claim(&claim, last_seq);
                    group.claims.push(claim);
                }
            }
            for placed in frame.changes(record.first_seq) {
                group.moved.extend(self.change(frame, &placed)?);
            }
            self.core.backlog.fetch_add(group.moved.len(), Ordering::Relaxed);
            self.rounds.take(group);
            if self.rounds.is_full() { self.rounds.round() } else { Ok(()) }
        })
    }

    fn change(&mut self, frame: &Frame<'_>, placed: &Placed<'_>) -> Result<Vec<Moved>, Fault> {
        if placed.head.events == 0 {
            return Ok(Vec::new());
        }
        match &placed.head.thing {
            Thing::Ticket(number) => self.ticket(*number, frame, placed),
            thing @ (Thing::Route(_) | Thing::Expert(_) | Thing::Region(_) | Thing::Catalogue) => {
                if placed.last_seq() <= self.directory {
                    return Ok(Vec::new());
                }
                let (state, last_seq) = self.fold(thing, self.core.hot.current(thing), frame, placed)?;
                self.core.hot.put(&state, last_seq);
                Ok(vec![Moved { state, last_seq, fresh: false, from: None }])
            }
        }
    }

    /// A ticket's events, if some file lacks them.
    fn ticket(&mut self, number: TicketNumber, frame: &Frame<'_>, placed: &Placed<'_>) -> Result<Vec<Moved>, Fault> {
        let serial = self.serials.entry(number.code).or_default();
        *serial = number.serial.max(*serial);
        let mut touched: BTreeSet<RegionId> = placed.head.also.iter().cloned().collect();
        touched.insert(placed.head.region.clone());
        let lacks = |region| self.regions.get(region).copied().unwrap_or(self.directory) < placed.last_seq();
        // Where it went is the directory's to know, even if the files have it right.
        let moved = placed.head.also.is_some() && placed.last_seq() > self.directory;
        if !moved && !touched.iter().any(lacks) {
            return Ok(Vec::new());
        }
        let base = self.newest(number, &touched, placed.head.also.is_some())?;
        let fresh = base.is_none() && placed.head.base == 0;
        let thing = &placed.head.thing;
        let (state, last_seq) = self.fold(thing, base, frame, placed)?;
        let State::Ticket(ticket) = &state else { return Ok(Vec::new()) };
        self.core.overlay.put(Arc::clone(ticket), last_seq, 0);
        if self.core.hot.whereabouts(number).as_ref() != Some(&ticket.region) {
            self.core.hot.settle(number, &ticket.region);
        }
        touched.remove(&ticket.region);
        let to = |from| Moved { state: state.clone(), last_seq, fresh, from };
        if touched.is_empty() {
            return Ok(vec![to(None)]);
        }
        Ok(touched.into_iter().map(|region| to(Some(region))).collect())
    }

    /// The newest state that the overlay or a file in question has. After a crash in the middle of a
    /// handover two files may have a row, or none; and where the ticket moved to may be ahead of what
    /// was replayed here, with nothing more of it to be replayed: so a move asks the files again.
    fn newest(
        &self,
        number: TicketNumber,
        touched: &BTreeSet<RegionId>,
        moved: bool,
    ) -> Result<Option<(State, Seq)>, Fault> {
        let replayed = self.core.overlay.ticket(number).map(|entry| (Arc::clone(&entry.ticket), entry.stamp()));
        let mut places = BTreeSet::new();
        if moved || replayed.is_none() {
            places.clone_from(touched);
            places.extend(self.core.hot.whereabouts(number));
            places.extend(self.core.hot.home(number.code));
        }
        let mut newest = replayed;
        for file in places.iter().filter_map(|region| self.core.snapshots.region(region)) {
            let row = file.ticket(number, &self.core.sealer)?;
            if row.as_ref().map(|(_, stamp)| stamp.version) > newest.as_ref().map(|(_, stamp)| stamp.version) {
                newest = row;
            }
        }
        Ok(newest.map(|(ticket, stamp)| (State::Ticket(ticket), stamp.last_seq)))
    }

    /// The state after a change. Events it has already are skipped; if some before are missing, its
    /// whole past is folded.
    fn fold(
        &self,
        thing: &Thing,
        current: Option<(State, Seq)>,
        frame: &Frame<'_>,
        placed: &Placed<'_>,
    ) -> Result<(State, Seq), Fault> {
        let version = current.as_ref().map_or(0, |(state, _)| state.version());
        if version < placed.head.base {
            return Ok((self.core.fold_to(thing, placed.last_seq())?, placed.last_seq()));
        }
        let known = (version - placed.head.base) as usize;
        let mut last_seq = current.as_ref().map_or(0, |(_, last_seq)| *last_seq);
        let mut state = current.map(|(state, _)| state);
        for i in known..placed.head.events as usize {
            last_seq = placed.first_seq + i as Seq;
            let fact = frame.fact(placed.at + i, &self.core.sealer).map_err(|error| error.at(last_seq))?;
            let next = State::after(state, thing, &fact)
                .map_err(|misfit| Fault { what: misfit.to_string(), place: format!("journal record {last_seq}") })?;
            state = Some(next);
        }
        state.map(|state| (state, last_seq)).ok_or_else(|| Fault {
            what: format!("an empty change of {thing}"),
            place: format!("journal record {}", placed.first_seq),
        })
    }
}

fn install(core: &Core, loaded: Loaded) {
    for (state, last_seq) in &loaded.states {
        core.hot.put(state, *last_seq);
    }
    for (code, region) in loaded.codes {
        core.hot.keep_code(code, region);
    }
    for (number, region) in loaded.forwards {
        core.hot.settle(number, &region);
    }
}

/// Where tickets went is not in the directory's part of the journal: the files know.
fn find_moved(core: &Core, rounds: &mut Rounds) -> Result<(), Fault> {
    for (region, file) in core.snapshots.regions() {
        file.numbers(&mut |number| {
            // What the tail has touched is newer than its row.
            if core.overlay.ticket(number).is_none() && core.hot.home(number.code).as_ref() != Some(&region) {
                core.hot.settle(number, &region);
                rounds.directory().forwards.insert(number, Some(region.clone()));
            }
        })?;
    }
    Ok(())
}
