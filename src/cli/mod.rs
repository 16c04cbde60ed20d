//! The command line.

pub mod board;
pub mod demo;
pub mod replay;
