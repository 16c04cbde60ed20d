//! Lists of deliveries, by the tickets that carry them: newest ticket first, then in the order they were
//! queued. What was given up has an index of its own; everything else is under way, so no list costs more
//! than what is open now, however much there ever was.

use super::{
    Fault, TicketQuery,
    core::Core,
    query::{cursor, hex, no_cursor, unhex},
    snapshot::keys::Position,
};
use crate::domain::{
    ids::{DeliveryNo, RegionId, TicketNumber},
    ticket::{DeliveryStatus, Ticket, TimerKind},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Deliveries in one page at most.
const MAX_LIMIT: usize = 500;

#[derive(Clone, Debug, Default)]
pub struct OutboxQuery {
    /// None: all.
    pub status: Option<DeliveryStatus>,
    pub region: Option<RegionId>,
    /// Regions that whoever asks may see; None: all.
    pub within: Option<BTreeSet<RegionId>>,
    /// Continue after this one (from the last page).
    pub cursor: Option<String>,
    pub limit: usize,
}

pub struct OutboxPage {
    pub items: Vec<(Arc<Ticket>, DeliveryNo)>,
    pub next_cursor: Option<String>,
}

/// The last delivery of a page.
#[derive(Clone, Copy)]
struct Seen {
    position: Position,
    no: DeliveryNo,
}

impl Core {
    pub(super) fn outbox(&self, query: &OutboxQuery) -> Result<OutboxPage, Fault> {
        let limit = query.limit.clamp(1, MAX_LIMIT);
        let seen = query.cursor.as_deref().map(Seen::parse).transpose()?;
        let mut found = BTreeMap::new();
        if query.status.is_none_or(|status| status == DeliveryStatus::Dead) {
            self.dead(query, seen, limit, &mut found)?;
        }
        if query.status.is_none_or(DeliveryStatus::due) {
            self.due(query, &mut found)?;
        }
        if query.status.is_none_or(|status| status == DeliveryStatus::Texted) {
            self.texted(query, &mut found)?;
        }
        let mut items = Vec::new();
        for (position, ticket) in found.iter().rev() {
            let wanted = ticket.deliveries.iter().filter(|delivery| {
                let after = seen.is_none_or(|seen| {
                    *position < seen.position || (*position == seen.position && delivery.no > seen.no)
                });
                after && query.status.is_none_or(|status| delivery.status == status)
            });
            let mut numbers: Vec<DeliveryNo> = wanted.map(|delivery| delivery.no).collect();
            numbers.sort_unstable();
            items.extend(numbers.into_iter().map(|no| (ticket.clone(), no)));
            if items.len() > limit {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|(ticket, no)| Seen { position: Position::of(ticket), no: *no }.text());
        Ok(OutboxPage { items, next_cursor })
    }

    /// One more than fit: each has at least one delivery to show.
    fn dead(
        &self,
        query: &OutboxQuery,
        seen: Option<Seen>,
        limit: usize,
        found: &mut BTreeMap<Position, Arc<Ticket>>,
    ) -> Result<(), Fault> {
        let listing = TicketQuery {
            dead: true,
            region: query.region.clone(),
            within: query.within.clone(),
            cursor: seen.map(|seen| cursor(seen.before_its_ticket())),
            // The ticket that the last page ended in may have nothing left.
            limit: limit + 2,
            ..TicketQuery::default()
        };
        let page = self.tickets(&listing)?;
        found.extend(page.items.into_iter().map(|ticket| (Position::of(&ticket), ticket)));
        Ok(())
    }

    /// By their deadlines, which ended tickets have too.
    fn due(&self, query: &OutboxQuery, found: &mut BTreeMap<Position, Arc<Ticket>>) -> Result<(), Fault> {
        let mut numbers = BTreeSet::<TicketNumber>::new();
        for region in self.regions_of(query) {
            self.for_each_timer(&region, &mut |number, timer| {
                if matches!(timer.kind, TimerKind::Delivery(_) | TimerKind::Notice(_)) {
                    numbers.insert(number);
                }
            })?;
        }
        for number in numbers {
            if let Some((ticket, _)) = self.ticket(number)? {
                found.insert(Position::of(&ticket), ticket);
            }
        }
        Ok(())
    }

    fn texted(&self, query: &OutboxQuery, found: &mut BTreeMap<Position, Arc<Ticket>>) -> Result<(), Fault> {
        for region in self.regions_of(query) {
            self.for_each_open(&region, &mut |ticket| {
                if ticket.deliveries.iter().any(|delivery| delivery.status == DeliveryStatus::Texted) {
                    found.insert(Position::of(&ticket), ticket);
                }
            })?;
        }
        Ok(())
    }

    fn regions_of(&self, query: &OutboxQuery) -> Vec<RegionId> {
        let regions = match &query.region {
            Some(region) => vec![region.clone()],
            None => self.hot.regions().into_iter().map(|region| region.id.clone()).collect(),
        };
        let seen = |region: &RegionId| query.within.as_ref().is_none_or(|within| within.contains(region));
        regions.into_iter().filter(seen).collect()
    }
}

impl Seen {
    fn text(self) -> String {
        hex(&[&self.position.bytes()[..], &self.no.to_be_bytes()].concat())
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let bytes = unhex(text).filter(|bytes| bytes.len() == 18).ok_or_else(no_cursor)?;
        let (position, no) = bytes.split_at(16);
        let position = Position::from_key(position).ok_or_else(no_cursor)?;
        Ok(Self { position, no: DeliveryNo::from_be_bytes([no[0], no[1]]) })
    }

    /// Just before this ticket in a list, so that it comes once more.
    fn before_its_ticket(self) -> Position {
        let number = TicketNumber::from_bits(self.position.number.to_bits().saturating_add(1));
        Position { number, ..self.position }
    }
}

/// Whether a text can be a cursor of the outbox.
#[must_use]
pub fn is_outbox_cursor(text: &str) -> bool {
    Seen::parse(text).is_ok()
}
