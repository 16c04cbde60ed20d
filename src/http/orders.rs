//! `POST /v1/tickets/{number}/<command>`: what people ask of a ticket.

use super::{
    Context, Reply,
    answer::{Refused, forbidden},
    body::Input,
    idempotency::{earlier, or_replay, refused_for_good, show_ticket},
    session::Session,
    tickets,
};
use crate::{
    actors::{Failure, Opened},
    api::commands::{self, Order},
    domain::{
        ids::ExpertId,
        ticket::{Refusal, Role, Ticket},
    },
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use std::sync::Arc;

/// One handler for all commands; the route names it.
pub(super) async fn order(
    name: &'static str,
    State(shared): State<Context>,
    Path(number): Path<String>,
    input: Input,
) -> Reply {
    let order = {
        let json = input.json_or_empty()?;
        let order = commands::order(name, &json).ok_or_else(|| super::answer::not_found(name))?;
        order?
    };
    let ticket = tickets::commanded(&shared, &input.session, &number).await?;
    let _turn = shared.running.turn(&input.caller).await;
    let done = match order {
        Order::Plain(command) => shared.service.command(ticket.number, command, &input.caller).await,
        Order::Locate { place, address } => {
            shared.service.place_ticket(ticket.number, place, address, &input.caller).await
        }
        Order::Assign { expert, reason, pin, force } => {
            // Somebody of a region that the caller may not see does not exist for them.
            let known = shared.service.store().expert(&expert);
            if known.is_some_and(|known| !input.session.sees_expert(&known)) {
                return Err(Failure::Refused { refusal: Refusal::UnknownExpert(expert), ticket: Some(ticket) }.into());
            }
            shared.service.assign(ticket.number, &expert, reason, pin, force, &input.caller).await
        }
        Order::Expert { act, on_behalf_of } => {
            let Some(expert) = spoken_for(&input.session, on_behalf_of, &ticket)? else {
                return unspoken(name, &shared, &input, &ticket).await;
            };
            shared.service.command(ticket.number, act.by(expert), &input.caller).await
        }
    };
    match done {
        Ok(opened) => Ok(show(&opened, &input.session)),
        Err(failure) => or_replay(&shared, &input.session, &input.caller, failure).await,
    }
}

fn show(opened: &Opened, session: &Session) -> axum::response::Response {
    let response = show_ticket(&opened.ticket, StatusCode::OK, session);
    if opened.replayed { super::answer::replayed(response) } else { response }
}

/// Whose command it is: the expert's own, or that of whom a clerk speaks for (by default, whoever
/// holds the visit).
fn spoken_for(session: &Session, on_behalf_of: Option<ExpertId>, ticket: &Ticket) -> Result<Option<ExpertId>, Refused> {
    if session.role() != Role::Expert {
        return Ok(on_behalf_of.or_else(|| ticket.visit.expert.clone()));
    }
    let own = ExpertId::parse(&session.claims.subject).map_err(|_| forbidden("this token names no expert"))?;
    match on_behalf_of {
        Some(other) if other != own => Err(forbidden("an expert speaks for themselves only")),
        _ => Ok(Some(own)),
    }
}

/// A clerk speaks for nobody: refused. No actor is asked, so the call's key is looked after here.
async fn unspoken(command: &'static str, shared: &Context, input: &Input, ticket: &Arc<Ticket>) -> Reply {
    if let Some(before) = earlier(shared, &input.session, &input.caller).await? {
        return Ok(before);
    }
    let refusal = Refusal::WrongPhase { command, phase: ticket.phase };
    let failure = Failure::Refused { refusal, ticket: Some(ticket.clone()) };
    Err(refused_for_good(shared, &input.caller, failure.into()).await)
}
