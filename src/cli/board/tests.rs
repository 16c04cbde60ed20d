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
