//! What a product or a category of trouble needs: skills and time. Data, edited by administrators;
//! what no rule matches needs `general`.

use super::{
    calendar::Calendar,
    ids::Version,
    skill::{Level, Skill, SkillLevel},
};
use minicbor::{Decode, Encode};

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Catalogue {
    #[n(0)]
    pub version: Version,
    #[n(1)]
    pub rules: Vec<CatalogueRule>,
    #[n(2)]
    pub calendars: Vec<Calendar>,
    /// Skills that have a name for people.
    #[cbor(n(3), default)]
    pub skills: Vec<NamedSkill>,
}

/// A skill and what people call it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NamedSkill {
    #[n(0)]
    pub skill: Skill,
    #[n(1)]
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CatalogueRule {
    /// A product or category, compared as a slug; the longest match of a leading part wins
    /// (`laptop` matches `laptop-pro-13`).
    #[n(0)]
    pub product: String,
    #[n(1)]
    pub skills: Vec<SkillLevel>,
    #[n(2)]
    pub service_s: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CatalogueEvent {
    /// The whole catalogue as it is from now on.
    #[n(0)]
    Written(#[n(0)] Box<Catalogue>),
}

impl Catalogue {
    pub fn apply(&mut self, event: &CatalogueEvent) {
        let version = self.version + 1;
        let CatalogueEvent::Written(catalogue) = event;
        *self = (**catalogue).clone();
        self.version = version;
    }

    /// The rule for a product or category, if any matches.
    #[must_use]
    pub fn rule(&self, product: &str) -> Option<&CatalogueRule> {
        let slug = Skill::parse(product).ok()?;
        let matches = |rule: &&CatalogueRule| {
            let rest = slug.as_str().strip_prefix(rule.product.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.rules.iter().filter(matches).max_by_key(|rule| rule.product.len())
    }

    #[must_use]
    pub fn calendar(&self, name: &str) -> Option<&Calendar> {
        self.calendars.iter().find(|calendar| calendar.name == name)
    }

    /// `general` at level 1.
    #[must_use]
    pub fn fallback() -> Vec<SkillLevel> {
        vec![SkillLevel { skill: Skill::general(), level: Level::ONE }]
    }
}
