//! The fault switch of the panic storm: with the `faults` feature, actors panic at random before they
//! handle a message. Without the feature it is nothing.

use super::pulse::Role;

#[cfg(not(feature = "faults"))]
pub(super) fn strike(_: &Role) {}

#[cfg(feature = "faults")]
pub(super) use storm::strike;
#[cfg(feature = "faults")]
pub use storm::{Storm, storm};

#[cfg(feature = "faults")]
mod storm {
    use super::Role;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Panics still owed, by kind of actor: each message of that kind takes one, if there is one.
    static OWED: [AtomicU64; 3] = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];
    static STRUCK: AtomicU64 = AtomicU64::new(0);

    /// Which actors are to panic.
    #[derive(Clone, Copy, Debug)]
    pub enum Storm {
        Ticket = 0,
        Expert = 1,
        Dispatcher = 2,
    }

    /// Lets the next `count` messages of this kind of actor panic. Returns how many have so far.
    pub fn storm(kind: Storm, count: u64) -> u64 {
        OWED[kind as usize].fetch_add(count, Ordering::Relaxed);
        STRUCK.load(Ordering::Relaxed)
    }

    #[allow(clippy::panic, reason = "panicking is what it is for")]
    pub(in crate::actors) fn strike(role: &Role) {
        let kind = match role {
            Role::Ticket(_) => Storm::Ticket,
            Role::Expert(_) => Storm::Expert,
            Role::Dispatcher(_) => Storm::Dispatcher,
            Role::Timers(_) | Role::Outbox => return,
        };
        let owed = &OWED[kind as usize];
        if owed.load(Ordering::Relaxed) == 0 {
            return;
        }
        let take = owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if take.is_ok() {
            STRUCK.fetch_add(1, Ordering::Relaxed);
            panic!("the storm struck {role}");
        }
    }
}
