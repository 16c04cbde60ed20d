//! One line as it lies in the file, and what binds it to the line before.
//!
//! `{"n":17,"at":"..",..,"hash":"<32 hex digits>"}`: the hash is keyed BLAKE3 over the hash before and the line
//! without its own. `n` counts all lines from 1. A day's file begins with a notice that repeats the hash before
//! it, so that the rest can be checked when older days are gone.

use super::{Caller, Entry};
use crate::{
    storage::ContactHasher,
    telemetry::{incidents::rfc3339, mask::masked},
};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

pub(super) type Hash = [u8; 16];
/// What the first line ever follows.
pub(super) const NOTHING: Hash = [0; 16];

/// Between a line and its hash.
const SEAM: &str = ",\"hash\":\"";
const ENDS: &str = "\"}";

/// Binds lines. Made of the key file, so that whoever has the lines alone cannot make others.
#[derive(Clone)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn of(hash: &ContactHasher) -> Self {
        Self(blake3::derive_key("callout 2026-11 access record", &hash("the access record")))
    }

    fn hash(&self, before: &Hash, text: &str) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(before).update(text.as_bytes());
        let mut hash = NOTHING;
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        hash
    }

    /// A line with its hash, and the hash.
    pub(super) fn bound(&self, before: &Hash, line: &Line) -> (String, Hash) {
        // A struct of texts and numbers always encodes.
        let text = serde_json::to_string(line).unwrap_or_default();
        let hash = self.hash(before, &text);
        (format!("{}{SEAM}{}{ENDS}", text.trim_end_matches('}'), hex(&hash)), hash)
    }

    /// The line's hash; None when it does not follow `before`.
    pub(super) fn follows(&self, before: &Hash, text: &str) -> Option<Hash> {
        let (line, said) = text.rsplit_once(SEAM)?;
        let hash = self.hash(before, &format!("{line}}}"));
        (said.strip_suffix(ENDS)? == hex(&hash)).then_some(hash)
    }
}

/// A call, or a notice of the record about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Line {
    pub(super) n: u64,
    pub(super) at: String,
    /// `day`: a file begins. `opened`: a process does. `missed`: so many calls are not here. `dropped`: days that
    /// were kept long enough are gone, up to line `through`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) prev: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) missed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) through: u64,
    /// Bytes of a line that a crash tore, cut off.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) torn: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) role: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) method: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) route: String,
    #[serde(skip_serializing_if = "is_none")]
    pub(super) status: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) ticket: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tickets: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) expert: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) regions: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) customer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) by: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) request: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_none(status: &u16) -> bool {
    *status == 0
}

impl Line {
    pub(super) fn notice(note: &str, at_ms: i64) -> Self {
        Self { at: rfc3339(at_ms), note: note.into(), ..Self::default() }
    }

    pub(super) fn of(entry: &Entry) -> Self {
        let shown = |id: Option<String>| id.unwrap_or_default();
        let about = &entry.about;
        let (role, subject, token) = who(&entry.caller);
        Self {
            at: rfc3339(entry.at_ms),
            role,
            subject,
            token,
            method: entry.method.into(),
            route: entry.route.into(),
            status: entry.status,
            ticket: shown(about.ticket.map(|number| number.to_string())),
            tickets: about.tickets.iter().map(ToString::to_string).collect(),
            expert: shown(about.expert.as_ref().map(ToString::to_string)),
            regions: about.regions.iter().map(ToString::to_string).collect(),
            customer: shown(about.customer.as_ref().map(ToString::to_string)),
            by: about.by.unwrap_or_default().into(),
            // It may be the caller's.
            request: masked(&entry.request_id),
            ..Self::default()
        }
    }
}

/// Role, subject, token.
fn who(caller: &Caller) -> (String, String, String) {
    match caller {
        Caller::Token(claims) => (claims.role.name().into(), claims.subject.clone(), claims.id.clone()),
        Caller::Link => ("link".into(), String::new(), String::new()),
        Caller::Nobody => ("none".into(), String::new(), String::new()),
        Caller::Person { role, subject } => {
            let role = role.map_or("none", |role| role.name());
            (role.into(), subject.clone().unwrap_or_default(), String::new())
        }
    }
}

pub(super) fn hex(hash: &Hash) -> String {
    hash.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn unhex(text: &str) -> Option<Hash> {
    u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32).map(u128::to_be_bytes)
}

/// The number and the hash that a line says it has.
pub(super) fn said(text: &str) -> Option<(u64, Hash)> {
    #[derive(Deserialize)]
    struct Said {
        n: u64,
        hash: String,
    }
    let said: Said = serde_json::from_str(text).ok()?;
    Some((said.n, unhex(&said.hash)?))
}
