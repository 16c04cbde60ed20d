//! Callout routes problem tickets to field experts: an accepted ticket is never lost, the right
//! expert comes, and anyone can find out why. Start reading at `docs/ARCHITECTURE.md`.

pub mod access_log;
pub mod accounts;
pub mod actors;
pub mod api;
pub mod app;
pub mod bench;
pub mod cli;
pub mod customers;
pub mod domain;
pub mod dossier;
pub mod http;
pub mod import;
pub mod load;
pub mod notify;
pub mod objectives;
pub mod plans;
pub mod routing;
pub mod settings;
pub mod sim;
pub mod storage;
pub mod telemetry;
pub mod tls;
pub mod tokens;
pub mod travel;
