//! `callout bench roads`: the figures of one OpenStreetMap extract.

use super::output::{Done, Trouble, print_json};
use crate::{
    bench::{RoadsOptions, roads},
    domain::place::Place,
    import::{Source, TicketOptions, Tickets},
    travel::{osm::read_file, road_file},
};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(super) struct RoadsArgs {
    /// An OpenStreetMap extract, .osm.pbf
    file: PathBuf,
    /// Drive between the places of these tickets (CSV), not between drawn ones
    #[arg(long, value_name = "FILE")]
    places: Option<PathBuf>,
    /// Rows and columns of the table
    #[arg(long, default_value_t = 1_000)]
    size: usize,
    /// Pairs to compare with the plain search
    #[arg(long, default_value_t = 10_000)]
    pairs: usize,
    /// How far a place may be from a street, metres
    #[arg(long, value_name = "M", default_value_t = crate::travel::SNAP_M)]
    snap: f64,
    /// Where the prepared network is kept meanwhile
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// Of the places and pairs that are drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RoadsArgs) -> Done {
    let (network, found) = read_file(&args.file, &mut |_, _, _| {})
        .map_err(|error| Trouble::Refused(format!("{} {error}", args.file.display())))?;
    let kept = args
        .keep
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("callout-bench-roads-{}", std::process::id())));
    let report = roads(RoadsOptions {
        network,
        places: args.places.as_deref().map(places).transpose()?.unwrap_or_default(),
        size: args.size.max(1),
        pairs: args.pairs,
        seed: args.seed,
        snap_m: args.snap,
        keep: &|roads| road_file::save(roads, &kept).map_err(|error| error.to_string()),
        load: &|| road_file::load(&kept).map_err(|error| error.to_string()),
    });
    if args.keep.is_none() {
        let _ = std::fs::remove_file(&kept);
    }
    let report = report.map_err(Trouble::Refused)?;
    if args.json {
        print_json(&serde_json::json!({ "file": found, "figures": report }));
    } else {
        println!("{} km, {} nodes, {} arcs, {} turns banned", found.km, report.nodes, report.arcs, found.bans);
        println!("prepared in {:.2} s, loaded in {:.0} ms", report.prepare_s, report.load_ms);
        println!("{} of {} places snapped, {:.0} us each", report.snapped, report.places, report.snap_us);
        let rows = report.table_rows;
        println!("table {rows} x {rows} in {:.0} ms, {} cells unreachable", report.table_ms, report.unreachable);
        println!(
            "{} pairs: {} differ in the table, {} as drives; a plain search {:.2} ms, a drive {:.0} us",
            report.pairs, report.table_differs, report.drive_differs, report.dijkstra_ms, report.drive_us
        );
    }
    let agrees = report.table_differs + report.drive_differs == 0;
    Ok(ExitCode::from(u8::from(!agrees)))
}

/// The places that a file of tickets names, each once.
fn places(file: &Path) -> Result<Vec<Place>, Trouble> {
    let source = Source::file(file).map_err(Trouble::refused)?;
    let rows = Tickets::open(source, TicketOptions::default()).map_err(Trouble::refused)?;
    let mut places = Vec::new();
    for row in rows {
        places.extend(row.map_err(Trouble::refused)?.ticket.place);
    }
    places.sort_unstable();
    places.dedup();
    if places.is_empty() {
        return Err(Trouble::Refused(format!("{} names no places", file.display())));
    }
    Ok(places)
}
