//! What live sessions share at the door: how many there may be, how they end, and writing to a socket
//! that may not read.

use super::{Shared, answer::Refused, session::Session};
use crate::{api::Problem, settings::limits};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use futures_util::SinkExt;
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Close codes: those from 4000 on are the contract's.
pub(super) mod code {
    pub(in crate::http) const UNSUPPORTED: u16 = 1003;
    pub(in crate::http) const FAULT: u16 = 1011;
    pub(in crate::http) const RESTARTING: u16 = 1012;
    pub(in crate::http) const TOKEN_ENDED: u16 = 4001;
    pub(in crate::http) const REPLACED: u16 = 4002;
    pub(in crate::http) const BEHIND: u16 = 4008;
    pub(in crate::http) const CANNOT_RESUME: u16 = 4009;
}

/// The door's part in live sessions.
pub(super) struct Live {
    places: Arc<Semaphore>,
    most: usize,
    stop: watch::Receiver<bool>,
}

/// One session's right to be there, and the sign that it has to end.
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    stop: watch::Receiver<bool>,
}

impl Live {
    /// `most`: sessions at once.
    pub(super) fn new(most: usize, stop: watch::Receiver<bool>) -> Self {
        Self { places: Arc::new(Semaphore::new(most)), most, stop }
    }

    pub(super) fn place(&self) -> Result<Place, Refused> {
        let busy = || {
            let problem = Problem::new(503, "overloaded", "too many live sessions");
            Problem { retry_after_s: Some(limits::RETRY_AFTER_S), ..problem }
        };
        let place = self.places.clone().try_acquire_owned().map_err(|_| busy())?;
        Ok(Place { _place: place, stop: self.stop.clone() })
    }

    /// Waits until all sessions have ended.
    pub(super) async fn ended(&self) {
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = self.places.acquire_many(all).await;
    }
}

impl Place {
    /// Resolves when the server stops.
    pub(super) async fn stopped(&mut self) {
        // A sender that is gone is a server that is gone.
        let _ = self.stop.wait_for(|stop| *stop).await;
    }
}

/// How often a session looks whether its token still holds.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// A session outlives the call that began it, but not its token.
pub(super) fn admitted(shared: &Shared, session: &Session) -> bool {
    shared.tokens.holds(&session.claims, shared.clock.now()).is_ok()
}

#[allow(clippy::disallowed_methods, reason = "a socket's life runs on the machine's time, whatever the tree's")]
pub(super) fn clock() -> tokio::time::Interval {
    let mut clock = tokio::time::interval(LOOK);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    clock
}

/// Agrees to an upgrade: buffers and messages bounded, the token's subprotocol taken.
pub(super) fn upgrade(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, Refused> {
    let upgrade = upgrade.map_err(|rejection| {
        let detail = format!("this is a WebSocket: {}", rejection.body_text());
        Problem::new(rejection.status().as_u16(), "upgrade_required", detail)
    })?;
    Ok(upgrade
        .protocols(["bearer"])
        .read_buffer_size(4 * 1_024)
        .write_buffer_size(32 * 1_024)
        .max_frame_size(limits::SESSION_MESSAGE_BYTES)
        .max_message_size(limits::SESSION_MESSAGE_BYTES))
}

/// Writes messages with one flush. False: the client is gone, or takes too long.
pub(super) async fn write(socket: &mut WebSocket, messages: impl Iterator<Item = Message>) -> bool {
    let written = async {
        for message in messages {
            socket.feed(message).await?;
        }
        socket.flush().await
    };
    matches!(tokio::time::timeout(limits::SOCKET_WRITE, written).await, Ok(Ok(())))
}

/// Says goodbye and waits a moment for the answer, so that what was written before arrives.
pub(super) async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let parted = async {
        if socket.send(goodbye).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = tokio::time::timeout(GOODBYE, parted).await;
}

/// What a client has to answer a close, and to take what was sent before it.
const GOODBYE: Duration = Duration::from_secs(2);

/// A text that was made here.
pub(super) fn text(bytes: &hyper::body::Bytes) -> Message {
    // Checked again rather than trusted: it is a fraction of the write.
    match bytes.clone().try_into() {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes.clone()),
    }
}
