//! The stored form of a record: self-describing, versioned, chained.
//!
//! Numbers are little endian. Format 1:
//!
//! | bytes | what |
//! |---|---|
//! | 2 | `CJ` |
//! | 2 | format |
//! | 8 | first sequence |
//! | 4 | how many sequence numbers it covers, at least 1 |
//! | 32 | hash of the record before; zeros for the first |
//! | 4 | length of the body |
//! | n | body |
//! | 32 | own hash: BLAKE3 of all bytes above |
//!
//! Must hold: the chain's hashes depend on nothing but the records, so any store of the same records
//! ends in the same head. A format once written stays readable (P11); a newer one is named, not guessed.

use super::{JournalError, Record};
use crate::domain::ids::Seq;
use std::path::Path;

pub const FORMAT: u16 = 1;
/// The hash before the first record.
pub const GENESIS: [u8; 32] = [0; 32];

const MAGIC: [u8; 2] = *b"CJ";
const HEAD: usize = 52;
const HASH: usize = 32;

/// A record as it lies on disk, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub first_seq: Seq,
    pub count: u32,
    pub prev: [u8; 32],
    pub body: &'a [u8],
    pub hash: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("format {found}, this one reads up to {FORMAT}")]
    Newer { found: u16 },
    #[error("{0}")]
    Damaged(&'static str),
}

impl Frame<'_> {
    /// The sequence after its last one.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.first_seq.saturating_add(self.count.into())
    }
}

/// Appends the framed record to `out`; its hash, which the next one needs.
///
/// A body must be shorter than 4 GiB; the limits at the doors keep batches far below.
pub fn encode(record: &Record, prev: &[u8; 32], out: &mut Vec<u8>) -> [u8; 32] {
    let start = out.len();
    out.reserve(HEAD + record.bytes.len() + HASH);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&record.first_seq.to_le_bytes());
    out.extend_from_slice(&record.count.to_le_bytes());
    out.extend_from_slice(prev);
    out.extend_from_slice(&u32::try_from(record.bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&record.bytes);
    let hash = *blake3::hash(&out[start..]).as_bytes();
    out.extend_from_slice(&hash);
    hash
}

/// Reads one frame that fills `bytes`, and checks its hash.
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    let damaged = FrameError::Damaged;
    let format = bytes.get(2..4).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let Some(format) = format.filter(|_| bytes.starts_with(&MAGIC)) else {
        return Err(damaged("it does not begin like a record"));
    };
    if format > FORMAT {
        return Err(FrameError::Newer { found: format });
    }
    let (head, rest) = bytes.split_at_checked(HEAD).ok_or(damaged("it is cut short"))?;
    let length = u32::from_le_bytes(array(&head[48..52])) as usize;
    if rest.len() != length.saturating_add(HASH) {
        return Err(damaged("its length is wrong"));
    }
    let (body, hash) = rest.split_at(length);
    if blake3::hash(&bytes[..HEAD + length]).as_bytes() != hash {
        return Err(damaged("its hash is wrong"));
    }
    let count = u32::from_le_bytes(array(&head[12..16]));
    if format == 0 || count == 0 {
        return Err(damaged("it covers no sequence number"));
    }
    let first_seq = Seq::from_le_bytes(array(&head[4..12]));
    Ok(Frame { first_seq, count, prev: array(&head[16..48]), body, hash: array(hash) })
}

/// Like `decode`, for a frame found under `seq` in `path`.
pub fn open<'a>(bytes: &'a [u8], path: &Path, seq: Seq) -> Result<Frame<'a>, JournalError> {
    let path = || path.display().to_string();
    let frame = decode(bytes).map_err(|error| match error {
        FrameError::Newer { found } => JournalError::Newer { path: path(), found, known: FORMAT },
        FrameError::Damaged(what) => JournalError::Damaged { path: path(), seq, what: what.into() },
    })?;
    if frame.first_seq == seq {
        return Ok(frame);
    }
    Err(JournalError::Damaged { path: path(), seq, what: format!("it holds record {}", frame.first_seq) })
}

/// `bytes` has exactly `N`: callers slice by constants.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> impl Strategy<Value = Record> {
        (1..u64::MAX / 2, 1..1000u32, proptest::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(first_seq, count, bytes)| Record { first_seq, count, bytes })
    }

    fn encoded(record: &Record, prev: &[u8; 32]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(record, prev, &mut out);
        out
    }

    proptest! {
        #[test]
        fn what_is_framed_reads_back(record in record(), prev: [u8; 32]) {
            let mut out = vec![9; 3];
            let hash = encode(&record, &prev, &mut out);
            let frame = decode(&out[3..]).unwrap();
            prop_assert_eq!((frame.first_seq, frame.count, frame.body), (record.first_seq, record.count, &record.bytes[..]));
            prop_assert_eq!((frame.prev, frame.hash), (prev, hash));
        }

        #[test]
        fn any_changed_byte_is_noticed(record in record(), at: prop::sample::Index, flip in 1..=255u8) {
            let mut bytes = encoded(&record, &GENESIS);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            match decode(&bytes) {
                Err(FrameError::Damaged(_)) => {}
                Err(FrameError::Newer { found }) => prop_assert!(matches!(at, 2 | 3) && found > FORMAT),
                Ok(_) => prop_assert!(false, "byte {} changed unnoticed", at),
            }
        }

        #[test]
        fn any_truncation_or_addition_is_noticed(record in record(), cut: prop::sample::Index) {
            let mut bytes = encoded(&record, &GENESIS);
            prop_assert!(matches!(decode(&bytes[..cut.index(bytes.len())]), Err(FrameError::Damaged(_))));
            bytes.push(0);
            prop_assert!(matches!(decode(&bytes), Err(FrameError::Damaged(_))));
        }

        #[test]
        fn another_past_gives_another_hash(record in record(), prev: [u8; 32]) {
            prop_assume!(prev != GENESIS);
            prop_assert_ne!(encode(&record, &prev, &mut Vec::new()), encode(&record, &GENESIS, &mut Vec::new()));
        }
    }

    #[test]
    fn format_1_stays_as_it_is() {
        let record = Record { first_seq: 7, count: 2, bytes: b"two events".to_vec() };
        let hex = encoded(&record, &[0xAB; 32]).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let head = format!("434a0100070000000000000002000000{}0a000000", "ab".repeat(32));
        let hash = blake3::hash(&encoded(&record, &[0xAB; 32])[..62]).to_hex();
        assert_eq!(hex, format!("{head}74776f206576656e7473{hash}"));
    }

    #[test]
    fn a_newer_format_is_named_with_both_versions() {
        let mut bytes = encoded(&Record { first_seq: 1, count: 1, bytes: vec![1] }, &GENESIS);
        bytes[2] = 9;
        let error = open(&bytes, Path::new("1.redb"), 1).unwrap_err();
        assert!(matches!(error, JournalError::Newer { found: 9, known: FORMAT, .. }));
        assert!(error.to_string().contains("format 9") && error.to_string().contains("up to 1"), "{error}");
    }
}
