//! From a ticket's acceptance to its committed offer, one at a time, in a region of 500 experts: by insertion
//! into routes that are half full, and by the router, which offers to those who are free, with half of
//! them free. Beside it: the same bytes in bare commits.

use crate::{
    Options,
    bare::{Bare, bytes_of},
    country::{Builder, Team, now, store_options},
    inside::{all_ready, clerk, request, runtime, start_over},
    row::{Row, Samples},
};
use callout::{
    actors::Service,
    domain::{
        decision::Policy,
        fact::Fact,
        ids::{Thing, TicketNumber},
        ticket::{Phase, TicketEvent},
    },
    storage::{Durability, Recorded, Store},
};
use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, Instant},
};

const EXPERTS: usize = 500;
/// Visits an expert may hold; they hold half of it, on average.
const VISITS_AHEAD: u8 = 8;
const TICKETS: usize = 300;
/// Of the free ones so many get a ticket: somebody with the skill is left for the last.
const FREE_TAKEN: usize = 150;
/// Time for what an offer leads to (its delivery), so that the next ticket finds an idle system.
const PAUSE: Duration = Duration::from_millis(30);
/// An offer that takes longer is not coming.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn measure(options: &Options) {
    by_insertion(options);
    by_the_router(options);
}

fn by_insertion(options: &Options) {
    let held = EXPERTS * usize::from(VISITS_AHEAD) / 2;
    let (taken, detail) = play(options, Policy::Insertion, VISITS_AHEAD, held, options.tickets_or(TICKETS));
    taken.print("ticket accepted → offer committed, 500 experts, median ms", detail);
    Row {
        figure: "ticket entered → offer committed, median ms",
        value: taken.whole.median(),
        against: Some(("two bare commits in a row", taken.two_bare.median())),
        to_reach: "–",
        detail: json!({}),
    }
    .print();
}

fn by_the_router(options: &Options) {
    let (taken, detail) = play(options, Policy::Full, 1, EXPERTS / 2, options.tickets_or(FREE_TAKEN).min(FREE_TAKEN));
    taken.print("ticket accepted → offer committed, policy router, 250 of 500 experts free, median ms", detail);
}

/// Enters so many tickets in a region whose experts hold `held` visits, `ahead` at most each.
fn play(options: &Options, policy: Policy, ahead: u8, held: usize, tickets: usize) -> (Taken, Value) {
    let data = options.dir.join("offer");
    drop(fs::remove_dir_all(&data));
    fs::create_dir_all(&data).unwrap();
    let store = Store::open(store_options(&data, Durability::Disposable)).unwrap();
    let mut builder = Builder::new(store.clone(), now());
    let mut team = Team::found(&mut builder, 0, EXPERTS, Some(ahead));
    let held = team.fill(&mut builder, held, now());
    builder.commit();
    store.close().unwrap();
    drop((builder, store));

    let runtime = runtime();
    let taken = runtime.block_on(async {
        let store = Store::open(store_options(&data, Durability::Fsync)).unwrap();
        let service = start_over(store, policy).await;
        all_ready(&service).await;
        let (mut taken, mut bare) = (Taken::default(), Bare::new(&options.dir));
        for nth in 0..tickets {
            taken.one(&service, nth, &mut bare).await;
            tokio::time::sleep(PAUSE).await;
        }
        service.stop().await;
        taken
    });
    drop(runtime);
    drop(fs::remove_dir_all(&data));
    let detail = json!({
        "tickets": tickets, "experts": EXPERTS, "visits_held": held, "candidates": taken.candidates / tickets,
        "open_bytes": taken.open_bytes / tickets, "offer_bytes": taken.offer_bytes / tickets,
        "accepted_to_offer_ms": taken.offer.json(), "entered_to_offer_ms": taken.whole.json(), "entered_to_accepted_ms": taken.open.json(),
        "one_bare_commit_ms": taken.one_bare.json(), "two_bare_commits_ms": taken.two_bare.json(),
    });
    (taken, detail)
}

#[derive(Default)]
struct Taken {
    /// Call to answer; answer to offer; call to offer.
    open: Samples,
    offer: Samples,
    whole: Samples,
    /// Bare commits of the offer's bytes; of the ticket's and then the offer's.
    one_bare: Samples,
    two_bare: Samples,
    open_bytes: usize,
    offer_bytes: usize,
    candidates: usize,
}

impl Taken {
    async fn one(&mut self, service: &Service, nth: usize, bare: &mut Bare) {
        let entered = Instant::now();
        let ticket = service.open(request(0, nth), &clerk()).await.unwrap().ticket;
        let accepted = Instant::now();
        offered(service, ticket.number).await;
        let offered = Instant::now();
        self.open.add(accepted - entered);
        self.offer.add(offered - accepted);
        self.whole.add(offered - entered);
        let (open_bytes, offer_bytes) = self.weigh(service.store(), ticket.number);
        self.open_bytes += open_bytes;
        self.offer_bytes += offer_bytes;
        // The offer's delivery is on its way: let it pass.
        tokio::time::sleep(PAUSE).await;
        self.one_bare.add(bare.commit(&[offer_bytes]));
        self.two_bare.add(bare.commit(&[open_bytes, offer_bytes]));
    }

    /// From acceptance to offer: the median, and the tail.
    fn print(&self, figure: &'static str, detail: Value) {
        Row {
            figure,
            value: self.offer.median(),
            against: Some(("bare commit of the offer's bytes", self.one_bare.median())),
            to_reach: "≤ 5",
            detail,
        }
        .print();
        Row {
            figure: "the same, p99 ms",
            value: self.offer.quantile(0.99),
            against: Some(("bare commit, p99", self.one_bare.quantile(0.99))),
            to_reach: "≤ 25",
            detail: json!({}),
        }
        .print();
    }

    /// The bytes of both commits.
    fn weigh(&mut self, store: &Store, number: TicketNumber) -> (usize, usize) {
        let batch_of = |event: &Recorded| -> usize {
            let read = store.read(event.batch, 1).unwrap();
            bytes_of(read.iter().filter(|other| other.batch == event.batch).map(|other| &other.fact))
        };
        let (mut open_bytes, mut offer_bytes) = (0, 0);
        for event in store.history(&Thing::Ticket(number)).unwrap() {
            match &event.fact {
                Fact::Ticket(TicketEvent::Opened(_)) => open_bytes = batch_of(&event),
                Fact::Ticket(TicketEvent::Decided(decision)) => {
                    self.candidates += decision.candidates.len();
                    offer_bytes = batch_of(&event);
                }
                _ => {}
            }
        }
        (open_bytes, offer_bytes)
    }
}

/// Looks at each commit until the ticket's offer is in one.
async fn offered(service: &Service, number: TicketNumber) {
    let mut commits = service.store().watch();
    let made = async {
        loop {
            commits.borrow_and_update();
            let ticket = service.store().ticket(number).unwrap().unwrap();
            if ticket.phase == Phase::Assigning {
                return;
            }
            commits.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, made).await.expect("an offer is made within seconds");
}
