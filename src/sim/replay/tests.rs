use super::*;
use crate::{
    domain::{hours::Hours, network::NetworkId, place::Place, settings::Source},
    import::{self, TicketOptions, Tickets},
    routing::roads::{Network, Roads, Street},
    sim::City,
};

/// A morning of calls: two need the same rare skill, two have windows, one has no place, one repeats
/// another's words (not its id), two come in the same second, one at night.
const MORNING: &str = "external_id,created_at,title,product,priority,window_from,window_to,lat,lon,duration_s,due_at
t-01,2026-03-02T08:00:00-06:00,no picture,television,normal,,,40.010,-99.010,1500,
t-02,2026-03-02T08:00:00-06:00,no sound,soundbar,normal,,,40.020,-99.030,,
t-03,2026-03-02T08:04:10-06:00,hums,turntable,low,,,39.990,-98.980,1800,
t-04,2026-03-02T08:05:00-06:00,dead,laptop,high,,,40.030,-99.040,,2026-03-02T12:00:00-06:00
t-05,2026-03-02T08:09:30-06:00,dead,laptop,high,,,40.031,-99.041,,
t-06,2026-03-02T08:15:00-06:00,blinks red,router,urgent,,,39.970,-99.020,1200,
t-07,2026-03-02T08:16:00-06:00,paper jam,printer,normal,2026-03-02T10:00:00-06:00,2026-03-02T12:00:00-06:00,40.003,-99.002,1200,
t-08,2026-03-02T08:20:00-06:00,leaks,dishwasher,normal,,,40.012,-98.990,2400,
t-09,2026-03-02T08:21:00-06:00,shakes,washing-machine,normal,,,40.033,-98.970,2400,
t-10,2026-03-02T08:25:00-06:00,does not ring,doorbell,low,,,39.965,-99.030,900,
t-11,2026-03-02T08:26:00-06:00,too cold,thermostat,high,,,39.980,-99.035,1500,
t-12,2026-03-02T08:30:00-06:00,rack is down,server,urgent,,,40.005,-99.005,3600,
t-13,2026-03-02T08:31:00-06:00,no place known,television,normal,,,,,,
t-14,2026-03-02T08:33:00-06:00,flickers,television,normal,,,40.015,-99.025,,
t-15,2026-03-02T08:40:00-06:00,odd smell,toaster,normal,,,40.022,-98.995,,
t-16,2026-03-02T08:45:00-06:00,slow,router,normal,2026-03-02T13:00:00-06:00,2026-03-02T15:00:00-06:00,39.995,-99.015,1200,
t-17,2026-03-02T09:00:00-06:00,no picture,television,normal,,,40.025,-99.008,,
t-18,2026-03-02T09:05:00-06:00,restarts,desktop,normal,,,39.985,-98.985,,
t-19,2026-03-02T09:10:00-06:00,restarts,desktop,normal,,,39.986,-98.986,,
t-20,2026-03-02T23:30:00-06:00,no light,thermostat,low,,,40.008,-99.028,1500,
";

fn morning() -> Vec<Arrival> {
    let source = import::Source::bytes("morning.csv", MORNING.as_bytes().to_vec()).expect("source");
    let rows = Tickets::open(source, TicketOptions::default()).expect("header");
    rows.map(|row| row.expect("row").ticket)
        .map(|new| Arrival { at: new.opened_at.expect("created_at"), new })
        .collect()
}

fn run(seed: u64, behaviour: Behaviour, arrivals: Vec<Arrival>) -> Replayed {
    run_by(Policy::Insertion, seed, behaviour, arrivals)
}

fn run_by(policy: Policy, seed: u64, behaviour: Behaviour, arrivals: Vec<Arrival>) -> Replayed {
    replay(plan(policy, seed, behaviour, arrivals), &mut |_, _| {}).expect("replay")
}

fn plan(policy: Policy, seed: u64, behaviour: Behaviour, arrivals: Vec<Arrival>) -> Replay {
    let city = City::generate(7);
    Replay {
        regions: city.regions,
        experts: city.experts,
        catalogue: Some(city.catalogue),
        rows: arrivals.len() as u64,
        arrivals,
        seed,
        policy,
        behaviour,
        roads: None,
        data: None,
    }
}

#[test]
fn one_seed_gives_one_journal_and_another_gives_another() {
    let heads: Vec<String> =
        [1, 1, 2].into_iter().map(|seed| run(seed, Behaviour::Lifelike, morning()).kpis.head).collect();
    assert_eq!(heads[0], heads[1]);
    assert_ne!(heads[0], heads[2]);
}

#[test]
fn the_router_gives_one_journal_for_one_seed_too() {
    let heads = [1, 1].map(|seed| run_by(Policy::Full, seed, Behaviour::Lifelike, morning()).kpis.head);
    assert_eq!(heads[0], heads[1]);
}

