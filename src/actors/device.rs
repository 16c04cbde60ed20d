//! Experts' devices that are connected right now: where pushes go. A door (or a simulated phone)
//! connects one and must answer each push with a receipt.

use crate::domain::{
    ids::{DeliveryNo, ExpertId, OfferNo, TicketNumber, Version, VisitNo},
    ticket::DeliveryKind,
    time::Timestamp,
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tokio::sync::{mpsc, watch};

/// One delivery to an expert's app; repeated until its receipt came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    pub ticket: TicketNumber,
    pub delivery: DeliveryNo,
    pub kind: DeliveryKind,
    pub visit: VisitNo,
    pub offer: OfferNo,
    pub expires_at: Option<Timestamp>,
}

/// The receiving end of a connection; dropping it disconnects.
pub type Device = mpsc::Receiver<Push>;

/// Pushes a device may be behind before it counts as disconnected.
const MAILBOX: usize = 64;

#[derive(Default)]
pub(super) struct Devices {
    connected: Mutex<HashMap<ExpertId, mpsc::Sender<Push>>>,
    /// Who wants to know when a route changes: as many as have a channel open.
    routes: Mutex<HashMap<ExpertId, watch::Sender<Version>>>,
}

impl Devices {
    /// A later connection of the same expert replaces the earlier one.
    pub(super) fn connect(&self, expert: ExpertId) -> Device {
        let (sender, device) = mpsc::channel(MAILBOX);
        self.lock().insert(expert, sender);
        device
    }

    /// Changes with each version of the expert's route, for as long as somebody holds it.
    pub(super) fn watch_route(&self, expert: &ExpertId) -> watch::Receiver<Version> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.retain(|_, watched| watched.receiver_count() > 0);
        routes.entry(expert.clone()).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    pub(super) fn route_changed(&self, expert: &ExpertId, version: Version) {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watched) = routes.get(expert) {
            watched.send_replace(version);
        }
    }

    pub(super) fn disconnect(&self, expert: &ExpertId) {
        self.lock().remove(expert);
    }

    pub(super) fn len(&self) -> usize {
        self.lock().values().filter(|sender| !sender.is_closed()).count()
    }

    pub(super) fn online(&self, expert: &ExpertId) -> bool {
        self.lock().get(expert).is_some_and(|sender| !sender.is_closed())
    }

    /// False when no device is connected or it does not keep up.
    pub(super) fn push(&self, expert: &ExpertId, push: Push) -> bool {
        self.lock().get(expert).is_some_and(|sender| sender.try_send(push).is_ok())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ExpertId, mpsc::Sender<Push>>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
