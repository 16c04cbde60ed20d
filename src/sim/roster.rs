//! A roster drawn from a seed to fit a demand: homes where the work is, skills that are asked for,
//! somebody for every day of the week.

use super::{Arrival, Chance};
use crate::domain::{
    catalogue::Catalogue,
    drafts::{ExpertDraft, RegionDraft},
    expert::ExpertPersonal,
    ids::{ExpertId, RegionId},
    place::{Place, RegionIndex},
    shift::Shift,
    skill::{Level, Skill, SkillLevel},
};
use std::collections::{BTreeMap, BTreeSet};

/// Weekly shifts, handed out in turn: most on weekdays, every day covered by ten experts.
const SHIFTS: [&str; 10] = [
    "mon-fri 08:00-16:00",
    "mon-fri 10:00-18:00",
    "tue-sat 08:00-16:00",
    "mon-fri 08:00-16:00",
    "sun-thu 10:00-18:00",
    "mon-fri 08:00-16:00",
    "mon-fri 10:00-18:00",
    "thu-mon 08:00-16:00",
    "mon-fri 08:00-16:00",
    "fri-tue 12:00-20:00",
];
/// Every skill that is asked for is held by so many, if there are so many.
const HOLDERS: usize = 3;
/// Skills that one expert learns at most, however much is asked for.
const MOST_SKILLS: usize = 8;
/// So many times the experts that a skill's tickets would keep busy on average: they come in bursts,
/// and its holders are asked for other things, too.
const MARGIN: f64 = 4.0;
/// Every skill asked for in a region is held by somebody there or in so many of the nearest ones.
const NEAR: usize = 4;
const LEVELS: [f64; 3] = [0.6, 0.3, 0.1];

/// What is asked for, and where.
#[derive(Debug, Default)]
pub struct Demand {
    regions: BTreeMap<RegionId, f64>,
    /// Tickets, and the highest level asked for.
    skills: BTreeMap<Skill, (f64, Level)>,
    /// Tickets by where they are and what they need.
    local: BTreeMap<(RegionId, Skill), f64>,
    tickets: f64,
}

impl Demand {
    /// Counts what `arrivals` need. A place outside all regions counts for none.
    #[must_use]
    pub fn of(arrivals: &[Arrival], index: &RegionIndex, catalogue: &Catalogue, reach_m: f64) -> Self {
        let mut demand = Self::default();
        for arrival in arrivals {
            let rule = arrival.new.product.as_deref().and_then(|product| catalogue.rule(product));
            let fallback = || rule.map_or_else(Catalogue::fallback, |rule| rule.skills.clone());
            let needs = if arrival.new.skills.is_empty() { fallback() } else { arrival.new.skills.clone() };
            let region = arrival.new.place.and_then(|place| index.locate(place, reach_m).0);
            for SkillLevel { skill, level } in needs {
                if let Some(region) = &region {
                    *demand.local.entry((region.clone(), skill.clone())).or_default() += 1.0;
                }
                let entry = demand.skills.entry(skill).or_insert((0.0, level));
                *entry = (entry.0 + 1.0, entry.1.max(level));
            }
            demand.tickets += 1.0;
            if let Some(region) = region {
                *demand.regions.entry(region).or_default() += 1.0;
            }
        }
        demand
    }
}

/// `count` experts for the demand; the same seed gives the same roster.
#[must_use]
pub fn generate(count: usize, seed: u64, regions: &[RegionDraft], demand: &Demand) -> Vec<ExpertDraft> {
    let index = RegionIndex::new(regions.iter().map(|region| (&region.id, &region.geometry)));
    let weight = |region: &RegionDraft| demand.regions.get(&region.id).copied().unwrap_or(0.0);
    let mut weights: Vec<f64> = regions.iter().map(weight).collect();
    if weights.iter().sum::<f64>() == 0.0 {
        weights.fill(1.0);
    }
    let chance = Chance::new(seed).about("roster");
    let mut experts: Vec<ExpertDraft> = (0..count)
        .filter_map(|number| {
            let mut chance = chance.at(number as u64);
            let region = regions.get(chance.weighted(&weights))?;
            let home = point_in(region, &index, &mut chance)?;
            draft(number, region, home, demand, &mut chance)
        })
        .collect();
    let near = neighbourhoods(regions);
    // The most asked for first: who has learnt enough learns no more.
    let mut local: Vec<_> = demand.local.iter().collect();
    local.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
    for ((region, skill), tickets) in local {
        if let (Some(near), Some((_, level))) = (near.get(region), demand.skills.get(skill)) {
            let nearby = |expert: &ExpertDraft| expert.region.as_ref().is_some_and(|home| near.contains(home));
            let holders = (MARGIN * tickets * count as f64 / demand.tickets).ceil() as usize;
            cover(&mut experts, skill, *level, holders.max(1), &nearby);
        }
    }
    for (skill, (_, level)) in &demand.skills {
        cover(&mut experts, skill, *level, HOLDERS, &|_| true);
    }
    experts
}

