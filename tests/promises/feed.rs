//! P7 inside one process: filters, a handover between regions, a subscriber that does not read.

use crate::common::tree::{ALWAYS, Time, Tree, at, by, desk, expert, play, region, tv};
use callout::{
    actors::feed::{End, Filter, First, Subscription},
    domain::ticket::{Command, Phase, Role},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Everything up to the position of the journal's end.
async fn all(tree: &Tree, subscription: &mut Subscription) -> Vec<Value> {
    let head = tree.service.store().head().0;
    let mut heard = Vec::new();
    loop {
        let out = subscription.next().await.unwrap();
        heard.extend(out.frames.iter().map(|frame| serde_json::from_slice::<Value>(&frame.json).unwrap()));
        if out.up_to >= head {
            return heard;
        }
    }
}

fn kinds(heard: &[Value]) -> Vec<&str> {
    heard.iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

fn of(id: &str) -> Filter {
    Filter { regions: Some(BTreeSet::from([region(id)])), ..Filter::default() }
}

#[test]
fn a_handover_is_seen_by_both_regions_and_what_follows_only_by_the_new_one() {
    play(Time::Machine, async |tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.square("east", 10.0, |_| {}).await;
        let [mut west, mut east] = ["west", "east"].map(|id| tree.service.subscribe(of(id), None).unwrap());
        let mut own = tree.service.subscribe(Filter::default(), None).unwrap();
        let number = tree.open(tv(5.0, 5.0)).await;
        tree.until("it waits", || tree.ticket(number).escalation.is_some()).await;
        tree.service
            .command(number, Command::HandOver { to: region("east"), why: "help".into() }, &by(Role::System, ""))
            .await
            .unwrap();
        tree.command(number, Command::Note { text: "over there".into() }).await.unwrap();
        let (west, east, own) = (all(tree, &mut west).await, all(tree, &mut east).await, all(tree, &mut own).await);
        assert_eq!(kinds(&west)[0], "ticket.opened");
        assert_eq!(kinds(&west).last(), Some(&"ticket.handed_over"), "{:?}", kinds(&west));
        assert_eq!(kinds(&east)[0], "ticket.handed_over");
        assert!(kinds(&east).contains(&"ticket.note_added"));
        let handed = &east[0];
        assert_eq!(handed, west.last().unwrap(), "the same bytes to both");
        assert_eq!(handed["region"], "east");
        assert_eq!(handed["data"]["ticket"]["title"], "dark screen", "whole, for who sees it for the first time");
        assert_eq!(own.len() + 1, west.len() + east.len(), "who sees all sees it once");
    });
}

#[test]
fn an_expert_who_moves_is_seen_to_leave_by_those_they_leave() {
    play(Time::Machine, async |tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.square("east", 10.0, |_| {}).await;
        tree.expert("ann", at(5.0, 5.0), "tv", ALWAYS).await;
        let [mut west, mut east] = ["west", "east"].map(|id| tree.service.subscribe(of(id), None).unwrap());
        tree.expert("ann", at(15.0, 5.0), "tv", ALWAYS).await;
        tree.expert("ann", at(15.0, 5.0), "tv pc", ALWAYS).await;
        let written = |heard: Vec<Value>| -> Vec<Value> {
            heard.into_iter().filter(|event| event["kind"] == "expert.written").collect()
        };
        let (west, east) = (written(all(tree, &mut west).await), written(all(tree, &mut east).await));
        assert_eq!((west.len(), east.len()), (1, 2), "what follows is the new region's: {west:?}");
        assert_eq!((&west[0], west[0]["region"].as_str()), (&east[0], Some("east")), "the same bytes to both");
    });
}

#[test]
fn filters_by_expert_and_ticket_let_through_what_concerns_them_and_events_tell_how_things_stand() {
    play(Time::Machine, async |tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.expert("ann", at(1.0, 1.0), "tv", "mon-sun 00:00-24:00").await;
        let filter = |expert_id: Option<&str>| Filter { expert: expert_id.map(expert), ..Filter::default() };
        let mut ann = tree.service.subscribe(filter(Some("ann")), None).unwrap();
        let mut bob = tree.service.subscribe(filter(Some("bob")), None).unwrap();
        let number = tree.open(tv(5.0, 5.0)).await;
        let other = tree.open(tv(4.0, 4.0)).await;
        tree.phase(number, Phase::Assigning).await;
        tree.phase(other, Phase::Assigning).await;
        let after = Some(tree.service.feed_position()).map(|at| callout::api::feed::Position { seq: 0, ..at });
        let one = Filter { ticket: Some(number), ..Filter::default() };
        let mut one = tree.service.subscribe(one, after).unwrap();
        assert!(matches!(one.first, First::Resumed(_)));
        let (ann, bob, one) = (all(tree, &mut ann).await, all(tree, &mut bob).await, all(tree, &mut one).await);
        assert_eq!(kinds(&ann).iter().filter(|kind| **kind == "ticket.offered").count(), 2);
        assert!(kinds(&ann).contains(&"route.changed"));
        assert!(bob.is_empty(), "{:?}", kinds(&bob));
        assert!(one.iter().all(|event| event["ticket"] == number.to_string()));
        assert_eq!(kinds(&one)[0], "ticket.opened");
        let offered = one.iter().find(|event| event["kind"] == "ticket.offered").unwrap();
        assert_eq!(offered["expert"], "ann");
        assert_eq!(offered["data"]["ticket"]["phase"], "assigning");
        assert_eq!(offered["data"]["ticket"]["visit"]["expert"], "ann");
        // Folded from the journal alone, each event shows the version it led to.
        let versions: Vec<u64> = one.iter().map(|event| event["data"]["ticket"]["version"].as_u64().unwrap()).collect();
        assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>());
    });
}

#[test]
fn who_does_not_read_is_told_that_they_are_behind_and_resumes_without_a_gap_while_others_miss_nothing() {
    play(Time::Machine, async |tree| {
        tree.square("west", 0.0, |_| {}).await;
        let mut reader = tree.service.subscribe(Filter::default(), None).unwrap();
        let mut sleeper = tree.service.subscribe(Filter::default(), None).unwrap();
        let First::Live(from) = sleeper.first else { panic!() };
        let number = tree.open(tv(5.0, 5.0)).await;
        let mut heard = Vec::new();
        let mut batches = 0;
        while batches < 150 {
            let text = format!("note {batches}");
            tree.service.command(number, Command::Note { text }, &desk()).await.unwrap();
            let out = reader.next().await.unwrap();
            batches += 1;
            heard.extend(out.frames.iter().map(|frame| frame.seq));
        }
        assert_eq!(sleeper.next().await.map(|_| ()), Err(End::Behind));
        drop(sleeper);
        heard.extend(all(tree, &mut reader).await.iter().map(|event| event["seq"].as_u64().unwrap()));
        let mut resumed = tree.service.subscribe(Filter::default(), Some(from)).unwrap();
        assert_eq!(resumed.first, First::Resumed(from));
        let caught_up: Vec<u64> = all(tree, &mut resumed).await.iter().map(|e| e["seq"].as_u64().unwrap()).collect();
        let upto = heard.len().min(caught_up.len());
        assert!(upto > 150);
        assert_eq!(heard[..upto], caught_up[..upto]);
        assert!(caught_up.windows(2).all(|pair| pair[0] < pair[1]));
    });
}
