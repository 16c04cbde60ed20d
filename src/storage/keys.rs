//! A key per person, so that erasing a person means overwriting 32 bytes.
//!
//! Keys are made and fsynced in blocks ahead of use, so taking one is a counter under a mutex; a
//! thread refills when half a block is left. Must hold: a slot is never given out twice, and never
//! before its key is on disk; what was erased stays erased, through restores too. Must never: log
//! a key, or make a new key file where data sealed under another one exists (`KeyOptions::create`).

mod disk;
#[cfg(test)]
mod tests;

use super::{
    Fault,
    files::{fault, io_fault, lock},
};
use crate::domain::ids::PersonId;
use crossbeam_channel::{Receiver, Sender};
use disk::{Disk, Header};
use rand::{TryRng, rngs::SysRng};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError, RwLock},
    thread::JoinHandle,
    time::Duration,
};

/// Slots made and fsynced together: 128 KiB.
const BLOCK: usize = 4096;
/// A refill starts when fewer than this many are left.
const LOW: u32 = 2048;
/// How long `take` waits for a refill; one takes an fsync, so longer means a sick disk.
const REFILL_WAIT: Duration = Duration::from_secs(2);

/// `BLOCK` keys.
type Block = Box<[[u8; 32]]>;

/// How a key file is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyOptions {
    /// Derives all keys from it, so that a replay repeats to the byte. None: the system's randomness.
    pub seed: Option<u64>,
    /// Make the file when absent. Only where nothing was ever sealed: without its keys, sealed data is lost.
    pub create: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Key([u8; 32]),
    Erased,
    /// No such slot: the key file is older than the data.
    Unknown,
}

impl std::fmt::Debug for KeyState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key",
            Self::Erased => "Erased",
            Self::Unknown => "Unknown",
        })
    }
}

/// The keys of all people of a data directory (`data/keys`, `data/erased`). Cheap to clone, any thread.
#[derive(Clone)]
pub struct KeyFile(Arc<Handle>);

struct Handle {
    inner: Arc<Inner>,
    /// Wakes the refill thread; without it, the thread ends.
    refill: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Inner {
    path: PathBuf,
    source: Source,
    salt: [u8; 32],
    blocks: RwLock<Vec<Block>>,
    header: Mutex<Header>,
    supply: Mutex<Supply>,
    refilled: Condvar,
    /// Locked before `blocks`, never while holding `supply`.
    disk: Mutex<Disk>,
}

struct Supply {
    next: u32,
    /// Slots below this are on disk.
    ready: u32,
    refilling: bool,
    failed: Option<Fault>,
}

enum Source {
    System,
    Seeded([u8; 32]),
}

impl KeyFile {
    /// Opens `data/keys`. Slots of earlier runs are skipped: the first `take` begins a fresh block,
    /// unless `resume_after` says better. Faults: the file is missing, damaged or newer.
    pub fn open(data: &Path, options: KeyOptions) -> Result<Self, Fault> {
        let source = options.seed.map_or(Source::System, Source::seeded);
        let path = data.join("keys");
        let fresh = !path.exists();
        if fresh {
            if !options.create {
                return Err(fault(&path, "the key file is missing, and with it all personal data: restore it"));
            }
            let header = Header { incarnation: 1, lookup: source.key(&path, LOOKUP)? };
            Disk::create(data, &header, &source.block(&path, 0)?)?;
        }
        let (disk, header, blocks) = Disk::open(data)?;
        let ready = slots(blocks.len());
        // Beyond everything ever erased: the list outlives a restore of older keys, and would take
        // the key of whoever got such a slot anew.
        let unused = if fresh { 1 } else { ready };
        let next = disk.erased.last().map_or(unused, |slot| unused.max(slot.saturating_add(1)));
        let (refill, wakes) = crossbeam_channel::bounded(1);
        let inner = Arc::new(Inner {
            salt: source.key(&path, SALT)?,
            path,
            source,
            blocks: RwLock::new(blocks),
            header: Mutex::new(header),
            supply: Mutex::new(Supply { next, ready, refilling: false, failed: None }),
            refilled: Condvar::new(),
            disk: Mutex::new(disk),
        });
        let refilled = Arc::clone(&inner);
        let thread = std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || refill_loop(&refilled, &wakes))
            .map_err(|error| io_fault(data, "start the key thread", &error))?;
        Ok(Self(Arc::new(Handle { inner, refill: Some(refill), thread: Some(thread) })))
    }

