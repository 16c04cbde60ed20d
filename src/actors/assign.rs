//! A dispatcher's choice: plan the stop in the expert's route, by the rules or against them, and
//! command the ticket. When the route moved meanwhile, plan again.

use super::{
    caller::Caller,
    failure::Failure,
    service::{Opened, Service},
    ticket,
};
use crate::{
    domain::{
        decision::Policy,
        ids::{ExpertId, TicketNumber},
        ticket::{Command, Refusal},
    },
    routing::{self, Terms, VisitSpec},
};

pub(super) struct Wanted<'a> {
    pub(super) expert: &'a ExpertId,
    pub(super) reason: String,
    pub(super) pin: bool,
    pub(super) force: bool,
}

const ATTEMPTS: usize = 8;

pub(super) async fn assign(
    service: &Service,
    number: TicketNumber,
    wanted: &Wanted<'_>,
    caller: &Caller,
) -> Result<Opened, Failure> {
    // Before any rule is looked at: a repeat gets the answer of then, whatever has become of the expert.
    if let Some(before) = service.earlier(caller)? {
        return before;
    }
    for _ in 0..ATTEMPTS {
        let command = match plan(service, number, wanted) {
            Ok(command) => command,
            Err(Failure::Refused { refusal, ticket: Some(ticket) }) => {
                return ticket::refused(service.tree(), refusal, &ticket, caller).await;
            }
            Err(other) => return Err(other),
        };
        match service.command(number, command, caller).await {
            // The ticket is as the caller has seen it, so it is the plan's base that moved: ours to mend.
            Err(Failure::Stale(version)) if caller.if_match.is_none_or(|seen| seen == version) => {}
            other => return other,
        }
    }
    Err(Failure::Overloaded { retry_after_s: 1 })
}

fn plan(service: &Service, number: TicketNumber, wanted: &Wanted<'_>) -> Result<Command, Failure> {
    let store = service.store();
    let found = store.ticket(number).map_err(Failure::from)?;
    let ticket = found.ok_or_else(|| Failure::NotFound(format!("ticket {number}")))?;
    let refuse = |refusal| Failure::Refused { refusal, ticket: Some(ticket.clone()) };
    let expert = store.expert(wanted.expert).ok_or_else(|| refuse(Refusal::UnknownExpert(wanted.expert.clone())))?;
    if expert.retired {
        return Err(refuse(Refusal::RetiredExpert(wanted.expert.clone())));
    }
    let spec = VisitSpec::of(&ticket).ok_or_else(|| refuse(Refusal::NoPlace))?;
    let region = store.region(&ticket.region).ok_or_else(|| Failure::Fault("the region is unknown".into()))?;
    let mut route = store.route(wanted.expert).ok_or_else(|| refuse(Refusal::UnknownExpert(wanted.expert.clone())))?;
    if let Some(at) = route.stops.iter().position(|stop| stop.ticket == number) {
        // It is theirs already: planned anew in the same route.
        std::sync::Arc::make_mut(&mut route).stops.remove(at);
    }
    let square = service.tree().square(&region);
    let terms = Terms {
        now: service.clock().now(),
        settings: &region.settings,
        policy: Policy::Insertion,
        second_round: true,
        drives: service.tree().drives(&region, square.as_deref()),
    };
    let judged = routing::bid(&spec, &expert, &route, None, &terms);
    let (bid, broken) = match judged {
        Ok(bid) => (bid, None),
        Err(rule) if !wanted.force => {
            let rule = rule.name().to_owned();
            return Err(refuse(Refusal::BreaksRule { expert: wanted.expert.clone(), rule }));
        }
        Err(_) => routing::append(&route, &spec, &expert, &terms),
    };
    let offer = if wanted.pin || wanted.force { 0 } else { ticket.next_offer };
    let mut planned = routing::insert(&route, &spec, &bid, offer, wanted.pin, &expert, &terms);
    if broken.is_some() {
        planned.stops.iter_mut().filter(|stop| stop.ticket == number).for_each(|stop| stop.forced = true);
    }
    Ok(Command::Assign {
        expert: wanted.expert.clone(),
        reason: wanted.reason.clone(),
        pin: wanted.pin,
        force: wanted.force,
        broken: broken.map(|rule| rule.name().to_owned()),
        route: Box::new(planned),
    })
}
