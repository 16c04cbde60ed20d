//! `callout serve`: the server, until it is told to stop.

use super::output;
use crate::{
    actors::Clock,
    app::App,
    load::StartError,
    settings::{DEFAULTS, Settings},
};
use clap::Args;
use sd_notify::NotifyState;
use std::{
    io::{ErrorKind, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

/// Runs the server: settings from the file, then the environment (CALLOUT_..), then these flags.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  callout serve\n  callout serve --listen 127.0.0.1:0 --data ./callout-data")]
pub(super) struct ServeArgs {
    /// Address to listen on; port 0 picks one, 0.0.0.0 listens to other machines too [env: CALLOUT_LISTEN]
    /// [default: 127.0.0.1:8080]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Data directory, made when absent [env: CALLOUT_DATA] [default: ./callout-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print the commented default settings and exit
    #[arg(long)]
    print_config: bool,
}

pub(super) fn run(args: &ServeArgs, mut settings: Settings) -> ExitCode {
    if args.print_config {
        print!("{DEFAULTS}");
        return ExitCode::SUCCESS;
    }
    if let Some(listen) = args.listen {
        settings.server.listen = listen;
    }
    if let Some(data) = &args.data {
        settings.storage.data.clone_from(data);
    }
    match serve(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => output::Trouble::Refused(why).exit(),
    }
}

/// An address as `--listen` and `--address` take it.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address is IP:PORT, like 127.0.0.1:8080 or [::1]:8080".to_owned())
}

fn not_started(error: &StartError, listen: SocketAddr) -> String {
    match error {
        StartError::System(why) if matches!(why.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable) => {
            format!("{listen}: {why}; listen elsewhere with --listen IP:PORT")
        }
        _ => error.to_string(),
    }
}

fn serve(settings: &Settings) -> Result<(), String> {
    let started = App::start(settings, Clock::machine);
    let mut app = started.map_err(|error| not_started(&error, settings.server.listen))?;
    app.keep_record(settings).map_err(|error| error.to_string())?;
    let signals = app.signals().map_err(|error| error.to_string())?;
    println!("listening on {}", app.url());
    // Whoever started us waits for this line, perhaps through a pipe.
    let _ = std::io::stdout().flush();
    tracing::info!(address = %app.address, data = %settings.storage.data.display(), "ready");
    notify(&[NotifyState::Ready, NotifyState::Status(&format!("serving at {}", app.url()))]);
    app.wait(signals);
    tracing::info!("stopping");
    notify(&[NotifyState::Stopping]);
    app.stop();
    Ok(())
}

/// Tells a service manager that waits for it (Type=notify); nothing without one.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "no service manager was told");
    }
}
