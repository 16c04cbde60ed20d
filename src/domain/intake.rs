//! From a checked request to a ticket: skills from the catalogue, place from the ZIP, region from the
//! place. Never refuses for lack of knowledge: what is unknown becomes a flag for a person.

use super::{
    catalogue::Catalogue,
    ids::{CustomerId, RegionId},
    person::{Address, Contact},
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
    /// As given, or the ZIP's.
    pub place: Option<Place>,
    pub located: Located,
    pub skills: Vec<SkillLevel>,
    pub service_s: u32,
    pub flags: Flags,
}

/// Where something is, as far as anybody knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Whereabouts {
    /// None: in no region's reach, or nobody knows where.
    pub region: Option<RegionId>,
    /// As given, or the ZIP's.
    pub place: Option<Place>,
    pub located: Located,
    /// The place is the ZIP's, not the house's.
    pub vague: bool,
}

/// Finds place and region of what is given.
#[must_use]
pub fn whereabouts(given: Option<Place>, address: Option<&Address>, world: &World<'_>) -> Whereabouts {
    let zip = address.and_then(|a| a.zip.as_deref());
    let place = given.or_else(|| (world.zip)(zip?));
    let (region, located) = match (place, zip.and_then(|zip| (world.zip_region)(zip))) {
        (Some(place), masked) => match (world.regions.locate(place, world.reach_m), masked) {
            // Without exact coordinates a ZIP mask knows better than the ZIP's centroid.
            (_, Some(masked)) if given.is_none() => (Some(masked), Located::Inside),
            (found, _) => found,
        },
        (None, _) => (None, Located::Nowhere),
    };
    Whereabouts { region, place, located, vague: given.is_none() && zip.is_some() }
}

/// Finds region, skills and service time. Pure: the same world gives the same answer.
#[must_use]
pub fn prepare(new: &NewTicket, world: &World<'_>) -> Prepared {
    let Whereabouts { region, place, located, vague } = whereabouts(new.place, new.address.as_ref(), world);
    let mut flags = Flags::default();
    flags.set(Flag::VagueAddress, vague);
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
        place,
        located,
        skills,
        service_s: new.service_s.or_else(|| rule.and_then(|r| r.service_s)).unwrap_or(world.service_s),
        flags,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        catalogue::CatalogueRule,
        place::{Geometry, Polygon},
    };

    fn place(lat: f64, lon: f64) -> Place {
        Place::new(lat, lon).unwrap()
    }

    fn request() -> NewTicket {
        NewTicket {
            customer: None,
            contact: Contact::default(),
            product: None,
            skills: vec![],
            title: "dark screen".into(),
            description: None,
            place: Some(place(42.05, -71.95)),
            address: None,
            window: None,
            priority: Priority::Normal,
            source: Source::Web,
            external_id: None,
            service_s: None,
            due_at: None,
            opened_at: None,
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "as the request holds it")]
    fn zip(zip: &str) -> Option<Address> {
        Some(Address { zip: Some(zip.into()), ..Address::default() })
    }

    fn skills(names: &[&str]) -> Vec<SkillLevel> {
        names.iter().map(|name| SkillLevel::parse(name).unwrap()).collect()
    }

    /// One region `north` around 42.05,-71.95; ZIP 02000 has its centroid there, 99000 far away.
    /// Masks: 02 is `masked`, 55 too, but nobody knows where 55000 is.
    fn prepared(new: &NewTicket) -> Prepared {
        let north = RegionId::parse("north").unwrap();
        let outer =
            [(42.0, -72.0), (42.0, -71.9), (42.1, -71.9), (42.1, -72.0)].map(|(lat, lon)| place(lat, lon)).into();
        let geometry = Geometry { polygons: vec![Polygon { outer, holes: vec![] }] };
        let rules = vec![
            CatalogueRule { product: "tv".into(), skills: skills(&["tv"]), service_s: Some(600) },
            CatalogueRule { product: "tv-oled".into(), skills: skills(&["tv:3"]), service_s: None },
        ];
        prepare(
            new,
            &World {
                regions: &RegionIndex::new([(&north, &geometry)]),
                catalogue: &Catalogue { rules, ..Catalogue::default() },
                zip: &|zip| match zip {
                    "02000" | "03000" => Some(place(42.05, -71.95)),
                    "99000" => Some(place(10.0, 10.0)),
                    _ => None,
                },
                zip_region: &|zip| {
                    (zip.starts_with("02") || zip.starts_with("55")).then(|| RegionId::parse("masked").unwrap())
                },
                reach_m: 10_000.0,
                service_s: 1_800,
            },
        )
    }

    fn flags(prepared: &Prepared) -> Vec<&'static str> {
        prepared.flags.names().collect()
    }

    #[test]
    fn a_place_finds_its_region() {
        let found = prepared(&request());
        assert_eq!((found.region.as_str(), found.located), ("north", Located::Inside));
        assert_eq!(flags(&found), [""; 0]);
        let near = prepared(&NewTicket { place: Some(place(42.12, -71.95)), ..request() });
        assert_eq!((near.region.as_str(), near.located), ("north", Located::Nearest));
        let exact = prepared(&NewTicket { address: zip("02000"), ..request() });
        assert_eq!(exact.region.as_str(), "north", "exact coordinates know better than a ZIP mask");
    }

    #[test]
    fn a_zip_stands_in_for_a_place_and_it_shows() {
        let found = prepared(&NewTicket { place: None, address: zip("03000"), ..request() });
        assert_eq!((found.region.as_str(), flags(&found)), ("north", vec!["vague_address"]));
        assert_eq!(found.place, Some(place(42.05, -71.95)));
        let masked = prepared(&NewTicket { place: None, address: zip("02000"), ..request() });
        assert_eq!((masked.region.as_str(), masked.located), ("masked", Located::Inside));
    }

    #[test]
    fn what_cannot_be_placed_is_kept_as_unlocated() {
        for (place, address) in [
            (None, None),
            (None, zip("12345")),
            (None, zip("99000")),
            (None, zip("55000")),
            (Some(place(-42.05, 71.95)), None),
        ] {
            let lost = prepared(&NewTicket { place, address: address.clone(), ..request() });
            assert!(lost.region == RegionId::unlocated() && lost.located == Located::Nowhere, "{address:?}");
            assert!(lost.flags.has(Flag::Unlocated));
        }
    }

    #[test]
    fn the_catalogue_knows_what_a_product_needs_unless_the_request_says() {
        let of = |product: &str| prepared(&NewTicket { product: Some(product.into()), ..request() });
        assert_eq!((of("TV").skills, of("TV").service_s), (skills(&["tv"]), 600));
        assert_eq!((of("TV OLED 55").skills, of("TV OLED 55").service_s), (skills(&["tv:3"]), 1_800));
        assert_eq!(of("TVset").skills, skills(&["general"]), "a name is matched by whole parts");
        assert_eq!(flags(&of("toaster")), ["unknown_product"]);
        let said = NewTicket { product: Some("toaster".into()), skills: skills(&["heat:2"]), ..request() };
        let said = prepared(&NewTicket { service_s: Some(60), ..said });
        assert_eq!((said.skills.clone(), said.service_s, flags(&said)), (skills(&["heat:2"]), 60, vec![]));
        assert_eq!(prepared(&request()).skills, skills(&["general"]));
    }
}
