//! A batch as the bytes of one journal record, and back.
//!
//! Layout of format 1, all integers little endian:
//!
//! ```text
//! u8   format
//! u32  length of the head, then the head: CBOR of [`Head`] (envelope, claims, what is changed)
//! u64  per change: the sequence of the thing's previous event (0: none), stamped by the writer
//! u32  per event: its length, then the event: CBOR of `Fact`, personal fields sealed
//! ```
//!
//! Everything but the stamps is known to whoever commits, so encoding and sealing cost the caller's
//! thread, not the writer's. The head can be read without opening any sealed field: that is what
//! recovery scans. Must hold: every format ever written stays readable (P11): a new format gets a
//! number, an arm in [`upcast`] and a golden file in `tests/golden/`. Must never: panic on foreign bytes.

use super::{Batch, Change, Claim, Envelope, Fault, KeyState, Recorded, Sealer, seal::SealCtx};
use crate::domain::{
    fact::Fact,
    ids::{PersonId, RegionId, Seq, Thing, Version},
    person::{SealError, Sealing},
    ticket::TicketEvent,
};
use minicbor::{Decode, Encode};
use std::borrow::Cow;

/// The format this build writes, and the newest it reads.
pub(super) const FORMAT: u8 = 1;
/// Between one stamp and the next.
const STAMP: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CodecError {
    #[error("format {found} was written by a newer version (this one reads up to {FORMAT}): upgrade Callout")]
    Newer { found: u8 },
    #[error("damaged: {0}")]
    Damaged(String),
}

/// What a record says about itself without its events' contents.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct Head<'m> {
    #[n(0)]
    pub(super) envelope: Cow<'m, Envelope>,
    #[n(1)]
    pub(super) claims: Cow<'m, [Claim]>,
    #[n(2)]
    pub(super) changes: Vec<ChangeHead>,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct ChangeHead {
    #[n(0)]
    pub(super) region: RegionId,
    #[n(1)]
    pub(super) thing: Thing,
    /// The thing's version before; its events are `base + 1` and on.
    #[n(2)]
    pub(super) base: Version,
    #[n(3)]
    pub(super) events: u32,
    /// The other region, when a ticket changes hands.
    #[n(4)]
    pub(super) also: Option<RegionId>,
}

/// A batch ready for the journal but for its stamps.
#[derive(Clone, Debug)]
pub(super) struct Encoded {
    bytes: Vec<u8>,
    stamps: usize,
    /// Sequence numbers it takes: one per event, at least one.
    pub(super) count: u32,
}

/// A record taken apart, its events still encoded.
pub(super) struct Frame<'a> {
    pub(super) head: Head<'static>,
    prevs: Vec<Seq>,
    events: Vec<Cow<'a, [u8]>>,
}

/// What sealing needs while one value is encoded or decoded.
pub(super) struct Ctx<'a> {
    seal: SealCtx<'a>,
    sealer: &'a Sealer,
    /// A person without a key slot was met: what is encoded must not be stored.
    pub(super) keyless: bool,
    /// Nothing personal is opened: it reads as erased.
    veiled: bool,
}

impl<'a> Ctx<'a> {
    pub(super) fn new(sealer: &'a Sealer) -> Self {
        Self { seal: sealer.ctx(), sealer, keyless: false, veiled: false }
    }

    /// For readers who may not know whom it is about.
    fn veiled(sealer: &'a Sealer) -> Self {
        Self { veiled: true, ..Self::new(sealer) }
    }
}

impl Sealing for Ctx<'_> {
    fn seal(&mut self, person: PersonId, plain: &[u8]) -> Vec<u8> {
        if person != PersonId(0) && self.sealer.keys().key(person) == KeyState::Unknown {
            self.keyless = true;
            return Vec::new();
        }
        self.seal.seal(person, plain)
    }

    fn open(&mut self, person: PersonId, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        if self.veiled { Ok(None) } else { self.seal.open(person, sealed) }
    }
}

/// Why a batch cannot be put into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unencodable {
    /// A person without a key slot (no space for new keys): nothing of theirs may be written.
    Keyless,
    /// Beyond what the format holds: more than 4 GiB.
    TooLarge,
}

impl Encoded {
    pub(super) fn new(batch: &Batch, sealer: &Sealer) -> Result<Self, Unencodable> {
        let head = Head {
            envelope: Cow::Borrowed(&batch.envelope),
            claims: Cow::Borrowed(&batch.claims),
            changes: batch.changes.iter().map(ChangeHead::of).collect(),
        };
        let mut bytes = Vec::with_capacity(1024);
        bytes.push(FORMAT);
        let mut ctx = Ctx::new(sealer);
        put(&mut bytes, &head, &mut ctx)?;
        let stamps = bytes.len();
        bytes.resize(stamps + STAMP * batch.changes.len(), 0);
        let mut count = 0_u32;
        for fact in batch.changes.iter().flat_map(|change| &change.events) {
            put(&mut bytes, fact, &mut ctx)?;
            count += 1;
        }
        if ctx.keyless { Err(Unencodable::Keyless) } else { Ok(Self { bytes, stamps, count: count.max(1) }) }
    }

