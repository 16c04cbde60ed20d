//! Whom regions ask that drive by a server: `[travel]` of the settings, and whether it holds. The operator's alone: a
//! region says that it drives by the server, never which.

use super::notify::is_url;
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TravelSettings {
    /// An OSRM-compatible server; absent: regions that drive by one travel by great circle.
    pub server: Option<String>,
    /// How long one answer may take, all its calls together, seconds.
    pub patience_s: u64,
    /// Coordinates of one call: the server's `--max-table-size`.
    pub coordinates: usize,
}

impl TravelSettings {
    /// What does not hold, all of it.
    #[must_use]
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.server.as_deref().is_none_or(is_url) {
            problems.push("travel.server must be a URL like http://127.0.0.1:5000".to_owned());
        }
        if !(1..=60).contains(&self.patience_s) {
            problems.push(format!("travel.patience_s must be 1 to 60, not {}", self.patience_s));
        }
        if !(2..=10_000).contains(&self.coordinates) {
            problems.push(format!("travel.coordinates must be 2 to 10000, not {}", self.coordinates));
        }
        problems
    }
}
