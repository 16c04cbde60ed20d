//! A region's snapshot: its tickets, open ones in a table of their own, with indexes and deadlines.
//!
//! Must hold: index and deadlines are exactly those of the rows; a row never goes back to an older
//! version; a ticket that moved to another region leaves no row here.

use super::{
    file::{History, Opened, Rows, SnapshotFile, Table, Trouble, Writes, row},
    keys::{self, List, Position, Row},
    manner::Manner,
};
use crate::domain::{
    ids::{PersonId, RegionId, Seq, TicketNumber},
    ticket::{Ticket, Timer},
};
use crate::storage::{
    Fault, Sealer,
    row::{self as rows, Stamp},
    sabotage::{Sabotage, on},
};
use redb::{ReadableTable, TableDefinition};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

const OPEN: Table = TableDefinition::new("open");
/// Completed, closed, cancelled.
const ENDED: Table = TableDefinition::new("ended");
const INDEX: Table = TableDefinition::new("index");
/// Deadlines of ended tickets.
const TIMERS: Table = TableDefinition::new("timers");
const TABLES: &[Table] = &[OPEN, ENDED, INDEX, TIMERS];

pub(in crate::storage) struct RegionFile {
    id: RegionId,
    file: SnapshotFile,
}

/// A ticket's newest state since the last transaction.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Dirty {
    pub(in crate::storage) ticket: Arc<Ticket>,
    pub(in crate::storage) last_seq: Seq,
    /// No snapshot holds a row of it yet.
    pub(in crate::storage) fresh: bool,
}

impl Dirty {
    /// Takes over a later state of the same ticket.
    pub(in crate::storage) fn follow(&mut self, later: Self) {
        let fresh = self.fresh;
        if !on(Sabotage::SnapshotOrder) {
            *self = later;
        }
        self.fresh = fresh;
    }
}

impl RegionFile {
    /// The file and what it has applied; None: it is empty and must be rebuilt if there is a past.
    pub(in crate::storage) fn open(
        path: PathBuf,
        id: RegionId,
        cache_bytes: usize,
        history: History,
        at_least: Seq,
    ) -> Result<(Self, Option<Seq>), Fault> {
        Ok(match SnapshotFile::open(path, TABLES, cache_bytes, history, at_least)? {
            Opened::Whole(file, applied) => (Self { id, file }, Some(applied)),
            Opened::Empty(file) => (Self { id, file }, None),
        })
    }

    pub(in crate::storage) fn ticket(
        &self,
        number: TicketNumber,
        sealer: &Sealer,
    ) -> Result<Option<(Arc<Ticket>, Stamp)>, Fault> {
        self.find(number, |bytes| rows::decode(bytes, sealer).map(|(ticket, stamp)| (Arc::new(ticket), stamp)))
    }

    pub(in crate::storage) fn stamp(&self, number: TicketNumber) -> Result<Option<Stamp>, Fault> {
        self.find(number, rows::stamp)
    }

    fn find<T>(&self, number: TicketNumber, decode: impl Fn(&[u8]) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        let key = keys::number(number);
        self.file.read(|txn| {
            if let Some(found) = row(&txn.open_table(OPEN)?, &key, &decode)? {
                return Ok(Some(found));
            }
            row(&txn.open_table(ENDED)?, &key, &decode)
        })
    }

    /// All rows of open tickets, by number.
    pub(in crate::storage) fn for_each_open(
        &self,
        sealer: &Sealer,
        visit: &mut dyn FnMut(Ticket, Stamp),
    ) -> Result<(), Fault> {
        self.file.read(|txn| each_row(txn, OPEN, sealer, visit))
    }

