//! The desk for travel times: road networks from files, travel tables from whatever source is set.
//!
//! ```text
//! osm, road_file   an extract becomes a network, kept as a file
//! local            great circle, roads: from memory
//! osrm             an OSRM-compatible server                 guarded a breaker, and who answers instead
//! squares          what it has said of live regions' drives       networks the prepared ones of a data directory
//! ```
//!
//! Files and servers are this folder's, the graph and its searches are `routing::roads`'. Must hold: a source
//! answers all that was asked or says why not, within its patience; "no way" is an answer.

mod guarded;
mod local;
pub mod networks;
pub mod osm;
mod osrm;
pub mod road_file;
mod squares;
mod table;

#[cfg(test)]
mod tests;

pub use guarded::{Guarded, Wary};
pub use local::{GreatCircle, OnRoads};
pub use osrm::{Osrm, OsrmOptions};
pub use squares::{Learnt, Squares};
pub use table::{Origin, Table};

pub use crate::domain::hours::Hours;
use crate::domain::{place::Place, time::Timestamp};
use std::pin::Pin;

/// How far a place may be from a street that a car reaches, metres: the depth of a farm or of a works.
pub const SNAP_M: f64 = 500.0;

/// What is asked of a source.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub from: &'a [Place],
    pub to: &'a [Place],
    /// Local hour of departure, 0 to 23.
    pub hour: u8,
    pub now: Timestamp,
}

pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Table, TravelError>> + Send + 'a>>;

/// A source of travel times. Those that answer from memory compute on the caller's thread: 40 ms for a
/// thousand by a thousand places.
pub trait Travel: Send + Sync {
    fn table<'a>(&'a self, ask: Ask<'a>) -> Asked<'a>;
}

/// Why a source gave no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TravelError {
    #[error("no answer in time")]
    Timeout,
    #[error("nobody answers at its address")]
    Unreachable,
    #[error("the connection broke")]
    Broken,
    #[error("more bytes than such a table has")]
    Oversized,
    #[error("the answer is no table but something else, status {0}")]
    Unreadable(u16),
    #[error("the server refuses: {0}")]
    Refused(String),
    #[error("a table of another size than was asked for")]
    WrongSize,
    #[error("a figure that is no time or distance")]
    BadFigure,
    #[error("left alone after failures")]
    LeftAlone,
}
