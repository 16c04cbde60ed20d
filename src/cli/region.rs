//! `callout region`: what regions there are.

use super::{
    Connection,
    client::encode,
    output::{Done, at, print_json, print_table},
    target::TargetArgs,
};
use crate::settings::Settings;
use clap::{Args, Subcommand};
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum RegionCommand {
    /// All regions
    List(ListArgs),
    /// One region, with its outline and settings
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    id: String,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) fn run(command: &RegionCommand, settings: &Settings) -> Done {
    match command {
        RegionCommand::List(args) => list(args, settings),
        RegionCommand::Show(args) => {
            let connection = Connection::open(&args.target, settings)?;
            print_json(&connection.client.get(&format!("/v1/regions/{}", encode(&args.id)))?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(args: &ListArgs, settings: &Settings) -> Done {
    let connection = Connection::open(&args.target, settings)?;
    let regions = connection.client.all("/v1/regions?geometry=false", usize::MAX)?;
    if args.json {
        print_json(&json!({ "items": regions }));
        return Ok(ExitCode::SUCCESS);
    }
    let columns = ["id", "name", "time_zone", "version", "parked"];
    let rows: Vec<_> = regions.iter().map(|region| columns.map(|column| at(region, column)).to_vec()).collect();
    print_table(&["ID", "NAME", "TIME ZONE", "VERSION", "PARKED"], &rows);
    Ok(ExitCode::SUCCESS)
}
