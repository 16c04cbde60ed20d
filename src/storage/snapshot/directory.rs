//! The directory: a snapshot of what belongs to the cell as a whole. The hot set (regions, experts,
//! routes, catalogue), region codes and serials, where tickets went, and claimed keys.
//!
//! Must hold: it is written last in each round, so the sequence it has applied is durable in every
//! region's file too: recovery starts there.

use super::{
    claims,
    file::{History, Opened, SnapshotFile, Table, Trouble, Writes, row},
    keys,
    manner::Manner,
};
use crate::domain::{
    catalogue::Catalogue,
    expert::Expert,
    fact::State,
    ids::{RegionId, Seq, Thing, TicketNumber},
    number::RegionCode,
    region::Region,
    route::Route,
    time::Timestamp,
};
use crate::storage::{
    Claim, ClaimKey, Fault, Sealer,
    codec::Ctx,
    row::{self as rows, Stamp},
};
use minicbor::Decode;
use redb::{ReadableTable, TableDefinition};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

const REGIONS: Table = TableDefinition::new("regions");
const EXPERTS: Table = TableDefinition::new("experts");
const ROUTES: Table = TableDefinition::new("routes");
const CATALOGUE: Table = TableDefinition::new("catalogue");
/// Region code -> region, for every code ever given out.
const CODES: Table = TableDefinition::new("codes");
/// Region code -> highest committed serial.
const SERIALS: Table = TableDefinition::new("serials");
/// Ticket number -> region, where it is not the number's.
const FORWARDS: Table = TableDefinition::new("forwards");
/// Region -> what its file had applied when it was last written.
const APPLIED: Table = TableDefinition::new("applied");
const TABLES: &[Table] =
    &[REGIONS, EXPERTS, ROUTES, CATALOGUE, CODES, SERIALS, FORWARDS, claims::CLAIMS, claims::SHELVES, APPLIED];

pub(in crate::storage) struct DirectoryFile {
    file: SnapshotFile,
}

/// What one transaction writes.
#[derive(Clone, Debug, Default)]
pub(in crate::storage) struct DirectoryDirty {
    /// Newest states, never tickets.
    pub(in crate::storage) things: BTreeMap<Thing, (State, Seq)>,
    pub(in crate::storage) claims: BTreeMap<ClaimKey, Arc<Claim>>,
    pub(in crate::storage) serials: BTreeMap<RegionCode, u32>,
    /// None: it lives where its number says again.
    pub(in crate::storage) forwards: BTreeMap<TicketNumber, Option<RegionId>>,
    /// Region files written before this transaction.
    pub(in crate::storage) regions: BTreeMap<RegionId, Seq>,
    /// The latest time seen in an envelope: what expired before it goes.
    pub(in crate::storage) now: Timestamp,
}

/// All that is kept in memory, as loaded at open.
#[derive(Default)]
pub(in crate::storage) struct Loaded {
    pub(in crate::storage) states: Vec<(State, Seq)>,
    pub(in crate::storage) codes: Vec<(RegionCode, RegionId)>,
    pub(in crate::storage) serials: Vec<(RegionCode, u32)>,
    pub(in crate::storage) forwards: Vec<(TicketNumber, RegionId)>,
    pub(in crate::storage) applied: BTreeMap<RegionId, Seq>,
}

impl DirectoryDirty {
    pub(in crate::storage) fn is_empty(&self) -> bool {
        let Self { things, claims, serials, forwards, regions, now: _ } = self;
        things.is_empty() && claims.is_empty() && serials.is_empty() && forwards.is_empty() && regions.is_empty()
    }
}

impl DirectoryFile {
    /// The file and what it has applied; None: it is empty.
    pub(in crate::storage) fn open(
        path: PathBuf,
        cache_bytes: usize,
        history: History,
    ) -> Result<(Self, Option<Seq>), Fault> {
        Ok(match SnapshotFile::open(path, TABLES, cache_bytes, history, 0)? {
            Opened::Whole(file, applied) => {
                if applied == 0 {
                    file.amend(claims::clear)?;
                }
                (Self { file }, Some(applied))
            }
            Opened::Empty(file) => (Self { file }, None),
        })
    }

