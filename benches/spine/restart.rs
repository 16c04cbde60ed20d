//! Start after `kill -9` on a year of tickets: to the first accepted ticket, to all regions dispatching,
//! and the memory then. The real binary over HTTP; files as a killed process leaves them, the page
//! cache as it is.

use crate::{
    Options,
    client::Client,
    country::{Size, place_in, ready},
    row::{Row, Samples, rounded},
    server::{Memory, Server, all_dispatching, json, token},
};
use callout::bench::{Bounds, TicketMaker};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Tickets entered before each kill, by so many clients at once: what the snapshots have not seen.
const WRITES: usize = 400;
const CLIENTS: usize = 4;
/// Until the work that a start leaves is done, before memory is read.
const SETTLE: Duration = Duration::from_secs(5);

struct Run {
    first_ticket: Duration,
    all_ready: Duration,
    memory: Memory,
}

pub(crate) fn measure(options: &Options) {
    let data = ready(options);
    let clerk = token(&data, "clerk");
    // The first start is not after a kill.
    let mut server = killed_under_load(&data, &clerk, options.size);
    let (mut first, mut all) = (Samples::default(), Samples::default());
    for nth in 0..options.runs {
        let run = timed_start(&mut server, &data, &clerk, nth);
        eprintln!("start {nth}: first ticket after {:?}, all regions after {:?}", run.first_ticket, run.all_ready);
        first.add(run.first_ticket);
        all.add(run.all_ready);
        if nth + 1 < options.runs {
            write_and_kill(&mut server, &clerk);
        }
    }
    server.kill();
    drop(server);
    let stages = stages(options);
    let bare = stages["store_ms"].as_f64().unwrap_or_default();
    Row {
        figure: "kill -9 → first accepted ticket, ms",
        value: first.median(),
        against: Some(("opening the store alone", bare)),
        to_reach: "≤ 1,000",
        detail: json!({ "first_ticket_ms": first.json(), "stages": stages }),
    }
    .print();
    Row {
        figure: "kill -9 → all regions dispatching, ms",
        value: all.median(),
        against: Some(("opening the store alone", bare)),
        to_reach: "≤ 5,000",
        detail: json!({ "all_ready_ms": all.json() }),
    }
    .print();
}

pub(crate) fn measure_memory(options: &Options) {
    let data = ready(options);
    let clerk = token(&data, "clerk");
    let mut server = Server::start(&data);
    let run = settle(&mut server, &clerk);
    let after = server.memory();
    let queued = queued(&mut server.client(&clerk));
    server.stop();
    let Size { regions, experts, open, closed } = options.size;
    Row {
        figure: "memory with 100,000 open tickets, 2,000 experts, 50 regions, MiB",
        value: after.resident_mib,
        against: None,
        to_reach: "≤ 600 MB (572 MiB)",
        detail: json!({
            "regions": regions, "experts": experts, "open": open, "closed": closed, "waiting_in_queues": queued,
            "resident_mib": after.resident_mib, "peak_mib": after.peak_mib,
            "when_all_ready_mib": run.memory.resident_mib,
            "bytes_per_open_ticket": rounded(after.resident_mib * 1_048_576.0 / open.max(1) as f64),
        }),
    }
    .print();
}

/// Tickets that the dispatchers hold, by the server's own count.
fn queued(client: &mut Client) -> Option<f64> {
    let metrics = client.get("/metrics").unwrap().body;
    let metrics = String::from_utf8_lossy(&metrics);
    metrics.lines().find_map(|line| line.strip_prefix("callout_tickets_queued ")?.trim().parse().ok())
}

fn settle(server: &mut Server, clerk: &str) -> Run {
    let run = watch(server, clerk, usize::MAX);
    thread::sleep(SETTLE);
    run
}

fn killed_under_load(data: &Path, clerk: &str, size: Size) -> Server {
    let mut server = Server::start(data);
    watch(&mut server, clerk, size.regions);
    write_and_kill(&mut server, clerk);
    server
}

/// A few clients write; then, in their midst, the end.
fn write_and_kill(server: &mut Server, clerk: &str) {
    let writers: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let mut connection = server.client(clerk);
            thread::spawn(move || {
                let mut tickets = maker(client as u64);
                for _ in 0..WRITES / CLIENTS {
                    // The kill comes while the others are at it.
                    if connection.post("/v1/tickets", &tickets.next_body()).is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    let (patience, started) = (Duration::from_secs(30), Instant::now());
    while !writers.iter().any(thread::JoinHandle::is_finished) && started.elapsed() < patience {
        thread::sleep(Duration::from_millis(1));
    }
    server.kill();
    for writer in writers {
        writer.join().unwrap();
    }
}

fn timed_start(server: &mut Server, data: &Path, clerk: &str, nth: usize) -> Run {
    *server = Server::start(data);
    watch(server, clerk, nth)
}

fn watch(server: &mut Server, clerk: &str, nth: usize) -> Run {
    let mut client = server.client(clerk);
    let body = maker(1_000 + nth as u64 % 1_000).next_body();
    let first_ticket = server.until(|| client.post("/v1/tickets", &body).is_ok_and(|answer| answer.status == 201));
    let mut client = server.client(clerk);
    let all_ready = server.until(|| all_dispatching(&mut client));
    Run { first_ticket, all_ready, memory: server.memory() }
}

/// Tickets in the made country's first region.
fn maker(client: u64) -> TicketMaker {
    let (low, high) = (place_in(0, 1), place_in(0, 2));
    let bounds = Bounds {
        south: low.lat().min(high.lat()),
        west: low.lon().min(high.lon()),
        north: low.lat().max(high.lat()),
        east: low.lon().max(high.lon()),
    };
    TicketMaker::new(7, client, &[bounds])
}

/// The same start seen from inside, in a process of its own.
fn stages(options: &Options) -> Value {
    let Size { regions, experts, open, closed } = options.size;
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["stages", "--dir", options.dir.to_str().unwrap()])
        .args(["--regions", &regions.to_string(), "--experts", &experts.to_string()])
        .args(["--open", &open.to_string(), "--closed", &closed.to_string()])
        .output()
        .unwrap();
    json(String::from_utf8_lossy(&output.stdout).trim())
}
