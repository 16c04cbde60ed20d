//! The record: what gets into it, and that nobody takes it out unnoticed.

use super::{line::hex, *};
use crate::{domain::time::Timestamp, storage::ContactHasher};
use std::fs;

fn hash() -> ContactHasher {
    Arc::new(|text| {
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::keyed_hash(&[7; 32], text.as_bytes()).as_bytes()[..16]);
        hash
    })
}

fn open(data: &Path) -> AccessLog {
    AccessLog::open(data, 400, &hash(), Arc::default()).unwrap()
}

fn claims(subject: &str) -> Arc<Claims> {
    Arc::new(Claims {
        id: "t-1".into(),
        role: Role::Clerk,
        subject: subject.into(),
        regions: Vec::new(),
        login: None,
        issued: Timestamp(0),
        expires: Timestamp(1),
    })
}

fn number(serial: u64) -> TicketNumber {
    TicketNumber::from_bits((1 << 40) + serial)
}

fn read(caller: Caller, ticket: TicketNumber) -> Entry {
    Entry {
        at_ms: now_ms(),
        caller,
        method: "GET",
        route: "/v1/tickets/{number}",
        about: About { ticket: Some(ticket), ..About::default() },
        status: 200,
        request_id: "r-1".into(),
    }
}

fn file(data: &Path) -> PathBuf {
    writer::days(&data.join("access")).unwrap().pop().unwrap()
}

fn edit(data: &Path, change: impl Fn(Vec<String>) -> Vec<String>) {
    let path = file(data);
    let lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    let text = change(lines).into_iter().fold(String::new(), |text, line| text + &line + "\n");
    fs::write(&path, text).unwrap();
}

type Change = Box<dyn Fn(Vec<String>) -> Vec<String>>;

/// A record of five readings, closed in order.
fn filled(data: &Path) {
    let log = open(data);
    for serial in 1..=5 {
        log.note(read(Caller::Token(claims("ann")), number(serial)));
    }
    log.close();
}

#[test]
fn a_reading_is_found_by_who_and_what_the_newest_first_and_page_by_page() {
    let data = tempfile::tempdir().unwrap();
    filled(data.path());
    let log = open(data.path());
    log.note(read(Caller::Token(claims("bob")), number(2)));
    let of = |wanted: Wanted| log.list(&Wanted { limit: 10, ..wanted }).unwrap().items;
    let about = of(Wanted { tickets: Some(vec![number(2).to_string()]), ..Wanted::default() });
    let subjects: Vec<_> = about.iter().map(|line| line["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["bob", "ann"]);
    assert_eq!(of(Wanted { who: Some("ann".into()), ..Wanted::default() }).len(), 5);
    assert_eq!(of(Wanted { who: Some("t-1".into()), ..Wanted::default() }).len(), 6);
    assert_eq!(of(Wanted { from: Some("9999".into()), ..Wanted::default() }).len(), 0);
    let first = log.list(&Wanted { who: Some("ann".into()), limit: 3, ..Wanted::default() }).unwrap();
    let second = Wanted { who: Some("ann".into()), before: first.before, limit: 3, ..Wanted::default() };
    let second = log.list(&second).unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.before), (3, 2, None));
    assert!(first.items[0].get("hash").is_none());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(file(data.path())).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_line_that_is_changed_taken_out_or_put_in_is_found() {
    let whole = |data: &Path| open(data).verify().unwrap();
    let changes: Vec<(&str, Change)> = vec![
        (
            "changed",
            Box::new(|mut lines| {
                lines[3] = lines[3].replace("ann", "bob");
                lines
            }),
        ),
        (
            "taken out",
            Box::new(|mut lines| {
                lines.remove(3);
                lines
            }),
        ),
        (
            "put in twice",
            Box::new(|mut lines| {
                lines.insert(4, lines[3].clone());
                lines
            }),
        ),
        (
            "swapped",
            Box::new(|mut lines| {
                lines.swap(3, 4);
                lines
            }),
        ),
        (
            "the first taken out",
            Box::new(|mut lines| {
                lines.remove(0);
                lines
            }),
        ),
        (
            "the last taken out",
            Box::new(|mut lines| {
                lines.pop();
                lines
            }),
        ),
    ];
    for (what, change) in changes {
        let data = tempfile::tempdir().unwrap();
        filled(data.path());
        // Looked at where it lies: a writer that goes on would add to it first.
        let key = line::Key::of(&hash());
        let folder = data.path().join("access");
        assert!(verify::verify(&folder, &key).unwrap().ok, "{what}: before");
        edit(data.path(), change);
        let found = verify::verify(&folder, &key).unwrap();
        assert!(!found.ok && !found.broken.is_empty(), "{what}: {found:?}");
        // And after the next start as well.
        assert!(!whole(data.path()).ok, "{what}: after a start");
    }
}

#[test]
fn a_day_that_goes_is_found_unless_it_went_by_age_and_another_key_proves_nothing() {
    let data = tempfile::tempdir().unwrap();
    filled(data.path());
    let folder = data.path().join("access");
    fs::rename(file(data.path()), folder.join("2020-01-01.jsonl")).unwrap();
    // Long past what is kept: it goes with the next start, and the record says so.
    let log = open(data.path());
    let found = log.verify().unwrap();
    assert!(found.ok, "{found:?}");
    assert_eq!((found.days, found.lines), (1, 3), "day, dropped, opened");
    log.close();
    let foreign: ContactHasher = Arc::new(|_| [1; 16]);
    assert!(!verify::verify(&folder, &line::Key::of(&foreign)).unwrap().ok);
    fs::remove_file(file(data.path())).unwrap();
    assert!(!verify::verify(&folder, &line::Key::of(&hash())).unwrap().ok, "the only day is gone");
}

#[test]
fn a_line_that_a_crash_tore_is_cut_off_and_told() {
    let data = tempfile::tempdir().unwrap();
    filled(data.path());
    let path = file(data.path());
    let mut text = fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"n\":8,\"at\":\"20");
    fs::write(&path, text).unwrap();
    let log = open(data.path());
    let found = log.verify().unwrap();
    assert!(found.ok, "{found:?}");
    let newest = log.list(&Wanted { limit: 1, ..Wanted::default() }).unwrap();
    assert_eq!((newest.items[0]["note"].as_str(), newest.items[0]["torn"].as_u64()), (Some("opened"), Some(15)));
}

