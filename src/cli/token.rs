//! `callout token`: plain files beside the data, so it works on a stopped and on a running server.

use super::output::{Done, Trouble, print_json, print_table};
use crate::{
    actors::Clock,
    domain::{ids::RegionId, ticket::Role, time::Timestamp},
    settings::{Settings, limits},
    tokens::{Grant, Tokens},
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Print a new token, alone on its line
    #[command(after_help = "Examples:
  callout token issue --role clerk
  callout token issue --role expert --subject e-17 --ttl 30d
  callout token issue --role dispatcher --region north --region south

It works on the data directory, whether or not a server runs on it: run it on
the server's machine, as the user that owns the data.")]
    Issue(IssueArgs),
    /// What was issued (never the tokens themselves)
    #[command(after_help = "Example:
  callout token list --json

It works beside a running server.")]
    List(ListArgs),
    /// Make a token worthless; running servers know within a second
    #[command(after_help = "Example:
  callout token revoke 3f9a2c1b

It works beside a running server.")]
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(super) struct IssueArgs {
    /// customer, clerk, expert, dispatcher, manager, admin or portal
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// The customer's or expert's id; for others a name for the record
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only these regions, all without it (may be given several times)
    #[arg(long, value_name = "REGION", value_parser = region)]
    region: Vec<RegionId>,
    /// How long it lives: 90s, 30m, 12h, 7d; at most 366d
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = seconds)]
    ttl: i64,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    /// Data directory, of a stopped or a running server [env: CALLOUT_DATA] [default: ./callout-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The id that callout token list shows
    id: String,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) fn role(text: &str) -> Result<Role, String> {
    let names = || Role::ALL.iter().skip(1).map(|role| role.name()).collect::<Vec<_>>().join(", ");
    Role::parse(text).ok_or_else(|| format!("a role is one of {}", names()))
}

pub(super) fn with_article(role: Role) -> String {
    let article = if matches!(role, Role::Expert | Role::Admin) { "an" } else { "a" };
    format!("{article} {}", role.name())
}

pub(super) fn region(text: &str) -> Result<RegionId, String> {
    RegionId::parse(text).map_err(|error| error.to_string())
}

/// Of no region means of all.
pub(super) fn region_names(regions: &[String]) -> String {
    if regions.is_empty() { "all".to_owned() } else { regions.join(" ") }
}

/// `12h` and the like, a second to a year.
fn seconds(text: &str) -> Result<i64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let read = || {
        let (unit, seconds) = units.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
        let count: i64 = text.trim_end_matches(unit).parse().ok()?;
        count.checked_mul(seconds).filter(|ttl| (1..=limits::TOKEN_TTL_S).contains(ttl))
    };
    read().ok_or_else(|| "a time looks like 90s, 30m, 12h or 7d, and is at most 366d".to_owned())
}

fn open(place: &PlaceArgs, settings: &Settings) -> Result<Tokens, Trouble> {
    Tokens::open(place.data.as_ref().unwrap_or(&settings.storage.data)).map_err(Trouble::refused)
}

/// Tokens live in real time.
pub(super) fn now() -> Timestamp {
    Clock::machine(Timestamp::ZERO).now()
}

pub(super) fn run(command: &TokenCommand, settings: &Settings) -> Done {
    match command {
        TokenCommand::Issue(args) => issue(args, settings),
        TokenCommand::List(args) => list(args, settings),
        TokenCommand::Revoke(args) => revoke(args, settings),
    }
}

fn issue(args: &IssueArgs, settings: &Settings) -> Done {
    let IssueArgs { role, subject, region, ttl, place } = args;
    if matches!(role, Role::Customer | Role::Expert) && subject.is_none() {
        return Err(Trouble::Usage(format!("a token for {} needs --subject ID", with_article(*role))));
    }
    if subject.as_deref().is_some_and(str::is_empty) {
        return Err(Trouble::Usage("--subject must not be empty".into()));
    }
    let grant = Grant { role: *role, subject: subject.clone(), regions: region.clone(), ttl_s: *ttl };
    let (token, _) = open(place, settings)?.issue(grant, now()).map_err(Trouble::refused)?;
    println!("{token}");
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs, settings: &Settings) -> Done {
    let tokens = open(&args.place, settings)?.list().map_err(Trouble::refused)?;
    if args.json {
        let items: Vec<_> =
            tokens.iter().map(|(token, revoked)| json!({ "token": token, "revoked": revoked })).collect();
        print_json(&json!({ "items": items }));
        return Ok(ExitCode::SUCCESS);
    }
    let row = |(token, revoked): &(crate::tokens::Issued, bool)| {
        let state = if *revoked { "revoked" } else { "" };
        let regions = region_names(&token.regions);
        let t = token.clone();
        vec![t.id, t.role, t.subject, regions, t.issued, t.expires, state.to_owned()]
    };
    let rows: Vec<_> = tokens.iter().map(row).collect();
    print_table(&["ID", "ROLE", "SUBJECT", "REGIONS", "ISSUED", "EXPIRES", "STATE"], &rows);
    Ok(ExitCode::SUCCESS)
}

fn revoke(args: &RevokeArgs, settings: &Settings) -> Done {
    if open(&args.place, settings)?.revoke(&args.id).map_err(Trouble::refused)? {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Trouble::Refused(format!("no token {} was issued here", args.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live_are_bounded() {
        assert_eq!(seconds("12h"), Ok(43_200));
        for wrong in ["12", "h", "0s", "-1h", "400d", "99999999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
