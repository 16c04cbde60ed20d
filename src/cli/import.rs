//! `callout import`: files into a running server or into the data of a stopped one, with progress on
//! stderr and the same report either way.

use super::{
    client::{Client, query},
    formats, import_roads,
    output::{Done, Trouble, print_json},
    target::{TargetArgs, not_opened},
};
use crate::{
    actors::{Caller, Clock},
    domain::ticket::{Role, Who},
    import::{Progress, Renames, Source},
    load::{Core, Kind, LoadOptions, Loader, Settled},
    settings::Settings,
};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Takes over a file. The same file twice makes nothing twice.
#[derive(Debug, Args)]
#[command(after_help = formats::IMPORT)]
pub(super) struct ImportArgs {
    /// What the file holds
    #[arg(value_enum)]
    kind: KindName,
    #[command(flatten)]
    file: FileArgs,
    /// The time zone of regions that name none, and of times of tickets without an offset (else UTC): an IANA
    /// name like Europe/Lisbon
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// What the windows of a tickets file are
    #[arg(long, value_enum, default_value_t = Windows::Promise)]
    windows: Windows,
}

/// A file and how to read it.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// The file, plain or gzip: CSV, for regions GeoJSON; for roads an OpenStreetMap extract (.osm.pbf)
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// What the file calls our columns: OURS=THEIRS,.. like name=full_name,shift=hours
    #[arg(long, value_name = "MAP", default_value = "", hide_default_value = true)]
    columns: String,
    /// Read and report, write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print JSON, for programs
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindName {
    /// Areas with their time zones
    Regions,
    /// The roster
    Experts,
    /// Requests
    Tickets,
    /// Where ZIP codes lie
    Places,
    /// Streets to drive on, for callout route solve --roads
    Roads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Windows {
    /// Nobody is sent outside of them
    Promise,
    /// Kept where that costs little
    Wish,
}

/// How to read what a file leaves open. A roster leaves nothing open.
pub(super) struct Reading {
    pub(super) time_zone: Option<String>,
    pub(super) windows: Windows,
}

pub(super) fn run(args: &ImportArgs, settings: &Settings) -> Done {
    let kind = match args.kind {
        KindName::Regions => Kind::Regions,
        KindName::Experts => Kind::Experts,
        KindName::Tickets => Kind::Tickets,
        KindName::Places => Kind::Places,
        KindName::Roads => return import_roads::run(&args.file, settings),
    };
    let reading = Reading { time_zone: args.time_zone.clone(), windows: args.windows };
    import(kind, &args.file, &reading, settings)
}

/// `callout import KIND FILE`, and `callout expert import FILE`.
pub(super) fn import(kind: Kind, args: &FileArgs, reading: &Reading, settings: &Settings) -> Done {
    let loaded = match args.target.remote()? {
        Some(client) => upload(&client, kind, args, reading)?,
        None => load(kind, args, reading, settings)?,
    };
    if args.json {
        print_json(&loaded.json);
    } else {
        println!("{}", loaded.text);
    }
    Ok(ExitCode::from(u8::from(all_refused(&loaded.json))))
}

/// Rows that are refused are reported, and no failure; a file of which nothing was accepted is one.
fn all_refused(report: &Value) -> bool {
    report["rows"].as_u64() > Some(0) && report["accepted"].as_u64() == Some(0)
}

/// The report, for people and for scripts.
struct Shown {
    json: Value,
    text: String,
}

/// Into the data of a stopped server (made when there are none: the first import comes before the
/// first start).
fn load(kind: Kind, args: &FileArgs, reading: &Reading, settings: &Settings) -> Result<Shown, Trouble> {
    let options = LoadOptions {
        columns: Renames::parse(&args.columns).map_err(|error| Trouble::Usage(error.to_string()))?,
        time_zone: reading.time_zone.clone(),
        wishes: reading.windows == Windows::Wish,
        dry_run: args.dry_run,
    };
    let source = Source::file(&args.file).map_err(Trouble::refused)?;
    let progress = source.progress();
    let core = Core::start(&args.target.settings(settings), Clock::machine).map_err(not_opened)?;
    let loader = Loader {
        service: core.service.clone(),
        zips: core.zips.clone(),
        caller: Caller::of(Who { role: Role::System, id: "import".into() }),
        settled: Settled::default(),
    };
    let settled = loader.settled.clone();
    let (file_bar, watching) = watch_file(progress, settled);
    let loaded = core.handle().block_on(async { loader.load(kind, source, options).await });
    watching.finish(&file_bar);
    core.stop();
    let loaded = loaded.map_err(Trouble::refused)?;
    let json = serde_json::to_value(&loaded).map_err(Trouble::refused)?;
    Ok(Shown { text: told(&json, args.dry_run), json })
}

fn upload(client: &Client, kind: Kind, args: &FileArgs, reading: &Reading) -> Result<Shown, Trouble> {
    let parameters = [
        ("dry_run", args.dry_run.then_some("true")),
        ("columns", Some(args.columns.as_str()).filter(|columns| !columns.is_empty())),
        ("time_zone", reading.time_zone.as_deref()),
        ("windows", (reading.windows == Windows::Wish).then_some("wish")),
    ];
    let path = query(&format!("/v1/imports/{}", kind.name()), &parameters);
    let sent = Arc::new(AtomicU64::new(0));
    let bar = bar(length(&args.file));
    let counted = sent.clone();
    let watching = Watching::start(&bar, move || (counted.load(Ordering::Relaxed), "sent".to_owned()));
    let answer = client.upload(&path, &args.file, sent);
    watching.finish(&bar);
    let json = answer?;
    let text = told(&json, args.dry_run);
    Ok(Shown { json, text })
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |metadata| metadata.len())
}