    pub(in crate::storage) fn load(&self, sealer: &Sealer) -> Result<Loaded, Fault> {
        self.file.read(|txn| {
            let mut loaded = Loaded::default();
            states(txn, REGIONS, &mut loaded, |bytes| decode::<Region>(bytes, sealer, State::Region))?;
            states(txn, EXPERTS, &mut loaded, |bytes| decode::<Expert>(bytes, sealer, State::Expert))?;
            states(txn, ROUTES, &mut loaded, |bytes| decode::<Route>(bytes, sealer, State::Route))?;
            states(txn, CATALOGUE, &mut loaded, |bytes| decode::<Catalogue>(bytes, sealer, State::Catalogue))?;
            loaded.codes = pairs(txn, CODES, |key, value| Some((keys::uncode(key)?, region_id(value)?)))?;
            loaded.serials = pairs(txn, SERIALS, |key, value| Some((keys::uncode(key)?, serial(value)?)))?;
            let number = |key: &[u8]| key.first_chunk().map(|bytes| keys::unnumber(*bytes));
            loaded.forwards = pairs(txn, FORWARDS, |key, value| Some((number(key)?, region_id(value)?)))?;
            let applied = |value: &[u8]| value.first_chunk().map(|bytes| Seq::from_be_bytes(*bytes));
            let regions = pairs(txn, APPLIED, |key, value| Some((region_id(key)?, applied(value)?)))?;
            loaded.applied = regions.into_iter().collect();
            Ok(loaded)
        })
    }

    pub(in crate::storage) fn claim(&self, key: &ClaimKey) -> Result<Option<Claim>, Fault> {
        self.file.read(|txn| claims::find(txn, key))
    }

    pub(in crate::storage) fn claims_count(&self) -> Result<usize, Fault> {
        self.file.read(claims::count)
    }

    /// The keys of all claims, in no order of time.
    pub(in crate::storage) fn for_each_claim(&self, visit: &mut dyn FnMut(&ClaimKey)) -> Result<(), Fault> {
        self.file.read(|txn| claims::for_each(txn, visit))
    }

    /// Writes all of it, and that all up to `applied` is in. Durable.
    pub(in crate::storage) fn apply(
        &self,
        dirty: &DirectoryDirty,
        applied: Seq,
        sealer: &Sealer,
        manner: Manner<'_>,
    ) -> Result<(), Fault> {
        self.file.write(applied, |txn| {
            let mut states = BTreeMap::<&str, (Table, Writes)>::new();
            let mut codes = Writes::default();
            for (state, last_seq) in dirty.things.values() {
                if let State::Region(region) = state {
                    codes.put(&keys::code(region.code), region.id.as_str().into());
                }
                if let Some((name, table, key, row)) = encode(state, *last_seq, sealer) {
                    states.entry(name).or_insert_with(|| (table, Writes::default())).1.put(&key, row);
                }
            }
            for (table, writes) in states.into_values() {
                writes.apply(&mut txn.open_table(table)?, manner)?;
            }
            codes.apply(&mut txn.open_table(CODES)?, manner)?;
            dirty.small_tables(txn, manner)?;
            claims::write(txn, &dirty.claims, dirty.now, manner)
        })
    }
}

impl DirectoryDirty {
    fn small_tables(&self, txn: &redb::WriteTransaction, manner: Manner<'_>) -> Result<(), Trouble> {
        let (mut serials, mut forwards, mut applied) = (Writes::default(), Writes::default(), Writes::default());
        let mut highest = txn.open_table(SERIALS)?;
        for (code, serial) in &self.serials {
            let key = keys::code(*code);
            // A rebuild goes through old serials again.
            if row(&highest, &key, |bytes| Ok(self::serial(bytes)))?.flatten().is_none_or(|before| before < *serial) {
                serials.put(&key, serial.to_be_bytes().into());
            }
        }
        for (number, region) in &self.forwards {
            match region {
                Some(region) => forwards.put(&keys::number(*number), region.as_str().into()),
                None => forwards.remove.push(keys::number(*number).into()),
            }
        }
        for (region, seq) in &self.regions {
            applied.put(region.as_str().as_bytes(), seq.to_be_bytes().into());
        }
        serials.apply(&mut highest, manner)?;
        forwards.apply(&mut txn.open_table(FORWARDS)?, manner)?;
        applied.apply(&mut txn.open_table(APPLIED)?, manner)
    }
}

