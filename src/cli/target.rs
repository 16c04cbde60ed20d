//! What a command works on: a running server, or the data of a stopped one.

use super::{client::Client, output::Trouble};
use crate::{load::has_data, settings::Settings};
use clap::Args;
use std::path::PathBuf;

/// Where to work.
#[derive(Clone, Debug, Args)]
pub(super) struct TargetArgs {
    /// A running server, like <http://127.0.0.1:8080>
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER", requires = "token")]
    pub(super) server: Option<String>,
    /// A token for it
    #[arg(long, value_name = "TOKEN", env = "CALLOUT_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// For an https:// server: a PEM file with an authority to trust, beside the machine's
    #[arg(long, value_name = "FILE", env = "CALLOUT_CA")]
    pub(super) ca: Option<PathBuf>,
    /// The data of a stopped server [default: ./callout-data]
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    pub(super) data: Option<PathBuf>,
}

impl TargetArgs {
    /// The settings with this command's data directory.
    pub(super) fn settings(&self, settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        // Whoever only looks at data, or edits them, writes to nobody and sends nobody: the next server does.
        (settings.notify.paused, settings.dispatch.paused) = (true, true);
        if let Some(data) = &self.data {
            settings.storage.data.clone_from(data);
        }
        settings
    }

    /// The running server, if one was named.
    pub(super) fn remote(&self) -> Result<Option<Client>, Trouble> {
        match (&self.server, &self.token) {
            (Some(server), token) => {
                Ok(Some(Client::new(server, token.as_deref().unwrap_or_default(), self.ca.as_deref())?))
            }
            (None, _) => Ok(None),
        }
    }
}

/// Commands on a stopped server's data do not make a data directory by accident.
pub(super) fn need_data(settings: &Settings) -> Result<(), Trouble> {
    let data = &settings.storage.data;
    if has_data(data) {
        return Ok(());
    }
    let why =
        format!("{} holds no data; say where with --data DIR, or --server URL for a running server", data.display());
    Err(Trouble::Refused(why))
}
