//! How a row is printed, and the arithmetic of samples.

use serde_json::{Value, json};
use std::time::Duration;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) figure: &'static str,
    /// Milliseconds, MiB, ..: the figure's own unit, said in its name.
    pub(crate) value: f64,
    /// What it stands beside, and that one's figure.
    pub(crate) against: Option<(&'static str, f64)>,
    pub(crate) to_reach: &'static str,
    /// Everything else that was measured on the way.
    pub(crate) detail: Value,
}

impl Row {
    /// To stdout: a line of JSON for machines, a line of the table for people.
    pub(crate) fn print(&self) {
        let ratio = self.against.map(|(_, figure)| self.value / figure);
        let line = json!({
            "row": self.figure, "value": rounded(self.value), "to_reach": self.to_reach,
            "against": self.against.map(|(what, _)| what), "ceiling": self.against.map(|(_, figure)| rounded(figure)),
            "ratio": ratio.map(rounded), "detail": self.detail,
        });
        println!("{line}");
        let against = self.against.map_or("–".to_owned(), |(what, figure)| format!("{} ({what})", shown(figure)));
        let ratio = ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        println!("| {} | {} | {against} | {ratio} | {} |", self.figure, shown(self.value), self.to_reach);
    }
}

/// Durations of one kind of thing, in milliseconds.
#[derive(Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1_000.0);
    }

    /// The value that a share `q` of all does not exceed; 0 without any.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = ((sorted.len() as f64 * q).ceil() as usize).clamp(1, sorted.len().max(1));
        sorted.get(rank - 1).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(crate) fn json(&self) -> Value {
        let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|q| rounded(self.quantile(q)));
        json!({ "count": self.0.len(), "p50": p50, "p90": p90, "p99": p99, "max": max })
    }
}

pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
