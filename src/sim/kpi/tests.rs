use super::*;

#[test]
fn quantiles_are_values_that_occurred() {
    let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
    assert_eq!(Spread::of(&values), Spread { mean: 50.5, p50: 50.0, p90: 90.0, p99: 99.0 });
    assert_eq!(Middle::of(&[3.0]), Middle { p50: 3.0, p99: 3.0 });
    assert_eq!(Middle::of(&[]), Middle::default());
}

#[test]
fn a_day_of_driving_ends_where_the_next_shift_begins() {
    let hour = |h: i64| Timestamp(h * 3_600_000);
    let place = Place { lat_e6: 0, lon_e6: 0 };
    let shifts = [Interval { from: hour(8), to: hour(16) }, Interval { from: hour(32), to: hour(40) }];
    let stops = [hour(9), hour(15), hour(17), hour(33)].map(|at| (at, place));
    let days: Vec<usize> = days(&stops, &shifts).map(<[_]>::len).collect();
    assert_eq!(days, [3, 1], "overtime belongs to the shift before it");
}

const START: Timestamp = Timestamp(1_790_000_000_000);

fn place(lat: f64) -> Place {
    Place::new(lat, -99.0).expect("place")
}

/// One ticket's events after `Opened`, each a batch of its own.
fn journal(events: Vec<TicketEvent>, due_s: i64) -> Vec<Recorded> {
    use crate::domain::{
        expert::{ExpertEvent, ExpertPersonal},
        ids::PersonId,
        number::RegionCode,
        person::{Private, TicketPersonal},
        place::{Geometry, Located},
        region::RegionEvent,
        settings::RegionSettings,
        shift::Shift,
        ticket::{Ctx, Flags, Open, Source, Who, open},
    };
    let region = RegionId::parse("north").expect("id");
    let settings = RegionSettings::default();
    let home = ExpertPersonal { name: "Expert 1".into(), phone: None, email: None, home: place(40.0) };
    let expert = Expert {
        id: ExpertId::parse("e1").expect("id"),
        version: 1,
        region: region.clone(),
        skills: BTreeMap::new(),
        personal: Private::new(PersonId(1), home),
        shifts: Shift::parse_all("mon-sun 00:00-00:00").expect("shift"),
        zone: "UTC".into(),
        max_visits_ahead: None,
        retired: false,
        absences: Vec::new(),
        next_absence: 1,
    };
    let district = Region {
        id: region.clone(),
        version: 1,
        code: RegionCode(1),
        name: "North".into(),
        time_zone: "UTC".into(),
        geometry: Geometry { polygons: Vec::new() },
        zips: Vec::new(),
        settings: settings.clone(),
        parked: None,
        shortage: None,
    };
    let number = TicketNumber::new(RegionCode(1), 1);
    let request = Open {
        number,
        region: region.clone(),
        person: PersonId(2),
        personal: TicketPersonal { title: "hums".into(), place: Some(place(40.1)), ..TicketPersonal::default() },
        customer: None,
        coarse: None,
        located: Located::Inside,
        source: Source::Web,
        external_id: Some("x-1".into()),
        product: None,
        skills: crate::domain::catalogue::Catalogue::fallback(),
        priority: Priority::Urgent,
        opened_at: START,
        service_s: 1_800,
        window: None,
        due_at: Some(START.plus_s(due_s)),
        flags: Flags::default(),
    };
    let who = Who::system();
    let opened = open(request, &Ctx { now: START, who: &who, settings: &settings, calendar: None, zone: "UTC" });
    let facts = [
        (Thing::Region(region.clone()), Fact::Region(RegionEvent::Written(Box::new(district)))),
        (Thing::Expert(expert.id.clone()), Fact::Expert(ExpertEvent::Written(Box::new(expert)))),
    ];
    let ticket = opened.into_iter().chain(events).map(|event| (Thing::Ticket(number), Fact::Ticket(event)));
    let envelope =
        crate::storage::Envelope { at: START, who: who.clone(), request_id: None, cause: None, trace_id: None };
    let recorded = |(seq, (thing, fact)): (usize, (Thing, Fact))| Recorded {
        seq: seq as Seq + 1,
        batch: seq as Seq + 1,
        region: region.clone(),
        thing,
        version: 1,
        prev: 0,
        envelope: envelope.clone(),
        fact,
    };
    facts.into_iter().chain(ticket).enumerate().map(recorded).collect()
}

fn served_visit() -> Vec<TicketEvent> {
    use crate::domain::{ids::PersonId, person::Private, ticket::Offer};
    let at = |s: i64| START.plus_s(s);
    vec![
        TicketEvent::Offered {
            expert: ExpertId::parse("e1").expect("id"),
            offer: Offer { no: 1, made_at: START, expires_at: at(300) },
            planned_start: at(1_200),
            planned_end: at(3_000),
            reason: None,
        },
        TicketEvent::Accepted { offer: 1, at: at(10), late: false },
        TicketEvent::Departed { at: at(60) },
        TicketEvent::Arrived { at: at(1_200) },
        TicketEvent::Completed {
            at: at(3_000),
            notes: Private::new(PersonId(2), "done".into()),
            resolution: "fixed".into(),
            closes_at: at(10_000),
            parts: Vec::new(),
            typed: None,
        },
    ]
}

fn kpis_of(journal: &[Recorded], externals: &[&str]) -> Kpis {
    let mut ledger = Ledger::default();
    journal.chunks(1).for_each(|batch| ledger.apply_batch(batch));
    let externals: BTreeSet<String> = externals.iter().map(|id| (*id).to_owned()).collect();
    ledger.kpis(externals.len() as u64, &externals, &Played::default())
}

#[test]
fn a_visit_is_measured_from_the_journal_and_driven_from_home_to_home() {
    let late = kpis_of(&journal(served_visit(), 600), &["x-1"]);
    assert_eq!((late.completed, late.urgent_completed, late.assigned_automatically), (1, 1, 1));
    assert_eq!((late.response_s.mean, late.late_share), (1_200.0, 1.0));
    let leg = routing::great_circle(place(40.0), place(40.1), &crate::domain::settings::TravelSettings::default());
    assert_eq!(late.travel_m_per_visit, 2.0 * leg.distance_m as f64);
    assert_eq!(kpis_of(&journal(served_visit(), 3_600), &["x-1"]).late_share, 0.0);
}

#[test]
fn what_is_lost_doubled_or_unfit_is_counted() {
    let events = journal(served_visit(), 600);
    assert_eq!(kpis_of(&events, &["x-1", "x-2"]).lost, 1);
    let mut twice = events.clone();
    let mut again = events[2].clone();
    again.thing = Thing::Ticket(TicketNumber::new(crate::domain::number::RegionCode(1), 2));
    twice.push(again);
    let counted = kpis_of(&twice, &["x-1"]);
    assert_eq!((counted.duplicated, counted.at_end.unexplained), (1, 1), "the second one waits without a reason");
    let orphan: Vec<Recorded> = events.iter().filter(|e| e.fact.kind() != "ticket.opened").cloned().collect();
    assert!(kpis_of(&orphan, &[]).hard_violations > 0);
}
