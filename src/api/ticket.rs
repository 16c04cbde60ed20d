//! A ticket as the contract shows it.

use super::{
    schema,
    show::{ERASED, FlagNames, PlaceView, Shown, ShownAll, WindowView, private},
};
use crate::domain::{
    ids::{CustomerId, ExpertId, RegionId, TicketNumber},
    language::Language,
    person::{Address, Contact, TicketPersonal},
    skill::SkillLevel,
    ticket::{Phase, Step, Ticket, Visit, VisitOutcome},
    time::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

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

/// A ticket. What the caller may not see, or does not apply, is left out.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
pub struct TicketView<'a> {
    #[schema(value_type = schema::TicketNumber)]
    number: Shown<TicketNumber>,
    #[schema(value_type = schema::Phase)]
    phase: &'static str,
    /// Only while `in_progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Step)]
    step: Option<&'static str>,
    /// Who takes care of it; `unlocated` until it has a place.
    #[schema(value_type = schema::RegionId)]
    region: Shown<&'a RegionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::CustomerId)]
    customer_id: Option<Shown<&'a CustomerId>>,
    /// Whom to call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ContactView)]
    contact: Option<ContactView<'a>>,
    #[schema(value_type = schema::Channel)]
    channel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    product: Option<&'a str>,
    /// `erased` once the person was erased.
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PlaceView)]
    place: Option<PlaceView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AddressView)]
    address: Option<AddressView<'a>>,
    /// What the visit needs.
    #[schema(value_type = Vec<schema::SkillLevel>)]
    skills: ShownAll<'a, SkillLevel>,
    #[schema(value_type = schema::Priority)]
    priority: &'static str,
    /// How long the service takes.
    duration_s: u32,
    #[schema(value_type = schema::Time)]
    opened_at: Shown<Timestamp>,
    /// By then an expert should have accepted.
    #[schema(value_type = schema::Time)]
    respond_by: Shown<Timestamp>,
    /// By then it should be solved.
    #[schema(value_type = schema::Time)]
    resolve_by: Shown<Timestamp>,
    /// By when the caller wanted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    due_at: Option<Shown<Timestamp>>,
    /// When the customer wants the visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = WindowView)]
    window: Option<WindowView>,
    /// The present visit.
    visit: VisitView<'a>,
    /// Past visits.
    visits: Vec<PastVisitView<'a>>,
    /// An expert is looked for again then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    next_try_at: Option<Shown<Timestamp>>,
    /// `all_full`, `off_shift`, `window_ahead`, `handover`, `nobody_qualified` or `planned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    waiting_reason: Option<&'static str>,
    /// Why a person has to look; staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    escalation_reason: Option<&'static str>,
    /// What went wrong with it; staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    quarantine_cause: Option<&'a str>,
    /// The hold ends by itself then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    hold_until: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    completed_at: Option<Shown<Timestamp>>,
    /// When it was closed or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    ended_at: Option<Shown<Timestamp>>,
    /// Follows the visit without a login, while one is assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    tracking_url: Option<String>,
    #[schema(value_type = Vec<schema::Flag>)]
    flags: FlagNames,
    /// The `ETag`.
    #[schema(value_type = schema::Version)]
    version: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
struct ContactView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Language)]
    language: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Address)]
struct AddressView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    line1: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    zip: Option<&'a str>,
}

/// The visit that is being arranged or made.
#[derive(Serialize, ToSchema)]
#[schema(as = Visit)]
struct VisitView<'a> {
    /// Counts the visits of this ticket, from 1.
    no: u16,
    /// Who has it, or was offered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::ExpertId)]
    expert: Option<Shown<&'a ExpertId>>,
    /// The open offer's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Ordinal)]
    offer: Option<u16>,
    /// The open offer goes to the next expert then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    offer_expires_at: Option<Shown<Timestamp>>,
    /// When the expert is expected; while they are on the way, by where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    eta: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    planned_start: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    planned_end: Option<Shown<Timestamp>>,
    /// A dispatcher holds it where it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PastVisit)]
struct PastVisitView<'a> {
    no: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::ExpertId)]
    expert: Option<Shown<&'a ExpertId>>,
    #[schema(value_type = schema::VisitOutcome)]
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    started_at: Option<Shown<Timestamp>>,
    #[schema(value_type = schema::Time)]
    ended_at: Shown<Timestamp>,
    /// Not for the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    notes: Option<&'a str>,
}

/// What events change about a ticket; the rest of a [`TicketView`] stays as it was first shown.
#[derive(Serialize, ToSchema)]
pub struct TicketNow<'a> {
    #[schema(value_type = schema::Phase)]
    phase: &'static str,
    /// Only while `in_progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Step)]
    step: Option<&'static str>,
    /// Who takes care of it; `unlocated` until it has a place.
    #[schema(value_type = schema::RegionId)]
    region: Shown<&'a RegionId>,
    /// What the visit needs.
    #[schema(value_type = Vec<schema::SkillLevel>)]
    skills: ShownAll<'a, SkillLevel>,
    /// By then an expert should have accepted.
    #[schema(value_type = schema::Time)]
    respond_by: Shown<Timestamp>,
    /// By then it should be solved.
    #[schema(value_type = schema::Time)]
    resolve_by: Shown<Timestamp>,
    /// The present visit.
    visit: VisitView<'a>,
    /// An expert is looked for again then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    next_try_at: Option<Shown<Timestamp>>,
    /// `all_full`, `off_shift`, `window_ahead`, `handover`, `nobody_qualified` or `planned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    waiting_reason: Option<&'static str>,
    /// Why a person has to look; staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    escalation_reason: Option<&'static str>,
    /// The hold ends by itself then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Time)]
    hold_until: Option<Shown<Timestamp>>,
    #[schema(value_type = Vec<schema::Flag>)]
    flags: FlagNames,
    /// The `ETag`.
    #[schema(value_type = schema::Version)]
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

    /// With when the expert arrives by where they are, if anybody knows.
    #[must_use]
    pub fn expected(mut self, arrival: Option<Timestamp>) -> Self {
        self.visit.eta = arrival.map(Shown).or(self.visit.eta);
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
