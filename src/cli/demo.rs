//! `callout demo`: an invented city, alive in seconds. The real server on a scaled clock, simulated
//! customers and phones, and the board.

use super::{
    board::{self, BoardView, LiveBoard},
    customers::Customers,
    replay::{print_json, print_table},
};
use crate::{
    actors::Clock,
    app::{App, real_now as machine_now},
    domain::{ticket::Role, time::Timestamp},
    load::StartError,
    settings::Settings,
    sim::{Arrival, Behaviour, City, Conductor, Kpis, Ledger, Played, Scratch, furnish, phones},
    storage::Store,
    tokens::Grant,
};
use clap::Args;
use std::{
    io::{ErrorKind, IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// A whole city, alive in seconds: regions, experts, tickets, simulated phones.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  callout demo\n  callout demo --seconds 60 --json")]
pub struct DemoArgs {
    /// Stops by itself after so many seconds
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// Another number is another city
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Keeps the data there (a new directory); else in one that is removed afterwards
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address to listen on; port 0 picks one [default: 127.0.0.1:8080, or a free port when it is taken]
    #[arg(long, value_name = "IP:PORT", value_parser = super::serve::address)]
    listen: Option<SocketAddr>,
    /// Prints the figures as JSON at the end, and shows no board
    #[arg(long)]
    json: bool,
}

/// Simulated seconds in a second: a day takes six minutes, a visit a few seconds.
const SCALE: f64 = 240.0;
/// Phones look for pushes this often, simulated milliseconds (10 ms of real time).
const POLL_MS: i64 = 2_400;
/// Tickets an hour: what thirty experts at a time can just manage.
const PER_HOUR: f64 = 36.0;
/// How much is prepared when nobody says when to stop: ten simulated days.
const ENDLESS_S: i64 = 10 * 86_400;
/// The demo opens with these waiting, so that there is something to see at once.
const WAITING_AT_START: usize = 12;
/// The printed tokens are good for so long.
const TOKEN_TTL_S: i64 = 12 * 3_600;
const ROLES: [Role; 6] = [Role::Admin, Role::Dispatcher, Role::Manager, Role::Clerk, Role::Portal, Role::Expert];
/// How often figures are printed where there is no terminal.
const TELL: Duration = Duration::from_secs(5);

#[allow(clippy::disallowed_methods, reason = "a demo lasts so many seconds of real time")]
fn real_now() -> Instant {
    Instant::now()
}

/// Runs it; the exit code is the contract's.
#[must_use]
pub fn run(args: &DemoArgs, settings: Settings) -> ExitCode {
    match play(args, settings) {
        Ok(kpis) if args.json => print_json(&kpis),
        Ok(kpis) => {
            print_table(&kpis);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("callout demo: {why}");
            ExitCode::from(1)
        }
    }
}

fn play(args: &DemoArgs, mut settings: Settings) -> Result<Kpis, String> {
    let began = real_now();
    let scratch = Scratch::new(args.data.as_deref()).map_err(shown)?;
    settings.storage.data.clone_from(&scratch.path);
    let start = machine_now();
    let app = open(args, &mut settings, start).map_err(shown)?;
    println!("listening on {}", app.url());
    let city = City::generate(args.seed);
    let arrivals = arrivals(&city, start, args.seconds);
    let ids: Vec<String> = arrivals.iter().filter_map(|arrival| arrival.new.external_id.clone()).collect();
    let service = app.core.service.clone();
    let City { regions, experts, catalogue, .. } = city;
    app.core.handle().block_on(furnish(&service, Some(catalogue), regions, experts)).map_err(shown)?;
    greet(&app, args.json);
    let crew = phones(&service, Behaviour::Lifelike, args.seed, None);
    let customers = Customers::new(app.address, token(&app, Role::Portal), token(&app, Role::Clerk));
    let conductor = Conductor::new(service.clone(), crew, arrivals).entering_at(Box::new(customers));
    let board = LiveBoard::new(service.clone(), format!("callout demo, seed {}", args.seed), hints(&app));
    let stop = Stop { asked: AtomicBool::new(false), at: args.seconds.map(|s| began + Duration::from_secs(s)) };
    let played = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(board, args.json, &stop));
        let played = app.core.handle().block_on(accompany(conductor, &stop));
        stop.asked.store(true, Ordering::Release);
        match watching.join() {
            Ok(watched) => watched.and(played),
            Err(_) => Err("the board broke".into()),
        }
    })?;
    let kpis = figures(service.store(), &ids, &played, began)?;
    drop(service);
    app.stop();
    Ok(kpis)
}

