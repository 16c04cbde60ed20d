//! What became of each row of a file: counts by kind, and the first problems with their lines.
//!
//! Holds: `accepted + refused rows = rows`, mended rows are accepted rows, and a refused row counts
//! once, under the first thing wrong with it, while all its problems are listed.

use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// Refused rows listed one by one; the counts go on beyond it.
const MAX_REFUSALS: usize = 1_000;
/// Mends and notes listed per kind.
const MAX_EXAMPLES: usize = 20;
/// Of which the table shows so many; the JSON has them all.
const SHOWN_EXAMPLES: usize = 3;
/// The table's width.
const COLUMNS: usize = 100;

/// What happened to the row because of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Left out.
    Refused,
    /// Taken, with something changed or dropped.
    Mended,
    /// Taken as it is; a person may want to look.
    Noted,
}

/// One thing wrong with one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line of a CSV file (the header is line 1), or number of a GeoJSON feature, from 1.
    pub line: u64,
    pub outcome: Outcome,
    pub field: &'static str,
    /// Stable code.
    pub kind: &'static str,
    pub detail: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `tickets`, `experts`, `regions` or `places`.
    pub what: &'static str,
    /// What `line` counts: `line` or `feature`.
    pub unit: &'static str,
    pub rows: u64,
    pub accepted: u64,
    /// Accepted rows in which something was mended.
    pub mended_rows: u64,
    /// Accepted mends by kind; a row may have several.
    pub mended: BTreeMap<&'static str, u64>,
    /// Refused rows by the kind of their first problem.
    pub refused: BTreeMap<&'static str, u64>,
    pub noted: BTreeMap<&'static str, u64>,
    /// Our column -> the file's, where they differ.
    pub columns: BTreeMap<&'static str, String>,
    /// Columns of the file that nothing was read from.
    pub ignored: Vec<String>,
    pub problems: Vec<Problem>,
    /// Problems counted but not listed.
    pub unlisted: u64,
    /// Listed refusals together, and mends and notes by kind.
    #[serde(skip)]
    listed: BTreeMap<(Outcome, &'static str), usize>,
}

/// What was found in one row, until it is settled.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) line: u64,
    problems: Vec<Problem>,
}

impl Findings {
    pub(super) fn new(line: u64) -> Self {
        Self { line, problems: Vec::new() }
    }

    pub(super) fn refuse(&mut self, field: &'static str, kind: &'static str, detail: impl Into<String>) {
        self.push(Outcome::Refused, field, kind, detail.into());
    }

    pub(super) fn mend(&mut self, field: &'static str, kind: &'static str, detail: impl Into<String>) {
        self.push(Outcome::Mended, field, kind, detail.into());
    }

    pub(super) fn note(&mut self, field: &'static str, kind: &'static str, detail: impl Into<String>) {
        self.push(Outcome::Noted, field, kind, detail.into());
    }

    fn push(&mut self, outcome: Outcome, field: &'static str, kind: &'static str, detail: String) {
        self.problems.push(Problem { line: self.line, outcome, field, kind, detail });
    }

    pub(super) fn refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.outcome == Outcome::Refused)
    }
}

