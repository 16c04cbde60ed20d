//! A ticket as the contract shows it.

use super::show::{ERASED, FlagNames, PlaceView, Shown, ShownAll, WindowView, private};
use crate::domain::{
    ids::{CustomerId, ExpertId, RegionId, TicketNumber},
    language::Language,
    person::{Address, Contact, TicketPersonal},
    skill::SkillLevel,
    ticket::{Phase, Step, Ticket, Visit, VisitOutcome},
    time::Timestamp,
};
use serde::Serialize;

/// Who looks: decides what is shown (P12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Clerks, dispatchers, managers, administrators, the system.
    Staff,
    /// The customer, or the portal on their behalf.
    Owner,
    /// An expert: what they need for the visit.
    Expert,
}

#[derive(Serialize)]
pub struct TicketView<'a> {
    number: Shown<TicketNumber>,
    phase: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    region: Shown<&'a RegionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<Shown<&'a CustomerId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<ContactView<'a>>,
    channel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<PlaceView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<AddressView<'a>>,
    skills: ShownAll<'a, SkillLevel>,
    priority: &'static str,
    duration_s: u32,
    opened_at: Shown<Timestamp>,
    respond_by: Shown<Timestamp>,
    resolve_by: Shown<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<WindowView>,
    visit: VisitView<'a>,
    visits: Vec<PastVisitView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try_at: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalation_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine_cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_until: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_url: Option<String>,
    flags: FlagNames,
    version: u64,
}

#[derive(Serialize)]
struct ContactView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'static str>,
}

#[derive(Serialize)]
struct AddressView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line1: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zip: Option<&'a str>,
}

#[derive(Serialize)]
struct VisitView<'a> {
    no: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    expert: Option<Shown<&'a ExpertId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offer: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offer_expires_at: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eta: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_start: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_end: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
}

#[derive(Serialize)]
struct PastVisitView<'a> {
    no: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    expert: Option<Shown<&'a ExpertId>>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Shown<Timestamp>>,
    ended_at: Shown<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a str>,
}

/// What events change about a ticket; the rest of a [`TicketView`] stays as it was first shown.
#[derive(Serialize)]
pub struct TicketNow<'a> {
    phase: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    region: Shown<&'a RegionId>,
    skills: ShownAll<'a, SkillLevel>,
    respond_by: Shown<Timestamp>,
    resolve_by: Shown<Timestamp>,
    visit: VisitView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try_at: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalation_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_until: Option<Shown<Timestamp>>,
    flags: FlagNames,
    version: u64,
}

impl<'a> TicketNow<'a> {
    #[must_use]
    pub fn new(ticket: &'a Ticket) -> Self {
        let waiting = ticket.waiting.as_ref();
        Self {
            phase: ticket.phase.name(),
            step: ticket.step.map(Step::name),
            region: Shown(&ticket.region),
            skills: ShownAll(&ticket.skills),
            respond_by: Shown(ticket.sla.respond.due),
            resolve_by: Shown(ticket.sla.resolve.due),
            visit: visit(&ticket.visit, ticket.phase),
            next_try_at: waiting.map(|w| Shown(w.next_try_at)),
            waiting_reason: waiting.map(|w| w.reason.name()),
            escalation_reason: ticket.escalation.as_ref().map(|e| e.reason.name()),
            hold_until: ticket.hold.as_ref().and_then(|hold| hold.until).map(Shown),
            flags: FlagNames(ticket.flags),
            version: ticket.version,
        }
    }
}

