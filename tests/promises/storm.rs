//! The panic storm: actors of all kinds panic at random under load. Nothing is lost, the doors hardly
//! notice, and when it is over everybody works again.
//!
//! `CALLOUT_STORM_SECONDS=n` says how long it lasts (`make storm`: 120).

use crate::common::{
    Dice, seed,
    tree::{ALWAYS, Time, Tree, at, by, expert, play, quiet_storms, tv, violations},
};
use callout::{
    actors::{Failure, Kind, Service},
    domain::{
        ids::{ExpertId, TicketNumber},
        route::{Stop, StopState},
        ticket::{Action, Command, ExpertCommand, Phase, Role, Ticket},
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// So many that a dispatcher seldom crashes often enough to be parked.
const REGIONS: u64 = 12;
const EXPERTS: u64 = 24;
const CLIENTS: u64 = 4;
/// Each client opens a ticket so often.
const PACE_MS: i64 = 80;
const PANICS_PER_S: u64 = 50;
const STRIKE_MS: i64 = 10;
/// Parked regions come back after a pause; after a longer one without progress something is stuck.
const RECOVERY_S: i64 = 30;
/// From here on the figures mean something.
const LONG_S: i64 = 60;

/// What one client was told, and how long it took, milliseconds.
#[derive(Default)]
struct Opens {
    acked: Vec<TicketNumber>,
    took_ms: Vec<f64>,
    failed: Vec<Failure>,
}

impl Opens {
    fn p99(&mut self) -> f64 {
        self.took_ms.sort_by(f64::total_cmp);
        self.took_ms.get(self.took_ms.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default()
    }

    fn add(&mut self, other: Self) {
        self.acked.extend(other.acked);
        self.took_ms.extend(other.took_ms);
        self.failed.extend(other.failed);
    }
}

#[test]
fn storm() {
    quiet_storms();
    let seconds = std::env::var("CALLOUT_STORM_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let seed = seed();
    play(Time::Machine, async |tree: &Tree| rage(tree, seconds, seed).await);
}

async fn rage(tree: &Tree, seconds: i64, seed: u64) {
    town(tree).await;
    let over = Arc::new(AtomicBool::new(false));
    let phones: Vec<_> = (0..EXPERTS)
        .map(|n| tokio::spawn(phone(tree.service.clone(), expert(&format!("e{n}")), over.clone(), Dice(seed + n))))
        .collect();
    let calm_s = (seconds / 4).clamp(2, 20);
    let mut calm = load(tree, calm_s, seed).await;
    let (mut storm, struck) = tokio::join!(load(tree, seconds, seed ^ 1), strike(tree, seconds, Dice(seed ^ 2)));
    let recovered_ms = recover(tree, &[&calm.acked[..], &storm.acked[..]].concat()).await;
    // Calm is before and after: the journal has grown, and the machine has other work at times.
    calm.add(load(tree, calm_s, seed ^ 3).await);
    recover(tree, &calm.acked).await;
    over.store(true, Ordering::Release);
    for phone in phones {
        phone.await.unwrap();
    }
    let (calm_ms, storm_ms) = (calm.p99(), storm.p99());
    let acked: Vec<TicketNumber> = calm.acked.iter().chain(&storm.acked).copied().collect();
    println!(
        "{struck} panics in {seconds} s; {} opens acknowledged, {} not; p99 of the opens {calm_ms:.1} ms calm, \
         {storm_ms:.1} ms in the storm (x {:.2}); all settled {recovered_ms} ms later: {}",
        acked.len(),
        calm.failed.len() + storm.failed.len(),
        storm_ms / calm_ms,
        ends(tree, &acked),
    );
    let wrong = violations(tree.service.store(), &acked);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(struck >= u64::try_from(seconds).unwrap() * PANICS_PER_S * 8 / 10, "{struck} panics");
    let ours = |failure: &Failure| matches!(failure, Failure::Overloaded { .. } | Failure::OutcomeUnknown);
    assert!(calm.failed.is_empty() && storm.failed.iter().all(ours), "{:?}", storm.failed);
    assert!(seconds < LONG_S || storm_ms < 2.0 * calm_ms, "others notice: {calm_ms:.1} ms, {storm_ms:.1} ms");
}

async fn town(tree: &Tree) {
    for n in 0..REGIONS {
        tree.square(&format!("r{n}"), 10.0 * n as f64, |_| {}).await;
    }
    for n in 0..EXPERTS {
        let east_km = 10.0 * (n % REGIONS) as f64 + 2.0 + (n / REGIONS) as f64;
        tree.expert(&format!("e{n}"), at(east_km, 5.0), "tv", ALWAYS).await;
    }
}

/// Clients that open tickets all over town at a steady pace.
async fn load(tree: &Tree, seconds: i64, seed: u64) -> Opens {
    let end = tree.clock.now().plus_s(seconds);
    let client = |n: u64| {
        let (service, clock) = (tree.service.clone(), tree.clock.clone());
        let mut dice = Dice(seed.wrapping_mul(31).wrapping_add(n + 1) | 1);
        tokio::spawn(async move {
            let mut opens = Opens::default();
            let portal = by(Role::Portal, "portal");
            while clock.now() < end {
                let east_km = dice.roll(REGIONS * 1_000) as f64 / 100.0;
                let began = now();
                match service.open(tv(east_km, dice.roll(1_000) as f64 / 100.0), &portal).await {
                    Ok(opened) => {
                        opens.took_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
                        opens.acked.push(opened.ticket.number);
                    }
                    Err(failure) => opens.failed.push(failure),
                }
                drop(clock.sleep_until(clock.now().plus_ms(PACE_MS)).await);
            }
            opens
        })
    };
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    let mut all = Opens::default();
    for client in clients {
        all.add(client.await.unwrap());
    }
    all
}

#[allow(clippy::disallowed_methods, reason = "measures how long a call takes in real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Panics at random, at a steady rate; how many there were. A kind of which nobody moves (all regions
/// are parked) is left alone until its last one was met, and the others get its share.
async fn strike(tree: &Tree, seconds: i64, mut dice: Dice) -> u64 {
    let faults = tree.service.faults();
    let began = tree.clock.now();
    let (mut next, mut given) = (began, 0);
    while next < began.plus_s(seconds) {
        let due = next.since_ms(began).unsigned_abs() * PANICS_PER_S / 1_000;
        for _ in 0..due.saturating_sub(given) {
            let kind = [Kind::Ticket, Kind::Expert, Kind::Dispatcher][dice.roll(3) as usize];
            let strikes = u64::from(faults.owed(kind) == 0);
            faults.panic_next(kind, strikes);
            given += strikes;
        }
        next = next.plus_ms(STRIKE_MS);
        drop(tree.clock.sleep_until(next).await);
    }
    faults.calm();
    faults.struck()
}

/// An expert who does at once whatever the route says; one offer in ten is declined.
async fn phone(service: Service, id: ExpertId, over: Arc<AtomicBool>, mut dice: Dice) {
    let mut caller = by(Role::Expert, id.as_str());
    caller.patience = Duration::from_secs(2);
    let mut device = service.connect(&id);
    while !over.load(Ordering::Acquire) {
        let pause = service.clock().sleep_until(service.clock().now().plus_ms(20));
        drop(pause.await);
        while let Ok(push) = device.try_recv() {
            let receipt = Command::DeliveryReceived { delivery: push.delivery };
            let _ = service.command(push.ticket, receipt, &caller).await;
        }
        let Some(route) = service.store().route(&id) else { continue };
        let offered = route.stops.iter().filter(|stop| stop.state == StopState::Offered);
        let first = route.stops.iter().find(|stop| stop.state != StopState::Offered);
        for stop in offered.chain(first) {
            let action = deed(stop, &mut dice);
            let command = ExpertCommand {
                expert: id.clone(),
                action,
                at: None,
                visit: Some(stop.visit),
                offer: None,
                id: None,
                offline: false,
            };
            // Whatever went wrong shows in the route next time.
            let _ = service.command(stop.ticket, Command::Expert(command), &caller).await;
        }
    }
}

fn deed(stop: &Stop, dice: &mut Dice) -> Action {
    match stop.state {
        StopState::Offered if dice.roll(10) == 0 => Action::Decline { reason: "busy".into() },
        StopState::Offered => Action::Accept,
        StopState::Assigned => Action::Depart,
        StopState::EnRoute => Action::Arrive,
        StopState::OnSite => Action::Complete { resolution: "fixed".into(), notes: String::new(), parts: Vec::new() },
    }
}

/// Served, or with a person or a next try, and why.
fn accounted(ticket: &Ticket) -> bool {
    ticket.phase == Phase::Completed
        || ticket.waiting.is_some()
        || ticket.escalation.is_some()
        || ticket.quarantined.as_ref().is_some_and(|cause| !cause.is_empty())
}

/// Milliseconds until every region works and every acknowledged ticket is accounted for.
async fn recover(tree: &Tree, acked: &[TicketNumber]) -> i64 {
    let (began, mut moved) = (tree.clock.now(), tree.clock.now());
    let mut open = acked.to_vec();
    loop {
        let before = open.len();
        open.retain(|number| !accounted(&tree.ticket(*number)));
        let unready = tree.service.readiness().unready;
        let now = tree.clock.now();
        if open.len() < before {
            moved = now;
        }
        let took_ms = now.since_ms(began);
        if open.is_empty() && unready.is_empty() {
            return took_ms;
        }
        let stuck: Vec<_> = open.iter().take(3).map(|number| tree.ticket(*number)).collect();
        assert!(now.since_s(moved) < RECOVERY_S, "{} tickets stuck, {unready:?}: {stuck:#?}", open.len());
        drop(tree.clock.sleep_until(now.plus_ms(50)).await);
    }
}

fn ends(tree: &Tree, acked: &[TicketNumber]) -> String {
    let tickets: Vec<_> = acked.iter().map(|number| tree.ticket(*number)).collect();
    let count = |what: &dyn Fn(&Ticket) -> bool| tickets.iter().filter(|ticket| what(ticket)).count();
    format!(
        "{} served, {} waiting, {} escalated, {} quarantined",
        count(&|ticket| ticket.phase == Phase::Completed),
        count(&|ticket| ticket.waiting.is_some()),
        count(&|ticket| ticket.escalation.is_some()),
        count(&|ticket| ticket.quarantined.is_some()),
    )
}
