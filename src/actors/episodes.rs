//! Finds the episodes that no single event tells: overload, a full disk, a jump of the machine's clock.
//! Looks at counters from the sentinel's thread, so that nothing on a ticket's way has to note them.

use super::{pulse::monotonic_ms, tree::Tree};
use crate::telemetry::{
    Counter, Incident,
    incidents::{Kind, now_ms},
};

/// An episode ends when nothing of it was seen for this long.
const QUIET_MS: i64 = 10_000;
/// The two clocks drift apart by less than this between two looks.
const JUMP_MS: i64 = 2_000;

pub(super) struct Episodes {
    overload: Episode,
    disk_full: Episode,
    /// Wall clock less monotonic clock.
    offset_ms: i64,
}

/// A counter that grows while something goes on.
struct Episode {
    kind: Kind,
    seen: u64,
    last_ms: Option<i64>,
}

/// What a look at a counter says.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Goes,
    Over,
    Nothing,
}

impl Episodes {
    pub(super) fn new() -> Self {
        Self {
            overload: Episode::of(Kind::Overload),
            disk_full: Episode::of(Kind::DiskFull),
            offset_ms: now_ms() - monotonic_ms(),
        }
    }

    pub(super) fn look(&mut self, tree: &Tree) {
        let meters = &tree.meters;
        self.overload.look(tree, meters.shed.value() + meters.http_shed.value());
        self.disk_full.look(tree, Counter::value(&meters.disk_full));
        let offset_ms = now_ms() - monotonic_ms();
        let jump_ms = offset_ms - self.offset_ms;
        if jump_ms.abs() > JUMP_MS {
            let cause = format!("the machine's clock was moved by {jump_ms} ms");
            tracing::warn!(jump_ms, "the machine's clock jumped");
            tree.incidents().note(Incident::new(Kind::ClockJump).cause(&cause));
        }
        self.offset_ms = offset_ms;
    }
}

impl Episode {
    fn of(kind: Kind) -> Self {
        Self { kind, seen: 0, last_ms: None }
    }

    fn look(&mut self, tree: &Tree, count: u64) {
        match self.news(count, monotonic_ms()) {
            News::Goes => tree.incidents().begin(Incident::new(self.kind)),
            News::Over => tree.incidents().end(Incident::new(self.kind)),
            News::Nothing => {}
        }
    }

    fn news(&mut self, count: u64, now_ms: i64) -> News {
        if count > self.seen {
            (self.seen, self.last_ms) = (count, Some(now_ms));
            return News::Goes;
        }
        match self.last_ms {
            Some(last) if now_ms - last >= QUIET_MS => {
                self.last_ms = None;
                News::Over
            }
            Some(_) | None => News::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_lasts_until_nothing_more_of_it_is_seen() {
        use News::{Goes, Nothing, Over};
        let mut episode = Episode::of(Kind::Overload);
        let told: Vec<News> =
            [(0, 0), (3, 250), (3, 500), (4, 9_000), (4, 18_000), (4, 19_000), (4, 30_000), (5, 31_000)]
                .map(|(count, at)| episode.news(count, at))
                .into();
        assert_eq!(told, [Nothing, Goes, Nothing, Goes, Nothing, Over, Nothing, Goes]);
    }
}
