//! The running tree in this process: what rows need that look past the doors.

use crate::{
    Options,
    country::{self, place_in, ready, store_options},
    row::rounded,
    server::Memory,
};
use callout::{
    actors::{Caller, Clock, Service, ServiceOptions},
    domain::{
        decision::Policy,
        intake::NewTicket,
        person::{Address, Contact},
        ticket::{Priority, Role, Source, Who},
        time::Timestamp,
    },
    storage::{Durability, Store},
};
use serde_json::json;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(4).enable_all().build().unwrap()
}

/// Opens the data durably and starts the tree; regions may still be recovering.
pub(crate) async fn start(data: &Path) -> Service {
    let store = Store::open(store_options(data, Durability::Fsync)).unwrap();
    start_over(store, Policy::Insertion).await
}

pub(crate) async fn start_over(store: Store, policy: Policy) -> Service {
    let options = ServiceOptions {
        clock: Clock::machine(Timestamp::ZERO),
        seed: 1,
        policy,
        dispatch: true,
        forecast_every_s: 0,
        zip: Arc::new(|_| None),
        desk: Arc::new(callout::notify::Desk::silent()),
        roads: None,
        server: None,
    };
    Service::start(store, options).await.unwrap()
}

/// Until every region dispatches; the bench ends when that takes longer than two minutes.
pub(crate) async fn all_ready(service: &Service) {
    let started = Instant::now();
    loop {
        let readiness = service.readiness();
        if readiness.ready && readiness.unready.is_empty() {
            return;
        }
        assert!(started.elapsed() < Duration::from_mins(2), "regions do not get ready: {:?}", readiness.unready);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) fn clerk() -> Caller {
    Caller::of(Who { role: Role::Clerk, id: "bench".to_owned() })
}

/// A request as a clerk enters it; its customer has no phone, so nothing is sent.
pub(crate) fn request(region: usize, nth: usize) -> NewTicket {
    NewTicket {
        customer: None,
        contact: Contact { name: Some(format!("Customer {nth}")), ..Contact::default() },
        product: None,
        skills: vec![country::skill(nth)],
        title: "No sound".to_owned(),
        description: Some(
            "Sound has gone on all inputs since yesterday; the remote control shows the volume.".to_owned(),
        ),
        place: Some(place_in(region, nth)),
        address: Some(Address { line1: Some(format!("{nth} Example Street")), ..Address::default() }),
        window: None,
        priority: Priority::Normal,
        source: Source::Phone,
        external_id: None,
        service_s: None,
        due_at: None,
        opened_at: None,
    }
}

/// Prints how long each stage of a start takes on the made data: store open, tree started, first
/// ticket accepted, all regions ready; and the memory then. Ends like a crash, without closing.
pub(crate) fn stages(options: &Options) {
    let data = ready(options);
    runtime().block_on(async {
        let started = Instant::now();
        let ms = || rounded(started.elapsed().as_secs_f64() * 1_000.0);
        let store = Store::open(store_options(&data, Durability::Fsync)).unwrap();
        let (store_ms, store_memory) = (ms(), Memory::of("self"));
        let service = start_over(store, Policy::Insertion).await;
        let tree_ms = ms();
        service.open(request(0, 0), &clerk()).await.unwrap();
        let first_ms = ms();
        all_ready(&service).await;
        let ready_ms = ms();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let memory = Memory::of("self");
        println!(
            "{}",
            json!({
                "store_ms": store_ms, "tree_ms": tree_ms, "first_ticket_ms": first_ms, "all_ready_ms": ready_ms,
                "store_mib": store_memory.resident_mib, "resident_mib": memory.resident_mib, "peak_mib": memory.peak_mib,
            })
        );
        std::process::exit(0);
    });
}
