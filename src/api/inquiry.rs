//! Answers about what could be: one expert's case, what would have a visit begin in time, what a region will miss.

use super::{
    schema,
    show::{PlaceView, WindowView},
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What one expert would come to for a ticket's visit, now.
#[derive(Serialize, ToSchema)]
pub struct CandidateAnswer {
    #[schema(value_type = schema::TicketNumber)]
    pub ticket: String,
    pub visit: u16,
    #[schema(value_type = schema::RegionId)]
    pub region: String,
    /// The moment it is judged as of.
    #[schema(value_type = schema::Time)]
    pub at: String,
    /// `nearest`, `insertion` or `router`.
    pub policy: String,
    /// The visit is theirs already, or was offered to them; they are judged as if it were not.
    pub holds: bool,
    pub candidate: Tried,
    /// Whoever holds the visit, else who of the others bids least.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Tried)]
    pub chosen: Option<Tried>,
    /// Whom a plan that is made now has for it; only under the policy `router`, while the visit is nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PlannedFor)]
    pub planned: Option<PlannedFor>,
}

/// Somebody's verdict: the first hard rule in the way, or the best place in the route and its cost.
#[derive(Serialize, ToSchema)]
#[schema(as = TriedCandidate)]
pub struct Tried {
    #[schema(value_type = schema::ExpertId)]
    pub expert: String,
    /// The first rule broken, such as `skill`, `shift_end` or `window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub ruled_out: Option<String>,
    /// In words, with figures; times of day are the region's.
    pub why: String,
    /// With the times below: where it would go, also when that breaks `shift_end` or `window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u16)]
    pub position_in_route: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub depart: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub end: Option<String>,
    /// The end of the last drive, home.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub home_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64)]
    pub cost_s: Option<f64>,
    /// Of which: seconds by term.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = BTreeMap<String, f64>)]
    pub cost_terms_s: Option<BTreeMap<&'static str, f64>>,
    /// Other stops of theirs that would begin at another time.
    pub moves: Vec<MovedStop>,
}

#[derive(Serialize, ToSchema)]
pub struct MovedStop {
    #[schema(value_type = schema::TicketNumber)]
    pub ticket: String,
    pub visit: u16,
    #[schema(value_type = schema::Time)]
    pub from: String,
    #[schema(value_type = schema::Time)]
    pub to: String,
}

/// Who is to come, and when it begins.
#[derive(Serialize, ToSchema)]
pub struct PlannedFor {
    #[schema(value_type = schema::ExpertId)]
    pub expert: String,
    #[schema(value_type = schema::Time)]
    pub start: String,
}

/// Single changes that would have a visit begin by some time.
#[derive(Serialize, ToSchema)]
pub struct RemedyAnswer {
    #[schema(value_type = schema::TicketNumber)]
    pub ticket: String,
    pub visit: u16,
    #[schema(value_type = schema::RegionId)]
    pub region: String,
    #[schema(value_type = schema::Time)]
    pub at: String,
    #[schema(value_type = schema::Time)]
    pub by: String,
    /// In a sentence.
    pub summary: String,
    /// As things stand it begins in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PlannedFor)]
    pub already: Option<PlannedFor>,
    /// The cheapest first; at most three of a kind.
    pub remedies: Vec<RemedyView>,
    /// Further ones that are not listed.
    pub more: u32,
    /// How many of the region's experts each rule excludes as things stand.
    pub ruled_out: BTreeMap<&'static str, u32>,
    /// Could come, but later.
    pub later: u32,
    /// The earliest of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PlannedFor)]
    pub earliest: Option<PlannedFor>,
}

/// One change, and what it leads to.
#[derive(Serialize, ToSchema)]
#[schema(as = Remedy)]
pub struct RemedyView {
    /// `assign`, `ask_again`, `relieve`, `overtime`, `neighbour`, `window` or `more_experts`.
    pub kind: &'static str,
    /// In words.
    pub what: String,
    /// Who would come; absent of `more_experts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::ExpertId)]
    pub expert: Option<String>,
    #[schema(value_type = schema::Time)]
    pub start: String,
    pub cost_s: f64,
    #[schema(value_type = BTreeMap<String, f64>)]
    pub cost_terms_s: BTreeMap<&'static str, f64>,
    /// Of `overtime`: added to the region's `max_overtime_s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32)]
    pub overtime_s: Option<u32>,
    /// Of `window`: instead of the present one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = WindowView)]
    pub window: Option<WindowView>,
    /// Of `relieve`: the visit that somebody else takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::TicketNumber)]
    pub moves: Option<String>,
    /// Of `neighbour`: whose expert it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::RegionId)]
    pub region: Option<String>,
    /// Of `more_experts`: what one more would need to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<schema::SkillName>)]
    pub skills: Option<Vec<String>>,
    /// Of `more_experts`: where they would set out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PlaceView)]
    pub from: Option<PlaceView>,
}

/// What a region will miss today, and what would help.
#[derive(Serialize, ToSchema)]
pub struct RegionForecast {
    #[schema(value_type = schema::RegionId)]
    pub region: String,
    #[schema(value_type = schema::Time)]
    pub at: String,
    /// In sentences; times of day are the region's.
    pub summary: Vec<String>,
    /// Visits that nobody was told of yet.
    pub open: u32,
    /// Of these, in a plan for the rest of the day.
    pub planned: u32,
    /// More than are looked at: not judged.
    pub beyond: u32,
    /// By when it is missed.
    pub misses: Vec<MissedVisit>,
    /// Of the misses that are nobody's yet: how many more experts would serve in time.
    pub saved: u32,
    /// What that takes; empty when nothing would help, or nothing is missed.
    pub help: Vec<MoreExperts>,
}

/// A visit that will begin too late, or not at all.
#[derive(Serialize, ToSchema)]
pub struct MissedVisit {
    #[schema(value_type = schema::TicketNumber)]
    pub ticket: String,
    pub visit: u16,
    /// `promise`: its window ends at `until`; `due`: it was to be done by then.
    pub kind: &'static str,
    #[schema(value_type = schema::Time)]
    pub until: String,
    /// Null: nobody has time for it today.
    #[schema(required = true, value_type = Option<schema::Time>)]
    pub start: Option<String>,
    /// Who was told to come; null while it is nobody's.
    #[schema(required = true, value_type = Option<schema::ExpertId>)]
    pub expert: Option<String>,
    /// What it needs; empty where somebody was told.
    #[schema(value_type = Vec<schema::SkillName>)]
    pub skills: Vec<String>,
}

/// So many more experts with these skills, at work between these times.
#[derive(Serialize, ToSchema)]
pub struct MoreExperts {
    pub experts: u32,
    #[schema(value_type = Vec<schema::SkillName>)]
    pub skills: Vec<String>,
    #[schema(value_type = schema::Time)]
    pub from: String,
    #[schema(value_type = schema::Time)]
    pub until: String,
    /// Where the first of them would set out.
    pub near: PlaceView,
}
