//! `callout bench`: the load generator of `bench/` with its figures as the contract has them.

use super::output::{Done, Trouble, print_json};
use crate::bench::{BenchError, IntakeOptions, intake};
use clap::{Args, Subcommand};
use std::{path::PathBuf, process::ExitCode, time::Duration};

#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Enters tickets over HTTP as fast as they are acknowledged
    #[command(after_help = "Example:
  taskset -c 1 callout bench intake --server http://127.0.0.1:8080 --token TOKEN --clients 64 --seconds 30 --json")]
    Intake(IntakeArgs),
}

#[derive(Debug, Args)]
pub(super) struct IntakeArgs {
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    server: String,
    /// A token of a clerk or of the portal
    #[arg(long, value_name = "TOKEN", env = "CALLOUT_TOKEN", hide_env_values = true)]
    token: String,
    #[arg(long, default_value_t = 64)]
    clients: usize,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes each acknowledged number there, for `audit --acks`
    #[arg(long, value_name = "FILE")]
    acks: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &BenchCommand) -> Done {
    let BenchCommand::Intake(args) = command;
    let options = IntakeOptions {
        server: args.server.clone(),
        token: args.token.clone(),
        clients: args.clients.max(1),
        duration: Duration::from_secs(args.seconds),
        seed: args.seed,
        acks: args.acks.clone(),
    };
    let report = intake(&options).map_err(|error| match error {
        BenchError::Unreachable { .. } => Trouble::Unreachable(error.to_string()),
        BenchError::BadServer(_) => Trouble::Usage(error.to_string()),
        BenchError::Acks { .. } | BenchError::Runtime(_) => Trouble::Refused(error.to_string()),
    })?;
    if args.json {
        print_json(&serde_json::to_value(report).map_err(Trouble::refused)?);
    } else {
        println!(
            "{} acknowledged, {:.0}/s, median {:.2} ms, p99 {:.2} ms, {} errors",
            report.acked, report.per_s, report.p50_ms, report.p99_ms, report.errors
        );
    }
    Ok(ExitCode::SUCCESS)
}
