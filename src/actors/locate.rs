//! A person says where a ticket is: the region is found as intake finds it, and the ticket is told.

use super::{
    caller::Caller,
    failure::Failure,
    intake,
    service::{Opened, Service},
};
use crate::domain::{
    ids::{RegionId, TicketNumber},
    intake::{Whereabouts, whereabouts},
    person::Address,
    place::Place,
    ticket::Command,
};

impl Service {
    /// Gives a ticket its place, and with it its region: what is asked of intake, afterwards.
    pub async fn place_ticket(
        &self,
        number: TicketNumber,
        place: Option<Place>,
        address: Option<Address>,
        caller: &Caller,
    ) -> Result<Opened, Failure> {
        locate(self, number, place, address, caller).await
    }

    /// The region a place belongs to.
    #[must_use]
    pub fn locate(&self, place: Place) -> Option<RegionId> {
        self.tree().atlas.sheet(&self.tree().store).locate(place)
    }
}

async fn locate(
    service: &Service,
    number: TicketNumber,
    place: Option<Place>,
    address: Option<Address>,
    caller: &Caller,
) -> Result<Opened, Failure> {
    // What this key did before counts, whatever the map says by now.
    if let Some(claim) = service.claimed(caller)? {
        return intake::answer_of(service.tree(), claim, caller);
    }
    let tree = service.tree();
    let sheet = tree.atlas.sheet(&tree.store);
    let found = intake::in_world(tree, &sheet, |world| whereabouts(place, address.as_ref(), world));
    let Whereabouts { region, place: Some(at), located, vague } = found else {
        return Err(invalid("address", "nobody knows where this is: give a place"));
    };
    let Some(region) = region else {
        return Err(invalid(if place.is_some() { "place" } else { "address" }, "no region is within reach of this"));
    };
    service.command(number, Command::Locate { place: at, address, region, located, vague }, caller).await
}

fn invalid(what: &str, detail: &str) -> Failure {
    Failure::Invalid { what: what.into(), detail: detail.into() }
}
