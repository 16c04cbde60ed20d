//! One arbiter's fan: keeps the latest frames and its sessions, and offers each session what passes its
//! filter. It never waits for one: a session whose mailbox is full is behind, and ends.

use super::{
    End,
    frame::{Filter, Frame},
    session::{Offer, Session},
};
use crate::{domain::ids::Seq, settings::limits};
use actix::{Actor, Addr, Context, Handler, Message, MessageResult, dev::SendError};
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::watch;

/// What the tail read: frames in order, without a gap to what it told before.
#[derive(Clone)]
pub(super) struct News {
    pub(super) frames: Arc<[Arc<Frame>]>,
    pub(super) up_to: Seq,
    /// A sign of life is due, to everybody.
    pub(super) beat: bool,
}

/// A session that wants everything from `next` on.
pub(super) struct Join {
    pub(super) session: Addr<Session>,
    pub(super) filter: Filter,
    pub(super) next: Seq,
    pub(super) ended: watch::Sender<Option<End>>,
}

/// Somebody was erased: the frames kept may hold their words. Who joins reads the journal instead.
pub(super) struct Forget;

impl Message for Forget {
    type Result = ();
}

impl Message for News {
    type Result = ();
}

impl Message for Join {
    type Result = Joined;
}

pub(super) enum Joined {
    /// What the fan has from there on; the rest comes as offers.
    Now(Vec<Arc<Frame>>, Seq),
    /// The fan begins later: read the journal up to there first.
    ReadOn { begins: Seq },
}

pub(super) struct Fan {
    sessions: Vec<Member>,
    kept: VecDeque<Arc<Frame>>,
    /// All events from here on are among `kept`.
    begins: Seq,
    up_to: Seq,
}

struct Member {
    session: Addr<Session>,
    filter: Filter,
    ended: watch::Sender<Option<End>>,
}

impl Fan {
    /// `begins`: the first event that it will be told of.
    pub(super) fn new(begins: Seq) -> Self {
        Self { sessions: Vec::new(), kept: VecDeque::new(), begins, up_to: begins - 1 }
    }

    fn keep(&mut self, frames: &[Arc<Frame>]) {
        self.kept.extend(frames.iter().cloned());
        while self.kept.len() > limits::FEED_KEPT {
            if let Some(oldest) = self.kept.pop_front() {
                self.begins = oldest.seq + 1;
            }
        }
    }
}

impl Actor for Fan {
    type Context = Context<Self>;

    /// Whoever is left cannot be served any more, and is told so.
    fn stopped(&mut self, _: &mut Self::Context) {
        for member in self.sessions.drain(..) {
            member.ended.send_replace(Some(End::Fault));
        }
    }
}

impl Handler<News> for Fan {
    type Result = ();

    fn handle(&mut self, news: News, _: &mut Self::Context) {
        self.keep(&news.frames);
        self.up_to = news.up_to;
        self.sessions.retain(|member| {
            let wanted = news.beat || news.frames.iter().any(|frame| member.filter.passes(frame));
            if !wanted {
                return member.session.connected();
            }
            let offer = Offer { frames: news.frames.clone(), up_to: news.up_to, beat: news.beat };
            match member.session.try_send(offer) {
                Ok(()) => true,
                Err(SendError::Full(_)) => {
                    member.ended.send_replace(Some(End::Behind));
                    false
                }
                Err(SendError::Closed(_)) => false,
            }
        });
    }
}

impl Handler<Forget> for Fan {
    type Result = ();

    fn handle(&mut self, _: Forget, _: &mut Self::Context) {
        self.kept.clear();
        self.begins = self.up_to + 1;
    }
}

impl Handler<Join> for Fan {
    type Result = MessageResult<Join>;

    fn handle(&mut self, join: Join, _: &mut Self::Context) -> Self::Result {
        let Join { session, filter, next, ended } = join;
        if next < self.begins {
            return MessageResult(Joined::ReadOn { begins: self.begins });
        }
        let missed = self.kept.iter().skip_while(|frame| frame.seq < next).filter(|frame| filter.passes(frame));
        let missed = missed.cloned().collect();
        self.sessions.push(Member { session, filter, ended });
        MessageResult(Joined::Now(missed, self.up_to))
    }
}
