//! `callout doctor`: looks at what a server needs, and says what to do. Opens no store and changes
//! nothing, so it can run beside a server.

use super::{
    client::{Client, ClientError},
    knock::ask,
    output::{Done, at, colour, print_json},
    target::{TargetArgs, WAY_TO_A_TOKEN},
};
use crate::{
    load::{has_data, open_files},
    settings::{Settings, limits},
    storage::DataLock,
    telemetry::incidents::{Kind, between, now_ms, rfc3339},
    tls::Identity,
    travel::networks,
};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use std::{
    fs,
    net::{TcpListener, TcpStream, ToSocketAddrs},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::ExitCode,
    time::Duration,
};

/// Checks data directory, disk, clock, ports, settings, keys, certificate and gateways, and says what to do. Exit
/// code 1 when something is wrong.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callout doctor
  callout doctor --data /var/lib/callout --json
  callout doctor --server http://127.0.0.1:8080 --token TOKEN

With --server that server and the token are checked too.
Token roles: customer, clerk, expert, dispatcher, manager, admin, portal")]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    /// Works, and may soon not.
    Warning,
    Wrong,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// Free space below which it is time to act, and below which intake is in danger.
const FREE_WARNING: u64 = 5 << 30;
const FREE_WRONG: u64 = 512 << 20;
/// No machine that runs this was set to a time before it was written: 2026-01-01.
const EARLIEST_MS: i64 = 1_767_225_600_000;
/// How long a gateway may take to answer a knock.
const KNOCK: Duration = Duration::from_secs(3);

fn ok(name: &'static str, found: impl Into<String>) -> Check {
    Check { name, state: State::Ok, found: found.into(), advice: None }
}

fn not(name: &'static str, state: State, found: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { name, state, found: found.into(), advice: Some(advice.into()) }
}