    /// A fresh slot whose key is on disk: microseconds, unless keys ran out faster than the disk
    /// takes new ones. Fault: no key left and no space (or no answer) for new ones.
    pub fn take(&self) -> Result<PersonId, Fault> {
        let mut supply = lock(&self.0.inner.supply);
        loop {
            if supply.next < supply.ready {
                let slot = supply.next;
                supply.next += 1;
                if supply.ready - supply.next < LOW {
                    self.0.ask_for_more(&mut supply);
                }
                return Ok(PersonId(slot));
            }
            if let Some(failed) = supply.failed.take() {
                return Err(failed);
            }
            self.0.ask_for_more(&mut supply);
            let (back, wait) =
                self.0.inner.refilled.wait_timeout(supply, REFILL_WAIT).unwrap_or_else(PoisonError::into_inner);
            supply = back;
            if wait.timed_out() {
                return Err(fault(&self.0.inner.path, "no new keys within 2 s: the disk does not answer"));
            }
        }
    }

    #[must_use]
    pub fn key(&self, person: PersonId) -> KeyState {
        let blocks = self.0.inner.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let slot = person.0 as usize;
        match blocks.get(slot / BLOCK) {
            None => KeyState::Unknown,
            Some(block) if block[slot % BLOCK] == [0; 32] => KeyState::Erased,
            Some(block) => KeyState::Key(block[slot % BLOCK]),
        }
    }

    /// Forgets a person's key for good; answers when that is on disk. Repeating it is fine.
    pub fn erase(&self, person: PersonId) -> Result<(), Fault> {
        self.erase_all(&[person])
    }

    /// The same for many, with no more fsyncs than for one.
    pub fn erase_all(&self, people: &[PersonId]) -> Result<(), Fault> {
        let slots: BTreeSet<u32> = people.iter().map(|person| person.0).filter(|slot| *slot != 0).collect();
        if slots.is_empty() {
            return Ok(());
        }
        let mut disk = lock(&self.0.inner.disk);
        disk.erase(&slots)?;
        let mut blocks = self.0.inner.blocks.write().unwrap_or_else(PoisonError::into_inner);
        for slot in slots.into_iter().map(|slot| slot as usize) {
            if let Some(block) = blocks.get_mut(slot / BLOCK) {
                block[slot % BLOCK] = [0; 32];
            }
        }
        Ok(())
    }

    /// Use the slots left over by the run before: all after `highest`, the highest one that any
    /// record or snapshot names. Call it before the first `take`, or not at all.
    pub fn resume_after(&self, highest: PersonId) {
        let blocks = self.0.inner.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let mut supply = lock(&self.0.inner.supply);
        let mut next = supply.next;
        // A hole is an erased person, or a block that a crash cut short: stay above it.
        while next > highest.0.saturating_add(1) && has_key(&blocks, next - 1) {
            next -= 1;
        }
        supply.next = next;
    }

