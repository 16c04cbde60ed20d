//! What people and scripts see: tables that fit the terminal, JSON, errors with the right exit code.

use super::client::ClientError;
use ratatui::{crossterm::terminal, text::Line};
use serde_json::Value;
use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::ExitCode,
};

/// Exit code of whom SIGPIPE would have ended: what the command found is not known.
const UNREAD: i32 = 128 + 13;

/// From now on the command ends without a word when whoever reads what it prints stops reading (`| head`). Not for
/// servers: they go on.
pub(super) fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        if message.starts_with("failed printing to stdout") && message.contains("Broken pipe") {
            std::process::exit(UNREAD);
        }
        usual(panic);
    }));
}

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

    pub(super) fn why(&self) -> &str {
        match self {
            Self::Refused(why) | Self::Usage(why) | Self::Unreachable(why) => why,
        }
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
            ClientError::BadServer(_) | ClientError::Tls(_) => Self::Usage(error.to_string()),
            ClientError::Refused(why) => Self::Refused(as_flags(&why)),
            ClientError::Broken(_) => Self::Refused(error.to_string()),
        }
    }
}

/// The server names fields as its API does (`?opened_after`, `/time_zone`); who typed a command knows the flag.
fn as_flags(why: &str) -> String {
    why.lines().map(as_flag).collect::<Vec<_>>().join("\n").replace("cancel_open", "--cancel-open")
}

fn as_flag(line: &str) -> String {
    let text = line.trim_start();
    let named = text.strip_prefix(['?', '/']).and_then(|rest| rest.split_once(": "));
    let Some((pointer, said)) = named else { return line.to_owned() };
    let (field, inner) = pointer.split_once('/').unwrap_or((pointer, ""));
    // A path of a file begins alike: only names that are a flag's, and parts that such a field has.
    let part = matches!(inner, "" | "lat" | "lon") || inner.bytes().all(|b| b.is_ascii_digit()) || field == "settings";
    let Some(flag) = flag(field).filter(|_| part) else { return line.to_owned() };
    let indent = &line[..line.len() - text.len()];
    let inner = if inner.is_empty() { String::new() } else { format!(" ({})", inner.replace('/', ".")) };
    format!("{indent}{flag}{inner}: {said}")
}

fn flag(field: &str) -> Option<&'static str> {
    Some(match field {
        "columns" => "--columns",
        "customer" => "--customer",
        "email" => "--email",
        "expert" => "--expert",
        "from" => "--from",
        "home" => "--home",
        "kind" => "--kind",
        "max_visits_ahead" => "--max-visits-ahead",
        "name" => "name",
        "opened_after" => "--opened-after",
        "phase" => "--phase",
        "phone" => "--phone",
        "place" => "--place",
        "region" | "regions" => "--region",
        "role" => "--role",
        "settings" => "--set",
        "shifts" => "--shift",
        "skill" => "--skill",
        "skills" => "--skills",
        "status" => "--status",
        "subject" => "--subject",
        "ticket" => "--ticket",
        "time_zone" => "--time-zone",
        "to" => "--to",
        "who" => "--who",
        "zips" => "--zips",
        _ => return None,
    })
}

/// A new file for its owner alone. One that is there stays: a command typed twice overwrites nothing.
pub(super) fn new_file(path: &Path) -> Result<File, Trouble> {
    let opened = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Trouble::Refused(format!("{} is there already: name another with --out", path.display()))
        }
        _ => Trouble::Refused(format!("{}: {error}", path.display())),
    })
}

/// How many rows are wanted: a number from 1.
pub(super) fn limit(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|most| *most > 0).ok_or_else(|| "a whole number from 1".to_owned())
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

/// Columns to write in: the terminal's; a file or a pipe takes any number.
pub(super) fn columns() -> usize {
    let terminal = io::stdout().is_terminal();
    if terminal { terminal::size().map_or(100, |(columns, _)| usize::from(columns)) } else { 10_000 }
}

/// Text in a colour (an SGR number), where somebody looks at it and wants colours.
pub(super) fn colour(sgr: &str, text: &str) -> String {
    let wanted = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { format!("\x1b[{sgr}m{text}\x1b[0m") } else { text.to_owned() }
}

/// How many columns a text takes: letters of some scripts take two. Colours take none.
pub(super) fn width(text: &str) -> usize {
    let mut width = 0;
    for (no, part) in text.split('\x1b').enumerate() {
        let shown = if no == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) };
        width += Line::from(shown).width();
    }
    width
}

/// A text in at most so many columns, with an ellipsis where it was cut.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if width(&short) + width(c.encode_utf8(&mut [0; 4])) + 1 > columns {
            break;
        }
        short.push(c);
    }
    // A colour that was begun ends.
    let end = if short.contains('\x1b') { "\x1b[0m" } else { "" };
    format!("{short}…{end}")
}

/// Seconds for people.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 5_400.0 => format!("{:.1} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}

/// Rows under a heading, columns as wide as they need and the terminal allows.
pub(super) fn print_table(heading: &[&str], rows: &[Vec<String>]) {
    let widths = widths(heading, rows, columns());
    let mut out = io::stdout().lock();
    let heading: Vec<String> = heading.iter().map(|name| (*name).to_owned()).collect();
    let line = line(&heading, &widths);
    let _ = writeln!(out, "{}", colour("1", &line));
    for row in rows {
        let _ = writeln!(out, "{}", self::line(row, &widths));
    }
}

/// Two blanks between columns; the widest column gives way until all fit.
fn widths(heading: &[&str], rows: &[Vec<String>], total: usize) -> Vec<usize> {
    let needs = |column: usize| {
        let cells = rows.iter().map(|row| row.get(column).map_or(0, |cell| width(cell)));
        cells.max().unwrap_or(0).max(width(heading[column]))
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
    let cell = |(cell, columns): (&String, &usize)| {
        let shown = fit(cell, *columns);
        let blanks = columns.saturating_sub(width(&shown)) + 2;
        format!("{shown}{}", " ".repeat(blanks))
    };
    cells.iter().zip(widths).map(cell).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_take_two_columns_are_counted_as_two() {
        assert_eq!(width("電視"), 4);
        assert_eq!(width("\x1b[31mred\x1b[0m"), 3);
        assert_eq!(fit("電視機 broken", 6), "電視…");
        assert!(width(&fit("電視機 broken", 6)) <= 6);
    }

    #[test]
    fn what_the_server_calls_a_field_is_told_as_the_flag() {
        let told = "?phase: not a phase (invalid)\n  /time_zone: unknown\n  /home/lat: too far\n  /id: taken";
        let flags = "--phase: not a phase (invalid)\n  --time-zone: unknown\n  --home (lat): too far\n  /id: taken";
        assert_eq!(as_flags(told), flags);
        assert_eq!(as_flags("end it, or send cancel_open (open)"), "end it, or send --cancel-open (open)");
        for path in ["/var/lib: it is full", "/place/roster.csv: it is not there"] {
            assert_eq!(as_flags(path), path);
        }
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_overwrites_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("archive");
        let made = new_file(&path).unwrap();
        assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(new_file(&path), Err(Trouble::Refused(why)) if why.contains("--out")));
    }

    #[test]
    fn the_widest_column_gives_way_until_the_table_fits() {
        let rows = vec![vec!["1".to_owned(), "a rather long title of a ticket".to_owned()]];
        let widths = widths(&["no", "title"], &rows, 20);
        assert_eq!(widths, [2, 14]);
        assert_eq!(line(&rows[0], &widths), "1   a rather long…");
    }
}
