//! One visit asked of 500 experts' routes, half full: the pure part of an auction, on one thread.

use crate::{
    Options,
    country::{Builder, Team, now, store_options},
    row::{Row, Samples},
};
use callout::{
    domain::decision::Policy,
    routing::{Drives, Terms, VisitSpec, bid, stretch},
    storage::{Durability, Store, TicketQuery},
};
use serde_json::json;
use std::{fs, time::Instant};

const EXPERTS: usize = 500;
/// Visits an expert may hold; they hold half of it, on average.
const VISITS_AHEAD: u8 = 8;
const VISITS: usize = 500;

pub(crate) fn measure(options: &Options) {
    let data = options.dir.join("asked");
    drop(fs::remove_dir_all(&data));
    fs::create_dir_all(&data).unwrap();
    let store = Store::open(store_options(&data, Durability::Disposable)).unwrap();
    let mut builder = Builder::new(store.clone(), now());
    let mut team = Team::found(&mut builder, 0, EXPERTS, Some(VISITS_AHEAD));
    let held = team.fill(&mut builder, EXPERTS * usize::from(VISITS_AHEAD) / 2, now());
    builder.commit();
    drop(builder);

    let region = store.regions().into_iter().next().unwrap();
    let drives = Drives::new(&region.settings.travel, &region.time_zone, None);
    let terms =
        Terms { now: now(), settings: &region.settings, policy: Policy::Insertion, second_round: false, drives };
    let experts = store.experts(Some(&region.id));
    let asked: Vec<_> = experts.into_iter().map(|who| (store.route(&who.id).unwrap(), who)).collect();
    let on_shift = asked.iter().filter(|(_, who)| stretch(who, terms.now, 0).is_ok()).count();
    let query = TicketQuery { limit: VISITS, ..TicketQuery::default() };
    let tickets = store.tickets(&query).unwrap().items;
    // Whoever has no time says so soon; who lacks the skill, at once: nobody does here.
    let any_skill = |visit| VisitSpec { skills: [].into(), ..visit };
    let visits: Vec<VisitSpec> = tickets.iter().filter_map(|ticket| VisitSpec::of(ticket)).map(any_skill).collect();
    let (mut took, mut bids) = (Samples::default(), 0);
    for visit in &visits {
        let began = Instant::now();
        let could = asked.iter().filter(|(route, who)| bid(visit, who, route, None, &terms).is_ok()).count();
        took.add(began.elapsed());
        bids += could;
    }
    drop(asked);
    store.close().unwrap();
    drop(fs::remove_dir_all(&data));
    let detail = json!({
        "experts": EXPERTS, "on_shift": on_shift, "visits_held": held, "visits": visits.len(),
        "bids_of_500": bids / visits.len().max(1), "asked_ms": took.json(),
    });
    let figure = "one visit asked of 500 experts' routes, median ms";
    Row { figure, value: took.median(), against: None, to_reach: "≤ 1", detail }.print();
}
