//! The commands of an investigator, as they are typed, over a server that was killed.

use super::{
    common::{
        client::Client,
        process::{Server, callout, succeed, token},
    },
    settle,
};
use serde_json::{Value, json};
use std::path::Path;

fn json_of(arguments: &[&str]) -> Value {
    serde_json::from_slice(&callout(arguments).stdout).unwrap()
}

/// An editor that does to a file what this sed script says.
fn edit(data: &str, script: &str) -> (bool, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_callout"))
        .args(["expert", "edit", "e0", "--data", data])
        .env("VISUAL", format!("sed -i '{script}'"))
        .env("TMPDIR", Path::new(data).parent().unwrap())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn after_a_kill_the_record_says_so_and_the_commands_tell_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let data = path.to_str().unwrap();
    settle(&path, 1);
    let (clerk, admin) = (token(data, "clerk"), token(data, "admin"));
    let server = Server::start(&path);
    let mut client = Client::new(&server.address, &clerk);
    let body =
        r#"{"title":"A title of nobody's","skills":["tv"],"place":{"lat":42.31,"lon":-71.09},"channel":"phone"}"#;
    let number = client.post("/v1/tickets", body).unwrap().json()["number"].as_str().unwrap().to_owned();
    server.kill();
    let server = Server::start(&path);
    let url = format!("http://{}", server.address);
    let incidents = Client::new(&server.address, &admin).get("/v1/incidents").unwrap().json();
    let kinds: Vec<&str> = incidents["items"].as_array().unwrap().iter().filter_map(|i| i["kind"].as_str()).collect();
    assert_eq!(kinds, ["start", "down", "start"], "{incidents}");
    let trace = succeed(&["ticket", "trace", &number, "--server", &url, "--token", &clerk]);
    assert!(trace.contains("ticket.opened") && trace.contains("! down"), "{trace}");
    let archive = folder.path().join("a.tar.gz");
    let out = archive.to_str().unwrap();
    succeed(&["incident", "--server", &url, "--token", &admin, "--out", out]);
    assert!(!callout(&["incident", "--server", &url, "--token", &admin, "--out", out]).status.success(), "kept");
    succeed(&["probe", "--address", &server.address]);
    assert_eq!(server.stop(), Some(0));
    let objectives = json_of(&["objectives", "--data", data, "--json"]);
    assert_eq!(objectives["periods"][0]["lost"], 0, "{objectives}");
    assert_eq!(objectives["periods"][0]["starts"], 2, "{objectives}");
    let doctor = json_of(&["doctor", "--data", data, "--json"]);
    let checks = doctor["checks"].as_array().unwrap();
    let of = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap();
    assert_eq!((&of("data")["state"], &of("files")["state"]), (&json!("ok"), &json!("ok")), "{doctor}");
    assert!(of("incidents")["found"].as_str().unwrap().contains("1 of them after an end without a stop"), "{doctor}");
}

#[test]
fn a_profile_is_edited_in_an_editor_and_a_mistake_is_named_with_its_line_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let data = path.to_str().unwrap();
    settle(&path, 1);
    let (saved, told) = edit(data, "s/00:00-00:00/06:30-00:00/");
    assert!(saved, "{told}");
    let expert = json_of(&["expert", "show", "e0", "--data", data, "--json"]);
    assert_eq!(expert["shifts"][0]["from"], "06:30", "{expert}");
    let (saved, told) = edit(data, "s/^name = .*/nickname = 7/");
    assert!(!saved && told.contains("line 3: nickname is no field of a profile"), "{told}");
    let kept = told.rsplit("kept in ").next().unwrap().trim();
    assert!(std::fs::read_to_string(kept).unwrap().contains("nickname = 7"));
    // A roster that says otherwise is shown as a diff, and not written.
    let diff =
        succeed(&["expert", "import", path.with_extension("csv").to_str().unwrap(), "--dry-run", "--data", data]);
    assert!(diff.contains("~ e0") && diff.contains("0 added, 1 changed, 3 unchanged"), "{diff}");
    let after = json_of(&["expert", "show", "e0", "--data", data, "--json"]);
    assert_eq!(after["version"], expert["version"]);
}
