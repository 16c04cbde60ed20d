//! From a checked request to a ticket: skills from the catalogue, place from the ZIP, region from the
//! place. Never refuses for lack of knowledge: what is unknown becomes a flag for a person.

use super::{
    catalogue::Catalogue,
    ids::{CustomerId, RegionId},
    person::{Address, Contact, TicketPersonal},
    place::{Located, Place, RegionIndex},
    skill::SkillLevel,
    ticket::{Flag, Flags, Priority, Source, Window},
    time::Timestamp,
};

/// A well-formed request for a ticket, parsed at a door (HTTP, import).
#[derive(Clone, Debug, PartialEq)]
pub struct NewTicket {
    pub customer: Option<CustomerId>,
    pub contact: Contact,
    pub product: Option<String>,
    /// Empty: the catalogue decides.
    pub skills: Vec<SkillLevel>,
    pub title: String,
    pub description: Option<String>,
    pub place: Option<Place>,
    pub address: Option<Address>,
    pub window: Option<Window>,
    pub priority: Priority,
    pub source: Source,
    pub external_id: Option<String>,
    pub service_s: Option<u32>,
    pub due_at: Option<Timestamp>,
    /// None: now. Imports give the time of the original request.
    pub opened_at: Option<Timestamp>,
}

/// What intake knows of the world, as of one moment.
pub struct World<'a> {
    pub regions: &'a RegionIndex,
    pub catalogue: &'a Catalogue,
    /// The centroid of a ZIP code.
    pub zip: &'a dyn Fn(&str) -> Option<Place>,
    /// The region whose ZIP mask matches.
    pub zip_region: &'a dyn Fn(&str) -> Option<RegionId>,
    /// Bounds the search for a nearest region, metres.
    pub reach_m: f64,
    /// Used when nobody says how long the service takes.
    pub service_s: u32,
}

/// Where a request goes and what it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    pub region: RegionId,
    pub personal: TicketPersonal,
    pub located: Located,
    pub skills: Vec<SkillLevel>,
    pub service_s: u32,
    pub flags: Flags,
}

/// Finds region, skills and service time. Pure: the same world gives the same answer.
#[must_use]
pub fn prepare(new: &NewTicket, world: &World<'_>) -> Prepared {
    let mut flags = Flags::default();
    let zip = new.address.as_ref().and_then(|a| a.zip.as_deref());
    let place = new.place.or_else(|| {
        let centroid = (world.zip)(zip?);
        flags.set(Flag::VagueAddress, true);
        centroid
    });
    let (region, located) = match (place, zip.and_then(|zip| (world.zip_region)(zip))) {
        (Some(place), masked) => match (world.regions.locate(place, world.reach_m), masked) {
            // Without exact coordinates a ZIP mask knows better than the ZIP's centroid.
            (_, Some(masked)) if new.place.is_none() => (Some(masked), Located::Inside),
            (found, _) => found,
        },
        (None, _) => (None, Located::Nowhere),
    };
    flags.set(Flag::Unlocated, region.is_none());
    let rule = new.product.as_deref().and_then(|product| world.catalogue.rule(product));
    flags.set(Flag::UnknownProduct, new.product.is_some() && rule.is_none() && new.skills.is_empty());
    let skills = match (new.skills.is_empty(), rule) {
        (false, _) => new.skills.clone(),
        (true, Some(rule)) => rule.skills.clone(),
        (true, None) => Catalogue::fallback(),
    };
    Prepared {
        region: region.unwrap_or_else(RegionId::unlocated),
        personal: TicketPersonal {
            contact: new.contact.clone(),
            title: new.title.clone(),
            description: new.description.clone(),
            place,
            address: new.address.clone(),
        },
        located,
        skills,
        service_s: new.service_s.or_else(|| rule.and_then(|r| r.service_s)).unwrap_or(world.service_s),
        flags,
    }
}
