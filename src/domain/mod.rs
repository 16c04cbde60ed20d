//! The domain: tickets, experts, routes, regions, and the rules about them. Pure: no async, no I/O,
//! no clock, no chance. Time, ids and randomness are arguments, so a replay repeats to the byte.

pub mod breaker;
pub mod calendar;
pub mod catalogue;
pub mod decision;
pub mod drafts;
pub mod envelope;
pub mod expert;
pub mod fact;
pub mod fix;
pub mod hours;
pub mod ids;
pub mod intake;
pub mod invariants;
pub mod language;
pub mod network;
pub mod number;
pub mod person;
pub mod place;
pub mod quiet;
pub mod region;
pub mod route;
pub mod settings;
pub mod shift;
pub mod shortage;
pub mod skill;
pub mod text;
pub mod ticket;
pub mod time;
