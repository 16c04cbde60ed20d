//! What live sessions ask of the service: an expert's device and where it is, what it is owed, the feed.
//! None of it touches the journal.

use super::{
    Device,
    feed::{self, Filter, Subscription},
    positions,
    service::Service,
};
use crate::{
    api::feed::Position,
    domain::{
        fix::{Fix, Unlikely},
        ids::{ExpertId, TicketNumber, Version},
        place::Place,
        region::Region,
        ticket::{Step, Ticket},
        time::Timestamp,
    },
    routing,
};
use std::sync::Arc;
use tokio::sync::watch;

impl Service {
    /// Connects an expert's device: pushes arrive there. A second connection replaces the first.
    #[must_use]
    pub fn connect(&self, expert: &ExpertId) -> Device {
        self.tree().devices.connect(expert.clone())
    }

    /// Changes with each version of the expert's route.
    #[must_use]
    pub fn watch_route(&self, expert: &ExpertId) -> watch::Receiver<Version> {
        self.tree().devices.watch_route(expert)
    }

    /// Tickets that owe an expert's app a delivery, in their route or not.
    #[must_use]
    pub fn owes(&self, expert: &ExpertId) -> Vec<TicketNumber> {
        self.tree().owed.to(expert)
    }

    pub fn disconnect(&self, expert: &ExpertId) {
        self.tree().devices.disconnect(expert);
    }

    #[must_use]
    pub fn online(&self, expert: &ExpertId) -> bool {
        self.tree().devices.online(expert)
    }

    /// Subscribes to the live feed: all that passes `filter` after a position, or from now on.
    /// None: the feed cannot be started.
    #[must_use]
    pub fn subscribe(&self, filter: Filter, after: Option<Position>) -> Option<Subscription> {
        feed::subscribe(self.tree(), filter, after)
    }

    /// The feed's position at the journal's end.
    #[must_use]
    pub fn feed_position(&self) -> Position {
        feed::position(self.tree())
    }

    /// Where an expert's phone says it is (in memory, not journalled).
    pub fn report(&self, expert: &ExpertId, fix: Fix) -> Result<(), Unlikely> {
        self.tree().positions.report(expert, fix, self.tree().clock.now())?;
        positions::compare(self.tree(), expert);
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
        let (fix, place, region) = self.under_way(ticket)?;
        let square = self.tree().square(&region);
        let drives = self.tree().drives(&region, square.as_deref());
        routing::eta(&fix, place, ticket.window, drives, self.tree().clock.now())
    }

    /// The way that whoever is on the way has before them, and when they pass each of its places if they drove on
    /// since their phone last said where they are. None: nobody is on the way, or nobody knows where. It searches the
    /// roads: not for an async thread.
    #[must_use]
    pub fn course(&self, ticket: &Ticket) -> Option<Vec<(Place, Timestamp)>> {
        let (fix, place, region) = self.under_way(ticket)?;
        let square = self.tree().square(&region);
        routing::course(&fix, place, self.tree().drives(&region, square.as_deref()), self.tree().clock.now())
    }

    /// Where the phone of whoever is on the way is, where they go, and the region that reckons.
    fn under_way(&self, ticket: &Ticket) -> Option<(Fix, Place, Arc<Region>)> {
        let expert = ticket.visit.expert.as_ref().filter(|_| ticket.step == Some(Step::EnRoute))?;
        let (fix, place) = (self.position_of(expert)?, ticket.personal.known()?.place?);
        Some((fix, place, self.tree().store.region(&ticket.region)?))
    }
}