/// The real server, on a faster clock. The default port gives way when it is taken.
fn open(args: &DemoArgs, settings: &mut Settings, start: Timestamp) -> Result<App, StartError> {
    let clock = |last: Timestamp| Clock::scaled(start.max(last), SCALE);
    if let Some(listen) = args.listen {
        settings.server.listen = listen;
        return App::start(settings, clock);
    }
    match App::start(settings, clock) {
        Err(StartError::System(error)) if error.kind() == ErrorKind::AddrInUse => {
            settings.server.listen.set_port(0);
            App::start(settings, clock)
        }
        started => started,
    }
}

fn token(app: &App, role: Role) -> String {
    // An expert's token speaks for one of them.
    let subject = if role == Role::Expert { "e0001" } else { role.name() };
    let grant = Grant { role, subject: Some(subject.into()), regions: Vec::new(), ttl_s: TOKEN_TTL_S };
    app.core.tokens.sign_unlisted(grant, machine_now())
}

/// A token for each role: beside JSON they go where logs go.
fn greet(app: &App, json: bool) {
    let lines = ROLES.map(|role| format!("{:<11}{}", role.name(), token(app, role)));
    if json {
        eprintln!("{}", lines.join("\n"));
    } else {
        println!("{}", lines.join("\n"));
    }
    let _ = std::io::stdout().flush();
}

/// When the demo ends: somebody asked, or its time is over.
struct Stop {
    asked: AtomicBool,
    at: Option<Instant>,
}

impl Stop {
    fn now(&self) -> bool {
        self.asked.load(Ordering::Acquire) || self.at.is_some_and(|at| real_now() >= at)
    }
}

/// The city's tickets from `start` on, for as long as the demo lasts.
fn arrivals(city: &City, start: Timestamp, seconds: Option<u64>) -> Vec<Arrival> {
    let span_s = seconds.map_or(ENDLESS_S, |seconds| (seconds as f64 * SCALE) as i64);
    let count = (span_s as f64 / 3_600.0 * PER_HOUR) as usize + WAITING_AT_START;
    let mut arrivals = city.tickets(start, span_s, count);
    for (number, arrival) in arrivals.iter_mut().enumerate() {
        if number < WAITING_AT_START {
            arrival.at = start;
        }
        // Runs on kept data are told apart.
        arrival.new.external_id = Some(format!("demo-{}-{number}", start.0));
    }
    arrivals
}

async fn accompany(mut conductor: Conductor, stop: &Stop) -> Result<Played, String> {
    let mut done = |_: &Conductor| stop.now();
    tokio::select! {
        played = conductor.accompany(POLL_MS, &mut done) => played.map_err(shown)?,
        _ = tokio::signal::ctrl_c() => {}
        () = told_to_stop() => {}
    }
    Ok(conductor.finish())
}

async fn told_to_stop() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut term) => drop(term.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// The board on a terminal, a line now and then elsewhere, nothing beside JSON.
fn watch(mut live: LiveBoard, json: bool, stop: &Stop) -> Result<(), String> {
    if json {
        return Ok(());
    }
    if std::io::stdout().is_terminal() {
        let mut broken = None;
        let shown_board = board::show(&mut || match live.view() {
            _ if stop.now() => None,
            Ok(view) => Some(view),
            Err(fault) => {
                broken = Some(fault.to_string());
                None
            }
        });
        stop.asked.store(true, Ordering::Release);
        return broken.map_or(shown_board.map_err(shown), Err);
    }
    let mut told = real_now();
    while !stop.now() {
        std::thread::park_timeout(Duration::from_millis(100));
        if told.elapsed() >= TELL {
            told = real_now();
            println!("{}", line(&live.view().map_err(shown)?));
        }
    }
    Ok(())
}

fn line(view: &BoardView) -> String {
    let (mut open, mut served, mut escalated) = (0, 0, 0);
    for region in &view.regions {
        open += region.new + region.assigning + region.assigned + region.in_progress;
        served += region.served;
        escalated += region.escalated;
    }
    format!("{}  {open} open, {served} served, {escalated} escalated, {} experts at work", view.now, view.experts.busy)
}

fn hints(app: &App) -> Vec<String> {
    vec![
        app.url(),
        format!("{SCALE} times as fast as life"),
        "tokens are printed above the board".into(),
        "q quits".into(),
    ]
}

fn figures(store: &Store, ids: &[String], played: &Played, began: Instant) -> Result<Kpis, String> {
    let entered = ids.iter().take(played.entered as usize).filter(|id| !played.refused_ids.contains(*id));
    let ledger = Ledger::read(store).map_err(shown)?;
    let mut kpis = ledger.kpis(played.entered, &entered.cloned().collect(), played);
    kpis.wall_s = (began.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0;
    kpis.tickets_per_s = (played.entered as f64 / kpis.wall_s * 10.0).round() / 10.0;
    kpis.head = blake3::Hash::from_bytes(store.head().1).to_hex().to_string();
    for finding in ledger.findings().iter().take(20) {
        eprintln!("{} {}: {}", finding.promise, finding.thing, finding.detail);
    }
    Ok(kpis)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}
