//! The simulation: experts who act by rules drawn from a seed, a generated city, and the conductor
//! that plays days of requests through the real tree.
//!
//! Must hold: two runs of one seed on virtual time give the same journal, to the byte. Never:
//! anything of its own that decides about a ticket; it only does what people do.

mod behaviour;
mod chance;
mod conductor;
mod phone;

pub use behaviour::{Answer, Behaviour, Course, Habits, Planned, Quantiles, quantile};
pub use chance::Chance;
pub use conductor::{Arrival, Conductor, Played, Stopped};
pub use phone::{Agenda, Deed, Phone};
