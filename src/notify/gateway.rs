//! What every way to the outside has in common: one message in, an outcome by a deadline.
//!
//! Must hold: an error's words are safe to store and to log, so they are codes of ours and of the gateway,
//! never its prose, which repeats numbers and addresses (P12).

use crate::domain::{ids::TicketNumber, ticket::Channel, time::Timestamp};
use std::{pin::Pin, time::Duration};

/// One message, ready to go.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// `<ticket>.<delivery>`: the same as the push has, so that an app knows a duplicate.
    pub id: String,
    pub ticket: TicketNumber,
    pub kind: &'static str,
    pub channel: Channel,
    /// A number or an address.
    pub to: String,
    /// Of an e-mail.
    pub subject: Option<String>,
    pub text: String,
    pub at: Timestamp,
    /// Where the gateway is to say what became of it.
    pub callback: Option<String>,
}

/// The gateway has taken it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The gateway's own name for it.
    pub reference: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct SendError {
    /// Stable and safe: `timeout`, `http_500`, `invalid_recipient (21211)`.
    pub code: String,
    pub kind: ErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// This message will never go this way; the gateway itself works.
    Permanent,
    /// The gateway does not work now; it may have said for how long.
    Passing { retry_after_s: Option<u32> },
}

impl SendError {
    #[must_use]
    pub fn permanent(code: impl Into<String>) -> Self {
        Self { code: code.into(), kind: ErrorKind::Permanent }
    }

    #[must_use]
    pub fn passing(code: impl Into<String>) -> Self {
        Self { code: code.into(), kind: ErrorKind::Passing { retry_after_s: None } }
    }
}

pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Sent, SendError>> + Send + 'a>>;

/// A way to the outside. Must not block its thread; whoever calls it gives up after [`Gateway::patience`].
pub trait Gateway: Send + Sync + 'static {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;

    /// How long one message may take in all.
    fn patience(&self) -> Duration;
}
