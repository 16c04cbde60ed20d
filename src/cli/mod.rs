//! The command line: one file per subcommand. Exit codes: 0 done, 1 refused or not found, 2 usage,
//! 3 server not reachable.
//!
//! A command works on a running server (`--server`, `--token`) or on the data of a stopped one
//! (`--data`), which it then opens with a door on the loopback: one path, the same rules and reports.

#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    reason = "clap shows doc comments as they stand: marks would stand in the help"
)]

mod access;
mod audit;
mod backup;
mod bench;
mod bench_roads;
pub mod board;
mod client;
mod customer;
mod customers;
mod decide;
pub mod demo;
mod doctor;
mod expert;
mod expert_edit;
mod formats;
#[cfg(test)]
mod help_tests;
pub mod hindsight;
mod import;
mod import_roads;
mod incident;
mod inquiry;
mod knock;
mod login;
mod objectives;
mod outbox;
mod output;
mod probe;
mod prompt;
mod region;
pub mod replay;
mod route;
mod serve;
mod shell;
mod target;
mod ticket;
mod token;
mod top;
mod trace;
mod user;
pub mod whatif;

use crate::{
    actors::Clock,
    app::App,
    domain::ticket::Role,
    settings::{LogFormat, LogSettings, Settings},
    telemetry,
};
use clap::{Parser, Subcommand, ValueEnum};
use output::Trouble;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

/// Below the list of commands.
const ABOUT_ALL: &str = "A command works on a running server (--server, --token) or on the data of a
stopped one (--data). These are read from the environment too: CALLOUT_SERVER,
CALLOUT_TOKEN, CALLOUT_CA, CALLOUT_DATA; serve also reads CALLOUT_LISTEN. What
is typed wins.

Exit codes: 0 done, 1 refused or not found, 2 usage, 3 server not reachable. A
command whose code 1 means something else says so.

Begin with one of these:
  callout demo
  callout serve
  callout ticket --help";

/// Routes problem tickets to field experts.
#[derive(Debug, Parser)]
#[command(name = "callout", version, max_term_width = 100, after_help = ABOUT_ALL)]
struct Cli {
    /// Settings: a TOML file with any part of the defaults (callout serve --print-config prints them)
    #[arg(long, global = true, value_name = "FILE", env = "CALLOUT_CONFIG", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// How logs look on stderr [env: CALLOUT_LOG_FORMAT] [default: text]
    #[arg(long, global = true, value_enum, help_heading = "Global options")]
    log_format: Option<LogName>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogName {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Take over files: regions, experts, tickets, places, roads
    Import(import::ImportArgs),
    /// The roster: list, show, import, add, edit, retire, reinstate, shift, skill, absence
    #[command(subcommand)]
    Expert(expert::ExpertCommand),
    /// Regions: list, show, edit, unpark; callout import regions makes them
    #[command(subcommand)]
    Region(region::RegionCommand),
    /// Tickets: list, show, trace, locate; entering one is the API's
    #[command(subcommand, after_help = ticket::BY_API)]
    Ticket(ticket::TicketCommand),
    /// Messages to experts and customers that are on their way or were given up: list, show, resend
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// A customer's data: export, erase
    #[command(subcommand)]
    Customer(customer::CustomerCommand),
    /// The access record: list, verify
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Tokens: issue, list, revoke
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// People with passwords: add, list, show, edit, password, disable, enable
    #[command(subcommand)]
    User(user::UserCommand),
    /// Log in at a server; prints the token alone
    Login(login::LoginArgs),
    /// Prove the promises over the data: counts, and every violation
    Audit(audit::AuditArgs),
    /// What was promised and how it stands: availability, losses, stalls, incidents
    Objectives(objectives::ObjectivesArgs),
    /// Everything an investigator needs about some hours, in one archive
    Incident(incident::IncidentArgs),
    /// Check what a server needs, and say what to do
    Doctor(doctor::DoctorArgs),
    /// Ask the server on this machine whether it is ready
    Probe(probe::ProbeArgs),
    /// Copy the data at one consistent moment
    Backup(backup::BackupArgs),
    /// Make a data directory of a backup
    Restore(backup::RestoreArgs),
    /// Check the data or a backup record by record
    Verify(backup::VerifyArgs),
    /// Recompute stored decisions from the journal
    Decide(decide::DecideArgs),
    /// A whole city, alive in seconds
    Demo(demo::DemoArgs),
    /// The demo's board, of any running server
    Top(top::TopArgs),
    /// Plans of whole days: solve
    #[command(subcommand)]
    Route(route::RouteCommand),
    /// Days of requests through the real router; prints the figures
    Replay(replay::ReplayArgs),
    /// What a policy achieved, beside who knew all
    Hindsight(hindsight::HindsightArgs),
    /// Tries settings on days that were; prints both figures
    Whatif(whatif::WhatifArgs),
    /// The load generator
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Completions for a shell
    Completions(shell::CompletionsArgs),
    /// Manual pages
    Man(shell::ManArgs),
}

/// Parses the command line and runs it.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let settings = match settings(&cli) {
        Ok(settings) => settings,
        Err(why) => return output::usage(&why),
    };
    let serves = matches!(cli.command, Command::Serve(_));
    telemetry::start(&settings.log.level, settings.log.format == LogFormat::Json, serves && settings.log.files > 0);
    if !matches!(cli.command, Command::Serve(_) | Command::Demo(_)) {
        output::end_with_the_reader();
    }
    let done = match cli.command {
        Command::Serve(args) => return serve::run(&args, settings),
        Command::Demo(args) => return demo::run(&args, settings),
        Command::Replay(args) => return replay::run(&args),
        Command::Hindsight(args) => return hindsight::run(&args),
        Command::Whatif(args) => return whatif::run(&args),
        Command::Import(args) => import::run(&args, &settings),
        Command::Expert(command) => expert::run(&command, &settings),
        Command::Region(command) => region::run(&command, &settings),
        Command::Ticket(command) => ticket::run(&command, &settings),
        Command::Outbox(command) => outbox::run(&command, &settings),
        Command::Customer(command) => customer::run(&command, &settings),
        Command::Access(command) => access::run(&command, &settings),
        Command::Token(command) => token::run(&command, &settings),
        Command::User(command) => user::run(&command, &settings),
        Command::Login(args) => login::run(&args),
        Command::Audit(args) => audit::run(&args, &settings),
        Command::Backup(args) => backup::run(&args, &settings),
        Command::Restore(args) => backup::restore(&args, &settings),
        Command::Verify(args) => backup::verify(&args, &settings),
        Command::Decide(args) => decide::run(&args, &settings),
        Command::Objectives(args) => objectives::run(&args, &settings),
        Command::Incident(args) => incident::run(&args, &settings),
        Command::Doctor(args) => doctor::run(&args, &settings),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
        Command::Probe(args) => probe::run(&args, &settings),
        Command::Route(command) => route::run(&command),
        Command::Top(args) => top::run(&args),
        Command::Bench(command) => bench::run(&command),
    };
    done.unwrap_or_else(Trouble::exit)
}

