//! Seals what belongs to a person on its way to disk, opens it on its way back.
//!
//! XChaCha20-Poly1305 under the person's key, the slot number as associated data, so that no field
//! opens under another person. Sealed form: a marker byte, then for `SEALED` 24 bytes of nonce,
//! the cipher text, 16 bytes of tag. What is sealed after an erasure is gone: it opens as nothing.
//! Must never: write a person's bytes in the clear, or reuse a nonce for other bytes.

use super::keys::{KeyFile, KeyState};
use crate::domain::{
    ids::PersonId,
    person::{SealError, Sealing},
};
use chacha20poly1305::{AeadInPlace, Key, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use std::sync::atomic::{AtomicU64, Ordering};

/// Nobody's: as it is.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;
/// Its person was erased before it was written.
const HOLE: u8 = 2;
const NONCE: usize = 24;
const TAG: usize = 16;

/// Seals and opens with the key file of a data directory. One per process; any thread.
pub struct Sealer {
    keys: KeyFile,
    lookup: [u8; 32],
    /// Secret, new in each process.
    salt: [u8; 32],
    /// Makes each nonce of this process another one; stays 0 in a replay.
    sealed: AtomicU64,
}

/// One encoding's view of the sealer; free to make.
#[derive(Clone, Copy)]
pub struct SealCtx<'a>(&'a Sealer);

impl Sealer {
    /// Nonces are a keyed BLAKE3 of a per-process secret over counter, person and text: unique
    /// without locks, even in a cloned machine. With seeded keys the counter and the secret are
    /// fixed, so the same text gives the same bytes: a replay repeats.
    #[must_use]
    pub fn new(keys: KeyFile) -> Self {
        Self { lookup: keys.lookup_key(), salt: keys.salt(), sealed: AtomicU64::new(0), keys }
    }

    /// A context for encoding or decoding with `minicbor`.
    #[must_use]
    pub fn ctx(&self) -> SealCtx<'_> {
        SealCtx(self)
    }

    #[must_use]
    pub fn keys(&self) -> &KeyFile {
        &self.keys
    }

    /// A keyed hash for finding people by phone or e-mail; says nothing without the key file. The
    /// caller brings the text into one form first (digits, lower case).
    #[must_use]
    pub fn lookup_hash(&self, text: &str) -> [u8; 16] {
        short_hash(&self.lookup, text)
    }

    /// The same hash, for those who outlive the store.
    pub(in crate::storage) fn hasher(&self) -> impl Fn(&str) -> [u8; 16] + Send + Sync + 'static {
        let lookup = self.lookup;
        move |text| short_hash(&lookup, text)
    }

    /// One allocation; about 2 µs for 300 bytes.
    #[must_use]
    pub fn seal(&self, person: PersonId, plain: &[u8]) -> Vec<u8> {
        if person == PersonId(0) {
            return [&[PLAIN], plain].concat();
        }
        let key = match self.keys.key(person) {
            KeyState::Key(key) => key,
            KeyState::Erased => return vec![HOLE],
            KeyState::Unknown => {
                tracing::error!(slot = person.0, "a person without a key slot: not written");
                return vec![HOLE];
            }
        };
        let nonce = self.nonce(person, plain);
        let mut out = Vec::with_capacity(1 + NONCE + plain.len() + TAG);
        out.push(SEALED);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let cipher = XChaCha20Poly1305::new(Key::from_slice(&key));
        let body = &mut out[1 + NONCE..];
        match cipher.encrypt_in_place_detached(XNonce::from_slice(&nonce), &person.0.to_le_bytes(), body) {
            Ok(tag) => out.extend_from_slice(&tag),
            // Only for texts beyond 256 GiB.
            Err(_) => out = vec![HOLE],
        }
        out
    }

    /// The plain bytes; None when the person was erased.
    pub fn open(&self, person: PersonId, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        let error = SealError(person);
        match sealed.split_first() {
            Some((&PLAIN, plain)) if person == PersonId(0) => Ok(Some(plain.to_vec())),
            Some((&HOLE, [])) => Ok(None),
            Some((&SEALED, rest)) if person != PersonId(0) => match self.keys.key(person) {
                KeyState::Key(key) => decrypt(&key, person, rest).ok_or(error).map(Some),
                KeyState::Erased => Ok(None),
                KeyState::Unknown => Err(error),
            },
            _ => Err(error),
        }
    }

    fn nonce(&self, person: PersonId, plain: &[u8]) -> [u8; NONCE] {
        let count = if self.keys.is_seeded() { 0 } else { self.sealed.fetch_add(1, Ordering::Relaxed) };
        let mut hasher = blake3::Hasher::new_keyed(&self.salt);
        hasher.update(&count.to_le_bytes()).update(&person.0.to_le_bytes()).update(plain);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&hasher.finalize().as_bytes()[..NONCE]);
        nonce
    }
}

fn decrypt(key: &[u8; 32], person: PersonId, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = sealed.split_at_checked(NONCE)?;
    let (body, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
    let mut plain = body.to_vec();
    XChaCha20Poly1305::new(Key::from_slice(key))
        .decrypt_in_place_detached(XNonce::from_slice(nonce), &person.0.to_le_bytes(), &mut plain, Tag::from_slice(tag))
        .ok()?;
    Some(plain)
}

impl Sealing for SealCtx<'_> {
    fn seal(&mut self, person: PersonId, plain: &[u8]) -> Vec<u8> {
        self.0.seal(person, plain)
    }

    fn open(&mut self, person: PersonId, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        self.0.open(person, sealed)
    }
}