#[test]
fn beyond_the_days_budget_one_stranger_a_second_gets_a_line_and_the_next_day_all_begins_anew() {
    let strangers = Strangers::default();
    let a_second = |second: i64| (0..100).filter(|_| strangers.admits(second * 1_000)).count() as u64;
    assert_eq!(a_second(0), limits::ACCESS_STRANGERS_PER_S);
    let seconds = limits::ACCESS_STRANGERS_PER_DAY.div_ceil(limits::ACCESS_STRANGERS_PER_S) as i64;
    (1..seconds).for_each(|second| assert_eq!(a_second(second), limits::ACCESS_STRANGERS_PER_S, "second {second}"));
    assert_eq!((a_second(seconds), a_second(seconds + 1)), (1, 1));
    assert_eq!(a_second(86_400), limits::ACCESS_STRANGERS_PER_S);
}

#[test]
fn what_a_full_disk_let_through_of_a_batch_is_taken_out_before_the_next() {
    let data = tempfile::tempdir().unwrap();
    let (folder, key) = (data.path().join("access"), line::Key::of(&hash()));
    let missed = Arc::new(AtomicU64::new(0));
    let mut writer = Writer::open(folder.clone(), key.clone(), 400, missed, Arc::default()).unwrap();
    let lines = |serials: std::ops::Range<u64>| {
        serials.map(|n| line::Line::of(&read(Caller::Token(claims("ann")), number(n)))).collect::<Vec<_>>()
    };
    writer.write(lines(1..3)).unwrap();
    // Two whole lines and a half, then there was no room: their numbers are given again.
    let whole = fs::read_to_string(file(data.path())).unwrap();
    let through: String = whole.lines().skip(1).flat_map(|line| [line, "\n"]).collect();
    fs::write(file(data.path()), whole + &through + "{\"n\":6,").unwrap();
    writer.failed(&std::io::Error::from(std::io::ErrorKind::StorageFull), 3);
    writer.write(lines(3..5)).unwrap();
    writer.sync().unwrap();
    let found = verify::verify(&folder, &key).unwrap();
    assert!(found.ok, "{found:?}");
}

#[test]
fn a_clock_that_was_set_back_opens_no_earlier_day() {
    let data = tempfile::tempdir().unwrap();
    filled(data.path());
    fs::rename(file(data.path()), data.path().join("access/2999-12-31.jsonl")).unwrap();
    let log = open(data.path());
    log.note(read(Caller::Token(claims("ann")), number(9)));
    let found = log.verify().unwrap();
    assert!(found.ok, "{found:?}");
    assert_eq!(writer::days(&data.path().join("access")).unwrap().len(), 1);
}

#[test]
fn what_finds_no_room_is_counted_in_the_record_and_strangers_get_little_of_it() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    let at_ms = now_ms();
    for serial in 0..1_000 {
        log.note(Entry { at_ms, status: 401, ..read(Caller::Nobody, number(serial)) });
    }
    log.note(read(Caller::Token(claims("ann")), number(1)));
    let found = log.verify().unwrap();
    assert!(found.ok, "{found:?}");
    assert_eq!(found.missed, 1_000 - limits::ACCESS_STRANGERS_PER_S);
    let ann = log.list(&Wanted { who: Some("ann".into()), limit: 10, ..Wanted::default() }).unwrap();
    assert_eq!(ann.items.len(), 1);
}

#[test]
fn a_sign_in_is_recorded_and_an_address_in_a_request_id_is_not() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    log.signed_in(Some(Role::Admin), Some("ann"), 200, &"r-7".into());
    log.signed_in(None, None, 401, &"mail-jo@mail.example.org".into());
    let page = log.list(&Wanted { limit: 2, ..Wanted::default() }).unwrap();
    assert_eq!((&page.items[1]["route"], &page.items[1]["subject"]), (&"sign in".into(), &"ann".into()));
    assert!(!fs::read_to_string(file(data.path())).unwrap().contains("jo@mail"));
    assert_eq!(hex(&line::NOTHING).len(), 32);
}
