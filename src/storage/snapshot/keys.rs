//! Keys of snapshot tables: bytes whose order is the order of what they stand for. All integers are
//! big endian; signed ones have their sign bit flipped.
//!
//! Must hold: each list of keys is a pure function of the ticket's state (and the look-up key), so
//! that applying is "the old state's keys out, the new one's in" and a rebuild gives the same table.

use crate::domain::{
    ids::{CustomerId, ExpertId, PersonId, TicketNumber},
    number::{RegionCode, TicketNumber as Number},
    ticket::{DeliveryStatus, Phase, Ticket, Timer, TimerKind},
    time::Timestamp,
};
use crate::storage::{KeyState, Sealer};

pub(in crate::storage) type Key = Vec<u8>;
/// Key and value.
pub(in crate::storage) type Row = (Key, Vec<u8>);

const BY_PHASE: u8 = 1;
const BY_EXPERT: u8 = 2;
const BY_CUSTOMER: u8 = 3;
const BY_CONTACT: u8 = 4;
const BY_DEAD: u8 = 5;
/// Opening time and number at the end of a list key.
const PLACE_IN_LIST: usize = 16;

/// What a list of tickets is read along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::storage) enum List {
    Phase(Phase),
    Expert(ExpertId),
    Customer(CustomerId),
    /// With a delivery that was given up: few, and they are to be found among all that ever were.
    Dead,
}

/// Where a ticket stands in every list: by opening time, then number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::storage) struct Position {
    pub(in crate::storage) opened_at: Timestamp,
    pub(in crate::storage) number: Number,
}

impl Position {
    pub(in crate::storage) fn of(ticket: &Ticket) -> Self {
        Self { opened_at: ticket.opened_at, number: ticket.number }
    }

    pub(in crate::storage) fn bytes(self) -> [u8; PLACE_IN_LIST] {
        let mut bytes = [0; PLACE_IN_LIST];
        bytes[..8].copy_from_slice(&time(self.opened_at));
        bytes[8..].copy_from_slice(&number(self.number));
        bytes
    }

    /// From the end of a list key.
    pub(in crate::storage) fn from_key(key: &[u8]) -> Option<Self> {
        let bytes = key.last_chunk::<PLACE_IN_LIST>()?;
        let (at, number) = (bytes.first_chunk()?, bytes.last_chunk()?);
        Some(Self { opened_at: untime(*at), number: unnumber(*number) })
    }
}

impl List {
    /// What all keys of this list begin with.
    pub(in crate::storage) fn prefix(&self) -> Key {
        match self {
            Self::Phase(phase) => vec![BY_PHASE, phase_code(*phase)],
            Self::Expert(expert) => text(BY_EXPERT, expert.as_str()),
            Self::Customer(customer) => text(BY_CUSTOMER, customer.as_str()),
            Self::Dead => vec![BY_DEAD],
        }
    }

    fn key(&self, at: Position) -> Key {
        let mut key = self.prefix();
        key.extend_from_slice(&at.bytes());
        key
    }
}

/// Every expert this ticket is listed under: the present one and those of past visits.
pub(in crate::storage) fn experts(ticket: &Ticket) -> impl Iterator<Item = &ExpertId> {
    ticket.visits.iter().filter_map(|visit| visit.expert.as_ref()).chain(&ticket.visit.expert)
}

/// The keys of a ticket in the index that need no secret.
#[must_use]
pub(in crate::storage) fn index_keys(ticket: &Ticket) -> Vec<Key> {
    let at = Position::of(ticket);
    let mut keys = vec![List::Phase(ticket.phase).key(at)];
    keys.extend(experts(ticket).map(|expert| List::Expert(expert.clone()).key(at)));
    keys.extend(ticket.customer.iter().map(|customer| List::Customer(customer.clone()).key(at)));
    keys.extend(has_dead(ticket).then(|| List::Dead.key(at)));
    keys
}

/// Somebody has not been told, and nobody tries any more.
pub(in crate::storage) fn has_dead(ticket: &Ticket) -> bool {
    ticket.deliveries.iter().any(|delivery| delivery.status == DeliveryStatus::Dead)
}

/// All rows of a ticket in the index. A contact's row holds whose it is, so that erasing finds it.
/// An expert of several visits is there several times.
pub(in crate::storage) fn index_rows(ticket: &Ticket, sealer: &Sealer) -> Vec<Row> {
    let mut rows: Vec<Row> = index_keys(ticket).into_iter().map(|key| (key, Vec::new())).collect();
    let person = ticket.person();
    // A state from before the erasure may still be on its way here.
    let erased = person != PersonId(0) && sealer.keys().key(person) == KeyState::Erased;
    if let Some(personal) = ticket.personal.known().filter(|_| !erased) {
        let contact = &personal.contact;
        for hash in contact_hashes(contact.phone.as_deref(), contact.email.as_deref(), sealer) {
            let mut key = contact_prefix(shelf(ticket.number), &hash);
            key.extend_from_slice(&number(ticket.number));
            rows.push((key, person.0.to_be_bytes().to_vec()));
        }
    }
    rows
}

