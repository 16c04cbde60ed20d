//! A call's place among those under way. While its body is still on its way it gives the place back and stands
//! among those who wait for bodies instead: whoever sends slowly keeps nobody out who does not.
//!
//! Must hold: all of these bounds are the whole door's, and callers without a token have one of their own.

use super::{Context, answer::Refused, edge::overload};
use crate::settings::limits;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Who waits for bodies.
pub(super) struct Bodies {
    known: Semaphore,
    strangers: Semaphore,
}

impl Bodies {
    pub(super) fn new() -> Self {
        Self { known: Semaphore::new(limits::BODIES), strangers: Semaphore::new(limits::OPEN_BODIES) }
    }

    /// How many bodies are waited for.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let free = self.known.available_permits() + self.strangers.available_permits();
        limits::BODIES + limits::OPEN_BODIES - free
    }
}

pub(super) struct Place {
    shared: Context,
    held: AtomicBool,
}

/// A stand among those who wait for bodies, and how long.
pub(super) struct Waiting<'a> {
    place: &'a Place,
    _stand: SemaphorePermit<'a>,
    pub(super) patience: Duration,
}

impl Place {
    /// None: there is none left.
    pub(super) fn take(shared: &Context) -> Option<Arc<Self>> {
        let place = Self { shared: shared.clone(), held: AtomicBool::new(false) };
        place.enter().then(|| Arc::new(place))
    }

    fn shed(&self) -> Refused {
        self.shared.meters.http_shed.add(1);
        overload().into()
    }

    fn enter(&self) -> bool {
        let Ok(permit) = self.shared.permits.try_acquire() else { return false };
        permit.forget();
        self.held.store(true, Ordering::Relaxed);
        true
    }

    pub(super) fn leave(&self) {
        if self.held.swap(false, Ordering::Relaxed) {
            self.shared.permits.add_permits(1);
        }
    }

    /// The body is not there yet. `known`: a token let the call in.
    pub(super) fn wait(&self, known: bool) -> Result<Waiting<'_>, Refused> {
        let bodies = &self.shared.bodies;
        let (stands, patience) =
            if known { (&bodies.known, limits::BODY) } else { (&bodies.strangers, limits::OPEN_BODY) };
        let stand = stands.try_acquire().map_err(|_| self.shed())?;
        self.leave();
        Ok(Waiting { place: self, _stand: stand, patience })
    }
}

impl Waiting<'_> {
    /// The body is there: back among the calls under way, if there is room.
    pub(super) fn over(self) -> Result<(), Refused> {
        if self.place.enter() { Ok(()) } else { Err(self.place.shed()) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}
