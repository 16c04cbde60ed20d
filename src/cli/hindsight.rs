//! `callout hindsight`: what a policy achieved, beside what could have been achieved by who knew all.

use super::replay::{ReplayArgs, play, prepare};
use crate::sim::{Hindsight, Kpis, hindsight};
use clap::Args;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// Plays a day by a policy, plans the same day with everything known, and prints both and their ratio.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  callout hindsight requests.csv --regions city.geojson --experts roster.csv \\\n    --behaviour exact --policy router"
)]
pub struct HindsightArgs {
    #[command(flatten)]
    replay: ReplayArgs,
    /// Rounds of the solver over the whole day
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    rounds: u64,
}

/// Runs it; the exit code is the contract's.
#[must_use]
pub fn run(args: &HindsightArgs) -> ExitCode {
    match both(args) {
        Ok((online, known)) if args.replay.json => {
            println!("{}", as_json(&online, &known));
            ExitCode::SUCCESS
        }
        Ok((online, known)) => {
            println!("{:<22}{:>12}{:>12}{:>8}", "", "online", "hindsight", "ratio");
            for (name, online, known) in known.beside(&online) {
                let ratio = ratio(online, known).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
                println!("{name:<22}{online:>12.3}{known:>12.3}{ratio:>8}");
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("callout hindsight: {why}");
            ExitCode::from(1)
        }
    }
}

fn both(args: &HindsightArgs) -> Result<(Kpis, Hindsight), String> {
    let plan = prepare(&args.replay)?;
    let known = hindsight(&plan, args.rounds)?;
    Ok((play(plan)?, known))
}

/// None: there is nothing to divide by.
fn ratio(online: f64, known: f64) -> Option<f64> {
    (known != 0.0).then(|| online / known)
}

fn as_json(online: &Kpis, known: &Hindsight) -> Value {
    let figures = known.beside(online).into_iter().map(|(name, online, known)| {
        let figure = json!({ "online": online, "hindsight": known, "ratio": ratio(online, known) });
        (name.to_owned(), figure)
    });
    Value::Object(figures.collect::<Map<_, _>>())
}
