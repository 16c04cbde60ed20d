//! `callout bench`: the load generator of `bench/` with its figures as the contract has them.

use super::{
    bench_roads,
    output::{Done, Trouble, print_json},
};
use crate::bench::{
    BenchError, ExpertsOptions, FeedOptions, GetOptions, IntakeOptions, OverloadOptions, experts, feed, get, intake,
    overload,
};
use clap::{Args, Subcommand};
use std::{path::PathBuf, process::ExitCode, time::Duration};

#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Enters tickets over HTTP as fast as they are acknowledged
    #[command(after_help = r"Example:
  callout bench intake --server http://127.0.0.1:8080 --token CLERK \
    --clients 64 --seconds 30 --json

It makes real tickets: use a server of its own.")]
    Intake(IntakeArgs),
    /// Enters tickets at a steady rate, whether or not the server keeps up
    #[command(after_help = r"Example:
  callout bench overload --server http://127.0.0.1:8080 --token CLERK \
    --rate 40000 --seconds 20 --json

It makes real tickets: use a server of its own.")]
    Overload(OverloadArgs),
    /// Listens to the live feed with many subscribers
    #[command(after_help = r"Example:
  callout bench feed --server http://127.0.0.1:8080 --token DISPATCHER \
    --clerk CLERK --subscribers 2000 --rate 50 --seconds 60")]
    Feed(FeedArgs),
    /// Many experts' apps that say where they are
    #[command(after_help = r"Example:
  callout bench experts --server http://127.0.0.1:8080 --tokens FILE \
    --every 5 --seconds 60")]
    Experts(ExpertsArgs),
    /// Reads one path again and again
    #[command(after_help = r"Example:
  callout bench get --server http://127.0.0.1:8080 --token CLERK \
    --path '/v1/tickets?phase=new&region=north&limit=50'")]
    Get(GetArgs),
    /// Prepares a road network and asks it; compares every answer with the plain search
    #[command(after_help = "Example:
  callout bench roads baltimore.osm.pbf --places requests.csv.gz --json")]
    Roads(bench_roads::RoadsArgs),
}

