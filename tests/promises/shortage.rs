//! A region that is flooded says by itself which promises will be broken and what would help: once, whatever is
//! restarted, and once more when it is over.

use crate::common::tree::{ALWAYS, Time, Tree, at, region, reopen, runtime, tv};
use callout::{
    actors::Clock,
    api::region::RegionView,
    domain::{
        fact::Fact,
        ids::{Thing, TicketNumber},
        intake::NewTicket,
        region::{Region, RegionEvent},
        ticket::{Window, WindowKind},
        time::{MINUTE_S, Timestamp},
    },
    storage::Durability,
};
use std::{path::Path, sync::Arc};

/// Half an hour each, all to begin within fifty minutes: one expert has time for two.
const VISITS: usize = 5;

fn west(tree: &Tree) -> Arc<Region> {
    tree.service.store().region(&region("west")).unwrap()
}

/// What was said, in order.
fn said(tree: &Tree) -> Vec<&'static str> {
    let past = tree.service.store().history(&Thing::Region(region("west"))).unwrap();
    let kinds = past.iter().filter_map(|event| match &event.fact {
        fact @ Fact::Region(RegionEvent::ShortageForeseen(_) | RegionEvent::ShortageOver) => Some(fact.kind()),
        _ => None,
    });
    kinds.collect()
}

/// Lets the region look ahead so many more times.
async fn looks(tree: &Tree, more: u64) {
    let forecasts = &tree.service.store().telemetry().metrics.forecasts;
    let enough = forecasts.value() + more;
    tree.until("it looks ahead again", || forecasts.value() >= enough).await;
}

async fn flood(tree: &Tree) -> (Timestamp, Vec<TicketNumber>) {
    let now = tree.clock.now();
    let window = Window { from: now.plus_s(20 * MINUTE_S), to: now.plus_s(70 * MINUTE_S), kind: WindowKind::Promise };
    let mut numbers = Vec::new();
    for _ in 0..VISITS {
        numbers.push(tree.open(NewTicket { window: Some(window), ..tv(5.0, 5.5) }).await);
    }
    (window.to, numbers)
}

/// One life of the server on these data.
fn live<T>(data: &Path, scene: impl AsyncFnOnce(&Tree) -> T) -> T {
    runtime(Time::Machine).block_on(async {
        let store = reopen(data, Durability::Fsync);
        let tree = Tree::watching(store, Clock::machine(Timestamp::ZERO)).await;
        let outcome = scene(&tree).await;
        tree.audit().await;
        tree.service.stop().await;
        outcome
    })
}

#[test]
fn a_flooded_region_says_once_what_it_will_miss_and_what_would_help_and_once_that_it_is_over() {
    let data = tempfile::TempDir::new().unwrap();
    let wanted = live(data.path(), it_says_what_would_help);
    live(data.path(), async |tree: &Tree| {
        looks(tree, 1).await;
        assert_eq!(said(tree), ["region.shortage_foreseen"], "the same episode, also after a restart");
        for nth in 0..wanted {
            tree.expert(&format!("more{nth}"), at(5.0, 5.5), "tv", ALWAYS).await;
        }
        tree.until("it is over", || west(tree).shortage.is_none()).await;
        assert_eq!(said(tree), ["region.shortage_foreseen", "region.shortage_over"]);
    });
}

/// How many more experts it asks for.
async fn it_says_what_would_help(tree: &Tree) -> u32 {
    tree.square("west", 0.0, |_| {}).await;
    tree.expert("w", at(5.0, 5.0), "tv", ALWAYS).await;
    let (until, numbers) = flood(tree).await;
    tree.until("it says so", || west(tree).shortage.is_some()).await;
    let shortage = west(tree).shortage.clone().unwrap();
    assert!((1..VISITS as u32).contains(&shortage.missed), "{shortage:?}");
    assert_eq!((shortage.promised, shortage.first), (shortage.missed, until));
    assert_eq!(shortage.tickets.len(), shortage.missed as usize);
    assert!(shortage.tickets.iter().all(|number| numbers.contains(number)), "{shortage:?}");
    assert_eq!(shortage.saved, shortage.missed, "all of them, with the help that it names");
    let [help] = &shortage.help[..] else { panic!("one kind of expert: {shortage:?}") };
    assert_eq!(help.skills, tv(0.0, 0.0).skills);
    let view = serde_json::to_value(RegionView::new(&west(tree), false)).unwrap();
    assert_eq!(view["shortage"]["help"][0]["experts"], help.experts, "consoles and the feed see it");
    looks(tree, 1).await;
    let metrics = tree.service.metrics();
    for line in [
        "callout_shortages_total 1".to_owned(),
        format!("callout_shortage_visits{{region=\"west\"}} {}\n", shortage.missed),
    ] {
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    help.experts
}