fn short_hash(key: &[u8; 32], text: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::keyed_hash(key, text.as_bytes()).as_bytes()[..16]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::person::{Contact, Private},
        storage::KeyOptions,
    };

    fn sealer(dir: &std::path::Path, seed: Option<u64>) -> Sealer {
        Sealer::new(KeyFile::open(dir, KeyOptions { seed, create: true }).unwrap())
    }

    #[test]
    fn a_sealed_field_opens_only_whole_and_for_its_person() {
        let dir = tempfile::tempdir().unwrap();
        let sealer = sealer(dir.path(), None);
        let (ann, bob) = (sealer.keys().take().unwrap(), sealer.keys().take().unwrap());
        let sealed = sealer.seal(ann, b"12 Elm Street");
        assert!(!sealed.windows(3).any(|w| w == b"Elm"));
        assert_ne!(sealed, sealer.seal(ann, b"12 Elm Street"), "salted");
        assert_eq!(sealer.open(ann, &sealed), Ok(Some(b"12 Elm Street".to_vec())));
        assert_eq!(sealer.open(bob, &sealed), Err(SealError(bob)));
        assert_eq!(sealer.open(PersonId(0), &sealed), Err(SealError(PersonId(0))));
        for i in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[i] ^= 1;
            assert_eq!(sealer.open(ann, &flipped), Err(SealError(ann)), "byte {i}");
            assert_eq!(sealer.open(ann, &sealed[..i]), Err(SealError(ann)), "cut at {i}");
        }
    }

    #[test]
    fn an_erased_person_opens_as_nothing_and_is_never_sealed_again() {
        let dir = tempfile::tempdir().unwrap();
        let sealer = sealer(dir.path(), None);
        let ann = sealer.keys().take().unwrap();
        let sealed = sealer.seal(ann, b"secret");
        sealer.keys().erase(ann).unwrap();
        assert_eq!(sealer.open(ann, &sealed), Ok(None));
        assert_eq!(sealer.seal(ann, b"secret"), [HOLE]);
        assert_eq!(sealer.open(ann, &[HOLE]), Ok(None));
    }

    #[test]
    fn nobody_is_stored_plain_and_an_unknown_slot_never_is() {
        let dir = tempfile::tempdir().unwrap();
        let sealer = sealer(dir.path(), None);
        let plain = sealer.seal(PersonId(0), b"city hall");
        assert_eq!(sealer.open(PersonId(0), &plain), Ok(Some(b"city hall".to_vec())));
        assert_eq!(sealer.open(PersonId(1), &plain), Err(SealError(PersonId(1))), "no downgrade to plain");
        let unknown = PersonId(1_000_000);
        assert_eq!(sealer.seal(unknown, b"x"), [HOLE]);
        assert_eq!(sealer.open(unknown, &[SEALED; 60]), Err(SealError(unknown)));
    }

    #[test]
    fn two_replays_of_one_seed_seal_to_the_same_bytes() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (sealer(one.path(), Some(7)), sealer(two.path(), Some(7)));
        let person = one.keys().take().unwrap();
        assert_eq!(two.keys().take().unwrap(), person);
        assert_eq!(one.seal(person, b"a"), two.seal(person, b"a"));
        assert_ne!(one.seal(person, b"a")[1..=NONCE], one.seal(person, b"b")[1..=NONCE], "no nonce for two texts");
        assert_eq!(one.lookup_hash("+15550100"), two.lookup_hash("+15550100"));
    }

    #[test]
    fn private_values_pass_through_the_codec_sealed() {
        let dir = tempfile::tempdir().unwrap();
        let sealer = sealer(dir.path(), None);
        let contact = Contact { phone: Some("+15550100".into()), ..Contact::default() };
        let private = Private::new(sealer.keys().take().unwrap(), contact);
        let bytes = minicbor::to_vec_with(&private, &mut sealer.ctx()).unwrap();
        let back: Private<Contact> = minicbor::decode_with(&bytes, &mut sealer.ctx()).unwrap();
        assert_eq!(back, private);
        assert!(!bytes.windows(4).any(|w| w == b"5550"));
    }

    #[test]
    fn copies_are_sealed_once_and_an_erased_one_opens_as_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let sealer = sealer(dir.path(), None);
        let person = sealer.keys().take().unwrap();
        let private = Private::new(person, "12 Elm Street".to_owned());
        let copy = private.clone();
        let bytes = |private: &Private<String>| minicbor::to_vec_with(private, &mut sealer.ctx()).unwrap();
        let read = |bytes: &[u8]| -> Private<String> { minicbor::decode_with(bytes, &mut sealer.ctx()).unwrap() };
        let sealed = bytes(&private);
        assert_eq!(bytes(&copy), sealed);
        assert_eq!(bytes(&read(&sealed)), sealed, "as read");
        assert_ne!(bytes(&Private::new(person, "12 Elm Street".to_owned())), sealed, "salted");
        sealer.keys().erase(person).unwrap();
        assert_eq!(read(&bytes(&copy)).known(), None);
    }
}
