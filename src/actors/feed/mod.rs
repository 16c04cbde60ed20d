//! The live feed: every event of the journal to whoever may see it, once and in order (P7).
//!
//! ```text
//! journal -- tail (a thread: decodes each event once) -- fan (one per arbiter) -- session (an actor each)
//!                                                                                     |  bounded
//!                                                                        socket's task in `http/`
//! ```
//! The only place that knows actix: sessions need bounded mailboxes, which ractor has not (ADR 14).
//!
//! Must hold: for each session sequences only grow, and no event that passes its filter lies between
//! two that it was sent; a session that cannot keep up ends as [`End::Behind`] and can resume; nobody
//! waits for a session, and intake waits for nothing here. Without a session nothing is read.

mod fan;
mod frame;
mod hub;
mod reading;
mod session;
mod tail;

pub use frame::{Filter, Frame};

use super::tree::Tree;
use crate::{
    api::feed::{self, Position},
    domain::ids::Seq,
    settings::limits,
};
use hub::Hub;
use reading::Readers;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{mpsc, watch};

/// What goes to a socket, in order.
#[derive(Clone, Debug)]
pub struct Out {
    pub frames: Vec<Arc<Frame>>,
    /// Everything up to here has been sent: a heartbeat may say so.
    pub up_to: Seq,
    /// A heartbeat is due.
    pub beat: bool,
}

/// Why a session ended, where it was not its client's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It did not keep up; it can resume from the last position it has.
    Behind,
    /// The journal could not be read, or a bug; it can resume.
    Fault,
}

/// What a subscriber is told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    Live(Position),
    Resumed(Position),
    CannotResume { reason: &'static str, oldest: Position },
}

impl First {
    /// The message's text.
    #[must_use]
    pub fn text(&self) -> String {
        match *self {
            Self::Live(at) => feed::live(at),
            Self::Resumed(after) => feed::resumed(after),
            Self::CannotResume { reason, oldest } => feed::cannot_resume(reason, oldest),
        }
    }
}

/// The receiving end of a session. Dropping it ends the session.
pub struct Subscription {
    pub first: First,
    data: [u8; 8],
    out: mpsc::Receiver<Out>,
    end: watch::Receiver<Option<End>>,
    _hub: Option<Arc<Hub>>,
}

impl Subscription {
    /// What comes next; an error is the session's end. Safe to be dropped while it waits.
    pub async fn next(&mut self) -> Result<Out, End> {
        tokio::select! {
            biased;
            // An end overtakes what still waits: whoever is behind resumes from what they have.
            ended = self.end.wait_for(Option::is_some) => {
                Err(ended.ok().and_then(|end| *end).unwrap_or(End::Fault))
            }
            out = self.out.recv() => out.ok_or(End::Fault),
        }
    }

    /// The position of a sequence, as clients see it.
    #[must_use]
    pub fn position(&self, seq: Seq) -> Position {
        Position { data: self.data, seq }
    }
}

/// The present hub, if anybody is subscribed. A hub lives as long as its last session: one that
/// starts anew owes nobody anything, so there is no gap to close.
#[derive(Default)]
pub(super) struct Feed {
    hub: Mutex<Weak<Hub>>,
    readers: Readers,
}

impl Feed {
    /// None: it could not be started.
    fn hub(&self, tree: &Arc<Tree>) -> Option<Arc<Hub>> {
        let mut present = self.hub.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hub) = present.upgrade().filter(|hub| hub.alive()) {
            return Some(hub);
        }
        let hub = Hub::start(tree).inspect_err(|error| tracing::error!(%error, "the feed could not be started"));
        let hub = Arc::new(hub.ok()?);
        *present = Arc::downgrade(&hub);
        Some(hub)
    }
}

/// Takes out of memory what was read before somebody was erased. Subscribers notice nothing.
pub(super) async fn forget(tree: &Tree) {
    tree.feed.readers.forget();
    let hub = tree.feed.hub.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
    if let Some(hub) = hub {
        hub.forget().await;
    }
}

/// The position at the journal's end.
pub(super) fn position(tree: &Tree) -> Position {
    Position { data: tree.store.identity(), seq: tree.store.head().0 }
}

/// Subscribes to what passes `filter`: all after the position, or from now on. None: the feed
/// cannot be started.
pub(super) fn subscribe(tree: &Arc<Tree>, filter: Filter, after: Option<Position>) -> Option<Subscription> {
    let head = position(tree);
    let first = match after {
        None => First::Live(head),
        Some(after) => judge(after, head),
    };
    let (ended, end) = watch::channel(None);
    let (sender, out) = mpsc::channel(limits::FEED_SOCKET);
    let next = match first {
        First::Live(at) | First::Resumed(at) => at.seq + 1,
        First::CannotResume { .. } => {
            return Some(Subscription { first, data: head.data, out, end, _hub: None });
        }
    };
    let hub = tree.feed.hub(tree)?;
    hub.join(session::Session::new(tree, filter, next, sender, ended));
    Some(Subscription { first, data: head.data, out, end, _hub: Some(hub) })
}

/// Whether the feed can go on after a position: the journal is kept whole, so only positions of other
/// data, and ones that were never given out, cannot be resumed from.
fn judge(after: Position, head: Position) -> First {
    let oldest = Position { seq: 0, ..head };
    if after.data != head.data {
        return First::CannotResume { reason: "the position is another server's, or from before a restore", oldest };
    }
    if after.seq > head.seq {
        return First::CannotResume { reason: "the position lies in the future", oldest };
    }
    First::Resumed(after)
}
