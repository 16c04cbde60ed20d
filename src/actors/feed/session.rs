//! One subscriber's actor: takes what its fan offers and hands it to the socket's task, and, when it
//! resumes from further back than the fan has, reads the journal until it is there.
//!
//! Must hold: `next` only grows, and all that passes the filter below it was handed over.

use super::{
    End, Out,
    fan::{Fan, Join, Joined},
    frame::{Filter, Frame},
    reading::{Readers, Reading},
};
use crate::{actors::tree::Tree, domain::ids::Seq, settings::limits, storage::Store};
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use std::{pin::pin, sync::Arc};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

/// What happened, whole: the session picks what it wants.
pub(super) struct Offer {
    pub(super) frames: Arc<[Arc<Frame>]>,
    pub(super) up_to: Seq,
    pub(super) beat: bool,
}

impl Message for Offer {
    type Result = ();
}

/// What a session wants next. Its fan may be behind whoever joins at the journal's end, or has read the journal:
/// what the fan says takes nobody back.
struct Next(Seq);

impl Next {
    /// All up to there was handed over, or is not wanted; up to where that is now.
    fn passed(&mut self, up_to: Seq) -> Seq {
        self.0 = self.0.max(up_to + 1);
        self.0 - 1
    }
}

pub(super) struct Session {
    store: Store,
    /// Where the journal is read: the core's few blocking threads.
    core: Handle,
    filter: Filter,
    next: Next,
    out: mpsc::Sender<Out>,
    ended: watch::Sender<Option<End>>,
    fan: Option<Addr<Fan>>,
    readers: Readers,
    /// While it reads far back.
    reading: Option<Reading>,
}

impl Session {
    pub(super) fn new(
        tree: &Tree,
        filter: Filter,
        next: Seq,
        out: mpsc::Sender<Out>,
        ended: watch::Sender<Option<End>>,
    ) -> Self {
        let (store, core, readers) = (tree.store.clone(), tree.core.clone(), tree.feed.readers.clone());
        Self { store, core, filter, next: Next(next), out, ended, fan: None, readers, reading: None }
    }

    pub(super) fn of(mut self, fan: Addr<Fan>) -> Self {
        self.fan = Some(fan);
        self
    }

    /// Asks the fan to take it up; until it does, reads on in the journal.
    fn join(&mut self, ctx: &mut Context<Self>) {
        let Some(fan) = &self.fan else { return ctx.stop() };
        let (filter, ended) = (self.filter.clone(), self.ended.clone());
        let asked = fan.send(Join { session: ctx.address(), filter, next: self.next.0, ended });
        ctx.wait(asked.into_actor(self).map(|joined, session, ctx| match joined {
            Ok(Joined::Now(frames, up_to)) => {
                // From here on the fan knows this session, not the other way round.
                (session.fan, session.reading) = (None, None);
                session.hand_over(frames, up_to, false, ctx);
            }
            Ok(Joined::ReadOn { begins }) => session.read_on(begins, ctx),
            Err(_) => session.end(End::Fault, ctx),
        }));
    }

    /// A page of the journal, then again.
    fn read_on(&mut self, begins: Seq, ctx: &mut Context<Self>) {
        let (store, from, core) = (self.store.clone(), self.next.0, self.core.clone());
        let (readers, reading) = (self.readers.clone(), self.reading.take());
        let (out, filter) = (self.out.clone(), self.filter.clone());
        let passed = async move {
            let mut reading = in_turn(&readers, reading, &store, &out, from - 1).await?;
            let read = core.spawn_blocking(move || (reading.page(&store, from, begins), reading));
            let (page, reading) = read.await.map_err(|_| End::Fault)?;
            let frames = page.map_err(|fault| {
                tracing::error!(%fault, "a feed cannot read the journal");
                End::Fault
            })?;
            let up_to = frames.last().map_or(begins - 1, |frame| frame.seq);
            let frames: Vec<_> = frames.into_iter().filter(|frame| filter.passes(frame)).collect();
            // A long way in which nothing is wanted would look like silence.
            let page = Out { beat: frames.is_empty(), frames, up_to };
            let left = match out.try_send(page) {
                Ok(()) => return Ok((up_to, Some(reading))),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(End::Behind),
                Err(mpsc::error::TrySendError::Full(left)) => left,
            };
            // Others read while this client takes its time.
            drop(reading);
            out.send_timeout(left, limits::SOCKET_WRITE).await.map(|()| (up_to, None)).map_err(|_| End::Behind)
        };
        ctx.wait(passed.into_actor(self).map(|passed, session, ctx| match passed {
            Ok((up_to, reading)) => {
                session.reading = reading;
                session.next.passed(up_to);
                session.join(ctx);
            }
            Err(end) => session.end(end, ctx),
        }));
    }

    fn hand_over(&mut self, frames: Vec<Arc<Frame>>, up_to: Seq, beat: bool, ctx: &mut Context<Self>) {
        let up_to = self.next.passed(up_to);
        if frames.is_empty() && !beat {
            return;
        }
        match self.out.try_send(Out { frames, up_to, beat }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => ctx.stop(),
            // The mailbox fills meanwhile; when it is full, the fan ends this session.
            Err(mpsc::error::TrySendError::Full(left)) => {
                let out = self.out.clone();
                let sent = async move { out.send(left).await.is_ok() };
                ctx.wait(sent.into_actor(self).map(|sent, _, ctx| {
                    if !sent {
                        ctx.stop();
                    }
                }));
            }
        }
    }

    fn end(&mut self, end: End, ctx: &mut Context<Self>) {
        self.ended.send_replace(Some(end));
        ctx.stop();
    }
}

/// Waits for a turn to read, with heartbeats: it may take a while. Whoever has gone waits no longer.
#[allow(clippy::disallowed_methods, reason = "a socket's life runs on the machine's time, whatever the tree's")]
async fn in_turn(
    readers: &Readers,
    present: Option<Reading>,
    store: &Store,
    out: &mpsc::Sender<Out>,
    up_to: Seq,
) -> Result<Reading, End> {
    let mut turn = pin!(readers.turn(present, store));
    loop {
        tokio::select! {
            biased;
            reading = turn.as_mut() => return reading.ok_or(End::Fault),
            () = out.closed() => return Err(End::Behind),
            () = tokio::time::sleep(limits::FEED_HEARTBEAT) => {
                // One that has not taken the last one yet needs no other.
                let _ = out.try_send(Out { frames: Vec::new(), up_to, beat: true });
            }
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.join(ctx);
    }
}

impl Handler<Offer> for Session {
    type Result = ();

    fn handle(&mut self, offer: Offer, ctx: &mut Self::Context) {
        let next = self.next.0;
        let wanted = offer.frames.iter().filter(|frame| frame.seq >= next && self.filter.passes(frame));
        let frames = wanted.cloned().collect();
        self.hand_over(frames, offer.up_to, offer.beat, ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fan_that_is_behind_takes_nobody_back() {
        // Told `live at 100`, while the fan is at 95: its heartbeat says 100.
        let mut next = Next(101);
        assert_eq!((next.passed(95), next.0), (100, 101));
        assert_eq!((next.passed(103), next.0), (103, 104));
    }
}
