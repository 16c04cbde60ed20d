//! The help of every command, as people read it: examples that can be pasted, a word about everything that can be
//! given, and nothing that the code says otherwise.

use super::{Cli, formats};
use crate::{
    accounts::AccountName,
    domain::{ids::TicketNumber, ticket::Phase},
    import::{ExpertOptions, Experts, ImportError, Places, Regions, Renames, Source, TicketOptions, Tickets},
    settings::limits,
};
use clap::{Command, CommandFactory, error::ErrorKind};
use std::collections::BTreeSet;

/// Who may call what, written by hand and proven over real HTTP.
const GRID: &str = include_str!("../../tests/journeys/matrix.rs");

/// A command with its path from the root.
fn all(width: usize) -> Vec<(String, Command)> {
    fn walk(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        found.push((path.to_owned(), command.clone()));
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            walk(below, &format!("{path} {}", below.get_name()), found);
        }
    }
    let mut root = Cli::command().term_width(width);
    root.build();
    let mut found = Vec::new();
    walk(&root, "callout", &mut found);
    found
}

fn after(command: &Command) -> String {
    command.get_after_help().map(ToString::to_string).unwrap_or_default()
}

fn of(path: &str) -> Command {
    all(100).into_iter().find(|(found, _)| found == path).unwrap_or_else(|| panic!("there is no {path}")).1
}

