//! `callout top`: the board of a running server, asked for every few moments.

use super::{
    board::{self, RemoteBoard},
    client::{Client, encode},
    output::{Done, Trouble, at},
};
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

/// The live board of a running server: regions, experts, the latest events, a map.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  callout top --server http://127.0.0.1:8080 --token \"$(callout token issue --role dispatcher)\""
)]
pub(super) struct TopArgs {
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    server: String,
    /// A dispatcher's, manager's or administrator's token
    #[arg(long, value_name = "TOKEN", env = "CALLOUT_TOKEN", hide_env_values = true)]
    token: String,
}

/// Regions asked for at most; a board of more cannot be read.
const REGIONS: usize = 100;

pub(super) fn run(args: &TopArgs) -> Done {
    let client = Client::new(&args.server, &args.token)?;
    let mut remote = RemoteBoard::new(format!("callout top {}", args.server), vec!["q quits".into()]);
    // Before the screen is taken: whoever has the wrong token sees why.
    let mut boards = fetch(&client)?;
    let mut trouble = None;
    let shown = board::show(&mut || {
        let view = remote.view(&boards);
        match fetch(&client) {
            Ok(fresh) => boards = fresh,
            Err(error) => trouble = Some(error),
        }
        trouble.is_none().then_some(view)
    });
    match (trouble, shown) {
        (Some(trouble), _) => Err(trouble),
        (None, Err(error)) => Err(Trouble::refused(error)),
        (None, Ok(())) => Ok(ExitCode::SUCCESS),
    }
}

fn fetch(client: &Client) -> Result<Vec<Value>, Trouble> {
    let regions = client.all("/v1/regions", REGIONS)?;
    let board = |region: &Value| Ok(client.get(&format!("/v1/regions/{}/board", encode(&at(region, "id"))))?);
    regions.iter().map(board).collect()
}
