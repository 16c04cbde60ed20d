//! `callout whatif`: settings tried on days that were, before they are switched on.

use super::{
    region::set,
    replay::{ReplayArgs, play, prepare},
};
use crate::{
    api::{json::Json, region::region_settings},
    domain::settings::RegionSettings,
    sim::{Kpis, playable},
};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// Plays the same days twice, with the settings as they are and with others, and prints both.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  callout whatif requests.csv --regions city.geojson --experts roster.csv \\\n    --policy router --set weight.travel=2 --set max_overtime_s=1800"
)]
pub struct WhatifArgs {
    #[command(flatten)]
    replay: ReplayArgs,
    /// A region's setting and its new value: NAME=VALUE, weight.travel=2, travel.speed_kmh=25; may be given several times
    #[arg(long, value_name = "NAME=VALUE", required = true)]
    set: Vec<String>,
}

/// Runs it; the exit code is the contract's.
#[must_use]
pub fn run(args: &WhatifArgs) -> ExitCode {
    match both(args) {
        Ok((before, after)) if args.replay.json => {
            println!("{}", json!({ "set": args.set, "before": before, "after": after }));
            ExitCode::SUCCESS
        }
        Ok((before, after)) => {
            print!("{}", table(&before, &after));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("callout whatif: {why}");
            ExitCode::from(1)
        }
    }
}

fn both(args: &WhatifArgs) -> Result<(Kpis, Kpis), String> {
    let as_it_is = prepare(&args.replay)?;
    let mut other = prepare(&args.replay)?;
    // Said before the first run, which may take minutes.
    for region in &mut other.regions {
        let settings = region.settings.take().unwrap_or_default();
        region.settings = Some(changed(&settings, &args.set)?);
    }
    for plan in [&as_it_is, &other] {
        playable(&plan.regions).map_err(|refused| refused.to_string())?;
    }
    // Two journals do not fit into one directory.
    other.data = None;
    Ok((play(as_it_is)?, play(other)?))
}

/// The settings with each NAME=VALUE put in, judged as `region edit` has them judged. `weight.` is short for `weights.`.
fn changed(settings: &RegionSettings, sets: &[String]) -> Result<RegionSettings, String> {
    let mut tree = serde_json::to_value(settings).map_err(|e| e.to_string())?;
    for pair in sets {
        set(&mut tree, &pair.replacen("weight.", "weights.", 1))?;
    }
    let text = tree.to_string();
    region_settings(&Json::parse(text.as_bytes())?, None).map_err(|unfit| format!("--set: {unfit}"))
}

/// Both rows, figure by figure.
fn table(before: &Kpis, after: &Kpis) -> String {
    let row = |name: &str, figure: &dyn Fn(&Kpis) -> f64| {
        let (old, new) = (figure(before), figure(after));
        format!("{name:<26}{old:>10.1}{new:>10.1}{:>+10.1}\n", new - old)
    };
    [
        format!("{:<26}{:>10}{:>10}{:>10}\n", "", "as it is", "what if", "more"),
        row("served", &|kpis| kpis.at_end.served as f64),
        row("urgent served", &|kpis| kpis.urgent_completed as f64),
        row("response mean, min", &|kpis| kpis.response_s.mean / 60.0),
        row("response p90, min", &|kpis| kpis.response_s.p90 / 60.0),
        row("travel a visit, min", &|kpis| kpis.travel_s_per_visit / 60.0),
        row("late, %", &|kpis| kpis.late_share * 100.0),
        row("escalated", &|kpis| kpis.escalated as f64),
        row("hard rules broken", &|kpis| kpis.hard_violations as f64),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(sets: &[&str]) -> Result<RegionSettings, String> {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        changed(&RegionSettings::default(), &sets)
    }

    #[test]
    fn a_setting_is_named_by_its_path_and_the_others_stay() {
        let settings = sets(&["weight.travel=2", "travel.speed_kmh=25", "max_overtime_s=1800"]).expect("settings");
        let mut expected = RegionSettings { max_overtime_s: 1_800, ..RegionSettings::default() };
        (expected.weights.travel, expected.travel.speed_kmh) = (2.0, 25.0);
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_is_no_setting_or_no_value_is_named() {
        for (set, named) in [
            ("weight.traffic=2", "weights.traffic"),
            ("travel", "travel"),
            ("service_s=soon", "soon"),
            ("travel.speed_kmh=-5", "speed_kmh"),
        ] {
            let refused = sets(&[set]).expect_err(set);
            assert!(refused.contains(named), "{set}: {refused}");
        }
    }
}
