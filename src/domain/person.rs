//! What belongs to a person and must vanish when they are erased.
//!
//! Every text that people typed and every exact place is a [`Private`] value. In memory it is
//! plain; the storage codec seals it with the person's key on its way to disk and opens it on its
//! way back. An erased one opens as nothing.

use super::{ids::PersonId, language::Language, place::Place};
use minicbor::{Decode, Decoder, Encode, Encoder, bytes::ByteVec};
use std::sync::{Arc, OnceLock};

/// A value of one person, or the hole that erasing them left. Copies share it, and its sealed form:
/// an event, the state it leads to and each row of that state hold the same bytes, sealed once.
#[derive(Clone, Debug)]
pub struct Private<T> {
    pub person: PersonId,
    value: Option<Arc<Value<T>>>,
}

#[derive(Debug)]
struct Value<T> {
    plain: T,
    /// As written by, or read with, the keys of this process.
    sealed: OnceLock<Vec<u8>>,
}

impl<T> Private<T> {
    pub fn new(person: PersonId, value: T) -> Self {
        Self { person, value: Some(Arc::new(Value { plain: value, sealed: OnceLock::new() })) }
    }

    /// None when the person was erased.
    #[must_use]
    pub fn known(&self) -> Option<&T> {
        self.value.as_ref().map(|value| &value.plain)
    }
}

impl<T: PartialEq> PartialEq for Private<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.person, self.known()) == (other.person, other.known())
    }
}

impl<T: Eq> Eq for Private<T> {}

/// Seals and opens bytes with a person's key. `storage/` implements it with the key file.
pub trait Sealing {
    /// The sealed form of `plain`: salted, so never the same twice. Empty: refused, not to be stored.
    fn seal(&mut self, person: PersonId, plain: &[u8]) -> Vec<u8>;
    /// The plain bytes; None when the person was erased. A wrong key or a torn text is an error.
    fn open(&mut self, person: PersonId, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed field of person {0:?} does not open: wrong key file or damaged bytes")]
pub struct SealError(pub PersonId);

impl<C: Sealing, T: Encode<()>> Encode<C> for Private<T> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(2)?.u32(self.person.0)?;
        match &self.value {
            None => e.null()?.ok(),
            Some(value) => {
                if let Some(sealed) = value.sealed.get() {
                    return e.bytes(sealed)?.ok();
                }
                let plain = minicbor::to_vec(&value.plain)
                    .map_err(|_| minicbor::encode::Error::message("a private value does not encode"))?;
                let sealed = ctx.seal(self.person, &plain);
                e.bytes(&sealed)?;
                // What was refused is asked for again, and refused again.
                if !sealed.is_empty() {
                    let _ = value.sealed.set(sealed);
                }
                Ok(())
            }
        }
    }
}

impl<'b, C: Sealing, T> Decode<'b, C> for Private<T>
where
    T: for<'a> Decode<'a, ()>,
{
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.array()?;
        let person = PersonId(d.u32()?);
        let sealed: Option<ByteVec> = d.decode()?;
        let Some(sealed) = sealed else { return Ok(Self { person, value: None }) };
        let plain = ctx.open(person, &sealed).map_err(minicbor::decode::Error::custom)?;
        let plain = plain.map(|plain| minicbor::decode(&plain)).transpose()?;
        let value = plain.map(|plain| Arc::new(Value { plain, sealed: OnceLock::from(Vec::from(sealed)) }));
        Ok(Self { person, value })
    }
}

/// How to reach whoever entered the ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Contact {
    #[n(0)]
    pub name: Option<String>,
    /// Digits with an optional leading `+`.
    #[n(1)]
    pub phone: Option<String>,
    #[n(2)]
    pub email: Option<String>,
    /// What they are written to in; None: the region's.
    #[n(3)]
    pub language: Option<Language>,
}

impl Contact {
    /// They can be written to.
    #[must_use]
    pub fn reachable(&self) -> bool {
        self.phone.is_some() || self.email.is_some()
    }
}

/// What an expert types at the end of a visit besides notes: short words, but anything may stand in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Typed {
    #[n(0)]
    pub resolution: Option<String>,
    /// Used, or needed for the next visit.
    #[n(1)]
    pub parts: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Address {
    #[n(0)]
    pub line1: Option<String>,
    #[n(1)]
    pub city: Option<String>,
    #[n(2)]
    pub state: Option<String>,
    #[n(3)]
    pub zip: Option<String>,
}

/// All that a ticket knows about a person, sealed as one piece.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct TicketPersonal {
    #[n(0)]
    pub contact: Contact,
    #[n(1)]
    pub title: String,
    #[n(2)]
    pub description: Option<String>,
    /// Where to drive to: as given, or the ZIP's centroid.
    #[n(3)]
    pub place: Option<Place>,
    #[n(4)]
    pub address: Option<Address>,
}
