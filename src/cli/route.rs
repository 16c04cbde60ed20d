//! `callout route solve`: plans a file, with nothing but the file.

use super::output::{Done, Trouble, columns, fit, print_json};
use crate::{
    domain::{place::Place, time::Timestamp},
    plans::{Aim, Format, Job, answer, convergence, gantt, read, read_measured, svg},
    routing::{
        Solution,
        checker::check_plan,
        problem::{Matrix, Plan, Rule},
        solve_watched,
    },
    travel::{Ask, GreatCircle, Guarded, Hours, OnRoads, Osrm, OsrmOptions, SNAP_M, Travel, road_file},
};
use clap::{Args, Subcommand, ValueEnum};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

#[derive(Debug, Subcommand)]
pub(super) enum RouteCommand {
    /// Plan the visits of a file; the better, the more time it has
    Solve(SolveArgs),
}

/// The plan is checked by code that shares nothing with the solver before it is shown.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  callout route solve day.json --seconds 5 --svg plan.svg
  callout route solve C104.txt --format solomon --seconds 10 --json
  callout route solve day.json --format vroom --roads callout-data

A file of the format callout is JSON; docs/ROUTING.md has all members. The
smallest, with places 0 and 1 and times in seconds:
  {"technicians": [{"id": "t1", "start": 0, "end": 0, "shift": [0, 28800]}],
   "visits": [{"id": "v1", "place": 1, "duration": 1800}],
   "matrices": [{"durations": [[0, 600], [600, 0]]}]}"#)]
pub(super) struct SolveArgs {
    /// The file to plan
    file: PathBuf,
    /// How the file is written
    #[arg(long, value_enum, default_value_t = FormatName::Callout)]
    format: FormatName,
    /// Drive over roads: a prepared network, or a data directory that has one (callout import roads)
    #[arg(long, value_name = "PATH")]
    roads: Option<PathBuf>,
    /// Ask an OSRM-compatible server; great circle when it fails
    #[arg(long, value_name = "URL", conflicts_with = "roads")]
    osrm: Option<String>,
    /// Seconds for it all, reading the file included
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// Stop after so many rounds, if that is sooner; a round takes some visits out of the plan and puts them back
    /// better
    #[arg(long, value_name = "N")]
    iterations: Option<u64>,
    /// Independent searches; the best plan counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: u64,
    /// The same seed and number of iterations give the same plan
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// What counts first
    #[arg(long, value_enum, default_value_t = ObjectiveName::Distance)]
    objective: ObjectiveName,
    /// Write the answer to this file too
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw the routes as a map, if the file has coordinates
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Draw the days as a chart, SVG
    #[arg(long, value_name = "FILE")]
    gantt: Option<PathBuf>,
    /// Draw the cost of the best plan over time, SVG; of the first thread's search
    #[arg(long, value_name = "FILE")]
    convergence: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatName {
    /// The JSON below
    Callout,
    /// JSON as VROOM takes it
    Vroom,
    /// The text of the Solomon and Homberger benchmarks
    Solomon,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ObjectiveName {
    /// The weights of the file
    Distance,
    /// Few technicians, then the weights
    VehiclesThenDistance,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (seconds >= 0.0 && seconds.is_finite()).then_some(seconds).ok_or_else(|| "not zero or more".to_owned())
}

pub(super) fn run(command: &RouteCommand) -> Done {
    match command {
        RouteCommand::Solve(args) => run_solve(args),
    }
}

fn run_solve(args: &SolveArgs) -> Done {
    let start = now();
    let text = fs::read_to_string(&args.file).map_err(|error| at(&args.file, &error.to_string()))?;
    let format = match args.format {
        FormatName::Callout => Format::Callout,
        FormatName::Vroom => Format::Vroom,
        FormatName::Solomon => Format::Solomon,
    };
    let aim = match args.objective {
        ObjectiveName::Distance => Aim::Distance,
        ObjectiveName::VehiclesThenDistance => Aim::VehiclesThenDistance,
    };
    let job = match source(args)? {
        None => read(&text, format, aim),
        Some(travel) => read_measured(&text, format, aim, &|places| measured(travel.as_ref(), places)),
    };
    let job = job.map_err(|flaws| at(&args.file, &flaws.join("\n  ")))?;
    if args.svg.is_some() && job.places.is_empty() {
        return Err(Trouble::Refused("no map: the file has no coordinates; leave --svg out, or add places".to_owned()));
    }
    for file in [&args.out, &args.svg, &args.gantt, &args.convergence].into_iter().flatten() {
        // Now, not when the time is spent and the plan would be lost.
        probe(file).map_err(|error| at(file, &error.to_string()))?;
    }
    let (solution, steps) = search(args, &job, start);
    let breaches = check_plan(&job.problem, &solution.plan);
    if let Some(breach) = breaches.first() {
        return Err(Trouble::Refused(format!("the checker found {} breaches, first {breach:?}", breaches.len())));
    }
    if let Some(file) = &args.convergence {
        write(file, &convergence(&steps, start.elapsed().as_secs_f64()))?;
    }
    show(args, &job, &solution, start.elapsed().as_secs_f64())
}

#[allow(
    clippy::disallowed_methods,
    reason = "a budget of real time on a machine of its own; no plan depends on the hour"
)]
fn now() -> Instant {
    Instant::now()
}

