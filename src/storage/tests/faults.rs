//! The disk fails under the journal: nothing is said that is not so.

use super::bed::{Bed, batch, claim, expert};
use crate::storage::{
    CommitError,
    journal::faults::{DiskFault, FaultPlan},
};

#[test]
fn a_full_disk_is_refused_and_works_again_when_there_is_space() {
    let plan = FaultPlan::default();
    let bed = Bed::faulty(&plan);
    let before = bed.sight();
    for fault in [DiskFault::NoSpace, DiskFault::ShortWrite(40)] {
        plan.inject(1, fault);
        let (number, mut opening) = bed.opening("north", 0);
        opening.claims.push(claim("form", number));
        assert_eq!(bed.commit(opening.clone()).unwrap_err(), CommitError::DiskFull);
        assert_eq!(bed.sight(), before, "nothing was written");
        assert_eq!(bed.store().ticket_by_external_id("form").unwrap(), None);
    }
    let (number, mut opening) = bed.opening("north", 0);
    opening.claims.push(claim("form", number));
    bed.commit(opening).unwrap();
    assert_eq!(bed.store().ticket_by_external_id("form").unwrap(), Some(number));
    assert!(bed.fatal.lock().unwrap().is_empty());
}

#[test]
fn after_a_failed_fsync_the_outcome_is_unknown_and_the_process_ends() {
    let plan = FaultPlan::default();
    for fault in [DiskFault::SyncFails, DiskFault::TornTail(40)] {
        let mut bed = Bed::faulty(&plan);
        let kept = bed.open("north", 0);
        plan.inject(1, fault);
        let (number, opening) = bed.opening("north", 1);
        assert_eq!(bed.commit(opening).unwrap_err(), CommitError::OutcomeUnknown);
        assert_eq!(bed.fatal.lock().unwrap().len(), 1, "the process is told to end");
        assert_eq!(bed.store().ticket(number).unwrap(), None, "and nobody reads what may be lost");
        bed.restart();
        assert_eq!(bed.ticket(kept).number, kept);
        assert_eq!(bed.store().ticket(number).unwrap(), None);
        assert!(bed.open("north", 2) > kept);
    }
}

#[test]
fn a_whole_group_shares_the_fate_of_its_append() {
    let plan = FaultPlan::default();
    let bed = Bed::faulty(&plan);
    let (entered, entering) = crossbeam_channel::bounded(1);
    let (let_go, held) = crossbeam_channel::bounded::<()>(1);
    // The first append holds the writer, so that the others gather behind it.
    plan.inject(
        1,
        DiskFault::Delay(std::sync::Arc::new(move || {
            let _ = entered.send(());
            let _ = held.recv();
        })),
    );
    plan.inject(2, DiskFault::NoSpace);
    let first = bed.opening("north", 0).1;
    let (two, mut late) = (bed.route_change("ann", 1), bed.route_change("ann", 2));
    late.base = 7;
    let store = bed.store().clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let first = runtime.spawn({
        let store = store.clone();
        async move { store.commit(first).await }
    });
    entering.recv().unwrap();
    let rest = [two, late].map(|change| {
        let store = store.clone();
        Box::pin(async move { store.commit(batch(vec![change])).await })
    });
    let answers = runtime.block_on(async {
        let [mut one, mut two] = rest;
        // Both are in the queue before the writer is let go.
        std::future::poll_fn(|cx| {
            assert!(one.as_mut().poll(cx).is_pending() && two.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        let_go.send(()).unwrap();
        [one.await, two.await]
    });
    assert!(runtime.block_on(first).unwrap().is_ok());
    assert_eq!(answers.map(Result::unwrap_err), [CommitError::DiskFull, CommitError::DiskFull]);
    assert_eq!(bed.store().route(&expert("ann")).unwrap().served, 0);
    bed.ok(vec![bed.route_change("ann", 1)]);
}

/// Every prefix of a history, as if the machine had stopped right there.
#[test]
fn a_crash_after_any_commit_loses_nothing_and_invents_nothing() {
    let plan = FaultPlan::default();
    let mut bed = Bed::faulty(&plan);
    let number = bed.open("north", 0);
    for step in 0..6 {
        match step {
            0 => bed.ok(vec![bed.route_change("ann", 1)]),
            1 => drop_flush(&bed),
            2 => {
                bed.hand_over(number, "south");
                bed.ok(vec![bed.route_change("ann", 2)])
            }
            3 => bed.add_expert("bob", "south"),
            4 => {
                bed.cancel(number);
                bed.ok(vec![bed.route_change("ann", 3)])
            }
            _ => drop_flush(&bed),
        };
        let before = bed.sight();
        bed.restart();
        assert_eq!(bed.sight(), before, "after step {step}");
    }
}

fn drop_flush(bed: &Bed) -> crate::storage::Committed {
    bed.store().flush().unwrap();
    bed.commit(batch(Vec::new())).unwrap()
}
