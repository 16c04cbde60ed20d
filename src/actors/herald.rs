//! Carries committed states to whoever keeps them in memory. It hears every commit from the store,
//! after the fsync and whether or not the committing actor is still alive; so delivery may repeat or
//! come late, and nothing breaks: receivers ignore what is older than what they know.

use super::{region, timers, tree::Tree};
use crate::domain::fact::State;
use std::sync::Arc;

/// To be called with the states of each commit, in order.
pub(super) fn tell(tree: &Arc<Tree>, state: &State) {
    match state {
        State::Ticket(ticket) => {
            if let Some(handle) = tree.region(&ticket.region) {
                handle.timers.send(timers::Msg::Ticket(ticket.clone()));
                handle.dispatcher.send(region::Msg::Ticket(ticket.clone()));
            }
        }
        State::Route(route) => {
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
