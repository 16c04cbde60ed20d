//! Erasing while others go on: what was accepted between looking and erasing is found all the same.

use crate::common::tree::{Time, Tree, play, tv};
use callout::{
    customers::{Held, Named, find, find_since},
    domain::{
        ids::{CustomerId, TicketNumber},
        intake::NewTicket,
        person::Contact,
    },
};

fn digits(phone: &str) -> Vec<String> {
    vec![phone.chars().filter(char::is_ascii_digit).collect()]
}

/// One of somebody known by these.
fn of(customer: Option<&str>, phone: Option<&str>, email: Option<&str>) -> NewTicket {
    let contact = Contact { phone: phone.map(str::to_owned), email: email.map(str::to_owned), ..Contact::default() };
    let customer = customer.map(|id| CustomerId::parse(id).unwrap());
    NewTicket { customer, contact, ..tv(5.0, 5.0) }
}

fn since(tree: &Tree, held: &Held) -> Vec<TicketNumber> {
    find_since(tree.service.store(), held, &digits).unwrap().numbers()
}

#[test]
fn what_was_accepted_while_somebody_was_erased_is_found_by_what_was_known_of_them_before() {
    play(Time::Machine, async |tree| {
        tree.square("west", 0.0, |_| {}).await;
        let first = tree.open(of(Some("c-1"), Some("+16175550101"), Some("one@example.org"))).await;
        let named = Named { customer: CustomerId::parse("c-1").ok(), ..Named::default() };
        let mut held = find(tree.service.store(), &named, &digits).unwrap().unwrap();
        assert_eq!(held.numbers(), [first]);
        assert_eq!(since(tree, &held), []);
        // By number, by address, by id; somebody else's; and by what the first of these told.
        let by_phone = tree.open(of(None, Some("+16175550101"), Some("two@example.org"))).await;
        let by_email = tree.open(of(None, None, Some("one@example.org"))).await;
        let by_id = tree.open(of(Some("c-1"), None, None)).await;
        let others = tree.open(of(Some("c-2"), Some("+16175550101"), None)).await;
        let further = tree.open(of(None, None, Some("two@example.org"))).await;
        tree.service.erase(held.erasing()).await.unwrap();
        assert!(tree.ticket(first).personal.known().is_none());
        let mut come = [by_phone, by_email, by_id, further];
        come.sort();
        assert_eq!(since(tree, &held), come);
        let more = find_since(tree.service.store(), &held, &digits).unwrap();
        assert!(more.shared.contains(&others), "named, and left alone");
        tree.service.erase(more.erasing()).await.unwrap();
        held.take(more);
        assert_eq!(since(tree, &held), [], "nothing new comes");
        // By what only the second look told.
        let last = tree.open(of(None, None, Some("two@example.org"))).await;
        assert_eq!(since(tree, &held), [last]);
    });
}