fn summary(what: &str, written: u64, already_there: u64, dry_run: bool) -> String {
    if dry_run {
        return "dry run: nothing was written".to_owned();
    }
    format!("{what}: {written} written, {already_there} were there already")
}

/// Refusals of one kind that the text lists, and examples of what was mended or noted.
const REFUSALS: usize = 20;
const EXAMPLES: usize = 3;

/// The report for people: counts, then the rows with problems.
fn told(report: &Value, dry_run: bool) -> String {
    let number = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
    let what = report.get("what").and_then(Value::as_str).unwrap_or("rows");
    let refused: u64 = report["refused"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
    let (rows, accepted, mended) = (number("rows"), number("accepted"), number("mended_rows"));
    let mut lines =
        vec![format!("{what}: {rows} rows = {accepted} accepted ({mended} of them mended) + {refused} refused")];
    for (ours, theirs) in report["columns"].as_object().into_iter().flatten() {
        lines.push(format!("  column {ours} read from {}", super::output::plain(theirs)));
    }
    let ignored: Vec<_> = report["ignored"].as_array().into_iter().flatten().map(super::output::plain).collect();
    if !ignored.is_empty() {
        lines.push(format!("  columns not used: {}", ignored.join(", ")));
    }
    for side in ["refused", "mended", "noted"] {
        let counts = report.get(side).and_then(Value::as_object).into_iter().flatten();
        lines.extend(counts.map(|(kind, count)| format!("  {side} {kind}: {count}")));
    }
    let problems = report["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut listed: BTreeMap<(String, String), usize> = BTreeMap::new();
    let shown = problems.iter().filter(|problem| {
        let (outcome, kind) = (super::output::at(problem, "outcome"), super::output::at(problem, "kind"));
        let most = if outcome == "refused" { REFUSALS } else { EXAMPLES };
        let count = listed.entry((outcome, kind)).or_default();
        *count += 1;
        *count <= most
    });
    let shown: Vec<_> = shown.collect();
    for problem in &shown {
        let part = |name: &str| problem.get(name).map(super::output::plain).unwrap_or_default();
        let unit = report["unit"].as_str().unwrap_or("line");
        lines.push(format!(
            "  {unit} {}, {}: {} ({}): {}",
            part("line"),
            part("field"),
            part("kind"),
            part("outcome"),
            part("detail")
        ));
    }
    let more = number("unlisted") + (problems.len() - shown.len()) as u64;
    if more > 0 {
        lines.push(format!("  and {more} more, counted above; --json lists them"));
    }
    lines.extend(roster(report).lines().map(str::to_owned));
    lines.push(summary(what, number("written"), number("already_there"), dry_run));
    lines.join("\n")
}

/// What would change, line by line, as a diff.
fn roster(report: &Value) -> String {
    let Some(diff) = report.get("roster").filter(|diff| diff.is_object()) else { return String::new() };
    let list = |name: &str| diff[name].as_array().cloned().unwrap_or_default();
    let mut text = String::new();
    for added in list("added") {
        let _ = writeln!(text, "+ {}  (line {})", super::output::at(&added, "id"), added["line"]);
    }
    for changed in list("changed") {
        let _ = writeln!(text, "~ {}  (line {})", super::output::at(&changed, "id"), changed["line"]);
        for field in changed["fields"].as_array().into_iter().flatten() {
            let shown = |name: &str| match super::output::plain(&field[name]) {
                text if text.is_empty() => "(nothing)".to_owned(),
                text => text,
            };
            let _ = writeln!(text, "    {:<10}{} -> {}", super::output::at(field, "name"), shown("from"), shown("to"));
        }
    }
    for id in list("not_in_file") {
        let _ = writeln!(text, "  {}  is on the roster and not in the file: stays as it is", super::output::plain(&id));
    }
    let counts = ["added", "changed", "not_in_file"].map(|name| list(name).len());
    let _ = writeln!(
        text,
        "{} added, {} changed, {} unchanged, {} not in the file",
        counts[0], counts[1], diff["unchanged"], counts[2]
    );
    text
}

fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {msg}");
    // Drawn on stderr, and only when that is a terminal.
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn watch_file(progress: Progress, settled: Settled) -> (ProgressBar, Watching) {
    let bar = bar(progress.total_bytes());
    let watching = Watching::start(&bar, move || (progress.read_bytes(), format!("{} rows", settled.rows())));
    (bar, watching)
}

/// A thread that moves the bar while the work is under way.
struct Watching {
    stop: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Watching {
    fn start(bar: &ProgressBar, look: impl Fn() -> (u64, String) + Send + 'static) -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let bar = bar.clone();
        let thread = std::thread::spawn(move || {
            use std::sync::mpsc::RecvTimeoutError::Timeout;
            while stopped.recv_timeout(Duration::from_millis(100)) == Err(Timeout) {
                let (position, message) = look();
                bar.set_position(position);
                bar.set_message(message);
            }
        });
        Self { stop, thread }
    }

    fn finish(self, bar: &ProgressBar) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
        bar.finish_and_clear();
    }
}