    /// Sets the sequence of the previous event of the `change`th thing.
    pub(super) fn stamp(&mut self, change: usize, prev: Seq) {
        let at = self.stamps + STAMP * change;
        if let Some(stamp) = self.bytes.get_mut(at..at + STAMP) {
            stamp.copy_from_slice(&prev.to_le_bytes());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl ChangeHead {
    fn of(change: &Change) -> Self {
        let also = change.events.iter().find_map(|fact| match fact {
            Fact::Ticket(TicketEvent::HandedOver { from, to, .. }) => {
                Some(if *to == change.region { from } else { to }.clone())
            }
            _ => None,
        });
        Self {
            region: change.region.clone(),
            thing: change.thing.clone(),
            base: change.base,
            events: change.events.len() as u32,
            also,
        }
    }
}

fn put<'a, T: Encode<Ctx<'a>>>(bytes: &mut Vec<u8>, value: &T, ctx: &mut Ctx<'a>) -> Result<(), Unencodable> {
    let at = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    minicbor::encode_with(value, &mut *bytes, ctx).map_err(|_| Unencodable::TooLarge)?;
    let length = u32::try_from(bytes.len() - at - 4).map_err(|_| Unencodable::TooLarge)?;
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Brings a record of any older format into the present one. Format 1 is the first.
fn upcast(bytes: &[u8]) -> Result<Cow<'_, [u8]>, CodecError> {
    match bytes.first() {
        None | Some(0) => Err(damaged("no format number")),
        Some(&FORMAT) => Ok(Cow::Borrowed(bytes)),
        Some(&found) => Err(CodecError::Newer { found }),
    }
}

impl<'a> Frame<'a> {
    pub(super) fn parse(record: &'a [u8]) -> Result<Self, CodecError> {
        match upcast(record)? {
            Cow::Borrowed(bytes) => Self::parse_current(bytes),
            Cow::Owned(bytes) => {
                let Frame { head, prevs, events } = Frame::parse_current(&bytes)?;
                let events = events.into_iter().map(|event| Cow::Owned(event.into_owned())).collect();
                Ok(Frame { head, prevs, events })
            }
        }
    }

    fn parse_current(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let mut rest = bytes.get(1..).ok_or_else(|| damaged("cut short"))?;
        let head: Head = minicbor::decode(chunk(&mut rest)?).map_err(|error| damaged(format!("head: {error}")))?;
        let stamps = take(&mut rest, STAMP * head.changes.len())?;
        let prevs = stamps.as_chunks::<STAMP>().0.iter().map(|stamp| Seq::from_le_bytes(*stamp)).collect();
        let mut events = Vec::new();
        for _ in 0..head.changes.iter().map(|change| change.events as usize).sum() {
            events.push(Cow::Borrowed(chunk(&mut rest)?));
        }
        if rest.is_empty() { Ok(Self { head, prevs, events }) } else { Err(damaged("bytes after the last event")) }
    }

    /// Each change with the sequence of its first event, the one before it, and its index among all events.
    pub(super) fn changes(&self, first_seq: Seq) -> impl Iterator<Item = Placed<'_>> {
        self.head.changes.iter().zip(&self.prevs).scan(0_usize, move |at, (head, prev)| {
            let placed = Placed { head, first_seq: first_seq + *at as Seq, prev: *prev, at: *at };
            *at += head.events as usize;
            Some(placed)
        })
    }

    /// The `index`th event of the record, opened.
    pub(super) fn fact(&self, index: usize, sealer: &Sealer) -> Result<Fact, CodecError> {
        self.read(index, &mut Ctx::new(sealer))
    }

    fn read(&self, index: usize, ctx: &mut Ctx<'_>) -> Result<Fact, CodecError> {
        let bytes = self.events.get(index).ok_or_else(|| damaged("an event is missing"))?;
        minicbor::decode_with(bytes, ctx).map_err(|error| damaged(format!("event: {error}")))
    }

    /// Who committed it, when and why.
    pub(super) fn envelope(&self) -> &Envelope {
        &self.head.envelope
    }

    /// All events of one change.
    pub(super) fn recorded(
        &self,
        batch: Seq,
        placed: &Placed<'_>,
        sealer: &Sealer,
    ) -> Result<Vec<Recorded>, CodecError> {
        self.recorded_with(batch, placed, &mut Ctx::new(sealer))
    }

    /// The same with everything personal left out.
    pub(super) fn recorded_veiled(
        &self,
        batch: Seq,
        placed: &Placed<'_>,
        sealer: &Sealer,
    ) -> Result<Vec<Recorded>, CodecError> {
        self.recorded_with(batch, placed, &mut Ctx::veiled(sealer))
    }

    fn recorded_with(&self, batch: Seq, placed: &Placed<'_>, ctx: &mut Ctx<'_>) -> Result<Vec<Recorded>, CodecError> {
        let one = |i: usize| {
            let seq = placed.first_seq + i as Seq;
            Ok(Recorded {
                seq,
                batch,
                region: placed.head.region.clone(),
                thing: placed.head.thing.clone(),
                version: placed.head.base + 1 + i as Version,
                prev: if i == 0 { placed.prev } else { seq - 1 },
                envelope: self.head.envelope.clone().into_owned(),
                fact: self.read(placed.at + i, ctx)?,
            })
        };
        (0..placed.head.events as usize).map(one).collect()
    }
}

/// A change in its place in the journal.
pub(super) struct Placed<'a> {
    pub(super) head: &'a ChangeHead,
    pub(super) first_seq: Seq,
    pub(super) prev: Seq,
    /// Index of its first event in the record.
    pub(super) at: usize,
}

impl Placed<'_> {
    pub(super) fn last_seq(&self) -> Seq {
        self.first_seq + Seq::from(self.head.events.max(1)) - 1
    }
}

fn chunk<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let length = take(rest, 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    take(rest, length.ok_or_else(|| damaged("cut short"))? as usize)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], CodecError> {
    let (taken, left) = rest.split_at_checked(length).ok_or_else(|| damaged("cut short"))?;
    *rest = left;
    Ok(taken)
}

fn damaged(what: impl Into<String>) -> CodecError {
    CodecError::Damaged(what.into())
}

impl CodecError {
    /// As a fault of the record at `seq`.
    pub(super) fn at(self, seq: Seq) -> Fault {
        Fault { what: self.to_string(), place: format!("journal record {seq}") }
    }
}
