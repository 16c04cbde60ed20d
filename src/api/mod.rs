//! Wire types, shared by the doors: what JSON comes in, checked; what JSON goes out. Not the domain's
//! types, so that either can change without the other. Knows neither HTTP nor the command line.

pub mod answers;
pub mod catalogue;
pub mod channel;
pub mod commands;
pub mod customer;
pub mod decision;
pub mod expert;
pub mod feed;
pub mod fields;
pub mod inquiry;
pub mod insight;
pub mod json;
pub mod messages;
pub mod new_ticket;
pub mod orders;
pub mod outbox;
pub mod people;
pub mod problem;
pub mod region;
pub mod region_settings;
pub mod route;
pub mod schema;
pub mod shortage;
pub mod show;
pub mod ticket;
pub mod timeline;
pub mod words;

pub use fields::{Fields, read_object};
pub use json::Json;
pub use problem::{FieldProblem, Problem};
pub use ticket::{TicketView, Viewer};
