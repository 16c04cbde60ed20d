//! Folding events into the state. Never fails, never looks outside.

use super::{Opened, Ticket, TicketEvent};

impl Ticket {
    /// The state right after `Opened`, version 1.
    #[must_use]
    pub fn opened(_opened: &Opened) -> Self {
        todo!("ticket helper")
    }

    pub fn apply(&mut self, _event: &TicketEvent) {
        todo!("ticket helper")
    }
}
