//! A ticket's timeline: every event, delivery and decision in order, with who and why. Owners get a
//! safe view: what happened to their ticket, not what the house said about it.

use super::{
    decision, schema,
    show::{ERASED, FlagNames, PlaceView, Shown, ShownAll, WindowView, private},
    ticket::{Viewer, outcome_name},
};
use crate::domain::{
    envelope::Envelope,
    fact::Fact,
    ids::Seq,
    person::{Private, Typed},
    ticket::{Sla, TicketEvent, Who},
    time::Timestamp,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Something that happened to a ticket.
#[derive(Serialize, ToSchema)]
pub struct TimelineEntry {
    /// Orders entries; may skip.
    #[schema(value_type = schema::Seq)]
    pub seq: Seq,
    #[schema(value_type = schema::Time)]
    pub at: String,
    /// What happened, such as `ticket.assigned`.
    pub kind: &'static str,
    pub who: WhoView,
    /// Staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub request_id: Option<String>,
    /// The W3C trace of the call that caused it; staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub trace_id: Option<String>,
    /// The entry that it followed from, of what the system did by itself; staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Seq)]
    pub cause: Option<Seq>,
    /// What belongs to this kind; less for the customer.
    #[schema(value_type = Object)]
    pub data: Value,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Who)]
pub struct WhoView {
    #[schema(value_type = schema::Role)]
    pub role: &'static str,
    /// Staff only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
}

/// Where an entry comes from, as the journal has it.
pub struct Stamp<'a> {
    pub seq: Seq,
    pub at: Timestamp,
    pub who: &'a Who,
    pub request_id: Option<&'a str>,
    pub trace_id: Option<&'a str>,
    pub cause: Option<Seq>,
}

impl<'a> Stamp<'a> {
    #[must_use]
    pub fn of(seq: Seq, envelope: &'a Envelope) -> Self {
        let Envelope { at, who, request_id, cause, trace_id } = envelope;
        let (request_id, trace_id) = (request_id.as_deref(), trace_id.as_deref());
        Self { seq, at: *at, who, request_id, trace_id, cause: *cause }
    }
}

impl TimelineEntry {
    /// None: not for this viewer, or not about a ticket.
    #[must_use]
    pub fn new(stamp: &Stamp<'_>, fact: &Fact, viewer: Viewer) -> Option<Self> {
        let Fact::Ticket(event) = fact else { return None };
        let staff = viewer == Viewer::Staff;
        let data = if staff { told_to_staff(event) } else { told_to_owner(event)? };
        let keep = |text: Option<&str>| text.filter(|_| staff).map(str::to_owned);
        Some(Self {
            seq: stamp.seq,
            at: stamp.at.to_string(),
            kind: event.kind(),
            who: WhoView { role: stamp.who.role.name(), id: if staff { stamp.who.id.clone() } else { String::new() } },
            request_id: keep(stamp.request_id),
            trace_id: keep(stamp.trace_id),
            cause: stamp.cause.filter(|_| staff),
            data,
        })
    }
}

fn shown(text: &Private<String>) -> Value {
    private(text).into()
}

/// In clear in old events, sealed since.
fn resolution_of<'a>(clear: &'a str, typed: Option<&'a Private<Typed>>) -> &'a str {
    match typed.map(Private::known) {
        None => clear,
        Some(None) => ERASED,
        Some(Some(typed)) => typed.resolution.as_deref().unwrap_or_default(),
    }
}

fn parts_of<'a>(clear: &'a [String], typed: Option<&'a Private<Typed>>) -> &'a [String] {
    typed.map_or(clear, |typed| typed.known().map(|typed| typed.parts.as_slice()).unwrap_or_default())
}

fn sla(sla: &Sla) -> Value {
    json!({ "respond_by": Shown(sla.respond.due), "resolve_by": Shown(sla.resolve.due) })
}

