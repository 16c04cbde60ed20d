//! `callout serve`: the server, until it is told to stop.

use super::output;
use crate::{
    actors::Clock,
    app::App,
    settings::{DEFAULTS, Settings},
};
use clap::Args;
use sd_notify::NotifyState;
use std::{io::Write, net::SocketAddr, path::PathBuf, process::ExitCode};

/// Runs the server: settings from the file, then the environment (`CALLOUT_*`), then these flags.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  callout serve\n  callout serve --listen 127.0.0.1:0 --data ./callout-data")]
pub(super) struct ServeArgs {
    /// Address to listen on; port 0 picks one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Data directory, made when absent [default: ./callout-data]
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

fn serve(settings: &Settings) -> Result<(), String> {
    let mut app = App::start(settings, Clock::machine).map_err(|error| error.to_string())?;
    app.keep_record(settings).map_err(|error| error.to_string())?;
    println!("listening on {}", app.url());
    // Whoever started us waits for this line, perhaps through a pipe.
    let _ = std::io::stdout().flush();
    tracing::info!(address = %app.address, data = %settings.storage.data.display(), "ready");
    notify(&[NotifyState::Ready, NotifyState::Status(&format!("serving at {}", app.url()))]);
    app.wait().map_err(|error| error.to_string())?;
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
