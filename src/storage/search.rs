//! Tickets by what somebody says who calls: phone, e-mail, their own id. Found by keyed hashes, then narrowed
//! and paged like any list.
//!
//! Must hold: whoever names several of these gets what fits all of them; a search shows no more than the list
//! with the same filters would.

use super::{
    ClaimKey, Fault, TicketPage, TicketQuery,
    core::Core,
    query::{MAX_LIMIT, cursor, matches, parse_cursor},
    snapshot::keys::{self, Position},
    store::named_ticket,
};
use crate::domain::{
    ids::{RegionId, TicketNumber},
    ticket::Ticket,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Whom a search is for; what is None is not asked.
#[derive(Clone, Debug, Default)]
pub struct TicketSearch {
    /// One number, in every form in which it may have been written down.
    pub phone: Option<Vec<String>>,
    pub email: Option<String>,
    pub external_id: Option<String>,
}

impl Core {
    pub(super) fn search(&self, search: &TicketSearch, query: &TicketQuery) -> Result<TicketPage, Fault> {
        let limit = query.limit.clamp(1, MAX_LIMIT);
        let before = query.cursor.as_deref().map(parse_cursor).transpose()?;
        let mut found = BTreeMap::<Position, Arc<Ticket>>::new();
        for number in self.named(search, query)? {
            let Some((ticket, _)) = self.ticket(number)? else { continue };
            let position = Position::of(&ticket);
            if matches(query, &ticket) && before.is_none_or(|before| position < before) {
                found.insert(position, ticket);
            }
        }
        let more = found.len() > limit;
        let items: Vec<_> = found.into_values().rev().take(limit).collect();
        let next_cursor = items.last().filter(|_| more).map(|ticket| cursor(Position::of(ticket)));
        Ok(TicketPage { items, next_cursor })
    }

    /// The numbers that fit all that is named.
    fn named(&self, search: &TicketSearch, query: &TicketQuery) -> Result<BTreeSet<TicketNumber>, Fault> {
        let mut sets = Vec::new();
        if let Some(id) = &search.external_id {
            sets.push(named_ticket(self.claim(&ClaimKey::external(id))?.as_deref()).into_iter().collect());
        }
        let here = |region: &RegionId| query.takes_region(region);
        if let Some(forms) = &search.phone {
            let hashes = forms.iter().flat_map(|form| keys::contact_hashes(Some(form), None, &self.sealer));
            sets.push(self.of_contact(&hashes.collect(), &here)?);
        }
        if let Some(email) = &search.email {
            let hashes = keys::contact_hashes(None, Some(email), &self.sealer);
            sets.push(self.of_contact(&hashes.collect(), &here)?);
        }
        let all = sets.into_iter().reduce(|one: BTreeSet<TicketNumber>, other| &one & &other);
        Ok(all.unwrap_or_default())
    }

    /// Tickets whose contact has this phone or this e-mail, by number.
    pub(super) fn tickets_of_contact(
        &self,
        phone: Option<&str>,
        email: Option<&str>,
    ) -> Result<Vec<TicketNumber>, Fault> {
        let hashes = keys::contact_hashes(phone, email, &self.sealer).collect();
        Ok(self.of_contact(&hashes, &|_| true)?.into_iter().collect())
    }

    /// Tickets of these regions whose contact has one of these hashes.
    fn of_contact(
        &self,
        hashes: &BTreeSet<[u8; 16]>,
        here: &dyn Fn(&RegionId) -> bool,
    ) -> Result<BTreeSet<TicketNumber>, Fault> {
        let has = |ticket: &Ticket| {
            let contact = ticket.personal.known().map(|personal| &personal.contact);
            let theirs = contact.into_iter().flat_map(|contact| {
                keys::contact_hashes(contact.phone.as_deref(), contact.email.as_deref(), &self.sealer)
            });
            theirs.into_iter().any(|hash| hashes.contains(&hash))
        };
        // The overlay first: what leaves it meanwhile is in the files by then.
        let live = self.overlay.collect(|_| true);
        let mut found = BTreeSet::new();
        for (_, file) in self.snapshots.regions().into_iter().filter(|(region, _)| here(region)) {
            for hash in hashes {
                found.extend(file.of_contact(hash)?);
            }
        }
        for ticket in live {
            if has(&ticket) {
                found.insert(ticket.number)
            } else {
                found.remove(&ticket.number)
            };
        }
        Ok(found)
    }
}