/// Everything.
pub(super) fn told_to_staff(event: &TicketEvent) -> Value {
    match event {
        TicketEvent::Opened(opened) => {
            let place = opened.personal.known().and_then(|p| p.place).map(PlaceView::from);
            let title = opened.personal.known().map_or(ERASED, |p| p.title.as_str());
            json!({
                "region": Shown(&opened.region), "channel": opened.source.name(), "title": title, "place": place,
                "skills": ShownAll(&opened.skills), "priority": opened.priority.name(), "sla": sla(&opened.sla),
                "flags": FlagNames(opened.flags), "window": opened.window.as_ref().map(WindowView::from),
            })
        }
        TicketEvent::Decided(decided) => {
            json!({ "winner": decided.winner.as_ref().map(Shown), "candidates": decided.candidates.len(),
                    "ruled": decision::ruled_out(decided) })
        }
        TicketEvent::Offered { expert, offer, planned_start, planned_end, reason } => json!({
            "expert": Shown(expert), "offer": offer.no, "expires_at": Shown(offer.expires_at),
            "planned_start": Shown(planned_start), "planned_end": Shown(planned_end),
            "reason": reason.as_ref().map(shown),
        }),
        TicketEvent::Accepted { offer, at, late } => json!({ "offer": offer, "at": Shown(at), "late": late }),
        TicketEvent::OfferEnded { offer, expert, how: _, reason, at } => {
            json!({ "offer": offer, "expert": Shown(expert), "reason": shown(reason), "at": Shown(at) })
        }
        TicketEvent::Assigned { expert, reason, pinned, forced, planned_start, planned_end, at } => json!({
            "expert": Shown(expert), "reason": shown(reason), "pinned": pinned, "forced": forced,
            "planned_start": Shown(planned_start), "planned_end": Shown(planned_end), "at": Shown(at),
        }),
        TicketEvent::Unassigned { expert, reason, at, avoid: _ } => {
            json!({ "expert": Shown(expert), "reason": shown(reason), "at": Shown(at) })
        }
        TicketEvent::Departed { at } | TicketEvent::Arrived { at } => json!({ "at": Shown(at) }),
        TicketEvent::Completed { at, notes, resolution, closes_at, parts, typed } => json!({
            "at": Shown(at), "resolution": resolution_of(resolution, typed.as_ref()), "notes": shown(notes),
            "parts": parts_of(parts, typed.as_ref()), "closes_at": Shown(closes_at),
        }),
        TicketEvent::VisitFailed { at, outcome, reason, need_skills, parts, typed } => json!({
            "at": Shown(at), "outcome": outcome_name(*outcome), "reason": shown(reason),
            "need_skills": ShownAll(need_skills), "parts": parts_of(parts, typed.as_ref()),
        }),
        TicketEvent::Held { reason, until, at } => {
            json!({ "reason": shown(reason), "until": until.map(Shown), "at": Shown(at) })
        }
        TicketEvent::Released { by_timer, sla: clocks } => json!({ "by_timer": by_timer, "sla": sla(clocks) }),
        TicketEvent::Rescheduled { window, replan } => {
            json!({ "window": window.as_ref().map(WindowView::from), "replan": replan })
        }
        TicketEvent::Cancelled { reason, at, tell_customer: _ } => json!({ "reason": shown(reason), "at": Shown(at) }),
        TicketEvent::Reopened { reason, sla: clocks, at } => {
            json!({ "reason": shown(reason), "sla": sla(clocks), "at": Shown(at) })
        }
        TicketEvent::Closed { by_timer, at } => json!({ "by_timer": by_timer, "at": Shown(at) }),
        TicketEvent::Surveyed { rating, comment } => json!({ "rating": rating, "comment": shown(comment) }),
        TicketEvent::Escalated(escalation) => json!({
            "reason": escalation.reason.name(),
            "ruled": escalation.ruled.iter().map(|(rule, n)| (rule.name().to_owned(), json!(n))).collect::<Value>(),
        }),
        TicketEvent::Waited(waiting) => {
            json!({ "reason": waiting.reason.name(), "next_try_at": Shown(waiting.next_try_at) })
        }
        TicketEvent::Flagged(flags) => json!({ "flags": FlagNames(*flags) }),
        TicketEvent::NoteAdded { text } => json!({ "text": shown(text) }),
        TicketEvent::CommandRefused { command, code, at, notes, expert, id } => json!({
            "command": command, "code": code, "at": Shown(at), "notes": shown(notes),
            "expert": expert.as_ref().map(Shown), "id": id,
        }),
        TicketEvent::Quarantined { cause } => json!({ "cause": cause }),
        TicketEvent::Resumed => json!({}),
        TicketEvent::HandedOver { from, to, why } => json!({ "from": Shown(from), "to": Shown(to), "why": why }),
        TicketEvent::SlaBreached { respond } => json!({ "clock": if *respond { "respond" } else { "resolve" } }),
        TicketEvent::Replanned { planned_start, planned_end, at_risk, tell, at } => json!({
            "planned_start": Shown(planned_start), "planned_end": Shown(planned_end), "at_risk": at_risk,
            "customer_told": tell, "at": Shown(at),
        }),
        TicketEvent::DeliverySent { delivery, channel, next_at, kept: _, reference } => json!({
            "delivery": delivery, "channel": channel.name(), "next_at": next_at.map(Shown), "reference": reference,
        }),
        TicketEvent::DeliveryReceived { delivery } => json!({ "delivery": delivery }),
        TicketEvent::DeliveryFailed { delivery, channel, error, next_at, permanent } => json!({
            "delivery": delivery, "channel": channel.name(), "error": error, "next_at": next_at.map(Shown),
            "permanent": permanent,
        }),
        TicketEvent::DeliveryDeferred { delivery, until } => json!({ "delivery": delivery, "until": Shown(until) }),
        TicketEvent::DeliveryDropped { delivery, why } => json!({ "delivery": delivery, "reason": why.name() }),
        TicketEvent::DeliveryBounced { delivery, channel, error, next_at } => json!({
            "delivery": delivery.no, "channel": channel.name(), "error": error, "next_at": next_at.map(Shown),
        }),
        TicketEvent::DeliveryResent { delivery, at } => json!({ "delivery": delivery, "at": Shown(at) }),
        TicketEvent::Located { personal, coarse: _, located: _ } => {
            json!({ "place": personal.known().and_then(|p| p.place).map(PlaceView::from) })
        }
        TicketEvent::CommandSeen { id } => json!({ "id": id }),
        TicketEvent::TimeClamped { given, used } => json!({ "given": Shown(given), "used": Shown(used) }),
    }
}

