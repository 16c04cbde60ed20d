//! Who is worth asking: an index of a roster by skill and home, so that an auction asks dozens, not
//! all. What it leaves out it counts by rule, so that a decision can still say why.
//!
//! Must hold: it leaves out nobody whom `bid` would let through. Immutable; a roster edit makes a new one.

use super::VisitSpec;
use crate::domain::{
    decision::Rule,
    expert::Expert,
    ids::ExpertId,
    place::{EARTH_RADIUS_M, Place},
    settings::RegionSettings,
    skill::{Level, Skill, SkillLevel, Skills, first_unmet},
};
use rstar::{RTree, primitives::GeomWithData};
use std::{collections::BTreeMap, sync::Arc};

/// A roster as the dispatcher searches it.
pub struct Candidates {
    /// Everybody active whose home is known, by where it is.
    everybody: RTree<Home>,
    /// The same, only those who have a skill at any level.
    by_skill: BTreeMap<Skill, RTree<Home>>,
    /// Active, but erased.
    homeless: Vec<Arc<Expert>>,
    retired: u32,
}

/// Whom to ask, and how many each rule left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Sorted.
    pub experts: Vec<ExpertId>,
    /// In the order of [`Rule`], without zeros.
    pub ruled: Vec<(Rule, u32)>,
}

/// On the unit sphere: no date line and no poles, and a chord is as good as an arc.
type Home = GeomWithData<[f64; 3], (Place, Arc<Expert>)>;

impl Candidates {
    #[must_use]
    pub fn new(roster: &[Arc<Expert>]) -> Self {
        let (active, retired): (Vec<_>, Vec<_>) = roster.iter().partition(|expert| !expert.retired);
        let (mut everybody, mut by_skill, mut homeless) = (Vec::new(), BTreeMap::<_, Vec<Home>>::new(), Vec::new());
        for expert in active {
            let Some(place) = expert.home() else {
                homeless.push(Arc::clone(expert));
                continue;
            };
            let home = Home::new(on_sphere(place), (place, Arc::clone(expert)));
            for skill in expert.skills.keys() {
                by_skill.entry(skill.clone()).or_default().push(home.clone());
            }
            everybody.push(home);
        }
        Self {
            everybody: RTree::bulk_load(everybody),
            by_skill: by_skill.into_iter().map(|(skill, homes)| (skill, RTree::bulk_load(homes))).collect(),
            homeless,
            retired: count(retired.len()),
        }
    }

    /// Everybody with the skills whose home is within reach of the visit.
    #[must_use]
    pub fn find(&self, visit: &VisitSpec, settings: &RegionSettings) -> Found {
        let able = |skills: &Skills| first_unmet(skills, &visit.skills).is_none();
        let reach_m = f64::from(settings.reach_m);
        let erased = self.homeless.iter().filter(|expert| able(&expert.skills)).count();
        let Some(tree) = self.rarest(&visit.skills) else { return self.found(Vec::new(), 0, erased) };
        let skilled = match &*visit.skills {
            [] | [SkillLevel { level: Level::ONE, .. }] => tree.size(),
            _ => tree.iter().filter(|home| able(&home.data.1.skills)).count(),
        };
        let mut experts: Vec<ExpertId> = tree
            .locate_within_distance(on_sphere(visit.place), chord_squared(reach_m))
            .map(|home| &home.data)
            .filter(|(place, expert)| able(&expert.skills) && !place.is_farther(visit.place, reach_m))
            .map(|(_, expert)| expert.id.clone())
            .collect();
        experts.sort_unstable();
        self.found(experts, skilled, erased)
    }

    /// The smallest tree that holds everybody with all these skills. None: nobody has one of them.
    fn rarest(&self, needs: &[SkillLevel]) -> Option<&RTree<Home>> {
        let trees: Option<Vec<_>> = needs.iter().map(|need| self.by_skill.get(&need.skill)).collect();
        trees.map(|trees| trees.into_iter().min_by_key(|tree| tree.size()).unwrap_or(&self.everybody))
    }

    fn found(&self, experts: Vec<ExpertId>, skilled: usize, erased: usize) -> Found {
        let unskilled = self.everybody.size() + self.homeless.len() - skilled - erased;
        let mut ruled = vec![
            (Rule::Retired, self.retired),
            (Rule::Skill, count(unskilled)),
            (Rule::Reach, count(skilled - experts.len())),
            (Rule::NoPlace, count(erased)),
        ];
        ruled.retain(|(_, experts)| *experts > 0);
        Found { experts, ruled }
    }
}

fn count(experts: usize) -> u32 {
    u32::try_from(experts).unwrap_or(u32::MAX)
}

fn on_sphere(place: Place) -> [f64; 3] {
    let (lat, lon) = (place.lat().to_radians(), place.lon().to_radians());
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

/// The squared chord of an arc, a little wider than exact: the exact distance is looked at after it.
fn chord_squared(arc_m: f64) -> f64 {
    let half_angle = (arc_m / EARTH_RADIUS_M / 2.0).min(std::f64::consts::FRAC_PI_2);
    (2.0 * half_angle.sin()).powi(2) * 1.000_001 + 1e-12
}
