//! The directory's tables of claimed keys: on shelves, by age.
//!
//! Keys are hashes. In one table, in their order, each new claim would rewrite a page of its own for
//! ever; so claims go to the newest shelf until it holds an eighth of all, and few pages are touched
//! however many claims there are. A search goes from the newest shelf to the oldest (repeats are mostly
//! of late keys); the number of shelves grows with the logarithm of the claims'. Claims that expire
//! stand apart from those that last, and a shelf goes when the last of its claims has expired: until
//! then an expired one is found, and whoever asks looks at its date.
//!
//! Must hold: the claim that holds a key is found before any that has expired. It is never on an older
//! shelf than one before it: external ids last, idempotency keys expire, and no key is both.

use super::{
    file::{Rows, Table, Trouble, Writes, row},
    keys,
    manner::Manner,
    rounds::FULL_ROUND,
};
use crate::domain::time::Timestamp;
use crate::storage::{Claim, ClaimKey, Fault};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use std::{collections::BTreeMap, sync::Arc};

/// Shelf and key -> claim.
pub(super) const CLAIMS: Table = TableDefinition::new("claims");
/// Shelf -> how many claims it holds, and when the last of them may be forgotten.
pub(super) const SHELVES: Table = TableDefinition::new("claim_shelves");

/// A shelf holds so many claims before it is full, or one in `SHARE` of all if that is more.
const MIN_SHELF: usize = FULL_ROUND;
const SHARE: usize = 8;

struct Shelf {
    no: u32,
    claims: usize,
    /// None: for claims that last.
    expires_at: Option<Timestamp>,
}

pub(super) fn find(txn: &ReadTransaction, key: &ClaimKey) -> Result<Option<Claim>, Trouble> {
    let claims = txn.open_table(CLAIMS)?;
    for shelf in shelves(&txn.open_table(SHELVES)?)?.iter().rev() {
        if let Some(claim) = row(&claims, &shelf.key(key), |bytes| claim_of(*key, bytes))? {
            return Ok(Some(claim));
        }
    }
    Ok(None)
}

/// Forgets all of them, for a replay from the beginning: what one that was cut short left would stay
/// beneath what it is put in again.
pub(super) fn clear(txn: &WriteTransaction) -> Result<(), Trouble> {
    for table in [CLAIMS, SHELVES] {
        txn.delete_table(table)?;
        txn.open_table(table)?;
    }
    Ok(())
}

/// How many there are, those that expired included.
pub(super) fn count(txn: &ReadTransaction) -> Result<usize, Trouble> {
    Ok(txn.open_table(CLAIMS)?.len()? as usize)
}

/// The keys of all claims, in no order of time.
pub(super) fn for_each(txn: &ReadTransaction, visit: &mut dyn FnMut(&ClaimKey)) -> Result<(), Trouble> {
    for entry in txn.open_table(CLAIMS)?.iter()? {
        if let Some(key) = entry?.0.value().last_chunk() {
            visit(&ClaimKey(*key));
        }
    }
    Ok(())
}

/// Puts new ones on the newest shelves and drops some of those that expired before `now`.
pub(super) fn write(
    txn: &WriteTransaction,
    new: &BTreeMap<ClaimKey, Arc<Claim>>,
    now: Timestamp,
    manner: Manner<'_>,
) -> Result<(), Trouble> {
    write_by(MIN_SHELF, txn, new, now, manner)
}

/// Drops as many as fill a shelf at most: a backlog must not make a round long.
fn write_by(
    min_shelf: usize,
    txn: &WriteTransaction,
    new: &BTreeMap<ClaimKey, Arc<Claim>>,
    now: Timestamp,
    manner: Manner<'_>,
) -> Result<(), Trouble> {
    let (mut claims, mut by_no) = (txn.open_table(CLAIMS)?, txn.open_table(SHELVES)?);
    let mut shelves = shelves(&by_no)?;
    if let Some(oldest) = shelves.iter().position(|shelf| shelf.expires_at.is_some_and(|at| at < now)) {
        let dropped = drop_some(&mut claims, &shelves[oldest], min_shelf, manner)?;
        if dropped < min_shelf {
            by_no.remove(&shelves.remove(oldest).no.to_be_bytes()[..])?;
        }
    }
    let (expiring, lasting): (Vec<_>, Vec<_>) = new.values().partition(|claim| claim.expires_at.is_some());
    for some in [expiring, lasting].into_iter().filter(|some| !some.is_empty()) {
        let last = some.iter().filter_map(|claim| claim.expires_at).max();
        let shelf = with_room(&mut shelves, last.is_some(), min_shelf);
        shelf.claims = shelf.claims.saturating_add(some.len());
        shelf.expires_at = shelf.expires_at.max(last);
        by_no.insert(&shelf.no.to_be_bytes()[..], &shelf.row()[..])?;
        let mut rows = Writes::default();
        for claim in some {
            rows.put(&shelf.key(&claim.key), claim_row(claim));
        }
        rows.apply(&mut claims, manner)?;
    }
    Ok(())
}

