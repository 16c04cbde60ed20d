//! `callout replay`: days of requests through the real router, and the figures.

use crate::{
    domain::{
        catalogue::Catalogue,
        decision::Policy,
        drafts::{ExpertDraft, RegionDraft},
        expert::ExpertPersonal,
        place::RegionIndex,
        settings::{self, RegionSettings},
        ticket::WindowKind,
        time::{Timestamp, zone},
    },
    import::{ExpertOptions, Experts, ImportError, Regions, Renames, Report, Source, TicketOptions, Tickets},
    routing::roads::Legs,
    sim::{Arrival, Behaviour, Demand, Kpis, Middle, Replay, generate_experts, replay},
    travel::{networks, road_file},
};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{civil, tz::TimeZone};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

/// Plays days of requests through the real router on virtual time and prints what it achieved.
#[derive(Clone, Debug, Args)]
#[command(after_help = r"Example:
  callout replay requests.csv.gz --regions city.geojson \
    --experts-generated 120 --json \
    --columns title=category,lat=latitude,lon=longitude,external_id=id

callout import --help tells what the files look like.")]
pub struct ReplayArgs {
    /// Requests: CSV, plain or gzip, with the columns of callout import tickets; created_at is needed
    file: PathBuf,
    /// The regions' areas: GeoJSON, as callout import regions takes it
    #[arg(long, value_name = "FILE")]
    regions: PathBuf,
    /// The roster: CSV with the columns of callout import experts
    #[arg(long, value_name = "FILE", conflicts_with = "experts_generated")]
    experts: Option<PathBuf>,
    /// Instead: so many experts, drawn from the seed to fit the demand
    #[arg(long, value_name = "N", default_value_t = 120)]
    experts_generated: usize,
    /// First day (or time) that is played, like 2026-01-31, in the time zone of the first region
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// First day (or time) that is no longer played
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// The same seed and files give the same figures
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// What the file calls our columns: OURS=THEIRS,..
    #[arg(long, value_name = "MAP", default_value = "", hide_default_value = true)]
    columns: String,
    /// How an expert is chosen
    #[arg(long, value_enum, default_value_t = PolicyName::Insertion)]
    policy: PolicyName,
    /// What the simulated experts do
    #[arg(long, value_enum, default_value_t = BehaviourName::Lifelike)]
    behaviour: BehaviourName,
    /// Everybody drives over this prepared road network (callout import roads --data DIR), and regions plan by it
    #[arg(long, value_name = "DIR")]
    roads: Option<PathBuf>,
    /// What the windows in the file are
    #[arg(long, value_enum, default_value_t = Windows::Promise)]
    windows: Windows,
    /// Time zone of regions that name none; else guessed from where they lie
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Keeps the journal there (a new directory)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PolicyName {
    /// The nearest who can
    Nearest,
    /// Whose day takes it at the least cost
    Insertion,
    /// Plans the rest of the day again and again, and promises late
    #[value(alias = "full")]
    Router,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum BehaviourName {
    /// They answer late, decline, are held up
    Lifelike,
    /// Offers are accepted at once, travel and service are as planned
    Exact,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Windows {
    /// Nobody is sent outside of them
    Promise,
    /// Kept where that costs little
    Wish,
}

/// Runs it; the exit code is the contract's.
#[must_use]
pub fn run(args: &ReplayArgs) -> ExitCode {
    match prepare(args).and_then(play).and_then(|kpis| keep_roads(args).map(|()| kpis)) {
        Ok(kpis) if args.json => print_json(&kpis),
        Ok(kpis) => {
            print_table(&kpis);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("callout replay: {why}");
            ExitCode::from(1)
        }
    }
}

/// Everything that the arguments name, read.
pub(super) fn prepare(args: &ReplayArgs) -> Result<Replay, String> {
    let mut regions = regions(args)?;
    let roads = args.roads.as_deref().map(network).transpose()?;
    for region in regions.iter_mut().filter(|_| roads.is_some()) {
        let settings = region.settings.get_or_insert_default();
        settings.travel.source = settings::Source::Roads;
        settings.travel.network = roads.as_ref().map(|roads| roads.id());
    }
    let time_zone = regions.first().map_or("UTC", |region| region.time_zone.as_str());
    let time_zone = zone(time_zone).ok_or_else(|| format!("{time_zone} is no time zone"))?;
    let reach_m = f64::from(RegionSettings::default().reach_m);
    let index = RegionIndex::new(regions.iter().map(|region| (&region.id, &region.geometry)));
    let (arrivals, rows) = arrivals(args, &time_zone, &index)?;
    let experts = if let Some(file) = &args.experts {
        experts(file, &regions, &index)?
    } else {
        let demand = Demand::of(&arrivals, &index, &Catalogue::default(), reach_m);
        generate_experts(args.experts_generated, args.seed, &regions, &demand)
    };
    Ok(Replay {
        regions,
        experts,
        catalogue: None,
        arrivals,
        rows,
        seed: args.seed,
        policy: args.policy.into(),
        behaviour: args.behaviour.into(),
        roads,
        data: args.data.clone(),
    })
}

/// The network in a data directory, or in a file.
fn network(path: &Path) -> Result<Arc<Legs>, String> {
    let file = if path.is_dir() { road_file::in_data(path) } else { path.to_owned() };
    networks::open(&file).map_err(|error| error.to_string())
}

/// A journal that was kept can be checked later only over the same roads.
fn keep_roads(args: &ReplayArgs) -> Result<(), String> {
    let (Some(roads), Some(data)) = (&args.roads, &args.data) else { return Ok(()) };
    let from = if roads.is_dir() { road_file::in_data(roads) } else { roads.clone() };
    let to = road_file::in_data(data);
    let copied = to.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::copy(&from, &to));
    copied.map(drop).map_err(|error| format!("{}: {error}", to.display()))
}

/// Plays it with a bar on the terminal; what went against the rules is listed there too.
pub(super) fn play(plan: Replay) -> Result<Kpis, String> {
    let bar = bar(plan.arrivals.len() as u64);
    let replayed = replay(plan, &mut |entered, now| {
        bar.set_position(entered);
        bar.set_message(now.to_string());
    });
    bar.finish_and_clear();
    let replayed = replayed.map_err(|e| e.to_string())?;
    for finding in replayed.findings.iter().take(SHOWN) {
        eprintln!("{} {}: {}", finding.promise, finding.thing, finding.detail);
    }
    for (code, count) in &replayed.played.refused {
        eprintln!("{count} tickets were refused: {code}");
    }
    Ok(replayed.kpis)
}

/// Violations listed at most.
const SHOWN: usize = 20;

fn bar(tickets: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} tickets  {per_sec}  {msg}");
    ProgressBar::new(tickets).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn regions(args: &ReplayArgs) -> Result<Vec<RegionDraft>, String> {
    let open = || Source::file(&args.regions).map_err(shown);
    let read = |time_zone: Option<&str>| Regions::read(open()?, time_zone, &mut |_| {}).map_err(shown);
    let mut regions = read(Some(args.time_zone.as_deref().unwrap_or("UTC")))?;
    let unnamed = regions.drafts.iter().find(|draft| draft.time_zone == "UTC");
    let first = unnamed.and_then(|draft| draft.geometry.polygons.first()?.outer.first().copied());
    if let (None, Some(place)) = (&args.time_zone, first) {
        let guess = zone_at(place.lat(), place.lon());
        if guess != "UTC" {
            eprintln!("time zone of regions that name none: {guess} (guessed; --time-zone says otherwise)");
            regions = read(Some(guess))?;
        }
    }
    refusals(&regions.report);
    if regions.drafts.is_empty() {
        return Err(format!("{} has no usable region", args.regions.display()));
    }
    Ok(regions.drafts.into_iter().map(|draft| draft.over(None)).collect())
}

/// Roughly, for the contiguous United States; elsewhere UTC.
fn zone_at(lat: f64, lon: f64) -> &'static str {
    if !(24.0..50.0).contains(&lat) {
        return "UTC";
    }
    match lon {
        lon if (-87.0..-66.0).contains(&lon) => "America/New_York",
        lon if (-102.0..-87.0).contains(&lon) => "America/Chicago",
        lon if (-114.0..-102.0).contains(&lon) => "America/Denver",
        lon if (-125.0..-114.0).contains(&lon) => "America/Los_Angeles",
        _ => "UTC",
    }
}

/// The accepted rows between `--from` and `--to`, and how many rows that were with the refused ones.
fn arrivals(args: &ReplayArgs, time_zone: &TimeZone, index: &RegionIndex) -> Result<(Vec<Arrival>, u64), String> {
    let from = args.from.as_deref().map(|text| instant(text, time_zone)).transpose()?;
    let to = args.to.as_deref().map(|text| instant(text, time_zone)).transpose()?;
    let inside = |place| index.locate(place, 0.0).0.is_some();
    let options = TicketOptions {
        columns: Renames::parse(&args.columns).map_err(shown)?,
        zone: time_zone.clone(),
        window_kind: args.windows.into(),
        near: Some(&inside),
        no_places: Vec::new(),
    };
    let mut rows = Tickets::open(Source::file(&args.file).map_err(shown)?, options).map_err(shown)?;
    let mut arrivals = Vec::new();
    let mut dateless = 0;
    for row in &mut rows {
        let row = row.map_err(shown)?;
        let mut new = row.ticket;
        let Some(at) = new.opened_at else {
            dateless += 1;
            continue;
        };
        if from.is_some_and(|from| at < from) || to.is_some_and(|to| at >= to) {
            continue;
        }
        // Joining the file with the journal needs a name for every row.
        new.external_id.get_or_insert_with(|| format!("line-{}", row.line));
        arrivals.push(Arrival { at, new });
    }
    if dateless > 0 {
        eprintln!("{dateless} rows say no created_at: left out");
    }
    refusals(rows.report());
    let played = arrivals.len() as u64 + rows.report().refused_rows() + dateless;
    Ok((arrivals, played))
}

fn experts(file: &std::path::Path, regions: &[RegionDraft], index: &RegionIndex) -> Result<Vec<ExpertDraft>, String> {
    let reach_m = f64::from(RegionSettings::default().reach_m);
    let locate = |place| index.locate(place, reach_m).0;
    let known = |id: &_| regions.iter().any(|region| region.id == *id);
    let options = ExpertOptions { columns: Renames::default(), locate: &locate, known: &known };
    let mut rows = Experts::open(Source::file(file).map_err(shown)?, options).map_err(shown)?;
    let mut experts = Vec::new();
    for row in &mut rows {
        let row = row.map_err(shown)?;
        experts.push(ExpertDraft {
            id: row.id,
            personal: ExpertPersonal { name: row.name, phone: row.phone, email: row.email, home: row.home },
            region: Some(row.region),
            skills: row.skills,
            shifts: row.shifts,
            max_visits_ahead: None,
            retired: None,
        });
    }
    refusals(rows.report());
    Ok(experts)
}

/// A day (its midnight in the zone) or an instant.
fn instant(text: &str, time_zone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(day) = text.parse::<civil::Date>()
        && let Ok(midnight) = day.to_zoned(time_zone.clone())
    {
        return Ok(Timestamp(midnight.timestamp().as_millisecond()));
    }
    Timestamp::parse_in(text, time_zone).map(|(at, _)| at).map_err(|e| format!("'{text}': {e}"))
}

fn refusals(report: &Report) {
    if report.refused_rows() > 0 {
        eprintln!("{report}");
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn shown(error: ImportError) -> String {
    error.to_string()
}

pub(super) fn print_json(kpis: &Kpis) -> ExitCode {
    match serde_json::to_string_pretty(kpis) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("callout: {error}");
            ExitCode::from(1)
        }
    }
}

/// The same figures for people.
pub(super) fn print_table(kpis: &Kpis) {
    let minutes = |seconds: f64| format!("{:.1} min", seconds / 60.0);
    let end = kpis.at_end;
    let rows = [
        (
            "tickets",
            format!("{} ({} refused, {} lost, {} duplicated)", kpis.tickets, kpis.refused, kpis.lost, kpis.duplicated),
        ),
        (
            "at the end",
            format!(
                "{} served, {} waiting, {} escalated, {} under way, {} unexplained",
                end.served, end.waiting, end.escalated, end.under_way, end.unexplained
            ),
        ),
        ("assigned by the router", kpis.assigned_automatically.to_string()),
        ("offers", format!("{} ({} declined, {} expired)", kpis.offers, kpis.declined, kpis.expired)),
        (
            "response",
            format!(
                "mean {}, median {}, p90 {}",
                minutes(kpis.response_s.mean),
                minutes(kpis.response_s.p50),
                minutes(kpis.response_s.p90)
            ),
        ),
        (
            "travel a visit",
            format!("{:.1} km, {}", kpis.travel_m_per_visit / 1_000.0, minutes(kpis.travel_s_per_visit)),
        ),
        ("late", format!("{:.1} %", kpis.late_share * 100.0)),
        ("hard rules broken", kpis.hard_violations.to_string()),
        ("ticket to offer", at_once(kpis.assign_ms)),
        ("took", format!("{:.1} s, {:.0} tickets/s", kpis.wall_s, kpis.tickets_per_s)),
        ("journal head", kpis.head.clone()),
    ];
    for (name, value) in rows {
        println!("{name:<24}{value}");
    }
}

/// Of tickets that had to wait for nobody, if there were any.
fn at_once(assign_ms: Middle) -> String {
    if assign_ms.p99 > 0.0 {
        format!("median {:.2} ms, p99 {:.2} ms", assign_ms.p50, assign_ms.p99)
    } else {
        "-".to_owned()
    }
}

impl From<PolicyName> for Policy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::Nearest => Self::Nearest,
            PolicyName::Insertion => Self::Insertion,
            PolicyName::Router => Self::Full,
        }
    }
}

impl From<BehaviourName> for Behaviour {
    fn from(name: BehaviourName) -> Self {
        match name {
            BehaviourName::Lifelike => Self::Lifelike,
            BehaviourName::Exact => Self::Exact,
        }
    }
}

impl From<Windows> for WindowKind {
    fn from(windows: Windows) -> Self {
        match windows {
            Windows::Wish => Self::Wish,
            Windows::Promise => Self::Promise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_its_local_midnight_and_a_time_is_itself() {
        let boston = zone("America/New_York").expect("zone");
        let day = instant("2011-08-28", &boston).expect("day");
        assert_eq!(day.to_string(), "2011-08-28T04:00:00Z");
        assert_eq!(instant("2011-08-28T04:00:00Z", &boston), Ok(day));
        assert!(instant("yesterday", &boston).is_err());
    }
}
