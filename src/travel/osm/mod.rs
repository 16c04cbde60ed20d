//! OpenStreetMap extracts (`.osm.pbf`) become a road network for cars.
//!
//! ```text
//! extract   the bytes: car ways, their nodes, restrictions   profile   what tags mean for a car
//! streets   ways cut into streets, turns banned
//! ```
//!
//! Must hold: a file that is no extract, is empty, cut or without roads is an error that says so. What one
//! way or restriction lacks is counted in the report, and the rest is used.

mod extract;
mod profile;
mod streets;

#[cfg(test)]
mod tests;

use crate::routing::roads::{Network, NetworkError};
use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
};

/// Why a file gives no road network.
#[derive(Debug, thiserror::Error)]
pub enum OsmError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is empty")]
    Empty,
    #[error("is no OpenStreetMap extract in PBF form (.osm.pbf)")]
    NotPbf,
    #[error("needs a reader that understands {0}")]
    Feature(String),
    #[error("is cut: of {of} bytes only {at} are whole blocks")]
    Cut { at: u64, of: u64 },
    #[error("is damaged behind byte {at}: {why}")]
    Damaged { at: u64, why: String },
    #[error("has no roads for cars: {0}")]
    NoRoads(NetworkError),
}

/// What the reader is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bytes read, of how many.
    Ways,
    Nodes,
    /// Nodes contracted, of how many.
    Contraction,
}

/// Hears how far a stage is, and of how much.
pub type Progress<'a> = &'a mut dyn FnMut(Stage, u64, u64);

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct OsmReport {
    /// Ways that a car may use.
    pub ways: u64,
    pub ferries: u64,
    pub junctions: u64,
    pub streets: u64,
    pub km: u64,
    /// Pairs of streets between which one may not turn.
    pub bans: u64,
    /// Restrictions that were left out: over a way, or not of three members.
    pub not_understood: u64,
    /// Nodes that ways name and the file does not have: where an extract ends, or a file was cut.
    pub missing_nodes: u64,
}

/// Reads a file.
pub fn read_file(path: &Path, progress: Progress<'_>) -> Result<(Network, OsmReport), OsmError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    read(file, metadata.len(), progress)
}

/// Reads `total` bytes.
pub fn read(
    file: impl Read + Seek + Send,
    total: u64,
    progress: Progress<'_>,
) -> Result<(Network, OsmReport), OsmError> {
    let extract = extract::extract(file, total, progress)?;
    let (network, report) = streets::streets(&extract);
    network.check().map_err(OsmError::NoRoads)?;
    Ok((network, report))
}