/// Keyed hashes of a phone (its digits) and an e-mail (lower case).
pub(in crate::storage) fn contact_hashes(
    phone: Option<&str>,
    email: Option<&str>,
    sealer: &Sealer,
) -> impl Iterator<Item = [u8; 16]> {
    let phone = phone.map(|phone| phone.chars().filter(char::is_ascii_digit).collect::<String>());
    let phone = phone.filter(|digits| !digits.is_empty()).map(|digits| format!("phone {digits}"));
    let email = email.map(|email| email.trim().to_lowercase()).filter(|email| !email.is_empty());
    let email = email.map(|email| format!("email {email}"));
    phone.into_iter().chain(email).map(|text| sealer.lookup_hash(&text))
}

/// Hashes lie anywhere: if they alone gave the order, each new ticket would rewrite pages all over a
/// table that grows for ever. So they are shelved by the ticket's serial, and a search goes from shelf
/// to shelf.
const SERIALS_PER_SHELF: u32 = 1 << 14;

fn shelf(number: Number) -> u32 {
    number.serial / SERIALS_PER_SHELF
}

/// What the rows of a contact's hash on one shelf begin with.
pub(in crate::storage) fn contact_prefix(shelf: u32, hash: &[u8; 16]) -> Key {
    let mut key = shelf_start(shelf);
    key.extend_from_slice(hash);
    key
}

/// Where a shelf of contacts begins.
pub(in crate::storage) fn shelf_start(shelf: u32) -> Key {
    let mut key = vec![BY_CONTACT];
    key.extend_from_slice(&shelf.to_be_bytes());
    key
}

/// The shelf that a contact's row lies on.
pub(in crate::storage) fn shelf_of(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*key.get(1..)?.first_chunk()?))
}

/// What all contact rows begin with.
pub(in crate::storage) const CONTACTS: [u8; 1] = [BY_CONTACT];

/// The number at the end of a contact key.
pub(in crate::storage) fn contact_number(key: &[u8]) -> Option<Number> {
    key.last_chunk().map(|bytes| unnumber(*bytes))
}

/// The keys of a ticket in the table of deadlines, in due order. An open ticket has none there: who
/// wants its deadlines reads its row, and only a few of the ended ones have any.
pub(in crate::storage) fn timer_keys(ticket: &Ticket) -> Vec<Key> {
    if ticket.phase.open() {
        return Vec::new();
    }
    ticket.timers().into_iter().map(|timer| timer_key(ticket.number, timer)).collect()
}

fn timer_key(ticket: TicketNumber, timer: Timer) -> Key {
    let (kind, argument) = timer.kind.code();
    let mut key = Vec::with_capacity(19);
    key.extend_from_slice(&time(timer.due));
    key.extend_from_slice(&number(ticket));
    key.push(kind);
    key.extend_from_slice(&argument.to_be_bytes());
    key
}

pub(in crate::storage) fn timer_of_key(key: &[u8]) -> Option<(Number, Timer)> {
    let key: &[u8; 19] = key.try_into().ok()?;
    let kind = TimerKind::from_code(key[16], u16::from_be_bytes([key[17], key[18]]))?;
    Some((unnumber(*key[8..].first_chunk()?), Timer { due: untime(*key.first_chunk()?), kind }))
}

pub(in crate::storage) fn number(number: Number) -> [u8; 8] {
    number.to_bits().to_be_bytes()
}

pub(in crate::storage) fn unnumber(bytes: [u8; 8]) -> Number {
    Number::from_bits(u64::from_be_bytes(bytes))
}

pub(in crate::storage) fn code(code: RegionCode) -> [u8; 2] {
    code.0.to_be_bytes()
}

pub(in crate::storage) fn uncode(bytes: &[u8]) -> Option<RegionCode> {
    Some(RegionCode(u16::from_be_bytes(bytes.try_into().ok()?)))
}

pub(in crate::storage) fn time(at: Timestamp) -> [u8; 8] {
    (at.0 as u64 ^ (1 << 63)).to_be_bytes()
}

pub(in crate::storage) fn untime(bytes: [u8; 8]) -> Timestamp {
    Timestamp((u64::from_be_bytes(bytes) ^ (1 << 63)) as i64)
}

/// An id, ended by a byte that no id contains, so that no id's keys stand among another's.
fn text(kind: u8, id: &str) -> Key {
    let mut key = Vec::with_capacity(id.len() + 2 + PLACE_IN_LIST);
    key.push(kind);
    key.extend_from_slice(id.as_bytes());
    key.push(0);
    key
}

/// As stored; the numbers never change.
fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::New => 0,
        Phase::Assigning => 1,
        Phase::Assigned => 2,
        Phase::InProgress => 3,
        Phase::Completed => 4,
        Phase::Closed => 5,
        Phase::Reopened => 6,
        Phase::Cancelled => 7,
        Phase::OnHold => 8,
    }
}
