//! What a region said by itself of promises that it will not keep.

use super::{schema, show::Shown};
use crate::domain::{
    ids::TicketNumber,
    shortage::{Help, Shortage},
    time::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Visits that will begin after what was promised or is due, as a region foresaw it; it stands until a forecast has none.
#[derive(Serialize, ToSchema)]
#[schema(as = Shortage)]
pub struct ShortageView {
    /// When it was foreseen.
    #[schema(value_type = schema::Time)]
    since: Shown<Timestamp>,
    /// When the first promise will be broken.
    #[schema(value_type = schema::Time)]
    first_missed: Shown<Timestamp>,
    missed: u32,
    /// Of these, with a promised window.
    promised: u32,
    /// By when each is missed, the first fifty.
    #[schema(value_type = Vec<schema::TicketNumber>)]
    tickets: Vec<Shown<TicketNumber>>,
    /// How many of them `help` would serve in time.
    saved: u32,
    /// Empty when more experts would not serve any of them in time.
    help: Vec<HelpView>,
}

/// So many more experts with these skills between these times.
#[derive(Serialize, ToSchema)]
#[schema(as = ShortageHelp)]
pub struct HelpView {
    experts: u32,
    #[schema(value_type = Vec<schema::SkillName>)]
    skills: Vec<String>,
    #[schema(value_type = schema::Time)]
    from: Shown<Timestamp>,
    #[schema(value_type = schema::Time)]
    until: Shown<Timestamp>,
}

impl From<&Shortage> for ShortageView {
    fn from(shortage: &Shortage) -> Self {
        Self {
            since: Shown(shortage.since),
            first_missed: Shown(shortage.first),
            missed: shortage.missed,
            promised: shortage.promised,
            tickets: shortage.tickets.iter().copied().map(Shown).collect(),
            saved: shortage.saved,
            help: shortage.help.iter().map(HelpView::from).collect(),
        }
    }
}

impl From<&Help> for HelpView {
    fn from(help: &Help) -> Self {
        Self {
            experts: help.experts,
            skills: help.skills.iter().map(ToString::to_string).collect(),
            from: Shown(help.from),
            until: Shown(help.until),
        }
    }
}
