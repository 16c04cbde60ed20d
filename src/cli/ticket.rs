//! `callout ticket`: look at tickets; `trace` tells a ticket's whole story with its decisions.

use super::{
    Connection,
    client::{encode, query},
    expert::place,
    inquiry,
    output::{Done, at, columns, limit, plain, print_json, print_table},
    target::TargetArgs,
    trace,
};
use crate::{domain::ticket::Role, settings::Settings};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

/// How a ticket comes to be and is worked on, which no command does.
pub(super) const BY_API: &str = r#"Tickets are entered and worked on through the API (accept, decline, depart,
arrive, complete, assign, hold, cancel, notes): a running server describes it at
/docs, as OpenAPI at /v1/openapi.json. Enter one, with a clerk's token:
  curl http://127.0.0.1:8080/v1/tickets -H "authorization: Bearer $TOKEN" \
    -H 'content-type: application/json' \
    -d '{"title": "No picture", "skills": ["tv"], "channel": "phone"}'
Files of tickets are taken over by callout import tickets."#;

#[derive(Debug, Subcommand)]
pub(super) enum TicketCommand {
    /// Tickets, newest first
    #[command(after_help = "Example:
  callout ticket list --phase new --region north --limit 20

Customers and experts see their own.
Token roles: customer, clerk, expert, dispatcher, manager, admin, portal")]
    List(ListArgs),
    /// One ticket
    #[command(after_help = "Example:
  callout ticket show 0A1-000142-N

Customers and experts see their own.
Token roles: customer, clerk, expert, dispatcher, manager, admin, portal")]
    Show(ShowArgs),
    /// One ticket's story: commands, events, deliveries, decisions with every candidate, restarts
    #[command(after_help = "Examples:
  callout ticket trace 0A1-000142-N
  callout ticket trace 0A1-000142-N --json | jq '.incidents'

Below a decision stand the candidates: * marks who was chosen, with the cost in
seconds and what it is made of; 'not possible' names the rule that speaks
against one. 'after entry N' is the entry of the journal that this followed.
Token roles: clerk, dispatcher, manager, admin")]
    Trace(ShowArgs),
    /// Why an expert would not come to a ticket, or what it would cost beside whoever is chosen
    #[command(after_help = "Example:
  callout ticket why-not 0A1-000142-N --expert e-17

Judged now, by the code that decides: the first hard rule in the way with its
figures, or the place in the route, the cost by term and what would move.
Token roles: clerk, dispatcher, manager, admin")]
    WhyNot(inquiry::WhyNotArgs),
    /// What would have a ticket's visit begin by some time
    #[command(after_help = "Examples:
  callout ticket by 0A1-000142-N --at 15:00
  callout ticket by 0A1-000142-N --at 2026-01-31T15:00:00Z --json

Single changes, the cheapest first; each was tried by the code that decides,
none is made. When none helps, how many experts each rule excludes.
Token roles: clerk, dispatcher, manager, admin")]
    By(inquiry::ByArgs),
    /// Say where a ticket is; the region of that place takes it over
    #[command(after_help = "Example:
  callout ticket locate 0A1-000142-N --place 42.36,-71.06

Token roles: clerk, dispatcher")]
    Locate(LocateArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only in this phase: new, assigning (offered to an expert), assigned, in_progress, completed, closed,
    /// reopened, cancelled or on_hold
    #[arg(long)]
    phase: Option<String>,
    /// Only of this region (its id); unlocated has those without a place
    #[arg(long, value_name = "ID")]
    region: Option<String>,
    /// Only of this customer (an id)
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// Only those that this expert (an id) has
    #[arg(long, value_name = "ID")]
    expert: Option<String>,
    /// Only those opened after this time, like 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME")]
    opened_after: Option<String>,
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
pub(super) struct ShowArgs {
    /// The ticket's number, like 0A1-000142-N; its last character is a check of the others
    number: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LocateArgs {
    /// The ticket's number, like 0A1-000142-N
    number: String,
    /// Latitude and longitude in degrees, like 42.36,-71.06
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
    place: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &TicketCommand, settings: &Settings) -> Done {
    match command {
        TicketCommand::List(args) => list(args, settings),
        TicketCommand::Show(args) => show(args, settings),
        TicketCommand::Trace(args) => trace(args, settings),
        TicketCommand::WhyNot(args) => inquiry::why_not(args, settings),
        TicketCommand::By(args) => inquiry::by(args, settings),
        TicketCommand::Locate(args) => locate(args, settings),
    }
}

fn list(args: &ListArgs, settings: &Settings) -> Done {
    let filters = [
        ("phase", args.phase.as_deref()),
        ("region", args.region.as_deref()),
        ("customer", args.customer.as_deref()),
        ("expert", args.expert.as_deref()),
        ("opened_after", args.opened_after.as_deref()),
    ];
    let path = query("/v1/tickets", &filters);
    let connection = Connection::open(&args.target, settings)?;
    let tickets = connection.client.all(&path, args.limit)?;
    if args.json {
        print_json(&json!({ "items": tickets }));
        return Ok(ExitCode::SUCCESS);
    }
    let columns = ["number", "phase", "region", "priority", "opened_at", "visit.expert", "flags", "title"];
    let rows: Vec<_> = tickets.iter().map(|ticket| columns.map(|column| at(ticket, column)).to_vec()).collect();
    print_table(&["NUMBER", "PHASE", "REGION", "PRIORITY", "OPENED", "EXPERT", "FLAGS", "TITLE"], &rows);
    Ok(ExitCode::SUCCESS)
}

fn show(args: &ShowArgs, settings: &Settings) -> Done {
    let connection = Connection::open(&args.target, settings)?;
    let ticket = connection.client.get(&format!("/v1/tickets/{}", encode(&args.number)))?;
    print(&ticket, args.json);
    Ok(ExitCode::SUCCESS)
}

fn print(ticket: &Value, json: bool) {
    if json {
        return print_json(ticket);
    }
    for (name, value) in ticket.as_object().into_iter().flatten() {
        println!("{name:<20}{}", plain(value));
    }
}

fn locate(args: &LocateArgs, settings: &Settings) -> Done {
    let body = json!({ "place": place("--place", &args.place)? });
    let connection = Connection::open_as(Role::Dispatcher, &args.target, settings)?;
    let path = format!("/v1/tickets/{}/locate", encode(&args.number));
    let ticket = connection.client.call(Method::POST, &path, Some(&body))?;
    print(&ticket, args.json);
    Ok(ExitCode::SUCCESS)
}

fn trace(args: &ShowArgs, settings: &Settings) -> Done {
    let connection = Connection::open(&args.target, settings)?;
    let number = encode(&args.number);
    let timeline = connection.client.get(&format!("/v1/tickets/{number}/timeline"))?;
    let decisions = connection.client.get(&format!("/v1/tickets/{number}/decisions"))?;
    if args.json {
        print_json(&json!({ "timeline": timeline["items"], "decisions": decisions["items"],
                           "incidents": timeline["incidents"] }));
        return Ok(ExitCode::SUCCESS);
    }
    for line in trace::lines(&timeline, &decisions, columns()) {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}
