//! What the tokens of the last calls say, so that a caller's second call costs a look and not a
//! signature. Remembers only what was signed here; expiry and revocation are judged each time.

use super::Claims;
use crate::settings::limits;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

#[derive(Default)]
pub(super) struct Genuine(RwLock<HashMap<Box<str>, Arc<Claims>>>);

impl Genuine {
    /// What is known of a token, or what `read` makes of it.
    pub(super) fn claims(&self, token: &str, read: impl FnOnce() -> Option<Claims>) -> Option<Arc<Claims>> {
        if let Some(claims) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(token) {
            return Some(claims.clone());
        }
        let claims = Arc::new(read()?);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // All at once: who still calls is known again after one call each.
        if known.len() >= limits::TOKENS_KNOWN {
            known.clear();
        }
        known.insert(token.into(), claims.clone());
        Some(claims)
    }
}
