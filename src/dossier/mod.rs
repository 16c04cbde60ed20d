//! What an investigator needs about some hours, in one archive (tar, gzip): events, decisions,
//! incidents, metrics, logs, settings, readiness, versions.
//!
//! Must hold: nobody can be recognised from it. What is personal is sealed in the journal and read here
//! without opening the seal, so that no list of fields has to be kept; callers' ids become pseudonyms;
//! free texts are masked besides. Bounded: events, log bytes and memory have limits, and what was left
//! out is said in `about.json`.

mod entries;

use crate::{
    domain::{
        ids::{RegionId, Thing, TicketNumber},
        time::Timestamp,
    },
    storage::{Fault, Recorded, Store},
    telemetry::{Incident, incidents::rfc3339, mask::masked},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

/// Events in one archive at most.
const EVENTS: usize = 2_000_000;
/// Events read at once.
const PAGE: usize = 4_096;
/// A file of the archive is closed at this size, bytes: an entry's size stands before it.
const PART_BYTES: usize = 4 << 20;
/// Bytes of log lines at most.
const LOG_BYTES: usize = 64 << 20;

/// Which hours, and whose.
#[derive(Clone, Debug)]
pub struct Scope {
    pub from: Timestamp,
    pub to: Timestamp,
    /// None: all of them.
    pub regions: Option<BTreeSet<RegionId>>,
    pub ticket: Option<TicketNumber>,
    /// Whoever it is for may see all regions: the log, whose lines cannot be told apart by region, is in it.
    pub whole: bool,
}

/// What the running process says about itself.
pub struct Present {
    pub at: Timestamp,
    pub metrics: String,
    pub readiness: Value,
    pub objectives: Value,
    /// As they took effect, secrets masked.
    pub settings: String,
    pub incidents: Vec<Incident>,
}

/// Why an archive was not finished.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("{0}")]
    Fault(#[from] Fault),
    /// Whoever was to have it went away, mostly.
    #[error("{0}")]
    Io(#[from] io::Error),
}

const README: &str = "\
A record of some hours of a Callout server, for whoever looks into what went wrong.

about.json          when, which hours, which version, what was left out
readiness.json      which regions dispatched when this was made, and why others did not
objectives.json     availability, losses, stalls, incidents: today, 7 and 30 days against the goals
incidents.jsonl     starts, stops, crashes, restarts, parked regions, overload: a line each
events/             every event of the journal in these hours, in order, a JSON line each
decisions/          every award: candidates, costs, the rule that excluded the others
metrics.txt         all metrics when this was made (OpenMetrics text)
metrics-history/    a line a minute: calls, failures, stalls, the oldest ticket without an expert
logs/               the server's log lines of these hours
settings.toml       the settings as they took effect

Made with a token for some regions, it has no metrics and no logs: they are about all of them.

Nobody can be recognised from it: names, phone numbers, addresses, exact places and free texts are left
out (\"erased\"), callers appear under a pseudonym that is the same throughout this archive. To follow one
request, search for its request_id or trace_id; `cause` names the event (by seq) that led to another.
";

/// Writes the archive to `out`.
pub fn write(scope: &Scope, present: &Present, store: &Store, data: &Path, out: impl Write) -> Result<(), Broken> {
    let mut archive = Archive(tar::Builder::new(GzEncoder::new(out, Compression::fast())));
    archive.put("README.txt", README.as_bytes())?;
    archive.put_json("readiness.json", &present.readiness)?;
    archive.put_json("objectives.json", &present.objectives)?;
    if scope.whole {
        archive.put("metrics.txt", present.metrics.as_bytes())?;
    }
    archive.put("settings.toml", masked(&present.settings).as_bytes())?;
    let incidents: Vec<&Incident> =
        present.incidents.iter().filter(|incident| scope.takes_incident(incident)).collect();
    archive.put_lines("incidents.jsonl", incidents.iter().map(|incident| entries::incident(incident)))?;
    let counted = events(scope, store, &mut archive)?;
    if scope.whole {
        history(scope, data, &mut archive)?;
    }
    let log_bytes = if scope.whole { logs(scope, data, &mut archive)? } else { 0 };
    archive.put_json(
        "about.json",
        &json!({
            "version": env!("CARGO_PKG_VERSION"),
            "made_at": present.at.to_string(),
            "from": scope.from.to_string(),
            "to": scope.to.to_string(),
            "regions": scope.regions.as_ref().map(|all| all.iter().map(RegionId::as_str).collect::<Vec<_>>()),
            "ticket": scope.ticket.map(|number| number.to_string()),
            "journal_head": store.head().0,
            "incarnation": store.incarnation(),
            "events": counted.events,
            "decisions": counted.decisions,
            "incidents": incidents.len(),
            "log_bytes": log_bytes,
            "left_out": { "events": counted.cut, "metrics": !scope.whole, "log": log_bytes >= LOG_BYTES || !scope.whole },
        }),
    )?;
    archive.0.into_inner()?.finish()?.flush()?;
    Ok(())
}

impl Scope {
    #[must_use]
    pub fn takes_region(&self, region: &RegionId) -> bool {
        self.regions.as_ref().is_none_or(|regions| regions.contains(region))
    }

    fn takes(&self, recorded: &Recorded) -> bool {
        let of_region = self.takes_region(&recorded.region);
        let of_ticket = self.ticket.is_none_or(|number| match &recorded.thing {
            Thing::Ticket(other) => *other == number,
            Thing::Route(_) => entries::route_holds(&recorded.fact, number),
            Thing::Expert(_) | Thing::Region(_) | Thing::Catalogue => false,
        });
        of_region && of_ticket
    }

    /// Those of another region or ticket are left out, those of the whole process are not.
    #[must_use]
    pub fn takes_incident(&self, incident: &Incident) -> bool {
        let in_time = (self.from.0..=self.to.0).contains(&incident.at_ms);
        let inside = |id: &str| RegionId::parse(id).is_ok_and(|id| self.takes_region(&id));
        let region = incident.region.as_deref().is_none_or(inside);
        let ticket = self.ticket.is_none_or(|t| incident.ticket.as_deref().is_none_or(|i| i == t.to_string().as_str()));
        in_time && region && ticket
    }
}

#[derive(Default)]
struct Counted {
    events: usize,
    decisions: usize,
    cut: bool,
}

fn events<W: Write>(scope: &Scope, store: &Store, archive: &mut Archive<W>) -> Result<Counted, Broken> {
    let hash = store.contact_hasher();
    let mut counted = Counted::default();
    let (mut events, mut decisions) = (Parts::new("events"), Parts::new("decisions"));
    let mut next = store.seq_at(scope.from)?;
    'all: loop {
        let page = store.read_veiled(next, PAGE)?;
        let Some(last) = page.last() else { break };
        next = last.seq + 1;
        for recorded in page.iter().filter(|recorded| scope.takes(recorded)) {
            if recorded.envelope.at > scope.to {
                break 'all;
            }
            if counted.events == EVENTS {
                counted.cut = true;
                break 'all;
            }
            counted.events += 1;
            events.line(&entries::event(recorded, &hash), archive)?;
            if let Some(decision) = entries::decision(recorded) {
                counted.decisions += 1;
                decisions.line(&decision, archive)?;
            }
        }
        if page.last().is_some_and(|event| event.envelope.at > scope.to) {
            break;
        }
    }
    events.close(archive)?;
    decisions.close(archive)?;
    Ok(counted)
}

/// The minutes' figures of the days in question.
fn history<W: Write>(scope: &Scope, data: &Path, archive: &mut Archive<W>) -> Result<(), Broken> {
    for path in files(&data.join("objectives"), "jsonl") {
        let name = name_of(&path);
        if name[..] >= scope.from.to_string()[..10] && name[..10.min(name.len())] <= scope.to.to_string()[..10] {
            archive.put(&format!("metrics-history/{name}"), &std::fs::read(&path)?)?;
        }
    }
    Ok(())
}

/// Log lines of the hours in question, masked once more; how many bytes.
fn logs<W: Write>(scope: &Scope, data: &Path, archive: &mut Archive<W>) -> Result<usize, Broken> {
    let (from, to) = (rfc3339(scope.from.0 - 60_000), rfc3339(scope.to.0 + 60_000));
    let mut written = 0;
    let mut paths = files(&data.join("logs"), "");
    // The oldest has the highest number.
    paths.sort_by_key(|path| std::cmp::Reverse(path.extension().and_then(|e| e.to_str()?.parse::<u32>().ok())));
    let mut parts = Parts::new("logs");
    for path in paths {
        for line in BufReader::new(File::open(path)?).lines().map_while(Result::ok) {
            let when = line.split_once("\"timestamp\":\"").map(|(_, rest)| &rest[..rest.len().min(23)]);
            let inside = when.is_none_or(|when| when >= &from[..19] && when <= &to[..23]);
            if inside && written < LOG_BYTES {
                let line = masked(&line);
                written += line.len();
                parts.text(&line, archive)?;
            }
        }
    }
    parts.close(archive)?;
    Ok(written)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let wanted = |path: &PathBuf| extension.is_empty() || path.extension().is_some_and(|found| found == extension);
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file() && wanted(path)).collect();
    files.sort();
    files
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

struct Archive<W: Write>(tar::Builder<GzEncoder<W>>);

impl<W: Write> Archive<W> {
    fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        self.0.append_data(&mut header, name, bytes)
    }

    fn put_json(&mut self, name: &str, value: &Value) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(value)?;
        text.push(b'\n');
        self.put(name, &text)
    }

    fn put_lines(&mut self, name: &str, lines: impl Iterator<Item = Value>) -> io::Result<()> {
        let mut text = Vec::new();
        for line in lines {
            writeln!(text, "{line}")?;
        }
        self.put(name, &text)
    }
}

/// Lines in numbered files of bounded size.
struct Parts {
    folder: &'static str,
    no: usize,
    text: Vec<u8>,
}

impl Parts {
    fn new(folder: &'static str) -> Self {
        Self { folder, no: 0, text: Vec::new() }
    }

    fn line<W: Write>(&mut self, line: &Value, archive: &mut Archive<W>) -> io::Result<()> {
        self.text(&line.to_string(), archive)
    }

    fn text<W: Write>(&mut self, line: &str, archive: &mut Archive<W>) -> io::Result<()> {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
        if self.text.len() >= PART_BYTES { self.close(archive) } else { Ok(()) }
    }

    fn close<W: Write>(&mut self, archive: &mut Archive<W>) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        self.no += 1;
        let name = format!("{}/{:04}.jsonl", self.folder, self.no);
        archive.put(&name, &std::mem::take(&mut self.text))
    }
}
