//! The promises (P1 to P10) on the real tree over a real store, in this process: dispatch on virtual
//! and on the machine's time, frozen actors, the panic storm, and a test for each deliberate fault.

#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

#[path = "promises/afterwards.rs"]
mod afterwards;
#[path = "promises/contained.rs"]
mod contained;
#[path = "promises/dispatch.rs"]
mod dispatch;
#[path = "promises/erasure.rs"]
mod erasure;
#[path = "promises/events.rs"]
mod events;
#[path = "promises/feed.rs"]
mod feed;
#[path = "promises/messages.rs"]
mod messages;
#[path = "promises/planner.rs"]
mod planner;
#[path = "promises/roads.rs"]
mod roads;
#[path = "promises/sabotage.rs"]
mod sabotage;
#[path = "promises/servers.rs"]
mod servers;
#[path = "promises/shortage.rs"]
mod shortage;
#[path = "promises/storm.rs"]
mod storm;
