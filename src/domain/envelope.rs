//! What is known of a change besides what it says.

use super::{ids::Seq, ticket::Who, time::Timestamp};
use minicbor::{Decode, Encode};

/// Who, when and why; stored with every record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    #[n(0)]
    pub at: Timestamp,
    #[n(1)]
    pub who: Who,
    #[n(2)]
    pub request_id: Option<String>,
    /// The event that led to this batch.
    #[n(3)]
    pub cause: Option<Seq>,
    /// W3C trace id, 32 hex digits.
    #[n(4)]
    pub trace_id: Option<String>,
}
