//! Lists of tickets: along one index, the overlay merged in, newest first by opening time, then
//! number. Both never change, so a cursor stays right while rows do.

use super::{
    Fault, TicketPage, TicketQuery,
    core::Core,
    sabotage::{Sabotage, on},
    snapshot::{
        RegionFile,
        keys::{self, List, Position},
    },
};
use crate::domain::{
    ids::{RegionId, TicketNumber},
    ticket::{Phase, Ticket, Timer, TimerKind},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

/// Tickets in one page at most.
pub(super) const MAX_LIMIT: usize = 500;
/// Positions read from one file at once: some are dropped when their rows do not match.
const CHUNK: usize = 128;

impl Core {
    pub(super) fn tickets(&self, query: &TicketQuery) -> Result<TicketPage, Fault> {
        let limit = query.limit.clamp(1, MAX_LIMIT);
        let before = query.cursor.as_deref().map(parse_cursor).transpose()?;
        let younger = |position: Position| before.is_none_or(|before| position < before);
        // The overlay first: what leaves it meanwhile is in the files by then.
        let live = self.overlay.collect(|ticket| matches(query, ticket) && younger(Position::of(ticket)));
        let mut found: BTreeMap<Position, Arc<Ticket>> =
            live.into_iter().map(|ticket| (Position::of(&ticket), ticket)).collect();
        let mut streams = self.streams(query, before)?;
        let mut items = Vec::new();
        while items.len() <= limit {
            let next = streams.iter().filter_map(Stream::peek).max();
            let newest = found.last_key_value().map(|(position, _)| *position).max(next);
            let Some(position) = newest else { break };
            for stream in streams.iter_mut().filter(|stream| stream.peek() == Some(position)) {
                stream.advance()?;
            }
            let ticket = match found.remove(&position) {
                Some(ticket) => Some(ticket),
                None => self.ticket(position.number)?.map(|(ticket, _)| ticket),
            };
            items.extend(ticket.filter(|ticket| matches(query, ticket)));
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|ticket| cursor(Position::of(ticket)));
        Ok(TicketPage { items, next_cursor })
    }

    fn streams(&self, query: &TicketQuery, before: Option<Position>) -> Result<Vec<Stream>, Fault> {
        let lists = lists(query);
        let files = self.snapshots.regions().into_iter();
        files
            .filter(|(region, _)| query.takes_region(region))
            .map(|(_, file)| Stream::open(file, lists.clone(), before, query))
            .collect()
    }

    /// Open tickets of a region, in no order.
    pub(super) fn for_each_open(&self, region: &RegionId, visit: &mut dyn FnMut(Arc<Ticket>)) -> Result<(), Fault> {
        let wanted = |ticket: &Ticket| ticket.region == *region && ticket.phase.open();
        let live = self.overlay.collect(|_| true);
        let numbers: BTreeSet<TicketNumber> = live.iter().map(|ticket| ticket.number).collect();
        let Some(file) = self.snapshots.region(region) else {
            live.into_iter().filter(|ticket| wanted(ticket)).for_each(visit);
            return Ok(());
        };
        file.for_each_open(&self.sealer, &mut |ticket, _| {
            let here = self.hot.whereabouts(ticket.number).as_ref() == Some(region);
            if here && wanted(&ticket) && !numbers.contains(&ticket.number) {
                visit(Arc::new(ticket));
            }
        })?;
        live.into_iter().filter(|ticket| wanted(ticket)).for_each(visit);
        Ok(())
    }
}

/// Deadlines.
impl Core {
    pub(super) fn for_each_timer(
        &self,
        region: &RegionId,
        visit: &mut dyn FnMut(TicketNumber, Timer),
    ) -> Result<(), Fault> {
        let live = self.overlay.collect(|_| true);
        let numbers: BTreeSet<TicketNumber> = live.iter().map(|ticket| ticket.number).collect();
        let mut visit = |number, timer: Timer| {
            let outbox = matches!(timer.kind, TimerKind::Delivery(_) | TimerKind::Notice(_));
            if !on(if outbox { Sabotage::ForgetOutbox } else { Sabotage::SkipTimer }) {
                visit(number, timer);
            }
        };
        if let Some(file) = self.snapshots.region(region) {
            file.for_each_timer(&self.sealer, &mut |number, timer| {
                let here = self.hot.whereabouts(number).as_ref() == Some(region);
                if here && !numbers.contains(&number) {
                    visit(number, timer);
                }
            })?;
        }
        for ticket in live.iter().filter(|ticket| ticket.region == *region) {
            ticket.timers().into_iter().for_each(|timer| visit(ticket.number, timer));
        }
        Ok(())
    }
}

/// One file's positions, newest first, read in chunks.
struct Stream {
    file: Arc<RegionFile>,
    lists: Vec<List>,
    chunk: std::vec::IntoIter<Position>,
    next: Option<Position>,
    more: bool,
    opened_after: Option<crate::domain::time::Timestamp>,
}

impl Stream {
    fn open(
        file: Arc<RegionFile>,
        lists: Vec<List>,
        before: Option<Position>,
        query: &TicketQuery,
    ) -> Result<Self, Fault> {
        let chunk = Vec::new().into_iter();
        let mut stream = Self { file, lists, chunk, next: before, more: true, opened_after: query.opened_after };
        stream.fill()?;
        Ok(stream)
    }

    fn peek(&self) -> Option<Position> {
        self.next
    }

    fn advance(&mut self) -> Result<(), Fault> {
        match self.chunk.next() {
            Some(position) => self.set(Some(position)),
            None => self.fill()?,
        }
        Ok(())
    }

    /// Reads on from just before the last position.
    fn fill(&mut self) -> Result<(), Fault> {
        let positions = if self.more { self.file.positions(&self.lists, self.next, CHUNK)? } else { Vec::new() };
        self.more = positions.len() == CHUNK;
        self.chunk = positions.into_iter();
        let next = self.chunk.next();
        self.set(next);
        Ok(())
    }

    fn set(&mut self, next: Option<Position>) {
        let old = |position: &Position| self.opened_after.is_none_or(|after| position.opened_at > after);
        self.next = next.filter(old);
        if self.next.is_none() {
            (self.more, self.chunk) = (false, Vec::new().into_iter());
        }
    }
}

/// The shortest list that holds all that is asked for; by phase otherwise, of which there are few.
fn lists(query: &TicketQuery) -> Vec<List> {
    if query.dead {
        return vec![List::Dead];
    }
    if let Some(expert) = &query.expert {
        return vec![List::Expert(expert.clone())];
    }
    if let Some(customer) = &query.customer {
        return vec![List::Customer(customer.clone())];
    }
    query.phase.map_or_else(|| Phase::ALL.to_vec(), |phase| vec![phase]).into_iter().map(List::Phase).collect()
}

impl TicketQuery {
    pub(super) fn takes_region(&self, region: &RegionId) -> bool {
        self.region.as_ref().is_none_or(|wanted| wanted == region)
            && self.within.as_ref().is_none_or(|within| within.contains(region))
    }
}

pub(super) fn matches(query: &TicketQuery, ticket: &Ticket) -> bool {
    query.phase.is_none_or(|phase| ticket.phase == phase)
        && query.takes_region(&ticket.region)
        && query.customer.as_ref().is_none_or(|customer| ticket.customer.as_ref() == Some(customer))
        && query.expert.as_ref().is_none_or(|expert| keys::experts(ticket).any(|one| one == expert))
        && query.opened_after.is_none_or(|after| ticket.opened_at > after)
        && (!query.dead || keys::has_dead(ticket))
}

/// A position in hex: opaque to clients.
pub(super) fn cursor(position: Position) -> String {
    hex(&position.bytes())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a text can be a list's cursor.
#[must_use]
pub fn is_cursor(text: &str) -> bool {
    parse_cursor(text).is_ok()
}

pub(super) fn parse_cursor(text: &str) -> Result<Position, Fault> {
    let bytes = unhex(text).filter(|bytes| bytes.len() == 16);
    bytes.and_then(|bytes| Position::from_key(&bytes)).ok_or_else(no_cursor)
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = (0..text.len()).step_by(2);
    digits.map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect()
}

pub(super) fn no_cursor() -> Fault {
    Fault { what: "this is no cursor of a list".into(), place: "cursor".into() }
}
