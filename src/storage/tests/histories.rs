//! Random lives of a store: commits, crashes, lost files, in any order. What a reader sees never
//! changes by anything but a commit, and the audit never finds anything.

use super::{audits, bed::Bed};
use crate::{
    domain::{
        ids::{Thing, TicketNumber},
        ticket::{Command, Phase, TimerKind},
    },
    storage::journal::faults::FaultPlan,
};
use proptest::prelude::*;
use std::fs;

#[derive(Clone, Copy, Debug)]
enum Step {
    Open {
        south: bool,
        minute: i64,
    },
    Award(usize),
    Expire(usize),
    HandOver(usize),
    Cancel(usize),
    Reopen(usize),
    Note(usize),
    Flush,
    Crash,
    Lose(usize),
    /// The files of an earlier moment are put back (a disk that forgot).
    Forget(usize),
}

const FILES: [&str; 3] = ["regions/north.redb", "regions/south.redb", "directory.redb"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0..8_usize;
    let one = prop_oneof![
        4 => (any::<bool>(), 0..500_i64).prop_map(|(south, minute)| Step::Open { south, minute }),
        3 => which.clone().prop_map(Step::Award),
        2 => which.clone().prop_map(Step::Expire),
        3 => which.clone().prop_map(Step::HandOver),
        1 => which.clone().prop_map(Step::Cancel),
        1 => which.clone().prop_map(Step::Reopen),
        2 => which.clone().prop_map(Step::Note),
        3 => Just(Step::Flush),
        2 => Just(Step::Crash),
        1 => (0..FILES.len()).prop_map(Step::Lose),
        1 => (0..FILES.len()).prop_map(Step::Forget),
    ];
    prop::collection::vec(one, 4..24)
}

/// Does one step; true when it committed something.
fn take(bed: &mut Bed, numbers: &mut Vec<TicketNumber>, step: Step) -> bool {
    let pick = |i: usize| numbers.get(i % numbers.len().max(1)).copied();
    let phase = |number| bed.ticket(number).phase;
    match step {
        Step::Open { south, minute } => numbers.push(bed.open(if south { "south" } else { "north" }, minute)),
        Step::Award(i) => match pick(i) {
            Some(number) if bed.ticket(number).dispatchable() => drop(bed.award(number)),
            _ => return false,
        },
        Step::Expire(i) => match pick(i) {
            Some(number) if phase(number) == Phase::Assigning => bed.expire(number),
            _ => return false,
        },
        Step::HandOver(i) => match pick(i) {
            Some(number) if matches!(phase(number), Phase::New | Phase::Reopened) => {
                let to = if bed.ticket(number).region.as_str() == "north" { "south" } else { "north" };
                bed.hand_over(number, to);
            }
            _ => return false,
        },
        Step::Cancel(i) => match pick(i) {
            Some(number) if phase(number) == Phase::New => bed.cancel(number),
            _ => return false,
        },
        Step::Reopen(i) => match pick(i) {
            Some(number) if phase(number) == Phase::Cancelled => {
                let _ = bed.command(number, Command::Reopen { reason: "again dark".into() });
            }
            _ => return false,
        },
        Step::Note(i) => match pick(i) {
            Some(number) => drop(bed.command(number, Command::Note { text: "called back".into() })),
            None => return false,
        },
        Step::Flush => {
            bed.store().flush().unwrap();
            return false;
        }
        Step::Crash => {
            bed.restart();
            return false;
        }
        Step::Lose(i) => {
            bed.crash();
            let _ = fs::remove_file(bed.cell().join(FILES[i]));
            bed.restart();
            return false;
        }
        Step::Forget(i) => {
            bed.crash();
            let file = bed.cell().join(FILES[i]);
            let old = fs::read(&file);
            bed.restart();
            bed.store().flush().unwrap();
            bed.crash();
            let _ = old.map(|old| fs::write(&file, old).unwrap());
            bed.restart();
            return false;
        }
    }
    true
}

impl Bed {
    /// The offer's time is up: ticket and route in one batch.
    fn expire(&self, number: TicketNumber) {
        let expired = self.deciding_late(number, Command::Timer(TimerKind::OfferExpiry));
        let route = self.route_without("ann", number);
        self.ok(vec![expired, route]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_but_a_commit_changes_what_is_seen(steps in steps()) {
        let mut bed = Bed::faulty(&FaultPlan::default());
        let mut numbers = Vec::new();
        let mut before = bed.sight();
        for step in steps {
            let committed = take(&mut bed, &mut numbers, step);
            let now = bed.sight();
            if !committed {
                prop_assert_eq!(&now, &before, "after {:?}", step);
            }
            before = now;
        }
        bed.restart();
        prop_assert_eq!(&bed.sight(), &before, "after the last crash");
        prop_assert_eq!(audits::violations(&bed), []);
        for number in numbers {
            let versions = bed.store().history(&Thing::Ticket(number)).unwrap();
            prop_assert_eq!(versions.len() as u64, bed.ticket(number).version);
        }
    }
}
