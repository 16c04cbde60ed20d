//! Settings: one typed struct, defaults from `config/default.toml` in the binary, then a file, then
//! the environment (`CALLOUT_*`), then flags. Unknown keys are refused; all is checked before
//! anything starts.

pub mod limits;
mod notify;
mod secret;
mod server;
mod travel;

pub use notify::{EmailSettings, LanguageName, MailTls, NotifySettings, SmsSettings};
pub use secret::Secret;
pub use server::ServerSettings;
pub use travel::TravelSettings;

use serde::Deserialize;
use std::path::PathBuf;

/// The commented defaults, for `callout serve --print-config` and for people.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub server: ServerSettings,
    pub storage: StorageSettings,
    pub dispatch: DispatchSettings,
    pub travel: TravelSettings,
    pub notify: NotifySettings,
    pub access_log: AccessLogSettings,
    pub log: LogSettings,
    pub telemetry: TelemetrySettings,
    /// All of it as text, secrets masked; flags of a command are not in it.
    #[serde(skip)]
    pub shown: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageSettings {
    pub data: PathBuf,
    /// Names the cell whose journal this process writes.
    pub cell: String,
    /// Page caches of all files together.
    pub cache_mb: usize,
    /// Size at which a journal segment is closed.
    pub segment_mb: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DispatchSettings {
    pub policy: PolicyName,
    /// How often a region where tickets wait looks ahead by itself; 0: never.
    pub forecast_every_s: u32,
    /// Nobody is sent anywhere and no deadline fires: set by commands on a stopped server's data.
    #[serde(skip)]
    pub paused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyName {
    Nearest,
    Insertion,
    #[serde(alias = "full")]
    Router,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLogSettings {
    /// Days that are kept.
    pub keep_days: u16,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    pub format: LogFormat,
    /// A filter like `info` or `callout=debug`.
    pub level: String,
    /// Size at which the file under the data directory is begun anew.
    pub file_mb: u64,
    /// How many are kept; 0: none is written.
    pub files: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// Where an OpenTelemetry collector takes spans over HTTP; absent: none are made.
    pub otlp_endpoint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

/// A setting that does not hold; names where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {problem}")]
pub struct SettingsError {
    pub source_name: String,
    pub problem: String,
}

/// (environment variable, table, key). Values are read as TOML, else as text.
const ENVIRONMENT: [(&str, &str, &str); 22] = [
    ("CALLOUT_LISTEN", "server", "listen"),
    ("CALLOUT_EDGE_THREADS", "server", "edge_threads"),
    ("CALLOUT_CORE_THREADS", "server", "core_threads"),
    ("CALLOUT_DATA", "storage", "data"),
    ("CALLOUT_CELL", "storage", "cell"),
    ("CALLOUT_CACHE_MB", "storage", "cache_mb"),
    ("CALLOUT_SEGMENT_MB", "storage", "segment_mb"),
    ("CALLOUT_POLICY", "dispatch", "policy"),
    ("CALLOUT_TRAVEL_SERVER", "travel", "server"),
    ("CALLOUT_PUBLIC_URL", "server", "public_url"),
    ("CALLOUT_TLS_CERTIFICATE", "server", "tls_certificate"),
    ("CALLOUT_TLS_KEY", "server", "tls_key"),
    ("CALLOUT_SMS_BASE_URL", "notify.sms", "base_url"),
    ("CALLOUT_SMS_ACCOUNT_SID", "notify.sms", "account_sid"),
    ("CALLOUT_SMS_AUTH_TOKEN", "notify.sms", "auth_token"),
    ("CALLOUT_SMS_FROM", "notify.sms", "from"),
    ("CALLOUT_SMTP_HOST", "notify.email", "host"),
    ("CALLOUT_SMTP_USERNAME", "notify.email", "username"),
    ("CALLOUT_SMTP_PASSWORD", "notify.email", "password"),
    ("CALLOUT_LOG_FORMAT", "log", "format"),
    ("CALLOUT_LOG", "log", "level"),
    ("CALLOUT_OTLP_ENDPOINT", "telemetry", "otlp_endpoint"),
];

impl Settings {
    /// Defaults, then `file` (its name and text), then `environment`.
    pub fn load(
        file: Option<(&str, &str)>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        // Each step with whose it is: what one begins (an account in the file) another may complete (its
        // secret in the environment), so only the whole has to hold.
        let mut steps = vec![("settings".to_owned(), parse("config/default.toml", DEFAULTS)?)];
        let mut table = steps[0].1.clone();
        if let Some((name, text)) = file {
            merge(&mut table, parse(name, text)?);
            steps.push((name.to_owned(), table.clone()));
        }
        for (variable, section, key) in ENVIRONMENT {
            let Some(text) = environment(variable) else { continue };
            set(&mut table, section, key, value_of(key, &text));
            steps.push((variable.to_owned(), table.clone()));
        }
        let shown = toml::to_string(&without_secrets(table.clone())).unwrap_or_default();
        match check(table, "settings") {
            Ok(settings) => Ok(Self { shown, ..settings }),
            Err(error) => Err(blamed(steps, error)),
        }
    }

    /// The defaults alone.
    pub fn defaults() -> Result<Self, SettingsError> {
        Self::load(None, &|_| None)
    }
}

/// The same error, told with the name of the first step that has it.
fn blamed(steps: Vec<(String, toml::Table)>, error: SettingsError) -> SettingsError {
    let has = |(name, table): (String, toml::Table)| check(table, &name).err().filter(|e| e.problem == error.problem);
    steps.into_iter().find_map(has).unwrap_or(error)
}

fn parse(name: &str, text: &str) -> Result<toml::Table, SettingsError> {
    text.parse().map_err(|error: toml::de::Error| wrong(name, error.to_string().trim_end()))
}

fn wrong(source_name: &str, problem: &str) -> SettingsError {
    SettingsError { source_name: source_name.into(), problem: problem.into() }
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(more)) => merge(inner, more),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Parts of a key's name that make its value a secret.
const SECRET: [&str; 5] = ["secret", "password", "token", "key", "credential"];

/// Keys that sound secret lose their value; so do the user and password in a URL.
fn without_secrets(table: toml::Table) -> toml::Table {
    let hidden = |key: &str, value: toml::Value| match value {
        toml::Value::Table(inner) => toml::Value::Table(without_secrets(inner)),
        toml::Value::String(_) if SECRET.iter().any(|part| key.contains(part)) => "<masked>".into(),
        toml::Value::String(text) => match (text.find("://"), text.rfind('@')) {
            (Some(scheme), Some(at)) if scheme < at => format!("{}<masked>{}", &text[..scheme + 3], &text[at..]).into(),
            _ => toml::Value::String(text),
        },
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_) => value,
    };
    table.into_iter().map(|(key, value)| (key.clone(), hidden(&key, value))).collect()
}

fn set(table: &mut toml::Table, section: &str, key: &str, value: toml::Value) {
    let mut at = Some(table);
    for name in section.split('.') {
        at = at.and_then(|table| table.get_mut(name)).and_then(toml::Value::as_table_mut);
    }
    if let Some(section) = at {
        section.insert(key.into(), value);
    }
}

/// Counts are numbers; all else is text.
fn value_of(key: &str, text: &str) -> toml::Value {
    let number = key.ends_with("_threads") || key.ends_with("_mb");
    match text.parse() {
        Ok(count) if number => toml::Value::Integer(count),
        _ => toml::Value::String(text.into()),
    }
}

fn check(table: toml::Table, name: &str) -> Result<Settings, SettingsError> {
    let settings: Settings = table.try_into().map_err(|e: toml::de::Error| wrong(name, e.to_string().trim_end()))?;
    let between = |what: &str, value: usize, least: usize, most: usize| {
        let told = format!("{what} must be {least} to {most}, not {value}");
        if (least..=most).contains(&value) { Ok(()) } else { Err(wrong(name, &told)) }
    };
    between("storage.cache_mb", settings.storage.cache_mb, 8, 1_000_000)?;
    between("storage.segment_mb", usize::try_from(settings.storage.segment_mb).unwrap_or(usize::MAX), 1, 65_536)?;
    between("access_log.keep_days", settings.access_log.keep_days.into(), 1, 3_650)?;
    between("log.file_mb", usize::try_from(settings.log.file_mb).unwrap_or(usize::MAX), 1, 4_096)?;
    between("log.files", settings.log.files, 0, 100)?;
    if settings.telemetry.otlp_endpoint.as_ref().is_some_and(|url| !url.starts_with("http")) {
        return Err(wrong(name, "telemetry.otlp_endpoint must be a URL like http://127.0.0.1:4318"));
    }
    let cell = &settings.storage.cell;
    if cell.is_empty() || cell.len() > 64 || !cell.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(wrong(name, "storage.cell must be 1 to 64 letters, digits or '-'"));
    }
    let problems = [settings.server.problems(), settings.travel.problems(), settings.notify.problems()].concat();
    match problems {
        problems if problems.is_empty() => Ok(settings),
        problems => Err(wrong(name, &problems.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_embedded_defaults_are_whole_and_hold() {
        let settings = Settings::defaults().unwrap();
        assert_eq!(settings.server.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.storage.data, PathBuf::from("./callout-data"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_its_file() {
        let error = Settings::load(Some(("my.toml", "[server]\nlisten_on = \"x\"")), &none).unwrap_err();
        assert_eq!(error.source_name, "my.toml");
        assert!(error.problem.contains("listen_on"), "{}", error.problem);
    }

    #[test]
    fn gateways_that_do_not_hold_together_are_told_all_at_once_and_no_secret_is_shown() {
        let file =
            Some(("my.toml", "[notify.sms]\nbase_url = \"sms.example\"\n[notify.email]\nhost = \"mx\"\ntimeout_s = 0"));
        let set = |name: &str| (name == "CALLOUT_SMTP_PASSWORD").then(|| "hunter2".to_owned());
        let told = Settings::load(file, &set).unwrap_err().problem;
        for part in ["base_url", "account_sid", "auth_token", "from or messaging", "email.from", "email.timeout_s"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let settings = Settings::load(None, &set).unwrap();
        assert_eq!(settings.notify.email.password.as_ref().map(Secret::reveal), Some("hunter2"));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn a_server_of_travel_times_is_judged_and_its_password_is_not_shown() {
        let file = Some(("my.toml", "[travel]\nserver = \"osrm:5000\"\npatience_s = 0\ncoordinates = 1"));
        let told = Settings::load(file, &none).unwrap_err().problem;
        for part in ["travel.server", "travel.patience_s", "travel.coordinates"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let set = |name: &str| (name == "CALLOUT_TRAVEL_SERVER").then(|| "http://me:hunter2@osrm:5000".to_owned());
        let settings = Settings::load(None, &set).unwrap();
        assert!(settings.travel.server.is_some() && !settings.shown.contains("hunter2"));
    }

    #[test]
    fn what_a_file_begins_the_environment_may_complete() {
        let file = "[server]\ntls_certificate = \"c.pem\"\n[notify.sms]\nbase_url = \"https://sms.example\"\n\
                    account_sid = \"AC1\"\nfrom = \"+15550100\"";
        let rest = |name: &str| match name {
            "CALLOUT_TLS_KEY" => Some("k.pem".to_owned()),
            "CALLOUT_SMS_AUTH_TOKEN" => Some("s3cret".to_owned()),
            _ => None,
        };
        let settings = Settings::load(Some(("my.toml", file)), &rest).unwrap();
        assert!(settings.server.tls().is_some());
        assert!(!settings.shown.contains("s3cret") && !settings.shown.contains("k.pem"));
        let error = Settings::load(Some(("my.toml", file)), &none).unwrap_err();
        assert_eq!(error.source_name, "my.toml");
        assert!(error.problem.contains("auth_token") && error.problem.contains("tls_key"), "{}", error.problem);
    }

    #[test]
    fn the_environment_wins_over_the_file_and_its_mistakes_are_named() {
        let file = Some(("my.toml", "[server]\nlisten = \"127.0.0.1:1\""));
        let set = |name: &str| (name == "CALLOUT_LISTEN").then(|| "127.0.0.1:2".to_owned());
        assert_eq!(Settings::load(file, &set).unwrap().server.listen.port(), 2);
        let bad = |name: &str| (name == "CALLOUT_EDGE_THREADS").then(|| "0".to_owned());
        let error = Settings::load(None, &bad).unwrap_err();
        assert_eq!(error.source_name, "CALLOUT_EDGE_THREADS");
    }
}