pub(super) fn run(args: &DoctorArgs, settings: &Settings) -> Done {
    let remote = args.target.remote()?;
    let settings = args.target.settings(settings);
    let mut checks = checks(&settings);
    checks.extend(remote.iter().flat_map(server));
    let wrong = checks.iter().any(|check| check.state == State::Wrong);
    if args.json {
        print_json(&json!({ "ok": !wrong, "checks": checks }));
    } else {
        checks.iter().for_each(print);
    }
    Ok(if wrong { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn print(check: &Check) {
    let mark = match check.state {
        State::Ok => colour("32", "ok     "),
        State::Warning => colour("33", "warning"),
        State::Wrong => colour("31", "WRONG  "),
    };
    println!("{mark} {:<12}{}", check.name, check.found);
    if let Some(advice) = &check.advice {
        println!("                    -> {advice}");
    }
}

fn checks(settings: &Settings) -> Vec<Check> {
    let data = &settings.storage.data;
    let mut checks = vec![
        // They were read, or this would not run.
        ok("settings", "read, and every key is known"),
        directory(data),
    ];
    if data.is_dir() {
        checks.push(space(data));
        checks.extend(keys(data));
        checks.push(files(data, &settings.storage.cell));
        checks.push(past(data));
        checks.push(roads(data));
    }
    checks.extend([clock(data), port(settings), descriptors()]);
    checks.extend(certificate(settings));
    checks.extend(gateways(&settings.shown));
    checks
}

/// The server that was named: whether it is ready, and whether it knows the token.
fn server(client: &Client) -> Vec<Check> {
    let first = |error: &ClientError| error.to_string().lines().next().unwrap_or_default().to_owned();
    let ready = match client.get("/readyz") {
        Ok(_) => ok("server", "it is ready"),
        Err(error @ ClientError::Refused(_)) => {
            let advice = "callout probe on its machine says why; its log says more";
            not("server", State::Wrong, format!("not ready: {}", first(&error)), advice)
        }
        Err(error) => {
            let advice = "is it running, and is that its address?";
            return vec![not("server", State::Wrong, first(&error), advice)];
        }
    };
    let token = match client.get("/v1/me") {
        Ok(me) => ok("token", format!("known, of the role {}", at(&me, "role"))),
        Err(error) => not("token", State::Wrong, first(&error), WAY_TO_A_TOKEN),
    };
    vec![ready, token]
}

fn directory(data: &Path) -> Check {
    if !data.exists() {
        let advice = "`callout serve --data DIR` makes one; or name the one you have with --data";
        return not("data", State::Warning, format!("{} is not there", data.display()), advice);
    }
    // Whoever holds it is a server at work: good. Taking it for a moment tells whether we may write.
    match DataLock::take(data) {
        Ok(_) if has_data(data) => ok("data", format!("{}: writable, no server is using it", data.display())),
        Ok(_) => ok("data", format!("{}: writable, empty", data.display())),
        Err(fault) if fault.to_string().contains("uses this data directory") => {
            ok("data", format!("{}: a server is using it", data.display()))
        }
        Err(fault) => {
            let advice = "give the user that runs callout this directory: chown, or another --data";
            not("data", State::Wrong, fault.to_string(), advice)
        }
    }
}

fn space(data: &Path) -> Check {
    let Ok(found) = rustix::fs::statvfs(data) else {
        return not("disk", State::Warning, "the free space cannot be told", "look at it by hand: df");
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let text = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
    let advice = "free space or move the data to a larger disk: without space every new ticket is refused, \
                  and it goes on by itself once there is some";
    match free {
        0..FREE_WRONG => not("disk", State::Wrong, text, advice),
        FREE_WRONG..FREE_WARNING => not("disk", State::Warning, text, advice),
        FREE_WARNING.. => ok("disk", text),
    }
}

/// Whoever reads these reads names and forges tokens.
fn keys(data: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
    for name in ["keys", "token.key", "users.jsonl"] {
        let path = data.join(name);
        let Ok(found) = fs::metadata(&path) else { continue };
        let mode = found.permissions().mode() & 0o777;
        checks.push(if mode.trailing_zeros() >= 6 {
            ok("keys", format!("{name}: its owner's alone"))
        } else {
            let advice = format!("chmod {} {}", if found.is_dir() { "700" } else { "600" }, path.display());
            not("keys", State::Wrong, format!("{name}: others may read it (mode {mode:o})"), advice)
        });
    }
    if checks.is_empty() && has_data(data) {
        let advice = "restore keys/ from its backup: without it every name and place is unreadable for good";
        checks.push(not("keys", State::Wrong, "there are data and no keys", advice));
    }
    checks
}

fn files(data: &Path, cell: &str) -> Check {
    if !has_data(data) {
        return ok("files", "none yet");
    }
    let folder = data.join("cells").join(cell);
    if !folder.is_dir() {
        let cells = names(&data.join("cells")).join(", ");
        let advice = "set storage.cell (CALLOUT_CELL) to the cell whose data these are";
        return not("files", State::Wrong, format!("no cell {cell}; there are: {cells}"), advice);
    }
    let segments = names(&folder.join("journal"));
    if segments.is_empty() {
        let advice = "the journal is the truth: restore a backup (docs/OPERATIONS.md)";
        return not("files", State::Wrong, "the journal has no segment", advice);
    }
    let bytes: u64 =
        segments.iter().filter_map(|name| fs::metadata(folder.join("journal").join(name)).ok()).map(|m| m.len()).sum();
    let version = env!("CARGO_PKG_VERSION");
    ok(
        "files",
        format!(
            "{} journal segments, {} MiB; this is callout {version}; `callout verify` reads all of it",
            segments.len(),
            bytes >> 20
        ),
    )
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// What went wrong in the last week.
fn past(data: &Path) -> Check {
    let now = now_ms();
    let week = between(&data.join("incidents"), now - 7 * 86_400_000, now);
    let of = |kind: Kind| week.iter().filter(|incident| incident.kind == kind).count();
    let grave = [Kind::StorageFailed, Kind::TicketMissing, Kind::Quarantine, Kind::Park];
    let bad: Vec<String> =
        grave.iter().filter(|kind| of(**kind) > 0).map(|kind| format!("{} x {}", of(*kind), kind.name())).collect();
    let text =
        format!("last 7 days: {} starts, {} of them after an end without a stop", of(Kind::Start), of(Kind::Down));
    if bad.is_empty() {
        return ok("incidents", text);
    }
    let advice = "`callout incident --from .. --to ..` gathers what there is to know";
    not("incidents", State::Warning, format!("{text}; {}", bad.join(", ")), advice)
}

/// The prepared road network, if there is one.
fn roads(data: &Path) -> Check {
    const AGAIN: &str = "callout import roads FILE.osm.pbf --data DIR, then restart the server";
    match networks::current(data) {
        Ok(Some(legs)) => ok("roads", format!("network {}", legs.id())),
        Ok(None) => ok("roads", "none: travel is by great circle"),
        Err(error) => not("roads", State::Wrong, error.to_string(), AGAIN),
    }
}

fn clock(data: &Path) -> Check {
    let now = now_ms();
    let advice = "set the machine's clock (timedatectl set-ntp true): deadlines and promises are kept by it";
    if now < EARLIEST_MS {
        return not("clock", State::Wrong, format!("it says {}", rfc3339(now)), advice);
    }
    let seen = fs::metadata(data.join("objectives/alive.json")).and_then(|found| found.modified());
    let seen_ms =
        seen.ok().and_then(|seen| seen.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |s| s.as_millis() as i64);
    if seen_ms > now + 60_000 {
        return not(
            "clock",
            State::Wrong,
            format!("it says {}, and data were written later than that", rfc3339(now)),
            advice,
        );
    }
    ok("clock", rfc3339(now))
}

fn port(settings: &Settings) -> Check {
    let listen = settings.server.listen;
    match TcpListener::bind(listen) {
        Ok(_) => ok("port", format!("{listen} is free")),
        Err(_) if answers_as_callout(settings) => ok("port", format!("{listen}: a Callout answers there")),
        Err(error) => {
            let advice = "choose another with --listen or server.listen, or stop what uses it (ss -ltnp)";
            not("port", State::Wrong, format!("{listen}: {error}"), advice)
        }
    }
}

fn answers_as_callout(settings: &Settings) -> bool {
    let tls = settings.server.tls().map(|(certificate, _)| certificate.as_path());
    ask(settings.server.listen, "/healthz", tls, KNOCK).is_ok_and(|answer| answer.contains("\"up\":true"))
}

/// Files that a server started from here may have open; it raises the bound by itself as far as that goes.
fn descriptors() -> Check {
    let (now, most) = open_files();
    let found = format!("{now} now, {most} for a server, which raises it by itself");
    let (places, sessions) = (limits::connections(most), limits::sessions(most));
    let room = format!("{places} connections and {sessions} live sessions");
    if (places, sessions) == (limits::CONNECTIONS, limits::SESSIONS) {
        return ok("files open", format!("{found}; {room}"));
    }
    let advice = format!(
        "raise the hard limit to {} for all {} connections and {} sessions: ulimit -Hn, LimitNOFILE=",
        (2 * limits::CONNECTIONS).max(4 * limits::SESSIONS),
        limits::CONNECTIONS,
        limits::SESSIONS
    );
    not("files open", State::Warning, format!("{found}; only {room}"), advice)
}

/// Days before a certificate's end when it is time to look why nobody has renewed it.
const RENEWED_DAYS: i64 = 14;

fn certificate(settings: &Settings) -> Option<Check> {
    let (certificate, key) = settings.server.tls()?;
    let identity = match Identity::open(certificate, key) {
        Ok(identity) => identity,
        Err(error) => {
            return Some(not("certificate", State::Wrong, error.to_string(), "a server would refuse to start"));
        }
    };
    let ends = identity.expires_ms();
    let days = (ends - now_ms()).div_euclid(86_400_000);
    let text = format!("{}: until {}, {days} days", certificate.display(), rfc3339(ends));
    let advice = "renew it and put the files in place: a running server takes them up by itself";
    Some(match days {
        ..0 => not("certificate", State::Wrong, text, advice),
        0..RENEWED_DAYS => not("certificate", State::Warning, text, advice),
        RENEWED_DAYS.. => ok("certificate", text),
    })
}

/// Every address in the settings that something is sent to: does anybody answer there?
fn gateways(shown: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    for line in shown.lines() {
        let Some((key, value)) = line.split_once(" = ") else { continue };
        let Some((scheme, rest)) = value.trim_matches('"').split_once("://") else { continue };
        // Origins in a list are who calls us.
        if scheme.starts_with('[') {
            continue;
        }
        let host = rest.rsplit('@').next().unwrap_or(rest).split('/').next().unwrap_or(rest);
        let port = match scheme {
            "https" | "wss" => 443,
            "smtps" => 465,
            "smtp" => 587,
            _ => 80,
        };
        let named = if host.rsplit(':').next().is_some_and(|p| p.parse::<u16>().is_ok()) {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        };
        checks.push(knock(key, &named));
    }
    checks
}

fn knock(key: &str, address: &str) -> Check {
    let reached = address.to_socket_addrs().and_then(|mut found| {
        let first = found.next().ok_or_else(|| std::io::Error::other("no address"))?;
        TcpStream::connect_timeout(&first, KNOCK)
    });
    match reached {
        Ok(_) => ok("gateway", format!("{key}: {address} answers")),
        Err(error) => {
            let advice = "is it up, and may this machine reach it? Messages wait and are tried again meanwhile";
            not("gateway", State::Wrong, format!("{key}: {address}: {error}"), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'c>(checks: &'c [Check], name: &str) -> &'c Check {
        checks.iter().find(|check| check.name == name).unwrap()
    }

    #[test]
    fn each_trouble_is_named_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let pem = crate::tls::pairs::file("first.pem");
        let mut settings = Settings::defaults().unwrap();
        settings.server.listen = taken.local_addr().unwrap();
        settings.storage.data = dir.path().to_path_buf();
        (settings.server.tls_certificate, settings.server.tls_key) = (Some(pem.clone()), Some(pem));
        settings.shown = "otlp_endpoint = \"http://127.0.0.1:1\"\n".into();
        fs::write(dir.path().join("token.key"), "secret").unwrap();
        fs::set_permissions(dir.path().join("token.key"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::create_dir_all(dir.path().join("cells/other/journal")).unwrap();
        fs::create_dir_all(dir.path().join("roads")).unwrap();
        fs::write(dir.path().join("roads/car"), "CALLROAD cut").unwrap();
        // Answers nothing, so it is no Callout; dropped at once, so that nobody waits for it.
        std::thread::spawn(move || drop(taken.accept()));
        let checks = checks(&settings);
        for name in ["keys", "files", "certificate", "gateway", "roads"] {
            let check = of(&checks, name);
            assert_eq!(check.state, State::Wrong, "{check:?}");
            assert!(check.advice.is_some(), "{check:?}");
        }
        assert_eq!(of(&checks, "data").state, State::Ok);
    }

    #[test]
    fn a_free_port_and_a_fresh_directory_are_fine() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::defaults().unwrap();
        settings.server.listen = "127.0.0.1:0".parse().unwrap();
        settings.storage.data = dir.path().to_path_buf();
        let checks = checks(&settings);
        assert!(checks.iter().all(|check| check.name == "disk" || check.state != State::Wrong), "{checks:?}");
    }
}
