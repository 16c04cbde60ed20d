//! What happens to a visit after it was given to somebody: absences, answers from afar, a drive that takes long.

use crate::common::tree::{ALWAYS, Time, Tree, at, by, desk, expert, play, reopen, runtime, tv};
use callout::{
    domain::{
        expert::AbsenceKind,
        fix::Fix,
        ids::Thing,
        intake::NewTicket,
        ticket::{Action, Command, ExpertCommand, Phase, Role},
        time::HOUR_S,
    },
    storage::Durability,
};
use tempfile::TempDir;

/// An assignment into an absence that the dispatcher knows of is theirs to answer for (P4).
#[test]
fn what_a_person_forced_into_an_absence_stays_until_a_new_one_comes() {
    let data = TempDir::new().unwrap();
    let who = expert("sick");
    let held = |tree: &Tree, number| tree.ticket(number).visit.expert == Some(expert("sick"));
    // Whatever an edit or a start leads to has been asked for when this ticket has its answer.
    let later = async |tree: &Tree, east_km: f64| {
        let next = tree.open(tv(east_km, 5.0)).await;
        tree.until("the dispatcher has gone on", || tree.ticket(next).waiting.is_some()).await;
    };
    let (number, clock, day) = runtime(Time::Machine).block_on(async {
        let tree = Tree::start(data.path(), Time::Machine, "", None).await;
        tree.square("west", 0.0, |_| {}).await;
        tree.expert("sick", at(5.0, 5.0), "tv", ALWAYS).await;
        let now = tree.clock.now();
        // Ten minutes are too short for any visit.
        let day = (now.plus_s(600), now.plus_s(2 * HOUR_S));
        tree.service.add_absence(&who, AbsenceKind::Sick, day.0, day.1, &desk()).await.unwrap();
        let number = tree.open(tv(5.0, 5.0)).await;
        tree.until("nobody is there", || tree.ticket(number).waiting.is_some()).await;
        tree.service.assign(number, &who, "they said they would".into(), true, true, &desk()).await.unwrap();
        let visit = tree.ticket(number).visit.clone();
        assert!(visit.planned_end > Some(day.0) && visit.planned_start < Some(day.1), "it lies in the absence");
        tree.expert("sick", at(5.5, 5.0), "tv", ALWAYS).await;
        later(&tree, 4.0).await;
        assert!(held(&tree, number), "an edit of something else takes nothing back");
        tree.service.stop().await;
        (number, tree.clock.clone(), day)
    });
    let store = reopen(data.path(), Durability::Fsync);
    runtime(Time::Machine).block_on(async {
        let tree = Tree::over(store, clock, None).await;
        tree.until("it is up", || tree.service.readiness().unready.is_empty()).await;
        later(&tree, 3.0).await;
        assert!(held(&tree, number), "nor does a restart");
        tree.service.add_absence(&who, AbsenceKind::Leave, day.0, day.1, &desk()).await.unwrap();
        tree.until("what they did not know of takes it back", || !held(&tree, number)).await;
        tree.audit().await;
        tree.service.stop().await;
    });
}

#[test]
fn an_acceptance_that_comes_in_late_does_not_hide_that_the_promise_is_at_risk() {
    play(Time::Virtual, async |tree: &Tree| {
        tree.square("west", 0.0, |settings| (settings.offer_ttl_s, settings.max_rounds) = (60, 1)).await;
        tree.expert("offline", at(5.0, 5.0), "tv", ALWAYS).await;
        let due_at = Some(tree.clock.now().plus_s(30));
        let number = tree.open(NewTicket { due_at, ..tv(9.0, 5.0) }).await;
        assert_eq!(tree.offered(number).await, "offline");
        let pressed = Some(tree.clock.now());
        tree.until("it expires, and nobody else is left", || tree.ticket(number).visit.offer.is_none()).await;
        let accept = ExpertCommand {
            expert: expert("offline"),
            action: Action::Accept,
            at: pressed,
            visit: None,
            offer: None,
            id: None,
            offline: true,
        };
        let caller = by(Role::Expert, "offline");
        tree.service.command(number, Command::Expert(accept), &caller).await.unwrap();
        let ticket = tree.ticket(number);
        assert_eq!(ticket.phase, Phase::Assigned);
        assert!(ticket.visit.planned_start > due_at && ticket.flags.names().any(|flag| flag == "at_risk"));
    });
}

/// Kilometres east of the start, as a phone reports them.
fn seen(tree: &Tree, east_km: f64) {
    let fix = Fix { place: at(east_km, 5.0), at: tree.clock.now(), accuracy_m: None };
    tree.service.report(&expert("ann"), fix).unwrap();
}

#[test]
fn who_gets_stuck_on_the_way_is_expected_later_and_the_customer_hears_of_it() {
    play(Time::Virtual, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.expert("ann", at(1.0, 5.0), "tv", ALWAYS).await;
        let number = tree.open(tv(9.0, 5.0)).await;
        assert_eq!(tree.offered(number).await, "ann");
        tree.act(number, "ann", Action::Accept).await.unwrap();
        seen(tree, 1.0);
        assert_eq!(tree.service.arrival(&tree.ticket(number)), None, "not on the way yet");
        tree.act(number, "ann", Action::Depart).await.unwrap();
        tree.settle().await;
        let planned = || tree.ticket(number).visit.planned_start.unwrap();
        let version = || tree.service.store().route(&expert("ann")).unwrap().version;
        let (first, started) = (planned(), version());
        // As planned, and a little behind: shown, not planned anew.
        for east_km in [1.0, 1.5, 2.0] {
            tree.pass(60).await;
            seen(tree, east_km);
            tree.settle().await;
        }
        let expected = tree.service.arrival(&tree.ticket(number)).unwrap();
        assert!(expected > tree.clock.now());
        assert_eq!((planned(), version()), (first, started), "a position moves no plan");
        // Stuck: no nearer for twenty minutes.
        let mut versions = vec![version()];
        for second in 0..20 * 60 {
            tree.pass(1).await;
            if second % 5 == 0 {
                seen(tree, 2.0);
            }
            versions.push(version());
        }
        tree.settle().await;
        versions.dedup();
        assert!((2..=6).contains(&versions.len()), "by minutes, not by reports: {versions:?}");
        let late_s = planned().since_s(first);
        assert!(late_s > 15 * 60, "{late_s} s");
        let history = tree.service.store().history(&Thing::Ticket(number)).unwrap();
        let told = history.iter().filter(|recorded| recorded.fact.kind() == "ticket.replanned").count();
        assert!(told >= 2, "{told}");
        let ticket = tree.ticket(number);
        assert!(ticket.visit.told_start > Some(first.plus_s(15 * 60)), "the customer was told");
        tree.pass(301).await;
        assert_eq!(tree.service.arrival(&tree.ticket(number)), None, "an old position says nothing");
    });
}
