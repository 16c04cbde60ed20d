//! `callout objectives`: what was promised, and how it stands today, over 7 and over 30 days.

use super::{
    Connection,
    output::{Done, at, colour, duration, print_json, print_table},
    target::TargetArgs,
};
use crate::settings::Settings;
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

/// The objectives against their goals. Exit code 1 when one is missed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callout objectives --server http://127.0.0.1:8080 --token TOKEN
  callout objectives --data ./callout-data --json

Today begins at midnight UTC; a time before the first start does not count.
  intake availability  share of the time in which new tickets were taken; time
                       in which the server was stopped counts against it
  tickets lost         of the numbers given out that were looked for in the
                       journal since (every minute, so it lags), those missing
  longest stall        the longest that work stood still in a running server
  worst incident       the longest of overload, a parked region, a crash, ..
The lines below them have no goal: the oldest ticket without an expert, starts,
restarts of parts inside the server after a crash of one, new tickets, and how
much of the time was observed.

Exit codes: 0 all goals are met, 1 one is missed in any period (or the command
was refused), 2 usage, 3 server not reachable.
Token roles: clerk, dispatcher, manager, admin")]
pub(super) struct ObjectivesArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ObjectivesArgs, settings: &Settings) -> Done {
    let report = Connection::open(&args.target, settings)?.client.get("/v1/objectives")?;
    if args.json {
        print_json(&report);
    } else {
        print(&report);
    }
    Ok(if report["met"] == true { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn print(report: &Value) {
    let periods = report["periods"].as_array().cloned().unwrap_or_default();
    let goals = &report["goals"];
    let row = |name: &str, goal: String, met: Option<&str>, shown: &dyn Fn(&Value) -> String| {
        let cell = |period: &Value| match met.map(|met| period["met"][met] == true) {
            Some(false) => colour("31", &format!("{} MISSED", shown(period))),
            Some(true) | None => shown(period),
        };
        [name.to_owned(), goal].into_iter().chain(periods.iter().map(cell)).collect::<Vec<_>>()
    };
    let seconds = |value: &Value| duration(value.as_f64().unwrap_or(0.0));
    let share = |value: &Value| format!("{:.3} %", value.as_f64().unwrap_or(0.0) * 100.0);
    let rows = vec![
        row(
            "intake availability",
            format!("> {}", share(&goals["intake_availability"])),
            Some("intake_availability"),
            &|p| share(&p["intake_availability"]),
        ),
        row("tickets lost", format!("< {}", share(&goals["lost_share"])), Some("tickets_lost"), &|p| {
            format!("{} of {}", p["lost"], p["checked"])
        }),
        row("longest stall", format!("<= {}", seconds(&goals["stall_s"])), Some("stalls"), &|p| {
            seconds(&p["longest_stall_s"])
        }),
        row("worst incident", format!("<= {}", seconds(&goals["worst_incident_s"])), Some("incidents"), &|p| {
            let kind = at(p, "worst_incident.kind");
            let took = seconds(&p["worst_incident_s"]);
            if kind.is_empty() { "none".into() } else { format!("{took} ({kind})") }
        }),
        row("oldest unassigned", String::new(), None, &|p| seconds(&p["oldest_unassigned_s"])),
        row("starts", String::new(), None, &|p| p["starts"].to_string()),
        row("actor restarts", String::new(), None, &|p| p["restarts"].to_string()),
        row("new tickets", String::new(), None, &|p| p["acknowledged"].to_string()),
        row("observed", String::new(), None, &|p| seconds(&p["observed_s"])),
    ];
    print_table(&["OBJECTIVE", "GOAL", "TODAY", "7 DAYS", "30 DAYS"], &rows);
}