/// The newest shelf of claims that expire, or last; a new one when that is full.
fn with_room(shelves: &mut Vec<Shelf>, expire: bool, min_shelf: usize) -> &mut Shelf {
    let all = shelves.iter().map(|shelf| shelf.claims).fold(0, usize::saturating_add);
    let full = (all / SHARE).max(min_shelf);
    let newest = shelves.iter().rposition(|shelf| shelf.expires_at.is_some() == expire);
    let at = newest.filter(|at| shelves[*at].claims < full).unwrap_or_else(|| {
        let no = shelves.last().map_or(0, |last| last.no.saturating_add(1));
        shelves.push(Shelf { no, claims: 0, expires_at: None });
        shelves.len() - 1
    });
    &mut shelves[at]
}

/// Drops `most` of a shelf's claims, or all; answers how many.
fn drop_some(claims: &mut Rows<'_>, shelf: &Shelf, most: usize, manner: Manner<'_>) -> Result<usize, Trouble> {
    let (first, last) = (shelf.key(&ClaimKey([0; 16])), shelf.key(&ClaimKey([0xff; 16])));
    let mut rows = Writes::default();
    for entry in claims.range::<&[u8]>(&first[..]..=&last[..])?.take(most) {
        rows.remove.push(entry?.0.value().to_vec());
    }
    let dropped = rows.remove.len();
    rows.apply(claims, manner)?;
    Ok(dropped)
}

/// In the order of their age, the oldest first. A row that makes no sense stands for claims that last:
/// they are found and kept.
fn shelves(rows: &impl ReadableTable<&'static [u8], &'static [u8]>) -> Result<Vec<Shelf>, Trouble> {
    let mut shelves = Vec::new();
    for entry in rows.iter()? {
        let (no, row) = entry?;
        shelves.extend(Shelf::read(no.value(), row.value()));
    }
    Ok(shelves)
}

impl Shelf {
    fn key(&self, claim: &ClaimKey) -> Vec<u8> {
        [&self.no.to_be_bytes()[..], &claim.0].concat()
    }

    fn row(&self) -> Vec<u8> {
        let expires_at = self.expires_at.map(keys::time);
        [&(self.claims as u64).to_be_bytes()[..], expires_at.as_ref().map_or(&[], |at| &at[..])].concat()
    }

    fn read(no: &[u8], row: &[u8]) -> Option<Self> {
        let claims = row.first_chunk().map_or(0, |claims| u64::from_be_bytes(*claims) as usize);
        let expires_at = row.get(8..).and_then(|at| at.try_into().ok()).map(keys::untime);
        Some(Self { no: u32::from_be_bytes(no.try_into().ok()?), claims, expires_at })
    }
}

/// All but the key.
fn claim_row(claim: &Claim) -> Vec<u8> {
    minicbor::to_vec((claim.fingerprint, &claim.outcome, claim.expires_at)).unwrap_or_default()
}

fn claim_of(key: ClaimKey, bytes: &[u8]) -> Result<Claim, Fault> {
    let (fingerprint, outcome, expires_at) =
        minicbor::decode(bytes).map_err(|error| bad(&format!("a claim does not decode: {error}")))?;
    Ok(Claim { key, fingerprint, outcome, expires_at })
}

