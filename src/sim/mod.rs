//! The simulation: experts who act by rules drawn from a seed, a generated city, and the conductor
//! that plays days of requests through the real tree.
//!
//! Must hold: two runs of one seed on virtual time give the same journal, to the byte. Never:
//! anything of its own that decides about a ticket; it only does what people do.

mod behaviour;
mod chance;
mod city;
mod conductor;
mod hindsight;
mod kpi;
mod phone;
mod replay;
mod roster;

pub use behaviour::{Answer, Behaviour, Course, Habits, Planned, Quantiles, quantile};
pub use chance::Chance;
pub use city::City;
pub use conductor::{Arrival, Conductor, Counter, Entering, Played, Stopped};
pub use hindsight::{Hindsight, hindsight};
pub use kpi::{AtEnd, Kpis, Ledger, Middle, Spread};
pub use phone::{Agenda, Deed, Phone};
pub use replay::{Replay, ReplayError, Replayed, Scratch, furnish, phones, playable, replay};
pub use roster::{Demand, generate as generate_experts};
