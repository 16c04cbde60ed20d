//! Lists of tickets.

use super::bed::{Bed, T0, a_request, batch, opening_change, region};
use crate::{
    domain::{ids::TicketNumber, ticket::Phase},
    storage::TicketQuery,
};

fn pages(bed: &Bed, query: &TicketQuery, mut between: impl FnMut(usize)) -> Vec<TicketNumber> {
    let mut found = Vec::new();
    let mut query = query.clone();
    for page in 0.. {
        let answer = bed.store().tickets(&query).unwrap();
        found.extend(answer.items.iter().map(|ticket| ticket.number));
        match answer.next_cursor {
            None => return found,
            cursor => query.cursor = cursor,
        }
        between(page);
    }
    found
}

fn limit(limit: usize) -> TicketQuery {
    TicketQuery { limit, ..TicketQuery::default() }
}

/// Half of them in the snapshots, half in the overlay, over two regions; newest first.
fn filled(bed: &Bed) -> Vec<TicketNumber> {
    let mut numbers = Vec::new();
    for minute in 0..40 {
        numbers.push(bed.open(if minute % 3 == 0 { "south" } else { "north" }, minute / 2));
        if minute == 20 {
            bed.store().flush().unwrap();
        }
    }
    numbers.sort_by_key(|number| std::cmp::Reverse((bed.ticket(*number).opened_at, *number)));
    numbers
}

#[test]
fn pages_of_any_size_make_up_the_list_newest_first() {
    let bed = Bed::peopled();
    let all = filled(&bed);
    for size in [1, 3, 39, 40, 41] {
        assert_eq!(pages(&bed, &limit(size), |_| {}), all, "pages of {size}");
    }
}

#[test]
fn who_is_away_is_found_by_the_code_of_home_newest_first() {
    let bed = Bed::peopled();
    let all = filled(&bed);
    let code = bed.store().region(&region("north")).unwrap().code;
    let mut moved: Vec<_> = all.iter().filter(|number| number.code == code).take(3).copied().collect();
    moved.sort_unstable();
    let [back, away, newest] = moved[..] else { panic!("{moved:?}") };
    for number in [newest, back, away] {
        bed.hand_over(number, "south");
    }
    bed.hand_over(back, "north");
    assert_eq!(bed.store().away(code, 9), [newest, away]);
    bed.store().flush().unwrap();
    assert_eq!(bed.store().away(code, 1), [newest]);
}

#[test]
fn every_filter_finds_exactly_what_matches() {
    let bed = Bed::peopled();
    let all = filled(&bed);
    bed.cancel(all[3]);
    bed.cancel(all[33]);
    bed.hand_over(all[5], "south");
    bed.hand_over(all[36], "south");
    let check = |query: TicketQuery, wanted: &dyn Fn(&crate::domain::ticket::Ticket) -> bool| {
        let expected: Vec<_> = all.iter().filter(|number| wanted(&bed.ticket(**number))).copied().collect();
        assert!(!expected.is_empty());
        assert_eq!(pages(&bed, &TicketQuery { limit: 4, ..query }, |_| {}), expected);
    };
    for flushed in [false, true] {
        if flushed {
            bed.store().flush().unwrap();
        }
        check(TicketQuery { phase: Some(Phase::Cancelled), ..limit(0) }, &|t| t.phase == Phase::Cancelled);
        check(TicketQuery { region: Some(region("south")), ..limit(0) }, &|t| t.region == region("south"));
        let within = Some([region("south")].into());
        check(TicketQuery { within: within.clone(), ..limit(0) }, &|t| t.region == region("south"));
        let elsewhere = TicketQuery { within, region: Some(region("north")), ..limit(4) };
        assert_eq!(pages(&bed, &elsewhere, |_| panic!("a cursor to nothing")), []);
        let after = T0.plus_s(600);
        check(TicketQuery { opened_after: Some(after), ..limit(0) }, &|t| t.opened_at > after);
    }
}

#[test]
fn a_cursor_stays_right_while_tickets_change_and_come_and_snapshots_catch_up() {
    let bed = Bed::peopled();
    let all = filled(&bed);
    let found = pages(&bed, &limit(3), |page| match page {
        1 => bed.cancel(all[30]),
        2 => bed.store().flush().unwrap(),
        3 => drop(bed.open("north", 1_000)),
        4 => bed.hand_over(all[35], "south"),
        5 => bed.store().flush().unwrap(),
        _ => {}
    });
    assert_eq!(found, all, "each once, whatever happened meanwhile");
}

#[test]
fn a_cursor_that_is_none_is_refused() {
    let bed = Bed::peopled();
    for cursor in ["", "zz", "00", "é1é1é1é1é1é1é1é1é1é1é1"] {
        let query = TicketQuery { cursor: Some(cursor.into()), ..limit(3) };
        assert!(bed.store().tickets(&query).is_err(), "{cursor:?}");
    }
}

#[test]
fn open_tickets_of_a_region_come_once_from_wherever_they_are() {
    let bed = Bed::peopled();
    let all = filled(&bed);
    bed.cancel(all[3]);
    bed.cancel(all[33]);
    bed.hand_over(all[36], "south");
    for _ in 0..2 {
        for name in ["north", "south"] {
            let mut found = Vec::new();
            bed.store().for_each_open(&region(name), &mut |ticket| found.push(ticket.number)).unwrap();
            found.sort();
            let here = |number: &&TicketNumber| {
                let ticket = bed.ticket(**number);
                ticket.region == region(name) && ticket.phase.open()
            };
            let mut expected: Vec<_> = all.iter().filter(here).copied().collect();
            expected.sort();
            assert_eq!(found, expected);
        }
        bed.store().flush().unwrap();
    }
}

#[test]
fn a_contact_is_found_on_every_shelf_and_nobody_else_is() {
    let bed = Bed::peopled();
    let code = bed.store().region(&region("north")).unwrap().code;
    // Shelves end at multiples of 16,384; some are empty.
    let numbers = [3, 16_383, 16_384, 50_000, u32::MAX].map(|serial| TicketNumber { code, serial });
    for number in numbers {
        let open = a_request(number, "north", 0, bed.store().new_person());
        bed.commit(batch(vec![opening_change(open)])).unwrap();
    }
    bed.store().flush().unwrap();
    assert_eq!(bed.store().tickets_of_contact(None, Some("eve@example.org")).unwrap(), numbers);
    let phone = |serial: u32| bed.store().tickets_of_contact(Some(&format!("+1617555{serial:04}")), None).unwrap();
    for number in numbers {
        assert_eq!(phone(number.serial), [number]);
    }
    assert_eq!(phone(4), []);
}
