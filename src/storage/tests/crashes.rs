//! Crashes, damage and loss: what was answered is there again, and nothing else.

use super::bed::{Bed, Sight, T0, batch, claim, expert, options, region};
use crate::{
    domain::{
        ids::{Thing, TicketNumber},
        ticket::{Command, Phase},
    },
    storage::{Durability, Store},
};
use std::fs;

/// Tickets in every place: snapshots, tail, moved, ended; a claim on each side.
fn busy(bed: &Bed) -> Vec<TicketNumber> {
    let numbers: Vec<TicketNumber> = (0..6).map(|minute| bed.open("north", minute)).collect();
    bed.cancel(numbers[0]);
    bed.hand_over(numbers[1], "south");
    let mut keyed = bed.opening("south", 7).1;
    keyed.claims.push(claim("early", numbers[0]));
    bed.commit(keyed).unwrap();
    bed.store().flush().unwrap();
    bed.cancel(numbers[2]);
    bed.hand_over(numbers[3], "south");
    bed.hand_over(numbers[1], "north");
    bed.award(numbers[4]);
    let mut keyed = bed.opening("south", 8).1;
    keyed.claims.push(claim("late", numbers[1]));
    bed.commit(keyed).unwrap();
    numbers
}

fn found_again(bed: &mut Bed, before: &Sight) {
    bed.restart();
    assert_eq!(bed.sight(), *before);
    assert_eq!(super::audits::violations(bed), []);
    assert!(bed.store().ticket_by_external_id("early").unwrap().is_some());
    assert!(bed.store().ticket_by_external_id("late").unwrap().is_some());
    // And once more, from the snapshots that the recovery wrote.
    bed.store().flush().unwrap();
    bed.restart();
    assert_eq!(bed.store().core().overlay.len(), 0);
    assert_eq!(bed.sight(), *before);
}

#[test]
fn after_a_crash_everything_answered_is_there() {
    let mut bed = Bed::peopled();
    busy(&bed);
    let before = bed.sight();
    found_again(&mut bed, &before);
}

#[test]
fn every_lost_snapshot_is_rebuilt_to_the_same() {
    for lost in ["regions/north.redb", "regions/south.redb", "directory.redb", "regions", "*"] {
        let mut bed = Bed::peopled();
        busy(&bed);
        let before = bed.sight();
        bed.crash();
        match lost {
            "regions" => fs::remove_dir_all(bed.cell().join(lost)).unwrap(),
            "*" => {
                fs::remove_dir_all(bed.cell().join("regions")).unwrap();
                fs::remove_file(bed.cell().join("directory.redb")).unwrap();
            }
            file => fs::remove_file(bed.cell().join(file)).unwrap(),
        }
        found_again(&mut bed, &before);
    }
}

#[test]
fn a_file_lost_after_the_directory_was_lost_is_missed_and_rebuilt() {
    let mut bed = Bed::peopled();
    bed.open("south", 0);
    bed.store().flush().unwrap();
    let before = bed.sight();
    for lost in ["directory.redb", "regions/south.redb"] {
        bed.crash();
        fs::remove_file(bed.cell().join(lost)).unwrap();
        bed.restart();
        assert_eq!(bed.sight(), before);
        bed.store().flush().unwrap();
    }
}

#[test]
fn a_damaged_snapshot_is_set_aside_and_rebuilt() {
    for damaged in ["regions/north.redb", "directory.redb"] {
        for damage in [&b"not a snapshot at all, whatever it says"[..], &[0; 9000]] {
            let mut bed = Bed::peopled();
            busy(&bed);
            let before = bed.sight();
            bed.crash();
            fs::write(bed.cell().join(damaged), damage).unwrap();
            found_again(&mut bed, &before);
            assert!(bed.cell().join(format!("{damaged}.damaged")).exists());
        }
    }
}

