//! An event, ready to be sent: its bytes, made once and shared by all sessions, and what filters look
//! at.

use crate::{
    api::{
        feed::{self, Position, Subject},
        timeline::Stamp,
    },
    domain::{
        expert::ExpertEvent,
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
    /// Where it belongs, and where it was before if it moved by this. None: to everybody.
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

    /// One that does not fold (damage, or a bug) goes without how its thing stands: it ends nobody's feed.
    pub(super) fn frame(&mut self, recorded: &Recorded) -> Frame {
        self.whole(recorded).unwrap_or_else(|fault| {
            tracing::error!(seq = recorded.seq, %fault, "an event goes to the feed without its state");
            self.bare(recorded)
        })
    }

    fn whole(&mut self, recorded: &Recorded) -> Result<Frame, Fault> {
        let after = self.after(recorded)?;
        let region = region_of(&after).unwrap_or(&recorded.region).clone();
        let left = self.left(recorded, &region)?;
        let json = feed::event(
            self.position(recorded),
            &region,
            &Stamp::of(recorded.seq, &recorded.envelope),
            &recorded.fact,
            &after,
        );
        Ok(framed(recorded, json, region, left, feed::subject(&recorded.fact, &after)))
    }

    fn bare(&self, recorded: &Recorded) -> Frame {
        let Recorded { region, thing, version, fact, .. } = recorded;
        let json = feed::bare(
            self.position(recorded),
            region,
            &Stamp::of(recorded.seq, &recorded.envelope),
            fact,
            thing,
            *version,
        );
        framed(recorded, json, region.clone(), handed_over(fact), feed::subject_of(thing))
    }

    fn position(&self, recorded: &Recorded) -> Position {
        Position { data: self.data, seq: recorded.seq }
    }

    /// The region that its thing left by this event: whoever follows that one is told where it went.
    fn left(&self, recorded: &Recorded, region: &RegionId) -> Result<Option<RegionId>, Fault> {
        if !matches!(recorded.fact, Fact::Expert(ExpertEvent::Written(_))) || recorded.prev == 0 {
            return Ok(handed_over(&recorded.fact));
        }
        let before = self.store.state_at(&recorded.thing, recorded.prev)?;
        Ok(region_of(&before).filter(|before| *before != region).cloned())
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

fn framed(recorded: &Recorded, json: Vec<u8>, region: RegionId, left: Option<RegionId>, subject: Subject) -> Frame {
    let regions = (region != RegionId::cell()).then_some((region, left));
    Frame { seq: recorded.seq, json: json.into(), kind: recorded.fact.kind(), regions, subject }
}

/// Where a handover's ticket was before.
fn handed_over(fact: &Fact) -> Option<RegionId> {
    match fact {
        Fact::Ticket(TicketEvent::HandedOver { from, .. }) => Some(from.clone()),
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            ticket::{Role, Who},
            time::Timestamp,
        },
        storage::{Durability, Envelope, StoreOptions},
    };

    #[test]
    fn an_event_that_does_not_fold_goes_without_its_state_and_the_feed_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            data: dir.path().to_owned(),
            cell: "main".into(),
            durability: Durability::Disposable,
            cache_bytes: 16 << 20,
            segment_bytes: 64 << 20,
            seed: Some(7),
        };
        let mut framer = Framer::new(Store::open(options).unwrap());
        let expert = ExpertId::parse("ann").unwrap();
        // A first event that nothing can begin with.
        let recorded = Recorded {
            seq: 5,
            batch: 5,
            region: RegionId::parse("west").unwrap(),
            thing: Thing::Expert(expert.clone()),
            version: 3,
            prev: 0,
            envelope: Envelope {
                at: Timestamp(0),
                who: Who { role: Role::System, id: String::new() },
                request_id: None,
                cause: None,
                trace_id: None,
            },
            fact: Fact::Expert(ExpertEvent::Retired),
        };
        let frame = framer.frame(&recorded);
        let json: serde_json::Value = serde_json::from_slice(&frame.json).unwrap();
        assert_eq!((&json["kind"], &json["data"]), (&"expert.retired".into(), &serde_json::json!({})), "{json}");
        assert_eq!((&json["version"], &json["region"]), (&3.into(), &"west".into()), "{json}");
        let west = Filter { regions: Some(BTreeSet::from([recorded.region.clone()])), ..Filter::default() };
        let ann = Filter { expert: Some(expert), ..Filter::default() };
        assert!(west.passes(&frame) && ann.passes(&frame), "to whom it concerns");
        let east = Filter { regions: Some(BTreeSet::from([RegionId::parse("east").unwrap()])), ..Filter::default() };
        assert!(!east.passes(&frame), "and to nobody else");
    }
}
