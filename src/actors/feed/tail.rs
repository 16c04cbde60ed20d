//! The thread that follows the journal: reads what was committed, makes frames of it and hands them to
//! the fans. It is the only live source of the feed, so that there is one order of events.

use super::{
    fan::{Fan, Forget, News},
    frame::Framer,
};
use crate::{
    domain::ids::Seq,
    settings::limits,
    storage::{Fault, Store},
};
use actix::Addr;
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::Instant,
};

pub(super) struct Tail {
    pub(super) store: Store,
    /// Where its waits run.
    pub(super) core: Handle,
    pub(super) fans: Vec<Addr<Fan>>,
    /// Asks it to forget what it remembers, and says when that is done. Its sender goes with the hub.
    pub(super) hub: mpsc::Receiver<oneshot::Sender<()>>,
    /// What to read next.
    pub(super) next: Seq,
}

/// When to give a sign of life. The journal may be busy with what a subscriber does not want to hear: the
/// pace is the clock's alone.
struct Beats {
    last: Instant,
}

impl Beats {
    fn next(&self) -> Instant {
        self.last + limits::FEED_HEARTBEAT
    }

    fn due(&mut self, now: Instant) -> bool {
        let due = now >= self.next();
        if due {
            self.last = now;
        }
        due
    }
}

/// How long to gather events after a page of so many. None: after a full one the next is there already, and to wait
/// would bound the feed below what intake takes.
fn pause(read: usize) -> Option<Duration> {
    (read < limits::FEED_PAGE).then_some(limits::FEED_PACE)
}

impl Tail {
    /// Until the hub is gone. Whatever ends it early ends the fans' sessions too: they resume.
    pub(super) fn run(mut self) {
        let core = self.core.clone();
        core.block_on(async {
            if let Err(fault) = self.follow().await {
                tracing::error!(%fault, "the feed cannot read the journal");
            }
        });
    }

    #[allow(clippy::disallowed_methods, reason = "a feed's pace is the machine's, whatever the tree's clock says")]
    async fn follow(&mut self) -> Result<(), Fault> {
        let mut framer = Framer::new(self.store.clone());
        let mut head = self.store.watch();
        let mut beats = Beats { last: Instant::now() };
        loop {
            tokio::select! {
                asked = self.hub.recv() => {
                    let Some(done) = asked else { return Ok(()) };
                    // What was read before has been told by now, so that the fans forget it too.
                    framer = Framer::new(self.store.clone());
                    if !self.forget().await {
                        return Ok(());
                    }
                    let _ = done.send(());
                    continue;
                },
                grown = head.wait_for(|head| *head >= self.next) => match grown {
                    Ok(_) => {}
                    Err(_) => return Ok(()),
                },
                () = tokio::time::sleep_until(beats.next()) => {}
            }
            let mut news = self.read(&mut framer)?;
            news.beat = beats.due(Instant::now());
            let read = news.frames.len();
            if !self.tell(&news).await {
                return Ok(());
            }
            if let Some(pause) = pause(read) {
                tokio::time::sleep(pause).await;
            }
        }
    }

    fn read(&mut self, framer: &mut Framer) -> Result<News, Fault> {
        let (head, _) = self.store.head();
        let events = self.store.read(self.next, limits::FEED_PAGE)?;
        // A batch that only took a key has a number and no event: nothing to tell, and nothing to wait for.
        if events.is_empty() {
            self.next = self.next.max(head + 1);
        }
        let frames: Vec<_> = events.iter().map(|event| Arc::new(framer.frame(event))).collect();
        self.next = frames.last().map_or(self.next, |frame| frame.seq + 1);
        Ok(News { frames: frames.into(), up_to: self.next - 1, beat: false })
    }

    /// False when a fan is gone.
    async fn forget(&self) -> bool {
        for told in self.fans.iter().map(|fan| fan.send(Forget)).collect::<Vec<_>>() {
            if told.await.is_err() {
                return false;
            }
        }
        true
    }

    /// False when a fan is gone.
    async fn tell(&self, news: &News) -> bool {
        for told in self.fans.iter().map(|fan| fan.send(news.clone())).collect::<Vec<_>>() {
            if told.await.is_err() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_behind_does_not_pause() {
        assert_eq!([0, 1, limits::FEED_PAGE - 1].map(pause), [Some(limits::FEED_PACE); 3]);
        assert_eq!(pause(limits::FEED_PAGE), None);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a moment to count from; nothing waits")]
    fn however_busy_the_journal_is_there_is_a_sign_of_life_at_the_heartbeats_pace() {
        let start = Instant::now();
        let mut beats = Beats { last: start };
        // Something happens every tenth of a second.
        let beaten = (0..300).filter(|n| beats.due(start + Duration::from_millis(100 * n))).collect::<Vec<_>>();
        let apart: Vec<_> = beaten.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let pace = limits::FEED_HEARTBEAT.as_millis() as u64 / 100;
        assert_eq!((beaten[0], apart), (pace, vec![pace; beaten.len() - 1]));
        assert!(beaten.len() >= 2);
    }
}
