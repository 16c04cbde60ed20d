//! `callout outbox`: messages that wait, and those that were given up.

use super::{
    Connection,
    client::{encode, query},
    output::{Done, at, limit, plain, print_json, print_table},
    target::TargetArgs,
};
use crate::settings::Settings;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// Messages on their way, newest tickets first
    #[command(after_help = "Examples:
  callout outbox list --dead
  callout outbox list --status queued --region north

Messages that arrived are not in it: callout ticket trace has them.
Token roles: dispatcher, admin")]
    List(ListArgs),
    /// One message with its story: each attempt, what the gateway said
    #[command(after_help = "Example:
  callout outbox show 0A1-000142-N.3

Token roles: dispatcher, admin")]
    Show(ShowArgs),
    /// Try one anew that was given up
    #[command(after_help = "Example:
  callout outbox resend 0A1-000142-N.3

Token roles: dispatcher, admin")]
    Resend(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only those that were given up
    #[arg(long, conflicts_with = "status")]
    dead: bool,
    /// Only those that are queued, pushed (to an app), texted (by SMS) or dead (given up)
    #[arg(long)]
    status: Option<String>,
    /// Only of this region (its id)
    #[arg(long, value_name = "ID")]
    region: Option<String>,
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
    /// The message: its ticket and a number, like 0A1-000142-N.3
    id: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &OutboxCommand, settings: &Settings) -> Done {
    match command {
        OutboxCommand::List(args) => list(args, settings),
        OutboxCommand::Show(args) => show(args, settings),
        OutboxCommand::Resend(args) => resend(args, settings),
    }
}

fn list(args: &ListArgs, settings: &Settings) -> Done {
    let status = if args.dead { Some("dead") } else { args.status.as_deref() };
    let path = query("/v1/outbox", &[("status", status), ("region", args.region.as_deref())]);
    let connection = Connection::open(&args.target, settings)?;
    let items = connection.client.all(&path, args.limit)?;
    if args.json {
        print_json(&json!({ "items": items }));
        return Ok(ExitCode::SUCCESS);
    }
    let columns = ["id", "status", "kind", "to", "expert", "region", "queued_at", "next_at", "attempts", "failed"];
    let rows: Vec<_> = items.iter().map(|item| columns.map(|column| at(item, column)).to_vec()).collect();
    print_table(&["ID", "STATUS", "KIND", "TO", "EXPERT", "REGION", "QUEUED", "NEXT", "ATTEMPTS", "FAILED"], &rows);
    Ok(ExitCode::SUCCESS)
}

fn show(args: &ShowArgs, settings: &Settings) -> Done {
    let connection = Connection::open(&args.target, settings)?;
    let shown = connection.client.get(&format!("/v1/outbox/{}", encode(&args.id)))?;
    if args.json {
        print_json(&shown);
        return Ok(ExitCode::SUCCESS);
    }
    for (name, value) in shown.as_object().into_iter().flatten().filter(|(name, _)| *name != "history") {
        println!("{name:<12}{}", plain(value));
    }
    for entry in shown["history"].as_array().into_iter().flatten() {
        println!("{:<25}{:<20}{}", at(entry, "at"), at(entry, "kind"), plain(&entry["data"]));
    }
    Ok(ExitCode::SUCCESS)
}

fn resend(args: &ShowArgs, settings: &Settings) -> Done {
    let connection = Connection::open(&args.target, settings)?;
    let path = format!("/v1/outbox/{}/resend", encode(&args.id));
    let sent = connection.client.call(Method::POST, &path, Some(&json!({})))?;
    if args.json {
        print_json(&sent);
    } else {
        println!("{} is {} again", args.id, at(&sent, "status"));
    }
    Ok(ExitCode::SUCCESS)
}
