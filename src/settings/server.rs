//! The door: `[server]` of the settings, and whether it holds.

use super::{limits, notify::is_url};
use serde::Deserialize;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Where to listen; port 0 picks one.
    pub listen: SocketAddr,
    /// Threads that serve HTTP.
    pub edge_threads: usize,
    /// Threads that run the actors.
    pub core_threads: usize,
    /// How the world reaches this server, for links in messages; absent: the address it listens on.
    pub public_url: Option<String>,
    /// The server's certificate with its intermediates, PEM; absent: plain HTTP.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Origins whose pages may call (CORS), like `https://console.example.com`.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Calls a second with one token of a customer or an expert; 0: no limit.
    pub person_calls_per_s: u32,
    /// Calls a second with one token of staff or of a portal; 0: no limit.
    pub token_calls_per_s: u32,
    /// Calls a second from one address that no token lets in; 0: no limit.
    pub address_calls_per_s: u32,
}

impl ServerSettings {
    /// Certificate and key, when the door speaks TLS.
    #[must_use]
    pub fn tls(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.tls_certificate.as_ref().zip(self.tls_key.as_ref())
    }

    /// `https` or `http`, as the door speaks.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls().is_some() { "https" } else { "http" }
    }

    /// What does not fit together, all of it.
    #[must_use]
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut need = |holds: bool, told: &str| {
            if !holds {
                problems.push(format!("server.{told}"));
            }
        };
        for (name, threads) in [("edge_threads", self.edge_threads), ("core_threads", self.core_threads)] {
            need((1..=256).contains(&threads), &format!("{name} must be 1 to 256, not {threads}"));
        }
        need(self.public_url.as_deref().is_none_or(is_url), "public_url must begin with https:// or http://");
        let both = self.tls_certificate.is_some() == self.tls_key.is_some();
        need(both, "tls_certificate and tls_key belong together: give both, or neither for plain HTTP");
        for origin in &self.allowed_origins {
            let told = format!("allowed_origins: {origin:?} must be like https://console.example.com, without a path");
            need(is_origin(origin), &told);
        }
        for (name, calls) in [
            ("person_calls_per_s", self.person_calls_per_s),
            ("token_calls_per_s", self.token_calls_per_s),
            ("address_calls_per_s", self.address_calls_per_s),
        ] {
            let most = limits::CALLS_PER_S;
            need(calls <= most, &format!("{name} must be 0 (no limit) to {most}, not {calls}"));
        }
        problems
    }
}

/// As a browser writes it: scheme, host, perhaps a port, and no more.
fn is_origin(text: &str) -> bool {
    let host = text.split_once("://").map_or("", |(_, host)| host);
    is_url(text) && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]".contains(&b))
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;

    #[test]
    fn what_the_door_cannot_do_is_told_all_at_once() {
        let text = "[server]\nedge_threads = 0\ntls_key = \"k.pem\"\nallowed_origins = [\"https://a.example/\", \"*\"]\n\
                    person_calls_per_s = 4000000000\npublic_url = \"callout\"";
        let told = Settings::load(Some(("my.toml", text)), &|_| None).unwrap_err().problem;
        for part in ["edge_threads", "belong together", "\"https://a.example/\"", "\"*\"", "person_calls", "public_url"]
        {
            assert!(told.contains(part), "{part}: {told}");
        }
        let text = "[server]\nallowed_origins = [\"https://a.example\", \"http://127.0.0.1:3000\"]";
        Settings::load(Some(("my.toml", text)), &|_| None).unwrap();
    }
}
