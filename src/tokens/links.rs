//! Links that need no login: their last part is as hard to guess as a token, and opens one thing only.

use super::{BASE64, Tokens};
use crate::domain::{
    ids::{TicketNumber, VisitNo},
    time::Timestamp,
};
use base64::Engine as _;

impl Tokens {
    /// The unguessable part of a link that needs no login: `0A1-000142-K.<mac>`.
    #[must_use]
    pub fn survey_link(&self, number: TicketNumber) -> String {
        let text = number.to_string();
        let mac = BASE64.encode(&self.mac("survey", text.as_bytes()).as_bytes()[..16]);
        format!("{text}.{mac}")
    }

    /// The unguessable part of a link that follows one visit: `0A1-000142-K.1.1800000000.<mac>`. It says
    /// itself when it expires.
    #[must_use]
    pub fn tracking_link(&self, number: TicketNumber, visit: VisitNo, expires: Timestamp) -> String {
        let text = format!("{number}.{visit}.{}", expires.0.div_euclid(1_000));
        let mac = BASE64.encode(&self.mac("track", text.as_bytes()).as_bytes()[..16]);
        format!("{text}.{mac}")
    }

    /// The visit of a tracking link; None when it was not made here or has expired.
    #[must_use]
    pub fn tracked_visit(&self, link: &str, now: Timestamp) -> Option<(TicketNumber, VisitNo)> {
        let mut parts = link.split('.');
        let number: TicketNumber = parts.next()?.parse().ok()?;
        let visit = parts.next()?.parse().ok()?;
        let expires = Timestamp(parts.next()?.parse::<i64>().ok()?.checked_mul(1_000)?);
        let ours = self.tracking_link(number, visit, expires);
        let same = blake3::hash(ours.as_bytes()) == blake3::hash(link.as_bytes());
        (same && now < expires).then_some((number, visit))
    }

    /// The ticket of a survey link; None when it was not made here.
    #[must_use]
    pub fn survey_ticket(&self, link: &str) -> Option<TicketNumber> {
        let number: TicketNumber = link.split_once('.')?.0.parse().ok()?;
        // Compared as hashes, so that the time it takes tells nothing.
        let same = blake3::hash(self.survey_link(number).as_bytes()) == blake3::hash(link.as_bytes());
        same.then_some(number)
    }
}
