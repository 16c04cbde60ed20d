//! People with passwords from the command line: on the files beside a running server, and through its API.

use super::common::{
    client::Client,
    process::{Server, callout, fed, succeed, token},
};
use serde_json::Value;
use std::{
    process::Output,
    time::{Duration, Instant},
};

const WORD: &str = "correct horse battery\n";
const OTHER: &str = "another horse battery\n";

#[track_caller]
fn text(output: &Output, code: i32) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
    if code == 0 { stdout.trim().to_owned() } else { stderr.into_owned() }
}

fn status(server: &Server, token: &str) -> u16 {
    Client::new(&server.address, token).get("/v1/me").unwrap().status
}

/// Whether it ends in time: a second, and what the machine takes beside it.
fn ends(server: &Server, token: &str) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        if status(server, token) == 401 {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[test]
fn whoever_is_added_beside_a_running_server_logs_in_and_is_shut_out_by_a_disable() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let place = data.to_str().unwrap();
    let server = Server::start(&data);
    let url = format!("http://{}", server.address);
    let add = ["user", "add", "Desk-1", "--role", "clerk", "--password-stdin", "--data", place];
    assert!(text(&fed(&add, WORD), 0).contains("active"));
    assert!(text(&fed(&add, WORD), 1).contains("already"));
    let login = |word: &str| fed(&["login", "--server", &url, "desk-1", "--password-stdin"], word);
    let first = text(&login(WORD), 0);
    assert!(first.starts_with("callout_") && !first.contains('\n'), "the token alone: {first}");
    assert_eq!(status(&server, &first), 200);
    assert!(text(&login(OTHER), 1).contains("bad_login"));
    succeed(&["user", "disable", "desk-1", "--data", place]);
    assert!(ends(&server, &first), "a disable beside a running server ends the token");
    text(&login(WORD), 1);
    succeed(&["user", "enable", "desk-1", "--data", place]);
    let second = text(&login(WORD), 0);
    assert_eq!((status(&server, &first), status(&server, &second)), (401, 200));
    text(&fed(&["user", "password", "desk-1", "--password-stdin", "--data", place], OTHER), 0);
    assert!(ends(&server, &second), "a new password ends the token");
    text(&login(OTHER), 0);
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(log.contains("somebody logged in") && !log.contains("horse") && !log.contains("desk-1"), "{log}");
    let listed = succeed(&["user", "list", "--data", place]);
    assert!(listed.contains("desk-1") && listed.contains("NAME"), "also when it is stopped: {listed}");
}

#[test]
fn the_same_commands_work_through_the_api_and_what_makes_no_sense_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let url = format!("http://{}", server.address);
    let admin = token(data.to_str().unwrap(), "admin");
    let with = |words: &[&str], input: &str| {
        let target = ["--server", url.as_str(), "--token", admin.as_str(), "--json"];
        fed(&[words, &target].concat(), input)
    };
    let shown = |output: &Output| serde_json::from_str::<Value>(&text(output, 0)).unwrap();
    let made = shown(&with(&["user", "add", "m", "--role", "manager", "--region", "north", "--password-stdin"], WORD));
    assert_eq!((&made["name"], &made["regions"][0], &made["version"]), (&"m".into(), &"north".into(), &1.into()));
    let edited = shown(&with(&["user", "edit", "m", "--role", "clerk", "--all-regions"], ""));
    assert_eq!((&edited["role"], edited["regions"].as_array().map(Vec::len)), (&"clerk".into(), Some(0)));
    assert_eq!(shown(&with(&["user", "disable", "m"], ""))["state"], "disabled");
    assert_eq!(shown(&with(&["user", "list", "--disabled"], ""))["items"][0]["name"], "m");
    assert_eq!(
        shown(&with(&["user", "show", "m"], "")),
        shown(&callout(&["user", "show", "m", "--json", "--data", data.to_str().unwrap()]))
    );
    text(&with(&["user", "show", "nobody"], ""), 1);
    assert!(text(&with(&["user", "password", "m", "--password-stdin"], "short\n"), 1).contains("12 to 128"));
    text(&with(&["user", "add", "e", "--role", "expert", "--password-stdin"], WORD), 2);
    text(&with(&["user", "add", "s", "--role", "system", "--password-stdin"], WORD), 2);
    text(&with(&["user", "edit", "m"], ""), 2);
    assert!(
        text(&with(&["user", "add", "n", "--role", "clerk"], ""), 2).contains("--password-stdin"),
        "nobody types here"
    );
    assert_eq!(server.stop(), Some(0));
    text(&fed(&["login", "--server", &url, "m", "--password-stdin"], WORD), 3);
}