/// What the customer may know: milestones and their own words. None: not theirs to see.
fn told_to_owner(event: &TicketEvent) -> Option<Value> {
    Some(match event {
        TicketEvent::Opened(_)
        | TicketEvent::Accepted { .. }
        | TicketEvent::Departed { .. }
        | TicketEvent::Arrived { .. }
        | TicketEvent::Completed { .. }
        | TicketEvent::Released { .. }
        | TicketEvent::Reopened { .. }
        | TicketEvent::Closed { .. }
        | TicketEvent::Unassigned { .. }
        | TicketEvent::Cancelled { .. } => json!({}),
        TicketEvent::Assigned { planned_start, .. } | TicketEvent::Replanned { planned_start, .. } => {
            json!({ "planned_start": Shown(planned_start) })
        }
        TicketEvent::VisitFailed { outcome, .. } => json!({ "outcome": outcome_name(*outcome) }),
        TicketEvent::Held { until, .. } => json!({ "until": until.map(Shown) }),
        TicketEvent::Rescheduled { window, .. } => json!({ "window": window.as_ref().map(WindowView::from) }),
        TicketEvent::Surveyed { rating, comment } => json!({ "rating": rating, "comment": shown(comment) }),
        TicketEvent::Waited(waiting) => json!({ "next_try_at": Shown(waiting.next_try_at) }),
        TicketEvent::Located { personal, .. } => {
            json!({ "place": personal.known().and_then(|p| p.place).map(PlaceView::from) })
        }
        TicketEvent::Decided(_)
        | TicketEvent::Offered { .. }
        | TicketEvent::OfferEnded { .. }
        | TicketEvent::Escalated(_)
        | TicketEvent::Flagged(_)
        | TicketEvent::NoteAdded { .. }
        | TicketEvent::CommandRefused { .. }
        | TicketEvent::Quarantined { .. }
        | TicketEvent::Resumed
        | TicketEvent::HandedOver { .. }
        | TicketEvent::SlaBreached { .. }
        | TicketEvent::DeliverySent { .. }
        | TicketEvent::DeliveryReceived { .. }
        | TicketEvent::DeliveryFailed { .. }
        | TicketEvent::DeliveryDeferred { .. }
        | TicketEvent::DeliveryDropped { .. }
        | TicketEvent::DeliveryBounced { .. }
        | TicketEvent::DeliveryResent { .. }
        | TicketEvent::CommandSeen { .. }
        | TicketEvent::TimeClamped { .. } => return None,
    })
}
