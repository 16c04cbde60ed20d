//! The real binary as a child process.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

/// The binary under test: of this build, or `CALLOUT_BINARY` (a soak runs the release build).
fn binary() -> std::ffi::OsString {
    std::env::var_os("CALLOUT_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_callout").into())
}

pub struct Server {
    child: Child,
    /// `127.0.0.1:port`.
    pub address: String,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts `callout serve` on a free port and waits for the line that says it is ready.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub fn start_with(data: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_of(data))
            .spawn()
            .expect("the binary starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the server says where it listens");
        let address = line.trim().rsplit_once("://").map(|(_, address)| address.to_owned());
        let address = address.unwrap_or_else(|| panic!("the server did not start: {line:?}, see {}", data.display()));
        Self { child, address, _stdout: stdout }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("the server is killed");
        self.child.wait().expect("the server is gone");
    }

    /// SIGTERM; the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(told.success());
        self.child.wait().expect("the server ends").code()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// A test that fails leaves no server behind.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything servers on this data said, in one file beside it.
fn log_of(data: &Path) -> Stdio {
    let path = data.with_extension("log");
    let log = std::fs::File::options().create(true).append(true).open(path).expect("the log opens");
    Stdio::from(log)
}

/// Runs a subcommand to its end.
pub fn callout(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).stdin(Stdio::null()).output().expect("the binary runs")
}

/// Runs a subcommand whose output goes into a pipe that nobody reads any more.
pub fn unread(arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().expect("a pipe opens");
    drop(reader);
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    command.spawn().and_then(std::process::Child::wait_with_output).expect("the binary runs")
}

/// Runs a subcommand with a text on its standard input.
pub fn fed(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    // One that refuses its arguments reads nothing.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the binary ends")
}

/// Runs a subcommand that must succeed; its stdout.
pub fn succeed(arguments: &[&str]) -> String {
    let output = callout(arguments);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "callout {arguments:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// A token for a role on this data.
pub fn token(data: &str, role: &str) -> String {
    succeed(&["token", "issue", "--role", role, "--subject", "test", "--data", data]).trim().to_owned()
}
