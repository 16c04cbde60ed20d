//! The one ractor actor: a shell around a [`Handler`]. It counts the message as work under way on
//! virtual time, beats the pulse the sentinel watches, and lets the fault switch strike before the
//! handler runs. Everything an actor owns can be rebuilt from the store: a crash loses nothing.

use super::{
    clock::{Busy, Clock},
    faults::Faults,
    pulse::{self, Pulse, Role},
};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, ActorRuntime};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A message with the mark that keeps virtual time still until it is handled.
pub(super) struct Mail<M> {
    body: M,
    _busy: Busy,
    queued: Queued,
}

/// One message in some mailbox of the tree; doors close when there are too many.
struct Queued(Arc<AtomicUsize>);

impl Queued {
    fn one(all: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all.clone())
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What an actor does with one message.
pub(super) trait Handler: Send + Sync + 'static {
    type Msg: Send + 'static;

    /// An error is a crash: the supervisor is told.
    fn handle(&mut self, me: &Address<Self::Msg>, msg: Self::Msg) -> impl Future<Output = Result<(), Crash>> + Send;
}

/// A handler gave up; its supervisor restarts it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Crash(pub(super) String);

/// Where to send messages; cheap to clone. Sending to a stopped actor gives the message back.
pub(super) struct Address<M: Send + 'static> {
    actor: ActorRef<Mail<M>>,
    clock: Clock,
    queued: Arc<AtomicUsize>,
}

impl<M: Send + 'static> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), clock: self.clock.clone(), queued: self.queued.clone() }
    }
}

impl<M: Send + 'static> Address<M> {
    /// False when the actor has stopped; the message is dropped then (its reply says so).
    pub(super) fn send(&self, body: M) -> bool {
        self.offer(body).is_ok()
    }

    /// Sends, or gives the message back when the actor has stopped.
    pub(super) fn offer(&self, body: M) -> Result<(), Option<M>> {
        let mail = Mail { body, _busy: self.clock.busy(), queued: Queued::one(&self.queued) };
        self.actor.send_message(mail).map_err(|error| match error {
            ractor::MessagingErr::SendErr(mail) => Some(mail.body),
            ractor::MessagingErr::ChannelClosed | ractor::MessagingErr::InvalidActorType => None,
        })
    }

    pub(super) fn cell(&self) -> ActorCell {
        self.actor.get_cell()
    }

    /// Sends `body` when `at` has come; abort the handle to forget it.
    pub(super) fn send_at(&self, at: crate::domain::time::Timestamp, body: M) -> tokio::task::AbortHandle {
        let address = self.clone();
        let sleep = async move {
            let _busy = address.clock.sleep_until(at).await;
            address.send(body);
        };
        tokio::spawn(sleep).abort_handle()
    }
}

struct Shell<H>(std::marker::PhantomData<fn() -> H>);

struct Inside<H: Handler> {
    handler: H,
    pulse: Arc<Pulse>,
    me: Address<H::Msg>,
    faults: Faults,
}

impl<H: Handler> Actor for Shell<H> {
    type Msg = Mail<H::Msg>;
    type State = Inside<H>;
    type Arguments = (H, Arc<Pulse>, Clock, Faults, Arc<AtomicUsize>);

    async fn pre_start(
        &self,
        actor: ActorRef<Self::Msg>,
        (handler, pulse, clock, faults, queued): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(Inside { handler, pulse, me: Address { actor, clock, queued }, faults })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        mail: Self::Msg,
        inside: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let _beat = inside.pulse.beat();
        inside.faults.strike(&inside.pulse.role).await;
        let Mail { body, _busy, queued } = mail;
        drop(queued);
        let handled = pulse::own(&inside.pulse, inside.handler.handle(&inside.me, body)).await;
        handled.map_err(|crash| ActorProcessingErr::from(crash.0))
    }
}

/// Starts an actor under `supervisor`, at once: messages may be sent before it runs.
pub(super) fn spawn<H: Handler>(
    handler: H,
    role: Role,
    supervisor: &ActorCell,
    tree: &super::tree::Tree,
) -> Result<Address<H::Msg>, Crash> {
    let _core = tree.core.enter();
    let pulse = tree.pulses.add(role);
    let queued = tree.queued.clone();
    let arguments = (handler, pulse.clone(), tree.clock.clone(), tree.faults.clone(), queued.clone());
    let shell = Shell(std::marker::PhantomData);
    let (actor, _) = ActorRuntime::spawn_linked_instant(None, shell, arguments, supervisor.clone())
        .map_err(|e| Crash(e.to_string()))?;
    pulse.belongs_to(actor.get_cell());
    Ok(Address { actor, clock: tree.clock.clone(), queued })
}
