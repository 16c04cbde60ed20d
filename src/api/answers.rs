//! What answers that handlers put together look like in the API document: lists, the board, reports of
//! long work. A journey holds real answers against these, in both directions.

use super::{
    expert::{AbsenceView, ExpertView},
    insight::Incident,
    outbox::DeliveryView,
    region::RegionView,
    region_settings::{TravelSchema, WeightsSchema},
    schema,
    show::PlaceView,
    ticket::TicketView,
    timeline::TimelineEntry,
};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A page of a list.
macro_rules! pages {
    ($($(#[doc = $doc:literal])+ $name:ident of $item:ty;)+) => {$(
        $(#[doc = $doc])+
        #[derive(ToSchema)]
        pub struct $name {
            pub items: Vec<$item>,
            /// Give it back as `cursor` for the next page; null on the last one.
            #[schema(required = true)]
            pub next_cursor: Option<String>,
        }
    )+};
}

pages! {
    /// Tickets, the newest first.
    TicketList of TicketView<'static>;
    /// Messages, the newest first.
    DeliveryList of DeliveryView<'static>;
    /// Each decision of the router about a ticket.
    DecisionList of Decision;
    /// Experts by id.
    ExpertList of ExpertView<'static>;
    /// Absences of one expert.
    AbsenceList of AbsenceView;
    /// Regions by id.
    RegionList of RegionView<'static>;
}

/// What happened to a ticket, the oldest first.
#[derive(ToSchema)]
pub struct Timeline {
    pub items: Vec<TimelineEntry>,
    /// Null, unless a limit was given: the story is whole.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
    /// The crashes, restarts and stops that touched it; staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<Incident>)]
    pub incidents: Option<Vec<Incident>>,
}

/// Every skill that has a name, that an expert has or a rule asks for.
#[derive(ToSchema)]
pub struct SkillList {
    pub items: Vec<SkillCount>,
    #[schema(value_type = schema::Version)]
    pub version: u64,
    /// Null, unless a limit was given: the list is whole.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// A skill, and how many have it.
#[derive(ToSchema)]
pub struct SkillCount {
    #[schema(value_type = schema::SkillName)]
    pub skill: String,
    /// The skill itself when nobody has named it.
    pub name: String,
    pub experts: u32,
    /// Null: nobody has it.
    #[schema(required = true)]
    pub best_level: Option<u8>,
}

/// Why this expert and nobody else: every candidate with its cost, or the rule in its way.
#[derive(ToSchema)]
pub struct Decision {
    #[schema(value_type = schema::Seq)]
    pub seq: u64,
    #[schema(value_type = schema::Time)]
    pub at: String,
    pub visit: u16,
    /// The ticket as it was when it was decided.
    #[schema(value_type = schema::Version)]
    pub ticket_version: u64,
    #[schema(value_type = schema::RegionId)]
    pub region: String,
    /// Its settings are those of this version.
    #[schema(value_type = schema::Version)]
    pub region_version: u64,
    /// `nearest`, `insertion` or `router`.
    pub policy: String,
    /// `great_circle`, `road_network`, or `roads_in_part` where a place is on no street and the great circle stood in;
    /// `server`, or `server_in_part` where it had not said all of these drives by then.
    pub travel_source: String,
    /// Experts who had refused were asked again, as nobody else was left.
    pub second_round: bool,
    /// Null: nobody could.
    #[schema(required = true, value_type = Option<schema::ExpertId>)]
    pub winner: Option<String>,
    /// Null: the region's settings of then cannot be had any more.
    #[schema(required = true)]
    pub weights: Option<WeightsSchema>,
    #[schema(required = true)]
    pub travel: Option<TravelSchema>,
    /// Whom the region's plan had for the visit; null: no plan did, or it left the visit out.
    #[schema(required = true)]
    pub plan: Option<DecisionPlan>,
    pub candidates: Vec<Candidate>,
}

/// The plan's choice, and the route it was made with.
#[derive(ToSchema)]
pub struct DecisionPlan {
    #[schema(value_type = schema::ExpertId)]
    pub expert: String,
    #[schema(value_type = schema::Version)]
    pub route_version: u64,
}

/// One expert who was looked at: `ruled_out`, or with a bid; with both where the plan keeps them for something else.
#[derive(ToSchema)]
pub struct Candidate {
    #[schema(value_type = schema::ExpertId)]
    pub expert: String,
    #[schema(value_type = schema::Version)]
    pub profile_version: u64,
    #[schema(value_type = schema::Version)]
    pub route_version: u64,
    /// Where they were taken to be; null once erased.
    pub position: Option<PlaceView>,
    /// The first rule broken, such as `skill`, `reach` or `window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub ruled_out: Option<String>,
    /// Before which stop of their route the visit would have come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32)]
    pub position_in_route: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub depart: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    pub end: Option<String>,
    /// The lowest wins; seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64)]
    pub cost_s: Option<f64>,
    /// Of which: seconds by term.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = BTreeMap<String, f64>)]
    pub cost_terms_s: Option<BTreeMap<String, f64>>,
    /// Of who is kept by the plan: the ticket that they are to go to next; null: none so far.
    pub planned_for: Option<String>,
    /// When that one begins by the plan.
    #[schema(value_type = Option<schema::Time>)]
    pub planned_start: Option<String>,
    /// Seconds of driving more if they took this visit first instead of who is planned for it; negative: less, at the
    /// price of waits and lateness. Null: nobody is planned for it.
    pub dearer_s: Option<i64>,
    /// A skill of theirs that is scarce in these hours, and that the visit does not need; null: none is.
    pub kept_for: Option<String>,
    /// The same in words; times in the region's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub why: Option<String>,
}

/// How many waiting tickets are tried again.
#[derive(ToSchema)]
pub struct Tried {
    pub waiting: u64,
}

/// The process is up.
#[derive(ToSchema)]
pub struct Health {
    pub up: bool,
    pub version: String,
}

/// Whether any region accepts and dispatches.
#[derive(ToSchema)]
pub struct Readiness {
    pub ready: bool,
    /// How many regions there are.
    pub regions: u64,
    /// Those that do not dispatch, and why.
    pub unready: Vec<Unready>,
}

/// A region that does not dispatch.
#[derive(ToSchema)]
pub struct Unready {
    #[schema(value_type = schema::RegionId)]
    pub region: String,
    pub why: String,
}

/// The survey was taken.
#[derive(ToSchema)]
pub struct ThankYou {
    pub thank_you: bool,
}

/// What became of each row of a file.
#[derive(ToSchema)]
pub struct ImportReport {
    /// `tickets`, `experts`, `regions` or `places`.
    pub what: String,
    /// What `line` counts: `line` or `feature`.
    pub unit: String,
    pub rows: u64,
    pub accepted: u64,
    /// Accepted rows in which something was mended.
    pub mended_rows: u64,
    /// Accepted mends by kind.
    pub mended: BTreeMap<String, u64>,
    /// Refused rows by the kind of their first problem.
    pub refused: BTreeMap<String, u64>,
    pub noted: BTreeMap<String, u64>,
    /// Our column and the file's, where they differ.
    pub columns: BTreeMap<String, String>,
    /// Columns that nothing was read from.
    pub ignored: Vec<String>,
    pub problems: Vec<RowProblem>,
    /// Problems counted but not listed.
    pub unlisted: u64,
    /// Accepted rows that were written now.
    pub written: u64,
    /// Accepted rows that were there already.
    pub already_there: u64,
    pub dry_run: bool,
}

/// One thing wrong with one row.
#[derive(ToSchema)]
pub struct RowProblem {
    pub line: u64,
    /// `refused`, `mended` or `noted`.
    pub outcome: String,
    pub field: String,
    /// Stable.
    pub kind: String,
    pub detail: String,
}

/// What an audit is to do.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "replay": false, "acknowledged": [] })))]
pub struct AuditRequest {
    /// Rebuild everything from the journal aside, and compare.
    pub replay: Option<bool>,
    /// Numbers that were acknowledged: each must be there.
    #[schema(value_type = Option<Vec<schema::TicketNumber>>)]
    pub acknowledged: Option<Vec<String>>,
}

/// Whether the data keep every promise.
#[derive(ToSchema)]
pub struct AuditReport {
    pub ok: bool,
    pub tickets: u64,
    pub by_phase: BTreeMap<String, u64>,
    pub by_region: BTreeMap<String, u64>,
    pub events: u64,
    /// Assignments that a person forced against a rule, on record.
    pub overrides: u64,
    pub violations: Vec<Violation>,
    /// Road networks that are not there any more: drives over them were not checked.
    pub missing_networks: Vec<String>,
}

/// A promise that is broken.
#[derive(ToSchema)]
pub struct Violation {
    /// Such as `P3`.
    pub promise: String,
    pub thing: String,
    pub detail: String,
}

/// Where a backup goes.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "dir": "/var/backups/callout" })))]
pub struct BackupRequest {
    /// A new folder, an empty one or an earlier backup, on the server's machine.
    #[schema(value_type = schema::Folder)]
    pub dir: String,
}

/// What a backup holds.
#[derive(ToSchema)]
pub struct Backup {
    pub format: u32,
    pub cell: String,
    /// The last event in it.
    #[schema(value_type = schema::Seq)]
    pub last_seq: u64,
    /// The journal's chain there.
    pub hash: String,
    pub incarnation: u64,
}

/// The access record, the newest line first.
#[derive(ToSchema)]
pub struct AccessList {
    pub items: Vec<AccessLine>,
    /// Give it back as `cursor` for the next page; null on the last one.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// A call, or a notice of the record about itself. What does not apply is left out.
#[derive(ToSchema)]
pub struct AccessLine {
    /// Counts all lines, from 1.
    pub n: u64,
    /// To the millisecond.
    pub at: String,
    /// `day`, `opened`, `missed`, `dropped`: what the record says about itself.
    #[schema(required = false, nullable = false)]
    pub note: Option<String>,
    /// How many calls are not in the record here.
    #[schema(required = false, nullable = false)]
    pub missed: Option<u64>,
    /// The last line that was dropped by age.
    #[schema(required = false, nullable = false)]
    pub through: Option<u64>,
    /// Bytes of a line that a crash tore.
    #[schema(required = false, nullable = false)]
    pub torn: Option<u64>,
    /// A role; `link`: whoever had a link; `none`: no token that holds.
    #[schema(required = false, nullable = false)]
    pub role: Option<String>,
    #[schema(required = false, nullable = false)]
    pub subject: Option<String>,
    /// The token's id, as `callout token list` has it.
    #[schema(required = false, nullable = false)]
    pub token: Option<String>,
    #[schema(required = false, nullable = false)]
    pub method: Option<String>,
    #[schema(required = false, nullable = false)]
    pub route: Option<String>,
    #[schema(required = false, nullable = false)]
    pub status: Option<u16>,
    #[schema(required = false, nullable = false)]
    pub ticket: Option<String>,
    /// What a search found.
    #[schema(required = false, nullable = false)]
    pub tickets: Option<Vec<String>>,
    #[schema(required = false, nullable = false)]
    pub expert: Option<String>,
    #[schema(required = false, nullable = false)]
    pub regions: Option<Vec<String>>,
    #[schema(required = false, nullable = false)]
    pub customer: Option<String>,
    /// What was searched by, such as `phone`; never for what.
    #[schema(required = false, nullable = false)]
    pub by: Option<String>,
    #[schema(required = false, nullable = false)]
    pub request: Option<String>,
}

/// Whether the access record is as it was written.
#[derive(ToSchema)]
pub struct AccessProof {
    pub ok: bool,
    pub days: u64,
    pub lines: u64,
    /// Calls that the record itself says it does not hold.
    pub missed: u64,
    /// The last line's number, and its hash: note it elsewhere, and a later look finds whether it is still there.
    pub last: u64,
    pub hash: String,
    pub broken: Vec<AccessFault>,
}

/// A place where it is not.
#[derive(ToSchema)]
pub struct AccessFault {
    pub file: String,
    pub line: u64,
    pub what: String,
}
