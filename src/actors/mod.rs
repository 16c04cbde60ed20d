//! The running tree: the only place that spawns. Doors talk to it through [`Service`], one handle.
//!
//! ```text
//! root -- tickets      one actor per live ticket, on demand; quarantine
//!      |- experts      one actor per expert, on demand
//!      |- regions      dispatcher + timers for each; parked when they keep crashing
//!      |- outbox       deliveries
//!      `- sentinel, herald, watchdog
//! ```
//! Messages flow one way: a door asks a ticket's actor; it decides and commits; the herald, who hears
//! every commit, tells dispatchers, timers and experts; a dispatcher asks experts for bids and
//! commands tickets. Nobody waits for a sibling, every wait has a deadline, and no actor owns anything
//! that a restart loses.

mod assign;
mod caller;
mod clock;
mod deadlines;
mod device;
mod drives;
mod episodes;
mod erasure;
mod expert;
mod failure;
mod faults;
pub mod feed;
mod herald;
mod inquiry;
mod intake;
mod locate;
mod messages;
mod outbox;
mod owed;
mod pace;
mod positions;
mod post;
mod presence;
mod pulse;
mod region;
mod regions;
mod reply;
mod roster;
mod sentinel;
mod service;
mod shell;
mod shortage;
mod supervise;
mod ticket;
mod tickets;
mod timers;
mod tree;

pub use caller::Caller;
pub use clock::Clock;
pub use device::{Device, Push};
pub use erasure::finish as finish_erasure;
pub use failure::Failure;
#[cfg(feature = "faults")]
pub use faults::{Faults, Freeze, Kind};
pub use inquiry::{Asked, Chosen, Verdict, WhyNot};
pub use messages::Report;
pub use roster::NO_REGION;
pub use sentinel::{Heartbeat, watchdog};
pub use service::{Opened, Readiness, Service, ServiceOptions, Unready, ZipLookup};
