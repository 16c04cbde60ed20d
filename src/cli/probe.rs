//! `callout probe`: asks the server on this machine whether it is ready. For health checks of containers
//! and scripts that have no other client.

use super::{
    knock::ask,
    output::{Done, Trouble},
};
use crate::settings::Settings;
use clap::Args;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

/// Asks the server on this machine whether it is ready. No token is needed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callout probe
  callout probe --address 127.0.0.1:8080

Exit codes: 0 ready, 1 not ready, 2 usage, 3 nobody answers.")]
pub(super) struct ProbeArgs {
    /// Where to ask [default: where the settings have the server listen]
    #[arg(long, value_name = "IP:PORT", value_parser = super::serve::address)]
    address: Option<SocketAddr>,
}

const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run(args: &ProbeArgs, settings: &Settings) -> Done {
    let address = here(args.address.unwrap_or(settings.server.listen));
    let tls = settings.server.tls().map(|(certificate, _)| certificate.as_path());
    let answer = ask(address, "/readyz", tls, PATIENCE).map_err(|error| {
        Trouble::Unreachable(format!("{address}: {error}; is it running? at another port: --address IP:PORT"))
    })?;
    if answer.starts_with("HTTP/1.1 200") {
        println!("ready");
        return Ok(ExitCode::SUCCESS);
    }
    let body = answer.split_once("\r\n\r\n").map_or(answer.as_str(), |(_, body)| body);
    Err(Trouble::Refused(format!("not ready: {}", body.trim())))
}

/// Every address of this machine is reached by its loopback.
fn here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_the_loopback() {
        assert_eq!(here("0.0.0.0:8080".parse().unwrap()).to_string(), "127.0.0.1:8080");
        assert_eq!(here("[::]:8080".parse().unwrap()).to_string(), "[::1]:8080");
        assert_eq!(here("192.0.2.7:80".parse().unwrap()).to_string(), "192.0.2.7:80");
    }
}
