//! What is held about one customer: found by what they say of themselves, and put together for them. A desk
//! that only reads; erasing is the service's (`actors/erasure.rs`).
//!
//! Each ticket has a key of its own, so a customer is the set of their tickets, open and ended. Must hold:
//! nobody else's ticket gets into the set: one that another customer's id stands on is named as shared and
//! left alone. Must never: put what was searched by into a log or an error.

mod export;
mod find;

pub use export::{Beside, export};
pub use find::{Forms, Held, Named, Several, find, find_since};