#[test]
fn no_line_below_the_options_is_broken_by_a_narrow_terminal() {
    let mut broken = Vec::new();
    for width in [80, 100] {
        for (path, mut command) in all(width) {
            let shown = command.render_long_help().to_string();
            let lines: BTreeSet<&str> = shown.lines().map(str::trim_end).collect();
            let after = after(&command);
            let cut = after.lines().filter(|line| !lines.contains(line.trim_end()));
            broken.extend(cut.map(|line| format!("{path} at {width} columns: {line}")));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The example lines of a command, with their continuations joined.
fn examples(path: &str, command: &Command) -> Vec<String> {
    let text = after(command);
    let mut lines = text.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let Some(mut example) = line.strip_prefix("  ").map(str::to_owned) else { continue };
        while example.ends_with('\\') {
            example.pop();
            let more = lines.next().filter(|more| more.starts_with("    "));
            example += more.unwrap_or_else(|| panic!("{path}: nothing follows the backslash of {line}")).trim_start();
        }
        let wrapped = example.contains("callout ") && lines.peek().is_some_and(|next| next.starts_with("    "));
        assert!(!wrapped, "{path}: this goes on without a backslash:\n{line}");
        found.push(example);
    }
    found.retain(|example| example.starts_with("callout "));
    found
}

/// Words as a shell splits them, as far as examples need it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => (quote, begun) = (Some(c), true),
            (None, ' ') if begun => {
                words.push(std::mem::take(&mut word));
                begun = false;
            }
            (None, ' ') => {}
            _ => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[test]
fn every_example_is_a_command_line_that_is_understood() {
    let mut count = 0;
    for (path, command) in all(100) {
        for example in examples(&path, &command) {
            // What follows is the shell's.
            let end = [" | ", " > ", " < ", " && "].iter().filter_map(|mark| example.find(mark)).min();
            let line = words(&example[..end.unwrap_or(example.len())]);
            match Cli::command().try_get_matches_from(&line) {
                Err(why) if why.kind() != ErrorKind::DisplayHelp => panic!("{path}: {example}\n{why}"),
                Err(_) | Ok(_) => {}
            }
            count += 1;
        }
    }
    assert!(count > 60, "{count} examples were found");
}

#[test]
fn everything_that_can_be_given_is_described() {
    let mut bare = Vec::new();
    for (path, command) in all(100) {
        let about = command.get_about().or(command.get_long_about()).is_some();
        if !about {
            bare.push(path.clone());
        }
        let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
        for argument in arguments.filter(|argument| argument.get_help().is_none()) {
            bare.push(format!("{path} {}", argument.get_id()));
        }
    }
    assert!(bare.is_empty(), "nothing is said about {bare:#?}");
}

#[test]
fn help_is_plain_text_and_its_ticket_numbers_are_some() {
    let mut numbers = 0;
    for (path, mut command) in all(100) {
        let shown = command.render_long_help().to_string();
        assert!(!shown.contains('`') && !shown.contains("<http"), "{path} shows marks that mean nothing to a reader");
        let like_one = |word: &&str| {
            let parts: Vec<&str> = word.split('-').collect();
            parts.len() == 3 && parts[0].len() == 3 && parts[1].len() == 6 && parts[2].len() == 1
        };
        let words = shown.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        for number in words.filter(like_one) {
            assert!(number.parse::<TicketNumber>().is_ok(), "{path}: {number} is no ticket's number");
            numbers += 1;
        }
    }
    assert!(numbers > 5, "{numbers} were found");
}

/// The list below the line that begins so: names between commas, on lines with two blanks before them.
fn listed(text: &str, head: &str) -> BTreeSet<String> {
    let below = text.lines().skip_while(|line| !line.contains(head)).skip_while(|line| !line.starts_with("  "));
    let lines = below.take_while(|line| line.starts_with("  "));
    let names = lines.flat_map(|line| line.split(','));
    names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// The columns that a reader knows: it names them to whoever asks for another.
fn read(error: Option<ImportError>) -> BTreeSet<String> {
    let told = error.unwrap().to_string();
    let (_, columns) = told.split_once("the columns are ").unwrap_or_else(|| panic!("{told}"));
    columns.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_columns_in_the_help_are_those_that_are_read() {
    let other = || Renames::parse("no_column=x").unwrap();
    let file = || Source::bytes("f.csv", b"x\n1\n".to_vec()).unwrap();
    let options = ExpertOptions { columns: other(), locate: &|_| None, known: &|_| false };
    let experts = read(Experts::open(file(), options).err());
    let tickets = read(Tickets::open(file(), TicketOptions { columns: other(), ..TicketOptions::default() }).err());
    let places = read(Places::open(file(), &other()).err());
    assert_eq!(listed(formats::IMPORT, "Columns of an experts file"), experts);
    assert_eq!(listed(formats::EXPERTS, "Columns of an experts file"), experts);
    assert_eq!(listed(formats::IMPORT, "Columns of a tickets file"), tickets);
    assert_eq!(listed(formats::IMPORT, "Columns of a places file"), places);
}

#[test]
fn the_properties_in_the_help_are_those_that_are_read() {
    let properties = listed(formats::IMPORT, "Properties of a feature");
    let value = |name: &str| if name == "time_zone" { "Europe/Lisbon".to_owned() } else { format!("x-{name}") };
    let given: serde_json::Map<_, _> = properties.iter().map(|name| (name.clone(), value(name).into())).collect();
    let file = serde_json::json!({ "type": "FeatureCollection", "features": [{ "type": "Feature", "properties": given,
        "geometry": { "type": "Polygon", "coordinates": [[[-9.2, 38.7], [-9.1, 38.7], [-9.1, 38.8], [-9.2, 38.7]]] } }] });
    let source = Source::bytes("f.geojson", file.to_string().into_bytes()).unwrap();
    let found = Regions::read(source, None, &mut |_| {}).unwrap();
    let [region] = found.drafts.as_slice() else { panic!("{}", found.report) };
    let read = [
        region.id.to_string(),
        region.name.clone().unwrap(),
        region.time_zone.clone(),
        region.zips.clone().unwrap().join(" "),
    ];
    assert_eq!(read.to_vec(), ["id", "name", "time_zone", "zips"].map(value));
    assert_eq!(properties.len(), read.len());
}

#[test]
fn what_the_help_says_of_values_is_what_the_code_has() {
    let list = of("callout ticket list").render_long_help().to_string();
    for phase in Phase::ALL {
        assert!(list.contains(phase.name()), "{}", phase.name());
    }
    let add = of("callout user add").render_long_help().to_string();
    let (least, most) = (limits::PASSWORD_CHARS.start(), limits::PASSWORD_CHARS.end());
    assert!(add.contains(&format!("{least} to {most} characters")), "{add}");
    for (mark, told) in [('.', true), ('_', true), ('-', true), ('+', true), ('@', false)] {
        assert_eq!(AccountName::parse(&format!("a{mark}b")).is_ok(), told, "the help of names has to change: {mark}");
    }
    let login = of("callout login").render_long_help().to_string();
    assert!(login.contains(&format!("{} hours", limits::LOGIN_TTL_S / 3_600)), "{login}");
}

/// Which call each command makes; what needs several takes a role that may do all.
const CALLS: &[(&str, &[&str])] = &[
    ("ticket list", &["GET /v1/tickets"]),
    ("ticket show", &["GET /v1/tickets/{number}"]),
    ("ticket trace", &["GET /v1/tickets/{number}/timeline", "GET /v1/tickets/{number}/decisions"]),
    ("ticket why-not", &["GET /v1/tickets/{number}/candidates/{expert}"]),
    ("ticket by", &["GET /v1/tickets/{number}/remedies"]),
    ("ticket locate", &["POST /v1/tickets/{number}/locate"]),
    ("expert list", &["GET /v1/experts"]),
    ("expert show", &["GET /v1/experts/{id}"]),
    ("expert add", &["POST /v1/experts"]),
    ("expert edit", &["PATCH /v1/experts/{id}"]),
    ("expert retire", &["DELETE /v1/experts/{id}"]),
    ("expert reinstate", &["PATCH /v1/experts/{id}"]),
    ("expert shift", &["PATCH /v1/experts/{id}"]),
    ("expert skill", &["PATCH /v1/experts/{id}"]),
    ("expert absence", &["POST /v1/experts/{id}/absences"]),
    ("region list", &["GET /v1/regions"]),
    ("region show", &["GET /v1/regions/{id}"]),
    ("region edit", &["PATCH /v1/regions/{id}"]),
    ("region unpark", &["POST /v1/regions/{id}/unpark"]),
    ("region forecast", &["GET /v1/regions/{id}/forecast"]),
    ("outbox list", &["GET /v1/outbox"]),
    ("outbox show", &["GET /v1/outbox/{id}"]),
    ("outbox resend", &["POST /v1/outbox/{id}/resend"]),
    ("customer export", &["POST /v1/customers/export"]),
    ("customer erase", &["POST /v1/customers/erase"]),
    ("access list", &["GET /v1/access"]),
    ("access verify", &["GET /v1/access/proof"]),
    ("user add", &["POST /v1/users"]),
    ("user list", &["GET /v1/users"]),
    ("user show", &["GET /v1/users/{name}"]),
    ("user edit", &["PATCH /v1/users/{name}"]),
    ("user password", &["PATCH /v1/users/{name}"]),
    ("user disable", &["PATCH /v1/users/{name}"]),
    ("user enable", &["PATCH /v1/users/{name}"]),
    ("audit", &["POST /v1/audits"]),
    ("objectives", &["GET /v1/objectives"]),
    ("incident", &["GET /v1/incidents/archive"]),
    ("backup", &["POST /v1/backups"]),
    ("doctor", &["GET /v1/me"]),
    ("top", &["GET /v1/regions", "GET /v1/regions/{id}/board"]),
];

/// Roles that the grid lets in.
fn roles(call: &str) -> Vec<&'static str> {
    let rows = GRID.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows = rows.filter(|row| row.len() == 3 && format!("{} {}", row[1], row[2]) == call);
    let cells = rows.next().unwrap_or_else(|| panic!("no row for {call}"))[0].to_owned();
    let names = ["customer", "clerk", "expert", "dispatcher", "manager", "admin", "portal"];
    names.into_iter().zip(cells.chars()).filter(|(_, cell)| *cell != '.').map(|(name, _)| name).collect()
}

#[test]
fn the_help_names_the_roles_that_the_server_lets_in() {
    for (command, calls) in CALLS {
        let mut allowed = roles(calls[0]);
        allowed.retain(|role| calls.iter().all(|call| roles(call).contains(role)));
        let told = format!("Token roles: {}", allowed.join(", "));
        let help = after(&of(&format!("callout {command}")));
        assert!(help.lines().any(|line| line == told), "callout {command} has no line: {told}\n{help}");
    }
    // Whatever takes a server and a token says whose.
    for (path, command) in all(100) {
        let takes = command.get_arguments().any(|argument| argument.get_long() == Some("token"));
        let said = after(&command).contains("Token roles: ") || path.starts_with("callout bench");
        assert!(!takes || said, "{path} does not say which roles may");
    }
}