impl<'a> TicketView<'a> {
    #[must_use]
    pub fn new(ticket: &'a Ticket, viewer: Viewer) -> Self {
        let personal = ticket.personal.known();
        let staff = viewer == Viewer::Staff;
        let waiting = ticket.waiting.as_ref();
        Self {
            number: Shown(ticket.number),
            phase: ticket.phase.name(),
            step: ticket.step.map(Step::name),
            region: Shown(&ticket.region),
            customer_id: ticket.customer.as_ref().map(Shown),
            contact: personal.and_then(|p| contact(&p.contact)),
            channel: ticket.source.name(),
            external_id: ticket.external_id.as_deref(),
            product: ticket.product.as_deref(),
            title: personal.map_or(ERASED, |p| p.title.as_str()),
            description: personal.and_then(|p| p.description.as_deref()),
            place: personal.and_then(|p| p.place).map(PlaceView::from),
            address: personal.and_then(address),
            skills: ShownAll(&ticket.skills),
            priority: ticket.priority.name(),
            duration_s: ticket.service_s,
            opened_at: Shown(ticket.opened_at),
            respond_by: Shown(ticket.sla.respond.due),
            resolve_by: Shown(ticket.sla.resolve.due),
            due_at: ticket.due_at.map(Shown),
            window: ticket.window.as_ref().map(WindowView::from),
            visit: visit(&ticket.visit, ticket.phase),
            visits: past_visits(ticket, viewer),
            next_try_at: waiting.map(|w| Shown(w.next_try_at)),
            waiting_reason: waiting.map(|w| w.reason.name()),
            escalation_reason: ticket.escalation.as_ref().filter(|_| staff).map(|e| e.reason.name()),
            quarantine_cause: ticket.quarantined.as_deref().filter(|_| staff),
            hold_until: ticket.hold.as_ref().and_then(|hold| hold.until).map(Shown),
            completed_at: ticket.completed_at.map(Shown),
            ended_at: ticket.ended_at.map(Shown),
            tracking_url: None,
            flags: FlagNames(ticket.flags),
            version: ticket.version,
        }
    }

    /// With the link under which the visit can be followed.
    #[must_use]
    pub fn tracked(mut self, url: Option<String>) -> Self {
        self.tracking_url = url;
        self
    }

    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(1024);
        // A view of texts and numbers always encodes.
        let _ = serde_json::to_writer(&mut json, self);
        json
    }
}

fn contact(contact: &Contact) -> Option<ContactView<'_>> {
    let Contact { name, phone, email, language } = contact;
    let any = name.is_some() || phone.is_some() || email.is_some() || language.is_some();
    let (name, phone, email) = (name.as_deref(), phone.as_deref(), email.as_deref());
    any.then_some(ContactView { name, phone, email, language: language.map(Language::code) })
}

fn address(personal: &TicketPersonal) -> Option<AddressView<'_>> {
    let Address { line1, city, state, zip } = personal.address.as_ref()?;
    Some(AddressView { line1: line1.as_deref(), city: city.as_deref(), state: state.as_deref(), zip: zip.as_deref() })
}

fn visit(visit: &Visit, phase: Phase) -> VisitView<'_> {
    let coming = match phase {
        Phase::Assigned | Phase::InProgress => visit.arrived_at.is_none(),
        Phase::New
        | Phase::Assigning
        | Phase::Completed
        | Phase::Closed
        | Phase::Reopened
        | Phase::Cancelled
        | Phase::OnHold => false,
    };
    VisitView {
        no: visit.no,
        expert: visit.expert.as_ref().map(Shown),
        offer: visit.offer.as_ref().map(|offer| offer.no),
        offer_expires_at: visit.offer.as_ref().map(|offer| Shown(offer.expires_at)),
        eta: visit.planned_start.filter(|_| coming).map(Shown),
        planned_start: visit.planned_start.map(Shown),
        planned_end: visit.planned_end.map(Shown),
        pinned: visit.pinned,
    }
}

fn past_visits(ticket: &Ticket, viewer: Viewer) -> Vec<PastVisitView<'_>> {
    let visits = ticket.visits.iter();
    visits
        .map(|visit| PastVisitView {
            no: visit.no,
            expert: visit.expert.as_ref().map(Shown),
            outcome: outcome_name(visit.outcome),
            started_at: visit.started_at.map(Shown),
            ended_at: Shown(visit.ended_at),
            notes: (viewer != Viewer::Owner).then(|| private(&visit.notes)),
        })
        .collect()
}

/// The contract's name.
#[must_use]
pub fn outcome_name(outcome: VisitOutcome) -> &'static str {
    match outcome {
        VisitOutcome::Completed => "completed",
        VisitOutcome::CannotFix => "cannot_fix",
        VisitOutcome::NoAccess => "no_access",
    }
}
