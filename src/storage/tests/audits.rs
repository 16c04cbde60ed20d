//! The audit finds nothing in a sound store, and everything in a broken one.

use super::bed::{Bed, T0, batch, claim, expert, region};
use crate::{
    domain::{
        fact::Fact,
        ids::{Thing, TicketNumber},
        invariants::Violation,
        number::RegionCode,
        ticket::{Command, Ticket, TicketEvent},
    },
    storage::{
        AuditOptions, AuditReport,
        audit::without_travel,
        snapshot::{DirectoryDirty, Dirty, Manner},
    },
};
use std::{collections::BTreeMap, sync::Arc};

fn audit(bed: &Bed, acknowledged: &[TicketNumber]) -> AuditReport {
    let options = AuditOptions {
        replay: true,
        acknowledged,
        late_s: Some(60),
        overlap: without_travel(),
        progress: &mut |_, _| {},
    };
    bed.store().audit(options).unwrap()
}

pub(super) fn violations(bed: &Bed) -> Vec<Violation> {
    audit(bed, &[]).violations
}

fn promises(bed: &Bed) -> Vec<&'static str> {
    violations(bed).into_iter().map(|violation| violation.promise).collect()
}

/// An award, a handover, a cancellation, a claim, all in the snapshots.
fn sound() -> (Bed, Vec<TicketNumber>) {
    let bed = Bed::peopled();
    let numbers: Vec<TicketNumber> = (0..4).map(|minute| bed.open("north", minute)).collect();
    bed.award(numbers[0]);
    bed.award(numbers[1]);
    bed.hand_over(numbers[2], "south");
    bed.cancel(numbers[3]);
    let mut claims = batch(Vec::new());
    claims.claims.push(claim("form", numbers[0]));
    bed.commit(claims).unwrap();
    (bed, numbers)
}

#[test]
fn a_sound_store_passes_before_and_after_its_snapshots() {
    let (bed, numbers) = sound();
    for _ in 0..2 {
        let report = audit(&bed, &numbers);
        assert_eq!(report.violations, []);
        assert!(report.ok);
        assert_eq!((report.tickets, report.events), (4, bed.store().read(1, usize::MAX).unwrap().len() as u64));
        assert_eq!((report.by_phase["assigning"], report.by_phase["new"], report.by_phase["cancelled"]), (2, 1, 1));
        assert_eq!(report.by_region, BTreeMap::from([("north".into(), 3), ("south".into(), 1)]));
        bed.store().flush().unwrap();
    }
}

#[test]
fn an_acknowledged_number_that_is_not_there_is_a_broken_promise() {
    let (bed, numbers) = sound();
    let never = TicketNumber::new(RegionCode(0), 9_999);
    let report = audit(&bed, &[numbers[0], never]);
    assert_eq!(report.violations, [Violation::new("P1", &never, "was acknowledged and is not there")]);
    assert!(!report.ok);
}

/// Puts a doctored row into a region's snapshot.
fn doctor(bed: &Bed, name: &str, number: TicketNumber, change: impl FnOnce(&mut Ticket)) {
    bed.store().flush().unwrap();
    let mut ticket = (*bed.ticket(number)).clone();
    let last_seq = bed.store().core().stamp(&Thing::Ticket(number)).unwrap().last_seq;
    change(&mut ticket);
    let dirty = Dirty { ticket: Arc::new(ticket), last_seq, fresh: false };
    let file = bed.store().core().snapshots.region(&region(name)).unwrap();
    file.apply(&BTreeMap::from([(number, dirty)]), bed.store().head().0, &bed.store().core().sealer, Manner::Hurry)
        .unwrap();
}

#[test]
fn a_row_that_differs_from_the_journal_is_found() {
    let (bed, numbers) = sound();
    doctor(&bed, "north", numbers[0], |ticket| ticket.service_s += 1);
    assert_eq!(promises(&bed), ["P2"]);
}

#[test]
fn a_forgotten_delivery_or_deadline_is_found() {
    let (bed, numbers) = sound();
    doctor(&bed, "north", numbers[0], |ticket| ticket.deliveries.clear());
    assert_eq!(promises(&bed), ["P6"]);
    let (bed, numbers) = sound();
    doctor(&bed, "north", numbers[0], |ticket| ticket.visit.offer.as_mut().unwrap().expires_at = T0);
    assert_eq!(promises(&bed), ["P6"]);
}

