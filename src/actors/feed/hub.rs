//! The hub: a tail and its fans, for as long as somebody is subscribed; and the arbiters that all hubs
//! of the process share.

use super::{fan::Fan, session::Session, tail::Tail};
use crate::{actors::tree::Tree, settings::limits};
use actix::{Actor, Addr, Arbiter, ArbiterHandle, System, WeakAddr};
use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};
use tokio::sync::{self, oneshot};

pub(super) struct Hub {
    /// Whose addresses the tail has: they end with it.
    fans: Vec<(ArbiterHandle, WeakAddr<Fan>)>,
    turn: AtomicUsize,
    /// Asks the tail to forget. Dropped with the hub: the tail ends.
    tail: sync::mpsc::Sender<oneshot::Sender<()>>,
}

impl Hub {
    /// Follows the journal from a little before its end.
    pub(super) fn start(tree: &Arc<Tree>) -> io::Result<Self> {
        let next = tree.store.head().0.saturating_sub(limits::FEED_BEFORE) + 1;
        let arbiters = arbiters()?;
        let start = |arbiter| Fan::start_in_arbiter(arbiter, move |_| Fan::new(next));
        let fans: Vec<Addr<Fan>> = arbiters.iter().map(start).collect();
        let known = arbiters.iter().cloned().zip(fans.iter().map(Addr::downgrade)).collect();
        let (asks, hub) = sync::mpsc::channel(1);
        let tail = Tail { store: tree.store.clone(), core: tree.core.clone(), fans, hub, next };
        thread::Builder::new().name("feed".into()).spawn(move || tail.run())?;
        Ok(Self { fans: known, turn: AtomicUsize::new(0), tail: asks })
    }

    /// Makes everybody forget what was read before; returns when they have.
    pub(super) async fn forget(&self) {
        let (done, told) = oneshot::channel();
        if self.tail.send(done).await.is_ok() {
            // A tail that ends instead takes its memory along.
            let _ = told.await;
        }
    }

    /// False: a part of it is gone, and whoever comes gets a new one.
    pub(super) fn alive(&self) -> bool {
        self.fans.iter().all(|(_, fan)| fan.upgrade().is_some_and(|fan| fan.connected()))
    }

    /// Starts a session beside one of the fans, in turns. A fan that is gone leaves it to end at once.
    pub(super) fn join(&self, session: Session) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.fans.len();
        let (arbiter, fan) = &self.fans[turn];
        let Some(fan) = fan.upgrade() else { return };
        let session = session.of(fan);
        Session::start_in_arbiter(arbiter, move |ctx| {
            ctx.set_mailbox_capacity(limits::FEED_MAILBOX);
            session
        });
    }
}

/// The threads of live sessions, started when first needed, with an actix system beside them.
fn arbiters() -> io::Result<&'static [ArbiterHandle]> {
    static ARBITERS: OnceLock<Vec<ArbiterHandle>> = OnceLock::new();
    if let Some(arbiters) = ARBITERS.get() {
        return Ok(arbiters);
    }
    let (sender, started) = mpsc::channel();
    thread::Builder::new().name("live".into()).spawn(move || {
        let system = System::new();
        let handles = system.block_on(async {
            (0..limits::FEED_THREADS).map(|_| Arbiter::try_new().map(|arbiter| arbiter.handle())).collect()
        });
        let _ = sender.send(handles);
        if let Err(error) = system.run() {
            tracing::error!(%error, "the live sessions' threads ended");
        }
    })?;
    let handles: io::Result<Vec<_>> = started.recv().map_err(io::Error::other)?;
    Ok(ARBITERS.get_or_init(|| handles.unwrap_or_default()))
}