    /// Passes every row to `visit`, and names what of index and deadlines is not what the rows imply.
    pub(in crate::storage) fn check(
        &self,
        sealer: &Sealer,
        visit: &mut dyn FnMut(Ticket, Stamp),
    ) -> Result<Vec<String>, Fault> {
        let (mut index, mut timers) = (BTreeMap::new(), BTreeMap::new());
        let mut odd = Vec::new();
        self.file.read(|txn| {
            for (table, open) in [(OPEN, true), (ENDED, false)] {
                each_row(txn, table, sealer, &mut |ticket, stamp| {
                    if ticket.phase.open() != open {
                        odd.push(format!("{} lies among tickets of the other kind", ticket.number));
                    }
                    index.extend(keys::index_rows(&ticket, sealer));
                    timers.extend(keys::timer_keys(&ticket).into_iter().map(|key| (key, Vec::new())));
                    visit(ticket, stamp);
                })?;
            }
            for (name, table, implied) in [("index", INDEX, &mut index), ("deadlines", TIMERS, &mut timers)] {
                let mut surplus = 0;
                for entry in txn.open_table(table)?.iter()? {
                    let (key, value) = entry?;
                    if implied.remove(key.value()).is_none_or(|implied| implied != value.value()) {
                        surplus += 1;
                    }
                }
                if surplus > 0 || !implied.is_empty() {
                    odd.push(format!("{name}: {} rows missing, {surplus} too many", implied.len()));
                }
            }
            Ok(())
        })?;
        Ok(odd)
    }

    /// The numbers of all rows.
    pub(in crate::storage) fn numbers(&self, visit: &mut dyn FnMut(TicketNumber)) -> Result<(), Fault> {
        self.file.read(|txn| {
            for table in [OPEN, ENDED] {
                for entry in txn.open_table(table)?.iter()? {
                    if let Some(number) = entry?.0.value().first_chunk() {
                        visit(keys::unnumber(*number));
                    }
                }
            }
            Ok(())
        })
    }

    /// All deadlines: those of open tickets by number, those of ended ones by due time.
    pub(in crate::storage) fn for_each_timer(
        &self,
        sealer: &Sealer,
        visit: &mut dyn FnMut(TicketNumber, Timer),
    ) -> Result<(), Fault> {
        self.file.read(|txn| {
            each_row(txn, OPEN, sealer, &mut |ticket, _| {
                ticket.timers().into_iter().for_each(|timer| visit(ticket.number, timer));
            })?;
            for entry in txn.open_table(TIMERS)?.iter()? {
                if let Some((number, timer)) = keys::timer_of_key(entry?.0.value()) {
                    visit(number, timer);
                }
            }
            Ok(())
        })
    }

    /// The newest `limit` positions of these lists that are older than `before`, newest first. Sees
    /// one moment of the file, so a ticket that moves between two lists is found exactly once.
    pub(in crate::storage) fn positions(
        &self,
        lists: &[List],
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Position>, Fault> {
        self.file.read(|txn| {
            let index = txn.open_table(INDEX)?;
            let mut found = Vec::new();
            for list in lists {
                let from = list.prefix();
                let mut to = from.clone();
                to.extend_from_slice(&before.map_or([0xFF; 16], Position::bytes));
                for entry in index.range(from.as_slice()..to.as_slice())?.rev().take(limit) {
                    found.extend(Position::from_key(entry?.0.value()));
                }
            }
            found.sort_unstable_by(|a, b| b.cmp(a));
            found.dedup();
            found.truncate(limit);
            Ok(found)
        })
    }

    /// Tickets whose contact has this hash.
    pub(in crate::storage) fn of_contact(&self, hash: &[u8; 16]) -> Result<Vec<TicketNumber>, Fault> {
        let end = [keys::CONTACTS[0] + 1];
        self.file.read(|txn| {
            let index = txn.open_table(INDEX)?;
            let (mut found, mut shelf) = (Vec::new(), 0);
            loop {
                let start = keys::shelf_start(shelf);
                let Some(first) = index.range(start.as_slice()..&end[..])?.next().transpose()? else { break };
                let Some(next) = keys::shelf_of(first.0.value()) else { break };
                let from = keys::contact_prefix(next, hash);
                let to = [&from[..], &[0xFF; 9]].concat();
                for entry in index.range(from.as_slice()..to.as_slice())? {
                    found.extend(keys::contact_number(entry?.0.value()));
                }
                let Some(after) = next.checked_add(1) else { break };
                shelf = after;
            }
            Ok(found)
        })
    }

    /// Removes what could find these people by phone or e-mail. Reads all contacts: erasing is rare.
    pub(in crate::storage) fn forget_contacts(&self, people: &BTreeSet<PersonId>) -> Result<(), Fault> {
        let whose: BTreeSet<[u8; 4]> = people.iter().map(|person| person.0.to_be_bytes()).collect();
        let mut theirs = Writes::default();
        self.file.read(|txn| {
            let to = [keys::CONTACTS[0] + 1];
            for entry in txn.open_table(INDEX)?.range(&keys::CONTACTS[..]..&to[..])? {
                let (key, value) = entry?;
                if value.value().try_into().is_ok_and(|person: [u8; 4]| whose.contains(&person)) {
                    theirs.remove.push(key.value().to_vec());
                }
            }
            Ok(())
        })?;
        if theirs.remove.is_empty() {
            return Ok(());
        }
        self.file.amend(|txn| theirs.apply(&mut txn.open_table(INDEX)?, Manner::Hurry))
    }

    /// Writes the newest state of each ticket, and that all up to `applied` is in. Durable.
    pub(in crate::storage) fn apply(
        &self,
        dirty: &BTreeMap<TicketNumber, Dirty>,
        applied: Seq,
        sealer: &Sealer,
        manner: Manner<'_>,
    ) -> Result<(), Fault> {
        self.file.write(applied, |txn| {
            let (open, ended) = (txn.open_table(OPEN)?, txn.open_table(ENDED)?);
            let mut round = Round { open, ended, row: Vec::new(), index: Writes::default(), timers: Writes::default() };
            for (number, dirty) in manner.paced(dirty.iter()) {
                round.add(&self.id, *number, dirty, sealer)?;
            }
            round.index.apply(&mut txn.open_table(INDEX)?, manner)?;
            round.timers.apply(&mut txn.open_table(TIMERS)?, manner)
        })
    }
}

/// One transaction in the making. Rows are written as they come, by number.
struct Round<'txn> {
    open: Rows<'txn>,
    ended: Rows<'txn>,
    /// Holds the row that is being written; used again for the next.
    row: Vec<u8>,
    index: Writes,
    timers: Writes,
}

