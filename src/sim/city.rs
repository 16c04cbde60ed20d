//! An invented city from a seed: districts that fit together without gaps, a catalogue of
//! electronics, customers with synthetic contacts, and a day with rush hours and a storm.
//!
//! Must hold: the same seed gives the same city and the same tickets. Never: a real person or place.

use super::{Arrival, Chance, roster};
use crate::domain::{
    catalogue::{Catalogue, CatalogueRule},
    drafts::{ExpertDraft, RegionDraft},
    ids::RegionId,
    intake::NewTicket,
    person::Contact,
    place::{Geometry, Place, Polygon, RegionIndex},
    shift::Shift,
    skill::SkillLevel,
    ticket::{Priority, Source, Window, WindowKind},
    time::Timestamp,
};

pub struct City {
    seed: u64,
    pub regions: Vec<RegionDraft>,
    pub experts: Vec<ExpertDraft>,
    pub catalogue: Catalogue,
    /// How much of the demand each region has.
    weights: Vec<f64>,
}

const NAMES: [&str; 9] = [
    "Northgate",
    "Millbrook",
    "Harbour Hill",
    "Westfield",
    "Old Market",
    "Eastbank",
    "Southmoor",
    "Station Road",
    "Lakeside",
];
/// Districts in a row and in a column.
const SIDE: usize = 3;
/// In the middle of nowhere in particular: prairie.
const CENTRE: (f64, f64) = (40.0, -99.0);
/// A district's width, degrees of latitude (about 4.4 km) and of longitude (about 4.3 km).
const STEP: (f64, f64) = (0.04, 0.05);
const EXPERTS: usize = 60;
const ZONE: &str = "America/Chicago";
/// Minutes of work: short, so that a demo of a minute shows whole visits.
const PRODUCTS: [(&str, &str, u32, f64); 12] = [
    ("television", "tv", 25, 5.0),
    ("soundbar", "audio", 20, 2.0),
    ("turntable", "audio:2", 30, 0.5),
    ("laptop", "computer", 30, 5.0),
    ("desktop", "computer", 35, 2.0),
    ("server", "computer:3;network:2", 60, 0.4),
    ("router", "network", 20, 4.0),
    ("printer", "printer", 20, 3.0),
    ("dishwasher", "appliance", 40, 2.0),
    ("washing-machine", "appliance", 40, 2.0),
    ("doorbell", "smart-home", 15, 2.0),
    ("thermostat", "smart-home:2", 25, 1.0),
];
const TROUBLES: [&str; 6] = [
    "does not switch on",
    "keeps restarting",
    "makes a noise",
    "lost its connection",
    "shows an error",
    "was delivered broken",
];

impl City {
    #[must_use]
    pub fn generate(seed: u64) -> Self {
        let chance = Chance::new(seed).about("city");
        let regions = regions(chance);
        let weights = (0..regions.len()).map(|n| chance.about("weight").at(n as u64).between(0.5, 2.0)).collect();
        let mut city = Self { seed, regions, experts: Vec::new(), catalogue: catalogue(), weights };
        // The roster is made for what an ordinary day asks for.
        let sample = city.tickets(Timestamp::ZERO, 86_400, 600);
        let index = city.index();
        let demand = roster::Demand::of(&sample, &index, &city.catalogue, 1_000.0);
        city.experts = roster::generate(EXPERTS, seed, &city.regions, &demand);
        // A demo may be started at any hour: somebody is always at work.
        for (number, expert) in city.experts.iter_mut().enumerate() {
            expert.shifts = Shift::parse_all(ROUND_THE_CLOCK[number % ROUND_THE_CLOCK.len()]).unwrap_or_default();
        }
        city
    }

    #[must_use]
    pub fn index(&self) -> RegionIndex {
        RegionIndex::new(self.regions.iter().map(|region| (&region.id, &region.geometry)))
    }

    /// About `count` tickets in `span_s` seconds from `from` on: two rush hours, and a storm over one
    /// district in the third quarter.
    #[must_use]
    pub fn tickets(&self, from: Timestamp, span_s: i64, count: usize) -> Vec<Arrival> {
        let chance = Chance::new(self.seed).about("tickets");
        let index = self.index();
        let stormy = chance.about("storm").below(self.regions.len());
        let mut arrivals: Vec<Arrival> = (0..count)
            .filter_map(|number| {
                let mut chance = chance.at(number as u64);
                let share = moment(&mut chance);
                let storm = (0.55..0.7).contains(&share) && chance.happens(0.5);
                let region = if storm { stormy } else { chance.weighted(&self.weights) };
                let region = self.regions.get(region)?;
                let at = from.plus_ms((share * span_s as f64 * 1_000.0) as i64);
                let place = roster::point_in(region, &index, &mut chance)?;
                Some(Arrival { at, new: ticket(number, at, place, storm, &mut chance) })
            })
            .collect();
        arrivals.sort_by_key(|arrival| arrival.at);
        arrivals
    }
}

const ROUND_THE_CLOCK: [&str; 4] =
    ["mon-sun 00:00-12:00", "mon-sun 06:00-18:00", "mon-sun 12:00-00:00", "mon-sun 18:00-06:00"];

/// When in the day, as a share of it: a base of calls, two rush hours, a storm.
fn moment(chance: &mut Chance) -> f64 {
    match chance.weighted(&[0.45, 0.2, 0.15, 0.2]) {
        0 => chance.unit(),
        1 => chance.between(0.0, 0.15),
        2 => chance.between(0.4, 0.5),
        _ => chance.between(0.55, 0.7),
    }
}

