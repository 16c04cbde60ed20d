//! `callout region`: what regions there are, how they stand, their names and settings, unparking.

use super::{
    Connection,
    client::encode,
    inquiry,
    output::{Done, Trouble, at, plain, print_json, print_table},
    target::TargetArgs,
};
use crate::settings::Settings;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum RegionCommand {
    /// All regions
    #[command(after_help = "Example:
  callout region list --server http://127.0.0.1:8080 --token TOKEN

PARKED says why a region does not dispatch: it kept crashing.
Token roles: clerk, expert, dispatcher, manager, admin")]
    List(ListArgs),
    /// One region, with its settings; --json has the outline too
    #[command(after_help = "Examples:
  callout region show north
  callout region show north --json

Settings whose names end in _s are seconds, in _m metres. sla has a pair for
each priority: low, normal, high, urgent.
Token roles: clerk, expert, dispatcher, manager, admin")]
    Show(ShowArgs),
    /// Which visits a region will miss today, and how many more experts would help
    #[command(after_help = "Examples:
  callout region forecast north
  callout region forecast north --json | jq '.help'

By a plan of the rest of the day, made for the answer; it changes nothing.
Token roles: dispatcher, manager, admin")]
    Forecast(inquiry::ForecastArgs),
    /// Change name, time zone, ZIP masks or settings; the rest stays
    #[command(after_help = "Examples:
  callout region edit north --name 'North side' --zips 021,022
  callout region edit north --set offer_ttl_s=240 --set weights.travel=1.5

Token roles: admin")]
    Edit(EditArgs),
    /// Start a region of a running server again that was parked because it kept crashing
    #[command(after_help = "Example:
  callout region unpark north --server http://127.0.0.1:8080 --token TOKEN

A parked region takes new tickets and lets them wait; the cause is in the log
and in callout region list.
Token roles: dispatcher")]
    Unpark(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The region's id
    id: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// The region's id
    id: String,
    /// Its name, as people see it
    #[arg(long)]
    name: Option<String>,
    /// An IANA name, like America/New_York
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Beginnings of ZIP codes, with commas, instead of those before: tickets without a place are found by them
    #[arg(long, value_name = "LIST")]
    zips: Option<String>,
    /// A setting, like offer_ttl_s=240; callout region show names them (may be given several times)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &RegionCommand, settings: &Settings) -> Done {
    match command {
        RegionCommand::List(args) => list(args, settings),
        RegionCommand::Show(args) => show(args, settings),
        RegionCommand::Forecast(args) => inquiry::forecast(args, settings),
        RegionCommand::Edit(args) => edit(args, settings),
        RegionCommand::Unpark(args) => unpark(args),
    }
}

fn path(id: &str) -> String {
    format!("/v1/regions/{}", encode(id))
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

fn show(args: &ShowArgs, settings: &Settings) -> Done {
    let connection = Connection::open(&args.target, settings)?;
    let region = connection.client.get(&path(&args.id))?;
    print(&region, args.json);
    Ok(ExitCode::SUCCESS)
}

fn print(region: &Value, json: bool) {
    if json {
        return print_json(region);
    }
    let mut rows = Vec::new();
    flatten("", region, &mut rows);
    print_table(&["WHAT", "VALUE"], &rows);
}

/// `settings.weights.travel` and the like; an outline is for programs.
fn flatten(name: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(_) if name == "geometry" => rows.push(vec![name.into(), "(an outline: --json shows it)".into()]),
        Value::Object(members) => {
            for (key, value) in members {
                let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&inner, value, rows);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            rows.push(vec![name.to_owned(), plain(value)]);
        }
    }
}

fn edit(args: &EditArgs, settings: &Settings) -> Done {
    let mut body = Map::new();
    for (name, text) in [("name", &args.name), ("time_zone", &args.time_zone)] {
        if let Some(text) = text {
            body.insert(name.into(), text.clone().into());
        }
    }
    if let Some(zips) = &args.zips {
        let zips: Vec<&str> = zips.split(',').map(str::trim).filter(|zip| !zip.is_empty()).collect();
        body.insert("zips".into(), zips.into());
    }
    let connection = Connection::open(&args.target, settings)?;
    if !args.set.is_empty() {
        let mut present = connection.client.get(&path(&args.id))?["settings"].take();
        for pair in &args.set {
            set(&mut present, pair).map_err(Trouble::Usage)?;
        }
        body.insert("settings".into(), present);
    }
    if body.is_empty() {
        return Err(Trouble::Usage("nothing to change: give --name, --time-zone, --zips or --set".into()));
    }
    let edited = connection.client.call(Method::PATCH, &path(&args.id), Some(&Value::Object(body)))?;
    print(&edited, args.json);
    Ok(ExitCode::SUCCESS)
}

/// `weights.travel=1.5` into the settings. Names that are not there are refused here, values by the server.
pub(super) fn set(settings: &mut Value, pair: &str) -> Result<(), String> {
    let wrong = |why: &str| format!("--set {pair}: {why}");
    let (name, text) = pair.split_once('=').ok_or_else(|| wrong("it looks like offer_ttl_s=240"))?;
    let mut place = settings;
    for key in name.split('.') {
        place = place.get_mut(key).ok_or_else(|| wrong("there is no such setting; callout region show names them"))?;
    }
    *place = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    Ok(())
}

fn unpark(args: &ShowArgs) -> Done {
    let client = args.target.remote()?;
    let client = client.ok_or_else(|| {
        Trouble::Usage("a stopped server's regions start by themselves: name a running one with --server".into())
    })?;
    let answer = client.call(Method::POST, &format!("{}/unpark", path(&args.id)), None)?;
    if args.json {
        print_json(&answer);
    } else {
        println!("{}: started again", args.id);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_reached_by_its_path_and_a_misspelt_one_is_named() {
        let mut settings = json!({ "offer_ttl_s": 300, "weights": { "travel": 1.0 } });
        set(&mut settings, "weights.travel=1.5").unwrap();
        set(&mut settings, "offer_ttl_s=240").unwrap();
        assert_eq!(settings, json!({ "offer_ttl_s": 240, "weights": { "travel": 1.5 } }));
        assert!(matches!(set(&mut settings, "ofer_ttl_s=1"), Err(why) if why.contains("ofer_ttl_s=1")));
    }
}
