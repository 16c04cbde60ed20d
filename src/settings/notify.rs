//! How messages leave the house: `[notify]` of the settings, and whether it holds.

use super::Secret;
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifySettings {
    /// Who messages come from, in their texts.
    pub company: String,
    /// When neither the customer nor the region says.
    pub language: LanguageName,
    /// A folder with `en.toml` and `es.toml`, each with any part of the texts; absent: the built-in ones.
    pub templates: Option<PathBuf>,
    /// Where messages go that have no gateway; below the data directory unless absolute, empty: nowhere.
    pub mailbox: PathBuf,
    /// Days that the mailbox keeps messages.
    pub mailbox_days: u16,
    /// Messages on their way to one gateway at once.
    pub concurrency: usize,
    /// Where a customer follows a visit, with `{token}`; absent: this server's own.
    pub tracking_page: Option<String>,
    /// Where a customer says how it was, with `{token}`; absent: this server's own.
    pub survey_page: Option<String>,
    pub sms: SmsSettings,
    pub email: EmailSettings,
    /// Nothing is sent: a command that only looks at the data of a stopped server.
    #[serde(skip)]
    pub paused: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsSettings {
    /// A Twilio-compatible gateway; absent: SMS go to the mailbox.
    pub base_url: Option<String>,
    pub account_sid: Option<String>,
    pub auth_token: Option<Secret>,
    /// The number or name that SMS come from ..
    pub from: Option<String>,
    /// .. or the gateway's pool of them.
    pub messaging_service_sid: Option<String>,
    /// How long one call may take, seconds.
    pub timeout_s: u64,
    /// Put before numbers that were given without a country, digits.
    pub country_code: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailSettings {
    /// A mail server (SMTP submission); absent: e-mails go to the mailbox.
    pub host: Option<String>,
    pub port: u16,
    pub tls: MailTls,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// `Name <address>` or an address.
    pub from: Option<String>,
    /// How long one command of the dialogue may take, seconds.
    pub timeout_s: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageName {
    En,
    Es,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// Plain, then encrypted; refused when the server does not offer it.
    Starttls,
    /// Encrypted from the start (port 465).
    Tls,
    /// For a server on the same machine.
    None,
}

impl NotifySettings {
    /// The mailbox's folder; None: no mailbox.
    #[must_use]
    pub fn mailbox(&self, data: &Path) -> Option<PathBuf> {
        (!self.mailbox.as_os_str().is_empty()).then(|| data.join(&self.mailbox))
    }

    /// What does not fit together, all of it.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut need = |holds: bool, told: &str| {
            if !holds {
                problems.push(format!("notify.{told}"));
            }
        };
        need((1..=256).contains(&self.concurrency), "concurrency must be 1 to 256");
        need((1..=3_650).contains(&self.mailbox_days), "mailbox_days must be 1 to 3650");
        need(!self.company.trim().is_empty() && self.company.len() <= 40, "company must be 1 to 40 characters");
        for (name, page) in [("tracking_page", &self.tracking_page), ("survey_page", &self.survey_page)] {
            let sound = page.as_ref().is_none_or(|page| page.contains("{token}") && is_url(page));
            need(sound, &format!("{name} must be a URL with {{token}} in it"));
        }
        let sms = &self.sms;
        need((1..=60).contains(&sms.timeout_s), "sms.timeout_s must be 1 to 60");
        let code = sms.country_code.as_str();
        let digits = (1..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
        need(digits, "sms.country_code must be 1 to 3 digits");
        if let Some(url) = &sms.base_url {
            need(is_url(url), "sms.base_url must begin with https:// or http://");
            need(sms.account_sid.is_some(), "sms.account_sid is needed with a base_url");
            need(sms.auth_token.is_some(), "sms.auth_token is needed with a base_url");
            let one = sms.from.is_some() != sms.messaging_service_sid.is_some();
            need(one, "sms needs either from or messaging_service_sid");
        }
        let email = &self.email;
        need((1..=60).contains(&email.timeout_s), "email.timeout_s must be 1 to 60");
        if email.host.is_some() {
            need(email.from.is_some(), "email.from is needed with a host");
            need(email.username.is_some() == email.password.is_some(), "email needs username and password, or neither");
        }
        problems
    }
}

/// `http://` or `https://` with something behind it.
pub(super) fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
}
