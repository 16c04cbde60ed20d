//! The command line.

pub mod board;
pub mod replay;
