//! Where experts are: the last believable fix of each, in memory, written to disk every half minute.
//! Nothing in the journal, and no message to any actor but a look once a minute at who is on the way: a
//! thousand phones cost a map's update each.

use super::{region, service::Service, tree::Tree};
use crate::{
    domain::{
        fix::{Fix, Unlikely, Use, judge},
        ids::ExpertId,
        route::{Route, StopState},
        ticket::{Step, Ticket},
        time::Timestamp,
    },
    routing,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How often positions are written.
const WRITE: Duration = Duration::from_secs(30);
/// How often, at most, a position is held against the plan of whoever is on the way.
const LOOK_S: i64 = 60;

#[derive(Default)]
pub(super) struct Positions {
    last: Mutex<HashMap<ExpertId, Fix>>,
    /// When each was last held against the plan.
    looked: Mutex<HashMap<ExpertId, Timestamp>>,
    changed: AtomicBool,
}

impl Positions {
    pub(super) fn report(&self, expert: &ExpertId, fix: Fix, now: Timestamp) -> Result<(), Unlikely> {
        let mut last = self.lock();
        match judge(last.get(expert), &fix, now)? {
            Use::Passed => {}
            Use::Taken => {
                last.insert(expert.clone(), fix);
                self.changed.store(true, Ordering::Release);
            }
        }
        Ok(())
    }

    pub(super) fn of(&self, expert: &ExpertId) -> Option<Fix> {
        self.lock().get(expert).copied()
    }

    /// Whether it is time to look; then the next one is a minute away.
    fn look(&self, expert: &ExpertId, now: Timestamp) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.get(expert).is_none_or(|last| now.since_s(*last) >= LOOK_S);
        if due {
            looked.insert(expert.clone(), now);
        }
        due
    }

    pub(super) fn recover(&self, fixes: Vec<(ExpertId, Fix)>) {
        self.lock().extend(fixes);
    }

    /// All of them, if any is new since the last call.
    fn changed(&self) -> Option<Vec<(ExpertId, Fix)>> {
        let changed = self.changed.swap(false, Ordering::AcqRel);
        changed.then(|| self.lock().iter().map(|(expert, fix)| (expert.clone(), *fix)).collect())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ExpertId, Fix>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Where an expert's phone says it is (in memory, not journalled).
    pub fn report(&self, expert: &ExpertId, fix: Fix) -> Result<(), Unlikely> {
        self.tree().positions.report(expert, fix, self.tree().clock.now())?;
        compare(self.tree(), expert);
        Ok(())
    }

    /// The last believable position of an expert.
    #[must_use]
    pub fn position_of(&self, expert: &ExpertId) -> Option<Fix> {
        self.tree().positions.of(expert)
    }

    /// When whoever is on the way gets there, by where their phone is. None: nobody is, or nobody knows where.
    #[must_use]
    pub fn arrival(&self, ticket: &Ticket) -> Option<Timestamp> {
        let expert = ticket.visit.expert.as_ref().filter(|_| ticket.step == Some(Step::EnRoute))?;
        let (fix, place) = (self.position_of(expert)?, ticket.personal.known()?.place?);
        let region = self.tree().store.region(&ticket.region)?;
        routing::arrival(&fix, place, ticket.window, &region.settings.travel, self.tree().clock.now())
    }
}

/// After a report: whoever is on the way may be late by it, which is their dispatcher's to say.
fn compare(tree: &Tree, expert: &ExpertId) {
    let drives = |route: Arc<Route>| route.stops.iter().any(|stop| stop.state == StopState::EnRoute);
    if tree.store.route(expert).is_some_and(drives)
        && tree.positions.look(expert, tree.clock.now())
        && let Some(handle) = tree.store.expert(expert).and_then(|profile| tree.region(&profile.region))
    {
        handle.dispatcher.send(region::Msg::Drive(expert.clone()));
    }
}

/// Writes what changed, for as long as there is a tree.
#[allow(clippy::disallowed_methods, reason = "a thread outside all runtimes, in the machine's time")]
pub(super) fn keep(tree: &Weak<Tree>) {
    loop {
        std::thread::sleep(WRITE);
        let Some(tree) = tree.upgrade() else { return };
        write(&tree);
    }
}

pub(super) fn write(tree: &Tree) {
    let Some(fixes) = tree.positions.changed() else { return };
    if let Err(fault) = tree.store.keep_fixes(&fixes) {
        tracing::warn!(%fault, "the last positions were not written; the next round tries again");
        tree.positions.changed.store(true, Ordering::Release);
    }
}
