//! The first command to tickets whose actors do not run, among the made 100,000; beside the bare commit
//! of the same bytes.

use crate::{
    Options,
    bare::{Bare, bytes_of},
    country::ready,
    inside::{all_ready, clerk, runtime, start},
    row::{Row, Samples, rounded},
};
use callout::{
    actors::Service,
    domain::{
        fact::Fact,
        ids::{PersonId, TicketNumber},
        person::Private,
        ticket::{Command, Phase, TicketEvent},
    },
};
use serde_json::json;
use std::time::{Duration, Instant};

const TICKETS: usize = 2_000;
const TEXT: &str = "Customer called again: please ring twice, the bell is broken.";

pub(crate) fn measure(options: &Options) {
    let data = ready(options);
    let wanted = options.tickets_or(TICKETS);
    let runtime = runtime();
    let note = Fact::Ticket(TicketEvent::NoteAdded { text: Private::new(PersonId(1), TEXT.to_owned()) });
    let bytes = bytes_of([&note].into_iter());
    let (samples, bare) = runtime.block_on(async {
        let service = start(&data).await;
        all_ready(&service).await;
        // What starting left to do (late routes) is not what is measured here.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (mut samples, mut bare, mut journal) = (Samples::default(), Samples::default(), Bare::new(&options.dir));
        for number in scattered(&service, wanted) {
            let command = Command::Note { text: TEXT.to_owned() };
            let sent = Instant::now();
            service.command(number, command, &clerk()).await.unwrap();
            samples.add(sent.elapsed());
            bare.add(journal.commit(&[bytes]));
        }
        service.stop().await;
        (samples, bare)
    });
    drop(runtime);
    let besides = |q| samples.quantile(q) - bare.quantile(q);
    Row {
        figure: "first command to a passivated ticket, p99 ms",
        value: samples.quantile(0.99),
        against: Some(("bare commit, p99", bare.quantile(0.99))),
        to_reach: "≤ 5 besides its fsync",
        detail: json!({
            "command_ms": samples.json(), "bare_commit_ms": bare.json(),
            "besides_its_fsync_ms": { "p50": rounded(besides(0.5)), "p99": rounded(besides(0.99)) },
        }),
    }
    .print();
    Row {
        figure: "the same, besides its fsync, p99 ms",
        value: besides(0.99),
        against: None,
        to_reach: "≤ 5",
        detail: json!({}),
    }
    .print();
}

/// Waiting tickets spread over all regions and over the time they came in, none twice.
fn scattered(service: &Service, wanted: usize) -> Vec<TicketNumber> {
    let mut waiting = Vec::new();
    for region in service.store().regions() {
        let mut take = |ticket: std::sync::Arc<callout::domain::ticket::Ticket>| {
            if ticket.phase == Phase::New {
                waiting.push(ticket.number);
            }
        };
        service.store().for_each_open(&region.id, &mut take).unwrap();
    }
    waiting.sort_unstable();
    assert!(waiting.len() >= wanted, "the made data holds only {} waiting tickets", waiting.len());
    // A step that shares no factor with the count visits all, each once, in no order that a cache likes.
    let count = waiting.len();
    let step = (count * 618 / 1_000..=2 * count).find(|step| gcd(*step, count) == 1).unwrap();
    (0..wanted).map(|nth| waiting[nth * step % count]).collect()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
