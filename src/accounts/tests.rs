//! Accounts over their file: two processes, torn lines, what is seen when.

use super::*;
use crate::domain::{ids::RegionId, ticket::Role};
use std::{fs, io::Write};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_800_000_000_123);
const WORD: &str = "correct horse battery";

struct Desk {
    dir: TempDir,
    accounts: Accounts,
}

impl Desk {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let accounts = Accounts::open(dir.path()).unwrap();
        Self { dir, accounts }
    }

    fn add(&self, name: &str) -> Changed {
        let profile = Profile { role: Role::Clerk, subject: None, regions: vec![RegionId::parse("north").unwrap()] };
        self.accounts.add(named(name), profile, &password(name, WORD), NOW)
    }

    fn other_process(&self) -> Accounts {
        Accounts::open(self.dir.path()).unwrap()
    }

    fn append(&self, text: &str) {
        let path = self.dir.path().join("users.jsonl");
        fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }
}

fn named(name: &str) -> AccountName {
    AccountName::parse(name).unwrap()
}

fn password(name: &str, text: &str) -> NewPassword {
    NewPassword::judge(Secret::new(text), &named(name)).unwrap()
}

fn state(state: State) -> Edit {
    Edit { state: Some(state), ..Edit::default() }
}

#[test]
fn who_was_added_logs_in_with_their_password_in_any_spelling_of_the_name() {
    let desk = Desk::new();
    let made = desk.add("desk-1").unwrap();
    let found = desk.other_process().check("Desk-1", &Secret::new(WORD)).unwrap().unwrap();
    assert_eq!(found, made, "another process reads what was written, to the millisecond");
    assert_eq!(desk.accounts.check("desk-1", &Secret::new("correct horse batterx")).unwrap(), None);
    assert_eq!(desk.add("DESK-1"), Err(AccountError::Taken));
}

#[test]
fn a_wrong_name_costs_the_same_work_as_a_wrong_password() {
    let desk = Desk::new();
    desk.add("desk-1").unwrap();
    desk.accounts.edit(&named("desk-1"), state(State::Disabled), None, None, NOW).unwrap();
    for name in ["desk-1", "nobody", "no name at all", ""] {
        let before = desk.accounts.hashes();
        assert_eq!(desk.accounts.check(name, &Secret::new(WORD)).unwrap(), None, "{name}");
        assert_eq!(desk.accounts.hashes() - before, 1, "{name}");
    }
}

#[test]
fn a_change_by_another_process_ends_a_login_by_the_next_look() {
    let desk = Desk::new();
    let since = desk.add("desk-1").unwrap().since;
    let server = desk.other_process();
    assert!(server.stands("desk-1", since));
    desk.accounts.edit(&named("desk-1"), state(State::Disabled), None, None, NOW).unwrap();
    server.refresh();
    assert!(!server.stands("desk-1", since));
    desk.accounts.edit(&named("desk-1"), state(State::Active), None, None, NOW).unwrap();
    server.refresh();
    assert!(!server.stands("desk-1", since), "enabled again, the old tokens stay dead");
    let present = server.find(&named("desk-1")).unwrap().unwrap().since;
    assert!(server.stands("desk-1", present));
    assert!(!server.stands("nobody", present));
}

#[test]
fn an_edit_of_an_older_version_is_stale_and_one_that_changes_nothing_writes_nothing() {
    let desk = Desk::new();
    desk.add("desk-1").unwrap();
    let path = desk.dir.path().join("users.jsonl");
    let before = fs::read(&path).unwrap();
    let same = desk.accounts.edit(&named("desk-1"), state(State::Active), None, Some(1), NOW).unwrap();
    assert_eq!((same.version, fs::read(&path).unwrap()), (1, before));
    let new = password("desk-1", "another horse battery");
    let edited = desk.accounts.edit(&named("desk-1"), state(State::Active), Some(&new), Some(1), NOW).unwrap();
    assert_eq!(edited.version, 2);
    let stale = desk.accounts.edit(&named("desk-1"), Edit::default(), Some(&new), Some(1), NOW);
    assert_eq!(stale, Err(AccountError::Stale(2)));
    assert_eq!(desk.accounts.check("desk-1", &Secret::new(WORD)).unwrap(), None);
    assert!(desk.accounts.check("desk-1", &Secret::new("another horse battery")).unwrap().is_some());
}

#[test]
fn a_torn_last_line_is_passed_over_and_the_next_one_counts() {
    let desk = Desk::new();
    desk.add("a.first").unwrap();
    desk.append("{\"name\":\"a.first\",\"version\":2,\"role\":\"adm");
    let names = || desk.other_process().list().unwrap().iter().map(|a| a.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(), ["a.first"]);
    desk.add("b.second").unwrap();
    assert_eq!(names(), ["a.first", "b.second"]);
    assert_eq!(desk.accounts.list().unwrap().len(), 2, "the process that wrote it knows the same");
}

#[test]
fn a_line_of_a_later_version_closes_its_account_rather_than_open_an_older_line() {
    let desk = Desk::new();
    desk.add("desk-1").unwrap();
    desk.append("{\"name\":\"desk-1\",\"version\":2,\"state\":\"suspended\"}\n");
    assert_eq!(desk.accounts.check("desk-1", &Secret::new(WORD)).unwrap(), None);
}

#[test]
fn a_cheap_hash_is_renewed_by_the_next_login_without_ending_its_tokens() {
    let desk = Desk::new();
    let made = desk.add("desk-1").unwrap();
    // "correct horse battery" at m=64, t=1.
    let cheap = argon2_cheap(WORD);
    let text = fs::read_to_string(desk.dir.path().join("users.jsonl")).unwrap();
    let mut line: serde_json::Value = serde_json::from_str(&text).unwrap();
    line["hash"] = cheap.into();
    line["version"] = 2.into();
    desk.append(&format!("{line}\n"));
    assert!(desk.accounts.check("desk-1", &Secret::new(WORD)).unwrap().is_some());
    let renewed = desk.accounts.find(&named("desk-1")).unwrap().unwrap();
    assert_eq!((renewed.version, renewed.since), (3, made.since));
    assert!(!desk.accounts.hasher.outdated(&renewed.hash));
    assert!(desk.accounts.check("desk-1", &Secret::new(WORD)).unwrap().is_some());
}

fn argon2_cheap(word: &str) -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
    cheap.hash_password(word.as_bytes()).unwrap().to_string()
}

#[test]
fn of_two_processes_that_write_at_once_one_is_refused() {
    let desk = Desk::new();
    desk.add("a.first").unwrap();
    let held = file::AccountFile::of(desk.dir.path()).write().unwrap();
    assert_eq!(desk.add("b.second"), Err(AccountError::Busy));
    drop(held);
    assert!(desk.add("b.second").is_ok());
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_file_and_no_password_is_in_it() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.add("desk-1").unwrap();
    let path = desk.dir.path().join("users.jsonl");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(&path).unwrap().contains("horse"));
}