#[test]
fn who_knows_all_serves_no_fewer_and_keeps_nobody_waiting_longer() {
    let online = run_by(Policy::Full, 3, Behaviour::Exact, morning()).kpis;
    let known = crate::sim::hindsight(&plan(Policy::Full, 3, Behaviour::Exact, morning()), 2_048).expect("plan");
    assert!(known.served >= online.at_end.served, "{known:?}, online {:?}", online.at_end);
    assert!(known.response_s <= online.response_s.mean + 60.0, "{known:?}, online {:?}", online.response_s);
    let crowd = plan(Policy::Full, 3, Behaviour::Exact, vec![morning().remove(0); 3_001]);
    assert!(crate::sim::hindsight(&crowd, 1).is_err_and(|why| why.contains("3001")));
}

#[test]
fn every_ticket_of_a_morning_is_served_or_explained() {
    let both = [Behaviour::Exact, Behaviour::Lifelike];
    for (policy, behaviour) in both.into_iter().flat_map(|b| [(Policy::Insertion, b), (Policy::Full, b)]) {
        let Replayed { kpis, findings, .. } = run_by(policy, 3, behaviour, morning());
        assert_eq!((kpis.tickets, kpis.accepted, kpis.refused), (20, 20, 0));
        assert_eq!((kpis.lost, kpis.duplicated), (0, 0));
        assert_eq!(findings, [], "{behaviour:?}");
        assert_eq!((kpis.at_end.unexplained, kpis.at_end.under_way), (0, 0), "{:?}", kpis.at_end);
        assert!(kpis.at_end.served >= 18, "{behaviour:?}: {:?}", kpis.at_end);
        assert!(kpis.at_end.escalated >= 1, "the one without a place is with a person: {:?}", kpis.at_end);
        assert_eq!(kpis.assign_ms.p99 > 0.0, kpis.completed > 0);
    }
}

/// Streets all over the city, 900 m apart, each slower one way than the other.
fn streets() -> Arc<Legs> {
    const SIDE: u32 = 20;
    let spot = |no: u32| {
        let (row, column) = (no / SIDE, no % SIDE);
        Place::new(39.92 + f64::from(row) * 0.008, -99.1 + f64::from(column) * 0.01_05).unwrap()
    };
    let street = |from: u32, to: u32| {
        let forward_ms = 70_000 + 1_000 * (from * 7 % 50);
        Street { from, to, forward_ms, backward_ms: forward_ms + 9_000, length_dm: 9_000, corners: 0..0 }
    };
    let all = || 0..SIDE * SIDE;
    let east = all().filter(|no| no % SIDE < SIDE - 1).map(|no| street(no, no + 1));
    let north = all().filter(|no| no / SIDE < SIDE - 1).map(|no| street(no, no + SIDE));
    let network =
        Network { junctions: all().map(spot).collect(), streets: east.chain(north).collect(), ..Network::default() };
    let roads = Roads::prepare(network, &mut |_, _| {}).unwrap();
    Arc::new(Legs::new(NetworkId::of_hash(&[1; 32]), roads, 500.0))
}

#[test]
fn a_day_over_roads_and_by_the_hour_breaks_no_rule_and_is_the_same_again() {
    let mut slow_till_noon = [100; 24];
    slow_till_noon[..12].fill(60);
    let day = |policy, roads: Option<Arc<Legs>>| {
        let mut plan = plan(policy, 3, Behaviour::Lifelike, morning());
        for region in &mut plan.regions {
            let travel = &mut region.settings.get_or_insert_default().travel;
            travel.source = if roads.is_some() { Source::Roads } else { Source::GreatCircle };
            travel.speed_by_hour = Hours::new(slow_till_noon);
        }
        let Replayed { kpis, findings, .. } = replay(Replay { roads, ..plan }, &mut |_, _| {}).expect("replay");
        assert_eq!(findings, []);
        assert_eq!((kpis.lost, kpis.at_end.unexplained), (0, 0));
        assert!(kpis.at_end.served >= 18, "{:?}", kpis.at_end);
        kpis.head
    };
    for policy in [Policy::Insertion, Policy::Full] {
        let [first, again] = [(); 2].map(|()| day(policy, Some(streets())));
        assert_eq!(first, again);
        assert_ne!(first, day(policy, None));
    }
}

#[test]
fn a_server_is_refused_before_anything_is_played() {
    let mut plan = plan(Policy::Full, 1, Behaviour::Exact, morning());
    let last = plan.regions.last_mut().expect("a region");
    last.settings.get_or_insert_default().travel.source = Source::Server;
    let id = last.id.to_string();
    let refused = replay(plan, &mut |_, _| panic!("it plays")).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains(&id) && refused.contains("travel.source") && refused.contains("--roads"), "{refused}");
}

#[test]
fn the_same_external_id_twice_is_one_ticket() {
    let mut arrivals = morning();
    let mut again = arrivals[3].clone();
    again.at = again.at.plus_s(60);
    arrivals.push(again);
    let kpis = run(1, Behaviour::Exact, arrivals).kpis;
    assert_eq!((kpis.lost, kpis.duplicated), (0, 0));
    assert_eq!(kpis.at_end.served + kpis.at_end.escalated, 20);
}

#[test]
fn a_directory_with_something_in_it_is_left_alone() {
    let dir = tempfile::tempdir().expect("tempdir");
    std::fs::write(dir.path().join("letter.txt"), "mine").expect("write");
    let refused = Scratch::new(Some(dir.path())).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(refused.contains("is not empty"), "{refused}");
    assert!(dir.path().join("letter.txt").exists());
}
