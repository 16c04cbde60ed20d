//! What a command works on: a running server, or the data of a stopped one.

use super::{client::Client, output::Trouble};
use crate::{load::has_data, settings::Settings};
use clap::Args;
use std::path::PathBuf;

/// Where to work.
#[derive(Clone, Debug, Args)]
pub(super) struct TargetArgs {
    /// A running server, like http://127.0.0.1:8080; needs --token
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    pub(super) server: Option<String>,
    /// A token for it, of a role that may do this (below); callout login or callout token issue prints one
    #[arg(long, value_name = "TOKEN", env = "CALLOUT_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// For an https:// server: a PEM file with an authority to trust, beside the machine's
    #[arg(long, value_name = "FILE", env = "CALLOUT_CA")]
    pub(super) ca: Option<PathBuf>,
    /// The data of a stopped server; wins over CALLOUT_SERVER [env: CALLOUT_DATA] [default: ./callout-data]
    #[arg(long, value_name = "DIR")]
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
        match self.named(typed("--server"))? {
            Some((server, token)) => Ok(Some(Client::new(server, token, self.ca.as_deref())?)),
            None => Ok(None),
        }
    }

    /// A server and a token for it. Data that were named win over a server that only the environment names.
    fn named(&self, typed: bool) -> Result<Option<(&str, &str)>, Trouble> {
        let Some(server) = &self.server else { return Ok(None) };
        match (&self.data, self.token.as_deref().filter(|token| !token.is_empty())) {
            (Some(_), _) if typed => Err(Trouble::Usage("--server and --data: name one of them".into())),
            (Some(_), _) => Ok(None),
            (None, Some(token)) => Ok(Some((server, token))),
            (None, None) => {
                let from = if typed { "" } else { " (named by CALLOUT_SERVER)" };
                Err(Trouble::Usage(format!("{server}{from} needs --token TOKEN (or CALLOUT_TOKEN); {WAY_TO_A_TOKEN}")))
            }
        }
    }
}

/// What helps who has no token, or not the right one.
pub(super) const WAY_TO_A_TOKEN: &str = "get one: callout login --server URL NAME, or on the server's machine \
     callout token issue --role ROLE";

/// Whether a flag stands on the command line; the environment may have given it too.
fn typed(flag: &str) -> bool {
    let is = |word: std::ffi::OsString| {
        word.to_str()
            .and_then(|word| word.strip_prefix(flag))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    std::env::args_os().any(is)
}

/// Data that could not be opened. When a server holds them, it is the one to ask.
pub(super) fn not_opened(error: impl ToString) -> Trouble {
    held(error, "or talk to that server: --server URL --token TOKEN (callout token issue --role admin prints one)")
}

/// The same for what reads files alone: a running server's are read from a copy.
pub(super) fn not_opened_alone(error: impl ToString) -> Trouble {
    held(error, "or work on a backup of it: callout backup DIR --server URL --token TOKEN")
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn held(error: impl ToString, way: &str) -> Trouble {
    let why = error.to_string();
    let held = why.contains("uses this data directory");
    Trouble::Refused(if held { format!("{why}\n{way}") } else { why })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn target(server: Option<&str>, token: Option<&str>, data: Option<&str>) -> TargetArgs {
        TargetArgs {
            server: server.map(str::to_owned),
            token: token.map(str::to_owned),
            ca: None,
            data: data.map(PathBuf::from),
        }
    }

    #[test]
    fn data_that_are_named_win_over_a_server_of_the_environment() {
        let both = target(Some("http://h"), Some("t"), Some("d"));
        assert!(matches!(both.named(false), Ok(None)));
        assert!(matches!(both.named(true), Err(Trouble::Usage(_))));
        assert!(matches!(target(Some("http://h"), Some("t"), None).named(true), Ok(Some(("http://h", "t")))));
        assert!(matches!(target(None, Some("t"), None).named(false), Ok(None)));
    }

    #[test]
    fn who_has_no_token_is_told_how_to_get_one() {
        let told = |typed| match target(Some("http://h"), Some(""), None).named(typed) {
            Err(Trouble::Usage(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(told(true).contains("callout login") && told(true).contains("callout token issue"));
        assert!(told(false).contains("CALLOUT_SERVER"));
        let Trouble::Refused(why) = not_opened("process 7 uses this data directory: stop it first") else { panic!() };
        assert!(why.contains("--server URL --token TOKEN"), "{why}");
    }
}
