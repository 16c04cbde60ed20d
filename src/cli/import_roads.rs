//! `callout import roads`: an OpenStreetMap extract becomes a prepared road network in the data directory.
//!
//! It needs no server and stops none: the network is written beside its place and moved there whole.

use super::{
    import::FileArgs,
    output::{Done, Trouble, print_json},
};
use crate::{
    routing::roads::Roads,
    settings::Settings,
    travel::{
        osm::{OsmReport, Stage, read_file},
        road_file,
    },
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

pub(super) fn run(args: &FileArgs, settings: &Settings) -> Done {
    if args.target.server.is_some() {
        let why = "roads are prepared where the data lie: give --data DIR instead of --server";
        return Err(Trouble::Usage(why.to_owned()));
    }
    let start = now();
    let (roads, report) = prepare(&args.file)?;
    let path = road_file::in_data(&args.target.settings(settings).storage.data);
    if !args.dry_run {
        road_file::save(&roads, &path).map_err(Trouble::refused)?;
    }
    show(args, &report, &path, start.elapsed().as_secs_f64())
}

#[allow(clippy::disallowed_methods, reason = "tells people how long it took")]
fn now() -> Instant {
    Instant::now()
}

/// Reads and contracts an extract, with a bar on stderr.
pub(super) fn prepare(file: &Path) -> Result<(Roads, OsmReport), Trouble> {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent}%  {msg}") {
        bar.set_style(style);
    }
    let told = |stage: Stage, done: u64, total: u64| {
        bar.set_message(match stage {
            Stage::Ways => "reading ways",
            Stage::Nodes => "reading nodes",
            Stage::Contraction => "preparing",
        });
        bar.set_length(total);
        bar.set_position(done);
    };
    let refused = |why: &dyn std::fmt::Display| Trouble::Refused(format!("{} {why}", file.display()));
    let (network, report) =
        read_file(file, &mut |stage, done, total| told(stage, done, total)).map_err(|e| refused(&e))?;
    let contracted = &mut |done: u32, total: u32| told(Stage::Contraction, done.into(), total.into());
    let roads = Roads::prepare(network, contracted).map_err(|e| refused(&e))?;
    bar.finish_and_clear();
    Ok((roads, report))
}

fn show(args: &FileArgs, report: &OsmReport, path: &PathBuf, wall_s: f64) -> Done {
    if args.json {
        let mut json = serde_json::to_value(report).map_err(Trouble::refused)?;
        json["file"] = serde_json::json!((!args.dry_run).then_some(path));
        json["wall_s"] = serde_json::json!(wall_s);
        print_json(&json);
        return Ok(ExitCode::SUCCESS);
    }
    let OsmReport { ways, ferries, junctions, streets, km, bans, not_understood, missing_nodes } = report;
    println!("roads: {km} km in {streets} streets between {junctions} junctions, of {ways} ways");
    println!("  {ferries} ferries, {bans} turns banned, {not_understood} restrictions left out");
    if *missing_nodes > 0 {
        println!("  {missing_nodes} nodes of these ways are not in the file: it ends there, or it was cut");
    }
    if args.dry_run {
        println!("dry run: nothing was written");
    } else {
        println!("{} written in {wall_s:.1} s", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
