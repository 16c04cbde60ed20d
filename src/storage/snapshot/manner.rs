//! How rounds share the processor. A round is long work that hardly anybody waits for, and a thread
//! that wakes may stand behind it for a whole time slice (milliseconds): the journal's writer must not.

use super::rounds::{FULL_ROUND, Message, QUEUE};
use crate::storage::store::MAX_BACKLOG;
use crossbeam_channel::Receiver;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Copy, Debug)]
pub(in crate::storage) enum Manner<'a> {
    /// Whoever waits for this core goes first, as often as what waits for snapshots allows.
    GiveWay {
        /// States that are in no snapshot yet.
        backlog: &'a AtomicUsize,
        /// Those of them that this round is about.
        waiting: usize,
        /// Groups that wait behind it.
        behind: Option<&'a Receiver<Message>>,
    },
    Hurry,
}

/// How often a round gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Often,
    Seldom,
    /// Everybody would wait for snapshots otherwise.
    Never,
}

/// A row takes some ten microseconds.
const ROWS_BETWEEN: usize = 16;
/// So many while much waits: rows alone then hold the core for less than a millisecond.
const ROWS_BEHIND: usize = 64;

impl<'a> Manner<'a> {
    /// To be called after the `nth` row.
    pub(super) fn after_row(self, nth: usize) {
        if nth.is_multiple_of(ROWS_BETWEEN) {
            self.pause(nth.is_multiple_of(ROWS_BEHIND));
        }
    }

    /// The same for work that comes in pieces of several rows; `done` counts them.
    pub(super) fn after_rows(self, done: &mut usize, rows: usize) {
        let before = *done;
        *done += rows;
        if before / ROWS_BETWEEN != *done / ROWS_BETWEEN {
            self.pause(before / ROWS_BEHIND != *done / ROWS_BEHIND);
        }
    }

    /// Each item is a row.
    pub(super) fn paced<T>(self, rows: impl Iterator<Item = T> + 'a) -> impl Iterator<Item = T> + 'a {
        rows.enumerate().map(move |(nth, row)| {
            self.after_row(nth);
            row
        })
    }

    fn pause(self, also_seldom: bool) {
        let Self::GiveWay { backlog, waiting, behind } = self else { return };
        let gives_way = match pace(backlog.load(Ordering::Relaxed), waiting, behind.map_or(0, Receiver::len)) {
            Pace::Often => true,
            Pace::Seldom => also_seldom,
            Pace::Never => false,
        };
        if gives_way {
            std::thread::yield_now();
        }
    }
}

/// By the states that are in no snapshot, those of this round, and the groups that wait behind it. Well
/// before commits are refused, whatever earlier rounds failed to write, a round hurries.
fn pace(backlog: usize, waiting: usize, behind: usize) -> Pace {
    let seldom_from = (waiting + FULL_ROUND).min(MAX_BACKLOG - FULL_ROUND);
    let never_from = seldom_from + FULL_ROUND / 2;
    if backlog >= never_from || behind >= QUEUE / 2 {
        Pace::Never
    } else if backlog >= seldom_from || behind >= QUEUE / 4 {
        Pace::Seldom
    } else {
        Pace::Often
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_gives_way_often_while_less_than_a_round_waits_behind_it() {
        assert_eq!(pace(0, 0, 0), Pace::Often);
        assert_eq!(pace(60_000 + FULL_ROUND - 1, 60_000, 100), Pace::Often);
        assert_eq!(pace(60_000 + FULL_ROUND, 60_000, 100), Pace::Seldom);
        assert_eq!(pace(60_000 + FULL_ROUND * 3 / 2, 60_000, 100), Pace::Never);
    }

    #[test]
    fn it_hurries_before_commits_are_refused_however_much_failed_rounds_left_behind() {
        for waiting in [0, 100_000, 190_000, 1_000_000] {
            assert_eq!(pace(MAX_BACKLOG - FULL_ROUND / 2, waiting, 0), Pace::Never, "{waiting}");
        }
    }

    #[test]
    fn many_small_groups_count_like_many_states() {
        assert_eq!(pace(10, 10, QUEUE / 4), Pace::Seldom);
        assert_eq!(pace(10, 10, QUEUE / 2), Pace::Never);
    }

    #[test]
    fn pieces_of_any_size_are_counted_by_their_rows() {
        let mut done = 0;
        let mut crossed = 0;
        for rows in [1, 14, 1, 1_024, 3] {
            let before = done;
            Manner::Hurry.after_rows(&mut done, rows);
            crossed += usize::from(before / ROWS_BETWEEN != done / ROWS_BETWEEN);
        }
        assert_eq!((done, crossed), (1_043, 2));
    }
}
