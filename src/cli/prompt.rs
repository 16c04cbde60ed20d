//! Asking for a password: without showing it where somebody types, else from standard input when told so. Never
//! as an argument: those are seen by everybody on the machine.

use super::output::Trouble;
use crate::settings::Secret;
use ratatui::crossterm::{
    event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    terminal,
};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use zeroize::Zeroizing;

/// Longer than any password; also what is read of a line.
const MOST_BYTES: usize = 4_096;

/// A password that is there already.
pub(super) fn password(from_stdin: bool) -> Result<Secret, Trouble> {
    if from_stdin { line(&mut io::stdin().lock()) } else { typed("Password: ") }
}

/// A password to be: asked for twice where somebody types it.
pub(super) fn new_password(from_stdin: bool) -> Result<Secret, Trouble> {
    if from_stdin {
        return line(&mut io::stdin().lock());
    }
    let first = typed("New password: ")?;
    if typed("Once more: ")? == first { Ok(first) } else { Err(Trouble::Refused("these were not the same".into())) }
}

fn line(input: &mut impl BufRead) -> Result<Secret, Trouble> {
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES));
    input.take(MOST_BYTES as u64).read_line(&mut text).map_err(Trouble::refused)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(Trouble::Usage("there is no password on standard input".into())),
        password => Ok(Secret::new(password)),
    }
}

fn typed(ask: &str) -> Result<Secret, Trouble> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Trouble::Usage("nobody is there to type a password: give it with --password-stdin".into()));
    }
    eprint!("{ask}");
    let _ = io::stderr().flush();
    let read = {
        let _raw = Raw::begin().map_err(Trouble::refused)?;
        keys()
    };
    eprintln!();
    read
}

/// The terminal's raw mode, for as long as this lives: nothing that is typed is shown.
struct Raw;

impl Raw {
    fn begin() -> io::Result<Self> {
        terminal::enable_raw_mode().map(|()| Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = terminal::disable_raw_mode();
    }
}

fn keys() -> Result<Secret, Trouble> {
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES));
    loop {
        let Event::Key(key) = event::read().map_err(Trouble::refused)? else { continue };
        match pressed(&mut text, key) {
            Pressed::More => {}
            Pressed::Done => return Ok(Secret::new(&text)),
            Pressed::Cancelled => return Err(Trouble::Refused("cancelled".into())),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Pressed {
    More,
    Done,
    Cancelled,
}

fn pressed(text: &mut String, key: KeyEvent) -> Pressed {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        _ if key.kind == KeyEventKind::Release => {}
        KeyCode::Enter => return Pressed::Done,
        KeyCode::Esc => return Pressed::Cancelled,
        KeyCode::Char('c' | 'd') if control => return Pressed::Cancelled,
        KeyCode::Char('u') if control => text.clear(),
        // It never grows beyond what it was made for, so no copy is left behind.
        KeyCode::Char(c) if !control && text.len() + c.len_utf8() <= MOST_BYTES => text.push(c),
        KeyCode::Backspace => drop(text.pop()),
        _ => {}
    }
    Pressed::More
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_password_without_its_end_and_none_is_a_mistake() {
        assert_eq!(line(&mut &b"two words \r\nmore\n"[..]).unwrap().reveal(), "two words ");
        assert!(matches!(line(&mut &b"\n"[..]), Err(Trouble::Usage(_))));
    }

    #[test]
    fn typing_can_be_mended_and_given_up() {
        let mut text = String::new();
        let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        for c in "xyab".chars() {
            assert_eq!(pressed(&mut text, plain(KeyCode::Char(c))), Pressed::More);
        }
        pressed(&mut text, plain(KeyCode::Backspace));
        assert_eq!(text, "xya");
        pressed(&mut text, control('u'));
        assert_eq!(text, "");
        assert_eq!(pressed(&mut text, plain(KeyCode::Enter)), Pressed::Done);
        assert_eq!(pressed(&mut text, control('c')), Pressed::Cancelled);
    }
}
