//! Which tickets are a customer's.

use crate::{
    domain::{
        ids::{CustomerId, TicketNumber},
        ticket::Ticket,
    },
    storage::{Erasing, Fault, Store, TicketQuery},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What somebody says of whom they mean. Several of these: all of it is theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub customer: Option<CustomerId>,
    pub ticket: Option<TicketNumber>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// A customer's tickets, by number.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub customer: Option<CustomerId>,
    pub tickets: BTreeMap<TicketNumber, Arc<Ticket>>,
    /// With the same phone or e-mail, but under another customer's id: not theirs without being named.
    pub shared: BTreeSet<TicketNumber>,
    /// What they are known by, as it was typed: once they are erased, nobody else remembers.
    phones: BTreeSet<String>,
    emails: BTreeSet<String>,
}

/// What was named belongs to several customers: one of them has to be named by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Several(pub BTreeSet<CustomerId>);

impl Held {
    /// Adds what came since.
    pub fn take(&mut self, since: Self) {
        self.tickets.extend(since.tickets);
        self.shared.extend(since.shared);
        self.phones.extend(since.phones);
        self.emails.extend(since.emails);
    }

    #[must_use]
    pub fn numbers(&self) -> Vec<TicketNumber> {
        self.tickets.keys().copied().collect()
    }

    /// Those on which work is still to be done or under way.
    pub fn open(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        self.tickets.values().filter(|ticket| ticket.phase.open())
    }

    #[must_use]
    pub fn erasing(&self) -> Erasing {
        let tickets = self.tickets.keys().copied().collect();
        Erasing { tickets, people: self.tickets.values().map(|ticket| ticket.person()).collect() }
    }
}

/// In which forms a number may have been typed, its own included: with its country and without.
pub type Forms<'a> = &'a dyn Fn(&str) -> Vec<String>;

/// All tickets of whom `named` names: theirs by id, and those without an id that have a phone or an e-mail
/// address in common with them. Empty: nobody is known by that.
pub fn find(store: &Store, named: &Named, forms: Forms<'_>) -> Result<Result<Held, Several>, Fault> {
    let mut seeds = BTreeSet::new();
    seeds.extend(named.ticket);
    seeds.extend(of_contact(store, named.phone.as_deref(), named.email.as_deref(), forms)?);
    let mut held = Held::default();
    for number in seeds {
        held.tickets.extend(store.ticket(number)?.map(|ticket| (number, ticket)));
    }
    let mut ids: BTreeSet<CustomerId> = held.tickets.values().filter_map(|ticket| ticket.customer.clone()).collect();
    ids.extend(named.customer.clone());
    if ids.len() > 1 {
        return Ok(Err(Several(ids)));
    }
    held.customer = ids.pop_first();
    held.phones.extend(named.phone.clone());
    held.emails.extend(named.email.clone());
    gather(store, &mut held, forms)?;
    Ok(Ok(held))
}

/// What was accepted for them since `held` was found, by all that was known of them then: also when their
/// tickets of then have been erased, and tell no phone and no address any more.
pub fn find_since(store: &Store, held: &Held, forms: Forms<'_>) -> Result<Held, Fault> {
    let mut now = held.clone();
    gather(store, &mut now, forms)?;
    now.tickets.retain(|number, _| !held.tickets.contains_key(number));
    Ok(now)
}

fn of_contact(
    store: &Store,
    phone: Option<&str>,
    email: Option<&str>,
    forms: Forms<'_>,
) -> Result<BTreeSet<TicketNumber>, Fault> {
    let mut found = BTreeSet::new();
    for phone in phone.map(forms).unwrap_or_default() {
        found.extend(store.tickets_of_contact(Some(&phone), None)?);
    }
    if email.is_some() {
        found.extend(store.tickets_of_contact(None, email)?);
    }
    Ok(found)
}

fn of_customer(store: &Store, customer: &CustomerId) -> Result<Vec<(TicketNumber, Arc<Ticket>)>, Fault> {
    let mut query = TicketQuery { customer: Some(customer.clone()), limit: usize::MAX, ..TicketQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = store.tickets(&query)?;
        found.extend(page.items.into_iter().map(|ticket| (ticket.number, ticket)));
        if page.next_cursor.is_none() {
            return Ok(found);
        }
        query.cursor = page.next_cursor;
    }
}

/// Takes in what is theirs by id, and what has a phone or an e-mail address in common with what is held, until
/// there is no more.
fn gather(store: &Store, held: &mut Held, forms: Forms<'_>) -> Result<(), Fault> {
    if let Some(customer) = held.customer.clone() {
        held.tickets.extend(of_customer(store, &customer)?);
    }
    let mut fresh: Vec<Arc<Ticket>> = held.tickets.values().cloned().collect();
    for phone in held.phones.clone() {
        fresh.extend(take_in(store, held, Some(&phone), None, forms)?);
    }
    for email in held.emails.clone() {
        fresh.extend(take_in(store, held, None, Some(&email), forms)?);
    }
    while let Some(ticket) = fresh.pop() {
        let Some(personal) = ticket.personal.known() else { continue };
        let phone = personal.contact.phone.clone().filter(|phone| held.phones.insert(phone.clone()));
        let email = personal.contact.email.clone().filter(|email| held.emails.insert(email.clone()));
        fresh.extend(take_in(store, held, phone.as_deref(), email.as_deref(), forms)?);
    }
    Ok(())
}

/// Takes in what has this phone or e-mail address; what of it is new.
fn take_in(
    store: &Store,
    held: &mut Held,
    phone: Option<&str>,
    email: Option<&str>,
    forms: Forms<'_>,
) -> Result<Vec<Arc<Ticket>>, Fault> {
    let mut fresh = Vec::new();
    for number in of_contact(store, phone, email, forms)? {
        let Some(found) = store.ticket(number)?.filter(|_| !held.tickets.contains_key(&number)) else { continue };
        if found.customer.is_some() && found.customer != held.customer {
            held.shared.insert(number);
        } else {
            held.tickets.insert(number, found.clone());
            fresh.push(found);
        }
    }
    Ok(fresh)
}
