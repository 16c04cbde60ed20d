//! Callout routes problem tickets to field experts: an accepted ticket is never lost, the right
//! expert comes, and anyone can find out why. Start reading at `docs/ARCHITECTURE.md`.

pub mod actors;
pub mod bench;
pub mod cli;
pub mod domain;
pub mod import;
pub mod routing;
pub mod sim;
pub mod storage;