/// Defaults, file, environment, then the flags that all commands have. Commands that are not servers
/// log warnings only, unless told otherwise.
fn settings(cli: &Cli) -> Result<Settings, String> {
    let file = match &cli.config {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Some((path.display().to_string(), text))
        }
        None => None,
    };
    let given = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let mut settings = Settings::load(given, &|name| std::env::var(name).ok()).map_err(|error| {
        let why = error.to_string();
        let about_address = why.contains("socket address syntax");
        if about_address { format!("{why}; an address is IP:PORT, like 127.0.0.1:8080") } else { why }
    })?;
    let quiet = !matches!(cli.command, Command::Serve(_)) && std::env::var_os("CALLOUT_LOG").is_none();
    settings.log = LogSettings {
        format: match cli.log_format {
            None => settings.log.format,
            Some(LogName::Text) => LogFormat::Text,
            Some(LogName::Json) => LogFormat::Json,
        },
        level: if quiet { "warn".into() } else { settings.log.level },
        ..settings.log
    };
    Ok(settings)
}

/// A client for what the command works on. Data of a stopped server get a door on the loopback for as
/// long as this lives.
struct Connection {
    client: client::Client,
    local: Option<App>,
}

impl Connection {
    fn open(target: &target::TargetArgs, settings: &Settings) -> Result<Self, Trouble> {
        Self::open_as(Role::Admin, target, settings)
    }

    /// The role is for data of a stopped server; a running one goes by the token.
    fn open_as(role: Role, target: &target::TargetArgs, settings: &Settings) -> Result<Self, Trouble> {
        if let Some(client) = target.remote()? {
            return Ok(Self { client, local: None });
        }
        let mut settings = target.settings(settings);
        target::need_data(&settings)?;
        settings.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        // What listens on the loopback for this command alone needs no certificate.
        (settings.server.tls_certificate, settings.server.tls_key) = (None, None);
        let app = App::start(&settings, Clock::machine).map_err(target::not_opened)?;
        let client = client::Client::new(&app.url(), &app.own_token(role), None)?;
        Ok(Self { client, local: Some(app) })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(app) = self.local.take() {
            app.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
