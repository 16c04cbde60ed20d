//! Each promise, kept and broken in every way it can be.

use super::*;
use crate::domain::{
    decision::{Bid, Candidate, Cost, Decision, Policy, Rule, TravelSource},
    ids::PersonId,
    number::RegionCode,
    person::{Private, TicketPersonal},
    place::{Located, Place},
    settings::RegionSettings,
    ticket::{self, Ctx, Flags, Hold, Offer, Open, Priority, Source, Who},
};

const NUMBER: TicketNumber = TicketNumber { code: RegionCode(1), serial: 5 };
const NOW: Timestamp = Timestamp(1_772_438_400_000);

fn ann() -> ExpertId {
    ExpertId::parse("ann").unwrap()
}

fn offer() -> Offer {
    Offer { no: 1, made_at: NOW, expires_at: NOW.plus_s(300) }
}

/// Offered to ann.
fn offered() -> Ticket {
    let open = Open {
        number: NUMBER,
        region: RegionId::parse("north").unwrap(),
        person: PersonId(0),
        personal: TicketPersonal::default(),
        customer: None,
        coarse: None,
        located: Located::Inside,
        source: Source::Web,
        external_id: None,
        product: None,
        skills: Vec::new(),
        priority: Priority::Normal,
        opened_at: NOW,
        service_s: 600,
        window: None,
        due_at: None,
        flags: Flags::default(),
    };
    let settings = RegionSettings::default();
    let events =
        ticket::open(open, &Ctx { now: NOW, who: &Who::system(), settings: &settings, calendar: None, zone: "UTC" });
    let [TicketEvent::Opened(opened)] = events.as_slice() else { panic!("a ticket begins with Opened alone") };
    let mut ticket = Ticket::opened(opened);
    ticket.apply(&award(None));
    ticket
}

fn award(reason: Option<&str>) -> TicketEvent {
    TicketEvent::Offered {
        expert: ann(),
        offer: offer(),
        planned_start: NOW,
        planned_end: NOW.plus_s(600),
        reason: reason.map(|reason| Private::new(PersonId(0), reason.into())),
    }
}

fn stop(minute: i64) -> Stop {
    Stop {
        ticket: NUMBER,
        visit: 1,
        offer: 1,
        state: StopState::Offered,
        place: Private::new(PersonId(0), Place::new(1.0, 1.0).unwrap()),
        service_s: 600,
        window: None,
        planned_depart: NOW.plus_s(minute * 60),
        planned_start: NOW.plus_s(minute * 60 + 300),
        planned_end: NOW.plus_s(minute * 60 + 900),
        pinned: false,
        forced: false,
        due: None,
        urgency: 1,
    }
}

fn route(stops: Vec<Stop>) -> Route {
    Route { stops, ..Route::empty(ann(), RegionId::parse("north").unwrap()) }
}

fn violations(ticket: Ticket, stops: Vec<Stop>) -> usize {
    single(&Tickets::from([(NUMBER, Arc::new(ticket))]), &Routes::from([(ann(), Arc::new(route(stops)))])).len()
}

#[test]
fn a_ticket_is_whole_in_its_phase_and_in_a_region_that_exists() {
    let whole = |ticket: &Ticket| conserved(ticket, |region| region.as_str() == "north").is_empty();
    assert!(whole(&offered()));
    let breakages: [fn(&mut Ticket); 6] = [
        |t| t.region = RegionId::unlocated(),
        |t| t.visit.offer = None,
        |t| t.visit.expert = None,
        |t| t.step = Some(Step::OnSite),
        |t| t.hold = Some(Hold { since: NOW, until: None }),
        |t| t.phase = Phase::New,
    ];
    for (i, break_it) in breakages.into_iter().enumerate() {
        let mut ticket = offered();
        break_it(&mut ticket);
        assert!(!whole(&ticket), "breakage {i}");
    }
}

#[test]
fn a_held_visit_is_one_stop_and_a_stop_is_a_held_visit() {
    assert_eq!(violations(offered(), vec![stop(0)]), 0);
    assert_eq!(violations(offered(), vec![]), 1, "no stop");
    assert_eq!(violations(offered(), vec![stop(0), stop(30)]), 1, "two stops");
    assert_eq!(violations(offered(), vec![Stop { visit: 2, ..stop(0) }]), 2, "another visit, from both sides");
    assert_eq!(violations(offered(), vec![Stop { state: StopState::Assigned, ..stop(0) }]), 1, "another state");
    let mut free = offered();
    (free.visit.expert, free.visit.offer) = (None, None);
    assert_eq!(violations(free, vec![stop(0)]), 1, "a stop that nobody holds");
    let mut bobs = offered();
    bobs.visit.expert = Some(ExpertId::parse("bob").unwrap());
    assert_eq!(violations(bobs, vec![stop(0)]), 2, "another expert's, who has no route");
}

#[test]
fn the_router_offers_to_whom_its_decision_chose_by_a_bid() {
    let bid = Bid { position: 0, depart: NOW, start: NOW, end: NOW, cost: Cost::default() };
    let decided = |winner: &str, verdict: Verdict| {
        let candidate = Candidate { expert: ann(), profile_version: 1, route_version: 0, position: None, verdict };
        TicketEvent::Decided(Box::new(Decision {
            at: NOW,
            ticket_version: 1,
            visit: 1,
            region: RegionId::parse("north").unwrap(),
            region_version: 1,
            policy: Policy::Insertion,
            travel: TravelSource::GreatCircle,
            candidates: vec![candidate],
            winner: Some(ExpertId::parse(winner).unwrap()),
            second_round: false,
            plan: None,
        }))
    };
    let check = |events: &[&TicketEvent]| qualified(NUMBER, events).len();
    let good = decided("ann", Verdict::Bid(bid.clone()));
    assert_eq!(check(&[&good, &award(None)]), 0);
    assert_eq!(check(&[&award(None)]), 1, "no decision");
    assert_eq!(check(&[&decided("bob", Verdict::Bid(bid)), &award(None)]), 1, "another winner");
    assert_eq!(check(&[&decided("ann", Verdict::Ruled(Rule::Skill)), &award(None)]), 1, "ruled out");
    assert_eq!(check(&[&award(Some("knows the house"))]), 0, "a person's choice");
}

#[test]
fn stops_follow_one_another() {
    let none = |_: &Route| None;
    assert!(unhurried(&route(vec![stop(0), stop(15)]), none).is_empty());
    assert_eq!(unhurried(&route(vec![stop(0), stop(5)]), none).len(), 1, "begins too early");
    let backwards = Stop { planned_start: NOW.plus_s(-1), ..stop(0) };
    assert_eq!(unhurried(&route(vec![backwards]), none).len(), 1, "begins before it leaves");
    assert_eq!(unhurried(&route(vec![stop(0), stop(15)]), |_| Some((stop(0), stop(15)))).len(), 1, "travel");
}

#[test]
fn a_deadline_may_be_late_by_the_bound_and_no_more() {
    let ticket = offered();
    let first = ticket.timers().into_iter().map(|timer| timer.due).min().unwrap();
    assert!(on_time(&ticket, first.plus_s(60), 60).is_empty());
    assert_eq!(on_time(&ticket, first.plus_s(61), 60).len(), 1);
}
