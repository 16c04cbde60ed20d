//! Skills and places as the numbers that a problem knows them by.

use crate::{
    domain::{place::Place, skill::Skill},
    routing::problem::Skill as Need,
};
use std::collections::{BTreeMap, HashMap};

/// Given out in the order of asking.
#[derive(Default)]
pub struct Numbers {
    skills: BTreeMap<Skill, u32>,
    named: Vec<Skill>,
    places: Vec<Place>,
    rows: HashMap<Place, u32>,
}

impl Numbers {
    /// What a visit needs, or somebody has.
    pub fn need(&mut self, skill: &Skill, level: u8) -> Need {
        let known = self.skills.get(skill).copied();
        let number = known.unwrap_or_else(|| {
            self.named.push(skill.clone());
            let next = self.skills.len() as u32;
            self.skills.insert(skill.clone(), next);
            next
        });
        Need { skill: number, level }
    }

    /// By number.
    #[must_use]
    pub fn skills(&self) -> &[Skill] {
        &self.named
    }

    /// By number, when all are known.
    #[must_use]
    pub fn into_skills(self) -> Vec<Skill> {
        self.named
    }

    /// Its row of the matrix; who sets out from home and ends there needs but one.
    pub fn place(&mut self, place: Place) -> u32 {
        *self.rows.entry(place).or_insert_with(|| {
            self.places.push(place);
            self.places.len() as u32 - 1
        })
    }

    /// By number.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }
}