#[test]
fn an_old_copy_of_a_snapshot_is_rebuilt() {
    let mut bed = Bed::peopled();
    let number = bed.open("north", 0);
    bed.store().flush().unwrap();
    bed.crash();
    let file = bed.cell().join("regions/north.redb");
    let old = fs::read(&file).unwrap();
    bed.restart();
    busy(&bed);
    bed.cancel(number);
    bed.store().flush().unwrap();
    let before = bed.sight();
    bed.crash();
    fs::write(&file, old).unwrap();
    found_again(&mut bed, &before);
}

#[test]
fn a_snapshot_ahead_of_the_journal_is_rebuilt() {
    let mut bed = Bed::peopled();
    let number = bed.open("north", 0);
    let before = bed.sight();
    bed.store().close().unwrap();
    bed.crash();
    let (journal, kept) = (bed.cell().join("journal"), bed.dir.path().join("kept"));
    copy(&journal, &kept);
    bed.restart();
    bed.cancel(number);
    bed.store().close().unwrap();
    bed.crash();
    fs::remove_dir_all(&journal).unwrap();
    fs::rename(&kept, &journal).unwrap();
    bed.restart();
    assert_eq!(bed.sight(), before);
    assert_eq!(bed.ticket(number).phase, Phase::New);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// A crash between the two files of a handover: one has it, the other not, whichever came first.
#[test]
fn a_handover_of_which_only_one_file_knows_is_whole_again() {
    for behind in ["north", "south"] {
        let mut bed = Bed::peopled();
        let number = bed.open("north", 0);
        bed.open("south", 1);
        bed.store().flush().unwrap();
        bed.crash();
        let (file, directory) = (bed.cell().join(format!("regions/{behind}.redb")), bed.cell().join("directory.redb"));
        let old = (fs::read(&file).unwrap(), fs::read(&directory).unwrap());
        bed.restart();
        bed.hand_over(number, "south");
        bed.store().flush().unwrap();
        let before = bed.sight();
        bed.crash();
        fs::write(&file, old.0).unwrap();
        fs::write(&directory, old.1).unwrap();
        bed.restart();
        assert_eq!(bed.sight(), before);
        bed.store().flush().unwrap();
        bed.restart();
        assert_eq!(bed.sight(), before);
        let rows = |name: &str| {
            let mut rows = Vec::new();
            bed.store().core().snapshots.region(&region(name)).unwrap().numbers(&mut |n| rows.push(n)).unwrap();
            rows.contains(&number)
        };
        assert_eq!((rows("north"), rows("south")), (false, true), "{behind} was behind");
    }
}

/// A crash in the middle of a round in which a ticket wandered on: whichever files were written, the
/// directory was not, and each file may know another stretch of its way.
#[test]
fn a_ticket_that_wandered_is_found_at_its_end_whichever_files_were_written() {
    const WAYS: [&[&str]; 4] =
        [&["south", "west"], &["south", "west", "north"], &["south", "north", "west"], &["south", "north", "south"]];
    for (way, behind) in WAYS.iter().flat_map(|way| (0..8).map(move |behind| (way, behind))) {
        let mut bed = Bed::peopled();
        bed.add_region("west");
        let number = bed.open("north", 0);
        for (minute, name) in ["north", "south", "west"].into_iter().enumerate() {
            bed.open(name, 1 + minute as i64);
        }
        bed.store().flush().unwrap();
        bed.crash();
        let mut old = vec![bed.cell().join("directory.redb")];
        for (bit, name) in ["north", "south", "west"].into_iter().enumerate() {
            if behind & (1 << bit) != 0 {
                old.push(bed.cell().join(format!("regions/{name}.redb")));
            }
        }
        let old: Vec<_> = old.into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
        bed.restart();
        for to in *way {
            bed.hand_over(number, to);
            bed.command(number, Command::Note { text: "called back".into() });
        }
        bed.store().flush().unwrap();
        let before = bed.sight();
        bed.crash();
        for (bytes, file) in old {
            fs::write(&file, bytes).unwrap();
        }
        bed.restart();
        assert_eq!(bed.sight(), before, "way {way:?}, behind {behind:03b}");
        bed.command(number, Command::Note { text: "and once more".into() });
        assert_eq!(super::audits::violations(&bed), [], "way {way:?}, behind {behind:03b}");
        bed.store().flush().unwrap();
        bed.restart();
        assert_eq!(super::audits::violations(&bed), [], "way {way:?}, behind {behind:03b}, later");
    }
}

/// A crash after the regions' part of a round, before the directory's.
#[test]
fn a_directory_behind_its_files_learns_numbers_and_moves_and_keeps_them() {
    let mut bed = Bed::peopled();
    let moved = bed.open("north", 0);
    bed.store().flush().unwrap();
    bed.crash();
    let directory = bed.cell().join("directory.redb");
    let old = fs::read(&directory).unwrap();
    bed.restart();
    bed.hand_over(moved, "south");
    let last = bed.open("north", 1);
    bed.store().flush().unwrap();
    let before = bed.sight();
    bed.crash();
    fs::write(&directory, old).unwrap();
    for _ in 0..3 {
        bed.restart();
        assert_eq!(bed.sight(), before);
        assert_eq!(bed.ticket(moved).region, region("south"));
        assert!(bed.store().next_number(&region("north")).unwrap() > last);
        bed.store().flush().unwrap();
    }
}

#[test]
fn numbers_and_codes_are_not_given_out_again_after_a_crash() {
    let mut bed = Bed::peopled();
    let number = bed.open("north", 0);
    let code = bed.store().next_region_code();
    bed.add_region("west");
    bed.restart();
    assert!(bed.store().next_number(&region("north")).unwrap() > number);
    assert!(bed.store().next_region_code() > code);
    bed.store().flush().unwrap();
    bed.restart();
    assert!(bed.store().next_number(&region("north")).unwrap() > number);
}

#[test]
fn guards_and_claims_hold_after_a_crash() {
    let mut bed = Bed::peopled();
    let number = bed.open("north", 0);
    let stale = bed.deciding(number, Command::Cancel { reason: "late".into() });
    bed.cancel(number);
    let mut keyed = bed.opening("north", 1).1;
    keyed.claims.push(claim("form", number));
    bed.commit(keyed.clone()).unwrap();
    bed.restart();
    assert!(bed.commit(batch(vec![stale])).is_err());
    keyed.changes = bed.opening("south", 1).1.changes;
    assert!(bed.commit(keyed).is_err());
}

#[test]
fn history_goes_on_across_a_crash() {
    let mut bed = Bed::peopled();
    bed.ok(vec![bed.route_change("ann", 1)]);
    bed.restart();
    bed.ok(vec![bed.route_change("ann", 2)]);
    bed.store().flush().unwrap();
    bed.restart();
    bed.ok(vec![bed.route_change("ann", 3)]);
    let history = bed.store().history(&Thing::Route(expert("ann"))).unwrap();
    assert_eq!(history.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(bed.store().route(&expert("ann")).unwrap().served, 3);
}

#[test]
fn timers_of_what_the_tail_changed_are_those_of_the_new_state() {
    let mut bed = Bed::peopled();
    let number = bed.open("north", 0);
    bed.store().flush().unwrap();
    let opened = bed.sight().timers;
    assert!(!opened.is_empty());
    bed.command(number, Command::Hold { reason: "holiday".into(), until: Some(T0.plus_s(200_000)) });
    let held = bed.sight().timers;
    assert_ne!(held, opened);
    bed.restart();
    assert_eq!(bed.sight().timers, held);
    bed.store().flush().unwrap();
    bed.restart();
    assert_eq!(bed.sight().timers, held);
}

#[test]
fn a_missing_key_file_is_named() {
    let mut bed = Bed::peopled();
    bed.crash();
    fs::remove_file(bed.dir.path().join("keys")).unwrap();
    let refused = Store::open(options(bed.dir.path(), Durability::Fsync)).err().unwrap().to_string();
    assert!(refused.contains("key file is missing"), "{refused}");
}
