//! `callout audit`: proves P2 to P6 over the data, P1 against a list of acknowledged numbers; with
//! `--replay` also that snapshots, timers and deliveries say what the journal says.

use super::{
    output::{Done, Trouble, print_json, print_table},
    target::{TargetArgs, need_data, not_opened},
};
use crate::{
    domain::ids::TicketNumber,
    load::store_options,
    settings::Settings,
    storage::{AuditOptions, Store, audit::LATE_S},
    travel::networks::Networks,
};
use clap::Args;
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Checks every promise that can be checked, and names each violation.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callout audit --replay --data ./callout-data
  callout audit --acks acknowledged.txt --json
  callout audit --server http://127.0.0.1:8080 --token TOKEN

The journal is the list of everything that happened; all else is made of it.
Exit code 1 on any violation.
Token roles: admin")]
pub(super) struct AuditArgs {
    /// Rebuild tickets, routes, timers and messages from the journal aside, and compare them with what is stored
    #[arg(long)]
    replay: bool,
    /// Numbers that were acknowledged, one a line: each must be there
    #[arg(long, value_name = "FILE")]
    acks: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &AuditArgs, settings: &Settings) -> Done {
    let acknowledged = args.acks.as_deref().map(numbers).transpose()?.unwrap_or_default();
    let report = match args.target.remote()? {
        Some(client) => {
            let said: Vec<String> = acknowledged.iter().map(ToString::to_string).collect();
            let body = json!({ "replay": args.replay, "acknowledged": said });
            client.call(Method::POST, "/v1/audits", Some(&body))?
        }
        None => here(args, &acknowledged, &args.target.settings(settings))?,
    };
    let ok = report["ok"].as_bool().unwrap_or(false);
    if args.json {
        print_json(&report);
    } else {
        print(&report);
        if args.replay {
            println!("{}", compared(&report));
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn numbers(file: &Path) -> Result<Vec<TicketNumber>, Trouble> {
    let wrong = |what: String| Trouble::Refused(format!("{}: {what}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.parse().map_err(|error| wrong(format!("{line}: {error}")))).collect()
}

fn here(args: &AuditArgs, acknowledged: &[TicketNumber], settings: &Settings) -> Result<Value, Trouble> {
    need_data(settings)?;
    let store = Store::open(store_options(settings)).map_err(not_opened)?;
    let bar = events_bar();
    let networks = Networks::of(&settings.storage.data);
    let report = store.audit(AuditOptions {
        replay: args.replay,
        acknowledged,
        late_s: Some(LATE_S),
        overlap: &|route, region| networks.overlap(route, region),
        progress: &mut |reached, last| {
            bar.set_length(last);
            bar.set_position(reached);
        },
    });
    bar.finish_and_clear();
    let closed = store.close();
    let mut report = report.map_err(Trouble::refused)?;
    report.missing_networks = networks.missing();
    closed.map_err(Trouble::refused)?;
    serde_json::to_value(&report).map_err(Trouble::refused)
}

/// Events read, on stderr, when that is a terminal.
pub(super) fn events_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} events  {per_sec}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What `--replay` did beyond the rest, in a line.
fn compared(report: &Value) -> String {
    let end = if report["ok"] == true { "and are the same" } else { "see the violations above" };
    let events = &report["events"];
    format!("replayed: {events} events played anew; what is stored was compared with what came of them, {end}")
}

fn print(report: &Value) {
    println!("{} tickets, {} events, {} overrides", report["tickets"], report["events"], report["overrides"]);
    for (phase, count) in report["by_phase"].as_object().into_iter().flatten().filter(|(_, count)| **count != json!(0))
    {
        println!("  {phase:<12}{count}");
    }
    for network in report["missing_networks"].as_array().into_iter().flatten() {
        println!(
            "drives over road network {} were not checked: it is not here any more",
            super::output::plain(network)
        );
    }
    let violations = report["violations"].as_array().cloned().unwrap_or_default();
    if violations.is_empty() {
        println!("no violation");
        return;
    }
    let cell = |violation: &Value, name| violation.get(name).map(super::output::plain).unwrap_or_default();
    let rows: Vec<_> =
        violations.iter().map(|v| ["promise", "thing", "detail"].map(|name| cell(v, name)).to_vec()).collect();
    print_table(&["PROMISE", "THING", "DETAIL"], &rows);
}
