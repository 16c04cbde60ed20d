//! `callout incident`: everything an investigator needs about some hours, in one archive.

use super::{
    Connection,
    client::query,
    output::{Done, Trouble, new_file},
    target::TargetArgs,
};
use crate::settings::Settings;
use clap::Args;
use std::{fs, path::PathBuf, process::ExitCode};

/// Gathers events, decisions, incidents, metrics, logs and settings of some hours into one archive.
/// Nobody can be recognised from it. Works on a running server and on a stopped one's data.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callout incident --from 2026-01-31T08:00:00Z --to 2026-01-31T10:00:00Z \\
    --server http://127.0.0.1:8080 --token TOKEN
  callout incident --ticket 0A1-000142-N --out ticket.tar.gz

Token roles: admin")]
pub(super) struct IncidentArgs {
    /// A time like 2026-01-31T08:00:00Z [default: a day before --to, or the ticket's life]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Likewise [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Events of this region only
    #[arg(long, value_name = "ID")]
    region: Option<String>,
    /// Events of this ticket, and of routes while they held it
    #[arg(long, value_name = "NUMBER")]
    ticket: Option<String>,
    /// A file that is not there yet; only you can read it
    #[arg(long, value_name = "FILE.tar.gz", default_value = "callout-incident.tar.gz")]
    out: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) fn run(args: &IncidentArgs, settings: &Settings) -> Done {
    let failed = |error: std::io::Error| Trouble::Refused(format!("{}: {error}", args.out.display()));
    let parameters = [
        ("from", args.from.as_deref()),
        ("to", args.to.as_deref()),
        ("region", args.region.as_deref()),
        ("ticket", args.ticket.as_deref()),
    ];
    let connection = Connection::open(&args.target, settings)?;
    let mut file = new_file(&args.out)?;
    match connection.client.download(&query("/v1/incidents/archive", &parameters), &mut file) {
        Ok(bytes) => {
            file.sync_all().map_err(failed)?;
            println!("{}: {bytes} bytes; README.txt in it says what is what", args.out.display());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            drop(file);
            // Half an archive is worse than none.
            let _ = fs::remove_file(&args.out);
            Err(error.into())
        }
    }
}
