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

/// When service can begin: the drive from the fix, but not before a promised window. None: the fix is too old.
#[must_use]
pub fn arrival(fix: &Fix, to: Place, window: Option<Window>, drives: Drives<'_>, now: Timestamp) -> Option<Timestamp> {
    let there = now.plus_s(drives.drive_s(fix.place, to, now));
    let promised = window.filter(|window| window.kind == WindowKind::Promise);
    let begins = promised.map_or(there, |window| window.from.max(there));
    (now.since_s(fix.at) <= FRESH_S).then_some(begins)
}
