//! The only place that knows argon2: a password to a PHC string, and whether one fits. Slow on purpose
//! (some 20 ms): never to be called on a runtime's thread.

use crate::settings::{Secret, limits};
use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{Error, phc::PasswordHash},
};
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// A hash as a PHC string (`$argon2id$v=19$m=..`): salt and cost stand in it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hash(String);

/// The system gave no randomness, or the settings make no sense to argon2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(String);

/// Hashes, and counts how often: that an unknown name costs a hash too is shown by counting.
pub(super) struct Hasher {
    argon2: Argon2<'static>,
    computed: AtomicU64,
}

/// What a password is hashed with for a name that nobody has.
const NOBODY: [u8; 16] = *b"nobody's own one";

impl Hasher {
    pub(super) fn new() -> Result<Self, HashError> {
        let params = Params::new(limits::PASSWORD_KIB, limits::PASSWORD_PASSES, limits::PASSWORD_LANES, None);
        let params = params.map_err(|error| HashError(error.to_string()))?;
        Ok(Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), computed: AtomicU64::new(0) })
    }

    /// With a salt of its own.
    pub(super) fn hash(&self, password: &Secret) -> Result<Hash, HashError> {
        self.computed.fetch_add(1, Ordering::Relaxed);
        let hash = self.argon2.hash_password(password.reveal().as_bytes());
        hash.map(|hash| Hash(hash.to_string())).map_err(failed)
    }

    /// Whether a password is the one that was hashed; None: there is none, which takes as long to say.
    pub(super) fn fits(&self, password: &Secret, hash: Option<&Hash>) -> bool {
        self.computed.fetch_add(1, Ordering::Relaxed);
        let bytes = password.reveal().as_bytes();
        if let Some(hash) = hash.and_then(|hash| PasswordHash::new(&hash.0).ok()) {
            return self.argon2.verify_password(bytes, &hash).is_ok();
        }
        let worked = self.argon2.hash_password_with_salt(bytes, &NOBODY);
        std::hint::black_box(worked).is_ok_and(|_| false)
    }

    /// Whether a hash was made at another cost than today's.
    pub(super) fn outdated(&self, hash: &Hash) -> bool {
        let today = self.argon2.params();
        let made = PasswordHash::new(&hash.0).ok().and_then(|hash| Params::try_from(&hash).ok());
        made.is_none_or(|made| {
            (made.m_cost(), made.t_cost(), made.p_cost()) != (today.m_cost(), today.t_cost(), today.p_cost())
        })
    }

    pub(super) fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn failed(error: Error) -> HashError {
    HashError(error.to_string())
}

impl Hash {
    /// A PHC string of argon2id; None: something else.
    pub(super) fn stored(text: &str) -> Option<Self> {
        let known = text.starts_with("$argon2id$") && PasswordHash::new(text).is_ok();
        known.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whoever has a hash can guess at leisure.
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hash)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_hash_alone_and_its_cost_is_the_recommended_one() {
        let hasher = Hasher::new().unwrap();
        let password = Secret::new("correct horse battery");
        let hash = hasher.hash(&password).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(hasher.fits(&password, Some(&hash)));
        assert!(!hasher.fits(&Secret::new("correct horse batterz"), Some(&hash)));
        assert_ne!(hasher.hash(&password).unwrap(), hash, "each has a salt of its own");
        assert!(!hasher.outdated(&hash));
        assert!(!format!("{hash:?}").contains("argon2id"));
    }

    #[test]
    fn nobody_fits_and_takes_a_hash_to_say_so() {
        let hasher = Hasher::new().unwrap();
        assert!(!hasher.fits(&Secret::new("correct horse battery"), None));
        assert_eq!(hasher.computed(), 1);
    }

    #[test]
    fn a_cheaper_hash_still_fits_and_is_outdated() {
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
        let hash = Hash::stored(&cheap.hash_password(b"correct horse battery").unwrap().to_string()).unwrap();
        let hasher = Hasher::new().unwrap();
        assert!(hasher.fits(&Secret::new("correct horse battery"), Some(&hash)));
        assert!(hasher.outdated(&hash));
        assert_eq!(Hash::stored("$2b$12$abc"), None);
    }
}
