use super::*;
use std::{fs, io::Write as _};

fn open(dir: &Path) -> KeyFile {
    KeyFile::open(dir, KeyOptions { seed: None, create: true }).unwrap()
}

fn known(keys: &KeyFile, person: PersonId) -> [u8; 32] {
    match keys.key(person) {
        KeyState::Key(key) => key,
        other => panic!("{person:?} is {other:?}"),
    }
}

#[test]
fn slots_are_given_out_once_in_order_and_their_keys_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path());
    let taken: Vec<_> = (0..2 * BLOCK).map(|_| keys.take().unwrap()).collect();
    assert!(taken.iter().enumerate().all(|(i, person)| person.0 as usize == i + 1));
    assert_eq!(keys.key(PersonId(0)), KeyState::Erased, "nobody has no key");
    let before: Vec<_> = taken.iter().map(|&person| known(&keys, person)).collect();
    drop(keys);
    let keys = open(dir.path());
    assert_eq!(before, taken.iter().map(|&person| known(&keys, person)).collect::<Vec<_>>());
    let next = keys.take().unwrap();
    assert!(next > *taken.last().unwrap() && next.0.is_multiple_of(slots(1)), "a fresh block: {next:?}");
}

#[test]
fn threads_never_share_a_slot() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path());
    let takers: Vec<_> = (0..4)
        .map(|_| {
            let keys = keys.clone();
            std::thread::spawn(move || (0..2000).map(|_| keys.take().unwrap()).collect::<Vec<_>>())
        })
        .collect();
    let mut all: Vec<_> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 8000);
    assert!(all.iter().all(|&person| known(&keys, person) != [0; 32]));
}

#[test]
fn what_was_left_over_can_be_resumed_but_never_below_the_highest_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path());
    for _ in 0..10 {
        keys.take().unwrap();
    }
    keys.erase(PersonId(14)).unwrap();
    drop(keys);
    let keys = open(dir.path());
    keys.resume_after(PersonId(10));
    assert_eq!(keys.take().unwrap(), PersonId(15), "above the hole");
    let keys = {
        drop(keys);
        open(dir.path())
    };
    keys.resume_after(PersonId(20));
    assert_eq!(keys.take().unwrap(), PersonId(21));
}

#[test]
fn an_erased_key_is_gone_from_the_file_and_stays_gone_when_older_keys_are_restored() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path());
    let (ann, bob) = (keys.take().unwrap(), keys.take().unwrap());
    let key = known(&keys, ann);
    let backup = fs::read(dir.path().join("keys")).unwrap();
    keys.erase(ann).unwrap();
    keys.erase(ann).unwrap();
    assert_eq!(keys.key(ann), KeyState::Erased);
    let holds = || fs::read(dir.path().join("keys")).unwrap().windows(32).any(|w| w == key);
    assert!(!holds());
    drop(keys);
    fs::write(dir.path().join("keys"), backup).unwrap();
    assert!(holds());
    let keys = open(dir.path());
    assert_eq!(keys.key(ann), KeyState::Erased);
    assert_ne!(keys.key(bob), KeyState::Erased);
    assert!(!holds());
    assert_eq!(fs::read_to_string(dir.path().join("erased")).unwrap(), "1\n");
}

#[test]
fn slots_erased_in_a_lost_future_are_not_given_out_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    fs::write(dir.path().join("erased"), "9000\n").unwrap();
    let keys = open(dir.path());
    assert_eq!(keys.take().unwrap(), PersonId(9001));
    assert_eq!(keys.key(PersonId(9000)), KeyState::Erased);
}

#[test]
fn half_a_line_in_the_erased_list_erases_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path());
    let ann = keys.take().unwrap();
    drop(keys);
    let list = fs::OpenOptions::new().append(true).open(dir.path().join("erased"));
    list.unwrap().write_all(b"1").unwrap();
    let keys = open(dir.path());
    known(&keys, ann);
    keys.erase(PersonId(2)).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("erased")).unwrap(), "2\n");
}

#[test]
fn a_torn_last_block_is_never_used() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let mut file = fs::OpenOptions::new().append(true).open(dir.path().join("keys")).unwrap();
    file.write_all(&[7; 1000]).unwrap();
    let keys = open(dir.path());
    let person = keys.take().unwrap();
    assert_eq!(person.0, slots(1));
    assert_ne!(known(&keys, person), [7; 32]);
}

#[test]
fn a_missing_damaged_or_newer_key_file_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |what: &str| {
        let Err(fault) = KeyFile::open(dir.path(), KeyOptions::default()) else { panic!("opened") };
        assert!(fault.to_string().contains(what) && fault.place.ends_with("keys"), "{fault}");
    };
    refused("missing");
    drop(open(dir.path()));
    let good = fs::read(dir.path().join("keys")).unwrap();
    for (offset, what) in [(0, "no key file"), (9, "format 257"), (11, "damaged"), (30, "damaged")] {
        let mut bad = good.clone();
        bad[offset] ^= 1;
        fs::write(dir.path().join("keys"), bad).unwrap();
        refused(what);
    }
    fs::write(dir.path().join("keys"), b"").unwrap();
    refused("no key file");
}

#[test]
fn incarnations_count_up_and_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path());
    assert_eq!(keys.incarnation(), 1);
    assert_eq!(keys.next_incarnation().unwrap(), 2);
    let lookup = keys.lookup_key();
    drop(keys);
    assert_eq!(open(dir.path()).incarnation(), 2);
    assert_eq!(open(dir.path()).lookup_key(), lookup);
}

#[test]
fn one_seed_gives_one_set_of_keys() {
    let made = |seed| {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyFile::open(dir.path(), KeyOptions { seed: Some(seed), create: true }).unwrap();
        let taken: Vec<_> = (0..BLOCK + 5).map(|_| keys.take().unwrap()).collect();
        (known(&keys, taken[BLOCK + 4]), keys.lookup_key())
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
}
