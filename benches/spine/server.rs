//! The real `callout serve` as a child, timed from the moment it is started.

use crate::{client::Client, row::rounded};
use serde_json::Value;
use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const BINARY: &str = env!("CARGO_BIN_EXE_callout");
/// A start that takes longer has failed.
const PATIENCE: Duration = Duration::from_mins(3);

pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    started: Instant,
}

/// Of a process, MiB.
pub(crate) struct Memory {
    pub(crate) resident_mib: f64,
    pub(crate) peak_mib: f64,
}

impl Memory {
    /// `process`: a number, or `self`. Zeros where there is no `/proc`.
    pub(crate) fn of(process: &str) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
            rounded(kib.unwrap_or_default() / 1_024.0)
        };
        Self { resident_mib: mib("VmRSS:"), peak_mib: mib("VmHWM:") }
    }
}

impl Server {
    /// Starts it and returns at once; its log lies beside the data.
    pub(crate) fn start(data: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let log = || File::options().create(true).append(true).open(data.with_extension("log")).unwrap();
        let started = Instant::now();
        let child = Command::new(BINARY)
            .args(["serve", "--listen", &address, "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .unwrap();
        Self { child, address, started }
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(&self.address, token)
    }

    /// Tries until the answer is the one wanted; how long that was since the start of the process.
    pub(crate) fn until(&mut self, mut done: impl FnMut() -> bool) -> Duration {
        loop {
            if TcpStream::connect(&self.address).is_ok() && done() {
                return self.started.elapsed();
            }
            assert!(
                self.running() && self.started.elapsed() < PATIENCE,
                "the server did not get that far: see its log"
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn memory(&self) -> Memory {
        Memory::of(&self.child.id().to_string())
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; true when it ended well.
    pub(crate) fn stop(mut self) -> bool {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Server {
    /// A bench that panics leaves no server behind.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `/readyz` says that every region dispatches.
pub(crate) fn all_dispatching(client: &mut Client) -> bool {
    let Ok(answer) = client.get("/readyz") else { return false };
    let unready = &answer.json()["unready"];
    answer.status == 200 && unready.as_array().is_none_or(Vec::is_empty)
}

/// Runs a subcommand that must succeed; what it printed.
pub(crate) fn callout(arguments: &[&str]) -> String {
    let output = Command::new(BINARY).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "callout {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `audit --json` of stopped data; null when there was none.
pub(crate) fn audit(data: &Path, acks: &Path) -> Value {
    let output = Command::new(BINARY).args(["audit", "--json", "--data"]).arg(data).arg("--acks").arg(acks).output();
    json(&String::from_utf8_lossy(&output.unwrap().stdout))
}

pub(crate) fn token(data: &Path, role: &str) -> String {
    let data = data.to_str().unwrap();
    callout(&["token", "issue", "--role", role, "--subject", "bench", "--data", data]).trim().to_owned()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
