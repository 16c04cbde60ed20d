//! When an expert who is on the way gets there, by where their phone is.

use super::Drives;
use crate::domain::{
    fix::Fix,
    place::Place,
    ticket::{Window, WindowKind},
    time::Timestamp,
};

/// A position older than this says nothing about where somebody is.
pub const FRESH_S: i64 = 300;

/// When service can begin: the drive from the fix, as if it began now, but not before a promised window. For who
/// judges lateness: it takes no driving for granted that no phone reported. None: the fix is too old.
#[must_use]
pub fn arrival(fix: &Fix, to: Place, window: Option<Window>, drives: Drives<'_>, now: Timestamp) -> Option<Timestamp> {
    begins(fix, to, window, drives, now, now)
}

/// The same for who waits: the drive began when the phone said where it is, so what is told stays the same until the
/// next position, or until it is overdue. It ends when [`super::course()`] does.
#[must_use]
pub fn eta(fix: &Fix, to: Place, window: Option<Window>, drives: Drives<'_>, now: Timestamp) -> Option<Timestamp> {
    begins(fix, to, window, drives, now, fix.at.min(now))
}

fn begins(
    fix: &Fix,
    to: Place,
    window: Option<Window>,
    drives: Drives<'_>,
    now: Timestamp,
    left: Timestamp,
) -> Option<Timestamp> {
    let there = left.plus_s(drives.drive_s(fix.place, to, now)).max(now);
    let promised = window.filter(|window| window.kind == WindowKind::Promise);
    let begins = promised.map_or(there, |window| window.from.max(there));
    (now.since_s(fix.at) <= FRESH_S).then_some(begins)
}
