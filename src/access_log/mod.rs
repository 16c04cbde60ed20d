//! The access record: who looked at, or administered, what is about a person, and when. A file of JSON
//! lines a day, `data/access/<day>.jsonl`, only ever appended to, each line bound to the one before.
//!
//! ```text
//! door  note (a place in a bounded queue)  --  thread: lines in batches, fsynced about each second
//! ```
//! What tickets were changed by whom stands in the journal and is not said here again; a line is left by what
//! the journal does not know of: reading, refusals, sessions, exports, erasures, administration.
//!
//! Must hold: whoever is recorded waits for nothing; a line that is changed, put in or left out is found
//! (`verify.rs`), also by somebody who can write the files but has not the key file; what did not get into the
//! record is counted in it. Must never: hold a name, a number, an address, a text or a link: ids alone, and
//! only such as exist.

mod line;
mod reader;
mod verify;
mod writer;

pub use reader::{Page, Wanted};
pub use verify::{Broken, Verified};

use crate::{
    domain::{
        ids::{CustomerId, ExpertId, RegionId, TicketNumber},
        ticket::Role,
    },
    settings::limits,
    storage::ContactHasher,
    telemetry::{Metrics, incidents::now_ms},
    tokens::Claims,
};
use crossbeam_channel::{Sender, bounded};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};
use writer::{Order, Writer};

/// Who called, as far as they could prove it.
#[derive(Clone, Debug)]
pub enum Caller {
    Token(Arc<Claims>),
    /// Somebody with a link that needs no login.
    Link,
    /// No token, or none that holds.
    Nobody,
    /// A person at the sign-in, before there is a token.
    Person {
        role: Option<Role>,
        subject: Option<String>,
    },
}

/// Whom or what it was about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub ticket: Option<TicketNumber>,
    /// What a search found.
    pub tickets: Vec<TicketNumber>,
    pub expert: Option<ExpertId>,
    pub regions: Vec<RegionId>,
    pub customer: Option<CustomerId>,
    /// What was searched by (`phone`), never for what.
    pub by: Option<&'static str>,
}

/// One call. Peer addresses are left out: they say where staff are, behind a proxy they are the proxy's, and
/// the token's id says more.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The machine's time, milliseconds since 1970.
    pub at_ms: i64,
    pub caller: Caller,
    pub method: &'static str,
    /// As the table of routes has it, or a word for what is no call (`sign in`).
    pub route: &'static str,
    pub about: About,
    pub status: u16,
    pub request_id: Arc<str>,
}

/// The record of one data directory.
pub struct AccessLog {
    folder: PathBuf,
    key: line::Key,
    orders: Mutex<Option<Sender<Order>>>,
    entries: Sender<Box<Entry>>,
    missed: Arc<AtomicU64>,
    strangers: Strangers,
    metrics: Arc<Metrics>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl AccessLog {
    /// Goes on with the record in `data/access`. `hash` gives the key that binds the lines. Errors: the folder
    /// or its files cannot be read.
    pub fn open(data: &Path, keep_days: u16, hash: &ContactHasher, metrics: Arc<Metrics>) -> io::Result<Self> {
        let folder = data.join("access");
        let key = line::Key::of(hash);
        let (entries, waiting) = bounded(limits::ACCESS_QUEUE);
        let (orders, asked) = bounded(1);
        let missed = Arc::new(AtomicU64::new(0));
        let mut writer = Writer::open(folder.clone(), key.clone(), keep_days, missed.clone(), metrics.clone())?;
        let thread = std::thread::Builder::new().name("access".into()).spawn(move || writer.run(&waiting, &asked))?;
        let strangers = Strangers::default();
        let (orders, thread) = (Mutex::new(Some(orders)), Mutex::new(Some(thread)));
        Ok(Self { folder, key, orders, entries, missed, strangers, metrics, thread })
    }

    /// Counts a call that is not worth a line of its own: one refused for coming too often.
    pub fn pass_over(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
        self.metrics.access_missed.add(1);
    }

    /// Notes a call. Never waits: what finds no room is counted, and the count gets into the record.
    pub fn note(&self, entry: Entry) {
        let refused = matches!(entry.status, 401 | 403 | 404 | 429);
        // Also who tries links, or signs a gateway's calls wrongly.
        let stranger = matches!(entry.caller, Caller::Nobody) || refused && matches!(entry.caller, Caller::Link);
        // Whoever has no token must not be able to push those who have one out of the record.
        let room = !stranger || self.strangers.admits(entry.at_ms);
        if !room || self.entries.try_send(Box::new(entry)).is_err() {
            self.pass_over();
        }
    }

    /// Notes that somebody signed in, or tried to. `subject`: whom it was for, if there is such a person.
    pub fn signed_in(&self, role: Option<Role>, subject: Option<&str>, status: u16, request_id: &Arc<str>) {
        self.note(Entry {
            at_ms: now_ms(),
            caller: Caller::Person { role, subject: subject.map(str::to_owned) },
            method: "POST",
            route: "sign in",
            about: About::default(),
            status,
            request_id: request_id.clone(),
        });
    }

    /// A page of the record, the newest first. Reads files.
    pub fn list(&self, wanted: &Wanted) -> io::Result<Page> {
        self.flush();
        reader::list(&self.folder, wanted)
    }

    /// Walks the chain from the oldest line that is kept to the newest. Reads all files.
    pub fn verify(&self) -> io::Result<Verified> {
        self.flush();
        verify::verify(&self.folder, &self.key)
    }

    /// Waits until all that was noted is on disk.
    pub fn flush(&self) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(orders) = orders else { return };
        let (done, told) = bounded(1);
        if orders.send(Order::Flush(done)).is_ok() {
            self.wake();
            let _ = told.recv();
        }
    }

    /// Writes what is left and ends the thread. What is noted after that is lost.
    pub fn close(&self) {
        drop(self.orders.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.wake();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            thread.thread().unpark();
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.close();
    }
}

/// How many calls without a token there were in this second, and on this day.
#[derive(Default)]
struct Strangers {
    second: Window,
    day: Window,
    /// Beyond the day's.
    trickle: Window,
}

impl Strangers {
    fn admits(&self, now_ms: i64) -> bool {
        let second = now_ms.div_euclid(1_000);
        self.second.admits(second, limits::ACCESS_STRANGERS_PER_S)
            && (self.day.admits(now_ms.div_euclid(86_400_000), limits::ACCESS_STRANGERS_PER_DAY)
                || self.trickle.admits(second, 1))
    }
}

/// A count that begins anew with each period: the period's number above, the count in the lower 24 bits.
#[derive(Default)]
struct Window(AtomicU64);

impl Window {
    const COUNT: u64 = (1 << 24) - 1;

    fn admits(&self, period: i64, most: u64) -> bool {
        let begun = (period.cast_unsigned() << 24) & !Self::COUNT;
        let next = |seen: u64| if seen & !Self::COUNT == begun { seen + 1 } else { begun + 1 };
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seen| {
            Some(next(seen)).filter(|next| next & Self::COUNT <= most)
        });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests;
