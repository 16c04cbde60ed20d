//! Records: every batch reads back, every format ever written stays readable (P11).

use super::{
    bed::{claim, envelope, expert, region},
    samples::{Values, kind},
};
use crate::{
    domain::{
        fact::{Fact, State},
        ids::{PersonId, RegionId, Thing},
        number::{RegionCode, TicketNumber},
        ticket::TicketEvent,
    },
    storage::{
        Batch, Change, KeyFile, KeyOptions, Recorded, Sealer,
        codec::{CodecError, Encoded, FORMAT, Frame, Head},
    },
};
use proptest::prelude::*;
use std::{collections::BTreeSet, fmt::Write as _, sync::LazyLock};

/// With keys for a block of people.
static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    Sealer::new(KeyFile::open(dir.path(), KeyOptions { seed: Some(7), create: true }).unwrap())
});

const NUMBER: TicketNumber = TicketNumber { code: RegionCode(33), serial: 142 };
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
/// Kinds of events that there were when the first file was written.
const FIRST_KINDS: usize = 43;

fn change(region: RegionId, thing: Thing, base: u64, events: Vec<Fact>) -> Change {
    Change { region, thing, base, events, after: State::Catalogue(std::sync::Arc::default()) }
}

fn batch_of(changes: Vec<Change>) -> Batch {
    Batch { envelope: envelope(), changes, guards: vec![(Thing::Catalogue, 3)], claims: vec![claim("k", NUMBER)] }
}

fn bytes_of(batch: &Batch) -> Vec<u8> {
    let mut encoded = Encoded::new(batch, &SEALER).unwrap();
    for (i, _) in batch.changes.iter().enumerate() {
        encoded.stamp(i, 100 + i as u64);
    }
    encoded.into_bytes()
}

fn read(bytes: &[u8], first_seq: u64) -> Result<(Head<'static>, Vec<Recorded>), CodecError> {
    let frame = Frame::parse(bytes)?;
    let mut events = Vec::new();
    for placed in frame.changes(first_seq) {
        events.extend(frame.recorded(first_seq, &placed, &SEALER)?);
    }
    Ok((frame.head, events))
}

/// What reading `batch` back at `first_seq` must give.
fn expected(batch: &Batch, first_seq: u64) -> Vec<Recorded> {
    let mut seq = first_seq;
    let mut events = Vec::new();
    for (i, change) in batch.changes.iter().enumerate() {
        for (nth, fact) in change.events.iter().enumerate() {
            events.push(Recorded {
                seq,
                batch: first_seq,
                region: change.region.clone(),
                thing: change.thing.clone(),
                version: change.base + 1 + nth as u64,
                prev: if nth == 0 { 100 + i as u64 } else { seq - 1 },
                envelope: batch.envelope.clone(),
                fact: fact.clone(),
            });
            seq += 1;
        }
    }
    events
}

/// Tickets, then the rest: what the first golden file holds.
fn golden_batch() -> Batch {
    let first = Values::fixed().facts().into_iter().filter(|fact| kind(fact) < FIRST_KINDS);
    let (tickets, others): (Vec<_>, Vec<_>) = first.partition(|fact| matches!(fact, Fact::Ticket(_)));
    batch_of(vec![
        change(region("north"), Thing::Ticket(NUMBER), 0, tickets),
        change(region("cell"), Thing::Route(expert("ann")), 41, others),
    ])
}

/// What came later in the same format, a file for each time.
fn messages_batch() -> Batch {
    let values = Values::fixed();
    let events = values.message_events().into_iter().chain(values.wider_events()).map(Fact::Ticket);
    batch_of(vec![change(region("north"), Thing::Ticket(NUMBER), 0, events.collect())])
}

/// Since what an expert types at the end of a visit is sealed.
fn sealed_ends_batch() -> Batch {
    let events = Values::fixed().sealed_ends().into_iter().map(Fact::Ticket);
    batch_of(vec![change(region("north"), Thing::Ticket(NUMBER), 0, events.collect())])
}

/// Since who is kept by a plan has figures.
fn planned_batch() -> Batch {
    let events = vec![Fact::Ticket(Values::fixed().planned_decision())];
    batch_of(vec![change(region("north"), Thing::Ticket(NUMBER), 0, events)])
}

/// Since a region says by itself that promises will be broken.
fn shortage_batch() -> Batch {
    let events = Values::fixed().shortage_events();
    batch_of(vec![change(region("north"), Thing::Region(region("north")), 0, events)])
}

/// Since scarce skills have a price.
fn scarce_batch() -> Batch {
    let values = Values::fixed();
    let decided = change(region("north"), Thing::Ticket(NUMBER), 0, vec![Fact::Ticket(values.scarce_decision())]);
    batch_of(vec![decided, change(region("north"), Thing::Region(region("north")), 0, vec![values.scarce_region()])])
}

#[test]
fn the_samples_hold_every_kind_of_event_once() {
    let kinds: Vec<usize> = Values::fixed().facts().iter().map(kind).collect();
    assert_eq!(kinds, (0..49).collect::<Vec<usize>>());
    let names: BTreeSet<&str> = Values::fixed().facts().iter().map(Fact::kind).collect();
    assert_eq!(names.len(), kinds.len(), "each has a feed kind of its own");
}

