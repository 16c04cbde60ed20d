//! Rows of a ticket file as requests for intake.
//!
//! Like intake it refuses nothing for lack of knowledge: a place, a title or a skill that is missing
//! or worthless is mended and counted. What is malformed, and so cannot be known to mean anything
//! (a window that ends before it begins, a priority of no known name), is refused with all that is
//! wrong in its row.

use super::{
    ImportError, MAX_LINE_CHARS, MAX_SERVICE_S, MAX_TEXT_CHARS, Progress, Source,
    fields::{degrees, line, shown, skills, text, time, zip},
    report::{Findings, Report},
    table::{Column, Renames, Row, Table, column},
};
use crate::domain::{
    intake::NewTicket,
    person::{Address, Contact},
    place::Place,
    ticket::{Priority, Source as Channel, Window, WindowKind},
};
use jiff::tz::TimeZone;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

const FORMAT: &[Column] = &[
    column("external_id", &["id"]),
    column("created_at", &["opened_at", "created"]),
    column("title", &["subject", "summary", "category"]),
    column("description", &[]),
    column("product", &["category"]),
    column("skills", &[]),
    column("priority", &[]),
    column("due_at", &[]),
    column("window_from", &[]),
    column("window_to", &[]),
    column("channel", &[]),
    column("lat", &["latitude"]),
    column("lon", &["lng", "longitude"]),
    column("zip", &["zipcode", "zip_code"]),
    column("address", &[]),
    column("duration_s", &[]),
];

/// How to read what the rows leave open.
pub struct TicketOptions<'a> {
    pub columns: Renames,
    /// Of times without one.
    pub zone: TimeZone,
    /// What the file's windows are.
    pub window_kind: WindowKind,
    /// Whether a place is one that tickets can come from; without it only coordinates that are
    /// impossible as they stand count as swapped.
    pub near: Option<&'a dyn Fn(Place) -> bool>,
    /// Points that the source writes when it knows no place; compared exactly.
    pub no_places: Vec<Place>,
}

impl Default for TicketOptions<'_> {
    fn default() -> Self {
        Self {
            columns: Renames::default(),
            zone: TimeZone::UTC,
            window_kind: WindowKind::Promise,
            near: None,
            no_places: Vec::new(),
        }
    }
}

/// An accepted row.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketRow {
    pub line: u64,
    pub ticket: NewTicket,
}

/// Yields the accepted rows in the file's order; refused ones are in the report. An error ends it.
pub struct Tickets<'a> {
    table: Table,
    options: TicketOptions<'a>,
    report: Report,
    progress: Progress,
    /// Hash of an accepted external id -> its line: 16 bytes a row, however long the ids are.
    seen: HashMap<u64, u64>,
}

impl<'a> Tickets<'a> {
    /// Reads the header. A title, a product, skills or a description must be among the columns.
    pub fn open(source: Source, options: TicketOptions<'a>) -> Result<Self, ImportError> {
        let mut report = Report::new("tickets", "line");
        let progress = source.progress();
        let needed: &[&[&str]] = &[&["title", "product", "skills", "description"]];
        let table = Table::open(source, FORMAT, needed, &options.columns, &mut report)?;
        Ok(Self { table, options, report, progress, seen: HashMap::new() })
    }

    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What happened so far; whole when the iterator has ended.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// For what the service refuses of the accepted rows.
    pub fn report_mut(&mut self) -> &mut Report {
        &mut self.report
    }

    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    fn read(&mut self) -> Result<Option<TicketRow>, ImportError> {
        let has_place = self.table.has("lat") || self.table.has("lon");
        while let Some((row, mut findings)) = self.table.next(&mut self.report)? {
            let ticket = ticket(&row, &self.options, has_place, &mut findings);
            let key = ticket.external_id.as_deref().map(hash);
            if let Some(first) = key.and_then(|key| self.seen.get(&key)) {
                findings.refuse("external_id", "duplicate", format!("the same as in line {first}"));
            }
            if self.report.settle(findings) {
                self.seen.extend(key.map(|key| (key, row.line)));
                return Ok(Some(TicketRow { line: row.line, ticket }));
            }
        }
        Ok(None)
    }
}

impl Iterator for Tickets<'_> {
    type Item = Result<TicketRow, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn ticket(row: &Row<'_>, options: &TicketOptions<'_>, has_place: bool, findings: &mut Findings) -> NewTicket {
    let description = text(row, "description", MAX_TEXT_CHARS, findings);
    let product = line(row, "product", MAX_LINE_CHARS, findings);
    let place = place(row, options, has_place, findings);
    NewTicket {
        customer: None,
        contact: Contact::default(),
        skills: skills(row, "skills", findings),
        title: title(row, product.as_deref(), findings),
        description,
        product,
        place,
        address: address(row, findings),
        window: window(row, options, findings),
        priority: priority(row, findings),
        source: channel(row, findings),
        external_id: line(row, "external_id", MAX_LINE_CHARS, findings),
        service_s: duration(row, findings),
        due_at: time(row, "due_at", &options.zone, findings),
        opened_at: time(row, "created_at", &options.zone, findings),
    }
}

/// The title, or else the product, or else the skills, or else words that say there was none.
fn title(row: &Row<'_>, product: Option<&str>, findings: &mut Findings) -> String {
    if let Some(title) = line(row, "title", MAX_LINE_CHARS, findings) {
        return title;
    }
    let instead = product.map_or_else(|| shown(row.get("skills")), str::to_owned);
    let instead = if instead.is_empty() { "No title given".to_owned() } else { instead };
    findings.mend("title", "no_title", format!("no title: '{}' taken", shown(&instead)));
    instead
}

