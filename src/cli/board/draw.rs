//! Puts a [`BoardView`] on a frame. Pure: the same view on the same frame gives the same cells.

use super::{BoardView, EventLine, RegionLine};
use crate::domain::time::HOUR_S;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Style, Stylize},
    symbols::Marker,
    text::{Line, Span},
    widgets::{
        Block, Cell, Paragraph, Row, Sparkline, Table,
        canvas::{Canvas, Line as Edge, Points},
    },
};

/// Older than this is shown in yellow, older than four times this in red.
const OLD_S: i64 = HOUR_S;
/// Below this width the map is left out.
const WIDE: u16 = 110;

pub fn draw(frame: &mut Frame<'_>, view: &BoardView) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(2), Constraint::Min(8), Constraint::Length(1)]).areas(frame.area());
    let wide = body.width >= WIDE;
    let shares =
        if wide { [Constraint::Length(72), Constraint::Fill(1)] } else { [Constraint::Fill(1), Constraint::Length(0)] };
    let [left, right] = Layout::horizontal(shares).areas(body);
    let regions_height = view.regions.len() as u16 + 3;
    let [regions, events] = Layout::vertical([Constraint::Max(regions_height.max(6)), Constraint::Min(4)]).areas(left);
    summary(frame, head, view);
    region_table(frame, regions, view);
    if wide {
        let [map, pace] = Layout::vertical([Constraint::Fill(1), Constraint::Length(7)]).areas(right);
        draw_map(frame, map, view);
        draw_pace(frame, pace, view);
    }
    event_list(frame, events, &view.events);
    frame.render_widget(Paragraph::new(view.hints.join("   ")).dim(), foot);
}

fn summary(frame: &mut Frame<'_>, area: Rect, view: &BoardView) {
    let total = |count: fn(&RegionLine) -> u32| view.regions.iter().map(count).sum::<u32>();
    let experts = view.experts;
    let first = Line::from(vec![Span::from(view.title.clone()).bold(), Span::from(format!("   {}", view.now)).dim()]);
    let second = Line::from(vec![
        Span::from(format!("{} open", total(|r| r.new + r.assigning + r.assigned + r.in_progress))),
        Span::from(format!("  {} served", total(|r| r.served))).green(),
        Span::from(format!("  {} escalated", total(|r| r.escalated))).yellow(),
        Span::from(format!(
            "   experts: {} busy, {} idle, {} offline, {} off shift",
            experts.busy, experts.idle, experts.offline, experts.off_shift
        )),
    ]);
    frame.render_widget(Paragraph::new(vec![first, second]), area);
}

fn region_table(frame: &mut Frame<'_>, area: Rect, view: &BoardView) {
    let heads = ["region", "new", "asked", "assigned", "at work", "served", "escal.", "oldest"];
    let widths = [
        Constraint::Min(14),
        Constraint::Length(5),
        Constraint::Length(6),
        Constraint::Length(8),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(6),
        Constraint::Length(8),
    ];
    let rows = view.regions.iter().map(|region| {
        let oldest = region.oldest_s.unwrap_or(0);
        let age = region.oldest_s.map_or_else(String::new, age);
        let name = match &region.unready {
            Some(why) => Cell::from(format!("{} ({why})", region.name)).red(),
            None => Cell::from(region.name.clone()),
        };
        let number = |count: u32| Cell::from(if count == 0 { "·".to_owned() } else { count.to_string() });
        Row::new(vec![
            name,
            number(region.new),
            number(region.assigning),
            number(region.assigned),
            number(region.in_progress).fg(Color::Cyan),
            number(region.served).fg(Color::Green),
            number(region.escalated).fg(Color::Yellow),
            Cell::from(age).style(Style::new().fg(age_colour(oldest))),
        ])
    });
    let table = Table::new(rows, widths).header(Row::new(heads).dim()).block(Block::bordered().title(" regions "));
    frame.render_widget(table, area);
}

fn age_colour(seconds: i64) -> Color {
    match seconds {
        s if s > 4 * OLD_S => Color::Red,
        s if s > OLD_S => Color::Yellow,
        _ => Color::Reset,
    }
}

/// `45 s`, `12 min`, `3 h 20`, `2 d`.
fn age(seconds: i64) -> String {
    match seconds {
        s if s < 60 => format!("{s} s"),
        s if s < HOUR_S => format!("{} min", s / 60),
        s if s < 48 * HOUR_S => format!("{} h {:02}", s / HOUR_S, s % HOUR_S / 60),
        s => format!("{} d", s / (24 * HOUR_S)),
    }
}

fn event_list(frame: &mut Frame<'_>, area: Rect, events: &[EventLine]) {
    let lines: Vec<Line<'_>> = events
        .iter()
        .take(usize::from(area.height.saturating_sub(2)))
        .map(|event| {
            let at = event.at.to_string();
            let clock = at.get(11..19).unwrap_or(&at).to_owned();
            let what = Span::from(format!("{:<24}", event.what)).fg(event_colour(&event.what));
            Line::from(vec![Span::from(format!("{clock}  ")).dim(), what, Span::from(event.about.clone())])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" latest ")), area);
}

fn event_colour(what: &str) -> Color {
    match what {
        "ticket.completed" | "ticket.closed" => Color::Green,
        "ticket.escalated" | "ticket.sla_breached" | "ticket.quarantined" => Color::Red,
        "ticket.declined" | "ticket.offer_expired" | "ticket.visit_failed" => Color::Yellow,
        _ => Color::Reset,
    }
}

fn draw_pace(frame: &mut Frame<'_>, area: Rect, view: &BoardView) {
    let title = format!(" served, each {} ", age(view.served_span_s));
    // The newest are on the right, and as many as fit.
    let fits = usize::from(area.width.saturating_sub(2));
    let newest = &view.served[view.served.len().saturating_sub(fits)..];
    let line = Sparkline::default().data(newest).style(Style::new().fg(Color::Green));
    frame.render_widget(line.block(Block::bordered().title(title)), area);
}

fn draw_map(frame: &mut Frame<'_>, area: Rect, view: &BoardView) {
    let block = Block::bordered().title(" map: experts at work cyan, idle white; waiting tickets yellow ");
    let Some((x, y)) = bounds(&view.map.outlines) else {
        frame.render_widget(block, area);
        return;
    };
    let map = &view.map;
    let canvas = Canvas::default().block(block).marker(Marker::Braille).x_bounds(x).y_bounds(y).paint(|ctx| {
        for outline in &map.outlines {
            for (a, b) in outline.iter().zip(outline.iter().cycle().skip(1)) {
                ctx.draw(&Edge { x1: a.0, y1: a.1, x2: b.0, y2: b.1, color: Color::DarkGray });
            }
        }
        ctx.layer();
        for (coords, color) in [(&map.waiting, Color::Yellow), (&map.idle, Color::White), (&map.busy, Color::Cyan)] {
            ctx.draw(&Points { coords, color });
        }
    });
    frame.render_widget(canvas, area);
}

/// West to east, south to north, with a little air.
fn bounds(outlines: &[Vec<(f64, f64)>]) -> Option<([f64; 2], [f64; 2])> {
    let points = || outlines.iter().flatten();
    let fold = |of: fn(&(f64, f64)) -> f64| {
        points().map(of).fold(None, |range: Option<[f64; 2]>, v| {
            Some(range.map_or([v, v], |[low, high]| [low.min(v), high.max(v)]))
        })
    };
    let air = |[low, high]: [f64; 2]| {
        let air = (high - low) * 0.02;
        [low - air, high + air]
    };
    Some((air(fold(|p| p.0)?), air(fold(|p| p.1)?)))
}
