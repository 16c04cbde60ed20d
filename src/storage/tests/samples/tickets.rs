//! One of every event of a ticket, by when they came into the journal.

use super::Values;
use crate::{
    domain::{
        decision::{Escalation, EscalationReason, Rule},
        person::{Private, Typed},
        place::Located,
        ticket::{
            Audience, Channel, Channels, Delivery, DeliveryKind, DeliveryStatus, DropReason, Flags, Offer, OfferEnd,
            TicketEvent, VisitOutcome, WaitReason, Waiting,
        },
    },
    storage::tests::bed::{expert, region},
};

impl Values {
    pub(in crate::storage::tests) fn ticket_events(&self) -> Vec<TicketEvent> {
        let (expert, at, reason) = (expert("ann"), self.at(), self.private());
        let (planned_start, planned_end) = (at, at.plus_s(60));
        let offer = Offer { no: self.small(), made_at: at, expires_at: at.plus_s(300) };
        let delivery = self.small();
        vec![
            TicketEvent::Opened(Box::new(self.opened())),
            TicketEvent::Decided(Box::new(self.decision())),
            TicketEvent::Offered {
                expert: expert.clone(),
                offer,
                planned_start,
                planned_end,
                reason: self.some(reason.clone()),
            },
            TicketEvent::Accepted { offer: 1, at, late: self.flag },
            TicketEvent::OfferEnded {
                offer: 1,
                expert: expert.clone(),
                how: OfferEnd::Unassigned,
                reason: reason.clone(),
                at,
            },
            TicketEvent::Assigned {
                expert: expert.clone(),
                reason: reason.clone(),
                pinned: self.flag,
                forced: self.flag,
                planned_start,
                planned_end,
                at,
            },
            TicketEvent::Unassigned { expert: expert.clone(), reason: reason.clone(), at, avoid: self.flag },
            TicketEvent::Departed { at },
            TicketEvent::Arrived { at },
            TicketEvent::Completed {
                at,
                notes: reason.clone(),
                resolution: self.text(),
                closes_at: at,
                parts: vec![self.text()],
                typed: None,
            },
            TicketEvent::VisitFailed {
                at,
                outcome: VisitOutcome::NoAccess,
                reason: reason.clone(),
                need_skills: vec![Self::skill()],
                parts: vec![self.text()],
                typed: None,
            },
            TicketEvent::Held { reason: reason.clone(), until: self.some(at), at },
            TicketEvent::Released { by_timer: self.flag, sla: self.sla() },
            TicketEvent::Rescheduled { window: self.some(self.window()), replan: self.flag },
            TicketEvent::Cancelled { reason: reason.clone(), at, tell_customer: self.flag },
            TicketEvent::Reopened { reason: reason.clone(), sla: self.sla(), at },
            TicketEvent::Closed { by_timer: self.flag, at },
            TicketEvent::Surveyed { rating: 5, comment: reason.clone() },
            TicketEvent::Escalated(Escalation {
                at,
                reason: EscalationReason::SlaUnreachable,
                ruled: vec![(Rule::Skill, self.number)],
            }),
            TicketEvent::Waited(Waiting { reason: WaitReason::OffShift, next_try_at: at }),
            TicketEvent::Flagged(Flags(self.small())),
            TicketEvent::NoteAdded { text: reason.clone() },
            TicketEvent::CommandRefused {
                command: "complete".into(),
                code: "wrong_phase".into(),
                at,
                notes: reason,
                expert: self.some(expert),
                id: self.some(self.text()),
            },
            TicketEvent::Quarantined { cause: self.text() },
            TicketEvent::Resumed,
            TicketEvent::HandedOver { from: region("north"), to: region("south"), why: self.text() },
            TicketEvent::SlaBreached { respond: self.flag },
            TicketEvent::Replanned { planned_start, planned_end, at_risk: self.flag, tell: self.flag, at },
            TicketEvent::DeliverySent {
                delivery,
                channel: Channel::Sms,
                next_at: self.some(at),
                kept: false,
                reference: None,
            },
            TicketEvent::DeliveryReceived { delivery },
            TicketEvent::DeliveryFailed {
                delivery,
                channel: Channel::Email,
                error: self.text(),
                next_at: None,
                permanent: false,
            },
            TicketEvent::Located { personal: self.personal(), coarse: None, located: Located::Nearest },
            TicketEvent::CommandSeen { id: self.text() },
            TicketEvent::TimeClamped { given: at, used: at.plus_s(1) },
        ]
    }

    /// What came with the gateways for messages.
    pub(in crate::storage::tests) fn message_events(&self) -> Vec<TicketEvent> {
        let (delivery, until, text) = (self.small(), self.at(), self.text());
        let sent = Delivery {
            no: delivery,
            to: Audience::Expert(expert("ann")),
            kind: DeliveryKind::Assignment,
            visit: 2,
            offer: 3,
            queued_at: self.at(),
            next_at: self.at().plus_s(20),
            attempts: 4,
            status: DeliveryStatus::Texted,
            failed: Channels::default().with(Channel::Push),
        };
        vec![
            TicketEvent::DeliveryDeferred { delivery, until },
            TicketEvent::DeliveryDropped { delivery, why: DropReason::OptedOut },
            TicketEvent::DeliveryBounced {
                delivery: Box::new(sent),
                channel: Channel::Sms,
                error: text,
                next_at: self.some(until),
            },
            TicketEvent::DeliveryResent { delivery, at: until },
        ]
    }

    /// Earlier events with the fields that came with the gateways.
    pub(in crate::storage::tests) fn wider_events(&self) -> Vec<TicketEvent> {
        let (delivery, channel, error) = (self.small(), Channel::Email, self.text());
        vec![
            TicketEvent::DeliverySent { delivery, channel, next_at: None, kept: true, reference: Some(self.text()) },
            TicketEvent::DeliveryFailed { delivery, channel, error, next_at: None, permanent: true },
        ]
    }

    /// Ends of visits since what was typed is sealed.
    pub(in crate::storage::tests) fn sealed_ends(&self) -> Vec<TicketEvent> {
        let typed = Typed { resolution: self.some(self.text()), parts: vec![self.text()] };
        let typed = Some(Private::new(self.person, typed));
        vec![
            TicketEvent::Completed {
                at: self.at(),
                notes: self.private(),
                resolution: String::new(),
                closes_at: self.at(),
                parts: Vec::new(),
                typed: typed.clone(),
            },
            TicketEvent::VisitFailed {
                at: self.at(),
                outcome: VisitOutcome::CannotFix,
                reason: self.private(),
                need_skills: vec![Self::skill()],
                parts: Vec::new(),
                typed,
            },
        ]
    }
}