/// Each region with the few that lie nearest.
fn neighbourhoods(regions: &[RegionDraft]) -> BTreeMap<&RegionId, BTreeSet<RegionId>> {
    let middles: Vec<(&RegionId, Place)> =
        regions.iter().filter_map(|region| Some((&region.id, middle(region)?))).collect();
    let around = |here: Place| {
        let mut by_distance = middles.clone();
        by_distance.sort_by(|a, b| here.distance_m(a.1).total_cmp(&here.distance_m(b.1)).then(a.0.cmp(b.0)));
        by_distance.into_iter().take(1 + NEAR).map(|(id, _)| id.clone()).collect()
    };
    middles.iter().map(|(id, here)| (*id, around(*here))).collect()
}

/// The mean of a region's corners.
fn middle(region: &RegionDraft) -> Option<Place> {
    let corners = || region.geometry.polygons.iter().flat_map(|polygon| &polygon.outer);
    let count = corners().count() as i64;
    let mean = |of: fn(&Place) -> i32| corners().map(|corner| i64::from(of(corner))).sum::<i64>().checked_div(count);
    Some(Place { lat_e6: mean(|p| p.lat_e6)? as i32, lon_e6: mean(|p| p.lon_e6)? as i32 })
}

fn draft(
    number: usize,
    region: &RegionDraft,
    home: Place,
    demand: &Demand,
    chance: &mut Chance,
) -> Option<ExpertDraft> {
    let number_shown = number + 1;
    Some(ExpertDraft {
        id: ExpertId::parse(&format!("e{number_shown:04}")).ok()?,
        personal: ExpertPersonal {
            name: format!("Expert {number_shown}"),
            phone: Some(format!("+1555{number_shown:07}")),
            email: None,
            home,
        },
        region: Some(region.id.clone()),
        skills: skills(demand, chance),
        shifts: Shift::parse_all(SHIFTS[number % SHIFTS.len()]).ok()?,
        max_visits_ahead: None,
        retired: None,
    })
}

/// Two to five skills, each as likely as it is asked for.
fn skills(demand: &Demand, chance: &mut Chance) -> crate::domain::skill::Skills {
    let mut left: Vec<(&Skill, f64)> = demand.skills.iter().map(|(skill, (count, _))| (skill, *count)).collect();
    let wanted = 2 + chance.below(4);
    let mut skills = BTreeMap::new();
    while skills.len() < wanted && !left.is_empty() {
        let weights: Vec<f64> = left.iter().map(|(_, count)| *count).collect();
        let (skill, _) = left.swap_remove(chance.weighted(&weights));
        let level = Level::new(1 + chance.weighted(&LEVELS) as u8).unwrap_or(Level::ONE);
        skills.insert(skill.clone(), level);
    }
    skills
}

/// Gives a skill to those who know the fewest, until so many `among` the experts hold it at the level.
fn cover(
    experts: &mut [ExpertDraft],
    skill: &Skill,
    level: Level,
    holders: usize,
    among: &dyn Fn(&ExpertDraft) -> bool,
) {
    let holds = |expert: &ExpertDraft| expert.skills.get(skill).is_some_and(|held| *held >= level);
    while experts.iter().filter(|expert| among(expert) && holds(expert)).count() < holders {
        let willing = |expert: &&mut ExpertDraft| among(expert) && !holds(expert) && expert.skills.len() < MOST_SKILLS;
        let Some(learner) = experts.iter_mut().filter(willing).min_by_key(|expert| expert.skills.len()) else { return };
        learner.skills.insert(skill.clone(), level);
    }
}

/// A place inside a region's area; its first corner when none is found (slivers).
pub(super) fn point_in(region: &RegionDraft, index: &RegionIndex, chance: &mut Chance) -> Option<Place> {
    const TRIES: usize = 400;
    let corners = || region.geometry.polygons.iter().flat_map(|polygon| &polygon.outer);
    let (south, north) = (corners().map(|p| p.lat_e6).min()?, corners().map(|p| p.lat_e6).max()?);
    let (west, east) = (corners().map(|p| p.lon_e6).min()?, corners().map(|p| p.lon_e6).max()?);
    for _ in 0..TRIES {
        let place = Place {
            lat_e6: chance.between(f64::from(south), f64::from(north)) as i32,
            lon_e6: chance.between(f64::from(west), f64::from(east)) as i32,
        };
        if index.locate(place, 0.0).0.as_ref() == Some(&region.id) {
            return Some(place);
        }
    }
    corners().next().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::City;

    #[test]
    fn every_skill_asked_for_is_held_and_every_day_is_worked() {
        let city = City::generate(11);
        let index = RegionIndex::new(city.regions.iter().map(|region| (&region.id, &region.geometry)));
        let arrivals = city.tickets(crate::domain::time::Timestamp(1_700_000_000_000), 3_600, 500);
        let demand = Demand::of(&arrivals, &index, &city.catalogue, 1_000.0);
        let experts = generate(20, 4, &city.regions, &demand);
        assert_eq!(experts.len(), 20);
        for (skill, (_, level)) in &demand.skills {
            let holders = experts.iter().filter(|e| e.skills.get(skill).is_some_and(|held| held >= level)).count();
            assert!(holders >= HOLDERS, "{skill}: {holders}");
        }
        let days = experts.iter().flat_map(|expert| &expert.shifts).fold(0, |days, shift| days | shift.days);
        assert_eq!(days, 0b111_1111);
        assert_eq!(experts, generate(20, 4, &city.regions, &demand));
        assert_ne!(experts, generate(20, 5, &city.regions, &demand));
        for expert in &experts {
            assert_eq!(index.locate(expert.personal.home, 0.0).0, expert.region);
        }
    }
}
