//! `callout customer`: everything held about somebody, for them; or gone, for good.

use super::{
    Connection,
    output::{Done, Trouble, new_file, plain, print_json},
    target::TargetArgs,
};
use crate::settings::Settings;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};
use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

#[derive(Debug, Subcommand)]
pub(super) enum CustomerCommand {
    /// Everything held about a customer, as JSON
    #[command(after_help = "Examples:
  callout customer export c-1042 --out c-1042.json
  callout customer export --phone '+1 617 555 0100'

Token roles: admin")]
    Export(ExportArgs),
    /// Forget a customer: their names, numbers, places and texts open no more, anywhere
    #[command(after_help = "Examples:
  callout customer erase c-1042 --dry-run
  callout customer erase --ticket 0A1-000142-N --cancel-open --yes

While one of their tickets is open, it is refused unless --cancel-open is given.
Token roles: admin")]
    Erase(EraseArgs),
}

/// Whom is meant; all that is given is theirs.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Whom {
    /// The customer's id
    #[arg(value_name = "ID")]
    customer: Option<String>,
    /// One of their tickets, like 0A1-000142-N
    #[arg(long, value_name = "NUMBER")]
    ticket: Option<String>,
    /// Their phone number, with its country
    #[arg(long)]
    phone: Option<String>,
    /// Their e-mail address
    #[arg(long)]
    email: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    whom: Whom,
    /// Where to; a new file that only you can read [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Debug, Args)]
pub(super) struct EraseArgs {
    #[command(flatten)]
    whom: Whom,
    /// Cancel their open tickets first; without it open tickets are a refusal
    #[arg(long)]
    cancel_open: bool,
    /// Say what would go, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &CustomerCommand, settings: &Settings) -> Done {
    match command {
        CustomerCommand::Export(args) => export(args, settings),
        CustomerCommand::Erase(args) => erase(args, settings),
    }
}

impl Whom {
    fn body(&self) -> Map<String, Value> {
        let given =
            [("customer_id", &self.customer), ("ticket", &self.ticket), ("phone", &self.phone), ("email", &self.email)];
        given.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))).collect()
    }
}

fn export(args: &ExportArgs, settings: &Settings) -> Done {
    let connection = Connection::open(&args.target, settings)?;
    let body = Value::Object(args.whom.body());
    let document = connection.client.call(Method::POST, "/v1/customers/export", Some(&body))?;
    let Some(out) = &args.out else {
        print_json(&document);
        return Ok(ExitCode::SUCCESS);
    };
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    let mut file = new_file(out)?;
    let saved = writeln!(file, "{text}").and_then(|()| file.sync_all());
    saved.map_err(|error| Trouble::Refused(format!("{}: {error}", out.display())))?;
    let tickets = document["tickets"].as_array().map_or(0, Vec::len);
    println!("{}: {tickets} tickets", out.display());
    Ok(ExitCode::SUCCESS)
}

fn erase(args: &EraseArgs, settings: &Settings) -> Done {
    let asks = !args.yes && !args.dry_run;
    if asks && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Trouble::Usage("it cannot be undone: look with --dry-run, then say --yes".into()));
    }
    let connection = Connection::open(&args.target, settings)?;
    let send = |dry_run: bool| {
        let mut body = args.whom.body();
        body.insert("cancel_open".into(), args.cancel_open.into());
        body.insert("dry_run".into(), dry_run.into());
        connection.client.call(Method::POST, "/v1/customers/erase", Some(&Value::Object(body)))
    };
    if asks {
        told(&send(true)?);
        if !agreed()? {
            return Err(Trouble::Refused("nothing was erased".into()));
        }
    }
    let done = send(args.dry_run)?;
    if args.json {
        print_json(&done);
    } else {
        told(&done);
    }
    Ok(ExitCode::SUCCESS)
}

fn told(report: &Value) {
    let count = |name: &str| report[name].as_array().map_or(0, Vec::len);
    let verb = if report["erased"] == true { "erased" } else { "would erase" };
    println!("{verb} {} tickets: {}", count("tickets"), plain(&report["tickets"]));
    if report["erased"] == true {
        println!("{} messages were taken out of the mailbox", plain(&report["messages"]));
    }
    if report["accounts"] != 0 {
        let ended = if report["erased"] == true { "were ended" } else { "would end" };
        println!("{} accounts {ended}", plain(&report["accounts"]));
    }
    if count("open") > 0 {
        println!("{} of them open: {}", count("open"), plain(&report["open"]));
    }
    if count("shared") > 0 {
        println!("left alone, another customer's with the same phone or address: {}", plain(&report["shared"]));
    }
}

fn agreed() -> Result<bool, Trouble> {
    eprint!("this cannot be undone; type \"erase\" to go on: ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(Trouble::refused)?;
    Ok(answer.trim() == "erase")
}