#[test]
fn a_row_that_went_missing_is_found() {
    let (bed, numbers) = sound();
    // To the north's file it looks as if it had moved away.
    doctor(&bed, "north", numbers[0], |ticket| ticket.region = region("south"));
    assert!(promises(&bed).contains(&"P2"));
}

#[test]
fn a_directory_that_differs_is_found() {
    let (bed, _) = sound();
    bed.store().flush().unwrap();
    let core = bed.store().core();
    let (mut state, seq) = core.hot.current(&Thing::Expert(expert("ann"))).unwrap();
    if let crate::domain::fact::State::Expert(ann) = &mut state {
        Arc::make_mut(ann).zone = "Europe/Berlin".into();
    }
    let things = BTreeMap::from([(Thing::Expert(expert("ann")), (state, seq))]);
    let dirty = DirectoryDirty { things, ..DirectoryDirty::default() };
    core.snapshots.directory.apply(&dirty, core.last_seq(), &core.sealer, Manner::Hurry).unwrap();
    assert_eq!(promises(&bed), ["P2"]);
}

#[test]
fn a_stop_without_its_ticket_and_an_offer_without_its_stop_are_found() {
    let (bed, numbers) = sound();
    // Only the ticket's side of a withdrawal.
    let hold = bed.deciding(numbers[0], Command::Hold { reason: "holiday".into(), until: None });
    bed.ok(vec![hold]);
    assert_eq!(promises(&bed), ["P3"], "the stop is still there");
    let (bed, _) = sound();
    bed.ok(vec![bed.route_change("ann", 0)]);
    assert_eq!(promises(&bed), ["P3", "P3"], "both stops are gone");
}

#[test]
fn an_overlap_in_any_version_of_a_route_is_found_even_if_it_was_mended() {
    let (bed, _) = sound();
    let route = bed.store().route(&expert("ann")).unwrap();
    let event = |stops| {
        let region = region("north");
        let cause = crate::domain::route::RouteCause::Late;
        Fact::Route(crate::domain::route::RouteEvent::Changed { cause, stops, anchor: None, served: 0, region })
    };
    let mut swapped = route.stops.clone();
    swapped.reverse();
    bed.ok(vec![bed.change("north", Thing::Route(expert("ann")), event(swapped))]);
    bed.ok(vec![bed.change("north", Thing::Route(expert("ann")), event(route.stops.clone()))]);
    assert_eq!(promises(&bed), ["P5"]);
}

#[test]
fn an_offer_without_a_decision_is_found() {
    let (bed, numbers) = sound();
    let offered = bed.store().history(&Thing::Ticket(numbers[0])).unwrap();
    let offered = offered.into_iter().find(|event| matches!(event.fact, Fact::Ticket(TicketEvent::Offered { .. })));
    let again = bed.change("south", Thing::Ticket(numbers[2]), offered.unwrap().fact);
    bed.ok(vec![again]);
    assert_eq!(promises(&bed), ["P3", "P4"]);
}

#[test]
fn one_external_id_with_two_tickets_is_found() {
    let bed = Bed::peopled();
    for _ in 0..2 {
        let number = bed.store().next_number(&region("north")).unwrap();
        let mut open = super::bed::a_request(number, "north", 0, bed.store().new_person());
        open.external_id = Some("form-17".into());
        bed.ok(vec![super::bed::opening_change(open)]);
    }
    assert_eq!(promises(&bed), ["P2"]);
}

#[test]
fn a_deadline_long_overdue_is_found() {
    let (bed, _) = sound();
    assert_eq!(promises(&bed), [] as [&str; 0]);
    let mut late = batch(vec![bed.route_change("ann", 2)]);
    late.changes.clear();
    late.claims.push(claim("late", TicketNumber::new(RegionCode(0), 1)));
    late.envelope.at = T0.plus_s(40 * 86_400);
    bed.commit(late).unwrap();
    assert!(promises(&bed).iter().all(|promise| *promise == "P6"));
    assert!(!promises(&bed).is_empty());
}