/// A file's times have no day: the hour at which roads are neither empty nor full.
const MIDDAY: u8 = 12;
/// A thousand places are 400 calls of OSRM's usual size.
const OSRM_PATIENCE_S: f64 = 20.0;
/// Of the budget; what is left is for a plan by great circle, should the server hang.
const OSRM_SHARE: f64 = 0.8;
const OSRM_COORDINATES: usize = 100;

/// Where travel comes from, if not from the file.
fn source(args: &SolveArgs) -> Result<Option<Arc<dyn Travel>>, Trouble> {
    if let Some(path) = &args.roads {
        let file = if path.is_dir() { road_file::in_data(path) } else { path.clone() };
        let roads = Arc::new(road_file::load(&file).map_err(Trouble::refused)?);
        return Ok(Some(Arc::new(OnRoads { roads, snap_m: SNAP_M, hours: Hours::default() })));
    }
    let Some(url) = args.osrm.clone() else { return Ok(None) };
    let patience = Duration::from_secs_f64((args.seconds * OSRM_SHARE).clamp(0.5, OSRM_PATIENCE_S));
    let options = OsrmOptions { url, patience, coordinates: OSRM_COORDINATES, hours: Hours::default() };
    let server = Osrm::open(options).map_err(Trouble::Usage)?;
    Ok(Some(Arc::new(Guarded::new(Arc::new(server), Arc::new(GreatCircle::default())))))
}

fn measured(travel: &dyn Travel, places: &[Place]) -> Result<Matrix, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ask = Ask { from: places, to: places, hour: MIDDAY, now: Timestamp::ZERO };
    let table = runtime.map_err(|error| error.to_string())?.block_on(travel.table(ask));
    let table = table.map_err(|error| error.to_string())?;
    if let Some(why) = &table.instead {
        eprintln!("callout: travel by {} instead: {why}", table.origin.name());
    }
    table.matrix().ok_or_else(|| "the table is not square".to_owned())
}

/// When the best plan got cheaper, in seconds since the start, and what it cost then.
type Steps = Vec<(f64, i64)>;

