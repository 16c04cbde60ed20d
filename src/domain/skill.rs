//! Skills and their levels. A name becomes a slug ("Street Lights" -> `street-lights`).

use minicbor::{Decode, Decoder, Encode, Encoder};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// A slug: lower-case letters and digits in groups joined by `-`, at most 64 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Skill(Arc<str>);

/// 1 (can), 2 (good), 3 (master).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Level(#[n(0)] u8);

/// A skill at a level: what a visit needs, or what an expert has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct SkillLevel {
    #[n(0)]
    pub skill: Skill,
    #[n(1)]
    pub level: Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkillError {
    #[error("a skill needs at least one letter or digit and at most 64 characters")]
    Name,
    #[error("a skill level is 1, 2 or 3")]
    Level,
}

impl Skill {
    /// Makes the slug of a name; letters beyond ASCII are dropped.
    pub fn parse(name: &str) -> Result<Self, SkillError> {
        let mut slug = String::with_capacity(name.len());
        for c in name.chars() {
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug = slug.trim_end_matches('-');
        if slug.is_empty() || slug.len() > 64 { Err(SkillError::Name) } else { Ok(Self(slug.into())) }
    }

    /// The fallback when nothing says what is needed.
    #[must_use]
    pub fn general() -> Self {
        Self("general".into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Level {
    pub const ONE: Self = Self(1);

    pub fn new(level: u8) -> Result<Self, SkillError> {
        if (1..=3).contains(&level) { Ok(Self(level)) } else { Err(SkillError::Level) }
    }

    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

impl SkillLevel {
    /// `"tv"` is level 1, `"tv:2"` level 2.
    pub fn parse(text: &str) -> Result<Self, SkillError> {
        let (name, level) = match text.rsplit_once(':') {
            Some((name, level)) => {
                let level = level.trim().parse().map_err(|_| SkillError::Level)?;
                (name, Level::new(level)?)
            }
            None => (text, Level::ONE),
        };
        Ok(Self { skill: Skill::parse(name)?, level })
    }
}

impl fmt::Display for SkillLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.level == Level::ONE {
            write!(f, "{}", self.skill)
        } else {
            write!(f, "{}:{}", self.skill, self.level.0)
        }
    }
}

/// What an expert can do.
pub type Skills = BTreeMap<Skill, Level>;

/// The first need that `has` does not meet, or none.
#[must_use]
pub fn first_unmet<'a>(has: &Skills, needs: &'a [SkillLevel]) -> Option<&'a SkillLevel> {
    needs.iter().find(|need| has.get(&need.skill).is_none_or(|level| *level < need.level))
}

impl fmt::Display for Skill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Skill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> Encode<C> for Skill {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Skill {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(Self(d.str()?.into()))
    }
}
