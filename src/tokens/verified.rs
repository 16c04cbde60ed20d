//! What the tokens of the last calls say, so that a caller's second call costs a look and not a
//! signature. Remembers only what was signed here; expiry and revocation are judged each time.

use super::Claims;
use crate::settings::limits;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

#[derive(Default)]
pub(super) struct Verified(RwLock<HashMap<Box<str>, Arc<Claims>>>);

impl Verified {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ticket::Role, time::Timestamp};

    fn claims(id: usize) -> Claims {
        let (issued, expires) = (Timestamp(0), Timestamp(1));
        let (id, role, subject) = (id.to_string(), Role::Clerk, "c-1".to_owned());
        Claims { id, role, subject, regions: Vec::new(), issued, expires, login: None }
    }

    #[test]
    fn only_what_was_signed_here_is_remembered_and_never_more_than_the_limit() {
        let verified = Verified::default();
        assert_eq!(verified.claims("forged", || None), None);
        assert!(verified.0.read().unwrap().is_empty());
        for id in 0..=limits::TOKENS_KNOWN {
            assert_eq!(verified.claims(&id.to_string(), || Some(claims(id))).as_deref(), Some(&claims(id)));
            assert!(verified.0.read().unwrap().len() <= limits::TOKENS_KNOWN);
        }
        let last = limits::TOKENS_KNOWN.to_string();
        assert!(verified.claims(&last, || None).is_some(), "it is not asked for again");
    }
}
