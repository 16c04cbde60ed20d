//! The one vocabulary of the journal: an event of a thing, and the state that things fold to.

use super::{
    catalogue::{Catalogue, CatalogueEvent},
    expert::{Expert, ExpertEvent},
    ids::{Thing, Version},
    person::Sealing,
    region::{Region, RegionEvent},
    route::{Route, RouteEvent},
    ticket::{Ticket, TicketEvent},
};
use minicbor::{Decode, Encode};
use std::sync::Arc;

/// An event, whatever it happened to. Variant numbers are stored.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(context_bound = "Sealing")]
pub enum Fact {
    #[n(0)]
    Ticket(#[n(0)] TicketEvent),
    #[n(1)]
    Route(#[n(0)] RouteEvent),
    #[n(2)]
    Expert(#[n(0)] ExpertEvent),
    #[n(3)]
    Region(#[n(0)] RegionEvent),
    #[n(4)]
    Catalogue(#[n(0)] CatalogueEvent),
}

/// The folded state of a thing, shared: cheap to clone, never changed in place.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Ticket(Arc<Ticket>),
    Route(Arc<Route>),
    Expert(Arc<Expert>),
    Region(Arc<Region>),
    Catalogue(Arc<Catalogue>),
}

/// An event that does not fit the state it is applied to: damage, or a bug. Names both.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {event} cannot follow {state}")]
pub struct Misfit {
    pub event: &'static str,
    pub state: String,
}

impl Fact {
    /// The contract's feed kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ticket(event) => event.kind(),
            Self::Route(RouteEvent::Changed { .. }) => "route.changed",
            Self::Expert(ExpertEvent::Written(_)) => "expert.written",
            Self::Expert(ExpertEvent::Retired) => "expert.retired",
            Self::Expert(ExpertEvent::AbsenceAdded(_)) => "expert.absence_added",
            Self::Expert(ExpertEvent::AbsenceRemoved(_)) => "expert.absence_removed",
            Self::Region(RegionEvent::Written(_)) => "region.written",
            Self::Region(RegionEvent::Parked(_)) => "region.parked",
            Self::Region(RegionEvent::Unparked) => "region.unparked",
            Self::Region(RegionEvent::ShortageForeseen(_)) => "region.shortage_foreseen",
            Self::Region(RegionEvent::ShortageOver) => "region.shortage_over",
            Self::Catalogue(CatalogueEvent::Written(_)) => "catalogue.written",
        }
    }
}

impl State {
    #[must_use]
    pub fn thing(&self) -> Thing {
        match self {
            Self::Ticket(ticket) => Thing::Ticket(ticket.number),
            Self::Route(route) => Thing::Route(route.expert.clone()),
            Self::Expert(expert) => Thing::Expert(expert.id.clone()),
            Self::Region(region) => Thing::Region(region.id.clone()),
            Self::Catalogue(_) => Thing::Catalogue,
        }
    }

    #[must_use]
    pub fn version(&self) -> Version {
        match self {
            Self::Ticket(ticket) => ticket.version,
            Self::Route(route) => route.version,
            Self::Expert(expert) => expert.version,
            Self::Region(region) => region.version,
            Self::Catalogue(catalogue) => catalogue.version,
        }
    }

    /// The state after one more event; `before` is None for a thing that did not exist. Every event
    /// adds exactly 1 to the version.
    pub fn after(before: Option<Self>, thing: &Thing, fact: &Fact) -> Result<Self, Misfit> {
        let misfit = |before: &Option<Self>| Misfit {
            event: fact.kind(),
            state: before.as_ref().map_or_else(|| format!("nothing ({thing})"), |s| s.thing().to_string()),
        };
        Ok(match (before, fact) {
            (None, Fact::Ticket(TicketEvent::Opened(opened))) => Self::Ticket(Arc::new(Ticket::opened(opened))),
            (Some(Self::Ticket(mut ticket)), Fact::Ticket(event)) => {
                Arc::make_mut(&mut ticket).apply(event);
                Self::Ticket(ticket)
            }
            (Some(Self::Route(mut route)), Fact::Route(event)) => {
                Arc::make_mut(&mut route).apply(event);
                Self::Route(route)
            }
            (None, Fact::Route(event)) => {
                let Thing::Route(expert) = thing else { return Err(misfit(&None)) };
                let RouteEvent::Changed { region, .. } = event;
                let mut route = Route::empty(expert.clone(), region.clone());
                route.apply(event);
                Self::Route(Arc::new(route))
            }
            (None, Fact::Expert(ExpertEvent::Written(expert))) => {
                let mut expert = (**expert).clone();
                expert.version = 1;
                Self::Expert(Arc::new(expert))
            }
            (Some(Self::Expert(mut expert)), Fact::Expert(event)) => {
                Arc::make_mut(&mut expert).apply(event);
                Self::Expert(expert)
            }
            (None, Fact::Region(RegionEvent::Written(region))) => {
                let mut region = (**region).clone();
                region.version = 1;
                Self::Region(Arc::new(region))
            }
            (Some(Self::Region(mut region)), Fact::Region(event)) => {
                Arc::make_mut(&mut region).apply(event);
                Self::Region(region)
            }
            (before @ (None | Some(Self::Catalogue(_))), Fact::Catalogue(event)) => {
                let mut catalogue = match before {
                    Some(Self::Catalogue(catalogue)) => catalogue,
                    _ => Arc::default(),
                };
                Arc::make_mut(&mut catalogue).apply(event);
                Self::Catalogue(catalogue)
            }
            (before, _) => return Err(misfit(&before)),
        })
    }
}
