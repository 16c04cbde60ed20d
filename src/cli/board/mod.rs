//! The terminal board: what a dispatcher wants to see of all regions at a glance. Draws a plain
//! [`BoardView`], wherever that came from; `demo` and `top` show the same.

mod draw;
mod live;
mod remote;

pub use draw::draw;
pub use live::LiveBoard;
pub use remote::RemoteBoard;

use crate::domain::time::Timestamp;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::{io, time::Duration};

/// Everything on the board.
#[derive(Clone, Debug, Default)]
pub struct BoardView {
    pub title: String,
    /// Where to look further: addresses, keys.
    pub hints: Vec<String>,
    pub now: Timestamp,
    pub regions: Vec<RegionLine>,
    pub experts: ExpertCounts,
    /// Tickets served in each of the last spans, oldest first.
    pub served: Vec<u64>,
    pub served_span_s: i64,
    /// Newest first.
    pub events: Vec<EventLine>,
    pub map: MapView,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionLine {
    pub name: String,
    pub new: u32,
    pub assigning: u32,
    pub assigned: u32,
    pub in_progress: u32,
    pub served: u32,
    pub escalated: u32,
    /// How long the oldest ticket without an expert has been open.
    pub oldest_s: Option<i64>,
    /// Parked or recovering, with why.
    pub unready: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpertCounts {
    pub busy: u32,
    pub idle: u32,
    /// On shift without a connection.
    pub offline: u32,
    pub off_shift: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLine {
    pub at: Timestamp,
    pub what: String,
    pub about: String,
}

/// Points are (longitude, latitude) in degrees.
#[derive(Clone, Debug, Default)]
pub struct MapView {
    pub outlines: Vec<Vec<(f64, f64)>>,
    pub busy: Vec<(f64, f64)>,
    pub idle: Vec<(f64, f64)>,
    pub waiting: Vec<(f64, f64)>,
}

/// How often the board is drawn anew.
const REDRAW: Duration = Duration::from_millis(250);

/// Shows the board on the terminal until `poll` has no more to show, or somebody presses q, Esc or Ctrl-C. Blocks.
pub fn show(poll: &mut dyn FnMut() -> Option<BoardView>) -> io::Result<()> {
    show_with_keys(&mut |_| poll())
}

/// The same for who takes keys: `poll` is given each that was pressed, at once.
pub fn show_with_keys(poll: &mut dyn FnMut(Option<KeyCode>) -> Option<BoardView>) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let shown = (|| {
        let mut key = None;
        while let Some(view) = poll(key.take()) {
            terminal.draw(|frame| draw(frame, &view))?;
            if event::poll(REDRAW)? {
                let event = event::read()?;
                if leaves(&event) {
                    break;
                }
                key = event.as_key_press_event().map(|key| key.code);
            }
        }
        Ok(())
    })();
    ratatui::restore();
    shown
}

fn leaves(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press && (ctrl_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

#[cfg(test)]
mod tests;
