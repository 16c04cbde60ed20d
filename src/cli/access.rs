//! `callout access`: who looked at whose data, and whether the record of it is whole.

use super::{
    Connection,
    client::query,
    output::{Done, at, limit, plain, print_json, print_table},
    target::TargetArgs,
};
use crate::settings::Settings;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum AccessCommand {
    /// The newest lines of the access record
    #[command(after_help = "Examples:
  callout access list --ticket 0A1-000142-N
  callout access list --who desk-1 --from 2026-11-01T00:00:00Z --json

Token roles: admin")]
    List(ListArgs),
    /// Prove that no line was changed, put in or taken out
    #[command(after_help = "Example:
  callout access verify --server http://127.0.0.1:8080 --token TOKEN

Exit code 1 when it was.
Token roles: admin")]
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// A time like 2026-11-01T00:00:00Z [default: 30 days before --to]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// A time like 2026-11-02T00:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// A subject or a token's id
    #[arg(long)]
    who: Option<String>,
    /// Accesses to this ticket
    #[arg(long, value_name = "NUMBER")]
    ticket: Option<String>,
    /// By or about this customer
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = limit)]
    limit: usize,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &AccessCommand, settings: &Settings) -> Done {
    match command {
        AccessCommand::List(args) => list(args, settings),
        AccessCommand::Verify(args) => verify(args, settings),
    }
}

fn list(args: &ListArgs, settings: &Settings) -> Done {
    let parameters = [
        ("from", args.from.as_deref()),
        ("to", args.to.as_deref()),
        ("who", args.who.as_deref()),
        ("ticket", args.ticket.as_deref()),
        ("customer", args.customer.as_deref()),
    ];
    let connection = Connection::open(&args.target, settings)?;
    let items = connection.client.all(&query("/v1/access", &parameters), args.limit)?;
    if args.json {
        print_json(&json!({ "items": items }));
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = items.iter().map(row).collect();
    print_table(&["AT", "ROLE", "SUBJECT", "CALL", "STATUS", "ABOUT", "TOKEN"], &rows);
    Ok(ExitCode::SUCCESS)
}

fn row(line: &Value) -> Vec<String> {
    let call = match at(line, "note") {
        note if note.is_empty() => format!("{} {}", at(line, "method"), at(line, "route")),
        note => format!("({note} {})", at(line, "missed")).replace(" )", ")"),
    };
    let about = ["ticket", "tickets", "expert", "regions", "customer", "by"].map(|name| at(line, name));
    let about = about.into_iter().filter(|id| !id.is_empty()).collect::<Vec<_>>().join(" ");
    vec![at(line, "at"), at(line, "role"), at(line, "subject"), call, at(line, "status"), about, at(line, "token")]
}

fn verify(args: &VerifyArgs, settings: &Settings) -> Done {
    let connection = Connection::open(&args.target, settings)?;
    let found = connection.client.get("/v1/access/proof")?;
    let ok = found["ok"] == true;
    if args.json {
        print_json(&found);
    } else {
        let counts = ["lines", "days", "missed", "last"].map(|name| plain(&found[name]));
        let [lines, days, missed, last] = counts;
        println!("{lines} lines of {days} days, {missed} calls missed; line {last} has hash {}", plain(&found["hash"]));
        for fault in found["broken"].as_array().into_iter().flatten() {
            println!("{} line {}: {}", plain(&fault["file"]), plain(&fault["line"]), plain(&fault["what"]));
        }
        if ok {
            println!("whole");
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