/// To write the file of a new format: put its number into the name and run with `CALLOUT_GOLDEN=1`.
/// An existing one is never written again.
#[test]
fn records_of_format_1_read_as_on_the_day_they_were_written() {
    let files = [
        ("record_v1", golden_batch()),
        ("record_v1_messages", messages_batch()),
        ("record_v1_sealed_ends", sealed_ends_batch()),
        ("record_v1_planned", planned_batch()),
        ("record_v1_shortage", shortage_batch()),
        ("record_v1_scarce", scarce_batch()),
    ];
    for (name, batch) in files {
        reads_as_written(&format!("{GOLDEN}/{name}.hex"), &batch);
    }
}

fn reads_as_written(path: &str, batch: &Batch) {
    if std::env::var_os("CALLOUT_GOLDEN").is_some() && !std::path::Path::new(path).exists() {
        let hex = bytes_of(batch).chunks(60).fold(String::new(), |mut text, line| {
            for byte in line {
                write!(text, "{byte:02x}").unwrap();
            }
            text + "\n"
        });
        std::fs::write(path, hex).unwrap();
    }
    let hex: String = std::fs::read_to_string(path).unwrap().split_whitespace().collect();
    let golden: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let (head, events) = read(&golden, 7).unwrap();
    assert_eq!(events, expected(batch, 7), "{path}");
    assert_eq!((&*head.envelope, &*head.claims), (&envelope(), &[claim("k", NUMBER)][..]));
}

#[test]
fn a_newer_format_is_named_and_a_handover_names_both_regions() {
    let mut bytes = bytes_of(&golden_batch());
    bytes[0] = FORMAT + 1;
    assert_eq!(read(&bytes, 1).unwrap_err(), CodecError::Newer { found: FORMAT + 1 });
    for (owner, other) in [("north", "south"), ("south", "north")] {
        let moved = TicketEvent::HandedOver { from: region("north"), to: region("south"), why: String::new() };
        let batch = batch_of(vec![change(region(owner), Thing::Ticket(NUMBER), 3, vec![Fact::Ticket(moved)])]);
        assert_eq!(read(&bytes_of(&batch), 1).unwrap().0.changes[0].also, Some(region(other)));
    }
}

#[test]
fn personal_words_are_nowhere_in_a_record() {
    let person = SEALER.keys().take().unwrap();
    let values = Values { person, text: "Elm Street 12".into(), ..Values::fixed() };
    let sealed = values.facts().into_iter().filter(|fact| {
        matches!(
            fact,
            Fact::Ticket(TicketEvent::NoteAdded { .. } | TicketEvent::Located { .. } | TicketEvent::Held { .. })
        )
    });
    let sealed = sealed.chain(values.sealed_ends().into_iter().map(Fact::Ticket));
    let batch = batch_of(vec![change(region("north"), Thing::Ticket(NUMBER), 0, sealed.collect())]);
    let bytes = bytes_of(&batch);
    assert!(!bytes.windows(10).any(|window| window == b"Elm Street"));
    assert_eq!(read(&bytes, 1).unwrap().1, expected(&batch, 1));
}

fn values() -> impl Strategy<Value = Values> {
    let person = prop_oneof![Just(0), 1..4_000_u32];
    (".{0,40}", any::<u32>(), any::<i64>(), any::<bool>(), person).prop_map(|(text, number, at, flag, person)| Values {
        text,
        number,
        // Far enough from the ends that a minute can be added.
        at: at / 2,
        flag,
        person: PersonId(person),
    })
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    // The first kinds, and a decision by a plan.
    let events = prop::collection::vec((0..=FIRST_KINDS, values()), 1..6);
    let fact = |(kind, values): (usize, Values)| match kind {
        FIRST_KINDS => Fact::Ticket(values.scarce_decision()),
        kind => values.facts().swap_remove(kind),
    };
    let one = (events, any::<u32>(), 0..5_u8).prop_map(move |(events, base, thing)| {
        let events = events.into_iter().map(fact).collect();
        let thing = match thing {
            0 => Thing::Ticket(TicketNumber::new(RegionCode(9), base)),
            1 => Thing::Route(expert("ann")),
            2 => Thing::Expert(expert("b.o_b:-")),
            3 => Thing::Region(region("north")),
            _ => Thing::Catalogue,
        };
        change(region("north"), thing, u64::from(base), events)
    });
    prop::collection::vec(one, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_batch_reads_back(changes in changes(), first_seq in 1..u64::from(u32::MAX)) {
        let batch = batch_of(changes);
        let encoded = Encoded::new(&batch, &SEALER).unwrap();
        let events: usize = batch.changes.iter().map(|change| change.events.len()).sum();
        prop_assert_eq!(encoded.count as usize, events.max(1));
        let (head, found) = read(&bytes_of(&batch), first_seq).unwrap();
        prop_assert_eq!(&*head.envelope, &batch.envelope);
        prop_assert_eq!(&*head.claims, &batch.claims[..]);
        prop_assert_eq!(found, expected(&batch, first_seq));
    }

    #[test]
    fn foreign_bytes_are_an_error_and_never_a_panic(changes in changes(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = bytes_of(&batch_of(changes));
        let cut = at.index(bytes.len());
        prop_assert!(read(&bytes[..cut], 1).is_err(), "cut short at {}", cut);
        bytes[cut] = byte;
        let _ = read(&bytes, 1);
        bytes.push(0);
        prop_assert!(read(&bytes, 1).is_err(), "bytes behind the end");
    }
}