#[derive(Debug, Args)]
pub(super) struct FeedArgs {
    /// A running server, like http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    server: String,
    /// A dispatcher's token
    #[arg(long, value_name = "TOKEN", env = "CALLOUT_TOKEN", hide_env_values = true)]
    token: String,
    /// A clerk's token: for the ticket that is written about
    #[arg(long, value_name = "TOKEN")]
    clerk: String,
    /// Connections that listen
    #[arg(long, value_name = "N", default_value_t = 100)]
    subscribers: usize,
    /// Events a second
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// How long
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExpertsArgs {
    /// A running server, like http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    server: String,
    /// A file with an expert's id and a token on each line, a blank between them
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Seconds between two positions of one expert
    #[arg(long, default_value_t = 5)]
    every: u64,
    /// How long
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// A running server, like http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    server: String,
    /// A token of a role that may read the path
    #[arg(long, value_name = "TOKEN", env = "CALLOUT_TOKEN", hide_env_values = true)]
    token: String,
    /// What to read, with its query, beginning with /
    #[arg(long)]
    path: String,
    /// Connections that ask at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    clients: usize,
    /// How long
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct IntakeArgs {
    /// A running server, like http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    server: String,
    /// A token of a clerk or of the portal
    #[arg(long, value_name = "TOKEN", env = "CALLOUT_TOKEN", hide_env_values = true)]
    token: String,
    /// Connections that ask at the same time
    #[arg(long, value_name = "N", default_value_t = 64)]
    clients: usize,
    /// How long
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
    /// Another number enters other tickets
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Writes each acknowledged number there, for callout audit --acks
    #[arg(long, value_name = "FILE")]
    acks: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct OverloadArgs {
    /// A running server, like http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    server: String,
    /// A token of a clerk or of the portal
    #[arg(long, value_name = "TOKEN", env = "CALLOUT_TOKEN", hide_env_values = true)]
    token: String,
    /// Tickets a second
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// Requests that can be under way at once
    #[arg(long, default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How long
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
    /// Another number enters other tickets
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &BenchCommand) -> Done {
    match command {
        BenchCommand::Intake(args) => run_intake(args),
        BenchCommand::Overload(args) => run_overload(args),
        BenchCommand::Feed(args) => run_feed(args),
        BenchCommand::Experts(args) => run_experts(args),
        BenchCommand::Get(args) => run_get(args),
        BenchCommand::Roads(args) => bench_roads::run(args),
    }
}

fn run_intake(args: &IntakeArgs) -> Done {
    let options = IntakeOptions {
        server: args.server.clone(),
        token: args.token.clone(),
        clients: args.clients.max(1),
        duration: Duration::from_secs(args.seconds),
        seed: args.seed,
        acks: args.acks.clone(),
    };
    let report = intake(&options).map_err(|error| trouble(&error))?;
    let words = format!(
        "{} acknowledged, {:.0}/s, median {:.2} ms, p99 {:.2} ms, {} errors",
        report.acked, report.per_s, report.p50_ms, report.p99_ms, report.errors
    );
    show(args.json, &report, &words)
}

fn run_overload(args: &OverloadArgs) -> Done {
    let options = OverloadOptions {
        server: args.server.clone(),
        token: args.token.clone(),
        rate: args.rate,
        connections: args.connections,
        duration: Duration::from_secs(args.seconds),
        seed: args.seed,
    };
    let report = overload(&options).map_err(|error| trouble(&error))?;
    let words = format!(
        "{:.0}/s offered, {:.0}/s accepted (median {:.1} ms, p99 {:.1} ms), {} refused (p99 {:.1} ms), {} other answers, \
         {} without an answer, slowest {:.0} ms",
        report.offered_per_s,
        report.accepted_per_s,
        report.accepted_p50_ms,
        report.accepted_p99_ms,
        report.refused,
        report.refused_p99_ms,
        report.other,
        report.unanswered,
        report.slowest_ms
    );
    show(args.json, &report, &words)
}

fn run_feed(args: &FeedArgs) -> Done {
    let options = FeedOptions {
        server: args.server.clone(),
        token: args.token.clone(),
        clerk: args.clerk.clone(),
        subscribers: args.subscribers.max(1),
        rate: args.rate.max(1),
        duration: Duration::from_secs(args.seconds),
    };
    let report = feed(&options).map_err(|error| trouble(&error))?;
    let words = format!(
        "{} events to {} subscribers: median {:.0} ms, p99 {:.0} ms, longest {:.0} ms; {} missing, {} closed, {} errors",
        report.events,
        report.subscribers,
        report.p50_ms,
        report.p99_ms,
        report.max_ms,
        report.missing,
        report.closed,
        report.errors
    );
    show(args.json, &report, &words)
}

fn run_experts(args: &ExpertsArgs) -> Done {
    let options = ExpertsOptions {
        server: args.server.clone(),
        tokens: args.tokens.clone(),
        every: Duration::from_secs(args.every.max(1)),
        duration: Duration::from_secs(args.seconds),
    };
    let report = experts(&options).map_err(|error| trouble(&error))?;
    let words = format!(
        "{} experts, {} positions, {} refused, {} deliveries, {} closed",
        report.experts, report.positions, report.refused, report.deliveries, report.closed
    );
    show(args.json, &report, &words)
}

fn run_get(args: &GetArgs) -> Done {
    let options = GetOptions {
        server: args.server.clone(),
        token: args.token.clone(),
        path: args.path.clone(),
        clients: args.clients.max(1),
        duration: Duration::from_secs(args.seconds),
    };
    let report = get(&options).map_err(|error| trouble(&error))?;
    let words = format!(
        "{} answers of {} bytes, {:.0}/s, median {:.2} ms, p99 {:.2} ms, {} errors",
        report.answers, report.bytes, report.per_s, report.p50_ms, report.p99_ms, report.errors
    );
    show(args.json, &report, &words)
}

fn trouble(error: &BenchError) -> Trouble {
    match error {
        BenchError::Unreachable { .. } => Trouble::Unreachable(error.to_string()),
        BenchError::BadServer(_) => Trouble::Usage(error.to_string()),
        BenchError::Acks { .. } | BenchError::Runtime(_) => Trouble::Refused(error.to_string()),
    }
}

fn show(json: bool, report: &impl serde::Serialize, words: &str) -> Done {
    if json {
        print_json(&serde_json::to_value(report).map_err(Trouble::refused)?);
    } else {
        println!("{words}");
    }
    Ok(ExitCode::SUCCESS)
}