fn ticket(number: usize, at: Timestamp, place: Place, storm: bool, chance: &mut Chance) -> NewTicket {
    let likely: Vec<f64> = PRODUCTS.iter().map(|(.., weight)| *weight).collect();
    let (product, ..) = if storm { PRODUCTS[6] } else { PRODUCTS[chance.weighted(&likely)] };
    let trouble = TROUBLES[chance.below(TROUBLES.len())];
    let priority = Priority::ALL[chance.weighted(&[0.15, 0.6, 0.17, if storm { 0.3 } else { 0.08 }])];
    let customer = 1 + chance.below(5_000);
    let window = chance.happens(0.08).then(|| {
        let from = at.plus_s(3_600 * (1 + chance.below(3) as i64));
        Window { from, to: from.plus_s(2 * 3_600), kind: WindowKind::Promise }
    });
    NewTicket {
        customer: None,
        contact: Contact {
            name: Some(format!("Customer {customer}")),
            phone: Some(format!("+1555{:07}", 1_000_000 + customer)),
            email: Some(format!("customer{customer}@example.com")),
            language: None,
        },
        product: Some(product.into()),
        skills: Vec::new(),
        title: format!("{} {trouble}", product.replace('-', " ")),
        description: None,
        place: Some(place),
        address: None,
        window,
        priority,
        source: Source::ALL[chance.weighted(&[0.5, 0.3, 0.15, 0.05])],
        external_id: Some(format!("city-{number}")),
        service_s: None,
        due_at: None,
        opened_at: None,
    }
}

fn catalogue() -> Catalogue {
    let rules = PRODUCTS.iter().map(|(product, skills, minutes, _)| CatalogueRule {
        product: (*product).into(),
        skills: skills.split(';').filter_map(|skill| SkillLevel::parse(skill).ok()).collect(),
        service_s: Some(minutes * 60),
    });
    Catalogue { version: 0, rules: rules.collect(), calendars: Vec::new(), skills: Vec::new() }
}

/// A grid whose corners and edge middles are pushed about; neighbours share them, so that the
/// districts fit without gap or overlap.
fn regions(chance: Chance) -> Vec<RegionDraft> {
    let names = |index: usize| NAMES[index % NAMES.len()];
    (0..SIDE * SIDE)
        .filter_map(|index| {
            let (row, column) = (2 * (index / SIDE), 2 * (index % SIDE));
            let ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)];
            let outer = ring.iter().map(|(r, c)| corner(chance, row + r, column + c)).collect();
            Some(RegionDraft {
                id: RegionId::parse(&names(index).to_ascii_lowercase().replace(' ', "-")).ok()?,
                name: names(index).into(),
                time_zone: ZONE.into(),
                geometry: Geometry { polygons: vec![Polygon { outer, holes: Vec::new() }] },
                zips: vec![format!("{:03}", 900 + index)],
                settings: None,
            })
        })
        .collect()
}

/// A point of the half-step grid, pushed by up to a fifth of a step.
fn corner(chance: Chance, row: usize, column: usize) -> Place {
    let mut chance = chance.about("corner").at((row * 100 + column) as u64);
    let half = SIDE as f64 / 2.0;
    let lat = CENTRE.0 + STEP.0 * (row as f64 / 2.0 - half + chance.between(-0.2, 0.2));
    let lon = CENTRE.1 + STEP.1 * (column as f64 / 2.0 - half + chance.between(-0.2, 0.2));
    Place { lat_e6: (lat * 1e6) as i32, lon_e6: (lon * 1e6) as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_city_and_another_gives_another() {
        let (one, two, other) = (City::generate(3), City::generate(3), City::generate(4));
        assert_eq!(one.regions, two.regions);
        assert_eq!(one.experts, two.experts);
        assert_ne!(one.regions, other.regions);
        let from = Timestamp(1_790_000_000_000);
        let shown = |city: &City| format!("{:?}", city.tickets(from, 7_200, 200));
        assert_eq!(shown(&one), shown(&two));
        assert_ne!(shown(&one), shown(&other));
    }

    #[test]
    fn districts_fit_without_overlap_and_every_ticket_lies_in_one() {
        use crate::domain::place::Located;
        let city = City::generate(5);
        let index = city.index();
        assert_eq!(city.regions.len(), 9);
        let arrivals = city.tickets(Timestamp::ZERO, 86_400, 1_000);
        assert_eq!(arrivals.len(), 1_000);
        let mut seen = std::collections::BTreeSet::new();
        for arrival in &arrivals {
            let (region, located) = index.locate(arrival.new.place.expect("place"), 0.0);
            assert_eq!(located, Located::Inside);
            seen.extend(region);
            assert!(city.catalogue.rule(arrival.new.product.as_deref().expect("product")).is_some());
        }
        assert_eq!(seen.len(), 9, "every district has work");
    }

    #[test]
    fn the_storm_is_a_spike_over_one_district() {
        let city = City::generate(5);
        let index = city.index();
        let mut counts = std::collections::BTreeMap::new();
        for arrival in city.tickets(Timestamp::ZERO, 1_000, 2_000) {
            if (550..700).contains(&(arrival.at.0 / 1_000)) {
                *counts.entry(index.locate(arrival.new.place.expect("place"), 0.0).0).or_insert(0) += 1;
            }
        }
        let total: i32 = counts.values().sum();
        let most = counts.values().max().copied().unwrap_or(0);
        assert!(most * 2 > total, "{most} of {total}");
    }
}
