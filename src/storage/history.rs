//! The journal's past: one thing's events, or everybody's in order.

use super::{
    Fault, Recorded,
    codec::Frame,
    core::Core,
    journal::{JournalError, JournalReader, Record},
};
use crate::domain::{
    fact::State,
    ids::{Seq, Thing},
};

/// Bytes read at once.
const PAGE_BYTES: usize = 4 << 20;
const PAGE_RECORDS: usize = 4096;

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        Self { what: error.to_string(), place: "journal".into() }
    }
}

impl Core {
    /// A thing's events, oldest first, from its first one to the one at `last`, by walking back.
    pub(super) fn history_to(&self, thing: &Thing, last: Seq) -> Result<Vec<Recorded>, Fault> {
        let mut newest_first = Vec::new();
        let mut at = last;
        while at != 0 {
            let record = self.reader.read(at, 1, 0)?.into_iter().next();
            let record = record.ok_or_else(|| lost(thing, at))?;
            let frame = Frame::parse(&record.bytes).map_err(|error| error.at(record.first_seq))?;
            let placed = frame
                .changes(record.first_seq)
                .find(|placed| placed.head.thing == *thing && placed.first_seq <= at && at <= placed.last_seq())
                .ok_or_else(|| lost(thing, at))?;
            let events = frame.recorded(record.first_seq, &placed, &self.sealer);
            newest_first.extend(events.map_err(|error| error.at(record.first_seq))?.into_iter().rev());
            if placed.prev >= at {
                return Err(lost(thing, at));
            }
            at = placed.prev;
        }
        newest_first.reverse();
        Ok(newest_first)
    }

    /// A thing's last event, and the trace it belongs to. None: there is no such thing.
    pub(super) fn origin(&self, thing: &Thing) -> Result<Option<(Seq, Option<String>)>, Fault> {
        if let Thing::Ticket(number) = thing
            && let Some(entry) = self.overlay.ticket(*number).filter(|entry| entry.trace != 0)
        {
            return Ok(Some((entry.last_seq, Some(format!("{:032x}", entry.trace)))));
        }
        let last = self.stamp(thing)?.last_seq;
        if last == 0 {
            return Ok(None);
        }
        let record = self.reader.read(last, 1, 0)?.into_iter().next().ok_or_else(|| lost(thing, last))?;
        let frame = Frame::parse(&record.bytes).map_err(|error| error.at(record.first_seq))?;
        Ok(Some((last, frame.envelope().trace_id.clone())))
    }

    /// Whether the journal itself (not only a snapshot) holds an event of this thing.
    pub(super) fn holds(&self, thing: &Thing) -> Result<bool, Fault> {
        let last = self.stamp(thing)?.last_seq;
        if last == 0 {
            return Ok(false);
        }
        let Some(record) = self.reader.read(last, 1, 0)?.into_iter().next() else { return Ok(false) };
        let frame = Frame::parse(&record.bytes).map_err(|error| error.at(record.first_seq))?;
        let holds = frame.changes(record.first_seq).any(|placed| placed.head.thing == *thing);
        Ok(holds)
    }

    /// The state that a thing's events up to `last` lead to.
    pub(super) fn fold_to(&self, thing: &Thing, last: Seq) -> Result<State, Fault> {
        let events = self.history_to(thing, last)?.into_iter().take_while(|event| event.seq <= last);
        let mut state = None;
        for event in events {
            let next = State::after(state, thing, &event.fact)
                .map_err(|misfit| Fault { what: misfit.to_string(), place: format!("journal record {}", event.seq) })?;
            state = Some(next);
        }
        state.ok_or_else(|| lost(thing, last))
    }

    pub(super) fn read(&self, from: Seq, limit: usize, veiled: bool) -> Result<Vec<Recorded>, Fault> {
        let mut found = Vec::new();
        let mut next = from.max(1);
        // What is appended but not published yet stays unseen.
        let head = self.head().next_seq;
        while found.len() < limit && next < head {
            let page = self.reader.read(next, (limit - found.len()).min(PAGE_RECORDS), PAGE_BYTES)?;
            if page.is_empty() {
                break;
            }
            for record in page.into_iter().take_while(|record| record.first_seq < head) {
                next = record.first_seq + Seq::from(record.count);
                if found.len() < limit {
                    found.extend(self.events(&record, veiled)?.into_iter().filter(|event| event.seq >= from));
                }
            }
        }
        Ok(found)
    }

    fn events(&self, record: &Record, veiled: bool) -> Result<Vec<Recorded>, Fault> {
        let at = |error: super::codec::CodecError| error.at(record.first_seq);
        let frame = Frame::parse(&record.bytes).map_err(at)?;
        let mut events = Vec::new();
        for placed in frame.changes(record.first_seq) {
            let read = if veiled {
                frame.recorded_veiled(record.first_seq, &placed, &self.sealer)
            } else {
                frame.recorded(record.first_seq, &placed, &self.sealer)
            };
            events.extend(read.map_err(at)?);
        }
        Ok(events)
    }
}

/// Passes every record from `from` on to `visit`, in order, up to the journal's end.
pub(super) fn each_record(
    reader: &dyn JournalReader,
    from: Seq,
    visit: &mut dyn FnMut(&Record, &Frame<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut next = from.max(1);
    loop {
        let page = reader.read(next, PAGE_RECORDS, PAGE_BYTES)?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.first_seq + Seq::from(last.count);
        for record in &page {
            let frame = Frame::parse(&record.bytes).map_err(|error| error.at(record.first_seq))?;
            visit(record, &frame)?;
        }
    }
}

fn lost(thing: &Thing, at: Seq) -> Fault {
    Fault { what: format!("the journal has no event of {thing} at {at}"), place: "journal".into() }
}
