//! `callout ticket why-not`, `callout ticket by`, `callout region forecast`: what could be, as tables.

use super::{
    Connection,
    client::{encode, query},
    output::{Done, at, print_json, print_table},
    target::TargetArgs,
};
use crate::settings::Settings;
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct WhyNotArgs {
    /// The ticket's number, like 0A1-000142-N
    number: String,
    /// The expert's id
    #[arg(long, value_name = "ID")]
    expert: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ByArgs {
    /// The ticket's number, like 0A1-000142-N
    number: String,
    /// A time of day in the region's time zone, like 15:00, or a time like 2026-01-31T15:00:00Z
    #[arg(long, value_name = "TIME", alias = "by")]
    at: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ForecastArgs {
    /// The region's id
    id: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// The answer as it came, for programs; else as `tell` has it.
fn ask(path: &str, target: &TargetArgs, json: bool, settings: &Settings, tell: impl Fn(&Value)) -> Done {
    let connection = Connection::open(target, settings)?;
    let answer = connection.client.get(path)?;
    if json {
        print_json(&answer);
    } else {
        tell(&answer);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn why_not(args: &WhyNotArgs, settings: &Settings) -> Done {
    let path = format!("/v1/tickets/{}/candidates/{}", encode(&args.number), encode(&args.expert));
    ask(&path, &args.target, args.json, settings, |answer| {
        let mut rows = vec![case(&answer["candidate"])];
        rows.extend(answer.get("chosen").map(case));
        for (expert, why) in rows {
            println!("{expert}: {why}");
        }
        if let Some(planned) = answer.get("planned") {
            println!("a plan made now has {} for it, at {}", at(planned, "expert"), at(planned, "start"));
        }
        let terms = terms(answer);
        if !terms.is_empty() {
            println!();
            let other = at(answer, "chosen.expert");
            print_table(&["COST, SECONDS", &at(answer, "candidate.expert"), &other], &terms);
        }
        let moves: Vec<Vec<String>> = list(&answer["candidate"]["moves"])
            .map(|moved| ["ticket", "from", "to"].map(|column| at(moved, column)).to_vec())
            .collect();
        if !moves.is_empty() {
            println!();
            print_table(&["WOULD MOVE", "FROM", "TO"], &moves);
        }
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn case(tried: &Value) -> (String, String) {
    let rule = tried.get("ruled_out").and_then(Value::as_str).map(|rule| format!(" ({rule})")).unwrap_or_default();
    (at(tried, "expert"), format!("{}{rule}", at(tried, "why")))
}

/// Each term of both, and the sums; nothing where neither has a cost.
fn terms(answer: &Value) -> Vec<Vec<String>> {
    let [one, other] = ["candidate", "chosen"].map(|who| &answer[who]);
    let known = [one, other].into_iter().find_map(|tried| tried["cost_terms_s"].as_object());
    let cost = |value: &Value| value.as_f64().map(|cost| format!("{cost:.1}")).unwrap_or_default();
    let row = |name: &String| {
        let [a, b] = [one, other].map(|tried| cost(&tried["cost_terms_s"][name]));
        vec![name.clone(), a, b]
    };
    let mut rows: Vec<Vec<String>> = known.into_iter().flat_map(|terms| terms.keys()).map(row).collect();
    if !rows.is_empty() {
        rows.push(vec!["all".into(), cost(&one["cost_s"]), cost(&other["cost_s"])]);
    }
    rows
}

pub(super) fn by(args: &ByArgs, settings: &Settings) -> Done {
    let path = query(&format!("/v1/tickets/{}/remedies", encode(&args.number)), &[("by", Some(args.at.as_str()))]);
    ask(&path, &args.target, args.json, settings, |answer| {
        println!("{}", at(answer, "summary"));
        let row = |found: &Value| ["kind", "what", "start", "cost_s"].map(|column| at(found, column)).to_vec();
        let rows: Vec<Vec<String>> = list(&answer["remedies"]).map(row).collect();
        if !rows.is_empty() {
            println!();
            print_table(&["KIND", "WHAT", "BEGINS", "COST S"], &rows);
        }
        let more = answer["more"].as_u64().unwrap_or(0);
        if more > 0 {
            println!("{more} more are left out");
        }
    })
}

pub(super) fn forecast(args: &ForecastArgs, settings: &Settings) -> Done {
    let path = format!("/v1/regions/{}/forecast", encode(&args.id));
    ask(&path, &args.target, args.json, settings, |answer| {
        for said in list(&answer["summary"]).filter_map(Value::as_str) {
            println!("{said}");
        }
        let columns = ["ticket", "kind", "until", "start", "expert", "skills"];
        let row = |miss: &Value| columns.map(|column| at(miss, column)).to_vec();
        let rows: Vec<Vec<String>> = list(&answer["misses"]).map(row).collect();
        if !rows.is_empty() {
            println!();
            print_table(&["TICKET", "MISSES", "UNTIL", "WOULD BEGIN", "EXPERT", "SKILLS"], &rows);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn costs_stand_beside_each_other_also_where_one_has_none() {
        let bid = json!({ "cost_s": 12.5, "cost_terms_s": { "travel": 12.5 } });
        let both = terms(&json!({ "candidate": bid, "chosen": bid }));
        assert_eq!(both, [["travel", "12.5", "12.5"], ["all", "12.5", "12.5"]]);
        let one = terms(&json!({ "candidate": { "ruled_out": "skill" }, "chosen": bid }));
        assert_eq!(one, [["travel", "", "12.5"], ["all", "", "12.5"]]);
        assert!(terms(&json!({ "candidate": { "ruled_out": "skill" } })).is_empty());
    }
}
