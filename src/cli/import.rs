//! `callout import`: files into a running server or into the data of a stopped one, with progress on
//! stderr and the same report either way.

use super::{
    client::query,
    output::{Done, Trouble, print_json},
    target::TargetArgs,
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
#[command(after_help = "Examples:
  callout import regions city.geojson --time-zone America/New_York
  callout import experts roster.csv --dry-run
  callout import tickets requests.csv.gz --columns title=category,lat=latitude,lon=longitude,external_id=id
  callout import places zips.csv.gz --server http://127.0.0.1:8080 --token TOKEN")]
pub(super) struct ImportArgs {
    #[arg(value_enum)]
    kind: KindName,
    /// CSV or GeoJSON, plain or gzip
    file: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    /// What the file calls our columns: OURS=THEIRS,..
    #[arg(long, value_name = "MAP", default_value = "")]
    columns: String,
    /// Of regions that name none, and of times without an offset
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// What the file's windows are
    #[arg(long, value_enum, default_value_t = Windows::Promise)]
    windows: Windows,
    /// Read and report, write nothing
    #[arg(long)]
    dry_run: bool,
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindName {
    Regions,
    Experts,
    Tickets,
    Places,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Windows {
    Promise,
    Wish,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Regions => Self::Regions,
            KindName::Experts => Self::Experts,
            KindName::Tickets => Self::Tickets,
            KindName::Places => Self::Places,
        }
    }
}

pub(super) fn run(args: &ImportArgs, settings: &Settings) -> Done {
    let loaded = if args.target.server.is_some() { upload(args)? } else { load(args, settings)? };
    if args.json {
        print_json(&loaded.json);
    } else {
        println!("{}", loaded.text);
    }
    Ok(ExitCode::SUCCESS)
}

/// The report, for people and for scripts.
struct Shown {
    json: Value,
    text: String,
}

/// Into the data of a stopped server (made when there are none: the first import comes before the
/// first start).
fn load(args: &ImportArgs, settings: &Settings) -> Result<Shown, Trouble> {
    let options = LoadOptions {
        columns: Renames::parse(&args.columns).map_err(|error| Trouble::Usage(error.to_string()))?,
        time_zone: args.time_zone.clone(),
        wishes: args.windows == Windows::Wish,
        dry_run: args.dry_run,
    };
    let source = Source::file(&args.file).map_err(Trouble::refused)?;
    let progress = source.progress();
    let core = Core::start(&args.target.settings(settings), Clock::machine).map_err(Trouble::refused)?;
    let loader = Loader {
        service: core.service.clone(),
        zips: core.zips.clone(),
        caller: Caller::of(Who { role: Role::System, id: "import".into() }),
        settled: Settled::default(),
    };
    let settled = loader.settled.clone();
    let (file_bar, watching) = watch_file(progress, settled);
    let kind = args.kind.into();
    let loaded = core.handle().block_on(async { loader.load(kind, source, options).await });
    watching.finish(&file_bar);
    core.stop();
    let loaded = loaded.map_err(Trouble::refused)?;
    let what = loaded.report.what;
    let summary = summary(what, loaded.written, loaded.already_there, args.dry_run);
    let json = serde_json::to_value(&loaded).map_err(Trouble::refused)?;
    Ok(Shown { json, text: format!("{}\n{summary}", loaded.report) })
}

fn upload(args: &ImportArgs) -> Result<Shown, Trouble> {
    let Some(client) = args.target.remote()? else {
        return Err(Trouble::Usage("--server is missing".into()));
    };
    let parameters = [
        ("dry_run", args.dry_run.then_some("true")),
        ("columns", Some(args.columns.as_str()).filter(|columns| !columns.is_empty())),
        ("time_zone", args.time_zone.as_deref()),
        ("windows", (args.windows == Windows::Wish).then_some("wish")),
    ];
    let path = query(&format!("/v1/imports/{}", Kind::from(args.kind).name()), &parameters);
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

/// The server's report for people: counts, then the rows with problems.
fn told(report: &Value, dry_run: bool) -> String {
    let number = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
    let what = report.get("what").and_then(Value::as_str).unwrap_or("rows");
    let mut lines = vec![format!("{what}: {} rows, {} accepted", number("rows"), number("accepted"))];
    for side in ["refused", "mended", "noted"] {
        let counts = report.get(side).and_then(Value::as_object).into_iter().flatten();
        lines.extend(counts.map(|(kind, count)| format!("  {side} {kind}: {count}")));
    }
    for problem in report.get("problems").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| problem.get(name).map(super::output::plain).unwrap_or_default();
        lines.push(format!("  {} {}: {} {}", part("line"), part("outcome"), part("field"), part("detail")));
    }
    lines.push(summary(what, number("written"), number("already_there"), dry_run));
    lines.join("\n")
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
