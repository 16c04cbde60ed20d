//! The operations `POST /v1/tickets/{number}/<command>`: one handler serves them all, so they are
//! described here, one row each.

use crate::api::{commands::NAMES, orders};
use serde_json::{Value, json};
use std::borrow::Cow;
use utoipa::ToSchema;

struct Told {
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    /// The schema of its body.
    body: Body,
    /// Whether the body may be left out.
    optional: bool,
    /// What the ticket's state may refuse it with.
    refused: &'static str,
}

const OF_EXPERT: &str = "`wrong_phase`, `not_yours`, `other_visit`, `quarantined`";

type Body = fn() -> Cow<'static, str>;

fn row(
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    body: Body,
    optional: bool,
    refused: &'static str,
) -> Told {
    Told { id, summary, description, body, optional, refused }
}

fn of_expert(name: &str) -> Option<Told> {
    let told = match name {
        "accept" => row(
            "acceptOffer",
            "Accept an offer",
            "Made in time but sent late, it is honoured unless the offer was passed on.",
            orders::ExpertCommand::name,
            true,
            "`wrong_phase`, `offer_expired`, `not_yours`, `other_visit`, `other_offer`, `quarantined`",
        ),
        "decline" => row(
            "declineOffer",
            "Decline an offer",
            "The next best expert is offered the visit at once.",
            orders::Decline::name,
            false,
            "`wrong_phase`, `not_yours`, `other_visit`, `other_offer`, `quarantined`",
        ),
        "depart" => row("depart", "On the way", "The customer is told.", orders::ExpertCommand::name, true, OF_EXPERT),
        "arrive" => row("arrive", "On site", "", orders::ExpertCommand::name, true, OF_EXPERT),
        "complete" => row(
            "complete",
            "Solved",
            "The customer gets the link to the survey; the ticket closes with it, or by itself later.",
            orders::Complete::name,
            false,
            OF_EXPERT,
        ),
        "cannot_fix" => row(
            "cannotFix",
            "Not solved: another visit is needed",
            "The next visit of the same ticket is arranged with the skills named.",
            orders::CannotFix::name,
            false,
            OF_EXPERT,
        ),
        "no_access" => row(
            "noAccess",
            "Nobody opened",
            "The next visit of the same ticket is arranged.",
            orders::NoAccess::name,
            true,
            OF_EXPERT,
        ),
        _ => return None,
    };
    Some(told)
}

fn of_desk(name: &str) -> Option<Told> {
    let told = match name {
        "assign" => row(
            "assign",
            "Name the expert",
            "The expert is offered the visit; with `pin` or `force` it is theirs at once. A rule in the way is named, and \
             `force` overrides it, on record.",
            orders::Assign::name,
            false,
            "`wrong_phase`, `breaks_rule`, `retired_expert`, `no_place`, `quarantined`, `stale_award`",
        ),
        "unassign" => row(
            "unassign",
            "Take the visit from the expert",
            "The ticket is new again and another expert is looked for.",
            orders::Unassign::name,
            true,
            "`wrong_phase`, `quarantined`",
        ),
        "hold" => row(
            "hold",
            "Put on hold",
            "Offer or assignment are withdrawn and the service levels' clocks stand still, until `until` or release.",
            orders::Hold::name,
            false,
            "`wrong_phase`, `quarantined`",
        ),
        "release" => row("release", "End the hold", "", orders::NoFields::name, true, "`wrong_phase`, `quarantined`"),
        "reschedule" => row(
            "reschedule",
            "Another window",
            "The plan stands if it fits the new window; else the visit is planned anew.",
            orders::Reschedule::name,
            false,
            "`wrong_phase`, `quarantined`",
        ),
        "locate" => row(
            "locate",
            "Say where it is",
            "The region is found as for a new ticket, and takes it over. A place that is another one than before breaks the \
             plan: the visit is planned anew.",
            orders::Locate::name,
            false,
            "`wrong_phase`, `no_place`",
        ),
        "cancel" => row(
            "cancel",
            "Cancel",
            "While an expert is at work only staff may.",
            orders::WithReason::name,
            false,
            "`wrong_phase`, `quarantined`",
        ),
        "reopen" => row(
            "reopen",
            "Reopen",
            "For some days after the end (a setting); the work is a next visit of the same ticket.",
            orders::WithReason::name,
            false,
            "`wrong_phase`, `too_late_to_reopen`, `quarantined`",
        ),
        "notes" => row("addNote", "Add a note", "Staff see it.", orders::NoteBody::name, false, "`quarantined`"),
        "resume" => row(
            "resume",
            "Take it out of quarantine",
            "It is in the automatic path again.",
            orders::NoFields::name,
            true,
            "`not_quarantined`",
        ),
        _ => return None,
    };
    Some(told)
}

pub(super) fn add(document: &mut Value) {
    let Some(paths) = document.pointer_mut("/paths").and_then(Value::as_object_mut) else { return };
    for name in NAMES {
        if let Some(told) = of_expert(name).or_else(|| of_desk(name)) {
            paths.insert(format!("/v1/tickets/{{number}}/{name}"), json!({ "post": operation(&told) }));
        }
    }
}

fn operation(told: &Told) -> Value {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    json!({
        "tags": ["Ticket commands"],
        "summary": told.summary,
        "description": told.description,
        "operationId": told.id,
        "requestBody": {
            "required": !told.optional,
            "content": { "application/json": { "schema": reference(&(told.body)()) } },
        },
        "responses": {
            "200": {
                "description": "The ticket as it is now.",
                "headers": {
                    "etag": { "description": "The version, for `If-Match`.", "schema": { "type": "string" } },
                    "idempotency-replayed": {
                        "description": "`true`: this was answered before, by the same key.", "schema": { "type": "string" },
                    },
                },
                "content": { "application/json": { "schema": reference("Ticket") } },
            },
            "409": { "description": told.refused },
        },
    })
}
