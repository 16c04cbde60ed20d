//! Carries committed states to whoever keeps them in memory. It hears every commit from the store,
//! after the fsync and whether or not the committing actor is still alive; so delivery may repeat or
//! come late, and nothing breaks: receivers ignore what is older than what they know.

use super::{drives, region, timers, tree::Tree};
use crate::domain::fact::State;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak, atomic::Ordering, mpsc::Receiver},
    time::Duration,
};

/// So many states in one commit are a flood: news of them wait a moment for more, so that an actor
/// wakes once for several tickets and not for each.
const FLOOD: usize = 12;
const FLOOD_PAUSE: Duration = Duration::from_millis(8);

/// The herald's thread: tells what it hears until nobody is left to tell or to hear.
#[allow(clippy::disallowed_methods, reason = "a thread outside all runtimes has no other way to wait")]
pub(super) fn carry(tree: &Weak<Tree>, heard: &Receiver<Vec<State>>) {
    while let Ok(mut states) = heard.recv() {
        if states.len() >= FLOOD {
            std::thread::sleep(FLOOD_PAUSE);
            states.extend(heard.try_iter().flatten());
        }
        let Some(tree) = tree.upgrade() else { return };
        for state in &states {
            if catch_unwind(AssertUnwindSafe(|| tell(&tree, state))).is_err() {
                tracing::error!("news of a commit could not be told: whoever needs them reads the store");
            }
        }
        tree.behind.fetch_sub(states.len(), Ordering::Relaxed);
    }
}

/// To be called with the states of each commit, in order.
pub(super) fn tell(tree: &Arc<Tree>, state: &State) {
    let later = drives::hear(tree, state);
    match state {
        State::Ticket(ticket) => {
            tree.owed.note(ticket);
            if let Some(handle) = tree.region(&ticket.region) {
                handle.timers.send(timers::Msg::Ticket(ticket.clone()));
                if !later {
                    handle.dispatcher.send(region::Msg::Ticket(ticket.clone()));
                }
            }
        }
        State::Route(route) => {
            tree.devices.route_changed(&route.expert, route.version);
            if let Some(handle) = tree.region(&route.region) {
                handle.dispatcher.send(region::Msg::Route(route.clone()));
            }
        }
        State::Expert(profile) => {
            if let Some(handle) = tree.region(&profile.region) {
                handle.dispatcher.send(region::Msg::Expert(profile.clone()));
            }
        }
        State::Region(region) => {
            tree.atlas.outdated();
            match tree.region(&region.id) {
                Some(handle) => {
                    handle.dispatcher.send(region::Msg::Region(region.clone()));
                }
                None => super::regions::start(tree, &region.id),
            }
        }
        State::Catalogue(_) => {}
    }
}
