use super::*;
use ratatui::{Terminal, backend::TestBackend};

fn view() -> BoardView {
    let region = |name: &str, new, served, oldest_s| RegionLine {
        name: name.into(),
        new,
        served,
        oldest_s,
        ..RegionLine::default()
    };
    BoardView {
        title: "callout".into(),
        hints: vec!["q quits".into()],
        now: Timestamp(1_790_000_000_000),
        regions: vec![region("Northgate", 3, 12, Some(5_400)), region("Millbrook", 0, 7, None)],
        experts: ExpertCounts { busy: 4, idle: 2, offline: 1, off_shift: 9 },
        served: vec![1, 5, 3],
        served_span_s: 300,
        events: vec![EventLine {
            at: Timestamp(1_790_000_000_000),
            what: "ticket.completed".into(),
            about: "0A1-000142-K".into(),
        }],
        map: MapView {
            outlines: vec![vec![(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]],
            busy: vec![(0.5, 0.5)],
            ..MapView::default()
        },
    }
}

fn drawn(width: u16, height: u16, view: &BoardView) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("terminal");
    terminal.draw(|frame| draw(frame, view)).expect("draw");
    let buffer = terminal.backend().buffer();
    (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect()).collect()
}

#[test]
fn the_board_names_regions_counts_ages_and_events() {
    let lines = drawn(140, 30, &view());
    let line = |part: &str| lines.iter().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part} is shown"));
    assert!(line("Northgate").contains("1 h 30"));
    assert!(line("Millbrook").contains('·'), "a zero is a dot");
    assert!(line("ticket.completed").contains("0A1-000142-K"));
    assert!(line("experts:").contains("4 busy, 2 idle, 1 offline, 9 off shift"));
    assert!(line("open").contains("19 served"));
    assert!(lines.iter().any(|line| line.contains('█')), "the pace is drawn");
}

#[test]
fn a_small_terminal_and_an_empty_board_are_drawn_too() {
    let lines = drawn(60, 12, &view());
    assert!(lines.iter().any(|line| line.contains("Northgate")));
    assert!(!lines.iter().any(|line| line.contains(" map")));
    drawn(20, 3, &view());
    drawn(140, 30, &BoardView::default());
}

fn remote(tickets: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({
        "at": "2026-03-02T15:00:00Z",
        "region": { "id": "north", "name": "North", "geometry": { "type": "Polygon", "coordinates": [[[1.0, 2.0], [3.0, 2.0], [3.0, 4.0], [1.0, 2.0]]] } },
        "unready": null,
        "open_by_phase": { "new": 1, "assigned": 1 },
        "tickets": tickets,
        "tickets_left_out": 0,
        "experts": [
            { "expert": { "home": { "lat": 2.5, "lon": 2.0 }, "time_zone": "UTC", "presence": { "online": true }, "shifts": [{ "days": ["mon"], "from": "08:00", "to": "16:00" }] }, "route": { "stops": [] } },
            { "expert": { "home": { "lat": 2.5, "lon": 2.1 }, "time_zone": "UTC", "presence": { "online": true }, "shifts": [{ "days": ["tue"], "from": "08:00", "to": "16:00" }] }, "route": { "stops": [] } },
            { "expert": { "home": { "lat": 2.5, "lon": 2.2 }, "time_zone": "UTC", "presence": { "online": false } }, "route": { "stops": [{ "state": "en_route" }] } },
        ],
    })
}

#[test]
fn a_servers_boards_become_the_same_view() {
    let waiting = serde_json::json!({ "number": "n1", "region": "north", "phase": "new", "opened_at": "2026-03-02T14:00:00Z", "flags": ["escalated"], "place": { "lat": 2.5, "lon": 2.5 } });
    let assigned = serde_json::json!({ "number": "n2", "region": "north", "phase": "assigned", "opened_at": "2026-03-02T13:00:00Z", "flags": [] });
    let mut board = RemoteBoard::new("top".into(), Vec::new());
    let first = board.view(&[remote(&serde_json::json!([waiting, assigned]))]);
    assert_eq!(first.experts, ExpertCounts { busy: 1, idle: 1, offline: 0, off_shift: 1 });
    let line = &first.regions[0];
    assert_eq!((line.new, line.assigned, line.escalated, line.served), (1, 1, 1, 0));
    assert_eq!(line.oldest_s, Some(3_600), "only tickets without an expert grow old");
    assert_eq!((first.map.waiting.len(), first.map.outlines[0].len()), (1, 4));
    assert!(first.events.is_empty(), "nothing has happened yet that we saw");
    let second = board.view(&[remote(&serde_json::json!([waiting]))]);
    assert_eq!(second.regions[0].served, 1);
    assert_eq!(second.events[0].what, "ticket.ended");
    assert_eq!(second.served.last(), Some(&1));
    drawn(140, 30, &second);
}