    /// Counts the restores of this data directory, from 1.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        lock(&self.0.inner.header).incarnation
    }

    /// Starts a new incarnation, after a restore; on disk when it returns.
    pub fn next_incarnation(&self) -> Result<u64, Fault> {
        let mut disk = lock(&self.0.inner.disk);
        let mut header = lock(&self.0.inner.header);
        let next = Header { incarnation: header.incarnation + 1, ..header.clone() };
        disk.write_header(&next)?;
        *header = next;
        Ok(header.incarnation)
    }

    /// For look-up hashes; never leaves `storage/`.
    pub(super) fn lookup_key(&self) -> [u8; 32] {
        lock(&self.0.inner.header).lookup
    }

    /// Secret and new in each process; fixed in a replay.
    pub(super) fn salt(&self) -> [u8; 32] {
        self.0.inner.salt
    }

    pub(super) fn is_seeded(&self) -> bool {
        matches!(self.0.inner.source, Source::Seeded(_))
    }
}

impl Handle {
    fn ask_for_more(&self, supply: &mut Supply) {
        if !supply.refilling {
            supply.refilling = true;
            // Full means that a wake-up is under way already.
            let _ = self.refill.as_ref().map(|refill| refill.try_send(()));
        }
    }
}

impl Drop for Handle {
    /// Waits for a refill under way, so that the files are at rest when the last handle is gone.
    fn drop(&mut self) {
        self.refill = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Inner {
    fn add_block(&self) -> Result<u32, Fault> {
        let mut disk = lock(&self.disk);
        let index = self.blocks.read().unwrap_or_else(PoisonError::into_inner).len();
        let mut block = self.source.block(&self.path, index)?;
        let first = slots(index);
        for slot in disk.erased.range(first..first.saturating_add(slots(1))) {
            block[(slot - first) as usize] = [0; 32];
        }
        disk.append(index, &block)?;
        let mut blocks = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
        blocks.push(block);
        Ok(slots(blocks.len()))
    }
}

fn refill_loop(inner: &Inner, wakes: &Receiver<()>) {
    while wakes.recv().is_ok() {
        let added = inner.add_block();
        let mut supply = lock(&inner.supply);
        supply.refilling = false;
        match added {
            Ok(ready) => (supply.ready, supply.failed) = (ready, None),
            Err(fault) => supply.failed = Some(fault),
        }
        inner.refilled.notify_all();
    }
}

/// In a replay these two are derived as if they were the last slots, which are never reached.
const LOOKUP: u32 = u32::MAX;
const SALT: u32 = u32::MAX - 1;

impl Source {
    fn seeded(seed: u64) -> Self {
        Self::Seeded(blake3::derive_key("callout keys of a replay", &seed.to_le_bytes()))
    }

    fn key(&self, path: &Path, slot: u32) -> Result<[u8; 32], Fault> {
        match self {
            Self::System => {
                let mut key = [0; 32];
                fill(path, &mut key)?;
                Ok(key)
            }
            Self::Seeded(seed) => Ok(*blake3::keyed_hash(seed, &slot.to_le_bytes()).as_bytes()),
        }
    }

    fn block(&self, path: &Path, index: usize) -> Result<Block, Fault> {
        let mut block = vec![[0; 32]; BLOCK].into_boxed_slice();
        match self {
            Self::System => fill(path, block.as_flattened_mut())?,
            Self::Seeded(_) => {
                for (slot, key) in (slots(index)..).zip(block.iter_mut()) {
                    *key = self.key(path, slot)?;
                }
            }
        }
        if index == 0 {
            block[0] = [0; 32]; // nobody
        }
        Ok(block)
    }
}

fn fill(path: &Path, bytes: &mut [u8]) -> Result<(), Fault> {
    let filled = SysRng.try_fill_bytes(bytes);
    filled.map_err(|error| fault(path, format_args!("the system gives no randomness: {error}")))
}

fn has_key(blocks: &[Block], slot: u32) -> bool {
    let slot = slot as usize;
    slot != 0 && blocks.get(slot / BLOCK).is_some_and(|block| block[slot % BLOCK] != [0; 32])
}

/// How many slots that many blocks hold. Four billion people fit; more saturate, and run out.
fn slots(blocks: usize) -> u32 {
    u32::try_from(blocks * BLOCK).unwrap_or(u32::MAX)
}