fn address(row: &Row<'_>, findings: &mut Findings) -> Option<Address> {
    let line1 = line(row, "address", MAX_LINE_CHARS, findings);
    let zip = zip(row, "zip", findings);
    (line1.is_some() || zip.is_some()).then(|| Address { line1, zip, ..Address::default() })
}

/// The coordinates if they are any. Missing and worthless ones are dropped: the ZIP then places the
/// ticket, or a person does.
fn place(row: &Row<'_>, options: &TicketOptions<'_>, has_place: bool, findings: &mut Findings) -> Option<Place> {
    if !has_place {
        return None;
    }
    let (lat, lon) = (degrees(row, "lat", findings), degrees(row, "lon", findings));
    let (Some(lat), Some(lon)) = (lat, lon) else {
        if !findings.refused() {
            let half = lat.is_some() || lon.is_some();
            let (kind, why) = if half { ("half_a_place", "only one of") } else { ("no_place", "neither of") };
            findings.mend("lat", kind, format!("{why} latitude and longitude given: {}", placed_by(row)));
        }
        return None;
    };
    let worthless = if lat.abs() < 1e-4 && lon.abs() < 1e-4 {
        Some(("zero_place", "coordinates 0,0"))
    } else if lat.fract() == 0.0 && lon.fract() == 0.0 {
        Some(("whole_degrees", "whole-degree coordinates"))
    } else {
        None
    };
    if let Some((kind, what)) = worthless {
        findings.mend("lat", kind, format!("{what} dropped: {}", placed_by(row)));
        return None;
    }
    let place = straight(lat, lon, options, findings)?;
    if options.no_places.contains(&place) {
        findings.mend("lat", "no_place_point", format!("{place} stands for no place: {}", placed_by(row)));
        return None;
    }
    Some(place)
}

fn placed_by(row: &Row<'_>) -> String {
    match row.get("zip") {
        "" => "no ZIP either, to be placed by a person".to_owned(),
        zip => format!("to be placed by ZIP {}", shown(zip)),
    }
}

/// The place, latitude and longitude exchanged when only that makes sense of them.
fn straight(lat: f64, lon: f64, options: &TicketOptions<'_>, findings: &mut Findings) -> Option<Place> {
    let near = |place: &Place| options.near.is_none_or(|near| near(*place));
    let given = Place::new(lat, lon);
    let swapped = Place::new(lon, lat).ok().filter(near);
    match (given, swapped) {
        (Ok(given), _) if near(&given) => Some(given),
        (_, Some(swapped)) => {
            findings.mend("lat", "swapped", format!("{lat},{lon} read as {swapped}"));
            Some(swapped)
        }
        (Ok(given), None) => Some(given),
        (Err(why), None) => {
            findings.refuse("lat", "bad_coordinate", format!("{lat},{lon}: {why}"));
            None
        }
    }
}

/// A window of no length keeps what it promises and gets a second, since a window must have a length.
fn window(row: &Row<'_>, options: &TicketOptions<'_>, findings: &mut Findings) -> Option<Window> {
    let from = time(row, "window_from", &options.zone, findings);
    let to = time(row, "window_to", &options.zone, findings);
    let window = |from, to| Some(Window { from, to, kind: options.window_kind });
    match (from, to) {
        (Some(from), Some(to)) if from < to => window(from, to),
        (Some(from), Some(to)) if from == to => {
            findings.mend(
                "window_to",
                "window_of_no_length",
                format!("it ends as it begins, {from}: one second given"),
            );
            window(from, to.plus_s(1))
        }
        (Some(from), Some(to)) => {
            findings.refuse("window_to", "window_reversed", format!("it ends {to}, before it begins {from}"));
            None
        }
        (None, _) | (_, None) => {
            if row.get("window_from").is_empty() != row.get("window_to").is_empty() {
                findings.refuse("window_to", "half_a_window", "a window needs both its ends");
            }
            None
        }
    }
}

fn priority(row: &Row<'_>, findings: &mut Findings) -> Priority {
    let name = row.get("priority").to_lowercase();
    if name.is_empty() {
        return Priority::default();
    }
    Priority::parse(&name).unwrap_or_else(|| {
        let known = Priority::ALL.map(Priority::name).join(", ");
        findings.refuse("priority", "bad_priority", format!("'{}' is none of {known}", shown(&name)));
        Priority::default()
    })
}

/// Files call their channels what they like: known words decide, the rest came by `api`.
fn channel(row: &Row<'_>, findings: &mut Findings) -> Channel {
    const WORDS: &[(&str, Channel)] = &[
        ("phone", Channel::Phone),
        ("call", Channel::Phone),
        ("app", Channel::App),
        ("web", Channel::Web),
        ("internet", Channel::Web),
        ("self service", Channel::Web),
    ];
    let name = row.get("channel").to_lowercase();
    if name.is_empty() {
        return Channel::Api;
    }
    Channel::parse(&name).unwrap_or_else(|| {
        let word = WORDS.iter().find(|(word, _)| name.contains(word));
        let channel = word.map_or(Channel::Api, |(_, channel)| *channel);
        findings.note("channel", "channel", format!("'{}' counts as {}", shown(&name), channel.name()));
        channel
    })
}

fn duration(row: &Row<'_>, findings: &mut Findings) -> Option<u32> {
    let text = row.get("duration_s");
    if text.is_empty() {
        return None;
    }
    let seconds = text.parse().ok().filter(|seconds| (1..=MAX_SERVICE_S).contains(seconds));
    if seconds.is_none() {
        let why = format!("'{}' is no whole number of seconds from 1 to {MAX_SERVICE_S}", shown(text));
        findings.refuse("duration_s", "bad_duration", why);
    }
    seconds
}