impl Report {
    pub(super) fn new(what: &'static str, unit: &'static str) -> Self {
        Self {
            what,
            unit,
            rows: 0,
            accepted: 0,
            mended_rows: 0,
            mended: BTreeMap::new(),
            refused: BTreeMap::new(),
            noted: BTreeMap::new(),
            columns: BTreeMap::new(),
            ignored: Vec::new(),
            problems: Vec::new(),
            unlisted: 0,
            listed: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn refused_rows(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Counts a row with all that was found in it; true when it is accepted.
    pub(super) fn settle(&mut self, findings: Findings) -> bool {
        self.rows += 1;
        let refused = findings.problems.iter().find(|problem| problem.outcome == Outcome::Refused);
        if let Some(kind) = refused.map(|problem| problem.kind) {
            *self.refused.entry(kind).or_default() += 1;
            let refusals = findings.problems.into_iter().filter(|problem| problem.outcome == Outcome::Refused);
            refusals.for_each(|problem| self.list(problem));
            return false;
        }
        self.accepted += 1;
        self.mended_rows += u64::from(findings.problems.iter().any(|p| p.outcome == Outcome::Mended));
        findings.problems.into_iter().for_each(|problem| self.count(problem));
        true
    }

    /// Something about an accepted row that only shows beside the others.
    pub(super) fn note(&mut self, line: u64, field: &'static str, kind: &'static str, detail: String) {
        self.count(Problem { line, outcome: Outcome::Noted, field, kind, detail });
    }

    /// An accepted row that the service then refused: it moves from one side of the sum to the other.
    pub fn refuse_accepted(&mut self, line: u64, field: &'static str, kind: &'static str, detail: String) {
        self.accepted = self.accepted.saturating_sub(1);
        *self.refused.entry(kind).or_default() += 1;
        self.list(Problem { line, outcome: Outcome::Refused, field, kind, detail });
    }

    fn count(&mut self, problem: Problem) {
        let counts = if problem.outcome == Outcome::Mended { &mut self.mended } else { &mut self.noted };
        *counts.entry(problem.kind).or_default() += 1;
        self.list(problem);
    }

    fn list(&mut self, problem: Problem) {
        let (group, most) = match problem.outcome {
            Outcome::Refused => ("", MAX_REFUSALS),
            Outcome::Mended | Outcome::Noted => (problem.kind, MAX_EXAMPLES),
        };
        let listed = self.listed.entry((problem.outcome, group)).or_default();
        if *listed < most {
            *listed += 1;
            self.problems.push(problem);
        } else {
            self.unlisted += 1;
        }
    }

    /// All refusals, then a few examples of each other kind.
    fn shown(&self) -> Vec<&Problem> {
        let mut taken: BTreeMap<(Outcome, &str), usize> = BTreeMap::new();
        let mut shown: Vec<&Problem> = self
            .problems
            .iter()
            .filter(|problem| {
                let taken = taken.entry((problem.outcome, problem.kind)).or_default();
                *taken += 1;
                problem.outcome == Outcome::Refused || *taken <= SHOWN_EXAMPLES
            })
            .collect();
        shown.sort_by_key(|problem| (problem.outcome, problem.line));
        shown
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, accepted, mended) = (thousands(self.rows), thousands(self.accepted), thousands(self.mended_rows));
        let refused = thousands(self.refused_rows());
        writeln!(f, "{}: {rows} rows = {accepted} accepted ({mended} of them mended) + {refused} refused", self.what)?;
        for (ours, theirs) in &self.columns {
            writeln!(f, "  column {ours} read from {}", cut(theirs, 60))?;
        }
        if !self.ignored.is_empty() {
            writeln!(f, "{}", cut(&format!("  columns not used: {}", self.ignored.join(", ")), COLUMNS))?;
        }
        for (outcome, counts) in [("refused", &self.refused), ("mended", &self.mended), ("noted", &self.noted)] {
            for (kind, count) in counts {
                writeln!(f, "  {outcome:<8} {kind:<24} {:>12}", thousands(*count))?;
            }
        }
        let shown = self.shown();
        for problem in &shown {
            let Problem { line, field, kind, detail, .. } = problem;
            writeln!(f, "{}", cut(&format!("  {} {line}, {field}: {kind}: {detail}", self.unit), COLUMNS))?;
        }
        match self.unlisted + (self.problems.len() - shown.len()) as u64 {
            0 => Ok(()),
            more => writeln!(f, "  and {} more, counted above", thousands(more)),
        }
    }
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever happens to rows, the sides of the sum agree and the lists stay bounded.
        #[test]
        fn accepted_and_refused_add_up_to_the_rows(rows in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..200)) {
            let mut report = Report::new("tickets", "line");
            for (i, row) in rows.iter().enumerate() {
                let mut findings = Findings::new(i as u64 + 2);
                for outcome in row {
                    match outcome {
                        0 => findings.refuse("a", "bad", "x"),
                        1 => findings.mend("b", "bent", "y"),
                        _ => findings.note("c", "odd", "z"),
                    }
                }
                prop_assert_eq!(report.settle(findings), !row.contains(&0));
            }
            prop_assert_eq!(report.rows, rows.len() as u64);
            prop_assert_eq!(report.accepted + report.refused_rows(), report.rows);
            let mended = rows.iter().filter(|row| !row.contains(&0) && row.contains(&1)).count();
            prop_assert_eq!(report.mended_rows, mended as u64);
        }
    }

    #[test]
    fn lists_are_bounded_and_say_how_much_is_left_out() {
        let mut report = Report::new("tickets", "line");
        for line in 0..5_000 {
            let mut findings = Findings::new(line);
            findings.refuse("title", "too_long", "x".repeat(300));
            report.settle(findings);
            let mut findings = Findings::new(line);
            findings.mend("lat", "swapped", "");
            report.settle(findings);
        }
        assert_eq!(report.problems.len(), MAX_REFUSALS + MAX_EXAMPLES);
        assert_eq!(report.unlisted, 10_000 - (MAX_REFUSALS + MAX_EXAMPLES) as u64);
        let table = report.to_string();
        assert!(table.lines().all(|line| line.chars().count() <= COLUMNS), "{table}");
        assert!(table.starts_with("tickets: 10,000 rows = 5,000 accepted (5,000 of them mended) + 5,000 refused"));
    }

    #[test]
    fn a_row_the_service_refuses_changes_sides() {
        let mut report = Report::new("tickets", "line");
        report.settle(Findings::new(2));
        report.refuse_accepted(2, "external_id", "taken", "kept by another ticket".into());
        assert_eq!((report.rows, report.accepted, report.refused_rows()), (1, 0, 1));
    }
}
