//! An event, ready to be sent: its bytes, made once and shared by all sessions, and what filters look
//! at.

use crate::{
    api::{
        feed::{self, Position, Subject},
        timeline::Stamp,
    },
    domain::{
        fact::{Fact, State},
        ids::{ExpertId, RegionId, Seq, Thing, TicketNumber},
        route::{Route, RouteEvent},
        ticket::{Ticket, TicketEvent},
    },
    storage::{Fault, Recorded, Store},
};
use hyper::body::Bytes;
use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

/// One event on its way to clients.
pub struct Frame {
    pub seq: Seq,
    /// As in the contract: `{"type":"event",..}`. UTF-8.
    pub json: Bytes,
    /// The contract's kind, as in `ticket.assigned`.
    pub kind: &'static str,
    /// Where it belongs; both regions of a handover. None: to everybody.
    regions: Option<(RegionId, Option<RegionId>)>,
    subject: Subject,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.seq, self.kind)
    }
}

/// Which events a subscriber wants and may see; None: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub regions: Option<BTreeSet<RegionId>>,
    pub expert: Option<ExpertId>,
    pub ticket: Option<TicketNumber>,
}

impl Filter {
    #[must_use]
    pub fn passes(&self, frame: &Frame) -> bool {
        let of_region = match (&self.regions, &frame.regions) {
            (None, _) | (_, None) => true,
            (Some(wanted), Some((one, other))) => {
                wanted.contains(one) || other.as_ref().is_some_and(|other| wanted.contains(other))
            }
        };
        let Subject { ticket, expert, holder } = &frame.subject;
        let of_expert = self.expert.is_none() || self.expert == *expert || self.expert == *holder;
        of_region && of_expert && (self.ticket.is_none() || self.ticket == *ticket)
    }
}

/// Makes frames of recorded events, in order. Folds tickets along, so that the usual event costs no
/// read; one that it has not seen lately is folded from the journal.
pub(super) struct Framer {
    store: Store,
    data: [u8; 8],
    tickets: HashMap<TicketNumber, Arc<Ticket>>,
}

/// Tickets kept folded: those that are worked on at the same time. Some 1 kB each.
const TICKETS: usize = 8_192;

impl Framer {
    pub(super) fn new(store: Store) -> Self {
        Self { data: store.identity(), store, tickets: HashMap::new() }
    }

    pub(super) fn frame(&mut self, recorded: &Recorded) -> Result<Frame, Fault> {
        let after = self.after(recorded)?;
        let envelope = &recorded.envelope;
        let stamp = Stamp {
            seq: recorded.seq,
            at: envelope.at,
            who: &envelope.who,
            request_id: envelope.request_id.as_deref(),
            trace_id: envelope.trace_id.as_deref(),
            cause: envelope.cause,
        };
        let region = region_of(&after).unwrap_or(&recorded.region).clone();
        let position = Position { data: self.data, seq: recorded.seq };
        let json = feed::event(position, &region, &stamp, &recorded.fact, &after).into();
        let left = match &recorded.fact {
            Fact::Ticket(TicketEvent::HandedOver { from, .. }) => Some(from.clone()),
            _ => None,
        };
        let regions = (region != RegionId::cell()).then_some((region, left));
        let subject = feed::subject(&recorded.fact, &after);
        Ok(Frame { seq: recorded.seq, json, kind: recorded.fact.kind(), regions, subject })
    }

    /// The thing's state after this event.
    fn after(&mut self, recorded: &Recorded) -> Result<State, Fault> {
        let number = match (&recorded.thing, &recorded.fact) {
            (Thing::Ticket(number), _) => *number,
            (Thing::Route(expert), Fact::Route(event)) => return Ok(State::Route(route(expert, event, recorded))),
            // Edits by people: seldom, and few for each thing.
            (thing, _) => return self.store.state_at(thing, recorded.seq),
        };
        let before = self.tickets.remove(&number).filter(|ticket| ticket.version + 1 == recorded.version);
        let state = if before.is_some() || recorded.version == 1 {
            let misfit = |misfit: crate::domain::fact::Misfit| Fault {
                what: misfit.to_string(),
                place: format!("journal record {}", recorded.seq),
            };
            State::after(before.map(State::Ticket), &recorded.thing, &recorded.fact).map_err(misfit)?
        } else {
            self.store.state_at(&recorded.thing, recorded.seq)?
        };
        if let State::Ticket(ticket) = &state {
            if self.tickets.len() >= TICKETS {
                self.tickets.clear();
            }
            self.tickets.insert(number, ticket.clone());
        }
        Ok(state)
    }
}

/// A route's event is its whole image: nothing before it is needed.
fn route(expert: &ExpertId, event: &RouteEvent, recorded: &Recorded) -> Arc<Route> {
    let mut route = Route::empty(expert.clone(), recorded.region.clone());
    route.apply(event);
    route.version = recorded.version;
    Arc::new(route)
}

fn region_of(state: &State) -> Option<&RegionId> {
    match state {
        State::Ticket(ticket) => Some(&ticket.region),
        State::Route(route) => Some(&route.region),
        State::Expert(expert) => Some(&expert.region),
        State::Region(region) => Some(&region.id),
        State::Catalogue(_) => None,
    }
}
