//! Files become checked domain inputs: regions, experts, tickets, ZIP centroids.
//!
//! Owns the file formats, what is forgiven in them and what is not. Each reader yields drafts one by
//! one and a [`Report`] that names every row it refused or mended; accepted plus refused is always
//! the number of rows. Nothing here commits, prints or knows who calls: the doors feed what comes
//! out to the service and draw the progress from [`Progress`]. A file that cannot be read to its
//! end is found out before its first row is handed on, so nothing is left half done.

mod crossings;
mod experts;
mod features;
mod fields;
mod places;
mod record;
mod regions;
mod report;
mod rings;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod tickets;

pub use experts::{ExpertDraft, ExpertOptions, Experts};
pub use places::{Places, ZipIndex};
pub use regions::{RegionDraft, Regions};
pub use report::{Outcome, Problem, Report};
pub use source::{Progress, Source};
pub use table::Renames;
pub use tickets::{TicketOptions, TicketRow, Tickets};

/// Why a file as a whole cannot be read. Problems of single rows are in the [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{name} cannot be read: {why}")]
    Io { name: String, why: std::io::Error },
    #[error("{name} is empty")]
    Empty { name: String },
    #[error("{name} is {what}; save it as UTF-8 text (plain, or compressed with gzip)")]
    Format { name: String, what: &'static str },
    #[error("{name} is cut short: the compressed data ends after {lines} whole lines")]
    Cut { name: String, lines: u64 },
    #[error("{name} is damaged after {lines} whole lines: {why}")]
    Damaged { name: String, lines: u64, why: String },
    #[error("{name} has no column {}; it has {}. Say which is which with --columns {}=ITS_NAME", list(.missing), list(.there), .missing.first().map_or("", String::as_str))]
    Columns { name: String, missing: Vec<String>, there: Vec<String> },
    #[error("{name} seems to be separated by {separator}; separate its columns by commas")]
    Separator { name: String, separator: &'static str },
    #[error("--columns {text}: {why}")]
    Renames { text: String, why: String },
    #[error("{name} is no GeoJSON, line {line} column {column}, after {features} features: {why}")]
    Json { name: String, line: usize, column: usize, features: u64, why: String },
    #[error("{name} holds more than {most} positions: simplify it, or import it in parts")]
    TooBig { name: String, most: usize },
}

fn list(names: &[String]) -> String {
    names.join(", ")
}

/// Bytes of one CSV field; longer ones are refused with their line and never held in memory.
const MAX_FIELD_BYTES: usize = 64 * 1024;
/// Fields of one CSV record: more is no table.
const MAX_FIELDS: usize = 1_000;
/// Characters of names, titles, address lines and external ids: what a screen line can show.
const MAX_LINE_CHARS: usize = 200;
/// Characters of a description: about three pages.
const MAX_TEXT_CHARS: usize = 8_000;
/// Skills one ticket or expert can name.
const MAX_SKILLS: usize = 32;
/// Seconds one service may take: a day.
const MAX_SERVICE_S: u32 = 86_400;
/// Positions of one GeoJSON file: about 1 GB of text; bounds the memory, eight bytes each.
const MAX_POSITIONS: usize = 40_000_000;
/// Pairs of segments compared in one region before it counts as too tangled to check.
const MAX_SEGMENT_PAIRS: u64 = 500_000_000;
/// Pairs of regions whose common area is computed; beyond it the report says that it stopped.
const MAX_OVERLAP_CHECKS: usize = 200_000;
/// Common area, as a share of the smaller region, from which an overlap is reported. Below it lie
/// the slivers along borders that were simplified one by one.
const OVERLAP_SHARE: f64 = 0.001;
