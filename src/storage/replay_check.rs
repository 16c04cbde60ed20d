//! `audit --replay`: whether the snapshots say what the journal says. Compares opened values, since
//! sealing is salted; what changed after the folded sequence is left out.

use super::{Fault, core::Core, fold::Folded, row::Stamp, writer::expired};
use crate::domain::{
    ids::{RegionId, Seq, TicketNumber},
    invariants::Violation,
    ticket::Ticket,
};
use std::collections::BTreeMap;

/// Claims that end so soon after the folded moment may be gone by now.
const EXPIRING_S: i64 = 3_600;

/// The caller has flushed after folding, so everything up to the fold's head is in the files.
pub(super) fn compare(core: &Core, folded: &Folded) -> Result<Vec<Violation>, Fault> {
    let mut found = Vec::new();
    let mut seen = BTreeMap::<TicketNumber, u32>::new();
    for (region, file) in core.snapshots.regions() {
        let mut row = |ticket: Ticket, stamp: Stamp| {
            *seen.entry(ticket.number).or_default() += 1;
            found.extend(row_differs(&region, &ticket, stamp, folded));
        };
        let odd = file.check(&core.sealer, &mut row)?;
        found.extend(odd.into_iter().map(|what| Violation::new("P6", &format!("region {region}"), what)));
    }
    found.extend(missing(core, folded, &seen)?);
    found.extend(directory_differs(core, folded)?);
    Ok(found)
}

fn row_differs(region: &RegionId, row: &Ticket, stamp: Stamp, folded: &Folded) -> Option<Violation> {
    if stamp.last_seq > folded.head {
        return None;
    }
    let wrong =
        |promise, what: String| Some(Violation::new(promise, &row.number, format!("in {region}'s snapshot: {what}")));
    let Some((ticket, last_seq)) = folded.tickets.get(&row.number) else {
        return wrong("P2", "the journal knows nothing of it".into());
    };
    if row.region != *region {
        return wrong("P2", format!("it lives in {}", row.region));
    }
    if row.version != ticket.version || stamp != (Stamp { version: ticket.version, last_seq: *last_seq }) {
        return wrong("P2", format!("version {}, the journal has {}", row.version, ticket.version));
    }
    if row.timers() != ticket.timers() || row.deliveries != ticket.deliveries {
        return wrong("P6", "its deadlines or deliveries are not those of the journal".into());
    }
    if row != &**ticket {
        return wrong("P2", "its state is not that of the journal".into());
    }
    None
}

/// Every folded ticket has one row, unless it moved meanwhile.
fn missing(core: &Core, folded: &Folded, seen: &BTreeMap<TicketNumber, u32>) -> Result<Vec<Violation>, Fault> {
    let mut found = Vec::new();
    for (ticket, _) in folded.sorted() {
        let rows = seen.get(&ticket.number).copied().unwrap_or(0);
        let changed = |last_seq: Seq| last_seq > folded.head;
        if rows != 1 && !core.ticket(ticket.number)?.is_some_and(|(_, stamp)| changed(stamp.last_seq)) {
            found.push(Violation::new("P2", &ticket.number, format!("has {rows} rows in the snapshots")));
        }
    }
    Ok(found)
}

fn directory_differs(core: &Core, folded: &Folded) -> Result<Vec<Violation>, Fault> {
    let mut found = Vec::new();
    let loaded = core.snapshots.directory.load(&core.sealer)?;
    let rows: BTreeMap<_, _> = loaded.states.into_iter().map(|(state, seq)| (state.thing(), (state, seq))).collect();
    for (thing, held) in &folded.things {
        let memory = core.hot.current(thing);
        for (place, row) in [("directory", rows.get(thing)), ("memory", memory.as_ref())] {
            if row.is_none_or(|row| row.1 <= folded.head && row != held) {
                found.push(Violation::new("P2", thing, format!("the {place} does not have it as the journal does")));
            }
        }
    }
    for (ticket, last_seq) in folded.sorted() {
        let home = core.hot.whereabouts(ticket.number);
        let moved = || core.stamp(&crate::domain::ids::Thing::Ticket(ticket.number)).map(|now| now.last_seq > last_seq);
        if home.as_ref() != Some(&ticket.region) && !moved()? {
            found.push(Violation::new("P2", &ticket.number, "the directory sends it to another region"));
        }
    }
    let mut keys: Vec<_> = folded.claims.keys().collect();
    keys.sort();
    for key in keys {
        let claim = &folded.claims[key];
        let held = core.claim(key)?;
        let gone = expired(claim, folded.now.plus_s(EXPIRING_S));
        // It may have expired and been taken anew since.
        if !gone && held.is_none_or(|held| *held != *claim && held.expires_at <= claim.expires_at) {
            found.push(Violation::new("P2", &format!("claim {:02x?}", &key.0[..4]), "the directory has forgotten it"));
        }
    }
    Ok(found)
}
