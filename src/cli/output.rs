//! What people and scripts see: tables that fit the terminal, JSON, errors with the right exit code.

use super::client::ClientError;
use ratatui::crossterm::terminal;
use serde_json::Value;
use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

/// Why a command did not do what was asked; each kind has its exit code.
#[derive(Debug)]
pub(super) enum Trouble {
    /// 1: refused, not found, not possible.
    Refused(String),
    /// 2: the command makes no sense as it was given.
    Usage(String),
    /// 3: nobody answers at the server's address.
    Unreachable(String),
}

pub(super) type Done = Result<ExitCode, Trouble>;

impl Trouble {
    pub(super) fn exit(self) -> ExitCode {
        let (code, why) = match self {
            Self::Refused(why) => (1, why),
            Self::Usage(why) => (2, why),
            Self::Unreachable(why) => (3, why),
        };
        eprintln!("callout: {why}");
        ExitCode::from(code)
    }

    /// For `map_err`.
    #[allow(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
    pub(super) fn refused(error: impl ToString) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Unreachable { .. } => Self::Unreachable(error.to_string()),
            ClientError::BadServer(_) => Self::Usage(error.to_string()),
            ClientError::Refused(_) | ClientError::Broken(_) => Self::Refused(error.to_string()),
        }
    }
}

pub(super) fn usage(why: &str) -> ExitCode {
    Trouble::Usage(why.to_owned()).exit()
}

/// Prints JSON; a reader that went away is no error.
pub(super) fn print_json(value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let _ = writeln!(io::stdout(), "{text}");
}

/// The text of a JSON value, without quotes; nothing for null.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Object(members) => {
            members.iter().map(|(key, value)| format!("{key}:{}", plain(value))).collect::<Vec<_>>().join(" ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A value by a path like `visit.expert`.
pub(super) fn at(value: &Value, path: &str) -> String {
    path.split('.').try_fold(value, |value, key| value.get(key)).map(plain).unwrap_or_default()
}

/// Rows under a heading, columns as wide as they need and the terminal allows.
pub(super) fn print_table(heading: &[&str], rows: &[Vec<String>]) {
    let terminal = io::stdout().is_terminal();
    let width = if terminal { terminal::size().map_or(100, |(columns, _)| usize::from(columns)) } else { 10_000 };
    let widths = widths(heading, rows, width);
    let mut out = io::stdout().lock();
    let bold = terminal && std::env::var_os("NO_COLOR").is_none();
    let heading: Vec<String> = heading.iter().map(|name| (*name).to_owned()).collect();
    let line = line(&heading, &widths);
    let _ = if bold { writeln!(out, "\x1b[1m{line}\x1b[0m") } else { writeln!(out, "{line}") };
    for row in rows {
        let _ = writeln!(out, "{}", self::line(row, &widths));
    }
}

/// Two blanks between columns; the widest column gives way until all fit.
fn widths(heading: &[&str], rows: &[Vec<String>], total: usize) -> Vec<usize> {
    let needs = |column: usize| {
        let cells = rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count()));
        cells.max().unwrap_or(0).max(heading[column].chars().count())
    };
    let mut widths: Vec<usize> = (0..heading.len()).map(needs).collect();
    let least = 6;
    while widths.iter().sum::<usize>() + 2 * widths.len() > total {
        match widths.iter_mut().max() {
            Some(widest) if *widest > least => *widest -= 1,
            _ => break,
        }
    }
    widths
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let cell = |(cell, width): (&String, &usize)| {
        let long = cell.chars().count();
        let shown: String = if long > *width {
            cell.chars().take(width.saturating_sub(1)).chain(std::iter::once('…')).collect()
        } else {
            cell.clone()
        };
        format!("{shown:<width$}  ")
    };
    cells.iter().zip(widths).map(cell).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_column_gives_way_until_the_table_fits() {
        let rows = vec![vec!["1".to_owned(), "a rather long title of a ticket".to_owned()]];
        let widths = widths(&["no", "title"], &rows, 20);
        assert_eq!(widths, [2, 14]);
        assert_eq!(line(&rows[0], &widths), "1   a rather long…");
    }
}