/// Searches on as many threads as asked for, from neighbouring seeds.
fn search(args: &SolveArgs, job: &Job, start: Instant) -> (Solution, Steps) {
    let one = |seed: u64| {
        let mut steps = Steps::new();
        let mut spent = |rounds: u64, cost: i64| {
            let seconds = start.elapsed().as_secs_f64();
            if steps.last().is_none_or(|(_, last)| cost < *last) {
                steps.push((seconds, cost));
            }
            let share = args.iterations.map_or(0.0, |most| rounds as f64 / most.max(1) as f64);
            share.max(seconds / args.seconds.max(f64::MIN_POSITIVE))
        };
        let solution = solve_watched(&job.problem, seed, &mut spent);
        (solution, steps)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..args.threads).map(|no| scope.spawn(move || one(args.seed + no).0)).collect();
        let (first, steps) = one(args.seed);
        let rest = others.into_iter().filter_map(|other| other.join().ok());
        let rank = |solution: &Solution| (solution.plan.unserved.len(), solution.plan.costs.total());
        (rest.fold(first, |best, other| if rank(&other) < rank(&best) { other } else { best }), steps)
    })
}

fn show(args: &SolveArgs, job: &Job, solution: &Solution, wall_s: f64) -> Done {
    let plan = &solution.plan;
    let told = answer(job, solution, wall_s);
    if let Some(file) = &args.out {
        write(file, &format!("{told:#}\n"))?;
    }
    if let Some(file) = &args.svg {
        let map = svg(job, plan).ok_or_else(|| Trouble::Refused("no map: the file has no coordinates".to_owned()))?;
        write(file, &map)?;
    }
    if let Some(file) = &args.gantt {
        write(file, &gantt(job, plan))?;
    }
    if args.json {
        print_json(&told);
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{} of {} visits by {} technicians, cost {}, distance {}; {} rounds in {wall_s:.1} s",
        job.problem.visits().len() - plan.unserved.len(),
        job.problem.visits().len(),
        plan.routes.len(),
        told["cost"],
        told["distance"],
        solution.rounds,
    );
    print_plan(job, plan);
    Ok(ExitCode::SUCCESS)
}

/// Lines of routes, and of visits left out, that a terminal gets; `--json` has all.
const MOST_LINES: usize = 40;
const MOST_NAMES: usize = 5;

fn print_plan(job: &Job, plan: &Plan) {
    let visit = |visit: u32| job.problem.visits()[visit as usize].id.as_str();
    let technician = |who: u32| job.problem.technicians()[who as usize].id.as_str();
    let routes = plan.routes.iter().map(|route| {
        let stops: Vec<&str> = route.stops.iter().map(|stop| visit(stop.visit)).collect();
        format!("{}: {}", technician(route.technician), stops.join(" "))
    });
    let reason = |(rule, who): &(Rule, Vec<u32>)| {
        let named: Vec<&str> = who.iter().take(MOST_NAMES).map(|who| technician(*who)).collect();
        let more = who.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{} ({}{more})", rule.words(), named.join(", "))
    };
    let left_out = plan.unserved.iter().map(|unserved| {
        let reasons: Vec<String> = unserved.reasons.iter().map(reason).collect();
        format!("{} is left out: {}", visit(unserved.visit), reasons.join("; "))
    });
    for lines in [routes.collect::<Vec<_>>(), left_out.collect()] {
        for line in lines.iter().take(MOST_LINES) {
            println!("{}", fit(&format!("  {line}"), columns()));
        }
        if lines.len() > MOST_LINES {
            println!("  and {} more; --json has all", lines.len() - MOST_LINES);
        }
    }
}

/// Whether a file can be written, without a change to it; of a pipe or a device nobody can tell.
fn probe(file: &Path) -> std::io::Result<()> {
    let before = file.exists();
    if before && !file.is_file() {
        return Ok(());
    }
    fs::OpenOptions::new().append(true).create(true).open(file)?;
    if before { Ok(()) } else { fs::remove_file(file) }
}

fn write(file: &Path, text: &str) -> Result<(), Trouble> {
    fs::write(file, text).map_err(|error| at(file, &error.to_string()))
}

fn at(file: &Path, why: &str) -> Trouble {
    Trouble::Refused(format!("{}: {why}", file.display()))
}
