//! The command line as scripts rely on it: exit codes, JSON, edits that undo nobody's.

use crate::common::{
    client::Client,
    process::{Server, callout, succeed, token, unread},
};
use serde_json::Value;
use std::{net::TcpListener, os::unix::fs::PermissionsExt, path::Path};

const HEAD: &str = "id,name,phone,email,skills,home_lat,home_lon,shift,region\n";
const GOOD: &str = "e-1,Expert 1,617 555 0100,,tv:2,42.05,-71.15,mon-fri 08:00-16:00,\n";
const BAD: &str = "e-2,Expert 2,,,tv,42.05,-71.15,whenever,\n";
const OUTLINE: &str = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"id":"west","name":"West",
    "time_zone":"America/New_York"},"geometry":{"type":"Polygon","coordinates":[[[-71.2,42.0],[-71.1,42.0],[-71.1,42.1],
    [-71.2,42.1],[-71.2,42.0]]]}}]}"#;

/// A region and an expert on stopped data.
fn settled(folder: &Path) -> String {
    let (data, regions, roster) = (folder.join("data"), folder.join("west.geojson"), folder.join("roster.csv"));
    std::fs::write(&regions, OUTLINE).unwrap();
    std::fs::write(&roster, format!("{HEAD}{GOOD}")).unwrap();
    let data = data.to_str().unwrap().to_owned();
    succeed(&["import", "regions", regions.to_str().unwrap(), "--data", &data]);
    succeed(&["import", "experts", roster.to_str().unwrap(), "--data", &data]);
    data
}

#[test]
fn an_import_fails_only_when_nothing_at_all_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let data = settled(folder.path());
    let file = folder.path().join("file.csv");
    for (rows, code) in [(format!("{GOOD}{BAD}"), 0), (BAD.to_owned(), 1), (String::new(), 0)] {
        std::fs::write(&file, format!("{HEAD}{rows}")).unwrap();
        let output = callout(&["import", "experts", file.to_str().unwrap(), "--dry-run", "--data", &data]);
        assert_eq!(output.status.code(), Some(code), "{rows}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn backup_and_restore_speak_json_and_touch_no_folder_of_somebody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let data = settled(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("photos")).unwrap();
    std::fs::write(path("photos/one.jpg"), "x").unwrap();
    let refused = callout(&["backup", &path("photos"), "--data", &data]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(std::fs::read_dir(path("photos")).unwrap().count(), 1, "nothing was added");
    let said: Value = serde_json::from_str(&succeed(&["backup", &path("backup"), "--json", "--data", &data])).unwrap();
    assert!(said["last_seq"].as_u64() > Some(0) && said["cell"] == "main", "{said}");
    let restored = succeed(&["restore", &path("backup"), "--json", "--data", &path("copy")]);
    let restored: Value = serde_json::from_str(&restored).unwrap();
    assert_eq!(restored, said);
}

/// An editor that does this to the file it is given.
fn editor(folder: &Path, script: &str) -> String {
    let path = folder.join("editor.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_edit_in_the_editor_clears_what_was_taken_out_speaks_json_and_undoes_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let data = settled(folder.path());
    let admin = token(&data, "admin");
    let server = Server::start(Path::new(&data));
    let url = format!("http://{}", server.address);
    let edit = |editor: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_callout"));
        let command = command.args(["expert", "edit", "e-1", "--json", "--server", &url, "--token", &admin]);
        command.env("VISUAL", editor).stdin(std::process::Stdio::null()).output().unwrap()
    };
    let output = edit(&editor(folder.path(), "sed -i '/^phone/d' \"$1\""));
    let edited: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(edited.get("phone").is_none() && edited["name"] == "Expert 1", "{edited}");
    // Somebody else edits while the editor is open.
    let patch =
        format!("{} expert edit e-1 --name Other --server {url} --token {admin}", env!("CARGO_BIN_EXE_callout"));
    let output = edit(&editor(folder.path(), &format!("{patch} >/dev/null && sed -i 's/tv:2/tv:3/' \"$1\"")));
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("stale") && said.contains("kept in"), "{said}");
    let shown = Client::new(&server.address, &admin).get("/v1/experts/e-1").unwrap().json();
    assert_eq!((&shown["name"], &shown["skills"]["tv"]), (&Value::from("Other"), &Value::from(2)));
    assert_eq!(server.stop(), Some(0));
}

const DAY: &str = r#"{"technicians": [{"id": "t1", "start": 0, "end": 0, "shift": [0, 28800]}],
    "visits": [{"id": "v1", "place": 1, "duration": 1800}, {"id": "v2", "place": 1, "duration": 60, "skills": {"gas": 1}}],
    "matrices": [{"durations": [[0, 600], [600, 0]]}]}"#;

#[test]
fn a_plan_is_told_with_who_is_left_out_and_never_made_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("day.json");
    std::fs::write(&file, DAY).unwrap();
    let solve = |seconds: &str, more: &[&str]| {
        callout(&[&["route", "solve", file.to_str().unwrap(), "--seconds", seconds], more].concat())
    };
    let told = solve("0.1", &[]);
    let stdout = String::from_utf8_lossy(&told.stdout);
    for line in ["1 of 2 visits by 1 technicians", "t1: v1", "v2 is left out: a skill is missing, or its level (t1)"] {
        assert!(stdout.contains(line), "{stdout}");
    }
    // Refused before any time is spent on a plan that has nowhere to go.
    let nowhere = folder.path().join("nowhere/plan.json");
    for more in [["--out", nowhere.to_str().unwrap()], ["--svg", "plan.svg"]] {
        assert_eq!(solve("30", &more).status.code(), Some(1), "{more:?}");
    }
}

#[test]
fn who_stops_reading_ends_a_command_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("day.json");
    std::fs::write(&file, DAY).unwrap();
    let output = unread(&["route", "solve", file.to_str().unwrap(), "--seconds", "0.1"]);
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(141), ""));
}

#[test]
fn nobody_at_the_address_is_exit_3() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = callout(&["ticket", "list", "--server", &format!("http://{nobody}"), "--token", "x"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_command_on_data_says_nothing_of_limits_that_concern_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = settled(folder.path());
    let mut few = std::process::Command::new("sh");
    few.args(["-c", "ulimit -n 512 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_callout")]);
    let output = few.args(["ticket", "list", "--data", &data]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}
