//! The fault switches of the storm and freeze tests: with the `faults` feature, actors of one tree panic,
//! hang or block before they handle a message. Without the feature they are nothing.

use super::pulse::Role;
use crate::domain::ids::RegionId;

#[cfg(not(feature = "faults"))]
#[derive(Clone, Default)]
pub(super) struct Faults(());

#[cfg(not(feature = "faults"))]
impl Faults {
    #[allow(clippy::unused_async, clippy::unused_self, reason = "the shape of the one that does something")]
    pub(super) async fn strike(&self, _: &Role) {}

    #[allow(clippy::unused_self, reason = "the shape of the one that does something")]
    pub(super) fn strike_planner(&self, _: &RegionId) {}
}

#[cfg(feature = "faults")]
pub use switches::{Faults, Freeze, Kind};

#[cfg(feature = "faults")]
mod switches {
    use super::{RegionId, Role};
    use std::{
        collections::BTreeMap,
        sync::{
            Arc, Mutex, PoisonError,
            atomic::{AtomicU64, Ordering},
        },
    };

    /// What is to go wrong in one tree. Cheap to clone; all clones are one.
    #[derive(Clone, Default)]
    pub struct Faults(Arc<Switches>);

    #[derive(Default)]
    struct Switches {
        /// Panics still owed, by kind of actor: each message of that kind takes one, if there is one.
        owed: [AtomicU64; 4],
        struck: AtomicU64,
        /// By an actor's name ("ticket A1-...", "dispatcher of north"): met once, by its next message.
        freezes: Mutex<BTreeMap<String, Freeze>>,
        frozen: AtomicU64,
    }

    /// Which actors are to panic.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Kind {
        Ticket = 0,
        Expert = 1,
        Dispatcher = 2,
        /// Who plans aside for a dispatcher.
        Planner = 3,
    }

    /// How an actor stops answering.
    #[derive(Clone, Debug)]
    pub enum Freeze {
        /// Awaits what never comes.
        Await,
        /// Blocks its thread until the mutex is free.
        Block(Arc<Mutex<()>>),
    }

    impl Faults {
        /// Lets the next `count` messages of this kind of actor panic.
        pub fn panic_next(&self, kind: Kind, count: u64) {
            self.0.owed[kind as usize].fetch_add(count, Ordering::Relaxed);
        }

        /// Panics that no actor of this kind has met yet.
        #[must_use]
        pub fn owed(&self, kind: Kind) -> u64 {
            self.0.owed[kind as usize].load(Ordering::Relaxed)
        }

        /// Forgives the panics that were not due yet.
        pub fn calm(&self) {
            self.0.owed.iter().for_each(|owed| owed.store(0, Ordering::Relaxed));
        }

        /// Panics so far.
        #[must_use]
        pub fn struck(&self) -> u64 {
            self.0.struck.load(Ordering::Relaxed)
        }

        /// The next message of the actor with this name finds it frozen.
        pub fn freeze(&self, actor: &str, how: Freeze) {
            let mut freezes = self.0.freezes.lock().unwrap_or_else(PoisonError::into_inner);
            freezes.insert(actor.to_owned(), how);
            self.0.frozen.store(freezes.len() as u64, Ordering::Release);
        }

        /// Freezes that nobody met yet.
        #[must_use]
        pub fn unmet(&self) -> u64 {
            self.0.frozen.load(Ordering::Acquire)
        }

        pub(in crate::actors) async fn strike(&self, role: &Role) {
            self.panic_if_owed(role);
            if self.unmet() == 0 {
                return;
            }
            match self.take_freeze(&role.to_string()) {
                None => {}
                Some(Freeze::Await) => std::future::pending().await,
                Some(Freeze::Block(until)) => drop(until.lock().unwrap_or_else(PoisonError::into_inner)),
            }
        }

        /// A planner is "planner of north" to those who freeze it.
        pub(in crate::actors) fn strike_planner(&self, region: &RegionId) {
            let planner = format!("planner of {region}");
            self.panic_once(Kind::Planner, &planner);
            match self.take_freeze(&planner) {
                None | Some(Freeze::Await) => {}
                Some(Freeze::Block(until)) => drop(until.lock().unwrap_or_else(PoisonError::into_inner)),
            }
        }

        fn take_freeze(&self, actor: &str) -> Option<Freeze> {
            let mut freezes = self.0.freezes.lock().unwrap_or_else(PoisonError::into_inner);
            let freeze = freezes.remove(actor);
            self.0.frozen.store(freezes.len() as u64, Ordering::Release);
            freeze
        }

        fn panic_if_owed(&self, role: &Role) {
            let kind = match role {
                Role::Ticket(_) => Kind::Ticket,
                Role::Expert(_) => Kind::Expert,
                Role::Dispatcher(_) => Kind::Dispatcher,
                Role::Timers(_) | Role::Outbox => return,
            };
            self.panic_once(kind, &role.to_string());
        }

        #[allow(clippy::panic, reason = "panicking is what it is for")]
        fn panic_once(&self, kind: Kind, actor: &str) {
            let owed = &self.0.owed[kind as usize];
            let take = owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if take.is_ok() {
                self.0.struck.fetch_add(1, Ordering::Relaxed);
                panic!("the storm struck {actor}");
            }
        }
    }
}
