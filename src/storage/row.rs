//! A state as the bytes of one snapshot row, and back: `u8` format, `u64` version, `u64` sequence of
//! the thing's last event (little endian), then CBOR with personal fields sealed.
//!
//! Rows are derived: one of another format is not upcast, its file is rebuilt from the journal.

use super::{Fault, Sealer, codec::Ctx};
use crate::domain::ids::{Seq, Version};
use minicbor::{Decode, Encode};

/// Raised whenever a row's shape changes in a way that CBOR's numbered fields do not absorb.
pub(super) const FORMAT: u8 = 1;
const HEADER: usize = 17;

/// Where a thing stands: its version and the sequence of its last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) version: Version,
    pub(super) last_seq: Seq,
}

/// Sealing cannot fail here: whoever is in a state was in its events.
pub(super) fn encode<T: for<'a> Encode<Ctx<'a>>>(state: &T, stamp: Stamp, sealer: &Sealer) -> Vec<u8> {
    let mut row = Vec::with_capacity(1024);
    encode_into(&mut row, state, stamp, sealer);
    row
}

/// The same, to the end of `row`.
pub(super) fn encode_into<T: for<'a> Encode<Ctx<'a>>>(row: &mut Vec<u8>, state: &T, stamp: Stamp, sealer: &Sealer) {
    row.push(FORMAT);
    row.extend_from_slice(&stamp.version.to_le_bytes());
    row.extend_from_slice(&stamp.last_seq.to_le_bytes());
    // Writing to memory: no error is possible, and a cut row would be found when it is read.
    let _ = minicbor::encode_with(state, row, &mut Ctx::new(sealer));
}

pub(super) fn stamp(row: &[u8]) -> Result<Stamp, Fault> {
    let header = row.first_chunk::<HEADER>().filter(|header| header[0] == FORMAT).ok_or_else(|| bad("its header"))?;
    let number = |at: usize| header[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    Ok(Stamp { version: number(1), last_seq: number(9) })
}

pub(super) fn decode<T: for<'a, 'b> Decode<'b, Ctx<'a>>>(row: &[u8], sealer: &Sealer) -> Result<(T, Stamp), Fault> {
    let stamp = stamp(row)?;
    let state =
        minicbor::decode_with(&row[HEADER..], &mut Ctx::new(sealer)).map_err(|error| bad(&error.to_string()))?;
    Ok((state, stamp))
}

/// The state as it reads back from disk: without the words of who was erased since.
pub(super) fn reseal<T>(state: &T, sealer: &Sealer) -> Result<T, Fault>
where
    T: for<'a> Encode<Ctx<'a>> + for<'a, 'b> Decode<'b, Ctx<'a>>,
{
    decode(&encode(state, Stamp::default(), sealer), sealer).map(|(state, _)| state)
}

fn bad(what: &str) -> Fault {
    Fault { what: format!("a row does not decode: {what}"), place: "snapshot".into() }
}
