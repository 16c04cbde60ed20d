//! Erasing a customer while everything runs: after it, nothing of theirs opens, stands in a file, or is
//! remembered by anybody in this process.
//!
//! ```text
//! listed   who is being erased, on disk: whatever ends the process, the next start goes on
//! keys     overwritten; from here on nothing is sealed or opened for them, and no message goes out
//! memory   the store's states, the actors of their tickets, the feed's frames
//! mailbox  their lines; one that comes late is not put in any more
//! indexes  the look-up hashes, after the snapshots have caught up
//! done     taken off the list
//! ```
//! Each step may be repeated. Must never: ask whether somebody may be erased; that is decided before.

use super::{Failure, Service, reply::Reply, ticket};
use crate::{
    domain::ids::PersonId,
    notify::Desk,
    storage::{Erasing, Fault, Store},
};
use std::time::Duration;

/// How long an actor may take to forget: one that does not is replaced by the sentinel.
const PATIENCE: Duration = Duration::from_secs(15);

impl Service {
    /// Erases these people for good; how many messages went out of the mailbox. On disk when it returns.
    pub async fn erase(&self, erasing: Erasing) -> Result<usize, Failure> {
        let tree = self.tree();
        let _alone = tree.erasing.lock().await;
        let store = tree.store.clone();
        let erasing = off_runtime(move || begin(&store, erasing)).await??;
        for number in &erasing.tickets {
            let Some(actor) = tree.tickets.running(number) else { continue };
            let (reply, forgotten) = Reply::channel();
            actor.send(ticket::Msg::Forget(reply));
            // An actor that dies instead forgets too.
            let late = || Failure::Fault("an actor does not answer; what is left is erased by a repeat".into());
            tokio::time::timeout(PATIENCE, forgotten).await.map_err(|_| late())?.ok();
        }
        super::feed::forget(tree).await;
        let (store, desk) = (tree.store.clone(), self.desk().clone());
        Ok(off_runtime(move || settle(&store, &desk, &erasing)).await??)
    }
}

/// Goes on with an erasure that a crash cut short. To be called before anything reads the store.
pub fn finish(store: &Store, desk: &Desk) -> Result<(), Fault> {
    let Some(erasing) = store.pending_erasure()? else { return Ok(()) };
    tracing::warn!(tickets = erasing.tickets.len(), "an erasure was cut short: it is finished now");
    let erasing = begin(store, erasing)?;
    settle(store, desk, &erasing).map(drop)
}

fn begin(store: &Store, erasing: Erasing) -> Result<Erasing, Fault> {
    let erasing = store.begin_erasure(erasing)?;
    let people = people(&erasing);
    store.erase_keys(&people)?;
    store.forget(&people)?;
    Ok(erasing)
}

fn settle(store: &Store, desk: &Desk, erasing: &Erasing) -> Result<usize, Fault> {
    let people = people(erasing);
    // Once more: an actor that had not forgotten yet may have told what it remembered.
    store.forget(&people)?;
    let tickets: Vec<_> = erasing.tickets.iter().copied().collect();
    let mailbox = |error: std::io::Error| Fault { what: error.to_string(), place: "mailbox".into() };
    let lines = desk.forget(&tickets).map_err(mailbox)?;
    store.flush()?;
    store.forget_contacts(&people)?;
    store.end_erasure()?;
    Ok(lines)
}

fn people(erasing: &Erasing) -> Vec<PersonId> {
    erasing.people.iter().copied().collect()
}

/// Waits for disks and for the mailbox's thread somewhere else (P9).
async fn off_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::Fault(error.to_string()))
}