impl Round<'_> {
    fn add(&mut self, region: &RegionId, number: TicketNumber, dirty: &Dirty, sealer: &Sealer) -> Result<(), Trouble> {
        let key = keys::number(number);
        let old = if dirty.fresh { None } else { self.stored(&key, sealer)? };
        let stamp = Stamp { version: dirty.ticket.version, last_seq: dirty.last_seq };
        if old.as_ref().is_some_and(|(_, old)| old.version > stamp.version) {
            return Ok(());
        }
        let old = old.map(|(ticket, _)| ticket);
        let new = (dirty.ticket.region == *region).then_some(&*dirty.ticket);
        if let Some(old) = &old
            && new.is_none_or(|new| new.phase.open() != old.phase.open())
        {
            let rows = if old.phase.open() { &mut self.open } else { &mut self.ended };
            rows.remove(&key[..])?;
        }
        if let Some(new) = new {
            self.row.clear();
            rows::encode_into(&mut self.row, new, stamp, sealer);
            let rows = if new.phase.open() { &mut self.open } else { &mut self.ended };
            rows.insert(&key[..], &self.row[..])?;
        }
        let index = |ticket: &Ticket| keys::index_rows(ticket, sealer);
        exchange(&mut self.index, old.as_ref().map(index), new.map(index));
        let timers = |ticket: &Ticket| keys::timer_keys(ticket).into_iter().map(|key| (key, Vec::new())).collect();
        exchange(&mut self.timers, old.as_ref().map(timers), new.map(timers));
        Ok(())
    }

    fn stored(&self, key: &[u8], sealer: &Sealer) -> Result<Option<(Ticket, Stamp)>, Trouble> {
        let decode = |bytes: &[u8]| rows::decode(bytes, sealer);
        match row(&self.open, key, decode)? {
            None => row(&self.ended, key, decode),
            found => Ok(found),
        }
    }
}

fn each_row(
    txn: &redb::ReadTransaction,
    table: Table,
    sealer: &Sealer,
    visit: &mut dyn FnMut(Ticket, Stamp),
) -> Result<(), Trouble> {
    for entry in txn.open_table(table)?.iter()? {
        let (ticket, stamp) = rows::decode(entry?.1.value(), sealer)?;
        visit(ticket, stamp);
    }
    Ok(())
}

/// The old state's keys out, the new one's in; what is in both stays untouched.
fn exchange(writes: &mut Writes, old: Option<Vec<Row>>, new: Option<Vec<Row>>) {
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    for (key, _) in &old {
        if new.iter().all(|(kept, _)| kept != key) {
            writes.remove.push(key.clone());
        }
    }
    writes.insert.extend(new.into_iter().filter(|row| !old.contains(row)));
}