fn decode<T: for<'a, 'b> Decode<'b, Ctx<'a>>>(
    bytes: &[u8],
    sealer: &Sealer,
    wrap: fn(Arc<T>) -> State,
) -> Result<(State, Stamp), Fault> {
    rows::decode(bytes, sealer).map(|(state, stamp)| (wrap(Arc::new(state)), stamp))
}

/// Table (by name, for order), key and row of a state; None for tickets, whose home is elsewhere.
fn encode(state: &State, last_seq: Seq, sealer: &Sealer) -> Option<(&'static str, Table, Vec<u8>, Vec<u8>)> {
    let stamp = Stamp { version: state.version(), last_seq };
    Some(match state {
        State::Ticket(_) => return None,
        State::Route(route) => ("routes", ROUTES, route.expert.as_str().into(), rows::encode(&**route, stamp, sealer)),
        State::Expert(expert) => {
            ("experts", EXPERTS, expert.id.as_str().into(), rows::encode(&**expert, stamp, sealer))
        }
        State::Region(region) => {
            ("regions", REGIONS, region.id.as_str().into(), rows::encode(&**region, stamp, sealer))
        }
        State::Catalogue(catalogue) => ("catalogue", CATALOGUE, Vec::new(), rows::encode(&**catalogue, stamp, sealer)),
    })
}

fn states(
    txn: &redb::ReadTransaction,
    table: Table,
    loaded: &mut Loaded,
    decode: impl Fn(&[u8]) -> Result<(State, Stamp), Fault>,
) -> Result<(), Trouble> {
    for entry in txn.open_table(table)?.iter()? {
        let (state, stamp) = decode(entry?.1.value())?;
        loaded.states.push((state, stamp.last_seq));
    }
    Ok(())
}

/// All rows of a table; `parse` answers None for one that makes no sense.
fn pairs<T>(
    txn: &redb::ReadTransaction,
    table: Table,
    parse: impl Fn(&[u8], &[u8]) -> Option<T>,
) -> Result<Vec<T>, Trouble> {
    let mut found = Vec::new();
    for entry in txn.open_table(table)?.iter()? {
        let (key, value) = entry?;
        found.push(parse(key.value(), value.value()).ok_or_else(|| bad("a row makes no sense"))?);
    }
    Ok(found)
}

fn region_id(bytes: &[u8]) -> Option<RegionId> {
    RegionId::parse(std::str::from_utf8(bytes).ok()?).ok()
}

fn serial(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn bad(what: &str) -> Fault {
    Fault { what: what.to_owned(), place: "directory".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{KeyFile, KeyOptions, Outcome};

    #[test]
    fn claims_of_a_replay_that_was_cut_short_are_forgotten_and_those_of_a_whole_one_stay() {
        let dir = tempfile::tempdir().unwrap();
        let sealer = Sealer::new(KeyFile::open(dir.path(), KeyOptions { seed: Some(1), create: true }).unwrap());
        let history = History { incarnation: 1, head: 9 };
        let open = || DirectoryFile::open(dir.path().join("directory.redb"), 1 << 20, history).unwrap().0;
        let outcome = Outcome::Body { status: 409, json: String::new() };
        let claim = Claim { key: ClaimKey::external("form"), fingerprint: 0, outcome, expires_at: None };
        let claims = BTreeMap::from([(claim.key, Arc::new(claim))]);
        let dirty = DirectoryDirty { claims, ..DirectoryDirty::default() };
        for (applied, kept) in [(0, 0), (5, 1)] {
            open().apply(&dirty, applied, &sealer, Manner::Hurry).unwrap();
            assert_eq!(open().claims_count().unwrap(), kept, "applied up to {applied}");
        }
    }
}