fn bad(what: &str) -> Fault {
    Fault { what: what.to_owned(), place: "claims".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Outcome;
    use proptest::prelude::*;
    use redb::{Database, ReadableDatabase, backends::InMemoryBackend};

    fn claim(id: u8, expires_at: Option<i64>, fingerprint: u64) -> Arc<Claim> {
        let key = if expires_at.is_some() {
            ClaimKey::idempotency("portal", "POST", "/v1/tickets", &id.to_string())
        } else {
            ClaimKey::external(&id.to_string())
        };
        let outcome = Outcome::Body { status: 409, json: String::new() };
        Arc::new(Claim { key, fingerprint, outcome, expires_at: expires_at.map(Timestamp) })
    }

    /// Each round: which ids are claimed, and for how many rounds (0: for ever).
    fn rounds() -> impl Strategy<Value = Vec<Vec<(u8, i64)>>> {
        prop::collection::vec(prop::collection::vec((0..60_u8, 0..9_i64), 0..12), 1..40)
    }

    proptest! {
        #[test]
        fn the_newest_claim_of_a_key_is_found_until_it_expires(rounds in rounds()) {
            let db = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
            let mut newest = BTreeMap::<ClaimKey, Arc<Claim>>::new();
            for (now, claimed) in (0..).zip(&rounds) {
                let all = claimed.iter().zip((now as u64 * 100)..);
                let all = all.map(|((id, rounds), nth)| claim(*id, (*rounds > 0).then_some(now + rounds), nth));
                // A key that is held is not taken anew.
                let held = |key: &ClaimKey| newest.get(key).is_some_and(|held| held.expires_at.is_none_or(|at| at > Timestamp(now)));
                let new: BTreeMap<_, _> = all.map(|claim| (claim.key, claim)).filter(|(key, _)| !held(key)).collect();
                newest.extend(new.clone());
                let txn = db.begin_write().unwrap();
                write_by(8, &txn, &new, Timestamp(now), Manner::Hurry).unwrap();
                txn.commit().unwrap();
                let txn = db.begin_read().unwrap();
                for (key, claim) in &newest {
                    let found = find(&txn, key).unwrap();
                    // When it has expired, one that expired before it may come to light.
                    let free = |claim: &Claim| claim.expires_at.is_some_and(|at| at <= Timestamp(now));
                    let right = found.as_ref() == Some(&**claim) || free(claim) && found.as_ref().is_none_or(free);
                    prop_assert!(right, "{found:?} for {claim:?}");
                }
                let mut held = 0;
                for_each(&txn, &mut |key| held += usize::from(newest.contains_key(key))).unwrap();
                prop_assert_eq!(held, count(&txn).unwrap());
            }
            // Long after, only those that last are left.
            for _ in 0..rounds.len() * 12 {
                let txn = db.begin_write().unwrap();
                write_by(8, &txn, &BTreeMap::new(), Timestamp(1_000), Manner::Hurry).unwrap();
                txn.commit().unwrap();
            }
            let txn = db.begin_read().unwrap();
            for claim in newest.values() {
                prop_assert_eq!(find(&txn, &claim.key).unwrap().is_some(), claim.expires_at.is_none());
            }
            let shelves = shelves(&txn.open_table(SHELVES).unwrap()).unwrap();
            prop_assert!(shelves.iter().all(|shelf| shelf.expires_at.is_none()));
        }
    }

    #[test]
    fn a_shelf_whose_row_makes_no_sense_is_searched_and_stops_nothing() {
        let db = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let held = claim(1, Some(9), 1);
        let new = BTreeMap::from([(held.key, Arc::clone(&held))]);
        for damaged in [&[][..], &[1, 2, 3], &[0xff; 11]] {
            let txn = db.begin_write().unwrap();
            write_by(8, &txn, &new, Timestamp(1), Manner::Hurry).unwrap();
            txn.open_table(SHELVES).unwrap().insert(&0_u32.to_be_bytes()[..], damaged).unwrap();
            txn.open_table(SHELVES).unwrap().insert(&b"no number"[..], damaged).unwrap();
            write_by(8, &txn, &BTreeMap::new(), Timestamp(99), Manner::Hurry).unwrap();
            txn.commit().unwrap();
            assert_eq!(find(&db.begin_read().unwrap(), &held.key).unwrap().as_ref(), Some(&*held), "{damaged:?}");
        }
    }

    #[test]
    fn a_hundred_million_claims_stand_on_fewer_than_fifty_shelves() {
        let mut held = Vec::new();
        for _ in 0..100_000_000 / FULL_ROUND {
            with_room(&mut held, false, MIN_SHELF).claims += FULL_ROUND;
        }
        assert!(held.len() < 50, "{} shelves", held.len());
        let largest = held.iter().map(|shelf| shelf.claims).max();
        assert!(largest < Some(100_000_000 / SHARE + 2 * FULL_ROUND));
    }
}
