//! `callout backup`, `restore` and `verify`.

use super::{
    audit::events_bar,
    output::{Done, Trouble, print_json},
    target::{TargetArgs, need_data, not_opened, not_opened_alone},
};
use crate::{
    load::store_options,
    settings::Settings,
    storage::{Store, backup},
};
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Copies the data at one consistent moment; a running server goes on meanwhile. The keys, without
/// which no name in the rest can be read, lie apart in keys/.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callout backup /backups/today --data ./callout-data
  callout backup /backups/today --server http://127.0.0.1:8080 --token TOKEN

Token roles: admin")]
pub(super) struct BackupArgs {
    /// A folder of its own outside the data; an earlier backup in it is brought up to date. With --server: a
    /// path on the server's machine
    dir: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Makes a data directory of a backup. Numbers skip ahead, feeds start anew, erased people stay erased.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  callout restore /backups/today --data ./callout-data")]
pub(super) struct RestoreArgs {
    /// The folder of the backup
    dir: PathBuf,
    /// Where to; must hold no data yet [env: CALLOUT_DATA] [default: ./callout-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Reads all of a backup, or of a stopped server's data: every record carries a checksum, and a hash of all records
/// before it. The last hash (the head) stands for the whole; note it where nobody can change it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callout verify --data ./callout-data
  callout verify /backups/today

Of a running server: back it up and verify the backup.
Exit code 1 when something does not fit.")]
pub(super) struct VerifyArgs {
    /// A backup; without it the data directory
    dir: Option<PathBuf>,
    /// Data directory of a stopped server [env: CALLOUT_DATA] [default: ./callout-data]
    #[arg(long, value_name = "DIR", conflicts_with = "dir")]
    data: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &BackupArgs, settings: &Settings) -> Done {
    let dir = std::path::absolute(&args.dir).map_err(Trouble::refused)?;
    if let Some(client) = args.target.remote()? {
        let done = client.call(Method::POST, "/v1/backups", Some(&json!({ "dir": dir })))?;
        return Ok(tell("backed up", &dir, &done, args.json));
    }
    let settings = args.target.settings(settings);
    need_data(&settings)?;
    if lies_in(&dir, &settings.storage.data) {
        return Err(Trouble::Refused(format!("{} lies in the data directory itself: name another", dir.display())));
    }
    if backup::foreign(&args.dir) {
        return Err(Trouble::Refused(format!("{} holds something else than a backup", args.dir.display())));
    }
    let store = Store::open(store_options(&settings)).map_err(not_opened)?;
    let done = with_bar(|progress| store.backup(&args.dir, progress));
    let closed = store.close();
    let manifest = done.map_err(Trouble::refused)?;
    closed.map_err(Trouble::refused)?;
    Ok(tell("backed up", &dir, &serde_json::to_value(&manifest).map_err(Trouble::refused)?, args.json))
}

/// Whether a folder, there or to be, is the data directory or lies in it, whatever links lead there.
fn lies_in(dir: &Path, data: &Path) -> bool {
    let Ok(data) = data.canonicalize() else { return false };
    dir.ancestors().filter_map(|above| above.canonicalize().ok()).any(|above| above == data)
}

pub(super) fn restore(args: &RestoreArgs, settings: &Settings) -> Done {
    let data = args.data.as_deref().unwrap_or(&settings.storage.data);
    let manifest = with_bar(|progress| backup::restore(&args.dir, data, progress)).map_err(Trouble::refused)?;
    let data = std::path::absolute(data).map_err(Trouble::refused)?;
    Ok(tell("restored", &data, &serde_json::to_value(&manifest).map_err(Trouble::refused)?, args.json))
}

fn tell(done: &str, into: &Path, manifest: &Value, json: bool) -> ExitCode {
    if json {
        print_json(manifest);
    } else {
        let cell = super::output::plain(&manifest["cell"]);
        println!("{done} to event {} of cell {cell}, in {}", manifest["last_seq"], into.display());
    }
    ExitCode::SUCCESS
}

pub(super) fn verify(args: &VerifyArgs, settings: &Settings) -> Done {
    let data: &Path = args.data.as_deref().unwrap_or(&settings.storage.data);
    let dir = args.dir.as_deref().unwrap_or(data);
    let found = with_bar(|progress| backup::verify(dir, &settings.storage.cell, progress));
    let found = found.map_err(not_opened_alone)?;
    let head = blake3::Hash::from_bytes(found.head.hash).to_hex().to_string();
    if args.json {
        print_json(&json!({ "ok": true, "records": found.records, "events": found.events,
            "body_bytes": found.body_bytes, "head": head }));
    } else {
        println!("{} records, {} events, {} bytes: whole; head {head}", found.records, found.events, found.body_bytes);
    }
    Ok(ExitCode::SUCCESS)
}

fn with_bar<T>(work: impl FnOnce(backup::Progress<'_>) -> T) -> T {
    let bar = events_bar();
    let done = work(&mut |reached, last| {
        bar.set_length(last);
        bar.set_position(reached);
    });
    bar.finish_and_clear();
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_in_the_data_directory_is_known_whether_it_is_there_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        assert!(lies_in(&data, &data) && lies_in(&data.join("a/b"), &data));
        assert!(!lies_in(&dir.path().join("backup"), &data));
    }
}
